/** Reads one slot while its log is written: the entries that an actor is rebuilt from, side values, the chunks that a
 *  copy lacks.
 *
 *  A read and a batch may cross. The index says which chunks there are, and each read of a chunk that is gone looks
 *  again once the batches before it are done: trimmed meanwhile, or lost. */
import { PlexusError, type ActorId, type Failure, type SlotId } from "../../protocols/index.ts";
import { unseal } from "../data-folder/seal.ts";
import type { Store } from "../ports/index.ts";
import { fenced, type Piece, type Position } from "./batch-draft.ts";
import {
  actorKeys,
  decodeChunk,
  logKey,
  sideKey,
  sidePrefix,
  snapshotKey,
  unsealSnapshot,
  within,
  type Entry,
  type Head,
  type Snapshot,
  type Space,
} from "./layout.ts";
import type { JournalLimits } from "./limits.ts";
import { damagedAt } from "./log-check.ts";
import type { LogIndex } from "./log-index.ts";

/** The start of an activation: the newest snapshot and the entries after it. */
export interface Recovered {
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly Entry[];
  /** Bytes of those entries, for the decision when to snapshot next. */
  readonly tailBytes: number;
}

/** The log as it is on disk, and its writer as far as reads depend on it. */
interface ReadLog {
  readonly slot: SlotId;
  readonly head: Head;
  /** The last entry given to the disk, be it there yet or not. */
  readonly lastSeq: number;
  readonly failed: Failure | undefined;
  /** Resolves when every batch so far is on disk or has failed. */
  settled(): Promise<void>;
}

export class SlotReader {
  readonly #log: ReadLog;
  readonly #store: Store;
  readonly #index: LogIndex;
  readonly #limits: JournalLimits;

  constructor(log: ReadLog, at: { readonly store: Store; readonly index: LogIndex; readonly limits: JournalLimits }) {
    this.#log = log;
    this.#store = at.store;
    this.#index = at.index;
    this.#limits = at.limits;
  }

  // --- for actors ----------------------------------------------------------------------------------------------------

