/** The adapters: one row each. To add one is a folder and its row here; nothing else knows an adapter by its name. */
import type { ModelEntry } from "../config/index.ts";
import { assert } from "../protocols/assert.ts";
import type { Adapter, Inspection, LoadVerdict, ModelSpec } from "./adapter.ts";
import { anthropic } from "./anthropic/adapter.ts";
import { echo } from "./echo/adapter.ts";
import { gemini } from "./gemini/adapter.ts";
import { kserve } from "./kserve/adapter.ts";
import { llama } from "./llama/adapter.ts";
import { memoryBudgetBytes, readMachine, type Machine } from "./machine.ts";
import { onnx } from "./onnx/adapter.ts";
import { ollama } from "./ollama/adapter.ts";
import { openai } from "./openai/adapter.ts";

/** In the order in which they are asked whether a configured model is theirs. */
const adapters: readonly Adapter[] = [echo, openai, ollama, anthropic, gemini, kserve, onnx, llama];

/** The adapter of a model. */
export function adapterOf({ adapter: name }: Pick<ModelSpec, "adapter">): Adapter {
  const found = adapters.find((adapter) => adapter.name === name);
  assert(found !== undefined, `there is an adapter ${name}`);
  return found;
}

/** What the inference host is told of a configured model. */
export function modelSpec(
  entry: ModelEntry,
  settings: { readonly contextTokens: number; readonly gpu: "off" | "auto" },
): ModelSpec {
  const { name, path = "", url, model = name, key, pull, capabilities, contextTokens, places: sequences } = entry;
  const adapter = adapters.find((one) => (url === undefined ? one.claims({ name, path }) : one.name === entry.adapter));
  assert(adapter !== undefined, "some adapter has every model");
  const { keepAliveMs, pinned } = entry;
  const stays = { ...(keepAliveMs !== undefined && { keepAliveMs }), ...(pinned !== undefined && { pinned }) };
  const set = {
    ...stays,
    ...(sequences !== undefined && { sequences }),
    ...(capabilities !== undefined && { capabilities }),
  };
  if (url !== undefined) {
    const endpoint = { url, model, key, pull };
    return {
      name,
      adapter: adapter.name,
      path,
      endpoint,
      ...set,
      ...(contextTokens !== undefined && { contextTokens }),
    };
  }
  const { lora, draft, cacheType, flashAttention, gpuLayers, gpuMemoryMiB, threads, batchTokens } = entry;
  return {
    name,
    adapter: adapter.name,
    path,
    contextTokens: contextTokens ?? settings.contextTokens,
    gpu: settings.gpu === "auto" ? "auto" : false,
    ...(lora && { lora: lora.map((one) => ({ path: one.path, scale: one.scale ?? 1 })) }),
    ...(draft !== undefined && { draft }),
    ...(cacheType !== undefined && { cacheType }),
    ...(flashAttention !== undefined && { flashAttention }),
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(gpuMemoryMiB !== undefined && { gpuMemoryBytes: gpuMemoryMiB * 1024 * 1024 }),
    ...(threads !== undefined && { threads }),
    ...(sequences !== undefined && { sequences }),
    ...(batchTokens !== undefined && { batchTokens }),
    ...stays,
  };
}

/** Looks at a model's file, without native code. Throws what the file system throws. */
export const inspectModel = (spec: ModelSpec): Inspection => adapterOf(spec).inspect(spec);

/** How a model would be loaded on this machine, and what it would take; or why it could not be. Throws what the file
 *  system throws. */
export function estimateModel(spec: ModelSpec, machine: Machine = readMachine()): LoadVerdict {
  const adapter = adapterOf(spec);
  const inspected = adapter.inspect(spec);
  if (inspected.type === "refused") return inspected;
  return adapter.plan({ ...inspected, spec, machine, models: 1, freeBytes: memoryBudgetBytes(machine) });
}
