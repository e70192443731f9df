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
import { mkdir } from "node:fs/promises";
import { Level } from "level";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Store, StoreOp, StoreRange } from "../ports.ts";

/** Level's own 4 MiB fills within 20 ms of full load, and each time writers wait for the flush: decision 0003. */
const writeBufferBytes = 32 * 1024 * 1024;

/** Opens a Level store in a folder, which is made when absent. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED; the store's own:
 *  DATA_DAMAGED. */
export async function openLevelStore(folder: string): Promise<Store> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const level = new Level<string, Uint8Array>(folder, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    writeBufferSize: writeBufferBytes,
  });
  try {
    await level.open();
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    if (cause?.code === "LEVEL_LOCKED") throw new PlexusError(failure("DATA_FOLDER_IN_USE", { folder }), error);
    throw new PlexusError(failure("DATA_DAMAGED", { file: folder, reason: cause?.message ?? String(error) }), error);
  }
  return levelStore(level, folder);
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
      const reason = damageIn(error)?.replaceAll(`${folder}/`, "");
      if (reason === undefined) throw error;
      throw new PlexusError(failure("DATA_DAMAGED", { file: `${folder}#${place}`, reason }), error);
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

/** What LevelDB says is wrong with its files, if an error says so: by itself, or as the reason why it could not open. */
function damageIn(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code } = error as { readonly code?: string };
    if (code === "LEVEL_CORRUPTION") return error.message;
    // Not the disk, which ends the process by a signal, but a table that says a block is behind the table's own end.
    if (code === "LEVEL_IO_ERROR" && error.message.endsWith(".ldb: Invalid argument")) return error.message;
  }
  return undefined;
}
