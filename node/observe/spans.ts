/** The newest spans of this node, in memory: a ring, so that nothing grows. */
import type { TraceFilter, TraceSpan } from "../../protocols/index.ts";
import { observeLimits } from "./limits.ts";

/** Spans that are kept. */
export interface Spans {
  readonly keep: (span: TraceSpan) => void;
  /** Where requests came in here, the newest first. */
  readonly entries: (filter: TraceFilter, limit: number) => readonly TraceSpan[];
  /** Those of one trace. */
  readonly of: (trace: string) => readonly TraceSpan[];
}

/** Steps by the time at which they began, as many as an answer has: a trace is read from its beginning. */
export const earliest = <Span extends Pick<TraceSpan, "startMs">>(spans: readonly Span[]): readonly Span[] =>
  spans.toSorted((one, other) => one.startMs - other.startMs).slice(0, observeLimits.traceSpansMax);

/** Begins to keep them. */
export function keepSpans(spansMax: number = observeLimits.spansMax): Spans {
  const ring: TraceSpan[] = [];
  let next = 0;
  const newestFirst = function* (): Generator<TraceSpan> {
    for (let at = 1; at <= ring.length; at += 1) yield ring[(next - at + ring.length) % ring.length] as TraceSpan;
  };
  return {
    keep(span) {
      ring[next] = span;
      next = (next + 1) % spansMax;
    },
    entries({ name = "", minMs = 0, failed = false }, limit) {
      const found: TraceSpan[] = [];
      for (const span of newestFirst()) {
        if (found.length >= limit) break;
        const fits = span.entry === true && span.name.startsWith(name) && span.tookMs >= minMs;
        if (fits && (!failed || span.error !== undefined)) found.push(span);
      }
      return found;
    },
    of: (trace) => earliest([...newestFirst()].filter((span) => span.trace === trace)),
  };
}
