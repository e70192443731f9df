import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { byName } from "../../../../../protocols/words/cluster-words.ts";
import type { AdminTask, ProfileKind } from "../../../../../protocols/index.ts";
import { isTaskOver } from "../../../../../protocols/words/task-words.ts";
import { explain } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { AdminPage } from "../frame.tsx";
import { live } from "../look.ts";
import { useSummary } from "../nodes/queries.ts";
import { Silent } from "../silent.tsx";
import { Table, type Column } from "../table.tsx";

const key = ["tasks", "profiles"];

/** Profiles of nodes: one is begun here, and those that are there are listed. */
export function ProfilesPage() {
  return (
    <AdminPage
      wide
      title="Profiles"
      needs="cluster.administer"
      refusal="Only people with permission to administer the cluster see this page."
    >
      <Profiles />
    </AdminPage>
  );
}

function Profiles() {
  const { data: summary } = useSummary();
  const { data, error } = useQuery({
    ...live(2_000),
    queryKey: key,
    queryFn: () => seen("tasks.list", { kind: "profile" }),
  });
  const act = useActOn(key);
  const nodes = summary === undefined ? [] : byName(summary).filter(({ up }) => up);
  const [node, setNode] = useState("");
  const [of, setOf] = useState<ProfileKind>("cpu");
  const [seconds, setSeconds] = useState("10");
  const faults = useFaults();
  const begin = async () => {
    const choice = { of, seconds: Number(seconds), ...(node !== "" && { node }) };
    await act(() => call("profiles.take", choice), faults.take);
  };
  const cancel = (id: string) => void act(() => call("tasks.cancel", { id }));
  const columns: readonly Column<AdminTask>[] = [
    {
      head: "Profile",
      cell: ({ id, what, state }) =>
        state === "done" || state === "cancelled" ? (
          <Link to="/admin/$page/$item" params={{ page: "profiles", item: id }} className="link">
            {what}
          </Link>
        ) : (
          what
        ),
    },
    {
      head: "State",
      cell: ({ state, error: why }) => (why === undefined ? state : `${state}: ${explain(why, "look")}`),
    },
    { head: "Asked by", wide: true, cell: ({ by = "" }) => by },
    { head: "Begun", wide: true, cell: ({ begunAtMs }) => begunAtMs !== undefined && momentOf(begunAtMs) },
    {
      head: "What to do",
      cell: (task) =>
        !isTaskOver(task) && (
          <Button variant="default" size="xs" aria-label={`End ${task.what}`} onClick={() => cancel(task.id)}>
            End it now
          </Button>
        ),
    },
  ];
  return (
    <>
      <Part
        title="Profile a node"
        about={
          "Samples the node's main thread while it keeps working, a little more slowly. The result contains " +
          "names of functions and files, and nothing about people."
        }
      >
        <Form
          id="profile-of-node"
          faults={faults}
          className="row wrap field-row"
          label="Profile a node"
          onSubmit={begin}
        >
          <NativeSelect
            label="Node"
            value={node}
            data={[{ value: "", label: "This page's" }, ...nodes.map((one) => ({ value: one.node, label: one.name }))]}
            onChange={(event) => setNode(event.currentTarget.value)}
          />
          <NativeSelect
            label="What"
            value={of}
            data={[
              { value: "cpu", label: "Processor: where time is spent" },
              { value: "heap", label: "Memory: which code fills it" },
            ]}
            onChange={(event) => setOf(event.currentTarget.value as ProfileKind)}
          />
          <NativeSelect
            label="For"
            value={seconds}
            data={["1", "5", "10", "30", "60"].map((value) => ({ value, label: `${value} s` }))}
            onChange={(event) => setSeconds(event.currentTarget.value)}
          />
          <Button type="submit">Begin</Button>
        </Form>
      </Part>
      <Part title="Profiles" about="Each node keeps its four newest profiles until it restarts.">
        {error !== null && <Note tone="warn">{error.message}</Note>}
        <Silent silent={data?.silent} />
        <Table
          label="Profiles"
          columns={columns}
          rows={data?.tasks ?? []}
          keyOf={({ id }) => id}
          nothing="No profile was taken yet."
        />
      </Part>
    </>
  );
}
