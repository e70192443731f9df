/** Looks at LevelDB's files without LevelDB: it compares them with the checksums that LevelDB wrote beside them, which
 *  LevelDB itself does not do here, or keeps to itself (`level-store.ts` says why), and tells what LevelDB would drop
 *  or delete without a word. Nothing here writes. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  blockAt,
  blocksOf,
  damagedParts,
  entriesOf,
  footerBytes,
  footerOf,
  handleOf,
  isWhole,
  lastSequenceOf,
  partsOf,
  readManifest,
  recordsOf,
  type Handle,
  type Manifest,
} from "./level-format.ts";

/** What is wrong with a file: it is not there, the system refuses to read it, with this code, or a part of it is not
 *  what was written. */
export type FileDamage =
  | { readonly file: string; readonly missing: true }
  | { readonly file: string; readonly unreadable: string }
  | ({ readonly file: string } & PartDamage);

interface PartDamage {
  readonly offset: number;
  readonly length: number;
  /** Its rows have keys behind `after`, if there is any row before, and up to `through`. Absent: the part is of a log,
   *  or of a table and says where its other parts are; LevelDB believes it, and asking for as much memory as it says
   *  may end the process. */
  readonly rows?: { readonly after?: string; readonly through: string };
}

/** What the system says of files that are whole. */
const denied: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EMFILE", "ENFILE"]);

/** The code with which the system says that a file is not what it was; undefined when a file is gone. What says nothing
 *  of the file is thrown. */
export function damageIn(thrown: unknown): string | undefined {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === undefined || denied.has(code)) throw thrown;
  return code === "ENOENT" ? undefined : code;
}

// --- which files there are -------------------------------------------------------------------------------------------

/** The files of a Level store, and which of them hold what the store holds. */
export interface LevelFiles {
  /** Those that hold rows, in the order of their numbers. */
  readonly tables: readonly number[];
  readonly logs: readonly number[];
  readonly manifests: readonly string[];
  /** What CURRENT names. Undefined: there is no CURRENT. */
  readonly current: string | undefined;
  /** What that says. Undefined: it is missing or damaged. */
  readonly manifest: Manifest | undefined;
}

export const tableFile = (number: number): string => `${String(number).padStart(6, "0")}.ldb`;
export const logFile = (number: number): string => `${String(number).padStart(6, "0")}.log`;

/** What there is in a folder; nothing, where there is none. Errors: the system's. */
export async function listLevelFiles(folder: string): Promise<LevelFiles> {
  const read = (name: string): Promise<Buffer | undefined> =>
    readFile(join(folder, name)).catch((error: unknown) => void damageIn(error));
  const current = (await read("CURRENT"))?.toString().trim();
  const bytes = current === undefined || current === "" ? undefined : await read(current);
  // Behind the manifest: what it names was there when it was read.
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const numbered = (ending: string): number[] =>
    names
      .filter((name) => name.endsWith(ending))
      .map((name) => Number.parseInt(name, 10))
      .filter((number) => number >= 0)
      .sort((one, other) => one - other);
  return {
    tables: numbered(".ldb"),
    logs: numbered(".log"),
    manifests: names.filter((name) => name.startsWith("MANIFEST-")).sort(),
    current,
    manifest: bytes && readManifest(bytes),
  };
}

/** Those that count: a table that was being written when the process ended, say, is of no use to anybody and removed at
 *  the next start. Where no manifest can be read, all count. */
export function whatCounts({ tables, logs, manifest }: Omit<LevelFiles, "manifests" | "current">): {
  readonly tables: readonly number[];
  readonly logs: readonly number[];
  readonly missing: readonly string[];
} {
  if (manifest === undefined) return { tables, logs, missing: [] };
  const there = new Set(tables);
  const missing = [...manifest.tables].filter((number) => !there.has(number)).map(tableFile);
  // It is made before the manifest names it, and goes when the manifest names a later one.
  if (manifest.firstLog > 0 && !logs.includes(manifest.firstLog)) missing.push(logFile(manifest.firstLog));
  return {
    tables: tables.filter((number) => manifest.tables.has(number)),
    logs: logs.filter((number) => number >= manifest.firstLog),
    missing,
  };
}

// --- what is wrong with them -----------------------------------------------------------------------------------------

/** All that is wrong with the files of a Level store. What a power loss may leave at the end of a log is not: nobody
 *  was told that it is durable. Errors: the system's, when this user or process may not read. */
