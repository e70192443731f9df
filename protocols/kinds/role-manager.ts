import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { roles, type Role } from "../ids.ts";
import { wireLimits } from "../limits.ts";
import { noticed } from "../admin/notice.ts";
import { shownField } from "../power/shown.ts";
import { nothing, userName } from "../wire/schema.ts";
import { roleNames } from "./user-shape.ts";

const role = Type.Union(roles.map((name) => Type.Literal(name)));

/** Commands to `role-manager/cluster`: which node may do what, and who administers the cluster. Admins reach them
 *  through the gateway, which has routes of its own for them. */
export const roleManagerCommands = {
  /** Every node sends it when it starts. `adminCodeHash` is used only while no admin exists. */
  nodeStarted: command({
    params: {
      node: Type.String({ maxLength: 128 }),
      roles: Type.Array(role),
      models: Type.Array(Type.String({ maxLength: 200 }), { maxItems: 64 }),
      labels: Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 })),
      adminCodeHash: Type.Optional(Type.String({ maxLength: 128 })),
    },
    result: answer<ClusterView>("ClusterView"),
    from: ["node"],
    effect: "changes",
    summary: "Says that a node has started",
  }),
  nodeStopped: command({
    params: { node: Type.String({ maxLength: 128 }) },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that a node has stopped in order",
  }),
  /** Errors: ADMIN_CODE_WRONG, ALREADY_DONE. */
  claimAdmin: command({
    params: { user: userName, codeHash: Type.String({ maxLength: 128 }) },
    result: nothing,
    from: ["gateway"],
    effect: "changes",
    summary: "Makes a user the first admin",
  }),
  /** An older gateway says this for `setRoles`. */
  setAdmin: command({
    params: { ...shownField, user: userName, admin: Type.Boolean() },
    result: nothing,
    from: ["gateway"],
    effect: "changes",
    permission: "roles.manage",
    summary: "Makes a user an admin, or ends that",
  }),
  /** In place of those before; none: those of a member. The gateway has checked that the asker has what these grant and
   *  granted. Errors: NOT_FOUND, FORBIDDEN (the last owner), LIMIT_REACHED. */
  setRoles: command({
    params: {
      ...shownField,
      user: userName,
      roles: roleNames,
      /** What the gateway took the person's roles for. Others are refused: CHANGED_MEANWHILE. */
      before: Type.Optional(roleNames),
    },
    result: answer<PersonRoles>("PersonRoles"),
    from: ["gateway"],
    effect: "changes",
    permission: "roles.manage",
    summary: "Says which roles a person has",
  }),
  /** Everybody who has other roles than a member's, by name. */
  people: command({
    params: {
      /** This one alone. */
      user: Type.Optional(userName),
      /** These alone, as far as they have other roles than a member's. */
      among: Type.Optional(Type.Array(userName, { maxItems: wireLimits.rolesAmongMax })),
      after: Type.Optional(userName),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
    },
    result: answer<PeoplePage>("PeoplePage"),
    from: ["gateway"],
    effect: "reads",
    permission: "people.see",
    summary: "A page of the people who have roles",
  }),
  personGone: command({
    params: {},
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "The sender's account is deleted: it has no roles any more",
  }),
  describe: command({
    params: {},
    result: answer<ClusterView>("ClusterView"),
    from: ["gateway", "node", "actor"],
    effect: "reads",
    permission: "cluster.see",
    summary: "Nodes, roles and admins",
  }),
  /** A node drained, evicted or given other roles, a slot moved by hand, an invitation issued, redeemed or refused. */
  audit: command({
    params: {
      action: Type.String({ minLength: 1, maxLength: 32 }),
      /** The actor: a user, "operator", or a node's name. */
      by: Type.String({ maxLength: 128 }),
      facts: Type.Record(Type.String({ maxLength: 32 }), Type.String({ maxLength: 256 }), { maxProperties: 16 }),
      /** The people who are told of it. Absent: nobody. */
      tell: Type.Optional(noticed),
    },
    result: nothing,
    from: ["node", "gateway"],
    effect: "changes",
    summary: "Remembers what was done to the cluster",
  }),
  /** `before` is a `seq`. */
  auditPage: command({
    params: {
      before: Type.Optional(Type.Integer({ minimum: 1 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
    },
    result: answer<AuditPage>("AuditPage"),
    from: ["node", "gateway"],
    effect: "reads",
    permission: "audit.read",
    summary: "A page of what was done, the newest first",
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
  /** The owner of the audit does not answer: this is what the copy at this node says, and what was done last may be
   *  missing. */
  readonly copyAt?: string;
}

/** Roles of one person. */
export interface PersonRoles {
  readonly user: string;
  readonly roles: readonly string[];
}

export interface PeoplePage {
  readonly people: readonly PersonRoles[];
  readonly more: boolean;
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
  /** Those of them who have been one for a day, and so may agree to what another asks for. An older node does not say:
   *  nobody. */
  readonly secondAdmins?: readonly string[];
  /** True while no admin exists: the first account needs the printed code. */
  readonly adminNeeded: boolean;
}
