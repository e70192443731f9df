/** Saves the readable part of a slot's log in which entries are missing or damaged. An entry that is gone leaves an
 *  empty one in its place, so that all others keep their numbers: snapshots name those, and actors name them to each
 *  other. The result is a new chain: no other copy of the slot has it, so it may only lie in the slot's only folder. */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { emptied } from "./batch-draft.ts";
import { encodeChunk, encodeEntry, looseEntries, type Head, type LooseEntry } from "./layout.ts";

/** Entries that one gap is filled with. A longer one is left out with all that is before it. */
const filledMax = 100_000;
/** Entries of one chunk that fills a gap. */
const fillerEntriesMax = 1_000;

interface RescuedLog {
  readonly head: Head;
  readonly chunks: readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
  /** Entries that could not be read: the first and the last of each gap. */
  readonly gaps: readonly (readonly [from: number, to: number])[];
  /** Actors that have entries in it. */
  readonly actors: ReadonlySet<ActorId>;
}

/** Entries that lie in one chunk and follow one another. */
interface Run {
  readonly firstSeq: number;
  readonly entries: readonly LooseEntry[];
}

/** Makes a log of the readable entries. `atLeast`: the log went at least so far, as its snapshots say. */
export function rescueLog(
  slot: SlotId,
  found: {
    /** Undefined: the head is lost. */
    readonly head: Head | undefined;
    readonly chunks: readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
    readonly atLeast: number;
  },
): RescuedLog {
  const { head, atLeast } = found;
  const firstChunk = found.chunks[0]?.[0] ?? 1;
  let base = head?.baseSeq ?? firstChunk - 1;
  const runs = runsOf(found.chunks, base, head?.baseChecksum);
  const lastRun = runs.at(-1);
  const end = Math.max(head?.lastSeq ?? 0, atLeast, lastRun ? lastRun.firstSeq + lastRun.entries.length - 1 : 0, base);
  const gaps: [number, number][] = [];
  let next = base + 1;
  for (const { firstSeq, entries } of runs) {
    if (firstSeq > next) gaps.push([next, firstSeq - 1]);
    next = firstSeq + entries.length;
  }
  if (next <= end) gaps.push([next, end]);
  // The entries behind the last gap that is too long to be filled.
  for (const [from, to] of gaps) if (to - from >= filledMax) base = to;
  const kept = runs.filter(({ firstSeq }) => firstSeq > base);

  const actors = new Set(kept.flatMap(({ entries }) => entries.map(({ entry }) => entry.actor)));
  const fence = Math.max(head?.fence ?? 0, ...kept.map(({ entries }) => entries[0]?.entry.epoch ?? 0), 1);
  const empty = emptied(slot, { fence, incarnation: (head?.incarnation ?? 0) + 1 });
  const baseChecksum = base === head?.baseSeq ? head.baseChecksum : empty.baseChecksum;
  let checksum = baseChecksum;
  let lastEpoch = kept.length === 0 ? (head?.lastEpoch ?? 0) : 0;
  const chunks: [number, Uint8Array][] = [];
  let at = base;
  const add = (payloads: readonly Uint8Array[], epoch: number): void => {
    const made = encodeChunk(payloads, checksum);
    chunks.push([at + 1, made.bytes]);
    at += payloads.length;
    checksum = made.checksum;
    lastEpoch = epoch;
  };
  const fill = (through: number, like: LooseEntry | undefined): void => {
    const epoch = Math.max(1, lastEpoch === 0 ? (like?.entry.epoch ?? 1) : lastEpoch);
    // Any actor that the slot may hold: the entry changes nothing.
    const actor = like?.entry.actor ?? ([...actors][0] as ActorId | undefined);
    if (actor === undefined) return;
    while (at < through) {
      const count = Math.min(fillerEntriesMax, through - at);
      const nothing = { atMs: like?.entry.atMs ?? 0, actor, events: [], answers: [], side: [] };
      add(
        Array.from({ length: count }, (_, index) => encodeEntry(epoch, at + 1 + index, nothing)),
        epoch,
      );
    }
  };
  let last: LooseEntry | undefined;
  for (const { firstSeq, entries } of kept) {
    fill(firstSeq - 1, last ?? entries[0]);
    last = entries.at(-1);
    add(
      entries.map(({ payload }) => payload),
      entries[0]?.entry.epoch ?? 1,
    );
  }
  fill(end, last);
  // Nothing of the log is left: it begins where it ended.
  if (at < end) [at, base] = [end, end];
  const isEmpty = base === at;
  const position = { lastEpoch, lastSeq: at, lastChecksum: checksum, baseSeq: base, baseChecksum };
  return {
    head: { ...empty, continues: fence, ...position, ...(isEmpty && { lastChecksum: baseChecksum }) },
    chunks,
    gaps,
    actors,
  };
}

/** The entries behind `base` that can be read, in runs of one chunk. */
function runsOf(
  chunks: readonly (readonly [firstSeq: number, bytes: Uint8Array])[],
  base: number,
  baseChecksum: number | undefined,
): readonly Run[] {
  const runs: { firstSeq: number; entries: LooseEntry[] }[] = [];
  let next = base + 1;
  let before = baseChecksum;
  for (const [firstSeq, bytes] of chunks) {
    // Trimmed, or a part of one that is here already: an older version came back with a damaged one.
    if (firstSeq < next) continue;
    let run: { firstSeq: number; entries: LooseEntry[] } | undefined;
    for (const loose of looseEntries(bytes, firstSeq, firstSeq === next ? before : undefined)) {
      const { seq } = loose.entry;
      if (run === undefined || run.firstSeq + run.entries.length !== seq) {
        run = { firstSeq: seq, entries: [] };
        runs.push(run);
      }
      run.entries.push(loose);
      next = seq + 1;
      before = loose.checksum;
    }
  }
  return runs;
}
