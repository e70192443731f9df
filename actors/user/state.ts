/** A user's state and how events change it. */
import {
  defaultRole,
  identityOf,
  unreachable,
  wireLimits,
  type ActorId,
  type Avatar,
  type DigestMark,
  type DigestSent,
  type Fact,
  type Factors,
  type Identity,
  type Later,
  type MailDigest,
  type Notice,
  type Passkey,
  type PersonAbout,
  type PersonStatus,
  type PushDevice,
  type PushPlace,
  type SavedMessage,
  type SharedLink,
  type Session,
  type LinkPreviewChoice,
  type NotificationRules,
  type Sidebar,
  type SignInsFailed,
  type UnsentText,
  type UserEvent,
  type UserView,
} from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { deliver, emptyOutbox, enqueue, type Delivered, type Mail, type Outbox } from "../outbox.ts";
import { evolveStorage, type StorageChange, type StorageOfPerson } from "./storage-state.ts";
import { allEvents, eventRecords, heard, type Positioned } from "../stream.ts";

/** A session with the hash of its token. Only the hash was ever here. */
export interface HeldSession extends Session {
  readonly tokenHash: string;
  /** When its person last proved again who it is. Absent: when it was opened. */
  readonly provedAtMs?: number;
}

/** An agent of the user. `creating` and `deleting` last until the agent has answered. */
interface HeldAgent {
  readonly agent: string;
  readonly status: "creating" | "active" | "deleting";
  /** The operation that asked for it: the same one, repeated, gets the same answer. */
  readonly operation: string | null;
}

/** An identity of another server that lets the person in. */
export interface HeldIdentity extends Identity {
  readonly linkedAtMs: number;
}

/** One-time codes. */
interface HeldTotp {
  readonly sealed: string;
  readonly sinceMs: number;
  /** The newest step of time whose code was used: none of it, nor of an earlier one, is taken again. */
  readonly step: number;
}

/** A passkey, and when it came and was last used. */
interface HeldPasskey extends Passkey {
  readonly addedAtMs: number;
  readonly usedAtMs?: number;
}

/** A mail address that the person reads, with the key of its claim. */
export interface Contact {
  readonly address: string;
  readonly claim: string;
  readonly confirmedAtMs: number;
}

/** A link's secret, and until when it holds. */
interface Link {
  readonly secretHash: string;
  readonly untilMs: number;
}

/** Something for later; `entry`: the outbox has it under this number. `tries`: so often a room in slow mode let it
 *  wait. */
export interface HeldLater extends Later {
  readonly tries?: number;
  readonly entry?: number;
}

/** A browser that takes notices, and the session in which it was added. */
export type HeldPush = PushDevice & PushPlace & { readonly session: string };

/** Mail of what was missed. `before`: up to where was told before the last mail, until its outcome is known; `taken`:
 *  which mail that is. `refusals`: how many in a row the mail server refused for good, and to which address. */
export interface HeldDigest {
  readonly wants: MailDigest;
  readonly revision: number;
  readonly sinceMs: number;
  readonly told: readonly DigestMark[];
  readonly before?: readonly DigestMark[];
  readonly taken?: number;
  readonly refusals?: { readonly to: string; readonly count: number };
  readonly dueMs?: number;
  readonly last?: DigestSent;
}

/** A read-only link, by the hash of its secret. Rows of a version before have a title, too: nobody reads it. */
export interface HeldShared extends Omit<SharedLink, "title"> {
  readonly hash: string;
}

