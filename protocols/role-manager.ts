import { Type } from "typebox";
import { roles, type Role } from "./ids.ts";
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
} as const;

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
