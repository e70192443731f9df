import { Menu } from "@mantine/core";
import { lazy, memo, Suspense, useState } from "react";
import { Link } from "@tanstack/react-router";
import type { RoomMessage, RoomThread } from "../../../../protocols/index.ts";
import { isOwnRoom } from "../../../../protocols/kinds/room-own.ts";
import { agentLabel, answeredBy, calledIn, isAgent, namedFiles } from "../../model/index.ts";
import { MessageFiles } from "../files/message-files.tsx";
import { Avatar } from "../parts/avatar.tsx";
import { Icon } from "../parts/icons.tsx";
import { Actions } from "../parts/layers.tsx";
import { useProfile } from "../parts/lists.ts";
import { ModelCause } from "../parts/model-cause.tsx";
import { PersonName } from "../parts/person-name.tsx";
import { noRounds, Rounds } from "../parts/rounds.tsx";
import { clockTime, fullTime, momentOf } from "../parts/time.ts";
import { EmojiPicker } from "../writing/emoji-picker.tsx";
import { atHand } from "../writing/at-hand.ts";
import type { MessageActions } from "./message-actions.ts";
import { FoldedText } from "./folded-text.tsx";
import { KeepItems } from "./keep-items.tsx";
import { callingIn } from "./calling-in.ts";
import { NamedLine, useNamedLine } from "./named-line.tsx";
import { Reaction } from "./reaction.tsx";
import { ThreadLink } from "./thread-link.tsx";

const EditField = lazy(() => import("./edit-field.tsx"));
const LinkPreviews = lazy(() => import("./link-previews.tsx"));
const PollCard = lazy(() => import("./poll-card.tsx"));
const Reacted = lazy(() => import("./reacted.tsx"));

