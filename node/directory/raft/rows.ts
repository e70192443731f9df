/** The rows of a replicated directory as the entries of its log make them. The same entries give the same rows at every voter. */
import type { DirectoryRow } from "../../ports.ts";
import { decideChange, type Change, type Decided } from "../deciding.ts";

/** All rows at one entry of the log. */
export interface RowsImage {
  readonly revision: number;
  readonly rows: readonly DirectoryRow[];
}

export class ReplicatedRows {
  readonly #rowsMax: number;
  #rows: Map<string, DirectoryRow>;
  #revision: number;
  /** Keys that the disk's copy lacks. */
  #changed = new Set<string>();
  /** Keys that it has from a copy that was replaced. */
  #replaced = false;

  constructor({ revision, rows }: RowsImage, rowsMax: number) {
    this.#rowsMax = rowsMax;
    this.#revision = revision;
    this.#rows = new Map(rows.map((row) => [row.key, row]));
  }

  get all(): ReadonlyMap<string, DirectoryRow> {
    return this.#rows;
  }

  get revision(): number {
    return this.#revision;
  }

  get image(): RowsImage {
    return { revision: this.#revision, rows: [...this.#rows.values()] };
  }

  /** How many rows the disk's copy lacks. */
  get unwritten(): number {
    return this.#changed.size;
  }

  apply(change: Change): Decided {
    const { size: count } = this.#rows;
    const get = (key: string): DirectoryRow | undefined => this.#rows.get(key);
    const decided = decideChange({ get, count, revision: this.#revision, rowsMax: this.#rowsMax }, change);
    if (decided.type !== "changed") return decided;
    this.#revision = decided.revision;
    if (decided.row === undefined) this.#rows.delete(change.key);
    else this.#rows.set(change.key, decided.row);
    this.#changed.add(change.key);
    return decided;
  }

  /** Replaces everything. */
  restore({ revision, rows }: RowsImage): void {
    this.#revision = revision;
    this.#rows = new Map(rows.map((row) => [row.key, row]));
    this.#changed = new Set();
    this.#replaced = true;
  }

  /** What the disk's copy lacks, which is taken to be written now. `all`: nothing of what it had is to stay. */
  takeUnwritten(): { readonly all: boolean; readonly rows: readonly (readonly [string, DirectoryRow | undefined])[] } {
    const all = this.#replaced;
    const keys = all ? [...this.#rows.keys()] : [...this.#changed];
    this.#changed = new Set();
    this.#replaced = false;
    return { all, rows: keys.map((key) => [key, this.#rows.get(key)] as const) };
  }
}
