/** Engines: sorts of work that do not fit into an actor's turn. What an engine is asked, what it says meanwhile and how it
 *  answers is one row of `EngineTable`; the form between nodes is its row in `mesh/engine.ts`. */
import type { Result } from "./errors.ts";
import type { GenerationAnswer, GenerationPart, GenerationRequest, ModelInfo } from "./generation.ts";

/** One row an engine. */
export interface EngineTable {
  readonly generate: {
    readonly request: GenerationRequest;
    readonly part: GenerationPart;
    readonly answer: GenerationAnswer;
  };
}

/** What an engine is called. */
export type EngineName = keyof EngineTable;

/** What the way of a call has to know of its engine. */
interface EngineTraits<Part> {
  /** Capabilities that the offer of a model must name. */
  readonly needs: readonly string[];
  /** Parts that are said one after the other, as one: so that a slow reader gets fewer, and no memory fills. */
  join(parts: readonly Part[]): Part;
}

/** The traits of each engine. */
export const engines: { readonly [Name in EngineName]: EngineTraits<EngineTable[Name]["part"]> } = {
  generate: {
    needs: ["chat"],
    join: (parts) => ({
      text: parts.map(({ text }) => text).join(""),
      tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
    }),
  },
};

/** Every engine by name. */
export const engineNames = Object.keys(engines) as readonly EngineName[];

/** What an engine is asked. */
export type EngineRequest<Name extends EngineName = EngineName> = EngineTable[Name]["request"];
/** How an engine answers. */
export type EngineAnswer<Name extends EngineName = EngineName> = EngineTable[Name]["answer"];

/** What comes back of a call, in order: any number of `part`, then exactly one `answered`, then nothing. */
export type Said<Name extends EngineName = EngineName> =
  | { readonly type: "part"; readonly part: EngineTable[Name]["part"] }
  | { readonly type: "answered"; readonly result: Result<EngineAnswer<Name>> };

/** What the request of every engine has. */
export interface CallRequest {
  /** Chosen by the asker, unique while the call runs; appears in logs and events. */
  readonly id: string;
  /** A name from `models()`; the empty string means the default model. Absent for an engine without models. */
  readonly model?: string;
  /** From the request to the answer, queueing included. */
  readonly timeoutMs: number;
  /** Who caused it, `user/ada`: people take turns. Those of nobody take theirs together. */
  readonly person?: string;
  /** Which of that person's keys, devices or agents: those take turns within the person's. */
  readonly key?: string;
}

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
  /** Calls under way there, as far as the answering node knows. */
  readonly calls?: number;
  /** 1: the next call goes there, 2: it would if the first were gone. Absent: none does. */
  readonly rank?: number;
  /** Why it comes before the next one, or why no call goes there. */
  readonly because: string;
}
