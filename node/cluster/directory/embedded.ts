import { failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, Store, StoreOp } from "../../ports/index.ts";
import { decidedBy, type Change } from "./deciding.ts";
import { headKey, headOp, loadContent, rowKey, rowOp, type Content } from "./layout.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import {
  checkKey,
  describeDisk,
  encodeValue,
  full,
  moved,
  unavailable,
  type DirectoryHome,
  type KeptSize,
} from "./row.ts";
import { RowsAhead, SizedRows } from "./sized-rows.ts";
import { select, Watches, type Watch } from "./watches.ts";

type Answer = Awaited<ReturnType<Directory["compareAndSet"]>>;

/** The directory in a node's own store. */
export interface EmbeddedDirectory extends Directory {
  /** Resolves when it has been read. Errors: DATA_DAMAGED, DATA_FORMAT_UNKNOWN, DIRECTORY_UNAVAILABLE. */
  opened(): Promise<void>;
  /** Gives everything away for good. No change happens while `copy` runs; if it fails, things go on as before. Once the
   *  new home is on disk, every operation ends with DIRECTORY_MOVED and watchers hear `stale`. */
  handOver(
    home: DirectoryHome,
    copy: (rows: readonly DirectoryRow[], revision: number) => Promise<void>,
  ): Promise<void>;
  /** Calls back when it has been moved; at once if that was long ago. */
  onMoved(listener: (home: DirectoryHome) => void): () => void;
  /** Of the last change that is on disk. */
  revision(): number;
  /** What its rows on disk are. */
  size(): KeptSize;
  /** Why its disk is not believed; undefined while it is. */
  trouble(): string | undefined;
}

