/** The journal: ordered, durable, fenced memory of every actor of this node.
 *
 *  Each slot has one log of entries `(epoch, seq)`. An entry is what one turn of one actor changed: its events, the
 *  answers it gave (for idempotency), and what it keeps beside the log (records, reminders). All slots share one group
 *  commit, so a thousand actors pay for one disk sync.
 *
 *      openSlot(slot) ── checks every entry ──► SlotLog ── append (owner), apply (replica) ──► Committer ──► Store
 *
 *  Invariant 3: an append of an epoch below the fence is refused; the fence is rewritten in the same synced batch.
 *  What is damaged is named (slot, seq, file) and never skipped: a slot that fails its check does not open.
 *
 *  Read `layout.ts` (bytes), then `slot-log.ts`, `batch-draft.ts` and `commit.ts` (writing), `slot-reader.ts` and
 *  `log-check.ts` (reading, checking); `merkle.ts` compares two copies of a slot. */
import { failure, PlexusError, slotCount, type SlotId } from "../../protocols/index.ts";
import type { Clock, Log, Meter, Store, StoreOp } from "../ports/index.ts";
import { Committer, type CommitPorts } from "./commit.ts";
import {
  everything,
  formatKey,
  formatVersion,
  headFault,
  headKey,
  logPrefix,
  sidePrefix,
  spaces,
  within,
  type Head,
} from "./layout.ts";
import { seal, unseal } from "../data-folder/seal.ts";
import { journalLimits, type JournalLimits } from "./limits.ts";
import { emptied } from "./batch-draft.ts";
import { verifySlot } from "./log-check.ts";
import { SlotLog } from "./slot-log.ts";

export type { Entry, Head, SideOp, Space } from "./layout.ts";
export { decodeChunk, everything, headKey, logKey, logPrefix, sideKey, sidePrefix, spaces, within } from "./layout.ts";
export { SlotExtract } from "./extract.ts";
export { rescueLog } from "./rescue.ts";
export { restoredHead, restoredSide, restoredState } from "./restored.ts";
export { digestOf, leavesOf, rowsOf, slotRanges, type Leaf } from "./merkle.ts";
export { storeParts } from "./store-parts.ts";
export type { Piece, Position } from "./batch-draft.ts";
export { verifyLog, verifyRow, type Cut } from "./log-check.ts";
export { SlotLog, type EntryDraft } from "./slot-log.ts";
export type { Recovered, SlotReader } from "./slot-reader.ts";

/** Identity of a data folder. */
export interface Format {
  readonly version: number;
  readonly slotCount: number;
  readonly cluster: string;
  readonly node: string;
  readonly createdAtMs: number;
}

export interface Journal {
  /** The node this folder belongs to. */
  readonly format: Format;
  /** The one log of a slot on this node, checked when it is first asked for. Error: DATA_DAMAGED. */
  openSlot(slot: SlotId): Promise<SlotLog>;
  /** Reads a log again after it failed: the disk decides what happened. The old object writes nothing more. With
   *  `failed`, a log that another caller has already reopened is left alone, and returned. */
  reopen(slot: SlotId, failed?: SlotLog): Promise<SlotLog>;
  /** Throws away the node's copy of a slot, for good: only a fence stays, and a new incarnation (rule R6). `still` is
   *  asked in the very moment of the write; false: nothing happens. Resolves with whether the copy was thrown away.
   *  Until then no caller gets the slot's log. */
  discard(slot: SlotId, fence: number, still?: () => boolean): Promise<boolean>;
  /** Whether the disk has more of a slot than its head, as after a transfer or a discard that broke off. */
  holdsRows(slot: SlotId): Promise<boolean>;
  /** Slots this node holds or once held. */
  slots(): Promise<SlotId[]>;
  /** The lowest epoch that each of them accepts, as it lies on the disk. Those whose head is damaged are left out. */
  fences(): Promise<ReadonlyMap<SlotId, number>>;
  /** Slots where some actor has work waiting: reminders or pending work. */
  slotsWithWork(): Promise<SlotId[]>;
  readonly queuedBytes: number;
  /** Whether the disk has so little room left that nothing more may be begun that ends in a write. */
  readonly full: boolean;
  /** When the disk refused the last batch, or would have, on the clock that only runs forward; undefined when it took
   *  it. */
  readonly refusedAtMs: number | undefined;
  /** What a synced write takes at this disk, in milliseconds; undefined before the first. */
  readonly syncMs: number | undefined;
  /** Has that measured once more when nothing was written for `quietMs`. */
  probe(quietMs: number): Promise<void>;
  /** Entries and bytes made durable since the journal was opened. */
  readonly written: { readonly entries: number; readonly bytes: number };
  readonly limits: JournalLimits;
  /** Resolves when every append so far is durable or has failed. */
  settled(): Promise<void>;
}

