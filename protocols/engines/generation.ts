/** What models are asked for, and what they answer: one group of types for each engine of `engine.ts`. */
import type { Sampling } from "../kinds/agent.ts";
import type { ActorId } from "../ids.ts";
import type { CallRequest } from "./call.ts";
import type { AnswerFrom } from "./model-route.ts";

/** What a model can do, in words of this list.
 *
 *  - `chat` writes text: the engine `generate`. With it: `tools` calls functions, `json` keeps to a JSON schema,
 *    `logprobs` tells how
 *    likely tokens were, `vision` reads images, `hearing` reads sounds, `continue` goes on with an answer that is half
 *    there.
 *  - `embed`, `rerank`, `classify`, `transcribe`, `speak`, `draw`, `tokenize`: the engine of that name. With `embed`:
 *    `image-embed` takes images into
 *    the same space as text. */
export const capabilities = [
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
  "classify",
  "transcribe",
  "speak",
  "draw",
  "tokenize",
] as const;
/** One of them. */
export type Capability = (typeof capabilities)[number];

/** An image or a sound. */
export interface Media {
  readonly type: "image" | "audio";
  /** `image/png`, `audio/wav`. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A picture or a sound that is a blob of an actor. */
export interface NamedMedia {
  readonly of: ActorId;
  readonly hash: string;
  readonly mediaType: string;
}

/** A file of a room's message, which the node that asks reads for the person. */
export interface NamedFile {
  readonly of: ActorId;
  readonly id: string;
  /** The person who may read it, or not: that is asked when the model is. */
  readonly by: ActorId;
  readonly name: string;
  readonly bytes: number;
  /** Characters of its text that have a place in the request. 0: it has none. */
  readonly chars: number;
  /** As the picture that it is. Absent: it is none, or the model sees none. */
  readonly picture?: string;
  /** Why it is not shown, where the asker knows it already. */
  readonly leftOut?: string;
}

/** A function that a model wants called. */
export interface ToolCall {
  /** Chosen by the model or for it, unique within the conversation. */
  readonly id: string;
  readonly name: string;
  /** An object, as JSON. */
  readonly arguments: string;
}

/** A piece of a call as it is written. The first of a call has its id and name; the arguments of its pieces, one behind
 *  the other, are those of the call. The pieces of a call are said before those of the next. */
export interface CallPiece {
  /** Which call of the answer, from 0. */
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments: string;
}

/** One message of a conversation. */
export interface ChatMessage {
  /** `tool`: what a function answered. */
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Shown to the model before the content. Of users only. */
  readonly media?: readonly Media[];
  /** The same, named by the blobs that they are: the node that asks puts their bytes there. */
  readonly attached?: readonly NamedMedia[];
  /** Files that belong to it: the node that asks shows them, and says in the content what it left out. */
  readonly files?: readonly NamedFile[];
  /** What the assistant wanted called. Of assistants only. */
  readonly calls?: readonly ToolCall[];
  /** The call that this answers. Of tools only. */
  readonly callId?: string;
  /** The answer begins with it: what is said goes on behind it. Of an assistant's without calls, as the last message
   *  only. */
  readonly continues?: true;
}

/** A function that a model may want called. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON schema of an object; absent: no parameters. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The same as JSON, where a number in it was written in another form than it would be now: with more digits than a
   *  number has, or `1.10`. */
  readonly written?: string;
  /** Arguments fit the schema, or there is no answer; one that cannot be promised is refused. Else what can be kept to
   *  is, and what does not fit is named with the answer. */
  readonly strict?: true;
}

/** Whether the model may, must or must not call one; or the one that it must. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** What form the text has: any JSON object, or JSON of a schema. */
export type Format =
  | { readonly type: "json" }
  | {
      readonly type: "schema";
      readonly schema: Readonly<Record<string, unknown>>;
      /** As of a tool. */
      readonly written?: string;
      /** As of a tool. False: the caller does not want it; absent: nothing is said. */
      readonly strict?: boolean;
    };

