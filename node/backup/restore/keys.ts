/** The keys of a restore: read from the backup's own `keys.json` by the kit's root, and left for the new node. */
import { failure, PlexusError, type Failure, type Result } from "../../../protocols/index.ts";
import type { BackupKeys } from "../index.ts";
import { diskKeyFile } from "../../data-folder/index.ts";
import {
  createClusterKeys,
  createUnitKeys,
  isHeadSigned,
  openBackupKeys,
  readBackupKeys,
  readDiskKey,
  readOrMakeDiskKey,
  sealEpochTo,
  type BackedUpKeys,
  type OpenedKeys,
  type RootKeys,
} from "../../keys/index.ts";
import type { Clock, Directory, Log, Store } from "../../ports/index.ts";
import { openBackupFolder } from "../places/index.ts";
import { openHolderFolder } from "./holders.ts";

/** The keys of one of the folders that a restore reads. */
export interface FoundKeys {
  readonly folder: string;
  readonly carried: BackedUpKeys;
}

/** What folders of backups and of lost nodes' shards say of the keys, the newest first. Errors: BAD_REQUEST (no
 *  backups, of several clusters), BACKUP_DAMAGED (of a folder of backups), NOT_FOUND. */
export async function findCarried(folders: readonly string[]): Promise<readonly FoundKeys[]> {
  const found: FoundKeys[] = [];
  const clusters = new Set<string>();
  for (const folder of folders) {
    const holder = await openHolderFolder(folder);
    const opened = holder === undefined ? await openBackupFolder(folder) : undefined;
    const bytes = holder === undefined ? await opened?.readKeys() : holder.keys;
    const read = bytes && readBackupKeys(bytes);
    // Of several holders each has them: one that is damaged is passed over.
    if (read?.ok === false && holder === undefined) throw new PlexusError(read.error);
    const carried = read?.ok === true ? read.value : undefined;
    const cluster = carried?.cluster ?? opened?.mark.cluster;
    if (cluster !== undefined) clusters.add(cluster);
    if (carried !== undefined) found.push({ folder, carried });
  }
  if (clusters.size > 1)
    throw new PlexusError(failure("BAD_REQUEST", { field: "--from", reason: "these are backups of several clusters" }));
  if (found.length > 0) return found.toSorted((one, other) => other.carried.madeAtMs - one.carried.madeAtMs);
  const reason =
    "the folder has no keys.json: these backups are from before backups carried their keys, and only the old " +
    "cluster can open them";
  throw new PlexusError(failure("NOT_FOUND", { folder: folders[0], reason }));
}

/** Opens the newest of them that the root opens, and says which ones it does not. Errors: those of `openBackupKeys` for
 *  the newest, where it opens none. */
export async function openNewest(
  found: readonly FoundKeys[],
  root: RootKeys,
): Promise<{ readonly opened: OpenedKeys; readonly refused: readonly RefusedKeys[] }> {
  const refused: RefusedKeys[] = [];
  for (const { folder, carried } of found) {
    const opened = await openBackupKeys(carried, root);
    if (opened.ok) return { opened: opened.value, refused };
    refused.push({ folder, error: opened.error });
  }
  throw new PlexusError((refused[0] as RefusedKeys).error);
}

/** Keys that the kit does not open. */
export interface RefusedKeys {
  readonly folder: string;
  readonly error: Failure;
}

/** The value, or what is wrong. */
function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}

/** Reads with keys that a kit has opened. Nothing is ever made with them. */
export function readingKeys({ keys, ring, epochs }: OpenedKeys): BackupKeys {
  const never = (): never => {
    throw new TypeError("a restore only reads backups");
  };
  const epoch = epochs.length;
  const units = createUnitKeys(keys, epoch, ring);
  return {
    epoch,
    ensure: never,
    seal: never,
    open: (context, sealed) => units.open(context, sealed),
    head: {
      sign: never,
      verify: (bytes, signature, of) => epochs[of - 1] !== undefined && isHeadSigned(epochs[of - 1]!, bytes, signature),
    },
  };
}

/** The folder that is made. */
export interface NewFolder {
  readonly to: string;
  readonly target: Store;
  readonly directory: Directory;
}

/** The cluster's keys, at this node as well: backups go on with the same kit. */
export async function writeKeys(
  { to, target, directory }: NewFolder,
  { cluster, root, epochs, keys, ring }: OpenedKeys,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const file = diskKeyFile(to);
  const diskKey = { read: () => readDiskKey(file), make: () => readOrMakeDiskKey(file) };
  const own = createClusterKeys({ cluster, directory, store: target, diskKey, clock, log });
  const sealed = [...keys].map(([epoch, key]) => {
    const bytes = sealEpochTo(cluster, own.receiver, epoch, key);
    return { epoch, sealed: Buffer.from(bytes).toString("base64url") };
  });
  valueOf(await own.restore({ root, epochs: [...epochs], keys: sealed } as Parameters<typeof own.restore>[0]));
  valueOf(await own.takeRing(ring));
}
