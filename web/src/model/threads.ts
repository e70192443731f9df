import { summaryText } from "./summary-text.ts";
import type { RoomMessage, RoomThread, ThreadUnread } from "../../../protocols/index.ts";

/** The threads of a room as the page knows them, by the message that they answer. */
export type Threads = Readonly<Record<number, RoomThread>>;

/** Threads kept; the one that was not written in for longest goes. */
const threadsMax = 100;

const lineOf = ({ seq, author, text, atMs, threadOnly }: RoomMessage): RoomThread["last"] => ({
  seq,
  author,
  text: summaryText(text),
  atMs,
  ...(threadOnly !== true && { alsoInRoom: true }),
});
const mentions = (message: RoomMessage, me: string): boolean => message.mentions?.includes(me) === true;

/** The threads after an answer; `root` counts it. People who began a thread, wrote in it or are mentioned in it follow
 *  it. */
export function threadsAfter(threads: Threads, root: RoomMessage, message: RoomMessage, me: string): Threads {
  const known = threads[root.seq]?.own;
  const follows = known !== undefined || [root.author, message.author].includes(me) || mentions(message, me);
  const before: ThreadUnread = known ?? { readSeq: message.seq - 1, unread: 0, mentioned: false };
  const thread: RoomThread = {
    root: root.seq,
    count: root.replies?.count ?? 0,
    last: lineOf(message),
    ...(follows && { own: ownAfter(before, message, me) }),
  };
  const all = { ...threads, [root.seq]: thread };
  const kept = Object.values(all);
  if (kept.length <= threadsMax) return all;
  const newest = kept.toSorted((one, other) => other.last.seq - one.last.seq).slice(0, threadsMax);
  return Object.fromEntries(newest.map((one) => [one.root, one]));
}

function ownAfter(own: ThreadUnread, message: RoomMessage, me: string): ThreadUnread {
  if (message.author === me) return { ...own, readSeq: message.seq, unread: 0, mentioned: false };
  if (message.threadOnly !== true) return own;
  return { ...own, unread: own.muted === true ? 0 : own.unread + 1, mentioned: own.mentioned || mentions(message, me) };
}

/** The threads after a message was changed or deleted. `before`: what it was, where that is known; `answers`: what is
 *  known to be in threads only. */
export function threadsAfterChange(
  threads: Threads,
  message: RoomMessage,
  {
    me,
    before,
    answers,
  }: {
    readonly me: string;
    readonly before: RoomMessage | undefined;
    readonly answers: readonly RoomMessage[];
  },
): Threads {
  const thread = message.replyTo === undefined ? undefined : threads[message.replyTo];
  if (thread === undefined) return threads;
  const last = thread.last.seq === message.seq ? lineOf(message) : thread.last;
  const { own } = thread;
  const others = answers.filter(({ seq, replyTo }) => replyTo === thread.root && seq !== message.seq);
  const isOfMe = (one: RoomMessage): boolean => mentions(one, me) && one.author !== me;
  if (message.threadOnly !== true || (own === undefined && !isOfMe(message)))
    return { ...threads, [thread.root]: { ...thread, last } };
  if (own === undefined) {
    // Whom it mentions follows the thread from there on.
    const unread = 1 + others.filter(({ seq }) => seq > message.seq).length;
    const begun = { readSeq: message.seq - 1, unread, mentioned: true };
    return { ...threads, [thread.root]: { ...thread, last, own: begun } };
  }
  const tells = (one: RoomMessage): boolean => isOfMe(one) && one.seq > own.readSeq;
  const isTaken = before !== undefined && tells(before) && !tells(message);
  const mentioned = tells(message) || (isTaken ? others.some(tells) : own.mentioned);
  return { ...threads, [thread.root]: { ...thread, last, own: { ...own, mentioned } } };
}

/** The threads after the person has read one up to a position. `behind`: what is known to come after it. */
export function threadsAfterRead(
  threads: Threads,
  { root, seq }: { readonly root: number; readonly seq: number },
  { behind, me }: { readonly behind: readonly RoomMessage[]; readonly me: string },
): Threads {
  const thread = threads[root];
  if (thread?.own === undefined || thread.own.readSeq >= seq) return threads;
  const { own } = thread;
  const unread = Math.min(own.unread, behind.length);
  const mentioned = own.mentioned && behind.some((one) => mentions(one, me));
  return { ...threads, [root]: { ...thread, own: { ...own, readSeq: seq, unread, mentioned } } };
}

/** The threads after the person's marker in one went back; `own` is what the node says of it since then. */
export const threadsAfterUnread = (threads: Threads, root: number, own: ThreadUnread): Threads => {
  const thread = threads[root];
  return thread === undefined ? threads : { ...threads, [root]: { ...thread, own } };
};

/** The threads after the person said whether to follow one: all that is in it counts as read. */
export function threadsAfterFollow(threads: Threads, root: number, follow: boolean): Threads {
  const thread = threads[root];
  const follows = thread?.own !== undefined && thread.own.muted !== true;
  if (thread === undefined || follows === follow) return threads;
  const readSeq = Math.max(thread.own?.readSeq ?? 0, thread.last.seq);
  const own: ThreadUnread = { readSeq, unread: 0, mentioned: false, ...(!follow && { muted: true }) };
  return { ...threads, [root]: { ...thread, own } };
}

/** The threads as the node tells them, up to the message `to`; `later` are those known that came behind it. */
export function threadsTold(
  threads: Threads,
  told: readonly RoomThread[],
  { to, later, me }: { readonly to: number; readonly later: readonly RoomMessage[]; readonly me: string },
): Threads {
  const newer = Object.values(threads).filter(({ last }) => last.seq > to);
  const all = new Map(told.map((thread) => [thread.root, thread]));
  for (const thread of newer) {
    const before = all.get(thread.root);
    const answers = later.filter(({ replyTo }) => replyTo === thread.root);
    // It was told what is unread in it; here is known what came since.
    const own = before?.own && answers.reduce((one, message) => ownAfter(one, message, me), before.own);
    all.set(thread.root, own ? { ...thread, own } : thread);
  }
  return Object.fromEntries([...all].map(([root, thread]) => [root, thread]));
}

/** The threads with something to read, the one that was written in last first. */
export const threadsToRead = (threads: Threads): readonly RoomThread[] =>
  threadsInOrder(threads).filter(({ own }) => own !== undefined && (own.unread > 0 || own.mentioned));

/** The threads, the one that was written in last first. */
export const threadsInOrder = (threads: Threads): readonly RoomThread[] =>
  Object.values(threads).toSorted((one, other) => other.last.seq - one.last.seq);
