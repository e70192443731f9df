/** Engines: sorts of work that do not fit into an actor's turn. What an engine is asked, what it says meanwhile and how
 *  it answers is one row of `EngineTable`; the form between nodes is its row in `mesh/engine.ts`. */
import type { Result } from "../errors.ts";
import type { ScanAnswer, ScanRequest } from "./scan.ts";
import type {
  CallPiece,
  Capability,
  ClassifyAnswer,
  ClassifyRequest,
  DrawAnswer,
  DrawRequest,
  EmbedAnswer,
  EmbedRequest,
  GenerationAnswer,
  GenerationPart,
  GenerationRequest,
  ModelInfo,
  RerankAnswer,
  RerankRequest,
  SpeakAnswer,
  SpeakPart,
  SpeakRequest,
  TokenizeAnswer,
  TokenizeRequest,
  TranscribeAnswer,
  TranscribePart,
  TranscribeRequest,
} from "./generation.ts";

/** One row an engine. `part: never`: everything is in the answer. */
export interface EngineTable {
  readonly generate: {
    readonly request: GenerationRequest;
    readonly part: GenerationPart;
    readonly answer: GenerationAnswer;
  };
  readonly embed: { readonly request: EmbedRequest; readonly part: never; readonly answer: EmbedAnswer };
  readonly rerank: { readonly request: RerankRequest; readonly part: never; readonly answer: RerankAnswer };
  readonly classify: { readonly request: ClassifyRequest; readonly part: never; readonly answer: ClassifyAnswer };
  readonly transcribe: {
    readonly request: TranscribeRequest;
    readonly part: TranscribePart;
    readonly answer: TranscribeAnswer;
  };
  readonly speak: { readonly request: SpeakRequest; readonly part: SpeakPart; readonly answer: SpeakAnswer };
  readonly draw: { readonly request: DrawRequest; readonly part: never; readonly answer: DrawAnswer };
  readonly tokenize: { readonly request: TokenizeRequest; readonly part: never; readonly answer: TokenizeAnswer };
  readonly scan: { readonly request: ScanRequest; readonly part: never; readonly answer: ScanAnswer };
}

/** What an engine is called. */
export type EngineName = keyof EngineTable;

/** What the way of a call has to know of its engine. */
export interface EngineTraits<Name extends EngineName = EngineName> {
  /** The capability that makes a model one of this engine's. */
  readonly offers: Capability;
  /** What a request needs of its model beyond that. */
  needs(request: EngineTable[Name]["request"]): readonly Capability[];
  /** Parts that are said one after the other, as fewer: so that a slow reader gets fewer, and no memory fills. */
  join(parts: readonly EngineTable[Name]["part"][]): readonly EngineTable[Name]["part"][];
  /** How a call is answered that was cancelled before it began; undefined: with `CANCELLED`. */
  readonly stopped?: EngineTable[Name]["answer"];
}

const nothing = (): readonly [] => [];

/** A part that says nothing but that there is work: a model reads its prompt, or the server that it is relayed from has
 *  said that it is there. It keeps a call alive, crosses nodes, and goes to nobody who asked. */
export const signOfLife: GenerationPart = { text: "", tokens: 0 };

/** Whether a part is a sign of life alone. */
export const isSignOfLife = (part: EngineTable[EngineName]["part"]): boolean =>
  "tokens" in part && part.tokens === 0 && part.text === "" && Object.keys(part).length === 2;

/** Texts become one; calls and what was thought keep their order. */
function joinTexts(parts: readonly GenerationPart[]): readonly GenerationPart[] {
  if (parts.length < 2) return parts;
  const calls = parts.flatMap((part) => part.calls ?? []);
  const pieces = joinPieces(parts.flatMap((part) => part.pieces ?? []));
  const logprobs = parts.flatMap((part) => part.logprobs ?? []);
  const thought = parts.map((part) => part.thought ?? "").join("");
  return [
    {
      text: parts.map(({ text }) => text).join(""),
      tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
      ...(calls.length > 0 && { calls }),
      ...(pieces.length > 0 && { pieces }),
      ...(thought !== "" && { thought }),
      ...(logprobs.length > 0 && { logprobs }),
    },
  ];
}

