import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { BackupPlaces, BackupSchedule, BackupWish, Failure } from "../../../../../protocols/index.ts";
import { useNow } from "../../../live/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { nameRule, useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { changes, useAct, usePlaces, useSchedules } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { keepOf, Keeps, keptIn } from "./keeps.tsx";
import { folderIn, inPlace, placesToUse, placeText, storageNodes, whereText } from "./where.ts";
import { cronText, nextTimes, noZone, wishText } from "./words.ts";

const common = {
  "0 3 * * *": "Every day at 03:00",
  "0 * * * *": "Every hour",
  "*/15 * * * *": "Every 15 minutes",
  "0 3 * * 1": "Every Monday at 03:00",
  "0 3 1 * *": "On day 1 of each month at 03:00",
} as const;

/** What a schedule can begin. */
const wishes: Readonly<Record<string, { readonly label: string; readonly wish: BackupWish }>> = {
  run: { label: "Backs up", wish: { sort: "run" } },
  shards: { label: "Checks every stored piece", wish: { sort: "verify", depth: "shards" } },
  data: { label: "Checks by decrypting everything", wish: { sort: "verify", depth: "data" } },
  drill: { label: "Rehearses a restore", wish: { sort: "drill" } },
  prune: { label: "Removes old snapshots", wish: { sort: "prune", keep: keepOf(keptIn(undefined)), apply: true } },
};

/** What is none of them the page cannot change. */
function keyOf(wish: BackupWish): string {
  if (wish.sort === "verify") return wish.depth;
  return wish.sort === "prune" && wish.apply !== true ? "look" : wish.sort;
}

/** When backups are made and checked by themselves. */
export function Schedules() {
  const { data, error } = useSchedules();
  const { data: places } = usePlaces();
  const [edited, setEdited] = useState<BackupSchedule>();
  return (
    <Part
      title="Schedules"
      about={
        "A schedule runs as long as any node is up; a backup into a folder needs the node that has the folder. " +
        "If all nodes were down at that time, the backup runs once when they are back."
      }
    >
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data !== undefined && data.schedules.length > 0 && (
        <ul className="lines">
          {data.schedules.map((schedule) => (
            <Row key={schedule.name} schedule={schedule} edit={() => setEdited(schedule)} />
          ))}
        </ul>
      )}
      {places !== undefined && placesToUse(places).length === 0 && edited === undefined && (
        <p className="dim">
          Nothing can be scheduled until there is a place for backups. The part “State” above says how to make one.
        </p>
      )}
      {places !== undefined && (placesToUse(places).length > 0 || edited !== undefined) && (
        <Editor key={edited?.name ?? ""} schedule={edited} places={places} done={() => setEdited(undefined)} />
      )}
    </Part>
  );
}

function Row({ schedule, edit }: { readonly schedule: BackupSchedule; readonly edit: () => void }) {
  const act = useAct();
  const { ask } = useDialogs();
  const { name, cron, timeZone = "UTC", wish, nextAtMs, by } = schedule;
  const remove = async () => {
    const question = {
      title: `Remove the schedule ${name}?`,
      body: <p>It starts no more tasks. What it made stays.</p>,
      action: "Remove",
      grave: true,
    };
    if (await ask(question)) await act(() => changes.removeSchedule(name));
  };
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="line-title break">
            {name}{" "}
            <span className="dim">
              {wishes[keyOf(wish)]?.label ?? wishText(wish)}
              {wishes[keyOf(wish)] !== undefined && whereText(wish)}
            </span>
          </span>
          <span className="dim break">
            {`${cronText(cron) ?? cron} (${timeZone}) · next ${nextAtMs === undefined ? "never" : momentOf(nextAtMs)}`}
            {` · by ${by}`}
          </span>
        </span>
        {wishes[keyOf(wish)] !== undefined && (
          <Button variant="default" size="xs" aria-label={`Change ${name}`} onClick={edit}>
            Change
          </Button>
        )}
        <Button variant="default" size="xs" aria-label={`Remove ${name}`} onClick={() => void remove()}>
          Remove
        </Button>
      </div>
    </li>
  );
}

