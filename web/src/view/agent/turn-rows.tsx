import { memo, Suspense } from "react";
import type { ConversationSummary, ConversationTurn, Sound } from "../../../../protocols/index.ts";
import { nameUnsent, useShown, type AgentStore } from "../../live/index.ts";
import { ownRoomKey } from "../../../../protocols/kinds/room-own.ts";
import { placeOfPost, plainLine, stageOf, waitsForFiles, type AgentModel, type PendingSay } from "../../model/index.ts";
import { AttachedFiles } from "../files/attaching.tsx";
import { MessageFiles } from "../files/message-files.tsx";
import { Avatar } from "../parts/avatar.tsx";
import { useCopy } from "../parts/clipboard.ts";
import { Icon } from "../parts/icons.tsx";
import { RichText } from "../parts/rich-text.tsx";
import { ModelCause } from "../parts/model-cause.tsx";
import { noRounds, Rounds } from "../parts/rounds.tsx";
import { clockTime, fullTime, lasting, momentOf } from "../parts/time.ts";
import { Unsent } from "../parts/unsent.tsx";
import { Pictures } from "./attachments.tsx";
import { EditPrompt } from "./edit-prompt.tsx";
import { Sounds } from "./sounds.tsx";
import { Versions } from "./versions.tsx";

interface TurnProps {
  readonly turn: ConversationTurn;
  readonly agent: string;
  readonly label: string;
  /** The newest turn, and nothing is being written: it can be regenerated. */
  readonly last: boolean;
  readonly store: AgentStore;
  readonly editing: boolean;
  readonly onEdit: (turn: number | undefined) => void;
}

/** One turn of the conversation: what the owner said, or an answer with what can be done about it. */
export const TurnRow = memo(function TurnRow({ turn, agent, label, last, store, editing, onEdit }: TurnProps) {
  return turn.role === "user" ? (
    <SaidRow turn={turn} agent={agent} store={store} editing={editing} onEdit={onEdit} />
  ) : (
    <AnsweredRow turn={turn} agent={agent} label={label} last={last} store={store} />
  );
});

/** What the owner said, and the way to change it. */
function SaidRow({
  turn,
  agent,
  store,
  editing,
  onEdit,
}: Pick<TurnProps, "turn" | "agent" | "store" | "editing" | "onEdit">) {
  if (editing)
    return (
      <article className="turn said" data-turn={turn.turn} tabIndex={-1} aria-label={told("You", wordsOf(turn))}>
        <EditPrompt turn={turn} store={store} onDone={() => onEdit(undefined)} />
      </article>
    );
  return (
    <article className="turn said" data-turn={turn.turn} tabIndex={-1} aria-label={told("You", wordsOf(turn))}>
      <div className="bubble" title={fullTime(turn.atMs)}>
        {turn.pictures !== undefined && <Pictures agent={agent} pictures={turn.pictures} />}
        {turn.sounds !== undefined && <Sounds agent={agent} sounds={turn.sounds} />}
        {turn.files !== undefined && <MessageFiles room={ownRoomKey(agentOwner(agent))} files={turn.files} />}
        <RichText text={turn.text} />
        <Restored turn={turn} />
      </div>
      <div className="said-tools">
        <Versions turn={turn.turn} store={store} />
        <button
          type="button"
          className="tool"
          aria-label="Edit and ask again"
          title="Edit and ask again"
          onClick={() => onEdit(turn.turn)}
        >
          <Icon name="edit" size={16} />
        </button>
      </div>
    </article>
  );
}

function AnsweredRow({ turn, agent, label, last, store }: Omit<TurnProps, "editing" | "onEdit">) {
  const end = endText(turn);
  return (
    <article
      className="turn answer"
      data-turn={turn.turn}
      data-end={turn.end}
      tabIndex={-1}
      aria-label={told(label, turn.text)}
    >
      <Avatar principal={`agent/${agent}`} label={label} size={30} />
      <div className="answer-body">
        {turn.again && <p className="end">This answer was interrupted and started again.</p>}
        <Rounds rounds={turn.rounds ?? noRounds} />
        {turn.text !== "" && <RichText text={turn.text} />}
        {end !== undefined && (
          <p className={turn.end === "failed" ? "end failed" : "end"}>
            {turn.end === "failed" && <Icon name="warning" size={15} />}
            {end}
          </p>
        )}
        {turn.end === "failed" && <ModelCause model={turn.model} />}
        <div className="answer-tools">
          <Versions turn={turn.turn} store={store} />
          <CopyAnswer text={turn.text} />
          {turn.text !== "" && turn.end !== "failed" && <Thumbs turn={turn} store={store} />}
          {last && (
            <button
              type="button"
              className="tool"
              aria-label="Regenerate"
              title="Regenerate"
              onClick={() => void store.regenerate(turn.turn)}
            >
              <Icon name="refresh" size={16} />
            </button>
          )}
          <span className="dim answer-facts" title={fullTime(turn.atMs)}>
            {clockTime(turn.atMs)}
            {turn.restored === undefined ? "" : ` · restored, first written ${momentOf(turn.restored.atMs)}`}
            {turn.tokens === undefined ? "" : ` · ${turn.tokens} tokens`}
            {turn.ms === undefined ? "" : ` · ${lasting(turn.ms)}`}
          </span>
        </div>
      </div>
    </article>
  );
}

/** Says of what the owner said that it came back from a backup. */
const Restored = ({ turn: { restored } }: { readonly turn: ConversationTurn }) =>
  restored === undefined ? null : <p className="dim answer-facts">restored, first said {momentOf(restored.atMs)}</p>;

