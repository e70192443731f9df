/** The log of one slot on this node's disk, whether the node owns the slot or copies it: what is written to it, in
 *  which order. `slot-reader.ts` reads it, `log-check.ts` checks it.
 *
 *  An owner appends entries; those that share a batch form one chunk, which is shipped to the replicas as it is
 *  (`onWrite`). A replica applies what it is shipped: the same chunks, with the same effect on snapshots and side
 *  values. So two logs that end at the same position are the same, and so is everything beside them.
 *
 *  Invariant 3: nothing of an epoch other than the fence's is written, and the head that carries the fence is rewritten
 *  in the very batch that appends. Rule R4: an append fits only where the log ends, by seq and chained checksum. */
import { assert, failure, PlexusError, type ActorId, type Failure, type SlotId } from "../../protocols/index.ts";
import type { Store, StoreOp } from "../ports/index.ts";
import { BatchDraft, emptied, endOf, fenced, type Pending, type Piece, type Position } from "./batch-draft.ts";
import type { CommitItem, CommitSink, Committer } from "./commit.ts";
import { encodeEntry, sealSnapshot, snapshotKey, type Entry, type Head } from "./layout.ts";
import type { JournalLimits } from "./limits.ts";
import { damagedAt, indexLog, verifySlot, type Cut, type Place } from "./log-check.ts";
import { LogIndex } from "./log-index.ts";
import { SlotReader } from "./slot-reader.ts";

/** What one turn wants appended; the log adds epoch and seq. */
export type EntryDraft = Omit<Entry, "epoch" | "seq">;

const nothingPrepared = { chunks: [], snapshots: [], effects: [], made: [], copies: false, lacking: [] };

/** An item that remembers what it writes. */
interface LogItem extends CommitItem {
  readonly pending: Pending;
}

export class SlotLog implements CommitSink {
  readonly slot: SlotId;
  /** Reads the slot. */
  readonly reader: SlotReader;
  /** Hears which chunks an owner's batch adds, before they are on this disk. */
  onWrite: ((piece: Piece) => void) | undefined;
  /** Hears that something more is on disk. */
  onDurable: (() => void) | undefined;
  /** Hears that a batch failed, whichever: this log takes nothing more. */
  onBroken: ((error: Failure) => void) | undefined;
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #limits: JournalLimits;
  readonly #index = new LogIndex();
  readonly #place: Place;
  /** As it is on disk. */
  #head: Head;
  /** As it will be when the batch under way is on disk. */
  #nextHead: Head;
  #lastSeq: number;
  #broken: Failure | undefined;
  #prepared: Pick<BatchDraft, keyof typeof nothingPrepared> = nothingPrepared;
  #lacking: readonly ActorId[] = [];

  /** A batch of another log has made this slot; an object that has its log open must know. */
  readonly #onSplit: (slot: SlotId) => void;

  #exists: boolean;

