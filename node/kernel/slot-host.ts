/** One slot while this node serves it: holds its log, its actors and what is remembered beside them.
 *
 *      closed ──► opening ──► open ◄──► draining          open: `Slots` gave a log; draining: it is about to move
 *        ▲           │          │
 *        │           ▼          ▼
 *        ├──────── another node owns it (MOVED)           no retry: senders look for the owner
 *        ├──────── no owner is known (DIRECTORY_AWAY)    the same
 *        └──(backoff)── failed                            no epoch, no disk, no quorum
 *                       quarantined                       damaged data: waits for `serve` or an operator
 *
 *  Whether this node may serve the slot, and under which epoch, is the business of `Slots`. When a log ends, for
 *  whatever reason, every activation of the slot is thrown away: what the log holds is what happened.
 *
 *  How messages come in is `intake.ts`, what becomes of a long log `compaction.ts`, how an actor leaves `split.ts`. */
import { assert, failure, PlexusError, type ActorId, type Failure, type SlotId } from "../../protocols/index.ts";
import type { AnyBehavior } from "../../actors/behavior.ts";
import { backoffMs } from "../waiting.ts";
import type { NodeId } from "../ports/index.ts";
import { Activation, type ActivationServices } from "./activation.ts";
import type { ServedLog, Slots } from "./api.ts";
import { Compaction } from "./compaction.ts";
import { Conditions } from "./condition.ts";
import { Intake } from "./intake.ts";
import type { Envelope } from "./mailbox.ts";
import { Quarantines } from "./quarantine.ts";
import type { Reminders } from "./reminders.ts";
import type { ServedSlot, SlotStatus } from "./served-slot.ts";
import { splitOff } from "./split.ts";

/** Actors that a line of the log names of those that are not of the slot. */
const foreignNamedMax = 8;

interface SlotPorts {
  readonly slots: Slots;
  readonly reminders: Reminders;
  readonly services: ActivationServices;
  knows(actor: ActorId): boolean;
  behaviorOf(actor: ActorId): AnyBehavior;
  /** Whether an actor belongs to a slot, as far as this node knows: it may have been given one of its own. None of a
   *  kind that this node does not know does. */
  isOf(actor: ActorId, slot: SlotId): boolean;
  /** Whether one more actor may come into memory. */
  hasRoom(): boolean;
  /** Called when an activation enters or leaves memory. */
  entered(activation: Activation): void;
  left(activation: Activation): void;
  /** Another node owns the slot, or none yet: nothing of it is left here. */
  closed(host: SlotHost): void;
}

export class SlotHost implements ServedSlot {
  readonly slot: SlotId;
  status: SlotStatus = "closed";
  /** Turns taken since the load was last asked for. */
  turns = 0;
  readonly activations = new Map<ActorId, Activation>();
  /** Why it is not served, as askers are told. */
  reason: Failure | undefined;
  /** The same for the operator, files included. */
  cause: Failure | undefined;
  readonly intake: Intake;
  readonly quarantines: Quarantines;
  readonly pending = new Set<ActorId>();
  readonly reminders: Reminders;
  #log: ServedLog | undefined;
  /** Counts openings, so that the end of an earlier log does not end a later one. */
  #incarnation = 0;
  #lastEpoch = 0;
  #draining = false;
  #snapshotsUnderWay = 0;
  /** Actors that have left, and whose rows the log still has to drop. */
  #dropping = 0;
  readonly #ports: SlotPorts;
  #opened: Promise<void> | undefined;
  #retryAtMs = 0;
  #failures = 0;
  readonly #compaction: Compaction;
  readonly #conditions: Conditions;

