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
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { AnyBehavior, Effect, ReplyTo, Turn } from "../../actors/behavior.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { Clock, Log, Meter, Publisher } from "../ports.ts";
import type { EntryDraft, Recovered, SideOp } from "../storage/index.ts";
import { AnswerWindow } from "./answers.ts";
import { Errands, isErrand } from "./errands.ts";
import { OutputGate } from "./gate.ts";
import type { KernelLimits } from "./limits.ts";
import { Mailbox, type Envelope } from "./mailbox.ts";
import { planTurn, type Output, type Plan } from "./plan.ts";
import { judge } from "./supervision.ts";

/** The slot an activation lives in: its log and what is remembered beside it. */
export interface Home {
  readonly slot: SlotId;
  readonly epoch: number;
  /** Turns taken since somebody last looked. */
  turns: number;
  /** The slot drains: no actor of it takes a turn. */
  readonly paused: boolean;
  /** No other node needs to confirm that this one still owns the slot. */
  readonly alone: boolean;
  /** Asks all replicas whether this epoch still stands; see `ServedLog.confirm`. */
  confirm(done: (error: Failure | undefined) => void): void;
  /** Puts a message into the mailbox of its actor, or refuses it. */
  deliver(envelope: Envelope): void;
  append(
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
  ): { readonly seq: number; readonly bytes: number };
  snapshot(actor: ActorId, seq: number, body: unknown): number;
  recover(actor: ActorId): Promise<Recovered>;
  readRecords(
    actor: ActorId,
    range: Extract<Effect, { type: "read" }>["range"],
  ): Promise<{ key: string; value: unknown }[]>;
  /** Whether the slot holds the mark that this actor has pending work. */
  isMarkedPending(actor: ActorId): boolean;
  markPending(actor: ActorId, pending: boolean): void;
  reminderSet(actor: ActorId, id: string, dueMs: number): void;
  reminderForgotten(actor: ActorId, id: string): void;
  /** For each letter that is kept, the side operations that keep it as a dead letter, the oldest beyond the bound dropped. */
  bury(actor: ActorId, letters: readonly Envelope[], reason: string): SideOp[][];
  /** Side operation that ends a dead letter, in memory at once. */
  letterHandled(actor: ActorId, letter: number): SideOp;
  /** Side operation that marks the actor quarantined, in memory at once. */
  quarantine(actor: ActorId, reason: string): SideOp;
  isQuarantined(actor: ActorId): boolean;
  /** The slot can go on no more: an append failed or data is damaged. Throws all its activations away. */
  fail(error: Failure): void;
}

/** What an activation needs of the kernel around it. */
export interface Surroundings {
  readonly node: string;
  readonly clock: Clock;
  readonly limits: KernelLimits;
  /** The disk has no room for what is begun now in this slot, and nobody else could take it over. */
  readonly diskFull: (slot: SlotId) => boolean;
  readonly log: Log;
  readonly meter: Meter;
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  /** Puts the activation in line for turns. */
  readonly schedule: (activation: Activation) => void;
  /** Counts a message that nobody took and nobody waits for. */
  readonly lost: (envelope: Envelope, error: Failure) => void;
  /** Passivates the activation as soon as it is idle. */
  readonly leave: (activation: Activation) => void;
  /** Passivates it now: it is idle. */
  readonly dismiss: (activation: Activation) => void;
  readonly send: (envelope: Envelope) => void;
  readonly answer: (to: ReplyTo, result: Result<unknown>) => void;
  /** The slot ended before this was answered: whoever sent it may try again where the slot is served now. */
  readonly unserved: (to: ReplyTo, error: Failure) => void;
  /** The same for a message whose turn has not begun, whether somebody waits for its answer or not. */
  readonly refuse: (envelope: Envelope, error: Failure) => void;
  /** There is no room for a message: that is for its sender to know. */
  readonly turnAway: (envelope: Envelope, error: Failure) => void;
  /** Sends an ask; `settle` is called once, with the answer or with ASK_TIMEOUT. */
  readonly ask: (
    ask: Pick<Envelope, "to" | "from" | "message" | "chain"> & { readonly operationId: string | undefined },
    timeoutMs: number,
    settle: (result: Result<unknown>) => void,
  ) => void;
}

