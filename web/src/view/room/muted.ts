import type { RoomMute, RoomView } from "../../../../protocols/index.ts";
import { muteOf } from "../../../../protocols/kinds/room-muted.ts";
import { useNow } from "../../live/index.ts";

/** What keeps this person from writing in a room; undefined as soon as nothing does. */
export function useMute(view: RoomView | undefined, me: string): RoomMute | undefined {
  const waits = view?.mutes?.some(({ member, untilMs = 0 }) => member === me && untilMs > Date.now()) === true;
  const nowMs = useNow(1_000, waits);
  return view && muteOf(view.mutes, me, (member) => view.members[member]?.role, nowMs);
}