/** What exists once somebody signed up. */
export interface Account {
  readonly displayName: string;
  readonly theme: UserView["theme"];
  /** Absent: the account has none. */
  readonly passwordHash?: string;
  readonly createdAtMs: number;
  /** Hashes of the secrets of devices that somebody signed in on, the newest last. A client with one is not slowed by
   *  what strangers guess. Absent in what an older version wrote. */
  readonly devices?: readonly string[];
  readonly signInsFailed?: SignInsFailed;
  readonly identities?: readonly HeldIdentity[];
  readonly totp?: HeldTotp;
  /** The sealed seed of one-time codes that are being set up. */
  readonly totpBegun?: string;
  /** Hashes of the recovery codes that are left. */
  readonly recovery?: readonly string[];
  readonly passkeys?: readonly HeldPasskey[];
  /** By whose secret, and until when, the password may be set anew. */
  readonly reset?: Link;
  /** The same by mail, the newest last. */
  readonly mailResets?: readonly Link[];
  readonly contact?: Contact;
  /** A mail address that is not confirmed yet. */
  readonly contactBegun?: Omit<Contact, "confirmedAtMs"> & Link;
  readonly suspended?: boolean;
  /** When the account will be deleted. */
  readonly deletion?: { readonly atMs: number; readonly byAdmin: boolean };
  /** Of a guest: when the account ends by itself. */
  readonly endsAtMs?: number;
  readonly avatar?: Avatar;
  readonly status?: PersonStatus;
  /** What the person tells of themselves. Absent: nothing. */
  readonly about?: PersonAbout;
  readonly notices?: readonly Notice[];
  readonly sidebar?: Sidebar;
  readonly notifications?: NotificationRules;
  readonly linkPreviews?: LinkPreviewChoice;
  /** What is sent or reminded of later. Absent: there was never anything. */
  readonly later?: readonly HeldLater[];
  /** How many there ever were. */
  readonly laterIds?: number;
  /** Read-only links to conversations with agents, the newest last; some may have ended. */
  readonly shared?: readonly HeldShared[];
  /** Messages that are saved for later, the newest last. */
  readonly saved?: readonly SavedMessage[];
  /** What is begun and not sent, the newest last. */
  readonly drafts?: readonly UnsentText[];
  /** The highest revision of a draft that there was, or of one that was emptied. */
  readonly draftsHead?: number;
  /** Browsers that take notices while their page is closed, the newest last. */
  readonly pushes?: readonly HeldPush[];
  /** Mail of what was missed. Absent: the person has never asked for any. */
  readonly digest?: HeldDigest;
  /** What the person keeps in files. Absent: nothing, as far as rooms have told. */
  readonly stored?: StorageOfPerson;
  /** When somebody came in by what may have been made by somebody else: a link for the password, a server that was set
   *  since. */
  readonly linkUsedAtMs?: number;
  readonly sessions: readonly HeldSession[];
  readonly agents: readonly HeldAgent[];
  readonly rooms: readonly string[];
  /** Those of the rooms that somebody else brought the user into. */
  readonly invited: readonly string[];
  readonly deletions: readonly { readonly agent: string; readonly operation: string }[];
}

/** What a user is; `account` is null until somebody signs up. */
export interface UserState {
  readonly head: number;
  readonly outbox: Outbox;
  readonly admin: boolean;
  /** Roles of the cluster, as the role-manager said last. Absent in what an older version wrote: `admin` says it. */
  readonly roles?: readonly string[];
  readonly account: Account | null;
  /** When the account was deleted: the name is nobody's any more. */
  readonly erasedAtMs?: number;
}

/** The roles of the cluster that a user has. */
export const rolesOf = ({ roles, admin }: Pick<UserState, "roles" | "admin">): readonly string[] =>
  roles ?? (admin ? ["admin"] : [defaultRole]);

/** What changes of the factors. `factorSet` leaves what it does not name, and takes away what is null. */
export type FactorChange =
  | {
      readonly type: "factorSet";
      readonly set: FactorSet;
      readonly draft?: UnsentText;
      readonly storage?: StorageChange;
      readonly mail?: readonly Mail[];
    }
  | { readonly type: "passkeySet"; readonly passkey: HeldPasskey }
  | { readonly type: "passkeyRemoved"; readonly id: string };

type Settable = Pick<
  Account,
  | "totp"
  | "totpBegun"
  | "recovery"
  | "reset"
  | "mailResets"
  | "contact"
  | "contactBegun"
  | "suspended"
  | "deletion"
  | "endsAtMs"
  | "passwordHash"
  | "status"
  | "about"
  | "sidebar"
  | "notifications"
  | "linkPreviews"
  | "later"
  | "laterIds"
  | "saved"
  | "drafts"
  | "shared"
  | "pushes"
  | "digest"
>;
type FactorSet = { readonly [Name in keyof Settable]?: Settable[Name] | null };

type Streamed = Positioned<UserEvent> & { readonly mail?: readonly Mail[] };

