import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import type { Alert } from "../../../../../protocols/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { AdminPage } from "../frame.tsx";
import { live } from "../look.ts";
import { Pager, useTrail } from "../pages.tsx";
import { adviceOn, aboutOf } from "./words.ts";
import "../people/people.css";
import "./alerts.css";

const Plan = lazy(() => import("./plan.tsx"));

/** Alerts come by themselves, and other admins take note of them. */
const lookMs = 5_000;
const pageAlerts = 25;
const noteCharsMax = 200;
const all = ["alerts"];

/** What the watch has found and admins have taken note of, what it watches for, and what is done by itself. */
export function AlertsPage() {
  return (
    <AdminPage title="Alerts" needs="alerts.read" refusal="Only people with permission for alerts see this page.">
      <Alerts />
      <Suspense>
        <Plan />
      </Suspense>
    </AdminPage>
  );
}

type State = "open" | "acknowledged";

function Alerts() {
  const { may } = useRights();
  const [state, setState] = useState<State>("open");
  const trail = useTrail(state);
  const before = trail.from;
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["alerts", state, before],
    queryFn: () => seen("alerts.list", { state, limit: pageAlerts, ...(before !== undefined && { before }) }),
    placeholderData: (kept) => kept,
    ...live(lookMs),
  });
  return (
    <Part
      title="Alerts"
      about="Alerts from the audit logs of all nodes. An alert stays open until somebody acknowledges it."
    >
      <SegmentedControl
        aria-label="Which alerts"
        value={state}
        onChange={(value) => setState(value as State)}
        data={[
          { value: "open", label: data === undefined ? "Open" : `Open (${data.open})` },
          { value: "acknowledged", label: "Acknowledged" },
        ]}
      />
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data === undefined && error === null && <p className="dim flush">Loading …</p>}
      <ul className="alerts" aria-busy={data === undefined || isPlaceholderData}>
        {data?.alerts.map((alert) => (
          <AlertItem key={alert.id} alert={alert} canManage={may("alerts.acknowledge")} />
        ))}
      </ul>
      {data?.alerts.length === 0 && (
        <p className="dim flush">{state === "open" ? "No alert is open." : "No alert has been acknowledged yet."}</p>
      )}
      <Pager
        trail={trail}
        next={data?.more === true ? data.alerts.at(-1)?.id : undefined}
        waits={isPlaceholderData}
        back="Newer"
        on="Older"
      />
    </Part>
  );
}

function AlertItem({ alert, canManage }: { readonly alert: Alert; readonly canManage: boolean }) {
  const { id, severity, title, about, count, firstAtMs, lastAtMs, facts = {}, source, acknowledged } = alert;
  const act = useActOn(all);
  const { ask } = useDialogs();
  const { may } = useRights();
  const { user, search } = aboutOf(about);
  const takeNote = async () => {
    let note = "";
    const body = (
      <>
        <p>Anything found about {about} from now on raises a new alert.</p>
        <TextInput
          label="What was the cause?"
          placeholder="A forgotten password"
          maxLength={noteCharsMax}
          onChange={(event) => (note = event.currentTarget.value)}
        />
      </>
    );
    if (!(await ask({ title: "Acknowledge this alert?", body, action: "Acknowledge" }))) return;
    await act(() => call("alerts.acknowledge", { id, ...(note.trim() !== "" && { note: note.trim() }) }));
  };
  const told = Object.entries(facts).map(([name, value]) => `${name}: ${String(value)}`);
  return (
    <li className={severity}>
      <div className="row wrap">
        <span className="grow line-title">{title}</span>
        <span className={severity === "notice" ? "chip" : "chip bad"}>{severity}</span>
      </div>
      <p className="dim flush break">
        {about} ·{" "}
        {count === 1 ? momentOf(lastAtMs) : `${count} times, from ${momentOf(firstAtMs)} to ${momentOf(lastAtMs)}`}
        {told.length > 0 && ` · ${told.join(" · ")}`} · found by {source}
      </p>
      <p className="flush">
        <Told text={adviceOn(source)} />
      </p>
      {acknowledged !== undefined && (
        <p className="dim flush break">
          {acknowledged.by} acknowledged it on {momentOf(acknowledged.atMs)}
          {acknowledged.note !== undefined && `: ${acknowledged.note}`}
        </p>
      )}
      <div className="row wrap">
        {acknowledged === undefined && canManage && (
          <Button
            variant="default"
            size="xs"
            aria-label={`Acknowledge: ${title}, ${about}`}
            onClick={() => void takeNote()}
          >
            Acknowledge
          </Button>
        )}
        {search !== undefined && may("audit.read") && (
          <Link to="/admin/$page" params={{ page: "audit" }} search={search} className="link">
            Entries of the audit
          </Link>
        )}
        {user !== undefined && may("people.see") && (
          <Link to="/admin/$page/$item" params={{ page: "people", item: user }} className="link">
            The account {user}
          </Link>
        )}
      </div>
    </li>
  );
}
