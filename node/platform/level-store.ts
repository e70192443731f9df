/** The Store port on LevelDB.
 *
 *  What notices that bytes on the disk are not those that were written (counts: one table of small rows, each place
 *  tried):
 *
 *  - LevelDB guards each block of a table by a checksum and does not look at it: `verify_checksums` and
 *    `paranoid_checks` are off by default, and classic-level passes on neither, so opening a store checks no table. It
 *    says "Corruption" of a block that it cannot take apart, when somebody reads it: all lost sectors, and half of all
 *    single flipped bits. Here that becomes DATA_DAMAGED. It may be said of a range beside the block as well: it reads
 *    ahead to where a range ends.
 *  - What LevelDB hands on in spite of a wrong byte, the seals and the chain of the journal find: in values, and in the
 *    keys of entries. A wrong byte in another row's key can hide that row, and nobody misses it: one flipped bit in
 *    seven.
 *  - `level-files.ts` compares LevelDB's checksums itself and finds all of these. `plexus doctor` does it.
 *  - The newest writes lie in LevelDB's log. It checks that when it opens, goes on without a batch that is wrong, or
 *    without the whole log, and tells only its own file `LOG`. Where CURRENT is gone it begins anew, and deletes every
 *    table. So `surveyLevel` looks first, and what it misses is compared with a mark outside the folder
 *    (`level-mark.ts`).
 *
 *  Nothing of this mends: a block that cannot be read cannot be deleted either. LevelDB comes upon it when it tidies
 *  up, whatever deletions stand before it, and then refuses all writes. Only a new folder helps:
 *  docs/operate/trouble.md. */
import { statfsSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Level } from "level";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Store, StoreOp, StorePage, StoreRange } from "../ports/index.ts";
import { listLevelFiles, surveyLevel, type Loss, type Survey } from "./level-files.ts";
import { HighWaterMark } from "./level-mark.ts";
import { openLevelReader } from "./level-reader.ts";
import { platformLimits } from "./limits.ts";

/** Level's own 4 MiB fills within 20 ms of full load, and each time writers wait for the flush: decision 0003. */
const writeBufferBytes = 32 * 1024 * 1024;

/** How a Level store is opened. */
interface LevelOptions {
  /** Where the number of the last write that is durable is kept, outside the folder. */
  readonly mark?: string;
  /** There was a store in the folder: one that is not there any more is lost, and none is begun. */
  readonly mustExist?: boolean;
  /** The operator takes what is left of the newest writes for all that there was. */
  readonly trusted?: boolean;
}

/** Opens a Level store in a folder, which is made when absent. LevelDB is let in only where it loses nothing that it
 *  would not tell: see `surveyLevel`. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED; the store's own: DATA_DAMAGED. What the
 *  system refuses, for example because the disk is full, has the system's code: ENOSPC. */
