/** The keys of a restore: read from the backup's own `keys.json` by the kit's root, and left for the new node. */
import { failure, PlexusError, type Result } from "../../protocols/index.ts";
import type { BackupKeys } from "../backup/index.ts";
import { diskKeyFile } from "../data-folder/index.ts";
import {
  createClusterKeys,
  createUnitKeys,
  isHeadSigned,
  readCarried,
  readDiskKey,
  readOrMakeDiskKey,
  sealEpochTo,
  type CarriedKeys,
  type OpenedKeys,
} from "../keys/index.ts";
import type { Clock, Directory, Log, Store } from "../ports.ts";
import { openBackupFolder } from "./backup-folder.ts";

/** What the folders say of the keys: the newest of them. Errors: BAD_REQUEST (no backups, of several clusters), BACKUP_DAMAGED, NOT_FOUND. */
export async function findCarried(folders: readonly string[]): Promise<CarriedKeys> {
  let newest: CarriedKeys | undefined;
  for (const folder of folders) {
    const opened = await openBackupFolder(folder, undefined, true);
    const bytes = await opened.readKeys();
    const carried = bytes && valueOf(readCarried(bytes));
    const cluster = carried?.cluster ?? opened.mark.cluster;
    if (newest !== undefined && newest.cluster !== cluster)
      throw new PlexusError(failure("BAD_REQUEST", { field: "--from", reason: "these are backups of several clusters" })); // prettier-ignore
    if (carried !== undefined && (newest?.madeAtMs ?? -1) < carried.madeAtMs) newest = carried;
  }
  if (newest !== undefined) return newest;
  const reason = "no keys.json is there: only a snapshot that was made since backups carry their keys opens without the old cluster"; // prettier-ignore
  throw new PlexusError(failure("NOT_FOUND", { folder: folders[0], reason }));
}

/** The value, or what is wrong. */
export function valueOf<Value>(result: Result<Value>): Value {
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
