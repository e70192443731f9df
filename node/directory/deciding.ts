/** What a change does to the rows of a directory: the same wherever the rows are. */
import { decode } from "../../protocols/index.ts";
import type { DirectoryRow } from "../ports.ts";

/** A compare-and-set that was asked for. */
export interface Change {
  readonly key: string;
  /** Encoded; undefined: delete. */
  readonly bytes: Uint8Array | undefined;
  readonly revision: number;
  readonly guard: { readonly key: string; readonly revision: number } | undefined;
}

/** The rows that a change is decided on. */
export interface Rows {
  get(key: string): DirectoryRow | undefined;
  readonly count: number;
  /** Of the last change. */
  readonly revision: number;
  readonly rowsMax: number;
}

/** `same`: nothing changes, and whoever asked is told of the row as it is. `full`: there may be no more rows. */
export type Decided =
  | { readonly type: "same"; readonly applied: boolean; readonly row: DirectoryRow | undefined }
  | { readonly type: "full" }
  | { readonly type: "changed"; readonly row: DirectoryRow | undefined; readonly revision: number };

/** Decides. Nothing is changed by it. */
export function decideChange(rows: Rows, { key, bytes, revision: expected, guard }: Change): Decided {
  const row = rows.get(key);
  const fits =
    (row?.revision ?? 0) === expected &&
    (guard === undefined || (rows.get(guard.key)?.revision ?? 0) === guard.revision);
  if (!fits || (row === undefined && bytes === undefined)) return { type: "same", applied: fits, row };
  if (row === undefined && rows.count >= rows.rowsMax) return { type: "full" };
  const revision = rows.revision + 1;
  return { type: "changed", row: bytes && { key, value: decode(bytes), revision }, revision };
}
