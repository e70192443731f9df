/** Loads a model of llama.cpp, on node-llama-cpp's low-level evaluation, and says what it can do. Runs in the one
 *  thread of a model's pool. */
import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import {
  GgufInsights,
  InsufficientMemoryError,
  LlamaLogLevel,
  NoBinaryFoundError,
  readGgufFileInfo,
  type Llama,
  type LlamaContextOptions,
  type LlamaModel,
  type LlamaModelOptions,
} from "node-llama-cpp";
import * as library from "node-llama-cpp";
import { failure, ok, refused } from "../../protocols/errors.ts";
import type { TokenizeRequest } from "../../protocols/index.ts";
import type { Ended, Load, LoadedModel, LoadPlan, LoadWatch, ModelSpec } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { purposeOf, type Purpose } from "../gguf.ts";
import { Batches } from "./batches.ts";
import { capabilitiesBy } from "./capabilities.ts";
import { Gate } from "./gate.ts";
import { Guesser } from "./guesser.ts";
import { openLibrary } from "./library.ts";
import { loadReason } from "./load-reason.ts";
import { mostThatFit } from "./plan.ts";
import { createPromptRenderer } from "./prompt.ts";
import { embed, rerank } from "./vectors.ts";
import { Writer } from "./writer.ts";

/** Its type is a constant enum, which type stripping cannot follow; what is there when it runs is this. */
const architectures = (library as unknown as { GgufArchitectureType: Readonly<Record<string, string>> })
  .GgufArchitectureType;

/** How many layers a card gets. */
type LayersWanted = NonNullable<LlamaModelOptions["gpuLayers"]> | Promise<number>;

const logStepMs = 20;

const noBuild =
  "this installation has no build of llama.cpp for this machine: install the archive that has them, or let the " +
  "node use models of another server (`plexus endpoints add`)";

/** Loads a model into this thread. What fails comes back as a reason, and nothing of it stays in memory. `temperature`
 *  is for those who name none; `at.known` is what an earlier load found out about the library. */
export async function loadLlama(
  spec: ModelSpec,
  plan: LoadPlan,
  temperature: number,
  at: LoadWatch = {},
): Promise<Load> {
  // The library says only "Failed to load model"; the reason is in its log.
  const errors: string[] = [];
  const warnings: string[] = [];
  const keep = (lines: string[], line: string): void => {
    if (line !== "" && lines.length < runtimeLimits.loadLogLinesMax) lines.push(line);
  };
  const gpu = spec.gpu ?? false;
  let llama: Llama | undefined;
  try {
    const options = {
      gpu,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: plan.threads,
      logLevel: LlamaLogLevel.warn,
      logger: (level: LlamaLogLevel, message: string) => {
        keep(level === LlamaLogLevel.warn ? warnings : errors, message.trim());
        // Drivers end the process after such a line, and what it was is gone with the thread.
        if (gpu !== false && level !== LlamaLogLevel.warn) writeSync(2, message.trimEnd() + "\n");
      },
    } as const;
    const opened = await openLibrary(options, at.known).catch((error: unknown) => {
      throw error instanceof NoBinaryFoundError ? new Error(noBuild, { cause: error }) : error;
    });
    ({ llama } = opened);
    if (llama.gpu !== false && spec.gpuMemoryBytes !== undefined) await llama.setVramCap(spec.gpuMemoryBytes);
    const cardUsedBytes = llama.gpu === false ? 0 : (await llama.getVramState()).used;
    const loading = { llama, spec, plan, temperature, at };
    const { model, draft, served } = await fitting(loading, (text) => keep(warnings, text));
    // A card without room for a single layer is found, and not used.
    const device = llama.gpu === false || model.gpuLayers === 0 ? "cpu" : llama.gpu;
    const onCard =
      device === "cpu"
        ? undefined
        : {
            layers: { offloaded: model.gpuLayers, total: model.fileInsights.totalLayers },
            bytes: Math.max(0, (await llama.getVramState()).used - cardUsedBytes),
          };
    const unload = async (): Promise<void> => {
      await served.dispose();
      await draft?.dispose();
      await model.dispose();
      await model.llama.dispose();
    };
    const useThreads = (threads: number): void => void (model.llama.maxThreads = threads);
    const found = { ...(onCard && { onCard }), ...(opened.known !== undefined && { known: opened.known }) };
    return { type: "loaded", model: { ...served, device, ...found, useThreads, unload }, warnings };
  } catch (thrown) {
    // Lines come in from another thread; those of the failure may still be on their way.
    const linesMs = at.stopped?.aborted === true ? 0 : runtimeLimits.loadLogWaitMs;
    for (let waitedMs = 0; errors.length === 0 && waitedMs < linesMs; waitedMs += logStepMs)
      await setTimeout(logStepMs);
    // Waits until the model that failed releases the library, which it never does once it was garbage collected.
    await Promise.race([llama?.dispose(), setTimeout(runtimeLimits.disposeWaitMs)]);
    // Now and then they never come. The list is the library's own and may lag behind it: good for a reason, not to
    // refuse.
    const known = new Set(Object.values(architectures));
    const { architecture } = plan;
    if (errors.length === 0 && !known.has(architecture)) errors.push(`unknown model architecture: '${architecture}'`);
    return { type: "failed", reason: loadReason(thrown instanceof Error ? thrown.message : String(thrown), errors) };
  }
}

