/** OpenAI: embeddings. And, in the form that Jina's clients use, those of images, and reranking as Cohere's do, too. */
import { Type } from "typebox";
import { failure, floatsOf, PlexusError, type Media } from "../../../protocols/index.ts";
import { demand } from "../edge/refusals.ts";
import { isAbsent, maybe, mediaFor, readText } from "./conversation.ts";
import { imageType, refuse, type MediaReader } from "./media.ts";
import { addPost, checkTexts, newId, type Surface } from "./surface.ts";

const embeddingRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  input: Type.Union([Type.String(), Type.Array(Type.Unknown(), { minItems: 1 })]),
  encoding_format: maybe(Type.Union([Type.Literal("float"), Type.Literal("base64")])),
  dimensions: maybe(Type.Integer({ minimum: 1 })),
  truncate_prompt_tokens: maybe(Type.Integer({ minimum: -1 })),
});

const rerankRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  query: Type.String(),
  documents: Type.Array(Type.Union([Type.String(), Type.Object({ text: Type.String() })]), { minItems: 1 }),
  top_n: maybe(Type.Integer({ minimum: 1 })),
  return_documents: maybe(Type.Boolean()),
});

/** Texts to embed, as OpenAI and Ollama send them. Error: BAD_REQUEST, TOO_LARGE. */
export function readInputs(path: string, input: unknown, max: number): readonly string[] {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (inputs.length > max) throw new PlexusError(failure("TOO_LARGE", { limit: "embeddingInputsMax", max }));
  return inputs.map((text, index) =>
    typeof text === "string"
      ? demand(readText(`${path}/${index}`, text))
      : refuse(path, isNumbers(text) ? tokenNumbers : "must be a text or texts"),
  );
}

/** Clients that cut texts for OpenAI's models send the numbers of tokens in those models' vocabularies; which of them,
 *  nothing says. */
const tokenNumbers =
  "numbers of tokens are of the vocabulary of another model; send texts (LangChain: check_embedding_ctx_length=False)";

const isNumbers = (given: unknown): boolean =>
  typeof given === "number" || (Array.isArray(given) && given.every((one) => typeof one === "number"));

/** Refuses a length that the model's vectors do not have: to cut one would make another vector of it. */
export function checkDimensions(wanted: number | null | undefined, vector: Uint8Array | undefined): void {
  const has = (vector?.byteLength ?? 0) / 4;
  if (typeof wanted === "number" && wanted !== has)
    refuse("/dimensions", `the vectors of this model have ${has} dimensions; leave it out`);
}

/** Texts and images: `"a cat"`, `{ "text": "a cat" }`, `{ "image": "data:image/png;base64,…" }`. Errors: BAD_REQUEST,
 *  TOO_LARGE. */
function readMixed(input: unknown, media: MediaReader, max: number): readonly (string | Media)[] {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  const imageOf = (path: string, image: string): Media => {
    const isPlain = /^[\w+/-]+={0,2}$/.test(image);
    const read = isPlain ? media.base64(path, { mediaType: imageType(image), data: image }) : media.url(path, image);
    return demand(read);
  };
  const images = new Map<number, Media>();
  const texts = inputs.map((one, index) => {
    const { text, image } = (typeof one === "object" && one !== null ? one : {}) as Readonly<Record<string, unknown>>;
    if (typeof image !== "string") return typeof text === "string" ? text : one;
    // The number of inputs is checked below; more are not worth reading.
    if (index < max) images.set(index, imageOf(`/input/${index}/image`, image));
    return "";
  });
  return readInputs("/input", texts, max).map((text, index) => images.get(index) ?? text);
}

/** Adds them. */
export function addEmbeddings(surface: Surface): void {
  const { at, calls, models } = surface;
  const max = at.limits.embeddingInputsMax;
  const embeddings = {
    summary: "Vectors of texts, and of images where the model can",
    tag: "openai",
    body: embeddingRequest,
  };
  addPost(surface, "/v1/embeddings", embeddings, async (posted) => {
    const { body, asking } = posted;
    const media = mediaFor(at.limits);
    const inputs = readMixed(body.input, media, max);
    checkTexts(posted, at, media);
    const { model } = await models.resolve(asking.caller, body.model);
    const { truncate_prompt_tokens: cutTo } = body;
    if (!isAbsent(cutTo) && cutTo !== -1)
      refuse("/truncate_prompt_tokens", "must be -1, to what the model reads; leave it out");
    const asked = { model, inputs, ...(cutTo === -1 && { truncate: true as const }) };
    const { vectors, promptTokens } = await calls.run(asking, "embed", asked);
    checkDimensions(body.dimensions, vectors[0]);
    return {
      object: "list",
      model: body.model,
      data: vectors.map((vector, index) => ({
        object: "embedding",
        index,
        embedding: body.encoding_format === "base64" ? Buffer.from(vector).toString("base64") : [...floatsOf(vector)],
      })),
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    };
  });

  const rerank = { summary: "How well documents answer a query", tag: "rerank", body: rerankRequest };
  addPost(surface, "/v1/rerank", rerank, async (posted) => {
    const { body, asking } = posted;
    checkTexts(posted, at);
    const texts = body.documents.map((one) => (typeof one === "string" ? one : one.text));
    const documents = readInputs("/documents", texts, max);
    const query = demand(readText("/query", body.query));
    const { model } = await models.resolve(asking.caller, body.model);
    const { scores, promptTokens } = await calls.run(asking, "rerank", { model, query, documents });
    const results = scores.map((score, index) => ({
      index,
      relevance_score: score,
      ...(body.return_documents === true && { document: { text: documents[index] } }),
    }));
    return {
      id: newId(at, "rerank-"),
      model: body.model,
      // Equal ones keep their order.
      results: results
        .toSorted((one, other) => other.relevance_score - one.relevance_score)
        .slice(0, body.top_n ?? undefined),
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    };
  });
}
