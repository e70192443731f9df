/** Rows, and what they take together: all of them are in memory, and go to another voter as one message. */
import { encode } from "../../../protocols/index.ts";
import type { DirectoryRow } from "../../ports/index.ts";
import { judgeChange, rowBytes, type Change, type Held, type Room, type Rows, type Verdict } from "./deciding.ts";

/** What rows take together. */
export const bytesOfRows = (rows: Iterable<DirectoryRow>): number => {
  let bytes = 0;
  for (const { key, value } of rows) bytes += rowBytes(key, encode(value).length);
  return bytes;
};

/** A table of rows that knows what it takes. */
export class SizedRows {
  readonly #rows = new Map<string, DirectoryRow>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(rows: Iterable<DirectoryRow>) {
    for (const row of rows) this.set(row, encode(row.value).length);
  }

  get all(): ReadonlyMap<string, DirectoryRow> {
    return this.#rows;
  }

  get count(): number {
    return this.#rows.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What rows take, by what their keys begin with. */
  byKind(): Readonly<Record<string, number>> {
    const kinds: Record<string, number> = {};
    for (const [key, bytes] of this.#sizes) {
      const [kind = ""] = key.split("/");
      kinds[kind] = (kinds[kind] ?? 0) + bytes;
    }
    return kinds;
  }

  held(key: string): Held | undefined {
    const row = this.#rows.get(key);
    return row && { revision: row.revision, bytes: this.#sizes.get(key) as number };
  }

  set(row: DirectoryRow, valueBytes: number): void {
    const bytes = rowBytes(row.key, valueBytes);
    this.#bytes += bytes - (this.#sizes.get(row.key) ?? 0);
    this.#rows.set(row.key, row);
    this.#sizes.set(row.key, bytes);
  }

  delete(key: string): void {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    this.#rows.delete(key);
    this.#sizes.delete(key);
  }
}

/** Rows as they will be when the changes that were taken have come about, and no others. */
export class RowsAhead implements Rows {
  readonly #base: Pick<Rows, "held">;
  readonly #changed = new Map<string, Held | undefined>();
  count: number;
  bytes: number;
  revision: number;

  constructor(base: Omit<Rows, "revision">, revision: number) {
    this.#base = base;
    this.count = base.count;
    this.bytes = base.bytes;
    this.revision = revision;
  }

  /** Keys of rows that are remembered. */
  get changes(): number {
    return this.#changed.size;
  }

  held(key: string): Held | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#base.held(key);
  }

  /** Judges a change, and goes on from it. */
  take(change: Change, room: Room): Verdict {
    const verdict = judgeChange(this, change, room);
    if (verdict.type !== "changed") return verdict;
    const { key, bytes } = change;
    const before = this.held(key);
    const after = bytes && { revision: verdict.revision, bytes: rowBytes(key, bytes.length) };
    this.revision = verdict.revision;
    this.count += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    this.bytes += (after?.bytes ?? 0) - (before?.bytes ?? 0);
    this.#changed.set(key, after);
    return verdict;
  }
}
