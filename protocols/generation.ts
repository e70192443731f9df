import type { Sampling } from "./agent.ts";
import type { Failure } from "./errors.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** One run of text asked of a model. */
export interface GenerationRequest {
  /** Chosen by the asker, unique while the generation runs; appears in logs and events. */
  readonly id: string;
  /** A name from `models()`. The empty string means the node's default model. */
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly sampling: Sampling;
  /** Texts that end the answer; they are not part of it. At most 8 of at most 64 characters. */
  readonly stop?: readonly string[];
  /** From the request to the last token, queueing included. */
  readonly timeoutMs: number;
  /** Who caused it, `user/ada`: people take turns. Those of nobody take theirs together. */
  readonly person?: string;
  /** Which of that person's keys, devices or agents: those take turns within the person's. */
  readonly key?: string;
}

export type GenerationEnd = "complete" | "length" | "stopped";

/** What comes back, in order: any number of `text`, then exactly one `done` or `failed`, then nothing. */
export type GenerationPart =
  | { readonly type: "text"; readonly text: string; readonly tokens: number }
  | {
      readonly type: "done";
      readonly end: GenerationEnd;
      readonly promptTokens: number;
      readonly completionTokens: number;
    }
  | { readonly type: "failed"; readonly error: Failure };

export interface ModelInfo {
  readonly model: string;
  readonly runtime: "llama" | "echo";
  readonly contextTokens: number;
  readonly sizeBytes: number;
  /** The tiny model in the repository: pages say plainly what it is. */
  readonly demonstration: boolean;
  readonly state: "loading" | "ready" | "failed";
  /** Name of the node that serves it, when that is another than the one that says so. */
  readonly node?: string;
  readonly reason?: string;
}
