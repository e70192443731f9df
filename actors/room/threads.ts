/** Threads that were written in lately, and their followers: people who began one, wrote in it, or are mentioned in it.
 *
 *  A thread's messages are messages of the room. What stands here is what a reader of the room needs to know of them:
 *  how many there are, which is the newest, and what is unread. A person who reads a thread older than these counts it
 *  as read.
 *
 *  Invariant: `quiet` counts the answers that are in the thread only, and each reader's `read` is what it was at the
 *  reader's marker, with the reader's own answers behind it. So what is unread is a difference, and nothing counts it
 *  up and down. */
import { cut, wireLimits, type RoomMessage, type RoomThread, type ThreadUnread } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** How far somebody has read a thread. */
interface ThreadReader {
  readonly readSeq: number;
  readonly read: number;
  /** The newest answer that mentions them, of those that are in the thread only. */
  readonly mentionedSeq?: number;
  /** They said that they do not follow it. */
  readonly muted?: true;
}

export interface Thread {
  readonly root: number;
  readonly count: number;
  /** Answers that are in the thread only, since it is known here. */
  readonly quiet: number;
  readonly last: RoomThread["last"];
  /** By principal, the one that came first at the beginning. */
  readonly readers: Readonly<Record<string, ThreadReader>>;
}

type Threads = readonly Thread[] | undefined;

const isPerson = (principal: string): boolean => principal.startsWith("user/");
const lineOf = ({ seq, author, text, atMs, threadOnly }: RoomMessage): RoomThread["last"] => ({
  seq,
  author,
  text: cut(text, wireLimits.summaryTextChars),
  atMs,
  ...(threadOnly !== true && { alsoInRoom: true }),
});

/** The threads after an answer; the one it is in comes last. `root` counts it already. */
export function withAnswer(threads: Threads, root: RoomMessage, message: RoomMessage): readonly Thread[] {
  const known = threads?.find((thread) => thread.root === root.seq);
  const { quiet: before = 0 } = known ?? {};
  const quiet = before + (message.threadOnly === true ? 1 : 0);
  const unread: ThreadReader = { readSeq: message.seq - 1, read: before };
  const readers = new Map(Object.entries(known?.readers ?? {}));
  const follow = (principal: string, change: Partial<ThreadReader>): void => {
    const reader = readers.get(principal);
    if (!isPerson(principal) || (reader === undefined && readers.size >= limits.threadReadersMax)) return;
    readers.set(principal, { ...unread, ...reader, ...change });
  };
  follow(root.author, {});
  const told = message.threadOnly === true ? { mentionedSeq: message.seq } : {};
  for (const principal of message.mentions ?? []) if (principal !== message.author) follow(principal, told);
  follow(message.author, { readSeq: message.seq, read: quiet });
  const others = (threads ?? []).filter((thread) => thread !== known);
  const thread: Thread = {
    root: root.seq,
    count: root.replies?.count ?? 0,
    quiet,
    last: lineOf(message),
    readers: Object.fromEntries(readers),
  };
  return [...others, thread].slice(-limits.roomThreadsKept);
}

/** The threads after an answer was changed or deleted: what is shown of it is what it says now, and whom it mentions is
 *  told. `others`: the answers in memory that are in this thread only. */
export function withChanged(threads: Threads, message: RoomMessage, others: readonly RoomMessage[]): Threads {
  if (message.replyTo === undefined) return threads;
  return threads?.map((thread) => {
    if (thread.root !== message.replyTo) return thread;
    const mentions = (message.mentions ?? []).filter(isPerson);
    const readers = new Map<string, ThreadReader>();
    for (const [principal, reader] of Object.entries(thread.readers)) {
      const { mentionedSeq, ...rest } = reader;
      if (mentionedSeq !== message.seq) {
        readers.set(principal, reader);
        continue;
      }
      // What mentioned them before still does.
      const before = others.findLast(({ seq, mentions: said }) => seq !== message.seq && said?.includes(principal));
      readers.set(principal, before === undefined ? rest : { ...rest, mentionedSeq: before.seq });
    }
    const behind = others.filter(({ seq }) => seq >= message.seq).length;
    const unread: ThreadReader = { readSeq: message.seq - 1, read: Math.max(0, thread.quiet - behind) };
    for (const principal of message.threadOnly === true ? mentions : []) {
      const reader = readers.get(principal) ?? (readers.size < limits.threadReadersMax ? unread : undefined);
      if (reader === undefined || principal === message.author) continue;
      readers.set(principal, { ...reader, mentionedSeq: Math.max(reader.mentionedSeq ?? 0, message.seq) });
    }
    const last = thread.last.seq === message.seq ? lineOf(message) : thread.last;
    return { ...thread, last, readers: Object.fromEntries(readers) };
  });
}

