/** Accounts, passwords and sessions. Only the gateway gets here: it has checked a password or a code. */
import {
  wireLimits,
  type CommandOf,
  type Authenticated,
  type Session,
  type SignInsFailed,
  type UserEvent,
  type UserView,
  type userCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, type Mail } from "../outbox.ts";
import { publishAll } from "../stream.ts";
import type { UserNote, UserNotes } from "./notes.ts";
import { viewOf, type Account, type HeldSession, type UserChange, type UserState } from "./state.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;
/** What a decision of a user is made of. */
export type Effects = readonly Effect<UserChange, UserNote>[];

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
    event,
    ...(index === 0 && mail.length > 0 && { mail }),
  }));
  return [
    ...changes.map((change) => persist(change)),
    ...publishAll(changes),
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
  if (state.account !== null) return [refuse("NAME_TAKEN")];
  const view: UserView = {
    user: turn.key,
    displayName: command.displayName ?? turn.key,
    admin: false,
    theme: "system",
    agents: [],
    rooms: [],
    createdAtMs: turn.nowMs,
  };
  const at = state.head + 1;
  const event: UserEvent = { type: "profileSet", view };
  const mail = listing(view, turn);
  const { passwordHash } = command;
  return [
    persist({ type: "created", at, event, passwordHash, mail }),
    ...publishAll([{ at, event }]),
    ...dispatch(state.outbox, mail, turn.self),
    reply(view),
  ];
}

const publicOf = ({ tokenHash: _tokenHash, provedAtMs: _provedAtMs, ...session }: HeldSession): Session => session;
const isValid = (session: Session, nowMs: number): boolean =>
  session.expiresAtMs === undefined || session.expiresAtMs > nowMs;

/** Sessions that still hold. */
export const validSessions = (account: Account, nowMs: number): readonly Session[] =>
  account.sessions.filter((session) => isValid(session, nowMs)).map(publicOf);

/** Opens a session or key. Expired ones go first, then the oldest session; a key is never dropped for another, because a
 *  program depends on it. Errors: LIMIT_REACHED, NAME_TAKEN (the id is in use). */
export function openSession(
  state: UserState,
  account: Account,
  command: Of<"openSession">,
  turn: Turn<UserNotes>,
): Effects {
  const { id, kind, label, tokenHash, expiresAtMs, deviceHash } = command;
  const known = account.sessions.find((session) => session.id === id);
  if (known !== undefined) return known.tokenHash === tokenHash ? [reply(publicOf(known))] : [refuse("NAME_TAKEN")];
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
  };
  const at = state.head + revoked.length + 1;
  const event: UserEvent = { type: "sessionOpened", session };
  return [
    ...happen(state, turn, revoked),
    persist({ type: "sessionOpened", at, event, tokenHash, ...(deviceHash !== undefined && { deviceHash }) }),
    ...publishAll([{ at, event }]),
    reply(session),
  ];
}

/** Who holds this token? Error: UNAUTHENTICATED, whether it is unknown, revoked or expired. */
export function authenticate(state: UserState, tokenHash: string, turn: Turn<UserNotes>): Effects {
  const session = state.account?.sessions.find((held) => held.tokenHash === tokenHash);
  if (session === undefined || !isValid(session, turn.nowMs)) return [refuse("UNAUTHENTICATED")];
  const answer: Authenticated = {
    user: turn.key,
    admin: state.admin,
    session: session.id,
    kind: session.kind,
    ...(session.expiresAtMs !== undefined && { expiresAtMs: session.expiresAtMs }),
    // A session is opened with the password; a key is not.
    ...(session.kind === "session" && {
      provedAgoMs: Math.max(0, turn.nowMs - (session.provedAtMs ?? session.createdAtMs)),
    }),
  };
  return [reply(answer)];
}

/** The password was given again. Error: NOT_FOUND. */
export function confirmSession(account: Account, id: string, turn: Turn<UserNotes>): Effects {
  const held = account.sessions.some((one) => one.id === id && one.kind === "session" && isValid(one, turn.nowMs));
  if (!held) return [refuse("NOT_FOUND", { id })];
  return [persist({ type: "sessionConfirmed", id, atMs: turn.nowMs }), reply({})];
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
  return [reply({ user: turn.key, passwordHash: account.passwordHash, admin: state.admin, known })];
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

/** Replaces the password. Whoever had the old one must not stay: all other sessions and keys end. */
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

/** Ends one session. Error: NOT_FOUND. */
export function revokeSession(state: UserState, account: Account, id: string, turn: Turn<UserNotes>): Effects {
  if (!account.sessions.some((session) => session.id === id)) return [refuse("NOT_FOUND", { id })];
  return [...happen(state, turn, [{ type: "sessionRevoked", id }]), reply({})];
}
