/** One row of the directory: what comes of it to a node, and how it is changed although others write it, too. */
import { failure, ok, refused, sameJson, type Result } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";

/** Tells of a row now and after each change of it; undefined: it is not there. Gives what ends that. Rows whose keys
 *  only begin with this key are passed over. */
export const watchRow = (
  directory: Pick<Directory, "watch">,
  key: string,
  take: (row: DirectoryRow | undefined) => void,
): (() => void) =>
  directory.watch(key, {
    reset: (rows) => take(rows.find((row) => row.key === key)),
    changed(row) {
      if (row.key === key) take(row);
    },
    removed(gone) {
      if (gone === key) take(undefined);
    },
    stale: () => undefined,
  });

/** How a row is changed. */
interface RowChange<Made> {
  /** What comes in the place of the row. Called again when others changed it meanwhile. */
  readonly make: (row: DirectoryRow | undefined) => Result<Made>;
  /** The row that says it; undefined removes the row. Absent: what was made is the row. */
  readonly value?: (made: Made) => unknown;
  /** How the row is called in an error. Absent: by its key. */
  readonly name?: string;
  /** How often it is tried. */
  readonly attemptsMax?: number;
}

/** Changes a row. One that says it already is left alone. Errors: those of `make`, OVERLOADED when others keep writing
 *  it. Rejects with DIRECTORY_UNAVAILABLE. */
export async function changeRow<Made>(
  directory: Pick<Directory, "read" | "compareAndSet">,
  key: string,
  { make, value = (made) => made, name = key, attemptsMax = 4 }: RowChange<Made>,
): Promise<Result<Made>> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const row = await directory.read(key);
    const made = make(row);
    if (!made.ok) return made;
    const next = value(made.value);
    if (sameJson(next, row?.value)) return ok(made.value);
    if ((await directory.compareAndSet(key, next, row?.revision ?? 0)).applied) return ok(made.value);
  }
  return refused(failure("OVERLOADED", { row: name }));
}
