/** The roles of the cluster as every node knows them: one row of the directory, and how it changes. */
import {
  failure,
  refused,
  roleTable,
  type ClusterRole,
  type Result,
  type RoleTable,
} from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { asRoles, rolesKey } from "./records.ts";

/** The cluster's own roles. */
export interface ClusterRoles {
  current(): readonly ClusterRole[];
  /** What every role grants, the built-in ones among them. */
  table(): RoleTable;
  /** Changes what lies there. Errors: those of `change`; OVERLOADED when others keep writing it. Rejects with
   *  DIRECTORY_UNAVAILABLE. */
  change(change: (roles: readonly ClusterRole[]) => Result<readonly ClusterRole[]>): Promise<Result<unknown>>;
  stop(): void;
}

const attemptsMax = 4;

/** Begins to watch the row. */
export function watchRoles(directory: Directory): ClusterRoles {
  let current: readonly ClusterRole[] = [];
  let table = roleTable(current);
  const take = (roles: readonly ClusterRole[]): void => {
    current = roles;
    table = roleTable(roles);
  };
  const stop = directory.watch(rolesKey, {
    reset: (rows) => take(rows.map(asRoles).find((roles) => roles !== undefined) ?? []),
    changed(row) {
      // One that says none is passed over: what was seen last is more than nothing.
      if (row.key === rolesKey) take(asRoles(row) ?? current);
    },
    removed(key) {
      if (key === rolesKey) take([]);
    },
    stale: () => undefined,
  });
  return {
    current: () => current,
    table: () => table,
    async change(change) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const row = await directory.read(rolesKey);
        const next = change((row && asRoles(row)) ?? []);
        if (!next.ok) return next;
        const { applied } = await directory.compareAndSet(rolesKey, { roles: next.value }, row?.revision ?? 0);
        if (!applied) continue;
        take(next.value);
        return next;
      }
      return refused(failure("OVERLOADED", { row: rolesKey }));
    },
    stop,
  };
}
