/** Rows of the journal one behind the other, in memory that is used again: a buffer for each of them would be most of the work of a backup. */

const firstBytes = 64 * 1024;

/** Takes rows in the order of their keys. */
export interface RowSink {
  /** Takes a row: of its value the bytes from `start` on, which are copied. */
  add(key: string, value: Uint8Array, start?: number): void;
}

export class RowList implements RowSink {
  #values = Buffer.allocUnsafeSlow(firstBytes);
  readonly #keys: string[] = [];
  /** Where the value of each row ends. */
  readonly #ends: number[] = [];

  get count(): number {
    return this.#keys.length;
  }
  /** Of all values. */
  get bytes(): number {
    return this.#ends.at(-1) ?? 0;
  }
  get lastKey(): string | undefined {
    return this.#keys.at(-1);
  }
  get keys(): readonly string[] {
    return this.#keys;
  }
  get ends(): readonly number[] {
    return this.#ends;
  }
  /** All values; overwritten by what is added after `clear`. */
  get values(): Uint8Array {
    return this.#values.subarray(0, this.bytes);
  }

  add(key: string, value: Uint8Array, start = 0): void {
    const from = this.bytes;
    const end = from + value.length - start;
    if (end > this.#values.length) this.#grow(end);
    // Without a view of the part: many values are small.
    if (start === 0) this.#values.set(value, from);
    else Buffer.prototype.copy.call(value, this.#values, from, start);
    this.#keys.push(key);
    this.#ends.push(end);
  }

  /** Adds the rows of another list from one on. */
  addFrom(other: RowList, first: number): void {
    const [base, start] = [this.bytes, other.#ends[first - 1] ?? 0];
    const end = base + other.bytes - start;
    if (end > this.#values.length) this.#grow(end);
    this.#values.set(other.#values.subarray(start, other.bytes), base);
    for (let at = first; at < other.count; at += 1) {
      this.#keys.push(other.#keys[at] as string);
      this.#ends.push((other.#ends[at] as number) - start + base);
    }
  }

  /** Gives up the rows from one on. */
  cutTo(count: number): void {
    this.#keys.length = count;
    this.#ends.length = count;
  }

  clear(): void {
    this.cutTo(0);
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, this.#values.length * 2));
    larger.set(this.values);
    this.#values = larger;
  }
}
