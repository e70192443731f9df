/** A user's state and how events change it. */
import {
  unreachable,
  wireLimits,
  type ActorId,
  type Avatar,
  type Notice,
  type Session,
  type SignInsFailed,
  type UserEvent,
  type UserView,
} from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { deliver, emptyOutbox, enqueue, type Delivered, type Mail, type Outbox } from "../outbox.ts";
import { eventRecords, type Positioned } from "../stream.ts";

/** A session with the hash of its token. Only the hash was ever here. */
export interface HeldSession extends Session {
  readonly tokenHash: string;
  /** When the password was last given again for it. Absent: when it was opened. */
  readonly provedAtMs?: number;
}

/** An agent of the user. `creating` and `deleting` last until the agent has answered. */
export interface HeldAgent {
  readonly agent: string;
  readonly status: "creating" | "active" | "deleting";
  /** The operation that asked for it: the same one, repeated, gets the same answer. */
  readonly operation: string | null;
}

/** What exists once somebody signed up. */
export interface Account {
  readonly displayName: string;
  readonly theme: UserView["theme"];
  readonly passwordHash: string;
  readonly createdAtMs: number;
  /** Hashes of the secrets of devices that somebody signed in on, the newest last. Who has one is not slowed by what
   *  strangers guess. Absent in what an older version wrote. */
  readonly devices?: readonly string[];
  readonly signInsFailed?: SignInsFailed;
  readonly avatar?: Avatar;
  readonly notices?: readonly Notice[];
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
  readonly account: Account | null;
}

type Streamed = Positioned<UserEvent> & { readonly mail?: readonly Mail[] };

/** What is persisted. Secrets stand beside the public event, never in it. */
export type UserChange =
  | ({ readonly type: "created"; readonly passwordHash: string } & Streamed)
  | ({ readonly type: "sessionOpened"; readonly tokenHash: string; readonly deviceHash?: string } & Streamed)
  | ({ readonly type: "happened" } & Streamed)
  | { readonly type: "passwordSet"; readonly passwordHash: string; readonly deviceHash?: string }
  | { readonly type: "sessionConfirmed"; readonly id: string; readonly atMs: number }
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
      const admin = change.event.type === "profileSet" ? change.event.view.admin : state.admin;
      return { head: change.at, outbox, admin, account: evolveStreamed(state.account, change) };
    }
    case "passwordSet":
      return withAccount(state, {
        passwordHash: change.passwordHash,
        devices: change.deviceHash === undefined ? [] : [change.deviceHash],
      });
    case "sessionConfirmed": {
      const { id, atMs } = change;
      const sessions = state.account?.sessions.map((held) => (held.id === id ? { ...held, provedAtMs: atMs } : held));
      return withAccount(state, { sessions: sessions ?? [] });
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

const withAccount = (state: UserState, change: Partial<Account>): UserState =>
  state.account === null ? state : { ...state, account: { ...state.account, ...change } };

function evolveStreamed(
  account: Account | null,
  change: Extract<UserChange, { type: "created" | "sessionOpened" | "happened" }>,
): Account | null {
  const { event } = change;
  if (change.type === "created" && event.type === "profileSet") {
    const { displayName, theme, createdAtMs } = event.view;
    const empty = { sessions: [], agents: [], rooms: [], invited: [], deletions: [] };
    return { displayName, theme, createdAtMs, passwordHash: change.passwordHash, ...empty };
  }
  if (account === null) return null;
  switch (event.type) {
    case "profileSet": {
      const { avatar: _replaced, ...kept } = account;
      return {
        ...kept,
        ...(event.view.avatar && { avatar: event.view.avatar }),
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
      return { ...account, notices: [...(account.notices ?? []), event.notice].slice(-limits.noticesKept) };
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
  };
}

/** What a change does to the records. */
export const record = (change: UserChange): readonly RecordOp[] => ("event" in change ? eventRecords(change) : []);

/** The user as they see themselves. Agents that are still being created are not listed. */
export function viewOf(state: UserState, account: Account, key: string): UserView {
  const { displayName, theme, createdAtMs, rooms, signInsFailed, avatar, notices } = account;
  const agents = account.agents.filter(({ status }) => status === "active").map(({ agent }) => agent);
  return {
    user: key,
    displayName,
    admin: state.admin,
    theme,
    agents,
    rooms,
    createdAtMs,
    ...(signInsFailed && { signInsFailed }),
    ...(avatar && { avatar }),
    ...(notices && { notices }),
  };
}

/** The address of one of the user's agents. */
export const agentActor = (agent: string): ActorId => `agent/${agent}`;
