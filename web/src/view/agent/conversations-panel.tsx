import { Button, Loader, Menu, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { AgentConversation } from "../../../../protocols/index.ts";
import { agentOfKey, conversationKey } from "../../../../protocols/answering/conversation-key.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { cleaned } from "../../../../protocols/text/text.ts";
import { useSession, type AgentStore } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { Actions } from "../parts/layers.tsx";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { Panel } from "../room/panel.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import { titleOf, useConversation, useOpenConversation } from "./conversations.ts";

/** All conversations with an agent: favourites, then folders, then the others; archived ones at the end. */
export default function ConversationsPanel({
  conversation,
  onClose,
}: {
  readonly conversation: string;
  readonly onClose: () => void;
}) {
  const session = useSession();
  const agent = agentOfKey(conversation);
  const store = useMemo(() => session.agent(agent), [session, agent]);
  const { list, number } = useConversation(conversation);
  // Where there is one alone, the agent does not tell of it by itself.
  const alone = useQuery({
    queryKey: ["conversations", agent],
    queryFn: () => store.conversations(),
    enabled: list === undefined,
    staleTime: 0,
  });
  const all = list ?? alone.data?.conversations;
  const [sought, setSought] = useState("");
  const openNew = useOpenConversation(conversation);
  const found = (all ?? []).filter((one) => isFound(one, sought));
  const rows = (some: readonly AgentConversation[]) => (
    <ul className="conversation-list">
      {some.map((one) => (
        <ConversationRow key={one.number} one={one} agent={agent} store={store} isHere={one.number === number} />
      ))}
    </ul>
  );
  const groups = groupsOf(found.filter((one) => one.archived !== true));
  const archived = found.filter((one) => one.archived === true);
  return (
    <Panel title={`Conversations with ${agentLabel(agent, session.name)}`} onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of conversations">
        <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void openNew()}>
          New conversation
        </Button>
        {(all?.length ?? 0) > 1 && (
          <TextInput
            label="Find by title, folder or tag"
            value={sought}
            onChange={(event) => setSought(event.currentTarget.value)}
          />
        )}
        {all === undefined && !alone.isError && <Loader size="sm" aria-label="Loading" />}
        {alone.isError && <Note tone="bad">The list cannot be loaded now.</Note>}
        {all !== undefined && found.length === 0 && <p className="dim">No conversation has this name.</p>}
        {groups.map(({ name, those }) => (
          <section key={name} className="stack" aria-label={name}>
            {groups.length > 1 && <h3 className="section">{name}</h3>}
            {rows(those)}
          </section>
        ))}
        {archived.length > 0 && (
          <details open={sought !== ""}>
            <summary className="section">Archived ({archived.length})</summary>
            {rows(archived)}
          </details>
        )}
      </div>
    </Panel>
  );
}

const isFound = (one: AgentConversation, sought: string): boolean => {
  const words = sought.toLowerCase().trim();
  return [titleOf(one), one.folder ?? "", ...(one.tags ?? [])].some((text) => text.toLowerCase().includes(words));
};

interface Group {
  readonly name: string;
  readonly those: readonly AgentConversation[];
}

function groupsOf(all: readonly AgentConversation[]): readonly Group[] {
  const plain = all.filter(({ favourite }) => favourite !== true);
  const folders = [...new Set(plain.flatMap(({ folder }) => folder ?? []))].toSorted();
  return [
    { name: "Favourites", those: all.filter(({ favourite }) => favourite === true) },
    ...folders.map((name) => ({ name, those: plain.filter(({ folder }) => folder === name) })),
    { name: "Others", those: plain.filter(({ folder }) => folder === undefined) },
  ].filter(({ those }) => those.length > 0);
}

interface RowProps {
  readonly one: AgentConversation;
  readonly agent: string;
  readonly store: AgentStore;
  readonly isHere: boolean;
}

