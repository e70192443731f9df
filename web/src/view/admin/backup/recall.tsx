import { Button, TextInput } from "@mantine/core";
import { useId, useState, type SubmitEvent } from "react";
import type { BackupWish } from "../../../../../protocols/index.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { useCatalog, usePeople, useRooms } from "../../lists.ts";
import { Note } from "../../note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../time.ts";
import { changes, useAct, useSnapshots, useTasks } from "./asks.tsx";
import { Choice } from "./choice.tsx";
import { Plan } from "./recall-plan.tsx";
import { taskText, type RecallResult } from "./words.ts";

export type Query = Extract<BackupWish, { sort: "recall" }>["query"];

const ofs = { room: "A room", person: "A person", agent: "An agent", all: "Everything" } as const;

const types = {
  "": "Everything",
  message: "Messages",
  turn: "Conversations with agents",
  ".blob": "Pictures, sounds and other files",
  ".state": "The state: title, members, settings",
} as const;

/** What the fields say. */
interface Fields {
  readonly of: keyof typeof ofs;
  readonly name: string;
  /** Of a room: what this person wrote in it. */
  readonly author: string;
  readonly type: string;
  /** What the text of records has in it. */
  readonly text: string;
  readonly from: string;
  readonly to: string;
  /** A snapshot's number, or "" for the newest. */
  readonly snapshot: string;
}

const nothing: Fields = { of: "room", name: "", author: "", type: "", text: "", from: "", to: "", snapshot: "" };

const named = (kind: string, name: string): string => (name.includes("/") ? name : `${kind}/${name}`);

function queryOf({ of, name, author, type, text, from, to, snapshot }: Fields): Query {
  const person = of === "person" ? name : of === "room" ? author : "";
  return {
    ...(person !== "" && { person: named("user", person.trim()) }),
    ...((of === "room" || of === "agent") && { thread: named(of, name.trim()) }),
    ...(type !== "" && { type }),
    ...(text.trim() !== "" && { text: text.trim() }),
    ...(from !== "" && { fromMs: new Date(from).getTime() }),
    ...(to !== "" && { toMs: new Date(to).getTime() }),
    ...(snapshot !== "" && { snapshot: Number(snapshot) }),
  };
}

/** Brings back a room, a person's things, a kind of record, a stretch of time: first what it comes to, then all of it. */
export function Recall() {
  const act = useAct();
  const { data } = useTasks();
  const [fields, setFields] = useState(nothing);
  const [looked, setLooked] = useState<{ readonly id: string; readonly query: Query }>();
  const change = (more: Partial<Fields>) => {
    setFields({ ...fields, ...more });
    setLooked(undefined);
  };
  const task = data?.tasks.find(({ id }) => id === looked?.id);
  const look = async (event: SubmitEvent) => {
    event.preventDefault();
    const query = queryOf(fields);
    const begun = await act(() => changes.start({ sort: "recall", query }));
    if (begun !== undefined) setLooked({ id: begun.id, query });
  };
  const needsName = fields.of !== "all";
  const snapshots = useSnapshots();
  if (snapshots.data?.snapshots.length === 0)
    return (
      <Part
        title="Recall"
        about="Brings back data from a backup on the storage nodes. There is none yet. From a backup in a folder, run this in a terminal on the machine that has the folder: plexus backup recall --from FOLDER"
      >
        {null}
      </Part>
    );
  return (
    <Part title="Recall" about="You first see how much would come back. Data that exists now is not changed.">
      <form className="backup-form" aria-label="What to bring back" onSubmit={(event) => void look(event)}>
        <div className="row field-row">
          <Choice
            label="Bring back"
            data={Object.entries(ofs).map(([value, label]) => ({ value, label }))}
            value={fields.of}
            onChange={(chosen) => change({ of: chosen as Fields["of"], name: "", author: "" })}
          />
          {needsName && <Name fields={fields} change={change} />}
          {fields.of === "room" && (
            <Person label="Written by" value={fields.author} onChange={(author) => change({ author })} />
          )}
        </div>
        <div className="row field-row">
          <Choice
            label="Which kind of data"
            data={Object.entries(types).map(([value, label]) => ({ value, label }))}
            value={fields.type}
            onChange={(chosen) => change({ type: chosen })}
          />
          <TextInput
            label="With these words"
            placeholder="any"
            value={fields.text}
            maxLength={wireLimits.backupSearchCharsMax}
            onChange={(event) => change({ text: event.currentTarget.value })}
          />
          <Snapshot value={fields.snapshot} onChange={(snapshot) => change({ snapshot })} />
        </div>
        <div className="row field-row">
          <TextInput
            type="datetime-local"
            label="From"
            value={fields.from}
            onChange={(event) => change({ from: event.currentTarget.value })}
          />
          <TextInput
            type="datetime-local"
            label="Before"
            value={fields.to}
            onChange={(event) => change({ to: event.currentTarget.value })}
          />
          <Button type="submit" variant="default" disabled={needsName && fields.name.trim() === ""}>
            Show how much it is
          </Button>
        </div>
      </form>
      {task !== undefined && looked !== undefined && (
        <div className="backup-form" role="status">
          {task.state === "done" ? (
            <Plan plan={task.result as RecallResult} query={looked.query} />
          ) : (
            <Note tone={task.state === "failed" ? "bad" : "plain"}>{taskText(task)}</Note>
          )}
        </div>
      )}
    </Part>
  );
}

