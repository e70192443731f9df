/** Memory that threads share and that is used again. What is made anew for each message between threads comes back only
 *  when garbage is collected, which threads with little on their heaps do seldom: that was a quarter of a backup. */

const firstBytes = 64 * 1024;

export class SharedMemory {
  #memory: Buffer<SharedArrayBuffer>;

  constructor(bytes = firstBytes) {
    this.#memory = Buffer.from(new SharedArrayBuffer(bytes));
  }

  /** All of it. */
  get all(): Buffer<SharedArrayBuffer> {
    return this.#memory;
  }

  /** Grows to so many bytes, of which the first `kept` stay as they are. */
  reserve(bytes: number, kept: number): void {
    if (bytes <= this.#memory.length) return;
    const larger = Buffer.from(new SharedArrayBuffer(Math.max(bytes, this.#memory.length * 2)));
    larger.set(this.#memory.subarray(0, kept));
    this.#memory = larger;
  }

  /** Takes over what a thread has grown. */
  become(bytes: Uint8Array<SharedArrayBuffer>): void {
    if (bytes.buffer.byteLength > this.#memory.length) this.#memory = Buffer.from(bytes.buffer);
  }
}

/** Pieces one behind the other in shared memory. */
export class SharedPieces {
  readonly #memory: SharedMemory;
  readonly #lengths: number[] = [];
  #end = 0;

  constructor(memory = new SharedMemory()) {
    this.#memory = memory;
  }

  static of(pieces: Iterable<Uint8Array>): SharedPieces {
    const made = new SharedPieces();
    for (const piece of pieces) made.add(piece);
    return made;
  }

  /** Room for the next piece; what was given before may be elsewhere then. */
  room(bytes: number): Buffer {
    this.#memory.reserve(this.#end + bytes, this.#end);
    return this.#memory.all.subarray(this.#end, this.#end + bytes);
  }
  /** So many bytes of the room are the next piece. */
  took(bytes: number): void {
    this.#lengths.push(bytes);
    this.#end += bytes;
  }
  add(piece: Uint8Array): void {
    this.room(piece.length).set(piece);
    this.took(piece.length);
  }
  clear(): void {
    this.#lengths.length = 0;
    this.#end = 0;
  }
  get joined(): Joined {
    return { bytes: this.#memory.all.subarray(0, this.#end), lengths: this.#lengths };
  }
}

const keptBytes = 64 * 1024;

/** Copies small pieces that are kept for long, one behind the other. A few bytes from Node's own pool would keep all
 *  that once lay beside them there. */
export class KeptPieces {
  #memory = Buffer.alloc(0);
  #end = 0;

  keep(piece: Uint8Array): Uint8Array {
    if (this.#end + piece.length > this.#memory.length) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(keptBytes, piece.length));
      this.#end = 0;
    }
    const kept = this.#memory.subarray(this.#end, (this.#end += piece.length));
    kept.set(piece);
    return kept;
  }
}

/** Many pieces of bytes as one. */
export interface Joined {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly lengths: readonly number[];
}

/** The pieces again, without copies. */
export function parted({ bytes, lengths }: Joined): readonly Uint8Array[] {
  let offset = 0;
  return lengths.map((length) => bytes.subarray(offset, (offset += length)));
}
