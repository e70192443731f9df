import { Loader, Menu } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import type { AgentView, ConversationSummary, ModelInfo } from "../../../../protocols/index.ts";
import { agentOfKey } from "../../../../protocols/answering/conversation-key.ts";
import { explain, useLink, useSession, useShown, type AgentStore } from "../../live/index.ts";
import { agentLabel, isWriting, readHere, stageOf, type AgentModel } from "../../model/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Composer } from "../parts/composer.tsx";
import { Feed, type FeedHandle } from "../parts/feed.tsx";
import { Icon } from "../parts/icons.tsx";
import { useModels } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { MenuButton, useDialogs } from "../shell/dialogs.tsx";
import { Actions } from "../parts/layers.tsx";
import { useAttaching } from "../files/attaching.tsx";
import { AttachButton, AttachmentList, useAttachments } from "./attachments.tsx";
import { SoundButtons, SoundList, useSounds } from "./sounds.tsx";
import { AgentSettings } from "./agent-settings.tsx";
import { useConversation, useOpenConversation } from "./conversations.ts";
import { AnswerRow, PendingSayRow, SummaryRow, TurnRow } from "./turn-rows.tsx";
import "./agent.css";

const BranchesPanel = lazy(() => import("./branches-panel.tsx"));
const ConversationsPanel = lazy(() => import("./conversations-panel.tsx"));
const CompareDialog = lazy(() => import("./compare-dialog.tsx"));
const ShareDialog = lazy(() => import("./share-dialog.tsx"));

const route = getRouteApi("/agent/$agent");

/** The direct conversation with one of the user's agents. */
export function AgentPage() {
  const { agent } = route.useParams();
  const session = useSession();
  const store = useMemo(() => session.agent(agent), [session, agent]);
  const status = useShown(store.store, (model: AgentModel) => model.status);
  const refusal = useShown(store.store, (model: AgentModel) => model.refusal);
  if (status === "ready") return <OpenAgent key={agent} store={store} />;
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">{agentLabel(agent, session.name)}</h1>
      </header>
      <div className="empty">
        {status === "loading" && <Loader aria-label="Loading the conversation" />}
        {status === "deleted" && (
          <h2>{agentOfKey(agent) === agent ? "This agent was deleted" : "This conversation was deleted"}</h2>
        )}
        {refusal !== undefined && (
          <>
            <h2>This agent cannot be shown</h2>
            <p>{explain(refusal, "look")}</p>
          </>
        )}
      </div>
    </main>
  );
}

type Row =
  | { readonly kind: "turn"; readonly key: string; readonly turn: AgentModel["turns"][number]; readonly last: boolean }
  | { readonly kind: "pending"; readonly key: string; readonly say: AgentModel["pending"][number] }
  | { readonly kind: "summary"; readonly key: string; readonly summary: ConversationSummary }
  | { readonly kind: "answer"; readonly key: string };

/** The rows of a conversation. An answer that is written anew takes the place of the old one. */
function conversationRows(
  turns: AgentModel["turns"],
  pending: AgentModel["pending"],
  writing: { readonly turn: number | undefined } | undefined,
  summary: ConversationSummary | undefined,
): readonly Row[] {
  const shown = turns.filter((turn) => writing === undefined || turn.turn !== writing.turn);
  const newest = shown.at(-1);
  const idle = writing === undefined && pending.length === 0;
  const rows: Row[] = shown.map((turn) => ({
    kind: "turn",
    key: `t${turn.turn}`,
    turn,
    last: idle && turn === newest,
  }));
  if (writing !== undefined) {
    // What was said while an answer is written waits below it.
    const below = writing.turn === undefined ? -1 : shown.findIndex((turn) => turn.turn > (writing.turn ?? 0));
    const answer: Row = { kind: "answer", key: `t${writing.turn ?? "next"}` };
    rows.splice(below < 0 ? rows.length : below, 0, answer);
  }
  if (summary !== undefined) {
    // Above what the model still reads as it was said.
    const first = rows.findIndex((row) => row.kind !== "turn" || row.turn.turn > summary.through);
    rows.splice(first < 0 ? rows.length : first, 0, { kind: "summary", key: `s${summary.through}`, summary });
  }
  return [...rows, ...pending.map((say) => ({ kind: "pending" as const, key: `p${say.operationId}`, say }))];
}

