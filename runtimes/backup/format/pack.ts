/** A pack: fragments of many units in an order that says nothing, the bytes of one stripe.
 *
 *      head 16      "PLEXPACK" | version 1 | suite 1 | 0 0 | number of fragments 4
 *      fragments    one after the other, no gap
 *      index        for each fragment, in order: its length 4
 *      tail 32      SHA-256 of head and index
 *
 *  Numbers are little-endian. The fragments' own tags guard their bytes, the tail guards the rest. The index needs no
 *  key: a collector can take living fragments over into another pack without being able to read any. Which fragments
 *  belong to one unit is not in it. */
import { createHash } from "node:crypto";
import { demand } from "./damaged.ts";
import { backupFormat } from "./unit.ts";

/** Where a fragment lies in its pack. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

export const packFormat = {
  /** A pack is closed before it grows beyond it: a stripe's bytes. */
  bytesMax: 8 * 1024 * 1024,
  fragmentsMax: 65_536,
} as const;

const magic = Buffer.from("PLEXPACK");
const headBytes = 16;
const lengthBytes = 4;
const tailBytes = 32;

/** Bytes of a pack beside those of its fragments. */
const packOverhead = (fragments: number): number => headBytes + fragments * lengthBytes + tailBytes;

/** A pack as it is: its memory may be used again. */
interface WrittenPack {
  readonly bytes: Uint8Array;
  /** Where the fragment lies that came at a place of the order. */
  readonly placeOf: (at: number) => Place;
}

/** Gathers fragments one behind the other, and puts them into a pack in whatever order. It may be used again. */
export class PackWriter {
  /** Of it the machine gives what is written: memory that grew would be copied, and left behind each time. */
  readonly #memory = Buffer.allocUnsafeSlow(packFormat.bytesMax);
  /** Where each fragment ends. */
  readonly #ends: number[] = [];

  /** Of the pack, as far as it is filled. */
  get bytes(): number {
    return this.#gathered + packOverhead(this.#ends.length);
  }
  get #gathered(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Whether a fragment of so many bytes fits. */
  hasRoom(bytes: number): boolean {
    return this.bytes + bytes + lengthBytes <= packFormat.bytesMax && this.#ends.length < packFormat.fragmentsMax;
  }

  /** Takes a fragment, which is copied. */
  add(fragment: Uint8Array): void {
    if (!this.hasRoom(fragment.length)) throw new RangeError("a pack is written within its limits");
    const from = this.#gathered;
    const end = from + fragment.length;
    this.#memory.set(fragment, from);
    this.#ends.push(end);
  }

  /** The pack with its fragments in an order, which names them by the numbers in which they came. It lies in `memory`
   *  where that is large enough: to get new memory of the system takes a hundred times longer than to write a pack into
   *  it. */
  finish(order: ArrayLike<number>, memory?: Buffer): WrittenPack {
    const size = this.bytes;
    const count = this.#ends.length;
    const bytes = memory !== undefined && memory.length >= size ? memory.subarray(0, size) : Buffer.allocUnsafe(size);
    writeHead(bytes, count);
    const starts = new Uint32Array(count + 1);
    let offset: number = headBytes;
    const index = headBytes + this.#gathered;
    for (let at = 0; at < count; at += 1) {
      const one = order[at] as number;
      const [from, end] = [this.#ends[one - 1] ?? 0, this.#ends[one] as number];
      bytes.set(this.#memory.subarray(from, end), offset);
      bytes.writeUInt32LE(end - from, index + at * lengthBytes);
      starts[at] = offset;
      offset += end - from;
    }
    starts[count] = offset;
    const end = index + count * lengthBytes;
    bytes.set(tailOf(bytes, index, end), end);
    return {
      bytes,
      placeOf: (at) => ({ offset: starts[at] as number, length: (starts[at + 1] as number) - (starts[at] as number) }),
    };
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#ends.length = 0;
  }
}

function writeHead(bytes: Buffer, fragments: number): void {
  bytes.set(magic, 0);
  bytes.writeUInt8(backupFormat.version, 8);
  bytes.writeUInt8(backupFormat.suite, 9);
  bytes.writeUInt16LE(0, 10);
  bytes.writeUInt32LE(fragments, 12);
}

const tailOf = (bytes: Buffer, index: number, end: number): Uint8Array =>
  createHash("sha256").update(bytes.subarray(0, headBytes)).update(bytes.subarray(index, end)).digest();

/** The places of a pack's fragments, in order. Error: BACKUP_DAMAGED, for whatever no pack can be. Says nothing of the
 *  fragments' bytes. */
export function readPack(pack: Uint8Array): readonly Place[] {
  const bytes = Buffer.from(pack.buffer, pack.byteOffset, pack.byteLength);
  demand(bytes.length >= packOverhead(0) && bytes.length <= packFormat.bytesMax, "pack", "no pack has this size");
  demand(bytes.subarray(0, 8).equals(magic), "pack", "no pack");
  const { version, suite } = backupFormat;
  demand(bytes.readUInt8(8) === version && bytes.readUInt8(9) === suite, "pack", "of a format that is not known here");
  demand(bytes.readUInt16LE(10) === 0, "pack", "of a format that is not known here");
  const count = bytes.readUInt32LE(12);
  demand(count <= packFormat.fragmentsMax && packOverhead(count) <= bytes.length, "pack", "more fragments than fit");
  const end = bytes.length - tailBytes;
  const index = end - count * lengthBytes;
  demand(bytes.subarray(end).equals(tailOf(bytes, index, end)), "pack", "head or index changed");
  const places: Place[] = [];
  let offset = headBytes;
  for (let at = index; at < end; at += lengthBytes) {
    const length = bytes.readUInt32LE(at);
    places.push({ offset, length });
    offset += length;
  }
  demand(offset === index, "pack", "its fragments do not fill it");
  return places;
}

/** A fragment of a pack. Error: BACKUP_DAMAGED. */
export function fragmentAt(pack: Uint8Array, { offset, length }: Place): Uint8Array {
  demand(offset >= headBytes && offset + length <= pack.length, "pack", "a fragment beyond its end");
  return pack.subarray(offset, offset + length);
}