/** An operation begun and not answered: everybody who waits, and whether its beginning is in the journal. */
interface OpenOperation {
  readonly to: ReplyTo[];
  readonly appended: boolean;
}

export type ActivationStatus = "loading" | "active" | "restarting" | "quarantined" | "closed";

/** State as it is snapshotted. */
interface SnapshotBody {
  readonly state: unknown;
  readonly answers: ReturnType<AnswerWindow["dump"]>;
}

export class Activation {
  readonly id: ActorId;
  readonly behavior: AnyBehavior;
  readonly home: Home;
  readonly mailbox = new Mailbox();
  status: ActivationStatus = "loading";
  scheduled = false;
  lastActiveMs: number;
  restarts = 0;
  /** It is being moved: its messages wait. */
  held = false;
  /** Turns taken since somebody last looked. */
  turns = 0;
  lastError: string | undefined;
  readonly #key: string;
  readonly #around: Surroundings;
  #state: unknown;
  /** Whether `#state` is what the journal says; false while loading, and when the history cannot be folded. */
  #folded = false;
  #notes: unknown;
  /** The notes that it began with. */
  #noNotes: unknown;
  #answers: AnswerWindow;
  /** Rises with each load and with the end of each life: a load or restart that was begun before does nothing any more. */
  #incarnation = 0;
  readonly #gate: OutputGate;
  /** Loading was put off until the slot takes turns again. */
  #loadLater = false;
  /** Above 0 while a turn or its outputs are being carried out: what they cause must not passivate this actor. */
  #busy = 0;
  #lastSeq = 0;
  #tailEntries = 0;
  #tailBytes = 0;
  #snapshotBytes = 0;
  #failuresAtMs: readonly number[] = [];
  readonly #errands: Errands;
  /** Operations begun and not answered yet, with everybody who waits for the answer. */
  readonly #operations = new Map<string, OpenOperation>();