/** One run of text asked of a model: a call of the engine `generate`. */
export interface GenerationRequest extends CallRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly sampling: Sampling;
  /** Texts that end the answer; they are not part of it. At most 8 of at most 64 characters. */
  readonly stop?: readonly string[];
  readonly tools?: readonly Tool[];
  /** Default: `auto` with tools. */
  readonly toolChoice?: ToolChoice;
  /** What a model that cannot do it is asked without. The node that asks leaves it out: nobody else is told. */
  readonly ifAble?: readonly "tools"[];
  readonly format?: Format;
  /** How many alternatives to tell for each token; 0: only the chosen token's own. Absent: nothing is told. */
  readonly logprobs?: number;
  /** Absent: as the model does by itself. */
  readonly thinking?: Thinking;
}

/** Whether a model thinks before it answers, or how much: where it thinks, and where its template or its server can be
 *  told. */
export type Thinking = boolean | "low" | "medium" | "high";

/** How likely a token was. */
export interface TokenLogprob {
  readonly token: string;
  /** Where it is no text by itself: a piece of a character. Those of all tokens together are the bytes of the
   *  answer. */
  readonly bytes?: Uint8Array;
  /** Natural logarithm. */
  readonly logprob: number;
  /** The likeliest, in order; as many as were asked for. */
  readonly top?: readonly { readonly token: string; readonly bytes?: Uint8Array; readonly logprob: number }[];
}

/** A piece of what a model says. */
export interface GenerationPart {
  readonly text: string;
  readonly tokens: number;
  /** Calls that are whole: also those that were told in pieces. */
  readonly calls?: readonly ToolCall[];
  /** What is written of calls. Of a call that was cut off there is no more. */
  readonly pieces?: readonly CallPiece[];
  /** What the model thinks before it answers, where its adapter tells that apart. */
  readonly thought?: string;
  /** Of the tokens of `text`. */
  readonly logprobs?: readonly TokenLogprob[];
  /** With the first: where the answer comes from. */
  readonly from?: AnswerFrom;
}

/** `calls`: the model waits for what the functions answer. `length`: it was not through. `stopped`: it was
 *  cancelled. */
export type GenerationEnd = "complete" | "length" | "stopped" | "calls";

/** What of an answer does not fit a schema that it was asked to have. */
export interface Unfit {
  /** Whose arguments; absent: the text itself. */
  readonly tool?: string;
  /** Where in the value: `/people/0/mail`. */
  readonly at: string;
  /** The keyword of the schema that says so. */
  readonly keyword: string;
  readonly problem: string;
}

/** How a text ended, and what it took. */
export interface GenerationAnswer {
  readonly end: GenerationEnd;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the prompt, those that were in memory from before. */
  readonly cachedTokens?: number;
  /** The text of `stop` that ended it, where that is known. */
  readonly stoppedBy?: string;
  /** Of schemas that are not strict; the first of many. */
  readonly unfit?: readonly Unfit[];
  /** What the model reads and writes at most, where the node that asked knows it. */
  readonly contextTokens?: number;
  /** What the node that asked left out, because the model cannot do it. */
  readonly without?: readonly "tools"[];
  /** Files that the node that asked did not show to the model, or not all of: sentences for people. */
  readonly leftOut?: readonly string[];
  /** Where it comes from. One with `cache` took nothing now: its tokens are those of the answer that was kept. */
  readonly from?: AnswerFrom;
}

/** Texts or images to vectors. */
export interface EmbedRequest extends CallRequest {
  readonly model: string;
  readonly inputs: readonly (string | Media)[];
  /** Texts that are longer than the model reads are cut at their end. Absent: they are refused. */
  readonly truncate?: true;
}

/** One vector for each input, in order. */
export interface EmbedAnswer {
  /** Float32, little-endian: `floatsOf` reads them. All are of one length. */
  readonly vectors: readonly Uint8Array[];
  readonly promptTokens: number;
  readonly from?: AnswerFrom;
}

/** How well documents answer a query. */
export interface RerankRequest extends CallRequest {
  readonly model: string;
  readonly query: string;
  readonly documents: readonly string[];
}

/** One score for each document, in order: from 0 to 1, more is better. */
export interface RerankAnswer {
  readonly scores: readonly number[];
  readonly promptTokens: number;
  readonly from?: AnswerFrom;
}

/** Which of its labels a model gives texts. */
export interface ClassifyRequest extends CallRequest {
  readonly model: string;
  readonly inputs: readonly string[];
}