  constructor(slot: SlotId, ports: SlotPorts) {
    const { services } = ports;
    this.slot = slot;
    this.#ports = ports;
    this.reminders = ports.reminders;
    this.quarantines = new Quarantines(services.limits);
    this.intake = new Intake(this, services);
    this.#compaction = new Compaction(this, services.log, services.limits);
    this.#conditions = new Conditions(services.clock);
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

  get uncommitted(): number {
    return this.#log?.uncommitted ?? 0;
  }

  /** Absent when the slot is not open. */
  get log(): ServedLog | undefined {
    return this.#log;
  }

  /** This is still the log of the slot. */
  serves(log: ServedLog): boolean {
    return this.#log === log;
  }

  isOf(actor: ActorId): boolean {
    return this.#ports.isOf(actor, this.slot);
  }

  hasRoom(): boolean {
    return this.#ports.hasRoom();
  }

  changed(): void {
    this.#conditions.changed();
    this.#ports.services.changed();
  }

  /** Turns and appends of all its actors have come to an end. */
  get #flushed(): boolean {
    if (this.#compaction.running || this.#dropping > 0) return false;
    for (const activation of this.activations.values()) if (!activation.flushed) return false;
    return true;
  }

  /** Makes the slot ready if it can be. Never rejects: `status` and `reason` tell the outcome. */
  open(): Promise<void> {
    if (this.status === "open" || this.status === "quarantined") return Promise.resolve();
    if (this.status === "failed" && this.#ports.services.clock.monotonicMs() < this.#retryAtMs)
      return Promise.resolve();
    this.status = "opening";
    this.#opened ??= this.#acquire().finally(() => (this.#opened = undefined));
    return this.#opened;
  }

  deliver(envelope: Envelope): void {
    this.intake.deliver(envelope);
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

  /** Shortens what the next owner has to read, then stops taking turns and waits until nothing is on its way to the
   *  disk or waits to leave; messages queue. Goes on, and rejects with SLOT_UNAVAILABLE, when that takes longer than
   *  `deadlineMs` or the slot ends meanwhile. */
  async drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#ports.services;
    const endMs = clock.monotonicMs() + deadlineMs;
    await this.#opened;
    const incarnation = this.#incarnation;
    const ended = (): boolean => this.#incarnation !== incarnation;
    if (this.status !== "open") return;
    // Turns go on meanwhile: an actor with a long history would else be silent until the next owner has folded it.
    for (const activation of this.activations.values())
      if (activation.tailEntries > this.#ports.services.limits.drainTailMax) activation.snapshot();
    if (this.#snapshotsUnderWay > 0)
      await this.#conditions.until(endMs, () => ended() || this.#snapshotsUnderWay === 0);
    if (ended()) return;
    this.#draining = true;
    this.changed();
    await this.#conditions.until(endMs, () => ended() || this.#flushed);
    if (!ended() && this.#draining && this.#flushed) return;
    if (!ended()) this.resume();
    throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: this.slot, because: "it could not be drained in time" }));
  }

  /** Ends a drain: turns are taken again. */
  resume(): void {
    if (!this.#draining) return;
    this.#draining = false;
    for (const activation of this.activations.values()) activation.goOn();
    this.intake.flush();
  }

  /** Gives an actor a slot of its own; its messages wait and then look for it there. Returns the owner of that slot,
   *  which is `to` if that node has a copy. */
  async split(
    actor: ActorId,
    { to, deadlineMs }: { readonly to?: NodeId; readonly deadlineMs: number },
  ): Promise<NodeId> {
    const log = this.#openLog();
    const endMs = this.#ports.services.clock.monotonicMs() + deadlineMs;
    const { activation, left } = await splitOff(this, log, actor, { to, endMs, conditions: this.#conditions });
    if (!this.serves(log)) return left.owner;
    this.#dropping += 1;
    void left.dropped.then(() => {
      this.#dropping -= 1;
      this.changed();
    });
    this.pending.delete(actor);
    this.quarantines.left(actor);
    this.reminders.dropActor(this.slot, actor);
    this.#remove(activation);
    activation.close(failure("MOVED", { slot: actor }));
    this.intake.left(actor);
    return left.owner;
  }

  /** The activation of an actor, brought into memory when absent. */
  activate(actor: ActorId): Activation {
    const present = this.activations.get(actor);
    if (present) return present;
    const activation = new Activation(actor, this.#ports.behaviorOf(actor), this, this.#ports.services);
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
    this.#incarnation += 1;
    this.#log = undefined;
    this.#draining = false;
    for (const activation of this.activations.values()) {
      this.#remove(activation);
      activation.close(error);
    }
    this.reminders.dropSlot(this.slot);
    this.intake.close(error);
    this.changed();
  }

  /** Ends a quarantine durably. With `redeliver` the dead letters whose senders were not answered are handled again, in
   *  order; each stays a dead letter until the turn that handles it is durable. Error: APPEND_FAILED. */
  release(actor: ActorId, redeliver: boolean): Promise<{ readonly redelivered: number }> {
    const log = this.#log;
    assert(log !== undefined && this.status === "open", "a slot is open when an actor is released");
    if (this.activations.get(actor)?.splitting === true) {
      const because = "it is being given a slot of its own";
      return Promise.reject(new PlexusError(failure("SLOT_UNAVAILABLE", { actor, because })));
    }
    const { side, again } = this.quarantines.end(actor, redeliver);
    const atMs = this.#ports.services.clock.nowMs();
    return new Promise((resolve, reject) => {
      log.append({ atMs, actor, events: [], answers: [], side }, (error) => {
        if (error) {
          if (this.#log === log) this.fail(error);
          reject(new PlexusError(error));
          return;
        }
        // Unless it was quarantined anew while this was on its way to the disk.
        const activation = this.quarantines.of(actor) ? undefined : this.activations.get(actor);
        if (activation?.status === "quarantined") this.#remove(activation);
        for (const redelivery of again) this.intake.admit(redelivery);
        if (this.pending.has(actor)) this.activate(actor);
        resolve({ redelivered: again.length });
      });
    });
  }

  // --- for activations -----------------------------------------------------------------------------------------------

  append(...[draft, done, trace]: Parameters<ServedSlot["append"]>): ReturnType<ServedSlot["append"]> {
    const log = this.#openLog();
    const appended = log.append(draft, done, trace);
    this.#compaction.consider(log);
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
      assert(this.#snapshotsUnderWay >= 0, "a snapshot is done once");
      this.changed();
      if (error && this.#log === log) this.fail(error);
    });
  }

  recover(actor: ActorId): ReturnType<ServedSlot["recover"]> {
    return this.#openLog().recover(actor);
  }

  readRecords(actor: ActorId, range: Parameters<ServedSlot["readRecords"]>[1]): ReturnType<ServedSlot["readRecords"]> {
    return this.#openLog().readSide("record", actor, range);
  }

  /** Resolves when the actor is loaded or cannot be, or when the slot drains. */
  untilLoaded(activation: Activation): Promise<void> {
    return this.#conditions.until(Infinity, () => activation.status !== "loading" || this.#draining);
  }

  fail(error: Failure): void {
    if (this.status !== "open") return;
    this.#ports.slots.give(this.slot, error);
    this.#end(error);
  }

  /** The slot is served here no more, or could not be. */
  #end(error: Failure): void {
    const { log, clock, limits, meter } = this.#ports.services;
    const { epoch } = this;
    // Nothing of it is here: senders try again, here or elsewhere.
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
    // Askers learn the code and the entry; where the files lie is for the operator: log, status, doctor. Where the
    // details say why (`because`), that says more than the code; those of damage never do. A node that is named here
    // was asked for help: under that name the asking node would mistake it for the slot's owner.
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

  async #acquire(): Promise<void> {
    const { slots, services } = this.#ports;
    const incarnation = (this.#incarnation += 1);
    let over: Failure | undefined;
    try {
      const log = await slots.open(this.slot, (error) => {
        over = error;
        if (this.#incarnation === incarnation && this.status === "open") this.#end(error);
      });
      const [marked, quarantined, deadLetters, reminded] = await Promise.all([
        log.readSpace("wake"),
        log.readSpace("quarantine"),
        log.readSpace("dead"),
        log.readSpace("reminder"),
      ]);
      if (this.status !== "opening" || this.#incarnation !== incarnation) return; // stopped meanwhile
      if (over !== undefined) throw new PlexusError(over);
      const foreign = new Set<ActorId>();
      const own = <Row extends { readonly actor: ActorId }>(rows: readonly Row[]): readonly Row[] =>
        rows.filter(({ actor }) => {
          const isOwn = this.isOf(actor);
          if (!isOwn) foreign.add(actor);
          return isOwn;
        });
      this.pending.clear();
      for (const { actor } of own(marked)) this.pending.add(actor);
      this.quarantines.load(own(quarantined), own(deadLetters));
      assert(log.epoch >= this.#lastEpoch, "the epochs of a slot only rise");
      assert(log.durableSeq <= log.lastSeq, "what is durable in a log was appended");
      this.#lastEpoch = log.epoch;
      this.#log = log;
      this.status = "open";
      this.reason = undefined;
      this.cause = undefined;
      this.#failures = 0;
      const rows = own(reminded).map(({ actor, key, value }) => ({ actor, id: key, dueMs: value as number }));
      this.reminders.load(this.slot, rows);
      for (const actor of this.pending) this.activate(actor);
      this.#warnOfForeign(foreign);
      services.log.debug("slot.opened", { slot: this.slot, epoch: log.epoch, entries: log.length });
    } catch (error) {
      if (this.status !== "opening" || this.#incarnation !== incarnation) return;
      const reason = error instanceof PlexusError ? error.failure : failure("APPEND_FAILED", { reason: String(error) });
      // A log that was opened and cannot be read is of no use.
      if (reason.code === "DATA_DAMAGED") slots.give(this.slot, reason);
      this.#end(reason);
    }
  }

  /** Rows of actors that are not of this slot do nothing: an actor that has left has them where it is now, and any
   *  other was put here by an owner that had no right to. */
  #warnOfForeign(actors: ReadonlySet<ActorId>): void {
    const { log } = this.#ports.services;
    const known: ActorId[] = [];
    for (const actor of actors) {
      if (this.#ports.knows(actor)) known.push(actor);
      else log.warn("actor.kind.unknown", { actor });
    }
    if (known.length === 0) return;
    log.warn("slot.actors.foreign", { slot: this.slot, count: known.length, actors: known.slice(0, foreignNamedMax) });
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
}
