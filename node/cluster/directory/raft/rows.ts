/** The rows of a replicated directory as the entries of its log make them: the same entries, the same rows. */
import type { DirectoryRow } from "../../../ports/index.ts";
import { decidedBy, judgeChange, type Change, type Decided, type Held, type Room, type Rows } from "../deciding.ts";
import type { EtcdHome } from "../row.ts";
import { SizedRows } from "../sized-rows.ts";

/** All rows at one entry of the log. */
export interface RowsImage {
  readonly revision: number;
  readonly rows: readonly DirectoryRow[];
  /** Where they were moved: nothing changes here any more. */
  readonly home?: EtcdHome;
}

/** The move to another place, as an entry. It comes about if no row has changed since `revision`, at which the rows
 *  were copied. */
interface Departure {
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

/** How much the entries of a log may come to. Voters of every version must find the same, so it never changes: a bound
 *  that may is looked at before a change has a place in the log (`leader-room.ts`). */
export const roomOfLog: Room = { rowsMax: 100_000, rowsBytesMax: Infinity, growthBytesMax: 0 };

export class ReplicatedRows implements Rows {
  readonly #room: Room;
  #rows: SizedRows;
  #revision: number;
  #home: EtcdHome | undefined;
  /** Keys that the disk's copy lacks. */
  #changed = new Set<string>();
  /** Keys that it has from a copy that was replaced. */
  #replaced = false;

  constructor({ revision, rows, home }: RowsImage, room: Room = roomOfLog) {
    this.#room = room;
    this.#revision = revision;
    this.#home = home;
    this.#rows = new SizedRows(rows);
  }

  get all(): ReadonlyMap<string, DirectoryRow> {
    return this.#rows.all;
  }

  get count(): number {
    return this.#rows.count;
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  byKind(): Readonly<Record<string, number>> {
    return this.#rows.byKind();
  }

  held(key: string): Held | undefined {
    return this.#rows.held(key);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Where they were moved. */
  get home(): EtcdHome | undefined {
    return this.#home;
  }

  get image(): RowsImage {
    return { revision: this.#revision, rows: [...this.all.values()], ...(this.#home && { home: this.#home }) };
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
    const { key, bytes } = change;
    const decided = decidedBy(judgeChange(this, change, this.#room), change, this.all.get(key));
    if (decided.type !== "changed") return decided;
    this.#revision = decided.revision;
    if (decided.row === undefined || bytes === undefined) this.#rows.delete(key);
    else this.#rows.set(decided.row, bytes.length);
    this.#changed.add(key);
    return decided;
  }

  /** Replaces everything. */
  restore({ revision, rows, home }: RowsImage): void {
    this.#revision = revision;
    this.#home = home;
    this.#rows = new SizedRows(rows);
    this.#changed = new Set();
    this.#replaced = true;
  }

  /** What the disk's copy lacks, which is taken to be written now. `all`: nothing of what it had is to stay. */
  takeUnwritten(): { readonly all: boolean; readonly rows: readonly (readonly [string, DirectoryRow | undefined])[] } {
    const all = this.#replaced;
    const keys = all ? [...this.all.keys()] : [...this.#changed];
    this.#changed = new Set();
    this.#replaced = false;
    return { all, rows: keys.map((key) => [key, this.all.get(key)] as const) };
  }
}
