/** Accounts, passwords and sessions. Only the gateway gets here: it has checked a password or a code. */
import {
  agoMs,
  defaultRole,
  firstFactors,
  holdsAt,
  identityOf,
  noDemands,
  proofState,
  signInState,
  wireLimits,
  type CommandOf,
  type Authenticated,
  type Credentials,
  type Fact,
  type PersonView,
  type Identity,
  type Session,
  type SignInsFailed,
  type UserEvent,
  type UserView,
  type userCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, type Mail } from "../outbox.ts";
import { carried, publishAll } from "../stream.ts";
import { claimMail } from "./contact.ts";
import type { Effects } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import {
  factorsOf,
  rolesOf,
  viewOf,
  type Account,
  type HeldIdentity,
  type HeldSession,
  type UserState,
} from "./state.ts";
import { storageAt } from "./storage.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Events that nodes of the version before do not know. */
const newer: ReadonlySet<UserEvent["type"]> = new Set([
  "sidebarSet",
  "laterSet",
  "savedSet",
  "draftSet",
  "notificationsSet",
]);

/** An event as it is persisted: what is newer than the version before travels with the profile. */
function foldable(state: UserState, event: UserEvent, { key }: Turn<UserNotes>): UserEvent {
  const { account } = state;
  if (account === null || !newer.has(event.type)) return event;
  const now = {
    ...account,
    ...(event.type === "sidebarSet" && { sidebar: event.sidebar }),
    ...(event.type === "notificationsSet" && { notifications: event.notifications }),
  };
  return carried<UserEvent>({ type: "profileSet", view: viewOf(state, now, key) }, event);
}

/** Events of this turn on the user's stream, without the answer. */
export function happen(
  state: UserState,
  turn: Turn<UserNotes>,
  events: readonly UserEvent[],
  mail: readonly Mail[] = [],
): Effects {
  const changes = events.map((event, index) => ({
    type: "happened" as const,
    at: state.head + 1 + index,
    event: foldable(state, event, turn),
    ...(index === 0 && mail.length > 0 && { mail }),
  }));
  return [
    ...changes.map((change) => persist(change)),
    ...publishAll(events.map((event, index) => ({ at: state.head + 1 + index, event }))),
    ...dispatch(state.outbox, mail, turn.self),
  ];
}

/** The user's row among all users, so that others find them. */
export const listing = (view: UserView, turn: Turn<UserNotes>): readonly Mail[] => [
  {
    to: "catalog/users",
    message: {
      type: "put",
      key: turn.key,
      title: view.displayName,
      detail: "",
      atMs: turn.nowMs,
      ...(view.avatar && { avatar: view.avatar.hash }),
    },
  },
];

/** A new account. Error: NAME_TAKEN. */
export function create(state: UserState, command: Of<"create">, turn: Turn<UserNotes>): Effects {
  // The name of a deleted account is nobody's: what was written under it would seem to be the next one's.
  if (state.account !== null || state.erasedAtMs !== undefined) return [refuse("NAME_TAKEN")];
  const { guest, passwordHash, identity } = command;
  const endsAtMs = guest?.lifeMs === undefined ? undefined : turn.nowMs + guest.lifeMs;
  const contact = command.contact && { ...command.contact, confirmedAtMs: turn.nowMs };
  const view: UserView = {
    user: turn.key,
    displayName: command.displayName ?? turn.key,
    admin: false,
    roles: [guest === undefined ? defaultRole : "guest"],
    theme: "system",
    agents: [],
    rooms: [],
    createdAtMs: turn.nowMs,
  };
  const at = state.head + 1;
  const event: UserEvent = { type: "profileSet", view };
  const mail = [
    ...listing(view, turn),
    ...(contact ? [claimMail("keep", contact)] : []),
    ...(identity ? identityMail("keep", identity) : []),
  ];
  return [
    persist({
      type: "created",
      at,
      event,
      ...(passwordHash !== undefined && { passwordHash }),
      ...(identity && { identity: { ...identity, linkedAtMs: turn.nowMs } }),
      ...(contact && { contact }),
      ...(endsAtMs !== undefined && { endsAtMs }),
      mail,
    }),
    ...publishAll([{ at, event }]),
    ...dispatch(state.outbox, mail, turn.self),
    ...(endsAtMs === undefined ? [] : [{ type: "remind" as const, id: guestReminder, dueMs: endsAtMs }]),
    reply(view),
  ];
}

