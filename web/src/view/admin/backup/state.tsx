import { Button } from "@mantine/core";
import { useState } from "react";
import { useNow } from "../../../live/index.ts";
import { Note } from "../../note.tsx";
import { Part } from "../../settings/part.tsx";
import { fullTime, momentOf } from "../../time.ts";
import { bytes } from "../bytes.ts";
import { changes, useAct, useKeys, useSchedules, useSnapshots, useTasks } from "./asks.tsx";
import { ago, nextRunMs, standingOf } from "./words.ts";

/** How backups stand, in one glance, and the button that makes one. */
export function State() {
  const act = useAct();
  const nowMs = useNow(10_000, true);
  const [asked, setAsked] = useState<string>();
  const snapshots = useSnapshots();
  const tasks = useTasks();
  const schedules = useSchedules();
  const keys = useKeys();
  const fault = snapshots.error ?? tasks.error ?? schedules.error ?? keys.error;
  const known =
    snapshots.data && tasks.data && schedules.data && keys.data
      ? { ...snapshots.data, ...tasks.data, ...schedules.data, keys: keys.data }
      : undefined;
  const standing = known && standingOf(known, nowMs);
  const newest = known?.snapshots.at(-1);
  const nextMs = known && nextRunMs(known.schedules);
  const busy = known?.tasks.some((task) => task.sort === "run" && task.endedAtMs === undefined) === true;
  const run = async () => {
    const task = await act(() => changes.start({ sort: "run" }));
    if (task !== undefined) setAsked(task.id);
  };
  return (
    <Part title="State">
      {fault !== null && <Note tone="bad">{fault.message}</Note>}
      {standing !== undefined && (
        <Note tone={standing.tone} title={standing.title}>
          {standing.faults.length > 0 && (
            <ul className="faults">
              {standing.faults.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
        </Note>
      )}
      {known !== undefined && (
        <dl className="glance">
          <div>
            <dt>Last good backup</dt>
            <dd title={newest && fullTime(newest.atMs)}>
              {newest === undefined ? "none" : `${ago(newest.atMs, nowMs)}, snapshot ${newest.number}`}
            </dd>
          </div>
          <div>
            <dt>In it</dt>
            <dd>{newest === undefined ? "nothing" : bytes(newest.bytes)}</dd>
          </div>
          <div>
            <dt>Next run</dt>
            <dd>{nextMs === undefined ? "not scheduled" : momentOf(nextMs)}</dd>
          </div>
          <div>
            <dt>Recovery kit</dt>
            <dd>{known.keys.root === undefined ? "none" : `of ${momentOf(known.keys.root.madeAtMs)}`}</dd>
          </div>
        </dl>
      )}
      <div className="row">
        <Button onClick={() => void run()} disabled={known === undefined || known.keys.root === undefined || busy}>
          {busy ? "A backup is under way" : "Back up now"}
        </Button>
        <span className="dim" role="status">
          {asked !== undefined && `Task ${asked} was added.`}
        </span>
      </div>
    </Part>
  );
}
