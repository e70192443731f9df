import { Button, TextInput } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { memo, useCallback, useEffect, useState } from "react";
import { logLevels } from "../../../../../protocols/words/log-words.ts";
import type { LogPage } from "../../../../../protocols/index.ts";
import { Form } from "../../parts/form.tsx";
import { formText } from "../../parts/form-text.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { AdminPage } from "../frame.tsx";
import { useSummary } from "../nodes/queries.ts";
import { seen } from "../../../wire/index.ts";
import { Silent } from "../silent.tsx";
import "../audit/audit.css";
import "./logs.css";

const route = getRouteApi("/admin/$page");
/** Lines in the document; older ones go. */
const linesMax = 300;
/** How long one question waits for a line. */
const waitMs = 10_000;
/** Between two questions when lines come without end: a reader is no faster. */
const betweenMs = 1_000;
/** After a refusal it is asked again. */
const againMs = 5_000;

/** Lines of the logs of all nodes, as they come. */
export function LogsPage() {
  return (
    <AdminPage
      wide
      title="Logs"
      needs="logs.read"
      refusal="Only people with permission to read the logs see this page."
    >
      <Logs />
    </AdminPage>
  );
}

type Line = LogPage["lines"][number];
const fields = ["level", "name", "about", "node"] as const;
type LogSearch = { readonly [Name in (typeof fields)[number]]?: string };

function Logs() {
  const asked = route.useSearch();
  const search: LogSearch = Object.fromEntries(
    fields.flatMap((name) => (asked[name] === undefined ? [] : [[name, asked[name]]])),
  );
  const [follows, setFollows] = useState(true);
  const { lines, silent, fault } = useLines(search, follows);
  const navigate = useNavigate();
  const { data: summary } = useSummary();
  const go = useCallback(
    (wanted: LogSearch) => void navigate({ to: "/admin/$page", params: { page: "logs" }, search: { ...wanted } }),
    [navigate],
  );
  const searched = JSON.stringify(search);
  const onAbout = useCallback((about: string) => go({ ...(JSON.parse(searched) as LogSearch), about }), [go, searched]);
  const submit = (form: HTMLFormElement) => {
    go(
      Object.fromEntries(
        fields.flatMap((name) => {
          const value = formText(form, name).trim();
          return value === "" ? [] : [[name, value]];
        }),
      ),
    );
  };
  return (
    <>
      <Part title="Filter">
        <Form id="log-search" keepsNothing className="audit-form" onSubmit={submit} key={searched}>
          <label className="select">
            <span>At least</span>
            <select name="level" defaultValue={search.level ?? ""}>
              <option value="">Every level</option>
              {logLevels.map((level) => (
                <option key={level} value={level}>
                  {level}
                </option>
              ))}
            </select>
          </label>
          <label className="select">
            <span>Node</span>
            <select name="node" defaultValue={search.node ?? ""}>
              <option value="">All</option>
              {summary?.nodes.map(({ node, name }) => (
                <option key={node} value={node}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <TextInput
            name="name"
            label="Event begins with"
            placeholder="mesh."
            defaultValue={search.name ?? ""}
            maxLength={100}
            autoCapitalize="none"
            autoComplete="off"
          />
          <TextInput
            name="about"
            label="About"
            placeholder="room/general"
            defaultValue={search.about ?? ""}
            maxLength={200}
            autoCapitalize="none"
            autoComplete="off"
          />
          <div className="row">
            <Button type="submit">Show</Button>
            {Object.keys(search).length > 0 && (
              <Button variant="default" onClick={() => go({})}>
                Show all
              </Button>
            )}
            <Button variant="default" aria-pressed={follows} onClick={() => setFollows(!follows)}>
              {follows ? "Pause" : "Follow"}
            </Button>
          </div>
        </Form>
      </Part>
      <Part
        title="Lines"
        about={
          "Log lines of all nodes, newest first. Each node logs from its own level up. What people write to each " +
          "other is never logged."
        }
      >
        {fault !== undefined && <Note tone="bad">{fault}</Note>}
        <Silent silent={silent} />
        <div className="table-frame log-lines" tabIndex={0} role="log" aria-live="off" aria-label="Lines of the log">
          {lines.length === 0 && <p className="dim">{fault === undefined ? "No lines yet." : ""}</p>}
          {lines.map((line) => (
            <LogLine key={`${line.node}.${line.seq}`} line={line} onAbout={onAbout} />
          ))}
        </div>
      </Part>
    </>
  );
}

const ids = /^(?:request|trace|actor)(?:Id)?$/;

/** A line never changes: those that are on show already cost nothing when others come. */
const LogLine = memo(function LogLine({
  line,
  onAbout,
}: {
  readonly line: Line;
  readonly onAbout: (about: string) => void;
}) {
  const { atMs, level, event, facts, node } = line;
  return (
    <div className={`log-line ${level}`}>
      <span className="dim">{new Date(atMs).toISOString().slice(11, 23)}</span>{" "}
      <span className="log-level">{level}</span> <strong>{event}</strong> <span className="dim">{node}</span>
      {Object.entries(facts).map(([name, fact]) => (
        <span key={name} className="log-fact">
          {" "}
          <span className="dim">{name}=</span>
          {ids.test(name) ? (
            <button
              type="button"
              className="link"
              aria-label={`Only lines about ${String(fact)}`}
              onClick={() => onAbout(String(fact))}
            >
              {String(fact)}
            </button>
          ) : (
            String(fact)
          )}
        </span>
      ))}
    </div>
  );
});

/** The newest lines, and those that come. */
function useLines(
  search: LogSearch,
  follows: boolean,
): { readonly lines: readonly Line[]; readonly silent: LogPage["silent"]; readonly fault: string | undefined } {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [silent, setSilent] = useState<LogPage["silent"]>([]);
  const [fault, setFault] = useState<string>();
  const query = new URLSearchParams(search as Record<string, string>).toString();
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next: string | undefined;
    const { level: said, ...about } = search;
    const level = logLevels.find((one) => one === said);
    const asked = { ...about, ...(level && { level }), limit: 200 };
    const ask = async () => {
      const more = next === undefined ? {} : { after: next, waitMs };
      let pauseMs = betweenMs;
      try {
        const page = await seen("logs.list", { ...asked, ...more });
        if (over) return;
        const isFirst = next === undefined;
        next = page.next;
        setSilent(page.silent);
        setFault(undefined);
        // Nothing came: the question itself has waited.
        if (!isFirst && page.lines.length === 0) pauseMs = 0;
        if (isFirst) setLines(page.lines.toReversed());
        else if (page.lines.length > 0) setLines((kept) => [...page.lines.toReversed(), ...kept].slice(0, linesMax));
      } catch (error) {
        if (over) return;
        setFault((error as Error).message);
        pauseMs = againMs;
      }
      if (follows) timer = setTimeout(() => void ask(), pauseMs);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [query, follows]);
  return { lines, silent, fault };
}
