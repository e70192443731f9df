import { Button, Loader } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import type { RoomMessage, RoomSummary } from "../../../../protocols/index.ts";
import { namesFound } from "../../../../protocols/text/names.ts";
import { useSession } from "../../live/index.ts";
import { groupRooms, quotationOf, withQuotation } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames, useRooms, useRoomTitle } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { PickList } from "../parts/pick-list.tsx";
import { forwardFiles } from "./forwarded-files.ts";

const shownMax = 10;

/** Asks where a message is to be said once more. It goes into the field there as a quotation, and the person sends
 *  it: with words of their own, by the rules of that room. */
export default function Forward({
  opened,
  onClose,
  room,
  message,
  link,
  isOpenToAll,
}: DialogProps & {
  readonly room: string;
  readonly message: RoomMessage;
  readonly link: string;
  /** Everybody may read the room that it comes from. */
  readonly isOpenToAll: boolean;
}) {
  const session = useSession();
  const navigate = useNavigate();
  const nameFor = useNames();
  const titleOf = useRoomTitle();
  const [text, setText] = useState("");
  const { isFetching, fetchInto, stop } = useFetching(room, message);
  const { rooms, direct } = groupRooms(useRooms().data?.rooms ?? []);
  const others = [...rooms, ...direct].filter((one) => one.room !== room);
  const found = namesFound(others, text, (one) => [titleOf(one), one.room]).slice(0, shownMax);
  // The files are here before the text is in the field: nothing is sent without them, and they come to no other one.
  const forwardTo = async (one: RoomSummary) => {
    if (!(await fetchInto(one.room))) return;
    const place = `room/${one.room}/text`;
    const quotation = quotationOf(message, { name: nameFor(message.author), from: link });
    session.kept.write(place, withQuotation(session.kept.read(place), quotation));
    onClose();
    void navigate({ to: "/room/$room", params: { room: one.room } });
  };
  return (
    <Dialog opened={opened} onClose={onClose} title="Forward to …">
      {!isOpenToAll && (
        <Note tone="warn">Not everybody may read this room. Those in the other one will read what is said here.</Note>
      )}
      {isFetching ? (
        <div className="stack" role="status">
          <p className="flush">
            <Loader size="xs" /> Fetching the files …
          </p>
          <Button variant="default" data-autofocus autoFocus onClick={stop}>
            Cancel
          </Button>
        </div>
      ) : (
        <PickList
          label="Rooms and people you write with"
          listLabel="Rooms"
          text={text}
          onText={setText}
          items={found}
          keyOf={(one) => one.room}
          eager
          row={(one) => (
            <>
              <Icon name={one.visibility === "public" ? "hash" : one.visibility === "direct" ? "user" : "lock"} />
              <span className="grow ellipsis" dir="auto">
                {titleOf(one)}
              </span>
            </>
          )}
          onPick={(one) => void forwardTo(one)}
          nothing={<p className="dim">You have no other room with this name.</p>}
        />
      )}
    </Dialog>
  );
}

/** Takes the files of a message to another room, as long as the dialog is open and nobody stops it. */
function useFetching(room: string, message: RoomMessage) {
  const session = useSession();
  const [isFetching, setIsFetching] = useState(false);
  const current = useRef<AbortController>(undefined);
  const stop = () => {
    current.current?.abort();
    setIsFetching(false);
  };
  useEffect(() => () => current.current?.abort(), []);
  const fetchInto = (to: string): Promise<boolean> => {
    current.current = new AbortController();
    setIsFetching((message.files ?? []).length > 0);
    return forwardFiles(session, message, { from: room, to, signal: current.current.signal });
  };
  return { isFetching, fetchInto, stop };
}
