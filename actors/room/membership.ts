/** The members of a room, their ranks, and what the room is called. */
import {
  groupKey,
  groupsOfPeopleMax,
  nthOfGroup,
  ownRoomKey,
  ownRoomTitle,
  sameJson,
  wireLimits,
  type CommandOf,
  type Failure,
  type MemberRole,
  type Result,
  type RoomBan,
  type RoomBans,
  type RoomEvent,
  type RoomLeft,
  type RoomView,
  type roomCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { fits, type Mail, type OutboxEntry } from "../outbox.ts";
import { allEntries, hasByRank, entryOf, rankOf, roleOf } from "./members.ts";
import { unansweredNow } from "./mentions.ts";
import { eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { bansAt, evolve, viewOf, writersOf } from "./state.ts";
import type { Room, RoomState } from "./shape.ts";
import { refuseMuted } from "./muted.ts";
import { forgottenOf } from "./warnings.ts";
import { versionsBy } from "./kept-versions.ts";
import { droppedOf } from "./uploads.ts";
import { forgetting } from "./versions.ts";

type Command = CommandOf<typeof roomCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

const isUser = (principal: string): boolean => principal.startsWith("user/");
const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);

/** The user an agent belongs to: `agent/ada.helper` is `user/ada`'s. */
const ownerOf = (agent: string): string => `user/${nameOf(agent).split(".")[0] ?? ""}`;

/** Events with their notices, answered by the view they lead to and what else there is to say. */
function change(
  room: Room,
  turn: Turn,
  events: readonly RoomEvent[],
  mail: readonly Mail[],
  more?: Pick<RoomLeft, "left">,
): Effects {
  if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED")];
  const after = events.reduce<RoomState>(
    (state, event, index) => evolve(state, { type: "happened", at: room.head + 1 + index, event }),
    room,
  );
  return [...eventEffects(room, turn, events, mail), reply({ ...viewOf(after ?? room, turn), ...more })];
}

/** Tells users that a room appeared in, or went from, their list, and who did it. Agents keep no list. */
const notices = (type: "roomJoined" | "roomLeft", members: readonly string[], turn: Turn): readonly Mail[] =>
  members.filter(isUser).map((member) => ({
    to: member as Mail["to"],
    message: { type, room: turn.key, ...(type === "roomJoined" && { by: turn.from }) },
  }));

/** One event, answered by the view it leads to. */
export const changeOf = (room: Room, turn: Turn, event: RoomEvent, mail: readonly Mail[] = []): Effects =>
  change(room, turn, [event], mail);

/** The room has no row in the catalog. */
export const unlisted = (turn: Turn): Mail => ({ to: "catalog/rooms", message: { type: "remove", key: turn.key } });

/** A public room keeps its row in the catalog up to date; an archived one has none. */
export const listing = (room: Pick<Room, "visibility" | "title" | "topic" | "archived">, turn: Turn): readonly Mail[] =>
  room.visibility !== "public"
    ? []
    : room.archived === true
      ? [unlisted(turn)]
      : [
          {
            to: "catalog/rooms",
            message: { type: "put", key: turn.key, title: room.title, detail: room.topic, atMs: turn.nowMs },
          },
        ];

/** Tag of the question whether the creator's list has a place, and then, for a direct room, whether those are there who
 *  are to be talked to. */
export interface CreateTag {
  readonly type: "create";
  /** `creator`, or somebody to talk to. */
  readonly asked: string;
  /** Those who are asked next. */
  readonly left: readonly string[];
  /** Of a conversation that is there: those who are to come back to it, and have no account any more. */
  readonly gone?: readonly string[];
  readonly command: Of<"create">;
  readonly from: Sender;
  readonly to: ReplyTo | undefined;
}

/** Creates the room; its creator owns it. Errors: NAME_TAKEN, BAD_REQUEST, FORBIDDEN, LIMIT_REACHED, NOT_FOUND. */
export function create(room: RoomState, command: Of<"create">, turn: Turn): Effects {
  const tag = { type: "create" as const, command, from: turn.from, to: turn.replyTo };
  return createWith(room, command, turn, {
    open: () => [wanted(turn.from, { ...tag, asked: "creator", left: othersOf(command) }, turn)],
    back: (_, [first = turn.from, ...left]) => [
      wanted(first as Sender, { ...tag, asked: first, left, gone: [] }, turn),
    ],
  });
}

const othersOf = ({ with: other, people = [] }: Of<"create">): readonly string[] =>
  other === undefined ? people : [other];

function wanted(user: Sender, tag: CreateTag, turn: Turn): Effects[number] {
  const message = { type: "roomWanted", room: turn.key };
  return { type: "ask", to: user as Mail["to"], message, tag, timeoutMs: limits.roomWantedTimeoutMs };
}

/** The creator's list has a place, or is full. A creator that cannot be asked now gets the room and hears of it
 *  later. */
export function onWantedAnswered(room: RoomState, tag: CreateTag, result: Result<unknown>, here: Turn): Effects {
  const { command, from, to, asked, left } = tag;
  const code = result.ok ? undefined : result.error.code;
  if (!result.ok && asked === "creator" && code === "LIMIT_REACHED") return [refuse(code, result.error.details, to)];
  const isGone = asked !== "creator" && code === "NOT_FOUND";
  // A room is not made for nobody: names that were never taken would each leave one.
  if (isGone && tag.gone === undefined) return [refuse("NOT_FOUND", { user: asked }, to)];
  const gone = isGone ? [...(tag.gone ?? []), asked] : tag.gone;
  const [next, ...others] = left;
  if (next !== undefined)
    return [wanted(next as Sender, { ...tag, asked: next, left: others, ...(gone && { gone }) }, here)];
  const turn: Turn = { ...here, from, ...(to && { replyTo: to }) };
  // Somebody else may have created it meanwhile: everything is looked at again.
  const ways: Ways = {
    open: (view) => opened(view, turn),
    back: (known, missing) =>
      broughtBack(
        known,
        missing.filter((one) => gone?.includes(one) !== true),
        turn,
      ),
  };
  return createWith(room, command, turn, ways).map((effect) =>
    to !== undefined && (effect.type === "reply" || effect.type === "refuse") ? { ...effect, to } : effect,
  );
}

/** What is done where there is no such room yet, and where people have left the one that there is. */
interface Ways {
  readonly open: (view: RoomView) => Effects;
  readonly back: (room: Room, missing: readonly string[]) => Effects;
}

function createWith(room: RoomState, command: Of<"create">, turn: Turn, ways: Ways): Effects {
  if (!isUser(turn.from)) return [refuse("FORBIDDEN", { reason: "only people can create rooms" })];
  const visibility = command.visibility ?? "public";
  if (visibility === "direct") return createDirect(room, command, turn, ways);
  if (room !== null) return [refuse("NAME_TAKEN")];
  if (command.with !== undefined) return [refuse("BAD_REQUEST", { field: "with" })];
  if (command.people !== undefined) return [refuse("BAD_REQUEST", { field: "people" })];
  // Names that begin so belong to direct rooms: nobody may wait for two people there.
  if (turn.key.startsWith("dm.")) return [refuse("BAD_REQUEST", { field: "visibility" })];
  return ways.open(newView(turn, command, visibility, { [turn.from]: "owner" }));
}

function createDirect(room: RoomState, command: Of<"create">, turn: Turn, ways: Ways): Effects {
  const other = command.with;
  if (command.people !== undefined && other === undefined) return createGroup(room, command.people, turn, ways);
  const own = ownRoomKey(nameOf(turn.from));
  if (other === turn.from && turn.key === own)
    return room === null
      ? ways.open(newView(turn, { ...command, title: ownRoomTitle }, "direct", { [turn.from]: "member" }))
      : [reply(viewOf(room, turn))];
  if (other === undefined || !isUser(other) || other === turn.from) return [refuse("BAD_REQUEST", { field: "with" })];
  const [first, second] = [nameOf(turn.from), nameOf(other)].toSorted((a, b) => (a < b ? -1 : 1));
  if (turn.key !== `dm.${first}.${second}`) return [refuse("BAD_REQUEST", { field: "to" })];
  // Both may open it at the same moment: it is the same room.
  if (room !== null) return broughtBack(room, missingOf(room, [turn.from, other]), turn);
  return ways.open(newView(turn, command, "direct", { [turn.from]: "member", [other]: "member" }));
}

/** A conversation of several people: the same people find the same one. Those who had left come back when another one
 *  begins it, and not by themselves: FORBIDDEN. One that was made a room, or that everybody has left, is theirs no
 *  more: NAME_TAKEN. */
function createGroup(room: RoomState, others: readonly string[], turn: Turn, ways: Ways): Effects {
  const people = [...new Set([turn.from, ...others])].toSorted();
  const isSize = people.length >= groupPeopleMin && people.length <= wireLimits.groupPeopleMax;
  if (!isSize || !people.every(isUser)) return [refuse("BAD_REQUEST", { field: "people" })];
  if (turn.key !== groupKey(people, nthOfGroup(turn.key))) return [refuse("BAD_REQUEST", { field: "to" })];
  const roles = Object.fromEntries(people.map((member) => [member, "member" as const]));
  if (room === null) return ways.open({ ...newView(turn, { type: "create" }, "direct", roles), people });
  if (room.visibility !== "direct" || !isOf(room, people) || !hasPeople(room)) return [refuse("NAME_TAKEN")];
  if (entryOf(room.members, turn.from) === undefined)
    return [
      refuse("FORBIDDEN", { reason: "you have left this conversation: another of its people can bring you back" }),
    ];
  const missing = missingOf(room, people);
  const found =
    missing.length === 0 ? broughtBack({ ...room, people }, [], turn) : ways.back({ ...room, people }, missing);
  // A node of the version before has lost them.
  return room.people === undefined ? [persist({ type: "readMarked", member: "", seq: 0, people }), ...found] : found;
}

/** Whether a conversation is of these people. Of one whose people are lost its key says so, and those who are here. */
const isOf = ({ people, members }: Room, those: readonly string[]): boolean =>
  people === undefined ? allEntries(members).every(([member]) => those.includes(member)) : sameJson(people, those);

/** With fewer it is a direct room of two. */
const groupPeopleMin = 3;

const missingOf = ({ members }: Room, people: readonly string[]): readonly string[] =>
  people.filter((member) => entryOf(members, member) === undefined);

function broughtBack(room: Room, missing: readonly string[], turn: Turn): Effects {
  const events = missing.map((member) => joinedEvent(member, "member", turn));
  return change(room, turn, events, notices("roomJoined", missing, turn));
}

/** A conversation of several becomes a private room, and the person who says so its owner. The same people have a few
 *  numbers for it: after the first somebody else must have written in it, so that nobody uses them up alone, and the
 *  last stays a conversation. Error: FORBIDDEN. */
export function madeRoom(room: Room, turn: Turn): Effects {
  const nth = nthOfGroup(turn.key) ?? 1;
  if (nth >= groupsOfPeopleMax)
    return [refuse("FORBIDDEN", { reason: "the same people have made as many rooms as they may: it stays as it is" })];
  if (nth > 1 && !writersOf(room).some((author) => author !== turn.from))
    return [refuse("FORBIDDEN", { reason: "nobody else has written here yet: make a room of it when somebody has" })];
  const events: readonly RoomEvent[] = [
    { type: "visibilitySet", visibility: "private", by: turn.from },
    { type: "roleSet", member: turn.from, role: "owner", by: turn.from },
  ];
  return change(room, turn, events, []);
}

function newView(
  turn: Turn,
  { title, topic }: Of<"create">,
  visibility: RoomView["visibility"],
  roles: Readonly<Record<string, MemberRole>>,
): RoomView {
  const joined = Object.entries(roles).map(
    ([member, role]) => [member, { role, joinedAtMs: turn.nowMs, readSeq: 0 }] as const,
  );
  return {
    room: turn.key,
    title: title ?? (visibility === "direct" ? Object.keys(roles).map(nameOf).join(", ") : turn.key),
    topic: topic ?? "",
    visibility,
    createdAtMs: turn.nowMs,
    members: Object.fromEntries(joined),
    messageSeq: 0,
    pins: [],
  };
}

/** The room begins with this view: its people and the catalog hear of it. */
export function opened(
  view: RoomView,
  turn: Turn,
  told = notices("roomJoined", Object.keys(view.members), turn),
): Effects {
  const event: RoomEvent = { type: "created", by: turn.from, view };
  const room = evolve(null, { type: "happened", at: 0, event });
  if (room === null) return [];
  const mail = [...told, ...listing(room, turn)];
  return [...eventEffects(room, turn, [event], mail), reply(view)];
}

/** Joins a public room. Errors: NOT_FOUND (there is none, or it is not public), FORBIDDEN, BANNED, LIMIT_REACHED. */
export function join(room: Room, turn: Turn): Effects {
  if (entryOf(room.members, turn.from)) return [reply(viewOf(room, turn))];
  if (!isUser(turn.from)) return [refuse("FORBIDDEN", { reason: "this room needs an invitation" })];
  const ban = banOf(room, turn.from, turn);
  if (ban !== undefined) return refuseBanned(ban);
  if (room.visibility !== "public") return refuseOutsider(room, turn);
  // Somebody has to be able to look after a room that everybody left.
  return hasPeople(room)
    ? admit(room, turn, turn.from, "member")
    : admit(room, turn, turn.from, "owner", { rows: listing(room, turn) });
}

const hasPeople = (room: Room): boolean => room.members.size > room.agents.length;

/** Whether a room is, or was, a conversation of several people. The key says it, where a node of the version before has
 *  lost the people. */
export const isOfSeveral = ({ people }: Room, key: string): boolean =>
  people !== undefined || nthOfGroup(key) !== undefined;

/** Why somebody does not come in: what was said here is of the people of the conversation that this was, also where
 *  another owns the room. Undefined: nothing is said against it. */
export const refuseOthers = (room: Room, key: string, member?: string): Effects | undefined =>
  isOfSeveral(room, key) && (member === undefined || room.people?.includes(member) !== true)
    ? [refuse("FORBIDDEN", { reason: "this was a conversation of some people, and is read by them alone" })]
    : undefined;

/** Somebody comes in, who is not banned. `rows`: what the catalog hears. Error: LIMIT_REACHED. */
export function admit(
  room: Room,
  turn: Turn,
  member: string,
  role: MemberRole,
  { rows = [], link }: { readonly rows?: readonly Mail[]; readonly link?: NonNullable<Joined["link"]> } = {},
): Effects {
  if (room.members.size >= wireLimits.roomMembersMax) return [refuse("LIMIT_REACHED", { limit: "roomMembersMax" })];
  const event: RoomEvent = { ...joinedEvent(member, role, turn), ...(link && { link }) };
  return change(room, turn, [event], [...notices("roomJoined", [member], turn), ...rows]);
}

type Joined = Extract<RoomEvent, { type: "joined" }>;

const joinedEvent = (member: string, role: MemberRole, turn: Turn): Joined => ({
  type: "joined",
  member,
  role,
  atMs: turn.nowMs,
  by: turn.from,
});

/** Brings somebody in: people by moderators, an agent by its owner. Errors: FORBIDDEN, BANNED, LIMIT_REACHED. */
function invite(room: Room, { member }: Of<"invite">, turn: Turn): Effects {
  if (room.visibility === "direct") return [refuse("FORBIDDEN", { reason: "a direct room cannot have more members" })];
  const mayInvite = isUser(member) ? hasByRank(room, turn.from, "room.invite") : ownerOf(member) === turn.from;
  if (!mayInvite)
    return [
      refuse("FORBIDDEN", {
        reason: "only moderators can invite people, and only an agent's owner can invite the agent",
      }),
    ];
  if (entryOf(room.members, member)) return [reply(viewOf(room, turn))];
  const others = isUser(member) ? refuseOthers(room, turn.key, member) : undefined;
  if (others !== undefined) return others;
  const ban = banOf(room, member, turn);
  if (ban !== undefined) return refuseBanned(ban);
  if (!isUser(member) && room.agents.length >= limits.roomAgentsMax)
    return [refuse("LIMIT_REACHED", { limit: "roomAgentsMax" })];
  return admit(room, turn, member, "member");
}

/** Brings in a guest, or says whether that is wanted. The gateway asks in the name of the person who made the
 *  invitation. That person must be allowed to invite: an admin who is not in a room gets nobody into it. Errors:
 *  FORBIDDEN, BANNED, LIMIT_REACHED. */
export function admitGuest(room: Room, command: Of<"guestWanted" | "admitGuest">, turn: Turn): Effects {
  const { by } = command;
  const mayInvite = by === undefined ? room.visibility === "public" : hasByRank(room, by, "room.invite");
  if (!mayInvite)
    return [
      refuse("FORBIDDEN", {
        reason:
          by === undefined
            ? "only moderators can invite people to this room"
            : "the person who made the invitation no longer moderates this room",
      }),
    ];
  const others = refuseOthers(room, turn.key);
  if (others !== undefined) return others;
  if (command.type === "guestWanted") return [reply({})];
  const { member } = command;
  if (!isUser(member)) return [refuse("BAD_REQUEST", { field: "member" })];
  if (entryOf(room.members, member)) return [reply(viewOf(room, turn))];
  const ban = banOf(room, member, turn);
  if (ban !== undefined) return refuseBanned(ban);
  return admit(room, { ...turn, from: (by ?? member) as Sender }, member, "member");
}

/** The account of the sender is gone, and with it what its messages said before they were edited. In a direct room its
 *  place stays, and nothing that it had not posted. */
export function depart(room: Room, turn: Turn): Effects {
  if (!isUser(turn.from)) return [reply({})];
  const end = forgetting(versionsBy(turn.from), {}, turn);
  if (entryOf(room.members, turn.from) === undefined) return [...forgottenOf(room, turn.from, turn), ...end];
  if (isOfTwo(room, turn)) return [...droppedOf(room, turn.from), ...end];
  const gone = eventEffects(room, turn, lostEvents(room, turn.from, turn.from, turn.nowMs));
  return [...gone, ...forgottenOf(evolved(room, gone), turn.from, turn), ...end];
}

/** The room after what is persisted. */
const evolved = (room: Room, effects: Effects): Room =>
  effects.reduce<RoomState>((now, effect) => (effect.type === "persist" ? evolve(now, effect.event) : now), room) ??
  room;

/** A direct room of two people, who cannot leave it. */
const isOfTwo = (room: Room, { key }: Turn): boolean => room.visibility === "direct" && !isOfSeveral(room, key);

/** The sender goes; agents of theirs go with them. A direct room cannot be left. Errors: LAST_OWNER, NOT_FOUND,
 *  FORBIDDEN. */
function leave(room: Room, { successor }: Of<"leave">, turn: Turn): Effects {
  if (isOfTwo(room, turn)) return [refuse("FORBIDDEN", { reason: "a direct room cannot be left" })];
  const isOwner = roleOf(room, turn.from) === "owner";
  if (successor === undefined) {
    const heir = isOwner ? heirOf(room, turn.from) : undefined;
    return heir === undefined ? part(room, turn, turn.from) : [refuse("LAST_OWNER", { suggested: heir })];
  }
  if (!isOwner) return [refuse("FORBIDDEN", { reason: "only an owner can name a successor" })];
  if (!isUser(successor) || successor === turn.from) return [refuse("BAD_REQUEST", { field: "successor" })];
  const target = entryOf(room.members, successor);
  if (target === undefined) return [refuse("NOT_FOUND", { member: successor })];
  const handedOver: RoomEvent = { type: "roleSet", member: successor, role: "owner", by: turn.from };
  return part(room, turn, turn.from, target.role === "owner" ? [] : [handedOver]);
}

/** Sends somebody away: those above do, and the owner of an agent; with a ban only those above, also who is not here.
 *  Errors: FORBIDDEN, NOT_FOUND, LAST_OWNER, LIMIT_REACHED, BAD_REQUEST. */
function remove(room: Room, command: Of<"remove">, turn: Turn): Effects {
  const { member, ban: wanted } = command;
  if (room.visibility === "direct")
    return [refuse("FORBIDDEN", { reason: "people cannot be removed from a direct room" })];
  if (wanted !== true && (command.banForMs !== undefined || command.reason !== undefined))
    return [refuse("BAD_REQUEST", { field: "ban" })];
  const target = entryOf(room.members, member);
  if (target === undefined && wanted !== true) return [refuse("NOT_FOUND", { member })];
  if (member === turn.from)
    return wanted === true ? [refuse("BAD_REQUEST", { field: "member" })] : leave(room, { type: "leave" }, turn);
  const rank = rankOf(roleOf(room, turn.from));
  const above = moderates(room, turn) && (rank > rankOf(target?.role ?? "member") || rank === rankOf("owner"));
  const own = !isUser(member) && ownerOf(member) === turn.from;
  if (!above && (wanted === true || !own))
    return [
      refuse("FORBIDDEN", {
        reason: "only moderators can remove and ban members, and only members below their own role",
      }),
    ];
  if (wanted !== true) return part(room, turn, member);
  const others = bansAt(room, turn.nowMs).filter((ban) => ban.member !== member);
  if (others.length >= wireLimits.bansPerRoomMax) return [refuse("LIMIT_REACHED", { limit: "bansPerRoomMax" })];
  const { banForMs, reason } = command;
  const banned: RoomEvent = {
    type: "banned",
    member,
    by: turn.from,
    atMs: turn.nowMs,
    ...(banForMs !== undefined && { untilMs: turn.nowMs + banForMs }),
    ...(reason !== undefined && { reason }),
  };
  return target === undefined ? change(room, turn, [banned], [], { left: [] }) : part(room, turn, member, [], [banned]);
}

/** Lets somebody come back: moderators do. Errors: FORBIDDEN, NOT_FOUND. */
function unban(room: Room, { member }: Of<"unban">, turn: Turn): Effects {
  if (!moderates(room, turn)) return [refuse("FORBIDDEN", { reason: "only moderators can lift bans" })];
  if (banOf(room, member, turn) === undefined) return [refuse("NOT_FOUND", { member })];
  return change(room, turn, [{ type: "unbanned", member, by: turn.from }], []);
}

/** The bans that hold, newest first: for moderators. Errors: FORBIDDEN. */
const bans = (room: Room, turn: Turn): Effects =>
  moderates(room, turn)
    ? [reply({ bans: bansAt(room, turn.nowMs).toReversed() } satisfies RoomBans)]
    : [refuse("FORBIDDEN", { reason: "only moderators can see the bans" })];

const banOf = (room: Room, member: string, turn: Turn) => bansAt(room, turn.nowMs).find((ban) => ban.member === member);

/** The refusal of somebody who is banned; undefined: nobody banned them. */
export function refusalOfBanned(room: Room, member: string, turn: Turn): Effects | undefined {
  const ban = banOf(room, member, turn);
  return ban && refuseBanned(ban);
}

const refuseBanned = ({ by, atMs, untilMs, reason }: RoomBan): Effects => [
  refuse("BANNED", { by, atMs, ...(untilMs !== undefined && { untilMs }), ...(reason !== undefined && { reason }) }),
];

/** The answer to people who are no members: of a ban they learn who set it, why and until when. Of a room that is not
 *  public people who are not in it do not learn that it exists: the answer is that of a room that was never made. */
export function refuseOutsider(room: Room, turn: Turn): Effects {
  const ban = banOf(room, turn.from, turn);
  if (ban !== undefined) return refuseBanned(ban);
  const isHidden = room.visibility !== "public" && isUser(turn.from);
  return [refuse(isHidden ? "NOT_FOUND" : "NOT_A_MEMBER")];
}

const moderates = (room: Room, turn: Turn): boolean => hasByRank(room, turn.from, "room.remove");

/** `member` goes, between these events. */
function part(
  room: Room,
  turn: Turn,
  member: string,
  before: readonly RoomEvent[] = [],
  after: readonly RoomEvent[] = [],
): Effects {
  const gone = goneWith(room, member);
  const events = [...before, ...leftEvents(gone, member, turn.from, turn.nowMs), ...after];
  return change(room, turn, events, notices("roomLeft", [member], turn), { left: gone });
}

/** Agents go with their owner. */
const goneWith = (room: Room, member: string): readonly string[] =>
  isUser(member) ? [member, ...room.agents.filter((agent) => ownerOf(agent) === member)] : [member];

const leftEvents = (gone: readonly string[], member: string, by: string, atMs: number): readonly RoomEvent[] =>
  gone.map((one) => ({ type: "left", member: one, atMs, by, ...(one !== member && { with: member }) }));

/** Nobody chose that this member goes: a room whose last owner goes so gets a new one. */
function lostEvents(room: Room, member: string, by: string, atMs: number): readonly RoomEvent[] {
  const events = leftEvents(goneWith(room, member), member, by, atMs);
  const heir = roleOf(room, member) === "owner" ? heirOf(room, member) : undefined;
  return heir === undefined ? events : [...events, { type: "roleSet", member: heir, role: "owner", by }];
}

/** The next owner of the room when `owner` is gone: nobody new if another owner stays, else the longest-standing
 *  moderator or member. */
function heirOf(room: Room, owner: string): string | undefined {
  const others = allEntries(room.members).filter(([principal]) => isUser(principal) && principal !== owner);
  if (others.some(([, { role }]) => role === "owner")) return undefined;
  const [heir] = others.toSorted(
    ([nameA, a], [nameB, b]) =>
      rankOf(b.role) - rankOf(a.role) || a.joinedAtMs - b.joinedAtMs || (nameA < nameB ? -1 : 1),
  );
  return heir?.[0];
}

/** Sets a rank. Owners do; one owner always stays. Errors: FORBIDDEN, NOT_FOUND, LAST_OWNER, CHANGED_MEANWHILE. */
function setRole(room: Room, { member, role, seen }: Of<"setRole">, turn: Turn): Effects {
  if (!hasByRank(room, turn.from, "room.rank"))
    return [refuse("FORBIDDEN", { reason: "only owners can change roles" })];
  const target = entryOf(room.members, member);
  if (target === undefined) return [refuse("NOT_FOUND", { member })];
  if (target.role === role) return [reply(viewOf(room, turn))];
  if (seen !== undefined && seen !== target.role) return [refuse("CHANGED_MEANWHILE", { member, now: target.role })];
  if (!isUser(member))
    return [refuse("FORBIDDEN", { reason: "an agent can only be a member, not a moderator or owner" })];
  const owners = allEntries(room.members).filter(([, other]) => other.role === "owner");
  if (target.role === "owner" && owners.length === 1) return [refuse("LAST_OWNER")];
  return change(room, turn, [{ type: "roleSet", member, role, by: turn.from }], []);
}

/** Sets title or topic: moderators do, not in direct rooms. Errors: FORBIDDEN, CHANGED_MEANWHILE. */
function rename(room: Room, command: Of<"setTitle"> | Of<"setTopic">, turn: Turn): Effects {
  if (!hasByRank(room, turn.from, "room.rename"))
    return [refuse("FORBIDDEN", { reason: "only moderators can change title and topic" })];
  if (room.archived === true) return [refuse("ROOM_ARCHIVED")];
  const muted = refuseMuted(room, turn);
  if (muted !== undefined) return muted;
  const event: RoomEvent =
    command.type === "setTitle"
      ? { type: "titled", title: command.title, by: turn.from }
      : { type: "topicSet", topic: command.topic, by: turn.from };
  const now = command.type === "setTitle" ? { ...room, title: command.title } : { ...room, topic: command.topic };
  if (now.title === room.title && now.topic === room.topic) return [reply(viewOf(room, turn))];
  const text = command.type === "setTitle" ? room.title : room.topic;
  if (command.seen !== undefined && command.seen !== text) return [refuse("CHANGED_MEANWHILE", { now: text })];
  return change(room, turn, [event], listing(now, turn));
}

/** What could not be delivered, for good. Somebody invited who does not exist, or whose list is full, goes again; so
 *  does an agent that was deleted. A person who came by themselves exists: the gateway has seen them. A mention that
 *  its agent did not take is refused in the room. */
export function undeliverable(
  room: Room,
  { to, message }: OutboxEntry,
  { code, details }: Failure,
  turn: Turn,
): Effects {
  const isMention = message.type === "mentioned";
  const waiting = details?.["waiting"];
  const refusal = { agent: to, code, ...(typeof waiting === "number" && { waiting }) };
  const asked = isMention ? room.asked?.find((one) => one.agent === to && one.seq === message["seq"]) : undefined;
  // Nobody has asked one that answers everything: it says nothing.
  const isUnasked = asked?.always === true;
  const unasked: Effects = isUnasked
    ? [persist({ type: "readMarked", member: "", seq: 0, unasked: { agent: to, seq: asked.seq } })]
    : [];
  const refused = isMention && !isUnasked ? [unansweredNow(room, message["seq"] as number, refusal, turn.nowMs)] : [];
  const member = entryOf(room.members, to);
  const isGone =
    (message.type === "roomJoined" && (code === "LIMIT_REACHED" || (code === "NOT_FOUND" && member?.invited))) ||
    (isMention && code === "NOT_FOUND");
  const lost = member !== undefined && isGone ? lostEvents(room, to, turn.self, turn.nowMs) : [];
  if (refused.length + lost.length === 0) return unasked;
  // Nobody is left to look after it: it must not stand in the list of rooms.
  const isLast = lost.length > 0 && isUser(to) && room.members.size === room.agents.length + 1;
  const rows = isLast && room.visibility === "public" ? [unlisted(turn)] : [];
  return [...unasked, ...eventEffects(room, turn, [...refused, ...lost], rows)];
}

/** What members ask about each other and about what the room is called. */
export const membershipHandlers = {
  leave,
  invite,
  remove,
  unban,
  bans: (room, _command, turn) => bans(room, turn),
  setRole,
  setTitle: rename,
  setTopic: rename,
} satisfies Partial<MemberHandlers>;
