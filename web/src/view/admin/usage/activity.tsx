import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { csvOfDays, type ActivityDay, type ActivityView } from "../../../../../protocols/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { bytes as bytesText } from "../bytes.ts";
import { Choice } from "../backup/choice.tsx";
import { seen } from "../../../wire/index.ts";
import { Chart } from "../metrics/chart.tsx";
import { Table, type Column } from "../table.tsx";
import { everyDay, spans, teamSums, type TeamSum } from "./days.ts";
import { download } from "./download.ts";

const route = getRouteApi("/admin/$page");
const whole = (number: number): string => Math.round(number).toLocaleString("en-US");

/** The days up to today, the oldest first, and the months as they are kept. */
async function readActivity(days: number): Promise<Pick<ActivityView, "days" | "months">> {
  const all: ActivityDay[] = [];
  let months: ActivityView["months"] = [];
  for (let before: string | undefined, more = true; more;) {
    const view: ActivityView = await seen("usage.days", { days, ...(before !== undefined && { before }) });
    all.push(...view.days);
    ({ months } = view);
    before = view.next;
    more = before !== undefined;
  }
  return { days: all.toReversed(), months };
}

/** What people did: messages, active people, tokens, what is kept; of everybody or of a team. */
export function Activity() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const days =
    search["days"] === "7" || search["days"] === "90" || search["days"] === "365" ? Number(search["days"]) : 30;
  const team = search["team"] ?? "";
  const read = useQuery({
    queryKey: ["usage", "activity", days],
    queryFn: () => readActivity(days),
    staleTime: 60_000,
    retry: false,
  });
  const rows = useMemo(() => read.data?.days ?? [], [read.data]);
  const daily = useMemo(() => everyDay(rows, { days, nowMs: Date.now(), team }), [rows, days, team]);
  const sums = useMemo(() => teamSums(rows), [rows]);
  const [month] = read.data?.months ?? [];
  const set = (change: Readonly<Record<string, string>>) =>
    void navigate({
      to: "/admin/$page",
      params: { page: "usage" },
      search: { ...search, days: String(days), ...change },
      replace: true,
    });
  const lines = useMemo(
    () => ({
      messages: [{ label: "messages", values: daily.messages }],
      people: [{ label: "people", values: daily.people }],
      tokens: [{ label: "tokens", values: daily.tokens }],
      stored: [{ label: "kept", values: daily.stored }],
    }),
    [daily],
  );
  const columns: readonly Column<TeamSum>[] = [
    { head: "Team", cell: ({ name }) => name },
    { head: "Messages", align: "end", cell: ({ messages }) => whole(messages) },
    {
      head: "People a day",
      align: "end",
      cell: ({ people }) => people.toLocaleString("en-US", { maximumFractionDigits: 1 }),
    },
    { head: "Tokens", align: "end", cell: ({ tokens }) => whole(tokens) },
    { head: "Calls", align: "end", wide: true, cell: ({ calls }) => whole(calls) },
  ];
  return (
    <Part
      title="Activity"
      about={
        "Activity in the whole cluster per day (UTC). A person who does anything on a day counts as active once. " +
        "A team is a budget that names several people, as it was on that day."
      }
    >
      <div className="row field-row">
        <SegmentedControl
          aria-label="How many days"
          value={String(days)}
          data={spans}
          onChange={(value) => set({ days: value })}
        />
        {sums.length > 1 && (
          <Choice
            label="Of"
            value={team}
            data={[
              { value: "", label: "Everybody" },
              ...sums.slice(1).map(({ name }) => ({ value: name, label: name })),
            ]}
            onChange={(value) => set({ team: value })}
          />
        )}
        <Button
          variant="default"
          disabled={rows.length === 0}
          onClick={() => download(csvOfDays(rows), `activity-${days}-days.csv`)}
        >
          Download days as CSV
        </Button>
      </div>
      {read.error !== null && <Note tone="bad">{read.error.message}</Note>}
      {month !== undefined && (
        <p className="dim">
          This month: {whole(month.people)} active {month.people === 1 ? "person" : "people"}
          {month.more === true && " and others together"}, {whole(month.messages)}{" "}
          {month.messages === 1 ? "message" : "messages"}, {whole(month.tokens)} tokens.
        </p>
      )}
      <div className="charts">
        <Chart bars title="Messages by day" times={daily.times} lines={lines.messages} text={whole} />
        <Chart bars title="Active people by day" times={daily.times} lines={lines.people} text={whole} />
        <Chart bars title="Tokens of models by day" times={daily.times} lines={lines.tokens} text={whole} />
        {team === "" && <Chart bars title="Kept on disks" times={daily.times} lines={lines.stored} text={bytesText} />}
      </div>
      <Table
        label="Activity by team"
        columns={columns}
        rows={sums}
        keyOf={({ name }) => name}
        nothing={read.data === undefined ? "Loading …" : "Nobody has done anything yet."}
      />
    </Part>
  );
}
