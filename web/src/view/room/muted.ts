import { useEffect, useState } from "react";
import type { RoomMute, RoomView } from "../../../../protocols/index.ts";
import { muteOf } from "../../../../protocols/kinds/room-muted.ts";

/** What keeps this person from writing in a room; undefined as soon as nothing does. */
export function useMute(view: RoomView | undefined, me: string): RoomMute | undefined {
  const [, look] = useState(0);
  // Whether it holds, and whether it is to be looked at again, are of one moment.
  const mute = view && muteOf(view.mutes, me, (member) => view.members[member]?.role, Date.now());
  const ends = mute?.untilMs !== undefined;
  useEffect(() => {
    if (!ends) return;
    const timer = setInterval(() => look((count) => count + 1), 1_000);
    return () => clearInterval(timer);
  }, [ends]);
  return mute;
}
