/** One topic of a room, as the page shows it: loaded with the first that is shown. */
import type { RoomMessage } from "../../../protocols/index.ts";
import { isSeen } from "../../../protocols/kinds/room-unread.ts";
import type { RoomModel } from "./room-model.ts";
import { isSameTopic } from "./topics.ts";
import { isLine } from "./window.ts";

/** The lines of a topic: what was loaded of it, and what the room knows since. `hasOlder`: what is before the first
 *  that was loaded is not shown, because more may be missing there. */
export function topicLines(
  room: RoomModel,
  topic: string,
  { loaded, hasOlder }: { readonly loaded: readonly RoomMessage[]; readonly hasOlder: boolean },
): readonly RoomMessage[] {
  const first = hasOlder ? (loaded[0]?.seq ?? Infinity) : 0;
  const known = [...Object.values(room.changed), ...room.messages, ...room.tail];
  const bySeq = new Map([...loaded, ...known].map((message) => [message.seq, message]));
  return [...bySeq.values()]
    .filter((message) => message.seq >= first && isLine(message) && isSameTopic(message.topic, topic))
    .toSorted((one, other) => one.seq - other.seq);
}

/** Whether the person has something to read among these lines. */
export const hasUnread = ({ unread, me }: RoomModel, lines: readonly RoomMessage[]): boolean =>
  lines.some(
    ({ seq, author, restored }) =>
      seq > unread.readSeq && author !== me && restored === undefined && !isSeen(unread.seen, seq),
  );