  constructor(
    slot: SlotId,
    head: Head,
    ports: {
      readonly store: Store;
      readonly committer: Committer;
      readonly limits: JournalLimits;
      readonly exists: boolean;
      readonly onSplit?: (slot: SlotId) => void;
    },
  ) {
    this.#exists = ports.exists;
    this.slot = slot;
    this.#head = head;
    this.#nextHead = head;
    this.#lastSeq = head.lastSeq;
    this.#store = ports.store;
    this.#committer = ports.committer;
    this.#limits = ports.limits;
    this.#onSplit = ports.onSplit ?? (() => undefined);
    this.#place = { slot, location: ports.store.location, pageRows: ports.limits.scanChunksMax };
    this.reader = new SlotReader(this, { store: ports.store, index: this.#index, limits: ports.limits });
  }

  /** Whether the disk has a trace of this slot. Without one, the node never had a copy, or lost all of it. */
  get exists(): boolean {
    return this.#exists;
  }

  /** As it is on disk. */
  get head(): Head {
    return this.#head;
  }

  /** The last entry that was given a seq. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The last entry that is on disk. All answers about actors and their tails are about entries up to this one. */
  get durableSeq(): number {
    return this.#head.lastSeq;
  }

  /** The lowest epoch whose appends are accepted. */
  get fence(): number {
    return this.#head.fence;
  }

  /** The epoch whose log this one is known to be the beginning of. */
  get continues(): number {
    return this.#head.continues;
  }

  /** Rises when data was lost or thrown away: acknowledgements of earlier incarnations do not count any more. */
  get incarnation(): number {
    return this.#head.incarnation;
  }

  /** Whether a transfer is under way: the rows are neither the old copy nor the new one. */
  get incomplete(): boolean {
    return this.#head.incomplete;
  }

  /** Where the log ends on disk. */
  get position(): Position {
    return endOf(this.#head);
  }

  /** Where it ends once the batch under way is on disk. */
  get writtenPosition(): Position {
    return endOf(this.#nextHead);
  }

  /** Entries kept in the log on disk. */
  get length(): number {
    return this.#head.lastSeq - this.#head.baseSeq;
  }

  /** Bytes of the log on disk. */
  get bytes(): number {
    return this.#index.bytes;
  }

  /** Set once a batch failed: its outcome is unknown, so this log takes no more. `Journal.reopen` reads the disk
   *  again. */
  get failed(): Failure | undefined {
    return this.#broken;
  }

  /** The seq through which to trim so that at most so many entries and bytes stay; whole chunks, so a few more may. */
  trimPoint(window: { readonly entries: number; readonly bytes: number }): number {
    return this.#index.trimPoint(window, this.durableSeq);
  }

  /** Actors whose state needs entries at or below `seq`: snapshot them before trimming there. */
  actorsBelow(seq: number): ActorId[] {
    return this.#index.actorsBelow(seq);
  }

  /** The first entry an actor's state may need; Infinity when its snapshot is enough. */
  firstNeeded(actor: ActorId): number {
    return this.#index.firstNeeded(actor);
  }

  /** Actors that have entries after their snapshot. */
  actorsWithTail(): IterableIterator<ActorId> {
    return this.#index.actorsWithTail();
  }

  // --- opening -------------------------------------------------------------------------------------------------------

  /** Reads and checks every entry, and learns which actors have a tail. Error: DATA_DAMAGED. */
  async scan(): Promise<void> {
    this.#index.become(await indexLog(this.#store, this.#place, { head: this.#head }));
  }

  /** Begins an empty log: the slot's earlier contents were given up. */
  startEmpty(): Promise<void> {
    return this.#changeHead((head) => {
      this.#index.clear();
      return emptied(this.slot, { fence: head.fence, incarnation: head.incarnation + 1 });
    });
  }

  /** Leaves the trace that `exists` looks for. */
  touch(): Promise<void> {
    return this.#exists ? Promise.resolve() : this.#changeHead((head) => head);
  }

  /** Persists `epoch` as the fence. From then on nothing of an older epoch is written here. With `lead`, for an owner
   *  that has nobody to ask, its log is that of the epoch at once. Error: FENCED. */
  async raise(epoch: number, lead = false): Promise<void> {
    if (!lead && epoch === this.#head.fence && this.#nextHead.fence === epoch) return;
    await this.#changeHead((head) => {
      if (epoch < head.fence) throw fenced(this.slot, epoch, head.fence);
      return { ...head, fence: epoch, ...(lead && { continues: epoch }) };
    });
    this.#lastSeq = this.#head.lastSeq;
  }

  /** Makes this log the beginning of its epoch's: the owner's own, once it is the longest. */
  async lead(epoch: number): Promise<void> {
    const { fence, continues } = this.#head;
    const leads = fence === epoch && continues === epoch && this.#nextHead.fence === epoch;
    if (!leads)
      await this.#changeHead((head) => {
        if (epoch !== head.fence) throw fenced(this.slot, epoch, head.fence);
        return { ...head, continues: epoch };
      });
    this.#lastSeq = this.#head.lastSeq;
  }

  // --- an owner's writes ---------------------------------------------------------------------------------------------

  /** Appends one entry; `done` is called when it is on this disk, or with the reason why that is not known. Error, with
   *  nothing appended: TOO_LARGE. */
  append(
    epoch: number,
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
  ): { readonly seq: number; readonly bytes: number } {
    const seq = this.#lastSeq + 1;
    const payload = encodeEntry(epoch, seq, draft);
    if (payload.length > this.#limits.entryBytesMax) {
      throw new PlexusError(
        failure("TOO_LARGE", { entryBytes: payload.length, entryBytesMax: this.#limits.entryBytesMax }),
      );
    }
    // An entry that is going to be refused must not use up a seq.
    if (epoch === this.#head.fence) this.#lastSeq = seq;
    this.#submit({ type: "entry", epoch, seq, actor: draft.actor, side: draft.side, payload }, payload.length, done);
    return { seq, bytes: payload.length };
  }

  /** Stores the state an actor had after entry `seq`. Becomes durable after every append made before this call. */
  snapshot(
    epoch: number,
    draft: { readonly actor: ActorId; readonly seq: number; readonly body: unknown },
    done: (error: Failure | undefined) => void,
  ): number {
    const { actor, seq } = draft;
    assert(seq <= this.#lastSeq, "a snapshot is not ahead of the log");
    const sealed = sealSnapshot(snapshotKey(this.slot, actor), draft);
    this.#submit({ type: "snapshot", epoch, actor, seq, sealed }, sealed.length, done);
    return sealed.length;
  }

  /** Drops chunks that lie wholly at or below `throughSeq`. Every actor must have its snapshot beyond them. */
  trim(epoch: number, throughSeq: number, done: (error: Failure | undefined) => void): void {
    assert(throughSeq <= this.durableSeq, "only what is on disk is trimmed");
    this.#submit({ type: "trim", epoch, throughSeq }, 0, done);
  }

  // --- a replica's writes --------------------------------------------------------------------------------------------

  /** Applies a piece that an owner of `epoch` shipped. `done` is called when the piece is on disk. Errors, which change
   *  nothing: FENCED, the fence is another epoch; LOG_GAP, the piece does not fit where the log ends, or holds an entry
   *  that no owner of this slot can have written. */
  apply(epoch: number, piece: Piece, done: (error: Failure | undefined) => void): void {
    const bytes = piece.chunks.reduce((sum, [, chunk]) => sum + chunk.length, 0);
    this.#submit({ type: "piece", epoch, piece }, bytes, done);
  }

  /** Stores a snapshot that came apart from its entries. `done` with LOG_GAP: the entries are not here yet, or the
   *  snapshot is damaged or of no actor of this slot. */
  applySnapshot(
    epoch: number,
    copy: { readonly actor: ActorId; readonly seq: number; readonly sealed: Uint8Array },
    done: (error: Failure | undefined) => void,
  ): void {
    this.#submit({ type: "copied", epoch, ...copy }, copy.sealed.length, done);
  }

  /** Actors whose snapshots this copy lacked when its owner last trimmed, so that it had to keep entries; once each
   *  time. */
  takeLacking(): readonly ActorId[] {
    const lacking = this.#lacking;
    this.#lacking = [];
    return lacking;
  }

  /** Forgets the log for a transfer: a new incarnation, which holds nothing that counts until `finish`. */
  async startOver(epoch: number): Promise<void> {
    await this.#changeHead((head) => {
      if (epoch < head.fence) throw fenced(this.slot, epoch, head.fence);
      const empty = emptied(this.slot, { fence: epoch, incarnation: head.incarnation + 1 });
      return { ...empty, incomplete: true };
    });
    this.#index.clear();
    this.#lastSeq = 0;
  }

  /** Writes rows of the slot during a transfer. */
  write(incarnation: number, ops: readonly StoreOp[]): Promise<void> {
    const bytes = ops.reduce((sum, op) => sum + (op.type === "put" ? op.value.length : 0), 0);
    return new Promise((resolve, reject) => {
      this.#submit({ type: "rows", incarnation, ops }, bytes, (error) =>
        error ? reject(new PlexusError(error)) : resolve(),
      );
    });
  }

  /** Ends a transfer: the rows are those of `head`'s log, which continues `epoch`. Checks the log. Errors: FENCED,
   *  DATA_DAMAGED. */
  async finish(epoch: number, incarnation: number, head: Head): Promise<void> {
    if (head.lastEpoch > epoch) throw damagedAt(this.#place, head.lastSeq, "it ends in an epoch that has not been");
    const expectCurrent = (current: Head): void => {
      if (current.fence !== epoch || current.incarnation !== incarnation || !current.incomplete)
        throw fenced(this.slot, epoch, current.fence);
    };
    const index = await indexLog(this.#store, this.#place, { head, copiedIn: epoch }).catch((error: unknown) => {
      // The rows of a newer transfer are no damage.
      expectCurrent(this.#head);
      throw error;
    });
    await this.#changeHead((current) => {
      expectCurrent(current);
      this.#index.become(index);
      return { ...head, fence: epoch, continues: epoch, incarnation, incomplete: false };
    });
    this.#lastSeq = this.#head.lastSeq;
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  /** Resolves when every batch so far is on disk or has failed. */
  settled(): Promise<void> {
    return this.#committer.settled();
  }

  /** The slot between two batches. The caller closes the view. Error: that of a batch that failed; it may have been
   *  written, and then what is known of the log is not what is on disk. */
  async cut(): Promise<Cut> {
    let taken: Cut | undefined;
    await this.#committer.run(() => {
      if (this.#broken) throw new PlexusError(this.#broken);
      taken = { ...this.#place, head: this.#head, view: this.#store.view() };
      return Promise.resolve([]);
    });
    assert(taken !== undefined, "a cut is taken in its turn");
    return taken;
  }

  /** Reads and checks everything of the slot as it is now, see `verifySlot`. Error: DATA_DAMAGED. */
  async verify(pace?: (bytes: number) => Promise<void>): Promise<void> {
    const cut = await this.cut();
    try {
      await verifySlot(cut, pace);
    } finally {
      await cut.view.close();
    }
  }

  // --- as sink of the group commit -----------------------------------------------------------------------------------

  prepare(items: readonly CommitItem[]): Promise<readonly StoreOp[]> | readonly StoreOp[] {
    if (this.#broken) throw new PlexusError(this.#broken);
    const from = endOf(this.#head);
    const at = { store: this.#store, limits: this.#limits, index: this.#index };
    const draft = new BatchDraft(this.slot, this.#head, at);
    let own = false;
    for (const item of items as readonly LogItem[]) {
      try {
        draft.add(item.pending);
        own ||= item.pending.type === "entry" || item.pending.type === "snapshot" || item.pending.type === "trim";
      } catch (error) {
        if (!(error instanceof PlexusError)) throw error;
        item.rejected = error.failure;
      }
    }
    const slow = draft.finish(() => {
      this.#nextHead = draft.head;
      this.#prepared = draft;
      const { shipped: chunks, snapshots, trimmed: trim } = draft;
      if (own) this.onWrite?.({ from, chunks, snapshots, trim });
    });
    return slow === undefined ? draft.ops : slow.then(() => draft.ops);
  }

  committed(): void {
    const { baseSeq } = this.#head;
    this.#head = this.#nextHead;
    this.#exists = true;
    // Pieces of another owner: no entry of this node is under way then.
    if (this.#prepared.copies) this.#lastSeq = this.#head.lastSeq;
    for (const { chunk, lastSeqs } of this.#prepared.chunks) this.#index.add(chunk, lastSeqs);
    for (const [actor, seq] of this.#prepared.snapshots) this.#index.forgetTail(actor as ActorId, seq);
    for (const { seq, side } of this.#prepared.effects)
      for (const op of side) if ("drop" in op) this.#index.forgetTail(op.drop, seq);
    for (const slot of this.#prepared.made) this.#onSplit(slot);
    if (this.#prepared.lacking.length > 0) this.#lacking = this.#prepared.lacking;
    this.#prepared = nothingPrepared;
    if (this.#head.baseSeq > baseSeq) this.#index.forgetThrough(this.#head.baseSeq);
    this.onDurable?.();
  }

  broken(error: Failure): void {
    this.#broken ??= error;
    this.onBroken?.(this.#broken);
  }

  #submit(pending: Pending, bytes: number, done: (error: Failure | undefined) => void): void {
    const item: LogItem = { pending, bytes: bytes + 64, sink: this, done };
    this.#committer.submit(item);
  }

  #changeHead(change: (head: Head) => Head): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#submit({ type: "head", change }, 0, (error) => (error ? reject(new PlexusError(error)) : resolve()));
    });
  }
}
