/** Decides how a model is loaded, or why it is not. Pure. */
import { settingsOf, type CacheType, type LoadInquiry, type LoadVerdict } from "../adapter.ts";
import { keyValueBytes, type GgufHeader } from "../gguf.ts";
import { runtimeLimits } from "../limits.ts";
import { threadCount } from "../machine.ts";

/** What the heads of a model's files say. */
export type LlamaFound = GgufHeader & {
  /** The model that guesses ahead. */
  readonly draft?: GgufHeader;
  /** What the disk knows the files of the model by, and how long each is. */
  readonly weights?: readonly { readonly file: string; readonly bytes: number }[];
};

/** Of the two bytes a number that keys and values take otherwise. */
const cacheShares: { readonly [Each in CacheType]: number } = { f16: 1, q8_0: 34 / 64, q4_0: 18 / 64 };

/** How a GGUF model is loaded: no more context than it was trained on, and within the memory that is left. */
export function planLoad({
  spec,
  found: header,
  fileBytes,
  machine,
  models,
  freeBytes,
}: LoadInquiry<LlamaFound>): LoadVerdict {
  const settings = settingsOf(spec);
  if ("refused" in settings) return { type: "refused", reason: settings.refused };
  const { sequences, contextTokens: wanted } = settings;
  const contextTokens = header.contextTokens > 0 ? Math.min(wanted, header.contextTokens) : wanted;
  const cache = cacheShares[spec.cacheType ?? "f16"] * keyValueBytes(header, contextTokens, sequences);
  const draftCache = header.draft === undefined ? 0 : keyValueBytes(header.draft, contextTokens, sequences);
  const memoryBytes = Math.ceil(fileBytes + cache + draftCache + runtimeLimits.workerBytes);
  if (memoryBytes > freeBytes) {
    const reason =
      `it needs about ${mebibytes(memoryBytes)} MiB (file ${mebibytes(fileBytes)} MiB, ${sequences} contexts of ` +
      `${contextTokens} tokens) and ${mebibytes(Math.max(0, freeBytes))} MiB are free for models; ` +
      `use a smaller model, fewer tokens of context, or more memory`;
    return { type: "refused", reason };
  }
  const threads = Math.min(threadCount(machine, header.parameters, models), spec.threads ?? Infinity);
  const { architecture } = header;
  const contexts = `${sequences} ${sequences === 1 ? "context" : "contexts"} of ${contextTokens} tokens`;
  const parts = [
    { what: "weights", bytes: fileBytes },
    { what: contexts, bytes: Math.ceil(cache) },
    ...(header.draft === undefined ? [] : [{ what: "contexts of the draft model", bytes: Math.ceil(draftCache) }]),
    { what: "worker", bytes: runtimeLimits.workerBytes },
  ];
  // On the processor weights are mapped; a card has a copy for each model.
  const { weights = [] } = header;
  const shares = (spec.gpu ?? false) === false ? weights : [];
  const plan = { contextTokens, sequences, threads, sizeBytes: fileBytes, architecture, memoryBytes, parts, shares };
  return { type: "fine", plan };
}

/** The most of `total` that take no more than `freeBytes`, where more take more; 0 if one is too much. */
export async function mostThatFit(
  total: number,
  freeBytes: number,
  bytesOf: (count: number) => Promise<number>,
): Promise<number> {
  let [fits, tooMany] = [0, total + 1];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if ((await bytesOf(middle)) <= freeBytes) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);