/** One message of the timeline. */
export const MessageRow = memo(function MessageRow({
  message,
  head,
  quoted,
  thread,
  editing,
  marked,
  picked,
  inThread,
  actions,
}: {
  readonly message: RoomMessage;
  readonly head: boolean;
  /** The message this one answers, when it is to be shown and known. */
  readonly quoted?: RoomMessage | undefined;
  /** The thread that it began, as far as the room tells of it. */
  readonly thread?: RoomThread | undefined;
  readonly editing: boolean;
  /** The message somebody jumped to. */
  readonly marked: boolean;
  /** Whether it is selected; undefined while nobody selects. */
  readonly picked?: boolean | undefined;
  readonly inThread: boolean;
  readonly actions: MessageActions;
}) {
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const [held, setHeld] = useState(false);
  const [asksReactions, setAsksReactions] = useState(false);
  const { nameFor } = actions;
  const words = useNamedLine(message.text, callingIn(actions.room, calledIn(message), nameFor));
  const gone = message.deletedAtMs !== undefined;
  const mentioned = message.mentions?.includes(actions.me) === true;
  const answered = answeredBy(message);
  const marks = { head, mentioned, marked, picked: picked === true };
  const className = ["message", ...Object.keys(marks).filter((mark) => marks[mark as keyof typeof marks])].join(" ");
  const isPicking = picked !== undefined && !gone;
  return (
    <article
      className={className}
      data-seq={message.seq}
      tabIndex={-1}
      aria-roledescription="message"
      aria-label={`${picked === true ? "selected, " : ""}${toldAs(message, nameFor, words)}`}
      onKeyDown={(event) => actions.pick(message, event)}
      onClick={(event) => {
        if (!isPicking) return;
        // A name in it is selected with it, opens no card and does not keep the focus: Escape ends the selection.
        event.stopPropagation();
        if ((event.target as Element).closest("[data-person]")) event.currentTarget.focus({ preventScroll: true });
        actions.pick(message, event);
      }}
      // A finger points only while it presses.
      onPointerEnter={({ pointerType }) => setHovered(pointerType === "mouse")}
      onPointerLeave={() => setHovered(false)}
      // A click leaves the focus on what was clicked; the actions are shown to somebody who came by keyboard.
      onFocus={(event) => {
        if (event.target.matches(":focus-visible")) setFocused(true);
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setFocused(false);
      }}
    >
      <Side {...{ message, head, nameFor }} picked={isPicking ? picked : undefined} />
      <div className="message-body">
        {head && <Head message={message} nameFor={nameFor} isPicking={isPicking} />}
        {answered !== undefined && (!inThread || quoted !== undefined) && (
          <Quote seq={answered} quoted={quoted} nameFor={nameFor} onShow={actions.show} />
        )}
        {editing ? (
          <Suspense fallback={<p className="dim">Loading …</p>}>
            <EditField
              message={message}
              room={actions.room}
              nameFor={nameFor}
              onDone={() => actions.setEditing(message.seq, false)}
              onResume={() => actions.setEditing(message.seq, true)}
            />
          </Suspense>
        ) : gone ? (
          <p className="gone">This message was deleted.</p>
        ) : (
          <>
            <Rounds rounds={message.rounds ?? noRounds} />
            {message.refused !== undefined && (
              <span className="unanswered">
                <Icon name="warning" size={14} /> Not answered
              </span>
            )}
            <Content message={message} actions={actions} />
            {message.refused !== undefined && ofModels.has(message.refused) && <ModelCause />}
            {message.stopped === true && <p className="stopped">Stopped</p>}
            {message.poll !== undefined && (
              <Suspense>
                <PollCard message={message} poll={message.poll} actions={actions} />
              </Suspense>
            )}
          </>
        )}
        <Reactions message={message} actions={actions} />
        {!inThread && (
          <ThreadLink
            message={message}
            thread={thread}
            calling={callingIn(actions.room, undefined, nameFor)}
            onOpen={() => actions.openThread(message.seq)}
          />
        )}
      </div>
      {!gone && !editing && !isPicking && (
        <div className="message-tools">
          {hovered || focused || held ? (
            <Tools
              message={message}
              inThread={inThread}
              actions={actions}
              onHold={setHeld}
              onReactions={() => setAsksReactions(true)}
            />
          ) : (
            // The way in by touch; what is behind it is built when needed.
            <button
              type="button"
              className="tool quiet"
              aria-label="Message actions"
              onClick={(event) => {
                // The button makes room for them, and the focus stays in the message: they go when it does.
                event.currentTarget.closest("article")?.focus({ preventScroll: true });
                setFocused(true);
              }}
            >
              <Icon name="more" />
            </button>
          )}
        </div>
      )}
      {asksReactions && (
        <Suspense>
          <Reacted opened message={message} onClose={() => setAsksReactions(false)} />
        </Suspense>
      )}
    </article>
  );
});

/** What is beside a message: whether it is selected, the author's picture, or the time. */
function Side(props: {
  readonly message: RoomMessage;
  readonly head: boolean;
  /** Undefined while it cannot be selected. */
  readonly picked: boolean | undefined;
  readonly nameFor: (principal: string) => string;
}) {
  const { message, head, picked, nameFor } = props;
  return (
    <div className="message-side">
      {picked !== undefined ? (
        <input type="checkbox" className="pick-box" aria-label="Select" checked={picked} readOnly />
      ) : head ? (
        <span data-person={message.author}>
          <Avatar principal={message.author} label={nameFor(message.author)} />
        </span>
      ) : (
        <time className="gutter-time" dateTime={new Date(message.atMs).toISOString()} title={fullTime(message.atMs)}>
          {clockTime(message.atMs)}
        </time>
      )}
    </div>
  );
}

