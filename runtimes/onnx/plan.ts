/** Decides how an ONNX model is loaded, or why it is not. Pure. */
import { settingsOf, type LoadInquiry, type LoadVerdict } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { threadCount } from "../machine.ts";
import { countIn, wordIn, type OnnxFound } from "./folder.ts";
import { onnxLimits } from "./limits.ts";

const floatBytes = 4;

/** Threads and memory of a model. The library keeps the weights, and what one run computes: it does not give that
 *  back. */
export function planLoad({ spec, found, fileBytes, machine, models, freeBytes }: LoadInquiry<OnnxFound>): LoadVerdict {
  const settings = settingsOf(spec);
  if ("refused" in settings) return { type: "refused", reason: settings.refused };
  const { sequences } = settings;
  const known = found.contextTokens ?? onnxLimits.contextTokensDefault;
  const contextTokens = spec.contextTokens === undefined ? known : Math.min(spec.contextTokens, known);
  const cacheBytes = found.purpose === "write" ? sequences * contextTokens * bytesPerToken(found) : 0;
  const memoryBytes = Math.ceil(fileBytes + runBytes(found, contextTokens) + cacheBytes + runtimeLimits.workerBytes);
  if (memoryBytes > freeBytes) {
    const reason =
      `it needs about ${mebibytes(memoryBytes)} MiB (files ${mebibytes(fileBytes)} MiB) and ` +
      `${mebibytes(Math.max(0, freeBytes))} MiB are free for models; use a smaller model or more memory`;
    return { type: "refused", reason };
  }
  // What reads has many tokens for each weight at once, so that threads pay off sooner than for what writes one after
  // the other.
  const work = found.purpose === "write" ? found.parameters : found.parameters * onnxLimits.batchTextsMax;
  const threads = threadCount(machine, work, models);
  const architecture = wordIn(found.config, "model_type") ?? found.purpose;
  return { type: "fine", plan: { contextTokens, sequences, threads, sizeBytes: fileBytes, architecture, memoryBytes } };
}

/** What the largest run takes at once: the widest step of a layer, and the weights of its attention. */
function runBytes({ purpose, config }: OnnxFound, contextTokens: number): number {
  if (purpose === "speak") return onnxLimits.sentenceCharsMax * voiceBytesPerChar;
  const width = countIn(config, "hidden_size") ?? countIn(config, "d_model") ?? 0;
  const inner = countIn(config, "intermediate_size") ?? countIn(config, "encoder_ffn_dim") ?? 4 * width;
  const heads = countIn(config, "num_attention_heads") ?? countIn(config, "encoder_attention_heads") ?? 0;
  const length = purpose === "transcribe" ? (countIn(config, "max_source_positions") ?? 1_500) : contextTokens;
  const tokens = purpose === "transcribe" ? length : Math.max(length, onnxLimits.batchTokensMax);
  return floatBytes * (tokens * (inner + 6 * width) + heads * tokens * length);
}

/** Keys and values of a token, twice: those before a run and those behind it. */
function bytesPerToken({ config }: OnnxFound): number {
  const heads = countIn(config, "num_attention_heads") ?? 1;
  const width = countIn(config, "head_dim") ?? (countIn(config, "hidden_size") ?? 0) / heads;
  const kept = (countIn(config, "num_hidden_layers") ?? 0) * (countIn(config, "num_key_value_heads") ?? heads) * width;
  return 2 * 2 * floatBytes * kept;
}

/** A voice makes some thousand samples of a character, and has each of them a few dozen times under way. */
const voiceBytesPerChar = 512 * 1024;

const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);
