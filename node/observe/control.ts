/** What all nodes remember, for admins: this node asks each one, and joins what they say. A node that does not answer
 *  is named. */
import {
  failure,
  ok,
  refused,
  type HistoryQuery,
  type HistoryRange,
  type HistoryRow,
  type HistorySeries,
  type HistoryValues,
  type HistoryView,
  type LogLine,
  type LogPage,
  type LogQuery,
  type NodeSilent,
  type RequestRow,
  type RequestsQuery,
  type RequestsView,
  type Result,
  type TraceSpan,
  finder,
} from "../../protocols/index.ts";
import { askEach, type Exchange } from "../cluster/exchange/index.ts";
import type { Clock, MemberRecord, Membership, NodeId, ObserveControl } from "../ports/index.ts";
import { stepsOf, thinned, toldSeries, type History } from "./history.ts";
import { observeLimits } from "./limits.ts";
import type { Lines } from "./lines.ts";
import { joinTallies, rowsOf, type CountedRequests, requestSteps, unchangedOf } from "./requests.ts";
import { earliest, type Spans } from "./spans.ts";

type Member = Pick<MemberRecord, "node" | "name">;

/** The memory of this node. */
export interface OwnMemory {
  readonly lines: Lines;
  readonly history: History;
  readonly spans: Spans;
  readonly requests: CountedRequests;
}

