/** The key of one node's disk, in a file: beside the data, or on another disk, which is better. A thief of both reads
 *  everything.
 *
 *      plexus disk key 1
 *      <the key, base64url> <check> */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { failure, PlexusError } from "../../protocols/index.ts";
import { syncFolder } from "../../runtimes/folders.ts";
import { deriveKey, keyBytes, sealerOf, type Sealer } from "./cipher.ts";

/** A disk's key in use. */
export interface DiskKey {
  /** What tells it from others, and nothing of it. */
  readonly id: string;
  /** Seals the rows of the journal. */
  readonly rows: Sealer;
  /** The keys of files are made of it. */
  readonly files: Uint8Array;
  /** Seals other keys that lie on the disk. */
  readonly keys: Sealer;
  /** The key itself: to be sealed to the recovery key, and for nothing else. */
  readonly bytes: Uint8Array;
}

/** Takes 32 bytes for the key of a disk. */
export const diskKeyOf = (bytes: Uint8Array): DiskKey => ({
  id: deriveKey(bytes, "disk id", 8).toString("hex"),
  rows: sealerOf(deriveKey(bytes, "disk rows")),
  files: deriveKey(bytes, "disk files"),
  keys: sealerOf(deriveKey(bytes, "disk keys")),
  bytes,
});

const heading = "plexus disk key 1";
const forOthers = 0o077;
const checkOf = (text: string): string => createHash("sha256").update(`${heading} ${text}`).digest("hex").slice(0, 8);

/** The key in a file; undefined where there is no file. Errors: DATA_DAMAGED (it is none), CONFIG_INVALID (others can
 *  read it); the system's. */
export async function readDiskKey(file: string): Promise<DiskKey | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if ((found.mode & forOthers) !== 0)
    throw new PlexusError({
      ...failure("CONFIG_INVALID", { field: "diskKey", reason: `other users can read ${file}` }),
      message: `Other users of this machine can read the disk's key. Close it: chmod 600 ${file}`,
    });
  const [first, second = ""] = (await readFile(file, "utf8")).split("\n");
  const [text = "", check] = second.split(" ");
  const bytes = Buffer.from(text, "base64url");
  if (first !== heading || bytes.length !== keyBytes || check !== checkOf(text))
    throw new PlexusError(failure("DATA_DAMAGED", { file, reason: "this is not the key of a disk" }));
  return diskKeyOf(bytes);
}

/** Writes a key to a file that is not there: a new one, or one that the recovery kit gave back. It is on the disk when
 *  it resolves. Errors: the system's (EEXIST). */
export async function writeDiskKey(file: string, bytes: Uint8Array = randomBytes(keyBytes)): Promise<DiskKey> {
  const text = Buffer.from(bytes).toString("base64url");
  // Whole or not at all: half a key would stand in the way of a whole one. A name of its own: another writer's key does
  // not get into it.
  const part = `${file}.${randomUUID()}.part`;
  try {
    const written = await open(part, "wx", 0o600);
    try {
      await written.chmod(0o600);
      await written.writeFile(`${heading}\n${text} ${checkOf(text)}\n`);
      await written.sync();
    } finally {
      await written.close();
    }
    await place(part, file);
  } finally {
    await rm(part, { force: true });
  }
  await syncFolder(dirname(file));
  return diskKeyOf(bytes);
}

/** What a file system says that knows no second name of a file: FAT, some shares. */
const linkless: ReadonlySet<string | undefined> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** Gives a file its name where nothing has that name. Errors: the system's (EEXIST). */
async function place(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
  } catch (error) {
    if (!linkless.has((error as NodeJS.ErrnoException).code)) throw error;
    if ((await stat(file).catch(() => undefined)) !== undefined)
      throw Object.assign(new Error(`EEXIST: ${file} is there`), { code: "EEXIST", path: file });
    await rename(part, file);
  }
}

/** Keys that this process is making, by their files. */
const making = new Map<string, Promise<DiskKey>>();

/** The key in a file, which is made where there is none. All who ask at once get the same. Errors: those of
 *  `readDiskKey`. */
export function readOrMakeDiskKey(file: string): Promise<DiskKey> {
  const made = making.get(file) ?? readOrWrite(file).finally(() => making.delete(file));
  making.set(file, made);
  return made;
}

async function readOrWrite(file: string): Promise<DiskKey> {
  const there = await readDiskKey(file);
  if (there !== undefined) return there;
  try {
    return await writeDiskKey(file);
  } catch (error) {
    // Another process was faster.
    const other = (error as NodeJS.ErrnoException).code === "EEXIST" ? await readDiskKey(file) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}
