/** OpenAI, and servers that speak like it: Mistral, vLLM, llama-server, LM Studio, OpenRouter, another Plexus.
 *  https://platform.openai.com/docs/api-reference */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  DrawRequest,
  EmbedAnswer,
  Media,
  RerankAnswer,
  SpeakRequest,
  TranscribeRequest,
} from "../../protocols/index.ts";
import { remoteAdapter, type At, type Described, type Provider } from "../remote/adapter.ts";
import { abilitiesByName, abilitiesOf } from "../remote/abilities.ts";
import type { Call } from "../remote/call.ts";
import type { Endpoint } from "../remote/endpoint.ts";
import { at, countAt, listAt, numberAt, textAt } from "../remote/json.ts";
import { Kept } from "../remote/kept.ts";
import { remoteLimits } from "../remote/limits.ts";
import { damaged } from "../remote/refusals.ts";
import { base64Of, writeText } from "../remote/text.ts";
import { countsOf, vectorOf, wholeVectors } from "../remote/vectors.ts";
import { chatMapping } from "./chat.ts";
import { continuing, dialectOf } from "./dialect.ts";

/** Its servers' own paths are beside the API's. */
const beside = "/..";

const provider: Provider = {
  name: "openai",
  capabilities: [
    "chat",
    "tools",
    "json",
    "logprobs",
    "vision",
    "hearing",
    "continue",
    "embed",
    "image-embed",
    "rerank",
    "transcribe",
    "speak",
    "draw",
    "tokenize",
  ],
  wire: {
    base: (url) => (url.pathname === "/" ? new URL("/v1", url).href : url.href),
    headers: (key): Record<string, string> => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
    stream: "sse",
    written: ["delta", "message"].map((said) => ["choices", "*", said, "tool_calls", "*", "function", "arguments"]),
  },
  async list(call) {
    const rows = ownRows(listAt(await call.json({ path: "/models" }), "data"));
    return rows.map((row) => ({ model: textAt(row, "id") ?? "", expected: abilitiesOf(row) }));
  },
  describe,
  answers: (kept = new Kept()) => ({
    generate: (request, here) =>
      writeText(
        request,
        here,
        chatMapping(request, { model: here.model, dialect: dialectOf(here.url, at(here.facts, "owner")), kept }),
      ),
    async embed({ inputs, truncate }, { call, model, url, facts }) {
      // Images as Jina's interface takes them, and another Plexus.
      const input = inputs.map((one) =>
        typeof one === "string" ? one : { image: `data:${one.mediaType};base64,${base64Of(one.bytes)}` },
      );
      // Where a server has no word for it, what is too long is refused by it.
      const cuts = truncate === true && ["vllm", "plexus"].includes(dialectOf(url, at(facts, "owner")));
      const body = { model, input, encoding_format: "float", ...(cuts && { truncate_prompt_tokens: -1 }) };
      return vectorsOf(await call.json({ path: "/embeddings", body }), inputs.length);
    },
    async rerank({ query, documents }, { call, model }) {
      const body = { model, query, documents, top_n: documents.length };
      return scoresOf(await call.json({ path: "/rerank", body }), documents.length);
    },
    transcribe,
    async speak(request, { call, flow, model }) {
      const { mediaType, pieces } = await call.bytes({ path: "/audio/speech", body: speechBody(request, model) });
      for await (const bytes of pieces) {
        flow.part({ bytes });
        await flow.ready();
      }
      return { mediaType: /^audio\/[\w.+-]{1,60}$/.test(mediaType) ? mediaType : (request.mediaType ?? "audio/wav") };
    },
    async draw(request, { call, model }) {
      return { images: imagesOf(await call.json({ path: "/images/generations", body: drawBody(request, model) })) };
    },
    async tokenize({ text }, { call, model }) {
      // One body for both: llama-server reads `content`, vLLM reads `prompt`.
      const body = { model, content: text, add_special: false, prompt: text, add_special_tokens: false };
      return { tokens: countsOf(at(await call.json({ path: `${beside}/tokenize`, body }), "tokens")) };
    },
  }),
};

/** The row of servers that speak like OpenAI. */
export const openai = remoteAdapter(provider);

