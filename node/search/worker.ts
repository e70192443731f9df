/** What is asked of an index, as data: the same in a thread and in this one (simulation, tests). */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { unseal } from "../data-folder/seal.ts";
import { decodeChunk } from "../storage/index.ts";
import { changeOf, changesOf, type Change } from "./changes.ts";
import type { TableLimits } from "./limits.ts";
import type { Found, Position, Query, SlotPlaces } from "./query.ts";
import { isFull, openTable, removeIndex, sqliteCode, type SearchTable } from "./table.ts";

/** Entries of a log as they lie in the journal: chunks, each with the number of its first entry. */
type Chunks = readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
/** Chunks of a slot behind one position, as far as another. */
interface Followed {
  readonly slot: SlotId;
  readonly from: Position;
  readonly chunks: Chunks;
  readonly through: number;
}
/** What is applied is found at once, and committed with what follows (`SearchTable.apply`), or with this at once,
 *  too. */
interface Applying {
  readonly commits?: true;
}
/** Records as they lie in the journal. */
export type Rows = readonly (readonly [actor: ActorId, key: string, stored: string, bytes: Uint8Array])[];

/** One request to an index, and its answer. */
export interface Requests {
  /** Where each slot stands of which there are rows; undefined: they are not all. */
  readonly open: { readonly asks: object; readonly answer: ReadonlyMap<SlotId, Position | undefined> };
  /** Applies whole chunks, as far as `through`; answers with where the slot stands then. Where it did not stand at
   *  `from`, that is where it stood. Undefined: it is not whole, or the first chunk cannot be read. */
  readonly apply: { readonly asks: Followed & Applying; readonly answer: Position | undefined };
  /** There was nothing between: answers with where the slot stands then, as of `apply`. */
  readonly pass: {
    readonly asks: { readonly slot: SlotId; readonly from: Position; readonly to: Position } & Applying;
    readonly answer: Position | undefined;
  };
  /** Where there is no room for what they say: removes what they change or delete, and the slot stands where it stood.
   *  Answers with where they end. */
  readonly forget: { readonly asks: Followed; readonly answer: Position };
  /** Removes some rows of a slot; answers whether there are more. */
  readonly clear: { readonly asks: { readonly slot: SlotId }; readonly answer: boolean };
  /** A slot that was cleared is made anew. Of `add` and `settle`, false: it is not, for the index was lost
   *  meanwhile. A record that cannot be read is noted, and the others are found. */
  readonly begin: { readonly asks: { readonly slot: SlotId }; readonly answer: null };
  readonly add: { readonly asks: { readonly slot: SlotId; readonly rows: Rows }; readonly answer: boolean };
  readonly settle: { readonly asks: { readonly slot: SlotId; readonly at: Position }; readonly answer: boolean };
  /** With where the slots stand of which it found something: those that are not in it are not whole. Where `late`
   *  becomes 1, nobody waits for it any more, and it ends with the next message that it looks at. */
  readonly find: {
    readonly asks: { readonly query: Query; readonly places: SlotPlaces; readonly late?: Int32Array };
    readonly answer: Found & { readonly at: ReadonlyMap<SlotId, Position> };
  };
  /** Takes what was deleted off the disk; `more`: not all yet. `unread`: messages whose records cannot be read. */
  readonly clean: { readonly asks: object; readonly answer: { readonly more: boolean; readonly unread: number } };
  readonly close: { readonly asks: object; readonly answer: null };
}

/** A request. */
export type Request = { [Name in keyof Requests]: { readonly type: Name } & Requests[Name]["asks"] }[keyof Requests];

/** The index was removed after a failure: it is empty. */
export class IndexLost extends Error {}

/** There is no room for more. The index stands where it stood. */
export class IndexFull extends Error {}

/** A search that nobody waits for any more. */
export class FindLate extends Error {}

/** How a failure travels from a thread. */
const failures = { lost: IndexLost, full: IndexFull, late: FindLate } as const;

/** What is said of a failure. */
export interface Failed {
  readonly reason: string;
  readonly kind?: keyof typeof failures;
}

/** A failure as it travels. */
export function failedOf(error: unknown): Failed {
  const reason = error instanceof Error ? error.message : String(error);
  const kind = (Object.keys(failures) as (keyof typeof failures)[]).find((name) => error instanceof failures[name]);
  return { reason, ...(kind && { kind }) };
}

