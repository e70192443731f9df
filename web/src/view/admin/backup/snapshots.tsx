import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { BackupHold, BackupSnapshot, VerifyBackup } from "../../../../../protocols/index.ts";
import { isDatedAhead } from "../../../../../protocols/admin/backup-dates.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { useNow } from "../../../live/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { fullTime, momentOf } from "../../parts/time.ts";
import { bytes } from "../bytes.ts";
import { changes, useAct, useHolds, useSnapshots } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { ago, depths, heldText } from "./words.ts";

/** So many are shown before somebody asks for more. */
const shownMax = 6;

/** One snapshot of a list: its number, when it was taken, how large it is, and what is wrong with it. */
export function SnapshotText(props: { readonly of: BackupSnapshot; readonly nowMs: number; readonly held?: boolean }) {
  const { of, nowMs, held = false } = props;
  return (
    <span className="grow">
      <span className="line-title">
        {of.number} <span className="dim">{momentOf(of.atMs)}</span>
      </span>
      <span className="dim break" title={fullTime(of.atMs)}>
        {ago(of.atMs, nowMs)} · {bytes(of.bytes)} in {counted(of.units, "part")}
        {isDatedAhead(of.atMs, nowMs) &&
          " · dated in the future, because a clock was ahead; removal of old snapshots skips it"}
        {held && " · held"}
        {of.lostUnits !== undefined && ` · ${counted(of.lostUnits, "part")} lost`}
        {of.missed.length > 0 && " · some rooms and accounts could not be read"}
      </span>
    </span>
  );
}

