/** What was missed, and marking it as read. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { markMissed, type Markers } from "../../../../client/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { useRooms, useRoomTitle } from "../parts/lists.ts";
import { seen } from "../../wire/index.ts";

const key = ["catchUp"];

/** What was missed. Asked for when the page is opened, and again at the person's word: what somebody reads does not
 *  change under their eyes. */
export const useMissed = () => useQuery({ queryKey: key, queryFn: () => seen("catchUp.show", {}), staleTime: 0 });

/** The threads that the person follows. */
export const useFollowed = () =>
  useQuery({ queryKey: ["followedThreads"], queryFn: () => seen("catchUp.threads"), staleTime: 0 });

/** Marks as read what was shown, up to where it was shown; undone, each marker stands where it stood. */
export function useMarking(): (missed: Markers) => Promise<void> {
  const { client } = useSession();
  const queries = useQueryClient();
  return async (missed) => {
    const failed = await markMissed(client, missed, "read");
    await queries.invalidateQueries({ queryKey: key });
    const says = failed === 0 ? "All of it is marked as read." : "Some rooms do not answer, and stay unread.";
    const undo = async (): Promise<void> => {
      const left = await markMissed(client, missed, "unread");
      await queries.invalidateQueries({ queryKey: key });
      if (left > 0) notices.show("Some rooms do not answer, and stay read.", "bad");
    };
    notices.done(says, () => void undo());
  };
}

/** What a room is called. */
export function useCalled(): (room: string) => string {
  const titleOf = useRoomTitle();
  const listed = useRooms().data?.rooms;
  return (room) => titleOf(listed?.find((one) => one.room === room) ?? { room, title: "" });
}
