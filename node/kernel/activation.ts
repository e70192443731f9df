/** One actor in memory: takes turns, appends what they persist, and lets their outputs leave through the gate.
 *
 *      loading ──► active ──► closed            closed: passivated, moved, or its slot failed
 *         ▲          │  ▲
 *         └ restarting  └── outputs leave through the gate (gate.ts)
 *                    │
 *                    ▼
 *               quarantined                     until an admin releases it
 *
 *  Turns are pipelined: the next one runs on the state of the last while its append is under way. So outputs wait not
 *  only for their own turn's append but for every append their turn could see (rule R2). If an append fails, nothing
 *  that waits leaves, and the activation is thrown away. */
import {
  contained,
  enterContainer,
  failure,
  failureOf,
  leaveContainer,
  ok,
  PlexusError,
  refused,
  type ActorId,
  type Failure,
  type Result,
  traceIdOf,
  type TraceContext,
} from "../../protocols/index.ts";
import type { AnyBehavior, Effect, ReplyTo, Turn } from "../../actors/behavior.ts";
import type { Span } from "../ports/index.ts";
import type { Recovered, SideOp } from "../storage/index.ts";
import { OutputGate } from "./gate.ts";
import { foldState, type SnapshotBody } from "./folding.ts";
import { History } from "./history.ts";
import type { ActivationHost, KernelServices } from "./host.ts";
import { chainOf, Mailbox, waiterOf, type Envelope } from "./mailbox.ts";
import { Operations } from "./operations.ts";
import { isAwaited, Outstanding } from "./outstanding.ts";
import { planTurn, type Output, type Plan } from "./plan.ts";
import { judge } from "./supervision.ts";

type ActivationStatus = "loading" | "active" | "restarting" | "quarantined" | "closed";

/** The services of the kernel for an activation: those of its slot, and the turns of actors in memory. */
export interface ActivationServices extends KernelServices {
  /** Puts the activation in line for turns. */
  readonly schedule: (activation: Activation) => void;
  /** Passivates the activation as soon as it is idle. */
  readonly leave: (activation: Activation) => void;
  /** Passivates it now: it is idle. */
  readonly dismiss: (activation: Activation) => void;
}

export class Activation {
  readonly id: ActorId;
  readonly behavior: AnyBehavior;
  readonly host: ActivationHost;
  readonly mailbox = new Mailbox();
  #status: ActivationStatus = "loading";
  scheduled = false;
  lastActiveMs: number;
  restarts = 0;
  /** It is being given a slot of its own: its messages wait. */
  splitting = false;
  /** Turns taken since the slot's load was last asked for. */
  turns = 0;
  lastError: string | undefined;
  readonly #key: string;
  readonly #services: ActivationServices;
  #state: unknown;
  /** Whether `#state` agrees with the journal; false while loading, and when the history cannot be folded. */
  #folded = false;
  #notes: unknown;
  /** The notes that it began with. */
  #noNotes: unknown;
  /** Rises with each load and with each end: a load or restart that was begun before does nothing any more. */
  #incarnation = 0;
  readonly #gate: OutputGate;
  /** Loading was put off until the slot takes turns again. */
  #loadLater = false;
  /** Loading was put off until every append is durable. */
  #loadWhenFlushed = false;
  /** Above 0 while a turn or its outputs are being carried out: their effects must not passivate this actor. */
  #busy = 0;
  readonly #history: History;
  #failuresAtMs: readonly number[] = [];
  readonly #outstanding: Outstanding;
  readonly #operations: Operations;