/** Pages that are loaded for a turn that the address names. */
const pagesToTurnMax = 40;

const withoutAt = (search: object): object => ({ ...search, at: undefined });

/** The feed, which shows the turn that the address names, as what was found of a conversation does. Then that leaves
 *  the address: what is chosen after it stays. */
function useFeedAt(store: AgentStore): React.RefObject<FeedHandle | null> {
  const feed = useRef<FeedHandle>(null);
  const { at } = route.useSearch();
  const navigate = useNavigate();
  useEffect(() => {
    if (at === undefined) return;
    let isLeft = false;
    const reach = async () => {
      // What was found may be on another branch.
      if (!(await store.lookAt(at))) return;
      for (let pages = 0; pages < pagesToTurnMax && !isLeft; pages += 1) {
        const { older, turns } = readHere(store.store.latest);
        const first = turns[0]?.turn ?? 0;
        if (!older || first <= at) break;
        await store.loadOlder();
        if (readHere(store.store.latest).turns[0]?.turn === first) return;
      }
      // The rows of what was just loaded exist after the next render.
      if (!isLeft)
        requestAnimationFrame(() => {
          feed.current?.show(`t${at}`);
          void navigate({ to: ".", search: withoutAt as never, replace: true });
        });
    };
    void reach();
    return () => {
      isLeft = true;
    };
  }, [store, at, navigate]);
  return feed;
}

function useRows(store: AgentStore, writing: boolean, isLook: boolean): readonly Row[] {
  const turns = useShown(store.store, (model: AgentModel) => readHere(model).turns);
  const pending = useShown(store.store, (model: AgentModel) => model.pending);
  const draftTurn = useShown(store.store, (model: AgentModel) => model.draft?.turn);
  const summary = useShown(store.store, (model: AgentModel) => (isLook ? undefined : model.view?.summary));
  return useMemo(
    () => conversationRows(turns, pending, writing ? { turn: draftTurn } : undefined, summary),
    [turns, pending, writing, draftTurn, summary],
  );
}

const isImage = ({ type }: File): boolean => type.startsWith("image/");
const isSound = ({ type }: File): boolean => type.startsWith("audio/");