const publicOf = ({ tokenHash: _tokenHash, provedAtMs: _provedAtMs, ...session }: HeldSession): Session => session;
/** When a key ends its person has said; a session holds for a time. */
const isValid = ({ kind, createdAtMs, expiresAtMs }: Session, nowMs: number): boolean =>
  expiresAtMs === undefined ||
  (kind === "key" ? expiresAtMs > nowMs : holdsAt(nowMs, expiresAtMs, expiresAtMs - createdAtMs));

/** The person's session of this id, if it is open. */
export const openSessionOf = (account: Account, id: string | undefined, nowMs: number): HeldSession | undefined =>
  account.sessions.find((one) => one.id === id && one.kind === "session" && isValid(one, nowMs));

/** How long ago its person proved who they are by the strongest factor of the account. One of before the account had
 *  that factor has not proven it. */
export const provedAgo = (account: Account, session: HeldSession, nowMs: number): number | undefined =>
  proofState(factorsOf(account), session.proofs ?? passwordAlone(session.createdAtMs)).type === "done"
    ? agoMs(nowMs, session.provedAtMs ?? session.createdAtMs)
    : undefined;

/** Sessions that still hold. */
export const validSessions = (account: Account, nowMs: number): readonly Session[] =>
  account.sessions.filter((session) => isValid(session, nowMs)).map(publicOf);

/** The account, for those who look after it. */
export function personView(state: UserState, account: Account, nowMs: number): PersonView {
  const { displayName, createdAtMs, suspended, deletion } = account;
  return {
    sessions: validSessions(account, nowMs),
    roles: rolesOf(state),
    displayName,
    createdAtMs,
    factors: factorsOf(account),
    ...(suspended === true && { suspended }),
    ...(deletion !== undefined && { deletesAtMs: deletion.atMs }),
    ...(account.stored && { storedBytes: storageAt(account, nowMs).bytes }),
  };
}

/** What a gateway has checked that does not say what. */
const passwordAlone = (nowMs: number): readonly Fact[] => [{ type: "password", atMs: nowMs }];

/** Opens a session or key. What the cluster demands beyond the account's own factors is the gateway's to know. Expired
 *  ones go first, then the oldest session; a key is never dropped for another, because a program depends on it. Errors:
 *  SIGN_IN_UNFINISHED, LIMIT_REACHED, NAME_TAKEN (the id is in use). */
export function openSession(
  state: UserState,
  account: Account,
  command: Of<"openSession">,
  turn: Turn<UserNotes>,
): Effects {
  const { id, kind, label, tokenHash, scopes, deviceHash, address } = command;
  // A key ends when its person has said. The end of a session comes from a gateway, whose clock may be ahead.
  const saidMs =
    kind === "session" && command.expiresAtMs !== undefined
      ? Math.min(command.expiresAtMs, turn.nowMs + limits.sessionLifeMsMax)
      : command.expiresAtMs;
  const ends = [saidMs, account.endsAtMs].filter((atMs) => atMs !== undefined);
  const expiresAtMs = ends.length > 0 ? Math.min(...ends) : undefined;
  const known = account.sessions.find((session) => session.id === id);
  if (known !== undefined) return known.tokenHash === tokenHash ? [reply(publicOf(known))] : [refuse("NAME_TAKEN")];
  if (isOut(account, turn.nowMs) || (account.deletion !== undefined && kind === "key")) return [refuse("SUSPENDED")];
  const proven = kind === "session" ? (command.proofs ?? passwordAlone(turn.nowMs)) : [];
  const proof = kind === "session" ? signInState(factorsOf(account), noDemands, proven) : undefined;
  if (proof !== undefined && proof.type !== "done") return [refuse("SIGN_IN_UNFINISHED", { needs: proof.of })];
  const expired = account.sessions.filter((session) => !isValid(session, turn.nowMs));
  const rivals = account.sessions.filter((session) => session.kind === kind && isValid(session, turn.nowMs));
  if (kind === "key" && rivals.length >= wireLimits.apiKeysPerUserMax)
    return [refuse("LIMIT_REACHED", { limit: "apiKeysPerUserMax" })];
  // Rivals stand in the order they were opened.
  const dropped = rivals.slice(0, Math.max(0, rivals.length + 1 - wireLimits.sessionsPerUserMax));
  const revoked = [...expired, ...dropped].map((session) => ({ type: "sessionRevoked" as const, id: session.id }));
  const session: Session = {
    id,
    kind,
    label,
    createdAtMs: turn.nowMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(scopes !== undefined && { scopes }),
    ...(address !== undefined && { address }),
    ...(proof !== undefined && { proofs: proof.proofs }),
  };
  const at = state.head + revoked.length + 1;
  const event: UserEvent = { type: "sessionOpened", session };
  return [
    // A person who comes back before the time wants to stay.
    ...(account.deletion === undefined ? [] : callOff()),
    ...happen(state, turn, revoked),
    persist({ type: "sessionOpened", at, event, tokenHash, ...(deviceHash !== undefined && { deviceHash }) }),
    ...publishAll([{ at, event }]),
    reply(session),
  ];
}

