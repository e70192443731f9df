/** Loads a model of llama.cpp, on node-llama-cpp's low-level evaluation, and says what it can do. Runs in the one
 *  thread of a model's pool. */
import { setTimeout } from "node:timers/promises";
import {
  LlamaLogLevel,
  NoBinaryFoundError,
  type Llama,
  type LlamaContextOptions,
  type LlamaModel,
} from "node-llama-cpp";
import * as library from "node-llama-cpp";
import { failure, ok, refused } from "../../protocols/errors.ts";
import type { TokenizeRequest } from "../../protocols/index.ts";
import type { Ended, Load, LoadedModel, LoadPlan, ModelSpec } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { purposeOf, type Purpose } from "../gguf.ts";
import { Batches } from "./batches.ts";
import { capabilitiesBy } from "./capabilities.ts";
import { Gate } from "./gate.ts";
import { Guesser } from "./guesser.ts";
import { openLibrary } from "./library.ts";
import { loadReason } from "./load-reason.ts";
import { keptOfCard } from "./plan.ts";
import { createPromptRenderer } from "./prompt.ts";
import { embed, rerank } from "./vectors.ts";
import { Writer } from "./writer.ts";

/** Its type is a constant enum, which type stripping cannot follow; what is there when it runs is this. */
const architectures = (library as unknown as { GgufArchitectureType: Readonly<Record<string, string>> })
  .GgufArchitectureType;

const logStepMs = 20;

const noBuild =
  "this installation has no build of llama.cpp for this machine: install the archive that has them, or let the " +
  "node use models of another server (`plexus endpoints add`)";

/** Loads a model into this thread. What fails comes back as a reason, and nothing of it stays in memory. `temperature`
 *  is for those who name none; `known` is what an earlier load found out about the library. */
export async function loadLlama(spec: ModelSpec, plan: LoadPlan, temperature: number, known?: string): Promise<Load> {
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
      ...(spec.gpuMemoryBytes !== undefined && { vramPadding: keptOfCard(spec.gpuMemoryBytes) }),
      logLevel: LlamaLogLevel.warn,
      logger: (level: LlamaLogLevel, message: string) =>
        keep(level === LlamaLogLevel.warn ? warnings : errors, message.trim()),
    } as const;
    const opened = await openLibrary(options, known).catch((error: unknown) => {
      throw error instanceof NoBinaryFoundError ? new Error(noBuild, { cause: error }) : error;
    });
    ({ llama } = opened);
    const cardUsedBytes = llama.gpu === false ? 0 : (await llama.getVramState()).used;
    const model = await llama.loadModel({ modelPath: spec.path, gpuLayers: layersOf(spec, plan) });
    const draft =
      spec.draft === undefined
        ? undefined
        : await llama.loadModel({ modelPath: spec.draft, gpuLayers: gpu === false ? 0 : "auto" });
    if (draft !== undefined && !isSameVocabulary(model, draft))
      throw new Error("the model that guesses ahead has another vocabulary");
    const served = await serving({ spec, plan, model, draft, temperature }, (text) => keep(warnings, text));
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
    for (let waitedMs = 0; errors.length === 0 && waitedMs < runtimeLimits.loadLogWaitMs; waitedMs += logStepMs)
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

/** What a loaded model serves, and how its context is given back. */
type Serving = Pick<LoadedModel, "capabilities" | "serves" | "batchTokens"> & { readonly dispose: () => Promise<void> };

/** A model whose weights are in memory. */
interface InMemory {
  readonly spec: ModelSpec;
  readonly plan: LoadPlan;
  readonly model: LlamaModel;
  readonly draft: LlamaModel | undefined;
  readonly temperature: number;
}

/** Makes the context that the model is for: one to write, to embed, or to rank. */
async function serving(
  { spec, plan, model, draft, temperature }: InMemory,
  onWarning: (text: string) => void,
): Promise<Serving> {
  const { contextTokens, threads, sequences: count } = plan;
  const tokenize = (request: TokenizeRequest): Promise<Ended<"tokenize">> => tokensOf(request, model);
  // A model that reads sees a text whole: all of it is one batch.
  const size = { contextSize: contextTokens, threads };
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

/** As many as the card has room for beside the context, unless it is said. */
function layersOf({ gpu = false, gpuLayers }: ModelSpec, { contextTokens, sequences }: LoadPlan) {
  if (gpu === false) return 0;
  return gpuLayers ?? { fitContext: { contextSize: contextTokens * sequences } };
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
