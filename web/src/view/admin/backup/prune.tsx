import { Button } from "@mantine/core";
import { useState } from "react";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Told } from "../../parts/told.tsx";
import { Part } from "../../settings/part.tsx";
import { changes, useAct, usePlaces, useSnapshots, useTasks } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { keepOf, Keeps, keptIn, type Keep } from "./keeps.tsx";
import { inPlace, placeText, storageNodes } from "./where.ts";
import { pruneText, taskText, type PruneResult } from "./words.ts";

/** Removes old snapshots: first it says which would go. */
export function Prune() {
  const act = useAct();
  const { ask } = useDialogs();
  const { data } = useTasks();
  const [kept, setKept] = useState(keptIn(undefined));
  const [looked, setLooked] = useState<{ readonly id: string; readonly keep: Keep; readonly folder: object }>();
  const snapshots = useSnapshots().data?.snapshots ?? [];
  const { data: places } = usePlaces();
  const [chosen, setChosen] = useState<string>();
  const keep = keepOf(kept);
  const inFolders =
    places?.offered.filter((path) => places.folders.some((one) => one.path === path && one.snapshots > 0)) ?? [];
  const having = [...(snapshots.length > 0 ? [storageNodes] : []), ...inFolders];
  const place = having.find((one) => one === chosen) ?? having[0];
  const task = data?.tasks.find(({ id }) => id === looked?.id);
  const plan = task?.state === "done" ? (task.result as PruneResult) : undefined;
  const faults = useFaults();
  const preview = async () => {
    if (places === undefined || place === undefined) return;
    const folder = inPlace(place, places);
    const begun = await act(() => changes.start({ sort: "prune", keep, ...folder }), faults.take);
    if (begun !== undefined) setLooked({ id: begun.id, keep, folder });
  };
  const remove = async () => {
    if (looked === undefined || plan === undefined) return;
    const question = {
      title: `Remove ${counted(plan.removed.length, "snapshot")} for good?`,
      body: <p>{pruneText(plan)} This cannot be undone.</p>,
      action: "Remove",
      grave: true,
    };
    if (!(await ask(question))) return;
    const begun = await act(() => changes.start({ sort: "prune", keep: looked.keep, apply: true, ...looked.folder }));
    if (begun !== undefined) setLooked(undefined);
  };
  if (place === undefined) return null;
  return (
    <Part
      title="Prune"
      about={
        "Deletes old snapshots. Choose how many to keep: the newest ones, and one for each of the last hours, " +
        "days, weeks, months and years. The newest snapshot and snapshots under a legal hold are always kept."
      }
    >
      {(having.length > 1 || place !== storageNodes) && (
        <Choice
          label="Where"
          data={having.map((value) => ({ value, label: placeText(value) }))}
          value={place}
          onChange={(next) => {
            setChosen(next);
            setLooked(undefined);
          }}
        />
      )}
      <Form id="prune" faults={faults} className="row field-row keeps" label="What to keep" onSubmit={preview}>
        <Keeps
          kept={kept}
          change={(next) => {
            setKept(next);
            setLooked(undefined);
          }}
        />
        <Button type="submit" variant="default" disabled={Object.keys(keep).length === 0}>
          What would be removed?
        </Button>
      </Form>
      {task !== undefined && plan === undefined && (
        <p className="dim" role="status">
          <Told text={taskText(task)} />
        </p>
      )}
      {plan !== undefined && (
        <Note tone={plan.removed.length === 0 ? "plain" : "warn"} title={pruneText(plan)}>
          <ul className="faults">
            {plan.kept.map(({ snapshot, by }) => (
              <li key={snapshot}>
                {snapshot} stays: {by.join(", ")}
              </li>
            ))}
          </ul>
          {plan.removed.length > 0 && (
            <Button color="red.9" onClick={() => void remove()}>
              Remove {counted(plan.removed.length, "snapshot")}
            </Button>
          )}
        </Note>
      )}
    </Part>
  );
}
