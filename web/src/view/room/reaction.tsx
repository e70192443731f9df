import type { RoomMessage } from "../../../../protocols/index.ts";
import { textsStaleMs, useOwnEmoji } from "../parts/lists.ts";
import { withOwnEmoji } from "../parts/spoken.tsx";
import type { MessageActions } from "./message-actions.ts";

/** A reaction and its people. One of an emoji that the cluster has no more can be taken back, and nobody joins it. */
export function Reaction({
  emoji,
  people,
  message,
  actions,
}: {
  readonly emoji: string;
  readonly people: readonly string[];
  readonly message: RoomMessage;
  readonly actions: MessageActions;
}) {
  const isOwn = emoji.startsWith(":");
  const own = useOwnEmoji(isOwn, textsStaleMs).data?.emoji;
  const mine = people.includes(actions.me);
  const isClosed = isOwn && !mine && own !== undefined && !own.some(({ name }) => `:${name}:` === emoji);
  const names = people.map(actions.nameFor).join(", ");
  return (
    <button
      type="button"
      className="reaction"
      aria-pressed={mine}
      aria-disabled={isClosed}
      aria-label={`${emoji}, ${people.length}: ${names}`}
      title={isClosed ? `${names}. This emoji was removed.` : names}
      onClick={() => {
        if (!isClosed) actions.react(message, emoji);
      }}
    >
      <span>{withOwnEmoji(emoji)}</span> {people.length}
    </button>
  );
}
