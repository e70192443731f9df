import type { Session, UserView } from "../kinds/user-views.ts";
import { Type, type Static } from "typebox";
import type { DirectoryAway } from "../admin/cluster.ts";
import type { Failure } from "../errors.ts";
import type { ModelInfo } from "../engines/generation.ts";
import { kindText } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import type { NodePlace } from "../admin/nodes.ts";
import { keyScope } from "../authority/roles.ts";
import type { Presence } from "./presence.ts";
import { key, line, object, position, timeMs, userName } from "./schema.ts";
import type { SignInChoice } from "../authority/identity-provider.ts";
import type { RegistrationRule } from "../authority/registration.ts";
import type { Factor } from "../authority/sign-in.ts";

/** The wire between a client and a node: one WebSocket at `/ws`, JSON text frames, the session cookie or
 *  `Authorization: Bearer TOKEN` (or, where a client can send neither, `?token=`) at the upgrade.
 *
 *      client ─► { id: 7, do: "room.post", to: "lobby", with: { text: "hi" }, operationId: "k3…" }
 *      node   ─► { re: 7, ok: { seq: 12, … } }       or    { re: 7, error: { code, outcome, message, details } }
 *
 *      client ─► { id: 8, do: "subscribe", to: "room/lobby", cursor: 41 }
 *      node   ─► { re: 8, ok: { head: 44 } }, then the events 42, 43, 44 and every later one as
 *                { topic: "room/lobby", at: 42, event: {…} }        durable: gapless, once, in order
 *                { topic: "room/lobby", event: {…} }                best effort: typing, drafts
 *
 *  Besides the commands that clients may send (`kinds.ts`) a connection knows `subscribe`, `unsubscribe` (`to` is a
 *  topic), `watch` (from now on `activity` frames for those rooms of the user that this connection does not follow),
 *  `look` (`with.people`: the answer has their presence, and `presence` frames say what changes of it), `here`
 *  (`with.active`: whether the person uses this client now; unsaid: yes) and `ping`.
 *
 *  Without `cursor` the answer to subscribe carries `state` at `head` instead. The first frame is `hello`; a node that
 *  is cut off from the others says `degraded`, and `degraded: null` once it is not; before the node closes a connection
 *  for a reason it sends `bye`. A malformed frame gets `bye` and the connection's end; a well-formed command that is
 *  refused gets its error and the connection goes on. */

/** A frame from a client. `with` is checked against the named command's schema. */
export const clientFrame = object({
  id: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  do: Type.String({ minLength: 1, maxLength: 64 }),
  to: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  with: Type.Optional(Type.Object({})),
  operationId: Type.Optional(
    Type.String({ minLength: 1, maxLength: limits.operationIdCharsMax, pattern: "^[\\x21-\\x7e]+$" }),
  ),
  cursor: Type.Optional(position),
});
export type ClientFrame = Static<typeof clientFrame>;

/** A frame from a node. */
export type NodeFrame =
  | { readonly hello: Hello }
  | { readonly re: number; readonly ok: unknown }
  | { readonly re: number; readonly error: Failure }
  | { readonly topic: string; readonly at?: number; readonly event: unknown }
  /** The topic can not be continued here (it fell too far behind, access ended): subscribe anew. */
  | { readonly topic: string; readonly lost: Failure }
  /** Something happened in a room of the user that this connection does not follow (see `watch`). */
  | {
      readonly activity: {
        readonly room: string;
        readonly seq: number;
        readonly author: string;
        readonly mentioned: boolean;
        /** The message is an older one, that an edit made mention the user. */
        readonly edited?: true;
        /** It is shown in the thread of this message only. */
        readonly thread?: number;
        /** Its topic, for a user who may read the room. */
        readonly topic?: string;
        /** It answers a message of the user. */
        readonly reply?: true;
        /** It has a word of which the user wants to be told. */
        readonly keyword?: true;
        /** How it begins, where the user may be shown a notice of it: see `protocols/telling`. */
        readonly text?: string;
      };
    }
  /** Of people that this connection looks at (see `look`): how they are now. */
  | { readonly presence: readonly Presence[] }
  /** This node cannot reach what it needs, from now on; `null`: it does again. The `hello` of a connection that is made
   *  in between says it. The connection stays open, and what the node can still do it does. A client that does not know
   *  this frame stays, and waits. */
  | { readonly degraded: Degraded | null }
  | { readonly bye: Failure };

