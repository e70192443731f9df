import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type {
  HistoryRange,
  RequestBy,
  RequestOrder,
  RequestRow,
  RequestsView,
} from "../../../../../protocols/index.ts";
import { seen } from "../../../wire/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { Choice } from "../backup/choice.tsx";
import { live } from "../look.ts";
import { Silent } from "../silent.tsx";
import { Table, type Column } from "../table.tsx";
import { Chart } from "./chart.tsx";
import { textOf, timesOf } from "./words.ts";

const route = getRouteApi("/admin/$page");
const lookMs = 15_000;
const rowsMax = 25;
/** Lines of a chart. */
const linesMax = 5;

const heads: Readonly<Record<RequestBy, string>> = { route: "Route", kind: "Kind of actor", key: "Key" };
const orders: Readonly<Record<RequestOrder, string>> = {
  requests: "Requests",
  refused: "Refused",
  limited: "Over a limit",
  failed: "Failed",
  mean: "Time, mean",
  p99: "Time, 99 of 100 below",
};
const time = textOf("milliseconds");
const whole = (count: number): string => count.toLocaleString("en-US");

const columnsOf = (by: RequestBy): readonly Column<RequestRow>[] => [
  { head: heads[by], cell: ({ name }) => <code>{name.replace(/ none$/, " (no route)")}</code> },
  { head: "Requests", align: "end", cell: ({ requests }) => whole(requests) },
  { head: "Unchanged", align: "end", wide: true, cell: ({ unchanged = 0 }) => whole(unchanged) },
  { head: "Refused", align: "end", wide: true, cell: ({ refused }) => whole(refused) },
  { head: "Over a limit", align: "end", wide: true, cell: ({ limited }) => whole(limited) },
  { head: "Failed", align: "end", cell: ({ failed }) => whole(failed) },
  { head: "Mean", align: "end", wide: true, cell: ({ meanMs }) => time(meanMs) },
  { head: "99 of 100 below", align: "end", cell: ({ p99Ms }) => time(p99Ms) },
];

/** What came of requests of the last hour or day: a table, and the first rows as charts. */
export function RequestsPart() {
  const now = route.useSearch();
  const { range = "hour", requests = "route", order = "requests", like = "" } = now;
  const navigate = useNavigate();
  // What is none is refused by the node, which says so.
  const by = requests as RequestBy;
  const query = {
    by,
    range: range as HistoryRange,
    order: order as RequestOrder,
    limit: rowsMax,
    charts: linesMax,
    ...(like !== "" && { text: like }),
  };
  const { data, error, isPlaceholderData } = useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "requests", query],
    queryFn: () => seen("requests.list", query),
    placeholderData: (kept) => kept,
  });
  const columns = useMemo(() => columnsOf(by), [by]);
  const set = (change: Readonly<Record<string, string>>) =>
    void navigate({
      to: "/admin/$page",
      params: { page: "metrics" },
      search: { ...now, ...change },
      replace: true,
    });
  return (
    <Part
      title="Requests"
      about="What came of requests to all nodes. Over a limit: a rate, a quota or a budget said no."
    >
      <div className="row field-row">
        <SegmentedControl
          aria-label="A row for each"
          value={by}
          data={Object.entries(heads).map(([value, label]) => ({ value, label }))}
          onChange={(value) => set({ requests: value })}
        />
        <Choice
          label="The most first"
          value={order}
          data={Object.entries(orders).map(([value, label]) => ({ value, label }))}
          onChange={(value) => set({ order: value })}
        />
        <TextInput
          label="Names like"
          placeholder="Part of a name"
          value={like}
          maxLength={64}
          autoCapitalize="none"
          onChange={(event) => set({ like: event.currentTarget.value.trim() })}
        />
      </div>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Silent silent={data?.silent} />
      <Table
        label="Requests"
        columns={columns}
        rows={data?.rows ?? []}
        keyOf={({ name }) => name}
        nothing={data === undefined ? "Loading …" : "There was none."}
        busy={isPlaceholderData}
      />
      {data !== undefined && data.rows.length < data.total && (
        <p className="dim">
          {data.rows.length} of {data.total}.
        </p>
      )}
      {data !== undefined && <RequestCharts view={data} />}
    </Part>
  );
}

const charts = [
  { title: "Requests a second", unit: "perSecond", of: "requests" },
  { title: "Time, 99 of 100 below", unit: "milliseconds", of: "p99Ms" },
  { title: "Failed a second", unit: "perSecond", of: "failed" },
  { title: "Over a limit a second", unit: "perSecond", of: "limited" },
] as const;

/** The first rows over time. */
function RequestCharts({ view }: { readonly view: RequestsView }) {
  const times = useMemo(() => timesOf(view), [view]);
  const drawn = useMemo(
    () =>
      charts.map(({ of, ...chart }) => ({
        ...chart,
        lines: view.rows.flatMap(({ name, steps }) =>
          steps === undefined ? [] : [{ label: name, values: figuresOf(steps[of], of, view.stepMs) }],
        ),
      })),
    [view],
  );
  return (
    <div className="charts">
      {view.rows.length > 0 &&
        drawn.map(({ title, unit, lines }) => (
          <Chart key={title} title={title} times={times} lines={lines} text={textOf(unit)} />
        ))}
    </div>
  );
}

const figuresOf = (
  figures: readonly (number | null)[],
  of: (typeof charts)[number]["of"],
  stepMs: number,
): readonly (number | null)[] =>
  of === "p99Ms" ? figures : figures.map((count) => (count === null ? null : (count * 1_000) / stepMs));