/** Those of one call that follow each other become one. */
function joinPieces(pieces: readonly CallPiece[]): readonly CallPiece[] {
  const fewer: CallPiece[] = [];
  for (const piece of pieces) {
    const last = fewer.at(-1);
    if (last?.index === piece.index) fewer[fewer.length - 1] = { ...last, arguments: last.arguments + piece.arguments };
    else fewer.push(piece);
  }
  return fewer;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The traits of each engine. */
export const engines: { readonly [Name in EngineName]: EngineTraits<Name> } = {
  generate: {
    offers: "chat",
    needs: ({ tools = [], toolChoice, format, logprobs, messages }) => {
      const has = (type: "image" | "audio") =>
        messages.some(
          ({ media, attached }) =>
            media?.some((one) => one.type === type) ||
            attached?.some(({ mediaType }) => mediaType.startsWith(`${type}/`)),
        );
      return [
        ...((tools.length > 0 && toolChoice !== "none") || messages.some(({ role }) => role === "tool")
          ? (["tools"] as const)
          : []),
        ...(format !== undefined ? (["json"] as const) : []),
        ...(logprobs !== undefined ? (["logprobs"] as const) : []),
        ...(has("image") ? (["vision"] as const) : []),
        ...(has("audio") ? (["hearing"] as const) : []),
        ...(messages.at(-1)?.continues ? (["continue"] as const) : []),
      ];
    },
    join: joinTexts,
    stopped: { end: "stopped", promptTokens: 0, completionTokens: 0 },
  },
  embed: {
    offers: "embed",
    needs: ({ inputs }) => (inputs.some((input) => typeof input !== "string") ? ["image-embed"] : []),
    join: nothing,
  },
  rerank: { offers: "rerank", needs: nothing, join: nothing },
  classify: { offers: "classify", needs: nothing, join: nothing },
  transcribe: { offers: "transcribe", needs: nothing, join: (parts) => parts },
  speak: {
    offers: "speak",
    needs: nothing,
    join: (parts) => (parts.length < 2 ? parts : [{ bytes: joined(parts.map(({ bytes }) => bytes)) }]),
  },
  draw: { offers: "draw", needs: nothing, join: nothing },
  tokenize: { offers: "tokenize", needs: nothing, join: nothing },
  // No model has it: it is none of the list.
  scan: { offers: "scan" as Capability, needs: nothing, join: nothing },
};

/** The traits of one, where it is not known which. */
export const traitsOf = (name: EngineName): EngineTraits => engines[name] as EngineTraits;

/** Every engine by name. */
export const engineNames = Object.keys(engines) as readonly EngineName[];

/** Those that have models. */
export const modelEngines: readonly EngineName[] = engineNames.filter((name) => name !== "scan");

/** What an engine is asked. */
export type EngineRequest<Name extends EngineName = EngineName> = EngineTable[Name]["request"];
/** What an engine says before it answers. */
export type EnginePart<Name extends EngineName = EngineName> = EngineTable[Name]["part"];
/** How an engine answers. */
export type EngineAnswer<Name extends EngineName = EngineName> = EngineTable[Name]["answer"];

/** What comes back of a call, in order: any number of `part`, then exactly one `answered`, then nothing. */
export type Said<Name extends EngineName = EngineName> =
  | { readonly type: "part"; readonly part: EngineTable[Name]["part"] }
  | { readonly type: "answered"; readonly result: Result<EngineAnswer<Name>> };

/** What a member advertises in its row: one model of one engine. Whose it is, the row says: `node` is not in it. */
export interface Offer extends ModelInfo {
  readonly engine: string;
}

/** One line of `plexus models`: a model on a node, and whether the answering node would send a call of it there. */
export interface ServingRow {
  readonly engine: string;
  /** Empty: the node offers nothing, and `because` says why. */
  readonly model: string;
  readonly node: string;
  readonly state?: ModelInfo["state"];
  readonly runtime?: string;
  readonly device?: string;
  readonly contextTokens?: number;
  readonly places?: number;
  /** Measured there, about. */
  readonly tokensPerSecond?: number;
  /** The server that runs it, if that is none of the cluster. */
  readonly provider?: string;
  /** Calls under way there, as far as the answering node knows. */
  readonly calls?: number;
  /** 1: the next call goes there, 2: it would if the first were gone. Absent: none does. */
  readonly rank?: number;
  /** Why it comes before the next one, or why no call goes there. */
  readonly because: string;
}
