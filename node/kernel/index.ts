/** The kernel runs actors: it routes messages to them, lets them take turns, and lets out what they decide once that is
 *  durable. It knows no chat rules: kinds arrive as behaviors, everything outside as ports.
 *
 *      ask ─┬► SlotHost ─► Activation: mailbox ─► turn ─► append ─► gate ─► outputs
 *           │   (slot)      (actor)              (pure)   (ServedLog)
 *           └► Routing: the slot is another node's, or was refused here and goes to the node that serves it now
 *
 *  Which node serves a slot is not decided here: `Slots` gives out logs and ends them, `Routing` knows the way.
 *
 *  Read `api.ts` (what others use), `activation.ts` (one actor), `gate.ts` (what may leave), `outstanding.ts` (what
 *  comes back), `slot-host.ts` (one slot), `delivery.ts` (the way of a message), `turns.ts` (the order of turns), then
 *  this file. */
import {
  assert,
  failure,
  failureOf,
  ok,
  ownSlot,
  parseActorId,
  refused,
  roles,
  type ActorId,
  type Result,
  type Role,
  type SlotId,
} from "../../protocols/index.ts";
import type { AnyBehavior, Message } from "../../actors/behavior.ts";
import type { Engines } from "../../runtimes/engine.ts";
import type { Clock, Log, Meter, NodeId, Publisher, Random, Tracer } from "../ports/index.ts";
import { within } from "../waiting.ts";
import type { ActivationServices } from "./activation.ts";
import type { Ask, AskTable, Kernel, Request, Routing, Slots, Tell } from "./api.ts";
import { Conditions } from "./condition.ts";
import { behind, type Before } from "./before.ts";
import { Delivery } from "./delivery.ts";
import { kernelLimits, type KernelLimits } from "./limits.ts";
import { Memory } from "./memory.ts";
import { Operator } from "./operator.ts";
import { Reminders } from "./reminders.ts";
import { SlotHost } from "./slot-host.ts";
import { Turns, type Pressure } from "./turns.ts";

export { handleActors, handleRooms } from "./actor-operations.ts";
export type { ClusterActors, Kernel } from "./api.ts";
export { OpenAsks } from "./open-asks.ts";
export { foldRestored, foldState } from "./folding.ts";
export { kernelLimits, type KernelLimits } from "./limits.ts";

interface KernelPorts {
  readonly node: string;
  readonly behaviors: readonly AnyBehavior[];
  readonly slots: Slots;
  readonly routing: Routing;
  /** Shared with routing. */
  readonly asks: AskTable;
  readonly pressure: Pressure;
  /** Slots of this node where some actor has work waiting: reminders or pending work. */
  slotsWithWork(): Promise<readonly SlotId[]>;
  readonly engines: Engines;
  /** Absent: actors ask at once. */
  readonly before?: Before;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly limits?: Partial<KernelLimits>;
}

export function createKernel(ports: KernelPorts): Kernel {
  return new NodeKernel(ports);
}

class NodeKernel implements Kernel {
  readonly #ports: KernelPorts;
  readonly #limits: KernelLimits;
  readonly #behaviors: ReadonlyMap<string, AnyBehavior>;
  readonly #slots = new Map<SlotId, SlotHost>();
  readonly #reminders: Reminders;
  readonly #services: ActivationServices;
  readonly #memory: Memory;
  readonly #turns: Turns;
  readonly #delivery: Delivery;
  readonly #operator: Operator;
  readonly #conditions: Conditions;
  /** Asks that have a deadline, as of the last sweep. */
  #asksOpen = 0;
  #stopping = false;
  #stopped = false;
  #sweeping: (() => void) | undefined;

