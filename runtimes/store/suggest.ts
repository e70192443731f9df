/** Which models fit a machine: a small table of models that are known to run here, and what they need. Pure but for the
 *  table.
 *
 *      tokens a second ≈ 1 / (overhead of a token + bytes of the weights / bytes a second)
 *
 *  Writing text reads all weights once a token, so what a machine reads in a second, measured with one model, says how
 *  fast another is. */
import type { SuggestedModel } from "../../protocols/index.ts";
import { runtimeLimits } from "../limits.ts";
import { memoryBudgetBytes, type Machine } from "../machine.ts";

interface CatalogueRow {
  readonly name: string;
  readonly title: string;
  readonly purpose: string;
  readonly source: string;
  readonly parameters: number;
  readonly quantisation: string;
  readonly fileBytes: number;
  readonly licence: string;
  readonly layers: number;
  /** Width of the keys of one token in one layer; 0 where no context is kept. */
  readonly keyWidth: number;
}

/** Sizes as their publishers list them, in round numbers: what is pulled is what counts. */
const catalogue: readonly CatalogueRow[] = [
  {
    name: "smollm2-135m",
    title: "SmolLM2 135M Instruct",
    purpose: "first tries, very small machines",
    source: "hf:bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0",
    parameters: 135e6,
    quantisation: "Q8_0",
    fileBytes: 145e6,
    licence: "apache-2.0",
    layers: 30,
    keyWidth: 192,
  },
  {
    name: "qwen2.5-0.5b",
    title: "Qwen2.5 0.5B Instruct",
    purpose: "short answers on small machines",
    source: "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M",
    parameters: 494e6,
    quantisation: "Q4_K_M",
    fileBytes: 491e6,
    licence: "apache-2.0",
    layers: 24,
    keyWidth: 128,
  },
  {
    name: "llama3.2-1b",
    title: "Llama 3.2 1B Instruct",
    purpose: "chat in several languages",
    source: "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
    parameters: 1.24e9,
    quantisation: "Q4_K_M",
    fileBytes: 808e6,
    licence: "llama3.2",
    layers: 16,
    keyWidth: 512,
  },
  {
    name: "qwen2.5-1.5b",
    title: "Qwen2.5 1.5B Instruct",
    purpose: "chat, tools",
    source: "hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M",
    parameters: 1.54e9,
    quantisation: "Q4_K_M",
    fileBytes: 1.12e9,
    licence: "apache-2.0",
    layers: 28,
    keyWidth: 256,
  },
  {
    name: "phi3.5-mini",
    title: "Phi-3.5 mini Instruct",
    purpose: "reasoning, long texts",
    source: "hf:bartowski/Phi-3.5-mini-instruct-GGUF:Q4_K_M",
    parameters: 3.8e9,
    quantisation: "Q4_K_M",
    fileBytes: 2.39e9,
    licence: "mit",
    layers: 32,
    keyWidth: 3_072,
  },
  {
    name: "mistral-7b",
    title: "Mistral 7B Instruct v0.3",
    purpose: "chat, tools",
    source: "hf:bartowski/Mistral-7B-Instruct-v0.3-GGUF:Q4_K_M",
    parameters: 7.25e9,
    quantisation: "Q4_K_M",
    fileBytes: 4.37e9,
    licence: "apache-2.0",
    layers: 32,
    keyWidth: 1_024,
  },
  {
    name: "qwen2.5-7b",
    title: "Qwen2.5 7B Instruct",
    purpose: "chat, tools, code",
    source: "hf:bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
    parameters: 7.6e9,
    quantisation: "Q4_K_M",
    fileBytes: 4.68e9,
    licence: "apache-2.0",
    layers: 28,
    keyWidth: 512,
  },
  {
    name: "qwen2.5-14b",
    title: "Qwen2.5 14B Instruct",
    purpose: "chat, tools, code",
    source: "hf:bartowski/Qwen2.5-14B-Instruct-GGUF:Q4_K_M",
    parameters: 14.8e9,
    quantisation: "Q4_K_M",
    fileBytes: 8.99e9,
    licence: "apache-2.0",
    layers: 48,
    keyWidth: 1_024,
  },
  {
    name: "qwen2.5-32b",
    title: "Qwen2.5 32B Instruct",
    purpose: "the best answers that one machine gives",
    source: "hf:bartowski/Qwen2.5-32B-Instruct-GGUF:Q4_K_M",
    parameters: 32.8e9,
    quantisation: "Q4_K_M",
    fileBytes: 19.9e9,
    licence: "apache-2.0",
    layers: 64,
    keyWidth: 1_024,
  },
  {
    name: "nomic-embed-text",
    title: "Nomic Embed Text v1.5",
    purpose: "embeddings, for search",
    source: "hf:nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0",
    parameters: 137e6,
    quantisation: "Q8_0",
    fileBytes: 146e6,
    licence: "apache-2.0",
    layers: 12,
    keyWidth: 0,
  },
];

/** What a short run has shown: so many bytes of weights are read in a second, and a token costs so much beside. */
export interface MeasuredSpeed {
  readonly bytesPerSecond: number;
  readonly tokenOverheadMs: number;
}

/** What a token costs beside its weights: measured with llama.cpp in a thread of its own. */
const tokenOverheadMs = 1;

/** The speed that a run of `tokens` tokens in `elapsedMs` with weights of `fileBytes` shows. */
export function speedOf(run: {
  readonly tokens: number;
  readonly elapsedMs: number;
  readonly fileBytes: number;
}): MeasuredSpeed {
  const weightsMs = Math.max(0.01, run.elapsedMs / Math.max(1, run.tokens) - tokenOverheadMs);
  return { bytesPerSecond: (run.fileBytes / weightsMs) * 1_000, tokenOverheadMs };
}

/** Every model of the table, those that fit first and the largest of them first. */
export function suggestModels(machine: Machine, speed: MeasuredSpeed | undefined): readonly SuggestedModel[] {
  const budget = memoryBudgetBytes(machine);
  const rows = catalogue.map((row): SuggestedModel => {
    const { name, title, purpose, source, parameters, quantisation, fileBytes, licence, layers, keyWidth } = row;
    const context = 4 * layers * keyWidth * runtimeLimits.contextTokensDefault * runtimeLimits.sequencesDefault;
    const memoryBytes = fileBytes + context + runtimeLimits.workerBytes;
    const tokenMs = speed && speed.tokenOverheadMs + (fileBytes / speed.bytesPerSecond) * 1_000;
    return {
      name,
      title,
      purpose,
      parameters,
      quantisation,
      fileBytes,
      memoryBytes,
      licence,
      fits: memoryBytes <= budget,
      ...(tokenMs !== undefined && keyWidth > 0 && { tokensPerSecond: Number((1_000 / tokenMs).toPrecision(2)) }),
      source,
      command: `plexus models pull ${source} --name ${name} --accept-licence`,
    };
  });
  return rows.toSorted(
    (one, other) =>
      Number(other.fits) - Number(one.fits) ||
      (one.fits ? other.fileBytes - one.fileBytes : one.fileBytes - other.fileBytes),
  );
}