/** What is persisted. Secrets stand beside the public event, never in it. */
export type UserChange =
  | ({
      readonly type: "created";
      readonly passwordHash?: string;
      readonly identity?: HeldIdentity;
      readonly contact?: Contact;
      readonly endsAtMs?: number;
    } & Streamed)
  | { readonly type: "erased"; readonly atMs: number; readonly mail: readonly Mail[] }
  | ({ readonly type: "sessionOpened"; readonly tokenHash: string; readonly deviceHash?: string } & Streamed)
  | ({ readonly type: "happened" } & Streamed)
  /** As it was written before `factorSet` had it: no node writes it. */
  | ({ readonly type: "laterSet"; readonly later?: HeldLater } & Streamed)
  | {
      readonly type: "passwordSet";
      readonly passwordHash: string;
      readonly deviceHash?: string;
      readonly linkUsedAtMs?: number;
    }
  | { readonly type: "keyUsed"; readonly id: string; readonly atMs: number }
  | { readonly type: "sessionConfirmed"; readonly id: string; readonly atMs: number; readonly proofs?: readonly Fact[] }
  | FactorChange
  | {
      readonly type: "identityLinked";
      readonly identity: HeldIdentity;
      readonly linkUsedAtMs?: number;
      readonly mail?: readonly Mail[];
    }
  | {
      readonly type: "identityUnlinked";
      readonly issuer: string;
      readonly subject: string;
      readonly mail?: readonly Mail[];
    }
  | { readonly type: "sessionUsed"; readonly id: string; readonly atMs: number; readonly address?: string }
  | {
      readonly type: "agentAsked";
      readonly agent: string;
      readonly status: "creating" | "deleting";
      readonly operation: string | null;
      readonly mail: readonly Mail[];
    }
  | { readonly type: "agentRefused"; readonly agent: string }
  | Delivered;

/** A user nobody has signed up as. */
export const initial: UserState = { head: 0, outbox: emptyOutbox, admin: false, account: null };

/** Folds one change into the state. */
export function evolve(state: UserState, change: UserChange): UserState {
  switch (change.type) {
    case "created":
    case "sessionOpened":
    case "happened": {
      const outbox = enqueue(state.outbox, change.mail);
      const event = heard(change.event);
      const { admin, roles }: Pick<UserState, "admin" | "roles"> = event.type === "profileSet" ? event.view : state;
      const account = evolveStreamed(state.account, change);
      return { ...state, head: change.at, outbox, admin, ...(roles !== undefined && { roles }), account };
    }
    case "laterSet":
      return evolveLater(state, change);
    case "erased": {
      const { head, outbox } = state;
      return { head, outbox: enqueue(outbox, change.mail), admin: false, account: null, erasedAtMs: change.atMs };
    }
    case "passwordSet":
      return withAccount(state, {
        passwordHash: change.passwordHash,
        devices: change.deviceHash === undefined ? [] : [change.deviceHash],
        ...(change.linkUsedAtMs !== undefined && { linkUsedAtMs: change.linkUsedAtMs }),
      });
    case "sessionConfirmed": {
      const { id, atMs, proofs } = change;
      return withSession(state, id, (held) => ({
        ...held,
        provedAtMs: atMs,
        ...(proofs && { proofs: provenBy([...(held.proofs ?? []), ...proofs]) }),
      }));
    }
    case "factorSet":
      return state.account === null ? state : evolveSet(state, state.account, change);
    case "passkeySet": {
      const others = state.account?.passkeys?.filter(({ id }) => id !== change.passkey.id) ?? [];
      return withAccount(state, { passkeys: [...others, change.passkey] });
    }
    case "passkeyRemoved":
      return withAccount(state, { passkeys: state.account?.passkeys?.filter(({ id }) => id !== change.id) ?? [] });
    case "identityLinked": {
      const { identity, linkUsedAtMs } = change;
      const identities = [...(state.account?.identities ?? []), identity];
      const linked = withAccount(state, { identities, ...(linkUsedAtMs !== undefined && { linkUsedAtMs }) });
      return { ...linked, outbox: enqueue(state.outbox, change.mail) };
    }
    case "identityUnlinked": {
      const identities = state.account?.identities?.filter((held) => identityOf(held) !== identityOf(change));
      const left = withAccount(state, { identities: identities ?? [] });
      return { ...left, outbox: enqueue(state.outbox, change.mail) };
    }
    case "sessionUsed":
    case "keyUsed": {
      const { id, atMs } = change;
      const from = change.type === "sessionUsed" && change.address !== undefined ? { usedFrom: change.address } : {};
      return withSession(state, id, (held) => ({ ...held, usedAtMs: atMs, ...from }));
    }
    case "agentAsked": {
      const { agent, status, operation } = change;
      const others = state.account?.agents.filter((held) => held.agent !== agent) ?? [];
      const asked = withAccount(state, { agents: [...others, { agent, status, operation }] });
      return { ...asked, outbox: enqueue(state.outbox, change.mail) };
    }
    case "agentRefused": {
      const agents = state.account?.agents.filter(({ agent }) => agent !== change.agent) ?? [];
      return withAccount(state, { agents });
    }
    case "delivered":
      return { ...state, outbox: deliver(state.outbox, change.id) };
    default:
      return unreachable(change);
  }
}