export async function openLevelStore(folder: string, options: LevelOptions = {}): Promise<Store> {
  await makeFolder(folder);
  const mark = options.mark === undefined ? undefined : new HighWaterMark(options.mark);
  const { sequence } = await checked(folder, mark, options);
  const level = new Level<string, Uint8Array>(folder, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    writeBufferSize: writeBufferBytes,
    createIfMissing: options.mustExist !== true,
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
  mark?.reached(sequence);
  return levelStore(level, folder, { mark, sequence });
}

/** What is in a folder, where it is all that was. Error: DATA_DAMAGED. */
async function checked(folder: string, mark: HighWaterMark | undefined, options: LevelOptions): Promise<Survey> {
  const { survey, loss } = await lookForLoss(folder, mark, options.mustExist === true);
  if (loss === undefined || (loss.leavesRest && options.trusted === true)) return survey;
  const { file, reason, leavesRest } = loss;
  const hint = leavesRest ? { hint: "to go on with what is left, without what is lost: --trust-data" } : {};
  throw new PlexusError(failure("DATA_DAMAGED", { file, reason, ...hint }));
}

/** What a Level store has lost that LevelDB would not tell, or would make worse. The mark is where the number of the
 *  last durable write is kept. Errors: the system's. */
export const findLoss = async (folder: string, markFile: string): Promise<Loss | undefined> =>
  (await lookForLoss(folder, new HighWaterMark(markFile), true)).loss;

/** While a process is at work on the folder a file may seem to be missing: then it is another one at the next look, or
 *  none, and LevelDB says who has the folder. */
async function lookForLoss(
  folder: string,
  mark: HighWaterMark | undefined,
  mustExist: boolean,
): Promise<{ readonly survey: Survey; readonly loss: Loss | undefined }> {
  let before: string | undefined;
  for (;;) {
    // The mark first: what is written meanwhile is beyond it.
    const marked = (await mark?.read()) ?? 0;
    const survey = await surveyLevel(folder);
    const loss = survey.loss ?? lossBelow(folder, { marked, survey, mustExist });
    const now = JSON.stringify([loss, survey.sequence]);
    if (loss === undefined || now === before) return { survey, loss };
    before = now;
  }
}

function lossBelow(
  folder: string,
  at: { readonly marked: number; readonly survey: Survey; readonly mustExist: boolean },
): Loss | undefined {
  const { marked, survey, mustExist } = at;
  if (mustExist && !survey.hasCurrent)
    return { file: folder, reason: "the journal is gone, and the data folder is not a new one", leavesRest: false };
  if (survey.sequence >= marked) return undefined;
  const reason =
    `it ends at write ${survey.sequence}, and ${marked} were stored: ` +
    "newer files are missing, or it is an older copy";
  return { file: folder, reason, leavesRest: true };
}

/** Makes a folder and those above it. Node's own `recursive` never ends where a folder that is there takes none, and
 *  says that it is not there: as /proc does. */
export async function makeFolder(path: string): Promise<void> {
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

/** After a failed write LevelDB's log may hold a torn record: what it writes behind it reads well now and is gone at
 *  the next start. So one batch is under way at a time, and after a failure the database is opened again, which starts
 *  a new log, before anything else is written. While the disk does not let it, because it is full, say, reads go to the
 *  files themselves: they hold what the database will when it is open. */
function levelStore(
  level: Level<string, Uint8Array>,
  folder: string,
  at: { readonly mark: HighWaterMark | undefined; readonly sequence: number },
): Store {
  const { mark } = at;
  let { sequence } = at;
  let last: Promise<void> = Promise.resolve();
  let torn = false;
  let reopening: Promise<void> | undefined;
  /** Reads the files while the database cannot be opened. */
  let files: Promise<Store> | undefined;
  let refusedAtMs = -Infinity;
  const isDiskFull = roomGauge(folder);
  const reopen = async (): Promise<void> => {
    await level.close();
    await level.open();
    ({ sequence } = await surveyLevel(folder));
    torn = false;
    files = undefined;
  };
  const whole = (): Promise<void> | undefined => {
    if (!torn) return undefined;
    reopening ??= reopen()
      .catch((error: unknown) => {
        refusedAtMs = performance.now();
        throw error;
      })
      .finally(() => (reopening = undefined));
    return reopening;
  };
  /** The files, where the disk does not let the database be opened; undefined: it is open. */
  const aside = async (): Promise<Store | undefined> => {
    if (!torn) return undefined;
    try {
      if (files === undefined || performance.now() - refusedAtMs > platformLimits.reopenPauseMs) await whole();
      else if (reopening !== undefined) await reopening;
    } catch (error) {
      if (refusalIn(error, folder) === undefined) throw error;
    }
    if (!torn) return undefined;
    files ??= openLevelReader(folder).catch((error: unknown) => {
      files = undefined;
      throw error;
    });
    return files;
  };
  const write = async (ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void> => {
    await whole();
    try {
      await level.batch(ops as { type: "put"; key: string; value: Uint8Array }[], options);
      sequence += ops.length;
      if (options.sync) mark?.reached(sequence);
    } catch (error) {
      torn = true;
      throw error;
    }
  };
  /** `place` is a key: where the work was when LevelDB found damage, which itself says no more than "a block". */
  const named = <T>(place: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      if (error instanceof PlexusError) throw error;
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
  /** One iterator for all of it: its end says what it stepped over. */
  const scan = async function* (
    asked: StoreRange,
    { bytes, now = () => bytes }: { readonly bytes: number; readonly now?: (() => number) | undefined },
    snapshot: Snapshot,
  ): AsyncGenerator<StorePage, void> {
    const iterator = level.iterator({ ...bounds(asked), snapshot, highWaterMarkBytes: bytes });
    /** Of a row of the page before. */
    let rowBytes = 0;
    try {
      for (;;) {
        // LevelDB counts the bytes of a whole page only. Of the first one nothing is known.
        const rows = rowBytes === 0 ? platformLimits.scanRowsFirst : Math.max(1, Math.floor(now() / rowBytes));
        const wanted = now() < bytes ? Math.min(rows, platformLimits.scanRows) : platformLimits.scanRows;
        const page = await named(asked.gte, iterator.nextv(wanted));
        if (page.length === 0) return;
        rowBytes = page.reduce((sum, row) => sum + row[1].length, 0) / page.length;
        yield page;
      }
    } finally {
      await iterator.close();
    }
  };
  const keyPage = async (asked: StoreRange): Promise<string[]> => {
    const keys = await level.keys(bounds(asked)).all();
    await withoutGap(asked, { rows: keys.length, end: keys.at(-1) });
    return keys;
  };
  /** An iterator steps over a block that it cannot read and says so when it comes to its end. One that has reached its
   *  limit never does: then its keys are read once more, without a limit. Pages that end earlier pay nothing. */
  const withoutGap = async (
    { gte, lt, limit, reverse }: StoreRange,
    { rows, end }: { readonly rows: number; readonly end: string | undefined },
    snapshot?: Snapshot,
  ): Promise<void> => {
    if (end === undefined || rows !== limit) return;
    if (snapshot === undefined) await whole();
    await level.keys({ ...(reverse === true ? { gte: end, lt } : { gte, lte: end }), snapshot }).all();
  };
  /** A table's filter that is damaged denies rows that are there; iterators do not ask it. A head that is not found
   *  would be a slot without a fence. */
  const get = async (key: string, snapshot?: Snapshot): Promise<Uint8Array | undefined> => {
    const value = await level.get(key, { snapshot });
    if (value !== undefined) return value;
    if (snapshot === undefined) await whole();
    const [row] = await level.iterator({ gte: key, lte: key, snapshot }).all();
    return row?.[1];
  };
  const now = async <T>(read: (from: Reads) => Promise<T>): Promise<T> => {
    const from = await aside();
    if (from === undefined) return read(database);
    try {
      return await read(from);
    } catch (error) {
      // The database was opened meanwhile, and has tidied its files away.
      if (torn) throw error;
      return read(database);
    }
  };
  const database: Reads = { get, range: page, keys: keyPage };

  /** Views and iterators: while one is open, LevelDB keeps what it may show. */
  const looks = new Set<Promise<unknown>>();
  const looking = <T>(work: Promise<T>): Promise<T> => {
    const over = work.catch(() => undefined).finally(() => looks.delete(over));
    looks.add(over);
    return work;
  };
  const looksOver = async (): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, platformLimits.looksWaitMs, "late");
    });
    const first = await Promise.race([Promise.all(looks), late]);
    clearTimeout(timer);
    if (first === "late") throw new PlexusError(failure("OVERLOADED", { reason: "something still reads older rows" }));
  };
  /** Writes rows as they are: the tables that hold older ones are merged with these. */
  const touch = (keys: readonly string[]): Promise<void> => {
    const mine = last.then(async () => {
      const ops: StoreOp[] = [];
      for (const key of keys) {
        const value = await level.get(key);
        ops.push(value === undefined ? { type: "del", key } : { type: "put", key, value });
      }
      await write(ops, { sync: true });
    });
    last = mine.catch(() => undefined);
    return mine;
  };
  /** LevelDB leaves the lowest tables alone, where nothing lies above. But one may have replaced rows in it itself:
   *  those written before it was, or shown by a view when it was. So each table there is gets something above. */
  const compact = async (): Promise<void> => {
    await whole();
    await looksOver();
    const merge = (to: string): Promise<void> => (level as unknown as Compacting).compactRange("", to);
    await merge(everyKeyBelow);
    const { manifest, tables, logs } = await listLevelFiles(folder);
    if (manifest === undefined) throw new Error("the manifest is being written");
    const keys = [...new Set(manifest.firstKeys.values())];
    for (let at = 0; at < keys.length; at += platformLimits.touchRows)
      await touch(keys.slice(at, at + platformLimits.touchRows));
    await merge(everyKeyBelow);
    const old = new Set([...tables, ...logs]);
    for (let looked = 1; ; looked += 1) {
      const files = await listLevelFiles(folder);
      const left = [...files.tables, ...files.logs].filter((number) => old.has(number)).length;
      if (left === 0) return;
      if (looked === platformLimits.mergeLooks) throw new Error(`${left} files of replaced rows are still there`);
      // Files that readers had open are still there. LevelDB removes them when it begins its next log.
      await looksOver();
      await merge("");
    }
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
        now((from) => from.get(key)),
      ),
    range: (asked) => named(asked.gte, looking(now((from) => from.range(asked)))),
    keys: (asked) => named(asked.gte, looking(now((from) => from.keys(asked)))),
    view() {
      // Nothing is written while it is torn; what comes after that is not of this moment.
      if (torn) {
        const still = async <T>(read: (from: Store) => Promise<T>): Promise<T> => {
          const from = await aside();
          if (from === undefined) throw new Error("the moment of this view is over");
          return read(from);
        };
        return {
          get: (key) =>
            named(
              key,
              still((from) => from.get(key)),
            ),
          range: (asked) =>
            named(
              asked.gte,
              still((from) => from.range(asked)),
            ),
          close: () => Promise.resolve(),
        };
      }
      const snapshot = level.snapshot();
      const { promise: closed, resolve: close } = Promise.withResolvers<void>();
      void looking(closed);
      return {
        get: (key) => named(key, get(key, snapshot)),
        range: (asked) => named(asked.gte, page(asked, snapshot)),
        scan: (asked, bytes, now) => scan(asked, { bytes, now }, snapshot),
        close: () => snapshot.close().finally(close),
      };
    },
    compact: () => named("", compact()),
    isFull: () => isDiskFull() || (torn && performance.now() - refusedAtMs < platformLimits.reopenPauseMs),
    async close() {
      await level.close();
      await mark?.close();
    },
  };
}