export interface JournalPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<JournalLimits>;
  /** Identity given to a fresh folder. */
  readonly identity: { readonly cluster: string; readonly node: string };
  /** Written with a new store's identity, in one batch: a crash leaves both or neither. */
  readonly beside?: readonly StoreOp[];
  /** Hears what each change of a slot took. */
  readonly heard?: CommitPorts["heard"];
}

/** Opens the journal in a store. Errors: DATA_FORMAT_UNKNOWN, DATA_DAMAGED. */
export async function openJournal(ports: JournalPorts): Promise<Journal> {
  const { store, clock, meter, log } = ports;
  const limits = { ...journalLimits, ...ports.limits };
  const format = await openFormat(ports);
  const { heard } = ports;
  const committer = new Committer({ store, clock, meter, log, ...(heard && { heard }) }, limits);
  const logs = new Map<SlotId, Promise<SlotLog>>();
  /** The logs that are open. Each is told at once when it is not the slot's log any more. */
  const opened = new Map<SlotId, SlotLog>();
  const discarding = new Set<SlotId>();
  let wasFull = false;
  const isFull = (): boolean => {
    const full = store.isFull?.() ?? false;
    if (full && !wasFull) log.error("journal.full", { file: store.location });
    if (!full && wasFull) log.info("journal.room", { file: store.location });
    if (full !== wasFull) meter.gauge("journal_full", full ? 1 : 0);
    wasFull = full;
    return full;
  };

  return {
    format,
    limits,
    get queuedBytes() {
      return committer.queuedBytes;
    },
    get full() {
      return isFull();
    },
    get refusedAtMs() {
      return isFull() ? clock.monotonicMs() : committer.refusedAtMs;
    },
    get syncMs() {
      return committer.syncMs;
    },
    probe: (quietMs) => committer.probe(quietMs),
    get written() {
      return committer.written;
    },
    settled: () => committer.settled(),
    slots: () => slotsOf(store),
    async fences() {
      const fences = new Map<SlotId, number>();
      for (const slot of await slotsOf(store)) {
        const head = await readHead(store, slot).catch(() => undefined);
        if (head !== undefined) fences.set(slot, head.fence);
      }
      return fences;
    },
    slotsWithWork: async () => {
      const found = new Set<SlotId>();
      for (const space of ["reminder", "wake"] as const) {
        for (const slot of await prefixesOf(store, `side/${space}/`)) found.add(slot);
      }
      return [...found];
    },
    openSlot: (slot) => openOnce(slot),
    async reopen(slot, failed) {
      const current = logs.get(slot);
      const present = await current?.catch(() => undefined);
      if (logs.get(slot) !== current) return openOnce(slot);
      if (failed !== undefined && present !== undefined && present !== failed && !present.failed) return present;
      present?.broken(failure("FENCED", { slot, because: "the log was opened again" }));
      const settled = committer.settled();
      return remember(
        slot,
        settled.then(() => open(slot)),
      );
    },
    async discard(slot, fence, still = () => true) {
      let done = false;
      const begun = committer.run(async () => {
        // Nothing but the store may be waited for here: this is a batch, and others wait for it.
        if (discarding.has(slot) || !still()) return [];
        discarding.add(slot);
        done = true;
        // Callers that ask for the log from here on get the one that is left.
        const left = async (): Promise<SlotLog> => {
          await written;
          return open(slot);
        };
        void remember(slot, Promise.resolve().then(left));
        opened.get(slot)?.broken(failure("FENCED", { slot, because: "the slot was thrown away" }));
        // The head may be readable where the log is not.
        const known = await readHead(store, slot).catch(() => undefined);
        const incarnation = Math.max((known?.incarnation ?? 0) + 1, clock.nowMs());
        // Incomplete until a transfer has ended: an owner that has named this copy meanwhile must not count on it.
        const empty = emptied(slot, { fence: Math.max(fence, known?.fence ?? 0), incarnation });
        const head = { ...empty, incomplete: true };
        return [{ type: "put", key: headKey(slot), value: seal(headKey(slot), head) }, ...(await remains(slot))];
      });
      const written = begun.then(() => (done ? clear(slot) : undefined));
      await written.finally(() => done && discarding.delete(slot));
      return done;
    },
    holdsRows: async (slot) => (await remains(slot, 1)).length > 0,
  };

  /** Deletions of the rows that a slot has beside its head, at most so many. */
  async function remains(slot: SlotId, max = limits.deleteRangeMax): Promise<StoreOp[]> {
    const ops: StoreOp[] = [];
    for (const prefix of [logPrefix(slot), `snap/${slot}/`, ...spaces.map((space) => sidePrefix(space, slot))]) {
      if (ops.length >= max) break;
      for (const key of await store.keys({ ...within(prefix), limit: max - ops.length }))
        ops.push({ type: "del", key });
    }
    return ops;
  }

  /** A large slot goes in many batches. A crash between them leaves a copy that is incomplete, as the first has
   *  written. */
  async function clear(slot: SlotId): Promise<void> {
    let left = true;
    while (left)
      await committer.run(async () => {
        const ops = await remains(slot);
        left = ops.length > 0;
        return ops;
      });
  }

  /** Tells an open log that the disk does not hold what the log thinks. */
  function forget(slot: SlotId): void {
    const old = logs.get(slot);
    logs.delete(slot);
    void old?.then(
      (log) => log.broken(failure("FENCED", { slot, because: "the slot was made again" })),
      () => undefined,
    );
  }

  function openOnce(slot: SlotId): Promise<SlotLog> {
    return logs.get(slot) ?? remember(slot, open(slot));
  }

  /** One log a slot. After a failure the next caller tries to open it again. */
  function remember(slot: SlotId, opening: Promise<SlotLog>): Promise<SlotLog> {
    logs.set(slot, opening);
    opening.catch(() => {
      if (logs.get(slot) === opening) logs.delete(slot);
    });
    return opening;
  }

  async function open(slot: SlotId): Promise<SlotLog> {
    const exists = (await store.keys({ gte: headKey(slot), lt: `${headKey(slot)}\0` })).length > 0;
    const stored = await readHead(store, slot);
    if (exists && stored === undefined)
      throw new PlexusError(failure("DATA_DAMAGED", { slot, file: store.location, reason: "its head cannot be read" }));
    const head = stored ?? emptied(slot, { fence: 0, incarnation: 0 });
    const log = new SlotLog(slot, head, { store, committer, limits, exists, onSplit: forget });
    if (!head.incomplete) await log.scan();
    opened.set(slot, log);
    return log;
  }
}

