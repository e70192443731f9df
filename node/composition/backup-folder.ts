/** Folders of an operator: one with backups, and one that a recall is written into. */
import { lstat } from "node:fs/promises";
import { join, relative } from "node:path";
import { failure, parseDocument, PlexusError } from "../../protocols/index.ts";
import { SharedPieces, type FilePart, type Sealer, type UnitEntry } from "../../runtimes/backup/index.ts";
import { namesPut, unsyncedCodes } from "../../runtimes/folders.ts";
import {
  createCopiedStripes,
  createCopyTarget,
  createFolderHeads,
  createFolderStripes,
  fileType,
  folderScheme,
  readKeysFile,
  writeKeysFile,
  type BackupStripes,
  type CopyTarget,
  type Heads,
  type Piece,
  type RecallSink,
} from "../backup/index.ts";
import { openBlobStore } from "../blobs/index.ts";
import { keyLimits } from "../keys/index.ts";
import { openFiles } from "../platform/index.ts";
import type { Files, Meter } from "../ports.ts";
import { codedBytes, codeStripe, readStripe } from "../shards/coding/index.ts";
import { filePieces } from "./file-pieces.ts";
import { commandLimits } from "./limits.ts";

/** Says whose backups a folder has. Not secret, and checked by nobody: the head is signed. */
const markFile = "plexus-backup.json";

/** Whose slots the backups of a folder have. One node writes into one folder. */
export interface FolderMark {
  readonly cluster: string;
  readonly node: string;
  /** It is a copy of backups that are elsewhere: nobody backs up into it. */
  readonly copy?: true;
}

export interface BackupFolder {
  readonly mark: FolderMark;
  /** Whether somebody began to write into it and did not come to an end. */
  wasLeft(): Promise<boolean>;
  /** Says that somebody writes into it, while `work` does: it stays said where that does not come to a good end. */
  writing<Answer>(work: () => Promise<Answer>): Promise<Answer>;
  readonly stripes: BackupStripes;
  readonly heads: Heads;
  /** For a copy. */
  readonly target: CopyTarget;
  /** What it carries of the keys (`keys/carried.ts`); undefined: nothing. Error: BACKUP_DAMAGED. */
  readKeys(): Promise<Uint8Array | undefined>;
  /** In place of what there was. */
  writeKeys(bytes: Uint8Array): Promise<void>;
}

const wrong = (reason: string): PlexusError => new PlexusError(failure("BAD_REQUEST", { field: "folder", reason }));

/** These blobs are not the node's: its figures do not count them. */
export const noMeter: Meter = { count: () => undefined, gauge: () => undefined, observeMs: () => undefined };

/** Refuses a folder in a node's data: there its copies would be lost with it, and its names are the node's. Error: BAD_REQUEST. */
export function demandOutside(data: string, folder: string): void {
  const path = relative(data, folder);
  if (path === "" || !(path.startsWith("..") || path.startsWith("/")))
    throw wrong(`${folder} is in the node's own data folder: take one elsewhere, on another disk best`);
}

/** Whether a folder is one of backups. */
export const isBackupFolder = (folder: string): Promise<boolean> =>
  lstat(join(folder, markFile)).then(
    () => true,
    () => false,
  );

/** There while somebody writes into a folder of backups. */
const writingFile = "writing";

/** What the system says where there is no room. */
const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The disk of a folder of backups is full, which is not the node's own. */
const folderFull = (folder: string, cause?: unknown): PlexusError =>
  new PlexusError(
    {
      ...failure("DISK_FULL", { folder }),
      message: `The disk of the backup folder ${folder} is full. Make room there, or remove what is no longer needed, which needs no room: plexus backup prune --from '${folder.replaceAll("'", String.raw`'\''`)}' --keep-last 7`,
    },
    cause,
  );

/** Files of a folder of backups, whose errors name the folder. `frees`: somebody makes room there, and may use what else is left to the node's journal
 *  where the folder is on its disk. */
