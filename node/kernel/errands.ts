/** What an actor has under way outside of it: asks, reads and calls of engines.
 *
 *      output ─► errand ─► kernel, log or engine ─► signal into the mailbox, unless that life is over by then
 *
 *  What comes of an errand belongs to the life of the actor that sent it: one that was loaded again has folded its state
 *  anew and never asked. Asks and calls are bounded: beyond that they fail at once. */
import { failure, failureOf, refused, type ActorId, type Result, type Said } from "../../protocols/index.ts";
import type { Effect, Sender, Signal } from "../../actors/behavior.ts";
import { engineOf, type Running } from "../../runtimes/engine.ts";
import type { ActivationHost, KernelServices } from "./host.ts";
import type { Output } from "./plan.ts";

type Errand = Extract<Effect, { type: "ask" | "read" | "call" | "cancel" }>;

const errandTypes: ReadonlySet<Output["type"]> = new Set(["ask", "read", "call", "cancel"]);

/** Whether an output is an errand: its result comes back to the life that sent it. */
export const isErrand = (output: Output): output is Errand => errandTypes.has(output.type);

export interface ErrandPorts {
  readonly actor: ActorId;
  readonly home: Pick<ActivationHost, "readRecords" | "fail">;
  readonly around: Pick<KernelServices, "ask" | "limits" | "log" | "engines">;
  /** Puts what came of an errand into the actor's mailbox. */
  readonly signal: (message: Signal, from: Sender, chain: readonly ActorId[]) => void;
}

export class Errands {
  readonly #ports: ErrandPorts;
  #asks = 0;
  #reads = 0;
  /** By tag. */
  readonly #calls = new Map<string, Running>();
  /** Rises when a life ends. */
  #life = 0;

  constructor(ports: ErrandPorts) {
    this.#ports = ports;
  }

  /** Nothing is under way. */
  get none(): boolean {
    return this.#asks === 0 && this.#reads === 0 && this.#calls.size === 0;
  }

  /** Sends an errand out. `chain`: who waits for an answer of this actor, the nearest last. */
  run(errand: Errand, chain: readonly ActorId[]): void {
    switch (errand.type) {
      case "ask":
        this.#ask(errand, chain);
        return;
      case "read":
        this.#read(errand, chain);
        return;
      case "call":
        this.#call(errand);
        return;
      case "cancel":
        this.#calls.get(errand.tag)?.cancel();
        return;
    }
  }

  /** This life is over: what is under way is given up, and what comes of it is dropped. */
  abandon(): void {
    this.#life += 1;
    this.#asks = 0;
    this.#reads = 0;
    for (const call of this.#calls.values()) call.cancel();
    this.#calls.clear();
  }

  #ask(errand: Extract<Errand, { type: "ask" }>, chain: readonly ActorId[]): void {
    const { actor, around, signal } = this.#ports;
    const { askChainMax, outstandingAsksMax } = around.limits;
    const settle = this.#inThisLife((result: Result<unknown>) => {
      this.#asks -= 1;
      signal({ type: "answered", tag: errand.tag, result }, errand.to, chain);
    });
    const next = [...chain, actor];
    this.#asks += 1;
    if (next.includes(errand.to) || next.length > askChainMax) {
      settle(refused(failure("CALL_CYCLE", { chain: [...next, errand.to] })));
    } else if (this.#asks > outstandingAsksMax) {
      settle(refused(failure("OVERLOADED", { outstandingAsksMax })));
    } else {
      const { to, message, operationId, timeoutMs } = errand;
      around.ask({ to, from: actor, message, operationId, chain: next }, timeoutMs, settle);
    }
  }

  #read(errand: Extract<Errand, { type: "read" }>, chain: readonly ActorId[]): void {
    const { actor, home, around, signal } = this.#ports;
    const limit = Math.min(errand.range.limit, around.limits.readRecordsMax);
    this.#reads += 1;
    home.readRecords(actor, { ...errand.range, limit }).then(
      this.#inThisLife((records) => {
        this.#reads -= 1;
        signal({ type: "records", tag: errand.tag, records }, "node", chain);
      }),
      (error: unknown) => home.fail(failureOf(error)),
    );
  }

  #call({ engine, request, tag, timeoutMs }: Extract<Errand, { type: "call" }>): void {
    const { actor, around, signal } = this.#ports;
    const { callsMax } = around.limits;
    if (this.#calls.size >= callsMax) {
      signal({ type: "answered", tag, result: refused(failure("OVERLOADED", { callsMax })) }, "node", []);
      return;
    }
    const hear = this.#inThisLife((said: Said) => {
      if (said.type === "part")
        return signal(
          { type: "part", engine, tag, part: said.part } as Extract<Signal, { readonly type: "part" }>,
          "node",
          [],
        );
      this.#calls.delete(tag);
      const { result } = said;
      // Actors tell people that it failed; the details are for whoever runs the nodes.
      if (!result.ok) around.log.info("call.failed", { actor, engine, tag, failure: result.error });
      signal({ type: "answered", tag, result }, "node", []);
    });
    this.#calls.set(tag, engineOf(around.engines, engine).call({ ...request, id: tag, timeoutMs, key: actor }, hear));
  }

  /** The same function, for as long as this life lasts. */
  #inThisLife<Value>(then: (value: Value) => void): (value: Value) => void {
    const life = this.#life;
    return (value) => {
      if (this.#life === life) then(value);
    };
  }
}
