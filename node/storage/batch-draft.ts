/** What one batch does to one slot: chunks, snapshots, trim, head, and what entries keep beside the log.
 *
 *      add(item) … ──► finish() ──► ops of one atomic, synced batch
 *
 *  Pure but for what it has to read: range deletions, splits and held trims depend on what is stored. The result does
 *  not depend on which items share a batch, so a copy that groups them otherwise comes to the same bytes. */
import { crc32 } from "node:zlib";
import { assert, failure, ownSlot, PlexusError, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { Store, StoreOp } from "../ports/index.ts";
import { seal, unseal } from "../data-folder/seal.ts";
import {
  changesRecords,
  actorKeys,
  decodeChunk,
  encodeChunk,
  genesisChecksum,
  headFault,
  headKey,
  logKey,
  logPrefix,
  mayHold,
  misfitOf,
  sideKey,
  sidePrefix,
  sealSnapshot,
  snapshotKey,
  spaces,
  unsealSnapshot,
  within,
  type Head,
  type SideOp,
} from "./layout.ts";
import type { JournalLimits } from "./limits.ts";
import type { Chunk, LogIndex } from "./log-index.ts";

/** Where a log ends: its last entry, and the checksum over everything up to it. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
  readonly checksum: number;
}

/** What one batch adds to a log: whole chunks that continue `from`, snapshots, and how far the log was trimmed. */
export interface Piece {
  readonly from: Position;
  readonly chunks: readonly (readonly [firstSeq: number, bytes: Uint8Array])[];
  readonly snapshots: readonly (readonly [actor: string, seq: number, sealed: Uint8Array])[];
  readonly trim: number;
}

/** One thing that is to be written. */
export type Pending =
  | {
      readonly type: "entry";
      readonly epoch: number;
      readonly seq: number;
      readonly actor: ActorId;
      readonly side: readonly SideOp[];
      readonly payload: Uint8Array;
    }
  | {
      readonly type: "snapshot";
      readonly epoch: number;
      readonly actor: ActorId;
      readonly seq: number;
      readonly sealed: Uint8Array;
    }
  | { readonly type: "trim"; readonly epoch: number; readonly throughSeq: number }
  | { readonly type: "piece"; readonly epoch: number; readonly piece: Piece }
  | {
      readonly type: "copied";
      readonly epoch: number;
      readonly actor: ActorId;
      readonly seq: number;
      readonly sealed: Uint8Array;
    }
  | { readonly type: "head"; change(head: Head): Head }
  | { readonly type: "rows"; readonly incarnation: number; readonly ops: readonly StoreOp[] };

/** What an entry does beside the log. */
interface SideEffect {
  readonly actor: ActorId;
  readonly epoch: number;
  readonly seq: number;
  readonly side: readonly SideOp[];
  /** The result of each operation on one key. */
  readonly rows: readonly (StoreOp | undefined)[];
}

export class BatchDraft {
  /** The head as it will be when the batch is on disk. */
  head: Head;
  /** The head before the batch. */
  readonly #before: Head;
  readonly ops: StoreOp[] = [];
  readonly effects: SideEffect[] = [];
  readonly chunks: { readonly chunk: Chunk; readonly lastSeqs: ReadonlyMap<ActorId, number> }[] = [];
  readonly snapshots: (readonly [actor: string, seq: number, sealed: Uint8Array])[] = [];
  /** Chunks made of this node's own entries. */
  readonly shipped: (readonly [firstSeq: number, bytes: Uint8Array])[] = [];
  /** Slots that splits have made. */
  readonly made: SlotId[] = [];
  /** Whether the batch holds pieces of another owner. */
  copies = false;
  /** The seq through which was trimmed; 0 when nothing was. */
  trimmed = 0;
  /** Actors without whose snapshots a copy cannot trim as its owner has. */
  lacking: readonly ActorId[] = [];
  /** Entries that are not a chunk yet. */
  #payloads: Uint8Array[] = [];
  #lastSeqs = new Map<ActorId, number>();
  #records = false;
  #trimThrough = 0;
  /** The seq through which the owner trimmed. A copy trims only as far as its snapshots have arrived. */
  #trimWanted = 0;
  readonly #slot: SlotId;
  readonly #store: Store;
  readonly #limits: JournalLimits;
  readonly #index: LogIndex;

  constructor(
    slot: SlotId,
    head: Head,
    at: { readonly store: Store; readonly limits: JournalLimits; readonly index: LogIndex },
  ) {
    this.#slot = slot;
    this.head = head;
    this.#before = head;
    this.#store = at.store;
    this.#limits = at.limits;
    this.#index = at.index;
  }

  /** Adds one item to the batch. Throws, with nothing added, when the item may not be written. */
  add(pending: Pending): void {
    switch (pending.type) {
      case "entry":
        this.#mayWrite(pending.epoch);
        if (pending.seq !== this.head.lastSeq + this.#payloads.length + 1)
          throw fenced(this.#slot, pending.epoch, this.head.fence);
        this.#payloads.push(pending.payload);
        this.#lastSeqs.set(pending.actor, pending.seq);
        this.#records ||= changesRecords(pending.side);
        this.effects.push(this.#effectOf(pending));
        return;
      case "snapshot":
        this.#mayWrite(pending.epoch);
        this.ops.push({ type: "put", key: snapshotKey(this.#slot, pending.actor), value: pending.sealed });
        this.snapshots.push([pending.actor, pending.seq, pending.sealed]);
        return;
      case "trim":
        this.#mayWrite(pending.epoch);
        this.#trimThrough = Math.max(this.#trimThrough, pending.throughSeq);
        return;
      case "piece":
        this.#closeChunk();
        this.#addPiece(pending.epoch, pending.piece);
        return;
      case "copied":
        this.#mayWrite(pending.epoch);
        if (pending.seq > this.head.lastSeq)
          throw new PlexusError(failure("LOG_GAP", { slot: this.#slot, because: "a snapshot of what is not here" }));
        this.#checkSealed([[pending.actor, pending.seq, pending.sealed]]);
        this.#addCopied([pending.actor, pending.seq, pending.sealed], this.chunks);
        return;
      case "head":
        this.#closeChunk();
        this.head = pending.change(this.head);
        return;
      case "rows":
        if (!this.head.incomplete || this.head.incarnation !== pending.incarnation)
          throw new PlexusError(failure("LOG_GAP", { slot: this.#slot, because: "no such transfer" }));
        this.ops.push(...pending.ops);
        return;
    }
  }

  #mayWrite(epoch: number): void {
    const { fence, continues } = this.head;
    if (epoch !== fence || epoch !== continues) throw fenced(this.#slot, epoch, fence);
  }

  #addPiece(epoch: number, { from, chunks, snapshots, trim }: Piece): void {
    const { head } = this;
    if (epoch !== head.fence) throw fenced(this.#slot, epoch, head.fence);
    const gap = (because: string) =>
      new PlexusError(failure("LOG_GAP", { slot: this.#slot, because, seq: this.head.lastSeq }));
    if (head.incomplete) throw gap("a transfer is under way");
    // A piece may come twice: entries that the log has already are passed over, the others must follow its end.
    const fresh = chunks.filter(([firstSeq]) => firstSeq > head.lastSeq);
    if (fresh.length === chunks.length && (from.seq !== head.lastSeq || from.checksum !== head.lastChecksum))
      throw gap("it continues another position");
    // The log has all of the piece already: the piece does not show whether the two logs are the same.
    if (fresh.length === 0 && chunks.length > 0) return;
    this.#checkSealed(snapshots);
    let { lastEpoch, lastSeq, lastChecksum } = head;
    const added: BatchDraft["chunks"] = [];
    const effects: SideEffect[] = [];
    for (const [firstSeq, bytes] of fresh) {
      if (firstSeq !== lastSeq + 1) throw gap("a chunk is missing");
      const read = decodeChunk(bytes, firstSeq, lastChecksum);
      const last = read.entries.at(-1);
      if (read.damage || last === undefined) throw gap(read.damage?.reason ?? "an empty chunk");
      const records = read.entries.some(({ side }) => changesRecords(side));
      const chunk = { firstSeq, before: lastChecksum, epoch: last.epoch, bytes: bytes.length, records };
      added.push({ chunk, lastSeqs: new Map(read.entries.map((entry) => [entry.actor, entry.seq])) });
      for (const entry of read.entries) {
        const misfit = misfitOf(entry, this.#slot, epoch);
        if (misfit !== undefined) throw gap(misfit);
        const { actor, seq, side } = entry;
        try {
          effects.push(this.#effectOf(entry));
        } catch {
          // A value that can be read may be nested deeper than one that can be written.
          throw gap("a side value that cannot be stored");
        }
        // The new slot of a split is made of the snapshot: without it, the slot would begin empty.
        if (!side.some((op) => "split" in op)) continue;
        const known = [...this.snapshots, ...snapshots].filter(([other]) => other === actor);
        const covered = Math.max(0, ...known.map(([, through]) => through));
        const earlier = [...this.effects, ...effects].findLast((effect) => effect.actor === actor && effect.seq < seq);
        const needed = Math.max(earlier?.seq ?? 0, this.#index.lastNeeded(actor));
        if (needed > covered) throw gap("a snapshot is missing");
      }
      lastSeq += read.entries.length;
      lastEpoch = last.epoch;
      lastChecksum = read.checksum;
    }
    for (const [firstSeq, bytes] of fresh)
      this.ops.push({ type: "put", key: logKey(this.#slot, firstSeq), value: bytes });
    for (const copied of snapshots) if (copied[1] <= lastSeq) this.#addCopied(copied, [...this.chunks, ...added]);
    this.chunks.push(...added);
    this.effects.push(...effects);
    this.copies = true;
    this.#trimWanted = Math.max(this.#trimWanted, Math.min(trim, head.lastSeq));
    this.head = { ...head, lastEpoch, lastSeq, lastChecksum, continues: epoch };
  }

  /** A copy never acknowledges a snapshot that it could not read, that is of no actor of the slot, or that names
   *  another entry than it holds: entries are trimmed because a snapshot covers them. */
  #checkSealed(snapshots: Piece["snapshots"]): void {
    const refused = (because: string, actor: string) =>
      new PlexusError(failure("LOG_GAP", { slot: this.#slot, because, actor }));
    for (const [actor, seq, sealed] of snapshots) {
      if (!mayHold(this.#slot, actor)) throw refused("a snapshot of no actor of this slot", actor);
      let through: number;
      try {
        through = unsealSnapshot(snapshotKey(this.#slot, actor as ActorId), sealed, this.#store.location).seq;
      } catch {
        throw refused("a snapshot is damaged", actor);
      }
      if (through !== seq) throw refused("a snapshot of another entry than it is said to be of", actor);
    }
  }

  /** Adds a snapshot that an owner made, unless the copy has this one or a newer one already. */
  #addCopied(
    [name, seq, sealed]: readonly [actor: string, seq: number, sealed: Uint8Array],
    chunks: BatchDraft["chunks"],
  ): void {
    const actor = name as ActorId;
    const firstNeeded = chunks.reduce(
      (first, { chunk, lastSeqs }) => (lastSeqs.has(actor) ? Math.min(first, chunk.firstSeq) : first),
      this.#index.firstNeeded(actor),
    );
    const newer = this.snapshots.some(([other, otherSeq]) => other === actor && otherSeq >= seq);
    if (newer || firstNeeded > seq) return;
    this.ops.push({ type: "put", key: snapshotKey(this.#slot, actor), value: sealed });
    this.snapshots.push([actor, seq, sealed]);
  }

  /** Makes one chunk of the entries so far. */
  #closeChunk(): void {
    if (this.#payloads.length === 0) return;
    const { head } = this;
    const firstSeq = head.lastSeq + 1;
    const { bytes, checksum } = encodeChunk(this.#payloads, head.lastChecksum);
    this.ops.push({ type: "put", key: logKey(this.#slot, firstSeq), value: bytes });
    this.shipped.push([firstSeq, bytes]);
    this.chunks.push({
      chunk: { firstSeq, before: head.lastChecksum, epoch: head.fence, bytes: bytes.length, records: this.#records },
      lastSeqs: this.#lastSeqs,
    });
    this.head = {
      ...head,
      lastEpoch: head.fence,
      lastSeq: head.lastSeq + this.#payloads.length,
      lastChecksum: checksum,
    };
    this.#payloads = [];
    this.#lastSeqs = new Map();
    this.#records = false;
  }

  /** Returns the seq through which was trimmed; 0 when nothing was. */
  #addTrim(): number {
    if (this.#trimThrough <= this.head.baseSeq) return 0;
    const trimmable = this.#index.trimmable(this.#trimThrough);
    if (trimmable === undefined) return 0;
    const { dropped, kept } = trimmable;
    for (const chunk of dropped) this.ops.push({ type: "del", key: logKey(this.#slot, chunk.firstSeq) });
    this.head = { ...this.head, baseSeq: kept.firstSeq - 1, baseChecksum: kept.before };
    return this.#trimThrough;
  }

  #addSide(): void {
    for (const { rows } of this.effects) for (const row of rows) if (row) this.ops.push(row);
  }

  /** As above, with operations on ranges: they see the store as the operations before them in this batch leave it, so
   *  that the result does not depend on how items are grouped into batches. */
  async #addSideRanged(): Promise<void> {
    const { effects, ops } = this;
    const batched = new Map<string, StoreOp>();
    const add = (op: StoreOp): void => {
      ops.push(op);
      batched.set(op.key, op);
    };
    for (const op of ops) batched.set(op.key, op);
    for (const { actor, epoch, seq, side, rows } of effects) {
      for (const [index, op] of side.entries()) {
        const row = rows[index];
        if (row) add(row);
        if ("put" in op || "delete" in op) continue;
        if ("deleteFrom" in op) {
          const base = sideKey(op.space, this.#slot, actor, "");
          const range = { gte: base + op.deleteFrom, lt: base + op.deleteTo };
          const keys = await this.#keysThen(range, batched, this.#limits.deleteRangeMax);
          for (const key of keys) add({ type: "del", key });
        } else if ("split" in op) {
          const copies = await this.#split(op.split, { epoch, seq }, batched);
          if (copies.length > 0) this.made.push(ownSlot(op.split));
          for (const copy of copies) add(copy);
        } else {
          for (const { prefix } of actorKeys(this.#slot, op.drop))
            for (const key of await this.#keysThen(within(prefix), batched, Infinity)) add({ type: "del", key });
          add({ type: "del", key: snapshotKey(this.#slot, op.drop) });
        }
      }
    }
  }

  /** Keys of a range as the batch so far leaves them, in order, at most so many. */
  async #keysThen(
    range: { readonly gte: string; readonly lt: string },
    batched: ReadonlyMap<string, StoreOp>,
    keysMax: number,
  ): Promise<readonly string[]> {
    const limit = keysMax === Infinity ? {} : { limit: keysMax + batched.size };
    const keys = new Set(await this.#store.keys({ ...range, ...limit }));
    for (const [key, op] of batched) {
      if (op.type === "del") keys.delete(key);
      else if (key >= range.gte && key < range.lt) keys.add(key);
    }
    return [...keys].sort().slice(0, keysMax);
  }

  /** Copies everything an actor has into a slot of its own, named like the actor. Its log begins after entry `seq`.
   *  Nothing when that slot is there already. */
  async #split(
    actor: ActorId,
    { epoch, seq }: { readonly epoch: number; readonly seq: number },
    batched: ReadonlyMap<string, StoreOp>,
  ): Promise<StoreOp[]> {
    const slot = ownSlot(actor);
    const ops: StoreOp[] = [];
    const sealed = await this.#store.get(headKey(slot));
    const present = sealed && (unseal(headKey(slot), sealed, this.#store.location) as Head);
    // The actor's slot exists already: this entry comes late to a node that has a copy of that slot.
    if (present !== undefined && present.fence > 0 && present.lastSeq > 0) return ops;
    const read = async (key: string): Promise<Uint8Array | undefined> => {
      const op = batched.get(key);
      return op === undefined ? this.#store.get(key) : op.type === "put" ? op.value : undefined;
    };
    // The actor has left already: its own slot has all of its data.
    if (present !== undefined && (await read(snapshotKey(this.#slot, actor))) === undefined) return ops;
    const left = [`snap/${slot}/`, logPrefix(slot), ...spaces.map((space) => sidePrefix(space, slot))];
    for (const prefix of left) for (const key of await this.#store.keys(within(prefix))) ops.push({ type: "del", key });
    const { location } = this.#store;
    const [from, to] = [snapshotKey(this.#slot, actor), snapshotKey(slot, actor)];
    const state = await read(from);
    if (state) {
      const { body } = unsealSnapshot(from, state, location);
      ops.push({ type: "put", key: to, value: sealSnapshot(to, { seq, body }) });
    }
    for (const { space, prefix } of actorKeys(this.#slot, actor))
      for (const key of await this.#keysThen(within(prefix), batched, Infinity)) {
        const stored = await read(key);
        const copied = `${sideKey(space, slot, actor, "")}${key.slice(prefix.length)}`;
        if (stored) ops.push({ type: "put", key: copied, value: seal(copied, unseal(key, stored, location)) });
      }
    // Another entry that split the same actor makes another slot: the copies of an earlier try must not pass for this
    // one.
    const checksum = crc32(`${this.#slot} ${epoch} ${seq}`, genesisChecksum(slot));
    const at = { lastSeq: seq, baseSeq: seq, lastChecksum: checksum, baseChecksum: checksum };
    const kept = { fence: present?.fence ?? 0, incarnation: (present?.incarnation ?? 0) + 1 };
    const head = { ...emptied(slot, kept), ...at };
    ops.push({ type: "put", key: headKey(slot), value: seal(headKey(slot), head) });
    return ops;
  }

  /** Throws when a value cannot be stored. */
  #effectOf({ actor, epoch, seq, side }: Omit<SideEffect, "rows">): SideEffect {
    return { actor, epoch, seq, side, rows: side.map((op) => this.#rowOf(actor, op)) };
  }

  #rowOf(actor: ActorId, op: SideOp): StoreOp | undefined {
    if ("delete" in op) return { type: "del", key: sideKey(op.space, this.#slot, actor, op.delete) };
    if (!("put" in op)) return undefined;
    const key = sideKey(op.space, this.#slot, actor, op.put);
    return { type: "put", key, value: seal(key, op.value) };
  }

  // --- finishing -----------------------------------------------------------------------------------------------------

  /** Adds the operations that depend on the whole batch. `before` is called when the log's part is settled, ahead of
   *  anything slow. */
  finish(before: () => void): Promise<void> | undefined {
    this.#closeChunk();
    const held = this.#trimWanted > this.#trimThrough && this.#needed() <= this.#trimWanted;
    return held ? this.#forgetCovered().then(() => this.#complete(before)) : this.#complete(before);
  }

  #complete(before: () => void): Promise<void> | undefined {
    // An actor whose snapshot did not arrive keeps its entries, and the log its length, until one does.
    if (this.#trimWanted > 0)
      this.#trimThrough = Math.max(this.#trimThrough, Math.min(this.#trimWanted, this.#needed() - 1));
    this.trimmed = this.#addTrim();
    const fault = headFault(this.head);
    assert(fault === undefined, fault ?? "");
    assert(this.head.fence >= this.#before.fence, "a fence never falls");
    assert(
      this.head.lastSeq >= this.#before.lastSeq || this.head.incarnation > this.#before.incarnation,
      "a log gets shorter only by a new incarnation",
    );
    this.ops.push({ type: "put", key: headKey(this.#slot), value: seal(headKey(this.#slot), this.head) });
    before();
    const ranged = this.effects.some(({ side }) => side.some((op) => !("put" in op) && !("delete" in op)));
    if (ranged) return this.#addSideRanged();
    this.#addSide();
    return undefined;
  }

  /** The first entry that some actor needs, with the snapshots of this batch. */
  #needed(): number {
    return this.#index.firstNeededByAny(new Map(this.snapshots.map(([actor, seq]) => [actor as ActorId, seq])));
  }

  /** A log that was scanned does not know which entries stored snapshots have made needless. Before a trim is held back
   *  for an actor, its snapshot is looked at. */
  async #forgetCovered(): Promise<void> {
    // The snapshot of this batch counts, not the stored one that it replaces.
    const replaced = new Set(this.snapshots.map(([actor]) => actor));
    for (const actor of this.#index.actorsBelow(this.#trimWanted)) {
      if (replaced.has(actor)) continue;
      const key = snapshotKey(this.#slot, actor);
      const sealed = await this.#store.get(key);
      if (sealed) this.#index.forgetTail(actor, unsealSnapshot(key, sealed, this.#store.location).seq);
    }
    this.lacking = this.#index
      .actorsBelow(this.#trimWanted)
      .filter((actor) => !replaced.has(actor))
      .slice(0, this.#limits.lackingActorsMax);
  }
}

/** Where the log of a head ends. */
export const endOf = ({ lastEpoch, lastSeq, lastChecksum }: Head): Position => ({
  epoch: lastEpoch,
  seq: lastSeq,
  checksum: lastChecksum,
});

/** The head of a log that holds nothing. */
export function emptied(slot: SlotId, kept: { readonly fence: number; readonly incarnation: number }): Head {
  const checksum = genesisChecksum(slot);
  return {
    fence: kept.fence,
    incarnation: kept.incarnation,
    continues: 0,
    incomplete: false,
    lastEpoch: 0,
    lastSeq: 0,
    lastChecksum: checksum,
    baseSeq: 0,
    baseChecksum: checksum,
  };
}

/** FENCED: this log takes writes of another epoch. */
export const fenced = (slot: SlotId, epoch: number, fence: number): PlexusError =>
  new PlexusError(failure("FENCED", { slot, epoch, fence }));