/** The failure that travelled. */
export const errorOf = ({ reason, kind }: Failed): Error =>
  kind === undefined ? new Error(reason) : new failures[kind](reason);

/** Answers requests about the index of a location. Errors: IndexFull; IndexLost where SQLite fails otherwise; of
 *  `find`, FindLate and what SQLite throws. */
export class IndexWorker {
  readonly #location: string;
  readonly #limits: TableLimits;
  #table: SearchTable | undefined;

  constructor(location: string, limits: TableLimits = {}) {
    this.#location = location;
    this.#limits = limits;
  }

  answer(request: Request): unknown {
    try {
      return this.#answer(request);
    } catch (error) {
      const code = sqliteCode(error);
      if (code === undefined) throw error;
      if (isFull(error)) throw new IndexFull((error as Error).message, { cause: error });
      // A search changes nothing; what the file itself refuses is no fault of the search.
      const isDamage = [11, 26].includes(code);
      if (request.type === "find" && !isDamage) throw error;
      this.#reset();
      throw new IndexLost((error as Error).message, { cause: error });
    }
  }

  #answer(request: Request): unknown {
    if (request.type === "close") {
      const closing = this.#table;
      this.#table = undefined;
      closing?.close();
      return null;
    }
    this.#table ??= openTable(this.#location, this.#limits);
    const table = this.#table;
    switch (request.type) {
      case "open":
        return table.slots();
      case "apply":
        return applied(table, request);
      case "pass":
        table.apply(request.slot, request.from, [], request.to);
        if (request.commits) table.commit();
        return standing(table, request.slot);
      case "forget": {
        const { changes, at } = read(request);
        table.forget(request.slot, changes);
        return at;
      }
      case "clear":
        return table.clear(request.slot);
      case "begin":
        table.begin(request.slot);
        return null;
      case "add":
        return table.add(request.slot, changesOfRows(request.rows));
      case "settle":
        return table.settle(request.slot, request.at);
      case "find":
        return {
          ...table.find(request.query, request.places, () => {
            if (request.late !== undefined && Atomics.load(request.late, 0) === 1)
              throw new FindLate("nobody waits for it any more");
          }),
          at: table.positions(request.places.map(([slot]) => slot)),
        };
      case "clean":
        return { more: table.clean(), unread: table.unread() };
      default:
        throw new Error(`an unknown request: ${String((request as { type: unknown }).type)}`);
    }
  }

  /** A file that fails once is not relied on again: it is made anew from the journal. */
  #reset(): void {
    try {
      this.#table?.close();
    } catch {
      // It is removed.
    }
    this.#table = undefined;
    removeIndex(this.#location);
  }
}

/** What chunks did, as far as they can be read, and where they end. */
function read({ from, chunks, through }: Followed): {
  readonly changes: readonly Change[];
  readonly at: Position;
  readonly isDamaged: boolean;
} {
  let at = from;
  const changes: Change[] = [];
  let isDamaged = false;
  for (const [firstSeq, bytes] of chunks) {
    const chunk = decodeChunk(bytes, firstSeq, at.checksum);
    isDamaged = chunk.damage !== undefined;
    if (isDamaged) break;
    const last = chunk.entries.at(-1);
    if (last === undefined || last.seq > through) break;
    for (const entry of chunk.entries) changes.push(...changesOf(entry));
    at = { epoch: last.epoch, seq: last.seq, checksum: chunk.checksum };
  }
  return { changes, at, isDamaged };
}

function applied(table: SearchTable, asks: Followed & Applying): Position | undefined {
  const { slot, from } = asks;
  const { changes, at, isDamaged } = read(asks);
  if (at === from) return isDamaged ? undefined : at;
  table.apply(slot, from, changes, at);
  if (asks.commits) table.commit();
  return standing(table, slot);
}

const standing = (table: SearchTable, slot: SlotId): Position | undefined => table.positions([slot]).get(slot);

const changesOfRows = (rows: Rows): readonly Change[] =>
  rows.flatMap(([actor, key, stored, bytes]) => changeOf(actor, key, () => unseal(stored, bytes, "search")) ?? []);
