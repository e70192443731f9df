/** One slot that this node owns, for one epoch.
 *
 *      reconciling ──► serving ⇄ draining ──► handing ──► ended
 *           └──────────────┴──────────┴──────────┘
 *
 *  reconciling: asks every replica in sync how it stands (which raises its fence), takes the longest log, and brings
 *  all to exactly that log; a copy that does not answer is removed by compare-and-set. Only then are actors activated.
 *  serving:
 *  an append is committed when every required replica has it on disk (`committedSeq`, R1). draining, handing: on the
 *  way to another owner; from the moment the change is sent nothing is served until its outcome is known (R5). ended:
 *  for good. A new epoch is a new Ownership. */
import {
  assert,
  failure,
  failureOf,
  PlexusError,
  type ActorId,
  type Failure,
  type SlotId,
  type TraceContext,
} from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { ServedLog, SplitOff } from "../kernel/api.ts";
import type { Clock, Directory, DirectoryRow, Log, Meter, NodeId, SlotRecord, Tracer } from "../ports/index.ts";
import { readSlot, type SlotRow } from "../cluster/facts/records.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Cut, EntryDraft, Piece, Position, SlotLog } from "../storage/index.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Follower } from "./follower.ts";
import { Followers } from "./followers.ts";
import type { ReplicationLimits } from "./limits.ts";
import { fetchLongest, longest } from "./longest.ts";
import { ReplicaSet } from "./replica-set.ts";
import { TracedAppends } from "./traced.ts";
import { committedSeq, handOverTo, nextProposal, type FollowerView } from "./rules.ts";
import { differingCopies } from "./scrub.ts";
import { splitOff } from "./split.ts";
import { Transfers } from "./transfer.ts";

type Phase = "reconciling" | "serving" | "draining" | "handing" | "ended";

export interface OwnershipPorts {
  readonly node: NodeId;
  readonly directory: Directory;
  /** This node's row among the members, as it is now; undefined: it is none any more. */
  member(): Promise<DirectoryRow | undefined>;
  readonly table: SlotTable;
  readonly exchange: Exchange;
  readonly confirmations: Confirmations;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly tracer?: Tracer;
  readonly limits: ReplicationLimits;
  /** With fewer copies in sync nothing is acknowledged. */
  readonly minInSync: () => number;
  readonly isUp: (node: NodeId) => boolean;
  /** Its disk is far slower than those of the others. */
  readonly isSlow: (node: NodeId) => boolean;
  /** It was up at some time since this node started. */
  readonly wasUp: (node: NodeId) => boolean;
  /** It was up, and is not any more. */
  isGone(node: NodeId): boolean;
  /** A number that no other sending of this process has. */
  readonly nextSending: () => number;
  /** Whether one more transfer may run; the returned function ends it. */
  beginTransfer(): (() => void) | undefined;
  /** The kernel's part of a hand-over. */
  readonly drain: (slot: SlotId, deadlineMs: number) => Promise<void>;
  readonly resume: (slot: SlotId) => void;
  /** Whether a slot may go to the node where it is wanted: what belongs to it and is in no journal may have to be there
   *  first. Asked again at each tick. */
  readonly mayHandOver: (slot: SlotId, to: NodeId) => boolean;
  /** Told when more is committed, and when the slot begins to be served. */
  readonly committed: (slot: SlotId) => void;
  /** Told once, when this epoch is over for this node. */
  ended(ownership: Ownership, error: Failure): void;
}

export class Ownership implements ServedLog {
  readonly slot: SlotId;
  readonly epoch: number;
  phase: Phase = "reconciling";
  readonly #replicas: ReplicaSet;
  readonly #transfers: Transfers;
  readonly #log: SlotLog;
  readonly #ports: OwnershipPorts;
  readonly #followers: Followers;
  readonly #acknowledgements = new Acknowledgements();
  readonly #traced: TracedAppends | undefined;
  /** Confirmations that were asked for and have not come. */
  #confirming = 0;
  /** Where every required replica must be before this epoch is served; set once the longest log is this one. */
  #base: Position | undefined;
  #settling = false;
  /** No hand-over begins before: the directory could not be asked. */
  #handOverAfterMs = 0;
  #served: { resolve(): void; reject(error: unknown): void } | undefined;
  /** Resolves when the slot may be served; rejects when this epoch ends before. */
  readonly served: Promise<void>;

