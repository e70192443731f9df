import type { FileReader, Files } from "../../node/ports/index.ts";
import { deliver, type Pulse, type World } from "./world.ts";

/** How the file system behaves. May be changed while it runs. */
export interface FilesWeather {
  /** Usual time of a sync; everything else takes a tenth. */
  syncMs: number;
  /** No space left: what would be written rejects, after a part of it was. */
  full: boolean;
  /** Probability that a sync rejects. What it was to bring to the disk is then lost at a power loss, whatever later
   *  syncs say. */
  syncErrorChance: number;
}

interface Inode {
  bytes: Uint8Array;
  /** How much of it is on the disk. */
  synced: number;
  /** A sync of it has failed: no later one brings it to the disk. */
  forsaken: boolean;
  /** Bits of it were changed. */
  rotten?: boolean;
}

/** A change of a folder that is not on the disk yet. */
interface Renaming {
  readonly path: string;
  readonly inode: Inode | undefined;
}

const folderOf = (path: string): string => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");

/** Plain files that a power loss takes back to what was synced: of a file's bytes any beginning may be there, and of a
 *  folder's changes any of them, so that a name may be in two folders, or in none. */
export class FileDisk {
  readonly weather: FilesWeather;
  readonly #world: World;
  #names = new Map<string, Inode>();
  /** The names by folder, until one changes: a store looks into each of its folders. */
  #byFolder: ReadonlyMap<string, readonly string[]> | undefined;
  #onDisk = new Map<string, Inode>();
  #pending: Renaming[] = [];
  readonly #folders = new Set([""]);
  readonly #syncedFolders = new Set([""]);
  /** Files that are open, as descriptors are counted. */
  openFiles = 0;

  constructor(world: World, weather: Partial<FilesWeather> = {}) {
    this.#world = world;
    this.weather = { syncMs: 2, full: false, syncErrorChance: 0, ...weather };
  }

