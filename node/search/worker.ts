/** What is asked of an index, as data: the same in a thread and in this one (simulation, tests). */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { unseal } from "../data-folder/seal.ts";
import { decodeChunk } from "../storage/index.ts";
import { changeOf, changesOf, type Change } from "./changes.ts";
import type { Found, Position, Query, SlotPlaces } from "./query.ts";
import { openTable, removeIndex, type SearchTable } from "./table.ts";

/** Entries of a log as they lie in the journal: chunks, each with the number of its first entry. */
type Chunks = readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
/** Records as they lie in the journal. */
export type Rows = readonly (readonly [actor: ActorId, key: string, stored: string, bytes: Uint8Array])[];

/** One request to an index, and its answer. */
export interface Requests {
  /** Where each slot stands that is whole. */
  readonly open: { readonly asks: object; readonly answer: ReadonlyMap<SlotId, Position> };
  /** Applies whole chunks, as far as `through`; answers with where the slot stands then. Undefined: it did not stand
   *  at `from`. */
  readonly apply: {
    readonly asks: {
      readonly slot: SlotId;
      readonly from: Position;
      readonly chunks: Chunks;
      readonly through: number;
    };
    readonly answer: Position | undefined;
  };
  /** Removes some rows of a slot; answers whether there are more. */
  readonly clear: { readonly asks: { readonly slot: SlotId }; readonly answer: boolean };
  /** A slot that was cleared is made anew. Of `add` and `settle`, false: it is not, for the index was lost
   *  meanwhile. */
  readonly begin: { readonly asks: { readonly slot: SlotId }; readonly answer: null };
  readonly add: { readonly asks: { readonly slot: SlotId; readonly rows: Rows }; readonly answer: boolean };
  readonly settle: { readonly asks: { readonly slot: SlotId; readonly at: Position }; readonly answer: boolean };
  /** With where the slots stand of which it found something: those that are not in it are not whole. */
  readonly find: {
    readonly asks: { readonly query: Query; readonly places: SlotPlaces };
    readonly answer: Found & { readonly at: ReadonlyMap<SlotId, Position> };
  };
  /** Takes what was deleted off the disk. */
  readonly clean: { readonly asks: object; readonly answer: null };
  readonly close: { readonly asks: object; readonly answer: null };
}

/** A request. */
export type Request = { [Name in keyof Requests]: { readonly type: Name } & Requests[Name]["asks"] }[keyof Requests];

/** The index was removed after a failure: it is empty. */
export class IndexLost extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Answers requests about the index of a location. Error: IndexLost where SQLite fails; of `find`, what
 *  SQLite throws; of what cannot be read, what says so. */
export class IndexWorker {
  readonly #location: string;
  #table: SearchTable | undefined;

  constructor(location: string) {
    this.#location = location;
  }

  answer(request: Request): unknown {
    try {
      return this.#answer(request);
    } catch (error) {
      const { errcode } = error as { readonly errcode?: number };
      // A record or a chunk that cannot be read is a fault of its slot, and none of the index.
      if (errcode === undefined) throw error;
      // A search changes nothing; what the file itself refuses is no fault of the search.
      const isDamage = [11, 26].includes(errcode & 0xff);
      if (request.type === "find" && !isDamage) throw error;
      this.#reset();
      throw new IndexLost(error);
    }
  }

  #answer(request: Request): unknown {
    if (request.type === "close") {
      this.#table?.close();
      this.#table = undefined;
      return null;
    }
    this.#table ??= openTable(this.#location);
    const table = this.#table;
    switch (request.type) {
      case "open":
        return table.positions();
      case "apply":
        return applied(table, request);
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
          ...table.find(request.query, request.places),
          at: table.positions(request.places.map(([slot]) => slot)),
        };
      case "clean":
        table.clean();
        return null;
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

function applied(
  table: SearchTable,
  { slot, from, chunks, through }: Extract<Request, { type: "apply" }>,
): Position | undefined {
  let at = from;
  const changes: Change[] = [];
  for (const [firstSeq, bytes] of chunks) {
    const read = decodeChunk(bytes, firstSeq, at.checksum);
    if (read.damage !== undefined) throw new Error(`${slot} ${read.damage.seq}: ${read.damage.reason}`);
    const last = read.entries.at(-1);
    if (last === undefined || last.seq > through) break;
    for (const entry of read.entries) changes.push(...changesOf(entry));
    at = { epoch: last.epoch, seq: last.seq, checksum: read.checksum };
  }
  return at === from || table.apply(slot, from, changes, at) ? at : undefined;
}

const changesOfRows = (rows: Rows): readonly Change[] =>
  rows.flatMap(([actor, key, stored, bytes]) => changeOf(actor, key, unseal(stored, bytes, "search")) ?? []);
