import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { cut } from "../../../../../protocols/text/text.ts";
import { useCatalog, useIsListed, usePeople, useRooms } from "../../parts/lists.ts";
import { asked } from "../../../wire/index.ts";
import { useFaults, type Faults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { changes, useAct, useSnapshots, useTasks } from "./queries.tsx";
import { Choice } from "./choice.tsx";
import { Plan, type Query } from "./recall-plan.tsx";
import { taskText, type RecallResult } from "./words.ts";

const ofs = {
  room: "A room",
  thread: "A thread of a room",
  person: "A person",
  agent: "An agent",
  all: "Everything",
} as const;

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
  /** Of a thread of a room: the number of the message that it answers. */
  readonly replies: string;
  /** Of a room: what this person wrote in it. */
  readonly author: string;
  readonly type: string;
  /** What the text of records has in it. */
  readonly text: string;
  readonly from: string;
  readonly to: string;
  /** When it was as it is to come back; "": now. */
  readonly at: string;
  /** A snapshot's number, or "" for the newest. */
  readonly snapshot: string;
}

const nothing: Fields = {
  of: "room",
  name: "",
  replies: "",
  author: "",
  type: "",
  text: "",
  from: "",
  to: "",
  at: "",
  snapshot: "",
};

const named = (kind: string, name: string): string => (name.includes("/") ? name : `${kind}/${name}`);

const msOf = (moment: string): number => new Date(moment).getTime();

function queryOf({ of, name, replies, author, type, text, from, to, at, snapshot }: Fields): Query {
  const isInRoom = of === "room" || of === "thread";
  const person = of === "person" ? name : isInRoom ? author : "";
  return {
    ...(person !== "" && { person: named("user", person.trim()) }),
    ...((isInRoom || of === "agent") && { thread: named(isInRoom ? "room" : of, name.trim()) }),
    ...(of === "thread" && { replies: Number(replies) }),
    ...(of !== "thread" && type !== "" && { type }),
    ...(text.trim() !== "" && { text: text.trim() }),
    ...(from !== "" && { fromMs: msOf(from) }),
    ...(to !== "" && { toMs: msOf(to) }),
    ...(at !== "" && { atMs: msOf(at) }),
    ...(snapshot !== "" && { snapshot: Number(snapshot) }),
  };
}

const rules = {
  thread: "The name of a room or an agent, as it is in links: lobby, ada.helper.",
  replies: "The number of a message: a thread is named by its first one.",
  person: "The name of an account, such as ada.",
  text: "These are too many words.",
  fromMs: "A day and a time, before the one in “Before”.",
  toMs: "A day and a time, after the one in “From”.",
  atMs: "A day and a time.",
};

/** The field that is wrong before anybody is asked. */
function faultIn({ of, replies, from, to }: Fields): keyof typeof rules | undefined {
  if (of === "thread" && !/^[1-9]\d{0,14}$/.test(replies)) return "replies";
  return from !== "" && to !== "" && msOf(from) >= msOf(to) ? "fromMs" : undefined;
}