function filesOfFolder(files: Files, folder: string, frees: boolean): Files {
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw fullCodes.has((error as { readonly code?: unknown }).code) ? folderFull(folder, error) : error;
    }
  };
  return {
    ...files,
    makeFolder: (path) => told(files.makeFolder(path)),
    async create(path) {
      const file = await told(files.create(path));
      return { write: (bytes) => told(file.write(bytes)), sync: () => told(file.sync()), close: () => told(file.close()) };
    },
    rename: (from, to) => told(files.rename(from, to)),
    sync: (path) => told(files.sync(path)),
    hasRoom(bytes) {
      if (frees || files.hasRoom(bytes)) return true;
      throw folderFull(folder);
    },
  };
} // prettier-ignore

/** What a folder of backups is opened for. Only who writes may clean up: others may be beside somebody who does. */
export type FolderUse = "looking" | "writing" | "freeing";

/** Opens a folder of backups. `begins`: whose it becomes where it is empty or absent. `piece` does each shard when its time has come. Errors:
 *  BAD_REQUEST; DISK_FULL (of the folder); the system's. */
export async function openBackupFolder(
  folder: string,
  begins?: FolderMark,
  { use = "looking", piece }: { readonly use?: FolderUse; readonly piece?: Piece | undefined } = {},
): Promise<BackupFolder> {
  const isThere = await isBackupFolder(folder);
  if (!isThere && begins === undefined) throw wrong(`${folder} has no backups: \`plexus backup run --to\` makes them`);
  const files = filesOfFolder(await openFiles(folder), folder, use === "freeing");
  if (!isThere) {
    const [name] = await namesPut(folder);
    if (name !== undefined)
      throw wrong(`${folder} is not empty, and is no folder of backups: ${name} is in it. Name an empty one`);
    await writeFile(files, markFile, `${JSON.stringify({ plexus: "backups", version: 1, ...begins })}\n`);
  }
  const mark = await readMark(files);
  const scheme = folderScheme(1);
  if (!scheme.ok) throw new PlexusError(scheme.error);
  const blobFiles = filesOfFolder(await openFiles(join(folder, "blobs")), folder, use === "freeing");
  const blobs = await openBlobStore({ files: blobFiles, meter: noMeter, looksOnly: use === "looking" });
  return {
    mark,
    wasLeft: async () => (await files.size(writingFile)) !== undefined,
    async writing(work) {
      // On a disk that is full it may not be said; who frees room looks for leftovers anyhow.
      await files.create(writingFile).then(
        (file) => file.close(),
        () => undefined,
      );
      const answer = await work();
      await files.remove(writingFile);
      return answer;
    },
    readKeys: () => readKeysFile(files, keyLimits.carriedBytesMax),
    writeKeys: (bytes) => writeKeysFile(files, bytes),
    stripes: createCopiedStripes(
      blobs,
      createFolderStripes([blobs], { bytes: codedBytes, code: codeStripe, read: readStripe }, scheme.value, piece),
    ),
    target: createCopyTarget(blobs, files),
    heads: createFolderHeads([files]),
  };
}