export async function findFileDamage(folder: string): Promise<readonly FileDamage[]> {
  const files = await listLevelFiles(folder);
  const { tables, logs, missing } = whatCounts(files);
  const found: FileDamage[] = missing.map((name) => ({ file: join(folder, name), missing: true }));
  const holds = tables.length > 0 || logs.length > 0 || files.manifests.length > 0;
  if (files.current === undefined && holds) found.push({ file: join(folder, "CURRENT"), missing: true });
  if (files.current !== undefined && files.manifest === undefined)
    found.push({ file: join(folder, files.current), ...(await whyUnread(join(folder, files.current))) });
  const kinds = [
    ...tables.map((number) => [tableFile(number), damagedBlocks] as const),
    ...logs.map((number) => [logFile(number), damagedRecords] as const),
  ];
  for (const [name, parts] of kinds) {
    const file = join(folder, name);
    try {
      for (const part of parts(await readFile(file))) found.push({ file, ...part });
    } catch (error) {
      const code = damageIn(error);
      // Gone meanwhile: a node is at work on the folder.
      if (code !== undefined) found.push({ file, unreadable: code });
    }
  }
  return found;
}

/** What is wrong with a manifest. */
async function whyUnread(
  file: string,
): Promise<{ readonly missing: true } | { readonly unreadable: string } | PartDamage> {
  try {
    const { length } = await readFile(file);
    return { offset: 0, length };
  } catch (error) {
    const code = damageIn(error);
    return code === undefined ? { missing: true } : { unreadable: code };
  }
}

function* damagedBlocks(bytes: Buffer): Iterable<PartDamage> {
  const end: Handle = { offset: Math.max(0, bytes.length - footerBytes), length: Math.min(bytes.length, footerBytes) };
  const footer = footerOf(bytes.subarray(end.offset));
  if (footer === undefined) return yield end;
  const { filters, index } = footer;
  const rows = blockAt(bytes, index);
  if (rows === undefined) return yield index;
  let after: string | undefined;
  for (const [through, handle] of blocksOf(rows)) {
    if (!isWhole(bytes, handle)) yield { ...handle, rows: { ...(after !== undefined && { after }), through } };
    after = through;
  }
  const byName = blockAt(bytes, filters);
  if (byName === undefined) return yield filters;
  // A filter denies rows of any block.
  for (const [, value] of entriesOf(byName)) {
    const handle = handleOf(value);
    if (handle && !isWhole(bytes, handle)) yield { ...handle, rows: { through: after ?? "" } };
  }
}

const damagedRecords = (bytes: Buffer): Iterable<PartDamage> => damagedParts(partsOf(bytes));

// --- what opening it would lose --------------------------------------------------------------------------------------

/** What is known of a store before LevelDB opens it. */
export interface Survey {
  /** There is a store, as far as LevelDB looks. */
  readonly hasCurrent: boolean;
  /** The number of the last operation that is there: LevelDB counts them. */
  readonly sequence: number;
  /** What is missing or damaged although LevelDB may not mind. */
  readonly loss: Loss | undefined;
}

export interface Loss {
  readonly file: string;
  readonly reason: string;
  /** LevelDB goes on with what is left, and deletes nothing that could be read. */
  readonly leavesRest: boolean;
}

/** Looks at what LevelDB believes without a word: where CURRENT is missing it begins anew and deletes all tables, a log
 *  that is missing was never there, and a batch that is damaged is skipped. Errors: the system's. */
export async function surveyLevel(folder: string): Promise<Survey> {
  const files = await listLevelFiles(folder);
  const { current, manifest } = files;
  const hasCurrent = current !== undefined;
  const { logs, missing } = whatCounts(files);
  const holds = files.tables.length > 0 || files.logs.length > 0;
  const lost = (name: string, reason: string, leavesRest = false): Survey => {
    return { hasCurrent, sequence: 0, loss: { file: join(folder, name), reason, leavesRest } };
  };
  if (current === undefined) {
    if (holds) return lost("CURRENT", "it is missing: a node that opened the journal now would begin an empty one");
    // A manifest alone: LevelDB makes that first, and CURRENT of it.
    return { hasCurrent, sequence: 0, loss: undefined };
  }
  if (manifest === undefined) return lost(current, "it is missing or damaged: nothing says which files count");
  const [table] = missing.filter((name) => name.endsWith(".ldb"));
  if (table !== undefined) return lost(table, "it is missing");
  let { lastSequence: sequence } = manifest;
  let loss: Loss | undefined;
  const note = (name: string, reason: string): void => {
    loss ??= { file: join(folder, name), reason, leavesRest: true };
  };
  const [log] = missing;
  if (log !== undefined) note(log, "it is missing: the newest writes were in it");
  for (const number of logs) {
    const name = logFile(number);
    const parts = [...partsOf(await readFile(join(folder, name)))];
    for (const { offset, length } of damagedParts(parts))
      note(
        name,
        `its bytes ${offset} to ${offset + length} are not what was written, and writes behind them are whole`,
      );
    for (const record of recordsOf(parts)) sequence = Math.max(sequence, lastSequenceOf(record));
  }
  return { hasCurrent, sequence, loss };
}
