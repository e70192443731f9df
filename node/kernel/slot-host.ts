/** One slot while this node serves it: holds its actors, keeps its log short.
 *
 *      closed ──► opening ──► open ◄──► draining          open: `Slots` gave a log; draining: it is about to move
 *        ▲           │          │
 *        │           ▼          ▼
 *        ├──────── another node owns it (MOVED)           no retry: whoever sends looks for the owner
 *        ├──────── nobody is known to (DIRECTORY_AWAY)    the same
 *        └──(backoff)── failed                            no epoch, no disk, no quorum
 *                       quarantined                       damaged data: waits for `serve` or an operator
 *
 *  Whether this node may serve the slot, and under which epoch, is the business of `Slots`. When a log ends, for whatever
 *  reason, every activation of the slot is thrown away: what the log holds is what happened. */
import {
  assert,
  failure,
  PlexusError,
  type ActorId,
  type DeadLetter,
  type Failure,
  type SlotId,
} from "../../protocols/index.ts";
import type { AnyBehavior } from "../../actors/behavior.ts";
import { backoffMs } from "../backoff.ts";
import type { Clock, NodeId } from "../ports.ts";
import type { SideOp } from "../storage/index.ts";
import { Activation, type Home, type Surroundings } from "./activation.ts";
import type { ServedLog, Slots, SplitOff } from "./api.ts";
import type { Envelope } from "./mailbox.ts";
import { DeadLetters, type StoredLetter } from "./letters.ts";
import type { Reminders } from "./reminders.ts";

/** Actors whose snapshots are looked up at a time, for a listing. */
const storedActorsPerRead = 256;
/** Actors that a line of the log names of those that are not of the slot. */
const foreignNamedMax = 8;

interface Quarantine {
  readonly atMs: number;
  readonly reason: string;
}

export type SlotStatus = "closed" | "opening" | "open" | "failed" | "quarantined";

export interface SlotPorts {
  readonly slots: Slots;
  readonly reminders: Reminders;
  readonly around: Surroundings;
  knows(actor: ActorId): boolean;
  behaviorOf(actor: ActorId): AnyBehavior;
  /** Whether an actor belongs to a slot, as far as this node knows: it may have been given one of its own. None of a kind that
   *  this node does not know does. */
  isOf(actor: ActorId, slot: SlotId): boolean;
  /** Whether one more actor may come into memory. */
  hasRoom(): boolean;
  /** Called when an activation enters or leaves memory. */
  entered(activation: Activation): void;
  left(activation: Activation): void;
  /** Another node owns the slot, or none yet: nothing of it is left here. */
  closed(host: SlotHost): void;
}

export class SlotHost implements Home {
  readonly slot: SlotId;
  status: SlotStatus = "closed";
  /** Turns taken since somebody last looked. */
  turns = 0;
  readonly activations = new Map<ActorId, Activation>();
  /** Why it is not served, as askers are told. */
  reason: Failure | undefined;
  /** The same for the operator, files included. */
  cause: Failure | undefined;
  #log: ServedLog | undefined;
  /** Counts openings, so that the end of an earlier log does not end a later one. */
  #life = 0;
  #draining = false;
  #snapshotsUnderWay = 0;
  /** Actors that have left, and of which the log still has to drop what it holds. */
  #dropping = 0;
  readonly #ports: SlotPorts;
  #waiting: Envelope[] = [];
  #opened: Promise<void> | undefined;
  #retryAtMs = 0;
  #failures = 0;
  readonly #pending = new Set<ActorId>();
  readonly #quarantined = new Map<ActorId, Quarantine>();
  readonly #letters: DeadLetters;
  #compacting = false;
  #compactBeyond = { entries: 0, bytes: 0 };

  constructor(slot: SlotId, ports: SlotPorts) {
    this.slot = slot;
    this.#ports = ports;
    this.#letters = new DeadLetters(ports.around.limits);
  }

  get epoch(): number {
    return this.#log?.epoch ?? 0;
  }

  get paused(): boolean {
    return this.#draining;
  }

