/** Rows of the directory that admins write one by one, each by its name, as every node knows them. */
import { failure, ok, refused, sameJson, type Failure, type Result } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { changeRow } from "./one-row.ts";

/** Rows of one sort. */
export interface NamedRows<Row extends { readonly name: string }> {
  /** By name. */
  current(): readonly Row[];
  onChange(listener: () => void): () => void;
  /** Writes one, in place of the one of that name. `seen`: what the writer has seen, or null where there was none;
   *  where it is something else by now, nothing is written. Errors: those of `fault`, LIMIT_REACHED,
   *  CHANGED_MEANWHILE, OVERLOADED when others keep writing it. Rejects with DIRECTORY_UNAVAILABLE. */
  set(row: Row, seen?: SeenRow<Row>): Promise<Result<Row>>;
  /** Gives it as it was. `seen`: as with `set`. Errors: NOT_FOUND, CHANGED_MEANWHILE, OVERLOADED. */
  remove(name: string, seen?: SeenRow<Row>): Promise<Result<Row>>;
  stop(): void;
}

/** A row as a caller that knows its name has seen it; null: there was none. */
type SeenRow<Row extends { readonly name: string }> = Omit<Row, "name"> | null;

/** A row as a caller that knows its name has seen it. */
export function withoutName<Row extends { readonly name: string }>(row: Row | undefined): SeenRow<Row> {
  if (row === undefined) return null;
  const { name: _, ...rest } = row;
  return rest;
}

/** The row in the place of what is there now, if that is what its writer has seen, or the same. */
function instead<Row extends { readonly name: string }>(
  now: Row | undefined,
  { one, row, seen }: { readonly one: string; readonly row: Row; readonly seen: SeenRow<Row> | undefined },
): Result<Row> {
  if (seen === undefined || sameJson(seen, withoutName(now)) || sameJson(row, now)) return ok(row);
  return refused(failure("CHANGED_MEANWHILE", { [one]: row.name, now: withoutName(now) }));
}

/** What a sort of rows is. */
interface NamedRowsOptions<Row> {
  /** One of them, for errors: `route`. */
  readonly one: string;
  /** The key of a name begins with it. */
  readonly prefix: string;
  /** The row, if it is one. */
  readonly read: (row: DirectoryRow) => Row | undefined;
  /** How many there may be, by the name of the limit. */
  readonly limit: Readonly<Record<string, number>>;
  /** What a row says that cannot be, though its schema takes it. */
  readonly fault?: (row: Row) => Failure | undefined;
}

/** Begins to watch them. */
export function watchNamedRows<Row extends { readonly name: string }>(
  directory: Directory,
  { one, prefix, read, limit, fault }: NamedRowsOptions<Row>,
): NamedRows<Row> {
  const rows = new Map<string, Row>();
  // Asked with every call of a model: sorted when a row changes.
  let inOrder: readonly Row[] | undefined;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    inOrder = undefined;
    for (const listener of listeners) listener();
  };
  const max = Math.min(...Object.values(limit));
  const stop = directory.watch(prefix, {
    reset(all) {
      rows.clear();
      for (const row of all) {
        const found = read(row);
        if (found !== undefined) rows.set(row.key, found);
      }
      tell();
    },
    changed(row) {
      const found = read(row);
      if (found === undefined) rows.delete(row.key);
      else rows.set(row.key, found);
      tell();
    },
    removed(key) {
      rows.delete(key);
      tell();
    },
    stale: () => undefined,
  });
  const change = (
    name: string,
    to: (row: Row | undefined) => Result<Row | undefined>,
  ): Promise<Result<Row | undefined>> =>
    changeRow(directory, `${prefix}${name}`, { make: (row) => to(row && read(row)) });
  const missing = (name: string) => refused(failure("NOT_FOUND", { [one]: name }));

  return {
    current: () => (inOrder ??= [...rows.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1))),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async set(row, seen) {
      const wrong = fault?.(row);
      if (wrong !== undefined) return refused(wrong);
      const full = !rows.has(`${prefix}${row.name}`) && rows.size >= max;
      if (full) return refused(failure("LIMIT_REACHED", limit));
      const written = await change(row.name, (now) => instead(now, { one, row, seen }));
      return written.ok ? ok(row) : written;
    },
    async remove(name, seen) {
      let before: Row | undefined;
      const removed = await change(name, (row) => {
        before = row;
        if (row === undefined) return missing(name);
        if (seen === undefined || sameJson(seen, withoutName(row))) return ok(undefined);
        return refused(failure("CHANGED_MEANWHILE", { [one]: name, now: withoutName(row) }));
      });
      if (!removed.ok) return removed;
      return before === undefined ? missing(name) : ok(before);
    },
    stop,
  };
}