/** Brings back a room, a thread, a person's things, a kind of record, a stretch of time: first what it comes to, then
 *  all of it. */
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
  const faults = useFaults(rules);
  const plan = async () => {
    const wrong = faultIn(fields);
    if (wrong !== undefined) return faults.say(rules[wrong], wrong);
    const query = queryOf(fields);
    const begun = await act(() => changes.start({ sort: "recall", query }), faults.take);
    if (begun !== undefined) setLooked({ id: begun.id, query });
  };
  const snapshots = useSnapshots();
  if (snapshots.data?.snapshots.length === 0)
    return (
      <Part
        title="Recall"
        about={
          "Brings back data from a backup on the storage nodes. There is none yet. From a backup in a folder, " +
          "run this in a terminal on the machine that has the folder: `plexus backup recall --from FOLDER`"
        }
      >
        {null}
      </Part>
    );
  const parts = { fields, change, faults };
  return (
    <Part title="Recall" about="You first see how much would come back. Data that exists now is not changed.">
      <Form id="recall" faults={faults} className="backup-form" label="What to bring back" onSubmit={plan}>
        <Whose {...parts} />
        <What {...parts} />
        <When {...parts} />
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

interface Parts {
  readonly fields: Fields;
  readonly change: (more: Partial<Fields>) => void;
  readonly faults: Faults;
}

/** Of a room, of a person. */
function Whose({ fields, change, faults }: Parts) {
  const { of, name, replies, author } = fields;
  const isInRoom = of === "room" || of === "thread";
  return (
    <div className="row field-row">
      <Choice
        label="Bring back"
        data={Object.entries(ofs).map(([value, label]) => ({ value, label }))}
        value={of}
        onChange={(chosen) => change({ of: chosen as Fields["of"], name: "", replies: "", author: "" })}
      />
      {of !== "all" && (
        <Name fields={fields} change={change} fault={faults.of(of === "person" ? "person" : "thread")} />
      )}
      {of === "thread" && (
        <Thread
          room={name.trim()}
          value={replies}
          onChange={(chosen) => change({ replies: chosen })}
          fault={faults.of("replies")}
        />
      )}
      {isInRoom && (
        <Person
          label="Written by"
          value={author}
          onChange={(chosen) => change({ author: chosen })}
          fault={faults.of("person")}
        />
      )}
    </div>
  );
}

/** Of which kind, and with which words. */
function What({ fields, change, faults }: Parts) {
  return (
    <div className="row field-row">
      {fields.of !== "thread" && (
        <Choice
          label="Which kind of data"
          data={Object.entries(types).map(([value, label]) => ({ value, label }))}
          value={fields.type}
          onChange={(chosen) => change({ type: chosen })}
        />
      )}
      <TextInput
        label="With these words"
        placeholder="any"
        error={faults.of("text")}
        value={fields.text}
        maxLength={wireLimits.backupSearchCharsMax}
        onChange={(event) => change({ text: event.currentTarget.value })}
      />
      <Moment label="From" value={fields.from} onChange={(from) => change({ from })} fault={faults.of("fromMs")} />
      <Moment label="Before" value={fields.to} onChange={(to) => change({ to })} fault={faults.of("toMs")} />
    </div>
  );
}

/** As it was then, or in one snapshot: what is chosen last. */
function When({ fields, change, faults }: Parts) {
  const needsName = fields.of !== "all";
  return (
    <>
      <div className="row field-row">
        <Moment
          label="As it was on"
          value={fields.at}
          onChange={(at) => change({ at, snapshot: "" })}
          fault={faults.of("atMs")}
        />
        <Snapshot
          at={fields.at}
          value={fields.snapshot}
          onChange={(snapshot) => change({ snapshot, ...(snapshot !== "" && { at: "" }) })}
        />
        <Button type="submit" variant="default" disabled={needsName && fields.name.trim() === ""}>
          Show how much it is
        </Button>
      </div>
      <p className="dim flush">Days and times are in your time zone, {zoneText()}.</p>
    </>
  );
}

/** `Europe/Vienna, UTC+1`. */
function zoneText(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts();
  const offset = parts.find(({ type }) => type === "timeZoneName")?.value.replace("GMT", "UTC") ?? "UTC";
  return timeZone === "UTC" ? timeZone : `${timeZone}, ${offset}`;
}

function Moment({ label, value, onChange, fault }: Picked & { readonly label: string }) {
  return (
    <TextInput
      type="datetime-local"
      label={label}
      error={fault}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
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
  if (of === "room" || of === "thread") return <Room label={of === "thread" ? "In which room" : "Which"} {...picked} />;
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
function Room({ label, value, onChange, fault }: Picked & { readonly label: string }) {
  const own = useRooms().data?.rooms.map(({ room }) => room) ?? [];
  const found = useCatalog("rooms", value.trim()).data?.rows.map(({ key }) => key) ?? [];
  return (
    <Named
      label={label}
      placeholder="lobby"
      offered={[...own, ...found].map(offer)}
      value={value}
      onChange={onChange}
      fault={fault}
      required
    />
  );
}

/** A thread of one of one's rooms, by what was written in it last; any can be named by the message that it answers. */
function Thread({ room, value, onChange, fault }: Picked & { readonly room: string }) {
  const isOwn = useIsListed(room);
  const { data } = useQuery({
    queryKey: ["recall", "threads", room],
    queryFn: () => asked("threads", { room }),
    enabled: isOwn,
    staleTime: 5_000,
  });
  const found = data?.threads.toReversed() ?? [];
  return (
    <Named
      label="Its first message"
      placeholder="120"
      offered={found.map(({ root, count, last: { author, text } }) => ({
        value: String(root),
        label: `${counted(count, "reply", "replies")}, the last by ${author.replace(/^.*\//, "")}: ${cut(text, 60)}`,
      }))}
      value={value}
      onChange={onChange}
      fault={fault}
      required
    />
  );
}

/** A person: the first on the list and those that fit what is typed are offered; any can be named, also one that is
 *  gone. */
function Person({ label, value, onChange, fault }: Picked & { readonly label: string }) {
  const first = usePeople().map(({ key }) => key);
  const found = useCatalog("people", value.trim()).data?.rows.map(({ key }) => key) ?? [];
  const isAsked = label === "Who";
  return (
    <Named
      label={label}
      placeholder={isAsked ? "ada" : "anybody"}
      offered={[...found, ...first].map(offer)}
      value={value}
      onChange={onChange}
      fault={fault}
      required={isAsked}
    />
  );
}

/** What is offered below a field: a value, and what it is. */
interface Offer {
  readonly value: string;
  readonly label?: string;
}

const offer = (value: string): Offer => ({ value });

/** A name that is typed or taken from those that are offered. */
function Named(props: {
  readonly label: string;
  readonly placeholder: string;
  readonly offered: readonly Offer[];
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
        {[...new Map(props.offered.map((one) => [one.value, one])).values()].slice(0, offeredMax).map((one) => (
          <option key={one.value} value={one.value} label={one.label} />
        ))}
      </datalist>
    </>
  );
}

function Snapshot({ at, value, onChange }: Picked & { readonly at: string }) {
  const all = useSnapshots().data?.snapshots.toReversed() ?? [];
  return (
    <Choice
      className="grow"
      label="Which snapshot"
      data={[
        { value: "", label: at === "" ? "in the newest snapshot" : "in the newest one of that time" },
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
