/** The one thread of a model's pool: it holds the model and runs its generations.
 *
 *  Nothing here ends the thread: ending it during a native call aborts the whole process. A load that fails gives back what
 *  it took, a generation ends by message. */
import type { MessagePort } from "node:worker_threads";
import { failure, refused, type GenerationRequest } from "../../protocols/index.ts";
import type { LoadedModel, LoadPlan, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
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
  const result = await adapterOf(spec).load(spec, plan);
  if (result.type === "failed") return result;
  loaded = result.model;
  const { warnings } = result;
  const { contextTokens, sequences, sizeBytes, threads } = plan;
  return { type: "loaded", facts: { contextTokens, sequences, sizeBytes, threads, device: loaded.device }, warnings };
}

export async function generate({ request, port }: GenerateTask): Promise<void> {
  const flow = new PortFlow(port);
  try {
    if (loaded === undefined) throw new Error("broken invariant: a generation without a model");
    flow.end(await loaded.generate(request, flow));
  } catch (thrown) {
    flow.end(refused(failure("RUNTIME_FAULT", { reason: String(thrown) })));
  }
}

export async function unload(): Promise<void> {
  await loaded?.unload();
  loaded = undefined;
}
