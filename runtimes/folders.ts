/** Folders as file systems have them: what a volume puts into its own topmost folder, and file systems that cannot sync
 *  a folder. */
import { open, readdir, type FileHandle } from "node:fs/promises";

/** What comes of work on a file; undefined: it is not there. */
export async function whereThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What a file system says that knows no sync of a folder: some shares (SMB, older NAS devices, FUSE). */
export const unsyncedCodes: readonly string[] = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** A folder whose file system does not sync folders. */
export interface UnsyncedFolder {
  readonly folder: string;
  readonly code: string;
}

const toldDevices = new Set<number>();
let listener: ((unsynced: UnsyncedFolder) => void) | undefined;
/** Found before anybody listened. */
let untold: UnsyncedFolder[] = [];

/** Hears, once for each file system, that it does not sync folders. The last listener hears; earlier ones do not from
 *  then on. */
export function hearUnsynced(tell: (unsynced: UnsyncedFolder) => void): void {
  listener = tell;
  for (const one of untold.splice(0)) tell(one);
}

/** What was made, renamed or removed in a folder last is on the disk when it resolves. Where the file system knows no
 *  sync of a folder, when a name is there for good is the server's or the driver's affair: the bytes of each file are
 *  synced all the same, and a name that a power loss takes away is one that is missing, never half a file. Errors: the
 *  system's, all others. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !unsyncedCodes.includes(code)) throw error;
    await tellOnce(folder, { folder: path, code });
  } finally {
    await folder.close();
  }
}

async function tellOnce(opened: FileHandle, unsynced: UnsyncedFolder): Promise<void> {
  const { dev } = await opened.stat();
  if (toldDevices.has(dev)) return;
  toldDevices.add(dev);
  if (listener === undefined) untold = [...untold, unsynced];
  else listener(unsynced);
}

/** What is in the topmost folder of a volume that nobody has put anything on. */
const ofVolumes: readonly RegExp[] = [
  // Linux: fsck's, quotas, and the bins of desktops.
  /^(?:lost\+found|aquota\.(?:user|group)|quota\.(?:user|group)|\.Trash(?:-\d+)?|\.journal)$/,
  // macOS.
  /^(?:\.DS_Store|\.Spotlight-V100|\.Trashes|\.fseventsd|\.TemporaryItems|\.DocumentRevisions-V100|\.apdisk|\._\..*)$/,
  // Windows.
  /^(?:System Volume Information|\$RECYCLE\.BIN|desktop\.ini|Thumbs\.db)$/i,
  // NAS devices and snapshots: Synology, QNAP, NetApp, ZFS, Btrfs.
  /^(?:@eaDir|#recycle|#snapshot|@Recycle|@Recently-Snapshot|\.@__thumb|\.snapshots?|\.zfs)$/,
  // What NFS calls a file that was removed while it was open.
  /^\.nfs[0-9a-f]{8,}$/,
];

/** Whether a name is one that a volume brings, and nobody has put there. */
export const isOfVolume = (name: string): boolean => ofVolumes.some((pattern) => pattern.test(name));

/** What somebody has put into a folder, in order; nothing where there is no such folder. A folder is empty where this
 *  is. Errors: the system's. */
export async function namesPut(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !isOfVolume(name)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
