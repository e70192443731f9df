import type { RoomMessage } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices, type RoomStore } from "../../live/index.ts";

/** Messages that are selected, by their place, as they were then; the one that was selected last is at the end. */
export type Picked = ReadonlyMap<number, RoomMessage>;

/** What asks for it: a key or a click on the message, or an entry of its menu. */
export type PickEvent = Pick<React.KeyboardEvent | React.MouseEvent, "target" | "shiftKey" | "altKey"> & {
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly key?: string;
};

/** Whether a key or a click is about selecting: `x` while the message has the focus, or a click beside what it has. */
function isMeant({ target, key, ctrlKey, metaKey, altKey }: PickEvent): boolean {
  const place = target as Element;
  if (key === undefined) return place.closest("a, button, audio, video, textarea, summary") === null;
  return key.toLowerCase() === "x" && !ctrlKey && !metaKey && !altKey && place.matches("article");
}

/** What is selected after a message was, or was no more; with Shift with all between it and the last one. */
export function pickedAfter(
  before: Picked | undefined,
  { store }: RoomStore,
  message: RoomMessage,
  event?: PickEvent,
): Picked | undefined {
  if (message.deletedAtMs !== undefined || (event !== undefined && !isMeant(event))) return before;
  const next = new Map(before);
  const from = event?.shiftKey === true ? [...next.keys()].at(-1) : undefined;
  if (from === undefined && next.delete(message.seq)) return next;
  const [first, last] = [Math.min(from ?? message.seq, message.seq), Math.max(from ?? message.seq, message.seq)];
  for (const one of store.latest.messages)
    if (one.seq >= first && one.seq <= last && one.deletedAtMs === undefined) next.set(one.seq, one);
  next.delete(message.seq);
  next.set(message.seq, message);
  if (next.size <= wireLimits.deletedAtOnceMax) return next;
  notices.show(`${wireLimits.deletedAtOnceMax} messages can be selected at once.`, "bad");
  return before;
}
