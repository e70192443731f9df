import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { CatalogRow } from "../../../../protocols/index.ts";
import { hash32, isKey } from "../../../../protocols/ids.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { sought } from "../../../../protocols/text/names.ts";
import { asWritten } from "../../../../protocols/text/text.ts";
import { isText, notices, queryKeys, useKept, useSession } from "../../live/index.ts";
import { roomNameFrom } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Arrange } from "./arrange.tsx";
import { useDialogs, type Opened } from "./dialogs.tsx";
import { AgentFields } from "../agent/agent-fields.tsx";
import { RoomFields } from "../room/room-fields.tsx";
import { nameRule, useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { Note } from "../parts/note.tsx";
import { useCatalog, useModels, useRooms } from "../parts/lists.ts";
import { PickList } from "../parts/pick-list.tsx";

/** All of them; one is open at most. */
export const Creating = ({ open, onClose }: { readonly open: Opened | undefined; readonly onClose: () => void }) => (
  <>
    <FindRoom opened={open === "findRoom"} onClose={onClose} />
    <CreateRoom opened={open === "createRoom"} onClose={onClose} />
    <FindPerson opened={open === "findPerson"} onClose={onClose} />
    <CreateAgent opened={open === "createAgent"} onClose={onClose} />
    <Arrange opened={open === "arrange"} onClose={onClose} />
  </>
);

/** Public rooms to join, and the way to a new one. */
function FindRoom({ opened, onClose }: DialogProps) {
  const session = useSession();
  const { open } = useDialogs();
  const navigate = useNavigate();
  const joined = new Set(useRooms().data?.rooms.map((room) => room.room));
  const enter = async (row: CatalogRow) => {
    if (!joined.has(row.key)) {
      const result = await session.changeRoom("join", row.key, {});
      if (!result.ok && result.error.code !== "ALREADY_DONE") return;
    }
    onClose();
    await navigate({ to: "/room/$room", params: { room: row.key } });
  };
  return (
    <CatalogDialog
      opened={opened}
      onClose={onClose}
      title="Rooms"
      kind="rooms"
      placeholder="Search public rooms"
      nothing="No matches. “New room” creates one."
      none="There is no public room yet. “New room” creates the first."
      head={
        <Button leftSection={<Icon name="plus" size={16} />} onClick={() => open("createRoom")}>
          New room
        </Button>
      }
      row={(row) => (
        <>
          <Icon name="hash" />
          <span className="grow">
            <bdi style={{ fontWeight: 600 }}>{row.title}</bdi>
            <span className="dim ellipsis" dir="auto" style={{ display: "block", fontSize: 13 }}>
              {row.detail}
            </span>
          </span>
          <span className="dim">{joined.has(row.key) ? "Open" : "Join"}</span>
        </>
      )}
      onPick={(row) => void enter(row)}
    />
  );
}

/** People to write to. */
function FindPerson({ opened, onClose }: DialogProps) {
  const session = useSession();
  const navigate = useNavigate();
  /** Undefined: one person is written to. */
  const [several, setSeveral] = useState<readonly CatalogRow[]>();
  const open = async (to: Parameters<typeof call<"rooms.direct">>[1]) => {
    const result = await call("rooms.direct", to);
    if (!result.ok) return notices.fail(result.error);
    setSeveral(undefined);
    onClose();
    await navigate({ to: "/room/$room", params: { room: result.value.room } });
  };
  const pick = (row: CatalogRow): void => {
    if (several === undefined) return void open({ with: `user/${row.key}` });
    const others = several.filter(({ key }) => key !== row.key);
    setSeveral(others.length < several.length || others.length >= othersMax ? others : [...others, row]);
  };
  return (
    <CatalogDialog
      opened={opened}
      onClose={onClose}
      title={several === undefined ? "Write to a person" : "Write to several people"}
      kind="people"
      placeholder="Search people"
      nothing="Nobody by this name has an account here."
      none="Nobody else has an account here yet."
      without={session.name}
      head={
        several === undefined && (
          <Button variant="default" onClick={() => setSeveral([])}>
            Several people
          </Button>
        )
      }
      below={several && <Chosen people={several} onRemove={pick} onWrite={(people) => void open({ people })} />}
      row={(row) => (
        <>
          <Avatar principal={`user/${row.key}`} label={row.title} size={30} />
          <span className="grow">
            <span style={{ fontWeight: 600 }}>{row.title}</span> <span className="dim">{row.key}</span>
          </span>
        </>
      )}
      onPick={pick}
    />
  );
}

/** Others in a conversation of several people. */
const othersMax = wireLimits.groupPeopleMax - 1;

/** The people of a conversation that is to begin. */
function Chosen(props: {
  readonly people: readonly CatalogRow[];
  readonly onRemove: (row: CatalogRow) => void;
  readonly onWrite: (people: string[]) => void;
}) {
  const { people } = props;
  return (
    <div className="stack">
      <ul className="members" aria-label="People of this conversation">
        {people.map((row) => (
          <li key={row.key} className="member">
            <Avatar principal={`user/${row.key}`} label={row.title} size={24} />
            <span className="grow ellipsis">{row.title}</span>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Remove ${row.title}`}
              onClick={() => props.onRemove(row)}
            >
              Remove
            </Button>
          </li>
        ))}
      </ul>
      <Button disabled={people.length < 2} onClick={() => props.onWrite(people.map(({ key }) => `user/${key}`))}>
        {people.length < 2 ? "Choose two people or more" : `Write to ${people.length} people`}
      </Button>
    </div>
  );
}

interface Catalog {
  readonly title: string;
  readonly kind: "rooms" | "people";
  readonly placeholder: string;
  /** Said when a search finds nothing, and when there is nothing to search. */
  readonly nothing: string;
  readonly none: string;
  readonly without?: string;
  readonly head?: ReactNode;
  /** Shown under the list. */
  readonly below?: ReactNode;
  readonly row: (row: CatalogRow) => ReactNode;
  readonly onPick: (row: CatalogRow) => void;
}

const CatalogDialog = ({ opened, onClose, ...catalog }: DialogProps & Catalog) => (
  <Dialog opened={opened} onClose={onClose} title={catalog.title}>
    {opened && <CatalogRows {...catalog} />}
  </Dialog>
);

const searchDelayMs = 150;

function CatalogRows(props: Catalog) {
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text, searchDelayMs);
  const found = useCatalog(props.kind, wanted.trim());
  const rows = (found.data?.rows ?? []).filter((row) => row.key !== props.without);
  const { error } = found;
  return (
    <>
      <PickList
        label={props.placeholder}
        listLabel={props.title}
        text={text}
        onText={setText}
        items={rows}
        keyOf={(row) => row.key}
        row={props.row}
        onPick={props.onPick}
        behind={found.data === undefined || found.isPlaceholderData || wanted !== text}
        isExact={(row) => row.key === sought(text)}
        beside={props.head}
        nothing={
          error !== null ? (
            <Note tone="bad">{error.message}</Note>
          ) : (
            found.data !== undefined && <p className="dim">{wanted === "" ? props.none : props.nothing}</p>
          )
        }
      />
      {props.below}
      {found.data?.more === true && <p className="dim">Not all are shown: type to narrow the list.</p>}
    </>
  );
}

interface RoomForm {
  /** A name that somebody has chosen, or that was proposed because the other is taken; the next title has a name of its
   *  own. */
  readonly chosen?: { readonly of: string; readonly name: string } | undefined;
  readonly title: string;
  readonly topic: string;
  readonly visibility: "public" | "private";
}
const noRoom: RoomForm = { title: "", topic: "", visibility: "public" };

function isRoomForm(value: unknown): value is RoomForm {
  const { title, topic, visibility, chosen } = (value ?? {}) as Partial<Record<keyof RoomForm, unknown>>;
  const { of, name } = (chosen ?? {}) as { readonly of?: unknown; readonly name?: unknown };
  const isName = chosen === undefined || (isText(of) && isText(name));
  return isName && isText(title) && isText(topic) && (visibility === "public" || visibility === "private");
}

/** The next name to try: `desk`, `desk-2`, `desk-3`. */
function nextName(name: string): string {
  const [, stem = name, number = "1"] = /^(.*?)(?:-(\d{1,4}))?$/.exec(name) ?? [];
  return `${stem.slice(0, 58)}-${Number(number) + 1}`;
}

const anotherName = "Another name, or the proposed one, makes a room of the same title.";

/** A new room: its title gives it its name, unless somebody chooses one. */
function CreateRoom({ opened, onClose }: DialogProps) {
  const session = useSession();
  const navigate = useNavigate();
  const [form, keep] = useKept("form/room", isRoomForm, noRoom);
  const title = form.title.trim();
  const topic = form.topic.trim();
  const { visibility } = form;
  const [busy, setBusy] = useState(false);
  // A title without a single Latin letter or digit gives no name, and is one all the same.
  const derived = roomNameFrom(title) || (title === "" ? "" : `room-${hash32(title).toString(36)}`);
  const { chosen } = form;
  const setChosen = (next: RoomForm["chosen"]) => keep({ ...form, chosen: next });
  const [taken, setTaken] = useState<string>();
  const room = chosen?.of === derived ? chosen.name : derived;
  const faults = useFaults({ title: "A title needs a letter or a digit.", topic: "This topic is too long." });
  const isName = isKey(room);
  const create = async () => {
    if (room === "") return;
    setBusy(true);
    const parameters = { title, visibility, ...(topic !== "" && { topic }) };
    setTaken(undefined);
    const result = await session.changeRoom("create", room, parameters, (refusal) => {
      if (refusal.code !== "NAME_TAKEN") return faults.take(refusal);
      setTaken(room);
      setChosen({ of: derived, name: nextName(room) });
      return true;
    });
    setBusy(false);
    if (!result.ok) return;
    onClose();
    keep(undefined);
    await navigate({ to: "/room/$room", params: { room } });
  };
  return (
    <Dialog opened={opened} onClose={onClose} title="New room">
      <Form id="new-room" keepsNothing faults={faults} onSubmit={create} className="stack">
        <RoomFields
          values={form}
          onChange={(texts) => keep({ ...form, ...texts })}
          faults={faults}
          hint="What the room is about, in a word or two"
        />
        {derived !== "" && (
          <TextInput
            label="Name in links and commands"
            error={
              !isName
                ? nameRule
                : taken !== undefined &&
                  `There is a room “${taken}” already.${room === taken ? "" : ` “${room}” is proposed.`} ${anotherName}`
            }
            value={room}
            maxLength={64}
            autoCapitalize="none"
            spellCheck={false}
            onChange={(event) => setChosen({ of: derived, name: event.currentTarget.value.toLowerCase() })}
            required
          />
        )}
        <div>
          <SegmentedControl
            fullWidth
            value={visibility}
            onChange={(value) => keep({ ...form, visibility: value === "private" ? "private" : "public" })}
            data={[
              { value: "public", label: "Public" },
              { value: "private", label: "Private" },
            ]}
            aria-label="Visibility"
          />
          <p className="dim" style={{ margin: "6px 0 0", fontSize: 14 }}>
            {visibility === "public" ? "Anyone here can find and join it." : "Only people you invite see it."}
          </p>
        </div>
        <Button type="submit" loading={busy} disabled={room === "" || !isName}>
          Create room
        </Button>
      </Form>
    </Dialog>
  );
}

interface AgentForm {
  readonly name: string;
  readonly persona: string;
  readonly model: string | null;
}
const noAgent: AgentForm = { name: "", persona: "", model: null };

function isAgentForm(value: unknown): value is AgentForm {
  const { name, persona, model } = (value ?? {}) as Partial<Record<keyof AgentForm, unknown>>;
  return isText(name) && isText(persona) && (model === null || isText(model));
}

/** A new agent of one's own. */
function CreateAgent({ opened, onClose }: DialogProps) {
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const models = useModels();
  const [form, keep] = useKept("form/agent", isAgentForm, noAgent);
  const { name } = form;
  const [busy, setBusy] = useState(false);
  const faults = useFaults({
    name: nameRule,
    persona: "This persona is too long. Shorten it.",
    model: "This model cannot be chosen.",
  });
  const valid = /^[a-z0-9][a-z0-9_-]{0,31}$/.test(name);
  const create = async () => {
    setBusy(true);
    const persona = asWritten(form.persona);
    const result = await session.change(
      "createAgent",
      {
        name,
        ...(persona !== "" && { persona }),
        ...(form.model !== null && { model: form.model }),
      },
      faults.take,
    );
    setBusy(false);
    if (!result.ok) return;
    await queries.invalidateQueries({ queryKey: queryKeys.agents });
    onClose();
    keep(undefined);
    await navigate({ to: "/agent/$agent", params: { agent: `${session.name}.${name}` } });
  };
  return (
    <Dialog opened={opened} onClose={onClose} title="New agent">
      <Form id="new-agent" keepsNothing faults={faults} onSubmit={create} className="stack">
        <TextInput
          label="Name"
          description={`Lower-case letters, digits, _ and -. In rooms it is called @${session.name}.${name || "name"}`}
          value={name}
          maxLength={wireLimits.nameCharsMax}
          onChange={(event) => keep({ ...form, name: event.currentTarget.value.toLowerCase() })}
          error={name !== "" && !valid ? nameRule : faults.of("name")}
          required
          data-autofocus
        />
        <AgentFields
          values={form}
          onChange={(values) => keep({ ...form, ...values })}
          models={models}
          faults={faults}
        />
        <Button type="submit" loading={busy} disabled={!valid}>
          Create agent
        </Button>
      </Form>
    </Dialog>
  );
}
