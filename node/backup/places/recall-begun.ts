/** What a recall writes into its folder while it is under way, so that the same recall goes on there after whatever
 *  ended it.
 *
 *      recall.begun    {"plexus":"recall","version":1, whose it is, of which snapshot}
 *                      {"begins":["room/lobby/message.jsonl"]}      before these files are made
 *                      {"units":120,"open":{…}, …}                  up to here everything is whole, and synced
 *
 *  What was begun behind the last mark is removed by the run that goes on, and the file that was open then is cut to
 *  its length.
 *  A file that no line names is somebody else's: the folder is refused (docs/decisions/0158-tasks-that-go-on.md). */
import { createHash } from "node:crypto";
import { open, readdir, readFile, rename, rm, truncate, type FileHandle } from "node:fs/promises";
import { join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { failure, PlexusError, type Losses, type LostUnit, type RecallBackup } from "../../../protocols/index.ts";
import type { Snapshot } from "../../../runtimes/backup/index.ts";
import { isOfVolume, syncFolder } from "../../../runtimes/folders.ts";
import type { BackupLimits } from "../index.ts";

/** There while a recall writes into the folder, and after it ended too early. */
export const begunFile = "recall.begun";
/** There once it is whole. */
export const aboutFile = "recall.json";

/** Whose recall it is: another one is refused. */
export interface RecallName {
  readonly cluster: string;
  /** The folder of the backups; null: those of the cluster. */
  readonly from: string | null;
  readonly query: RecallBackup["query"];
}

/** How far it is: everything before is on the disk. */
export interface FolderMark {
  /** Units of the query that were brought back, or are lost. */
  readonly units: number;
  readonly bytes: number;
  readonly files: number;
  readonly lost: Losses<LostUnit>;
  /** The file that goes on. */
  readonly open?: { readonly path: string; readonly bytes: number };
}

/** A recall that was begun in a folder. */
export interface BegunRecall {
  readonly snapshot: number;
  /** Units come in the order of this tree, read with these limits: of another one the mark is worth nothing. */
  readonly order: string;
  readonly mark: FolderMark | undefined;
  /** Files that were begun up to the mark, and behind it. */
  readonly before: ReadonlySet<string>;
  readonly behind: ReadonlySet<string>;
}

/** The order in which a recall brings units. */
export const orderOf = (
  { number, root }: Pick<Snapshot, "number" | "root">,
  { recalledUnits, packsKept }: Pick<BackupLimits, "recalledUnits" | "packsKept">,
): string =>
  createHash("sha256")
    .update(JSON.stringify([number, root?.stripe.id, recalledUnits, packsKept]))
    .digest("hex");

const wrong = (folder: string, why: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { field: "folder", reason: `${folder} ${why}` }));

/** Looks whether this recall was begun in a folder. Errors: BAD_REQUEST (another recall was, or something else is in
 *  it), the system's. */
export async function readBegun(folder: string, name: RecallName): Promise<BegunRecall | undefined> {
  const text = await readFile(join(folder, begunFile), "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const [first, ...lines] = linesIn(text);
  // The run that began it died at once, before anything else was in the folder.
  if (first === undefined) return undefined;
  const { plexus, version, snapshot, order, ...of } = first as unknown as {
    plexus: string;
    version: number;
    snapshot: number;
    order: string;
  } & RecallName;
  if (plexus !== "recall" || version !== 1 || !isDeepStrictEqual(of, name))
    throw wrong(
      folder,
      "has what another recall began: name another folder, or give the same query again to finish that recall",
    );
  let mark: FolderMark | undefined;
  const before = new Set<string>();
  let behind = new Set<string>();
  for (const line of lines)
    if ("begins" in line) for (const path of line["begins"] as readonly string[]) behind.add(path);
    else {
      mark = line as unknown as FolderMark;
      for (const path of behind) before.add(path);
      behind = new Set();
    }
  return { snapshot, order, mark, before, behind };
}

/** The lines that are whole: the last one may be torn. */
function linesIn(text: string): readonly Readonly<Record<string, unknown>>[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Readonly<Record<string, unknown>>];
    } catch {
      return [];
    }
  });
}

/** Writes it. */
export interface BegunLog {
  /** These files will be made. */
  begins(paths: readonly string[]): Promise<void>;
  /** Everything up to here is synced. */
  mark(mark: FolderMark): Promise<void>;
  /** The recall is whole. */
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Begins, or goes on: then the folder has afterwards what it had at the mark. Errors: BAD_REQUEST (a file is in it
 *  that this recall has not made), the system's. */
export async function openBegunLog(
  folder: string,
  { name, snapshot, order }: { readonly name: RecallName; readonly snapshot: number; readonly order: string },
  begun?: BegunRecall,
): Promise<{ readonly log: BegunLog; readonly mark: FolderMark | undefined }> {
  const mark = begun?.order === order ? begun.mark : undefined;
  const kept = mark === undefined ? new Set<string>() : (begun?.before ?? new Set<string>());
  if (begun !== undefined) await goBack(folder, begun, kept, mark);
  const path = join(folder, begunFile);
  const lines: readonly object[] = [
    { plexus: "recall", version: 1, snapshot, order, ...name },
    ...(mark === undefined ? [] : [{ begins: [...kept] }, mark]),
  ];
  const file = await open(`${path}.new`, "w", 0o600);
  await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await file.sync();
  await rename(`${path}.new`, path);
  await syncFolder(folder);
  return { log: logIn(folder, file), mark };
}

function logIn(folder: string, file: FileHandle): BegunLog {
  const add = (line: object): Promise<void> => file.appendFile(`${JSON.stringify(line)}\n`);
  return {
    begins: async (paths) => (paths.length === 0 ? undefined : add({ begins: paths })),
    async mark(mark) {
      await add(mark);
      await file.datasync();
    },
    async end() {
      await rm(join(folder, begunFile), { force: true });
      await syncFolder(folder);
    },
    close: () => file.close(),
  };
}

/** Removes what was begun behind a mark, and cuts the file that was open. */
async function goBack(
  folder: string,
  { before, behind }: BegunRecall,
  kept: ReadonlySet<string>,
  mark: FolderMark | undefined,
): Promise<void> {
  const own = new Set([begunFile, `${begunFile}.new`, aboutFile, ...before, ...behind]);
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((one) => !one.isDirectory() && !isOfVolume(one.name))
    .map((one) => relative(folder, join(one.parentPath, one.name)));
  const other = paths.find((path) => !own.has(path));
  if (other !== undefined)
    throw wrong(folder, `has ${other}, which this recall did not write: move it elsewhere, or name another folder`);
  for (const path of paths) if (!kept.has(path) && path !== begunFile) await rm(join(folder, path), { force: true });
  if (mark?.open !== undefined) await truncate(join(folder, mark.open.path), mark.open.bytes);
}