/** With what was set. */
function evolveSet(
  state: UserState,
  account: Account,
  { set, draft, storage, mail }: Extract<UserChange, { type: "factorSet" }>,
): UserState {
  const after = withSet(account, set);
  const written = draft === undefined ? after : withDraft(after, draft);
  const stored = storage && { stored: evolveStorage(account.stored, storage) };
  return { ...state, outbox: enqueue(state.outbox, mail), account: { ...written, ...stored } };
}

/** With what was set; null takes away. */
const withSet = (account: Account, set: Extract<UserChange, { type: "factorSet" }>["set"]): Account =>
  Object.fromEntries(
    Object.entries({ ...account, ...set }).filter(([, value]) => value !== null),
  ) as unknown as Account;

/** The newest proof of each factor. */
const provenBy = (proofs: readonly Fact[]): readonly Fact[] => [
  ...new Map(proofs.map((proof) => [proof.type, proof])).values(),
];

const withSession = (state: UserState, id: string, to: (held: HeldSession) => HeldSession): UserState =>
  withAccount(state, { sessions: state.account?.sessions.map((held) => (held.id === id ? to(held) : held)) ?? [] });

/** What the account can be proven by. */
export const factorsOf = ({ passwordHash, passkeys, totp, recovery, identities = [] }: Account): Factors => ({
  password: passwordHash !== undefined,
  passkeys: passkeys?.length ?? 0,
  totp: totp !== undefined,
  recovery: recovery?.length ?? 0,
  identities: identities.map(identityOf),
});

const withAccount = (state: UserState, change: Partial<Account>): UserState =>
  state.account === null ? state : { ...state, account: { ...state.account, ...change } };

function evolveLater(state: UserState, change: Extract<UserChange, { type: "laterSet" }>): UserState {
  const { event, later, at, mail } = change;
  const { account } = state;
  const kept = (account?.later ?? []).filter(({ id }) => event.type !== "laterSet" || id !== event.id);
  const laterIds = Math.max(account?.laterIds ?? 0, later?.id ?? 0);
  const after = withAccount(state, { later: later === undefined ? kept : [...kept, later], laterIds });
  return { ...after, head: at, outbox: enqueue(state.outbox, mail) };
}

/** What it is about stands in the account by a change of its own. */
const isToldAlone = (
  event: UserEvent,
): event is Extract<UserEvent, { readonly type: "laterSet" | "savedSet" | "draftSet" | "notificationsSet" }> =>
  ["laterSet", "savedSet", "draftSet", "notificationsSet"].includes(event.type);

/** A new account. */
function createdAs(change: Extract<UserChange, { type: "created" }>, view: UserView): Account {
  const { displayName, theme, createdAtMs } = view;
  const empty = { sessions: [], agents: [], rooms: [], invited: [], deletions: [] };
  const { passwordHash, identity, contact, endsAtMs } = change;
  return {
    displayName,
    theme,
    createdAtMs,
    ...(passwordHash !== undefined && { passwordHash }),
    ...(identity && { identities: [identity] }),
    ...(contact && { contact }),
    ...(endsAtMs !== undefined && { endsAtMs }),
    ...empty,
  };
}

function evolveStreamed(
  account: Account | null,
  change: Extract<UserChange, { type: "created" | "sessionOpened" | "happened" }>,
): Account | null {
  const event = heard(change.event);
  if (change.type === "created" && event.type === "profileSet") return createdAs(change, event.view);
  if (account === null || isToldAlone(event)) return account;
  if (event.type === "sidebarSet") return { ...account, sidebar: event.sidebar };
  switch (event.type) {
    case "profileSet": {
      // A node of a version before does not name the status: without one it stays. `factorSet` takes it away.
      const { avatar: _replaced, ...kept } = account;
      return {
        ...kept,
        ...(event.view.avatar && { avatar: event.view.avatar }),
        ...(event.view.status && { status: event.view.status }),
        displayName: event.view.displayName,
        theme: event.view.theme,
        ...(event.view.signInsFailed && { signInsFailed: event.view.signInsFailed }),
      };
    }
    case "roomJoined":
      return {
        ...account,
        rooms: [...account.rooms, event.room],
        invited: event.by === undefined ? account.invited : [...account.invited, event.room],
      };
    case "roomLeft":
      return {
        ...account,
        rooms: account.rooms.filter((room) => room !== event.room),
        invited: account.invited.filter((room) => room !== event.room),
        ...withoutDrafts(account, `room/${event.room}`),
      };
    case "agentCreated":
      return {
        ...account,
        agents: account.agents.map((held) => (held.agent === event.agent ? { ...held, status: "active" } : held)),
      };
    case "agentDeleted":
      return withoutAgent(account, event.agent);
    case "sessionOpened":
      return change.type === "sessionOpened"
        ? {
            ...account,
            sessions: [...account.sessions, { ...event.session, tokenHash: change.tokenHash }],
            devices: withDevice(account.devices ?? [], change.deviceHash),
          }
        : account;
    case "noticed":
      return { ...account, notices: withNotice(account.notices ?? [], event.notice) };
    case "sessionRevoked":
      return { ...account, sessions: account.sessions.filter(({ id }) => id !== event.id) };
    default:
      return unreachable(event);
  }
}

