/** A user: account, sessions, agents and the list of rooms.
 *
 *  Three sorts of senders come here, each with its own commands: the gateway, which has checked a password or code;
 *  other actors that report a fact (rooms, the role-manager); and the user. Everybody else is refused.
 *
 *  Read `state.ts`, then `own.ts`, `sessions.ts`, `contact.ts`, `ending.ts`, `profile.ts`, `sidebar.ts`, `later.ts`,
 *  `saved.ts`, `storage.ts`, `notifications.ts`, `push.ts`, `digest.ts`, `agents.ts`, `rooms.ts`; `notes.ts` holds who
 *  waits for an answer. */
import {
  defaultRole,
  isAdminBy,
  maySend,
  isOwnRoom,
  wireLimits,
  userCommands,
  type CommandFrom,
  type CommandOf,
  type UserEvent,
  type FollowSignal,
  type ThreadSignal,
  type UserSignal,
} from "../../protocols/index.ts";
import { messageCheckOf, refuseSource } from "../message-check.ts";
import { handled } from "../handlers.ts";
import { persist, publish, refuse, reply, type Behavior, type Signal, type Turn } from "../behavior.ts";
import { restoreGap, outboxAfterRestore } from "../restored-numbers.ts";
import { actorLimits as limits } from "../limits.ts";
import { recoverOutbox, remindOutbox, settle } from "../outbox.ts";
import { resume, resumePage, type ResumeTag } from "../stream.ts";
import { createAgent, deleteAgent, onAgentAnswered, type DescribeTag } from "./agents.ts";
import { contactHandlers } from "./contact.ts";
import { digestHandlers, digestReminded, digestReminder, recoverDigest, wantsDigest } from "./digest.ts";
import { endingHandlers, endReminded } from "./ending.ts";
import { factorHandlers, factorsView, renamePasskey } from "./factors.ts";
import { laterHandlers, laterReminded, laterReminder, onLaterSent } from "./later.ts";
import { noNotes, type UserNote, type UserNotes } from "./notes.ts";
import { refuseOther } from "./own.ts";
import { aboutOf, cardOf, cardOfDeleted, setAbout, choiceOf, setAvatar, setProfile, setStatus } from "./profile.ts";
import { notificationHandlers } from "./notifications.ts";
import { pushHandlers, pushWatched } from "./push.ts";
import { draftHandlers, withoutConversation } from "./drafts.ts";
import { savedHandlers } from "./saved.ts";
import { sharedHandlers, sharedReminded, sharedReminder } from "./shared.ts";
import { setSidebar } from "./sidebar.ts";
import { agentStored, storageHandlers, storedIn } from "./storage.ts";
import { askRooms, onSummary, type SummaryTag } from "./rooms.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import {
  authenticate,
  authenticateSession,
  confirmSession,
  create,
  credentials,
  deletionReminder,
  endSession,
  guestReminder,
  happen,
  keyUsed,
  linkIdentity,
  openSession,
  revokeSession,
  sessionUsed,
  setPassword,
  signInsFailed,
  unlinkIdentity,
  vouchIdentity,
  personView,
  validSessions,
} from "./sessions.ts";
import { evolve, initial, record, rolesOf, viewOf, type Account, type UserChange, type UserState } from "./state.ts";

type Incoming = CommandOf<typeof userCommands>;
type Here = Turn<UserNotes>;

const roleManager = "role-manager/cluster";

/** The behavior of users. */
export const user: Behavior<UserState, Incoming, UserChange, UserNotes, UserNote> = {
  kind: "user",
  role: "chat",
  accepts: messageCheckOf(userCommands),
  initial: () => initial,
  decide,
  evolve,
  record,
  recover: (state, turn) => [
    ...recoverOutbox(state.outbox, turn.self),
    ...recoverDigest(state.account, turn),
    ...(hasPushes(state) ? [pushWatched] : []),
  ],
  // Somebody who is told while away is followed wherever their account comes up.
  pending: (state) => state.outbox.entries.length > 0 || hasPushes(state) || wantsDigest(state.account),
  blobs: ({ account }) => (account?.avatar === undefined ? [] : [account.avatar.hash]),
  restored,
  notes: { initial: () => noNotes, evolve: (notes, change) => ({ ...notes, ...change }) },
};