/** Reminder of a deletion, and of the end of a guest's time. */
export const deletionReminder = "deletion";
export const guestReminder = "guest";

/** A deletion is called off. */
export const callOff = (): Effects => [
  persist({ type: "factorSet", set: { deletion: null } }),
  { type: "forget", id: deletionReminder },
];

/** Nobody comes in: the account is suspended, an admin has it deleted, or a guest's time is over. */
export const isOut = ({ suspended, deletion, endsAtMs }: Account, nowMs: number): boolean =>
  suspended === true || deletion?.byAdmin === true || (endsAtMs !== undefined && endsAtMs <= nowMs);

/** Answers with the holder of this token. Error: UNAUTHENTICATED, whether it is unknown, revoked or expired. */
export function authenticate(state: UserState, tokenHash: string, turn: Turn<UserNotes>): Effects {
  return authenticated(
    state,
    state.account?.sessions.find((held) => held.tokenHash === tokenHash),
    turn,
  );
}

/** The same of a session by its id: a gateway has verified a short-lived token that names it. Error:
 *  UNAUTHENTICATED. */
export function authenticateSession(state: UserState, id: string, turn: Turn<UserNotes>): Effects {
  return authenticated(
    state,
    state.account?.sessions.find((held) => held.id === id),
    turn,
  );
}

function authenticated(state: UserState, session: HeldSession | undefined, turn: Turn<UserNotes>): Effects {
  if (state.account === null || session === undefined || !isValid(session, turn.nowMs))
    return [refuse("UNAUTHENTICATED")];
  const provedAgoMs = session.kind === "session" ? provedAgo(state.account, session, turn.nowMs) : undefined;
  const answer: Authenticated = {
    user: turn.key,
    admin: state.admin,
    session: session.id,
    kind: session.kind,
    roles: rolesOf(state),
    ...(session.scopes !== undefined && { scopes: session.scopes }),
    ...(session.kind === "key" && isUseDue(session, turn.nowMs) && { useDue: true }),
    ...(session.expiresAtMs !== undefined && { expiresAtMs: session.expiresAtMs }),
    ...(state.account.status && { status: state.account.status }),
    usedAgoMs: agoMs(turn.nowMs, session.usedAtMs ?? session.createdAtMs),
    // A session is opened with proofs; a key is not.
    ...(provedAgoMs !== undefined && { provedAgoMs }),
  };
  return [reply(answer)];
}

/** Its person has proved again who it is, by the strongest factor there is. Errors: NOT_FOUND, SIGN_IN_UNFINISHED. */
export function confirmSession(account: Account, command: Of<"confirmSession">, turn: Turn<UserNotes>): Effects {
  const { id, proofs = passwordAlone(turn.nowMs) } = command;
  if (openSessionOf(account, id, turn.nowMs) === undefined) return [refuse("NOT_FOUND", { id })];
  const proof = proofState(factorsOf(account), proofs);
  if (proof.type !== "done") return [refuse("SIGN_IN_UNFINISHED", { needs: proof.of })];
  return [persist({ type: "sessionConfirmed", id, atMs: turn.nowMs, proofs: proof.proofs }), reply({})];
}

