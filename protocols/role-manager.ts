import { Type } from "typebox";
import { roles, type Role } from "./ids.ts";
import { wireLimits } from "./limits.ts";
import { nothing, object, userName } from "./schema.ts";

const role = Type.Union(roles.map((name) => Type.Literal(name)));

/** Commands to `role-manager/cluster`: which node may do what, and who administers the cluster. */
export const roleManagerCommands = {
  /** (node) Sent by every node when it starts. `adminCodeHash` is used only while no admin exists. */
  nodeStarted: object({
    node: Type.String({ maxLength: 128 }),
    roles: Type.Array(role),
    models: Type.Array(Type.String({ maxLength: 200 }), { maxItems: 64 }),
    labels: Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 })),
    adminCodeHash: Type.Optional(Type.String({ maxLength: 128 })),
  }),
  /** (node) Clean stop. */
  nodeStopped: object({ node: Type.String({ maxLength: 128 }) }),
  /** (gateway) Makes `user` the first admin. Errors: ADMIN_CODE_WRONG, ALREADY_DONE. */
  claimAdmin: object({ user: userName, codeHash: Type.String({ maxLength: 128 }) }),
  /** (gateway, for an admin) */
  setAdmin: object({ user: userName, admin: Type.Boolean() }),
  describe: nothing,
  /** (node, gateway) Remembers what was done to the cluster: a node drained, evicted or given other roles, a slot moved by
   *  hand, an invitation issued, redeemed or refused. */
  audit: object({
    action: Type.String({ minLength: 1, maxLength: 32 }),
    /** Who did it: a user, "operator", or a node's name. */
    by: Type.String({ maxLength: 128 }),
    facts: Type.Record(Type.String({ maxLength: 32 }), Type.String({ maxLength: 256 }), { maxProperties: 16 }),
  }),
  /** (node, gateway) A page of what was done, the newest first; `before` is a `seq`. */
  auditPage: object({
    before: Type.Optional(Type.Integer({ minimum: 1 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
  }),
} as const;

/** Something that was done to the cluster. */
export interface AuditEntry {
  /** Counts up from 1. */
  readonly seq: number;
  readonly atMs: number;
  readonly action: string;
  readonly by: string;
  readonly facts: Readonly<Record<string, string>>;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly more: boolean;
  /** Who has the audit does not answer: this is what the copy at this node says, and what was done last may be missing. */
  readonly copyAt?: string;
}

export interface NodeRecord {
  readonly node: string;
  readonly roles: readonly Role[];
  readonly models: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAtMs: number;
  readonly running: boolean;
}

export interface ClusterView {
  readonly nodes: readonly NodeRecord[];
  readonly admins: readonly string[];
  /** True while no admin exists: the first account needs the printed code. */
  readonly adminNeeded: boolean;
}
