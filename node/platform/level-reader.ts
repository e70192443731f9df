/** The Store port on the files of a Level store, for reading only: LevelDB cannot open a store without writing its
 *  files anew, dropping what it cannot read and deleting what it does not know. This opens nothing for writing, and
 *  needs no room on the disk. The folder must be at rest.
 *
 *      CURRENT ─► manifest ─► tables, logs ─► sources in key order ─► the newest version of each row
 *
 *  Tables whose keys do not overlap follow one another in one source, so that a merge looks at as few as LevelDB would.
 *  What is damaged is never passed over in silence: it is an error, or it is told (`salvage`) and left out. */
import { open, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Store, StoreRange, StoreView } from "../ports/index.ts";
import {
  damageIn,
  listLevelFiles,
  logFile,
  tableFile,
  whatCounts,
  type FileDamage,
  type LevelFiles,
} from "./level-files.ts";
import {
  blockAt,
  blocksOf,
  damagedParts,
  footerBytes,
  footerOf,
  operationsOf,
  partsOf,
  readManifest,
  recordsOf,
  rowsOf,
  trailerBytes,
  type Handle,
  type LevelRow,
} from "./level-format.ts";

/** Called with what cannot be read; what it returns from is left out. */
type OnDamage = (damage: FileDamage) => void;

/** Opens a Level store for reading. With `salvage` what is damaged is told and left out, and where CURRENT or the
 *  manifest is gone every file counts; without it that is an error. Errors: DATA_DAMAGED; the store's own:
 *  DATA_DAMAGED; the system's. */
export async function openLevelReader(folder: string, salvage?: OnDamage): Promise<Store> {
  const told = salvage ?? refuse(folder, "");
  const files = await listLevelFiles(folder);
  const manifest = files.manifest ?? (await lastManifest(folder, files, told));
  const { tables, logs, missing } = whatCounts({ ...files, manifest });
  for (const name of missing) told({ file: join(folder, name), missing: true });
  const opened: Table[] = [];
  for (const number of tables) {
    const table = await openTable(join(folder, tableFile(number)), told);
    if (table) opened.push(table);
  }
  const newest: LevelRow[] = [];
  for (const number of logs) await readLog(join(folder, logFile(number)), told, newest);
  newest.sort(byKeyThenNewest);
  return levelReader(folder, { chains: chained(opened), newest }, salvage);
}

/** What a damaged part is to its reader. */
const refuse =
  (folder: string, place: string): OnDamage =>
  (damage) => {
    const { file, ...facts } = damage;
    const at = place === "" ? file : `${folder}#${place}`;
    const reason =
      "missing" in facts
        ? `${file} is missing`
        : "unreadable" in facts
          ? `the disk does not give ${file} (${facts.unreadable})`
          : `${file}: the bytes ${facts.offset} to ${facts.offset + facts.length} are not what was written`;
    throw new PlexusError(failure("DATA_DAMAGED", { file: at, reason }));
  };

/** The last manifest that is whole, where CURRENT or what it names is gone. */
async function lastManifest(
  folder: string,
  { current, manifests, tables, logs }: LevelFiles,
  told: OnDamage,
): Promise<LevelFiles["manifest"]> {
  if (current === undefined && tables.length + logs.length + manifests.length === 0) return undefined;
  told({ file: join(folder, current ?? "CURRENT"), missing: true });
  for (const name of [...manifests].reverse()) {
    const bytes = await readFile(join(folder, name)).catch((error: unknown) => void damageIn(error));
    const manifest = bytes && readManifest(bytes);
    if (manifest) return manifest;
  }
  return undefined;
}

// --- the files -------------------------------------------------------------------------------------------------------

interface Table {
  readonly file: string;
  readonly blocks: readonly Block[];
  readonly first: string;
  readonly last: string;
}

interface Block extends Handle {
  /** Its keys are behind `after` and not behind `through`. */
  readonly after: string | undefined;
  readonly through: string;
}

