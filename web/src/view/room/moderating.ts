import type { MemberRole, RoomView } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { nameOf } from "../../model/index.ts";
import { call } from "../../wire/index.ts";

/** Roles in a room, the strongest first. */
export const rank: Readonly<Record<MemberRole, number>> = { owner: 0, moderator: 1, member: 2 };

/** What `me` may decide about a member of a room. */
export function powerOver(
  { members, visibility }: RoomView,
  me: string,
  member: string,
): { readonly mutes: boolean; readonly removes: boolean } {
  const role = members[member]?.role;
  if (role === undefined || visibility === "direct" || member === me) return { mutes: false, removes: false };
  const own = members[me]?.role ?? "member";
  const isLower = rank[own] < rank[role];
  // Everybody takes their own agents out again.
  const isMine = member.startsWith(`agent/${nameOf(me)}.`);
  return { mutes: isLower, removes: isLower || isMine || own === "owner" };
}

/** Lets a member write again. */
export async function liftMute(room: string, member: string, name: string): Promise<void> {
  const result = await call("rooms.unmute", { room, member });
  if (result.ok || result.error.code === "NOT_FOUND") notices.show(`${name} can write again.`);
  else notices.fail(result.error);
}
