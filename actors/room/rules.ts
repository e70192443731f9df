/** What a room lets its members do: nothing is written in an archived one, announcements are for moderators, and in
 *  slow mode members wait between two messages.
 *
 *  What an agent owes is let in by all three: a mention is answered, or refused, where everybody reads it. */
import { isOwnRoom, sameJson, type MessageOf, type RoomEvent, type roomCommands } from "../../protocols/index.ts";
import { refuse, reply, type Turn } from "../behavior.ts";
import { changedSince } from "../seen.ts";
import { eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { versionPrefix } from "./kept-versions.ts";
import { entryOf, hasByRank } from "./members.ts";
import { changeOf, isOfSeveral, listing, madeRoom, refuseOthers, unlisted } from "./membership.ts";
import { viewOf } from "./state.ts";
import type { Room } from "./shape.ts";
import { forgetting } from "./versions.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

/** Why nothing is written in the room; undefined: it is not archived. */
export const refuseArchived = ({ archived }: Room, turn: Turn): Effects | undefined =>
  archived === true ? [refuse("ROOM_ARCHIVED", undefined, turn.replyTo)] : undefined;

/** Whether a room for announcements takes such a message of the sender. Where it does not, an edit calls nobody. */
export const hasPlaceFor = (room: Room, isLine: boolean, { from }: Turn): boolean =>
  hasByRank(room, from, "room.rules") || room.posting === undefined || room.posting === "members"
    ? true
    : room.posting === "threads" && !isLine;

/** Why a message is not posted; undefined: it is. `isLine`: it is to stand in the room, and not in a thread alone. */
export function refusePost(room: Room, { isLine }: { readonly isLine: boolean }, turn: Turn): Effects | undefined {
  if (isOwnRoom(turn.key))
    return [
      refuse("FORBIDDEN", { reason: "it has files of conversations with agents, and nothing else" }, turn.replyTo),
    ];
  const archived = refuseArchived(room, turn);
  if (archived !== undefined || hasByRank(room, turn.from, "room.rules")) return archived;
  if (!hasPlaceFor(room, isLine, turn)) {
    const threads = room.posting === "threads" ? "; members answer in threads" : "";
    return [refuse("FORBIDDEN", { reason: `only moderators post in this room${threads}` }, turn.replyTo)];
  }
  const retryAfterMs = waitOf(room, turn);
  return retryAfterMs === 0 ? undefined : [refuse("SLOW_MODE", { retryAfterMs }, turn.replyTo)];
}

/** How long the sender still waits: never longer than the room says. Where the clock went back behind their last
 *  message, nobody knows how long ago that was, and the wait is over. */
function waitOf({ members, slowMs = 0 }: Room, { from, nowMs }: Turn): number {
  const { postedAtMs } = entryOf(members, from) ?? {};
  return postedAtMs === undefined || postedAtMs > nowMs ? 0 : Math.max(0, postedAtMs + slowMs - nowMs);
}

/** Archives the room, or brings it back: owners do. Error: FORBIDDEN. */
function setArchived(room: Room, { archived }: Of<"setArchived">, turn: Turn): Effects {
  if (!hasByRank(room, turn.from, "room.archive"))
    return [refuse("FORBIDDEN", { reason: "only owners can archive a room and bring it back" })];
  if ((room.archived === true) === archived) return [reply(viewOf(room, turn))];
  return changeOf(room, turn, { type: "archiveSet", archived, by: turn.from }, listing({ ...room, archived }, turn));
}

/** Makes the room public or private: owners do. Errors: FORBIDDEN, ROOM_ARCHIVED. */
function setVisibility(room: Room, { visibility }: Of<"setVisibility">, turn: Turn): Effects {
  if (room.visibility === "direct" && isOfSeveral(room, turn.key) && visibility === "private")
    return madeRoom(room, turn);
  if (!hasByRank(room, turn.from, "room.visibility"))
    return [refuse("FORBIDDEN", { reason: "only owners can make a room public or private" })];
  const archived = refuseArchived(room, turn);
  if (archived !== undefined) return archived;
  if (room.visibility === visibility) return [reply(viewOf(room, turn))];
  const others = visibility === "public" ? refuseOthers(room, turn.key) : undefined;
  if (others !== undefined) return others;
  const event: RoomEvent = { type: "visibilitySet", visibility, by: turn.from };
  return changeOf(
    room,
    turn,
    event,
    visibility === "public" ? listing({ ...room, visibility }, turn) : [unlisted(turn)],
  );
}

/** Sets who posts and how often: moderators do. Errors: FORBIDDEN, CHANGED_MEANWHILE, ROOM_ARCHIVED. */
function setRules(
  room: Room,
  { posting, slowMs, keepsVersions, topicsNeeded, seen }: Of<"setRules">,
  turn: Turn,
): Effects {
  if (!hasByRank(room, turn.from, "room.rules"))
    return [refuse("FORBIDDEN", { reason: "only moderators can set who posts in a room" })];
  const archived = refuseArchived(room, turn);
  if (archived !== undefined) return archived;
  const before = {
    posting: room.posting ?? ("members" as const),
    slowMs: room.slowMs ?? 0,
    keepsVersions: room.keepsVersions ?? true,
    topicsNeeded: room.topicsNeeded ?? false,
  };
  const wanted = {
    ...(posting !== undefined && { posting }),
    ...(slowMs !== undefined && { slowMs }),
    ...(keepsVersions !== undefined && { keepsVersions }),
    ...(topicsNeeded !== undefined && { topicsNeeded }),
  };
  const now = changedSince<typeof before>(seen, before, wanted);
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const next = { ...before, ...wanted };
  const view = { ...viewOf(room, turn), ...next };
  // Also where it has ended already: what was to be forgotten may not be, if the node died.
  const end = keepsVersions === false ? forgetting(versionPrefix, view, turn) : [reply(view)];
  if (sameJson(next, before)) return end;
  const { keepsVersions: isKept, topicsNeeded: isNeeded, ...others } = next;
  // What a node of the version before does not know stands in an event only where it changes.
  const event = {
    ...others,
    ...(isKept !== before.keepsVersions && { keepsVersions: isKept }),
    ...(isNeeded !== before.topicsNeeded && { topicsNeeded: isNeeded }),
    by: turn.from,
  };
  return [...eventEffects(room, turn, [{ type: "rulesSet", ...event }]), ...end];
}

/** What the room lets its members do. */
export const ruleHandlers = { setArchived, setVisibility, setRules } satisfies Partial<MemberHandlers>;
