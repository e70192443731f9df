import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { TracePage } from "../../../../../protocols/index.ts";
import { stepsOf, type TraceStep } from "../../../../../protocols/words/trace-steps.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { AdminPage } from "../frame.tsx";
import { seen } from "../../../wire/index.ts";
import { live } from "../look.ts";

import { Silent } from "../silent.tsx";
import { Table, type Column } from "../table.tsx";
import "./traces.css";

const route = getRouteApi("/admin/$page");
const lookMs = 5_000;
const shown = 100;

/** The way of requests through the nodes. */
export function TracesPage() {
  return (
    <AdminPage
      wide
      title="Traces"
      needs="traces.read"
      refusal="Only people with permission to read traces see this page."
    >
      <Traces />
    </AdminPage>
  );
}

function Traces() {
  const { trace } = route.useSearch();
  return trace === undefined ? <List /> : <Trace key={trace} trace={trace} />;
}

type Row = TracePage["traces"][number];
const took = (ms: number): string => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;

const columns: readonly Column<Row>[] = [
  {
    head: "Request",
    cell: ({ trace, name }) => (
      <Link to="/admin/$page" params={{ page: "traces" }} search={{ trace }} className="link">
        {name}
      </Link>
    ),
  },
  { head: "Took", align: "end", cell: ({ tookMs }) => took(tookMs) },
  { head: "Ended", cell: ({ error }) => (error === undefined ? "well" : <span className="state-bad">{error}</span>) },
  { head: "At", wide: true, cell: ({ node }) => node },
  { head: "By", wide: true, cell: ({ facts }) => String(facts["by"] ?? "") },
  { head: "When", wide: true, cell: ({ startMs }) => momentOf(startMs) },
];

function List() {
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "traces"],
    queryFn: () => seen("traces.list", { limit: shown }),
  });
  const none =
    "None. The setting tracing.ratio says which share of requests is traced. It is 0 unless you set it under " +
    "Configuration.";
  return (
    <Part title="Requests" about="The newest traces of all nodes. What people write to each other is never in a trace.">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Silent silent={data?.silent} />
      <Table
        label="Traced requests"
        columns={columns}
        rows={data?.traces ?? []}
        keyOf={({ trace, span }) => `${trace}.${span}`}
        nothing={data === undefined ? "Loading …" : none}
        busy={data === undefined}
      />
    </Part>
  );
}

function Trace({ trace }: { readonly trace: string }) {
  const { data, error } = useQuery({
    queryKey: ["nodes", "trace", trace],
    queryFn: () => seen("traces.show", { id: trace }),
    retry: false,
  });
  const steps = data === undefined ? [] : stepsOf(data.spans);
  return (
    <Part
      title="Steps"
      about="Each step is below the step that caused it. The clocks of nodes may differ by a few milliseconds."
    >
      <div className="row">
        <Link to="/admin/$page" params={{ page: "traces" }} search={{}} className="link">
          All requests
        </Link>
        <Link to="/admin/$page" params={{ page: "logs" }} search={{ about: trace }} className="link">
          Lines of the logs about it
        </Link>
      </div>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Silent silent={data?.silent} />
      {data === undefined && error === null && <p className="dim">Loading …</p>}
      <ol className="waterfall" aria-label="Steps of the request">
        {steps.map((step) => (
          <StepLine key={step.span.span} step={step} />
        ))}
      </ol>
      {data !== undefined && (data.spans.length > steps.length || data.more === true) && (
        <p className="dim">
          And {data.spans.length - steps.length}
          {data.more === true && " or more"} further steps.
        </p>
      )}
    </Part>
  );
}

function StepLine({ step: { span, depth, from, wide } }: { readonly step: TraceStep }) {
  const { name, node, tookMs, error, facts } = span;
  const told = Object.entries(facts).map(([fact, value]) => `${fact}=${String(value)}`);
  return (
    <li
      className={error === undefined ? "" : "step-failed"}
      style={{ paddingInlineStart: `${Math.min(depth, 8) * 14}px` }}
    >
      <div className="step-line">
        <strong>{name}</strong>
        <span className="dim">{node}</span>
        {error !== undefined && <span className="state-bad">{error}</span>}
        <span className="step-took">{took(tookMs)}</span>
        {told.length > 0 && <span className="step-facts dim">{told.join("  ")}</span>}
      </div>
      <div className="bar-track" aria-hidden="true">
        <div className="bar" style={{ insetInlineStart: `${from}%`, width: `${wide}%` }} />
      </div>
    </li>
  );
}
