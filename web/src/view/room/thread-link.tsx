import type { RoomMessage, RoomThread } from "../../../../protocols/index.ts";
import type { Calling } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { NamedLine } from "./named-line.tsx";
import { clockTime } from "../parts/time.ts";

/** Numbers as they are read. */
export const counted = new Intl.NumberFormat("en");

/** How many replies, in words. */
export const repliesText = (count: number): string => (count === 1 ? "1 reply" : `${counted.format(count)} replies`);

/** What is unread of a thread, for the people it concerns. */
export function ThreadNews({ thread }: { readonly thread: RoomThread | undefined }) {
  const { unread = 0, mentioned = false } = thread?.own ?? {};
  if (unread === 0) return null;
  return (
    <span className={mentioned ? "count mentioned" : "count"}>
      {mentioned && <span aria-hidden="true">@ </span>}
      {counted.format(unread)} new
      {mentioned && <span className="hidden-text">, you were mentioned</span>}
    </span>
  );
}

/** Under a message: how many replies its thread has, what is new of them, and the newest. */
export function ThreadLink(props: {
  readonly message: RoomMessage;
  readonly thread: RoomThread | undefined;
  readonly calling: Calling;
  readonly onOpen: () => void;
}) {
  const { message, thread } = props;
  const { replies } = message;
  if (replies === undefined) return null;
  return (
    <button type="button" className="thread-link" onClick={props.onOpen}>
      <Icon name="thread" size={15} />
      {repliesText(replies.count)}
      <ThreadNews thread={thread} />
      <span className="dim">last {clockTime(replies.lastAtMs)}</span>
      {/* What is a line of the room is read there. */}
      {thread !== undefined && thread.last.text !== "" && thread.last.alsoInRoom !== true && (
        <span className="dim ellipsis thread-last">
          <bdi>{props.calling.nameFor(thread.last.author)}</bdi>:{" "}
          <NamedLine text={thread.last.text} calling={props.calling} />
        </span>
      )}
    </button>
  );
}