  constructor(id: ActorId, behavior: AnyBehavior, home: Home, around: Surroundings) {
    this.id = id;
    this.behavior = behavior;
    this.#key = id.slice(behavior.kind.length + 1);
    this.home = home;
    this.#around = around;
    this.#answers = new AnswerWindow(around.limits);
    this.lastActiveMs = around.clock.monotonicMs();
    this.#errands = new Errands({
      actor: id,
      home,
      around,
      signal: (message, from, chain) => {
        if (this.status === "closed") return;
        this.mailbox.push({ to: id, from, message, operation: undefined, replyTo: undefined, chain, signal: true });
        around.schedule(this);
      },
    });
    this.#gate = new OutputGate({
      alone: () => home.alone,
      confirm: (done) =>
        home.confirm((error) => {
          done(error);
          this.#dismissIfBlank();
        }),
      perform: (outputs, chain) => this.#perform(outputs, chain),
      failed: (error) => home.fail(error),
    });
  }

  /** Nothing is under way: it may leave memory without anybody noticing. */
  get idle(): boolean {
    return (
      this.#busy === 0 &&
      !this.held &&
      !this.home.paused &&
      this.mailbox.empty &&
      this.flushed &&
      this.#errands.none &&
      (this.status === "active" || this.status === "quarantined")
    );
  }

  /** It has something to do and may do it. */
  get ready(): boolean {
    return this.status === "active" && !this.mailbox.empty && !this.held && !this.home.paused;
  }

  /** Nothing of it is on its way to the disk or waits to leave. */
  get flushed(): boolean {
    return this.#gate.flushed && this.#gate.empty;
  }

  /** And nothing waits for a turn. Asks and generations may be open. */
  get settled(): boolean {
    const takesTurns = this.status === "active" || this.status === "loading";
    return this.flushed && (this.mailbox.empty || !takesTurns);
  }

  /** About what the actor takes on disk: its last snapshot and the entries since. */
  get storedBytes(): number {
    return this.#snapshotBytes + this.#tailBytes;
  }

  /** Rebuilds the state from snapshot and log, then takes up what was pending. */
  async load(): Promise<void> {
    this.status = "loading";
    this.#incarnation += 1;
    const incarnation = this.#incarnation;
    let recovered: Recovered;
    try {
      recovered = await this.home.recover(this.id);
    } catch (error) {
      // A read that fails says nothing about this actor alone: the slot's data cannot be trusted.
      this.home.fail(
        error instanceof PlexusError ? error.failure : failure("SLOT_UNAVAILABLE", { reason: String(error) }),
      );
      return;
    }
    // Closed while the disk answered: the slot failed or the kernel stopped.
    if (this.#incarnation !== incarnation || this.status !== "loading") return;
    // Taking up what was pending may append.
    this.#loadLater = this.home.paused;
    if (this.#loadLater) return;
    try {
      this.#fold(recovered);
      if (this.home.isQuarantined(this.id)) {
        this.#enterQuarantine([]);
        return;
      }
      this.status = "active";
      this.#recover();
    } catch (error) {
      if (this.home.isQuarantined(this.id)) this.#enterQuarantine([]);
      else this.#crash(error, undefined);
      return;
    }
    this.#around.schedule(this);
  }

  /** Turns are taken again after a pause. */
  goOn(): void {
    if (this.status === "loading" && this.#loadLater) void this.load();
    else this.#around.schedule(this);
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
    return true;
  }

  /** Whoever may name actors may name any number that never were. One of which nothing is written, noted or counted would be
   *  loaded again just as it is: it leaves as soon as it has answered, so that such names take no memory. */
  #dismissIfBlank(): void {
    const blank = this.#folded && this.#lastSeq === 0 && this.#notes === this.#noNotes;
    if (blank && this.status === "active" && this.#failuresAtMs.length === 0 && this.idle) this.#around.dismiss(this);
  }

  #take(envelope: Envelope): void {
    this.lastActiveMs = this.#around.clock.monotonicMs();
    if (envelope.operation !== undefined && this.#repeats(envelope, envelope.operation)) return;
    let plan: Plan;
    let wrote: boolean;
    try {
      const turn = this.#turn(envelope.from, envelope.told === true ? undefined : envelope.replyTo);
      const effects = this.behavior.decide(this.#state, envelope.message, turn) as readonly Effect[];
      plan = planTurn(this.behavior, this.#key, { state: this.#state, notes: this.#notes }, effects, envelope);
      if (this.#lacksRoom(envelope, plan)) return this.#refuse(envelope, failure("DISK_FULL", { actor: this.id }));
      if (envelope.letter !== undefined) plan.side.push(this.home.letterHandled(this.id, envelope.letter));
      wrote = this.#append(plan);
    } catch (error) {
      const tooLarge = failureOf(error).code === "TOO_LARGE";
      if (tooLarge && envelope.replyTo) this.#refuse(envelope, failureOf(error));
      else this.#crash(error, envelope);
      return;
    }
    this.#state = plan.state;
    this.#notes = plan.notes;
    this.#trackOperation(envelope, plan);
    this.#gate.leave(plan.outputs, envelope.chain, wrote);
    if (plan.stop) this.#around.leave(this);
    if (this.#snapshotDue()) this.snapshot();
  }

  /** Whether the disk has no room for what was asked. An append that fails takes the whole slot away from those who only read,
   *  so it is not tried where nobody else can take the slot over. What nobody waits for goes on: it is little, and there is room left for it. */
  #lacksRoom(envelope: Envelope, plan: Plan): boolean {
    if (envelope.replyTo === undefined || envelope.told === true) return false;
    return (plan.events.length > 0 || plan.side.length > 0) && this.#around.diskFull(this.home.slot);
  }

  /** Entries since the last snapshot: what has to be folded when it is loaded. */
  get tailEntries(): number {
    return this.#tailEntries;
  }

  /** Stores the state as of the last append. Cheap to call again: does nothing when nothing was appended since. False
   *  when there is no state to store. */
  snapshot(): boolean {
    if (!this.#folded) return false;
    if (this.#tailEntries === 0) return true;
    const body: SnapshotBody = { state: this.#state, answers: this.#answers.dump() };
    this.#snapshotBytes = this.home.snapshot(this.id, this.#lastSeq, body);
    this.#tailEntries = 0;
    this.#tailBytes = 0;
    return true;
  }

  /** Ends this activation: nothing of it runs or leaves any more. Messages not begun are refused with `error`; who waits
   *  for the answer of a turn whose append is under way learns that its outcome is unknown. */
  close(error: Failure): void {
    if (this.status === "closed") return;
    this.status = "closed";
    const written = failure("APPEND_FAILED", { actor: this.id, because: error.code });
    const begun = failure("ASK_TIMEOUT", { actor: this.id, because: error.code });
    const doubtful: { readonly to: ReplyTo; readonly reason: Failure }[] = [];
    for (const output of this.#gate.close()) {
      if (output.type !== "answer") continue;
      for (const to of [output.to, ...this.#alsoWaiting(output.to)]) doubtful.push({ to, reason: written });
    }
    for (const { to: waiting } of this.#operations.values())
      for (const to of waiting) doubtful.push({ to, reason: begun });
    this.#operations.clear();
    // Invariant 7: they are sent again in the order in which they are refused, so in that in which they were sent.
    doubtful.sort((one, other) => one.to.correlation - other.to.correlation);
    for (const { to, reason } of doubtful) this.#around.unserved(to, reason);
    this.#abandon();
    for (const envelope of this.mailbox.takeAll()) if (!envelope.signal) this.#around.refuse(envelope, error);
  }

  // --- one turn ------------------------------------------------------------------------------------------------------

  #turn(from: Turn["from"], replyTo: ReplyTo | undefined): Turn<unknown> {
    const { id: self } = this;
    const key = this.#key;
    const nowMs = this.#around.clock.nowMs();
    const notes = this.#notes;
    return replyTo === undefined ? { self, key, nowMs, from, notes } : { self, key, nowMs, from, notes, replyTo };
  }

  /** Invariant 6: an operation that was answered gets its first answer; one that is under way gets its own, once. */
  #repeats(envelope: Envelope, operation: string): boolean {
    const known = this.#answers.size === 0 ? undefined : this.#answers.find(operation);
    if (known !== undefined) {
      if (envelope.replyTo)
        this.#gate.leave([{ type: "answer", to: envelope.replyTo, result: known }], envelope.chain, false);
      return true;
    }
    const waiting = this.#operations.get(operation);
    if (waiting === undefined) return false;
    const { operationWaitersMax } = this.#around.limits;
    if (waiting.to.length >= operationWaitersMax)
      this.#refuse(envelope, failure("OVERLOADED", { operationWaitersMax }));
    else if (envelope.replyTo) waiting.to.push(envelope.replyTo);
    return true;
  }

  /** One append for the whole turn; false when nothing is durable in it. Error, with nothing changed: TOO_LARGE. */
  #append(plan: Plan): boolean {
    const pending = plan.events.length > 0 ? (this.behavior.pending?.(plan.state) ?? false) : undefined;
    const marks = pending !== undefined && pending !== this.home.isMarkedPending(this.id);
    if (marks)
      plan.side.push(pending ? { space: "wake", put: "pending", value: true } : { space: "wake", delete: "pending" });
    const ends = plan.answers.some(([operation]) => this.#operations.get(operation)?.appended);
    if (plan.events.length === 0 && plan.side.length === 0 && !ends) return false;
    const atMs = this.#around.clock.nowMs();
    this.#write({ atMs, actor: this.id, events: plan.events, answers: plan.answers, side: plan.side });
    for (const [operation, result] of plan.answers) this.#answers.add(operation, atMs, result);
    if (marks) this.home.markPending(this.id, pending);
    return true;
  }

  #write(draft: EntryDraft): void {
    const { seq, bytes } = this.home.append(draft, this.#onAppended);
    this.#gate.appended();
    this.#lastSeq = seq;
    this.#tailEntries += 1;
    this.#tailBytes += bytes;
  }

  /** One function for all appends of this activation: they become durable in the order they were made. */
  readonly #onAppended = (error: Failure | undefined): void => {
    if (this.status === "closed") return;
    if (error) {
      this.home.fail(error);
      return;
    }
    this.#gate.durable();
  };

  #snapshotDue(): boolean {
    const { snapshotEntriesMin, snapshotEntriesMax } = this.#around.limits;
    const grown = this.#tailEntries >= snapshotEntriesMin && this.#tailBytes >= 2 * this.#snapshotBytes;
    return grown || this.#tailEntries >= snapshotEntriesMax;
  }

  #trackOperation(envelope: Envelope, plan: Plan): void {
    const { operation, replyTo } = envelope;
    if (operation === undefined || replyTo === undefined || envelope.told === true) return;
    const answered = plan.outputs.some((output) => output.type === "answer" && output.to.operation === operation);
    if (answered) return;
    this.#operations.set(operation, { to: [replyTo], appended: plan.events.length > 0 });
    if (this.#operations.size <= this.#around.limits.openOperationsMax) return;
    const [oldest] = this.#operations.keys();
    if (oldest !== undefined) this.#operations.delete(oldest);
  }

  // --- outputs -------------------------------------------------------------------------------------------------------

  #perform(outputs: readonly Output[], chain: readonly ActorId[]): void {
    this.#busy += 1;
    for (const output of outputs) {
      try {
        this.#performOne(output, chain);
      } catch (error) {
        // A fault in a port must not keep the rest of this turn, or the batch it came with, from leaving.
        this.#around.log.error("actor.output.failed", { actor: this.id, output: output.type, error });
      }
    }
    this.#busy -= 1;
  }

  #performOne(output: Output, chain: readonly ActorId[]): void {
    switch (output.type) {
      case "answer":
        this.#answerTo(output.to, output.result);
        return;
      case "tell": {
        const { to, message, operationId } = output;
        const operation = operationId === undefined ? undefined : `${this.id}|${operationId}`;
        const envelope = { to, from: this.id, message, operation, replyTo: undefined, chain: [], signal: false };
        this.#around.send(envelope);
        return;
      }
      case "publish":
        this.#around.publisher.publish(this.id, output.event, output.at, this.home.epoch);
        return;
      case "remind":
        this.home.reminderSet(this.id, output.id, output.dueMs);
        return;
      case "forget":
        this.home.reminderForgotten(this.id, output.id);
        return;
      case "ask":
      case "read":
      case "generate":
      case "cancel":
        this.#errands.run(output, chain);
        return;
    }
  }

  /** Answers, and with the same answer everybody who repeated the operation meanwhile. */
  #answerTo(to: ReplyTo | undefined, result: Result<unknown>): void {
    if (to === undefined) return;
    this.#around.answer(to, result);
    for (const other of this.#alsoWaiting(to)) this.#around.answer(other, result);
  }

  /** Ends an operation. Returns who waits for its answer beside the one that asked first. */
  #alsoWaiting({ operation, correlation }: ReplyTo): readonly ReplyTo[] {
    const waiting = operation === undefined ? undefined : this.#operations.get(operation);
    if (waiting === undefined || operation === undefined) return [];
    this.#operations.delete(operation);
    return waiting.to.filter((other) => other.correlation !== correlation);
  }

  // --- life and failure ----------------------------------------------------------------------------------------------

  #fold({ snapshot, entries, tailBytes }: Recovered): void {
    this.#folded = false;
    const body = snapshot?.body as SnapshotBody | undefined;
    let state = body ? body.state : this.behavior.initial(this.#key);
    this.#answers = new AnswerWindow(this.#around.limits);
    if (body) this.#answers.load(body.answers);
    for (const entry of entries) {
      for (const event of entry.events) state = this.behavior.evolve(state, event);
      for (const [operation, result] of entry.answers) {
        this.#answers.add(operation, entry.atMs, result as Result<unknown>);
      }
    }
    this.#state = state;
    this.#folded = true;
    this.#noNotes = this.behavior.notes?.initial();
    this.#notes = this.#noNotes;
    this.#lastSeq = entries.at(-1)?.seq ?? snapshot?.seq ?? 0;
    this.#tailEntries = entries.length;
    this.#tailBytes = tailBytes;
  }

  #recover(): void {
    const effects = (this.behavior.recover?.(this.#state, this.#turn("node", undefined)) ?? []) as readonly Effect[];
    const before = { state: this.#state, notes: this.#notes };
    const plan = planTurn(this.behavior, this.#key, before, effects, undefined);
    if (plan.events.length > 0) throw new Error(`broken invariant: recover of ${this.id} persists`);
    const wrote = this.#append(plan);
    this.#notes = plan.notes;
    this.#gate.leave(plan.outputs, [], wrote);
  }

  #refuse(envelope: Envelope, error: Failure): void {
    if (envelope.replyTo)
      this.#gate.leave([{ type: "answer", to: envelope.replyTo, result: refused(error) }], envelope.chain, false);
  }

  #crash(error: unknown, envelope: Envelope | undefined): void {
    const { clock, limits, log, meter } = this.#around;
    this.lastError = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error("actor.crashed", { actor: this.id, type: envelope?.message.type, error: this.lastError });
    meter.count("actor_crashes", 1, { kind: this.behavior.kind });
    this.#abandon();
    // What those turns would have asked for belongs to this life; what they answer and tell is history by then.
    this.#gate.drop(isErrand);
    const verdict = judge(this.#failuresAtMs, clock.monotonicMs(), limits);
    this.#failuresAtMs = verdict.failuresAtMs;
    if (envelope && envelope.told !== true) this.#refuse(envelope, failure("ACTOR_CRASHED", { actor: this.id }));
    const reason = error instanceof Error ? error.message : String(error);
    if (verdict.type === "quarantine") {
      log.error("actor.quarantined", { actor: this.id, failures: verdict.failuresAtMs.length, reason });
      this.#enterQuarantine(envelope && !envelope.signal ? [envelope] : [], reason);
      return;
    }
    // Somebody who waits was told; a message nobody waits for must not vanish.
    if (envelope && !envelope.signal && isTold(envelope) && envelope.letter === undefined)
      this.#bury([envelope], reason);
    this.status = "restarting";
    this.restarts += 1;
    meter.count("actor_restarts", 1, { kind: this.behavior.kind });
    const incarnation = this.#incarnation;
    clock.after(verdict.delayMs, () => {
      if (this.#incarnation === incarnation && this.status === "restarting") this.#reload();
    });
  }

  /** Loads again once nothing of the earlier life is on its way to the disk. */
  #reload(): void {
    if (this.#gate.flushed) void this.load();
    else this.#around.clock.after(1, () => this.status === "restarting" && this.#reload());
  }

  #enterQuarantine(letters: readonly Envelope[], reason?: string): void {
    this.status = "quarantined";
    const waiting = this.mailbox.takeAll().filter((envelope) => !envelope.signal);
    const error = failure("ACTOR_QUARANTINED", { actor: this.id });
    for (const envelope of waiting) if (!isTold(envelope)) this.#refuse(envelope, error);
    // Letters delivered again are dead letters still.
    const kept = [...letters, ...waiting.filter(isTold)].filter(({ letter }) => letter === undefined);
    if (reason !== undefined) this.#writeSide([this.home.quarantine(this.id, reason)]);
    this.#bury(kept, reason ?? "quarantined");
  }

  /** One entry a letter: together they could be larger than an entry may be. A node that sent one has it off its hands. */
  #bury(letters: readonly Envelope[], reason: string): void {
    for (const side of this.home.bury(this.id, letters, reason)) this.#writeSide(side);
    for (const { told, replyTo, chain } of letters)
      if (told === true && replyTo) this.#gate.leave([{ type: "answer", to: replyTo, result: ok(null) }], chain, true);
  }

  #writeSide(side: readonly SideOp[]): void {
    this.#write({ atMs: this.#around.clock.nowMs(), actor: this.id, events: [], answers: [], side });
  }

  /** A message for a quarantined actor: refused if somebody waits, kept otherwise. */
  refuseQuarantined(envelope: Envelope): void {
    if (!isTold(envelope)) this.#refuse(envelope, failure("ACTOR_QUARANTINED", { actor: this.id }));
    else if (!envelope.signal && envelope.letter === undefined) this.#bury([envelope], "quarantined");
  }

  /** Cuts what this life has under way outside: its answers would come too late. */
  #abandon(): void {
    this.#incarnation += 1;
    this.#errands.abandon();
    const unknown = refused(failure("ASK_TIMEOUT", { actor: this.id, because: "the actor was restarted" }));
    for (const waiting of this.#operations.values()) for (const to of waiting.to) this.#around.answer(to, unknown);
    this.#operations.clear();
    this.mailbox.dropSignals();
  }
}

/** Nobody waits for what the actor makes of it. */
const isTold = (envelope: Envelope): boolean => envelope.told === true || envelope.replyTo === undefined;
