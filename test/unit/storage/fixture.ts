/** Journals for tests: on a store in memory, opened for an epoch in one call. */
import type { Clock, Store, StoreOp, StoreRange, StoreView } from "../../../node/ports/index.ts";
import { openJournal, type EntryDraft, type Journal, type Piece, type SlotLog } from "../../../node/storage/index.ts";
import { type JournalLimits } from "../../../node/storage/limits.ts";
import { failureOf, PlexusError, type ActorId, type Failure, type SlotId } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

export const slot: SlotId = "chat/7";
export const identity = { cluster: "c1", node: "n1" };

export const draft = (actor: string, text: string, more: Partial<EntryDraft> = {}): EntryDraft => ({
  atMs: 1,
  actor: actor as ActorId,
  events: [{ text }],
  answers: [],
  side: [],
  ...more,
});

export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "ok";
  } catch (error) {
    return failureOf(error).code;
  }
};

/** A slot's log as its only node serves it: fenced at `epoch`, and that epoch's own. */
export async function openAs(journal: Journal, name: SlotId, epoch: number): Promise<SlotLog> {
  const log = await journal.openSlot(name);
  await log.raise(epoch, true);
  return log;
}

type Outcome = Failure | undefined;

/** What an owner does, as promises of what came of it. An append is of the fence's epoch unless it says otherwise. */
export const append = (log: SlotLog, entry: EntryDraft, epoch = log.fence): Promise<Outcome> =>
  new Promise((resolve) => void log.append(epoch, entry, resolve));
export const snapshot = (log: SlotLog, actor: string, seq: number, body: unknown): Promise<Outcome> =>
  new Promise((resolve) => void log.snapshot(log.fence, { actor: actor as ActorId, seq, body }, resolve));
export const trim = (log: SlotLog, throughSeq: number): Promise<Outcome> =>
  new Promise((resolve) => log.trim(log.fence, throughSeq, resolve));
export const apply = (log: SlotLog, piece: Piece, epoch = log.fence): Promise<Outcome> =>
  new Promise((resolve) => log.apply(epoch, piece, resolve));

/** Rows in memory, read in key order. A view stays as it was. */
export class RowStore implements Store {
  readonly location = "/memory";
  readonly rows: Map<string, Uint8Array>;

  constructor(rows: Iterable<readonly [string, Uint8Array]> = []) {
    this.rows = new Map(rows);
  }

  batch(ops: readonly StoreOp[]): Promise<void> {
    for (const op of ops) {
      if (op.type === "put") this.rows.set(op.key, Uint8Array.from(op.value));
      else this.rows.delete(op.key);
    }
    return Promise.resolve();
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.rows.get(key));
  }

  range({ gte, lt, limit, reverse }: StoreRange): Promise<readonly (readonly [string, Uint8Array])[]> {
    const keys = [...this.rows.keys()].filter((key) => key >= gte && key < lt).sort();
    if (reverse === true) keys.reverse();
    return Promise.resolve(keys.slice(0, limit).map((key) => [key, this.rows.get(key) as Uint8Array]));
  }

  async keys(range: StoreRange): Promise<readonly string[]> {
    return (await this.range(range)).map(([key]) => key);
  }

  view(): StoreView {
    const frozen = new RowStore(this.rows);
    return {
      get: (key) => frozen.get(key),
      range: (range) => frozen.range(range),
      close: () => Promise.resolve(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The rows whose keys match, as text that can be compared and read. */
  dump(pattern: RegExp): Record<string, string> {
    const rows = [...this.rows].filter(([key]) => pattern.test(key)).sort(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(rows.map(([key, value]) => [key, Buffer.from(value).toString("hex")]));
  }
}

let ticks = 0;
/** A clock that nobody reads but to name incarnations; `soon` comes after everything that is under way. */
const stillClock: Clock = {
  nowMs: () => (ticks += 1),
  monotonicMs: () => 0,
  after: () => () => undefined,
  soon: (callback) => void setImmediate(callback),
};

export const journalOn = (store: Store, limits: Partial<JournalLimits> = {}): Promise<Journal> =>
  openJournal({ store, clock: stillClock, log: quietLog, meter: quietMeter, identity, limits });

/** Keeps what an owner ships. */
export function shippedBy(log: SlotLog): Piece[] {
  const pieces: Piece[] = [];
  log.onWrite = (piece) => void pieces.push(piece);
  return pieces;
}

/** Unwraps a failure that a test does not expect. */
export function must(outcome: Outcome): void {
  if (outcome) throw new PlexusError(outcome);
}