/** Undefined: it does not say where its rows are, which was told. */
async function openTable(path: string, told: OnDamage): Promise<Table | undefined> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    const code = damageIn(error);
    told(code === undefined ? { file: path, missing: true } : { file: path, unreadable: code });
    return undefined;
  }
  try {
    const { size } = await file.stat();
    const end = { offset: Math.max(0, size - footerBytes), length: Math.min(size, footerBytes) };
    const footer = footerOf(await readPart(file, end));
    const index = footer && (await readBlock(file, footer.index, size));
    if (index === undefined) {
      told({ file: path, ...(footer?.index ?? end) });
      return undefined;
    }
    const blocks: Block[] = [];
    for (const [through, handle] of blocksOf(index)) blocks.push({ ...handle, after: blocks.at(-1)?.through, through });
    const [one] = blocks;
    if (one === undefined) return undefined;
    // Damaged: it may begin anywhere. It is told when it is read.
    const rows = await readBlock(file, one, size).catch(() => undefined);
    return { file: path, blocks, first: (rows && rowsOf(rows)[0]?.key) ?? "", last: blocks.at(-1)?.through ?? "" };
  } catch (error) {
    const code = damageIn(error);
    told({ file: path, unreadable: code ?? "ENOENT" });
    return undefined;
  } finally {
    await file.close();
  }
}

async function readPart(file: FileHandle, { offset, length }: Handle): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}

/** Undefined when it is damaged. A table may say that a block is longer than the table itself. */
async function readBlock(file: FileHandle, { offset, length }: Handle, size: number): Promise<Buffer | undefined> {
  if (offset + length + trailerBytes > size) return undefined;
  return blockAt(await readPart(file, { offset, length: length + trailerBytes }), { offset: 0, length });
}

async function readLog(path: string, told: OnDamage, rows: LevelRow[]): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = damageIn(error);
    return told(code === undefined ? { file: path, missing: true } : { file: path, unreadable: code });
  }
  const parts = [...partsOf(bytes)];
  for (const part of damagedParts(parts)) told({ file: path, ...part });
  for (const record of recordsOf(parts)) for (const row of operationsOf(record)) rows.push(row);
}

const byKeyThenNewest = (one: LevelRow, other: LevelRow): number =>
  one.key < other.key ? -1 : one.key > other.key ? 1 : other.sequence - one.sequence;

/** Tables in as few rows as can be in which no two overlap. */
function chained(tables: readonly Table[]): readonly (readonly Table[])[] {
  const chains: Table[][] = [];
  for (const table of [...tables].sort((one, other) => (one.first < other.first ? -1 : 1))) {
    const chain = chains.find((tail) => (tail.at(-1)?.last ?? "") < table.first);
    if (chain) chain.push(table);
    else chains.push([table]);
  }
  return chains;
}

// --- reading ---------------------------------------------------------------------------------------------------------

interface Content {
  readonly chains: readonly (readonly Table[])[];
  /** What is in the logs, newer versions of a row first. */
  readonly newest: readonly LevelRow[];
}

/** Blocks that are read in one go when more and more is asked for: 4 KiB each, as LevelDB makes them. */
const blocksAheadMax = 64;

type Range = Pick<StoreRange, "gte" | "lt"> & { readonly reverse: boolean };

/** Rows of tables that follow one another, a run at a time. */
async function* rowsIn(chain: readonly Table[], range: Range, told: OnDamage): AsyncGenerator<readonly LevelRow[]> {
  const { gte, lt, reverse } = range;
  const inOrder = <T>(list: readonly T[]): readonly T[] => (reverse ? list.toReversed() : list);
  for (const table of inOrder(chain.filter(({ first, last }) => first < lt && last >= gte))) {
    const wanted = table.blocks.filter(({ after, through }) => through >= gte && (after === undefined || after < lt));
    const file = await open(table.file).catch((error: unknown) => {
      const code = damageIn(error);
      told(code === undefined ? { file: table.file, missing: true } : { file: table.file, unreadable: code });
      return undefined;
    });
    if (file === undefined) continue;
    try {
      let ahead = 1;
      for (let left = inOrder(wanted); left.length > 0; left = left.slice(ahead), ahead = nextAhead(ahead)) {
        const rows = await rowsOfBlocks(file, table.file, inOrder(left.slice(0, ahead)), told);
        yield inOrder(rows.filter(({ key }) => key >= gte && key < lt));
      }
    } finally {
      await file.close();
    }
  }
}

const nextAhead = (ahead: number): number => Math.min(blocksAheadMax, ahead * 2);

