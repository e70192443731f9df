/** Checks that the stored rows are one slot's log. This file only reads. */
import { failure, PlexusError, type SlotId } from "../../protocols/index.ts";
import { unseal } from "../data-folder/seal.ts";
import type { StoreView } from "../ports/index.ts";
import {
  changesRecords,
  decodeChunk,
  logKey,
  logPrefix,
  misfitOf,
  paddedSeq,
  sidePrefix,
  spaces,
  within,
  type Entry,
  type Head,
} from "./layout.ts";
import { LogIndex, type Chunk } from "./log-index.ts";

/** A slot's rows: the slot, and where the rows lie. */
export interface Place {
  readonly slot: SlotId;
  readonly location: string;
  /** Rows read at once. */
  readonly pageRows: number;
}

/** A slot at one moment, with its head. */
export interface Cut extends Place {
  readonly head: Head;
  readonly view: StoreView;
}

type Pace = (bytes: number) => Promise<void>;

/** DATA_DAMAGED, naming the entry. */
export function damagedAt({ slot, location }: Omit<Place, "pageRows">, seq: number, reason: string): PlexusError {
  const file = `${location}#log/${slot}/${paddedSeq(seq)}`;
  return new PlexusError(failure("DATA_DAMAGED", { slot, seq, file, reason }));
}

/** Reads and checks everything of a slot: the log's chain, snapshots, side values. `pace` is told how much was read, a
 *  page at a time, and may hold the reading back. Error: DATA_DAMAGED. */
export async function verifySlot(cut: Cut, pace?: Pace): Promise<void> {
  // A transfer is under way: its rows are thrown away or sent again.
  if (cut.head.incomplete) return;
  await verifyLog(cut, pace);
  for (const prefix of [`snap/${cut.slot}/`, ...spaces.map((space) => sidePrefix(space, cut.slot))])
    await readPages(cut.view, cut, { prefix, pace }, (key, value) => verifyRow(cut, key, value));
}

/** The part of `verifySlot` that is about the log: the chain from the head's base to its end. Error: DATA_DAMAGED. */
export const verifyLog = (cut: Cut, pace?: Pace): Promise<void> =>
  readChain(cut.view, cut, { head: cut.head, pace }, () => undefined);

/** Reads the entries of a cut's log in order, each checked. Error: DATA_DAMAGED. */
export const readEntries = (cut: Cut, each: (entries: readonly Entry[]) => void): Promise<void> =>
  readChain(cut.view, cut, { head: cut.head }, (_, entries) => each(entries));

/** Checks the seal of one row beside the log. Error: DATA_DAMAGED. */
export function verifyRow({ slot, location }: Omit<Place, "pageRows">, key: string, value: Uint8Array): void {
  if (!key.startsWith(logPrefix(slot))) unseal(key, value, location);
}

/** The index of the log with this head, every entry checked. With `copiedIn` the entries came from an owner of that
 *  epoch, and an entry that no owner of this slot can have appended is damage, too. Error: DATA_DAMAGED. */
export async function indexLog(
  rows: Pick<StoreView, "range">,
  place: Place,
  { head, copiedIn }: { readonly head: Head; readonly copiedIn?: number },
): Promise<LogIndex> {
  const index = new LogIndex();
  await readChain(rows, place, { head }, (chunk, entries) => {
    index.add(chunk, new Map(entries.map((entry) => [entry.actor, entry.seq])));
    for (const entry of entries) {
      const misfit = copiedIn === undefined ? undefined : misfitOf(entry, place.slot, copiedIn);
      if (misfit !== undefined) throw damagedAt(place, entry.seq, misfit);
      for (const op of entry.side) if ("drop" in op) index.forgetTail(op.drop, entry.seq);
    }
  });
  return index;
}

/** Reads the chunks of a log in order; each must continue the one before, and the last end where the head says. */
async function readChain(
  rows: Pick<StoreView, "range">,
  place: Place,
  { head, pace }: { readonly head: Head; readonly pace?: Pace | undefined },
  each: (chunk: Chunk, entries: readonly Entry[]) => void,
): Promise<void> {
  const { slot } = place;
  let { baseSeq: seq, baseChecksum: checksum } = head;
  await readPages(rows, place, { prefix: logPrefix(slot), pace }, (key, value) => {
    const firstSeq = seq + 1;
    if (key !== logKey(slot, firstSeq)) throw damagedAt(place, firstSeq, `entry missing, found ${key}`);
    const read = decodeChunk(value, firstSeq, checksum);
    if (read.damage) throw damagedAt(place, read.damage.seq, read.damage.reason);
    const [first] = read.entries;
    if (first === undefined) throw damagedAt(place, firstSeq, "the chunk is empty");
    const records = read.entries.some(({ side }) => changesRecords(side));
    each({ firstSeq, before: checksum, epoch: first.epoch, bytes: value.length, records }, read.entries);
    seq += read.entries.length;
    checksum = read.checksum;
  });
  if (seq !== head.lastSeq) throw damagedAt(place, seq + 1, `the log ends here, ${head.lastSeq} was written`);
  if (checksum !== head.lastChecksum) throw damagedAt(place, seq, "the last checksum differs from the head's");
}

async function readPages(
  rows: Pick<StoreView, "range">,
  { pageRows: limit }: Pick<Place, "pageRows">,
  { prefix, pace }: { readonly prefix: string; readonly pace?: Pace | undefined },
  each: (key: string, value: Uint8Array) => void,
): Promise<void> {
  const { gte, lt } = within(prefix);
  for (let from = gte; ;) {
    const page = await rows.range({ gte: from, lt, limit });
    let bytes = 0;
    for (const [key, value] of page) {
      each(key, value);
      bytes += value.length;
    }
    await pace?.(bytes);
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    from = `${last[0]}\0`;
  }
}
