/** The kernel runs actors: it routes messages to them, lets them take turns, and lets out what they decide once that is
 *  durable. It knows no chat rules: kinds arrive as behaviors, everything outside as ports.
 *
 *      ask ─┬► SlotHost ─► Activation: mailbox ─► turn ─► append ─► gate ─► outputs
 *           │   (slot)      (actor)              (pure)   (ServedLog)
 *           └► Routing: the slot is another node's, or was refused here and goes to whoever serves it now
 *
 *  Which node serves a slot is not decided here: `Slots` gives out logs and ends them, `Routing` knows the way. A message
 *  whose slot ends before it was handled is not its sender's trouble: it goes through `Routing` until its deadline.
 *
 *  Read `api.ts` (what others use), `activation.ts` (one actor), `gate.ts` (what may leave), `errands.ts` (what
 *  comes back), `slot-host.ts` (one slot), `turns.ts` (whose turn it is), then this file. */
import {
  failure,
  failureOf,
  ok,
  parseActorId,
  refused,
  type ActorDetail,
  type ActorId,
  type ActorRow,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { AnyBehavior, Message, ReplyTo } from "../../actors/behavior.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { Clock, Log, Meter, NodeId, Publisher, Random } from "../ports.ts";
import type { Activation, Surroundings } from "./activation.ts";
import { within } from "../within.ts";
import type { Kernel, Request, Routing, Slots } from "./api.ts";
import { kernelLimits, type KernelLimits } from "./limits.ts";
import type { Envelope } from "./mailbox.ts";
import { Reminders } from "./reminders.ts";
import { SlotHost, until } from "./slot-host.ts";
import { Turns, type Pressure } from "./turns.ts";

export type { ClusterActors, Kernel, Request } from "./api.ts";
export { kernelLimits, type KernelLimits } from "./limits.ts";

export interface KernelPorts {
  readonly node: string;
  readonly behaviors: readonly AnyBehavior[];
  readonly slots: Slots;
  readonly routing: Routing;
  readonly pressure: Pressure;
  /** Slots of this node where some actor has work waiting: reminders or pending work. */
  slotsWithWork(): Promise<readonly SlotId[]>;
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<KernelLimits>;
}

/** Actors looked at for an idle one when there is no room for one more. */
const roomLooksMax = 16;

interface OpenAsk {
  readonly envelope: Envelope;
  readonly deadlineMs: number;
  settle(result: Result<unknown>): void;
}

export function createKernel(ports: KernelPorts): Kernel {
  return new NodeKernel(ports);
}

class NodeKernel implements Kernel {
  readonly #ports: KernelPorts;
  readonly #limits: KernelLimits;
  readonly #behaviors: ReadonlyMap<string, AnyBehavior>;
  readonly #slots = new Map<SlotId, SlotHost>();
  readonly #asks = new Map<number, OpenAsk>();
  readonly #reminders: Reminders;
  readonly #around: Surroundings;
  /** All activations, the longest not looked at first. */
  readonly #inMemory = new Map<ActorId, Activation>();
  readonly #turns: Turns;
  readonly #leaving = new Set<Activation>();
  #correlation: number;
  /** Names the operations of this life of the node, so that they are like no other's. */
  readonly #life: string;
  #stopping = false;
  #stopped = false;
  #sweeping: (() => void) | undefined;

  constructor(ports: KernelPorts) {
    this.#ports = ports;
    // From somewhere else at each start: an answer meant for an earlier life finds nobody, not somebody else.
    this.#correlation = Math.floor(ports.random.number() * 2 ** 40);
    this.#life = [...ports.random.bytes(8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#limits = { ...kernelLimits, ...ports.limits };
    this.#behaviors = new Map(ports.behaviors.map((behavior) => [behavior.kind, behavior]));
    const { pressure, clock, meter } = ports;
    this.#turns = new Turns({ pressure, clock, meter, limits: this.#limits });
    this.#reminders = new Reminders(ports.clock, this.#limits, (actor, id, dueMs) => {
      const message = { type: "reminded", id, dueMs } as const;
      this.#send({
        to: actor,
        from: "node",
        message,
        operation: undefined,
        replyTo: undefined,
        chain: [],
        signal: true,
      });
    });
    this.#around = {
      node: ports.node,
      clock: ports.clock,
      limits: this.#limits,
      diskFull: (slot) => pressure.full(slot),
      log: ports.log,
      meter: ports.meter,
      runtime: ports.runtime,
      publisher: ports.publisher,
      schedule: (activation) => this.#turns.add(activation),
      leave: (activation) => this.#leaving.add(activation),
      dismiss: (activation) => this.#passivate(activation),
      send: (envelope) => this.#send(envelope),
      lost: (envelope, error) => this.#lost(envelope, error),
      answer: (to, result) => this.#answer(to, result),
      unserved: (to, error) => this.#unserved(to, error),
      refuse: (envelope, error) => this.#refuse(envelope, error),
      turnAway: (envelope, error) => this.#turnAway(envelope, error),
      ask: (ask, timeoutMs, settle) => this.#openAsk(ask, timeoutMs, settle),
    };
  }

  async start(): Promise<void> {
    const unreadable = (error: unknown): readonly SlotId[] => {
      this.#ports.log.error("slots.unreadable", { error });
      return [];
    };
    await this.#openSlots(await this.#ports.slotsWithWork().catch(unreadable));
    // The others too, so that damage shows now and not with somebody's message; nobody needs to wait for it.
    void this.#ports.slots
      .owned()
      .catch(unreadable)
      .then((slots) => this.#openSlots(slots));
  }

  /** Opens slots, a few at a time. Those that cannot be opened say so themselves. */
  async #openSlots(slots: readonly SlotId[]): Promise<void> {
    const left = [...slots];
    const openNext = async (): Promise<void> => {
      for (let slot = left.pop(); slot !== undefined && !this.#stopping; slot = left.pop())
        // One whose replicas are away opens when they are back; the others must not wait for it.
        await within(this.#ports.clock, this.#limits.slotOpeningWaitMs, this.#slot(slot).open());
    };
    await Promise.all(Array.from({ length: this.#limits.slotOpeningsMax }, openNext));
  }

  ask(request: Request): Promise<Result<unknown>> {
    if (this.#stopping) return Promise.resolve(refused(failure("STOPPING")));
    const { to, from, message, operationId, timeoutMs } = request;
    return new Promise((resolve) => this.#openAsk({ to, from, message, operationId, chain: [] }, timeoutMs, resolve));
  }

  tell(request: Omit<Request, "timeoutMs">): void {
    const { to, from, message, operationId } = request;
    const operation = operationId === undefined ? undefined : `${from}|${operationId}`;
    const envelope: Envelope = { to, from, message, operation, replyTo: undefined, chain: [], signal: false };
    if (this.#stopping) this.#lost(envelope, failure("STOPPING"));
    else this.#send(envelope);
  }

  status(): ReturnType<Kernel["status"]> {
    const slots = [...this.#slots.values()];
    const notServed = slots.flatMap(({ slot, cause }) => (cause === undefined ? [] : [{ slot, cause }]));
    return {
      active: this.#inMemory.size,
      quarantined: slots.reduce((sum, slot) => sum + slot.quarantinedCount, 0),
      slotsOpen: slots.filter((slot) => slot.status === "open").length,
      slotsQuarantined: notServed.map(({ slot, cause }) => ({
        slot,
        reason: JSON.stringify({ because: cause.code, ...cause.details }),
        failure: cause,
      })),
    };
  }

  async listActors(filter: Parameters<Kernel["listActors"]>[0]): ReturnType<Kernel["listActors"]> {
    const { kind, status, after = "", limit } = filter;
    const role = this.#behaviors.get(kind ?? "")?.role;
    // "0" follows "/", and "~" all that is in an id.
    const [first, to] = kind === undefined ? ["", "~"] : [`${kind}/`, `${kind}0`];
    const from = after < first ? first : `${after}\0`;
    // Those that are neither are known without asking the disk.
    const stored = status === undefined || status === "idle";
    const lists: AsyncGenerator<ActorId>[] = [];
    for (const slot of await this.#ports.slots.owned()) {
      // A kind lives in the slots of its role, and in those of its pinned actors.
      if (role !== undefined && !slot.startsWith(`${role}/`) && !slot.startsWith(`${kind}/`)) continue;
      const host = this.#slot(slot);
      await host.open();
      if (host.status === "open") lists.push(host.actors({ from, to, stored }));
    }
    const rows: ActorRow[] = [];
    for await (const id of inOrder(lists)) {
      const row = this.#row(id);
      if (status !== undefined && row.status !== status) continue;
      if (rows.length === limit) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  async showActor(actor: ActorId): Promise<Result<ActorDetail>> {
    const slot = this.#slotOf(actor);
    if (slot === undefined) return refused(failure("NOT_FOUND", { actor }));
    const host = this.#slot(slot);
    await host.open();
    if (host.status !== "open") return refused(host.reason ?? failure("SLOT_UNAVAILABLE", { slot: host.slot }));
    const activation = host.activations.get(actor);
    let recovered: Awaited<ReturnType<SlotHost["recover"]>>;
    try {
      recovered = await host.recover(actor);
    } catch (error) {
      return refused(failureOf(error));
    }
    const known = activation ?? recovered.snapshot ?? recovered.entries[0];
    if (known === undefined) return refused(failure("NOT_FOUND", { actor }));
    const lastError = activation?.lastError ?? host.quarantineOf(actor)?.reason;
    return ok({
      ...this.#row(actor),
      epoch: host.epoch,
      entries: recovered.entries.length,
      reminders: this.#reminders.of(actor),
      deadLetters: host.deadLetters(actor),
      stateBytes: activation?.storedBytes ?? recovered.tailBytes,
      ...(lastError === undefined ? {} : { lastError }),
    });
  }

  async release(actor: ActorId, redeliver: boolean): ReturnType<Kernel["release"]> {
    const shown = await this.showActor(actor);
    if (!shown.ok) return shown;
    const slot = this.#slotOf(actor);
    const host = slot && this.#slots.get(slot);
    const nothing = shown.value.status !== "quarantined" && shown.value.deadLetters.length === 0;
    if (nothing || host === undefined) return refused(failure("ALREADY_DONE", { actor }));
    try {
      const released = await host.release(actor, redeliver);
      this.#ports.log.info("actor.released", { actor, ...released });
      return ok(released);
    } catch (error) {
      return refused(failureOf(error));
    }
  }

  receive(slot: SlotId, envelope: Envelope): void {
    if (this.#stopping) {
      this.#refuse(envelope, failure("STOPPING"));
      return;
    }
    const { to, message } = envelope;
    const behavior = this.#behaviorOf(to);
    if (behavior === undefined) this.#answerOrLose(envelope, failure("NOT_FOUND", { actor: to }));
    else if (behavior.accepts?.(message as Message) === false)
      this.#answerOrLose(
        envelope,
        failure("BAD_REQUEST", {
          actor: to,
          type: message.type,
          reason: "this is no message for an actor of its kind",
        }),
      );
    else this.#slot(slot).deliver(envelope);
  }

  slotOf(actor: ActorId): SlotId | undefined {
    const behavior = this.#behaviors.get(parseActorId(actor)?.kind ?? "");
    return behavior && this.#ports.routing.slotOf(behavior.role, actor);
  }

  left(slot: SlotId, actor: ActorId): void {
    this.#slots.get(slot)?.left(actor);
  }

  serve(slot: SlotId): void {
    if (!this.#stopping) void this.#slot(slot).serve();
  }

  drain(slot: SlotId, deadlineMs: number): Promise<void> {
    return this.#slots.get(slot)?.drain(deadlineMs) ?? Promise.resolve();
  }

  resume(slot: SlotId): void {
    this.#slots.get(slot)?.resume();
  }

  async pin(actor: ActorId, to?: NodeId): ReturnType<Kernel["pin"]> {
    const slot = this.#slotOf(actor);
    if (slot === undefined) return refused(failure("NOT_FOUND", { actor }));
    if ((slot as string) === actor) return refused(failure("ALREADY_DONE", { actor }));
    const host = this.#slot(slot);
    await host.open();
    if (host.status !== "open") return refused(host.reason ?? failure("MOVED", { slot }));
    const pinned = actor as string as SlotId;
    try {
      const owner = await host.split(actor, { ...(to !== undefined && { to }), deadlineMs: this.#limits.pinTimeoutMs });
      if (owner === this.#ports.node) this.serve(pinned);
    } catch (error) {
      return refused(failureOf(error));
    }
    return ok({ slot: pinned });
  }

  load(): ReturnType<Kernel["load"]> {
    return [...this.#slots.values()]
      .filter(({ status }) => status === "open")
      .map((host) => ({ slot: host.slot, actors: host.activations.size, ...host.takeLoad() }));
  }

  async stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#ports;
    const endMs = clock.monotonicMs() + deadlineMs;
    this.#stopping = true;
    this.#reminders.stop();
    await until(clock, endMs, () => this.#quiet());
    for (const activation of this.#inMemory.values()) if (activation.idle) activation.snapshot();
    let settled = false;
    void this.#ports.pressure.settled().then(() => (settled = true));
    await until(clock, endMs, () => settled);
    this.#stopped = true;
    this.#sweeping?.();
    for (const slot of this.#slots.values()) slot.stop(failure("STOPPING"));
    for (const [correlation, ask] of this.#asks) {
      this.#asks.delete(correlation);
      ask.settle(refused(failure("ASK_TIMEOUT", { because: "the node stopped" })));
    }
  }

  // --- the way of a message ------------------------------------------------------------------------------------------

  /** Sends with a claim to an answer. `settle` is called once: with the answer, or with ASK_TIMEOUT. */
  #openAsk(ask: Parameters<Surroundings["ask"]>[0], timeoutMs: number, settle: OpenAsk["settle"]): void {
    this.#correlation += 1;
    const correlation = this.#correlation;
    const { node, clock, routing } = this.#ports;
    const { to, from, message, operationId, chain } = ask;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const present = this.#inMemory.get(to);
    const slot = present ? present.home.slot : this.#slotOf(to);
    if (slot === undefined) {
      settle(refused(failure("NOT_FOUND", { actor: to })));
      return;
    }
    const elsewhere = routing.takes(slot, present !== undefined || this.#isHere(slot));
    // Whatever may have to be sent twice has a name. On a node alone nobody takes over, and so nothing is.
    const operation =
      operationId !== undefined
        ? `${from}|${operationId}`
        : !elsewhere && present?.home.alone === true
          ? undefined
          : this.#madeUp(from, correlation);
    const replyTo = operation === undefined ? { node, correlation } : { node, correlation, operation };
    const envelope: Envelope = { to, from, message, operation, replyTo, chain, signal: false };
    if (elsewhere) {
      routing.send(slot, envelope, deadlineMs, settle);
      return;
    }
    this.#asks.set(correlation, { envelope, deadlineMs, settle });
    this.#sweepLater();
    if (present) present.home.deliver(envelope);
    else this.#slot(slot).deliver(envelope);
  }

  /** Sends what nobody waits for: tells and reminders. */
  #send(envelope: Envelope): void {
    if (this.#stopped) return;
    const present = this.#inMemory.get(envelope.to);
    const slot = present ? present.home.slot : this.#slotOf(envelope.to);
    if (slot === undefined) this.#lost(envelope, failure("NOT_FOUND", { actor: envelope.to }));
    // A reminder is the slot's own: whoever serves it rings it.
    else if (!envelope.signal && this.#ports.routing.takes(slot, present !== undefined || this.#isHere(slot)))
      this.#route(slot, envelope);
    else if (present) present.home.deliver(envelope);
    else if (!envelope.signal || this.#slots.has(slot)) this.#slot(slot).deliver(envelope);
  }

  /** A tell on its way to wherever its slot is served. */
  #route(slot: SlotId, envelope: Envelope, after?: Failure): void {
    const { clock, routing } = this.#ports;
    this.#correlation += 1;
    const named = { ...envelope, operation: envelope.operation ?? this.#madeUp(envelope.from, this.#correlation) };
    const settle = (result: Result<unknown>): void => {
      if (!result.ok) this.#lost(envelope, result.error);
    };
    routing.send(slot, named, clock.monotonicMs() + this.#limits.tellTimeoutMs, settle, after);
  }

  #answer(to: ReplyTo, result: Result<unknown>): void {
    const ask = to.node === this.#ports.node ? this.#asks.get(to.correlation) : undefined;
    if (ask === undefined) {
      // Another node's, or one that this node routed to itself; what came too late nobody knows any more.
      this.#ports.routing.answer(to, result);
      return;
    }
    this.#asks.delete(to.correlation);
    ask.settle(result);
  }

  /** The slot ended under it: tries again wherever it is served now, if that is safe. */
  #unserved(to: ReplyTo, error: Failure): void {
    const ask = to.node === this.#ports.node ? this.#asks.get(to.correlation) : undefined;
    if (ask === undefined) {
      this.#ports.routing.unserved(to, error);
      return;
    }
    this.#asks.delete(to.correlation);
    const { envelope, deadlineMs } = ask;
    const slot = this.#slotOf(envelope.to);
    const unsafe = error.outcome === "unknown" && envelope.operation === undefined;
    if (this.#stopping || unsafe || slot === undefined) {
      ask.settle(refused(error));
      return;
    }
    const operation = envelope.operation ?? this.#madeUp(envelope.from, to.correlation);
    this.#ports.routing.send(slot, { ...envelope, operation }, deadlineMs, (result) => ask.settle(result), error);
  }

  #refuse(envelope: Envelope, error: Failure): void {
    if (envelope.replyTo) {
      this.#unserved(envelope.replyTo, error);
      return;
    }
    // A reminder rings again where the slot is served; a letter delivered again is still kept as one.
    if (envelope.signal || envelope.letter !== undefined) return;
    const slot = this.#slotOf(envelope.to);
    if (this.#stopping || slot === undefined) this.#lost(envelope, error);
    else this.#route(slot, envelope, error);
  }

  #answerOrLose(envelope: Envelope, error: Failure): void {
    if (envelope.replyTo) this.#answer(envelope.replyTo, refused(error));
    else this.#lost(envelope, error);
  }

  #turnAway(envelope: Envelope, error: Failure): void {
    const { replyTo, to } = envelope;
    const routed = replyTo !== undefined && (replyTo.node !== this.#ports.node || !this.#asks.has(replyTo.correlation));
    if (routed) this.#ports.routing.turnedAway(replyTo, to, error);
    else this.#answerOrLose(envelope, error);
  }

  #lost({ to, message }: Envelope, { code }: Failure): void {
    this.#ports.meter.count("messages_lost", 1, { code });
    this.#ports.log.warn("message.lost", { to, type: message.type, code });
  }

  /** An operation for a message without one. */
  #madeUp(from: string, count: number): string {
    return `${from}|~${this.#life}.${count}`;
  }

  #behaviorOf(actor: ActorId): AnyBehavior | undefined {
    const present = this.#inMemory.get(actor);
    return present ? present.behavior : this.#behaviors.get(parseActorId(actor)?.kind ?? "");
  }

  /** The slot of an actor; undefined for an id of no known kind. */
  #slotOf(actor: ActorId): SlotId | undefined {
    const behavior = this.#behaviorOf(actor);
    return behavior && this.#ports.routing.slotOf(behavior.role, actor);
  }

  #isHere(slot: SlotId): boolean {
    const status = this.#slots.get(slot)?.status;
    return status === "open" || status === "opening";
  }

  #slot(slot: SlotId): SlotHost {
    const present = this.#slots.get(slot);
    if (present) return present;
    const host = new SlotHost(slot, {
      slots: this.#ports.slots,
      reminders: this.#reminders,
      around: this.#around,
      knows: (actor) => this.#behaviors.has(actor.slice(0, actor.indexOf("/"))),
      behaviorOf: (actor) => {
        const behavior = this.#behaviors.get(actor.slice(0, actor.indexOf("/")));
        if (behavior === undefined) throw new Error(`broken invariant: ${actor} is of no known kind`);
        return behavior;
      },
      isOf: (actor, slotId) => this.#slotOf(actor) === slotId,
      hasRoom: () => this.#inMemory.size < this.#limits.activationsMax || this.#makeRoom(),
      // An actor that is being pinned may be here twice for a moment. While the old slot still holds messages, what comes has to
      // go behind those; and then the old slot's must not take the new one's place away.
      entered: (activation) => {
        if (this.#inMemory.get(activation.id)?.held !== true) this.#inMemory.set(activation.id, activation);
        this.#sweepLater();
      },
      left: (activation) => {
        const { id } = activation;
        if (this.#inMemory.get(id) !== activation) return;
        const own = this.#slots.get(id as string as SlotId)?.activations.get(id);
        if (own === undefined || own === activation) this.#inMemory.delete(id);
        else this.#inMemory.set(id, own);
      },
      closed: (closed) => {
        if (this.#slots.get(slot) === closed) this.#slots.delete(slot);
      },
    });
    this.#slots.set(slot, host);
    return host;
  }

  #row(actor: ActorId): ActorRow {
    const activation = this.#inMemory.get(actor);
    const slot = activation?.home.slot ?? this.#slotOf(actor);
    const host = slot && this.#slots.get(slot);
    const status = host?.quarantineOf(actor) ? "quarantined" : activation ? "active" : "idle";
    return {
      actor,
      slot: slot ?? "",
      status,
      mailbox: activation?.mailbox.messages ?? 0,
      restarts: activation?.restarts ?? 0,
      ...(activation && { lastActiveAtMs: this.#wallMs(activation.lastActiveMs) }),
    };
  }

  /** A moment of the monotonic clock as a time of day. */
  #wallMs(monotonicMs: number): number {
    const { clock } = this.#ports;
    return Math.round(clock.nowMs() - (clock.monotonicMs() - monotonicMs));
  }

  // --- time ----------------------------------------------------------------------------------------------------------

  #sweepLater(): void {
    if (this.#sweeping || this.#stopped) return;
    this.#sweeping = this.#ports.clock.after(this.#limits.sweepIntervalMs, () => {
      this.#sweeping = undefined;
      this.#sweep();
      if (this.#asks.size > 0 || this.#inMemory.size > 0) this.#sweepLater();
    });
  }

  /** Ends asks past their deadline; takes idle actors out of memory. */
  #sweep(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const [correlation, ask] of this.#asks) {
      if (ask.deadlineMs > nowMs) continue;
      this.#asks.delete(correlation);
      ask.settle(refused(failure("ASK_TIMEOUT")));
    }
    for (const activation of this.#leaving) {
      if (activation.idle) this.#passivate(activation);
      if (activation.idle || activation.status === "closed") this.#leaving.delete(activation);
    }
    // From the longest not looked at; each one goes to the end, so that all have their turn.
    let looks = Math.min(this.#inMemory.size, this.#limits.sweepLooksMax);
    for (const activation of this.#inMemory.values()) {
      if (looks === 0) break;
      looks -= 1;
      const expired = nowMs - activation.lastActiveMs >= this.#limits.idleTimeoutMs;
      if (expired && activation.idle) this.#passivate(activation);
      else this.#moveToEnd(activation);
    }
    this.#ports.meter.gauge("actors_in_memory", this.#inMemory.size);
    this.#ports.meter.gauge("asks_open", this.#asks.size);
  }

  #moveToEnd(activation: Activation): void {
    this.#inMemory.delete(activation.id);
    this.#inMemory.set(activation.id, activation);
  }

  #passivate(activation: Activation): void {
    this.#slots.get(activation.home.slot)?.passivate(activation);
    this.#ports.meter.count("passivations");
  }

  /** Looks at the longest untouched actors for an idle one to take out of memory. */
  #makeRoom(): boolean {
    let looks = 0;
    for (const activation of this.#inMemory.values()) {
      if (activation.idle) {
        this.#passivate(activation);
        return true;
      }
      looks += 1;
      if (looks >= roomLooksMax) return false;
      this.#moveToEnd(activation);
    }
    return false;
  }

  // --- stopping ------------------------------------------------------------------------------------------------------

  #quiet(): boolean {
    if (!this.#turns.none) return false;
    for (const slot of this.#slots.values()) if (slot.hasWaiting) return false;
    for (const activation of this.#inMemory.values()) if (!activation.settled) return false;
    return true;
  }
}

/** What sorted lists have, in order; what several have, once. */
async function* inOrder(lists: readonly AsyncGenerator<ActorId>[]): AsyncGenerator<ActorId> {
  const heads = new Map<AsyncGenerator<ActorId>, ActorId>();
  const step = async (list: AsyncGenerator<ActorId>): Promise<void> => {
    const next = await list.next();
    if (next.done === true) heads.delete(list);
    else heads.set(list, next.value);
  };
  for (const list of lists) await step(list);
  while (heads.size > 0) {
    let least: ActorId | undefined;
    for (const head of heads.values()) if (least === undefined || head < least) least = head;
    for (const [list, head] of heads) if (head === least) await step(list);
    yield least as ActorId;
  }
}
