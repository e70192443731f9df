/** A model that says what a test tells it to say, when the test tells it. */
import { failure, refused, type EngineRequest, type ModelInfo, type Said } from "../../../../protocols/index.ts";
import { type Engines } from "../../../../runtimes/index.ts";
import { everyEngine } from "../../../../runtimes/engine.ts";
import type { Spoken } from "../../../fixtures/engine-answers.ts";

/** One call of it. */
export interface ToldCall {
  readonly request: EngineRequest<"generate">;
  readonly cancelled: boolean;
  say(...said: readonly Spoken[]): void;
}

/** The engines, and their calls one after the other. */
export function toldEngines(): { readonly engines: Engines; next(): Promise<ToldCall> } {
  const calls: ToldCall[] = [];
  const waiting: ((call: ToldCall) => void)[] = [];
  const info: ModelInfo = {
    model: "told",
    runtime: "rote",
    capabilities: ["chat", "tools", "json", "vision", "logprobs", "transcribe", "speak"],
    contextTokens: 4_096,
    sizeBytes: 0,
    demonstration: true,
    state: "ready",
  };
  const told: Engines["generate"] = {
    models: () => [info],
    watch: () => () => undefined,
    call(request, hear) {
      const call = { request, cancelled: false, say: (...said: readonly Spoken[]) => said.forEach((one) => hear(one)) };
      const take = waiting.shift();
      if (take === undefined) calls.push(call);
      else take(call);
      return {
        cancel() {
          call.cancelled = true;
          const error: Said = { type: "answered", result: refused(failure("CANCELLED")) };
          setImmediate(() => hear(error as Spoken));
        },
      };
    },
  };
  // What it writes down and speaks it is told in the same way.
  const engines = everyEngine({
    generate: told,
    transcribe: told as unknown as Engines["transcribe"],
    speak: told as unknown as Engines["speak"],
  });
  return {
    engines,
    next() {
      const call = calls.shift();
      return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
    },
  };
}