/** What is loaded, into which library. */
interface Loading {
  readonly llama: Llama;
  readonly spec: ModelSpec;
  readonly plan: LoadPlan;
  readonly temperature: number;
  readonly at: LoadWatch;
}

/** What is in memory then. */
interface Fitted {
  readonly model: LlamaModel;
  readonly draft: LlamaModel | undefined;
  readonly served: Serving;
}

/** Loads the weights and makes their context, with as many layers on the card as there is room for. */
async function fitting(loading: Loading, onWarning: (text: string) => void): Promise<Fitted> {
  const choices = layerChoices(loading);
  for (const [index, choice] of choices.entries())
    try {
      const fitted = await loadWith(loading, await choice(), onWarning);
      if (index > 0) onWarning(`the card has no room for all of it: ${fitted.model.gpuLayers} layers are there`);
      return fitted;
    } catch (thrown) {
      if (!(thrown instanceof InsufficientMemoryError) || index === choices.length - 1) throw thrown;
    }
  throw new Error("there is no choice of layers");
}

async function loadWith(
  { llama, spec, plan, temperature, at }: Loading,
  gpuLayers: Awaited<LayersWanted>,
  onWarning: (text: string) => void,
): Promise<Fitted> {
  const watched = {
    ...(at.read && { onLoadProgress: at.read }),
    ...(at.stopped && { loadSignal: at.stopped }),
  };
  const model = await llama.loadModel({ modelPath: spec.path, gpuLayers, ...watched });
  let draft: LlamaModel | undefined;
  try {
    if (spec.draft !== undefined)
      draft = await llama.loadModel({ modelPath: spec.draft, gpuLayers: gpuLayers === 0 ? 0 : "auto" });
    if (draft !== undefined && !isSameVocabulary(model, draft))
      throw new Error("the model that guesses ahead has another vocabulary");
    const served = await serving({ spec, plan, model, draft, temperature, at }, onWarning);
    // Contexts that were made all the same go with their model.
    at.stopped?.throwIfAborted();
    return { model, draft, served };
  } catch (thrown) {
    await draft?.dispose();
    await model.dispose();
    throw thrown;
  }
}

/** How many layers a card may get, the best first: what was said; or all that have room beside the whole context, else
 *  those that have room with their part of it, else none. */
function layerChoices({ llama, spec, plan }: Loading): readonly [() => LayersWanted, ...(() => LayersWanted)[]] {
  const { gpu = false, gpuLayers } = spec;
  if (gpu === false) return [() => 0];
  if (gpuLayers !== undefined) return [() => gpuLayers];
  const contextSize = plan.contextTokens * plan.sequences;
  return [() => ({ fitContext: { contextSize } }), () => layersWithRoom(llama, spec, plan), () => 0];
}

async function layersWithRoom(llama: Llama, { path, gpuMemoryBytes }: ModelSpec, plan: LoadPlan) {
  const { contextTokens, sequences } = plan;
  const insights = await GgufInsights.from(await readGgufFileInfo(path), llama);
  const freeBytes = (await llama.getVramState()).free - llama.vramPaddingSize;
  return await mostThatFit(insights.totalLayers, Math.min(freeBytes, gpuMemoryBytes ?? Infinity), async (layers) => {
    const model = await insights.estimateModelResourceRequirementsV2({ gpuLayers: layers });
    const context = { contextSize: contextTokens, sequences, modelGpuLayers: layers };
    return model.gpuVram + (await insights.estimateContextResourceRequirementsV2(context)).gpuVram;
  });
}

/** What a loaded model serves, and how its context is given back. */
type Serving = Pick<LoadedModel, "capabilities" | "serves" | "batchTokens"> & { readonly dispose: () => Promise<void> };

