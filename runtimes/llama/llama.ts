/** The llama.cpp adapter, on node-llama-cpp's low-level evaluation. Runs in the one thread of a model's pool.
 *
 *  A context has a fixed number of sequences, evaluated together in one batch; a generation borrows one. Its tokens stay in
 *  the sequence, so the next turn of the same conversation evaluates only what is new. A request with a seed starts from an
 *  empty sequence instead: reused numbers differ in their last bits, and a seed asks for the same answer again. */
import { setTimeout } from "node:timers/promises";
import {
  getLlama,
  LlamaLogLevel,
  type Llama,
  type LlamaContextSequence,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import * as library from "node-llama-cpp";
import { failure, ok, refused, wireLimits, type GenerationEnd, type GenerationRequest } from "../../protocols/index.ts";
import type { Ended, Flow, Load, LoadedModel, LoadPlan, ModelSpec } from "../adapter.ts";
import { createAnswer } from "../answer.ts";
import { runtimeLimits } from "../limits.ts";
import { createDetokenizer } from "./detokenizer.ts";
import { Gate } from "./gate.ts";
import { loadReason } from "./load-reason.ts";
import { createPromptRenderer, type Prompt, type PromptRenderer, type TooLong } from "./prompt.ts";

/** Its type is a constant enum, which type stripping cannot follow; what is there when it runs is this. */
const architectures = (library as unknown as { GgufArchitectureType: Readonly<Record<string, string>> })
  .GgufArchitectureType;

const logStepMs = 20;

/** Loads a model into this thread. What fails comes back as a reason, and nothing of it stays in memory. `temperature` is for
 *  those who name none. */
export async function loadLlama(spec: ModelSpec, plan: LoadPlan, temperature: number): Promise<Load> {
  // The library says only "Failed to load model"; the reason is in its log.
  const errors: string[] = [];
  const warnings: string[] = [];
  const keep = (lines: string[], line: string): void => {
    if (line !== "" && lines.length < runtimeLimits.loadLogLinesMax) lines.push(line);
  };
  const gpu = spec.gpu ?? false;
  let llama: Llama | undefined;
  try {
    llama = await getLlama({
      gpu,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: plan.threads,
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => keep(level === LlamaLogLevel.warn ? warnings : errors, message.trim()),
    });
    const model = await llama.loadModel({ modelPath: spec.path, gpuLayers: gpu === false ? 0 : "auto" });
    const context = await model.createContext({
      contextSize: plan.contextTokens,
      sequences: plan.sequences,
      threads: plan.threads,
    });
    const sequences = Array.from({ length: plan.sequences }, () => context.getSequence());
    const renderer = createPromptRenderer(model, (text) => keep(warnings, text));
    const writer = new Writer({ model, renderer, sequences, temperature, contextTokens: plan.contextTokens });
    // A card without room for a single layer is found, and not used.
    const device = llama.gpu === false || model.gpuLayers === 0 ? "cpu" : llama.gpu;
    const unload = async (): Promise<void> => {
      await context.dispose();
      await model.dispose();
      await model.llama.dispose();
    };
    const serves: LoadedModel["serves"] = { generate: (request, flow) => writer.generate(request, flow) };
    return { type: "loaded", model: { device, capabilities: ["chat"], serves, unload }, warnings };
  } catch (thrown) {
    // Lines come in from another thread; those of the failure may still be on their way.
    for (let waitedMs = 0; errors.length === 0 && waitedMs < runtimeLimits.loadLogWaitMs; waitedMs += logStepMs)
      await setTimeout(logStepMs);
    // Waits for the model that failed to let go of the library, which that never does once it was garbage collected.
    await Promise.race([llama?.dispose(), setTimeout(runtimeLimits.disposeWaitMs)]);
    // Now and then they never come. The list is the library's own and may lag behind it: good for a reason, not to refuse.
    const known = new Set(Object.values(architectures));
    const { architecture } = plan;
    if (errors.length === 0 && !known.has(architecture)) errors.push(`unknown model architecture: '${architecture}'`);
    return { type: "failed", reason: loadReason(thrown instanceof Error ? thrown.message : String(thrown), errors) };
  }
}

interface WriterParts {
  readonly model: LlamaModel;
  readonly renderer: PromptRenderer;
  readonly sequences: readonly LlamaContextSequence[];
  readonly temperature: number;
  readonly contextTokens: number;
}

class Writer {
  readonly #parts: WriterParts;
  readonly #free: LlamaContextSequence[];
  readonly #waiting: (() => void)[] = [];
  readonly #gate = new Gate();

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#free = [...parts.sequences];
  }

  async generate(request: GenerationRequest, flow: Flow<"generate">): Promise<Ended<"generate">> {
    const { contextTokens } = this.#parts;
    let prompt: Prompt | TooLong;
    try {
      // One is left for the answer.
      prompt = await this.#parts.renderer.render(request.messages, contextTokens - 1);
    } catch (thrown) {
      // Templates refuse orders of roles they do not know.
      return refused(failure("BAD_REQUEST", { field: "messages", reason: String(thrown) }));
    }
    if ("promptTokensMin" in prompt) return refused(failure("CONTEXT_TOO_LONG", { ...prompt, contextTokens }));
    const promptTokens = prompt.tokens.length;
    if (promptTokens === 0 || promptTokens + 1 > contextTokens)
      return refused(failure("CONTEXT_TOO_LONG", { promptTokens, contextTokens }));

    const sequence = await this.#borrow(prompt.tokens);
    try {
      return await this.#write(request, prompt, sequence, flow);
    } finally {
      this.#free.push(sequence);
      this.#waiting.shift()?.();
    }
  }

  /** The free sequence that already holds most of these tokens. The node sends no more generations than there are
   *  sequences; waiting covers the moment between an end and the next begin. */
  async #borrow(tokens: Token[]): Promise<LlamaContextSequence> {
    while (this.#free.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const held = this.#free.map((sequence) => sequence.compareContextTokens(tokens).firstDifferentIndex);
    const best = held.indexOf(Math.max(...held));
    return this.#free.splice(best, 1)[0]!;
  }

  async #write(
    request: GenerationRequest,
    prompt: Prompt,
    sequence: LlamaContextSequence,
    flow: Flow<"generate">,
  ): Promise<Ended<"generate">> {
    const { model, contextTokens, temperature } = this.#parts;
    const promptTokens = prompt.tokens.length;
    const room = contextTokens - promptTokens;
    const tokensMax = Math.min(request.sampling.maxTokens ?? wireLimits.maxTokensMax, room);
    const answer = createAnswer([...(request.stop ?? []), ...prompt.stopTexts], tokensMax);
    const detokenizer = createDetokenizer<Token>((tokens, before) => model.detokenize(tokens, false, before));
    const say = ({ text, tokens }: { readonly text: string; readonly tokens: number }): void => {
      if (text !== "") flow.part({ text, tokens });
    };
    const done = (end: GenerationEnd): Ended<"generate"> => ok({ end, promptTokens, completionTokens: answer.tokens });
    const finish = (end: GenerationEnd): Ended<"generate"> => {
      const rest = answer.finish(detokenizer.flush());
      say(rest);
      return done(end);
    };

    const rest = await this.#prefill(sequence, prompt.tokens, request.sampling.seed !== undefined, flow);
    if (flow.cancelled) return done("stopped");
    const tokens = sequence.evaluate(rest, {
      temperature: request.sampling.temperature ?? temperature,
      ...(request.sampling.topP !== undefined && { topP: request.sampling.topP }),
      // Without one the library takes the second of the clock: two at once would say the same.
      seed: request.sampling.seed ?? Math.floor(Math.random() * 2 ** 31),
    });
    for await (const token of tokens) {
      if (prompt.stopTokens.has(token)) break;
      const step = answer.push(detokenizer.push(token));
      say(step);
      if (step.end === "complete") return done("complete");
      if (step.end === "length") return finish("length");
      if (flow.cancelled) return finish("stopped");
      await flow.ready();
      await this.#gate.pass();
      if (flow.cancelled) return finish("stopped");
    }
    return finish("complete");
  }

  /** Evaluates the prompt but for its end, in slices, so that other sequences of the batch wait for a slice only. Returns
   *  the tokens that are left to evaluate: at least one, since the next token is sampled from its output. */
  async #prefill(
    sequence: LlamaContextSequence,
    tokens: Token[],
    anew: boolean,
    flow: Flow<"generate">,
  ): Promise<Token[]> {
    const kept = anew ? 0 : Math.min(sequence.compareContextTokens(tokens).firstDifferentIndex, tokens.length - 1);
    if (kept < sequence.nextTokenIndex)
      await this.#gate.closedDuring(() =>
        kept === 0 ? sequence.clearHistory() : sequence.adaptStateToTokens(tokens.slice(0, kept), false),
      );
    const slice = runtimeLimits.prefillSliceTokens;
    // Less than `kept` where the model's memory cannot be cut at any place.
    let position = sequence.nextTokenIndex;
    while (tokens.length - position > slice && !flow.cancelled) {
      await this.#gate.pass();
      await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(position, position + slice));
      position += slice;
    }
    await this.#gate.pass();
    return tokens.slice(position);
  }
}