function ConversationRow({ one, agent, store, isHere }: RowProps) {
  const [editing, setEditing] = useState(false);
  const { ask } = useDialogs();
  const navigate = useNavigate();
  const { number } = one;
  const set = (change: object) => store.change("arrange", { number, ...change });
  const remove = async () => {
    const question = {
      title: `Delete “${titleOf(one)}”?`,
      body: <p>Everything that was said in this conversation is deleted. This cannot be undone.</p>,
      action: "Delete",
      grave: true,
    };
    if (!(await ask(question))) return;
    if (isHere) await navigate({ to: "/agent/$agent", params: { agent } });
    await store.change("drop", { number });
  };
  if (editing) return <EditRow one={one} store={store} onDone={() => setEditing(false)} />;
  return (
    <li className="conversation-row">
      <Link
        to="/agent/$agent"
        params={{ agent: conversationKey(agent, number) }}
        className="place"
        aria-current={isHere ? "page" : undefined}
      >
        <span className="grow">
          <span className="ellipsis conversation-title" dir="auto">
            {titleOf(one)}
          </span>
          <span className="dim conversation-facts">
            {[momentOf(one.usedAtMs), one.model ?? [], (one.tags ?? []).map((tag) => `#${tag}`)].flat().join(" · ")}
          </span>
        </span>
      </Link>
      <Actions
        width={200}
        button={
          <button type="button" className="tool" aria-label={`More of ${titleOf(one)}`} title="More">
            <Icon name="more" />
          </button>
        }
      >
        <Menu.Item onClick={() => setEditing(true)}>Name, folder, tags …</Menu.Item>
        <Menu.Item onClick={() => void set({ favourite: one.favourite !== true })}>
          {one.favourite === true ? "Remove from favourites" : "Add to favourites"}
        </Menu.Item>
        <Menu.Item onClick={() => void set({ archived: one.archived !== true })}>
          {one.archived === true ? "Take out of the archive" : "Archive"}
        </Menu.Item>
        {number > 0 && (
          <Menu.Item className="grave" onClick={() => void remove()}>
            Delete …
          </Menu.Item>
        )}
      </Actions>
    </li>
  );
}

function EditRow({ one, store, onDone }: Pick<RowProps, "one" | "store"> & { readonly onDone: () => void }) {
  const faults = useFaults();
  const [title, setTitle] = useState(one.title);
  const [folder, setFolder] = useState(one.folder ?? "");
  const [tags, setTags] = useState((one.tags ?? []).join(", "));
  const save = async () => {
    const said = (text: string) => cleaned(text.trim(), "line");
    const listed = [...new Set(tags.split(",").map(said))].filter((tag) => tag !== "");
    const named = said(title);
    const change = {
      number: one.number,
      folder: said(folder),
      tags: listed,
      ...(named !== one.title && { title: named }),
    };
    const take = (refusal: Parameters<typeof faults.take>[0]) => {
      faults.take(refusal);
      return true;
    };
    const result = await store.change("arrange", change, take);
    if (result.ok) onDone();
  };
  return (
    <li>
      <Form
        id="conversation"
        about={`${store.agent}/${one.number}`}
        keepsNothing
        faults={faults}
        className="stack"
        onSubmit={save}
      >
        <TextInput
          name="title"
          label="Title"
          data-autofocus
          required
          maxLength={wireLimits.conversationTitleCharsMax}
          value={title}
          error={faults.of("title")}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <TextInput
          name="folder"
          label="Folder"
          maxLength={wireLimits.conversationLabelCharsMax}
          value={folder}
          error={faults.of("folder")}
          onChange={(event) => setFolder(event.currentTarget.value)}
        />
        <TextInput
          name="tags"
          label="Tags, with commas between"
          value={tags}
          error={faults.of("tags")}
          onChange={(event) => setTags(event.currentTarget.value)}
        />
        <div className="row">
          <Button type="submit">Save</Button>
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
        </div>
      </Form>
    </li>
  );
}
