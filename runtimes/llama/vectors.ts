/** Models that read: vectors of texts, and how well documents answer a query.
 *
 *  The library evaluates one text at a time in such a context. Calls take turns text by text, so that a long list of
 *  one keeps a short one of another waiting for a text and no longer. */
import { setImmediate } from "node:timers/promises";
import type { LlamaEmbeddingContext, LlamaModel, LlamaRankingContext } from "node-llama-cpp";
import { failure, ok, refused, type Failure } from "../../protocols/errors.ts";
import { bytesOfFloats, type EmbedRequest, type RerankRequest } from "../../protocols/engines/generation.ts";
import type { Ended, Flow } from "../adapter.ts";
import { cutToFit, tokensBeyond } from "../measure.ts";

/** What a text takes, or why it does not fit. */
type Measured = { readonly tokens: number } | { readonly error: Failure };

/** Reads the texts of one context. */
interface Reading {
  readonly model: LlamaModel;
  readonly contextTokens: number;
}

/** Vectors of length one, as OpenAI's interface gives them: their product is their likeness. */
export async function embed(
  request: EmbedRequest,
  flow: Flow<"embed">,
  { context, ...reading }: Reading & { readonly context: LlamaEmbeddingContext },
): Promise<Ended<"embed">> {
  const inputs: string[] = [];
  let promptTokens = 0;
  for (const given of request.inputs) {
    if (typeof given !== "string") continue;
    const length = (text: string): number => context.calculateInputLength(text);
    let input = given;
    let measured = await measure([input], reading, () => length(input));
    if (request.truncate === true && "error" in measured && measured.error.code === "CONTEXT_TOO_LONG") {
      input = await cutToFit(given, reading.contextTokens - 1, length, () => setImmediate());
      measured = await measure([input], reading, () => length(input));
    }
    if ("error" in measured) return refused(measured.error);
    promptTokens += measured.tokens;
    inputs.push(input);
  }
  const vectors: Uint8Array[] = [];
  for (const input of inputs) {
    if (flow.cancelled) return refused(failure("CANCELLED"));
    const { vector } = await context.getEmbeddingFor(input);
    const length = Math.hypot(...vector) || 1;
    vectors.push(bytesOfFloats(vector.map((one) => one / length)));
  }
  return ok({ vectors, promptTokens });
}

/** From 0 to 1, for each document by itself. */
export async function rerank(
  { query, documents }: RerankRequest,
  flow: Flow<"rerank">,
  { context, ...reading }: Reading & { readonly context: LlamaRankingContext },
): Promise<Ended<"rerank">> {
  let promptTokens = 0;
  for (const document of documents) {
    const texts = [query, document];
    const measured = await measure(texts, reading, () => context.calculateInputLength(query, document));
    if ("error" in measured) return refused(measured.error);
    promptTokens += measured.tokens;
  }
  const scores: number[] = [];
  for (const document of documents) {
    if (flow.cancelled) return refused(failure("CANCELLED"));
    scores.push(await context.rank(query, document));
  }
  return ok({ scores, promptTokens });
}

/** All are measured before the first is read: what is refused has cost nobody anything. */
async function measure(
  texts: readonly string[],
  { model, contextTokens }: Reading,
  exactly: () => number,
): Promise<Measured> {
  const count = (piece: string): number => model.tokenize(piece, false).length;
  const beyond = await tokensBeyond(texts, contextTokens - 1, count, () => setImmediate());
  const tooLong = (promptTokens: number): Measured => ({
    error: failure("CONTEXT_TOO_LONG", { promptTokens, contextTokens }),
  });
  if (beyond !== undefined) return tooLong(beyond);
  const tokens = exactly();
  if (tokens === 0) return { error: failure("BAD_REQUEST", { field: "inputs", reason: "a text is empty" }) };
  return tokens < contextTokens ? { tokens } : tooLong(tokens);
}
