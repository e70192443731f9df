/** What an actor has outstanding outside of it: asks, reads and calls of engines.
 *
 *      effect ─► kernel, log or engine ─► signal into the mailbox, unless that incarnation is over by then
 *
 *  What comes back belongs to the incarnation of the actor that asked: one that was loaded again has folded its state
 *  anew and never asked. Asks and calls are bounded: beyond that they fail at once. */
import {
  failure,
  failureOf,
  refused,
  traceIdOf,
  type ActorId,
  type CallPlace,
  type Result,
  type Said,
  type TraceContext,
} from "../../protocols/index.ts";
import type { Effect, Sender, Signal } from "../../actors/behavior.ts";
import { engineOf, type Running } from "../../runtimes/engine.ts";
import type { ActivationHost, KernelServices } from "./host.ts";
import type { Output } from "./plan.ts";

type AwaitedEffect = Extract<Effect, { type: "ask" | "read" | "call" | "cancel" }>;

const awaitedTypes: ReadonlySet<Output["type"]> = new Set(["ask", "read", "call", "cancel"]);

/** Whether the result of an output comes back to the incarnation that caused it. */
export const isAwaited = (output: Output): output is AwaitedEffect => awaitedTypes.has(output.type);

interface OutstandingPorts {
  readonly actor: ActorId;
  readonly host: Pick<ActivationHost, "readRecords" | "fail">;
  readonly services: Pick<KernelServices, "ask" | "limits" | "log" | "engines">;
  /** Puts a result into the actor's mailbox. */
  readonly signal: (message: Signal, from: Sender, chain: readonly ActorId[], trace: TraceContext | undefined) => void;
}

export class Outstanding {
  readonly #ports: OutstandingPorts;
  #asks = 0;
  #reads = 0;
  /** By tag. */
  readonly #calls = new Map<string, Running>();
  /** Rises when an incarnation ends. */
  #incarnation = 0;

  constructor(ports: OutstandingPorts) {
    this.#ports = ports;
  }

  /** Nothing is outstanding. */
  get none(): boolean {
    return this.#asks === 0 && this.#reads === 0 && this.#calls.size === 0;
  }

  /** Carries out an effect. `chain`: the actors that wait for an answer of this one, the nearest last. */
  run(effect: AwaitedEffect, chain: readonly ActorId[], trace?: TraceContext): void {
    switch (effect.type) {
      case "ask":
        this.#ask(effect, chain, trace);
        return;
      case "read":
        this.#read(effect, chain, trace);
        return;
      case "call":
        this.#call(effect, trace);
        return;
      case "cancel":
        this.#calls.get(effect.tag)?.cancel();
        return;
    }
  }

  /** This incarnation is over: its outstanding asks and calls are given up, and their results are dropped. */
  abandon(): void {
    this.#incarnation += 1;
    this.#asks = 0;
    this.#reads = 0;
    for (const call of this.#calls.values()) call.cancel();
    this.#calls.clear();
  }

  #ask(
    { to, message, operationId, timeoutMs, tag }: Extract<AwaitedEffect, { type: "ask" }>,
    chain: readonly ActorId[],
    trace: TraceContext | undefined,
  ): void {
    const { actor, services, signal } = this.#ports;
    const { askChainMax, outstandingAsksMax } = services.limits;
    const settle = this.#forIncarnation((result: Result<unknown>) => {
      this.#asks -= 1;
      signal({ type: "answered", tag, result }, to, chain, trace);
    });
    const next = [...chain, actor];
    this.#asks += 1;
    if (next.includes(to) || next.length > askChainMax)
      settle(refused(failure("CALL_CYCLE", { chain: [...next, to] })));
    else if (this.#asks > outstandingAsksMax) settle(refused(failure("OVERLOADED", { outstandingAsksMax })));
    else services.ask({ to, from: actor, message, operationId, chain: next, trace }, timeoutMs, settle);
  }

  #read(
    { range, tag }: Extract<AwaitedEffect, { type: "read" }>,
    chain: readonly ActorId[],
    trace: TraceContext | undefined,
  ): void {
    const { actor, host, services, signal } = this.#ports;
    const limit = Math.min(range.limit, services.limits.readRecordsMax);
    this.#reads += 1;
    host.readRecords(actor, { ...range, limit }).then(
      this.#forIncarnation((records) => {
        this.#reads -= 1;
        signal({ type: "records", tag, records }, "node", chain, trace);
      }),
      (error: unknown) => host.fail(failureOf(error)),
    );
  }

  #call(
    { engine, request, tag, timeoutMs }: Extract<AwaitedEffect, { type: "call" }>,
    trace: TraceContext | undefined,
  ): void {
    const { actor, services, signal } = this.#ports;
    const { callsMax } = services.limits;
    if (this.#calls.size >= callsMax) {
      signal({ type: "answered", tag, result: refused(failure("OVERLOADED", { callsMax })) }, "node", [], trace);
      return;
    }
    const hear = this.#forIncarnation((said: Said) => {
      if (said.type === "part") {
        const part = { type: "part", engine, tag, part: said.part } as Extract<Signal, { readonly type: "part" }>;
        return signal(part, "node", [], trace);
      }
      this.#calls.delete(tag);
      const { result } = said;
      // Actors tell people that it failed; the details are for operators.
      if (!result.ok)
        services.log.info("call.failed", {
          actor,
          engine,
          tag,
          failure: result.error,
          ...(trace !== undefined && { trace: traceIdOf(trace) }),
        });
      signal({ type: "answered", tag, result }, "node", [], trace);
    });
    const onPlace = this.#forIncarnation((place: CallPlace) =>
      signal({ type: "waits", tag, place }, "node", [], trace),
    );
    const call = { ...request, id: tag, timeoutMs, key: actor, onPlace, ...(trace !== undefined && { trace }) };
    this.#calls.set(tag, engineOf(services.engines, engine).call(call, hear));
  }

  /** The same function, for as long as this incarnation lasts. */
  #forIncarnation<Value>(then: (value: Value) => void): (value: Value) => void {
    const incarnation = this.#incarnation;
    return (value) => {
      if (this.#incarnation === incarnation) then(value);
    };
  }
}
