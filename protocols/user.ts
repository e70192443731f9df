import { Type, type Static } from "typebox";
import { wireLimits as limits } from "./limits.ts";
import { key, line, nothing, object, position, principal, resume, text, timeMs, userName } from "./schema.ts";
import type { RoomSummary } from "./room.ts";

const hash = Type.String({ minLength: 1, maxLength: 256 });
const sessionKind = Type.Union([Type.Literal("session"), Type.Literal("key")]);

/** Commands to a user. Those marked (gateway) are refused unless the gateway itself is the sender: it has checked a password or a code. */
export const userCommands = {
  /** (gateway) New account; `passwordHash` is argon2id in PHC form. Error: NAME_TAKEN. */
  create: object({ displayName: Type.Optional(line(limits.titleCharsMax)), passwordHash: hash }),
  /** (gateway) What sign-in needs to check a password. With the hash of a device's secret: whether somebody signed in there
   *  before. */
  credentials: object({ deviceHash: Type.Optional(hash) }),
  /** (gateway) Opens a session or an API key; only the token's hash arrives here. */
  openSession: object({
    id: key,
    kind: sessionKind,
    label: line(limits.labelCharsMax, 0),
    tokenHash: hash,
    expiresAtMs: Type.Optional(timeMs),
    /** The device is known from now on. */
    deviceHash: Type.Optional(hash),
  }),
  /** (gateway) Who holds this token? Errors: UNAUTHENTICATED. */
  authenticate: object({ tokenHash: hash }),
  /** (gateway) Replaces the password; `keepSession` survives, all other sessions end. No other device is known any more. */
  setPassword: object({
    passwordHash: hash,
    keepSession: Type.Optional(key),
    deviceHash: Type.Optional(hash),
  }),
  /** (gateway) So many tried to sign in and failed since it was said last. */
  signInsFailed: object({ count: Type.Integer({ minimum: 1 }) }),
  /** (role-manager) */
  setAdmin: object({ admin: Type.Boolean() }),
  describe: nothing,
  setProfile: object({
    displayName: Type.Optional(line(limits.titleCharsMax)),
    theme: Type.Optional(Type.Union([Type.Literal("system"), Type.Literal("light"), Type.Literal("dark")])),
  }),
  sessions: nothing,
  revokeSession: object({ id: key }),
  /** Rooms with unread counts, newest activity first. Rooms that do not answer in time come back in `unreachable`. */
  rooms: nothing,
  /** (room) Asked before the user's new room exists. Error: LIMIT_REACHED. */
  roomWanted: object({ room: key }),
  /** (room) Sent when a membership changed. `by` says who did it. */
  roomJoined: object({ room: key, by: Type.Optional(principal) }),
  roomLeft: object({ room: key }),
  /** (room) The user has read up to `seq`. */
  roomRead: object({ room: key, seq: position }),
  createAgent: object({
    name: userName,
    persona: Type.Optional(text(limits.personaCharsMax, 0)),
    model: Type.Optional(line(limits.modelCharsMax, 0)),
  }),
  deleteAgent: object({ agent: key }),
  resume,
} as const;

/** One signed-in device (`session`) or API key (`key`). */
export interface Session {
  readonly id: string;
  readonly kind: Static<typeof sessionKind>;
  readonly label: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
}

export interface UserView {
  readonly user: string;
  readonly displayName: string;
  readonly admin: boolean;
  readonly theme: "system" | "light" | "dark";
  readonly agents: readonly string[];
  readonly rooms: readonly string[];
  readonly createdAtMs: number;
  /** Tries to sign in that failed, told when they are many. An older node does not say. */
  readonly signInsFailed?: SignInsFailed;
}

/** Sign-ins that failed: how many in all, counted anew after a month without any. */
export interface SignInsFailed {
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Answer to `authenticate`. */
export interface Authenticated {
  readonly user: string;
  readonly admin: boolean;
  readonly session: string;
  readonly kind: Session["kind"];
  readonly expiresAtMs?: number;
}

export interface UserRooms {
  readonly rooms: readonly RoomSummary[];
  readonly unreachable: readonly string[];
}

/** Durable events of a user's own stream; only the user reads it. */
export type UserEvent =
  | { readonly type: "profileSet"; readonly view: UserView }
  /** `by` is there when somebody else brought the user in. */
  | { readonly type: "roomJoined"; readonly room: string; readonly by?: string }
  | { readonly type: "roomLeft"; readonly room: string }
  | { readonly type: "agentCreated"; readonly agent: string }
  | { readonly type: "agentDeleted"; readonly agent: string }
  | { readonly type: "sessionOpened"; readonly session: Session }
  | { readonly type: "sessionRevoked"; readonly id: string };

/** Best effort, on the user's own topic: the marker moved, perhaps on another device. */
export interface UserSignal {
  readonly type: "roomRead";
  readonly room: string;
  readonly seq: number;
}
