/** Writes many files one after the other, each with calls that wait. It is for a thread of its own: several that make
 *  names in the same folders at once wait for one another in the kernel, which took more of the processor than
 *  everything else of a recall. */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A file that is begun or goes on. */
export interface FilePart {
  readonly path: string;
  readonly bytes: number;
  /** It is not there yet. */
  readonly isNew: boolean;
  /** Nothing comes behind it: it is synced. */
  readonly isLast: boolean;
}

export interface WriteTask {
  readonly folder: string;
  /** Folders that are to be made first, each behind the one that it is in. */
  readonly folders: readonly string[];
  readonly parts: readonly FilePart[];
  /** Of all parts, one behind the other. */
  readonly contents: Uint8Array<SharedArrayBuffer>;
  /** Folders that are synced behind them. */
  readonly synced: readonly string[];
  /** What a file system says that knows no sync of folders. It is no fault: the caller syncs the
   *  folder that all are in, and says so. */
  readonly unsyncedCodes: readonly string[];
}

/** What the system refused. An error would lose its code between threads. */
export interface WriteFault {
  readonly code: string | undefined;
  readonly message: string;
}

/** Undefined: all is written. */
export function writeFiles({
  folder,
  folders,
  parts,
  contents,
  synced,
  unsyncedCodes,
}: WriteTask): WriteFault | undefined {
  try {
    for (const path of folders) mkdirSync(join(folder, path), { recursive: true, mode: 0o700 });
    let from = 0;
    for (const { path, bytes, isNew, isLast } of parts) {
      const file = openSync(join(folder, path), isNew ? "wx" : "a", 0o600);
      try {
        const end = from + bytes;
        while (from < end) from += writeSync(file, contents, from, end - from);
        if (isLast) fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
    for (const path of synced) syncFolder(join(folder, path), unsyncedCodes);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}

function syncFolder(path: string, unsyncedCodes: readonly string[]): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } catch (error) {
    if (!unsyncedCodes.includes((error as { readonly code: string }).code)) throw error;
  } finally {
    closeSync(file);
  }
}
