/** What came of requests over the last hour or day: by route, kind of actor or API key (node/observe/requests.ts). */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { object } from "../wire/schema.ts";
import { requestBys, requestOrders, type RequestBy, type RequestOrder } from "../words/request-words.ts";
import { historyRange, type HistoryRange, type NodeSilent } from "./observe.ts";

export * from "../words/request-words.ts";

/** Schema of what requests are told apart by. */
export const requestBy = Type.Unsafe<RequestBy>(Type.Union(requestBys.map((name) => Type.Literal(name))));

export const requestsQuery = object({
  /** Absent: by route. */
  by: Type.Optional(requestBy),
  range: Type.Optional(historyRange),
  /** Name or id of a node: its own alone. */
  node: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  /** Rows whose names have this in them. */
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** What there is the most of in the first row. Absent: requests. */
  order: Type.Optional(Type.Unsafe<RequestOrder>(Type.Union(requestOrders.map((name) => Type.Literal(name))))),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.requestRowsMax, default: 50 })),
  /** So many of the first rows come with their figures over time. */
  charts: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.requestChartsMax, default: 0 })),
});
export type RequestsQuery = Static<typeof requestsQuery>;

/** Figures of each step of a range, the oldest first. `p99Ms` is null where there was no request. */
interface RequestSteps {
  readonly requests: readonly number[];
  readonly limited: readonly number[];
  readonly failed: readonly number[];
  readonly p99Ms: readonly (number | null)[];
}

/** What came of the requests of one route, kind or key. */
export interface RequestRow {
  readonly name: string;
  /** All of them, however they ended. */
  readonly requests: number;
  /** Answered by 304: the program had the answer already. Absent: a node of a version before did not count them. */
  readonly unchanged?: number;
  /** By the asker's own doing: 4xx, but for those that are `limited`. */
  readonly refused: number;
  /** Over a rate, a quota or a budget: 429. */
  readonly limited: number;
  /** By the node's doing: 5xx. */
  readonly failed: number;
  readonly meanMs: number;
  /** What 99 of 100 stayed below in the worst step, at the worst node. */
  readonly p99Ms: number;
  readonly steps?: RequestSteps;
}

/** What `GET /api/v1/admin/requests` answers. */
export interface RequestsView {
  readonly by: RequestBy;
  readonly range: HistoryRange;
  /** The last of `points` steps runs, or ended, at `endMs`. */
  readonly endMs: number;
  readonly stepMs: number;
  readonly points: number;
  readonly rows: readonly RequestRow[];
  /** Rows that there are, also beyond the limit. */
  readonly total: number;
  readonly silent: readonly NodeSilent[];
}