/** Notes that a session is in use: a write, so only where the last one is old. */
export function sessionUsed(account: Account, command: Of<"sessionUsed">, turn: Turn<UserNotes>): Effects {
  const { id, address } = command;
  const held = account.sessions.find((one) => one.id === id);
  const isNews = held !== undefined && agoMs(turn.nowMs, held.usedAtMs ?? held.createdAtMs) >= wireLimits.sessionUsedMs;
  return isNews
    ? [persist({ type: "sessionUsed", id, atMs: turn.nowMs, ...(address && { address }) }), reply({})]
    : [reply({})];
}

/** Writing each use down would cost a program's every request an append. */
const isUseDue = ({ usedAtMs }: Session, nowMs: number): boolean =>
  usedAtMs === undefined || agoMs(nowMs, usedAtMs) >= limits.keyUseNotedMs;

/** An API key was used. */
export function keyUsed(account: Account, id: string, turn: Turn<UserNotes>): Effects {
  const held = account.sessions.find((one) => one.id === id && one.kind === "key");
  if (held === undefined || !isUseDue(held, turn.nowMs)) return [reply({})];
  return [persist({ type: "keyUsed", id, atMs: turn.nowMs }), reply({})];
}

/** What a password is checked against, and whether the device is known. */
export function credentials(
  state: UserState,
  account: Account,
  command: Of<"credentials">,
  turn: Turn<UserNotes>,
): Effects {
  const { deviceHash } = command;
  const known = deviceHash !== undefined && (account.devices ?? []).includes(deviceHash);
  const { passwordHash, totp, totpBegun, passkeys } = account;
  const suspended = isOut(account, turn.nowMs);
  const factors = factorsOf(account);
  const answer: Credentials = {
    user: turn.key,
    ...(passwordHash && { passwordHash }),
    admin: state.admin,
    known,
    factors,
    ...(suspended && { suspended }),
    ...(totp && { totp: totp.sealed }),
    ...(totpBegun !== undefined && { totpBegun }),
    ...(passkeys && { passkeys }),
    ...(account.linkUsedAtMs !== undefined && { linkUsedAgoMs: Math.max(0, turn.nowMs - account.linkUsedAtMs) }),
  };
  return [reply(answer)];
}

/** Somebody tries passwords: the person is told, on all devices. */
export function signInsFailed(
  state: UserState,
  account: Account,
  { count }: Of<"signInsFailed">,
  turn: Turn<UserNotes>,
): Effects {
  const known = account.signInsFailed;
  const before = known !== undefined && turn.nowMs - known.lastAtMs < limits.signInsFailedKeptMs ? known : undefined;
  const failed: SignInsFailed = {
    count: count + (before?.count ?? 0),
    firstAtMs: before?.firstAtMs ?? turn.nowMs,
    lastAtMs: turn.nowMs,
  };
  const view = { ...viewOf(state, account, turn.key), signInsFailed: failed };
  return [...happen(state, turn, [{ type: "profileSet", view }]), reply({})];
}

/** Replaces the password. A person who had the old one must not stay: all other sessions and keys end. */
export function setPassword(
  state: UserState,
  account: Account,
  command: Of<"setPassword">,
  turn: Turn<UserNotes>,
): Effects {
  const ended = account.sessions.filter(({ id }) => id !== command.keepSession);
  const events = ended.map(({ id }) => ({ type: "sessionRevoked" as const, id }));
  return [
    persist({
      type: "passwordSet",
      passwordHash: command.passwordHash,
      ...(command.deviceHash !== undefined && { deviceHash: command.deviceHash }),
    }),
    ...happen(state, turn, events),
    reply({}),
  ];
}

/** Ends one session, or all. Error: NOT_FOUND. */
export function endSession(state: UserState, account: Account, id: string | undefined, turn: Turn<UserNotes>): Effects {
  if (id !== undefined) return revokeSession(state, account, id, turn);
  const events = account.sessions.map((session) => ({ type: "sessionRevoked" as const, id: session.id }));
  return [...happen(state, turn, events), reply({})];
}

