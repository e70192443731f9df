/** The roles of the cluster as every node knows them: one row of the directory, and how it changes. */
import { roleTable, type ClusterRole, type Result, type RoleTable } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
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

/** Begins to watch the row. */
export function watchRoles(directory: Directory): ClusterRoles {
  let current: readonly ClusterRole[] = [];
  let table = roleTable(current);
  const take = (roles: readonly ClusterRole[]): void => {
    current = roles;
    table = roleTable(roles);
  };
  // One that says none is passed over: what was seen last is more than nothing.
  const stop = watchRow(directory, rolesKey, (row) => take(row === undefined ? [] : (asRoles(row) ?? current)));
  return {
    current: () => current,
    table: () => table,
    async change(change) {
      const changed = await changeRow(directory, rolesKey, {
        make: (row) => change((row && asRoles(row)) ?? []),
        value: (next) => ({ roles: next }),
      });
      if (changed.ok) take(changed.value);
      return changed;
    },
    stop,
  };
}
