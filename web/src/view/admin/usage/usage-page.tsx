import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { UsageDayRow, UsageView } from "../../../../../protocols/index.ts";
import { seen } from "../../../wire/index.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { Chart } from "../metrics/chart.tsx";
import { Pager, usePaged } from "../pages.tsx";
import { Table, type Column } from "../table.tsx";
import { Activity } from "./activity.tsx";
import { spans } from "./days.ts";
import { Features } from "./features.tsx";
import { download } from "./download.ts";
import { Prices } from "./prices.tsx";
import { Reports } from "./reports.tsx";
import {
  byDay,
  csvOfRows,
  sumsBy,
  teamsOf,
  usageBys,
  usageMeasures,
  type UsageBy,
  type UsageMeasure,
  type UsageSum,
} from "./sums.ts";
import "../metrics/metrics.css";

const route = getRouteApi("/admin/$page");
const pageRows = 25;
/** Pages of the ledger that are read for one look: beyond that the note says that it is not all. */
const pagesMax = 40;

/** What people did, and what was taken of models: by whom, of which, and when. */
export function UsagePage() {
  return (
    <AdminPage
      wide
      title="Usage"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Activity />
      <Usage />
      <Prices />
      <Reports />
      <Features />
    </AdminPage>
  );
}

async function readDays(days: number): Promise<{ readonly rows: readonly UsageDayRow[]; readonly isAll: boolean }> {
  const rows: UsageDayRow[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const view: UsageView = await seen("usage.list", { days, ...(before !== undefined && { before }) });
    rows.push(...(view.days ?? []));
    before = view.next;
    if (before === undefined) return { rows, isAll: true };
  }
  return { rows, isAll: false };
}

const whole = (number: number): string => Math.round(number).toLocaleString("en-US");
const money = (number: number): string => (number === 0 ? "" : number.toFixed(number < 0.01 ? 6 : 2));
const textOf = (measure: UsageMeasure) => (measure === "cost" ? (value: number) => money(value) || "0" : whole);
const byText: Readonly<Record<UsageBy, string>> = {
  person: "Person",
  team: "Team",
  model: "Model",
  provider: "Where it runs",
};

const isOneOf = <Word extends string>(words: readonly Word[], text: string | undefined): text is Word =>
  (words as readonly (string | undefined)[]).includes(text);

function Usage() {
  const search = route.useSearch();
  const days =
    search["days"] === "7" || search["days"] === "90" || search["days"] === "365" ? Number(search["days"]) : 30;
  const by = isOneOf(usageBys, search["by"]) ? search["by"] : "person";
  const measure = isOneOf(usageMeasures, search["measure"]) ? search["measure"] : "tokens";
  const navigate = useNavigate();
  const { may } = useRights();
  const used = useQuery({
    queryKey: ["usage", "all", days],
    queryFn: () => readDays(days),
    staleTime: 60_000,
    retry: false,
  });
  const budgets = useQuery({ queryKey: ["usage", "budgets"], queryFn: () => seen("budgets.list"), retry: false });
  const rows = useMemo(() => used.data?.rows ?? [], [used.data]);
  const teams = useMemo(() => teamsOf(budgets.data?.budgets ?? []), [budgets.data]);
  const daily = useMemo(() => byDay(rows, measure, { days, nowMs: Date.now() }), [rows, measure, days]);
  const sums = useMemo(() => sumsBy(rows, by, measure, teams), [rows, by, measure, teams]);
  const { shown, trail, next } = usePaged(sums, pageRows, `${by} ${measure} ${days}`);
  const set = (change: Readonly<Record<string, string>>) =>
    void navigate({
      to: "/admin/$page",
      params: { page: "usage" },
      search: { days: String(days), by, measure, ...change },
      replace: true,
    });
  const amounts = useMemo(() => [{ label: measure, values: daily.amounts }], [daily, measure]);
  const people = useMemo(() => [{ label: "people", values: daily.people }], [daily]);
  const columns: readonly Column<UsageSum>[] = [
    { head: byText[by], cell: ({ name }) => name },
    { head: "Calls", align: "end", cell: ({ calls }) => whole(calls) },
    { head: "Tokens", align: "end", cell: ({ tokens }) => whole(tokens) },
    { head: "Cost", align: "end", cell: ({ cost }) => money(cost) },
  ];
  return (
    <Part title="Models" about="Use of models per day (UTC). A team is a budget that names several people.">
      <div className="row field-row">
        <SegmentedControl
          aria-label="How far back"
          value={String(days)}
          data={spans}
          onChange={(value) => set({ days: value })}
        />
        <Choice
          label="What"
          value={measure}
          data={[
            { value: "tokens", label: "Tokens" },
            { value: "calls", label: "Calls" },
            { value: "cost", label: "Cost" },
          ]}
          onChange={(value) => set({ measure: value })}
        />
        <Choice
          label="By"
          value={by}
          data={usageBys.map((value) => ({ value, label: byText[value] }))}
          onChange={(value) => set({ by: value })}
        />
        <Button
          variant="default"
          disabled={rows.length === 0}
          onClick={() => download(csvOfRows(rows), `usage-${days}-days.csv`)}
        >
          Download CSV
        </Button>
      </div>
      {used.error !== null && <Note tone="bad">{used.error.message}</Note>}
      {used.data?.isAll === false && (
        <Note tone="warn">
          {`There is more than can be shown at once. Choose fewer days, or run \`plexus usage --days ${days} --json\`.`}
        </Note>
      )}
      <div className="charts">
        <Chart
          bars
          title={`${measure === "cost" ? "Cost" : measure === "calls" ? "Calls" : "Tokens"} by day`}
          times={daily.times}
          lines={amounts}
          text={textOf(measure)}
        />
        <Chart bars title="People who used models, by day" times={daily.times} lines={people} text={whole} />
      </div>
      <Table
        label={`Usage by ${byText[by]}`}
        columns={columns}
        rows={shown}
        keyOf={({ name }) => name}
        nothing={used.data === undefined ? "Loading …" : "No calls of models."}
      />
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
      {by === "team" && teams.size === 0 && may("cluster.administer") && (
        <Note tone="plain">No budget names a team yet. Name one: `plexus budgets set NAME team ada bob`</Note>
      )}
    </Part>
  );
}
