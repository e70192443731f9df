import { memo } from "react";
import { nameUnsent, useShown, type RoomStore } from "../../live/index.ts";
import { plainLine, type PendingPost, type RoomModel } from "../../model/index.ts";
import { Avatar } from "../avatar.tsx";
import { RichText } from "../rich-text.tsx";
import { clockTime, dayName } from "../time.ts";
import { Unsent } from "../unsent.tsx";

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

/** Where the room begins. */
export function StartRow({
  title,
  topic,
  direct,
}: {
  readonly title: string;
  readonly topic: string;
  readonly direct: boolean;
}) {
  return (
    <div className="start">
      <h2>{title}</h2>
      <p>
        {direct ? `This is the beginning of your conversation with ${title}.` : "This is the beginning of the room."}
        {topic !== "" && ` ${topic}`}
      </p>
    </div>
  );
}

/** A message on its way, or one that could not be sent. */
export const PendingRow = memo(function PendingRow({
  post,
  head,
  me,
  label,
  room,
}: {
  readonly post: PendingPost;
  readonly head: boolean;
  readonly me: string;
  readonly label: string;
  readonly room: RoomStore;
}) {
  return (
    <article
      className={`message pending${head ? " head" : ""}`}
      tabIndex={-1}
      aria-roledescription="message"
      aria-label={`${nameUnsent(post)}: ${plainLine(post.text).slice(0, 300)}`}
    >
      <div className="message-side">{head && <Avatar principal={me} label={label} />}</div>
      <div className="message-body">
        {head && (
          <div className="message-head">
            <span className="author">{label}</span>
            <time>{clockTime(post.atMs)}</time>
          </div>
        )}
        <RichText text={post.text} />
        <Unsent
          pending={post}
          retry={() => room.retry(post.operationId)}
          discard={() => room.discard(post.operationId)}
        />
      </div>
    </article>
  );
});

/** An agent's answer while it is written; only this row is rendered again for its tokens. */
export function DraftRow({
  room,
  generation,
  nameFor,
}: {
  readonly room: RoomStore;
  readonly generation: string;
  readonly nameFor: (principal: string) => string;
}) {
  const draft = useShown(room.store, (model: RoomModel) => model.drafts[generation]);
  if (draft === undefined) return null;
  return (
    <article
      className="message head draft"
      tabIndex={-1}
      aria-label={`${nameFor(draft.agent)} is writing`}
      aria-busy="true"
    >
      <div className="message-side">
        <Avatar principal={draft.agent} label={nameFor(draft.agent)} />
      </div>
      <div className="message-body">
        <div className="message-head">
          <span className="author">{nameFor(draft.agent)}</span>
          <span className="tag">agent</span>
          <span className="writing">writing …</span>
        </div>
        {draft.text !== undefined && draft.text !== "" && <RichText text={draft.text} streaming />}
      </div>
    </article>
  );
}
