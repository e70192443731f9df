/** The echo as a runtime in this process: deterministic, on an injected clock, for simulations, tests and
 *  demonstrations. */
import {
  failure,
  refused,
  traitsOf,
  type EngineName,
  type EngineRequest,
  type GenerationPart,
  type GenerationRequest,
  type ModelInfo,
  type Said,
} from "../../protocols/index.ts";
import type { Ended } from "../adapter.ts";
import { Admission } from "../admission.ts";
import { enginesOf, everyEngine, type Engines, type LocalEngine, type LocalModels, type Running } from "../engine.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import { answerTo, echo, soundOf } from "./adapter.ts";
import { speak } from "./speech.ts";

interface EchoOptions {
  readonly clock: RuntimeClock;
  readonly log?: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  /** Default: one model, `echo`. */
  readonly models?: readonly string[];
  readonly tokenDelayMs?: number;
  readonly tokensPerPart?: number;
  readonly contextTokens?: number;
  /** Generations of one model that run at once. */
  readonly sequences?: number;
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
}

/** Its own methods are those of the engine `generate`. */
export interface EchoRuntime extends LocalEngine<"generate"> {
  /** All that it serves. */
  readonly engines: Engines;
  stats(): RuntimeStats;
  /** Ends all that runs with RUNTIME_FAULT, as the death of an inference host does. For simulations. */
  crash(): void;
}

export function createEchoRuntime(options: EchoOptions): EchoRuntime {
  const models = options.models ?? ["echo"];
  const contextTokens = options.contextTokens ?? runtimeLimits.contextTokensDefault;
  const places = options.sequences ?? runtimeLimits.sequencesDefault;
  const voices = new Map<number, () => void>();
  const speech = {
    after: (delayMs: number, callback: () => void) => options.clock.after(delayMs, callback),
    tokenDelayMs: options.tokenDelayMs ?? 0,
    tokensPerPart: options.tokensPerPart ?? 1,
    contextTokens,
  };
  /** What is done at once is done in the next turn of the clock, or never when it is cancelled before. */
  const later = (run: number, act: () => void): void => {
    const cancelTimer = options.clock.after(0, act);
    voices.set(run, () => {
      cancelTimer();
      voices.delete(run);
      options.clock.after(0, () => admission.end(run, refused(failure("CANCELLED"))));
    });
  };
  let crashes = 0;
  const admission: Admission = new Admission(
    { ...options, models },
    {
      begin(run, engine, model, request) {
        const end = (result: Ended): void => {
          voices.delete(run);
          admission.end(run, result);
        };
        const lacks = traitsOf(engine)
          .needs(request)
          .find((need) => !echo.capabilities.includes(need));
        if (lacks !== undefined || !echo.capabilities.includes(traitsOf(engine).offers)) {
          const error = failure("MODEL_UNSUPPORTED", { model, capability: lacks ?? traitsOf(engine).offers });
          return void options.clock.after(0, () => end(refused(error)));
        }
        if (engine === "generate") {
          const listener = { part: (part: GenerationPart) => admission.part(run, part), end };
          return void voices.set(run, speak(request as GenerationRequest, speech, listener));
        }
        later(run, () => {
          if (engine === "speak")
            for (const part of soundOf(request as EngineRequest<"speak">)) admission.part(run, part);
          end(answerTo(engine as "embed", request as EngineRequest<"embed">, contextTokens));
        });
      },
      cancel: (run) => voices.get(run)?.(),
    },
  );
  for (const model of models)
    admission.setDoor(model, {
      type: "open",
      slots: places,
      contextTokens,
    });

  const submit = (engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running =>
    admission.submit(engine, request, hear);
  const local: Pick<LocalModels, "models" | "watch" | "call"> = {
    models: () =>
      models.map((model): ModelInfo => ({
        model,
        runtime: echo.name,
        capabilities: echo.capabilities,
        contextTokens,
        sizeBytes: 0,
        demonstration: true,
        state: "ready",
        places,
      })),
    // What it has, it has from the start.
    watch: () => () => undefined,
    call: submit,
  };
  const runtime: EchoRuntime = {
    models: local.models,
    watch: local.watch,
    call: (request, hear) => submit("generate", request, hear as (said: Said) => void),
    get engines() {
      return everyEngine({ ...enginesOf({ ...local, models: () => runtime.models() }), generate: runtime });
    },
    stats: () => admission.stats(crashes),
    crash() {
      crashes += 1;
      const silenced = [...voices.values()];
      voices.clear();
      admission.fault({ reason: "crash" });
      for (const silence of silenced) silence();
    },
    async stop(deadlineMs) {
      await new Promise<void>((resolve) => {
        const giveUp = options.clock.after(deadlineMs, () => {
          admission.fault({ reason: "stopped by force" });
          resolve();
        });
        void admission.close().then(() => {
          giveUp();
          resolve();
        });
      });
    },
  };
  return runtime;
}