  constructor(id: ActorId, behavior: AnyBehavior, host: ActivationHost, services: ActivationServices) {
    this.id = id;
    this.behavior = behavior;
    this.#key = id.slice(behavior.kind.length + 1);
    this.host = host;
    this.#services = services;
    this.#history = new History(id, host, services.limits);
    this.#operations = new Operations(services.limits);
    this.lastActiveMs = services.clock.monotonicMs();
    this.#outstanding = new Outstanding({
      actor: id,
      host,
      services,
      signal: (message, from, chain, trace) => {
        if (this.status === "closed") return;
        this.mailbox.push({ type: "signal", to: id, from, message, chain, trace });
        services.schedule(this);
      },
    });
    this.#gate = new OutputGate({
      alone: () => host.alone,
      confirm: (done) =>
        host.confirm((error) => {
          done(error);
          this.#dismissIfBlank();
          this.#cameToRest();
        }),
      perform: (outputs, chain, trace) => this.#perform(outputs, chain, trace),
      failed: (error) => host.fail(error),
    });
  }

  get status(): ActivationStatus {
    return this.#status;
  }

  #become(status: ActivationStatus): void {
    this.#status = status;
    this.host.changed();
  }

  /** A drain, a split or a stop may wait for this actor to come to rest. */
  #cameToRest(): void {
    if (this.flushed) this.host.changed();
  }

  /** Nothing is under way: it may leave memory without anybody noticing. */
  get idle(): boolean {
    return (
      this.#busy === 0 &&
      !this.splitting &&
      !this.host.paused &&
      this.mailbox.empty &&
      this.flushed &&
      this.#outstanding.none &&
      (this.status === "active" || this.status === "quarantined")
    );
  }

  /** It has something to do and may do it. */
  get ready(): boolean {
    return this.status === "active" && !this.mailbox.empty && !this.splitting && !this.host.paused;
  }

  /** Nothing of it is on its way to the disk or waits to leave. */
  get flushed(): boolean {
    return this.#gate.flushed && this.#gate.empty;
  }

  /** And nothing waits for a turn. Asks and calls may be open. */
  get settled(): boolean {
    const takesTurns = this.status === "active" || this.status === "loading";
    return this.flushed && (this.mailbox.empty || !takesTurns);
  }

  /** See `History`. */
  get storedBytes(): number {
    return this.#history.storedBytes;
  }

  /** See `History`. */
  get tailEntries(): number {
    return this.#history.tailEntries;
  }

  /** Rebuilds the state from snapshot and log, then resumes pending work. */
  async load(): Promise<void> {
    this.#become("loading");
    this.#incarnation += 1;
    const incarnation = this.#incarnation;
    let recovered: Recovered;
    try {
      recovered = await this.host.recover(this.id);
    } catch (error) {
      // A read that fails says nothing about this actor alone: the slot's data cannot be trusted.
      this.host.fail(
        error instanceof PlexusError ? error.failure : failure("SLOT_UNAVAILABLE", { reason: String(error) }),
      );
      return;
    }
    // Closed while the disk answered: the slot failed or the kernel stopped.
    if (this.#incarnation !== incarnation || this.status !== "loading") return;
    // Resuming pending work may append.
    this.#loadLater = this.host.paused;
    if (this.#loadLater) return;
    try {
      this.#fold(recovered);
      if (this.host.quarantines.of(this.id)) {
        this.#enterQuarantine([]);
        return;
      }
      this.#become("active");
      this.#recover();
    } catch (error) {
      if (this.host.quarantines.of(this.id)) this.#enterQuarantine([]);
      else this.#crash(error, undefined);
      return;
    }
    this.#services.schedule(this);
  }

  /** Turns are taken again after a pause. */
  goOn(): void {
    if (this.status === "loading" && this.#loadLater) void this.load();
    else if (this.status === "quarantined" && !this.splitting)
      for (const one of this.mailbox.takeAll()) this.refuseQuarantined(one);
    else this.#services.schedule(this);
  }

  /** Takes one turn. Returns false when there is none to take. */
  turn(): boolean {
    if (!this.ready) return false;
    const envelope = this.mailbox.shift() as Envelope;
    this.turns += 1;
    this.#busy += 1;
    this.#take(envelope);
    this.#busy -= 1;
    this.#dismissIfBlank();
    this.#cameToRest();
    return true;
  }

  /** A caller that may name actors may name any number that never were. An actor of which nothing is written, noted or
   *  counted would be loaded again just as it is: it leaves as soon as it has answered, so that such names take no
   *  memory. */
  #dismissIfBlank(): void {
    const blank = this.#folded && this.#history.empty && this.#notes === this.#noNotes;
    if (blank && this.status === "active" && this.#failuresAtMs.length === 0 && this.idle) this.#services.dismiss(this);
  }

  #take(envelope: Envelope): void {
    this.lastActiveMs = this.#services.clock.monotonicMs();
    const deadLetter = envelope.type === "redelivery" ? envelope.deadLetter : undefined;
    // Released twice, it came twice.
    if (deadLetter !== undefined && !this.host.quarantines.holds(this.id, deadLetter)) return;
    if (envelope.operation !== undefined && this.#repeats(envelope, envelope.operation)) return;
    let plan: Plan;
    const sinceMs = envelope.trace === undefined ? 0 : this.#services.clock.monotonicMs();
    try {
      plan = this.#decide(envelope);
    } catch (error) {
      this.#span(envelope, sinceMs)?.end("ACTOR_CRASHED");
      return this.#crash(error, envelope);
    }
    if (this.#lacksRoom(envelope, plan)) return this.#refuse(envelope, failure("DISK_FULL", { actor: this.id }));
    if (deadLetter !== undefined) plan.side.push(this.host.quarantines.deletion(deadLetter));
    // What a model says comes in many parts: of those only the turns count that write.
    const span = envelope.type !== "signal" || plan.events.length > 0 ? this.#span(envelope, sinceMs) : undefined;
    let wrote: boolean;
    try {
      wrote = this.#append(plan, span?.context);
    } catch (error) {
      span?.end(failureOf(error).code);
      const tooLarge = failureOf(error).code === "TOO_LARGE";
      if (tooLarge && waiterOf(envelope)) this.#refuse(envelope, failureOf(error));
      else this.#crash(error, envelope);
      return;
    }
    if (deadLetter !== undefined) this.host.quarantines.ended(this.id, deadLetter);
    this.#state = plan.state;
    this.#notes = plan.notes;
    this.#trackOperation(envelope, plan);
    this.#gate.leave(plan.outputs, chainOf(envelope), wrote, span?.context ?? envelope.trace);
    span?.end();
    if (plan.stop) this.#services.leave(this);
    if (this.#history.snapshotDue) this.snapshot();
  }

  /** The step of a trace that a turn is; undefined: it is not traced. */
  #span({ trace, message, from }: Envelope, sinceMs: number): Span | undefined {
    if (trace === undefined) return undefined;
    return this.#services.tracer?.under(trace, "turn", { actor: this.id, message: message.type, from }, sinceMs);
  }

  /** Whether the disk has no room for the changes of an ask. An append that fails takes the whole slot away from its
   *  readers, so it is not tried where no other node can take the slot over. Tells and signals go on: they are few, and
   *  there is room left for them. */
  #lacksRoom(envelope: Envelope, plan: Plan): boolean {
    if (envelope.type !== "ask") return false;
    return (plan.events.length > 0 || plan.side.length > 0) && this.#services.diskFull(this.host.slot);
  }

  /** Stores the state as of the last append. Cheap to call again: does nothing when nothing was appended since. False
   *  when there is no state to store. */
  snapshot(): boolean {
    if (!this.#folded) return false;
    this.#history.snapshot((): SnapshotBody => ({ state: this.#state, answers: this.#operations.dump() }));
    return true;
  }

  /** Ends this activation: nothing of it runs or leaves any more. Messages not begun go back with `error`; the senders
   *  of those whose append is under way learn that the outcome is unknown. */
  close(error: Failure): void {
    if (this.status === "closed") return;
    this.#become("closed");
    const written = failure("APPEND_FAILED", { actor: this.id, because: error.code });
    const begun = failure("ASK_TIMEOUT", { actor: this.id, because: error.code });
    const doubtful: { readonly to: ReplyTo; readonly reason: Failure }[] = [];
    for (const output of this.#gate.close()) {
      if (output.type !== "answer") continue;
      for (const to of [output.to, ...this.#operations.end(output.to)]) doubtful.push({ to, reason: written });
    }
    for (const to of this.#operations.endAll()) doubtful.push({ to, reason: begun });
    // Invariant 7: they are sent again in the order in which they are refused, so in that in which they were sent.
    doubtful.sort((one, other) => one.to.correlation - other.to.correlation);
    for (const { to, reason } of doubtful) this.#services.unserved(to, this.id, reason);
    this.#abandon();
    for (const envelope of this.mailbox.takeAll()) this.#services.undelivered(envelope, "unserved", error);
  }

  // --- one turn ------------------------------------------------------------------------------------------------------

  /** What the behavior decides. Throws what the behavior throws, its broken promises as well: it runs contained, so
   *  that the actor fails by them and not the node. */
  #decide(envelope: Envelope): Plan {
    const turn = this.#turn(envelope.from, envelope.type === "ask" ? envelope.replyTo : undefined);
    enterContainer();
    try {
      const effects = this.behavior.decide(this.#state, envelope.message, turn) as readonly Effect[];
      return planTurn(this.behavior, this.#key, { state: this.#state, notes: this.#notes }, effects, envelope);
    } finally {
      leaveContainer();
    }
  }

  #turn(from: Turn["from"], replyTo: ReplyTo | undefined): Turn<unknown> {
    const { id: self } = this;
    const key = this.#key;
    const nowMs = this.#services.clock.nowMs();
    const notes = this.#notes;
    return replyTo === undefined ? { self, key, nowMs, from, notes } : { self, key, nowMs, from, notes, replyTo };
  }

  /** Invariant 6: an operation that was answered gets its first answer; one that is under way gets its own, once. */
  #repeats(envelope: Envelope, operation: string): boolean {
    const known = this.#operations.answerTo(operation);
    const waiter = waiterOf(envelope);
    if (known !== undefined) {
      if (waiter) this.#gate.leave([{ type: "answer", to: waiter, result: known }], chainOf(envelope), false);
      if (envelope.type === "redelivery") {
        this.#writeSide([this.host.quarantines.deletion(envelope.deadLetter)]);
        this.host.quarantines.ended(this.id, envelope.deadLetter);
      }
      return true;
    }
    if (!this.#operations.isOpen(operation)) return false;
    const { operationWaitersMax } = this.#services.limits;
    if (!this.#operations.join(operation, waiter))
      this.#refuse(envelope, failure("OVERLOADED", { operationWaitersMax }));
    return true;
  }

  /** One append for the whole turn; false when nothing is durable in it. Error, with nothing changed: TOO_LARGE. */
  #append(plan: Plan, trace?: TraceContext): boolean {
    const { pending } = plan;
    const marks = pending !== undefined && pending !== this.host.pending.has(this.id);
    if (marks)
      plan.side.push(pending ? { space: "wake", put: "pending", value: true } : { space: "wake", delete: "pending" });
    const ends = plan.answers.some(([operation]) => this.#operations.hasAppended(operation));
    if (plan.events.length === 0 && plan.side.length === 0 && !ends) return false;
    const atMs = this.#services.clock.nowMs();
    this.#history.write(
      { atMs, actor: this.id, events: plan.events, answers: plan.answers, side: plan.side },
      this.#onAppended,
      trace,
    );
    this.#gate.appended();
    for (const [operation, result] of plan.answers) this.#operations.remember(operation, atMs, result);
    if (marks && pending) this.host.pending.add(this.id);
    else if (marks) this.host.pending.delete(this.id);
    return true;
  }

  /** One function for all appends of this activation: they become durable in the order they were made. */
  readonly #onAppended = (error: Failure | undefined): void => {
    if (this.status === "closed") return;
    if (error) {
      this.host.fail(error);
      return;
    }
    this.#gate.durable();
    if (!this.#gate.flushed) return;
    this.#cameToRest();
    if (this.#loadWhenFlushed && this.#status === "restarting") this.#reload();
  };

  #trackOperation(envelope: Envelope, plan: Plan): void {
    if (envelope.type !== "ask" || envelope.operation === undefined) return;
    const { operation, replyTo } = envelope;
    const answered = plan.outputs.some((output) => output.type === "answer" && output.to.operation === operation);
    if (!answered) this.#operations.begin(operation, replyTo, plan.events.length > 0);
  }

  // --- outputs -------------------------------------------------------------------------------------------------------

  #perform(outputs: readonly Output[], chain: readonly ActorId[], trace: TraceContext | undefined): void {
    this.#busy += 1;
    for (const output of outputs) {
      try {
        this.#performOne(output, chain, trace);
      } catch (error) {
        // A fault in a port must not keep the rest of this turn, or the batch it came with, from leaving.
        this.#services.log.error("actor.output.failed", {
          actor: this.id,
          trace: traceIdOf(trace),
          output: output.type,
          error,
        });
      }
    }
    this.#busy -= 1;
  }

  #performOne(output: Output, chain: readonly ActorId[], trace: TraceContext | undefined): void {
    switch (output.type) {
      case "answer":
        this.#services.answer(output.to, output.result);
        // Callers that repeated the operation meanwhile get the same answer.
        for (const other of this.#operations.end(output.to)) this.#services.answer(other, output.result);
        return;
      case "tell": {
        const { to, message, operationId } = output;
        const operation = operationId === undefined ? undefined : `${this.id}|${operationId}`;
        this.#services.send({ type: "tell", to, from: this.id, message, operation, trace });
        return;
      }
      case "publish":
        this.#services.publisher.publish(this.id, output.event, output.at, this.host.epoch);
        return;
      case "remind":
        this.host.reminders.set(this.host.slot, this.id, output.id, output.dueMs);
        return;
      case "forget":
        this.host.reminders.forget(this.id, output.id);
        return;
      case "ask":
      case "read":
      case "call":
      case "cancel":
        this.#outstanding.run(output, chain, trace);
        return;
    }
  }

  // --- loading and failure -------------------------------------------------------------------------------------------

  #fold(recovered: Recovered): void {
    const { snapshot, entries } = recovered;
    this.#folded = false;
    const body = snapshot?.body as SnapshotBody | undefined;
    this.#state = contained(() => foldState(this.behavior, this.#key, recovered));
    this.#operations.load(body?.answers);
    for (const entry of entries) {
      for (const [operation, result] of entry.answers) {
        this.#operations.remember(operation, entry.atMs, result as Result<unknown>);
      }
    }
    this.#folded = true;
    this.#noNotes = this.behavior.notes?.initial();
    this.#notes = this.#noNotes;
    this.#history.recovered(recovered);
  }

  #recover(): void {
    const turn = this.#turn("node", undefined);
    const before = { state: this.#state, notes: this.#notes };
    const plan = contained(() => {
      const effects = (this.behavior.recover?.(before.state, turn) ?? []) as readonly Effect[];
      return planTurn(this.behavior, this.#key, before, effects, undefined);
    });
    if (plan.events.length > 0) throw new Error("recover persists nothing");
    const wrote = this.#append(plan);
    this.#notes = plan.notes;
    this.#gate.leave(plan.outputs, [], wrote);
  }

  #refuse(envelope: Envelope, error: Failure): void {
    const to = waiterOf(envelope);
    if (to) this.#gate.leave([{ type: "answer", to, result: refused(error) }], chainOf(envelope), false);
  }

  #crash(error: unknown, envelope: Envelope | undefined): void {
    const { clock, limits, log, meter } = this.#services;
    this.lastError = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const ids = { actor: this.id, trace: traceIdOf(envelope?.trace) };
    log.error("actor.crashed", { ...ids, type: envelope?.message.type, error: this.lastError });
    meter.count("actor_crashes", 1, { kind: this.behavior.kind });
    this.#abandon();
    // The asks of those turns belong to this incarnation; their answers and tells are history by then.
    this.#gate.drop(isAwaited);
    const verdict = judge(this.#failuresAtMs, clock.monotonicMs(), limits);
    this.#failuresAtMs = verdict.failuresAtMs;
    if (envelope?.type === "ask") this.#refuse(envelope, failure("ACTOR_CRASHED", { actor: this.id }));
    const reason = error instanceof Error ? error.message : String(error);
    if (verdict.type === "quarantine") {
      log.error("actor.quarantined", { actor: this.id, failures: verdict.failuresAtMs.length, reason });
      this.#enterQuarantine(envelope ? [envelope] : [], reason);
      return;
    }
    // The sender of an ask was told; a tell must not vanish.
    if (envelope?.type === "tell") this.#bury([envelope], reason);
    this.#become("restarting");
    this.restarts += 1;
    meter.count("actor_restarts", 1, { kind: this.behavior.kind });
    const incarnation = this.#incarnation;
    clock.after(verdict.delayMs, () => {
      if (this.#incarnation === incarnation && this.status === "restarting") this.#reload();
    });
  }

  /** Loads again once nothing of the earlier incarnation is on its way to the disk. */
  #reload(): void {
    this.#loadWhenFlushed = !this.#gate.flushed;
    if (!this.#loadWhenFlushed) void this.load();
  }

  #enterQuarantine(crashedBy: readonly Envelope[], reason?: string): void {
    this.#become("quarantined");
    const waiting = this.mailbox.takeAll();
    const error = failure("ACTOR_QUARANTINED", { actor: this.id });
    for (const envelope of waiting) if (envelope.type === "ask") this.#refuse(envelope, error);
    // Signals belong to this incarnation, and a redelivered message is still a dead letter.
    const kept = crashedBy.filter(({ type }) => type === "ask" || type === "tell");
    const atMs = this.#services.clock.nowMs();
    if (reason !== undefined) this.#writeSide([this.host.quarantines.begin(this.id, { atMs, reason })]);
    this.#bury([...kept, ...waiting.filter(({ type }) => type === "tell")], reason ?? "quarantined");
  }

  /** One entry a dead letter: together they could be larger than an entry may be. A node that sent one has it off its
   *  hands. */
  #bury(envelopes: readonly Envelope[], reason: string): void {
    const { clock, meter } = this.#services;
    meter.count("dead_letters", envelopes.length);
    for (const side of this.host.quarantines.bury(this.id, envelopes, reason, clock.nowMs())) this.#writeSide(side);
    for (const envelope of envelopes) {
      const receipt = envelope.type === "tell" ? envelope.receipt : undefined;
      if (receipt) this.#gate.leave([{ type: "answer", to: receipt, result: ok(null) }], [], true);
    }
  }

  #writeSide(side: readonly SideOp[]): void {
    const atMs = this.#services.clock.nowMs();
    this.#history.write({ atMs, actor: this.id, events: [], answers: [], side }, this.#onAppended);
    this.#gate.appended();
  }

  /** A message for a quarantined actor: an ask is refused, a tell kept as a dead letter. */
  refuseQuarantined(envelope: Envelope): void {
    if (envelope.type === "ask") this.#refuse(envelope, failure("ACTOR_QUARANTINED", { actor: this.id }));
    else if (envelope.type === "tell") this.#bury([envelope], "quarantined");
  }

  /** Cuts this incarnation's asks and calls under way: their answers would come too late. */
  #abandon(): void {
    this.#incarnation += 1;
    this.#outstanding.abandon();
    const unknown = refused(failure("ASK_TIMEOUT", { actor: this.id, because: "the actor was restarted" }));
    for (const to of this.#operations.endAll()) this.#services.answer(to, unknown);
    this.mailbox.dropSignals();
  }
}