/** By whom it is, and when it was sent. */
function Head(props: {
  readonly message: RoomMessage;
  readonly nameFor: (principal: string) => string;
  readonly isPicking: boolean;
}) {
  const { message, nameFor, isPicking } = props;
  return (
    <div className="message-head">
      <PersonName className="author" person={isPicking ? undefined : message.author}>
        {nameFor(message.author)}
      </PersonName>
      {isAgent(message.author) && <span className="tag">agent</span>}
      <time dateTime={new Date(message.atMs).toISOString()} title={fullTime(message.atMs)}>
        {clockTime(message.atMs)}
      </time>
      {message.restored !== undefined && (
        <span
          className="restored"
          title={
            `Restored from the backup of ${fullTime(message.restored.backupAtMs)}. First sent ` +
            `${fullTime(message.restored.atMs)}.`
          }
        >
          <Icon name="refresh" size={13} /> restored, first sent {momentOf(message.restored.atMs)}
        </span>
      )}
      {message.pinned === true && (
        <span className="pinned">
          <Icon name="pin" size={13} /> pinned
        </span>
      )}
    </div>
  );
}

/** Text and files; one of them may be absent. */
function Content({ message, actions }: { readonly message: RoomMessage; readonly actions: MessageActions }) {
  const { text, files, previews = none, author, deletedAtMs } = message;
  const showsPreviews = useProfile()?.linkPreviews?.shown !== false;
  const mayRemove = author === actions.me || actions.moderates;
  return (
    <>
      {isOwnRoom(actions.room.room) && deletedAtMs === undefined ? (
        <p>
          <Link to="/agent/$agent" params={{ agent: text }}>
            In the conversation with {agentLabel(text, actions.me.slice("user/".length))}
          </Link>
        </p>
      ) : (
        (text !== "" || files === undefined) && <FoldedText message={message} actions={actions} />
      )}
      {files && <MessageFiles room={actions.room.room} files={files} />}
      {showsPreviews && previews.length > 0 && (
        <Suspense>
          <LinkPreviews
            room={actions.room.room}
            previews={previews}
            onRemove={mayRemove ? () => actions.removePreviews(message) : undefined}
          />
        </Suspense>
      )}
    </>
  );
}

const none: readonly never[] = [];

const toldCharsMax = 300;

/** Why an answer failed whose model cannot be used. */
const ofModels: ReadonlySet<string> = new Set([
  "MODEL_LOAD_FAILED",
  "MODEL_UNAVAILABLE",
  "MODEL_NOT_FOUND",
  "RUNTIME_FAULT",
]);

/** A message as a screen reader says it. */
function toldAs(message: RoomMessage, nameFor: (principal: string) => string, words: string): string {
  const facts = [nameFor(message.author), clockTime(message.atMs)];
  if (message.deletedAtMs !== undefined) return `${facts.join(", ")}: deleted message`;
  if (message.restored !== undefined) facts.push(`restored, first sent ${momentOf(message.restored.atMs)}`);
  if (message.editedAtMs !== undefined) facts.push("edited");
  if (message.refused !== undefined) facts.push("not answered");
  if (message.stopped === true) facts.push("stopped");
  if (message.pinned === true) facts.push("pinned");
  if (message.poll !== undefined) facts.push(message.poll.closedAtMs === undefined ? "poll" : "closed poll");
  return `${facts.join(", ")}: ${`${words} ${namedFiles(message.files)}`.trim().slice(0, toldCharsMax)}`;
}

function Quote(props: {
  readonly seq: number;
  readonly quoted: RoomMessage | undefined;
  readonly nameFor: (principal: string) => string;
  readonly onShow: (seq: number) => void;
}) {
  const { quoted } = props;
  return (
    <button type="button" className="quote ellipsis" onClick={() => props.onShow(props.seq)}>
      {quoted === undefined ? (
        "Show the original message"
      ) : (
        <>
          <b>
            <bdi>{props.nameFor(quoted.author)}</bdi>
          </b>{" "}
          {quoted.deletedAtMs === undefined ? (
            <NamedLine
              text={quoted.text || namedFiles(quoted.files)}
              calling={{ mentions: calledIn(quoted), members: {}, nameFor: props.nameFor }}
            />
          ) : (
            <bdi>deleted message</bdi>
          )}
        </>
      )}
    </button>
  );
}

