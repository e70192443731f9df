import type { RoomMessage } from "../../../protocols/index.ts";
import type { PendingPost } from "./room-model.ts";
import { isSameTopic } from "./topics.ts";

/** One row of a room's timeline. `head` rows carry avatar, name and time; the others belong to the group above. */
export type TimelineRow =
  | { readonly kind: "start"; readonly key: string }
  | { readonly kind: "day"; readonly key: string; readonly atMs: number }
  | { readonly kind: "unread"; readonly key: string }
  /** What comes behind it is in another topic than what is before it, or in none. */
  | { readonly kind: "topic"; readonly key: string; readonly topic: string | undefined }
  | { readonly kind: "message"; readonly key: string; readonly message: RoomMessage; readonly head: boolean }
  | { readonly kind: "pending"; readonly key: string; readonly post: PendingPost; readonly head: boolean }
  | { readonly kind: "draft"; readonly key: string; readonly draftKey: string };

// Five minutes: after a longer pause the reader wants to see when it went on.
const groupGapMs = 5 * 60_000;

/** The rows of a timeline, oldest first. Pending posts and drafts come last, because nothing can come before what is
 *  newest. */
export function timelineRows(from: {
  readonly messages: readonly RoomMessage[];
  readonly pending: readonly PendingPost[];
  readonly drafts: readonly string[];
  readonly me: string;
  /** The "new" line comes before the first later message of somebody else. */
  readonly unreadAfter: number | undefined;
  readonly hasOlder: boolean;
  /** All of them are of one topic, which is named elsewhere. */
  readonly isOneTopic?: boolean;
}): readonly TimelineRow[] {
  const rows: TimelineRow[] = [];
  if (!from.hasOlder) rows.push({ kind: "start", key: "start" });
  let previous: { readonly author: string; readonly atMs: number } | undefined;
  let lineDrawn = from.unreadAfter === undefined;
  // Where the window begins behind the marker, what is the first unread message is not known.
  let isBehind = from.hasOlder;
  const dayOf = days();
  let dayBefore: string | undefined;
  let topicBefore: string | undefined;
  for (const message of from.messages) {
    const day = dayOf(message.atMs);
    if (day !== dayBefore) {
      rows.push({ kind: "day", key: `day-${day}`, atMs: message.atMs });
      previous = undefined;
    }
    dayBefore = day;
    const { author, restored, topic } = message;
    if (from.isOneTopic !== true && !isSameTopic(topic, topicBefore)) {
      rows.push({ kind: "topic", key: `topic-${message.seq}`, topic });
      previous = undefined;
    }
    topicBefore = topic;
    if (message.seq <= (from.unreadAfter ?? 0)) isBehind = false;
    else if (!lineDrawn && !isBehind && author !== from.me && restored === undefined) {
      rows.push({ kind: "unread", key: "unread" });
      lineDrawn = true;
      previous = undefined;
    }
    const head = !continues(previous, message) || answeredBy(message) !== undefined || restored !== undefined;
    rows.push({ kind: "message", key: `m${message.seq}`, message, head });
    previous = message;
  }
  for (const post of from.pending) {
    const now = { author: from.me, atMs: post.atMs };
    rows.push({ kind: "pending", key: `p${post.operationId}`, post, head: !continues(previous, now) });
    previous = now;
  }
  for (const draftKey of from.drafts) rows.push({ kind: "draft", key: `d${draftKey}`, draftKey });
  return rows;
}

/** The message that one answers: an agent in a thread answers one of its messages, and not the one it began with. */
export const answeredBy = ({ answers, replyTo }: RoomMessage): number | undefined => answers ?? replyTo;

interface Said {
  readonly author: string;
  readonly atMs: number;
}

const continues = (previous: Said | undefined, next: Said): boolean =>
  previous !== undefined && previous.author === next.author && next.atMs - previous.atMs < groupGapMs;

/** Names days where the reader is. A room has thousands of lines and few days: each is computed once. */
function days(): (atMs: number) => string {
  let [fromMs, toMs, name] = [0, 0, ""];
  return (atMs) => {
    if (atMs >= fromMs && atMs < toMs) return name;
    const date = new Date(atMs);
    const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
    [fromMs, toMs] = [new Date(year, month, day).getTime(), new Date(year, month, day + 1).getTime()];
    name = `${year}-${month + 1}-${day}`;
    return name;
  };
}
