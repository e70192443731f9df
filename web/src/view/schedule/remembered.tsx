import { useQuery } from "@tanstack/react-query";
import type { Later, RoomMessage } from "../../../../protocols/index.ts";
import { useSession } from "../../live/index.ts";
import { plainLine } from "../../model/index.ts";

/** What a message says now; `gone`: it was deleted, or is in a room that this person may not read any more. Undefined:
 *  nobody has answered yet. */
type Remembered = RoomMessage | "gone" | "closed" | undefined;

/** The message that a reminder is about, as its room says it now: what it said before may have been deleted since. */
export function useRemembered({ room, seq }: Pick<Later, "room" | "seq">): Remembered {
  const session = useSession();
  const { data, isFetchedAfterMount } = useQuery({
    queryKey: ["message", room, seq],
    enabled: seq !== undefined,
    queryFn: async (): Promise<Exclude<Remembered, undefined>> => {
      const result = await session.client.call("room.history", room, { before: (seq ?? 0) + 1, limit: 1 });
      if (!result.ok) {
        if (result.error.outcome === "failed") return "closed";
        throw new Error(result.error.message);
      }
      const message = result.value.messages.find((one) => one.seq === seq);
      return message === undefined || message.deletedAtMs !== undefined ? "gone" : message;
    },
    staleTime: 0,
  });
  return isFetchedAfterMount ? data : undefined;
}

/** A line of it. */
export const lineOf = (message: Remembered): string => {
  if (message === undefined) return "…";
  if (message === "gone") return "This message was deleted.";
  if (message === "closed") return "You cannot read this room any more.";
  return plainLine(message.text).slice(0, lineCharsMax);
};
const lineCharsMax = 300;
