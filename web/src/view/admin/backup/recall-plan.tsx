import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { BackupWish, Failure } from "../../../../../protocols/index.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { notices } from "../../../live/index.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Told } from "../../parts/told.tsx";
import { momentOf } from "../../parts/time.ts";
import { bytes } from "../bytes.ts";
import { changes, fetchDownload, useAct, useTasks } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { foundText, placeText, queryText, spanText, taskText, type PlaceResult, type RecallResult } from "./words.ts";

export type Query = Extract<BackupWish, { sort: "recall" }>["query"];

/** What a query comes to: it is fetched as an archive, or brought back into place. */
export function Plan({ plan, query }: { readonly plan: RecallResult; readonly query: Query }) {
  const act = useAct();
  const [way, setWay] = useState<"choose" | "ask" | "place">("choose");
  const { units, rows, threads, stripeBytes, snapshot, takesMs = 0, measured = false } = plan;
  if (units === 0) return <Note tone="plain">Nothing like this is in snapshot {snapshot.number}.</Note>;
  // The snapshot that was looked at, whatever comes meanwhile.
  const fixed: Query = { ...query, snapshot: snapshot.number };
  const download = () =>
    act(
      () => fetchDownload({ query: fixed }),
      ({ code }) => {
        if (code === "APPROVAL_NEEDED") setWay("ask");
        return code === "APPROVAL_NEEDED";
      },
    );
  return (
    <Note
      tone="plain"
      title={
        `${rows.toLocaleString("en")} records of ${threads.toLocaleString("en")} ` +
        `${threads === 1 ? "room, account or agent" : "rooms, accounts and agents"}, up to ${bytes(plan.bytes)}`
      }
    >
      <p className="flush">
        {queryText(query)}, of snapshot {snapshot.number} ({momentOf(snapshot.atMs)}). To bring it back, nodes read{" "}
        {bytes(stripeBytes)}, which takes about {spanText(takesMs)}
        {measured ? ", as earlier recalls did" : " (an estimate: there was no recall before)"}.
      </p>
      {way === "ask" && (
        <Approval wish={{ sort: "recall", query: fixed, as: "download" }} done={() => setWay("choose")} />
      )}
      {way === "place" && <IntoPlace query={fixed} />}
      {way === "choose" && (
        <div className="row wrap">
          <Button onClick={() => void download()}>Download</Button>
          <span className="dim">an archive with a folder for each room, account and agent: JSON lines and files</span>
          {isPlaceable(query) && (
            <>
              <Button variant="default" onClick={() => setWay("place")}>
                Bring back into rooms
              </Button>
              <span className="dim">messages come back into their rooms, as new messages marked as restored</span>
            </>
          )}
        </div>
      )}
    </Note>
  );
}

const isPlaceable = ({ type }: Query): boolean => type === undefined || type === "message" || type === "turn";

/** Asks the other admins to agree to a recall of what others wrote in private. */
function Approval({ wish, done }: { readonly wish: BackupWish; readonly done: () => void }) {
  const act = useAct();
  const [reason, setReason] = useState("");
  const faults = useFaults({ reason: "This is too long, or has signs that cannot be shown." });
  const ask = async () => {
    if ((await act(() => changes.ask(wish, reason.trim()), faults.take)) === undefined) return;
    notices.show("The other admins are asked. You find it under Approvals.");
    done();
  };
  return (
    <Form id="approval" faults={faults} className="row field-row" label="Ask for approval" onSubmit={ask}>
      <TextInput
        className="grow"
        label="This shows what others wrote in private, so a second admin has to agree. Why is it needed?"
        error={faults.of("reason")}
        value={reason}
        maxLength={wireLimits.backupReasonCharsMax}
        onChange={(event) => setReason(event.currentTarget.value)}
        data-autofocus
        required
      />
      <Button type="submit" disabled={reason.trim() === ""}>
        Ask for approval
      </Button>
    </Form>
  );
}

type Place = Extract<BackupWish, { sort: "place" }>;

const living = {
  skip: "Bring back only what does not exist any more",
  edited: "Also bring back old texts of messages that were edited since",
  again: "Bring back everything, also what still exists",
} as const;

const newRecall = (): string =>
  [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Chooses the rules, looks at what would come by them, and brings it back. */
function IntoPlace({ query }: { readonly query: Query }) {
  const act = useAct();
  const { data } = useTasks();
  const [rules, setRules] = useState<Pick<Place, "existing" | "deleted" | "remake">>({ existing: "skip" });
  const [looked, setLooked] = useState<{ readonly id: string; readonly wish: Place }>();
  const [asking, setAsking] = useState(false);
  const change = (more: Partial<typeof rules>) => {
    setRules({ ...rules, ...more });
    setLooked(undefined);
    setAsking(false);
  };
  const task = data?.tasks.find(({ id }) => id === looked?.id);
  const faults = useFaults();
  /** How much has some words in it says what others wrote: a second admin agrees to that. */
  const refused = (reason: Failure): boolean => {
    if (reason.code !== "APPROVAL_NEEDED") return faults.take(reason);
    setAsking(true);
    return true;
  };
  const look = async () => {
    const wish: Place = { sort: "place", query, recall: newRecall(), ...rules };
    setAsking(false);
    const begun = await act(() => changes.start({ ...wish, dryRun: true }), refused);
    setLooked({ id: begun?.id ?? "", wish });
  };
  const bring = async () => {
    if (looked === undefined) return;
    const begun = await act(() => changes.start(looked.wish), refused);
    if (begun === undefined) return;
    setLooked(undefined);
    notices.show(`Task ${begun.id} brings it back. You find it under Tasks.`);
  };
  const would = task?.state === "done" ? (task.result as PlaceResult) : undefined;
  return (
    <>
      <Form id="into-place" faults={faults} className="backup-form" label="How it comes back" onSubmit={look}>
        <div className="row field-row">
          <Choice
            className="grow"
            label="What still exists"
            data={Object.entries(living).map(([value, label]) => ({ value, label }))}
            value={rules.existing ?? "skip"}
            onChange={(chosen) => change({ existing: chosen as keyof typeof living })}
          />
          <Choice
            label="What was deleted since then"
            data={[
              { value: "", label: "stays deleted" },
              { value: "deleted", label: "comes back as well" },
            ]}
            value={rules.deleted === true ? "deleted" : ""}
            onChange={(chosen) => change({ deleted: chosen !== "" })}
          />
          <Choice
            label="A room or agent that no longer exists"
            data={[
              { value: "", label: "does not come back" },
              { value: "remake", label: "is made again" },
            ]}
            value={rules.remake === true ? "remake" : ""}
            onChange={(chosen) => change({ remake: chosen !== "" })}
          />
          <Button type="submit" variant="default">
            What would come back?
          </Button>
        </div>
        {task !== undefined && would === undefined && (
          <p className="dim" role="status">
            <Told text={taskText(task)} />
          </p>
        )}
        {would !== undefined && (
          <div role="status">
            <p className="flush">
              {placeText(would)} It takes about {spanText(would.takesMs)}. Nothing that exists is changed.
            </p>
            <ul className="faults">
              {foundText(would).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </div>
        )}
        {would !== undefined && would.restored > 0 && !asking && (
          <div className="row">
            <Button onClick={() => void bring()}>Bring back {counted(would.restored, "message")}</Button>
          </div>
        )}
      </Form>
      {asking && looked !== undefined && <Approval wish={looked.wish} done={() => setLooked(undefined)} />}
    </>
  );
}
