/** What nodes remember of themselves, for admins: lines of the log, and figures over a day (node/observe). */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import type { Failure } from "../errors.ts";
import { logLevels, type LogLevel } from "../words/log-words.ts";
import { object } from "../wire/schema.ts";

export * from "../words/log-words.ts";

const someNode = Type.String({ minLength: 1, maxLength: 128, description: "Name or id of a node" });
const level = Type.Unsafe<LogLevel>(Type.Union(logLevels.map((name) => Type.Literal(name))));

/** Which lines are wanted. */
export const logFilter = {
  level: Type.Optional(level),
  /** What the event begins with: `mesh.`. */
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** A fact that has this value: the id of a request, of a trace or of an actor. */
  about: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  sinceMs: Type.Optional(Type.Integer({ minimum: 0 })),
};
const filter = object(logFilter);
export type LogFilter = Static<typeof filter>;

export const logQuery = object({
  ...logFilter,
  node: Type.Optional(someNode),
  /** `next` of an earlier answer: what came after it. */
  after: Type.Optional(Type.String({ maxLength: 12_000, pattern: "^[0-9A-Za-z._-]*$" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.logLinesMax, default: 100 })),
  /** With `after`: how long to wait for a line when there is none yet. */
  waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.logWaitMsMax })),
});
export type LogQuery = Static<typeof logQuery>;

/** A fact: text, a number, or whether something is so. What was more is its JSON. */
export type LogFact = string | number | boolean;

/** One line of the log of a node. */
export const logLine = object({
  /** Rises with each line of a node, also over its starts. */
  seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  atMs: Type.Integer({ minimum: 0 }),
  level,
  event: Type.String({ maxLength: 200 }),
  facts: Type.Record(Type.String({ maxLength: 100 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
});
export interface LogLine {
  readonly seq: number;
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: Readonly<Record<string, LogFact>>;
}

/** A node that did not answer. */
export interface NodeSilent {
  readonly node: string;
  readonly error: Failure;
}

/** Lines of nodes, the oldest first. */
export interface LogPage {
  readonly lines: readonly (LogLine & { readonly node: string })[];
  /** Given as `after`, it goes on behind these lines. */
  readonly next: string;
  /** There are further lines that this answer had no room for: before these, or with `after`, behind them. */
  readonly more: boolean;
  readonly silent: readonly NodeSilent[];
}

/** Times over which figures are kept. */
export const historyRanges = ["hour", "day"] as const;
export type HistoryRange = (typeof historyRanges)[number];
/** Schema of a range. */
export const historyRange = Type.Unsafe<HistoryRange>(Type.Union(historyRanges.map((name) => Type.Literal(name))));

export const historyQuery = object({
  range: Type.Optional(historyRange),
  /** Names with commas; without, all. */
  series: Type.Optional(Type.String({ maxLength: 1_000, pattern: "^[a-zA-Z,]+$" })),
  /** That node alone. */
  node: Type.Optional(someNode),
  /** `cluster`: the figures of all nodes as one; `node`: those of each. */
  per: Type.Optional(Type.Union([Type.Literal("cluster"), Type.Literal("node")])),
  /** Of each node: so many alone, those with the most of the series `by`. */
  top: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  /** A series: what the most is of. */
  by: Type.Optional(Type.String({ minLength: 1, maxLength: 100, pattern: "^[a-zA-Z]+$" })),
  /** Nodes whose names have this in them. */
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** The name of a node: those after it, by name. */
  after: Type.Optional(someNode),
  /** At most so many figures of a series: several steps are told as one. */
  points: Type.Optional(Type.Integer({ minimum: 30, maximum: 720 })),
});
export type HistoryQuery = Static<typeof historyQuery>;

/** What a figure counts. */
export const historyUnits = [
  "perSecond",
  "bytesPerSecond",
  "bytes",
  "milliseconds",
  "cores",
  "share",
  "count",
] as const;
export type HistoryUnit = (typeof historyUnits)[number];

/** One series of figures. */
export interface HistorySeries {
  readonly name: string;
  readonly title: string;
  readonly unit: HistoryUnit;
  /** How the figures of several nodes become one. */
  readonly together: "sum" | "max";
}

/** Figures in time order, null where nothing is known; by the series' names. */
export type HistoryValues = Readonly<Record<string, readonly (number | null)[]>>;

/** The figures of one node, or of the whole cluster, which has no `node`. */
export interface HistoryRow {
  readonly node?: string;
  readonly values: HistoryValues;
}

/** What `GET /api/v1/admin/metrics/history` answers. */
export interface HistoryView {
  readonly range: HistoryRange;
  /** The last of `points` figures is of the step that ended at `endMs`, each other one of the step before its next. */
  readonly endMs: number;
  readonly stepMs: number;
  readonly points: number;
  readonly series: readonly HistorySeries[];
  readonly rows: readonly HistoryRow[];
  /** There are more nodes than rows. */
  readonly more: boolean;
  /** Nodes that were asked for: of the whole cluster, or with `text` in their names. */
  readonly nodes?: number;
  /** Where there are more of them by name: given as `after`, it goes on behind these. */
  readonly next?: string;
  readonly silent: readonly NodeSilent[];
}
