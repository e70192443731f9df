/** The steps of a trace in the order in which page and terminal show them. Pure, and without schemas. */
import type { TraceView } from "../admin/traces.ts";

type Span = TraceView["spans"][number];

/** One line of a waterfall: a step, how deep it lies, and where its bar is, in hundredths of the whole. */
export interface TraceStep {
  readonly span: Span;
  readonly depth: number;
  readonly from: number;
  readonly wide: number;
}

/** A trace with more steps is cut. */
const stepsMax = 300;

/** The steps of a trace, each below the one that caused it. One whose cause no node has any more stands at the left. */
export function stepsOf(spans: readonly Span[]): readonly TraceStep[] {
  const known = new Set(spans.map(({ span }) => span));
  const below = new Map<string, Span[]>();
  for (const one of spans) {
    const cause = one.parent !== undefined && known.has(one.parent) ? one.parent : "";
    const beside = below.get(cause);
    if (beside === undefined) below.set(cause, [one]);
    else beside.push(one);
  }
  const startMs = Math.min(...spans.map((one) => one.startMs));
  const wholeMs = Math.max(...spans.map((one) => one.startMs + one.tookMs)) - startMs || 1;
  const steps: TraceStep[] = [];
  const add = (cause: string, depth: number): void => {
    for (const span of below.get(cause) ?? []) {
      if (steps.length >= stepsMax) return;
      const from = (100 * (span.startMs - startMs)) / wholeMs;
      steps.push({ span, depth, from, wide: Math.min(100 - from, Math.max(0.5, (100 * span.tookMs) / wholeMs)) });
      add(span.span, depth + 1);
    }
  };
  add("", 0);
  return steps;
}
