/** Folders of an operator with backups. */
import { lstat } from "node:fs/promises";
import { join, relative } from "node:path";
import { failure, parseDocument, PlexusError } from "../../../protocols/index.ts";
import { namesPut } from "../../../runtimes/folders.ts";
import {
  createCopiedStripes,
  createCopyTarget,
  createFolderHeads,
  createFolderStripes,
  folderScheme,
  readKeysFile,
  writeKeysFile,
  type BackupStripes,
  type CopyTarget,
  type Heads,
  type Pacing,
} from "../index.ts";
import { openBlobStore } from "../../bulk/blobs/index.ts";
import { keyLimits } from "../../keys/index.ts";
import { openFiles } from "../../platform/index.ts";
import type { Files, Meter } from "../../ports/index.ts";
import { codedBytes, codingStripe, readStripe } from "../../bulk/shards/coding/index.ts";

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
  /** What it carries of the keys (`keys/backup-keys.ts`); undefined: nothing. Error: BACKUP_DAMAGED. */
  readKeys(): Promise<Uint8Array | undefined>;
  /** In place of what there was. */
  writeKeys(bytes: Uint8Array): Promise<void>;
}

/** What is wrong with a folder. */
export const wrong = (reason: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { field: "folder", reason }));

/** These blobs are not the node's: its figures do not count them. */
export const noMeter: Meter = { count: () => undefined, gauge: () => undefined, observeMs: () => undefined };

/** Refuses a folder in a node's data: there its copies would be lost with it, and its names are the node's. Error:
 *  BAD_REQUEST. */
export function demandOutside(data: string, folder: string): void {
  const path = relative(data, folder);
  if (path === "" || !(path.startsWith("..") || path.startsWith("/")))
    throw wrong(`${folder} is inside the node's own data folder: choose a folder elsewhere, best on another disk`);
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
      message:
        `The disk of the backup folder ${folder} is full. Make room there, or remove old backups, which needs no ` +
        `room: plexus backup prune --from '${folder.replaceAll("'", String.raw`'\''`)}' --keep-last 7`,
    },
    cause,
  );

/** Files of a folder of backups, whose errors name the folder. `frees`: somebody makes room there, and may use what
 *  else is left to the node's journal where the folder is on its disk. */
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
      return {
        write: (bytes) => told(file.write(bytes)),
        sync: () => told(file.sync()),
        close: () => told(file.close()),
      };
    },
    rename: (from, to) => told(files.rename(from, to)),
    sync: (path) => told(files.sync(path)),
    hasRoom(bytes) {
      if (frees || files.hasRoom(bytes)) return true;
      throw folderFull(folder);
    },
  };
}

/** What a folder of backups is opened for. Only who writes may clean up: others may be beside somebody who does. */
type FolderUse = "looking" | "writing" | "freeing";

/** How a folder is opened. `pacing` makes room for people. */
export interface FolderUsed {
  readonly use?: FolderUse;
  readonly pacing?: Pick<Pacing, "piece" | "isAlone" | "syncedBytes">;
}

/** Opens a folder of backups. `begins`: whose it becomes where it is empty or absent. `pacing` does each shard when its
 *  time has come. Errors: BAD_REQUEST; DISK_FULL (of the folder); the system's. */
export async function openBackupFolder(
  folder: string,
  begins?: FolderMark,
  { use = "looking", pacing }: FolderUsed = {},
): Promise<BackupFolder> {
  const isThere = await isBackupFolder(folder);
  if (!isThere && begins === undefined) throw wrong(`${folder} has no backups: \`plexus backup run --to\` makes them`);
  const files = filesOfFolder(await openFiles(folder), folder, use === "freeing");
  if (!isThere) {
    const [name] = await namesPut(folder);
    if (name !== undefined)
      throw wrong(`${folder} is not empty, and not a folder of backups: ${name} is in it. Name an empty one`);
    await writeFile(files, markFile, `${JSON.stringify({ plexus: "backups", version: 1, ...begins })}\n`);
  }
  const mark = await readMark(files);
  const scheme = folderScheme(1);
  if (!scheme.ok) throw new PlexusError(scheme.error);
  const blobFiles = filesOfFolder(await openFiles(join(folder, "blobs")), folder, use === "freeing");
  const blobs = await openBlobStore({
    files: blobFiles,
    meter: noMeter,
    looksOnly: use === "looking",
    syncedBytes: pacing?.syncedBytes,
  });
  return {
    mark,
    wasLeft: async () => (await files.size(writingFile)) !== undefined,
    async writing(work) {
      // On a disk that is full it may not be said; the part that frees room looks for leftovers anyhow.
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
      createFolderStripes(
        [blobs],
        { bytes: codedBytes, coding: codingStripe, read: readStripe },
        scheme.value,
        pacing?.piece,
      ),
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

export async function writeFile(files: Files, path: string, content: string | Uint8Array): Promise<void> {
  const file = await files.create(path);
  try {
    await file.write(Buffer.from(content));
    await file.sync();
  } finally {
    await file.close();
  }
  await files.sync("");
}
