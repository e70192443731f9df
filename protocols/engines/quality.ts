/** How good the answers of models are, over time (node/inference/quality): what is counted, and how admins see it. */
import { Type } from "typebox";
import { object } from "../wire/schema.ts";

const count = Type.Number({ minimum: 0 });
const scale = Type.Array(count, { maxItems: 64 });

/** What was counted of a model in a time. */
export const qualitySums = object({
  calls: count,
  /** Ended with an error that is the model's or its server's. */
  failed: count,
  /** Answers that begin like a refusal. */
  refused: count,
  /** Of `answers`, those that ended by themselves or at their length. */
  tokens: count,
  answers: count,
  /** Milliseconds to the first text, and for 100 tokens after it: counts on a scale with two steps to each doubling. */
  first: scale,
  pace: scale,
  /** Thumbs of people. */
  up: count,
  down: count,
  /** Those that were taken back where they had not been counted: at another node, or longer ago. */
  upBack: Type.Optional(count),
  downBack: Type.Optional(count),
});
/** Plain data, never changed. */
export interface QualitySums {
  readonly calls: number;
  readonly failed: number;
  readonly refused: number;
  readonly tokens: number;
  readonly answers: number;
  readonly first: readonly number[];
  readonly pace: readonly number[];
  readonly up: number;
  readonly down: number;
  readonly upBack?: number;
  readonly downBack?: number;
}

/** What got worse, and from what to what: shares, milliseconds, tokens. */
export interface QualityAlert {
  readonly what: "errors" | "refusals" | "first" | "pace" | "length" | "thumbs";
  readonly before: number;
  readonly now: number;
}

/** One model and version at one node. */
export const qualityCount = object({
  model: Type.String({ maxLength: 256 }),
  version: Type.String({ maxLength: 128 }),
  recent: qualitySums,
  past: qualitySums,
});
export interface QualityCount {
  readonly model: string;
  /** What tells it apart from what had the name before; empty: nothing is known. */
  readonly version: string;
  readonly recent: QualitySums;
  readonly past: QualitySums;
}

/** A line of `plexus routes quality`. */
export interface QualityRow {
  readonly model: string;
  readonly version: string;
  readonly now: QualityFigures;
  readonly before: QualityFigures;
  readonly alerts: readonly QualityAlert[];
}

/** Shares are absent where there was nothing to divide by. */
export interface QualityFigures {
  readonly calls: number;
  readonly errorShare?: number;
  readonly refusalShare?: number;
  readonly firstMs?: number;
  /** Tokens a second, after the first. */
  readonly tokensPerSecond?: number;
  readonly tokensPerAnswer?: number;
  readonly up: number;
  readonly down: number;
}

/** What nodes have counted, together. */
export interface QualityView {
  readonly rows: readonly QualityRow[];
  /** Nodes that did not say. */
  readonly unanswered?: readonly string[];
}