interface Chosen {
  readonly fields: Fields;
  readonly change: (more: Partial<Fields>) => void;
}

function Name({ fields: { of, name }, change }: Chosen) {
  if (of === "person") return <Person label="Who" value={name} onChange={(next) => change({ name: next })} />;
  if (of === "room") return <Room value={name} onChange={(next) => change({ name: next })} />;
  return (
    <TextInput
      label="Which"
      placeholder="ada.helper"
      value={name}
      maxLength={100}
      onChange={(event) => change({ name: event.currentTarget.value })}
      required
    />
  );
}

/** So many names are offered below a field. */
const offeredMax = 50;

interface Picked {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A room: one's own and public ones are offered; any can be named, also one that is gone. */
function Room({ value, onChange }: Picked) {
  const own = useRooms().data?.rooms.map(({ room }) => room) ?? [];
  const found = useCatalog("rooms", value.trim()).data?.rows.map(({ key }) => key) ?? [];
  return (
    <Named label="Which" placeholder="lobby" offered={[...own, ...found]} value={value} onChange={onChange} required />
  );
}

function Person({ label, value, onChange }: Picked & { readonly label: string }) {
  const people = usePeople().map(({ key }) => key);
  const isAsked = label === "Who";
  return (
    <Named
      label={label}
      placeholder={isAsked ? "ada" : "anybody"}
      offered={people}
      value={value}
      onChange={onChange}
      required={isAsked}
    />
  );
}

/** A name that is typed or taken from those that are offered. */
function Named(props: {
  readonly label: string;
  readonly placeholder: string;
  readonly offered: readonly string[];
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly required: boolean;
}) {
  const list = useId();
  return (
    <>
      <TextInput
        label={props.label}
        placeholder={props.placeholder}
        list={list}
        autoComplete="off"
        value={props.value}
        maxLength={100}
        onChange={(event) => props.onChange(event.currentTarget.value)}
        required={props.required}
      />
      <datalist id={list}>
        {[...new Set(props.offered)].slice(0, offeredMax).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}

function Snapshot({ value, onChange }: Picked) {
  const all = useSnapshots().data?.snapshots.toReversed() ?? [];
  return (
    <Choice
      className="grow"
      label="Which snapshot"
      data={[
        { value: "", label: "in the newest snapshot" },
        ...all.map(({ number, atMs }) => ({
          value: String(number),
          label: `in snapshot ${number}, ${momentOf(atMs)}`,
        })),
      ]}
      value={value}
      onChange={(chosen) => onChange(chosen)}
    />
  );
}