/** The device is the newest; beyond the bound the one that was used longest ago is known no more. */
const withDevice = (devices: readonly string[], device: string | undefined): readonly string[] =>
  device === undefined
    ? devices
    : [...devices.filter((known) => known !== device), device].slice(-wireLimits.devicesPerUserMax);

function withoutAgent(account: Account, agent: string): Account {
  const operation = account.agents.find((held) => held.agent === agent)?.operation ?? null;
  const deletions = operation === null ? account.deletions : [...account.deletions, { agent, operation }];
  return {
    ...account,
    agents: account.agents.filter((held) => held.agent !== agent),
    deletions: deletions.slice(-limits.deletionsKept),
    ...withoutDrafts(account, `agent/${agent}`),
  };
}

/** With a draft as it is now; an empty text takes it away. What is too old by then goes with it. */
function withDraft({ drafts = [], ...account }: Account, draft: UnsentText): Account {
  const others = drafts.filter(
    ({ place, revision }) => place !== draft.place && revision + limits.draftKeptMs > draft.revision,
  );
  const kept = draft.text === "" ? others : [...others, draft];
  return { ...account, ...(kept.length > 0 && { drafts: kept }), draftsHead: draft.revision };
}

/** Without what was begun in a room or with an agent: its threads and conversations are named behind it. */
function withoutDrafts({ drafts }: Account, of: string): Pick<Account, "drafts"> {
  if (drafts === undefined) return {};
  const isOf = (place: string): boolean =>
    place === of || place.startsWith(`${of}/`) || (of.startsWith("agent/") && place.startsWith(`${of}.`));
  return { drafts: drafts.filter(({ place }) => !isOf(place)) };
}

/** What a change does to the records. */
export function record(change: UserChange): readonly RecordOp[] {
  if (change.type === "erased") return [allEvents];
  return "event" in change ? eventRecords(change) : [];
}

/** The user as they see themselves. Agents that are still being created are not listed. */
export function viewOf(state: UserState, account: Account, key: string): UserView {
  const { displayName, theme, createdAtMs, rooms, signInsFailed, avatar, status, notices } = account;
  const { sidebar, notifications, linkPreviews } = account;
  const agents = account.agents.filter(({ status }) => status === "active").map(({ agent }) => agent);
  return {
    user: key,
    displayName,
    admin: state.admin,
    roles: rolesOf(state),
    theme,
    agents,
    rooms,
    createdAtMs,
    ...(signInsFailed && { signInsFailed }),
    ...(avatar && { avatar }),
    ...(status && { status }),
    ...(notices && { notices }),
    ...(sidebar && { sidebar }),
    ...(notifications && { notifications }),
    ...(linkPreviews && { linkPreviews }),
  };
}

/** The address of one of the user's agents. */
export const agentActor = (agent: string): ActorId => `agent/${agent}`;

/** The notices with one more. Warnings of rooms are kept apart, few and one of each room: they push no other out. */
function withNotice(before: readonly Notice[], notice: Notice): readonly Notice[] {
  const isWarning = ({ action }: Notice): boolean => action === "roomWarned";
  const same = before.filter((one) => isWarning(one) === isWarning(notice));
  const others = isWarning(notice) ? same.filter((one) => one.facts["room"] !== notice.facts["room"]) : same;
  const max = isWarning(notice) ? limits.noticesOfWarningsKept : limits.noticesKept;
  const kept = new Set(others.slice(1 - max));
  return [...before.filter((one) => isWarning(one) !== isWarning(notice) || kept.has(one)), notice];
}
