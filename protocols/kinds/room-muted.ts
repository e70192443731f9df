/** Who is muted in a room, and when: the same for the room, the page and the terminal. It loads no schema. */
import { clocksApartMs, holdsAt } from "../times/index.ts";
import type { MemberRole } from "./room-rules.ts";

/** Keeps a member from writing in a room. Without `untilMs` it holds until somebody lifts it. */
export interface RoomMute {
  readonly member: string;
  readonly by: string;
  readonly atMs: number;
  readonly untilMs?: number;
  readonly reason?: string;
}

/** Whether a mute holds at this time. One that a clock set which was ahead is over. */
const holds = ({ atMs, untilMs }: RoomMute, nowMs: number): boolean =>
  untilMs === undefined || holdsAt(nowMs, untilMs, untilMs - atMs);

/** The mutes that hold at this time, oldest first. */
export const mutesAt = (mutes: readonly RoomMute[] = [], nowMs: number): readonly RoomMute[] =>
  mutes.filter((mute) => holds(mute, nowMs));

/** The person behind a member: an agent writes for its owner. */
const personOf = (member: string): string =>
  member.startsWith("agent/") ? `user/${member.slice("agent/".length).split(".", 1)[0] ?? ""}` : member;

/** What keeps a member from writing at this time, or the person whose agent it is; undefined: nothing does. An owner of
 *  the room is not muted: nobody could lift it. */
export const muteOf = (
  mutes: readonly RoomMute[] | undefined,
  member: string,
  roleOf: (member: string) => MemberRole | undefined,
  nowMs: number,
): RoomMute | undefined => {
  if (mutes === undefined || mutes.length === 0) return undefined;
  const held = mutesAt(mutes, nowMs).filter(({ member: one }) => one === member || one === personOf(member));
  return held.find((mute) => roleOf(mute.member) !== "owner");
};

/** Mutes that are kept though they are over by the clock of the newest one. */
const lapsedKept = 64;

/** The mutes after an event. Those that are long over by then go: the clock that set the new one may be ahead of
 *  others, by which they hold. */
export function withMute(mutes: readonly RoomMute[] | undefined, mute: RoomMute): readonly RoomMute[] {
  const others = (mutes ?? []).filter(({ member }) => member !== mute.member);
  const lapsed = others.filter((one) => !holds(one, mute.atMs));
  const isLong = ({ atMs, untilMs = Infinity }: RoomMute) =>
    Math.max(mute.atMs - untilMs, atMs - mute.atMs) > clocksApartMs;
  const gone = new Set([...lapsed.filter(isLong), ...lapsed.slice(0, -lapsedKept)]);
  return [...others.filter((one) => !gone.has(one)), mute];
}
