import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { AdminTask } from "../../../../../protocols/index.ts";
import { isTaskOver, progressWords } from "../../../../../protocols/words/task-words.ts";
import { notices } from "../../../live/index.ts";
import { explainWithCode } from "../../../model/index.ts";
import { call, request, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { AdminPage } from "../frame.tsx";
import { live } from "../look.ts";
import { Pager, usePaged } from "../pages.tsx";
import { Silent } from "../silent.tsx";
import { TaskLog } from "./task-log.tsx";
import { Table, type Column } from "../table.tsx";

const lookMs = 2_000;
const pageTasks = 25;
const key = ["tasks", "all"];

/** Everything that takes long, at all nodes: how far it is, and what came of it. */
export function TasksPage() {
  return (
    <AdminPage
      wide
      title="Tasks"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Tasks />
    </AdminPage>
  );
}

const stateTone: Readonly<Record<AdminTask["state"], string>> = {
  waiting: "dim",
  running: "",
  done: "state-good",
  failed: "state-bad",
  cancelled: "dim",
};

function State({ task }: { readonly task: AdminTask }) {
  const { state, share, error, advice, result } = task;
  return (
    <>
      <span className={stateTone[state]}>{state}</span>
      {share !== undefined && !isTaskOver(task) && (
        <progress className="block" value={share} max={1} aria-label={`${task.what}: ${Math.floor(share * 100)} %`} />
      )}
      {!isTaskOver(task) && <span className="dim block">{progressWords(task)}</span>}
      {result !== undefined && (
        <span className="block break">
          <Told text={result} />
        </span>
      )}
      {state === "failed" && error !== undefined && (
        <span className="state-bad block">
          <Told text={explainWithCode(error, "look")} />
        </span>
      )}
      {advice !== undefined && (
        <span className="state-warn block">
          <Told text={advice} />
        </span>
      )}
    </>
  );
}

function Ends({ task, onLog }: { readonly task: AdminTask; readonly onLog: () => void }) {
  const act = useActOn(key);
  const { ask } = useDialogs();
  const send = async (does: () => ReturnType<typeof request>, said: string): Promise<void> => {
    if ((await act(does)) !== undefined) notices.show(said);
  };
  const cancel = async (): Promise<void> => {
    const isDrain = task.kind === "drain";
    const question = {
      title: isDrain ? "Undo this drain?" : "Cancel this task?",
      body: (
        <p>
          {isDrain
            ? `${task.node ?? "The node"} takes its share again.`
            : `“${task.what}” stops as soon as it can. What it has done so far stays.`}
        </p>
      ),
      action: isDrain ? "Undo" : "Cancel task",
      grave: !isDrain,
    };
    if (await ask(question)) await send(() => call("tasks.cancel", { id: task.id }), "It stops as soon as it can.");
  };
  const { again } = task;
  return (
    <div className="row wrap">
      {task.canCancel && (
        <Button variant="default" size="xs" aria-label={`Cancel ${task.id}`} onClick={() => void cancel()}>
          {task.kind === "drain" ? "Undo" : "Cancel"}
        </Button>
      )}
      {again !== undefined && (
        <Button
          variant="default"
          size="xs"
          aria-label={`Begin ${task.id} again`}
          onClick={() => void send(() => request(again.method, again.path, again.body), "It was started again.")}
        >
          Again
        </Button>
      )}
      <Button variant="default" size="xs" aria-label={`Log of ${task.id}`} onClick={onLog}>
        Log
      </Button>
    </div>
  );
}

const columnsOf = (onLog: (id: string) => void): readonly Column<AdminTask>[] => [
  {
    head: "Task",
    cell: ({ id, what, node, kind }) => (
      <>
        <span dir="auto">{what}</span>
        <span className="dim block">
          {id}
          {node !== undefined && kind !== "drain" && ` · ${node}`}
        </span>
      </>
    ),
  },
  { head: "State", cell: (task) => <State task={task} /> },
  { head: "Asked by", wide: true, cell: ({ by = "" }) => by },
  { head: "Begun", wide: true, cell: ({ begunAtMs }) => begunAtMs !== undefined && momentOf(begunAtMs) },
  { head: "Ended", wide: true, cell: ({ endedAtMs }) => endedAtMs !== undefined && momentOf(endedAtMs) },
  { head: "What to do", cell: (task) => <Ends task={task} onLog={() => onLog(task.id)} /> },
];

function Tasks() {
  const [which, setWhich] = useState("all");
  const { data, error } = useQuery({ ...live(lookMs), queryKey: key, queryFn: () => seen("tasks.list") });
  const tasks = (data?.tasks ?? []).filter((task) => which === "all" || isTaskOver(task) === (which === "over"));
  const { shown, trail, next } = usePaged(tasks, pageTasks, which);
  const [logOf, setLogOf] = useState<string>();
  const columns = columnsOf(setLogOf);
  return (
    <>
      {logOf !== undefined && <TaskLog key={logOf} id={logOf} onHide={() => setLogOf(undefined)} />}
      <Part
        title="Tasks"
        about={
          "Backups, recalls, downloads and loads of models, drains, moves, searches and repairs. The person who " +
          "started one is told when it ends."
        }
      >
        <SegmentedControl
          aria-label="Which tasks"
          value={which}
          onChange={setWhich}
          data={[
            { value: "all", label: "All" },
            { value: "open", label: "Under way" },
            { value: "over", label: "Over" },
          ]}
        />
        {error !== null && <Note tone="bad">{error.message}</Note>}
        <Silent silent={data?.silent} />
        <Table
          label="List of tasks"
          columns={columns}
          rows={shown}
          keyOf={({ id }) => id}
          nothing={data === undefined ? "Loading …" : "There are no tasks."}
          busy={data === undefined}
        />
        <Pager trail={trail} next={next} waits={false} back="Newer" on="Older" />
      </Part>
    </>
  );
}
