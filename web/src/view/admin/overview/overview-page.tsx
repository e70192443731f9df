import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { rate } from "../../../../../protocols/words/amounts.ts";
import { auditDone } from "../../../../../protocols/admin/audit.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { actionText } from "../audit/words.ts";
import { bytes } from "../bytes.ts";
import { AdminPage } from "../frame.tsx";
import { seen } from "../../../wire/index.ts";
import { live } from "../look.ts";
import { useSummary } from "../nodes/queries.ts";
import { findings, freeShare, type Finding, type Seen } from "./findings.ts";

/** It is left open on a screen on the wall: what changes seldom is asked for seldom. */
const lookMs = 5_000;
const actsShown = 8;
const alertsShown = 5;
const findingsShown = 8;

/** How the cluster is, at a glance. */
export function OverviewPage() {
  return (
    <AdminPage
      wide
      title="Overview"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Overview />
    </AdminPage>
  );
}

function Overview() {
  const { may } = useRights();
  const summary = useSummary();
  const status = useQuery({ ...live(lookMs), queryKey: ["nodes", "status"], queryFn: () => seen("node.status") });
  const quarantined = useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "quarantined"],
    queryFn: () => seen("actors.list", { status: "quarantined", limit: 50 }),
  });
  const alerts = useQuery({
    ...live(lookMs),
    queryKey: ["alerts", "open", "overview"],
    queryFn: () => seen("alerts.list", { state: "open", limit: alertsShown }),
    enabled: may("alerts.read"),
  });
  if (summary.data === undefined)
    return summary.error === null ? <p className="dim">Loading …</p> : <Note tone="bad">{summary.error.message}</Note>;
  const known: Seen = {
    summary: summary.data,
    status: status.data,
    alerts: alerts.data,
    quarantined: quarantined.data,
  };
  return (
    <>
      {summary.error !== null && <Note tone="bad">{summary.error.message} The page shows older figures.</Note>}
      <Health found={findings(known)} />
      <Figures seen={known} />
      {may("audit.read") && <Acts />}
    </>
  );
}

function Health({ found }: { readonly found: readonly Finding[] }) {
  const isBad = found.some(({ tone }) => tone === "bad");
  const title = isBad
    ? "Something does not work"
    : found.length > 0
      ? "The cluster works, but something needs attention"
      : "The cluster is healthy";
  return (
    <Part title="State">
      <Note tone={isBad ? "bad" : found.length > 0 ? "warn" : "good"} title={title}>
        {found.length === 0 ? (
          "Every node is up, every slot has its copies, and no alert is open."
        ) : (
          <ul className="faults">
            {found.slice(0, findingsShown).map(({ text, page, search = {} }) => (
              <li key={text} className="finding">
                <Told text={text} />{" "}
                <Link to="/admin/$page" params={{ page }} search={search} className="link">
                  {placeOf[page] ?? "Look"}
                </Link>
              </li>
            ))}
          </ul>
        )}
        {found.length > findingsShown && `And ${found.length - findingsShown} more.`}
      </Note>
    </Part>
  );
}

const placeOf: Readonly<Record<string, string>> = {
  nodes: "To the nodes",
  slots: "To the slots",
  actors: "To the actors",
  alerts: "To the alerts",
};

function Figure(props: {
  readonly name: string;
  readonly page: string;
  readonly search?: Readonly<Record<string, string>>;
  readonly tone?: "bad" | "warn" | undefined;
  readonly more?: string;
  readonly children: ReactNode;
}) {
  const { name, page, search = {}, tone, more, children } = props;
  return (
    <Link to="/admin/$page" params={{ page }} search={search} className={`figure ${tone ?? ""}`}>
      <span className="figure-name">{name}</span>
      <span className="figure-value">{children}</span>
      {more !== undefined && <span className="figure-more dim">{more}</span>}
    </Link>
  );
}