function Editor(props: {
  readonly schedule: BackupSchedule | undefined;
  readonly places: BackupPlaces;
  readonly done: () => void;
}) {
  const { schedule, places, done } = props;
  const act = useAct();
  const nowMs = useNow(30_000, true);
  const [name, setName] = useState(schedule?.name ?? "nightly");
  const [does, setDoes] = useState(schedule === undefined ? "run" : keyOf(schedule.wish));
  const [kept, setKept] = useState(keptIn(schedule?.wish));
  const there = schedule === undefined ? undefined : folderIn(schedule.wish);
  const usable = [
    ...new Set([...(schedule === undefined ? [] : [there?.path ?? storageNodes]), ...placesToUse(places)]),
  ];
  const [place, setPlace] = useState(usable[0] ?? storageNodes);
  const [cron, setCron] = useState(schedule?.cron ?? "0 3 * * *");
  const [timeZone, setTimeZone] = useState(schedule?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const faults = useFaults({
    name: nameRule,
    cron: "Five parts: minute, hour, day of the month, month, day of the week.",
    timeZone: "The name of a time zone, such as Europe/Vienna or UTC.",
    keep: "Whole numbers, from 1 to 9,999.",
  });
  const isInFolders = does !== "drill";
  const before = schedule?.wish;
  // What the command set, and this form does not show.
  const within =
    before?.sort === "prune" && before.keep.withinMs !== undefined ? { withinMs: before.keep.withinMs } : {};
  const keepsNothing = does === "prune" && Object.keys({ ...within, ...keepOf(kept) }).length === 0;
  const next = nextTimes(cron, timeZone, nowMs);
  const changedBy = (reason: Failure): boolean => {
    if (reason.code !== "CHANGED_MEANWHILE") return faults.take(reason);
    faults.say(
      "Somebody else has made or changed a schedule of this name meanwhile. Nothing was saved; look at it " +
        "above, then change it again.",
    );
    return true;
  };
  const save = async () => {
    const chosen = wishes[does]?.wish;
    if (chosen === undefined) return;
    const folder = !isInFolders ? {} : place === there?.path ? { folder: there } : inPlace(place, places);
    const wish: BackupWish =
      chosen.sort === "prune"
        ? { ...chosen, keep: { ...within, ...keepOf(kept) }, ...folder }
        : { ...chosen, ...folder };
    // The form was filled from what was there: a change that somebody made meanwhile is not overwritten.
    const seen = schedule && {
      cron: schedule.cron,
      ...(schedule.timeZone !== undefined && { timeZone: schedule.timeZone }),
      wish: schedule.wish,
    };
    const saved = await act(
      () =>
        changes.putSchedule({
          name: name.trim(),
          cron: cron.trim(),
          timeZone: timeZone.trim(),
          wish,
          seen: seen ?? null,
        }),
      changedBy,
    );
    if (saved !== undefined) done();
  };
  return (
    <Form
      id="schedule"
      about={schedule?.name ?? ""}
      faults={faults}
      className="backup-form"
      label={schedule === undefined ? "Add a schedule" : `Change ${schedule.name}`}
      onSubmit={save}
    >
      <div className="row field-row">
        <TextInput
          label="Name"
          value={name}
          maxLength={64}
          error={faults.of("name")}
          readOnly={schedule !== undefined}
          onChange={(event) => setName(event.currentTarget.value)}
          required
        />
        <Choice
          label="What it does"
          data={Object.entries(wishes).flatMap(([value, { label }]) =>
            value === "drill" && !usable.includes(storageNodes) ? [] : [{ value, label }],
          )}
          value={does}
          onChange={(chosen) => setDoes(chosen)}
        />
        {isInFolders && (usable.length > 1 || usable[0] !== storageNodes) && (
          <Choice
            label="Where"
            data={usable.map((value) => ({ value, label: placeText(value) }))}
            value={place}
            onChange={setPlace}
          />
        )}
        <Choice
          label="When"
          data={[
            ...Object.entries(common).map(([value, label]) => ({ value, label })),
            { value: "", label: "At other times" },
          ]}
          value={cron in common ? cron : ""}
          onChange={(chosen) => chosen !== "" && setCron(chosen)}
        />
      </div>
      {does === "prune" && (
        <div className="row field-row keeps">
          <Keeps kept={kept} change={setKept} />
        </div>
      )}
      <div className="row field-row">
        <TextInput
          label="As cron fields"
          description="minute, hour, day of the month, month, day of the week"
          value={cron}
          maxLength={128}
          error={"fault" in next && next.fault !== noZone ? next.fault : faults.of("cron")}
          onChange={(event) => setCron(event.currentTarget.value)}
          required
        />
        <TextInput
          label="By the clock of"
          description="such as Europe/Vienna or UTC"
          error={"fault" in next && next.fault === noZone ? noZone : faults.of("timeZone")}
          value={timeZone}
          maxLength={64}
          onChange={(event) => setTimeZone(event.currentTarget.value)}
          required
        />
        <Button type="submit" disabled={"fault" in next || name.trim() === "" || keepsNothing}>
          {schedule === undefined ? "Add" : "Save"}
        </Button>
        {schedule !== undefined && (
          <Button variant="default" onClick={done}>
            Cancel
          </Button>
        )}
      </div>
      {"times" in next && (
        <p className="dim" role="status">
          {cronText(cron) ?? "At the times of this schedule"}. Next: {next.times.map(momentOf).join(" · ")}
        </p>
      )}
    </Form>
  );
}