/** Makes it, and answers other nodes with what this node remembers. */
export function createObserveControl(ports: {
  readonly node: NodeId;
  /** The name of this node. */
  readonly name: string;
  readonly own: OwnMemory;
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly clock: Clock;
}): ObserveControl {
  const { node, name, own, exchange, membership, clock } = ports;
  exchange.on("observe.logs", ({ limit, after, ...filter }) =>
    ok({ ...plain(own.lines.read(filter, { limit, ...(after !== undefined && { after }) })) }),
  );
  exchange.on("observe.history", ({ range, series, endMs }) => ok(own.history.read(range, series, endMs)));
  exchange.on("observe.requests", (wanted) =>
    ok({ rows: own.requests.read(wanted).map(({ unchanged: __, ...row }) => row) }),
  );
  exchange.on("observe.unchanged", (wanted) => ok({ rows: unchangedOf(own.requests.read(wanted)) }));
  exchange.on("observe.traces", ({ limit, ...filter }) => ok({ spans: [...own.spans.entries(filter, limit)] }));
  exchange.on("observe.trace", ({ trace }) => ok({ spans: [...own.spans.of(trace)] }));

  const members = (wanted: string | undefined): Result<readonly Member[]> => {
    const all: readonly Member[] = membership.members().members;
    const known = all.some((one) => one.node === node) ? all : [{ node, name }, ...all];
    if (wanted === undefined) return ok(known);
    const found = known.find((one) => one.node === wanted) ?? known.find((one) => one.name === wanted);
    return found === undefined ? refused(failure("NOT_FOUND", { node: wanted })) : ok([found]);
  };
  const askAll = async <T>(asked: readonly Member[], ask: (member: Member) => Promise<Result<T>>) => {
    const { said, silent } = await askEach(asked, ask, observeLimits.askAtOnceMax);
    return { said, silent: silent.map(([member, error]): NodeSilent => ({ node: member.name, error })) };
  };

  const readLogs = async (query: LogQuery, asked: readonly Member[]): Promise<LogPage> => {
    const { after, limit = 100, node: _node, waitMs: _waitMs, ...filter } = query;
    const positions = after === undefined ? undefined : positionsIn(after);
    // A node that was silent until now, or was not there, is read from the time of the first answer on.
    const behind = (member: Member): { readonly after?: number } =>
      positions === undefined ? {} : { after: positions.get(shortOf(member.node)) ?? positions.get(beginning) ?? 0 };
    const { said, silent } = await askAll(asked, async (member) =>
      member.node === node
        ? ok(plain(own.lines.read(filter, { limit, ...behind(member) })))
        : exchange.call(member.node, "observe.logs", { ...filter, limit, ...behind(member) }, observeLimits.askMs),
    );
    return joinLines(said, { limit, positions, silent, nowMs: clock.nowMs() });
  };

  /** Figures of the given nodes up to one moment. */
  const figuresOf = (asked: readonly Member[], wanted: { range: HistoryRange; endMs: number; series?: string[] }) =>
    askAll(asked, async (member) =>
      member.node === node
        ? ok(own.history.read(wanted.range, wanted.series, wanted.endMs))
        : exchange.call(member.node, "observe.history", wanted, observeLimits.askMs),
    );

  const readHistory = async (query: HistoryQuery, asked: readonly Member[], at: HistoryPlan): Promise<HistoryView> => {
    const { range, series, names, factor, stepMs, points, endMs } = at;
    const { per = query.node === undefined ? "cluster" : "node", top, by = "cores", text = "", after } = query;
    const sorted = asked
      .filter(({ name: called }) => finder(text)(called))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
    const wanted = { range, endMs, ...(names && { series: names }) };
    const told = { range, endMs, stepMs, points, series, nodes: sorted.length };
    if (per === "cluster") {
      const { said, silent } = await figuresOf(sorted, wanted);
      const all = said.map(([, { values }]) => values);
      const values = thinned(together(all, series, points * factor), series, factor);
      return { ...told, rows: [{ values }], more: false, silent };
    }
    const rowsMax = Math.max(
      1,
      Math.min(observeLimits.historyRowsMax, Math.floor(observeLimits.historyFiguresMax / (series.length * points))),
    );
    let some = sorted.filter((member) => after === undefined || member.name > after);
    let more = some.length > rowsMax;
    const silent: NodeSilent[] = [];
    if (top !== undefined && sorted.length > top) {
      // First the one series by which nodes are compared, then all series of the nodes that are shown.
      const compared = await figuresOf(sorted, { range, endMs, series: [by] });
      some = mostOf(compared.said, by).slice(0, Math.min(top, rowsMax));
      more = true;
      silent.push(...compared.silent);
    }
    some = some.slice(0, rowsMax);
    const { said, silent: late } = await figuresOf(some, wanted);
    const rows = said.map(([member, { values }]): HistoryRow => ({
      node: member.name,
      values: thinned(values, series, factor),
    }));
    const last = top === undefined && more ? some.at(-1)?.name : undefined;
    const unheard = late.filter((one) => !silent.some((other) => other.node === one.node));
    return { ...told, rows, more, ...(last !== undefined && { next: last }), silent: [...silent, ...unheard] };
  };

  /** Answers of the present step. All open charts ask at the same time, and each question would go to all nodes. */
  const kept = new Map<string, Promise<HistoryView>>();
  let keptOf = 0;
  const history: ObserveControl["history"] = async (query) => {
    const asked = members(query.node);
    if (!asked.ok) return asked;
    const plan = planOf(query, clock.nowMs());
    if (!plan.ok) return plan;
    const stepOf = Math.floor(clock.nowMs() / observeLimits.fineStepMs);
    if (stepOf !== keptOf) kept.clear();
    keptOf = stepOf;
    const key = JSON.stringify(query);
    const same = kept.get(key);
    if (same !== undefined) return ok(await same);
    const [oldest] = kept.keys();
    if (kept.size >= observeLimits.historyKeptMax && oldest !== undefined) kept.delete(oldest);
    const reading = readHistory(query, asked.value, plan.value);
    kept.set(key, reading);
    const forget = (): void => void (kept.get(key) === reading && kept.delete(key));
    const view = await reading.catch((error: unknown) => {
      forget();
      throw error;
    });
    // A node that was silent may answer the next request.
    if (view.silent.length > 0) forget();
    return ok(view);
  };

  /** The tallies of requests at the given nodes: one row for each route, kind or key. */
  const talliesOf = async (
    asked: readonly Member[],
    wanted: Parameters<CountedRequests["read"]>[0] & { readonly names?: string[] },
  ) => {
    const { said, silent } = await askAll(asked, async (member) =>
      member.node === node
        ? ok({ rows: own.requests.read(wanted) })
        : exchange.call(member.node, "observe.requests", wanted, observeLimits.askMs),
    );
    return { tallies: joinTallies(said.flatMap(([, { rows }]) => rows)), silent };
  };
  /** How many requests were answered without a body, by name. A node of a version before counts none. */
  const unchangedAt = async (
    asked: readonly Member[],
    wanted: Parameters<CountedRequests["read"]>[0],
  ): Promise<ReadonlyMap<string, number>> => {
    const { said } = await askAll(asked, async (member) =>
      member.node === node
        ? ok({ rows: unchangedOf(own.requests.read(wanted)) })
        : exchange.call(member.node, "observe.unchanged", wanted, observeLimits.askMs),
    );
    const counts = new Map<string, number>();
    for (const { name: called, unchanged } of said.flatMap(([, { rows }]) => rows))
      counts.set(called, (counts.get(called) ?? 0) + unchanged);
    return counts;
  };
  const readRequests = async (query: RequestsQuery, asked: readonly Member[]): Promise<RequestsView> => {
    const { by = "route", range = "hour", text = "", order = "requests", limit = 50, charts = 0 } = query;
    const endMs = clock.nowMs();
    const [{ tallies, silent }, unchanged] = await Promise.all([
      talliesOf(asked, { by, range, endMs }),
      unchangedAt(asked, { by, range, endMs }),
    ]);
    const found = tallies.filter(({ name: called }) => finder(text)(called));
    const rows = rowsOf(found, order).slice(0, limit);
    const names = rows.slice(0, charts).map((row) => row.name);
    const drawn = names.length === 0 ? [] : (await talliesOf(asked, { by, range, endMs, names })).tallies;
    const withSteps = (row: RequestRow): RequestRow => {
      const steps = drawn.find((one) => one.name === row.name)?.steps;
      return { ...row, unchanged: unchanged.get(row.name) ?? 0, ...(steps && { steps }) };
    };
    return { by, range, endMs, ...requestSteps(range), rows: rows.map(withSteps), total: found.length, silent };
  };

  let following = 0;
  return {
    async requests(query) {
      const asked = members(query.node);
      return asked.ok ? ok(await readRequests(query, asked.value)) : asked;
    },
    async logs(query) {
      const asked = members(query.node);
      if (!asked.ok) return asked;
      const { waitMs = 0, after } = query;
      const untilMs = clock.monotonicMs() + waitMs;
      if (after === undefined || waitMs === 0) return ok(await readLogs(query, asked.value));
      if (following >= observeLimits.followersMax)
        return refused(failure("OVERLOADED", { followersMax: observeLimits.followersMax }));
      following += 1;
      try {
        for (;;) {
          const page = await readLogs(query, asked.value);
          const leftMs = untilMs - clock.monotonicMs();
          if (page.lines.length > 0 || leftMs <= 0) return ok(page);
          await new Promise<void>((resolve) => void clock.after(Math.min(leftMs, observeLimits.followPollMs), resolve));
        }
      } finally {
        following -= 1;
      }
    },
    async traces({ node: wanted, limit = 50, ...filter }) {
      const asked = members(wanted);
      if (!asked.ok) return asked;
      const { said, silent } = await askAll(asked.value, async (member) =>
        member.node === node
          ? ok({ spans: own.spans.entries(filter, limit) })
          : exchange.call(member.node, "observe.traces", { ...filter, limit }, observeLimits.askMs),
      );
      const traces = ofNodes(said).toSorted((one, other) => other.startMs - one.startMs);
      return ok({ traces: traces.slice(0, limit), silent });
    },
    async trace(id) {
      const asked = members(undefined);
      if (!asked.ok) return asked;
      const silent: NodeSilent[] = [];
      let spans: readonly ReturnType<typeof ofNodes>[number][] = [];
      let found = 0;
      // Rows above the limit are dropped after each group of nodes: all nodes have far more than one answer holds.
      for (let at = 0; at < asked.value.length; at += observeLimits.askAtOnceMax) {
        const said = await askAll(asked.value.slice(at, at + observeLimits.askAtOnceMax), async (member) =>
          member.node === node
            ? ok({ spans: own.spans.of(id) })
            : exchange.call(member.node, "observe.trace", { trace: id }, observeLimits.askMs),
        );
        const more = ofNodes(said.said);
        found += more.length;
        spans = earliest([...spans, ...more]);
        silent.push(...said.silent);
      }
      if (spans.length === 0) return refused(failure("NOT_FOUND", { trace: id }));
      return ok({ trace: id, spans, ...(found > spans.length && { more: true }), silent });
    },
    history,
  };
}