interface Waiting extends Change {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Opens with the first operation. With a clock, a store that could not be read is read again by itself; without one,
 *  by the next operation. */
export function createEmbeddedDirectory(ports: {
  readonly store: Store;
  readonly clock?: Pick<Clock, "after">;
  readonly limits?: DirectoryLimits;
}): EmbeddedDirectory {
  const { store, clock, limits = directoryLimits } = ports;
  const watches = new Watches();
  const movedListeners = new Set<(home: DirectoryHome) => void>();
  /** The rows on disk. Never ahead of the disk. */
  let content: Content = { rows: new SizedRows([]), revision: 0, home: undefined };
  let loading: Promise<void> | undefined;
  /** Store keys of batches whose outcome is unknown. */
  let doubtful = new Set<string>();
  let queue: Waiting[] = [];
  let committing: Promise<void> | undefined;
  let handingOver = false;
  let trouble: string | undefined;

  const load = async (): Promise<void> => {
    const loaded = await loadContent(store, limits);
    if (doubtful.size > 0) {
      // Rows of a rejected batch may be visible in the store and not durable: no reader may see them before they are
      // written again.
      const ops = [...doubtful].map((key): StoreOp => {
        if (key === headKey) return headOp(loaded.revision, loaded.home);
        const name = key.slice(rowKey("").length);
        return rowOp(name, loaded.rows.all.get(name));
      });
      await store.batch(ops, { sync: true });
      doubtful = new Set();
    }
    const { home } = content;
    content = loaded;
    trouble = undefined;
    if (content.home !== undefined && home === undefined) tellMoved(content.home);
    if (content.home === undefined) watches.beginAll(content.rows.all);
  };

  const opened = (): Promise<void> => {
    loading ??= load().catch((error: unknown) => {
      const { code } = failureOf(error);
      // Damage does not heal by reading again.
      if (code === "DATA_DAMAGED" || code === "DATA_FORMAT_UNKNOWN") throw error;
      loading = undefined;
      trouble ??= describeDisk("cannot be read", error);
      if (watches.size > 0) clock?.after(limits.reloadMs, () => void opened().catch(() => undefined));
      throw unavailable(trouble, error);
    });
    return loading;
  };

  /** Opens, and says where to go if it is no longer here. */
  const present = async (): Promise<void> => {
    await opened();
    if (content.home !== undefined) throw moved(content.home);
  };

  const begin = (watch: Watch): void => {
    if (content.home === undefined) watches.begin(watch, content.rows.all);
  };

  const tellMoved = (home: DirectoryHome): void => {
    watches.stale();
    const listeners = [...movedListeners];
    movedListeners.clear();
    for (const listener of listeners) listener(home);
  };

  /** Writes one batch. After a failure the contents of the disk are unknown: all rows are read again before any is
   *  served. */
  const write = async (ops: readonly StoreOp[]): Promise<void> => {
    try {
      await store.batch(ops, { sync: true });
    } catch (error) {
      for (const { key } of ops) doubtful.add(key);
      loading = undefined;
      trouble = describeDisk("takes no writes", error);
      watches.stale();
      void opened().catch(() => undefined);
      throw unavailable(trouble, error);
    }
  };

  /** Decides a group of changes, each on the rows that the changes before it leave, and writes them in one batch. */
  const commit = async (group: readonly Waiting[]): Promise<void> => {
    const changed = new Map<string, { readonly row: DirectoryRow | undefined; readonly bytes: number }>();
    const history: { readonly key: string; readonly row: DirectoryRow | undefined; readonly revision: number }[] = [];
    const answers: (() => void)[] = [];
    try {
      await present();
      const ahead = new RowsAhead(content.rows, content.revision);
      for (const { resolve, reject, ...change } of group) {
        const { key, bytes } = change;
        const before = changed.has(key) ? changed.get(key)?.row : content.rows.all.get(key);
        const decided = decidedBy(ahead.take(change, limits), change, before);
        if (decided.type === "full") {
          const refusal = full(ahead, limits);
          answers.push(() => reject(refusal));
          continue;
        }
        const { row } = decided;
        if (decided.type === "changed") {
          changed.set(key, { row, bytes: bytes?.length ?? 0 });
          history.push({ key, row, revision: decided.revision });
        }
        const applied = decided.type === "changed" || decided.applied;
        answers.push(() => resolve({ applied, row }));
      }
      if (history.length > 0) {
        await write([...[...changed].map(([key, { row }]) => rowOp(key, row)), headOp(ahead.revision, undefined)]);
        for (const [key, { row, bytes }] of changed) {
          if (row === undefined) content.rows.delete(key);
          else content.rows.set(row, bytes);
        }
        content = { ...content, revision: ahead.revision };
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    // Answers are promises: a caller that waits for one runs after the watchers.
    for (const answer of answers) answer();
    for (const { key, row, revision } of history) watches.tell(key, revision, row);
  };

  const nextGroup = (): readonly Waiting[] => {
    let bytes = 0;
    let end = 0;
    for (; end < queue.length && end < limits.groupChangesMax && bytes < limits.groupBytesMax; end += 1)
      bytes += queue[end]?.bytes?.length ?? 0;
    const group = queue.slice(0, end);
    queue = queue.slice(end);
    return group;
  };

  const commitAll = async (): Promise<void> => {
    try {
      while (queue.length > 0 && !handingOver) await commit(nextGroup());
    } finally {
      committing = undefined;
    }
  };

  const startCommitting = (): void => {
    // The first of many changes asked for in one go waits for the others: they share one write.
    if (!handingOver) committing ??= Promise.resolve().then(commitAll);
  };

  return {
    opened,
    revision: () => content.revision,
    size: () => content.rows,
    trouble: () => trouble,
    async read(key) {
      checkKey(key);
      await present();
      return content.rows.all.get(key);
    },
    async list(prefix) {
      await present();
      return select(content.rows.all, prefix);
    },
    async compareAndSet(key, value, revision, guard) {
      const bytes = encodeValue(key, value);
      if (queue.length >= limits.changesWaitingMax) throw unavailable("too many changes wait");
      return new Promise((resolve, reject) => {
        queue.push({ key, bytes, revision, guard, resolve, reject });
        startCommitting();
      });
    },
    watch(prefix, watcher) {
      const watch = watches.add(prefix, watcher);
      void opened().then(
        () => begin(watch),
        () => undefined,
      );
      return () => void watches.delete(watch);
    },
    async handOver(home, copy) {
      await present();
      if (handingOver) throw new PlexusError(failure("ALREADY_DONE", { reason: "the directory is being moved" }));
      handingOver = true;
      try {
        await committing;
        await present();
        await copy(select(content.rows.all, ""), content.revision);
        await write([headOp(content.revision, home)]).catch(async (error: unknown) => {
          // Unknown: the disk says whether it is moved.
          await opened();
          if (content.home === undefined) throw error;
        });
        if (content.home === undefined) {
          content = { ...content, home };
          tellMoved(home);
        }
      } finally {
        handingOver = false;
        if (queue.length > 0) startCommitting();
      }
    },
    onMoved(listener) {
      movedListeners.add(listener);
      void opened().then(
        () => {
          if (content.home !== undefined && movedListeners.delete(listener)) listener(content.home);
        },
        () => undefined,
      );
      return () => movedListeners.delete(listener);
    },
  };
}
