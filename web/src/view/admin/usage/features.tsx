import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { csvOfUse, sessionClasses, type UseDay } from "../../../../../protocols/admin/features.ts";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { Part } from "../../settings/part.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Chart } from "../metrics/chart.tsx";
import { Table, type Column } from "../table.tsx";
import { download } from "./download.ts";

const key = ["use"];
const days = 90;
const dayMs = 86_400_000;
const rowsShown = 30;
const whole = (number: number): string => Math.round(number).toLocaleString("en-US");

interface Sum {
  readonly name: string;
  readonly count: number;
}

/** How often each command was used, the most used first. */
function sumsOf(rows: readonly UseDay[]): readonly Sum[] {
  const sums = new Map<string, number>();
  for (const { features } of rows)
    for (const [name, count] of Object.entries(features)) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums].map(([name, count]) => ({ name, count })).toSorted((one, other) => other.count - one.count);
}

/** Each day up to now, the oldest first: what people did, and how many sessions ended. */
function dailyOf(rows: readonly UseDay[], nowMs: number) {
  const known = new Map(rows.map((row) => [row.day, row]));
  const today = Math.floor(nowMs / dayMs);
  const all = Array.from({ length: days }, (_, at) => today - (days - 1 - at));
  const rowOf = (day: number) => known.get(new Date(day * dayMs).toISOString().slice(0, 10));
  return {
    times: all.map((day) => (day * dayMs) / 1_000),
    commands: all.map((day) => Object.values(rowOf(day)?.features ?? {}).reduce((sum, one) => sum + one, 0)),
    classes: sessionClasses.map((_, at) => all.map((day) => rowOf(day)?.sessions[at] ?? 0)),
  };
}

const columns: readonly Column<Sum>[] = [
  { head: "Command", cell: ({ name }) => <code>{name}</code> },
  { head: "Times", align: "end", cell: ({ count }) => whole(count) },
];

/** Which commands people use, how long they stay, and what they say of the program; switched off here. */
export function Features() {
  const queries = useQueryClient();
  const dialogs = useDialogs();
  const { data } = useQuery({ queryKey: key, queryFn: () => seen("use.list", { days }), staleTime: 60_000 });
  const rows = useMemo(() => data?.days ?? [], [data]);
  const sums = useMemo(() => sumsOf(rows), [rows]);
  const daily = useMemo(() => dailyOf(rows, Date.now()), [rows]);
  const lines = useMemo(
    () => ({
      commands: [{ label: "commands", values: daily.commands }],
      sessions: sessionClasses.map((label, at) => ({ label, values: daily.classes[at] ?? [] })),
    }),
    [daily],
  );
  if (data === undefined) return null;
  const again = () => void queries.invalidateQueries({ queryKey: key });
  const turn = async (isOn: boolean) => {
    const done = await call("use.set", { isOn });
    if (done.ok) notices.show(isOn ? "Use is counted from now on." : "Nothing is counted from now on.");
    else notices.fail(done.error);
    again();
  };
  const remove = async () => {
    const sure = await dialogs.ask({
      title: "Delete all counts and all feedback?",
      body: <p>They cannot be brought back.</p>,
      action: "Delete them",
      grave: true,
    });
    if (!sure) return;
    const done = await call("use.remove", {});
    if (done.ok) notices.show("They are deleted.");
    else notices.fail(done.error);
    again();
  };
  return (
    <Part
      title="Use of the program"
      about={
        data.isOn
          ? "How often each command is used, and how long people are connected: counts per day (UTC), of the last " +
            `${days} days. No names, no texts.`
          : "This is switched off: nothing is counted, and people cannot give feedback."
      }
    >
      <div className="row field-row">
        <Button variant="default" onClick={() => void turn(!data.isOn)}>
          {data.isOn ? "Switch it off" : "Switch it on"}
        </Button>
        <Button
          variant="default"
          disabled={rows.length === 0}
          onClick={() => download(csvOfUse(rows), `use-${days}-days.csv`)}
        >
          Download use as CSV
        </Button>
        <Button variant="default" onClick={() => void remove()}>
          Delete all of it
        </Button>
      </div>
      <div className="charts">
        <Chart bars title="Commands by day" times={daily.times} lines={lines.commands} text={whole} />
        <Chart title="Ended sessions by day and length" times={daily.times} lines={lines.sessions} text={whole} />
      </div>
      <Table
        label="Commands that were used"
        columns={columns}
        rows={sums.slice(0, rowsShown)}
        keyOf={({ name }) => name}
        nothing="No command was counted yet."
      />
      {sums.length > rowsShown && (
        <p className="dim">
          The {rowsShown} that are used most, of {sums.length}. The file has all.
        </p>
      )}
      <FeedbackList />
    </Part>
  );
}

function FeedbackList() {
  const queries = useQueryClient();
  const { data } = useQuery({ queryKey: [...key, "feedback"], queryFn: () => seen("feedback.list") });
  const end = async (id: number) => {
    const done = await call("feedback.end", { id });
    if (!done.ok) notices.fail(done.error);
    void queries.invalidateQueries({ queryKey: key });
  };
  const said = data?.feedback ?? [];
  return (
    <>
      <h3>Feedback</h3>
      {said.length === 0 && (
        <p className="dim">Nobody has said anything. People do so in their settings, “Mail and account”.</p>
      )}
      <ul className="lines" aria-label="Feedback">
        {said.map(({ id, text, atMs, done }) => (
          <li key={id} className="model-row">
            <p className="flush break">{text}</p>
            <div className="row">
              <span className="dim grow">
                {new Date(atMs).toISOString().slice(0, 10)}
                {done === true && ", done"}
              </span>
              {done !== true && (
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Done: ${text.slice(0, 40)}`}
                  onClick={() => void end(id)}
                >
                  Done
                </Button>
              )}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}
