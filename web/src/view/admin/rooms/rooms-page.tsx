import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { AdminRoomRow } from "../../../../../protocols/index.ts";
import { explainWithCode } from "../../../model/index.ts";
import { seen } from "../../../wire/index.ts";
import { Icon } from "../../parts/icons.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { AdminPage } from "../frame.tsx";
import { Pager, useTrail } from "../pages.tsx";
import { Table, type Column } from "../table.tsx";

const route = getRouteApi("/admin/$page");
const pageRooms = 50;
/** Each look wakes the rooms that are shown, so it is not done again by itself. */
const freshMs = 30_000;

/** Every room: how large it is, whose, and where. What is said in rooms is not for admins. */
export function RoomsPage() {
  return (
    <AdminPage
      wide
      title="Rooms"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Rooms />
    </AdminPage>
  );
}

const visibilityText = { public: "public", private: "private", direct: "of two people" } as const;
const whole = (number: number | undefined): string => number?.toLocaleString("en-US") ?? "";

const columns: readonly Column<AdminRoomRow>[] = [
  {
    head: "Room",
    cell: ({ room, title, failure }) => (
      <>
        <Link to="/admin/$page" params={{ page: "actors" }} search={{ actor: `room/${room}` }} className="link">
          {room}
        </Link>
        {title !== undefined && title !== "" && title !== room && (
          <span className="dim block" dir="auto">
            {title}
          </span>
        )}
        {failure !== undefined && (
          <span className="state-warn block">
            <Told text={explainWithCode(failure, "look")} />
          </span>
        )}
      </>
    ),
  },
  { head: "Who sees it", wide: true, cell: ({ visibility }) => visibility && visibilityText[visibility] },
  { head: "People", align: "end", cell: ({ memberCount }) => whole(memberCount) },
  { head: "Messages", align: "end", cell: ({ messageSeq }) => whole(messageSeq) },
  { head: "Owners", wide: true, cell: ({ owners = [] }) => owners.map((who) => who.replace(/^user\//, "")).join(", ") },
  {
    head: "Node",
    cell: ({ node, status }) =>
      status === "quarantined" ? <span className="state-bad">{node} · in quarantine</span> : (node ?? ""),
  },
  { head: "Newest message", wide: true, cell: ({ lastAtMs }) => lastAtMs !== undefined && momentOf(lastAtMs) },
];

function Rooms() {
  const { text: wanted = "" } = route.useSearch();
  const navigate = useNavigate();
  const router = useRouter();
  const [text, setText] = useState(wanted);
  const trail = useTrail(wanted);
  useEffect(() => {
    if (text === wanted) return undefined;
    const search: Readonly<Record<string, string>> = text === "" ? {} : { text };
    const timer = setTimeout(() => {
      if (router.latestLocation.pathname === "/admin/rooms")
        void navigate({ to: "/admin/$page", params: { page: "rooms" }, search, replace: true });
    }, 250);
    return () => clearTimeout(timer);
  }, [text, wanted, navigate, router]);
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["nodes", "rooms", wanted, trail.from],
    queryFn: () =>
      seen("rooms.all", {
        limit: pageRooms,
        ...(wanted !== "" && { text: wanted }),
        ...(trail.from !== undefined && { after: trail.from }),
      }),
    placeholderData: (kept) => kept,
    staleTime: freshMs,
    retry: false,
  });
  const some = data?.next === undefined ? "No room has a name like this." : "None here; look at the next page.";
  return (
    <Part title="Rooms" about="All rooms, with their members and the nodes that run them. Messages are not shown here.">
      <TextInput
        className="narrow"
        label="Search"
        placeholder="Part of a name"
        value={text}
        maxLength={64}
        autoCapitalize="none"
        leftSection={<Icon name="search" size={16} />}
        onChange={(event) => setText(event.currentTarget.value.trim())}
      />
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data?.unanswered !== undefined && (
        <Note tone="warn">This is not all: {data.unanswered.join(", ")} did not answer.</Note>
      )}
      <Table
        label="Rooms"
        columns={columns}
        rows={data?.rooms ?? []}
        keyOf={({ room }) => room}
        nothing={data === undefined ? "Loading …" : some}
        busy={data === undefined || isPlaceholderData}
      />
      <Pager trail={trail} next={data?.next} waits={isPlaceholderData} back="Previous" on="Next" />
    </Part>
  );
}
