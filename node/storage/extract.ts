/** Reads what a slot has at a cut, as it is stored and for something outside the journal: a backup. Every row is
 *  checked, none is decoded but entries of the log. This file only reads. */
import type { ActorId } from "../../protocols/index.ts";
import { isSealed } from "../data-folder/seal.ts";
import type { StorePage } from "../ports/index.ts";
import { readKept, ReadAhead } from "./read-ahead.ts";
import {
  encodeEntry,
  paddedSeq,
  sideKey,
  sidePrefix,
  snapshotKey,
  spaces,
  unsealSnapshot,
  within,
  type Entry,
} from "./layout.ts";
import { storageReads } from "./limits.ts";
import { damagedAt, readEntries, type Cut } from "./log-check.ts";

/** A value as the codec wrote it, under its key within the actor. */
type ExtractedRow = readonly [key: string, value: Uint8Array];

/** What is asked of an actor's records: with `from` ≤ key < `to`, up to the row with which there are so many, or so
 *  many bytes. */
interface RecordPart {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  readonly bytes: number;
}

/** Takes records in the order of their keys: of each key what stands from `keyStart` on, of each value the bytes from
 *  `start` on, which it copies. */
interface ExtractSink {
  add(key: string, value: Uint8Array, start: number, keyStart: number): void;
}

/** The checksum before a sealed value. */
const sealBytes = 4;

/** What is known of a slot at a cut, from one reading of its log. */
export class SlotExtract {
  readonly #cut: Cut;
  readonly #entries: readonly Entry[];
  readonly #entriesOf: ReadonlyMap<ActorId, readonly Entry[]>;
  #others: Promise<ReadonlyMap<ActorId, readonly ExtractedRow[]>> | undefined;
  /** While the whole slot is read. */
  #ahead: { readonly snapshots: ReadAhead; readonly records: ReadAhead } | undefined;
  /** Actors whose records were passed by, and that nobody had asked for. */
  readonly #passed = new Set<ActorId>();

  private constructor(cut: Cut, entries: readonly Entry[]) {
    this.#cut = cut;
    this.#entries = entries;
    this.#entriesOf = Map.groupBy(entries, ({ actor }) => actor);
  }

  /** Reads the log of a cut. Error: DATA_DAMAGED. */
  static async of(cut: Cut): Promise<SlotExtract> {
    const entries: Entry[] = [];
    await readEntries(cut, (some) => entries.push(...some));
    return new SlotExtract(cut, entries);
  }

  /** The last entry; entries have numbers from 1 on. */
  get at(): { readonly epoch: number; readonly seq: number } {
    const { lastEpoch, lastSeq } = this.#cut.head;
    return { epoch: lastEpoch, seq: lastSeq };
  }

  /** The entries after a position; undefined: the log does not reach back to it, or is another one. */
  after(since: { readonly epoch: number; readonly seq: number }): readonly Entry[] | undefined {
    const { baseSeq, lastSeq } = this.#cut.head;
    if (since.seq > lastSeq || since.seq <= baseSeq) return undefined;
    // Entries with the same epoch and seq are the same, and so is everything before them (invariant 4).
    const last = this.#entries[since.seq - baseSeq - 1];
    return last?.epoch === since.epoch ? this.#entries.slice(since.seq - baseSeq) : undefined;
  }

