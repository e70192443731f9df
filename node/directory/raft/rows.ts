/** The rows of a replicated directory as the entries of its log make them. The same entries give the same rows at every voter. */
import type { DirectoryRow } from "../../ports.ts";
import { decideChange, type Change, type Decided } from "../deciding.ts";
import type { EtcdHome } from "../row.ts";

/** All rows at one entry of the log. */
export interface RowsImage {
  readonly revision: number;
  readonly rows: readonly DirectoryRow[];
  /** Where they were moved: nothing changes here any more. */
  readonly home?: EtcdHome;
}

/** The move to another place, as an entry. It comes about if no row has changed since `revision`, at which the rows were copied. */
export interface Departure {
  readonly home: EtcdHome;
  readonly revision: number;
}

/** What an entry asks for. */
export type Asked = Change | Departure;

/** `moved`: it is elsewhere, and nothing was done. */
export type Applied =
  | Decided
  | { readonly type: "moved"; readonly home: EtcdHome }
  | { readonly type: "departed"; readonly home: EtcdHome }
  | { readonly type: "outdated" };

export class ReplicatedRows {
  readonly #rowsMax: number;
  #rows: Map<string, DirectoryRow>;
  #revision: number;
  #home: EtcdHome | undefined;
  /** Keys that the disk's copy lacks. */
  #changed = new Set<string>();
  /** Keys that it has from a copy that was replaced. */
  #replaced = false;

  constructor({ revision, rows, home }: RowsImage, rowsMax: number) {
    this.#rowsMax = rowsMax;
    this.#revision = revision;
    this.#home = home;
    this.#rows = new Map(rows.map((row) => [row.key, row]));
  }

  get all(): ReadonlyMap<string, DirectoryRow> {
    return this.#rows;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Where they were moved. */
  get home(): EtcdHome | undefined {
    return this.#home;
  }

  get image(): RowsImage {
    return { revision: this.#revision, rows: [...this.#rows.values()], ...(this.#home && { home: this.#home }) };
  }

  /** How many rows the disk's copy lacks. */
  get unwritten(): number {
    return this.#changed.size;
  }

  apply(asked: Asked): Applied {
    if (this.#home !== undefined) return { type: "moved", home: this.#home };
    if (!("home" in asked)) return this.#change(asked);
    if (asked.revision !== this.#revision) return { type: "outdated" };
    this.#home = asked.home;
    return { type: "departed", home: asked.home };
  }

  #change(change: Change): Decided {
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
  restore({ revision, rows, home }: RowsImage): void {
    this.#revision = revision;
    this.#home = home;
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
