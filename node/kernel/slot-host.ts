/** One slot this node owns: takes it under a new epoch, holds its actors, keeps its log short.
 *
 *      closed ──► opening ──► open ──► failed ──(backoff)──► opening …
 *                    └────────────────► quarantined           damaged data: waits for an operator
 *
 *  A failed append leaves its outcome unknown. Then every activation of the slot is thrown away and the slot is taken
 *  again under a higher epoch, as if by another node: what the log holds is what happened. */
import {
  assert,
  encode,
  failure,
  PlexusError,
  refused,
  type ActorId,
  type DeadLetter,
  type Failure,
  type SlotId,
} from "../../protocols/index.ts";
import type { AnyBehavior } from "../../actors/behavior.ts";
import type { Directory, SlotRecord } from "../ports.ts";
import type { Journal, SideOp, SlotLog } from "../storage/index.ts";
import { Activation, type Home, type Surroundings } from "./activation.ts";
import type { Envelope } from "./mailbox.ts";
import type { Reminders } from "./reminders.ts";

/** A dead letter as it is stored. */
export interface StoredLetter {
  readonly id: number;
  readonly from: string;
  readonly message: Envelope["message"];
  readonly operation: string | null;
  readonly atMs: number;
  readonly reason: string;
  /** Its sender waited and was told that it failed: kept to be looked at, not delivered again. */
  readonly answered: boolean;
}

interface Quarantine {
  readonly atMs: number;
  readonly reason: string;
}

/** Times a compare-and-set is tried again when somebody else changed the record first. */
const compareAndSetTriesMax = 8;

export type SlotStatus = "opening" | "open" | "failed" | "quarantined";

export interface SlotPorts {
  readonly node: string;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly reminders: Reminders;
  readonly around: Surroundings;
  knows(actor: ActorId): boolean;
  behaviorOf(actor: ActorId): AnyBehavior;
  /** Whether one more actor may come into memory. */
  hasRoom(): boolean;
  /** Called when an activation enters or leaves memory. */
  entered(activation: Activation): void;
  left(activation: Activation): void;
}

export class SlotHost implements Home {
  readonly slot: SlotId;
  status: SlotStatus = "opening";
  readonly activations = new Map<ActorId, Activation>();
  /** Why it is not served, as askers are told. */
  reason: Failure | undefined;
  /** The same for the operator, files included. */
  cause: Failure | undefined;
  #log: SlotLog | undefined;
  #record: SlotRecord | undefined;
  readonly #ports: SlotPorts;
  #waiting: Envelope[] = [];
  #opened: Promise<void> | undefined;
  #retryAtMs = 0;
  #failures = 0;
  readonly #pending = new Set<ActorId>();
  readonly #quarantined = new Map<ActorId, Quarantine>();
  readonly #dead = new Map<ActorId, StoredLetter[]>();
  #letterSeq = 0;
  #compacting = false;
  #compactBeyond = { entries: 0, bytes: 0 };

  constructor(slot: SlotId, ports: SlotPorts) {
    this.slot = slot;
    this.#ports = ports;
  }

