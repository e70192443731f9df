import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { seen } from "../../../wire/index.ts";
import { live } from "../look.ts";

import { useSummary } from "../nodes/queries.ts";
import { Silent } from "../silent.tsx";
import { Chart } from "./chart.tsx";
import { RequestsPart } from "./requests-part.tsx";
import { chartsOf, textOf, timesOf } from "./words.ts";
import "./metrics.css";

const route = getRouteApi("/admin/$page");
/** A figure of the last hour comes every 15 seconds. */
const lookMs = 15_000;
/** Lines of one chart; more cannot be told apart. */
const linesMax = 10;
/** Figures of one line: a chart shows no more, and of many lines fewer are told apart. */
const pointsMax = { one: 240, many: 120 } as const;

/** Figures of the last hour or day, as charts. */
export function MetricsPage() {
  return (
    <AdminPage
      wide
      title="Metrics"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Metrics />
      <RequestsPart />
    </AdminPage>
  );
}

function Metrics() {
  const { range = "hour", of = "cluster", by = "cores", text = "", ...others } = route.useSearch();
  const navigate = useNavigate();
  const { data: summary } = useSummary();
  const isEach = of === "each";
  const asked = isEach
    ? { per: "node" as const, top: linesMax, by, ...(text !== "" && { text }) }
    : of === "cluster"
      ? { per: "cluster" as const }
      : { per: "node" as const, node: of };
  const query = { range, points: pointsMax[isEach ? "many" : "one"], ...asked };
  const { data, error, isPlaceholderData } = useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "history", query],
    queryFn: () => seen("metrics.history", query),
    placeholderData: (kept) => kept,
  });
  const plans = useMemo(() => (data === undefined ? [] : chartsOf(data)), [data]);
  const times = useMemo(() => (data === undefined ? [] : timesOf(data)), [data]);
  const set = (change: Readonly<Record<string, string>>) =>
    void navigate({
      to: "/admin/$page",
      params: { page: "metrics" },
      // Beside what the requests below are told by.
      search: { ...others, range, of, ...(isEach && { by, text }), ...change },
      replace: true,
    });
  return (
    <Part
      title="Figures"
      about="Figures of the last hour and day. Each node keeps its own, and loses them when it restarts."
    >
      <div className="row field-row">
        <SegmentedControl
          aria-label="How far back"
          value={range}
          data={[
            { value: "hour", label: "Last hour" },
            { value: "day", label: "Last day" },
          ]}
          onChange={(value) => set({ range: value })}
        />
        <Choice
          label="Of"
          value={of}
          data={[
            { value: "cluster", label: "The whole cluster" },
            { value: "each", label: "Each node" },
            ...(summary?.nodes ?? []).map(({ node, name }) => ({ value: node, label: name })),
          ]}
          onChange={(value) => set({ of: value })}
        />
        {isEach && (
          <Choice
            label="Only the highest"
            value={by}
            data={(data?.series ?? [{ name: by, title: by }]).map(({ name, title }) => ({ value: name, label: title }))}
            onChange={(value) => set({ by: value })}
          />
        )}
        {isEach && (
          <TextInput
            label="Nodes like"
            placeholder="Name"
            value={text}
            maxLength={64}
            autoCapitalize="none"
            onChange={(event) => set({ text: event.currentTarget.value.trim() })}
          />
        )}
      </div>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Silent silent={data?.silent} />
      {isEach && data !== undefined && data.rows.length < (data.nodes ?? 0) && (
        <p className="dim">
          {data.rows.length} of {data.nodes} nodes.
        </p>
      )}
      {data === undefined && error === null && <p className="dim">Loading …</p>}
      <div className="charts" aria-busy={isPlaceholderData}>
        {plans.map(({ title, unit, lines }) => (
          <Chart key={title} title={title} times={times} lines={lines} text={textOf(unit)} />
        ))}
      </div>
    </Part>
  );
}
