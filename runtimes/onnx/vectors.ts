/** Models that read: vectors of texts, how well documents answer a query, and which classes texts are of.
 *
 *  A few texts are read in one run, and between two runs those of other calls are: a long list of one keeps a short one
 *  of another waiting for a run and no longer. */
import { join } from "node:path";
import { failure, ok, refused, type Failure } from "../../protocols/errors.ts";
import {
  bytesOfFloats,
  type ClassifyRequest,
  type EmbedRequest,
  type Media,
  type RerankRequest,
} from "../../protocols/engines/generation.ts";
import type { EngineName } from "../../protocols/index.ts";
import type { Ended, Flow } from "../adapter.ts";
import { readSettings, seenOutputs } from "./folder.ts";
import {
  areNumbers,
  floatsIn,
  type Library,
  type Session,
  type Tensor,
  type Tokenizer,
  type Tokens,
} from "./library.ts";
import { pixelsOf, type Preparation } from "./pictures.ts";
import { batchesOf, cutToRead, feedsOf, measure, textInputs, typeOf } from "./vocabulary.ts";

/** Reads the texts of one model. */
interface Reading {
  readonly library: Library;
  readonly session: Session;
  readonly tokenizer: Tokenizer;
  readonly contextTokens: number;
  readonly padId: number;
  /** What of the graph is wanted. */
  readonly output: string;
}

/** How the vectors of tokens become one: the mean of all, the first one's, the last one's, or the largest of each
 *  number. */
type Pooling = "mean" | "first" | "last" | "max";

/** Looks at what the graph takes and gives. Throws what makes it none that reads. */
export function prepareReading(parts: Omit<Reading, "output" | "padId">, outputs: readonly string[]): Reading {
  const { session, tokenizer } = parts;
  const strange = session.inputNames.filter((name) => !textInputs.includes(name));
  if (strange.length > 0) throw new Error(`it wants ${strange.join(", ")}, which nobody knows`);
  const output = outputs.find((name) => session.outputNames.includes(name));
  if (output === undefined) throw new Error(`it gives none of ${outputs.join(", ")}`);
  const padId = tokenizer.token_to_id("[PAD]") ?? tokenizer.token_to_id("<pad>") ?? 0;
  return { ...parts, output, padId };
}

/** The vector of an image, before it has length one; or why there is none. */
type See = (image: Media, flow: Flow<"embed">) => Promise<Float32Array | Failure>;

/** Makes the function that looks at images. Throws what makes the graph none that does. */
export function prepareSeeing(session: Session, library: Library, preparation: Preparation): See {
  const [input = ""] = session.inputNames;
  if (session.inputNames.length > 1 || typeOf(session, input) !== "float32")
    throw new Error("its graph of images wants something else than an image");
  const { width, height } = preparation.crop;
  return async (image, flow) => {
    flow.doing?.("form");
    const pixels = await pixelsOf(image, preparation, library);
    if (!(pixels instanceof Float32Array)) return pixels;
    flow.doing?.("native");
    const given = await session.run({ [input]: new library.Tensor("float32", pixels, [1, 3, height, width]) }, [
      seenOutputs.vision,
    ]);
    return floatsIn(given[seenOutputs.vision]!);
  };
}

