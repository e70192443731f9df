/** The one thread of a model's pool: it holds the model and runs its generations.
 *
 *  Nothing here ends the thread: ending it during a native call aborts the whole process. A load that fails gives back what
 *  it took, a generation ends by message. */
import type { MessagePort } from "node:worker_threads";
import { failure, type GenerationRequest } from "../../protocols/index.ts";
import type { LoadedModel, ModelSpec } from "../adapter.ts";
import { speak } from "../echo/speech.ts";
import type { LoadPlan } from "../llama/plan.ts";
import { PortFlow } from "./flow.ts";
import type { LoadedFacts } from "./messages.ts";

export type LoadTask = { readonly spec: ModelSpec; readonly plan: LoadPlan };
export type LoadAnswer =
  | { readonly type: "loaded"; readonly facts: LoadedFacts; readonly warnings: readonly string[] }
  | { readonly type: "failed"; readonly reason: string };
export interface GenerateTask {
  readonly request: GenerationRequest;
  readonly port: MessagePort;
}

let loaded: LoadedModel | undefined;

export async function load({ spec, plan }: LoadTask): Promise<LoadAnswer> {
  const warnings: string[] = [];
  if (spec.runtime === "echo") loaded = hostedEcho(spec, plan.contextTokens);
  else {
    // The library takes a while to read; a worker without a model file does not need it.
    const { loadLlama } = await import("../llama/llama.ts");
    const result = await loadLlama(spec, plan);
    if (result.type === "failed") return result;
    loaded = result.model;
    warnings.push(...result.warnings);
  }
  const { contextTokens, sequences, sizeBytes, threads } = plan;
  return { type: "loaded", facts: { contextTokens, sequences, sizeBytes, threads, device: loaded.device }, warnings };
}

export async function generate({ request, port }: GenerateTask): Promise<void> {
  const flow = new PortFlow(port);
  try {
    if (loaded === undefined) throw new Error("broken invariant: a generation without a model");
    flow.end(await loaded.generate(request, flow));
  } catch (thrown) {
    flow.end({ type: "failed", error: failure("RUNTIME_FAULT", { reason: String(thrown) }) });
  }
}

export async function unload(): Promise<void> {
  await loaded?.unload();
  loaded = undefined;
}

/** The echo in this thread, on real time, pausing as its receiver does. */
function hostedEcho(spec: ModelSpec, contextTokens: number): LoadedModel {
  return {
    device: "cpu",
    generate: (request, flow) =>
      new Promise((resolve) => {
        const say = async (callback: () => void): Promise<void> => {
          await flow.ready();
          callback();
        };
        const after = (delayMs: number, callback: () => void): (() => void) => {
          const timer = setTimeout(() => {
            void say(callback);
          }, delayMs);
          return () => clearTimeout(timer);
        };
        const options = { after, tokenDelayMs: spec.tokenDelayMs ?? 0, tokensPerPart: 1, contextTokens };
        flow.onCancel(speak(request, options, { text: (text, tokens) => flow.text(text, tokens), end: resolve }));
      }),
    unload: () => Promise.resolve(),
  };
}