async function readMark(files: Files): Promise<FolderMark> {
  const reader = await files.open(markFile);
  try {
    const text = Buffer.from((await reader?.read(0, reader.size)) ?? []).toString();
    const read = parseDocument(text) as Readonly<Record<string, unknown>>;
    const { plexus, version, cluster, node, copy } = read;
    if (plexus === "backups" && version === 1 && typeof cluster === "string" && typeof node === "string")
      return { cluster, node, ...(copy === true && { copy }) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  } finally {
    await reader?.close();
  }
  throw wrong(`${files.location}/${markFile} is of another version, or damaged`);
}

async function writeFile(files: Files, path: string, content: string | Uint8Array): Promise<void> {
  const file = await files.create(path);
  try {
    await file.write(Buffer.from(content));
    await file.sync();
  } finally {
    await file.close();
  }
  await files.sync("");
}

/** A name as a part of a path: whatever the name is, it stays in its folder. */
export const pathPart = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A").replace(/^\./, "%2E");

/** Writes what is recalled: a folder for each actor, in it a file of JSON lines for each type of its records, and in `files` its files under
 *  the names by which the records name them. */
export interface FolderSink extends RecallSink {
  readonly files: number;
  /** Syncs what was written, with `about` beside it. */
  finish(about: object): Promise<void>;
  /** Whatever became of it: nothing is written any more. */
  close(): Promise<void>;
}

/** Parts of files on their way to the thread that writes them. */
class Lot {
  readonly #contents = new SharedPieces();
  folders: string[] = [];
  parts: FilePart[] = [];
  #bytes = 0;

  /** The content is copied. */
  add(part: Omit<FilePart, "bytes">, content: Uint8Array): void {
    const last = this.parts.at(-1);
    const bytes = content.length;
    if (last?.path === part.path && !last.isLast)
      this.parts.splice(-1, 1, { ...last, isLast: part.isLast, bytes: last.bytes + bytes });
    else this.parts.push({ ...part, bytes });
    this.#contents.add(content);
    this.#bytes += bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= commandLimits.writtenBytes || this.parts.length >= commandLimits.writtenParts;
  }

  taskIn(folder: string): Omit<Parameters<Sealer["write"]>[0], "synced" | "unsyncedCodes"> {
    return { folder, folders: this.folders, parts: this.parts, contents: this.#contents.joined.bytes };
  }

  clear(): void {
    this.#contents.clear();
    [this.folders, this.parts, this.#bytes] = [[], [], 0];
  }
}

/** What is recalled is gathered, and written by one thread while more is read. Errors: BAD_REQUEST (it is not empty); the system's. */
export async function openFolderSink(folder: string, sealer: Pick<Sealer, "write">): Promise<FolderSink> {
  const files = await openFiles(folder);
  const [name] = await namesPut(folder);
  if (name !== undefined)
    throw wrong(`${folder} is not empty: ${name} is in it. A recall is written into a new folder`);
  const folders = new Set<string>();
  let [lot, other] = [new Lot(), new Lot()];
  let writing: Promise<void> = Promise.resolve();
  let open: string | undefined;
  let count = 0;
  const end = (): void => {
    if (open !== undefined) lot.add({ path: open, isNew: false, isLast: true }, new Uint8Array());
    open = undefined;
  };
  const begun = (path: string): void => {
    end();
    const within = path.split("/").slice(0, -1);
    for (const depth of within.keys()) {
      const above = within.slice(0, depth + 1).join("/");
      if (folders.has(above)) continue;
      folders.add(above);
      lot.folders.push(above);
    }
    count += 1;
  };
  const send = async (synced: readonly string[] = []): Promise<void> => {
    await writing;
    writing = sealer.write({ ...lot.taskIn(folder), synced, unsyncedCodes });
    // It is awaited before the next; until then nobody listens.
    writing.catch(() => undefined);
    [lot, other] = [other, lot];
    lot.clear();
  };
  const folderOf = (thread: string): string => thread.split("/").map(pathPart).join("/");
  const whole = filePieces();
  const addFile = (unit: UnitEntry, bytes: Uint8Array): void => {
    const path = `${folderOf(unit.name.thread)}/files/${pathPart(unit.name.bucket)}`;
    begun(path);
    lot.add({ path, isNew: true, isLast: true }, bytes);
  };
  const addRows = ({ name: { thread, type } }: UnitEntry, content: Uint8Array): void => {
    // What begins with a dot is no record: the actor's state. No type of records has one.
    const path = `${folderOf(thread)}/${type.startsWith(".") ? `actor${type}` : pathPart(type)}.jsonl`;
    const isNew = open !== path;
    if (isNew) begun(path);
    lot.add({ path, isNew, isLast: false }, content);
    open = path;
  };
  return {
    get files() {
      return count;
    },
    async write(unit, content) {
      if (unit.name.type !== fileType) addRows(unit, content);
      else {
        const bytes = whole(unit, content);
        if (bytes !== undefined) addFile(unit, bytes);
      }
      if (lot.isFull) await send();
    },
    async finish(about) {
      end();
      await send([...folders]);
      await writing;
      await writeFile(files, "recall.json", `${JSON.stringify(about, null, 2)}\n`);
    },
    close: () => writing.catch(() => undefined),
  };
}
