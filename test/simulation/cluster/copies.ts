import { crc32 } from "node:zlib";
import { decode } from "../../../protocols/index.ts";
import type { SeenEntry } from "../checkers.ts";

/** Where an entry stands in some log: the checksum is of it and all before it. */
export type Point = Pick<SeenEntry, "seq" | "checksum">;

/** How the entries of one slot follow one another, in all logs that were ever begun for it. */
export class Lineage {
  /** By seq: the checksum at each entry, and the one it was chained to; undefined where a log begins. */
  readonly #before = new Map<number, Map<number, number | undefined>>();

  /** Takes an entry when it is first seen, which is after the one before it. */
  add({ seq, checksum, payload }: Pick<SeenEntry, "seq" | "checksum" | "payload">): void {
    const known = this.#before.get(seq) ?? new Map<number, number | undefined>();
    this.#before.set(seq, known);
    const earlier = [...(this.#before.get(seq - 1)?.keys() ?? [])];
    known.set(
      checksum,
      earlier.find((one) => crc32(payload, one) === checksum),
    );
  }

  /** Whether a log that was trimmed up to `base` had this entry. */
  leads(from: Point, base: Point): boolean {
    let checksum: number | undefined = base.checksum;
    for (let { seq } = base; seq > from.seq && checksum !== undefined; seq -= 1)
      checksum = this.#before.get(seq)?.get(checksum);
    return checksum === from.checksum;
  }
}

/** What the head of a log says of the copy. */
export interface Head {
  readonly fence: number;
  readonly baseSeq: number;
  readonly baseChecksum: number;
  readonly incomplete: boolean;
  readonly incarnation: number;
}

export const headIn = (sealed: Uint8Array): Head => decode(sealed.subarray(4)) as Head;

/** One slot as one disk durably holds it. */
export class Copy {
  incomplete = false;
  #base: Point = { seq: 0, checksum: 0 };
  readonly #lineage: Lineage;
  readonly #at = new Map<number, number>();
  readonly #chunks = new Map<number, readonly number[]>();

  constructor(lineage: Lineage) {
    this.#lineage = lineage;
  }

  /** Up to here the log is trimmed. */
  get baseSeq(): number {
    return this.#base.seq;
  }

  head({ baseSeq, baseChecksum, incomplete }: Head): void {
    this.#base = { seq: baseSeq, checksum: baseChecksum };
    this.incomplete = incomplete;
  }

  put(firstSeq: number, entries: readonly Point[]): void {
    this.delete(firstSeq);
    for (const { seq, checksum } of entries) this.#at.set(seq, checksum);
    this.#chunks.set(
      firstSeq,
      entries.map(({ seq }) => seq),
    );
  }

  delete(firstSeq: number): void {
    for (const seq of this.#chunks.get(firstSeq) ?? []) this.#at.delete(seq);
    this.#chunks.delete(firstSeq);
  }

  /** Equal checksums mean the same entry after the same prefix; what was trimmed is in the state. */
  has(place: Point): boolean {
    if (this.#at.get(place.seq) === place.checksum) return true;
    return place.seq <= this.#base.seq && !this.incomplete && this.#lineage.leads(place, this.#base);
  }
}