async function describe(call: Call, { endpoint }: { readonly endpoint: Endpoint }): Promise<Described> {
  const rows = listAt(await call.json({ path: "/models" }), "data");
  const row = rows.find((one) => textAt(one, "id") === endpoint.model);
  const owner = textAt(row ?? rows[0], "owned_by");
  const dialect = dialectOf(new URL(endpoint.url), owner);
  const able = describedBy(row, endpoint.model, dialect === "openai" ? "openai" : owner);
  const further = able.capabilities.includes("chat") ? continuing(dialect) : [];
  const described = { ...able, capabilities: [...new Set([...able.capabilities, ...further])], facts: { owner } };
  // These two say who they are. llama-server has one model, whatever it is called, and says more of it elsewhere.
  if (owner === "vllm") return { ...described, capabilities: [...described.capabilities, "tokenize"] };
  if (owner !== "llamacpp") return described;
  return { ...described, ...propsOf(await call.json({ path: `${beside}/props` }), described) };
}

/** The rows of a list that a cluster may offer when it offers the whole server. Another Plexus also lists agents, which
 *  are somebody's, and models of third servers: two clusters that offered each other those would send a call round for
 *  ever. */
function ownRows(rows: readonly unknown[]): readonly unknown[] {
  const isPlexus = rows.some((row) => textAt(row, "owned_by") === "plexus");
  if (!isPlexus) return rows;
  return rows.filter((row) => textAt(row, "owned_by") === "plexus" && at(row, "relayed") !== true);
}

type Able = Described & { readonly capabilities: NonNullable<Described["capabilities"]> };

/** What a row of the list says. */
export function describedBy(row: unknown, model: string, owner: string | undefined): Able {
  const guessed = abilitiesByName(model);
  const contextTokens = ["max_model_len", "max_context_length", "context_length", "context_window"]
    .map((name) => countAt(row, name))
    .find((one) => one !== undefined && one > 0);
  const told = abilitiesOf(row) ?? guessed;
  // That a server tells how likely tokens are is told by few: these do.
  const isTelling = owner === "llamacpp" || owner === "vllm" || (owner === "openai" && /^gpt-[34]/.test(model));
  const capabilities = told.includes("chat") && isTelling ? [...new Set([...told, "logprobs" as const])] : told;
  return { capabilities, ...(contextTokens !== undefined && { contextTokens }) };
}

/** What llama-server says of its model. */
export function propsOf(props: unknown, described: Able): Described {
  const contextTokens = countAt(props, "default_generation_settings", "n_ctx");
  return {
    capabilities: [
      ...described.capabilities.filter((one) => one !== "vision" && one !== "hearing"),
      ...(at(props, "modalities", "vision") === true ? (["vision"] as const) : []),
      ...(at(props, "modalities", "audio") === true ? (["hearing"] as const) : []),
      "tokenize",
    ],
    ...(contextTokens !== undefined && contextTokens > 0 && { contextTokens }),
  };
}

/** The vectors in the order of the inputs. */
export function vectorsOf(body: unknown, count: number): EmbedAnswer {
  const vectors = Array.from<Uint8Array | undefined>({ length: count });
  for (const [place, row] of listAt(body, "data").entries()) {
    const index = numberAt(row, "index") ?? place;
    if (index >= 0 && index < count) vectors[index] = vectorOf(at(row, "embedding"));
  }
  return { vectors: wholeVectors(vectors, count), promptTokens: countAt(body, "usage", "prompt_tokens") ?? 0 };
}

/** Scores in the order of the documents, from 0 to 1: some servers give the bare output of the model. */
export function scoresOf(body: unknown, count: number): RerankAnswer {
  const rows = listAt(body, "results").length > 0 ? listAt(body, "results") : listAt(body, "data");
  const scores = Array.from({ length: count }, () => Number.NaN);
  for (const row of rows) {
    const index = numberAt(row, "index") ?? -1;
    if (index >= 0 && index < count)
      scores[index] = numberAt(row, "relevance_score") ?? numberAt(row, "score") ?? Number.NaN;
  }
  if (scores.some(Number.isNaN)) throw damaged("it gave no score for some document");
  const isBare = scores.some((one) => one < 0 || one > 1);
  return {
    scores: isBare ? scores.map((one) => 1 / (1 + Math.exp(-one))) : scores,
    promptTokens: countAt(body, "usage", "prompt_tokens") ?? countAt(body, "usage", "total_tokens") ?? 0,
  };
}

