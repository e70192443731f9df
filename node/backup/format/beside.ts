/** What lies beside the bytes of a backup in a folder: the head, and the keys that it carries. The same in a folder of
 *  backups and in the folder of a node's shards, so one reader reads both. */
import { failure, parseDocument, PlexusError } from "../../../protocols/index.ts";
import type { Files } from "../../ports/index.ts";

const keysFile = "keys.json";
const lossesFile = "losses.json";
const headFolder = "heads";
const headName = (number: number): string => `${headFolder}/${String(number).padStart(10, "0")}`;

/** A head as it lies there. Nothing of it was verified. */
export interface HeadFile {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The numbers of the heads, the lowest first. */
export const headNumbers = async (files: Files): Promise<readonly number[]> =>
  (await files.names(headFolder))
    .map(Number)
    .filter((number) => Number.isSafeInteger(number) && number > 0)
    .toSorted((one, other) => one - other);

/** The head of a number; undefined: it is not there. Error: BACKUP_DAMAGED (longer than any head). */
export async function readHeadFile(files: Files, number: number, bytesMax: number): Promise<Uint8Array | undefined> {
  return readWhole(files, headName(number), { object: "head", bytesMax });
}

/** Writes a head, in place of another of its number. Resolves when it is on the disk. */
export async function writeHeadFile(files: Files, { number, bytes }: HeadFile): Promise<void> {
  await files.makeFolder(headFolder);
  await files.sync("");
  await replace(files, headName(number), bytes, headFolder);
}

const leavingFile = "leaving.json";
const leavingBytesMax = 1024 * 1024;

/** Snapshots that are being removed, as the folder says. Error: BACKUP_DAMAGED. */
export async function readLeaving(files: Files): Promise<readonly number[]> {
  const bytes = await readWhole(files, leavingFile, { object: "leaving", bytesMax: leavingBytesMax });
  if (bytes === undefined) return [];
  const said = parsed(Buffer.from(bytes).toString());
  if (Array.isArray(said) && said.every((one) => Number.isSafeInteger(one))) return said as readonly number[];
  throw new PlexusError(failure("BACKUP_DAMAGED", { object: "leaving", reason: "this is not a list of snapshots" }));
}

function parsed(text: string): unknown {
  try {
    return parseDocument(text);
  } catch {
    return undefined;
  }
}

/** Says it on a disk that may be full. All heads but the newest go first: nothing needs them, and each has had the room
 *  that this takes. */
export async function writeLeaving(files: Files, numbers: readonly number[]): Promise<void> {
  await keepNewestHeads(files, 1);
  await replace(files, leavingFile, Buffer.from(`${JSON.stringify(numbers)}\n`), "");
}

/** Nothing is being removed any more. */
export async function endLeaving(files: Files): Promise<void> {
  if ((await files.size(leavingFile)) === undefined) return;
  await files.remove(leavingFile);
  await files.sync("");
}

/** Removes all heads but the newest. */
export async function keepNewestHeads(files: Files, kept: number): Promise<void> {
  const old = (await headNumbers(files)).slice(0, -kept);
  for (const number of old) await files.remove(headName(number));
  if (old.length > 0) await files.sync(headFolder);
}

/** What the folder carries of the keys; undefined: nothing. Error: BACKUP_DAMAGED (longer than it may be). */
export const readKeysFile = (files: Files, bytesMax: number): Promise<Uint8Array | undefined> =>
  readWhole(files, keysFile, { object: "keys", bytesMax });

/** Writes them, in place of what there was. */
export const writeKeysFile = (files: Files, bytes: Uint8Array): Promise<void> => replace(files, keysFile, bytes, "");

/** What is known to be lost of its snapshots; undefined: nothing was noted. Error: BACKUP_DAMAGED (longer than it may
 *  be). */
export const readLossesFile = (files: Files, bytesMax: number): Promise<Uint8Array | undefined> =>
  readWhole(files, lossesFile, { object: "losses", bytesMax });

/** Writes it, in place of what there was. */
export const writeLossesFile = (files: Files, bytes: Uint8Array): Promise<void> =>
  replace(files, lossesFile, bytes, "");

async function readWhole(
  files: Files,
  path: string,
  { object, bytesMax }: { readonly object: string; readonly bytesMax: number },
): Promise<Uint8Array | undefined> {
  const reader = await files.open(path);
  if (reader === undefined) return undefined;
  try {
    if (reader.size > bytesMax) throw new PlexusError(failure("BACKUP_DAMAGED", { object, reason: "too long" }));
    return await reader.read(0, reader.size);
  } finally {
    await reader.close();
  }
}

/** A power loss leaves the old file or the new one. */
async function replace(files: Files, path: string, bytes: Uint8Array, folder: string): Promise<void> {
  const partial = folder === "" ? `${path}.partial` : `${folder}/partial`;
  await files.remove(partial);
  const file = await files.create(partial);
  try {
    await file.write(bytes);
    await file.sync();
  } catch (error) {
    // On a full disk what was written of it takes room, too.
    await files.remove(partial).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
  await files.rename(partial, path);
  await files.sync(folder);
}