/** Each emoji with the people who have reacted with it. */
const reactionsOf = ({ reactions }: RoomMessage) =>
  Object.entries(reactions ?? {}).filter(([, people]) => people.length > 0);

function Reactions({ message, actions }: { readonly message: RoomMessage; readonly actions: MessageActions }) {
  const reactions = reactionsOf(message);
  if (reactions.length === 0) return null;
  return (
    <div className="reactions">
      {reactions.map(([emoji, people]) => (
        <Reaction key={emoji} emoji={emoji} people={people} message={message} actions={actions} />
      ))}
    </div>
  );
}

function Tools({
  message,
  inThread,
  actions,
  onHold,
  onReactions,
}: {
  readonly message: RoomMessage;
  readonly inThread: boolean;
  readonly actions: MessageActions;
  readonly onHold: (held: boolean) => void;
  readonly onReactions: () => void;
}) {
  const own = message.author === actions.me;
  const { isClosed } = actions;
  return (
    <div className="tools" role="group" aria-label="Message actions">
      {!isClosed &&
        atHand.slice(0, 3).map((emoji) => (
          <button
            key={emoji}
            type="button"
            className="tool emoji-tool"
            aria-label={`React with ${emoji}`}
            onClick={() => actions.react(message, emoji)}
          >
            {emoji}
          </button>
        ))}
      {!isClosed && <EmojiPicker onPick={(emoji) => actions.react(message, emoji)} onOpen={onHold} />}
      {!inThread && !isClosed && (
        <button
          type="button"
          className="tool"
          aria-label="Reply"
          title="Reply in the thread"
          onClick={() => actions.openThread(message.replyTo ?? message.seq)}
        >
          <Icon name="reply" />
        </button>
      )}
      <Actions
        width={210}
        onOpen={onHold}
        button={
          <button type="button" className="tool" aria-label="More actions" title="More actions">
            <Icon name="more" />
          </button>
        }
      >
        {!inThread && <ReadingItems message={message} actions={actions} />}
        {own && !isClosed && message.poll === undefined && (
          <Menu.Item leftSection={<Icon name="edit" size={16} />} onClick={() => actions.setEditing(message.seq, true)}>
            Edit
          </Menu.Item>
        )}
        {(own || actions.moderates) && !isClosed && !inThread && message.replyTo === undefined && (
          <Menu.Item leftSection={<Icon name="hash" size={16} />} onClick={() => actions.moveTopic(message)}>
            Move to topic …
          </Menu.Item>
        )}
        {actions.moderates && !isClosed && (
          <Menu.Item leftSection={<Icon name="pin" size={16} />} onClick={() => actions.pin(message)}>
            {message.pinned === true ? "Unpin" : "Pin"}
          </Menu.Item>
        )}
        <KeepItems message={message} inThread={inThread} actions={actions} />
        {reactionsOf(message).length > 0 && (
          <Menu.Item leftSection={<Icon name="smile" size={16} />} onClick={onReactions}>
            Reactions …
          </Menu.Item>
        )}
        {(own || actions.moderates) && (
          <Menu.Item
            className="grave"
            leftSection={<Icon name="trash" size={16} />}
            onClick={() => actions.remove(message)}
          >
            Delete …
          </Menu.Item>
        )}
      </Actions>
    </div>
  );
}

/** Where one reads on from a message of the room. */
function ReadingItems({ message, actions }: { readonly message: RoomMessage; readonly actions: MessageActions }) {
  return (
    <>
      <Menu.Item
        leftSection={<Icon name="thread" size={16} />}
        onClick={() => actions.openThread(message.replyTo ?? message.seq)}
      >
        Open thread
      </Menu.Item>
      <Menu.Item leftSection={<Icon name="up" size={16} />} onClick={() => actions.markUnread(message)}>
        Mark unread from here
      </Menu.Item>
    </>
  );
}