/** The parts of an answer with figures. */
interface HistoryPlan {
  readonly range: HistoryRange;
  readonly series: readonly HistorySeries[];
  readonly names: string[] | undefined;
  /** How many steps are joined into one. */
  readonly factor: number;
  readonly stepMs: number;
  readonly points: number;
  readonly endMs: number;
}

function planOf(
  { range = "hour", series: named, by, points: pointsMax }: HistoryQuery,
  nowMs: number,
): Result<HistoryPlan> {
  const names = named?.split(",");
  const series = toldSeries(names);
  const known = toldSeries();
  const unknown = names?.find((one) => !series.some((row) => row.name === one));
  const wrong = unknown ?? (by === undefined || known.some((row) => row.name === by) ? undefined : by);
  if (wrong !== undefined) {
    const there = known.map((row) => row.name).join(", ");
    return refused(
      failure("BAD_REQUEST", {
        path: unknown === undefined ? "/by" : "/series",
        problem: `there is no series ${wrong}; there are ${there}`,
      }),
    );
  }
  const steps = stepsOf(range);
  const factor = Math.ceil(steps.points / (pointsMax ?? steps.points));
  const stepMs = steps.stepMs * factor;
  return ok({
    range,
    series,
    names,
    factor,
    stepMs,
    points: Math.floor(steps.points / factor),
    endMs: Math.floor(nowMs / stepMs) * stepMs,
  });
}

