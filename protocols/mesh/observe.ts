/** What a node remembers of itself, asked for by another one for its admins (node/observe). */
import { Type } from "typebox";
import { wireLimits } from "../limits.ts";
import { historyRange, logFilter, logLine, type HistoryValues, type LogLine } from "../admin/observe.ts";
import { requestBy } from "../admin/requests.ts";
import { spanSchema, traceFilter, type TraceSpan } from "../admin/traces.ts";
import { call, closed, count } from "./parts.ts";

const line = Type.Unsafe<LogLine>(logLine);
const figures = Type.Array(Type.Union([Type.Number(), Type.Null()]), { maxItems: 1_024 });
const values = Type.Unsafe<HistoryValues>(Type.Record(Type.String({ maxLength: 100 }), figures));

const spans = closed({ spans: Type.Array(Type.Unsafe<TraceSpan>(spanSchema), { maxItems: 1_000 }) });

const requestName = Type.String({ maxLength: 256 });
const amount = Type.Number({ minimum: 0 });
const amounts = Type.Array(amount, { maxItems: 256 });
const tally = closed({
  name: requestName,
  requests: amount,
  refused: amount,
  limited: amount,
  failed: amount,
  sumMs: amount,
  p99Ms: amount,
  steps: Type.Optional(
    closed({
      requests: amounts,
      limited: amounts,
      failed: amounts,
      p99Ms: Type.Array(Type.Union([amount, Type.Null()]), { maxItems: 256 }),
    }),
  ),
});

export const observeMessages = {
  /** Lines of the node's log, the oldest first: behind `after`, or without it the newest. */
  "observe.logs": call(
    "control",
    {
      ...logFilter,
      after: Type.Optional(count),
      limit: Type.Integer({ minimum: 1, maximum: wireLimits.logLinesMax }),
    },
    closed({ lines: Type.Array(line, { maxItems: wireLimits.logLinesMax }), last: count, more: Type.Boolean() }),
  ),
  /** Where requests that are traced came into the cluster at this node, the newest first. */
  "observe.traces": call("control", { ...traceFilter, limit: Type.Integer({ minimum: 1, maximum: 200 }) }, spans),
  /** The steps of one trace at this node. */
  "observe.trace": call("control", { trace: Type.String({ pattern: "^[0-9a-f]{32}$" }) }, spans),
  /** What came of requests at the node: of all names in sums, of `names` with their figures over time. */
  "observe.requests": call(
    "control",
    {
      by: requestBy,
      range: historyRange,
      endMs: count,
      names: Type.Optional(Type.Array(requestName, { maxItems: wireLimits.requestChartsMax })),
    },
    closed({ rows: Type.Array(tally, { maxItems: wireLimits.requestNamesMax }) }),
  ),
  /** Of the same, how many were answered without a body because the program had the answer. Apart, because a node of a
   *  version before takes no more in a row than it knows. */
  "observe.unchanged": call(
    "control",
    { by: requestBy, range: historyRange, endMs: count },
    closed({
      rows: Type.Array(closed({ name: requestName, unchanged: amount }), { maxItems: wireLimits.requestNamesMax }),
    }),
  ),
  /** Figures of the node over a time. */
  "observe.history": call(
    "control",
    {
      range: historyRange,
      series: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 64 })),
      endMs: Type.Optional(count),
    },
    closed({ endMs: count, values }),
  ),
} as const;