  /** Reads the snapshot and entries that an actor is rebuilt from. Call while none of its appends is under way. Error:
   *  DATA_DAMAGED. */
  async recover(actor: ActorId): Promise<Recovered> {
    for (;;) {
      const { baseSeq: base, fence, incarnation } = this.#log.head;
      // Before the snapshot is read: a snapshot that becomes durable meanwhile only makes some of these entries
      // needless.
      const chunks = this.#index.tailOf(actor);
      const snapshot = await this.#snapshotOf(actor);
      // A snapshot of an earlier incarnation does not belong to the log that is here by now.
      if (snapshot && this.#log.head.incarnation === incarnation) {
        // Another node may have made the snapshot: its body names the last entry it covers.
        if (snapshot.seq > this.#log.lastSeq) {
          // A log that was opened anew while this read was on its way goes on, and has snapshots of what this one never
          // had.
          if (this.#log.failed) throw new PlexusError(this.#log.failed);
          throw this.#damaged(this.#log.lastSeq, "a snapshot of what is not in the log");
        }
        this.#index.forgetTail(actor, snapshot.seq);
      }
      const entries: Entry[] = [];
      let tailBytes = 0;
      let missing: number | undefined;
      for (const chunk of chunks) {
        const bytes = await this.#store.get(logKey(this.#log.slot, chunk.firstSeq));
        if (bytes === undefined) {
          missing = chunk.firstSeq;
          break;
        }
        const read = decodeChunk(bytes, chunk.firstSeq, chunk.before);
        if (read.damage) throw this.#damaged(read.damage.seq, read.damage.reason);
        const own = read.entries.filter((entry) => entry.actor === actor && entry.seq > (snapshot?.seq ?? 0));
        entries.push(...own);
        if (own.length > 0) tailBytes += Math.ceil((bytes.length * own.length) / read.entries.length);
      }
      if (missing === undefined) return { snapshot, entries, tailBytes };
      // Trimmed between the two reads, perhaps by a batch that is on disk but not yet reported: then a newer snapshot
      // is there. Otherwise the entry is lost.
      await this.#batchesDone();
      if (this.#log.head.fence !== fence) throw fenced(this.#log.slot, fence, this.#log.head.fence);
      if (this.#log.head.baseSeq === base) throw this.#damaged(missing, "entry missing");
    }
  }

  async #snapshotOf(actor: ActorId): Promise<Snapshot | undefined> {
    const key = snapshotKey(this.#log.slot, actor);
    const stored = await this.#store.get(key);
    return stored && unsealSnapshot(key, stored, this.#store.location);
  }

  /** Actors with `from` ≤ id < `to` that have a snapshot, in order. */
  async actorsWithSnapshot(range: { from: string; to: string; limit: number }): Promise<ActorId[]> {
    const prefix = `snap/${this.#log.slot}/`;
    const keys = await this.#store.keys({ gte: prefix + range.from, lt: prefix + range.to, limit: range.limit });
    return keys.map((key) => key.slice(prefix.length) as ActorId);
  }

  /** Side values of one actor with `from` ≤ key < `to`, in order. Error: DATA_DAMAGED. */
  async readSide(
    space: Space,
    actor: ActorId,
    range: { from: string; to: string; limit: number; reverse?: boolean },
  ): Promise<{ key: string; value: unknown }[]> {
    const base = sideKey(space, this.#log.slot, actor, "");
    const gte = base + range.from;
    const lt = base + range.to;
    if (gte >= lt) return [];
    const rows = await this.#store.range({ gte, lt, limit: range.limit, reverse: range.reverse ?? false });
    return rows.map(([key, value]) => ({
      key: key.slice(base.length),
      value: unseal(key, value, this.#store.location),
    }));
  }

  /** All side values of one space, of every actor of the slot. Error: DATA_DAMAGED. */
  async readSpace(space: Space): Promise<{ actor: ActorId; key: string; value: unknown }[]> {
    const prefix = sidePrefix(space, this.#log.slot);
    const rows = await this.#store.range(within(prefix));
    return rows.map(([fullKey, value]) => {
      const [kind, name, ...rest] = fullKey.slice(prefix.length).split("/");
      return {
        actor: `${kind}/${name}` as ActorId,
        key: rest.join("/"),
        value: unseal(fullKey, value, this.#store.location),
      };
    });
  }

  // --- for copies ----------------------------------------------------------------------------------------------------

  /** Whether a log that ends at `at` is the beginning of this one, and this one still has the entries after it. */
  holds(at: Position): boolean {
    const { head } = this.#log;
    if (at.seq === head.lastSeq) return at.checksum === head.lastChecksum && at.epoch === head.lastEpoch;
    if (at.seq < head.baseSeq || at.seq > head.lastSeq) return false;
    const next = this.#index.startingAt(at.seq + 1);
    if (next?.before !== at.checksum) return false;
    const last = this.#index.before(at.seq + 1);
    return last === undefined || last.epoch === at.epoch;
  }

  /** Chunks after `at`, as far as they are on disk; undefined when they have been trimmed meanwhile. Errors:
   *  DATA_DAMAGED, a chunk is missing; that of a batch that failed. */
  async read(at: Position, bytesMax: number): Promise<Piece | undefined> {
    if (!this.holds(at)) return undefined;
    const chunks: [number, Uint8Array][] = [];
    const wanted = this.#index.from(at.seq + 1, { bytesMax, chunksMax: this.#limits.pieceChunksMax });
    const keyOf = ({ firstSeq }: { readonly firstSeq: number }): string => logKey(this.#log.slot, firstSeq);
    const [first, last] = [wanted[0], wanted.at(-1)];
    // At once: many chunks are of one entry each, and a read of its own costs more than what is read.
    const rows =
      first === undefined || last === undefined || first === last
        ? []
        : await this.#store.range({ gte: keyOf(first), lt: `${keyOf(last)}\0`, limit: wanted.length });
    const stored = new Map(rows);
    for (const chunk of wanted) {
      const bytes = stored.get(keyOf(chunk)) ?? (await this.#store.get(keyOf(chunk)));
      if (bytes === undefined) {
        // Trimmed, perhaps by a batch that is on disk but not yet reported. Otherwise it is lost.
        await this.#batchesDone();
        if (this.#index.startingAt(chunk.firstSeq) === chunk) throw this.#damaged(chunk.firstSeq, "entry missing");
        return undefined;
      }
      chunks.push([chunk.firstSeq, bytes]);
    }
    return { from: at, chunks, snapshots: [], trim: 0 };
  }

  /** How far after `at` the log changes no records and takes no actor out of the slot, at most as far as `throughSeq`.
   *  Undefined: the next entries do, or this log does not go on from `at`. In memory. */
  withoutRecords(at: Position, throughSeq: number): Position | undefined {
    if (!this.holds(at)) return undefined;
    const { lastSeq, lastChecksum } = this.#log.head;
    const found = this.#index.withoutRecords(at.seq + 1, { throughSeq, lastSeq });
    if (found === undefined) return undefined;
    const { last, next } = found;
    if (next === undefined) return { epoch: last.epoch, seq: lastSeq, checksum: lastChecksum };
    return { epoch: last.epoch, seq: next.firstSeq - 1, checksum: next.before };
  }

  /** Where a log ends that had `piece` added to it, whose entries those are, and whether one of them splits an actor
   *  off. Error: DATA_DAMAGED. */
  inspect(piece: Piece): { readonly at: Position; readonly actors: ReadonlySet<ActorId>; readonly splits: boolean } {
    let { seq, checksum, epoch } = piece.from;
    let splits = false;
    const actors = new Set<ActorId>();
    for (const [firstSeq, bytes] of piece.chunks) {
      const read = decodeChunk(bytes, firstSeq, checksum);
      if (read.damage) throw this.#damaged(read.damage.seq, read.damage.reason);
      seq += read.entries.length;
      checksum = read.checksum;
      epoch = read.entries.at(-1)?.epoch ?? epoch;
      for (const { actor, side } of read.entries) {
        actors.add(actor);
        splits ||= side.some((op) => "split" in op);
      }
    }
    return { at: { seq, checksum, epoch }, actors, splits };
  }

  /** The stored snapshots of some actors, sealed. */
  async storedSnapshots(actors: Iterable<ActorId>): Promise<(readonly [string, number, Uint8Array])[]> {
    const found: (readonly [string, number, Uint8Array])[] = [];
    for (const actor of actors) {
      const key = snapshotKey(this.#log.slot, actor);
      const sealed = await this.#store.get(key);
      if (sealed) found.push([actor, unsealSnapshot(key, sealed, this.#store.location).seq, sealed]);
    }
    return found;
  }

  /** Bytes of everything an actor has beside the log, counted up to `bytesMax`. */
  async actorBytes(actor: ActorId, bytesMax: number): Promise<number> {
    let bytes = 0;
    for (const { prefix } of actorKeys(this.#log.slot, actor)) {
      const { gte: start, lt } = within(prefix);
      for (let gte = start; ;) {
        const page = await this.#store.range({ gte, lt, limit: this.#limits.scanChunksMax });
        for (const [, value] of page) bytes += value.length;
        const last = page.at(-1);
        if (last === undefined || page.length < this.#limits.scanChunksMax || bytes > bytesMax) break;
        gte = `${last[0]}\0`;
      }
    }
    return bytes;
  }

  /** Resolves when every submitted item is on disk and in the index. Error: that of a batch that failed. */
  async #batchesDone(): Promise<void> {
    await this.#log.settled();
    if (this.#log.failed) throw new PlexusError(this.#log.failed);
  }

  #damaged(seq: number, reason: string): PlexusError {
    return damagedAt({ slot: this.#log.slot, location: this.#store.location }, seq, reason);
  }
}