/** Some of its links to conversations may have been taken back since. */
function restored(state: UserState): UserState {
  const { shared: _shared, ...account } = state.account ?? {};
  return {
    ...state,
    ...(state.account !== null && { account: account as Account }),
    head: state.head + restoreGap,
    outbox: outboxAfterRestore(state.outbox),
  };
}

const hasPushes = ({ account }: UserState): boolean => (account?.pushes?.length ?? 0) > 0;

function decide(state: UserState, message: Incoming | Signal, turn: Here): Effects {
  const refusal = refuseSource(userCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  switch (message.type) {
    case "answered":
      return onAnswered(state, message, turn);
    case "records":
      return resumePage({ head: state.head, floor: 0 }, message.tag as ResumeTag, message.records);
    case "reminded":
      if (message.id === deletionReminder || message.id === guestReminder) return endReminded(state, message.id, turn);
      if (message.id === laterReminder && state.account !== null) return laterReminded(state, state.account, turn);
      if (message.id === sharedReminder) return sharedReminded(state.account, turn);
      if (message.id === digestReminder) return digestReminded(state.account, turn);
      return remindOutbox(state.outbox, message.id, turn.self);
    case "part":
    case "waits":
      return [];
    case "setAdmin":
      if (turn.from !== roleManager) return [refuse("FORBIDDEN")];
      return state.account === null ? [refuse("NOT_FOUND")] : setAdmin(state, state.account, message, turn);
    case "notify": {
      if (turn.from !== roleManager) return [refuse("FORBIDDEN")];
      if (state.account === null) return [refuse("NOT_FOUND")];
      const { action, facts, atMs } = message;
      return [...happen(state, turn, [{ type: "noticed", notice: { action, facts, atMs } }]), reply({})];
    }
    case "linkPreviews":
      return [state.account === null ? refuse("NOT_FOUND") : reply(choiceOf(state.account))];
    case "card":
      if (state.erasedAtMs !== undefined) return [reply(cardOfDeleted(turn.key))];
      return [state.account === null ? refuse("NOT_FOUND") : reply(cardOf(state.account, turn.key, turn.nowMs))];
    case "about":
      if (state.erasedAtMs !== undefined) return [reply({})];
      return [state.account === null ? refuse("NOT_FOUND") : reply(aboutOf(state, state.account))];
    case "conversationDropped":
      return state.account === null ? [refuse("NOT_FOUND")] : withoutConversation(state, state.account, message, turn);
    case "agentStored":
      if (turn.from !== `agent/${message.agent}` || message.agent.split(".")[0] !== turn.key)
        return [refuse("FORBIDDEN")];
      return state.account === null ? [refuse("NOT_FOUND")] : agentStored(state.account, message);
    case "roomWanted":
    case "roomJoined":
    case "roomLeft":
    case "roomWarned":
    case "roomRead":
    case "threadFollowed":
    case "storedIn":
      if (turn.from !== `room/${message.room}`) return [refuse("FORBIDDEN")];
      return state.account === null ? [refuse("NOT_FOUND")] : fromRoom(state, state.account, message, turn);
    default:
      if (isFromGateway(message)) return fromGateway(state, message, turn);
      if (turn.from !== turn.self && !(message.type === "describe" && turn.from === roleManager))
        return [refuse("FORBIDDEN")];
      return state.account === null
        ? [refuse("NOT_FOUND")]
        : handled(forUser, { state, account: state.account }, message, turn);
  }
}

type FromGateway = CommandFrom<typeof userCommands, "gateway">;
type FromRoom = Extract<
  Incoming,
  { type: "roomWanted" | "roomJoined" | "roomLeft" | "roomWarned" | "roomRead" | "threadFollowed" | "storedIn" }
>;

const isFromGateway = (message: Incoming): message is FromGateway =>
  Object.hasOwn(userCommands, message.type) && maySend(userCommands[message.type], "gateway");

/** Commands that are answered also where there is no account. */
type BeforeAccount = "create" | "authenticate" | "authenticateSession";

function fromGateway(state: UserState, message: FromGateway, turn: Here): Effects {
  if (message.type === "create") return create(state, message, turn);
  if (message.type === "authenticate") return authenticate(state, message.tokenHash, turn);
  if (message.type === "authenticateSession") return authenticateSession(state, message.id, turn);
  const { account } = state;
  if (account === null) return [refuse("NOT_FOUND")];
  return refuseOther(account, message, turn) ?? handled(forGateway, { state, account }, message, turn);
}

const forGateway: PersonHandlers<Exclude<FromGateway["type"], BeforeAccount>> = {
  ...contactHandlers,
  ...endingHandlers,
  ...factorHandlers,
  ...pushHandlers,
  ...digestHandlers,
  ...sharedHandlers,
  ...storageHandlers,
  openSession: ({ state, account }, message, turn) => openSession(state, account, message, turn),
  listSessions: ({ state, account }, _, turn) => [reply(personView(state, account, turn.nowMs))],
  endSession: ({ state, account }, { id }, turn) => endSession(state, account, id, turn),
  keyUsed: ({ account }, { id }, turn) => keyUsed(account, id, turn),
  confirmSession: ({ account }, message, turn) => confirmSession(account, message, turn),
  sessionUsed: ({ account }, message, turn) => sessionUsed(account, message, turn),
  linkIdentity: ({ state, account }, message, turn) => linkIdentity(state, account, message, turn),
  vouchIdentity: ({ account }, message, turn) => vouchIdentity(account, message, turn),
  unlinkIdentity: ({ state, account }, message, turn) => unlinkIdentity(state, account, message, turn),
  setPassword: ({ state, account }, message, turn) => setPassword(state, account, message, turn),
  signInsFailed: ({ state, account }, message, turn) => signInsFailed(state, account, message, turn),
  setAvatar: ({ state, account }, { type: _type, ...avatar }, turn) => setAvatar(state, account, avatar, turn),
  credentials: ({ state, account }, message, turn) => credentials(state, account, message, turn),
};

const forUser: PersonHandlers<
  Exclude<CommandFrom<typeof userCommands, "client" | "follower">["type"], "card" | "about">
> = {
  describe: ({ state, account }, _, turn) => [reply(viewOf(state, account, turn.key))],
  setProfile: ({ state, account }, message, turn) => setProfile(state, account, message, turn),
  setAbout: ({ state, account }, message) => setAbout(state, account, message),
  setStatus: ({ state, account }, message, turn) => setStatus(state, account, message, turn),
  setSidebar: ({ state, account }, message, turn) => setSidebar(state, account, message, turn),
  ...laterHandlers,
  ...notificationHandlers,
  ...savedHandlers,
  ...draftHandlers,
  removeAvatar: ({ state, account }, _, turn) => setAvatar(state, account, undefined, turn),
  sessions: ({ state, account }, _, turn) => [
    reply({
      sessions: validSessions(account, turn.nowMs),
      roles: rolesOf(state),
      ...(account.status && { status: account.status }),
    }),
  ],
  revokeSession: ({ state, account }, { id }, turn) => revokeSession(state, account, id, turn),
  factors: ({ account }) => [reply(factorsView(account))],
  renamePasskey: ({ account }, message) => renamePasskey(account, message),
  rooms: ({ account }, _, turn) => askRooms(account.rooms, turn),
  createAgent: ({ state, account }, message, turn) => createAgent(state, account, message, turn),
  deleteAgent: ({ state, account }, { agent }, turn) => deleteAgent(state, account, agent, turn),
  resume: ({ state, account }, { after }, turn) =>
    resume({ head: state.head, floor: 0 }, after, turn, () => viewOf(state, account, turn.key)),
};

/** An older role-manager says only whether the user is an admin; what else the user is stays. */
function setAdmin(
  state: UserState,
  account: Account,
  { admin, roles: told }: Extract<Incoming, { type: "setAdmin" }>,
  turn: Here,
): Effects {
  const held = rolesOf(state);
  const changed = admin
    ? [...held.filter((role) => role !== defaultRole), "admin"]
    : held.filter((role) => !isAdminBy([role]));
  const wanted = told ?? (admin === state.admin ? held : changed);
  const roles = wanted.length > 0 ? wanted : [defaultRole];
  if (state.admin === admin && state.roles !== undefined && roles.join() === state.roles.join()) return [reply({})];
  const view = { ...viewOf(state, account, turn.key), admin, roles };
  // A person who is no longer a guest stays.
  const stays = account.endsAtMs !== undefined && !roles.includes("guest");
  return [
    ...happen(state, turn, [{ type: "profileSet", view }]),
    ...(stays ? [persist({ type: "factorSet" as const, set: { endsAtMs: null } })] : []),
    reply({}),
  ];
}

function fromRoom(state: UserState, account: Account, message: FromRoom, turn: Here): Effects {
  if (message.type === "storedIn") return storedIn(account, message);
  const { type, room } = message;
  if (type === "roomRead") {
    const { seq, thread, unread, own } = message;
    const ofRoom: UserSignal = { type, room, seq, ...(unread && { unread }) };
    const signal: UserSignal | ThreadSignal =
      thread === undefined ? ofRoom : { type: "threadRead", in: room, of: thread, seq, ...(own && { own }) };
    return [publish(signal), reply({})];
  }
  if (type === "threadFollowed") {
    const signal: FollowSignal = { type, in: room, of: message.thread, follow: message.follow };
    return [publish(signal), reply({})];
  }
  if (type === "roomWarned") {
    const { id, by, atMs, reason } = message;
    // Of a room the newest is kept.
    const isTold = account.notices?.some(
      (one) => one.action === type && one.facts["room"] === room && (one.facts["id"] === id || one.atMs > atMs),
    );
    const notice = { action: type, facts: { id, room, by, reason }, atMs };
    return [...(isTold === true ? [] : happen(state, turn, [{ type: "noticed", notice }])), reply({})];
  }
  const isListed = account.rooms.includes(room);
  if (type === "roomLeft") return isListed ? [...happen(state, turn, [{ type, room }]), reply({})] : [reply({})];
  if (isListed) return [reply({})];
  // The room for files of agents takes nobody's place: a full list refuses no file.
  const counted = account.rooms.filter((one) => !isOwnRoom(one)).length;
  if (!isOwnRoom(room) && counted >= wireLimits.roomsPerUserMax)
    return [refuse("LIMIT_REACHED", { limit: "roomsPerUserMax" })];
  if (type === "roomWanted") return [reply({})];
  const inviter = message.by === turn.self ? undefined : message.by;
  // Strangers may not fill the list: places stay for the rooms that the user chooses.
  if (inviter !== undefined && account.invited.length >= limits.roomsByInvitationMax)
    return [refuse("LIMIT_REACHED", { limit: "roomsByInvitationMax" })];
  const event: UserEvent = { type, room, ...(inviter !== undefined && { by: inviter }) };
  return [...happen(state, turn, [event]), reply({})];
}

function onAnswered(state: UserState, signal: Extract<Signal, { type: "answered" }>, turn: Here): Effects {
  const tag = signal.tag as SummaryTag | DescribeTag | undefined;
  if (tag?.type === "summary") return onSummary(state.account?.rooms ?? [], tag, signal, turn);
  if (tag?.type === "describeAgent") {
    const { result } = signal;
    return [result.ok ? reply(result.value, tag.to) : refuse(result.error.code, result.error.details, tag.to)];
  }
  const settled = settle(state.outbox, signal, turn);
  if (settled === undefined) return [];
  const { account } = state;
  if (account === null) return settled.effects;
  const { entry, result } = settled;
  if (entry?.message.type === "keep" && !result.ok) return [...settled.effects, ...onClaimLost(account, entry.to)];
  if (entry?.message.type === "post")
    return [...settled.effects, ...onLaterSent(state, account, { ...settled, entry }, turn)];
  return [...settled.effects, ...onAgentAnswered(state, settled, turn)];
}

/** Somebody else has the address or the identity: the claim was not kept in time. */
function onClaimLost({ contact, identities = [] }: Account, actor: string): Effects {
  if (actor === `claim/${contact?.claim}`) return [persist({ type: "factorSet", set: { contact: null } })];
  const lost = identities.find(({ claim }) => claim !== undefined && actor === `claim/${claim}`);
  return lost === undefined ? [] : [persist({ type: "identityUnlinked", issuer: lost.issuer, subject: lost.subject })];
}
