/** The log of one slot, held by the owner of one epoch. */
import { assert, failure, PlexusError, type ActorId, type Failure, type SlotId } from "../../protocols/index.ts";
import type { Store, StoreOp } from "../ports.ts";
import type { CommitItem, CommitSink, Committer } from "./commit.ts";
import {
  decodeChunk,
  encodeChunk,
  encodeEntry,
  headKey,
  logKey,
  logPrefix,
  paddedSeq,
  sideKey,
  sidePrefix,
  snapshotKey,
  within,
  type Entry,
  type Head,
  type SideOp,
  type Space,
} from "./layout.ts";
import { seal, unseal } from "../seal.ts";
import type { JournalLimits } from "./limits.ts";

/** Folded state of an actor, up to and including entry `seq`. */
export interface Snapshot {
  readonly seq: number;
  readonly body: unknown;
}

/** What one turn wants appended; the log adds epoch and seq. */
export type EntryDraft = Omit<Entry, "epoch" | "seq">;

/** What an activation starts from: the newest snapshot and the entries after it. */
export interface Recovered {
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly Entry[];
  /** Bytes of those entries, for the decision when to snapshot next. */
  readonly tailBytes: number;
}

type Pending =
  | { readonly type: "entry"; readonly actor: ActorId; readonly side: readonly SideOp[]; readonly payload: Uint8Array }
  | { readonly type: "snapshot"; readonly actor: ActorId; readonly seq: number; readonly sealed: Uint8Array }
  | { readonly type: "trim"; readonly throughSeq: number };

/** An item that remembers what it writes. */
interface LogItem extends CommitItem {
  readonly pending: Pending;
}

/** Where the entries of one chunk are, and the checksum the chunk continues. */
interface Chunk {
  readonly firstSeq: number;
  readonly before: number;
  readonly bytes: number;
}

/** An actor's share of a chunk: where the chunk begins, and the actor's last entry in it. */
interface Part {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export class SlotLog implements CommitSink {
  readonly slot: SlotId;
  readonly epoch: number;
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #limits: JournalLimits;
  /** As it is on disk. */
  #head: Head;
  /** As it will be when the batch under way is on disk. */
  #nextHead: Head;
  #lastSeq: number;
  #broken: Failure | undefined;
  readonly #currentFence: () => number;
  /** Chunks on disk, by firstSeq, ascending. */
  #chunks: Chunk[] = [];
  #bytes = 0;
  /** For each actor with entries after its snapshot: the chunks that hold them, ascending. */
  readonly #tails = new Map<ActorId, Part[]>();
  #preparedChunks: { chunk: Chunk; lastSeqs: Map<ActorId, number> }[] = [];
  #preparedSnapshots: { actor: ActorId; seq: number }[] = [];

