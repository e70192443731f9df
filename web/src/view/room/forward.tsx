import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { RoomMessage } from "../../../../protocols/index.ts";
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
  const { rooms, direct } = groupRooms(useRooms().data?.rooms ?? []);
  const others = [...rooms, ...direct].filter((one) => one.room !== room);
  const found = namesFound(others, text, (one) => [titleOf(one), one.room]).slice(0, shownMax);
  return (
    <Dialog opened={opened} onClose={onClose} title="Forward to …">
      {!isOpenToAll && (
        <Note tone="warn">Not everybody may read this room. Those in the other one will read what is said here.</Note>
      )}
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
        onPick={(one) => {
          const place = `room/${one.room}/text`;
          const quotation = quotationOf(message, { name: nameFor(message.author), from: link });
          session.kept.write(place, withQuotation(session.kept.read(place), quotation));
          void forwardFiles(session, message, { from: room, to: one.room });
          onClose();
          void navigate({ to: "/room/$room", params: { room: one.room } });
        }}
        nothing={<p className="dim">You have no other room with this name.</p>}
      />
    </Dialog>
  );
}