/** Why a node is of little use now, and where its clients may go on. */
export interface Degraded {
  /** NODE_DEGRADED. */
  readonly reason: Failure;
  /** The cluster's other nodes that serve clients, whether they are up or not: from here that cannot be told. Each
   *  begins with another one. */
  readonly nodes: readonly NodePlace[];
}

export interface Hello {
  readonly version: string;
  readonly node: string;
  readonly user: string;
  readonly admin: boolean;
  readonly heartbeatMs: number;
  /** Where else the client may go on when this node is gone, cursors and operationIds included: the nodes that are up
   *  and serve clients, this one first. An older node does not say. */
  readonly nodes?: readonly NodePlace[];
  /** What the frame `degraded` said last, while it holds. */
  readonly degraded?: Degraded;
}

/** Answer to `subscribe`. */
export interface Subscribed<State = unknown> {
  readonly head: number;
  readonly state?: State;
}

/** Bodies of the HTTP API that belong to no actor. */
export const credentials = object({
  name: Type.String({ minLength: 1, maxLength: limits.nameCharsMax }),
  password: Type.String({ minLength: 1, maxLength: limits.passwordCharsMax }),
});
export const signUp = object({
  name: userName,
  password: Type.String({ minLength: limits.passwordCharsMin, maxLength: limits.passwordCharsMax }),
  displayName: Type.Optional(line(limits.titleCharsMax)),
  adminCode: Type.Optional(Type.String({ maxLength: 64 })),
  /** An admin's invitation, where sign-up asks for one. */
  invitation: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** What a link by mail says (`/#account=…`), where sign-up asks for a mail address. */
  mail: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, pattern: "^[A-Za-z0-9_-]+$" })),
});
export const createSignUpInvitation = object({
  /** How many accounts it is good for. */
  uses: Type.Integer({ minimum: 1, maximum: 10_000 }),
  expiresInMs: Type.Integer({ minimum: 60_000, maximum: limits.signUpInvitationMsMax }),
  note: Type.Optional(line(limits.labelCharsMax)),
  /** It makes guests: they talk in the rooms that they were brought into, and their accounts end by themselves. */
  guest: Type.Optional(
    object({
      /** The room that they are brought into; the person who invites must be allowed to do that there. */
      room: Type.Optional(key),
      lifeMs: Type.Integer({ minimum: 3_600_000, maximum: 366 * 24 * 3_600_000 }),
    }),
  ),
});
export const createApiKey = object({
  label: line(limits.labelCharsMax),
  /** Permissions, or sets of them (`read`, `chat`, `models`, `admin`). Absent: all that keys may. */
  scopes: Type.Optional(Type.Array(keyScope, { minItems: 1, maxItems: limits.keyScopesMax, uniqueItems: true })),
  /** Absent: it does not end by itself. */
  expiresAtMs: Type.Optional(timeMs),
});
export const createServiceAccount = object({ name: userName, displayName: Type.Optional(line(limits.titleCharsMax)) });
export const releaseActor = object({ redeliver: Type.Optional(Type.Boolean({ default: true })) });
export const actorKeyParams = object({ kind: Type.String({ pattern: `^${kindText}$` }), key });

export interface SignedIn {
  readonly token: string;
  readonly user: string;
  readonly admin: boolean;
  readonly expiresAtMs: number;
}

/** An invitation to make an account. `id` is a hash of its code, which only the answer that made it shows. */
export interface SignUpInvitation {
  readonly id: string;
  /** How many accounts it is still good for. */
  readonly uses: number;
  readonly expiresAtMs: number;
  readonly by: string;
  readonly note: string;
  /** It makes guests. `by`: who moderates the room; absent: the operator. */
  readonly guest?: { readonly room?: string; readonly lifeMs: number; readonly by?: string };
}

/** An invitation that was just made, with its code. */
export interface SignUpInvitationMade extends SignUpInvitation {
  readonly code: string;
  /** The page takes it there. */
  readonly path: string;
}