  get epoch(): number {
    return this.#log?.epoch ?? 0;
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
    // Invariant 7: nothing overtakes what waited for the slot to open.
    if (this.status === "open" && this.#waiting.length === 0) {
      this.#deliverOpen(envelope);
    } else if (this.status === "quarantined" || this.#waiting.length >= limits.slotWaitersMax) {
      this.#refuse(envelope, this.reason ?? failure("OVERLOADED", { slotWaitersMax: limits.slotWaitersMax }));
    } else {
      this.#waiting.push(envelope);
      void this.open().then(() => this.#flushWaiting());
    }
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

  /** For good: the slot does not try to open again. */
  stop(error: Failure): void {
    this.status = "quarantined";
    this.reason = error;
    this.#close(error);
  }

  /** Ends all activations: the slot is no longer served here. */
  #close(error: Failure): void {
    for (const activation of this.activations.values()) {
      this.#remove(activation);
      activation.close(error);
    }
    this.#ports.reminders.dropSlot(this.slot);
    for (const envelope of this.#waiting.splice(0)) this.#refuse(envelope, error);
  }

  // --- what an operator sees and does --------------------------------------------------------------------------------

  /** Every actor of the slot: in memory, in the log, or in a snapshot. */
  async actors(limit: number): Promise<ActorId[]> {
    const stored = (await this.#log?.actorsWithSnapshot(limit)) ?? [];
    return [...new Set([...this.activations.keys(), ...(this.#log?.actorsWithTail() ?? []), ...stored])];
  }

  deadLetters(actor: ActorId): DeadLetter[] {
    const letters = this.#dead.get(actor) ?? [];
    return letters.map(({ id, from, message, atMs, reason }) => ({
      id,
      actor,
      from,
      type: message.type,
      atMs,
      reason,
    }));
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
    const letters = this.#dead.get(actor) ?? [];
    const again = redeliver ? letters.filter((letter) => !letter.answered) : [];
    const ended = letters.filter((letter) => !again.includes(letter));
    const side: SideOp[] = [{ space: "quarantine", delete: "since" }];
    for (const letter of ended) side.push(this.letterHandled(actor, letter.id));
    this.#quarantined.delete(actor);
    const atMs = this.#ports.around.clock.nowMs();
    return new Promise((resolve, reject) => {
      log.append({ atMs, actor, events: [], answers: [], side }, (error) => {
        if (error) {
          this.fail(error);
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
    if (!this.#compacting) this.#compactIfLong(log);
    return appended;
  }

  snapshot(actor: ActorId, seq: number, body: unknown): number {
    return this.#openLog().snapshot(actor, seq, body, (error) => error && this.fail(error));
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
    const { clock, limits, meter } = this.#ports.around;
    const atMs = clock.nowMs();
    meter.count("dead_letters", envelopes.length);
    return envelopes.slice(-limits.deadLettersMax).map(({ from, message, operation, replyTo }) => {
      this.#letterSeq += 1;
      const id = this.#letterSeq;
      const messageBytes = encode(message).length;
      const kept = messageBytes > limits.deadLetterBytesMax ? { type: message.type, messageBytes } : message;
      const answered = replyTo !== undefined || kept !== message;
      const letter: StoredLetter = { id, from, message: kept, operation: operation ?? null, atMs, reason, answered };
      const side: SideOp[] = [{ space: "dead", put: String(id), value: letter }];
      const [oldest, ...others] = this.#dead.get(actor) ?? [];
      if (oldest && others.length + 1 >= limits.deadLettersMax) side.push(this.letterHandled(actor, oldest.id));
      this.#dead.set(actor, [...(this.#dead.get(actor) ?? []), letter]);
      return side;
    });
  }

  letterHandled(actor: ActorId, letter: number): SideOp {
    const left = (this.#dead.get(actor) ?? []).filter(({ id }) => id !== letter);
    if (left.length > 0) this.#dead.set(actor, left);
    else this.#dead.delete(actor);
    return { space: "dead", delete: String(letter) };
  }

  fail(error: Failure): void {
    if (this.status !== "open") return;
    const { log, clock, limits, meter } = this.#ports.around;
    const damaged = error.code === "DATA_DAMAGED";
    this.status = damaged ? "quarantined" : "failed";
    // Whoever asks learns what and which entry; where the files lie is for the operator: log, status, doctor.
    const { file: _file, ...shown } = error.details ?? {};
    this.reason = failure("SLOT_UNAVAILABLE", { slot: this.slot, because: error.code, ...shown });
    this.cause = error;
    this.#failures += 1;
    this.#retryAtMs =
      clock.monotonicMs() + Math.min(limits.slotRetryMs * 2 ** (this.#failures - 1), limits.slotRetryMaxMs);
    log.error(damaged ? "slot.quarantined" : "slot.failed", { slot: this.slot, epoch: this.epoch, ...error });
    meter.count("slot_failures", 1, { code: error.code });
    this.#close(this.reason);
    // Actors with pending work must come back without waiting for a message.
    if (!damaged) clock.after(this.#retryAtMs - clock.monotonicMs() + 1, () => void this.open());
  }

  // --- opening -------------------------------------------------------------------------------------------------------

  async #take(): Promise<void> {
    const { journal, around, reminders } = this.#ports;
    try {
      this.#record = await this.#raiseEpoch();
      const log = await journal.openSlot(this.slot, this.#record.epoch);
      const [marked, quarantined, letters, reminded] = await Promise.all([
        log.readSpace("wake"),
        log.readSpace("quarantine"),
        log.readSpace("dead"),
        log.readSpace("reminder"),
      ]);
      this.#pending.clear();
      this.#quarantined.clear();
      this.#dead.clear();
      for (const { actor } of marked) this.#pending.add(actor);
      for (const { actor, value } of quarantined) this.#quarantined.set(actor, value as Quarantine);
      const stored = letters.map(({ actor, value }) => ({ actor, letter: value as StoredLetter }));
      for (const { actor, letter } of stored.sort((one, other) => one.letter.id - other.letter.id)) {
        this.#dead.set(actor, [...(this.#dead.get(actor) ?? []), letter]);
        this.#letterSeq = Math.max(this.#letterSeq, letter.id);
      }
      if (this.status !== "opening") return; // stopped meanwhile
      this.#log = log;
      this.status = "open";
      this.reason = undefined;
      this.cause = undefined;
      this.#failures = 0;
      for (const { actor, key, value } of reminded) reminders.set(this.slot, actor, key, value as number);
      for (const actor of this.#pending) {
        if (this.#ports.knows(actor)) this.activate(actor);
        else around.log.warn("actor.kind.unknown", { actor });
      }
      around.log.debug("slot.opened", { slot: this.slot, epoch: log.epoch, entries: log.length });
    } catch (error) {
      if (this.status !== "opening") return;
      // Taken as open for a moment so that `fail` is the only way to fail.
      this.status = "open";
      const reason = error instanceof PlexusError ? error.failure : failure("APPEND_FAILED", { reason: String(error) });
      this.fail(reason);
    }
  }

  /** The owner's first act, also after a restart: a new epoch, so that no two entries ever share (epoch, seq). */
  async #raiseEpoch(): Promise<SlotRecord> {
    const { directory, node } = this.#ports;
    let current = await directory.read(this.slot);
    for (let tries = 0; tries < compareAndSetTriesMax; tries += 1) {
      const epoch = (current?.epoch ?? 0) + 1;
      const next = { slot: this.slot, epoch, owner: node, inSync: [node], learners: [] };
      const { applied, record } = await directory.compareAndSet(next, current?.revision ?? 0);
      if (applied) return record;
      current = record;
    }
    throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: this.slot, because: "the directory keeps changing" }));
  }

  #flushWaiting(): void {
    if (this.status === "opening") return;
    for (const envelope of this.#waiting.splice(0)) {
      if (this.status === "open") this.#deliverOpen(envelope);
      else this.#refuse(envelope, this.reason ?? failure("SLOT_UNAVAILABLE", { slot: this.slot }));
    }
  }

  #deliverOpen(envelope: Envelope): void {
    const { limits, schedule, meter } = this.#ports.around;
    if (!this.activations.has(envelope.to) && !this.#ports.hasRoom()) {
      this.#refuse(envelope, failure("OVERLOADED", { activationsMax: limits.activationsMax }));
      return;
    }
    const activation = this.activate(envelope.to);
    if (activation.status === "quarantined") {
      activation.refuseQuarantined(envelope);
    } else if (activation.mailbox.messages >= limits.mailboxMessagesMax) {
      meter.count("mailbox_full");
      this.#refuse(
        envelope,
        failure("MAILBOX_FULL", { actor: envelope.to, mailboxMessagesMax: limits.mailboxMessagesMax }),
      );
    } else {
      activation.mailbox.push(envelope);
      schedule(activation);
    }
  }

  #refuse(envelope: Envelope, error: Failure): void {
    if (envelope.replyTo) this.#ports.around.answer(envelope.replyTo, refused(error));
    else this.#ports.around.lost(envelope, error);
  }

  #remove(activation: Activation): void {
    if (this.activations.get(activation.id) !== activation) return;
    this.activations.delete(activation.id);
    this.#ports.left(activation);
  }

  #openLog(): SlotLog {
    assert(this.#log !== undefined, "a slot with activations has a log");
    return this.#log;
  }

  // --- keeping the log short -----------------------------------------------------------------------------------------

  #compactIfLong(log: SlotLog): void {
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
  async #compact(log: SlotLog, throughSeq: number): Promise<void> {
    let through = throughSeq;
    for (const actor of log.actorsBelow(throughSeq)) {
      if (this.status !== "open" || this.#log !== log) return;
      const room = this.activations.has(actor) || (this.#ports.knows(actor) && this.#ports.hasRoom());
      const activation = room ? this.activate(actor) : undefined;
      if (activation?.status === "loading") await this.#untilLoaded(activation);
      // No room, or a history that cannot be folded: the actor keeps its entries, and the log its length, for now.
      if (!activation?.snapshot()) through = Math.min(through, log.firstNeeded(actor) - 1);
    }
    if (this.status !== "open" || this.#log !== log) return;
    await new Promise<void>((resolve) => {
      log.trim(through, (error) => {
        if (error) this.fail(error);
        resolve();
      });
    });
  }

  #untilLoaded(activation: Activation): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (activation.status === "loading") this.#ports.around.clock.after(1, look);
        else resolve();
      };
      look();
    });
  }
}