  constructor(ports: KernelPorts) {
    const { node, pressure, clock, log, meter, routing, asks } = ports;
    this.#ports = ports;
    this.#limits = { ...kernelLimits, ...ports.limits };
    const limits = this.#limits;
    for (const { kind } of ports.behaviors)
      assert(!roles.includes(kind as Role), "no kind is named like a role: a slot's name says what it holds");
    this.#behaviors = new Map(ports.behaviors.map((behavior) => [behavior.kind, behavior]));
    this.#conditions = new Conditions(clock);
    this.#turns = new Turns({ pressure, clock, meter, limits, rested: () => this.#conditions.changed() });
    this.#memory = new Memory({
      clock,
      meter,
      limits,
      ofOwnSlot: (actor) => this.#slots.get(ownSlot(actor))?.activations.get(actor),
      passivate: (activation) => this.#slots.get(activation.host.slot)?.passivate(activation),
    });
    this.#delivery = new Delivery({
      node,
      clock,
      log,
      meter,
      routing,
      asks,
      limits,
      incarnation: [...ports.random.bytes(8)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
      activationOf: (actor) => this.#memory.get(actor),
      slotOf: (actor) => this.slotOf(actor),
      isHere: (slot) => this.#isHere(slot),
      isKnown: (slot) => this.#slots.has(slot),
      hostOf: (slot) => this.#slot(slot),
      asked: () => this.#sweepLater(),
    });
    this.#reminders = new Reminders(clock, limits, (actor, id, dueMs) => {
      this.#delivery.send({
        type: "signal",
        to: actor,
        from: "node",
        message: { type: "reminded", id, dueMs },
        chain: [],
      });
    });
    this.#services = {
      node,
      clock,
      limits,
      diskFull: (slot) => pressure.full(slot),
      log,
      meter,
      tracer: ports.tracer,
      engines: ports.engines,
      publisher: ports.publisher,
      schedule: (activation) => this.#turns.add(activation),
      leave: (activation) => this.#memory.leave(activation),
      dismiss: (activation) => this.#memory.passivate(activation),
      send: (envelope) => this.#delivery.send(envelope),
      answer: (to, result) => this.#delivery.answer(to, result),
      undelivered: (envelope, why, error) => this.#delivery.undelivered(envelope, why, error),
      unserved: (to, actor, error) => this.#delivery.unserved(to, actor, error),
      ask: ports.before === undefined ? this.#delivery.ask : behind(ports.before, this.#delivery.ask),
      changed: () => this.#conditions.changed(),
    };
    this.#operator = new Operator({
      clock,
      log,
      slots: ports.slots,
      reminders: this.#reminders,
      roleOf: (kind) => this.#behaviors.get(kind)?.role,
      slotOf: (actor) => this.slotOf(actor),
      activationOf: (actor) => this.#memory.get(actor),
      known: (slot) => this.#slots.get(slot),
      hostOf: (slot) => this.#slot(slot),
    });
  }

  async start(): Promise<void> {
    const unreadable = (error: unknown): readonly SlotId[] => {
      this.#ports.log.error("slots.unreadable", { error });
      return [];
    };
    await this.#openSlots(await this.#ports.slotsWithWork().catch(unreadable));
    // The others too, so that damage shows now and not with a person's message. The start does not wait for it.
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
    const { to, from, message, operationId, timeoutMs, trace } = request;
    return new Promise((resolve) =>
      this.#delivery.ask({ to, from, message, operationId, chain: [], trace }, timeoutMs, resolve),
    );
  }

  tell(request: Omit<Request, "timeoutMs">): void {
    const { to, from, message, operationId, trace } = request;
    const operation = operationId === undefined ? undefined : `${from}|${operationId}`;
    const envelope: Tell = { type: "tell", to, from, message, operation, trace };
    if (this.#stopping) this.#delivery.undelivered(envelope, "refused", failure("STOPPING"));
    else this.#delivery.send(envelope);
  }

  status(): ReturnType<Kernel["status"]> {
    const slots = [...this.#slots.values()];
    const notServed = slots.flatMap(({ slot, cause }) => (cause === undefined ? [] : [{ slot, cause }]));
    return {
      active: this.#memory.size,
      quarantined: slots.reduce((sum, slot) => sum + slot.quarantines.count, 0),
      slotsOpen: slots.filter((slot) => slot.status === "open").length,
      slotsQuarantined: notServed.map(({ slot, cause }) => ({
        slot,
        reason: JSON.stringify({ because: cause.code, ...cause.details }),
        failure: cause,
      })),
    };
  }

  listActors(filter: Parameters<Kernel["listActors"]>[0]): ReturnType<Kernel["listActors"]> {
    return this.#operator.list(filter);
  }

  showActor(actor: ActorId): ReturnType<Kernel["showActor"]> {
    return this.#operator.show(actor);
  }

  release(actor: ActorId, redeliver: boolean): ReturnType<Kernel["release"]> {
    return this.#operator.release(actor, redeliver);
  }

  receive(slot: SlotId, envelope: Ask | Tell): void {
    const { to, message } = envelope;
    const { type } = message;
    const behavior = this.#behaviorOf(to);
    const refuse = (...of: Parameters<typeof failure>): void =>
      this.#delivery.undelivered(envelope, "refused", failure(...of));
    if (this.#stopping) this.#delivery.undelivered(envelope, "unserved", failure("STOPPING"));
    else if (behavior === undefined) refuse("NOT_FOUND", { actor: to });
    else if (behavior.accepts?.(message as Message) === false)
      refuse("BAD_REQUEST", { actor: to, type, reason: "this is not a message for an actor of its kind" });
    else this.#slot(slot).deliver(envelope);
  }

  slotOf(actor: ActorId): SlotId | undefined {
    const behavior = this.#behaviorOf(actor);
    return behavior && this.#ports.routing.slotOf(behavior.role, actor);
  }

  left(slot: SlotId, actor: ActorId): void {
    this.#slots.get(slot)?.intake.left(actor);
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

  async split(actor: ActorId, to?: NodeId): ReturnType<Kernel["split"]> {
    const slot = this.slotOf(actor);
    const own = ownSlot(actor);
    if (slot === undefined) return refused(failure("NOT_FOUND", { actor }));
    if (slot === own) return refused(failure("ALREADY_DONE", { actor }));
    const host = this.#slot(slot);
    await host.open();
    if (host.status !== "open") return refused(host.reason ?? failure("MOVED", { slot }));
    try {
      const owner = await host.split(actor, {
        ...(to !== undefined && { to }),
        deadlineMs: this.#limits.splitTimeoutMs,
      });
      if (owner === this.#ports.node) this.serve(own);
    } catch (error) {
      return refused(failureOf(error));
    }
    return ok({ slot: own });
  }

  load(): ReturnType<Kernel["load"]> {
    return [...this.#slots.values()]
      .filter(({ status }) => status === "open")
      .map((host) => ({ slot: host.slot, actors: host.activations.size, ...host.takeLoad() }));
  }

  async stop(deadlineMs: number): Promise<void> {
    const { clock, pressure, asks } = this.#ports;
    const endMs = clock.monotonicMs() + deadlineMs;
    this.#stopping = true;
    this.#delivery.stopping();
    this.#reminders.stop();
    await this.#conditions.until(endMs, () => this.#quiet());
    for (const activation of this.#memory.all()) if (activation.idle) activation.snapshot();
    await within(clock, Math.max(0, endMs - clock.monotonicMs()), pressure.settled());
    this.#stopped = true;
    this.#delivery.stop();
    this.#sweeping?.();
    for (const slot of this.#slots.values()) slot.stop(failure("STOPPING"));
    asks.expire(Infinity, failure("ASK_TIMEOUT", { because: "the node stopped" }));
  }

  // --- slots ---------------------------------------------------------------------------------------------------------

  #behaviorOf(actor: ActorId): AnyBehavior | undefined {
    return this.#memory.get(actor)?.behavior ?? this.#behaviors.get(parseActorId(actor)?.kind ?? "");
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
      services: this.#services,
      knows: (actor) => this.#behaviors.has(actor.slice(0, actor.indexOf("/"))),
      behaviorOf: (actor) => {
        const behavior = this.#behaviors.get(actor.slice(0, actor.indexOf("/")));
        assert(behavior !== undefined, "only actors of known kinds are brought into memory");
        return behavior;
      },
      isOf: (actor, slotId) => this.slotOf(actor) === slotId,
      hasRoom: () => this.#memory.hasRoom(),
      entered: (activation) => {
        this.#memory.entered(activation);
        this.#sweepLater();
      },
      left: (activation) => this.#memory.left(activation),
      closed: (closed) => {
        if (this.#slots.get(slot) === closed) this.#slots.delete(slot);
      },
    });
    this.#slots.set(slot, host);
    return host;
  }

  // --- time ----------------------------------------------------------------------------------------------------------

  #sweepLater(): void {
    if (this.#sweeping || this.#stopped) return;
    this.#sweeping = this.#ports.clock.after(this.#limits.sweepIntervalMs, () => {
      this.#sweeping = undefined;
      this.#sweep();
      if (this.#asksOpen > 0 || this.#memory.size > 0) this.#sweepLater();
    });
  }

  /** Ends asks past their deadline; takes idle actors out of memory. */
  #sweep(): void {
    const { clock, meter, asks } = this.#ports;
    this.#asksOpen = asks.expire(clock.monotonicMs(), failure("ASK_TIMEOUT"));
    this.#memory.sweep();
    meter.gauge("asks_open", this.#asksOpen);
  }

  // --- stopping ------------------------------------------------------------------------------------------------------

  #quiet(): boolean {
    if (!this.#turns.none) return false;
    for (const slot of this.#slots.values()) if (slot.intake.hasWaiting) return false;
    for (const activation of this.#memory.all()) if (!activation.settled) return false;
    return true;
  }
}
