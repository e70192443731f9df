/** What a room is to those who are in it: who may see it, and who may do what. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";

/** Rank of a member: an owner may do all, a moderator may delete, pin, invite and remove, a member may talk. */
export const memberRole = Type.Union([Type.Literal("owner"), Type.Literal("moderator"), Type.Literal("member")]);
export type MemberRole = Static<typeof memberRole>;

export const visibility = Type.Union([Type.Literal("public"), Type.Literal("private"), Type.Literal("direct")]);
export type Visibility = Static<typeof visibility>;
export const openOrPrivate = Type.Union([Type.Literal("public"), Type.Literal("private")]);

/** Who posts lines of a room. `threads`: moderators do, and members answer them in threads; `moderators`: members read
 *  and react. */
export const roomPosting = Type.Union([Type.Literal("members"), Type.Literal("threads"), Type.Literal("moderators")]);
export type RoomPosting = Static<typeof roomPosting>;

/** What a room lets its members do. */
export const roomRules = {
  posting: Type.Optional(roomPosting),
  /** How long a member waits between two messages; 0: not at all. Moderators do not wait. */
  slowMs: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.slowMsMax })),
  /** Whether members can read what edited messages said before. What was kept is forgotten when it ends. */
  keepsVersions: Type.Optional(Type.Boolean()),
  /** Whether a message that begins something has a topic: what names none is in one that is called "General". */
  topicsNeeded: Type.Optional(Type.Boolean()),
} as const;
