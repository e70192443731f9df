/** Loads an ONNX model into the one thread of its pool, and says what it can do.
 *
 *  ONNX Runtime computes on this thread, and on others of its own within one run. A run cannot be broken off, so all
 *  that is long is done in several: what is cancelled ends after the one that runs. */
import { basename } from "node:path";
import type { Load, LoadedModel, LoadPlan, ModelSpec } from "../adapter.ts";
import {
  capabilitiesBy,
  labelsIn,
  lookAt,
  seenOutputs,
  vectorOutputs,
  wordIn,
  type OnnxFound,
  type Part,
} from "./folder.ts";
import { loadLibrary, type Library, type Session } from "./library.ts";
import { preparationIn } from "./pictures.ts";
import { createHearing } from "./hearing.ts";
import { createWriter } from "./writer.ts";
import { createVoice, espeakFor } from "./voice.ts";
import { classify, embed, poolingIn, prepareReading, prepareSeeing, rerank } from "./vectors.ts";
import { readTokenizer, tokensOf } from "./vocabulary.ts";

/** What a model is made of, in memory. */
interface InMemory {
  readonly found: OnnxFound;
  readonly plan: LoadPlan;
  readonly library: Library;
  /** Opens one of its graphs. Throws what the library says of it. */
  readonly open: (part: Part) => Promise<Session>;
  /** Says what is served worse than it could be. */
  readonly warn: (text: string) => void;
}

/** Loads a model. What fails comes back as a reason, and nothing of it stays in memory. */
export async function loadOnnx(spec: ModelSpec, plan: LoadPlan): Promise<Load> {
  const sessions: Session[] = [];
  const release = async (): Promise<void> => {
    for (const session of sessions.splice(0)) await session.release();
  };
  try {
    const look = lookAt(spec.path);
    if (look.type === "refused") return { type: "failed", reason: look.reason };
    const { found } = look;
    const library = loadLibrary();
    const open = async (part: Part): Promise<Session> => {
      const path = found.graphs[part];
      if (path === undefined) throw new Error(`its ${part} is missing`);
      const session = await library.InferenceSession.create(path, optionsFor(plan)).catch((thrown: unknown) => {
        throw new Error(`${basename(path)}: ${saidBy(thrown, path)}`);
      });
      sessions.push(session);
      return session;
    };
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text);
    const serves = await serving[found.purpose]({ found, plan, library, open, warn });
    const capabilities = capabilitiesBy[found.purpose];
    return { type: "loaded", model: { device: "cpu", capabilities, serves, unload: release }, warnings };
  } catch (thrown) {
    await release();
    return { type: "failed", reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** Threads that wait for work sleep: others need the cores. Warnings of the library are about speed and are for those
 *  who made the graph. */
const optionsFor = ({ threads }: LoadPlan): object => ({
  executionProviders: ["cpu"],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: "0" } } },
});

/** What the library says, without where on this machine the file lies. */
const saidBy = (thrown: unknown, path: string): string =>
  String(thrown instanceof Error ? thrown.message : thrown)
    .replaceAll(path, basename(path))
    .slice(0, 500);

/** How each sort of model is put together. */
const serving: {
  readonly [Purpose in OnnxFound["purpose"]]: (parts: InMemory) => Promise<LoadedModel["serves"]>;
} = {
  async embed({ found: { root }, plan: { contextTokens }, library, open }) {
    const tokenizer = readTokenizer(root, library);
    const session = await open("model");
    const reading = prepareReading({ library, session, tokenizer, contextTokens }, vectorOutputs);
    const pooling = poolingIn(root);
    return {
      embed: (request, flow) => embed(request, flow, { ...reading, pooling }),
      tokenize: (request) => tokensOf(request, tokenizer),
    };
  },
  async see({ found: { root }, plan: { contextTokens }, library, open }) {
    const tokenizer = readTokenizer(root, library);
    const session = await open("text");
    const reading = prepareReading({ library, session, tokenizer, contextTokens }, [seenOutputs.text]);
    const see = prepareSeeing(await open("vision"), library, preparationIn(root));
    return {
      embed: (request, flow) => embed(request, flow, { ...reading, pooling: "mean", see }),
      tokenize: (request) => tokensOf(request, tokenizer),
    };
  },
  async rerank({ found: { root }, plan: { contextTokens }, library, open }) {
    const tokenizer = readTokenizer(root, library);
    const session = await open("model");
    const reading = prepareReading({ library, session, tokenizer, contextTokens }, ["logits"]);
    return {
      rerank: (request, flow) => rerank(request, flow, reading),
      tokenize: (request) => tokensOf(request, tokenizer),
    };
  },
  async classify({ found: { root, config }, plan: { contextTokens }, library, open }) {
    const labels = labelsIn(config);
    if (labels === undefined || "refused" in labels) throw new Error("its classes have no names");
    const tokenizer = readTokenizer(root, library);
    const reading = prepareReading({ library, session: await open("model"), tokenizer, contextTokens }, ["logits"]);
    // As its maker says; most classes exclude each other.
    const exclusive = wordIn(config, "problem_type") !== "multi_label_classification";
    return {
      classify: (request, flow) => classify(request, flow, { ...reading, labels, exclusive }),
      tokenize: (request) => tokensOf(request, tokenizer),
    };
  },
  async transcribe({ found: { root, config }, library, open }) {
    const tokenizer = readTokenizer(root, library);
    const parts = { root, config, library, tokenizer, encoder: await open("encoder"), decoder: await open("decoder") };
    return { transcribe: createHearing(parts) };
  },
  async write({ found: { root, config }, plan: { contextTokens }, library, open }) {
    const tokenizer = readTokenizer(root, library);
    const session = await open("model");
    return {
      generate: createWriter({ root, config, library, session, tokenizer, contextTokens }),
      tokenize: (request) => tokensOf(request, tokenizer),
    };
  },
  async speak({ found: { config }, library, open, warn }) {
    const session = await open("model");
    const phonemize = await espeakFor(config);
    if (phonemize === undefined && wordIn(config, "phoneme_type") !== "text")
      warn("it was trained on phonemes of espeak-ng, which is not installed: letters are taken for phonemes");
    return { speak: createVoice({ config, library, session, ...(phonemize && { phonemize }) }) };
  },
};
