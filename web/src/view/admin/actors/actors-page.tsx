import { TextInput } from "@mantine/core";
import { getRouteApi, Link, useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { rate } from "../../../../../protocols/words/amounts.ts";
import { kinds } from "../../../../../protocols/ids.ts";
import type { ActorRow } from "../../../../../protocols/index.ts";
import { Icon } from "../../parts/icons.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { useSummary } from "../nodes/queries.ts";
import { Pager, useTrail } from "../pages.tsx";
import { Table, type Column } from "../table.tsx";
import { ActorPart } from "./actor.tsx";
import { useActors } from "./queries.ts";

const route = getRouteApi("/admin/$page");
/** An address that is long enough for every id. */
const actorCharsMax = 128;

/** Every actor: where it is, how it is, and what is done about one that failed. */
export function ActorsPage() {
  const { actor } = route.useSearch();
  return (
    <AdminPage
      wide
      title="Actors"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      {actor === undefined ? <Actors /> : <ActorPart key={actor} actor={actor} />}
    </AdminPage>
  );
}

const columns: readonly Column<ActorRow>[] = [
  {
    head: "Actor",
    cell: ({ actor }) => (
      <Link to="/admin/$page" params={{ page: "actors" }} search={{ actor }} className="link">
        {actor}
      </Link>
    ),
  },
  {
    head: "State",
    cell: ({ status }) => <span className={status === "quarantined" ? "state-bad" : ""}>{statusText[status]}</span>,
  },
  { head: "Node", cell: ({ node }) => node ?? "" },
  { head: "Slot", wide: true, cell: ({ slot }) => slot },
  { head: "Mailbox", align: "end", wide: true, cell: ({ mailbox }) => mailbox },
  { head: "Restarts", align: "end", wide: true, cell: ({ restarts }) => restarts },
  {
    head: "Last active",
    wide: true,
    cell: ({ lastActiveAtMs }) => lastActiveAtMs !== undefined && momentOf(lastActiveAtMs),
  },
];

const statusText: Readonly<Record<ActorRow["status"], string>> = {
  active: "in memory",
  idle: "at rest",
  quarantined: "in quarantine",
};

function Actors() {
  const { text: wanted = "", kind = "", status = "" } = route.useSearch();
  const navigate = useNavigate();
  const router = useRouter();
  const [text, setText] = useState(wanted);
  const trail = useTrail(`${wanted} ${kind} ${status}`);
  const { data, error, isPlaceholderData } = useActors({ text: wanted, kind, status }, trail.from);
  const set = (change: Readonly<Record<string, string>>) => {
    const search = Object.entries({ text, kind, status, ...change }).filter(([, value]) => value !== "");
    return navigate({
      to: "/admin/$page",
      params: { page: "actors" },
      search: Object.fromEntries(search),
      replace: true,
    });
  };
  useEffect(() => {
    if (text === wanted) return undefined;
    // Not with every letter: each is a question to every node.
    const timer = setTimeout(() => {
      if (router.latestLocation.pathname === "/admin/actors") void set({ text });
    }, 250);
    return () => clearTimeout(timer);
  });
  const last = data?.rows.at(-1)?.actor;
  return (
    <>
      <Busiest />
      <Part
        title="All actors"
        about="Rooms, people, agents, and the cluster's own actors. Search by the beginning of a name."
      >
        <div className="row field-row">
          <TextInput
            className="grow"
            label="Search"
            placeholder="room/general"
            value={text}
            maxLength={actorCharsMax}
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
            leftSection={<Icon name="search" size={16} />}
            onChange={(event) => setText(event.currentTarget.value.trim())}
          />
          <Choice
            label="Kind"
            value={kind}
            data={[{ value: "", label: "Any" }, ...kinds.map((one) => ({ value: one, label: one }))]}
            onChange={(value) => void set({ kind: value })}
          />
          <Choice
            label="State"
            value={status}
            data={[
              { value: "", label: "Any" },
              ...Object.entries(statusText).map(([value, label]) => ({ value, label })),
            ]}
            onChange={(value) => void set({ status: value })}
          />
        </div>
        {error !== null && <Note tone="bad">{error.message}</Note>}
        {data?.unanswered !== undefined && (
          <Note tone="warn">This is not all: {data.unanswered.join(", ")} did not answer.</Note>
        )}
        <Table
          label="Actors"
          columns={columns}
          rows={data?.rows ?? []}
          keyOf={({ actor }) => actor}
          nothing={
            data === undefined
              ? "Loading …"
              : status === "quarantined"
                ? "None is in quarantine."
                : "No actor has a name like this."
          }
          busy={data === undefined || isPlaceholderData}
        />
        <Pager
          trail={trail}
          next={data?.more === true ? last : undefined}
          waits={isPlaceholderData}
          back="Previous"
          on="Next"
        />
      </Part>
    </>
  );
}

/** Those that take most messages now. */
function Busiest() {
  const { data } = useSummary();
  const busiest = data?.busiest ?? [];
  const nameOf = (id: string): string => data?.nodes.find(({ node }) => node === id)?.name ?? id;
  if (busiest.length === 0) return null;
  return (
    <Part title="Busiest now">
      <ul className="lines">
        {busiest.slice(0, 5).map(({ actor, node, turnsPerSecond }) => (
          <li key={actor}>
            <Link to="/admin/$page" params={{ page: "actors" }} search={{ actor }} className="link grow ellipsis">
              {actor}
            </Link>
            <span className="dim">
              {rate(turnsPerSecond)} messages a second on {nameOf(node)}
            </span>
          </li>
        ))}
      </ul>
    </Part>
  );
}
