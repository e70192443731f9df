/** The watches of a directory whose rows are here. A watch is current from its `reset` to the next `stale`. Only then
 *  it hears of changes: before, it does not have the rows that they change. */
import type { DirectoryRow, DirectoryWatcher } from "../../ports/index.ts";

/** One watch, as its owner can end it. */
export interface Watch {
  readonly prefix: string;
  readonly watcher: DirectoryWatcher;
  current: boolean;
}

/** The rows of a prefix, in the order of their keys. */
export const select = (rows: ReadonlyMap<string, DirectoryRow>, prefix: string): DirectoryRow[] =>
  [...rows.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));

export class Watches {
  readonly #all = new Set<Watch>();

  get size(): number {
    return this.#all.size;
  }

  /** Takes a watch in; it hears nothing before `begin`. */
  add(prefix: string, watcher: DirectoryWatcher): Watch {
    const watch = { prefix, watcher, current: false };
    this.#all.add(watch);
    return watch;
  }

  /** Ends a watch. False: it had ended. */
  delete(watch: Watch): boolean {
    return this.#all.delete(watch);
  }

  clear(): void {
    this.#all.clear();
  }

  /** Tells a watch everything, unless it knows or has ended. */
  begin(watch: Watch, rows: ReadonlyMap<string, DirectoryRow>): void {
    if (watch.current || !this.#all.has(watch)) return;
    watch.current = true;
    watch.watcher.reset(select(rows, watch.prefix));
  }

  beginAll(rows: ReadonlyMap<string, DirectoryRow>): void {
    for (const watch of this.#all) this.begin(watch, rows);
  }

  /** A row has changed or, when there is none, gone away. */
  tell(key: string, revision: number, row: DirectoryRow | undefined): void {
    for (const { current, prefix, watcher } of this.#all) {
      if (!current || !key.startsWith(prefix)) continue;
      if (row === undefined) watcher.removed(key, revision);
      else watcher.changed(row);
    }
  }

  /** From now on the rows that the watches know may be old. */
  stale(): void {
    for (const watch of this.#all) {
      if (!watch.current) continue;
      watch.current = false;
      watch.watcher.stale();
    }
  }
}
