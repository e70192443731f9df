/** The journal: ordered, durable, fenced memory of every actor of this node.
 *
 *  Each slot has one log of entries `(epoch, seq)`. An entry is what one turn of one actor changed: its events, the
 *  answers it gave (for idempotency), and what it keeps beside the log (records, reminders). All slots share one group
 *  commit, so a thousand actors pay for one disk sync.
 *
 *      openSlot(slot, epoch) ── persists the fence, checks every entry ──► SlotLog ── append ──► Committer ──► Store
 *
 *  Invariant 3: an append of an epoch below the fence is refused; the fence is rewritten in the same synced batch.
 *  What is damaged is named (slot, seq, file) and never skipped: a slot that fails its check does not open.
 *
 *  Read `layout.ts` (bytes), then `slot-log.ts`, then `commit.ts`. */
import { failure, PlexusError, slotCount, type SlotId } from "../../protocols/index.ts";
import type { Clock, Log, Meter, Store } from "../ports.ts";
import { Committer } from "./commit.ts";
import { emptyHead, formatKey, formatVersion, genesisChecksum, headKey, within, type Head } from "./layout.ts";
import { seal, unseal } from "../seal.ts";
import { journalLimits, type JournalLimits } from "./limits.ts";
import { SlotLog } from "./slot-log.ts";

export type { Entry, SideOp, Space } from "./layout.ts";
export { journalLimits, type JournalLimits } from "./limits.ts";
export { SlotLog, type EntryDraft, type Recovered, type Snapshot } from "./slot-log.ts";

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
  /** Takes a slot under `epoch`: persists it as the fence, checks the log. Errors: FENCED, DATA_DAMAGED. */
  openSlot(slot: SlotId, epoch: number): Promise<SlotLog>;
  /** Slots that hold anything. */
  slots(): Promise<SlotId[]>;
  /** Slots where some actor has work waiting: reminders or pending work. */
  slotsWithWork(): Promise<SlotId[]>;
  readonly queuedBytes: number;
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
}

/** Opens the journal in a store. Error: DATA_FORMAT_UNKNOWN. */
export async function openJournal(ports: JournalPorts): Promise<Journal> {
  const { store, clock, meter } = ports;
  const limits = { ...journalLimits, ...ports.limits };
  const format = await openFormat(ports);
  const committer = new Committer({ store, clock, meter }, limits);
  const fences = new Map<SlotId, number>();

  return {
    format,
    limits,
    get queuedBytes() {
      return committer.queuedBytes;
    },
    get written() {
      return committer.written;
    },
    settled: () => committer.settled(),
    slots: () => slotsOf(store),
    slotsWithWork: async () => {
      const found = new Set<SlotId>();
      for (const space of ["reminder", "wake"] as const) {
        for (const slot of await prefixesOf(store, `side/${space}/`)) found.add(slot);
      }
      return [...found];
    },
    async openSlot(slot, epoch) {
      const stored = await readHead(store, slot);
      const fence = Math.max(stored.fence, fences.get(slot) ?? 0);
      if (epoch < fence) throw new PlexusError(failure("FENCED", { slot, epoch, fence }));
      fences.set(slot, epoch);
      const currentFence = () => fences.get(slot) ?? 0;
      // The fence goes through the committer like any append: a batch of an older epoch that is under way lands before it,
      // what comes later is refused, and of two openings the higher epoch wins whichever comes first.
      await committer.run(async () => {
        if (epoch < currentFence()) throw new PlexusError(failure("FENCED", { slot, epoch, fence: currentFence() }));
        const raised = { ...(await readHead(store, slot)), fence: epoch };
        return [{ type: "put", key: headKey(slot), value: seal(headKey(slot), raised) }];
      });
      const head = await readHead(store, slot);
      const log = new SlotLog(slot, epoch, head, { store, committer, limits, currentFence });
      try {
        await log.scan();
      } catch (error) {
        // A newer owner has appended meanwhile: that is no damage.
        if (epoch < currentFence()) throw new PlexusError(failure("FENCED", { slot, epoch, fence: currentFence() }));
        throw error;
      }
      return log;
    },
  };
}

/** Checks every entry of every slot without changing anything, for `plexus doctor`. Error: DATA_FORMAT_UNKNOWN. */
export async function verifyJournal(ports: Pick<JournalPorts, "store" | "clock" | "meter">): Promise<{
  readonly entries: number;
  readonly slots: number;
  readonly damaged: readonly Readonly<Record<string, unknown>>[];
}> {
  const committer = new Committer(ports, journalLimits);
  const stored = await ports.store.get(formatKey);
  if (stored) checkFormat(unseal(formatKey, stored, ports.store.location) as Format, ports.store.location);
  const slots = await slotsOf(ports.store);
  const damaged: Readonly<Record<string, unknown>>[] = [];
  let entries = 0;
  for (const slot of slots) {
    try {
      const head = await readHead(ports.store, slot);
      const log = new SlotLog(slot, head.fence, head, {
        store: ports.store,
        committer,
        limits: journalLimits,
        currentFence: () => head.fence,
      });
      await log.scan();
      await log.checkValues();
      entries += log.length;
    } catch (error) {
      if (!(error instanceof PlexusError)) throw error;
      damaged.push({ slot, ...error.failure.details });
    }
  }
  return { entries, slots: slots.length, damaged };
}

async function readHead(store: Store, slot: SlotId): Promise<Head> {
  const bytes = await store.get(headKey(slot));
  if (bytes) return unseal(headKey(slot), bytes, store.location) as Head;
  const genesis = genesisChecksum(slot);
  return { ...emptyHead, lastChecksum: genesis, baseChecksum: genesis };
}

async function openFormat({ store, clock, identity }: JournalPorts): Promise<Format> {
  const bytes = await store.get(formatKey);
  if (bytes === undefined) {
    const format = { version: formatVersion, slotCount, ...identity, createdAtMs: clock.nowMs() };
    await store.batch([{ type: "put", key: formatKey, value: seal(formatKey, format) }], { sync: true });
    return format;
  }
  const format = unseal(formatKey, bytes, store.location) as Format;
  checkFormat(format, store.location);
  return format;
}

function checkFormat(format: Format, folder: string): void {
  if (format.version !== formatVersion || format.slotCount !== slotCount) {
    const here = { version: formatVersion, slotCount };
    const there = { version: format.version, slotCount: format.slotCount };
    throw new PlexusError(failure("DATA_FORMAT_UNKNOWN", { folder, found: there, supported: here }));
  }
}

async function slotsOf(store: Store): Promise<SlotId[]> {
  const rows = await store.range(within("head/"));
  return rows.map(([key]) => key.slice("head/".length) as SlotId);
}

/** The slots that occur right after `prefix`, found by jumping from one to the next. */
async function prefixesOf(store: Store, prefix: string): Promise<SlotId[]> {
  const { lt } = within(prefix);
  const slots: SlotId[] = [];
  for (let gte = prefix; ;) {
    const [row] = await store.range({ gte, lt, limit: 1 });
    if (row === undefined) return slots;
    const [role, number] = row[0].slice(prefix.length).split("/");
    const slot = `${role}/${number}` as SlotId;
    slots.push(slot);
    gte = within(`${prefix}${slot}/`).lt;
  }
}
