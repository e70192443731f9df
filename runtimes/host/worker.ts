/** The one thread of a model's pool: it holds the model and runs its generations.
 *
 *  Nothing here ends the thread: ending it during a native call aborts the whole process. A load that fails gives back
 *  what it took, a generation ends by message. */
import { flushCompileCache } from "node:module";
import type { MessagePort } from "node:worker_threads";
import { engines, traitsOf, type EngineName, type EngineRequest } from "../../protocols/engines/engine.ts";
import { failure, refused } from "../../protocols/errors.ts";
import type { Flow, LoadedModel, LoadPlan, ModelSpec, Serve } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { PortFlow } from "./flow.ts";
import type { LoadedFacts } from "./messages.ts";

export interface LoadTask {
  readonly spec: ModelSpec;
  readonly plan: LoadPlan;
  readonly known: string | undefined;
  /** Says how much is read; whatever comes by it ends the load. */
  readonly port: MessagePort;
}
export type LoadAnswer =
  | {
      readonly type: "loaded";
      readonly facts: LoadedFacts;
      readonly known: string | undefined;
      readonly warnings: readonly string[];
    }
  | { readonly type: "failed"; readonly reason: string }
  /** It was ended before it was over, and nothing of it is in memory. */
  | { readonly type: "stopped" };
export interface CallTask {
  readonly engine: EngineName;
  readonly request: EngineRequest;
  readonly port: MessagePort;
}

let loaded: LoadedModel | undefined;

export async function load({ spec, plan, known, port }: LoadTask): Promise<LoadAnswer> {
  const stop = new AbortController();
  port.on("message", () => stop.abort());
  const read = (share: number): void => port.postMessage(share);
  const at = { known, read, stopped: stop.signal };
  const result = await adapterOf(spec)
    .load(spec, plan, at)
    .finally(() => port.close());
  if (result.type === "failed" && stop.signal.aborted) return { type: "stopped" };
  // This thread is ended by a signal, which would leave nothing of what was compiled for the next one.
  flushCompileCache();
  if (result.type === "failed") return result;
  loaded = result.model;
  const { warnings } = result;
  const { sequences, sizeBytes, threads } = plan;
  const { device, onCard, batchTokens, capabilities, contextTokens = plan.contextTokens } = loaded;
  const told = { ...(onCard && { onCard }), ...(batchTokens !== undefined && { batchTokens }) };
  const facts = { contextTokens, sequences, sizeBytes, threads, device, capabilities, ...told };
  return { type: "loaded", facts, known: loaded.known, warnings };
}

export async function call({ engine, request, port }: CallTask): Promise<void> {
  const flow = new PortFlow(port, engine);
  try {
    if (loaded === undefined) throw new Error("broken invariant: a call without a model");
    const serve = loaded.serves[engine] as Serve<EngineName> | undefined;
    // What the model cannot do is not tried: an engine that it does not serve, or a request that needs more of it.
    const { capabilities } = loaded;
    const lacks = [engines[engine].offers, ...traitsOf(engine).needs(request)].find(
      (one) => !capabilities.includes(one),
    );
    if (serve === undefined || lacks !== undefined)
      flow.end(refused(failure("MODEL_UNSUPPORTED", { model: request.model, capability: lacks ?? engine })));
    else flow.end(await serve(request, flow as Flow));
  } catch (thrown) {
    flow.end(refused(failure("RUNTIME_FAULT", { reason: String(thrown) })));
  }
}

export function useThreads({ threads }: { readonly threads: number }): void {
  loaded?.useThreads?.(threads);
}

export async function unload(): Promise<void> {
  await loaded?.unload();
  loaded = undefined;
}
