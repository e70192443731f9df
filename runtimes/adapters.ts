/** The adapters: one row each. To add one is a folder and its row here; nothing else knows an adapter by its name. */
import { assert } from "../protocols/index.ts";
import type { Adapter, Inspection, ModelSpec } from "./adapter.ts";
import { echo } from "./echo/adapter.ts";
import { llama } from "./llama/adapter.ts";

/** In the order in which they are asked whether a configured model is theirs. */
const adapters: readonly Adapter[] = [echo, llama];

/** The adapter of a model. */
export function adapterOf({ adapter: name }: Pick<ModelSpec, "adapter">): Adapter {
  const found = adapters.find((adapter) => adapter.name === name);
  assert(found !== undefined, `there is an adapter ${name}`);
  return found;
}

/** What the inference host is told of a configured model. */
export function modelSpec(
  entry: Pick<ModelSpec, "name" | "path">,
  settings: { readonly contextTokens: number; readonly gpu: "off" | "auto" },
): ModelSpec {
  const adapter = adapters.find((one) => one.claims(entry));
  assert(adapter !== undefined, "some adapter claims every model");
  const { name, path } = entry;
  const { contextTokens, gpu } = settings;
  return { name, adapter: adapter.name, path, contextTokens, gpu: gpu === "auto" ? "auto" : false };
}

/** Looks at a model's file, without native code. Throws what the file system throws. */
export const inspectModel = (spec: ModelSpec): Inspection => adapterOf(spec).inspect(spec);