/** Checks every entry of every slot without changing anything, for `plexus doctor`. Error: DATA_DAMAGED, when not even
 *  the slots can be listed. */
export async function verifyJournal(store: Store): Promise<{
  readonly entries: number;
  readonly slots: number;
  readonly damaged: readonly Readonly<Record<string, unknown>>[];
}> {
  const slots = new Set(await slotsOf(store));
  const damaged: Readonly<Record<string, unknown>>[] = [];
  const named = (thrown: unknown, place: object = {}): void => {
    if (!(thrown instanceof PlexusError)) throw thrown;
    damaged.push({ ...place, ...thrown.failure.details });
  };
  try {
    for (const slot of await prefixesOf(store, "log/")) slots.add(slot);
  } catch (error) {
    named(error);
  }
  let entries = 0;
  for (const slot of slots) {
    try {
      const head = await readHead(store, slot);
      if (head === undefined) {
        damaged.push({ slot, file: store.location, reason: "its head is missing" });
        continue;
      }
      if (head.incomplete) continue; // a transfer was under way: it is thrown away or done again
      const view = store.view();
      const cut = { slot, head, view, location: store.location, pageRows: journalLimits.scanChunksMax };
      try {
        await verifySlot(cut);
      } finally {
        await view.close();
      }
      entries += head.lastSeq - head.baseSeq;
    } catch (error) {
      named(error, { slot });
    }
  }
  return { entries, slots: slots.size, damaged };
}

