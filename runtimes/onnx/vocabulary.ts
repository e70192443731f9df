/** A model's vocabulary, and texts as its graph takes them. */
import { setImmediate } from "node:timers/promises";
import { join } from "node:path";
import { failure, ok, refused, type Failure } from "../../protocols/errors.ts";
import type { TokenizeRequest } from "../../protocols/index.ts";
import type { Ended } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { cutToFit, tokensBeyond } from "../measure.ts";
import { readSettings } from "./folder.ts";
import type { Library, Session, Tensor, Tensors, Tokenizer, Tokens } from "./library.ts";
import { onnxLimits } from "./limits.ts";

/** Reads the vocabulary of a model's folder. Throws what is wrong with it. */
export function readTokenizer(root: string, { tokenizers }: Library): Tokenizer {
  const vocabulary = readSettings(join(root, "tokenizer.json"), onnxLimits.tokenizerBytesMax);
  if (vocabulary === undefined) throw new Error("its file tokenizer.json is missing");
  return new tokenizers.Tokenizer(vocabulary, readSettings(join(root, "tokenizer_config.json")) ?? {});
}

/** What a text, or a pair of them, is to the model, with the tokens that the model wants around it; or why it does not
 *  fit. Texts that are far too long are not read to their end. */
export async function measure(
  [text, pair]: readonly [text: string, pair?: string],
  { tokenizer, contextTokens }: { readonly tokenizer: Tokenizer; readonly contextTokens: number },
): Promise<{ readonly tokens: Tokens } | { readonly error: Failure }> {
  const count = (piece: string): number => tokenizer.encode(piece, { add_special_tokens: false }).ids.length;
  const tooLong = (promptTokens: number) => ({ error: failure("CONTEXT_TOO_LONG", { promptTokens, contextTokens }) });
  const texts = pair === undefined ? [text] : [text, pair];
  const beyond = await tokensBeyond(texts, contextTokens, count, () => setImmediate());
  if (beyond !== undefined) return tooLong(beyond);
  const tokens = tokenizer.encode(text, {
    ...(pair !== undefined && { text_pair: pair }),
    return_token_type_ids: true,
  });
  if (tokens.ids.length === 0) return { error: failure("BAD_REQUEST", { field: "inputs", reason: "a text is empty" }) };
  return tokens.ids.length > contextTokens ? tooLong(tokens.ids.length) : { tokens };
}

/** A text that the model reads to its end: as much of it as that is. */
export async function cutToRead(
  text: string,
  reading: { readonly tokenizer: Tokenizer; readonly contextTokens: number },
): Promise<string> {
  const measured = await measure([text], reading);
  if (!("error" in measured) || measured.error.code !== "CONTEXT_TOO_LONG") return text;
  const count = (piece: string): number => reading.tokenizer.encode(piece).ids.length;
  return cutToFit(text, reading.contextTokens, count, () => setImmediate());
}

/** The numbers of a text's tokens, without those that a model wants around it. */
export async function tokensOf({ text }: TokenizeRequest, tokenizer: Tokenizer): Promise<Ended<"tokenize">> {
  if (text.length > runtimeLimits.tokenizedCharsMax)
    return refused(failure("TOO_LARGE", { field: "text", max: runtimeLimits.tokenizedCharsMax }));
  return ok({ tokens: [...tokenizer.encode(text, { add_special_tokens: false }).ids] });
}

/** What is read of texts at once: which of them, the longest of them filled up. */
interface Batch {
  /** Places of the texts. */
  readonly at: readonly number[];
  readonly length: number;
}

/** Puts texts of about the same length together, so that few tokens are there to fill up. Pure. */
export function batchesOf(lengths: readonly number[]): readonly Batch[] {
  const byLength = [...lengths.keys()].toSorted((one, other) => lengths[one]! - lengths[other]!);
  const batches: { at: number[]; length: number }[] = [];
  for (const index of byLength) {
    const length = lengths[index]!;
    const last = batches.at(-1);
    const fits =
      last !== undefined &&
      last.at.length < onnxLimits.batchTextsMax &&
      (last.at.length + 1) * length <= onnxLimits.batchTokensMax;
    if (fits) {
      last.at.push(index);
      last.length = length;
    } else batches.push({ at: [index], length });
  }
  return batches;
}

/** The inputs of a graph that reads texts. What the graph does not take is left out. */
export function feedsOf(
  batch: Batch,
  texts: readonly Tokens[],
  { session, library, padId }: { readonly session: Session; readonly library: Library; readonly padId: number },
): { readonly feeds: Tensors; readonly mask: readonly (readonly number[])[] } {
  const rows = batch.at.map((index) => texts[index]!);
  const filled = (of: (row: Tokens) => readonly number[], filler: number): readonly (readonly number[])[] =>
    rows.map((row) => [...of(row), ...Array<number>(batch.length - row.ids.length).fill(filler)]);
  const mask = filled(({ ids }) => ids.map(() => 1), 0);
  const inputs: Readonly<Record<string, () => readonly (readonly number[])[]>> = {
    input_ids: () => filled(({ ids }) => ids, padId),
    attention_mask: () => mask,
    token_type_ids: () => filled(({ ids, token_type_ids: types }) => types ?? ids.map(() => 0), 0),
    position_ids: () => rows.map(() => Array.from({ length: batch.length }, (_none, at) => at)),
  };
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => {
      const rowsOf = inputs[name];
      if (rowsOf === undefined) throw new Error(`it wants ${name}, which nobody knows`);
      return [name, integers(rowsOf().flat(), [rows.length, batch.length], { library, type: typeOf(session, name) })];
    }),
  );
  return { feeds, mask };
}

/** The inputs that `feedsOf` fills; a graph that wants others is not served. */
export const textInputs: readonly string[] = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];

/** Of what type an input is. */
export const typeOf = ({ inputMetadata }: Session, name: string): string =>
  inputMetadata.find((one) => one.name === name)?.type ?? "int64";

/** Whole numbers in their shape, as wide as the graph wants them. */
export function integers(
  values: readonly number[],
  dims: readonly number[],
  { library, type = "int64" }: { readonly library: Library; readonly type?: string },
): Tensor {
  const data = type === "int32" ? Int32Array.from(values) : BigInt64Array.from(values, BigInt);
  return new library.Tensor(type === "int32" ? "int32" : "int64", data, dims);
}
