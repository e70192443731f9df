import { Button } from "@mantine/core";
import { useState } from "react";
import { isWholeTask } from "../../../../../protocols/admin/backups.ts";
import type { BackupWish, ClusterBackupTask } from "../../../../../protocols/index.ts";
import { notices, useNow } from "../../../live/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Part } from "../../settings/part.tsx";
import { fullTime } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { changes, useAct, useTasks } from "./queries.tsx";
import { ago, partDone, spanText, taskText, wishText, type PlaceResult } from "./words.ts";

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

type Place = Extract<BackupWish, { sort: "place" }>;

/** What can follow a recall into place: it goes on under its id, or is taken back. */
function After({ wish, task }: { readonly wish: Place; readonly task: ClusterBackupTask }) {
  const act = useAct();
  const { ask } = useDialogs();
  const { query, recall } = wish;
  const result = task.state === "done" ? (task.result as PlaceResult) : undefined;
  const isWhole = result !== undefined && result.failed.total === 0;
  const goOn = () =>
    act(
      () => changes.start(wish),
      ({ code }) => {
        if (code === "APPROVAL_NEEDED")
          notices.show("It shows what others wrote in private: continue under Approvals, or ask again.");
        return code === "APPROVAL_NEEDED";
      },
    );
  const takeBack = async () => {
    const question = {
      title: "Undo this recall?",
      body: <p>All messages that it brought back are deleted. What existed before it stays.</p>,
      action: "Take back",
      grave: true,
    };
    if (await ask(question)) await act(() => changes.start({ sort: "withdraw", query, recall }));
  };
  return (
    <div className="row">
      {!isWhole && (
        <Button variant="default" size="xs" aria-label={`Go on with task ${task.id}`} onClick={() => void goOn()}>
          Go on
        </Button>
      )}
      {(result === undefined || result.restored + result.found.done > 0) && (
        <Button variant="default" size="xs" aria-label={`Take back task ${task.id}`} onClick={() => void takeBack()}>
          Take back
        </Button>
      )}
    </div>
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
          <span className={`break task-text ${state === "failed" || isWholeTask(task) === false ? "pull-error" : ""}`}>
            <Told text={taskText(task)} />
          </span>
        </span>
        {task.resumable === true && (
          <Button
            variant="default"
            size="xs"
            aria-label={`Go on with task ${id}`}
            onClick={() => void act(() => changes.resume(id))}
          >
            Go on
          </Button>
        )}
        {isOpen && (
          <Button
            variant="default"
            size="xs"
            disabled={cancelledBy !== undefined}
            aria-label={`Cancel task ${id}`}
            onClick={() => void act(() => changes.cancel(id))}
          >
            {cancelledBy === undefined ? "Cancel" : "It is stopping"}
          </Button>
        )}
      </div>
      {wish.sort === "place" && !isOpen && wish.dryRun !== true && <After wish={wish} task={task} />}
      {state === "running" && <progress aria-label={`Task ${id}`} {...(part !== undefined && { value: part })} />}
    </li>
  );
}