  /** The actors that have anything, in the order in which they are read fastest. From now on what is read is read
   *  ahead. Some may have nothing but records: `passedBy` names them at the end. Error: DATA_DAMAGED. */
  async actors(): Promise<readonly ActorId[]> {
    const { slot, view } = this.#cut;
    const snapshots = `snap/${slot}/`;
    const records = sidePrefix("record", slot);
    const found = new Set<ActorId>((await this.#othersOf()).keys());
    const pages = await readKept(view, within(snapshots), (key) => found.add(key.slice(snapshots.length) as ActorId));
    const gone = new Map<ActorId, number>();
    for (const { actor, seq, side } of this.#entries) {
      found.add(actor);
      for (const op of side) if ("drop" in op) gone.set(op.drop, seq);
    }
    // An actor that has left for a slot of its own is read there.
    const left = new Set(
      [...gone].filter(([actor, seq]) => (this.#entriesOf.get(actor)?.at(-1)?.seq ?? 0) <= seq).map(([actor]) => actor),
    );
    await this.#close();
    let passed = "";
    this.#ahead = {
      snapshots: new ReadAhead(pages, within(snapshots)),
      records: new ReadAhead(view, within(records), (key) => {
        if (passed !== "" && key.startsWith(passed)) return;
        const actor = actorIn(key.slice(records.length));
        passed = `${records}${actor}/`;
        if (!found.has(actor)) this.#passed.add(actor);
      }),
    };
    const all = [...found].filter((actor) => !left.has(actor));
    for (const actor of left) found.add(actor);
    return all.sort((one, other) => (`${one}/` < `${other}/` ? -1 : 1));
  }

  /** Those that `actors` did not name, once all the others were read. Error: DATA_DAMAGED. */
  async passedBy(): Promise<readonly ActorId[]> {
    await this.#ahead?.records.rest();
    return [...this.#passed].sort();
  }

  /** An actor's snapshot, the entries after it, and side values that are no records. Error: DATA_DAMAGED. */
  async state(actor: ActorId): Promise<readonly ExtractedRow[]> {
    const rows: ExtractedRow[] = [];
    const key = snapshotKey(this.#cut.slot, actor);
    const ahead = await this.#ahead?.snapshots.take({ gte: key, lt: `${key}\0`, rows: 1, bytes: 1 });
    const stored = ahead === undefined ? await this.#cut.view.get(key) : ahead[0]?.[1];
    if (stored !== undefined) rows.push(["snapshot", this.#opened(key, stored)]);
    const entries = this.#entriesOf.get(actor) ?? [];
    // Most actors have no entries: then nothing of the snapshot has to be read.
    const isAll = stored === undefined || entries.length === 0;
    const covered = isAll ? 0 : unsealSnapshot(key, stored, this.#cut.location).seq;
    for (const { epoch, seq, ...entry } of entries)
      if (seq > covered) rows.push([`entry/${paddedSeq(seq)}`, encodeEntry(epoch, seq, entry)]);
    rows.push(...((await this.#othersOf()).get(actor) ?? []));
    return rows.toSorted(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Reminders and the like of all actors: most have none, and looking for each would be most of the work. */
  #othersOf(): Promise<ReadonlyMap<ActorId, readonly ExtractedRow[]>> {
    return (this.#others ??= this.#readOthers());
  }

  async #readOthers(): Promise<ReadonlyMap<ActorId, readonly ExtractedRow[]>> {
    const found = new Map<ActorId, ExtractedRow[]>();
    for (const space of spaces) {
      if (space === "record") continue;
      const prefix = sidePrefix(space, this.#cut.slot);
      const { gte, lt } = within(prefix);
      for (let from = gte; ;) {
        const page = await this.#cut.view.range({ gte: from, lt, limit: this.#cut.pageRows });
        for (const [key, value] of page) {
          const actor = actorIn(key.slice(prefix.length));
          const own = found.get(actor) ?? [];
          found.set(actor, own);
          own.push([`${space}/${key.slice(prefix.length + actor.length + 1)}`, this.#opened(key, value)]);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < this.#cut.pageRows) break;
        from = `${last[0]}\0`;
      }
    }
    return found;
  }

  /** Records of an actor, in order. Error: DATA_DAMAGED. */
  async records(actor: ActorId, part: RecordPart, into: ExtractSink): Promise<void> {
    const base = sideKey("record", this.#cut.slot, actor, "");
    const [gte, lt] = [base + part.from, base + part.to];
    if (gte >= lt) return;
    let left = { rows: part.rows, bytes: part.bytes };
    for (let from = gte; left.rows > 0 && left.bytes > 0;) {
      // A stretch at a time: to check all of it at once would hold up whatever else waits for this thread.
      const bytes = Math.min(left.bytes, storageReads.aheadBytes);
      const stretch = await this.#ahead?.records.take({ gte: from, lt, rows: left.rows, bytes });
      const found = stretch ?? (await this.#readPart({ gte: from, lt, ...left }));
      let taken = 0;
      for (let at = 0; at < found.length; at += 1) {
        const row = found[at] as StorePage[number];
        const key = row[0];
        const value = row[1];
        this.#checked(key, value);
        into.add(key, value, sealBytes, base.length);
        taken += value.length;
      }
      const last = found.at(-1);
      const isEnd = taken < (stretch === undefined ? left.bytes : bytes) && found.length < left.rows;
      if (last === undefined || isEnd) return;
      from = `${last[0]}\0`;
      left = { rows: left.rows - found.length, bytes: left.bytes - taken };
    }
  }

  /** The key of the first record with `from` ≤ key < `to`; undefined: there is none. */
  async firstRecord(actor: ActorId, { from, to }: Pick<RecordPart, "from" | "to">): Promise<string | undefined> {
    const base = sideKey("record", this.#cut.slot, actor, "");
    const part = { gte: base + from, lt: base + to, rows: 1, bytes: 1 };
    const [row] = (await this.#ahead?.records.take(part)) ?? (await this.#readPart(part));
    return row?.[0].slice(base.length);
  }

  /** Page by page: many rows may be large. */
  async #readPart(part: { gte: string; lt: string; rows: number; bytes: number }): Promise<StorePage> {
    const found: StorePage[number][] = [];
    let [{ gte }, bytes] = [part, 0];
    while (found.length < part.rows && bytes < part.bytes) {
      const limit = Math.min(this.#cut.pageRows, part.rows - found.length);
      const page = await this.#cut.view.range({ gte, lt: part.lt, limit });
      for (const row of page) {
        if (bytes >= part.bytes) break;
        found.push(row);
        bytes += row[1].length;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      gte = `${last[0]}\0`;
    }
    return found;
  }

  #checked(key: string, sealed: Uint8Array): void {
    if (!isSealed(key, sealed)) throw damagedAt(this.#cut, this.at.seq, `checksum mismatch at ${key}`);
  }

  #opened(key: string, sealed: Uint8Array): Uint8Array {
    this.#checked(key, sealed);
    return sealed.subarray(sealBytes);
  }

  async close(): Promise<void> {
    await this.#close();
    await this.#cut.view.close();
  }

  async #close(): Promise<void> {
    await this.#ahead?.snapshots.close();
    await this.#ahead?.records.close();
    this.#ahead = undefined;
  }
}

/** The actor that a key begins with. */
function actorIn(key: string): ActorId {
  const end = key.indexOf("/", key.indexOf("/") + 1);
  return (end === -1 ? key : key.slice(0, end)) as ActorId;
}
