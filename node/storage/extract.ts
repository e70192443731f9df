/** Reads what a slot has at a cut, as it is stored and for something outside the journal: a backup. Every row is checked, none is decoded but
 *  entries of the log. This file only reads. */
import type { ActorId } from "../../protocols/index.ts";
import { isSealed } from "../data-folder/seal.ts";
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
import { damagedAt, readEntries, type Cut } from "./log-check.ts";

/** A value as the codec wrote it, under its key within the actor. */
export type ExtractedRow = readonly [key: string, value: Uint8Array];

/** The checksum before a sealed value. */
const sealBytes = 4;

/** What is known of a slot at a cut, from one reading of its log. */
export class SlotExtract {
  readonly #cut: Cut;
  readonly #entries: readonly Entry[];
  readonly #entriesOf: ReadonlyMap<ActorId, readonly Entry[]>;
  #others: Promise<ReadonlyMap<string, readonly ExtractedRow[]>> | undefined;

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

  /** All actors that have anything, in order. */
  async actors(): Promise<readonly ActorId[]> {
    const found = new Set<ActorId>();
    for (const prefix of [`snap/${this.#cut.slot}/`, ...spaces.map((space) => sidePrefix(space, this.#cut.slot))]) {
      const { gte, lt } = within(prefix);
      for (let from = gte; ;) {
        const [row] = await this.#cut.view.range({ gte: from, lt, limit: 1 });
        if (row === undefined) break;
        const [kind, key] = row[0].slice(prefix.length).split("/");
        const actor = `${kind}/${key}` as ActorId;
        found.add(actor);
        // A snapshot's key ends with the actor's name, side values go on with a slash: "0" follows it.
        from = row[0] === `${prefix}${actor}` ? `${row[0]}\0` : `${prefix}${actor}0`;
      }
    }
    const gone = new Map<ActorId, number>();
    for (const { actor, seq, side } of this.#entries) {
      found.add(actor);
      for (const op of side) if ("drop" in op) gone.set(op.drop, seq);
    }
    // An actor that has left for a slot of its own is read there.
    const left = new Set([...gone].filter(([actor, seq]) => !this.#entries.some((entry) => entry.actor === actor && entry.seq > seq)).map(([actor]) => actor)); // prettier-ignore
    return [...found].filter((actor) => !left.has(actor)).sort();
  }

  /** An actor's snapshot, the entries after it, and side values that are no records. Error: DATA_DAMAGED. */
  async state(actor: ActorId): Promise<readonly ExtractedRow[]> {
    const rows: ExtractedRow[] = [];
    const key = snapshotKey(this.#cut.slot, actor);
    const stored = await this.#cut.view.get(key);
    if (stored !== undefined) rows.push(["snapshot", this.#opened(key, stored)]);
    const covered = stored === undefined ? 0 : unsealSnapshot(key, stored, this.#cut.location).seq;
    for (const { epoch, seq, ...entry } of this.#entriesOf.get(actor) ?? [])
      if (seq > covered) rows.push([`entry/${paddedSeq(seq)}`, encodeEntry(epoch, seq, entry)]);
    this.#others ??= this.#readOthers();
    rows.push(...((await this.#others).get(actor) ?? []));
    return rows.toSorted(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Reminders and the like of all actors: most have none, and looking for each would be most of the work. */
  async #readOthers(): Promise<ReadonlyMap<string, readonly ExtractedRow[]>> {
    const found = new Map<string, ExtractedRow[]>();
    for (const space of spaces) {
      if (space === "record") continue;
      const prefix = sidePrefix(space, this.#cut.slot);
      const { gte, lt } = within(prefix);
      for (let from = gte; ;) {
        const page = await this.#cut.view.range({ gte: from, lt, limit: this.#cut.pageRows });
        for (const [key, value] of page) {
          const [kind, name, ...rest] = key.slice(prefix.length).split("/");
          const own = found.get(`${kind}/${name}`) ?? [];
          found.set(`${kind}/${name}`, own);
          own.push([`${space}/${rest.join("/")}`, this.#opened(key, value)]);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < this.#cut.pageRows) break;
        from = `${last[0]}\0`;
      }
    }
    return found;
  }

  /** Records of an actor with `from` ≤ key < `to`, in order. Error: DATA_DAMAGED. */
  async records(
    actor: ActorId,
    range: { readonly from: string; readonly to: string; readonly limit: number },
  ): Promise<readonly ExtractedRow[]> {
    const base = sideKey("record", this.#cut.slot, actor, "");
    const [gte, lt] = [base + range.from, base + range.to];
    if (gte >= lt) return [];
    const rows = await this.#cut.view.range({ gte, lt, limit: range.limit });
    return rows.map(([key, value]) => [key.slice(base.length), this.#opened(key, value)]);
  }

  #opened(key: string, sealed: Uint8Array): Uint8Array {
    if (!isSealed(key, sealed)) throw damagedAt(this.#cut, this.at.seq, `checksum mismatch at ${key}`);
    return sealed.subarray(sealBytes);
  }

  close(): Promise<void> {
    return this.#cut.view.close();
  }
}
