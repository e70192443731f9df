/** Whether somebody is muted here, and the refusal that says so. */
import { muteOf, type RoomMute } from "../../protocols/index.ts";
import { refuse, type Turn } from "../behavior.ts";
import type { Effects } from "./effects.ts";
import { entryOf } from "./members.ts";
import type { Room } from "./shape.ts";

/** What keeps a member from writing now; undefined: nothing does. */
export const mutedAt = ({ mutes, members }: Pick<Room, "mutes" | "members">, member: string, nowMs: number) =>
  muteOf(mutes, member, (one) => entryOf(members, one)?.role, nowMs);

const refusalOf = ({ by, atMs, untilMs, reason }: RoomMute, turn: Turn): Effects => [
  refuse(
    "MUTED",
    { by, atMs, ...(untilMs !== undefined && { untilMs }), ...(reason !== undefined && { reason }) },
    turn.replyTo,
  ),
];

/** Why a member writes nothing now; undefined: they are not muted. */
export function refuseMuted(room: Room, turn: Turn, member: string = turn.from): Effects | undefined {
  const mute = mutedAt(room, member, turn.nowMs);
  return mute && refusalOf(mute, turn);
}