async function transcribe(
  { audio, language, translate = false, prompt }: TranscribeRequest,
  { call, flow, model }: At<"transcribe">,
): Promise<{ readonly durationMs: number; readonly language?: string }> {
  const form = new FormData();
  const extension = audio.mediaType.split("/")[1]?.replace(/^x-/, "") ?? "wav";
  form.set("file", new Blob([Uint8Array.from(audio.bytes)], { type: audio.mediaType }), `audio.${extension}`);
  form.set("model", model);
  // Only the older family tells where a stretch begins and ends.
  form.set("response_format", /gpt-4o/.test(model) ? "json" : "verbose_json");
  if (language !== undefined && !translate) form.set("language", language);
  if (prompt !== undefined) form.set("prompt", prompt);
  const body = await call.json({ path: translate ? "/audio/translations" : "/audio/transcriptions", form });
  const { parts, answer } = transcriptOf(body);
  for (const part of parts) flow.part(part);
  return answer;
}

/** The stretches of a transcript; one where the server does not tell them apart. */
export function transcriptOf(body: unknown): {
  readonly parts: readonly { readonly text: string; readonly fromMs: number; readonly toMs: number }[];
  readonly answer: { readonly durationMs: number; readonly language?: string };
} {
  const text = textAt(body, "text");
  if (text === undefined) throw damaged("it gave no text");
  const ms = (seconds: unknown): number => {
    const exact = Math.round(Number(seconds ?? 0) * 1_000);
    return exact >= 0 && exact <= 2 ** 31 ? exact : 0;
  };
  const segments = listAt(body, "segments").map((one) => ({
    text: textAt(one, "text") ?? "",
    fromMs: ms(at(one, "start")),
    toMs: ms(at(one, "end")),
  }));
  const durationMs = Math.max(ms(at(body, "duration")), segments.at(-1)?.toMs ?? 0);
  const language = textAt(body, "language")?.slice(0, 64);
  return {
    parts: segments.length > 0 ? segments : [{ text, fromMs: 0, toMs: durationMs }],
    answer: { durationMs, ...(language !== undefined && { language }) },
  };
}

const speechFormats: Readonly<Record<string, string>> = {
  "audio/mpeg": "mp3",
  "audio/wav": "wav",
  "audio/ogg": "opus",
  "audio/flac": "flac",
  "audio/aac": "aac",
  "audio/pcm": "pcm",
};

function speechBody({ text, voice = "alloy", speed, mediaType = "audio/wav" }: SpeakRequest, model: string): object {
  const format = speechFormats[mediaType];
  if (format === undefined) throw new PlexusError(failure("BAD_REQUEST", { field: "mediaType", mediaType }));
  return { model, input: text, voice, response_format: format, ...(speed !== undefined && { speed }) };
}

function drawBody({ prompt, count = 1, width, height }: DrawRequest, model: string): object {
  return {
    model,
    prompt,
    n: count,
    ...(width !== undefined && height !== undefined && { size: `${width}x${height}` }),
    // The newer family gives bytes always, and refuses to be asked for them.
    ...(!/gpt-image/.test(model) && { response_format: "b64_json" }),
  };
}

/** The images in an answer. An address in place of one is not fetched: it may lead anywhere. */
function imagesOf(body: unknown): readonly Media[] {
  const images = listAt(body, "data")
    .slice(0, remoteLimits.imagesMax)
    .map((one) => textAt(one, "b64_json"));
  if (images.length === 0 || images.includes(undefined)) throw damaged("it gave something else than images");
  const format = textAt(body, "output_format") ?? "png";
  return images.map((text) => ({
    type: "image",
    mediaType: `image/${/^[a-z0-9]{2,8}$/.test(format) ? format : "png"}`,
    bytes: new Uint8Array(Buffer.from(text ?? "", "base64")),
  }));
}
