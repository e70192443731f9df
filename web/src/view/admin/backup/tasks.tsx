import { Button } from "@mantine/core";
import { useState } from "react";
import type { ClusterBackupTask } from "../../../../../protocols/index.ts";
import { useNow } from "../../../live/index.ts";
import { Part } from "../../settings/part.tsx";
import { fullTime } from "../../time.ts";
import { changes, useAct, useTasks } from "./asks.tsx";
import { ago, partDone, spanText, taskText, wishText } from "./words.ts";

/** So many are shown before somebody asks for more. */
const shownMax = 4;

/** What is done with backups, and was, the newest first. */
export function Tasks() {
  const { data } = useTasks();
  const [all, setAll] = useState(false);
  if (data === undefined || data.tasks.length === 0) return null;
  const open = data.tasks.filter(({ endedAtMs }) => endedAtMs === undefined).length;
  const shown = all ? data.tasks : data.tasks.slice(0, Math.max(shownMax, open));
  return (
    <Part title="Tasks">
      <ul className="lines">
        {shown.map((task) => (
          <Row key={task.id} task={task} />
        ))}
      </ul>
      {data.tasks.length > shown.length && (
        <Button variant="default" size="xs" onClick={() => setAll(true)}>
          Show all {data.tasks.length}
        </Button>
      )}
    </Part>
  );
}

function Row({ task }: { readonly task: ClusterBackupTask }) {
  const act = useAct();
  const nowMs = useNow(10_000, true);
  const { id, by, schedule, approvedBy, state, wish, addedAtMs, startedAtMs, endedAtMs, cancelledBy } = task;
  const isOpen = endedAtMs === undefined;
  const part = partDone(task);
  const took =
    startedAtMs !== undefined && endedAtMs !== undefined ? `, took ${spanText(endedAtMs - startedAtMs)}` : "";
  const who = schedule === undefined ? `by ${by}` : `by the schedule ${schedule}`;
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="line-title break">
            {wishText(wish)} <span className="dim">task {id}</span>
          </span>
          <span className="dim break" title={fullTime(addedAtMs)}>
            {ago(addedAtMs, nowMs)}, {who}
            {approvedBy !== undefined && `, approved by ${approvedBy}`}
            {took}
          </span>
          <span className={`break task-text ${state === "failed" ? "pull-error" : ""}`}>{taskText(task)}</span>
        </span>
        {isOpen && (
          <Button
            variant="default"
            size="xs"
            disabled={cancelledBy !== undefined}
            aria-label={`Cancel task ${id}`}
            onClick={() => void act(() => changes.cancel(id))}
          >
            {cancelledBy === undefined ? "Cancel" : "It is ending"}
          </Button>
        )}
      </div>
      {state === "running" && <progress aria-label={`Task ${id}`} {...(part !== undefined && { value: part })} />}
    </li>
  );
}
