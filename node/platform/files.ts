/** The Files port on the machine's file system. */
import { constants, statfsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder, whereThere } from "../../runtimes/folders.ts";
import type { Files } from "../ports/index.ts";
import { makeFolder, roomKept } from "./level-store.ts";

/** Opens a folder, which is made when absent. Errors: the system's. */
export async function openFiles(folder: string): Promise<Files> {
  await makeFolder(folder);
  const at = (path: string): string => join(folder, path);
  return {
    location: folder,
    async makeFolder(path) {
      await mkdir(at(path), { recursive: true, mode: 0o700 });
    },
    async create(path) {
      const file = await open(at(path), "wx", 0o600);
      return {
        async write(bytes) {
          for (let done = 0; done < bytes.length;) {
            const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
            done += bytesWritten;
          }
        },
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
    async open(path) {
      const file = await whereThere(open(at(path), constants.O_RDONLY | constants.O_NOFOLLOW));
      if (file === undefined) return undefined;
      return {
        size: await sizeOf(file),
        read: (position, length, into) =>
          readFrom(file, position, into?.subarray(0, length) ?? Buffer.allocUnsafe(length)),
        close: () => file.close(),
      };
    },
    size: async (path) => (await whereThere(stat(at(path))))?.size,
    rename: (from, to) => rename(at(from), at(to)),
    remove: (path) => rm(at(path), { force: true }),
    names: async (path) => (await whereThere(readdir(at(path))))?.sort() ?? [],
    sync: (path) => syncFolder(at(path)),
    hasRoom: (bytes) => (freeIn(folder) ?? Infinity) >= bytes,
    freeBytes: () => freeIn(folder),
  };
}

/** How large the disk of a folder is, and what is free of it; undefined: it does not say. */
export function diskOf(folder: string): { readonly diskBytes: number; readonly diskFreeBytes: number } | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return blocks === 0 ? undefined : { diskBytes: blocks * bsize, diskFreeBytes: bavail * bsize };
  } catch {
    return undefined;
  }
}

/** How many bytes the files of a folder have, and of those in it; of no more than so many files. What goes while it is
 *  counted counts for nothing. */
export async function bytesIn(folder: string, filesMax: number): Promise<number> {
  let [bytes, files] = [0, 0];
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined && files < filesMax; at = folders.pop()) {
    for (const entry of (await whereThere(readdir(at, { withFileTypes: true }))) ?? []) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) {
        bytes += (await whereThere(stat(path)))?.size ?? 0;
        files += 1;
      }
      if (files >= filesMax) break;
    }
  }
  return bytes;
}

/** Whole bytes that may be written on a disk. Twice what the journal keeps is left: it goes on when nothing more fits
 *  here. Undefined: the disk does not say how large it is. */
export function freeBytesOn(disk: {
  readonly bavail: number;
  readonly blocks: number;
  readonly bsize: number;
}): number | undefined {
  return disk.blocks === 0 ? undefined : Math.max(0, Math.floor(disk.bavail * disk.bsize - 2 * roomKept(disk)));
}

/** The same of the disk of a folder; undefined also where there is no such folder. */
export function freeIn(folder: string): number | undefined {
  try {
    return freeBytesOn(statfsSync(folder));
  } catch {
    return undefined;
  }
}

async function sizeOf(file: FileHandle): Promise<number> {
  try {
    return (await file.stat()).size;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readFrom(file: FileHandle, position: number, bytes: Uint8Array): Promise<Uint8Array> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