  constructor(
    slot: SlotId,
    epoch: number,
    head: Head,
    ports: { store: Store; committer: Committer; limits: JournalLimits; currentFence: () => number },
  ) {
    this.slot = slot;
    this.epoch = epoch;
    this.#head = head;
    this.#nextHead = head;
    this.#lastSeq = head.lastSeq;
    this.#store = ports.store;
    this.#committer = ports.committer;
    this.#limits = ports.limits;
    this.#currentFence = ports.currentFence;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The last entry that is on disk. What this log says of actors and their tails is about entries up to here. */
  get durableSeq(): number {
    return this.#head.lastSeq;
  }

  /** Entries kept in the log on disk. */
  get length(): number {
    return this.#head.lastSeq - this.#head.baseSeq;
  }

  /** Bytes of the log on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The seq through which to trim so that at most so many entries and bytes stay; whole chunks, so a few more may. */
  trimPoint(window: { readonly entries: number; readonly bytes: number }): number {
    let { bytes } = this;
    const byCount = this.durableSeq - window.entries;
    const byBytes = this.#chunks.find((chunk) => (bytes -= chunk.bytes) <= window.bytes);
    return Math.max(byCount, this.bytes > window.bytes && byBytes ? byBytes.firstSeq : 0);
  }

  /** Set once an append failed: its outcome is unknown, so this log takes no more; open it again under a new epoch. */
  get failed(): Failure | undefined {
    return this.#broken;
  }

  /** Reads and checks every entry, and learns which actors have a tail. Error: DATA_DAMAGED. */
  async scan(): Promise<void> {
    let seq = this.#head.baseSeq;
    let checksum = this.#head.baseChecksum;
    const { lt } = within(logPrefix(this.slot));
    let from = logPrefix(this.slot);
    for (;;) {
      const page = await this.#store.range({ gte: from, lt, limit: this.#limits.scanChunksMax });
      for (const [key, value] of page) {
        if (key !== logKey(this.slot, seq + 1)) throw this.#damaged(seq + 1, `entry missing, found ${key}`);
        const chunk = { firstSeq: seq + 1, before: checksum, bytes: value.length };
        const read = decodeChunk(value, seq + 1, checksum);
        if (read.damage) throw this.#damaged(read.damage.seq, read.damage.reason);
        this.#remember(chunk, new Map(read.entries.map((entry) => [entry.actor, entry.seq])));
        seq += read.entries.length;
        checksum = read.checksum;
        from = `${key}~`;
      }
      if (page.length < this.#limits.scanChunksMax) break;
    }
    if (seq !== this.#head.lastSeq)
      throw this.#damaged(seq + 1, `the log ends here, ${this.#head.lastSeq} was written`);
    if (checksum !== this.#head.lastChecksum) throw this.#damaged(seq, "the last checksum differs from the head's");
  }

  /** Appends one entry; `done` is called when it is durable, or with the reason why that is not known. Error, with nothing
   *  appended: TOO_LARGE. */
  append(
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
  ): { readonly seq: number; readonly bytes: number } {
    const seq = this.#lastSeq + 1;
    const payload = encodeEntry(this.epoch, seq, draft);
    if (payload.length > this.#limits.entryBytesMax) {
      throw new PlexusError(
        failure("TOO_LARGE", { entryBytes: payload.length, entryBytesMax: this.#limits.entryBytesMax }),
      );
    }
    this.#lastSeq = seq;
    this.#submit({ type: "entry", actor: draft.actor, side: draft.side, payload }, payload.length, done);
    return { seq, bytes: payload.length };
  }

  /** Stores the state an actor had after entry `seq`. Becomes durable after every append made before this call. */
  snapshot(actor: ActorId, seq: number, body: unknown, done: (error: Failure | undefined) => void): number {
    assert(seq <= this.#lastSeq, "a snapshot is not ahead of the log");
    const sealed = seal(snapshotKey(this.slot, actor), [seq, body]);
    this.#submit({ type: "snapshot", actor, seq, sealed }, sealed.length, done);
    return sealed.length;
  }

  /** Drops chunks that lie wholly at or below `throughSeq`. Every actor must have its snapshot beyond them. */
  trim(throughSeq: number, done: (error: Failure | undefined) => void): void {
    assert(throughSeq <= this.durableSeq, "only what is on disk is trimmed");
    this.#submit({ type: "trim", throughSeq }, 0, done);
  }

  /** Actors whose state needs entries at or below `seq`: snapshot them before trimming there. */
  actorsBelow(seq: number): ActorId[] {
    return [...this.#tails].filter(([, tail]) => (tail[0]?.firstSeq ?? Infinity) <= seq).map(([actor]) => actor);
  }

  /** The first entry an actor's state may need; Infinity when its snapshot is enough. */
  firstNeeded(actor: ActorId): number {
    return this.#tails.get(actor)?.[0]?.firstSeq ?? Infinity;
  }

  /** Actors that have entries after their snapshot. */
  actorsWithTail(): IterableIterator<ActorId> {
    return this.#tails.keys();
  }

  /** Actors that have a snapshot, in order. */
  async actorsWithSnapshot(limit: number): Promise<ActorId[]> {
    const prefix = `snap/${this.slot}/`;
    const rows = await this.#store.range({ ...within(prefix), limit });
    return rows.map(([key]) => key.slice(prefix.length) as ActorId);
  }

  /** Reads what an actor is rebuilt from. Call while none of its appends is under way. Error: DATA_DAMAGED. */
  async recover(actor: ActorId): Promise<Recovered> {
    for (;;) {
      const base = this.#head.baseSeq;
      // Before the snapshot is read: one that becomes durable meanwhile only makes some of these entries needless.
      const chunks = (this.#tails.get(actor) ?? []).map((part) => this.#chunk(part.firstSeq));
      const key = snapshotKey(this.slot, actor);
      const stored = await this.#store.get(key);
      const row = stored && (unseal(key, stored, this.#store.location) as readonly [number, unknown]);
      const snapshot = row && { seq: row[0], body: row[1] };
      if (snapshot) this.#forgetTail(actor, snapshot.seq);
      const entries: Entry[] = [];
      let tailBytes = 0;
      let missing: number | undefined;
      for (const chunk of chunks) {
        const bytes = await this.#store.get(logKey(this.slot, chunk.firstSeq));
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
      // Trimmed between the two reads, perhaps by a batch that is on disk but not yet reported: then a newer snapshot is
      // there. Otherwise the entry is lost.
      await this.#committer.settled();
      if (this.#broken) throw new PlexusError(this.#broken);
      if (this.epoch < this.#currentFence())
        throw new PlexusError(failure("FENCED", { slot: this.slot, epoch: this.epoch }));
      if (this.#head.baseSeq === base) throw this.#damaged(missing, "entry missing");
    }
  }

  /** Side values of one actor with `from` ≤ key < `to`, in order. Error: DATA_DAMAGED. */
  async readSide(
    space: Space,
    actor: ActorId,
    range: { from: string; to: string; limit: number; reverse?: boolean },
  ): Promise<{ key: string; value: unknown }[]> {
    const base = sideKey(space, this.slot, actor, "");
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
    const prefix = sidePrefix(space, this.slot);
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

  /** Unseals every snapshot and side value, a page at a time. Error: DATA_DAMAGED. */
  async checkValues(): Promise<void> {
    const spaces = ["record", "reminder", "wake", "quarantine", "dead"] as const;
    for (const prefix of [`snap/${this.slot}/`, ...spaces.map((space) => sidePrefix(space, this.slot))]) {
      const { gte, lt } = within(prefix);
      for (let from = gte; ;) {
        const page = await this.#store.range({ gte: from, lt, limit: this.#limits.scanChunksMax });
        for (const [key, value] of page) unseal(key, value, this.#store.location);
        const last = page.at(-1);
        if (last === undefined || page.length < this.#limits.scanChunksMax) break;
        from = `${last[0]}\0`;
      }
    }
  }

  // --- as sink of the group commit -----------------------------------------------------------------------------------

  prepare(items: readonly CommitItem[]): Promise<readonly StoreOp[]> | readonly StoreOp[] {
    if (this.#broken) throw new PlexusError(this.#broken);
    // Invariant 3: no append below the fence. The head that carries the fence is rewritten in this very batch.
    if (this.epoch < this.#currentFence()) {
      throw new PlexusError(failure("FENCED", { slot: this.slot, epoch: this.epoch, fence: this.#currentFence() }));
    }
    const work = items.map((item) => (item as LogItem).pending);
    const ranged = work.some((each) => each.type === "entry" && each.side.some((op) => "deleteFrom" in op));
    const ops = this.#prepareLog(work);
    return ranged ? this.#prepareSideRanged(work, ops) : this.#prepareSide(work, ops);
  }

  committed(): void {
    const { baseSeq } = this.#head;
    this.#head = this.#nextHead;
    for (const { chunk, lastSeqs } of this.#preparedChunks.splice(0)) this.#remember(chunk, lastSeqs);
    for (const { actor, seq } of this.#preparedSnapshots.splice(0)) this.#forgetTail(actor, seq);
    if (this.#head.baseSeq > baseSeq) this.#forgetTrimmed();
  }

  broken(error: Failure): void {
    this.#broken ??= error;
  }

  #submit(pending: Pending, bytes: number, done: (error: Failure | undefined) => void): void {
    const item: LogItem = { pending, bytes: bytes + 64, sink: this, done };
    this.#committer.submit(item);
  }

  /** Chunk, snapshots, trim and head. */
  #prepareLog(work: readonly Pending[]): StoreOp[] {
    const ops: StoreOp[] = [];
    const payloads: Uint8Array[] = [];
    const lastSeqs = new Map<ActorId, number>();
    let head = this.#head;
    this.#preparedChunks = [];
    this.#preparedSnapshots = [];
    let trimThrough = 0;
    for (const each of work) {
      if (each.type === "entry") {
        payloads.push(each.payload);
        lastSeqs.set(each.actor, head.lastSeq + payloads.length);
      } else if (each.type === "snapshot") {
        ops.push({ type: "put", key: snapshotKey(this.slot, each.actor), value: each.sealed });
        this.#preparedSnapshots.push({ actor: each.actor, seq: each.seq });
      } else {
        trimThrough = Math.max(trimThrough, each.throughSeq);
      }
    }
    if (payloads.length > 0) {
      const firstSeq = head.lastSeq + 1;
      const chunk = encodeChunk(payloads, head.lastChecksum);
      ops.push({ type: "put", key: logKey(this.slot, firstSeq), value: chunk.bytes });
      this.#preparedChunks.push({
        chunk: { firstSeq, before: head.lastChecksum, bytes: chunk.bytes.length },
        lastSeqs,
      });
      const lastSeq = head.lastSeq + payloads.length;
      head = { ...head, lastEpoch: this.epoch, lastSeq, lastChecksum: chunk.checksum };
    }
    if (trimThrough > head.baseSeq) {
      // Whole chunks only: the first chunk that reaches beyond the mark stays, and is the new base.
      const keep = this.#chunks.findIndex(
        (_, index) => (this.#chunks[index + 1]?.firstSeq ?? Infinity) > trimThrough + 1,
      );
      const kept = this.#chunks[keep];
      if (kept && keep > 0) {
        for (const chunk of this.#chunks.slice(0, keep))
          ops.push({ type: "del", key: logKey(this.slot, chunk.firstSeq) });
        head = { ...head, baseSeq: kept.firstSeq - 1, baseChecksum: kept.before };
      }
    }
    this.#nextHead = head;
    ops.push({ type: "put", key: headKey(this.slot), value: seal(headKey(this.slot), head) });
    return ops;
  }

  #prepareSide(work: readonly Pending[], ops: StoreOp[]): StoreOp[] {
    for (const each of work) {
      if (each.type !== "entry") continue;
      for (const op of each.side) if (!("deleteFrom" in op)) ops.push(this.#sideOp(each.actor, op));
    }
    return ops;
  }

  /** As above, with range deletions: they see the store as the operations before them in this batch leave it, so that the
   *  result does not depend on what shares a batch. */
  async #prepareSideRanged(work: readonly Pending[], ops: StoreOp[]): Promise<StoreOp[]> {
    const batched = new Map<string, StoreOp["type"]>();
    const add = (op: StoreOp): void => {
      ops.push(op);
      batched.set(op.key, op.type);
    };
    for (const each of work) {
      if (each.type !== "entry") continue;
      for (const op of each.side) {
        if (!("deleteFrom" in op)) {
          add(this.#sideOp(each.actor, op));
          continue;
        }
        const base = sideKey(op.space, this.slot, each.actor, "");
        const gte = base + op.deleteFrom;
        const lt = base + op.deleteTo;
        const stored = await this.#store.range({ gte, lt, limit: this.#limits.deleteRangeMax + batched.size });
        const keys = new Set(stored.map(([key]) => key));
        for (const [key, type] of batched) {
          if (type === "del") keys.delete(key);
          else if (key >= gte && key < lt) keys.add(key);
        }
        for (const key of [...keys].sort().slice(0, this.#limits.deleteRangeMax)) add({ type: "del", key });
      }
    }
    return ops;
  }

  #sideOp(actor: ActorId, op: Exclude<SideOp, { deleteFrom: string }>): StoreOp {
    if ("delete" in op) return { type: "del", key: sideKey(op.space, this.slot, actor, op.delete) };
    const key = sideKey(op.space, this.slot, actor, op.put);
    return { type: "put", key, value: seal(key, op.value) };
  }

  #remember(chunk: Chunk, lastSeqs: ReadonlyMap<ActorId, number>): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes;
    for (const [actor, lastSeq] of lastSeqs) {
      const part = { firstSeq: chunk.firstSeq, lastSeq };
      const tail = this.#tails.get(actor);
      if (tail) tail.push(part);
      else this.#tails.set(actor, [part]);
    }
  }

  /** A scan finds entries, not whether a snapshot has made them needless; so trimmed chunks may still be in a tail. */
  #forgetTrimmed(): void {
    this.#chunks = this.#chunks.filter((chunk) => chunk.firstSeq > this.#head.baseSeq);
    this.#bytes = this.#chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    for (const actor of this.#tails.keys()) this.#forgetTail(actor, this.#head.baseSeq);
  }

  /** Forgets the chunks that hold nothing of the actor after `seq`. */
  #forgetTail(actor: ActorId, seq: number): void {
    const kept = (this.#tails.get(actor) ?? []).filter((part) => part.lastSeq > seq);
    if (kept.length === 0) this.#tails.delete(actor);
    else this.#tails.set(actor, kept);
  }

  #chunk(firstSeq: number): Chunk {
    const chunk = this.#chunks[this.#indexOf(firstSeq)];
    assert(chunk?.firstSeq === firstSeq, "a tail points at a chunk of the log");
    return chunk;
  }

  /** Binary search: chunks are in order. */
  #indexOf(firstSeq: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.firstSeq ?? 0) < firstSeq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #damaged(seq: number, reason: string): PlexusError {
    return new PlexusError(
      failure("DATA_DAMAGED", {
        slot: this.slot,
        seq,
        file: `${this.#store.location}#log/${this.slot}/${paddedSeq(seq)}`,
        reason,
      }),
    );
  }
}
