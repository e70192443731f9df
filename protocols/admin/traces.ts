/** Traces: the way of one request through the nodes, as spans (node/observe). */
import { Type, type Static } from "typebox";
import type { NodeSilent } from "./observe.ts";
import { object } from "../wire/schema.ts";

/** W3C Trace Context: which trace, and which span what follows lies under. Only what is traced has one. */
export const traceContext = Type.String({ pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$" });
export type TraceContext = string;

/** The id of a trace, as lines of the log name it and admins look it up. */
export const traceIdOf = (context: TraceContext | undefined): string | undefined => context?.slice(3, 35);

/** Facts of a span: never what somebody wrote. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** One step of a trace. */
export interface TraceSpan {
  readonly trace: string;
  readonly span: string;
  /** Absent: the trace begins with it. One that is not of this cluster's nodes is the caller's span. */
  readonly parent?: string;
  readonly name: string;
  /** By the clock of its node, in milliseconds with parts of them. */
  readonly startMs: number;
  readonly tookMs: number;
  readonly facts: SpanFacts;
  /** The code of the error with which it ended. */
  readonly error?: string;
  /** It is where a request came into the cluster. */
  readonly entry?: true;
}

export const spanSchema = object({
  trace: Type.String({ maxLength: 32 }),
  span: Type.String({ maxLength: 16 }),
  parent: Type.Optional(Type.String({ maxLength: 16 })),
  name: Type.String({ maxLength: 200 }),
  startMs: Type.Number(),
  tookMs: Type.Number(),
  facts: Type.Record(Type.String({ maxLength: 100 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  error: Type.Optional(Type.String({ maxLength: 100 })),
  entry: Type.Optional(Type.Literal(true)),
});

export const traceFilter = {
  /** What its first step begins with: `POST /api/v1/rooms`, `room.post`. */
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  /** Those that took so long or longer. */
  minMs: Type.Optional(Type.Number({ minimum: 0 })),
  /** Those alone that ended with an error. */
  failed: Type.Optional(Type.Boolean()),
};
const filter = object(traceFilter);
export type TraceFilter = Static<typeof filter>;

export const traceQuery = object({
  ...traceFilter,
  node: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: "Name or id of a node" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
});
export type TraceQuery = Static<typeof traceQuery>;
export const traceParams = object({ id: Type.String({ pattern: "^[0-9a-f]{32}$" }) });

/** The newest traces that began at the nodes, the newest first. */
export interface TracePage {
  readonly traces: readonly (TraceSpan & { readonly node: string })[];
  readonly silent: readonly NodeSilent[];
}

/** All steps of a trace that the nodes still have, by the time at which they began. Clocks of nodes may differ by a few
 *  milliseconds. */
export interface TraceView {
  readonly trace: string;
  readonly spans: readonly (TraceSpan & { readonly node: string })[];
  /** There are later steps that this answer has no room for. */
  readonly more?: boolean;
  readonly silent: readonly NodeSilent[];
}