/** A model whose weights are in memory. */
interface InMemory {
  readonly spec: ModelSpec;
  readonly plan: LoadPlan;
  readonly model: LlamaModel;
  readonly draft: LlamaModel | undefined;
  readonly temperature: number;
  readonly at: LoadWatch;
}

/** Makes the context that the model is for: one to write, to embed, or to rank. */
async function serving(
  { spec, plan, model, draft, temperature, at }: InMemory,
  onWarning: (text: string) => void,
): Promise<Serving> {
  const { contextTokens, threads, sequences: count } = plan;
  const tokenize = (request: TokenizeRequest): Promise<Ended<"tokenize">> => tokensOf(request, model);
  // A model that reads sees a text whole: all of it is one batch.
  const size = { contextSize: contextTokens, threads, ...(at.stopped && { createSignal: at.stopped }) };
  const purpose = purposeIn(model);
  const capabilities = capabilitiesBy[purpose];
  switch (purpose) {
    case "embed": {
      const context = await model.createEmbeddingContext({ ...size, batchSize: contextTokens });
      const reading = { model, context, contextTokens };
      return {
        capabilities,
        batchTokens: contextTokens,
        serves: { tokenize, embed: (request, flow) => embed(request, flow, reading) },
        dispose: () => context.dispose(),
      };
    }
    case "rerank": {
      const context = await model.createRankingContext({ ...size, batchSize: contextTokens });
      const reading = { model, context, contextTokens };
      return {
        capabilities,
        batchTokens: contextTokens,
        serves: { tokenize, rerank: (request, flow) => rerank(request, flow, reading) },
        dispose: () => context.dispose(),
      };
    }
    case "write": {
      const batches = new Batches();
      const context = await model.createContext({
        ...size,
        sequences: count,
        batching: batches.options,
        ...(spec.batchTokens !== undefined && { batchSize: spec.batchTokens }),
        ...finely(spec),
        ...adapted(spec),
      });
      const guessing = await draft?.createContext({ ...size, sequences: count, batching: new Batches().options });
      const gate = new Gate();
      const sequences = Array.from({ length: count }, () =>
        context.getSequence(guessing && { tokenPredictor: new Guesser(guessing.getSequence(), gate) }),
      );
      const renderer = createPromptRenderer(model, onWarning);
      const batchTokens = context.batchSize;
      const writer = new Writer({ model, renderer, sequences, batches, batchTokens, temperature, contextTokens });
      return {
        capabilities,
        batchTokens,
        serves: { tokenize, generate: (request, flow) => writer.generate(request, flow) },
        async dispose() {
          await context.dispose();
          await guessing?.dispose();
        },
      };
    }
  }
}

/** Keys and values in blocks are read by flash attention alone. */
function finely({ cacheType = "f16", flashAttention }: ModelSpec): LlamaContextOptions {
  if (cacheType === "f16") return flashAttention === undefined ? {} : { flashAttention };
  const type = cacheType === "q8_0" ? "Q8_0" : "Q4_0";
  return { flashAttention: true, experimentalKvCacheKeyType: type, experimentalKvCacheValueType: type };
}

const adapted = ({ lora = [] }: ModelSpec): LlamaContextOptions =>
  lora.length === 0 ? {} : { lora: { adapters: lora.map(({ path, scale = 1 }) => ({ filePath: path, scale })) } };

/** A guess is a number, and has to mean the same to both. */
function isSameVocabulary(one: LlamaModel, other: LlamaModel): boolean {
  const [words, others] = [one, other].map(({ fileInfo }) => fileInfo.metadata.tokenizer?.ggml?.tokens ?? []);
  return (
    words!.length > 0 && words!.length === others!.length && words!.every((word, index) => word === others![index])
  );
}

/** As the library read it from the file. */
function purposeIn({ fileInfo: { metadata } }: LlamaModel): Purpose {
  const { architecture } = metadata.general;
  const { pooling_type: pooling = 0 } =
    (metadata as Readonly<Record<string, { pooling_type?: number }>>)[architecture] ?? {};
  return purposeOf(architecture, pooling);
}

/** Control tokens in the text are text, as in a prompt. */
async function tokensOf({ text }: TokenizeRequest, model: LlamaModel): Promise<Ended<"tokenize">> {
  if (text.length > runtimeLimits.tokenizedCharsMax)
    return refused(failure("TOO_LARGE", { field: "text", max: runtimeLimits.tokenizedCharsMax }));
  return ok({ tokens: model.tokenize(text, false) });
}
