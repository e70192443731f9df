/** The Store port on LevelDB.
 *
 *  What notices that bytes on the disk are not those that were written (counts: one table of small rows, each place tried):
 *
 *  - LevelDB guards each block of a table by a checksum and does not look at it: `verify_checksums` and `paranoid_checks` are
 *    off by default, and classic-level passes on neither, so opening a store checks no table. It says "Corruption" of a block
 *    that it cannot take apart, when somebody reads it: all lost sectors, and half of all single flipped bits. Here that
 *    becomes DATA_DAMAGED. It may be said of a range beside the block as well: it reads ahead to where a range ends.
 *  - What LevelDB hands on in spite of a wrong byte, the seals and the chain of the journal find: in values, and in the keys
 *    of entries. A wrong byte in another row's key can hide that row, and nobody misses it: one flipped bit in seven.
 *  - `level-files.ts` compares LevelDB's checksums itself and finds all of these. `plexus doctor` does it.
 *  - The newest writes lie in LevelDB's log. It checks that when it opens, goes on without a batch that is wrong, and tells
 *    only its own file `LOG`. The journal misses entries that others of the slot follow, the doctor every one.
 *
 *  Nothing of this mends: a block that cannot be read cannot be deleted either. LevelDB comes upon it when it tidies up,
 *  whatever deletions stand before it, and then refuses all writes. Only a new folder helps: docs/operating.md. */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Level } from "level";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Store, StoreOp, StoreRange } from "../ports.ts";

/** Level's own 4 MiB fills within 20 ms of full load, and each time writers wait for the flush: decision 0003. */
const writeBufferBytes = 32 * 1024 * 1024;

/** Opens a Level store in a folder, which is made when absent. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED; the store's own:
 *  DATA_DAMAGED. What the system refuses, for example because the disk is full, has the system's code: ENOSPC. */
export async function openLevelStore(folder: string): Promise<Store> {
  await makeFolder(folder);
  const level = new Level<string, Uint8Array>(folder, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    writeBufferSize: writeBufferBytes,
  });
  try {
    await level.open();
  } catch (error) {
    const { code } = rootOf(error) as { readonly code?: string };
    if (code === "LEVEL_LOCKED") throw new PlexusError(failure("DATA_FOLDER_IN_USE", { folder }), error);
    const refusal = refusalIn(error, folder);
    if (refusal !== undefined) throw refusal;
    // Also what LevelDB does not call damage: that a file is not there, or that the disk does not give it.
    throw new PlexusError(failure("DATA_DAMAGED", { file: folder, reason: reasonOf(error, folder) }), error);
  }
  return levelStore(level, folder);
}

/** Makes a folder and those above it. Node's own `recursive` never ends where a folder that is there takes none, and says
 *  that it is not there: as /proc does. */
async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<void> => {
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() !== true) throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw error;
    await makeFolder(above);
    await make();
  }
}

type Snapshot = ReturnType<Level<string, Uint8Array>["snapshot"]>;

/** After a failed write LevelDB's log may hold a torn record: what it writes behind it reads well now and is gone at the
 *  next start. So one batch is under way at a time, and after a failure the database is opened again, which starts a new
 *  log, before anything else is read or written. */