/** Blocks that lie one behind the other. */
async function rowsOfBlocks(
  file: FileHandle,
  path: string,
  blocks: readonly Block[],
  told: OnDamage,
): Promise<readonly LevelRow[]> {
  const [one] = blocks;
  const last = blocks.at(-1);
  if (one === undefined || last === undefined) return [];
  let bytes: Buffer | undefined;
  try {
    bytes = await readPart(file, { offset: one.offset, length: last.offset + last.length + trailerBytes - one.offset });
  } catch (error) {
    const code = damageIn(error);
    if (blocks.length === 1) {
      told({ file: path, unreadable: code ?? "ENOENT" });
      return [];
    }
    const rows: LevelRow[] = [];
    for (const block of blocks) for (const row of await rowsOfBlocks(file, path, [block], told)) rows.push(row);
    return rows;
  }
  const rows: LevelRow[] = [];
  for (const { offset, length, after, through } of blocks) {
    const block = blockAt(bytes, { offset: offset - one.offset, length });
    if (block === undefined)
      told({ file: path, offset, length, rows: { ...(after !== undefined && { after }), through } });
    else for (const row of rowsOf(block)) rows.push(row);
  }
  return rows;
}

/** Index of the first row of the logs with this key, or behind it. */
function firstAt(rows: readonly LevelRow[], key: string): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as LevelRow).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function* rowsInLogs(
  rows: readonly LevelRow[],
  { gte, lt, reverse }: Range,
): AsyncGenerator<readonly LevelRow[]> {
  const found = rows.slice(firstAt(rows, gte), firstAt(rows, lt));
  yield reverse ? found.toReversed() : found;
}

/** A source that is being read: what was read of it, and how far that is used. */
interface Open {
  readonly from: AsyncGenerator<readonly LevelRow[]>;
  rows: readonly LevelRow[];
  at: number;
}

async function refill(source: Open): Promise<void> {
  while (source.at >= source.rows.length) {
    const next = await source.from.next();
    if (next.done === true) return;
    source.rows = next.value;
    source.at = 0;
  }
}

/** The newest version of each row of a range that is there. */
async function* newestIn(content: Content, range: Range, told: OnDamage): AsyncGenerator<LevelRow> {
  const sources: Open[] = [
    rowsInLogs(content.newest, range),
    ...content.chains.map((chain) => rowsIn(chain, range, told)),
  ].map((from) => ({ from, rows: [], at: 0 }));
  try {
    for (const source of sources) await refill(source);
    for (;;) {
      let next: string | undefined;
      for (const { rows, at } of sources) {
        const key = rows[at]?.key;
        if (key !== undefined && (next === undefined || (range.reverse ? key > next : key < next))) next = key;
      }
      if (next === undefined) return;
      let newest: LevelRow | undefined;
      for (const source of sources) {
        for (let row = source.rows[source.at]; row?.key === next; row = source.rows[source.at]) {
          if (newest === undefined || row.sequence > newest.sequence) newest = row;
          source.at += 1;
          if (source.at >= source.rows.length) await refill(source);
        }
      }
      if (newest?.value !== undefined) yield newest;
    }
  } finally {
    for (const { from } of sources) await from.return(undefined);
  }
}

function levelReader(folder: string, content: Content, salvage: OnDamage | undefined): Store {
  let closed = false;
  const rows = (asked: StoreRange): AsyncGenerator<LevelRow> => {
    if (closed) throw new Error("the store is closed");
    const { gte, lt, reverse = false } = asked;
    return newestIn(content, { gte, lt, reverse }, salvage ?? refuse(folder, gte));
  };
  const collect = async <T>(asked: StoreRange, take: (row: LevelRow) => T): Promise<T[]> => {
    const found: T[] = [];
    const { limit = Infinity } = asked;
    if (limit <= 0) return found;
    for await (const row of rows(asked)) {
      found.push(take(row));
      if (found.length >= limit) break;
    }
    return found;
  };
  // A copy: what was read with a row is not kept as long as the row is.
  const range = (asked: StoreRange) =>
    collect(asked, ({ key, value }): [string, Uint8Array] => [key, Uint8Array.from(value ?? [])]);
  const get = async (key: string): Promise<Uint8Array | undefined> =>
    (await range({ gte: key, lt: `${key}\0`, limit: 1 }))[0]?.[1];
  const view: StoreView = { get, range, close: () => Promise.resolve() };
  return {
    location: folder,
    batch: () => Promise.reject(new Error(`${folder} is open for reading only`)),
    get,
    range,
    keys: (asked) => collect(asked, ({ key }) => key),
    view: () => view,
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
