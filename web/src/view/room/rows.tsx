import { Button } from "@mantine/core";
import { memo, Suspense, useMemo, useState } from "react";
import { stageWords } from "../../../../protocols/answering/words.ts";
import type { RoomView } from "../../../../protocols/index.ts";
import { nameUnsent, useShown, type RoomStore } from "../../live/index.ts";
import { placeOfPost, waitsForFiles, type PendingPost, type RoomDraft, type RoomModel } from "../../model/index.ts";
import { AttachedFiles } from "../files/attaching.tsx";
import { Avatar } from "../parts/avatar.tsx";
import { Icon } from "../parts/icons.tsx";
import { RichText } from "../parts/rich-text.tsx";
import { Rounds } from "../parts/rounds.tsx";
import { clockTime, dayName } from "../parts/time.ts";
import { Unsent } from "../parts/unsent.tsx";
import { callingIn } from "./calling-in.ts";
import { staysWithPeople } from "./staying.ts";
import { useNamedLine } from "./named-line.tsx";
import type { MessageActions } from "./message-actions.ts";

/** Rows of the timeline that are not messages of the room yet, or none at all. */

export function DayRow({ atMs }: { readonly atMs: number }) {
  return (
    <div className="day">
      <span>{dayName(atMs, Date.now())}</span>
    </div>
  );
}

export function UnreadRow() {
  return (
    <div className="unread-line" role="separator" aria-label="New messages">
      <span>New</span>
    </div>
  );
}

/** Where the topic changes. */
export function TopicRow(props: { readonly topic: string | undefined; readonly onOpen: (topic: string) => void }) {
  const { topic, onOpen } = props;
  return (
    <div className="topic-line">
      <Icon name="hash" size={14} />
      {topic === undefined ? (
        <span className="dim">No topic</span>
      ) : (
        <button type="button" className="link ellipsis" title="Show this topic alone" onClick={() => onOpen(topic)}>
          <bdi>{topic}</bdi>
        </button>
      )}
    </div>
  );
}

interface Beginning {
  readonly view: RoomView;
  readonly title: string;
  /** The way to bring others in; undefined for people who may not. */
  readonly invite: (() => void) | undefined;
}

/** Where the room begins, above its first message. */
export function StartRow({ view, title, invite }: Beginning) {
  return (
    <div className="start">
      <h2 dir="auto">{title}</h2>
      {view.topic !== "" && <p dir="auto">{view.topic}</p>}
      <p>
        {view.visibility === "direct" ? (
          <>
            The beginning of your conversation with <bdi>{title}</bdi>.
          </>
        ) : (
          "The beginning of the room."
        )}
        {invite !== undefined && Object.keys(view.members).length === 1 && (
          <>
            {" "}
            You are the only one here.{" "}
            <button type="button" className="link" onClick={invite}>
              Invite people
            </button>
          </>
        )}
      </p>
    </div>
  );
}

/** A room in which nothing was said yet: what it is for, and how it fills. */
export function EmptyRoom({ view, title, invite, me }: Beginning & { readonly me: string }) {
  const direct = view.visibility === "direct";
  const other = Object.keys(view.members).find((member) => member !== me);
  const alone = Object.keys(view.members).length === 1;
  return (
    <div className="empty">
      {direct && other !== undefined ? (
        <Avatar principal={other} label={title} size={56} />
      ) : (
        <span className="empty-icon">
          <Icon name={view.visibility === "private" ? "lock" : "hash"} size={28} />
        </span>
      )}
      <h2 dir="auto">{title}</h2>
      {view.topic !== "" && <p dir="auto">{view.topic}</p>}
      <p>
        {direct ? (
          <>
            Only you and <bdi>{title}</bdi> see what you write here.
          </>
        ) : staysWithPeople(view) ? (
          "Only the people of the conversation that it was see this room."
        ) : view.visibility === "private" ? (
          "Only people who are invited see this room."
        ) : (
          "Anyone here can find and join this room."
        )}
        {!direct && alone && " So far you are the only one in it."}
      </p>
      {invite !== undefined && <Button onClick={invite}>Invite people</Button>}
    </div>
  );
}

/** A message on its way, or one that could not be sent. */
export const PendingRow = memo(function PendingRow({
  post,
  head,
  me,
  room,
  nameFor,
}: {
  readonly post: PendingPost;
  readonly head: boolean;
  readonly me: string;
  readonly room: RoomStore;
  readonly nameFor: (principal: string) => string;
}) {
  const label = nameFor(me);
  const calling = useMemo(() => callingIn(room, undefined, nameFor), [room, nameFor]);
  const words = useNamedLine(post.text, calling);
  return (
    <article
      className={`message pending${head ? " head" : ""}`}
      tabIndex={-1}
      aria-roledescription="message"
      aria-label={`${nameUnsent(post)}: ${words.slice(0, 300)}`}
    >
      <div className="message-side">{head && <Avatar principal={me} label={label} />}</div>
      <div className="message-body">
        {head && (
          <div className="message-head">
            <span className="author" dir="auto">
              {label}
            </span>
            <time>{clockTime(post.atMs)}</time>
          </div>
        )}
        {post.text !== "" && <RichText text={post.text} calling={calling} />}
        <Suspense>{post.files && <AttachedFiles place={placeOfPost(post.operationId)} files={post.files} />}</Suspense>
        <Unsent
          pending={post}
          retry={() => room.retry(post.operationId)}
          discard={() => room.discard(post.operationId)}
          waits={waitsForFiles(post)}
        />
      </div>
    </article>
  );
});

/** An agent's answer while it is waited for and written; only this row is rendered again for its tokens. */
export function DraftRow({ draftKey, actions }: { readonly draftKey: string; readonly actions: MessageActions }) {
  const { room, nameFor } = actions;
  const draft = useShown(room.store, (model: RoomModel) => model.drafts[draftKey]);
  if (draft === undefined) return null;
  const stage = stageWords(draft);
  return (
    <article
      className="message head draft"
      tabIndex={-1}
      aria-label={`${nameFor(draft.agent)} is ${stage}`}
      aria-busy="true"
    >
      <div className="message-side">
        <Avatar principal={draft.agent} label={nameFor(draft.agent)} />
      </div>
      <div className="message-body">
        <div className="message-head">
          <span className="author" dir="auto">
            {nameFor(draft.agent)}
          </span>
          <span className="tag">agent</span>
          <span className="writing">{stage} …</span>
          {mayStop(draft, actions) && <StopButton draft={draft} actions={actions} />}
        </div>
        <Rounds rounds={draft.rounds} />
        {draft.text !== undefined && draft.text !== "" && <RichText text={draft.text} streaming />}
      </div>
    </article>
  );
}

/** The person who asked, the agent's owner, and moderators. */
const mayStop = ({ agent, by, replyTo }: RoomDraft, { me, moderates }: MessageActions): boolean =>
  replyTo !== undefined && (by === me || moderates || agent.startsWith(`agent/${me.slice("user/".length)}.`));

function StopButton({ draft, actions }: { readonly draft: RoomDraft; readonly actions: MessageActions }) {
  const [stopping, setStopping] = useState(false);
  const stop = async () => {
    setStopping(true);
    await actions.room.change("stop", { seq: draft.replyTo ?? 0, agent: draft.agent });
    setStopping(false);
  };
  return (
    <button
      type="button"
      className="stop"
      aria-label={`Stop the answer of ${actions.nameFor(draft.agent)}`}
      disabled={stopping}
      onClick={() => void stop()}
    >
      <Icon name="stop" size={14} /> Stop
    </button>
  );
}