/** The room that is kept on a disk of some size for what the node does by itself, in bytes. */
export const roomKept = ({ blocks, bsize }: { readonly blocks: number; readonly bsize: number }): number =>
  Math.min(platformLimits.roomBytes, blocks * bsize * platformLimits.roomShare);

/** Whether a disk has less room than LevelDB may need to be opened and to tidy up. Asked of the system now and then:
 *  others write to the disk as well. */
function roomGauge(folder: string): () => boolean {
  let atMs = -Infinity;
  let full = false;
  return () => {
    const nowMs = performance.now();
    if (nowMs - atMs < platformLimits.roomLookMs) return full;
    atMs = nowMs;
    try {
      const { bavail, blocks, bsize } = statfsSync(folder);
      // A file system without any blocks does not say how large it is.
      full = blocks > 0 && bavail * bsize < roomKept({ blocks, bsize });
    } catch {
      full = false;
    }
    return full;
  };
}

/** What Level can do in Node, and not in a browser: its types tell of both. */
interface Compacting {
  compactRange(from: string, to: string): Promise<void>;
}

/** Keys are ASCII. */
const everyKeyBelow = "\u007f";

type Reads = Pick<Store, "get" | "range" | "keys">;

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

/** What the system refuses although the files are whole, in the words of the C library, which are all that LevelDB
 *  passes on. */
const refusals: Readonly<Record<string, string>> = {
  "No space left on device": "ENOSPC",
  "Disk quota exceeded": "EDQUOT",
  "File too large": "EFBIG",
  "Permission denied": "EACCES",
  "Operation not permitted": "EPERM",
  "Read-only file system": "EROFS",
  "Too many open files": "EMFILE",
  "Too many open files in system": "ENFILE",
  // A file system that cannot sync a folder, or a file: LevelDB needs both. Of a table's block it would be damage,
  // which is told apart before.
  "Invalid argument": "EINVAL",
  "Operation not supported": "EOPNOTSUPP",
  "Function not implemented": "ENOSYS",
  "Stale file handle": "ESTALE",
  "Transport endpoint is not connected": "ENOTCONN",
};

/** Such a refusal as Node would have thrown it; undefined when it is none. */
function refusalIn(thrown: unknown, folder: string): Error | undefined {
  const reason = reasonOf(thrown, folder);
  const code = refusals[reason.slice(reason.lastIndexOf(": ") + 2)];
  if (code === undefined || isDamage(thrown)) return undefined;
  return Object.assign(new Error(`${code}: ${reason}`, { cause: thrown }), { code, path: folder });
}