async function readHead(store: Store, slot: SlotId): Promise<Head | undefined> {
  const bytes = await store.get(headKey(slot));
  if (bytes === undefined) return undefined;
  const head = unseal(headKey(slot), bytes, store.location) as Head;
  // Heads of the first format say neither: every slot was owned by its only node.
  const whole = { ...emptied(slot, head), ...head, continues: head.continues ?? head.fence };
  const reason = headFault(whole);
  if (reason !== undefined) throw new PlexusError(failure("DATA_DAMAGED", { slot, file: store.location, reason }));
  return whole;
}

/** The identity row of this folder; undefined for a folder that is empty. It is the first row that is ever written: a
 *  folder that has other rows has lost it, and must not become another node. Errors: DATA_FORMAT_UNKNOWN,
 *  DATA_DAMAGED. */
export async function readFormat(store: Store): Promise<Format | undefined> {
  const bytes = await store.get(formatKey);
  if (bytes === undefined) {
    const isNew = (await store.keys({ ...everything, limit: 1 })).length === 0;
    if (isNew) return undefined;
    const reason = "missing, and other rows are there: nothing says which node this folder belongs to";
    throw new PlexusError(failure("DATA_DAMAGED", { key: formatKey, file: store.location, reason }));
  }
  const format = unseal(formatKey, bytes, store.location) as Format;
  if (format.version !== formatVersion || format.slotCount !== slotCount) {
    const here = { version: formatVersion, slotCount };
    const there = { version: format.version, slotCount: format.slotCount };
    throw new PlexusError(failure("DATA_FORMAT_UNKNOWN", { folder: store.location, found: there, supported: here }));
  }
  return format;
}

/** The row that says whose a folder is. */
export const formatRow = (format: Pick<Format, "cluster" | "node" | "createdAtMs">): StoreOp => ({
  type: "put",
  key: formatKey,
  value: seal(formatKey, { version: formatVersion, slotCount, ...format }),
});

async function openFormat({ store, clock, identity, beside = [] }: JournalPorts): Promise<Format> {
  const found = await readFormat(store);
  if (found !== undefined) return found;
  const format = { version: formatVersion, slotCount, ...identity, createdAtMs: clock.nowMs() };
  await store.batch([formatRow(format), ...beside], { sync: true });
  return format;
}

async function slotsOf(store: Store): Promise<SlotId[]> {
  const keys = await store.keys(within("head/"));
  return keys.map((key) => key.slice("head/".length) as SlotId);
}

/** The slots that occur right after `prefix`, found by jumping from one to the next. Error: DATA_DAMAGED. */
async function prefixesOf(store: Store, prefix: string): Promise<SlotId[]> {
  const { lt } = within(prefix);
  const slots: SlotId[] = [];
  for (let gte = prefix; ;) {
    const [key] = await store.keys({ gte, lt, limit: 1 });
    if (key === undefined) return slots;
    const [role, number] = key.slice(prefix.length).split("/");
    const slot = `${role}/${number}` as SlotId;
    // A key that is not valid text is read as the text that sorts before it, so that no key is skipped.
    if (slot === slots.at(-1)) {
      const reason = "a key is not valid text";
      throw new PlexusError(failure("DATA_DAMAGED", { key, file: store.location, reason }));
    }
    slots.push(slot);
    gte = within(`${prefix}${slot}/`).lt;
  }
}