  /** The Files port for one life of the node. */
  open(pulse: Pulse, location = "/simulated"): Files {
    const { weather } = this;
    const world = this.#world;
    const perform = <T>(factor: number, act: () => T): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (!pulse.alive) return;
        world.after(weather.syncMs * factor * world.dice.between(0.5, 1.5), () => {
          if (!pulse.alive) return;
          try {
            const value = act();
            deliver(pulse, () => resolve(value));
          } catch (thrown) {
            deliver(pulse, () => reject(thrown as Error));
          }
        });
      });
    const refuse = (code: string, what: string): never => {
      throw Object.assign(new Error(`${code}: simulated, ${what} at ${location}`), { code });
    };
    const rename = (path: string, inode: Inode | undefined): void => {
      if (inode === undefined) this.#names.delete(path);
      else this.#names.set(path, inode);
      this.#byFolder = undefined;
      this.#pending.push({ path, inode });
    };
    return {
      location,
      makeFolder: (path) => perform(0.1, () => void this.#folders.add(path)),
      create: (path) =>
        perform(0.1, () => {
          if (!this.#folders.has(folderOf(path))) refuse("ENOENT", path);
          if (this.#names.has(path)) refuse("EEXIST", path);
          const inode: Inode = { bytes: new Uint8Array(), synced: 0, forsaken: false };
          rename(path, inode);
          this.openFiles += 1;
          return {
            write: (bytes: Uint8Array) => {
              const copy = Uint8Array.from(bytes);
              return perform(0.1, () => {
                const taken = weather.full ? copy.subarray(0, world.dice.below(copy.length + 1)) : copy;
                inode.bytes = Buffer.concat([inode.bytes, taken]);
                if (weather.full) refuse("ENOSPC", `write of ${path}`);
              });
            },
            sync: () =>
              perform(1, () => {
                if (world.dice.chance(weather.syncErrorChance)) {
                  inode.forsaken = true;
                  refuse("EIO", `sync of ${path}`);
                }
                if (!inode.forsaken) inode.synced = inode.bytes.length;
              }),
            close: () => perform(0.1, () => void (this.openFiles -= 1)),
          };
        }),
      open: (path) =>
        perform(0.1, (): FileReader | undefined => {
          const inode = this.#names.get(path);
          if (inode === undefined) return undefined;
          this.openFiles += 1;
          return {
            size: inode.bytes.length,
            read: (position, length, into) =>
              perform(0.1, () => {
                const bytes = inode.bytes.slice(position, position + length);
                into?.set(bytes);
                return into?.subarray(0, bytes.length) ?? bytes;
              }),
            close: () => perform(0.1, () => void (this.openFiles -= 1)),
          };
        }),
      size: (path) => perform(0.1, () => this.#names.get(path)?.bytes.length),
      rename: (from, to) =>
        perform(0.1, () => {
          const inode = this.#names.get(from) ?? refuse("ENOENT", from);
          if (!this.#folders.has(folderOf(to))) refuse("ENOENT", to);
          rename(to, inode);
          rename(from, undefined);
        }),
      remove: (path) => perform(0.1, () => void (this.#names.has(path) && rename(path, undefined))),
      names: (folder) =>
        perform(0.1, () => {
          const below = [...this.#folders].filter((other) => other !== "" && folderOf(other) === folder);
          return [...this.#in(folder), ...below].map((path) => path.slice(path.lastIndexOf("/") + 1)).sort();
        }),
      sync: (folder) =>
        perform(1, () => {
          const [mine, others] = [true, false].map((own) =>
            this.#pending.filter(({ path }) => (folderOf(path) === folder) === own),
          ) as [Renaming[], Renaming[]];
          this.#pending = others;
          // What a failed sync was to bring to the disk never gets there.
          if (world.dice.chance(weather.syncErrorChance)) refuse("EIO", `sync of folder ${folder}`);
          for (const change of mine) this.#settle(change);
          for (const other of this.#folders) if (folderOf(other) === folder) this.#syncedFolders.add(other);
        }),
      hasRoom: () => !weather.full,
      freeBytes: () => (weather.full ? 0 : undefined),
    };
  }

  /** Power loss. `worst`: nothing survives that was not synced; otherwise some of it may. */
  crash(worst: boolean): void {
    const { dice } = this.#world;
    for (const change of this.#pending) if (!worst && dice.chance(0.5)) this.#settle(change);
    this.#pending = [];
    this.openFiles = 0;
    for (const folder of this.#folders) {
      if (this.#syncedFolders.has(folder)) continue;
      if (worst || dice.chance(0.5)) this.#folders.delete(folder);
      else this.#syncedFolders.add(folder);
    }
    for (const [path, inode] of this.#onDisk) {
      const kept = worst ? inode.synced : inode.synced + dice.below(inode.bytes.length - inode.synced + 1);
      // What of a file's length is there and of its bytes is not reads as zeros.
      const torn = dice.chance(0.5) ? kept : inode.bytes.length;
      const bytes = new Uint8Array(worst ? kept : torn);
      bytes.set(inode.bytes.subarray(0, kept));
      this.#onDisk.set(path, { bytes, synced: bytes.length, forsaken: false, rotten: inode.rotten === true });
      if (!this.#folders.has(folderOf(path))) this.#onDisk.delete(path);
    }
    this.#names = new Map(this.#onDisk);
    this.#byFolder = undefined;
  }

  /** Everything that has a name, for checkers. */
  paths(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  /** Whether a power loss would leave a file, with all its bytes. */
  isDurable(path: string): boolean {
    const inode = this.#onDisk.get(path);
    return inode !== undefined && inode.synced === inode.bytes.length && this.#folders.has(folderOf(path));
  }

  /** Whether nothing has rotted in it: neither in the file that is read, nor in the one that a power loss would
   *  leave. */
  isSound(path: string): boolean {
    return this.#names.get(path)?.rotten !== true && this.#onDisk.get(path)?.rotten !== true;
  }

  /** The bytes of a file, for checkers. */
  contentOf(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes;
  }

  /** Changes one bit of a file, as rot does. */
  flipBit(path: string, bit: number): void {
    const inode = this.#names.get(path) as Inode;
    const at = (bit >> 3) % inode.bytes.length;
    const rotten = Uint8Array.from(inode.bytes);
    rotten[at] = (rotten[at] as number) ^ (1 << (bit & 7));
    inode.bytes = rotten;
    inode.rotten = true;
  }

  /** Puts other bytes under a name, as a disk does that mixes up its blocks, or a copy of another day. */
  exchange(path: string, bytes: Uint8Array): void {
    const inode = this.#names.get(path) as Inode;
    inode.bytes = Uint8Array.from(bytes);
    inode.synced = inode.bytes.length;
    inode.rotten = true;
  }

  /** Cuts a file short, as a file system that was repaired does. */
  truncate(path: string, length: number): void {
    const inode = this.#names.get(path) as Inode;
    inode.bytes = inode.bytes.slice(0, length);
    inode.synced = Math.min(inode.synced, length);
  }

  #in(folder: string): readonly string[] {
    this.#byFolder ??= Map.groupBy(this.#names.keys(), folderOf);
    return this.#byFolder.get(folder) ?? [];
  }

  #settle({ path, inode }: Renaming): void {
    if (inode === undefined) this.#onDisk.delete(path);
    else this.#onDisk.set(path, inode);
  }
}
