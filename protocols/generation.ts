import type { Sampling } from "./agent.ts";
import type { CallRequest } from "./engine.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** One run of text asked of a model: a call of the engine `generate`. */
export interface GenerationRequest extends CallRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly sampling: Sampling;
  /** Texts that end the answer; they are not part of it. At most 8 of at most 64 characters. */
  readonly stop?: readonly string[];
}

/** A piece of the text. */
export interface GenerationPart {
  readonly text: string;
  readonly tokens: number;
}

export type GenerationEnd = "complete" | "length" | "stopped";

/** How a text ended, and what it took. */
export interface GenerationAnswer {
  readonly end: GenerationEnd;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

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
  /** What a call may need of it. */
  readonly capabilities: readonly string[];
  readonly contextTokens: number;
  readonly sizeBytes: number;
  /** It has a label, and no model to work with is behind it. */
  readonly demonstration: boolean;
  readonly label?: ModelLabel;
  readonly state: "loading" | "ready" | "failed";
  /** What it runs on, once it is loaded: `cpu`, or the kind of graphics interface. */
  readonly device?: string;
  /** Calls that run at once; more wait. */
  readonly places?: number;
  /** Name of the node that serves it, when that is another than the one that says so. */
  readonly node?: string;
  readonly reason?: string;
}