function OpenAgent({ store }: { readonly store: AgentStore }) {
  const session = useSession();
  const view = useShown(store.store, (model: AgentModel) => model.view);
  const older = useShown(store.store, (model: AgentModel) => readHere(model).older);
  const isLook = useShown(store.store, (model: AgentModel) => model.look !== undefined);
  const isAnswering = useShown(store.store, isWriting);
  // What is written is not of the branch that is looked at.
  const writing = isAnswering && !isLook;
  const stage = useShown(store.store, stageOf);
  const rows = useRows(store, writing, isLook);
  const link = useLink(session);
  const models = useModels();
  const feed = useFeedAt(store);
  const field = useRef<HTMLTextAreaElement>(null);
  const [panel, setPanel] = useState<PanelName>();
  const [editing, setEditing] = useState<number>();
  const [stopping, setStopping] = useState(false);
  const model =
    view && (models.find((info) => info.model === view.model) ?? (view.model === "" ? models[0] : undefined));
  const can = (what: string): boolean => model?.capabilities.includes(what) === true;
  // Which models there are comes a moment after the page.
  const shown = useShownFiles(store, field, { sees: model === undefined || can("vision"), hears: can("hearing") });
  if (view === undefined) return null;
  const label = agentLabel(store.agent, session.name);
  const stop = async () => {
    setStopping(true);
    await store.change("stop", {});
    setStopping(false);
  };
  const row = (entry: Row) => {
    switch (entry.kind) {
      case "turn":
        return (
          <TurnRow
            turn={entry.turn}
            agent={store.agent}
            label={label}
            last={entry.last && !isAnswering}
            store={store}
            editing={editing === entry.turn.turn}
            onEdit={setEditing}
          />
        );
      case "pending":
        return <PendingSayRow say={entry.say} store={store} />;
      case "summary":
        return <SummaryRow summary={entry.summary} />;
      case "answer":
        return <AnswerRow store={store} label={label} waiting={link.status !== "open"} />;
    }
  };
  return (
    <div className="screen">
      <main className="screen-main" aria-label={`Conversation with ${label}`} {...shown.zone}>
        <AgentHeader
          view={view}
          label={label}
          model={model}
          store={store}
          onPanel={(one) => setPanel(panel === one ? undefined : one)}
        />
        {model?.label !== undefined && <ModelNotice says={model.label.says} />}
        {isLook && <LookNote store={store} isAnswering={isAnswering} />}
        {rows.length === 0 ? (
          <Beginning agent={store.agent} label={label} persona={view.persona} onSay={(text) => store.say(text)} />
        ) : (
          <Feed
            label={`Conversation with ${label}`}
            rows={rows}
            hasOlder={older}
            loadOlder={() => store.loadOlder()}
            startAt={undefined}
            isStop={() => true}
            onLeave={() => field.current?.focus()}
            handle={feed}
          >
            {row}
          </Feed>
        )}
        <div className="foot agent-foot">
          <Composer
            key={store.agent}
            place={shown.place}
            label={`Message ${label}`}
            autoFocus={!matchMedia("(pointer: coarse)").matches}
            field={field}
            onEscape={() => (writing ? void stop() : setPanel(undefined))}
            {...shown.field}
            onSend={(text) => {
              shown.post(text);
              feed.current?.toEnd();
            }}
            action={writing ? <StopButton stopping={stopping} onStop={() => void stop()} /> : undefined}
          />
          <div className="under" role="status">
            {writing ? `${label} is ${stage} …` : ""}
          </div>
        </div>
      </main>
      <AgentPanel panel={panel} store={store} view={view} models={models} onClose={() => setPanel(undefined)} />
    </div>
  );
}

/** What is shown to the agent with a message: pictures and sounds, where its model sees and hears, and files. */
function useShownFiles(
  store: AgentStore,
  field: RefObject<HTMLTextAreaElement | null>,
  model: { readonly sees: boolean; readonly hears: boolean },
) {
  const { agent } = store;
  const attachments = useAttachments(agent, model.sees);
  const sounds = useSounds(agent, model.hears);
  const place = `agent/${agent}/text`;
  const to: Parameters<typeof useAttaching>[0] = {
    target: `agent/${agent}`,
    // What a model sees or hears goes straight to it; of all else it reads the text.
    sift(files) {
      void attachments.add(files.filter(isImage));
      for (const file of files.filter(isSound)) void sounds.add(file);
      return files.filter((file) => !isImage(file) && !isSound(file));
    },
    post: (text, files = []) => store.say(text, { pictures: attachments.chosen, sounds: sounds.chosen, files }),
  };
  const attaching = useAttaching(to, place, field);
  return {
    place,
    zone: attaching.zone,
    post(text: string) {
      attaching.post(text);
      attachments.clear();
      sounds.clear();
    },
    field: {
      ...attaching.field,
      head: (
        <>
          <AttachmentList agent={agent} attachments={attachments} />
          <SoundList agent={agent} sounds={sounds} />
          {attaching.field.head}
        </>
      ),
      beside: (
        <>
          {attaching.button()}
          <AttachButton attachments={attachments} />
          <SoundButtons sounds={sounds} />
        </>
      ),
      mayBeEmpty: sounds.chosen.length > 0 || attaching.field.mayBeEmpty,
    },
  };
}

