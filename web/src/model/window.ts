/** The window of a room: a stretch of its lines, with none missing between them, wherever in the room that is.
 *
 *      1 … older … │ from ── lines ── to │ … newer … │ tail: what came while the window was not at the end │
 *
 *  Lines that came are kept behind it, so that the window reaches the end without a hole when what is between was
 *  loaded. */
import type { RoomMessage } from "../../../protocols/index.ts";
import { isSeen } from "../../../protocols/kinds/room-unread.ts";
import type { RoomModel } from "./room-model.ts";

/** Lines kept at most: beyond it those at the other end leave the window and are loaded again when scrolled to. */
export const windowMessagesMax = 4_000;
/** Lines kept that came behind the window. */
export const tailMax = 200;
/** Messages kept that are no lines of the window; the oldest go. */
const changedMax = 1_000;

/** Whether a message is a line of the room: what is in its thread only is none. */
export const isLine = ({ threadOnly }: RoomMessage): boolean => threadOnly !== true;

/** Keeps what is no line of the window. */
export function withApart(room: RoomModel, page: readonly RoomMessage[]): RoomModel {
  const apart = page.filter((message) => !isLine(message));
  return apart.length === 0 ? room : { ...room, changed: keptApart(room.changed, apart) };
}

/** A page of messages as the room knows them: it has heard of all that changed since it knows one, and an answer may be
 *  older. */
export function asKnown(room: RoomModel, page: readonly RoomMessage[]): readonly RoomMessage[] {
  const apart = Object.values(room.changed);
  const known = new Map([...apart, ...room.messages, ...room.tail].map((message) => [message.seq, message]));
  return page.map((message) => known.get(message.seq) ?? message);
}

/** Without what has become a line of the window: there it is kept up to date. */
export function withoutLines(changed: RoomModel["changed"], lines: readonly RoomMessage[]): RoomModel["changed"] {
  if (!lines.some(({ seq }) => seq in changed)) return changed;
  const gone = new Set(lines.map(({ seq }) => String(seq)));
  return Object.fromEntries(Object.entries(changed).filter(([seq]) => !gone.has(seq)));
}

/** Messages that are no lines of the window, with more of them. */
export function keptApart(changed: RoomModel["changed"], more: readonly RoomMessage[]): RoomModel["changed"] {
  const all: RoomModel["changed"] = {
    ...changed,
    ...Object.fromEntries(more.map((message) => [message.seq, message])),
  };
  // Numbers as keys stand in their order.
  const keys = Object.keys(all);
  return keys.length <= changedMax
    ? all
    : Object.fromEntries(keys.slice(-changedMax).map((key) => [key, all[Number(key)] as RoomMessage]));
}

/** The window, with what came behind it where it reaches the end. `before`: what was known until now. */
export function joined(room: RoomModel, before: RoomModel): RoomModel {
  if (room.newer) return room;
  const known = [...(before.newer ? [] : before.messages), ...before.tail];
  if (room.to < room.droppedTo) return { ...room, newer: true };
  const missing = known.filter(
    ({ seq }, index) => seq > room.to && known.findIndex((one) => one.seq === seq) === index,
  );
  const messages = [...room.messages, ...missing];
  return { ...room, messages, to: Math.max(room.to, missing.at(-1)?.seq ?? 0), tail: [], droppedTo: 0 };
}

/** Whether lines mention the person. */
export const tells = ({ me, unread }: RoomModel, lines: readonly RoomMessage[]): boolean =>
  lines.some(
    ({ author, mentions, seq }) => author !== me && mentions?.includes(me) === true && !isSeen(unread.seen, seq),
  );

/** Lines are known no more: that one behind the marker mentions the person is kept, as if the node had said it. */
export function letGo(room: RoomModel, gone: readonly RoomMessage[]): RoomModel {
  const { toldOf, unread } = room;
  if (toldOf || !unread.mentioned) return room;
  const behind = gone.filter(({ seq }) => seq > unread.readSeq);
  return tells(room, behind) ? { ...room, toldOf: true } : room;
}

export function trimmed(room: RoomModel, end: "older" | "newer", count: number): RoomModel {
  const { messages } = room;
  const left = end === "older" ? messages.slice(count) : messages.slice(0, -count);
  const [first, last] = [left[0], left.at(-1)];
  if (count <= 0 || first === undefined || last === undefined) return room;
  if (end === "older") {
    const fewer = { ...room, messages: left, from: first.seq, older: true };
    return letGo(fewer, messages.slice(0, count));
  }
  const gone = messages.slice(-count);
  const kept = room.newer ? letGo(room, gone) : withTail(room, gone);
  return { ...kept, messages: left, to: last.seq, newer: true };
}

/** Keeps the newest lines behind the window. */
function withTail(room: RoomModel, tail: readonly RoomMessage[]): RoomModel {
  const gone = tail.slice(0, -tailMax);
  const dropped = gone.at(-1)?.seq ?? 0;
  return letGo({ ...room, tail: tail.slice(-tailMax), droppedTo: Math.max(room.droppedTo, dropped) }, gone);
}

/** All lines that are known from a position on. */
export const linesAfter = (room: RoomModel, seq: number): readonly RoomMessage[] =>
  [...room.messages, ...room.tail].filter((message) => message.seq > seq);

/** True when lines older than the window exist. */
export const hasOlder = (room: RoomModel): boolean => room.older;

/** The newest line, wherever the window is. Undefined: it is not known. */
export const newestLine = (room: RoomModel): RoomMessage | undefined =>
  room.tail.at(-1) ?? (room.newer ? undefined : room.messages.at(-1));

/** Whether all lines behind the read marker are in the window, up to where it ends: what one sees there was reached by
 *  reading. */
export const reachesMarker = (room: RoomModel): boolean =>
  !room.older || (room.messages[0]?.seq ?? Infinity) <= room.unread.readSeq + 1 || room.from <= room.unread.readSeq + 1;

/** The message with this seq as far as the page knows it. */
export function messageAt(room: RoomModel, seq: number): RoomMessage | undefined {
  const found = room.messages[seq - (room.messages[0]?.seq ?? 0)];
  if (found?.seq === seq) return found;
  const isIt = (message: RoomMessage): boolean => message.seq === seq;
  return room.messages.find(isIt) ?? room.tail.find(isIt) ?? room.changed[seq];
}

/** One more line at the end, which the window reaches or not. */
export function withLine(room: RoomModel, message: RoomMessage): RoomModel {
  if (room.newer) return withTail(room, [...room.tail, message]);
  const messages = [...room.messages, message];
  const grown = { ...room, messages, to: message.seq };
  return messages.length > windowMessagesMax ? trimmed(grown, "older", messages.length - windowMessagesMax / 2) : grown;
}

/** A message as it is now, in the place of what it was. */
export function replaceMessage(room: RoomModel, message: RoomMessage): RoomModel {
  const isIt = (known: RoomMessage): boolean => known.seq === message.seq;
  const index = room.messages.findIndex(isIt);
  if (index >= 0) return { ...room, messages: room.messages.with(index, message) };
  const behind = room.tail.findIndex(isIt);
  if (behind >= 0) return { ...room, tail: room.tail.with(behind, message) };
  return { ...room, changed: keptApart(room.changed, [message]) };
}
