/** Links into the room: an owner makes one for so many people and so long, and people who have it come in.
 *
 *      gateway: secret ──hash──► addLink ──► kept ──► joinByLink, until its uses or its time are over
 *                                             └── taken back, or its maker owns the room no more
 *
 *  The room knows hashes alone, so neither its journal nor a backup lets anybody in. What becomes of a link is no event
 *  of the stream: members are told that somebody came by one, and owners ask for the list. */
import {
  holdsAt,
  wireLimits,
  type LinkLookedThrough,
  type MessageOf,
  type RoomLink,
  type RoomLinks,
  type roomCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Sender, type Turn } from "../behavior.ts";
import type { Effects, GatewaysLinks } from "./effects.ts";
import { entryOf, hasByRank } from "./members.ts";
import { admit, refusalOfBanned, refuseOthers } from "./membership.ts";
import type { KeptLink, LinkChange, Room, RoomChange } from "./shape.ts";
import { viewOf } from "./state.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

const written = (link: LinkChange) => persist<RoomChange>({ type: "readMarked", member: "", seq: 0, link });

const holds = ({ atMs, untilMs, usesLeft }: KeptLink, nowMs: number): boolean =>
  usesLeft > 0 && holdsAt(nowMs, untilMs, untilMs - atMs);
const shown = ({ hash: _hash, ...link }: KeptLink): RoomLink => link;

/** What the gateway asks of links. */
export function forLinks(
  room: Room,
  message: { [Name in GatewaysLinks]: Of<Name> }[GatewaysLinks],
  turn: Turn,
): Effects {
  switch (message.type) {
    case "addLink":
      return addLink(room, message, turn);
    case "removeLink":
      return removeLink(room, message);
    case "lookThrough":
      return lookThrough(room, message, turn);
    default:
      return joinByLink(room, message, turn);
  }
}

const refuseRank: Effects = [refuse("FORBIDDEN", { reason: "only owners make and take back links into a room" })];

function addLink(room: Room, { by, id, hash, uses, lifeMs }: Of<"addLink">, turn: Turn): Effects {
  if (!hasByRank(room, by, "room.links")) return entryOf(room.members, by) ? refuseRank : [refuse("NOT_FOUND")];
  const others = refuseOthers(room, turn.key);
  if (others !== undefined) return others;
  const { links = [] } = room;
  const ended = links.filter((link) => !holds(link, turn.nowMs)).map((link) => link.id);
  if (links.length - ended.length >= wireLimits.joinLinksPerRoomMax)
    return [refuse("LIMIT_REACHED", { limit: "joinLinksPerRoomMax", max: wireLimits.joinLinksPerRoomMax })];
  const link: KeptLink = { id, by, atMs: turn.nowMs, untilMs: turn.nowMs + lifeMs, usesLeft: uses, hash };
  return [written({ is: "made", link, ended }), reply(shown(link))];
}

function removeLink(room: Room, { by, id }: Of<"removeLink">): Effects {
  if (!hasByRank(room, by, "room.links")) return entryOf(room.members, by) ? refuseRank : [refuse("NOT_FOUND")];
  const link = room.links?.find((one) => one.id === id);
  return link === undefined ? [refuse("NOT_FOUND", { id })] : [written({ is: "ended", id }), reply(shown(link))];
}

/** The links that may still be used, the newest first: for owners. Error: FORBIDDEN. */
export function links(room: Room, _command: unknown, { from, nowMs }: Turn): Effects {
  if (!hasByRank(room, from, "room.links")) return refuseRank;
  const those = (room.links ?? []).filter((link) => holds(link, nowMs));
  return [reply({ links: those.map(shown).toReversed() } satisfies RoomLinks)];
}

/** None leads into a room that is archived. */
const linkOf = (room: Room, hash: string, nowMs: number): KeptLink | undefined =>
  room.archived === true ? undefined : room.links?.find((link) => link.hash === hash && holds(link, nowMs));

function lookThrough(room: Room, { member, hash }: Of<"lookThrough">, turn: Turn): Effects {
  const link = linkOf(room, hash, turn.nowMs);
  if (link === undefined) return [refuse("JOIN_LINK_ENDED")];
  const { title, members } = room;
  const found: LinkLookedThrough = { room: turn.key, title, memberCount: members.size, by: link.by };
  return refusalOfBanned(room, member, turn) ?? [reply(found)];
}

/** Somebody who is here already uses nothing up. */
function joinByLink(room: Room, { member, hash }: Of<"joinByLink">, turn: Turn): Effects {
  if (entryOf(room.members, member) !== undefined) return [reply(viewOf(room, turn))];
  const link = linkOf(room, hash, turn.nowMs);
  if (link === undefined || !member.startsWith("user/")) return [refuse("JOIN_LINK_ENDED")];
  const banned = refuseOthers(room, turn.key, member) ?? refusalOfBanned(room, member, turn);
  if (banned !== undefined) return banned;
  return admit(room, { ...turn, from: member as Sender }, member, "member", { link: { id: link.id, by: link.by } });
}