/** Says that another branch is looked at, and leads on there or back. */
function LookNote({ store, isAnswering }: { readonly store: AgentStore; readonly isAnswering: boolean }) {
  const goOn = () => {
    const { look } = store.store.latest;
    if (look !== undefined) void store.choose(look.of);
  };
  return (
    <Note tone="plain">
      This is another branch. What you say here goes on here
      {isAnswering ? ", and ends the answer that is being written where you were" : ""}.{" "}
      <button type="button" className="link" onClick={goOn}>
        Show this branch
      </button>{" "}
      <button type="button" className="link" onClick={() => store.lookAway()}>
        Back to where you were
      </button>
    </Note>
  );
}

type PanelName = "settings" | "branches" | "conversations";

/** What is open beside the conversation. */
function AgentPanel({
  panel,
  store,
  ...props
}: {
  readonly panel: PanelName | undefined;
  readonly store: AgentStore;
  readonly view: AgentView;
  readonly models: readonly ModelInfo[];
  readonly onClose: () => void;
}) {
  if (panel === undefined) return null;
  if (panel === "settings") return <OfAgent key={store.agent} store={store} {...props} />;
  return (
    <Suspense>
      {panel === "branches" ? (
        <BranchesPanel store={store} onClose={props.onClose} />
      ) : (
        <ConversationsPanel conversation={store.agent} onClose={props.onClose} />
      )}
    </Suspense>
  );
}

/** The settings are the agent's, whichever conversation with it is on show. */
function OfAgent(props: Parameters<typeof AgentSettings>[0]) {
  const session = useSession();
  const { agent } = props.store;
  const of = useMemo(() => session.agent(agentOfKey(agent)), [session, agent]);
  const view = useShown(of.store, (model: AgentModel) => model.view);
  return view === undefined ? null : <AgentSettings {...props} store={of} view={view} />;
}

/** Stops an answer: while that is on its way, the button waits. */
function StopButton({ stopping, onStop }: { readonly stopping: boolean; readonly onStop: () => void }) {
  return (
    <button
      type="button"
      className="tool send"
      aria-label="Stop the answer"
      title="Stop the answer (Esc)"
      disabled={stopping}
      onClick={onStop}
    >
      <Icon name="stop" />
    </button>
  );
}

function AgentHeader({
  view,
  label,
  model,
  store,
  onPanel,
}: {
  readonly view: AgentView;
  readonly label: string;
  readonly model: ModelInfo | undefined;
  readonly store: AgentStore;
  readonly onPanel: (panel: PanelName) => void;
}) {
  const { title, list } = useConversation(store.agent);
  const openNew = useOpenConversation(store.agent);
  return (
    <header className="header">
      <MenuButton />
      <Avatar principal={`agent/${store.agent}`} label={label} size={32} />
      <div className="grow">
        <h1 className="ellipsis" dir="auto">
          {title === "" ? label : title}
        </h1>
        <div className="topic ellipsis">
          {title === "" ? "" : `${label} · `}
          {model?.model ?? (view.model || "No model is loaded")}
          {model?.label !== undefined && ` · ${model.label.short}`}
        </div>
      </div>
      <button
        type="button"
        className="tool"
        aria-label="New conversation"
        title="New conversation"
        onClick={() => void openNew()}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        className="tool"
        aria-label="Conversations"
        title={list === undefined ? "Conversations" : `Conversations (${list.length})`}
        onClick={() => onPanel("conversations")}
      >
        <Icon name="thread" />
      </button>
      <button
        type="button"
        className="tool"
        aria-label="Agent settings"
        title="Agent settings"
        onClick={() => onPanel("settings")}
      >
        <Icon name="settings" />
      </button>
      <ConversationMenu label={label} store={store} onPanel={onPanel} />
    </header>
  );
}