/** How much each label is true of each text. */
export interface ClassifyAnswer {
  /** As the model's maker named them, each once. */
  readonly labels: readonly string[];
  /** For each text, in order, one number for each label, from 0 to 1: Float32, little-endian, as of vectors. */
  readonly scores: readonly Uint8Array[];
  /** The labels exclude each other, and the numbers of a text sum up to 1; else each stands for itself. */
  readonly exclusive: boolean;
  readonly promptTokens: number;
  readonly from?: AnswerFrom;
}

/** Speech to text. */
export interface TranscribeRequest extends CallRequest {
  readonly model: string;
  readonly audio: Media;
  /** `en`; absent: the model finds out, where it can. */
  readonly language?: string;
  /** Into English instead of the language that is spoken. */
  readonly translate?: boolean;
  readonly prompt?: string;
}

/** A stretch of speech, from the beginning of the sound. */
export interface TranscribePart {
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What there was to hear. */
export interface TranscribeAnswer {
  readonly language?: string;
  readonly durationMs: number;
}

/** Text to speech. */
export interface SpeakRequest extends CallRequest {
  readonly model: string;
  readonly text: string;
  readonly voice?: string;
  /** 1 is usual. */
  readonly speed?: number;
  /** `audio/wav` where the model has no other. */
  readonly mediaType?: string;
}

/** A piece of the sound; the pieces one after the other are the file. */
export interface SpeakPart {
  readonly bytes: Uint8Array;
}

/** What the pieces are. */
export interface SpeakAnswer {
  readonly mediaType: string;
}

/** Text to images. */
export interface DrawRequest extends CallRequest {
  readonly model: string;
  readonly prompt: string;
  readonly count?: number;
  /** In pixels. */
  readonly width?: number;
  readonly height?: number;
}

/** The images. */
export interface DrawAnswer {
  readonly images: readonly Media[];
}

/** What a text is to the model. */
export interface TokenizeRequest extends CallRequest {
  readonly model: string;
  readonly text: string;
}

/** Its numbers for the text's tokens. */
export interface TokenizeAnswer {
  readonly tokens: readonly number[];
}

/** The bytes of a vector. */
export const bytesOfFloats = (floats: ArrayLike<number>): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4 * floats.length));
  for (let index = 0; index < floats.length; index += 1) view.setFloat32(4 * index, floats[index] ?? 0, true);
  return new Uint8Array(view.buffer);
};

/** The vector in its bytes. */
export const floatsOf = (bytes: Uint8Array): Float32Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 2 }, (_, index) => view.getFloat32(4 * index, true));
};

/** What people are told of a model that is not one to work with. */
export interface ModelLabel {
  /** A few words: `tiny demonstration model`. */
  readonly short: string;
  /** A sentence or two. */
  readonly says: string;
}

/** A model and what it can be asked for. */
export interface ModelInfo {
  readonly model: string;
  /** The adapter that runs it. It is for people to read: nothing is decided by it. */
  readonly runtime: string;
  /** What a call may need of it: of the list `capabilities`, or of a later version's. */
  readonly capabilities: readonly string[];
  readonly contextTokens: number;
  readonly sizeBytes: number;
  /** What tells it apart from what had its name before: the beginning of its files' digest. Absent: nothing is
   *  known. */
  readonly version?: string;
  /** Where it was pulled from, without secrets: the person who pulled it may call it by that. Absent: it was not
   *  pulled, or by a longer name than members are told. */
  readonly source?: string;
  /** It has a label, and no model to work with is behind it. */
  readonly demonstration: boolean;
  readonly label?: ModelLabel;
  /** `idle`: known and not in memory; a call loads it. A state that a node does not know, of a later version, is taken
   *  for `idle`. */
  readonly state: "idle" | "loading" | "ready" | "failed";
  /** What it runs on, once it is loaded: `cpu`, or the kind of graphics interface. */
  readonly device?: string;
  /** Calls that run at once; more wait. */
  readonly places?: number;
  /** How fast it writes, about: of one call, over the last ones. Absent: it has not written yet. */
  readonly tokensPerSecond?: number;
  /** The server that runs it, of a model that is on another one: what its address says. */
  readonly provider?: string;
  /** Name of the node that serves it, when that is another than the one that says so. */
  readonly node?: string;
  readonly reason?: string;
}
