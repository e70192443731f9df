/** Nodes that count calls, with the real ledgers in memory and engines of a script, on simulated time. */
import { ledger } from "../../../../actors/index.ts";
import type { LedgerChange, LedgerState } from "../../../../actors/ledger/state.ts";
import type { Turn } from "../../../../actors/behavior.ts";
import { createUsage, type Usage, type UsagePorts } from "../../../../node/inference/usage/index.ts";
import {
  everybody,
  failure,
  ledgerOf,
  ok,
  refused,
  type Budget,
  type Failure,
  type GenerationRequest,
  type ModelInfo,
  type Price,
  type Result,
  type UsageRow,
} from "../../../../protocols/index.ts";
import { type Engines } from "../../../../runtimes/index.ts";
import { everyEngine, type Engine } from "../../../../runtimes/engine.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import type { Spoken } from "../../../fixtures/engine-answers.ts";
import { simulatedClock, type World } from "../../../world/index.ts";

/** What the ledgers of a test do with what they are asked. */
export interface Way {
  /** Before the ledger has it: nothing happens. */
  lost?: () => boolean;
  /** The ledger has it, and its answer is lost. */
  unanswered?: () => boolean;
  delayMs?: () => number;
}

/** All ledgers, as if they were on one node that never dies. */
export class Ledgers {
  readonly states = new Map<string, LedgerState>();
  readonly #world: World;
  readonly #way: Way;
  readonly offsetMs: number;
  asked = 0;

  constructor(world: World, way: Way = {}, offsetMs = epochMs) {
    this.#world = world;
    this.#way = way;
    this.offsetMs = offsetMs;
  }

  /** One message, at once. */
  tell(to: string, message: object): Result<unknown> {
    const state = this.states.get(to) ?? ledger.initial("");
    const turn: Turn<undefined> = { self: to as never, key: to.split("/")[1]!, nowMs: this.offsetMs + this.#world.nowMs, from: "node", notes: undefined };
    let result: Result<unknown> = refused(failure("INTERNAL"));
    let next = state;
    for (const effect of ledger.decide(state, message as never, turn)) {
      if (effect.type === "persist") next = ledger.evolve(next, effect.event as LedgerChange);
      if (effect.type === "reply") result = ok(effect.value);
      if (effect.type === "refuse") result = refused(failure(effect.code, effect.details));
    }
    this.states.set(to, next);
    return result;
  } // prettier-ignore

  ask(to: string, message: object, timeoutMs: number): Promise<Result<unknown>> {
    this.asked += 1;
    const { lost, unanswered, delayMs } = this.#way;
    return new Promise((resolve) => {
      const late = (): void => void this.#world.after(timeoutMs, () => resolve(refused(failure("ASK_TIMEOUT"))));
      if (lost?.() === true) return late();
      this.#world.after(delayMs?.() ?? 1, () => {
        const result = this.tell(to, message);
        if (unanswered?.() === true) return late();
        this.#world.after(delayMs?.() ?? 1, () => resolve(result));
      });
    });
  }

  rows(person: string = everybody): readonly UsageRow[] {
    return this.states.get(ledgerOf(person))?.day.rows ?? [];
  }
}

/** Noon, so that no test runs over midnight by chance. */
export const epochMs = Date.UTC(2026, 4, 4, 12);

const info = (model: string): ModelInfo => ({
  model,
  runtime: "echo",
  capabilities: ["chat"],
  contextTokens: 100,
  sizeBytes: 1,
  demonstration: false,
  state: "ready",
  ...(model.includes("/") && { provider: model.split("/")[0]! }),
});

/** What a call of a model does. */
export type Script = (request: GenerationRequest) => { readonly afterMs?: number; readonly says: readonly Spoken[] };

/** One node. */
export function createNode(
  world: World,
  ledgers: Ledgers,
  {
    name = "n1",
    pulse = { life: 1, alive: true },
    ask = (to, message, timeoutMs) => ledgers.ask(to, message, timeoutMs),
    models = ["m", "small", "api.example/large"],
    script = () => ({ says: [took(10, 5)] }),
    ...more
  }: {
    name?: string;
    /** A node that dies. */
    pulse?: { life: number; alive: boolean };
    ask?: UsagePorts["ask"];
    models?: readonly string[];
    script?: Script;
    budgets?: () => readonly Budget[];
    prices?: () => readonly Price[];
    noted?: UsagePorts["noted"];
    /** What stands in place of the routes. */
    routes?: (counted: Engines) => Engines;
  } = {},
) {
  const clock = simulatedClock(world, { offsetMs: ledgers.offsetMs }, pulse);
  const called: string[] = [];
  const generate: Engine<"generate"> = {
    models: () => models.map(info),
    watch: () => () => undefined,
    call(request, hear) {
      called.push(request.model);
      const { afterMs = 10, says } = script(request);
      let over = false;
      const say = (said: Spoken): void => {
        if (over) return;
        over = said.type === "answered";
        hear(said);
      };
      for (const [index, said] of says.entries()) clock.after(afterMs * (index + 1), () => say(said));
      return {
        cancel: () => clock.soon(() => say({ type: "answered", result: ok({ end: "stopped", promptTokens: 1, completionTokens: 1 }) })),
      };
    },
  };
  const usage: Usage = createUsage({
    reporter: name,
    ask,
    budgets: more.budgets ?? (() => []),
    prices: more.prices ?? (() => []),
    ...(more.noted && { noted: more.noted }),
    clock,
    log: quietLog,
    meter: quietMeter,
  });
  const { engines } = usage.around(everyEngine({ generate }), more.routes ?? ((counted) => counted));
  let calls = 0;
  /** Calls, and resolves with the last that is said. */
  const call = (request: Partial<GenerationRequest> = {}): { readonly id: string; readonly end: Promise<Spoken>; readonly cancel: () => void } => {
    calls += 1;
    const id = `${name}-${calls}`;
    let cancel = (): void => undefined;
    const end = new Promise<Spoken>((resolve) => {
      const running = engines.generate.call(
        { id, model: "m", messages: [], sampling: {}, timeoutMs: 60_000, person: "user/ada", key: "key/k1", ...request },
        (said) => {
          if (said.type === "answered") resolve(said);
        },
      );
      cancel = () => running.cancel();
    });
    return { id, end, cancel };
  };
  return { usage, called, call, clock };
} // prettier-ignore

/** An answer that took so much. */
export const took = (promptTokens: number, completionTokens: number, cachedTokens = 0): Spoken => ({
  type: "answered",
  result: ok({ end: "complete", promptTokens, completionTokens, cachedTokens }),
});

/** Lets so much time pass, also where nothing happens. */
export async function pass(world: World, ms: number): Promise<void> {
  let over = false;
  world.after(ms, () => {
    over = true;
  });
  await world.run(() => over, Infinity);
}

/** The code of a refusal; undefined: it was answered. */
export const codeOf = (said: Spoken): Failure["code"] | undefined =>
  said.type === "answered" && !said.result.ok ? said.result.error.code : undefined;