/** The nodes with the most of a series first. */
function mostOf(
  said: readonly (readonly [Member, { readonly values: HistoryValues }])[],
  by: string,
): readonly Member[] {
  const sum = (values: HistoryValues): number =>
    (values[by] ?? []).reduce<number>((all, value) => all + (value ?? 0), 0);
  return said
    .map(([member, { values }]) => ({ member, sum: sum(values) }))
    .toSorted((one, other) => other.sum - one.sum || (one.member.name < other.member.name ? -1 : 1))
    .map(({ member }) => member);
}

/** Spans with the names of their nodes. */
const ofNodes = (said: readonly (readonly [Member, { readonly spans: readonly TraceSpan[] }])[]) =>
  said.flatMap(([{ name }, { spans }]) => spans.map((span) => ({ ...span, node: name })));

/** As the mesh's schema types it: lists that it could change. */
const plain = (page: ReturnType<Lines["read"]>) => ({ ...page, lines: [...page.lines] });

/** The beginning of a node's id: enough to tell the nodes of a cluster apart in a position, where each has its
 *  place. */
const shortOf = (node: NodeId): string => node.replaceAll(/[^0-9A-Za-z]/g, "").slice(0, 12);

/** In a position: where a node begins that has no place of its own in it. */
const beginning = "all";

/** `id.seq-id.seq`: how far the log of each node was read. */
const positionText = (positions: ReadonlyMap<string, number>): string =>
  [...positions].map(([id, seq]) => `${id}.${seq.toString(36)}`).join("-");

/** Undefined for a text that is no position: then the log is read from its beginning. */
function positionsIn(text: string): Map<string, number> {
  const positions = new Map<string, number>();
  for (const part of text.split("-")) {
    const [id = "", seq = ""] = part.split(".");
    const read = Number.parseInt(seq, 36);
    if (id !== "" && Number.isSafeInteger(read) && read >= 0) positions.set(id, read);
  }
  return positions;
}

/** Lines of several nodes as one page, and how far each node was read by it. */
function joinLines(
  said: readonly (readonly [
    Member,
    { readonly lines: readonly LogLine[]; readonly last: number; readonly more: boolean },
  ])[],
  at: {
    readonly limit: number;
    readonly positions: ReadonlyMap<string, number> | undefined;
    readonly silent: readonly NodeSilent[];
    readonly nowMs: number;
  },
): LogPage {
  const { limit, positions, silent } = at;
  const all = said
    .flatMap(([{ node, name }, { lines }]) => lines.map((line) => ({ id: node, line: { ...line, node: name } })))
    .toSorted((one, other) => one.line.seq - other.line.seq);
  // Behind a position the oldest are told first, and what is left comes next; without one only the newest are wanted.
  const shown = positions === undefined ? all.slice(-limit) : all.slice(0, limit);
  const next = new Map(positions ?? [[beginning, Math.floor(at.nowMs) * 1_000]]);
  for (const [{ node }, { lines, last }] of said) {
    const told = shown.filter(({ id }) => id === node).at(-1)?.line.seq;
    const isWhole = positions === undefined || lines.every((line) => told !== undefined && line.seq <= told);
    const before = positions?.get(shortOf(node)) ?? positions?.get(beginning) ?? 0;
    next.set(shortOf(node), isWhole ? last : (told ?? before));
  }
  const more = all.length > shown.length || said.some(([, page]) => page.more);
  return { lines: shown.map(({ line }) => line), next: positionText(next), more, silent };
}

/** Figures of several nodes as those of one. Where no node knows anything, nothing is known. */
function together(nodes: readonly HistoryValues[], series: readonly HistorySeries[], points: number): HistoryValues {
  const joined = series.map(({ name, together: how }) => {
    const figures = Array.from({ length: points }, (_, at) => {
      const known = nodes.map((values) => values[name]?.[at] ?? null).filter((value) => value !== null);
      if (known.length === 0) return null;
      return how === "max" ? Math.max(...known) : Number(known.reduce((sum, value) => sum + value, 0).toPrecision(6));
    });
    return [name, figures] as const;
  });
  return Object.fromEntries(joined);
}
