/** Texts of a model of random weights: written by an inference host as a node has it, or by the library alone in this
 *  process. Both have the same file, the same threads and the same sequences. */
import { statSync } from "node:fs";
import { join } from "node:path";
import {
  getLlama,
  LlamaLogLevel,
  type Llama,
  type LlamaContextSequence,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import type { ChatMessage, GenerationAnswer } from "../../../protocols/index.ts";
import { enginesOf, readMachine, startInferenceHost, type InferenceHost } from "../../../runtimes/index.ts";
import { type InferenceHostOptions } from "../../../runtimes/host/host.ts";
import { threadCount } from "../../../runtimes/machine.ts";
import { loadLibrary, type Library } from "../../../runtimes/onnx/library.ts";
import { readTokenizer } from "../../../runtimes/onnx/vocabulary.ts";
import { serve } from "./serve.ts";

const sequences = 16;
const contextTokens = 768;
const tokensEach = 48;
const turns = 10;
/** After so many of a text it is known how long a token takes. */
const paceTokens = 20;
const wakeEveryMs = 5;
/** Contexts of the models that embed, and of those that take turns in memory. */
const readerTokens = 512;
const swapTokens = 256;
/** Texts that ONNX Runtime reads at once; more are no faster. */
const runtimeTexts = 16;
const question = "Say something about the sea.";
/** Before each text, so that none begins like another: what is measured is reading and writing. */
let texts = 0;
const another = (): string => `${(texts += 1)}. ${question}`;

/** One side: writes, and goes through a conversation. */
interface Side {
  /** Writes so many texts at once; resolves with their tokens. */
  write(count: number): Promise<number>;
  /** Cancels a text some share of a token's time behind a token; resolves with the time to its end, as a share of a
   *  token's. */
  cancel?(share: number): Promise<number>;
  /** A conversation of ten turns, a token of answer each; resolves with the tokens of its prompts that were read. */
  converse(): Promise<number>;
}

const conversation = (turn: number): readonly ChatMessage[] => [
  { role: "system", content: "You are kind to everybody who asks. ".repeat(3) },
  ...Array.from({ length: turn }, (_none, at): readonly ChatMessage[] => [
    { role: "user", content: `${question} ${at}` },
    ...(at < turn - 1 ? [{ role: "assistant", content: "The sea." } as const] : []),
  ]).flat(),
];

function hosted(host: InferenceHost): Side {
  const { generate } = enginesOf(host);
  const ask = (
    messages: readonly ChatMessage[],
    maxTokens: number,
    onTokens?: (tokens: number, cancel: () => void) => void,
  ) => {
    const ended = Promise.withResolvers<GenerationAnswer>();
    const request = { id: "bench", model: "", messages, sampling: { maxTokens, temperature: 0 }, timeoutMs: 120_000 };
    const running = generate.call(request, (said) => {
      if (said.type === "part") onTokens?.(said.part.tokens, () => running.cancel());
      else if (said.result.ok) ended.resolve(said.result.value);
      else ended.reject(new Error(said.result.error.code));
    });
    return ended.promise;
  };
  return {
    async write(count) {
      const all = await Promise.all(
        Array.from({ length: count }, () => ask([{ role: "user", content: another() }], tokensEach)),
      );
      return all.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
    },
    async cancel(share) {
      let [tokens, firstMs, tokenMs, cancelledMs] = [0, NaN, NaN, NaN];
      await ask([{ role: "user", content: another() }], 400, (count, cancel) => {
        const nowMs = performance.now();
        if (tokens === 0) firstMs = nowMs;
        else if (tokens < paceTokens && tokens + count >= paceTokens) {
          tokenMs = (nowMs - firstMs) / (tokens + count - 1);
          setTimeout(() => {
            cancelledMs = performance.now();
            cancel();
          }, share * tokenMs);
        }
        tokens += tokens === 0 ? 1 : count;
      });
      return (performance.now() - cancelledMs) / tokenMs;
    },
    async converse() {
      let read = 0;
      for (let turn = 1; turn <= turns; turn += 1) {
        const { promptTokens, cachedTokens = 0 } = await ask(conversation(turn), 1);
        read += promptTokens - cachedTokens;
      }
      return read;
    },
  };
}

function alone(model: LlamaModel, all: readonly LlamaContextSequence[]): Side {
  const tokensOf = (messages: readonly ChatMessage[]): Token[] =>
    model.tokenize(
      `<|bos|>${messages.map(({ role, content }) => `<|${role}|>${content}<|end|>`).join("")}<|assistant|>`,
      true,
    );
  const write = async (sequence: LlamaContextSequence, text: string): Promise<number> => {
    await sequence.clearHistory();
    let tokens = 0;
    for await (const _token of sequence.evaluate(tokensOf([{ role: "user", content: text }]), { temperature: 0 })) {
      tokens += 1;
      if (tokens === tokensEach) break;
    }
    return tokens;
  };
  return {
    async write(count) {
      const written = await Promise.all(all.slice(0, count).map((sequence) => write(sequence, another())));
      return written.reduce((sum, one) => sum + one, 0);
    },
    async converse() {
      let read = 0;
      const [sequence] = all;
      for (let turn = 1; turn <= turns; turn += 1) {
        await sequence!.clearHistory();
        const tokens = tokensOf(conversation(turn));
        for await (const _token of sequence!.evaluate(tokens, { temperature: 0 })) break;
        read += tokens.length;
      }
      return read;
    },
  };
}

const [kind, path = ""] = process.argv.slice(2);
let side: Side;
const stops: (() => Promise<void>)[] = [];

const clock = {
  monotonicMs: () => performance.now(),
  after(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** An inference host with these models in memory. */
async function hostOf(options: Pick<InferenceHostOptions, "models" | "machine">): Promise<InferenceHost> {
  const nothing = (): void => undefined;
  const host = startInferenceHost({
    ...options,
    clock,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  });
  await host.settled();
  stops.push(() => host.stop(10_000));
  return host;
}

const threads = threadCount(readMachine(), 100e6, 1);
let loaded: Promise<Llama> | undefined;
/** The library, as the host starts it. */
const library = (): Promise<Llama> =>
  (loaded ??= getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: threads, logLevel: LlamaLogLevel.error })); // prettier-ignore

/** Makes vectors of texts, so many at once. */
type Embed = (texts: readonly string[]) => Promise<unknown>;
let embed: Embed | undefined;

/** ONNX Runtime and the vocabulary alone: the mean of the vectors of a text's tokens, of length one. */
async function runtimeAlone(folder: string): Promise<Embed> {
  const { InferenceSession, Tensor, tokenizers } = loadLibrary();
  const tokenizer = readTokenizer(folder, { tokenizers } as Library);
  const session = await InferenceSession.create(join(folder, "model.onnx"), {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const readSome = async (inputs: readonly string[]): Promise<Float32Array[]> => {
    const texts = inputs.map((input) => tokenizer.encode(input).ids);
    const length = Math.max(...texts.map((ids) => ids.length));
    const filled = new BigInt64Array(texts.length * length);
    for (const [row, ids] of texts.entries())
      for (const [at, id] of ids.entries()) filled[row * length + at] = BigInt(id);
    const output = (await session.run({ input_ids: new Tensor("int64", filled, [texts.length, length]) }))[
      "last_hidden_state"
    ]!;
    const values = output.data as Float32Array;
    const width = values.length / filled.length;
    return texts.map((ids, row) => {
      const sum = new Float32Array(width);
      for (let token = 0; token < ids.length; token += 1)
        for (let at = 0; at < width; at += 1) sum[at]! += values[(row * length + token) * width + at]!;
      const size = Math.hypot(...sum);
      return sum.map((one) => one / size);
    });
  };
  return async (inputs) => {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < inputs.length; at += runtimeTexts)
      vectors.push(...(await readSome(inputs.slice(at, at + runtimeTexts))));
    return vectors;
  };
}

/** Of a GGUF file, or of the folder of an ONNX model. */
async function embedder(file: string): Promise<Embed> {
  const adapter = file.endsWith(".gguf") ? "llama" : "onnx";
  if (kind === "host") {
    const { embed: engine } = enginesOf(
      await hostOf({ models: [{ name: "reader", adapter, path: file, contextTokens: readerTokens }] }),
    );
    return (inputs) =>
      new Promise((resolve, reject) => {
        engine.call({ id: "bench", model: "", inputs, timeoutMs: 120_000 }, (said) => {
          if (said.type !== "answered") return;
          if (said.result.ok) resolve(said.result.value.vectors);
          else reject(new Error(said.result.error.code));
        });
      });
  }
  if (adapter === "onnx") return runtimeAlone(file);
  const model = await (await library()).loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createEmbeddingContext({ contextSize: readerTokens, batchSize: readerTokens, threads });
  return (inputs) => Promise.all(inputs.map((input) => context.getEmbeddingFor(input)));
}

/** Goes to the other of two models, of which one is in memory; resolves with the time to its first token. */
type Swap = (to: number) => Promise<number>;
let swap: Swap | undefined;

async function swapper(files: readonly string[]): Promise<Swap> {
  const messages = [{ role: "user", content: question }] as const;
  if (kind === "host") {
    const models = files.map(
      (file, at) =>
        ({ name: `m${at}`, adapter: "llama", path: file, sequences: 1, contextTokens: swapTokens }) as const,
    );
    // Room for one.
    const machine = { ...readMachine(), memoryMaxBytes: statSync(files[0]!).size * 1.5 + 100e6 };
    const { generate } = enginesOf(await hostOf({ models, machine }));
    return (to) =>
      new Promise((resolve, reject) => {
        const startMs = performance.now();
        let firstMs = NaN;
        const request = { id: "bench", model: `m${to}`, messages, sampling: { maxTokens: 1, temperature: 0 }, timeoutMs: 120_000 }; // prettier-ignore
        generate.call(request, (said) => {
          if (said.type === "part") firstMs = performance.now() - startMs;
          else if (said.result.ok) resolve(firstMs);
          else reject(new Error(said.result.error.code));
        });
      });
  }
  let present: LlamaModel | undefined;
  return async (to) => {
    const startMs = performance.now();
    await present?.dispose();
    present = await (await library()).loadModel({ modelPath: files[to]!, gpuLayers: 0 });
    const context = await present.createContext({ contextSize: swapTokens, sequences: 1, threads });
    const tokens = present.tokenize(`<|bos|><|user|>${question}<|end|><|assistant|>`, true);
    for await (const _token of context.getSequence().evaluate(tokens, { temperature: 0 })) break;
    return performance.now() - startMs;
  };
}

serve({
  async start() {
    if (kind === "host") {
      side = hosted(await hostOf({ models: [{ name: "random", adapter: "llama", path, sequences, contextTokens }] }));
      return;
    }
    const model = await (await library()).loadModel({ modelPath: path, gpuLayers: 0 });
    const context = await model.createContext({ contextSize: contextTokens, sequences, threads });
    side = alone(
      model,
      Array.from({ length: sequences }, () => context.getSequence()),
    );
  },
  async write({ count }: { readonly count: number }) {
    const startMs = performance.now();
    const tokens = await side.write(count);
    return (1_000 * tokens) / (performance.now() - startMs);
  },
  /** How late the event loop is, again and again, while so many texts are written. */
  async late({ count }: { readonly count: number }) {
    const lateMs: number[] = [];
    let stopped = false;
    const wait = (): void => {
      const dueMs = performance.now() + wakeEveryMs;
      setTimeout(() => {
        lateMs.push(performance.now() - dueMs);
        if (!stopped) wait();
      }, wakeEveryMs);
    };
    wait();
    await side.write(count);
    stopped = true;
    return lateMs;
  },
  async cancels({ count }: { readonly count: number }) {
    const shares: number[] = [];
    for (let one = 0; one < count; one += 1) shares.push((await side.cancel?.((one + 0.5) / count)) ?? NaN);
    return shares;
  },
  converse: () => side.converse(),
  async embed({ file, count }: { readonly file: string; readonly count: number }) {
    embed ??= await embedder(file);
    const inputs = Array.from({ length: count }, () => `${another()} ${question}`);
    const startMs = performance.now();
    await embed(inputs);
    return (1_000 * count) / (performance.now() - startMs);
  },
  async swap({ files, to }: { readonly files: readonly string[]; readonly to: number }) {
    swap ??= await swapper(files);
    return swap(to);
  },
  async stop() {
    for (const stop of stops) await stop();
    await (await loaded)?.dispose();
  },
});
