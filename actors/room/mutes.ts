/** Members who read and do not write for a time (docs/decisions/0277-muted-and-warned.md).
 *
 *      gateway: mute ──► muted (an event, so a setting of the room) ──holdsAt──► over, or unmuted
 *                          └── what agents of the muted owe is stopped
 *
 *  A mute outlasts the member's leaving, and goes with the account. Warnings: `warnings.ts`. */
import { mutesAt, type MessageOf, type RoomEvent, type roomCommands } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import { refuse, type Sender, type Turn } from "../behavior.ts";
import type { Mail } from "../outbox.ts";
import type { Effects, GatewaysMutes } from "./effects.ts";
import { entryOf, hasByRank, rankOf, roleOf } from "./members.ts";
import { changeOf } from "./membership.ts";
import type { Room } from "./shape.ts";
import { warn } from "./warnings.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

/** What the gateway asks in the name of a person. */
export function forMutes(
  room: Room,
  message: { [Name in GatewaysMutes]: Of<Name> }[GatewaysMutes],
  here: Turn,
): Effects {
  const turn: Turn = { ...here, from: message.by as Sender };
  switch (message.type) {
    case "mute":
      return mute(room, message, turn);
    case "unmute":
      return unmute(room, message, turn);
    default:
      return refuseRank(room, message.member, turn, true) ?? warn(room, message, turn);
  }
}

/** Why the asker does not decide about this member; undefined: they do. `isHere`: it must be a member. */
function refuseRank(room: Room, member: string, turn: Turn, isHere: boolean): Effects | undefined {
  if (entryOf(room.members, turn.from) === undefined) return [refuse("NOT_FOUND")];
  if (room.visibility === "direct")
    return [refuse("FORBIDDEN", { reason: "nobody is muted or warned in a direct conversation" })];
  const moderates = hasByRank(room, turn.from, "room.mute");
  if (moderates && member === turn.from) return [refuse("BAD_REQUEST", { field: "member" })];
  if (!moderates || rankOf(roleOf(room, turn.from)) <= rankOf(roleOf(room, member)))
    return [
      refuse("FORBIDDEN", { reason: "only moderators mute and warn members, and only members below their own role" }),
    ];
  return isHere && entryOf(room.members, member) === undefined ? [refuse("NOT_FOUND", { member })] : undefined;
}

/** Mutes a member, or one who left while they were muted. What their agents owe is stopped. */
function mute(room: Room, { member, muteForMs, reason }: Of<"mute">, turn: Turn): Effects {
  const held = mutesAt(room.mutes, turn.nowMs);
  const refusal = refuseRank(room, member, turn, !held.some((one) => one.member === member));
  if (refusal !== undefined) return refusal;
  const others = held.filter((one) => one.member !== member);
  if (others.length >= limits.mutesPerRoomMax) return [refuse("LIMIT_REACHED", { limit: "mutesPerRoomMax" })];
  const event: RoomEvent = {
    type: "muted",
    member,
    by: turn.from,
    atMs: turn.nowMs,
    ...(muteForMs !== undefined && { untilMs: turn.nowMs + muteForMs }),
    ...(reason !== undefined && { reason }),
  };
  const agents = member.startsWith("user/") ? `agent/${member.slice("user/".length)}.` : `${member}\n`;
  const owed = (room.asked ?? []).filter(({ agent }) => agent === member || agent.startsWith(agents));
  const mail = owed.map(({ agent, seq }): Mail => ({
    to: agent as Mail["to"],
    message: { type: "stopMention", room: turn.key, seq },
  }));
  return changeOf(room, turn, event, mail);
}

/** Lets a member write again: not the member. */
function unmute(room: Room, { member }: Of<"unmute">, turn: Turn): Effects {
  const refusal = refuseRank(room, member, turn, false);
  if (refusal !== undefined) return refusal;
  // One that is over goes, too.
  if (room.mutes?.some((one) => one.member === member) !== true) return [refuse("NOT_FOUND", { member })];
  return changeOf(room, turn, { type: "unmuted", member, by: turn.from });
}