/** To the claim of an identity. One that was linked by an older version has none. */
export const identityMail = (type: "keep" | "release", { claim }: Pick<Identity, "claim">): readonly Mail[] =>
  claim === undefined ? [] : [claimMail(type, { claim })];

/** Lets an identity of another server in. Error: LIMIT_REACHED. */
export function linkIdentity(
  state: UserState,
  account: Account,
  { type: _type, shown: _shown, ...identity }: Of<"linkIdentity">,
  turn: Turn<UserNotes>,
): Effects {
  const { identities = [] } = account;
  const held = identities.find((one) => identityOf(one) === identityOf(identity));
  // Linked again by its person, it counts as the server is now.
  if (held !== undefined)
    return held.vouched === identity.vouched ? [reply({})] : [...vouched(held, identity.vouched), reply({})];
  if (identities.length >= wireLimits.identitiesPerUserMax)
    return [refuse("LIMIT_REACHED", { limit: "identitiesPerUserMax" })];
  const mail = identityMail("keep", identity);
  return [
    persist({ type: "identityLinked", identity: { ...identity, linkedAtMs: turn.nowMs }, mail }),
    ...dispatch(state.outbox, mail, turn.self),
    reply({}),
  ];
}

/** The link is as the server is set now. `linkUsedAtMs`: by somebody else. */
const vouched = (held: HeldIdentity, as: string | undefined, linkUsedAtMs?: number): Effects => [
  persist({ type: "identityUnlinked", issuer: held.issuer, subject: held.subject }),
  persist({
    type: "identityLinked",
    identity: { ...held, ...(as !== undefined && { vouched: as }) },
    ...(linkUsedAtMs !== undefined && { linkUsedAtMs }),
  }),
];

/** Somebody comes in by it. Errors: NOT_FOUND; FORBIDDEN: the server was set anew by somebody who may not let this
 *  person in. */
export function vouchIdentity(account: Account, message: Of<"vouchIdentity">, { nowMs }: Turn<UserNotes>): Effects {
  const held = account.identities?.find((one) => identityOf(one) === identityOf(message));
  if (held === undefined) return [refuse("NOT_FOUND")];
  if (held.vouched === message.vouched) return [reply({})];
  const isOwn = message.by === "own" || (message.by === "unknown" && held.vouched === undefined);
  if (!isOwn && message.by !== "others")
    return [
      refuse("FORBIDDEN", {
        reason:
          "this way to sign in was changed by somebody with fewer rights than this account: sign in another " +
          "way and link it again, or ask the operator of the node to set it up",
      }),
    ];
  return [...vouched(held, message.vouched, isOwn ? undefined : nowMs), reply({})];
}

/** Takes it away again. Errors: NOT_FOUND; FORBIDDEN: nothing else lets the person in. */
export function unlinkIdentity(
  state: UserState,
  account: Account,
  { issuer, subject }: Of<"unlinkIdentity">,
  turn: Turn<UserNotes>,
): Effects {
  const { identities = [] } = account;
  const held = identities.find((one) => identityOf(one) === identityOf({ issuer, subject }));
  if (held === undefined) return [refuse("NOT_FOUND")];
  const left = identities.filter((one) => one !== held);
  if (firstFactors(factorsOf({ ...account, identities: left }), noDemands).length === 0)
    return [
      refuse("FORBIDDEN", {
        reason: "without this you could not sign in any more: set a password or add a passkey first",
      }),
    ];
  const mail = identityMail("release", held);
  return [
    persist({ type: "identityUnlinked", issuer, subject, mail }),
    ...dispatch(state.outbox, mail, turn.self),
    reply({}),
  ];
}

/** Ends one session. Error: NOT_FOUND. */
export function revokeSession(state: UserState, account: Account, id: string, turn: Turn<UserNotes>): Effects {
  if (!account.sessions.some((session) => session.id === id)) return [refuse("NOT_FOUND", { id })];
  return [...happen(state, turn, [{ type: "sessionRevoked", id }]), reply({})];
}
