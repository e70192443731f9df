/** The echo as a runtime in this process: deterministic, on an injected clock, for simulations, tests and demonstrations. */
import type { GenerationRequest, ModelInfo, Said } from "../../protocols/index.ts";
import { Admission } from "../admission.ts";
import type { LocalEngine } from "../engine.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import { echo } from "./adapter.ts";
import { speak } from "./speech.ts";

export interface EchoOptions {
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

export interface EchoRuntime extends LocalEngine<"generate"> {
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
  let crashes = 0;
  const admission: Admission = new Admission(
    { ...options, models },
    {
      begin(run, _engine, _model, request) {
        const stop = speak(request as GenerationRequest, speech, {
          text: (text, tokens) => admission.part(run, { text, tokens }),
          end: (result) => {
            voices.delete(run);
            admission.end(run, result);
          },
        });
        voices.set(run, stop);
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

  return {
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
    call: (request, hear) => admission.submit("generate", request, hear as (said: Said) => void),
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
}