  get alone(): boolean {
    return this.#log?.alone ?? false;
  }

  /** Turns and appends of all its actors have come to an end. */
  get #flushed(): boolean {
    if (this.#compacting || this.#dropping > 0) return false;
    for (const activation of this.activations.values()) if (!activation.flushed) return false;
    return true;
  }

  /** Makes the slot ready if it can be. Never rejects: `status` and `reason` say what came of it. */
  open(): Promise<void> {
    if (this.status === "open" || this.status === "quarantined") return Promise.resolve();
    if (this.status === "failed" && this.#ports.around.clock.monotonicMs() < this.#retryAtMs) return Promise.resolve();
    this.status = "opening";
    this.#opened ??= this.#take().finally(() => (this.#opened = undefined));
    return this.#opened;
  }

  /** Hands a message to its actor, bringing the actor into memory when needed. */
  deliver(envelope: Envelope): void {
    const { limits } = this.#ports.around;
    const uncommitted = this.#log?.uncommitted ?? 0;
    // Invariant 7: nothing overtakes what waited for the slot to open.
    if (uncommitted >= limits.slotUncommittedMax && !envelope.signal) {
      this.#ports.around.turnAway(envelope, failure("OVERLOADED", { slotUncommittedMax: limits.slotUncommittedMax }));
    } else if (this.status === "open" && !this.#draining && this.#waiting.length === 0) {
      this.#deliverOpen(envelope);
    } else if (this.status === "quarantined") {
      this.#ports.around.refuse(envelope, this.reason ?? failure("SLOT_UNAVAILABLE", { slot: this.slot }));
    } else if (this.#waiting.length >= limits.slotWaitersMax) {
      this.#ports.around.turnAway(envelope, failure("OVERLOADED", { slotWaitersMax: limits.slotWaitersMax }));
    } else {
      this.#waiting.push(envelope);
      if (!this.#draining) void this.open().then(() => this.#flushWaiting());
    }
  }

  /** Tries to serve the slot now, whatever came of earlier tries. */
  serve(): Promise<void> {
    if (this.status === "failed" || this.status === "quarantined") {
      this.status = "closed";
      this.reason = undefined;
      this.cause = undefined;
    }
    return this.open();
  }

  /** Shortens what the next owner has to read, then stops taking turns and waits until nothing is on its way to the disk
   *  or waits to leave; messages queue. Goes on, and rejects with SLOT_UNAVAILABLE, when that takes longer than `deadlineMs` or the slot ends meanwhile. */
  async drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#ports.around;
    const endMs = clock.monotonicMs() + deadlineMs;
    await this.#opened;
    const life = this.#life;
    if (this.status !== "open") return;
    // Turns go on meanwhile: an actor with a long history would else be silent until the next owner has folded it.
    for (const activation of this.activations.values())
      if (activation.tailEntries > this.#ports.around.limits.drainTailMax) activation.snapshot();
    if (this.#snapshotsUnderWay > 0)
      await until(clock, endMs, () => this.#life !== life || this.#snapshotsUnderWay === 0);
    if (this.#life !== life) return;
    this.#draining = true;
    await until(clock, endMs, () => this.#life !== life || this.#flushed);
    if (this.#life === life && this.#draining && this.#flushed) return;
    if (this.#life === life) this.resume();
    throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: this.slot, because: "it could not be drained in time" }));
  }

  /** Ends a drain: turns are taken again. */
  resume(): void {
    if (!this.#draining) return;
    this.#draining = false;
    for (const activation of this.activations.values()) activation.goOn();
    this.#flushWaiting();
  }

  /** Gives an actor a slot of its own; its messages wait and then look for it there. Returns the owner of that slot, which is
   *  `to` if that node has a copy. */
  async split(
    actor: ActorId,
    { to, deadlineMs }: { readonly to?: NodeId; readonly deadlineMs: number },
  ): Promise<NodeId> {
    const { clock } = this.#ports.around;
    const log = this.#openLog();
    const endMs = clock.monotonicMs() + deadlineMs;
    const activation = this.activate(actor);
    if (activation.held)
      throw new PlexusError(failure("SLOT_UNAVAILABLE", { actor, because: "it is being given a slot of its own" }));
    activation.held = true;
    let left: SplitOff;
    try {
      const ready = (): boolean => activation.status === "active" || activation.status === "quarantined";
      await until(clock, endMs, () => this.#log !== log || (ready() && activation.flushed));
      // A slot that drains appends nothing.
      const can = this.#log === log && !this.#draining && ready() && activation.flushed && activation.snapshot();
      if (!can)
        throw new PlexusError(failure("SLOT_UNAVAILABLE", { actor, because: "the actor does not come to rest" }));
      left = await log.split(actor, to);
    } catch (error) {
      activation.held = false;
      activation.goOn();
      throw error;
    }
    if (this.#log !== log) return left.owner;
    this.#dropping += 1;
    void left.dropped.then(() => (this.#dropping -= 1));
    this.#pending.delete(actor);
    this.#letters.delete(actor);
    this.#quarantined.delete(actor);
    this.#ports.reminders.dropActor(this.slot, actor);
    this.#remove(activation);
    activation.close(failure("MOVED", { slot: actor }));
    this.left(actor);
    return left.owner;
  }

  /** An actor has a slot of its own. Invariant 7: what waits here for it goes there now, and not after what is sent there from
   *  now on. While it is in memory here, its mailbox comes first: that ends with the slot, or at the end of `split`. */
  left(actor: ActorId): void {
    if (this.activations.has(actor) || this.#waiting.length === 0) return;
    const { refuse } = this.#ports.around;
    const gone = this.#waiting.filter(({ to }) => to === actor);
    this.#waiting = this.#waiting.filter(({ to }) => to !== actor);
    for (const envelope of gone) refuse(envelope, failure("MOVED", { slot: actor }));
  }

  /** The activation of an actor, brought into memory when absent. */
  activate(actor: ActorId): Activation {
    const present = this.activations.get(actor);
    if (present) return present;
    const activation = new Activation(actor, this.#ports.behaviorOf(actor), this, this.#ports.around);
    this.activations.set(actor, activation);
    this.#ports.entered(activation);
    void activation.load();
    return activation;
  }

  /** Takes an idle actor out of memory, its state into a snapshot. */
  passivate(activation: Activation): void {
    assert(activation.idle, "only an idle actor is passivated");
    activation.snapshot();
    this.#remove(activation);
  }

  /** Messages wait for the slot to open. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Turns since the last call, and the actor that took most of them. */
  takeLoad(): { turns: number; busiest?: { actor: ActorId; turns: number } } {
    const { turns } = this;
    this.turns = 0;
    let busiest: { actor: ActorId; turns: number } | undefined;
    for (const activation of this.activations.values()) {
      if (activation.turns > (busiest?.turns ?? 0)) busiest = { actor: activation.id, turns: activation.turns };
      activation.turns = 0;
    }
    return busiest === undefined ? { turns } : { turns, busiest };
  }

  /** For good: the slot does not try to open again. */
  stop(error: Failure): void {
    this.status = "quarantined";
    this.reason = error;
    this.#close(error);
  }

  /** Ends all activations: the slot is no longer served here. */
  #close(error: Failure): void {
    this.#life += 1;
    this.#log = undefined;
    this.#draining = false;
    for (const activation of this.activations.values()) {
      this.#remove(activation);
      activation.close(error);
    }
    this.#ports.reminders.dropSlot(this.slot);
    for (const envelope of this.#waiting.splice(0)) this.#ports.around.refuse(envelope, error);
  }

  // --- what an operator sees and does --------------------------------------------------------------------------------

  /** Every actor of the slot with `from` ≤ id < `to`, in order: in memory, in the log and, if `stored`, in a snapshot. */
  async *actors({ from, to, stored }: { from: string; to: string; stored: boolean }): AsyncGenerator<ActorId> {
    const tails = this.#log?.actorsWithTail() ?? [];
    const known = [...new Set([...this.activations.keys(), ...this.#quarantined.keys(), ...tails])]
      .filter((actor) => actor >= from && actor < to)
      .sort();
    let at = 0;
    let gte = from;
    for (let more = stored; more;) {
      const page = (await this.#log?.actorsWithSnapshot({ from: gte, to, limit: storedActorsPerRead })) ?? [];
      for (const actor of page) {
        for (; (known[at] ?? to) < actor; at += 1) yield known[at] as ActorId;
        if (known[at] === actor) at += 1;
        yield actor;
      }
      gte = `${page.at(-1)}\0`;
      more = page.length === storedActorsPerRead;
    }
    yield* known.slice(at);
  }

  deadLetters(actor: ActorId): DeadLetter[] {
    return this.#letters.shown(actor);
  }

  quarantineOf(actor: ActorId): Quarantine | undefined {
    return this.#quarantined.get(actor);
  }

  get quarantinedCount(): number {
    return this.#quarantined.size;
  }

  /** Ends a quarantine durably. With `redeliver` the dead letters nobody was answered for are handled again, in order;
   *  each stays a dead letter until the turn that handles it is durable. Error: APPEND_FAILED. */
  release(actor: ActorId, redeliver: boolean): Promise<{ readonly redelivered: number }> {
    const log = this.#log;
    assert(log !== undefined && this.status === "open", "a slot is open when an actor is released");
    const letters = this.#letters.of(actor);
    const again = redeliver ? letters.filter((letter) => !letter.answered) : [];
    const ended = letters.filter((letter) => !again.includes(letter));
    const side: SideOp[] = [{ space: "quarantine", delete: "since" }];
    for (const letter of ended) side.push(this.letterHandled(actor, letter.id));
    this.#quarantined.delete(actor);
    const atMs = this.#ports.around.clock.nowMs();
    return new Promise((resolve, reject) => {
      log.append({ atMs, actor, events: [], answers: [], side }, (error) => {
        if (error) {
          if (this.#log === log) this.fail(error);
          reject(new PlexusError(error));
          return;
        }
        // Unless it was quarantined anew while this was on its way to the disk.
        const activation = this.#quarantined.has(actor) ? undefined : this.activations.get(actor);
        if (activation?.status === "quarantined") this.#remove(activation);
        for (const letter of again) {
          const { from, message, operation, id } = letter;
          this.#deliverOpen({
            to: actor,
            from: from as Envelope["from"],
            message,
            operation: operation ?? undefined,
            replyTo: undefined,
            chain: [],
            signal: false,
            letter: id,
          });
        }
        if (this.#pending.has(actor)) this.activate(actor);
        resolve({ redelivered: again.length });
      });
    });
  }

  // --- Home: what activations use ------------------------------------------------------------------------------------

  append(...[draft, done]: Parameters<Home["append"]>): ReturnType<Home["append"]> {
    const log = this.#openLog();
    const appended = log.append(draft, done);
    if (!this.#compacting && !this.#draining) this.#compactIfLong(log);
    return appended;
  }

  confirm(done: (error: Failure | undefined) => void): void {
    this.#openLog().confirm(done);
  }

  snapshot(actor: ActorId, seq: number, body: unknown): number {
    const log = this.#openLog();
    this.#snapshotsUnderWay += 1;
    return log.snapshot(actor, seq, body, (error) => {
      this.#snapshotsUnderWay -= 1;
      if (error && this.#log === log) this.fail(error);
    });
  }

  recover(actor: ActorId): ReturnType<Home["recover"]> {
    return this.#openLog().recover(actor);
  }

  readRecords(actor: ActorId, range: Parameters<Home["readRecords"]>[1]): ReturnType<Home["readRecords"]> {
    return this.#openLog().readSide("record", actor, range);
  }

  isMarkedPending(actor: ActorId): boolean {
    return this.#pending.has(actor);
  }

  markPending(actor: ActorId, pending: boolean): void {
    if (pending) this.#pending.add(actor);
    else this.#pending.delete(actor);
  }

  reminderSet(actor: ActorId, id: string, dueMs: number): void {
    this.#ports.reminders.set(this.slot, actor, id, dueMs);
  }

  reminderForgotten(actor: ActorId, id: string): void {
    this.#ports.reminders.forget(actor, id);
  }

  isQuarantined(actor: ActorId): boolean {
    return this.#quarantined.has(actor);
  }

  quarantine(actor: ActorId, reason: string): SideOp {
    const value = { atMs: this.#ports.around.clock.nowMs(), reason };
    this.#quarantined.set(actor, value);
    return { space: "quarantine", put: "since", value };
  }

  bury(actor: ActorId, envelopes: readonly Envelope[], reason: string): SideOp[][] {
    const { clock, meter } = this.#ports.around;
    meter.count("dead_letters", envelopes.length);
    return this.#letters.bury(actor, envelopes, reason, clock.nowMs());
  }

  letterHandled(actor: ActorId, letter: number): SideOp {
    return this.#letters.handled(actor, letter);
  }

  fail(error: Failure): void {
    if (this.status !== "open") return;
    this.#ports.slots.give(this.slot, error);
    this.#end(error);
  }

  /** The slot is served here no more, or could not be. */
  #end(error: Failure): void {
    const { log, clock, limits, meter } = this.#ports.around;
    const { epoch } = this;
    // Nothing of it is here: whoever sends tries again, here or elsewhere.
    if (error.code === "MOVED" || error.code === "DIRECTORY_AWAY") {
      this.status = "closed";
      this.reason = undefined;
      this.cause = undefined;
      this.#failures = 0;
      if (error.code === "MOVED") log.info("slot.moved", { slot: this.slot, epoch, ...error.details });
      this.#close(error);
      this.#ports.closed(this);
      return;
    }
    const damaged = error.code === "DATA_DAMAGED";
    this.status = damaged ? "quarantined" : "failed";
    // Whoever asks learns what and which entry; where the files lie is for the operator: log, status, doctor. A node that is
    // named here is one that was asked for help; by that name who asks would take it for the one that has the slot. Where the details say why (`because`), that
    // says more than the code; those of damage never do.
    const { file: _file, node: _node, ...shown } = error.details ?? {};
    this.reason = failure("SLOT_UNAVAILABLE", { slot: this.slot, because: error.code, ...shown });
    this.cause = error;
    const delayMs = backoffMs(this.#failures, { firstMs: limits.slotRetryMs, maxMs: limits.slotRetryMaxMs });
    this.#failures += 1;
    this.#retryAtMs = clock.monotonicMs() + delayMs;
    log.error(damaged ? "slot.quarantined" : "slot.failed", { slot: this.slot, epoch, ...error });
    meter.count("slot_failures", 1, { code: error.code });
    this.#close(this.reason);
    // Actors with pending work must come back without waiting for a message.
    if (!damaged) clock.after(delayMs + 1, () => this.status === "failed" && void this.open());
  }

  // --- opening -------------------------------------------------------------------------------------------------------

  async #take(): Promise<void> {
    const { slots, around, reminders } = this.#ports;
    const life = (this.#life += 1);
    let over: Failure | undefined;
    try {
      const log = await slots.open(this.slot, (error) => {
        over = error;
        if (this.#life === life && this.status === "open") this.#end(error);
      });
      const [marked, quarantined, letters, reminded] = await Promise.all([
        log.readSpace("wake"),
        log.readSpace("quarantine"),
        log.readSpace("dead"),
        log.readSpace("reminder"),
      ]);
      if (this.status !== "opening" || this.#life !== life) return; // stopped meanwhile
      if (over !== undefined) throw new PlexusError(over);
      const foreign = new Set<ActorId>();
      const own = <Row extends { readonly actor: ActorId }>(rows: readonly Row[]): readonly Row[] =>
        rows.filter(({ actor }) => {
          const isOwn = this.#ports.isOf(actor, this.slot);
          if (!isOwn) foreign.add(actor);
          return isOwn;
        });
      this.#pending.clear();
      this.#quarantined.clear();
      for (const { actor } of own(marked)) this.#pending.add(actor);
      for (const { actor, value } of own(quarantined)) this.#quarantined.set(actor, value as Quarantine);
      this.#letters.load(own(letters).map(({ actor, value }) => ({ actor, letter: value as StoredLetter })));
      this.#log = log;
      this.status = "open";
      this.reason = undefined;
      this.cause = undefined;
      this.#failures = 0;
      for (const { actor, key, value } of own(reminded)) reminders.set(this.slot, actor, key, value as number);
      for (const actor of this.#pending) this.activate(actor);
      this.#warnOfForeign(foreign);
      around.log.debug("slot.opened", { slot: this.slot, epoch: log.epoch, entries: log.length });
    } catch (error) {
      if (this.status !== "opening" || this.#life !== life) return;
      const reason = error instanceof PlexusError ? error.failure : failure("APPEND_FAILED", { reason: String(error) });
      // What was opened and cannot be read is no use to anybody.
      if (reason.code === "DATA_DAMAGED") slots.give(this.slot, reason);
      this.#end(reason);
    }
  }

  /** Rows of actors that are not of this slot do nothing: an actor that has left has them where it is now, and any other was
   *  put here by an owner that had no right to. */
  #warnOfForeign(actors: ReadonlySet<ActorId>): void {
    const { log } = this.#ports.around;
    const known: ActorId[] = [];
    for (const actor of actors) {
      if (this.#ports.knows(actor)) known.push(actor);
      else log.warn("actor.kind.unknown", { actor });
    }
    if (known.length === 0) return;
    log.warn("slot.actors.foreign", { slot: this.slot, count: known.length, actors: known.slice(0, foreignNamedMax) });
  }

  #flushWaiting(): void {
    if (this.status === "opening" || this.#draining) return;
    const full = new Map<ActorId, Failure>();
    for (const envelope of this.#waiting.splice(0)) {
      if (this.status === "open") this.#deliverOpen(envelope, full);
      else this.#ports.around.refuse(envelope, this.reason ?? failure("SLOT_UNAVAILABLE", { slot: this.slot }));
    }
  }

  /** `full`: actors that had no room for something that waited before this; they have none for anything younger. */
  #deliverOpen(envelope: Envelope, full?: Map<ActorId, Failure>): void {
    const { node, limits, schedule, meter } = this.#ports.around;
    const { epoch } = this;
    if (envelope.epoch !== undefined && envelope.epoch < epoch) {
      this.#ports.around.refuse(envelope, failure("MOVED", { slot: this.slot, owner: node, epoch }));
      return;
    }
    // What its sender knows this node will hear, too. Whoever was told of an epoch and asks what it began with must not be
    // answered by the one before.
    if (envelope.epoch !== undefined && envelope.epoch > epoch) {
      const because = "a later epoch has begun";
      this.#ports.around.refuse(envelope, failure("SLOT_UNAVAILABLE", { slot: this.slot, because }));
      return;
    }
    if (!this.activations.has(envelope.to)) {
      // It was when the message came; but that has waited, and the actor was given a slot of its own meanwhile.
      if (!this.#ports.isOf(envelope.to, this.slot)) {
        this.#ports.around.refuse(envelope, failure("MOVED", { slot: envelope.to }));
        return;
      }
      const noRoom = full?.get(envelope.to);
      if (noRoom !== undefined || !this.#ports.hasRoom()) {
        const error = noRoom ?? failure("OVERLOADED", { activationsMax: limits.activationsMax });
        full?.set(envelope.to, error);
        this.#ports.around.turnAway(envelope, error);
        return;
      }
    }
    const activation = this.activate(envelope.to);
    if (activation.status === "quarantined") {
      activation.refuseQuarantined(envelope);
    } else if (activation.mailbox.messages >= limits.mailboxMessagesMax) {
      meter.count("mailbox_full");
      this.#ports.around.turnAway(
        envelope,
        failure("MAILBOX_FULL", { actor: envelope.to, mailboxMessagesMax: limits.mailboxMessagesMax }),
      );
    } else {
      activation.mailbox.push(envelope);
      schedule(activation);
    }
  }

  #remove(activation: Activation): void {
    if (this.activations.get(activation.id) !== activation) return;
    this.activations.delete(activation.id);
    this.#ports.left(activation);
  }

  #openLog(): ServedLog {
    assert(this.#log !== undefined, "a slot with activations has a log");
    return this.#log;
  }

  // --- keeping the log short -----------------------------------------------------------------------------------------

  #compactIfLong(log: ServedLog): void {
    const { logWindowEntries, logSlackEntries, logBytesMax } = this.#ports.around.limits;
    const long = log.length > Math.max(logWindowEntries + logSlackEntries, this.#compactBeyond.entries);
    const large = log.bytes > Math.max(logBytesMax, this.#compactBeyond.bytes);
    if (!long && !large) return;
    this.#compacting = true;
    const finished = (): void => {
      this.#compacting = false;
      // When something held the trim back, the log grows by another slack before the next try.
      this.#compactBeyond = { entries: log.length + logSlackEntries, bytes: log.bytes + logBytesMax / 4 };
    };
    this.#compact(log, log.trimPoint({ entries: logWindowEntries, bytes: logBytesMax / 2 })).then(
      finished,
      (error: unknown) => {
        this.#ports.around.log.error("slot.compaction.failed", { slot: this.slot, error });
        finished();
      },
    );
  }

  /** Snapshots every actor that still needs entries up to `throughSeq`, then drops them. */
  async #compact(log: ServedLog, throughSeq: number): Promise<void> {
    let through = throughSeq;
    for (const actor of log.actorsBelow(throughSeq)) {
      if (this.#draining || this.#log !== log) return;
      const present = this.activations.has(actor);
      if (!present && !this.#ports.isOf(actor, this.slot)) {
        if (!(await this.#carryOver(log, actor))) through = Math.min(through, log.firstNeeded(actor) - 1);
        continue;
      }
      const room = present || this.#ports.hasRoom();
      const activation = room ? this.activate(actor) : undefined;
      if (activation?.status === "loading") await this.#untilLoaded(activation);
      if (this.status !== "open" || this.#log !== log) return; // it ended meanwhile
      // No room, a history that cannot be folded, or a split under way, whose entry no snapshot has: the actor keeps its
      // entries, and the log its length, for now.
      if (activation?.held === true || !activation?.snapshot()) through = Math.min(through, log.firstNeeded(actor) - 1);
    }
    if (this.#draining || this.#log !== log) return;
    await new Promise<void>((resolve) => {
      log.trim(through, (error) => {
        if (error && this.#log === log) this.fail(error);
        resolve();
      });
    });
  }

  /** For an actor that is not of this slot: where it belongs it may be in memory, so it is not brought there here. Its snapshot
   *  is stored anew after entries that have changed nothing, as those are with which it has left. False: others need it to
   *  be folded. */
  async #carryOver(log: ServedLog, actor: ActorId): Promise<boolean> {
    const { snapshot, entries } = await log.recover(actor);
    const last = entries.at(-1);
    if (last === undefined) return true;
    const changes = entries.some(({ events, answers }) => events.length > 0 || answers.length > 0);
    if (snapshot === undefined || changes || this.#draining || this.#log !== log) return false;
    this.snapshot(actor, last.seq, snapshot.body);
    return true;
  }

  #untilLoaded(activation: Activation): Promise<void> {
    return until(this.#ports.around.clock, Infinity, () => activation.status !== "loading" || this.#draining);
  }
}

/** Resolves when something has come about, or at a moment of the monotonic clock: looks every millisecond. */
export function until(clock: Clock, endMs: number, done: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (done() || clock.monotonicMs() >= endMs) resolve();
      else clock.after(1, look);
    };
    look();
  });
}