/** What else can be done with the conversation and its agent. */
function ConversationMenu({
  label,
  store,
  onPanel,
}: {
  readonly label: string;
  readonly store: AgentStore;
  readonly onPanel: (panel: PanelName) => void;
}) {
  const hasBranches = useShown(store.store, (shown: AgentModel) => shown.branches.forks.length > 0);
  const session = useSession();
  const [sharing, setSharing] = useState(false);
  const [comparing, setComparing] = useState(false);
  const navigate = useNavigate();
  const { ask } = useDialogs();
  const clear = async () => {
    const question = {
      title: "Clear the conversation?",
      body: <p>{label} forgets everything you said to each other. This cannot be undone.</p>,
      action: "Clear",
      grave: true,
    };
    if (await ask(question)) await store.change("clear", {});
  };
  const remove = async () => {
    const question = {
      title: `Delete ${label}?`,
      body: (
        <p>
          The agent and everything you said to each other, in all conversations, are deleted, and it leaves all rooms.
          What it wrote in rooms stays. This cannot be undone.
        </p>
      ),
      action: "Delete",
      grave: true,
    };
    if (!(await ask(question))) return;
    const result = await session.change("deleteAgent", { agent: agentOfKey(store.agent) });
    if (result.ok) await navigate({ to: "/" });
  };
  return (
    <>
      <Actions
        width={220}
        button={
          <button type="button" className="tool" aria-label="More" title="More">
            <Icon name="more" />
          </button>
        }
      >
        {hasBranches && (
          <Menu.Item leftSection={<Icon name="thread" size={16} />} onClick={() => onPanel("branches")}>
            Branches …
          </Menu.Item>
        )}
        <Menu.Item leftSection={<Icon name="poll" size={16} />} onClick={() => setComparing(true)}>
          Compare two models …
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="people" size={16} />} onClick={() => setSharing(true)}>
          Share a read-only link …
        </Menu.Item>
        <Menu.Item
          leftSection={<Icon name="clock" size={16} />}
          onClick={() => void navigate({ to: "/temporary/$agent", params: { agent: agentOfKey(store.agent) } })}
        >
          Temporary conversation
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="refresh" size={16} />} onClick={() => void clear()}>
          Clear the conversation …
        </Menu.Item>
        <Menu.Item className="grave" leftSection={<Icon name="trash" size={16} />} onClick={() => void remove()}>
          Delete the agent …
        </Menu.Item>
      </Actions>
      {comparing && (
        <Suspense>
          <CompareDialog agent={store.agent} opened onClose={() => setComparing(false)} />
        </Suspense>
      )}
      {sharing && (
        <Suspense>
          <ShareDialog agent={store.agent} opened onClose={() => setSharing(false)} />
        </Suspense>
      )}
    </>
  );
}

/** Says plainly what a model is that is not one to work with, and how to do better. */
function ModelNotice({ says }: { readonly says: string }) {
  const [hidden, setHidden] = useState(false);
  if (hidden) return null;
  return (
    <Note tone="warn" onClose={() => setHidden(true)}>
      {says} For real answers start the node with a model of your own: <code>npm start -- --model path.gguf</code>
    </Note>
  );
}

const openings = ["Hello! Who are you?", "What is Plexus?", "What is a slot?"];

function Beginning({
  agent,
  label,
  persona,
  onSay,
}: {
  readonly agent: string;
  readonly label: string;
  readonly persona: string;
  readonly onSay: (text: string) => void;
}) {
  return (
    <div className="empty">
      <Avatar principal={`agent/${agent}`} label={label} size={56} />
      <h2>Talk to {label}</h2>
      <p style={{ maxWidth: 460, margin: 0 }}>
        {persona === "" ? "Only you can see this conversation. It is kept when the node restarts." : persona}
      </p>
      <div className="openings">
        {openings.map((text) => (
          <button key={text} type="button" onClick={() => onSay(text)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}
