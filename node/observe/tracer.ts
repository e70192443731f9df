/** The Tracer port by OpenTelemetry's SDK: it draws the ids, decides what is traced, and gives each span that has ended
 *  to the ring here and to an exporter, if there is one. */
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { SpanFacts, TraceContext, TraceSpan } from "../../protocols/index.ts";
import type { Clock, Random, Span, Tracer } from "../ports/index.ts";
import { observeLimits } from "./limits.ts";
import type { Spans } from "./spans.ts";

/** How far the two clocks may drift apart before the time of day is taken anew. */
const offsetMsMax = 50;

/** A tracer in use. */
export interface RunningTracer extends Tracer {
  /** Sends what waits for the exporter, and ends. */
  stop(): Promise<void>;
}

/** Makes it. `ratio` of the requests that come without a trace of their own are traced; one that comes with a trace is
 *  traced when its sender says so. */
export function createTracer(ports: {
  readonly node: string;
  readonly name: string;
  readonly version: string;
  readonly ratio: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly spans: Spans;
  /** Where spans are sent; absent: nowhere. */
  readonly exporter?: SpanExporter;
}): RunningTracer {
  const { clock, random, spans } = ports;
  const hex = (bytes: number) => (): string => Buffer.from(random.bytes(bytes)).toString("hex");
  const processors: SpanProcessor[] = [
    {
      onStart: () => undefined,
      onEnd: (span) => spans.keep(told(span)),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
  ];
  if (ports.exporter !== undefined)
    processors.push(
      new BatchSpanProcessor(ports.exporter, {
        maxQueueSize: observeLimits.exportSpansMax,
        maxExportBatchSize: observeLimits.exportBatchSpans,
        scheduledDelayMillis: observeLimits.exportEveryMs,
        exportTimeoutMillis: observeLimits.exportTimeoutMs,
      }),
    );
  const provider = new BasicTracerProvider({
    // Which requests are traced is decided before there is a span: one that is dropped costs as much as any other.
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: hex(16), generateSpanId: hex(8) },
    resource: resourceFromAttributes({
      "service.name": "plexus",
      "service.version": ports.version,
      "service.instance.id": ports.node,
      "host.name": ports.name,
    }),
    spanProcessors: processors,
  });
  // Steps take parts of a millisecond, of which the time of day knows nothing. It may jump: then it is taken anew.
  let offsetMs = clock.nowMs() - clock.monotonicMs();
  const timeOf = (monotonicMs: number): number => {
    const nowOffsetMs = clock.nowMs() - clock.monotonicMs();
    if (Math.abs(nowOffsetMs - offsetMs) > offsetMsMax) offsetMs = nowOffsetMs;
    return offsetMs + monotonicMs;
  };
  const inner = provider.getTracer("plexus");
  const begin = (
    name: string,
    at: {
      readonly kind: SpanKind;
      readonly parent: Context;
      readonly facts: SpanFacts;
      readonly sinceMs?: number | undefined;
    },
  ): Span => {
    const span = inner.startSpan(
      name,
      { kind: at.kind, attributes: { ...at.facts }, startTime: timeOf(at.sinceMs ?? clock.monotonicMs()) },
      at.parent,
    );
    const { traceId, spanId } = span.spanContext();
    return {
      context: `00-${traceId}-${spanId}-01`,
      end(error, facts) {
        if (facts !== undefined) span.setAttributes({ ...facts });
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end(timeOf(clock.monotonicMs()));
      },
    };
  };
  return {
    enter(name, traceparent, facts) {
      const parent = contextIn(traceparent);
      const isTraced = parent === undefined ? random.number() < ports.ratio : isSampled(parent);
      return isTraced ? begin(name, { kind: SpanKind.SERVER, parent: parent ?? ROOT_CONTEXT, facts }) : undefined;
    },
    under(parent, name, facts, sinceMs) {
      const context = contextIn(parent);
      return context && isSampled(context)
        ? begin(name, { kind: SpanKind.INTERNAL, parent: context, facts, sinceMs })
        : undefined;
    },
    stop: () => provider.shutdown(),
  };
}

/** Whether the sender of a context has asked for it to be traced. */
const isSampled = (context: Context): boolean =>
  ((trace.getSpanContext(context)?.traceFlags ?? 0) & TraceFlags.SAMPLED) !== 0;

/** Reads a `traceparent`; undefined: it is not a valid one. */
function contextIn(traceparent: TraceContext | undefined): Context | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || /^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  const traceFlags = Number.parseInt(flags ?? "0", 16) & TraceFlags.SAMPLED;
  const parent: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

const msOf = ([seconds, nanoseconds]: readonly [number, number]): number => seconds * 1_000 + nanoseconds / 1e6;

/** A span that has ended, as nodes tell it. */
function told(span: ReadableSpan): TraceSpan {
  const { traceId, spanId } = span.spanContext();
  const startMs = msOf(span.startTime);
  const facts = Object.entries(span.attributes).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  const { status, parentSpanContext } = span;
  return {
    trace: traceId,
    span: spanId,
    ...(parentSpanContext && { parent: parentSpanContext.spanId }),
    name: span.name,
    startMs,
    tookMs: Math.max(0, Number((msOf(span.endTime) - startMs).toFixed(3))),
    facts: Object.fromEntries(facts) as SpanFacts,
    ...(status.code === SpanStatusCode.ERROR && { error: (status.message ?? "").slice(0, 100) }),
    ...(span.kind === SpanKind.SERVER && { entry: true }),
  };
}