/** The threads after somebody has read one up to an answer. `behind`: so many quiet ones of others come after
 *  it. */
export const withRead = (threads: Threads, root: number, principal: string, seq: number, behind: number): Threads =>
  threads?.map((thread) => {
    const reader = thread.readers[principal];
    if (thread.root !== root || reader === undefined || seq <= reader.readSeq) return thread;
    const read = Math.max(reader.read, thread.quiet - behind);
    return { ...thread, readers: { ...thread.readers, [principal]: { ...reader, readSeq: seq, read } } };
  });

/** The threads after somebody's marker in one went back to an answer. `behind` as above. */
export const withUnread: typeof withRead = (threads, root, principal, seq, behind) =>
  threads?.map((thread) => {
    const reader = thread.readers[principal];
    if (thread.root !== root || reader === undefined || seq >= reader.readSeq) return thread;
    const read = Math.min(reader.read, Math.max(0, thread.quiet - behind));
    return { ...thread, readers: { ...thread.readers, [principal]: { ...reader, readSeq: seq, read } } };
  });

/** The threads after somebody said whether to follow one: all that is in it counts as read. */
export function withFollower(threads: Threads, root: number, principal: string, follow: boolean): Threads {
  return threads?.map((thread) => {
    const reader = thread.readers[principal];
    if (thread.root !== root || (reader === undefined && !follow)) return thread;
    const { mentionedSeq: _, ...kept } = reader ?? {};
    const { muted: _muted, ...rest } = {
      ...kept,
      readSeq: Math.max(reader?.readSeq ?? 0, thread.last.seq),
      read: thread.quiet,
    };
    const next: ThreadReader = follow ? rest : { ...rest, muted: true };
    return { ...thread, readers: { ...thread.readers, [principal]: next } };
  });
}

/** Whether one more can follow a thread. */
export const hasPlace = ({ readers }: Thread, principal: string): boolean =>
  readers[principal] !== undefined || Object.keys(readers).length < limits.threadReadersMax;

/** The threads without a reader, who has left. */
export const withoutReader = (threads: Threads, principal: string): Threads =>
  threads?.map((thread) => {
    const { [principal]: gone, ...readers } = thread.readers;
    return gone === undefined ? thread : { ...thread, readers };
  });

function unreadOf(thread: Thread, asker: string): ThreadUnread | undefined {
  const reader = thread.readers[asker];
  if (reader === undefined) return undefined;
  const { readSeq, read, mentionedSeq = 0, muted } = reader;
  const unread = muted === true ? 0 : Math.max(0, thread.quiet - read);
  return { readSeq, unread, mentioned: mentionedSeq > readSeq, ...(muted && { muted }) };
}

/** The threads as somebody sees them, the one that was written in last at the end. */
export const threadsFor = (threads: Threads, asker: string): readonly RoomThread[] =>
  (threads ?? []).map((thread) => {
    const { root, count, last } = thread;
    const own = unreadOf(thread, asker);
    return { root, count, last, ...(own && { own }) };
  });

/** The same of those in which the asker has something to read. */
export const threadsToRead = (threads: Threads, asker: string): readonly ThreadUnread[] =>
  (threads ?? []).flatMap((thread) => {
    const own = unreadOf(thread, asker);
    return own !== undefined && (own.unread > 0 || own.mentioned) ? [own] : [];
  });
