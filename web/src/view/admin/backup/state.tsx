import { Button } from "@mantine/core";
import { useState } from "react";
import type { BackupPlaces, BackupWish } from "../../../../../protocols/index.ts";
import { useNow } from "../../../live/index.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { fullTime, momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { bytes } from "../bytes.ts";
import { changes, useAct, useKeys, usePlaces, useSchedules, useSnapshots, useTasks } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { folderAdvice, inPlace, placesToUse, placeText, storageText } from "./where.ts";
import { ago, everywhere, nextRunMs, standingOf } from "./words.ts";

/** How backups stand, in one glance, and the button that makes one. */
export function State() {
  const act = useAct();
  const nowMs = useNow(10_000, true);
  const [asked, setAsked] = useState<string>();
  const [chosen, setChosen] = useState<string>();
  const snapshots = useSnapshots();
  const tasks = useTasks();
  const schedules = useSchedules();
  const keys = useKeys();
  const places = usePlaces();
  const fault = snapshots.error ?? tasks.error ?? schedules.error ?? keys.error ?? places.error;
  const known =
    snapshots.data && tasks.data && schedules.data && keys.data && places.data
      ? { ...snapshots.data, ...tasks.data, ...schedules.data, keys: keys.data, places: places.data }
      : undefined;
  const standing = known && standingOf(known, nowMs);
  const newest = known && everywhere(known).at(-1);
  const usable = known === undefined ? [] : placesToUse(known.places);
  const place = usable.find((one) => one === chosen) ?? usable[0];
  const nextMs = known && nextRunMs(known.schedules);
  const isUnderWay = (sort: "run" | "drill"): boolean =>
    known?.tasks.some((task) => task.sort === sort && task.endedAtMs === undefined) === true;
  const start = async (wish: BackupWish<"run" | "drill">) => {
    const task = await act(() => changes.start(wish));
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
                <li key={one}>
                  <Told text={one} />
                </li>
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
      {known !== undefined && place === undefined && <NoPlace places={known.places} />}
      {known !== undefined && place !== undefined && (
        <div className="row field-row">
          {usable.length > 1 && (
            <Choice
              label="Back up into"
              data={usable.map((value) => ({ value, label: placeText(value) }))}
              value={place}
              onChange={setChosen}
            />
          )}
          <Button
            onClick={() => void start({ sort: "run", ...inPlace(place, known.places) })}
            disabled={known.keys.root === undefined || isUnderWay("run")}
          >
            {isUnderWay("run") ? "A backup is under way" : "Back up now"}
          </Button>
          {known.snapshots.length > 0 && (
            <Button variant="default" onClick={() => void start({ sort: "drill" })} disabled={isUnderWay("drill")}>
              {isUnderWay("drill") ? "A restore is being rehearsed" : "Rehearse a restore now"}
            </Button>
          )}
          <span className="dim break" role="status">
            {asked === undefined
              ? usable.length === 1 && `It goes into ${placeText(place)}.`
              : `Task ${asked} was added.`}
          </span>
        </div>
      )}
    </Part>
  );
}

/** Nothing here can take a backup: why, and what helps. */
function NoPlace({ places }: { readonly places: BackupPlaces }) {
  return (
    <Note tone="plain" title="There is no place for backups yet">
      <p>
        <Told text={storageText(places) ?? ""} /> Until then, keep them in a folder:
      </p>
      {folderAdvice(places).map(({ command, does }) => (
        <div key={command}>
          <Copyable text={command} label={`Copy: ${command}`} />
          <p>{does}</p>
        </div>
      ))}
    </Note>
  );
}
