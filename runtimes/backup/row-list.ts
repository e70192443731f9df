/** Rows of the journal one behind the other, in memory that a thread reads where it lies: an object for each of them
 *  would be most of the work of a backup. Beside it is the room for what the thread makes of them. */
import { SharedMemory } from "./memory.ts";

const firstBytes = 64 * 1024;
const firstRows = 1_024;
const endBytes = Uint32Array.BYTES_PER_ELEMENT;

/** Takes rows in the order of their keys. */
export interface RowSink {
  /** Takes a row, which is copied: of its key what stands from `keyStart` on, of its value the bytes from `start`
   *  on. */
  add(key: string, value: Uint8Array, start?: number, keyStart?: number): void;
}

/** Rows as a thread is given them. */
export interface SharedRows {
  readonly count: number;
  /** Of all rows, one behind the other, as UTF-8. */
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  /** Where the key of each row ends, and where its value does. */
  readonly keyEnds: Uint32Array;
  readonly valueEnds: Uint32Array;
}

export class RowList implements RowSink {
  readonly #keys = new SharedMemory(firstBytes);
  readonly #values = new SharedMemory(firstBytes);
  readonly #ends = [new SharedMemory(firstRows * endBytes), new SharedMemory(firstRows * endBytes)] as const;
  /** For what becomes of the rows; they are not to change until it is used. */
  readonly made = new SharedMemory(firstBytes);
  #keyEnds = endsIn(this.#ends[0]);
  #valueEnds = endsIn(this.#ends[1]);
  #count = 0;

  get count(): number {
    return this.#count;
  }
  /** Of all values. */
  get bytes(): number {
    return this.#count === 0 ? 0 : (this.#valueEnds[this.#count - 1] as number);
  }
  get #keyBytes(): number {
    return this.#count === 0 ? 0 : (this.#keyEnds[this.#count - 1] as number);
  }
  get lastKey(): string | undefined {
    return this.#count === 0
      ? undefined
      : this.#keys.all.toString("utf8", this.#keyEnds[this.#count - 2] ?? 0, this.#keyBytes);
  }
  /** All rows, where they lie; overwritten by what is added after `clear`. */
  get shared(): SharedRows {
    return {
      count: this.#count,
      keys: this.#keys.all.subarray(0, this.#keyBytes),
      values: this.#values.all.subarray(0, this.bytes),
      keyEnds: this.#keyEnds.subarray(0, this.#count),
      valueEnds: this.#valueEnds.subarray(0, this.#count),
    };
  }

  add(key: string, value: Uint8Array, start = 0, keyStart = 0): void {
    // One after the other: to take an array apart makes objects, and there are many rows.
    const keyFrom = this.#keyBytes;
    const from = this.bytes;
    const end = from + value.length - start;
    this.#values.reserve(end, from);
    // Without a view of the part: many values are small.
    if (start === 0) this.#values.all.set(value, from);
    else Buffer.prototype.copy.call(value, this.#values.all, from, start);
    this.#end(this.#addKey(key, keyStart, keyFrom), end);
  }

  /** Adds the rows of another list from one on. */
  addFrom(other: RowList, first: number): void {
    const { count, keys, values, keyEnds, valueEnds } = other.shared;
    if (first >= count) return;
    const [keyBase, base] = [this.#keyBytes, this.bytes];
    const [keyStart, start] = first === 0 ? [0, 0] : [keyEnds[first - 1] as number, valueEnds[first - 1] as number];
    this.#keys.reserve(keyBase + keys.length - keyStart, keyBase);
    this.#keys.all.set(keys.subarray(keyStart), keyBase);
    this.#values.reserve(base + values.length - start, base);
    this.#values.all.set(values.subarray(start), base);
    for (let at = first; at < count; at += 1)
      this.#end((keyEnds[at] as number) - keyStart + keyBase, (valueEnds[at] as number) - start + base);
  }

  /** Gives up the rows from one on. */
  cutTo(count: number): void {
    this.#count = Math.min(this.#count, count);
  }

  clear(): void {
    this.cutTo(0);
  }

  /** Where it ends. */
  #addKey(key: string, start: number, from: number): number {
    // As UTF-8 a character takes three bytes at most.
    this.#keys.reserve(from + 3 * (key.length - start), from);
    const { all } = this.#keys;
    let end = from;
    for (let at = start; at < key.length; at += 1) {
      const unit = key.charCodeAt(at);
      if (unit > 0x7f) return from + all.write(key.slice(start), from, "utf8");
      all[end++] = unit;
    }
    return end;
  }

  #end(keyEnd: number, valueEnd: number): void {
    if (this.#count >= this.#keyEnds.length) {
      const [keyEnds, valueEnds] = this.#ends;
      for (const ends of this.#ends) ends.reserve((this.#count + 1) * endBytes, this.#count * endBytes);
      [this.#keyEnds, this.#valueEnds] = [endsIn(keyEnds), endsIn(valueEnds)];
    }
    this.#keyEnds[this.#count] = keyEnd;
    this.#valueEnds[this.#count] = valueEnd;
    this.#count += 1;
  }
}

const endsIn = ({ all }: SharedMemory): Uint32Array =>
  new Uint32Array(all.buffer, 0, Math.floor(all.length / endBytes));
