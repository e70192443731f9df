/** Group commit: one synced batch at a time; while it is under way, the next one collects. Every slot and every actor
 *  of the node shares the same sync. */
import { assert, failure, PlexusError, type Failure, type SlotId } from "../../protocols/index.ts";
import type { Clock, Log, Meter, Store, StoreOp } from "../ports/index.ts";
import type { JournalLimits } from "./limits.ts";

/** One piece of work for a batch. */
export interface CommitItem {
  readonly bytes: number;
  /** The slot's sink: collects the items of one batch into store operations. */
  readonly sink: CommitSink;
  /** Since when it waits; absent: nobody asks. */
  sinceMs?: number;
  /** Set by the sink when this item alone may not be written. */
  rejected?: Failure;
  /** Called once, in the order of submission, when the item is durable or has failed. */
  done(error: Failure | undefined): void;
}

export interface CommitSink {
  /** The slot; absent: none. */
  readonly slot?: SlotId;
  /** The operations for these items, in order. May read the store. Throws when none of them may be written. */
  prepare(items: readonly CommitItem[]): Promise<readonly StoreOp[]> | readonly StoreOp[];
  /** The batch is on disk. */
  committed(): void;
  /** The batch failed with an unknown outcome: this sink takes nothing more. */
  broken(error: Failure): void;
}

/** No row has this key. */
const probeKey = "probe";

/** Writes nothing: an item of it only marks a place in the queue. */
const barrier: CommitSink = { prepare: () => [], committed: () => undefined, broken: () => undefined };

export interface CommitPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log?: Log;
  /** Hears what a change of a slot took, from when it was asked for until it was on the disk. */
  readonly heard?: (slot: SlotId, tookMs: number) => void;
}

export class Committer {
  #queue: CommitItem[] = [];
  #queuedBytes = 0;
  #entries = 0;
  #bytes = 0;
  #running = false;
  #refusedAtMs: number | undefined;
  /** What the last synced batches took. */
  readonly #tookMs: number[] = [];
  #syncedAtMs = 0;
  readonly #ports: CommitPorts;
  readonly #limits: JournalLimits;

  constructor(ports: CommitPorts, limits: JournalLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Bytes that wait for a batch; the kernel pauses turns while they exceed `pendingBytesMax`. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Entries and bytes that this committer has written since it was made. */
  get written(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  /** When the disk refused the last batch; undefined when it took it. */
  get refusedAtMs(): number | undefined {
    return this.#refusedAtMs;
  }

  /** What a synced batch takes at this disk: the lower quartile of the last ones, which neither a single stall nor a
   *  busy process raises. Undefined before the first. */
  get syncMs(): number | undefined {
    return this.#tookMs.toSorted((one, other) => one - other)[Math.floor(this.#tookMs.length / 4)];
  }

  /** Has the disk measured once more when nothing was written for so long: a batch that changes nothing. */
  async probe(quietMs: number): Promise<void> {
    if (this.#running || this.#ports.clock.monotonicMs() - this.#syncedAtMs < quietMs) return;
    await this.run(() => Promise.resolve([{ type: "del", key: probeKey }])).catch(() => undefined);
  }

  submit(item: CommitItem): void {
    if (this.#ports.heard !== undefined) item.sinceMs = this.#ports.clock.monotonicMs();
    this.#queue.push(item);
    this.#queuedBytes += item.bytes;
    if (this.#running) return;
    this.#running = true;
    // Not at once: the other turns of this tick belong to the same batch.
    this.#ports.clock.soon(() => void this.#run());
  }

  /** Resolves when every item submitted so far is done; items submitted later do not delay it. */
  settled(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.submit({ bytes: 0, sink: barrier, done: () => resolve() }));
  }

  /** Writes the operations that `prepare` returns, in its place in the queue. */
  run(prepare: () => Promise<readonly StoreOp[]>): Promise<void> {
    return new Promise((resolve, reject) => {
      const sink: CommitSink = { prepare, committed: () => undefined, broken: () => undefined };
      this.submit({ bytes: 0, sink, done: (error) => (error ? reject(new PlexusError(error)) : resolve()) });
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#commit(this.#take());
    this.#running = false;
  }

  #measure(tookMs: number): void {
    this.#syncedAtMs = this.#ports.clock.monotonicMs();
    this.#tookMs.push(tookMs);
    if (this.#tookMs.length > this.#limits.syncsMeasured) this.#tookMs.shift();
  }

  #take(): CommitItem[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#queue) {
      if (count > 0 && (bytes + item.bytes > this.#limits.commitBytesMax || count >= this.#limits.commitEntriesMax))
        break;
      bytes += item.bytes;
      count += 1;
    }
    this.#queuedBytes -= bytes;
    assert(this.#queuedBytes >= 0, "bytes are counted while they wait");
    return this.#queue.splice(0, count);
  }

  async #commit(items: readonly CommitItem[]): Promise<void> {
    const bySink = new Map<CommitSink, CommitItem[]>();
    for (const item of items) {
      const group = bySink.get(item.sink);
      if (group) group.push(item);
      else bySink.set(item.sink, [item]);
    }
    const ops: StoreOp[] = [];
    const failed = new Map<CommitSink, Failure>();
    for (const [sink, group] of bySink) {
      try {
        const prepared = sink.prepare(group);
        for (const op of Array.isArray(prepared) ? (prepared as readonly StoreOp[]) : await prepared) ops.push(op);
      } catch (error) {
        // This process is wrong about the log: nothing more may be written to it.
        failed.set(
          sink,
          error instanceof PlexusError ? error.failure : failure("APPEND_FAILED", { reason: String(error) }),
        );
      }
    }
    const startedMs = this.#ports.clock.monotonicMs();
    try {
      if (ops.length > 0) {
        await this.#ports.store.batch(ops, { sync: true });
        this.#refusedAtMs = undefined;
        this.#measure(this.#ports.clock.monotonicMs() - startedMs);
      }
      this.#ports.meter.observeMs("journal_commit", this.#ports.clock.monotonicMs() - startedMs);
      this.#ports.meter.count("journal_entries", items.length);
      this.#entries += items.length;
      for (const item of items) this.#bytes += item.bytes;
    } catch (error) {
      const reason = failure("APPEND_FAILED", {
        // The folder is in `file`, which stays on this node; the reason is told to clients.
        reason: String((error as Error).message).replaceAll(this.#ports.store.location, "the journal"),
        file: this.#ports.store.location,
      });
      // Until the disk takes a batch again, only the first refusal is logged.
      if (this.#refusedAtMs === undefined) this.#ports.log?.error("journal.refused", { ...reason });
      this.#refusedAtMs = this.#ports.clock.monotonicMs();
      for (const sink of bySink.keys()) if (!failed.has(sink)) failed.set(sink, reason);
    }
    for (const sink of bySink.keys()) {
      const error = failed.get(sink);
      if (error) sink.broken(error);
      else sink.committed();
    }
    const { heard, clock } = this.#ports;
    for (const { sink, sinceMs } of items)
      if (sinceMs !== undefined && sink.slot !== undefined) heard?.(sink.slot, clock.monotonicMs() - sinceMs);
    for (const item of items) item.done(failed.get(item.sink) ?? item.rejected);
  }
}
