import { Button, TextInput } from "@mantine/core";
import { useId, useState } from "react";
import type { BackupWish } from "../../../../../protocols/index.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { useCatalog, usePeople, useRooms } from "../../lists.ts";
import { useFaults } from "../../faults.ts";
import { Form } from "../../form.tsx";
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
  const faults = useFaults({
    thread: "The name of a room or an agent, as it is in links: lobby, ada.helper.",
    person: "The name of an account, such as ada.",
    text: "These are too many words.",
    fromMs: "A day and a time, before the one in “Before”.",
    toMs: "A day and a time, after the one in “From”.",
  });
  const look = async () => {
    const query = queryOf(fields);
    const begun = await act(() => changes.start({ sort: "recall", query }), faults.take);
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
      <Form id="recall" faults={faults} className="backup-form" label="What to bring back" onSubmit={look}>
        <div className="row field-row">
          <Choice
            label="Bring back"
            data={Object.entries(ofs).map(([value, label]) => ({ value, label }))}
            value={fields.of}
            onChange={(chosen) => change({ of: chosen as Fields["of"], name: "", author: "" })}
          />
          {needsName && (
            <Name fields={fields} change={change} fault={faults.of(fields.of === "person" ? "person" : "thread")} />
          )}
          {fields.of === "room" && (
            <Person
              label="Written by"
              value={fields.author}
              onChange={(author) => change({ author })}
              fault={faults.of("person")}
            />
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
            error={faults.of("text")}
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
            error={faults.of("fromMs")}
            value={fields.from}
            onChange={(event) => change({ from: event.currentTarget.value })}
          />
          <TextInput
            type="datetime-local"
            label="Before"
            error={faults.of("toMs")}
            value={fields.to}
            onChange={(event) => change({ to: event.currentTarget.value })}
          />
          <Button type="submit" variant="default" disabled={needsName && fields.name.trim() === ""}>
            Show how much it is
          </Button>
        </div>
      </Form>
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
  readonly fault: string | undefined;
}

function Name({ fields: { of, name }, change, fault }: Chosen) {
  const picked = { value: name, onChange: (next: string) => change({ name: next }), fault };
  if (of === "person") return <Person label="Who" {...picked} />;
  if (of === "room") return <Room {...picked} />;
  return (
    <TextInput
      label="Which"
      placeholder="ada.helper"
      error={fault}
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
  readonly fault?: string | undefined;
}

/** A room: one's own and public ones are offered; any can be named, also one that is gone. */
function Room({ value, onChange, fault }: Picked) {
  const own = useRooms().data?.rooms.map(({ room }) => room) ?? [];
  const found = useCatalog("rooms", value.trim()).data?.rows.map(({ key }) => key) ?? [];
  return (
    <Named
      label="Which"
      placeholder="lobby"
      offered={[...own, ...found]}
      value={value}
      onChange={onChange}
      fault={fault}
      required
    />
  );
}

function Person({ label, value, onChange, fault }: Picked & { readonly label: string }) {
  const people = usePeople().map(({ key }) => key);
  const isAsked = label === "Who";
  return (
    <Named
      label={label}
      placeholder={isAsked ? "ada" : "anybody"}
      offered={people}
      value={value}
      onChange={onChange}
      fault={fault}
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
  readonly fault: string | undefined;
  readonly required: boolean;
}) {
  const list = useId();
  return (
    <>
      <TextInput
        label={props.label}
        placeholder={props.placeholder}
        error={props.fault}
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
