import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { AuditFilter, AuditFound, AuditLogView } from "../../../../../protocols/index.ts";
import { Form } from "../../parts/form.tsx";
import { formText } from "../../parts/form-text.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { live } from "../look.ts";
import { Pager, useTrail } from "../pages.tsx";
import { Entry } from "./entry.tsx";
import { Report } from "./report.tsx";
import { auditFields, auditSearchIn, type AuditSearch } from "./search.ts";
import { actionsByArea, areaTitles, keyOf } from "./words.ts";
import "../backup/backup.css";
import "../people/people.css";
import "./audit.css";
import { at, seen } from "../../../wire/index.ts";

const route = getRouteApi("/admin/$page");
const pageEntries = 50;
/** The newest page is looked at again so often. */
const lookMs = 5_000;
/** A search looks at so many entries at a time: so many times for a page that has none yet. */
const triesMax = 5;

/** The audit: what was done, by whom, and how it ended. */
export function AuditPage() {
  const { may } = useRights();
  const search = auditSearchIn(route.useSearch());
  return (
    <AdminPage title="Audit" needs="audit.read" refusal="Only people with permission to read the audit see this page.">
      <Filter key={JSON.stringify(search)} search={search} />
      <Entries search={search} />
      <Standing />
      {may("audit.export") && (
        <>
          <Report />
          <Export search={search} />
        </>
      )}
    </AdminPage>
  );
}

function Filter({ search }: { readonly search: AuditSearch }) {
  const navigate = useNavigate();
  const [more, setMore] = useState(["address", "node", "since", "until"].some((name) => name in search));
  const submit = (form: HTMLFormElement) => {
    const wanted = Object.fromEntries(
      auditFields.flatMap((name) => {
        const value = formText(form, name).trim();
        return value === "" ? [] : [[name, value]];
      }),
    ) as AuditSearch;
    void navigate({ to: "/admin/$page", params: { page: "audit" }, search: wanted });
  };
  const field = (name: keyof AuditSearch, label: string, placeholder: string) => (
    <TextInput
      name={name}
      label={label}
      placeholder={placeholder}
      defaultValue={search[name] ?? ""}
      autoComplete="off"
      autoCapitalize="none"
      maxLength={128}
    />
  );
  return (
    <Part title="Search" about="A name that ends in * matches all names that begin with the rest.">
      <Form id="audit-search" keepsNothing className="audit-form" onSubmit={submit}>
        {field("by", "Who", "user/ada, operator")}
        <label className="select">
          <span>What</span>
          <select name="action" defaultValue={search.action ?? ""}>
            <option value="">Everything</option>
            {actionsByArea.map(({ area, actions }) => (
              <optgroup key={area} label={areaTitles[area]}>
                <option value={area}>All of: {areaTitles[area]}</option>
                {actions.map(({ name, title }) => (
                  <option key={name} value={name}>
                    {title}
                  </option>
                ))}
              </optgroup>
            ))}
          </select>
        </label>
        {field("target", "Done to", "user/bob, node/b")}
        <label className="select">
          <span>Outcome</span>
          <select name="outcome" defaultValue={search.outcome ?? ""}>
            <option value="">Any</option>
            <option value="done">Done</option>
            <option value="refused">Refused</option>
          </select>
        </label>
        {field("text", "With this text", "anywhere in the entry")}
        {more && (
          <>
            {field("address", "From address", "192.0.2.7")}
            {field("node", "Written by the node", "a")}
            <TextInput type="datetime-local" name="since" label="Since" defaultValue={search.since ?? ""} />
            <TextInput type="datetime-local" name="until" label="Until" defaultValue={search.until ?? ""} />
          </>
        )}
        <div className="row">
          <Button type="submit">Search</Button>
          {Object.keys(search).length > 0 && (
            <Button
              variant="default"
              onClick={() => void navigate({ to: "/admin/$page", params: { page: "audit" }, search: {} })}
            >
              Show all
            </Button>
          )}
          {!more && (
            <button type="button" className="link" onClick={() => setMore(true)}>
              More to search by
            </button>
          )}
        </div>
      </Form>
    </Part>
  );
}

/** What the node is asked for. */
function filterOf({ since, until, ...same }: AuditSearch): AuditFilter {
  const atMs = (name: "sinceMs" | "untilMs", text: string | undefined): AuditFilter => {
    const ms = text === undefined ? Number.NaN : new Date(text).getTime();
    return Number.isNaN(ms) ? {} : { [name]: ms };
  };
  return { ...same, ...atMs("sinceMs", since), ...atMs("untilMs", until) };
}

async function find(search: AuditSearch, before: string | undefined): Promise<AuditFound> {
  let found: AuditFound = { entries: [], ...(before !== undefined && { next: before }) };
  for (let tries = 0; tries < triesMax; tries += 1) {
    const more = { limit: pageEntries, ...(found.next !== undefined && { before: found.next }) };
    found = await seen("audit.search", { ...filterOf(search), ...more });
    if (found.entries.length > 0 || found.next === undefined) break;
  }
  return found;
}