/** The snapshots, the newest first, on a line of time. */
export function Snapshots() {
  const act = useAct();
  const { data, error } = useSnapshots();
  const held = useHolds().data?.holds ?? [];
  const nowMs = useNow(10_000, true);
  const [all, setAll] = useState(false);
  const [depth, setDepth] = useState<VerifyBackup["depth"]>("shards");
  if (error !== null || data === undefined) return null;
  const newestFirst = data.snapshots.toReversed();
  const shown = all ? newestFirst : newestFirst.slice(0, shownMax);
  return (
    <Part
      title="Snapshots"
      about="Each snapshot holds the whole cluster at one moment. Data that did not change is stored only once."
    >
      {newestFirst.length === 0 ? (
        <p className="dim">There is none yet.</p>
      ) : (
        <>
          <Timeline snapshots={data.snapshots} />
          <ul className="lines">
            {shown.map((one) => (
              <li key={one.number}>
                <SnapshotText of={one} nowMs={nowMs} held={isHeld(one, held)} />
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Check snapshot ${one.number}`}
                  onClick={() => void act(() => changes.start({ sort: "verify", snapshot: one.number, depth }))}
                >
                  Check
                </Button>
              </li>
            ))}
          </ul>
          <div className="row field-row">
            <Choice
              label="A check reads"
              data={Object.entries(depths).map(([value, label]) => ({ value, label }))}
              value={depth}
              onChange={(chosen) => setDepth(chosen as VerifyBackup["depth"])}
            />
            <Button variant="default" onClick={() => void act(() => changes.start({ sort: "verify", depth }))}>
              Check all
            </Button>
            {newestFirst.length > shown.length && (
              <Button variant="default" onClick={() => setAll(true)}>
                Show all {newestFirst.length}
              </Button>
            )}
          </div>
        </>
      )}
    </Part>
  );
}

const isHeld = ({ number }: BackupSnapshot, holds: readonly BackupHold[]): boolean =>
  holds.some(({ on }) => "snapshot" in on && on.snapshot === number);

/** When snapshots were taken, from the first to the last; the list below says the same in words. */
function Timeline({ snapshots }: { readonly snapshots: readonly BackupSnapshot[] }) {
  const [first, last] = [snapshots[0], snapshots.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const span = last.atMs - first.atMs || 1;
  return (
    <div className="timeline" aria-hidden="true">
      <div className="timeline-line">
        {snapshots.map(({ number, atMs, missed, lostUnits = 0 }) => (
          <span
            key={number}
            className={missed.length + lostUnits > 0 ? "timeline-dot partly" : "timeline-dot"}
            style={{ left: `${((atMs - first.atMs) / span) * 100}%` }}
          />
        ))}
      </div>
      <div className="row dim timeline-ends">
        <span className="grow">{momentOf(first.atMs)}</span>
        <span>{momentOf(last.atMs)}</span>
      </div>
    </div>
  );
}

const things = { thread: "A room or agent", person: "A person", snapshot: "A snapshot" } as const;

/** How each of them is named. */
const holdRules: Readonly<Record<keyof typeof things, string>> = {
  thread: "The name of a room or an agent, as it is in links: lobby, or agent/ada.helper.",
  person: "The name of an account, such as ada.",
  snapshot: "The number of a snapshot, as it is listed above.",
};

/** Legal holds: what neither prune nor erasure takes away. */
export function Holds() {
  const act = useAct();
  const { ask } = useDialogs();
  const { data, error } = useHolds();
  const [thing, setThing] = useState<keyof typeof things>("thread");
  const [name, setName] = useState("");
  const [reason, setReason] = useState("");
  const faults = useFaults({
    on: holdRules[thing],
    reason: "This is too long, or has signs that cannot be shown.",
  });
  const add = async () => {
    const text = name.trim();
    const on =
      thing === "snapshot"
        ? { snapshot: Number(text) }
        : thing === "person"
          ? { person: text.includes("/") ? text : `user/${text}` }
          : { thread: text.includes("/") ? text : `room/${text}` };
    if ((await act(() => changes.hold({ on, reason: reason.trim() }), faults.take)) === undefined) return;
    setName("");
    setReason("");
  };
  const lift = async (hold: BackupHold) => {
    const question = {
      title: `Lift the hold on ${heldText(hold.on)}?`,
      body: (
        <p>Then the snapshots that it kept may be removed, and their keys destroyed. Reason given: {hold.reason}</p>
      ),
      action: "Lift",
      grave: true,
    };
    if (await ask(question)) await act(() => changes.lift(hold.id));
  };
  return (
    <Part
      title="Legal holds"
      about={
        "Data under a legal hold is kept: no snapshot that contains it is deleted, and the keys that open it are " +
        "not destroyed."
      }
    >
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data !== undefined && data.holds.length > 0 && (
        <ul className="lines">
          {data.holds.map((hold) => (
            <li key={hold.id}>
              <span className="grow">
                <span className="line-title break">{heldText(hold.on)}</span>
                <span className="dim break">
                  {hold.reason} · since {momentOf(hold.atMs)}, by {hold.by}
                </span>
              </span>
              <Button
                variant="default"
                size="xs"
                aria-label={`Lift the hold on ${heldText(hold.on)}`}
                onClick={() => void lift(hold)}
              >
                Lift
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Form id="hold" faults={faults} className="row field-row" label="Set a hold" onSubmit={add}>
        <Choice
          label="Hold"
          data={Object.entries(things).map(([value, label]) => ({ value, label }))}
          value={thing}
          onChange={(chosen) => setThing(chosen as keyof typeof things)}
        />
        <TextInput
          label={thing === "snapshot" ? "Its number" : "Its name"}
          placeholder={{ thread: "lobby", person: "ada", snapshot: "12" }[thing]}
          value={name}
          maxLength={100}
          {...(thing === "snapshot" && { inputMode: "numeric" })}
          error={faults.of("on")}
          onChange={(event) => setName(event.currentTarget.value)}
          required
        />
        <TextInput
          className="grow"
          label="Why"
          placeholder="Case 12"
          error={faults.of("reason")}
          value={reason}
          maxLength={wireLimits.backupReasonCharsMax}
          onChange={(event) => setReason(event.currentTarget.value)}
          required
        />
        <Button type="submit" disabled={name.trim() === "" || reason.trim() === ""}>
          Hold
        </Button>
      </Form>
    </Part>
  );
}
