/** Where the entries of a slot's log are: which chunks there are, and which of them an actor still needs. In memory
 *  only; rebuilt by reading the log. */
import { assert, type ActorId } from "../../protocols/index.ts";

/** Where the entries of one chunk are, and what the chunk continues. */
export interface Chunk {
  readonly firstSeq: number;
  /** Checksum of the entry before the chunk's first. */
  readonly before: number;
  /** The epoch all its entries were appended in. */
  readonly epoch: number;
  readonly bytes: number;
  /** See `changesRecords`: whether one of its entries does. */
  readonly records: boolean;
}

/** An actor's share of a chunk: where the chunk begins, and the actor's last entry in it. */
interface Part {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export class LogIndex {
  /** By firstSeq, ascending. */
  #chunks: Chunk[] = [];
  #bytes = 0;
  /** For each actor with entries after its snapshot: the chunks that hold them, ascending. */
  readonly #tails = new Map<ActorId, Part[]>();

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#tails.clear();
  }

  /** Takes over the contents of another index. */
  become(other: LogIndex): void {
    this.clear();
    this.#chunks = other.#chunks;
    this.#bytes = other.#bytes;
    for (const [actor, tail] of other.#tails) this.#tails.set(actor, tail);
  }

  add(chunk: Chunk, lastSeqs: ReadonlyMap<ActorId, number>): void {
    assert(chunk.firstSeq > (this.#chunks.at(-1)?.firstSeq ?? 0), "chunks are added in the order of their entries");
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes;
    for (const [actor, lastSeq] of lastSeqs) {
      const part = { firstSeq: chunk.firstSeq, lastSeq };
      const tail = this.#tails.get(actor);
      if (tail) tail.push(part);
      else this.#tails.set(actor, [part]);
    }
  }

  /** The chunk that begins at `firstSeq`; undefined when none does. */
  startingAt(firstSeq: number): Chunk | undefined {
    const chunk = this.#chunks[this.#indexOf(firstSeq)];
    return chunk?.firstSeq === firstSeq ? chunk : undefined;
  }

  /** The chunk before the one that begins at `firstSeq`. */
  before(firstSeq: number): Chunk | undefined {
    return this.#chunks[this.#indexOf(firstSeq) - 1];
  }

  /** Chunks from the one that begins at `firstSeq`, as many as fit, at least one. */
  from(firstSeq: number, { bytesMax, chunksMax }: { bytesMax: number; chunksMax: number }): readonly Chunk[] {
    const found: Chunk[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(firstSeq); index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index] as Chunk;
      if (found.length > 0 && (bytes + chunk.bytes > bytesMax || found.length >= chunksMax)) break;
      found.push(chunk);
      bytes += chunk.bytes;
    }
    return found;
  }

  /** Of the chunks from the one that begins at `firstSeq` on, those before the first that changes records or reaches
   *  beyond `throughSeq`: the last of them, and the chunk that follows it. Undefined: there are none. `lastSeq` is the
   *  last entry of the log. */
  withoutRecords(
    firstSeq: number,
    { throughSeq, lastSeq }: { readonly throughSeq: number; readonly lastSeq: number },
  ): { readonly last: Chunk; readonly next: Chunk | undefined } | undefined {
    const start = this.#indexOf(firstSeq);
    let end = start;
    const lastOf = (index: number): number => (this.#chunks[index + 1]?.firstSeq ?? lastSeq + 1) - 1;
    while (this.#chunks[end]?.records === false && lastOf(end) <= throughSeq) end += 1;
    const last = end > start ? this.#chunks[end - 1] : undefined;
    return last && { last, next: this.#chunks[end] };
  }

  /** The chunks that hold an actor's entries after its snapshot. */
  tailOf(actor: ActorId): readonly Chunk[] {
    return (this.#tails.get(actor) ?? []).map(({ firstSeq }) => {
      const chunk = this.startingAt(firstSeq);
      assert(chunk !== undefined, "a tail points at a chunk of the log");
      return chunk;
    });
  }

  actorsWithTail(): IterableIterator<ActorId> {
    return this.#tails.keys();
  }

  /** Actors whose state needs entries at or below `seq`. */
  actorsBelow(seq: number): ActorId[] {
    return [...this.#tails].filter(([, tail]) => (tail[0]?.firstSeq ?? Infinity) <= seq).map(([actor]) => actor);
  }

  /** The first entry an actor's state may need; Infinity when its snapshot is enough. */
  firstNeeded(actor: ActorId): number {
    return this.#tails.get(actor)?.[0]?.firstSeq ?? Infinity;
  }

  /** The last entry that an actor's state needs; 0 when its snapshot is enough. */
  lastNeeded(actor: ActorId): number {
    return this.#tails.get(actor)?.at(-1)?.lastSeq ?? 0;
  }

  /** The first entry that any actor's state may need, if the actors of `beyond` have snapshots through those seqs. */
  firstNeededByAny(beyond: ReadonlyMap<ActorId, number> = new Map()): number {
    let first = Infinity;
    for (const [actor, tail] of this.#tails) {
      const covered = beyond.get(actor) ?? 0;
      const needed = covered === 0 ? tail[0] : tail.find((part) => part.lastSeq > covered);
      first = Math.min(first, needed?.firstSeq ?? Infinity);
    }
    return first;
  }

  /** The seq through which to trim so that at most so many entries and bytes stay; whole chunks, so a few more may. */
  trimPoint(window: { readonly entries: number; readonly bytes: number }, lastSeq: number): number {
    let bytes = this.#bytes;
    const byBytes = this.#chunks.find((chunk) => (bytes -= chunk.bytes) <= window.bytes);
    return Math.max(lastSeq - window.entries, this.#bytes > window.bytes && byBytes ? byBytes.firstSeq : 0);
  }

  /** The chunks that lie wholly at or below `throughSeq`, and the first one that stays. Nothing when none stays. */
  trimmable(throughSeq: number): { readonly dropped: readonly Chunk[]; readonly kept: Chunk } | undefined {
    // Whole chunks only: the first chunk that reaches beyond the mark stays, and is the new base.
    const keep = this.#chunks.findIndex((_, index) => (this.#chunks[index + 1]?.firstSeq ?? Infinity) > throughSeq + 1);
    const kept = this.#chunks[keep];
    return kept && keep > 0 ? { dropped: this.#chunks.slice(0, keep), kept } : undefined;
  }

  /** A scan finds entries, not whether a snapshot has made them needless; so trimmed chunks may still be in a tail. */
  forgetThrough(baseSeq: number): void {
    this.#chunks = this.#chunks.filter((chunk) => chunk.firstSeq > baseSeq);
    this.#bytes = this.#chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    for (const actor of this.#tails.keys()) this.forgetTail(actor, baseSeq);
  }

  /** Forgets the chunks that hold nothing of the actor after `seq`. */
  forgetTail(actor: ActorId, seq: number): void {
    const kept = (this.#tails.get(actor) ?? []).filter((part) => part.lastSeq > seq);
    if (kept.length === 0) this.#tails.delete(actor);
    else this.#tails.set(actor, kept);
  }

  /** Index of the first chunk that begins at or after `firstSeq`. */
  #indexOf(firstSeq: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.firstSeq ?? 0) < firstSeq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