function Figures({ seen: { summary, status, alerts, quarantined } }: { readonly seen: Seen }) {
  const { nodes, slots, directory } = summary;
  const up = nodes.filter((node) => node.up);
  const voters = directory.kind === "replicated" ? directory.voters : undefined;
  const votersUp = voters?.filter((voter) => up.some(({ node }) => node === voter)).length;
  const lacking = slots.short + slots.blocked + slots.down;
  const sum = (of: (node: (typeof nodes)[number]) => number | undefined) =>
    up.reduce((total, node) => total + (of(node) ?? 0), 0);
  const disks = up
    .filter((node) => freeShare(node) !== undefined)
    .sort((one, other) => (freeShare(one) ?? 1) - (freeShare(other) ?? 1));
  const [fullest] = disks;
  const share = fullest && freeShare(fullest);
  const models = [...new Set(up.flatMap((node) => node.models))];
  const ill = quarantined?.rows.length ?? 0;
  return (
    <Part title="Figures">
      <div className="figures">
        <Figure name="Nodes up" page="nodes" tone={up.length < nodes.length ? "bad" : undefined}>
          {up.length} <small>of {nodes.length}</small>
        </Figure>
        {voters !== undefined && (
          <Figure
            name="Voters up"
            page="nodes"
            tone={votersUp === voters.length ? undefined : "warn"}
            more="keep the directory"
          >
            {votersUp} <small>of {voters.length}</small>
          </Figure>
        )}
        <Figure
          name="Slots in order"
          page="slots"
          tone={slots.down + slots.blocked > 0 ? "bad" : lacking > 0 ? "warn" : undefined}
          more={
            lacking > 0
              ? `${lacking} without enough copies`
              : slots.moving > 0
                ? `${slots.moving} moving`
                : "all have their copies"
          }
        >
          {slots.ok} <small>of {slots.total}</small>
        </Figure>
        {fullest !== undefined && share !== undefined && (
          <Figure
            name="Least free disk"
            page="nodes"
            tone={share < 0.03 ? "bad" : share < 0.1 ? "warn" : undefined}
            more={`${bytes(fullest.diskFreeBytes ?? 0)} on ${fullest.name}`}
          >
            {Math.round(share * 100)} <small>%</small>
          </Figure>
        )}
        <Figure
          name="Models served"
          page="models"
          more={models.slice(0, 2).join(", ") || "agents do not answer"}
          tone={models.length === 0 ? "warn" : undefined}
        >
          {models.length}
        </Figure>
        {alerts !== undefined && (
          <Figure name="Open alerts" page="alerts" tone={alerts.open > 0 ? "warn" : undefined}>
            {alerts.open}
          </Figure>
        )}
        <Figure
          name="Actors in memory"
          page="actors"
          more={`${rate(sum((node) => node.turnsPerSecond))} messages a second`}
        >
          {whole(sum((node) => node.actors))}
        </Figure>
        <Figure
          name="Actors in quarantine"
          page="actors"
          search={{ status: "quarantined" }}
          tone={ill > 0 ? "bad" : undefined}
        >
          {ill}
          {quarantined?.more === true && "+"}
        </Figure>
        <Figure name="Connections" page="nodes">
          {whole(sum((node) => node.connections))}
        </Figure>
        <Figure name="Memory" page="nodes" more={status === undefined ? "" : `Plexus ${status.version}`}>
          {bytes(sum((node) => node.memoryBytes))}
        </Figure>
      </div>
    </Part>
  );
}

const whole = (number: number): string => number.toLocaleString("en-US");

/** What was done last. */
function Acts() {
  const { data } = useQuery({
    ...live(lookMs),
    queryKey: ["audit", "overview"],
    queryFn: () => seen("audit.search", { limit: actsShown }),
  });
  return (
    <Part title="Newest changes">
      <ul className="acts">
        {data?.entries.map(({ log, seq, atMs, by, action, target, outcome }) => (
          <li key={`${log}.${seq}`}>
            <span className="dim">{momentOf(atMs)}</span>
            <span>
              <strong>{by}</strong> {actionText(action)}
              {target !== undefined && <span className="dim"> · {target}</span>}
            </span>
            <span className={outcome === auditDone ? "dim" : "state-bad"}>
              {outcome === auditDone ? "done" : "refused"}
            </span>
          </li>
        ))}
      </ul>
      <Link to="/admin/$page" params={{ page: "audit" }} search={{}} className="link">
        All of the audit
      </Link>
    </Part>
  );
}
