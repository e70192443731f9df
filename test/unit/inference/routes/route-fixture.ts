/** For tests of routes: models with a script, and what came of a call. */
import { routedEngines } from "../../../../node/inference/routes/model-routes.ts";
import type { RouteLimits } from "../../../../node/inference/routes/limits.ts";
import {
  bytesOfFloats,
  failure,
  ok,
  refused,
  type AnswerFrom,
  type ClassifyRequest,
  type EmbedRequest,
  type ErrorCode,
  type GenerationRequest,
  type ModelInfo,
  type ModelRoute,
} from "../../../../protocols/index.ts";
import { everyEngine, type Engine } from "../../../../runtimes/engine.ts";
import { quietMeter } from "../../../fixtures/quiet.ts";
import { ended, type Spoken } from "../../../fixtures/engine-answers.ts";
import { simulatedClock, World } from "../../../world/index.ts";

/** What may differ. */
export interface FixtureOptions {
  readonly delayMs?: number;
  readonly limits?: Partial<RouteLimits>;
  /** Vectors of texts; of others there is none. */
  readonly vectors?: Readonly<Record<string, readonly number[]>>;
  /** What each model that classifies says of a text: its labels with how much of each. Of other models it says nothing
   *  until it is cancelled. */
  readonly classes?: Readonly<Record<string, (text: string) => Readonly<Record<string, number>>>>;
  /** Models that do not hear that they are cancelled. */
  readonly deaf?: ReadonlySet<string>;
}

/** Where the last answer that was heard comes from. */
export function fromOf(heard: readonly Spoken[]): AnswerFrom | undefined {
  const last = heard.findLast(({ type }) => type === "answered");
  return last?.type === "answered" && last.result.ok ? last.result.value.from : undefined;
}

/** The text that was heard. */
export const textOf = (heard: readonly Spoken[]): string =>
  heard.map((said) => (said.type === "part" ? said.part.text : "")).join("");

/** A model of a step. */
export const target = (model: string, weight = 1) => ({ model, weight });
const info = (model: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  model,
  runtime: "echo",
  capabilities: ["chat"],
  contextTokens: 100,
  sizeBytes: 1,
  demonstration: false,
  state: "ready",
  ...more,
});

/** What each model does with a call: these are said, one after the other. */
export type Script = Readonly<Record<string, readonly Spoken[]>>;

/** Routes in front of models that do what a script says, on simulated time. */
export function openFixture(
  route: ModelRoute,
  script: Script,
  { delayMs = 10, limits = {}, vectors = {}, classes = {}, deaf = new Set() }: FixtureOptions = {},
) {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  const asked: GenerationRequest[] = [];
  const cancelled: string[] = [];
  const generate: Engine<"generate"> = {
    models: () => Object.keys(script).map((model) => info(model)),
    watch: () => () => undefined,
    call(request, hear) {
      asked.push(request);
      let over = false;
      const say = (said: Spoken): void => {
        if (over) return;
        over = said.type === "answered";
        hear(said);
      };
      for (const [index, said] of (script[request.model] ?? []).entries())
        clock.after(delayMs * (index + 1), () => say(said));
      return {
        cancel() {
          cancelled.push(request.model);
          if (!deaf.has(request.model)) clock.soon(() => say(ended("stopped")));
        },
      };
    },
  };
  const embedded: EmbedRequest[] = [];
  const embed: Engine<"embed"> = {
    models: () => [],
    watch: () => () => undefined,
    call(request, hear) {
      embedded.push(request);
      const found = request.inputs.map((input) => vectors[input as string]);
      clock.after(delayMs, () =>
        hear({
          type: "answered",
          result: found.every((one) => one !== undefined)
            ? ok({ vectors: found.map((one) => bytesOfFloats(one ?? [])), promptTokens: 1 })
            : refused(failure("MODEL_UNAVAILABLE")),
        }),
      );
      return { cancel: () => undefined };
    },
  };
  const classified: ClassifyRequest[] = [];
  const classify: Engine<"classify"> = {
    models: () => [],
    watch: () => () => undefined,
    call(request, hear) {
      classified.push(request);
      const say = classes[request.model];
      if (say === undefined) {
        const refuse = (code: ErrorCode) => hear({ type: "answered", result: refused(failure(code)) });
        const end = clock.after(request.timeoutMs, () => refuse("GENERATION_TIMEOUT"));
        return { cancel: () => (end(), clock.soon(() => refuse("CANCELLED"))) };
      }
      const scores = request.inputs.map(say);
      const labels = Object.keys(scores[0] ?? {});
      const packed = scores.map((one) => bytesOfFloats(Object.values(one)));
      clock.after(delayMs, () =>
        hear({ type: "answered", result: ok({ labels, scores: packed, exclusive: true, promptTokens: 1 }) }),
      );
      return { cancel: () => undefined };
    },
  };
  const counted: string[] = [];
  const meter = {
    ...quietMeter,
    count: (name: string, _by = 1, labels: Readonly<Record<string, string>> = {}) =>
      counted.push([name, ...Object.values(labels)].join(" ")),
  };
  const engines = routedEngines(everyEngine({ generate, embed, classify }), {
    routes: () => [current],
    clock,
    meter,
    limits,
  });
  let current = route;
  const heard: Spoken[] = [];
  const call = (more: Partial<GenerationRequest> = {}) =>
    engines.generate.call(
      { id: "r", model: route.name, messages: [], sampling: {}, timeoutMs: 1_000, person: "user/ada", ...more },
      (said) => heard.push(said),
    );
  return {
    world,
    engines,
    asked,
    embedded,
    classified,
    counted,
    /** Another route in its place. */
    set: (next: ModelRoute) => void (current = next),
    cancelled,
    heard,
    call,
    pass: (ms: number) => {
      // Time passes also where nothing is to happen.
      world.after(ms, () => undefined);
      return world.run(() => false, world.nowMs + ms);
    },
  };
}