/** Vectors of length one: their product is their likeness. */
export async function embed(
  request: EmbedRequest,
  flow: Flow<"embed">,
  { pooling, see, ...reading }: Reading & { readonly pooling: Pooling; readonly see?: See },
): Promise<Ended<"embed">> {
  const vectors: Uint8Array[] = [];
  const keep = (vector: Float32Array, index: number): Failure | undefined => {
    const length = Math.hypot(...vector);
    if (!areNumbers(vector) || !(length > 0)) return unfit("a vector has something else than numbers in it");
    vectors[index] = bytesOfFloats(vector.map((one) => one / length));
    return undefined;
  };
  const texts = [...request.inputs.entries()].flatMap(([index, input]) =>
    typeof input === "string" ? [{ index, input }] : [],
  );
  const fitting: string[] = [];
  flow.doing?.("prompt");
  for (const { input } of texts) fitting.push(request.truncate === true ? await cutToRead(input, reading) : input);
  const read = await readAll(
    fitting.map((input) => [input] as const),
    flow,
    reading,
    ({ output, mask, at }) => {
      const { dims } = output;
      const [, , width = dims[1] ?? 0] = dims;
      const values = floatsIn(output);
      for (const [row, text] of at.entries()) {
        const vector =
          dims.length === 2
            ? values.subarray(row * width, (row + 1) * width)
            : pool(values, { row, width, mask: mask[row]!, pooling });
        const wrong = keep(vector, texts[text]!.index);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    },
  );
  if (typeof read !== "number") return refused(read);
  for (const [index, input] of request.inputs.entries()) {
    // A call that needs `image-embed` does not come to a model without it.
    if (typeof input === "string" || see === undefined) continue;
    if (flow.cancelled) return refused(failure("CANCELLED"));
    const vector = await see(input, flow);
    const wrong = vector instanceof Float32Array ? keep(vector, index) : vector;
    if (wrong !== undefined) return refused(wrong);
  }
  return ok({ vectors, promptTokens: read });
}

/** From 0 to 1, for each document by itself. */
export async function rerank(
  { query, documents }: RerankRequest,
  flow: Flow<"rerank">,
  reading: Reading,
): Promise<Ended<"rerank">> {
  const scores: number[] = [];
  const read = await readAll(
    documents.map((document) => [query, document] as const),
    flow,
    reading,
    ({ output, at }) => {
      const values = floatsIn(output);
      if (!areNumbers(values) || values.length !== at.length) return unfit("a score is not a number");
      for (const [row, index] of at.entries()) scores[index] = logistic(values[row]!);
      return undefined;
    },
  );
  return typeof read === "number" ? ok({ scores, promptTokens: read }) : refused(read);
}

const logistic = (value: number): number => 1 / (1 + Math.exp(-value));

/** Shares of one of these: what is larger is more, and all together are 1. */
function shares(values: Float32Array): Float32Array {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((all, one) => all + one, 0);
  return powers.map((power) => power / sum);
}

/** From 0 to 1, for each class of each text. */
export async function classify(
  { inputs }: ClassifyRequest,
  flow: Flow<"classify">,
  { labels, exclusive, ...reading }: Reading & { readonly labels: readonly string[]; readonly exclusive: boolean },
): Promise<Ended<"classify">> {
  const scores: Uint8Array[] = [];
  const read = await readAll(
    inputs.map((text) => [text] as const),
    flow,
    reading,
    ({ output, at }) => {
      const values = floatsIn(output);
      if (values.length !== at.length * labels.length)
        return unfit("it gives another number of classes than its settings name");
      if (!areNumbers(values)) return unfit("a score is not a number");
      for (const [row, index] of at.entries()) {
        const own = values.subarray(row * labels.length, (row + 1) * labels.length);
        scores[index] = bytesOfFloats(exclusive ? shares(own) : own.map(logistic));
      }
      return undefined;
    },
  );
  return typeof read === "number" ? ok({ labels, scores, exclusive, promptTokens: read }) : refused(read);
}

interface BatchOutput {
  readonly output: Tensor;
  readonly mask: readonly (readonly number[])[];
  readonly at: readonly number[];
}

/** All are measured before the first is read: what is refused has cost nobody anything. Returns how many tokens there
 *  were. */
async function readAll<Name extends EngineName>(
  texts: readonly (readonly [text: string, pair?: string])[],
  flow: Flow<Name>,
  reading: Reading,
  take: (batch: BatchOutput) => Failure | undefined,
): Promise<number | Failure> {
  const measured: Tokens[] = [];
  // Its vocabulary and the expressions by which it cuts texts are the file's.
  flow.doing?.("prompt");
  for (const text of texts) {
    if (flow.cancelled) return failure("CANCELLED");
    const one = await measure(text, reading);
    if ("error" in one) return one.error;
    measured.push(one.tokens);
  }
  const { session, output } = reading;
  for (const batch of batchesOf(measured.map(({ ids }) => ids.length))) {
    if (flow.cancelled) return failure("CANCELLED");
    const { feeds, mask } = feedsOf(batch, measured, reading);
    flow.doing?.("native");
    const tensors = await session.run(feeds, [output]);
    const wrong = take({ output: tensors[output]!, mask, at: batch.at });
    if (wrong !== undefined) return wrong;
  }
  return measured.reduce((sum, { ids }) => sum + ids.length, 0);
}

const unfit = (reason: string): Failure => failure("OUTPUT_UNFIT", { reason });

/** One vector of those of a text's tokens. `values` is [texts, tokens, width]; what fills a text up does not count.
 *  Pure. */
function pool(
  values: Float32Array,
  {
    row,
    width,
    mask,
    pooling,
  }: { readonly row: number; readonly width: number; readonly mask: readonly number[]; readonly pooling: Pooling },
): Float32Array {
  const tokenAt = (token: number): Float32Array => {
    const start = (row * mask.length + token) * width;
    return values.subarray(start, start + width);
  };
  const count = mask.reduce((sum, one) => sum + one, 0);
  if (pooling === "first") return tokenAt(0);
  if (pooling === "last") return tokenAt(Math.max(0, count - 1));
  const pooled = new Float32Array(width).fill(pooling === "max" ? -Infinity : 0);
  for (let token = 0; token < count; token += 1) {
    const vector = tokenAt(token);
    for (let at = 0; at < width; at += 1)
      pooled[at] = pooling === "max" ? Math.max(pooled[at]!, vector[at]!) : pooled[at]! + vector[at]! / count;
  }
  return pooled;
}

/** How the model was trained to have it, where its folder says; else the mean, as most are. Throws what is wrong with
 *  the file. */
export function poolingIn(root: string): Pooling {
  const said = readSettings(join(root, "1_Pooling", "config.json"));
  if (said === undefined) return "mean";
  if (said["pooling_mode_cls_token"] === true) return "first";
  if (said["pooling_mode_lasttoken"] === true) return "last";
  return said["pooling_mode_max_tokens"] === true ? "max" : "mean";
}
