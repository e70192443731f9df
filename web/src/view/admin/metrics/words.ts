/** Figures in words, and which of them stand in one chart. Pure. */
import type { HistoryRow, HistorySeries, HistoryUnit, HistoryView } from "../../../../../protocols/index.ts";
import { bytes } from "../bytes.ts";

const plain = (value: number): string => {
  if (value === 0 || value >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(2)));
};

const texts: Readonly<Record<HistoryUnit, (value: number) => string>> = {
  perSecond: (value) => `${plain(value)}/s`,
  bytesPerSecond: (value) => `${bytes(value)}/s`,
  bytes,
  milliseconds: (value) => (value >= 1_000 ? `${plain(value / 1_000)} s` : `${plain(value)} ms`),
  cores: (value) => `${plain(value)} ${value === 1 ? "core" : "cores"}`,
  share: (value) => `${plain(value * 100)} %`,
  count: plain,
};

/** A figure as people read it. */
export const textOf = (unit: HistoryUnit): ((value: number) => string) => texts[unit] ?? plain;

/** Series that are read together. */
const together: readonly { readonly title: string; readonly names: Readonly<Record<string, string>> }[] = [
  { title: "HTTP requests", names: { requests: "all", requestFaults: "failed" } },
  { title: "Time of an HTTP request", names: { requestMeanMs: "mean", requestP99Ms: "99 of 100 below" } },
  { title: "Time of a commit of the journal", names: { commitMeanMs: "mean", commitP99Ms: "99 of 100 below" } },
  { title: "Tokens of models", names: { promptTokens: "read", completionTokens: "written" } },
  { title: "Failures of actors", names: { deadLetters: "dead letters", crashes: "crashes" } },
];

/** One chart: its lines in order. */
interface ChartPlan {
  readonly title: string;
  readonly unit: HistoryUnit;
  readonly lines: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

/** The charts of figures: of the cluster some series in one chart, of single nodes a line for each. */
export function chartsOf(view: HistoryView): readonly ChartPlan[] {
  const [first] = view.rows;
  if (first === undefined) return [];
  if (first.node !== undefined && view.rows.length > 1) return view.series.map((series) => byNode(series, view.rows));
  const done = new Set<string>();
  return view.series.flatMap((series): ChartPlan[] => {
    if (done.has(series.name)) return [];
    const shared = together.find(({ names }) => series.name in names);
    const group =
      shared === undefined
        ? [series]
        : view.series.filter(({ name, unit }) => name in shared.names && unit === series.unit);
    for (const { name } of group) done.add(name);
    const lines = group.map(({ name, title }) => ({
      label: shared?.names[name] ?? title,
      values: first.values[name] ?? [],
    }));
    return [{ title: shared?.title ?? series.title, unit: series.unit, lines }];
  });
}

/** A node has the same colour in each chart: its line is always at the same place. */
function byNode(series: HistorySeries, rows: readonly HistoryRow[]): ChartPlan {
  const lines = rows.map(({ node = "", values }) => ({ label: node, values: values[series.name] ?? [] }));
  return { title: series.title, unit: series.unit, lines };
}

/** The ends of the steps, in seconds since 1970. */
export const timesOf = ({
  endMs,
  stepMs,
  points,
}: Pick<HistoryView, "endMs" | "stepMs" | "points">): readonly number[] =>
  Array.from({ length: points }, (_, index) => (endMs - (points - 1 - index) * stepMs) / 1_000);
