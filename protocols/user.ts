import { Type, type Static } from "typebox";
import type { AgentView } from "./agent.ts";
import { answer, command, follow } from "./command.ts";
import { wireLimits as limits } from "./limits.ts";
import {
  blobHash,
  key,
  line,
  nothing,
  object,
  position,
  principal,
  text,
  timeMs,
  userName,
  type Resumed,
} from "./schema.ts";
import { notice, type Notice } from "./notice.ts";
import type { RoomSummary } from "./room.ts";

const hash = Type.String({ minLength: 1, maxLength: 256 });
/** A picture of a person. Its bytes are a blob of this name (node/blobs). */
export const avatar = object({
  hash: blobHash,
  size: Type.Integer({ minimum: 1, maximum: limits.avatarBytesMax }),
  format: Type.Union([Type.Literal("png"), Type.Literal("jpeg"), Type.Literal("webp")]),
});
export type Avatar = Static<typeof avatar>;

const sessionKind = Type.Union([Type.Literal("session"), Type.Literal("key")]);

const byGateway = { from: ["gateway"], effect: "changes" } as const;
const byRoom = { from: ["actor"], result: nothing } as const;
const own = { from: ["client"], permission: "account.use" } as const;

/** Commands to a user. What only the gateway sends, it sends when it has checked a password or a code. */
export const userCommands = {
  /** `passwordHash` is argon2id in PHC form. Error: NAME_TAKEN. */
  create: command({
    ...byGateway,
    params: { displayName: Type.Optional(line(limits.titleCharsMax)), passwordHash: hash },
    result: answer<UserView>("UserView"),
    summary: "Makes the account",
  }),
  /** With the hash of a device's secret: whether somebody signed in there before. */
  credentials: command({
    ...byGateway,
    params: { deviceHash: Type.Optional(hash) },
    result: object({ user: userName, passwordHash: hash, admin: Type.Boolean(), known: Type.Boolean() }),
    effect: "reads",
    summary: "What is needed to check a password",
  }),
  /** Only the token's hash arrives here. */
  openSession: command({
    ...byGateway,
    params: {
      id: key,
      kind: sessionKind,
      label: line(limits.labelCharsMax, 0),
      tokenHash: hash,
      expiresAtMs: Type.Optional(timeMs),
      /** The device is known from now on. */
      deviceHash: Type.Optional(hash),
    },
    result: answer<Session>("Session"),
    summary: "Opens a session or an API key",
  }),
  /** Errors: UNAUTHENTICATED. */
  authenticate: command({
    ...byGateway,
    params: { tokenHash: hash },
    result: answer<Authenticated>("Authenticated"),
    effect: "reads",
    summary: "Who holds this token",
  }),
  /** The gateway has checked the password of the session's person again. Error: NOT_FOUND. */
  confirmSession: command({
    ...byGateway,
    params: { id: key },
    result: nothing,
    summary: "Says that the session has proved its password again",
  }),
  /** `keepSession` survives, all other sessions end. No other device is known any more. */
  setPassword: command({
    ...byGateway,
    params: { passwordHash: hash, keepSession: Type.Optional(key), deviceHash: Type.Optional(hash) },
    result: nothing,
    summary: "Replaces the password",
  }),
  signInsFailed: command({
    ...byGateway,
    params: { count: Type.Integer({ minimum: 1 }) },
    result: nothing,
    summary: "So many tried to sign in and failed since it was said last",
  }),
  /** Its bytes are stored. */
  setAvatar: command({
    ...byGateway,
    params: avatar.properties,
    result: answer<UserView>("UserView"),
    summary: "Replaces the picture",
  }),
  /** The role-manager sends it. */
  setAdmin: command({
    params: { admin: Type.Boolean() },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Makes the user an admin, or ends that",
  }),
  /** The role-manager sends it. */
  notify: command({
    params: notice.properties,
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells the user news of the cluster that concern them",
  }),
  /** The role-manager asks, too. */
  describe: command({
    ...own,
    from: ["client", "actor"],
    params: {},
    result: answer<UserView>("UserView"),
    effect: "reads",
    summary: "The caller's account",
  }),
  setProfile: command({
    ...own,
    params: {
      displayName: Type.Optional(line(limits.titleCharsMax)),
      theme: Type.Optional(Type.Union([Type.Literal("system"), Type.Literal("light"), Type.Literal("dark")])),
    },
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PATCH", "/me"],
    summary: "Changes the caller's display name or theme",
  }),
  removeAvatar: command({
    ...own,
    params: {},
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["DELETE", "/me/avatar"],
    summary: "Removes the caller's picture",
  }),
  /** The node asks which of the blobs that it has are still needed. */
  card: command({
    params: {},
    result: answer<UserCard>("UserCard"),
    from: ["client", "node"],
    effect: "reads",
    permission: "account.see",
    http: ["GET", "/people/:user"],
    summary: "What everybody may know of a user",
  }),
  sessions: command({
    ...own,
    params: {},
    result: answer<UserSessions>("UserSessions"),
    effect: "reads",
    summary: "The caller's devices and API keys",
  }),
  revokeSession: command({
    ...own,
    params: { id: key },
    result: nothing,
    effect: "changes",
    permission: "account.revoke",
    http: ["DELETE", "/me/sessions/:id"],
    summary: "Ends a session or API key and its connections",
  }),
  /** Newest activity first. Rooms that do not answer in time come back in `unreachable`. */
  rooms: command({
    ...own,
    params: {},
    result: answer<UserRooms>("UserRooms"),
    effect: "reads",
    http: ["GET", "/rooms"],
    summary: "The caller's rooms with unread counts",
    answers: "list",
  }),
  /** Error: LIMIT_REACHED. */
  roomWanted: command({
    ...byRoom,
    params: { room: key },
    effect: "reads",
    summary: "Whether the user's list has a place for a new room",
  }),
  /** `by` says who did it. */
  roomJoined: command({
    ...byRoom,
    params: { room: key, by: Type.Optional(principal) },
    effect: "changes",
    summary: "Tells the user of a room that they are in now",
  }),
  roomLeft: command({
    ...byRoom,
    params: { room: key },
    effect: "changes",
    summary: "Tells the user of a room that they are in no more",
  }),
  roomRead: command({
    ...byRoom,
    params: { room: key, seq: position },
    effect: "signals",
    summary: "Tells the user's devices how far the user has read",
  }),
  createAgent: command({
    ...own,
    params: {
      name: userName,
      persona: Type.Optional(text(limits.personaCharsMax, 0)),
      model: Type.Optional(line(limits.modelCharsMax, 0)),
    },
    result: answer<AgentView>("AgentView"),
    effect: "changes",
    http: ["POST", "/agents"],
    summary: "Creates an agent",
  }),
  deleteAgent: command({
    ...own,
    params: { agent: key },
    result: nothing,
    effect: "changes",
    http: ["DELETE", "/agents/:agent"],
    summary: "Deletes an agent and its conversation",
  }),
  resume: follow<Resumed<UserView, UserEvent>>("Resumed"),
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
  readonly avatar?: Avatar;
  /** What the user was told of the cluster, the newest last. */
  readonly notices?: readonly Notice[];
}

/** What everybody may know of a user. */
export interface UserCard {
  readonly user: string;
  readonly displayName: string;
  readonly avatar?: Avatar;
}

/** Sign-ins that failed: how many in all, counted anew after a month without any. */
export interface SignInsFailed {
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Answer to `sessions`. */
export interface UserSessions {
  readonly sessions: readonly Session[];
}

/** Answer to `authenticate`. */
export interface Authenticated {
  readonly user: string;
  readonly admin: boolean;
  readonly session: string;
  readonly kind: Session["kind"];
  readonly expiresAtMs?: number;
  /** How long ago the session proved its password, by one clock; an API key never did, and an older node does not say. */
  readonly provedAgoMs?: number;
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
  | { readonly type: "noticed"; readonly notice: Notice }
  | { readonly type: "sessionOpened"; readonly session: Session }
  | { readonly type: "sessionRevoked"; readonly id: string };

/** Best effort, on the user's own topic: the marker moved, perhaps on another device. */
export interface UserSignal {
  readonly type: "roomRead";
  readonly room: string;
  readonly seq: number;
}