function levelStore(level: Level<string, Uint8Array>, folder: string): Store {
  let last: Promise<void> = Promise.resolve();
  let torn = false;
  let reopening: Promise<void> | undefined;
  const reopen = async (): Promise<void> => {
    await level.close();
    await level.open();
    torn = false;
  };
  const whole = (): Promise<void> | undefined => {
    if (!torn) return undefined;
    reopening ??= reopen().finally(() => (reopening = undefined));
    return reopening;
  };
  const write = async (ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void> => {
    await whole();
    try {
      await level.batch(ops as { type: "put"; key: string; value: Uint8Array }[], options);
    } catch (error) {
      torn = true;
      throw error;
    }
  };
  /** `place` is a key: where the work was when LevelDB found damage, which itself says no more than "a block". */
  const named = <T>(place: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      const reason = reasonOf(error, folder);
      if (isDamage(error))
        throw new PlexusError(failure("DATA_DAMAGED", { file: `${folder}#${place}`, reason }), error);
      throw refusalIn(error, folder) ?? new Error(reason, { cause: error });
    });

  /** Reads of a page, on a snapshot or on the store as it is now. */
  const page = async (asked: StoreRange, snapshot?: Snapshot): Promise<[string, Uint8Array][]> => {
    const rows = await level.iterator({ ...bounds(asked), snapshot }).all();
    await withoutGap(asked, { rows: rows.length, end: rows.at(-1)?.[0] }, snapshot);
    return rows;
  };
  const keyPage = async (asked: StoreRange): Promise<string[]> => {
    const keys = await level.keys(bounds(asked)).all();
    await withoutGap(asked, { rows: keys.length, end: keys.at(-1) });
    return keys;
  };
  /** An iterator steps over a block that it cannot read and says so when it comes to its end. One that has reached its
   *  limit never does: then its keys are gone through once more, without a limit. Pages that end earlier pay nothing. */
  const withoutGap = async (
    { gte, lt, limit, reverse }: StoreRange,
    { rows, end }: { readonly rows: number; readonly end: string | undefined },
    snapshot?: Snapshot,
  ): Promise<void> => {
    if (end === undefined || rows !== limit) return;
    if (snapshot === undefined) await whole();
    await level.keys({ ...(reverse === true ? { gte: end, lt } : { gte, lte: end }), snapshot }).all();
  };
  /** A table's filter that is damaged denies rows that are there; iterators do not ask it. A head that is not found would
   *  be a slot without a fence. */
  const get = async (key: string, snapshot?: Snapshot): Promise<Uint8Array | undefined> => {
    const value = await level.get(key, { snapshot });
    if (value !== undefined) return value;
    if (snapshot === undefined) await whole();
    const [row] = await level.iterator({ gte: key, lte: key, snapshot }).all();
    return row?.[1];
  };
  const now = async <T>(read: () => Promise<T>): Promise<T> => {
    await whole();
    return read();
  };

  return {
    location: folder,
    batch(ops, options) {
      const mine = named(
        "",
        last.then(() => write(ops, options)),
      );
      last = mine.catch(() => undefined);
      return mine;
    },
    get: (key) =>
      named(
        key,
        now(() => get(key)),
      ),
    range: (asked) =>
      named(
        asked.gte,
        now(() => page(asked)),
      ),
    keys: (asked) =>
      named(
        asked.gte,
        now(() => keyPage(asked)),
      ),
    view() {
      const snapshot = level.snapshot();
      return {
        get: (key) => named(key, get(key, snapshot)),
        range: (asked) => named(asked.gte, page(asked, snapshot)),
        close: () => snapshot.close(),
      };
    },
    close: () => level.close(),
  };
}

const bounds = ({ gte, lt, limit, reverse }: StoreRange) => ({
  gte,
  lt,
  limit: limit ?? -1,
  reverse: reverse ?? false,
});

/** What LevelDB itself says, below "Database failed to open". */
function rootOf(thrown: unknown): unknown {
  let error = thrown;
  while (error instanceof Error && error.cause !== undefined) error = error.cause;
  return error;
}

/** The same as text, without the folder: it is told to people who need not know where it is. */
function reasonOf(thrown: unknown, folder: string): string {
  const root = rootOf(thrown);
  return (root instanceof Error ? root.message : String(root)).replaceAll(`${folder}/`, "");
}

/** Whether LevelDB says that something is wrong with its files. */
function isDamage(thrown: unknown): boolean {
  const { code, message } = rootOf(thrown) as { readonly code?: string; readonly message: string };
  if (code === "LEVEL_CORRUPTION") return true;
  // Not the disk, which ends the process by a signal, but a table that says a block is behind the table's own end.
  return code === "LEVEL_IO_ERROR" && message.endsWith(".ldb: Invalid argument");
}

/** What the system refuses although the files are whole, in the words of the C library, which are all that LevelDB passes on. */
const refusals: Readonly<Record<string, string>> = {
  "No space left on device": "ENOSPC",
  "Disk quota exceeded": "EDQUOT",
  "File too large": "EFBIG",
  "Permission denied": "EACCES",
  "Operation not permitted": "EPERM",
  "Read-only file system": "EROFS",
  "Too many open files": "EMFILE",
  "Too many open files in system": "ENFILE",
};

/** Such a refusal as Node would have thrown it; undefined when it is none. */
function refusalIn(thrown: unknown, folder: string): Error | undefined {
  const reason = reasonOf(thrown, folder);
  const code = refusals[reason.slice(reason.lastIndexOf(": ") + 2)];
  if (code === undefined) return undefined;
  return Object.assign(new Error(`${code}: ${reason}`, { cause: thrown }), { code, path: folder });
}