/** Answer to `GET /api/v1/me`: the account, and by what the caller is signed in. */
export interface OwnAccount extends UserView {
  readonly session: { readonly id: string; readonly kind: Session["kind"] | "control" };
}

/** A key that was just made, with what opens it. */
export interface ApiKeyMade extends Session {
  readonly key: string;
}

/** Answer to a sign-in that is not finished: status 202. The next step is sent with `attempt`, by programs in the body,
 *  by browsers in the cookie that came with it. */
export interface SignInNeeds {
  readonly attempt: string;
  /** Any one of them is the next step. */
  readonly needs: readonly Factor[];
  /** The account has none of them yet: one is set up first. */
  readonly setUp: boolean;
  readonly expiresAtMs: number;
}

/** Answer to each step of a sign-in. */
export type SignInProgress = SignedIn | SignInNeeds;

/** Answer to `GET /api/v1/setup`: what is said before anybody is signed in. */
export interface Setup {
  /** Nobody has an account yet: the first one needs the code that the node printed. */
  readonly adminNeeded: boolean;
  readonly signUp: RegistrationRule;
  /** Forgotten passwords are set anew by mail. An older node does not say. */
  readonly mail?: boolean;
  /** Other servers by which people sign in. An older node does not say. */
  readonly providers?: readonly SignInChoice[];
  /** Those send people back to this address, so they begin there as well. */
  readonly publicUrl?: string;
  readonly version: string;
  readonly node: string;
  readonly demonstrationModel: boolean;
}

/** One line of `plexus actors list`. */
export interface ActorRow {
  readonly actor: string;
  readonly slot: string;
  readonly status: "active" | "idle" | "quarantined";
  readonly mailbox: number;
  readonly restarts: number;
  readonly lastActiveAtMs?: number;
  /** The name of the node that has it. */
  readonly node?: string;
}

/** A page of actors of the whole cluster, in the order of their ids. */
export interface ActorPage {
  readonly rows: readonly ActorRow[];
  readonly more: boolean;
  /** Names of the nodes that have actors and did not answer: theirs are missing. Absent: all are here. */
  readonly unanswered?: readonly string[];
}

export interface DeadLetter {
  readonly id: number;
  readonly actor: string;
  readonly from: string;
  readonly type: string;
  readonly atMs: number;
  readonly reason: string;
}

export interface ActorDetail extends ActorRow {
  readonly epoch: number;
  readonly entries: number;
  readonly reminders: readonly { readonly id: string; readonly dueMs: number }[];
  readonly deadLetters: readonly DeadLetter[];
  readonly stateBytes: number;
  readonly lastError?: string;
}

export interface NodeStatus {
  readonly version: string;
  readonly node: string;
  /** What people call it. Absent: a node of an older version. */
  readonly name?: string;
  readonly url: string;
  /** Where it listens for other nodes, each address with the peer id that answers there, as `--peer` takes it. Absent:
   *  a node of an older version, or one that does not listen yet. */
  readonly mesh?: readonly string[];
  readonly startedAtMs: number;
  readonly uptimeMs: number;
  readonly roles: readonly string[];
  /** False: it has not joined since it started, and serves no slots. Absent: a node of an older version. */
  readonly joined?: boolean;
  /** Absent while it answers. */
  readonly directoryAway?: DirectoryAway;
  readonly models: readonly ModelInfo[];
  readonly actors: { readonly active: number; readonly quarantined: number };
  readonly slots: {
    readonly open: number;
    /** Those that this node should serve and does not: damaged, or waiting for their next try. `reason` is `failure` as
     *  text. */
    readonly quarantined: readonly {
      readonly slot: string;
      readonly reason: string;
      /** Absent: a node of an older version. */
      readonly failure?: Failure;
    }[];
  };
  readonly connections: number;
  /** Addresses from which requests were passed on for others, and that no `trustedProxies` names: all clients behind
   *  one count as one. Absent: none was seen, or a node of an older version. */
  readonly unnamedProxies?: readonly string[];
  readonly journal: { readonly entries: number; readonly bytes: number; readonly location: string };
  readonly eventLoopLagMs: number;
  readonly memoryBytes: number;
}