function Entries({ search }: { readonly search: AuditSearch }) {
  const key = JSON.stringify(search);
  const trail = useTrail(key);
  const before = trail.from;
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["audit", key, before],
    queryFn: () => find(search, before),
    placeholderData: (kept) => kept,
    refetchInterval: before === undefined ? lookMs : false,
    staleTime: 0,
    retry: false,
  });
  return (
    <Part title="Entries">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data?.unanswered !== undefined && (
        <Note tone="warn">
          The newest entries of {data.unanswered.join(", ")} may be missing: no answer from there.
        </Note>
      )}
      <ul className="entries" aria-busy={data === undefined || isPlaceholderData}>
        {data?.entries.map((entry) => (
          <Entry key={keyOf(entry)} entry={entry} />
        ))}
      </ul>
      {data === undefined && error === null && <p className="dim flush">Loading …</p>}
      {data?.entries.length === 0 && (
        <p className="dim flush">
          {data.next === undefined ? "Nothing was found." : "Nothing found yet. Older entries were not searched."}
        </p>
      )}
      <Pager trail={trail} next={data?.next} waits={isPlaceholderData} back="Newer" on="Older" />
    </Part>
  );
}

const isWell = ({ head, fault }: AuditLogView): boolean => fault === undefined && head?.verified !== false;

/** How far the logs are signed, and who has seen them. */
function Standing() {
  const { data, error } = useQuery({
    queryKey: ["audit-logs"],
    queryFn: () => seen("audit.logs"),
    ...live(3 * lookMs),
  });
  if (data === undefined) return error === null ? null : <Note tone="bad">{error.message}</Note>;
  const bad = data.logs.filter((one) => !isWell(one));
  const isSigned = data.logs.every(({ head }) => head !== undefined);
  const isAlone = data.logs.every(({ witnesses }) => witnesses.length === 0);
  return (
    <Part title="Proof">
      <Note
        tone={bad.length > 0 ? "bad" : "good"}
        title={
          bad.length > 0
            ? "A log was changed, or entries are missing"
            : isSigned
              ? `Every log at ${data.at} is complete, and its signature is valid`
              : `Every log at ${data.at} is complete`
        }
      >
        {bad.length > 0
          ? "Export the audit and run `plexus audit verify FILE`: it names the first entry that is wrong."
          : isAlone
            ? "No other node has seen these logs. Only an earlier export can show whether a whole log was set back."
            : "Other nodes have signed how far they saw each log."}
      </Note>
      <ul className="lines">
        {data.logs.map((log) => (
          <LogLine key={log.log} log={log} />
        ))}
      </ul>
    </Part>
  );
}

function LogLine({ log: { log, node, from, to, head, witnesses, fault } }: { readonly log: AuditLogView }) {
  const facts = [
    to < from ? "no entries here" : `entries ${from} to ${to}`,
    head === undefined ? "not signed yet" : `signed up to entry ${head.seq}, ${momentOf(head.atMs)}`,
    ...witnesses.map((one) => `seen by ${one.node} up to ${one.seq}`),
  ];
  return (
    <li>
      <span className="grow">
        <span className="ellipsis line-title">
          {node} <span className="dim">{log}</span>
        </span>
        <span className="dim break">{facts.join(" · ")}</span>
        {head?.verified === false && (
          <span className="pull-error block">The signature of its newest entry is wrong.</span>
        )}
        {fault !== undefined && (
          <span className="pull-error block">
            Entry {fault.seq}: {fault.reason}
          </span>
        )}
      </span>
    </li>
  );
}

const formats = [
  { value: "jsonl", label: "JSON lines, with proofs" },
  { value: "syslog", label: "syslog (RFC 5424)" },
  { value: "cef", label: "CEF" },
];

function Export({ search }: { readonly search: AuditSearch }) {
  const [format, setFormat] = useState("jsonl");
  const query = new URLSearchParams(
    Object.entries({ ...(format !== "jsonl" && filterOf(search)), format }).map(([name, value]) => [
      name,
      String(value),
    ]),
  ).toString();
  return (
    <Part
      title="Export"
      about={
        format === "jsonl"
          ? "All logs in full, whatever you search for. `plexus audit verify FILE` checks them without this cluster."
          : "The entries that the search finds, one line each."
      }
    >
      <div className="row field-row">
        <Choice label="Format" data={formats} value={format} onChange={setFormat} />
        <Button
          component="a"
          href={at(`/api/v1/admin/audit/export?${query}`)}
          download={`audit.${format === "jsonl" ? "jsonl" : "txt"}`}
        >
          Download
        </Button>
      </div>
      <p className="dim flush">The audit also records that you exported it.</p>
    </Part>
  );
}