  constructor(row: SlotRow, slotLog: SlotLog, ports: OwnershipPorts) {
    this.slot = row.record.slot;
    this.epoch = row.record.epoch;
    assert(row.record.owner === ports.node && slotLog.slot === this.slot, "a node owns what its record says");
    this.#log = slotLog;
    this.#ports = ports;
    const { slot, epoch } = this;
    this.#traced = ports.tracer && new TracedAppends(ports.tracer, { slot, epoch }, ports.limits.tracedAppendsMax);
    const { directory, exchange, clock, log, meter, limits, nextSending } = ports;
    this.#replicas = new ReplicaSet(row, {
      directory,
      member: () => ports.member(),
      clock,
      limits,
      answered: (found) => this.#answered(found),
      goesOn: () => this.phase !== "ended",
    });
    this.#followers = new Followers({
      node: ports.node,
      exchange,
      clock,
      limits,
      log: slotLog,
      epoch: this.epoch,
      isUp: ports.isUp,
      isSlow: ports.isSlow,
      wasUp: ports.wasUp,
      isGone: (node) => ports.isGone(node),
      nextSending,
      changed: () => this.#advance(),
      fenced: (copy, fence) => this.#fencedAt(copy, fence),
      unreadable: (error) => this.end(error),
      ...(this.#traced && { traced: (from, to) => this.#traced?.between(from, to) ?? [] }),
    });
    this.#transfers = new Transfers({
      exchange,
      clock,
      log,
      meter,
      limits,
      slotLog,
      epoch: this.epoch,
      nextSending,
      beginTransfer: () => ports.beginTransfer(),
      goesOn: (follower) => this.#followers.get(follower.node) === follower,
      unreadable: (error) => this.end(error),
      changed: () => this.#advance(),
    });
    this.served = new Promise((resolve, reject) => (this.#served = { resolve, reject }));
    this.served.catch(() => undefined);
  }

  /** Begins to reconcile. The fence is persisted already. */
  start(): void {
    this.#log.onDurable = () => {
      this.#traced?.durable(this.#log.durableSeq);
      this.#followers.durable();
      this.#advance();
    };
    this.#log.onBroken = (error) => this.end(error);
    if (this.#log.failed !== undefined) return this.end(this.#log.failed);
    assert(this.#log.fence >= this.epoch, "an epoch is fenced off before it is served");
    this.#followers.adopt(this.record);
    this.#advance();
  }

  get record(): SlotRecord {
    return this.#replicas.record;
  }

  get followers(): ReadonlyMap<NodeId, Follower> {
    return this.#followers.all;
  }

  // --- ServedLog -----------------------------------------------------------------------------------------------------

  get lastSeq(): number {
    return this.#log.lastSeq;
  }
  get durableSeq(): number {
    return this.#log.durableSeq;
  }
  /** The last entry that every replica it needs has on disk. */
  get committed(): number {
    return this.#acknowledgements.committed;
  }
  /** See `SlotReader.holds`. */
  holds(at: Position): boolean {
    return this.#log.reader.holds(at);
  }
  /** See `SlotReader.read`. */
  read(at: Position, bytesMax: number): Promise<Piece | undefined> {
    return this.#log.reader.read(at, bytesMax);
  }
  /** See `SlotReader.withoutRecords`; of what is committed. */
  withoutRecords(at: Position): Position | undefined {
    return this.#log.reader.withoutRecords(at, this.committed);
  }
  /** See `SlotLog.cut`. */
  cut(): Promise<Cut> {
    return this.#log.cut();
  }
  get length(): number {
    return this.#log.length;
  }
  get bytes(): number {
    return this.#log.bytes;
  }

  append(
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
    trace?: TraceContext,
  ): { readonly seq: number; readonly bytes: number } {
    if (this.phase === "ended") throw new PlexusError(this.#gone());
    const appended = this.#log.append(this.epoch, draft, this.#onAppended);
    // Under another fence it will be refused, and has used up no seq.
    const span = trace === undefined ? undefined : this.#traced?.begin(trace, appended.seq);
    const settle: typeof done =
      span === undefined
        ? done
        : (error) => {
            span.end(error?.code);
            done(error);
          };
    this.#acknowledgements.add(appended.seq, settle, this.#log.fence === this.epoch);
    return appended;
  }

  snapshot(actor: ActorId, seq: number, body: unknown, done: (error: Failure | undefined) => void): number {
    return this.#log.snapshot(this.epoch, { actor, seq, body }, done);
  }

  trim(throughSeq: number, done: (error: Failure | undefined) => void): void {
    // Entries stay that a copy may still need from here: those not committed, and those after a transfer's cut.
    const { committed } = this.#acknowledgements;
    assert(committed <= this.#log.durableSeq, "what is committed is on the owner's disk");
    this.#log.trim(this.epoch, Math.min(throughSeq, committed, this.#transfers.heldSeq), done);
  }

  trimPoint(window: Parameters<ServedLog["trimPoint"]>[0]): number {
    return this.#log.trimPoint(window);
  }
  actorsBelow(seq: number): ActorId[] {
    return this.#log.actorsBelow(seq);
  }
  firstNeeded(actor: ActorId): number {
    return this.#log.firstNeeded(actor);
  }
  actorsWithTail(): IterableIterator<ActorId> {
    return this.#log.actorsWithTail();
  }
  actorsWithSnapshot(...args: Parameters<ServedLog["actorsWithSnapshot"]>): Promise<ActorId[]> {
    return this.#log.reader.actorsWithSnapshot(...args);
  }
  recover(actor: ActorId): ReturnType<ServedLog["recover"]> {
    return this.#log.reader.recover(actor);
  }
  readSide(...args: Parameters<ServedLog["readSide"]>): ReturnType<ServedLog["readSide"]> {
    return this.#log.reader.readSide(...args);
  }
  readSpace(...args: Parameters<ServedLog["readSpace"]>): ReturnType<ServedLog["readSpace"]> {
    return this.#log.reader.readSpace(...args);
  }

  get uncommitted(): number {
    return this.#acknowledgements.open + this.#confirming;
  }

  /** R1: "alone" also means that nothing is asked of the directory. */
  get alone(): boolean {
    return this.phase !== "ended" && this.#replicas.needed.length === 0;
  }

  confirm(done: (error: Failure | undefined) => void): void {
    if (this.phase === "ended") {
      done(this.#gone());
      return;
    }
    const { needed } = this.#replicas;
    if (needed.length === 0) {
      done(undefined);
      return;
    }
    this.#confirming += 1;
    const question = {
      slot: this.slot,
      epoch: this.epoch,
      // A copy that was removed for certain meanwhile need not answer any more; newcomers were not asked.
      needed: (node: NodeId) => !this.#isOver && this.#replicas.needed.includes(node),
      goesOn: () => !this.#isOver,
    };
    this.#ports.confirmations.askAll(needed, question, (fence) => {
      this.#confirming -= 1;
      assert(this.#confirming >= 0, "a confirmation is settled once");
      if (fence !== undefined) this.#fenced(fence);
      done(this.#isOver || fence !== undefined ? this.#gone() : undefined);
    });
  }

  split(actor: ActorId, to?: NodeId): Promise<SplitOff> {
    const { node, directory, table, clock, limits } = this.#ports;
    const standing = (): void => {
      if (this.phase === "ended") throw new PlexusError(this.#gone());
    };
    return splitOff(actor, to, {
      node,
      slot: this.slot,
      log: this.#log,
      directory,
      table,
      clock,
      limits,
      append: (draft) =>
        new Promise((resolve, reject) => {
          this.append(draft, (error) => (error ? reject(new PlexusError(error)) : resolve()));
        }),
      holders: () => {
        standing();
        return this.#followers.of(this.#replicas.needed);
      },
      row: () => {
        standing();
        return this.#replicas.row;
      },
      learned: (row) => this.learned(row),
    });
  }

  // --- messages of other nodes ---------------------------------------------------------------------------------------

  /** The directory's row, however it became known. */
  learned(row: SlotRow): void {
    if (this.phase === "ended") return;
    const news = this.#replicas.learn(row);
    if (news === "another epoch")
      this.end(failure("MOVED", { slot: this.slot, owner: row.record.owner, epoch: row.record.epoch }));
    if (news !== "changed") return;
    if (this.phase === "handing") {
      this.phase = "serving";
      this.#ports.resume(this.slot);
    }
    this.#followers.adopt(this.record);
    this.#advance();
  }

  synced(from: NodeId, body: MeshBody<"replica.synced">): void {
    this.#followers.get(from)?.synced(body);
  }

  refused(from: NodeId, body: MeshBody<"replica.refused">): void {
    if (body.fence > this.epoch) this.#fencedAt(from, body.fence);
    // `tick` asks it: at once would be a race of a sick disk with the network.
    else this.#followers.lost(from);
  }

  connected(peer: NodeId): void {
    this.#followers.lost(peer)?.ask();
  }

  disconnected(peer: NodeId): void {
    this.#followers.lost(peer);
    this.#advance();
  }

  /** It is served under this epoch, be it on its way to another node. */
  get isServed(): boolean {
    return this.phase !== "reconciling" && this.phase !== "ended";
  }

  get #isOver(): boolean {
    return this.phase === "ended";
  }

  /** This process was stopped for a while: see `Follower.forgive`. */
  forgive(): void {
    this.#followers.forgive();
  }

  /** Looks after copies and changes that are overdue. */
  tick(everything = false): void {
    if (this.phase === "ended" || (this.followers.size === 0 && !this.#replicas.isUndecided)) return;
    if (!everything && this.phase === "serving" && this.#replicas.isSettled && this.#followers.isQuiet) return;
    this.#followers.tick();
    this.#advance();
    this.#replicas.retry();
  }

  /** Hands the slot to a replica that has everything; used when the node stops. Resolves when that is known. */
  async handOver(to: NodeId): Promise<void> {
    const target = this.#followers.get(to);
    if (this.phase !== "serving" || target === undefined || !this.#viewOf(target).caughtUp) return;
    // Or the new owner would see that it is wanted here and hand it straight back.
    const { want, inSync, learners } = this.record;
    await this.#handOver(to, { owner: to, replicas: want?.replicas ?? [...inSync, ...learners] });
  }

  /** See `differingCopies`. */
  compareCopies(mark: number, pace: (bytes: number) => Promise<void>): Promise<readonly Follower[]> {
    const { exchange, limits } = this.#ports;
    const followers = this.#followers.of(this.record.inSync);
    const goesOn = (): boolean => this.phase !== "ended";
    return differingCopies(mark, pace, { exchange, limits, log: this.#log, epoch: this.epoch, followers, goesOn });
  }

  /** A copy differs from this one although both are whole: it leaves the set and is made anew. */
  distrust(follower: Follower): void {
    const copies = this.record.inSync.length;
    this.#ports.log.error("slot.copy.differs", { slot: this.slot, epoch: this.epoch, node: follower.node, copies });
    follower.distrust();
    this.#advance();
  }

  /** Another owner is known, the local disk or data failed, or the kernel gives up. */
  end(error: Failure): void {
    if (this.phase === "ended") return;
    this.phase = "ended";
    this.#log.onWrite = undefined;
    this.#log.onDurable = undefined;
    this.#log.onBroken = undefined;
    this.#followers.end();
    this.#ports.ended(this, error);
    const unknown = error.code === "MOVED" ? failure("FENCED", error.details) : error;
    this.#acknowledgements.fail(unknown);
    this.#served?.reject(new PlexusError(error));
  }

  // --- replicas ------------------------------------------------------------------------------------------------------

  #viewOf(follower: Follower): FollowerView {
    // Everything up to the base may have been acknowledged by an owner before.
    const floor = this.#base === undefined ? Infinity : Math.max(this.#acknowledgements.committed, this.#base.seq);
    return this.#followers.viewOf(follower, this.record, floor);
  }

  /** Everything that may follow from any news: base, commits, service, the next change. Cheap when nothing does. */
  #advance(): void {
    if (this.phase === "ended") return;
    if (this.#base === undefined) this.#settle();
    else this.#commit();
    this.#work();
  }

  /** Before serving: once all that are in sync have answered, the longest log becomes the log of this epoch. */
  #settle(): void {
    if (this.#settling || this.#replicas.isUndecided) return;
    const { needed } = this.#replicas;
    const others = this.#followers.of(needed);
    // A copy in trouble leaves the set: entries that only it has were acknowledged to nobody.
    const answered = others.filter(({ standing, trouble }) => standing !== undefined && trouble === undefined);
    if (answered.length < needed.length) return;
    this.#settling = true;
    this.#reconcile(others)
      .catch((error: unknown) => this.end(failureOf(error)))
      .finally(() => {
        this.#settling = false;
        this.#advance();
      });
  }

  async #reconcile(others: readonly Follower[]): Promise<void> {
    const { exchange, limits } = this.#ports;
    const best = longest(this.#log.position, others);
    if (best !== undefined) {
      const fetched = await fetchLongest(best, { exchange, limits, log: this.#log, epoch: this.epoch });
      const follower = this.#followers.get(best.node);
      if (fetched === "diverged") return this.#yieldTo(best.node);
      if (fetched === "gone") return follower?.ask();
      if (fetched !== "whole") return follower?.failed(fetched.unusable);
    }
    if (this.#isOver) return;
    await this.#log.lead(this.epoch);
    // The log may be the next epoch's by now.
    if (this.#isOver) return;
    assert(this.#log.continues === this.epoch, "an owner's log is that of its epoch before it is served");
    this.#base = this.#log.position;
    this.#log.onWrite = (piece) => this.#followers.write(piece);
    this.#followers.feed(this.record);
  }

  /** This copy is not the beginning of the longest log of the set, so something is wrong with it: the node with that
   *  log goes on, and this copy leaves the set. */
  async #yieldTo(owner: NodeId): Promise<void> {
    const { node, log } = this.#ports;
    const { inSync, learners } = this.record;
    const left = inSync.filter((name) => name !== node);
    log.error("slot.copy.behind", { slot: this.slot, epoch: this.epoch, to: owner });
    const change = { owner, inSync: left, learners: [...learners, node] };
    while ((await this.#replicas.giveUp(change)) === "unasked") await this.#pause(this.#ports.limits.proposalRetryMs);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.after(delayMs, resolve));
  }

  readonly #onAppended = (error: Failure | undefined): void => {
    if (error) this.end(error);
  };

  /** Acknowledges the entries that every required replica has, and begins to serve once all have the base. */
  #commit(): void {
    // With fewer copies than asked for, waiting entries stay unanswered; `#work` ends this epoch.
    if (this.record.inSync.length < this.#ports.minInSync()) return;
    const others = this.#replicas.needed.map((node) => this.#followers.get(node)?.seq);
    const seq = committedSeq(this.#log.durableSeq, others);
    const before = this.#acknowledgements.committed;
    this.#acknowledgements.commit(seq, this.#log.durableSeq);
    if (seq > before && this.phase !== "reconciling") this.#ports.committed(this.slot);
    if (this.phase !== "reconciling" || this.#base === undefined || seq < this.#base.seq) return;
    this.phase = "serving";
    this.#ports.log.debug("slot.served", {
      slot: this.slot,
      epoch: this.epoch,
      inSync: this.record.inSync.length,
      seq,
    });
    this.#served?.resolve();
    this.#ports.committed(this.slot);
  }

  // --- changes of the replica set ------------------------------------------------------------------------------------

  #work(): void {
    if (this.#replicas.isUndecided || this.phase === "ended" || this.phase === "handing") return;
    if (this.#replicas.isSettled && this.phase === "serving" && this.record.inSync.length >= this.#ports.minInSync()) {
      let isWell = true;
      for (const follower of this.followers.values()) {
        const { failing, slow } = this.#viewOf(follower);
        isWell &&= !failing && !slow;
      }
      if (isWell) return;
    }
    const views = new Map([...this.followers].map(([node, follower]) => [node, this.#viewOf(follower)]));
    const proposal = nextProposal(this.record, views, this.#ports.minInSync());
    if (proposal !== undefined) {
      this.#ports.log.debug("slot.replicas.change", { slot: this.slot, epoch: this.epoch, ...proposal });
      this.#replicas.propose(proposal);
      return;
    }
    for (const follower of this.followers.values()) {
      const copies = follower.mayTransfer && !this.record.inSync.includes(follower.node);
      if (copies && this.#base !== undefined) this.#transfers.begin(follower);
    }
    if (this.phase !== "serving") return;
    if (this.record.inSync.length < this.#ports.minInSync()) {
      this.end(
        failure("NOT_IN_SYNC", { slot: this.slot, inSync: this.record.inSync, minInSync: this.#ports.minInSync() }),
      );
      return;
    }
    const target = handOverTo(this.record, views);
    if (target === undefined || this.#ports.clock.monotonicMs() < this.#handOverAfterMs) return;
    if (this.#ports.mayHandOver(this.slot, target)) void this.#handOver(target);
  }

  /** Takes in the outcome of a compare-and-set. */
  #answered(row: SlotRow | undefined): void {
    if (row) {
      this.#ports.table.learn(row);
      this.learned(row);
    } else this.end(failure("SLOT_UNAVAILABLE", { slot: this.slot, because: "its record is gone" }));
  }

  // --- moving --------------------------------------------------------------------------------------------------------

  async #handOver(to: NodeId, want: SlotRecord["want"] = this.record.want): Promise<void> {
    const { drain, resume, log, meter, clock, limits, directory } = this.#ports;
    this.phase = "draining";
    // Without the directory nothing can be handed over, and the slot would be silent for nothing.
    const answers = await readSlot(directory, this.slot).then(
      () => true,
      () => false,
    );
    if (this.phase !== "draining") return;
    if (!answers) return this.#handOverLater();
    const startedMs = clock.monotonicMs();
    const undrained = await drain(this.slot, limits.drainTimeoutMs).catch((error: unknown) => failureOf(error));
    if (this.phase !== "draining") return;
    // The set may have changed while the slot drained.
    const follower = this.#followers.get(to);
    const ready =
      undrained === undefined &&
      !this.#replicas.isUndecided &&
      this.#acknowledgements.open === 0 &&
      follower !== undefined &&
      this.record.inSync.includes(to) &&
      this.#viewOf(follower).caughtUp;
    if (!ready) {
      log.warn("slot.drain.failed", { slot: this.slot, error: undrained });
      this.phase = "serving";
      resume(this.slot);
      return;
    }
    this.phase = "handing";
    const outcome = await this.#replicas.giveUp({ owner: to, ...(want && { want }) });
    if (outcome === "unasked") {
      if (this.phase !== "handing") return;
      resume(this.slot);
      return this.#handOverLater();
    }
    meter.observeMs("hand_over", clock.monotonicMs() - startedMs);
  }

  /** The directory could not be asked: the slot is served on, and handed over when it can. */
  #handOverLater(): void {
    const { clock, limits } = this.#ports;
    this.phase = "serving";
    this.#handOverAfterMs = clock.monotonicMs() + limits.handOverRetryMs;
  }

  /** A copy says that it knows a later epoch. One that is needed for nothing is not believed. */
  #fencedAt(copy: NodeId, fence: number): void {
    if (this.#replicas.needed.includes(copy)) this.#fenced(fence);
  }

  #fenced(fence: number): void {
    if (!(fence > this.epoch)) return;
    this.end(failure("FENCED", { slot: this.slot, epoch: this.epoch, fence }));
  }

  #gone(): Failure {
    return failure("FENCED", { slot: this.slot, epoch: this.epoch });
  }
}