/** Stands between what the model does not read any more and what it does. */
export const SummaryRow = memo(function SummaryRow({ summary }: { readonly summary: ConversationSummary }) {
  const { text, missing = false } = summary;
  const title = text === "" ? "Earlier messages are left out" : "Summary of earlier messages";
  return (
    <article className="turn summary" tabIndex={-1} aria-label={title}>
      <details>
        <summary>
          <Icon name={text === "" ? "warning" : "thread"} size={14} />
          {title}
        </summary>
        <div className="summary-body">
          <p className="dim">
            {text === ""
              ? "The conversation is too long for the model. It no longer reads the messages above, and could " +
                "not summarise them."
              : "The conversation is too long for the model. Instead of the messages above it reads this:"}
          </p>
          {text !== "" && <RichText text={text} />}
          {text !== "" && missing && (
            <p className="end">Some of the messages are not in it: the model could not summarise them.</p>
          )}
        </div>
      </details>
    </article>
  );
});

const told = (who: string, text: string): string => `${who}: ${plainLine(text).slice(0, 300)}`;

function endText(turn: ConversationTurn): string | undefined {
  switch (turn.end) {
    case "stopped":
      return "You stopped this answer.";
    case "length":
      // The answer itself says which limit it was.
      if (turn.limit !== undefined) return undefined;
      return "The answer reached its length limit. It can be raised in the agent's settings.";
    case "failed":
      return ["The answer failed.", turn.error, "You can regenerate it."].filter(Boolean).join(" ");
    default:
      return turn.text === "" ? "The answer is empty." : undefined;
  }
}

const thumbs = [
  { thumb: "up", icon: "good", label: "Good answer" },
  { thumb: "down", icon: "bad", label: "Bad answer" },
] as const;

/** What the owner thinks of an answer: one of two, or neither; pressed again, it is taken back. */
function Thumbs({ turn, store }: { readonly turn: ConversationTurn; readonly store: AgentStore }) {
  const isLook = useShown(store.store, (model: AgentModel) => model.look !== undefined);
  // The agent remembers the answers of the path that is shown.
  if (isLook) return null;
  return thumbs.map(({ thumb, icon, label }) => (
    <button
      key={thumb}
      type="button"
      className="tool"
      aria-label={label}
      aria-pressed={turn.thumb === thumb}
      title={label}
      onClick={() => void store.change("rate", { turn: turn.turn, ...(turn.thumb !== thumb && { thumb }) })}
    >
      <Icon name={icon} size={16} />
    </button>
  ));
}

function CopyAnswer({ text }: { readonly text: string }) {
  const { copied, copy } = useCopy();
  return (
    <button
      type="button"
      className="tool"
      aria-label="Copy the answer"
      title="Copy the answer"
      onClick={() => copy(text)}
    >
      <Icon name={copied ? "check" : "copy"} size={16} />
    </button>
  );
}

const agentOwner = (agent: string): string => agent.split(".", 1)[0] ?? "";

/** What was said, in a sound also, and what was shown. */
const wordsOf = (said: {
  readonly text: string;
  readonly sounds?: readonly Sound[];
  readonly files?: readonly { readonly name: string }[];
}): string => {
  const { text, sounds = [], files = [] } = said;
  const beside = [...sounds.map((sound) => sound.text || "A sound"), ...files.map(({ name }) => name)];
  return [...beside, text].filter((one) => one !== "").join(" ");
};

/** Something said that the node has not confirmed yet. */
export function PendingSayRow({ say, store }: { readonly say: PendingSay; readonly store: AgentStore }) {
  return (
    <article className="turn said pending" tabIndex={-1} aria-label={told(nameUnsent(say), wordsOf(say))}>
      <div className="bubble">
        {say.pictures !== undefined && <Pictures agent={store.agent} pictures={say.pictures} />}
        {say.sounds !== undefined && <Sounds agent={store.agent} sounds={say.sounds} />}
        {say.shown !== undefined && <MessageFiles room={ownRoomKey(agentOwner(store.agent))} files={say.shown} />}
        <RichText text={say.text} />
      </div>
      {say.files !== undefined && (
        <Suspense>
          <AttachedFiles place={placeOfPost(say.operationId)} files={say.files} />
        </Suspense>
      )}
      <Unsent
        pending={say}
        waits={waitsForFiles(say)}
        isHeld={say.held === true}
        retry={() => store.retry(say.operationId)}
        discard={() => store.discard(say.operationId)}
      />
    </article>
  );
}

/** The answer that is being written; only this row is rendered again for its tokens. */
export function AnswerRow({
  store,
  label,
  waiting,
}: {
  readonly store: AgentStore;
  readonly label: string;
  /** The connection is away: the node goes on writing, this page just does not see it. */
  readonly waiting: boolean;
}) {
  const text = useShown(store.store, (model: AgentModel) => model.draft?.text ?? "");
  const attempt = useShown(store.store, (model: AgentModel) => model.draft?.attempt ?? 1);
  const rounds = useShown(store.store, (model: AgentModel) => model.draft?.rounds ?? noRounds);
  const stage = useShown(store.store, stageOf);
  return (
    <article className="turn answer draft" tabIndex={-1} aria-label={`${label} is ${stage}`} aria-busy="true">
      <Avatar principal={`agent/${store.agent}`} label={label} size={30} />
      <div className="answer-body">
        {attempt > 1 && text === "" && <p className="end">The model was interrupted. Trying again.</p>}
        <Rounds rounds={rounds} />
        {text === "" ? (
          <span className="waits">
            <span className="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            <span className="stage">{stage}</span>
          </span>
        ) : (
          <RichText text={text} streaming />
        )}
        {waiting && <p className="end">The answer continues when the connection is back.</p>}
      </div>
    </article>
  );
}
