/** What a member has to read in a room and in its threads. */
/** How much a member has to read: messages of others behind the marker, without the answers that are in their threads
 *  only. */
export interface RoomUnread {
  readonly messageSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  readonly mentioned: boolean;
  /** Messages behind the marker that were read in their topic. Absent: none. */
  readonly seen?: SeenMessages;
  /** What the member interests of topics, by their names. Absent: nothing. */
  readonly topics?: Readonly<Record<string, TopicInterest>>;
}

/** Positions, as stretches from the first to the last of each, in their order and apart from each other. */
export type SeenMessages = readonly (readonly [number, number])[];

/** Whether a message is one of those. */
export const isSeen = (seen: SeenMessages | undefined, seq: number): boolean =>
  seen?.some(([first, last]) => first <= seq && seq <= last) === true;

/** How many they are. */
export const seenCount = (seen: SeenMessages): number => seen.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** Those with one more, which is none of them yet. */
export function withSeenMessage(seen: SeenMessages, seq: number): SeenMessages {
  const before = seen.filter(([, last]) => last < seq);
  const after = seen.slice(before.length);
  const [left, right] = [before.at(-1), after[0]];
  const joinsLeft = left !== undefined && left[1] === seq - 1;
  const joinsRight = right !== undefined && right[0] === seq + 1;
  const one = [joinsLeft ? left[0] : seq, joinsRight ? right[1] : seq] as const;
  return [...before.slice(0, joinsLeft ? -1 : before.length), one, ...after.slice(joinsRight ? 1 : 0)];
}

/** Those behind a position. */
export const seenBehind = (seen: SeenMessages, seq: number): SeenMessages =>
  seen.flatMap(([first, last]) => (last > seq ? [[Math.max(first, seq + 1), last] as const] : []));

/** Those before a position. */
export const seenBefore = (seen: SeenMessages, seq: number): SeenMessages =>
  seen.flatMap(([first, last]) => (first < seq ? [[first, Math.min(last, seq - 1)] as const] : []));

/** A line of a topic that somebody has muted and that says nothing to them. */
interface MutedLine {
  readonly seq: number;
  readonly topic?: string;
  readonly author: string;
  readonly mentions?: readonly string[];
  readonly threadOnly?: boolean;
  readonly restored?: object;
}

/** Whether a new line of a muted topic is read by that alone: what mentions the member is not. */
export const isReadByMute = ({ author, mentions = [], threadOnly, restored }: MutedLine, member: string): boolean =>
  threadOnly !== true && restored === undefined && author !== member && !mentions.includes(member);

/** What is read when such a line comes: where nothing else is unread, all up to it (`readSeq`). With too many stretches
 *  the line stays unread (undefined). */
export function afterMuted(
  { seen = [], unread }: Pick<RoomUnread, "seen" | "unread">,
  seq: number,
  stretchesMax: number,
): { readonly readSeq: number } | { readonly seen: SeenMessages } | undefined {
  if (unread === 0) return { readSeq: seq };
  const next = withSeenMessage(seen, seq);
  return next.length > stretchesMax ? undefined : { seen: next };
}

/** A followed topic is told of; of a muted one only mentions are unread. */
export type TopicInterest = "follow" | "mute";

/** Answer to `markRead` and `markUnread`; after a thread's was moved, `readSeq` is of the thread. */
export interface RoomRead extends RoomUnread {
  readonly thread?: number;
}

/** A thread that was written in lately. */
export interface RoomThread {
  /** The message that it answers. */
  readonly root: number;
  readonly count: number;
  readonly last: {
    readonly seq: number;
    readonly author: string;
    readonly text: string;
    readonly atMs: number;
    /** It is a line of the room, too. */
    readonly alsoInRoom?: true;
  };
  /** Of the asker: absent for people who neither wrote in it nor are mentioned in it. */
  readonly own?: ThreadUnread;
}

/** Answer to `threads`, the one that was written in last at the end. */
export interface RoomThreads {
  readonly threads: readonly RoomThread[];
  /** What the asker has to read of the room itself, at the same moment. Absent: the node is older. */
  readonly unread?: RoomUnread;
}

/** What one person has to read of a thread. */
export interface ThreadUnread {
  readonly readSeq: number;
  readonly unread: number;
  readonly mentioned: boolean;
  /** The person does not follow it any more: nothing of it is unread but mentions. */
  readonly muted?: true;
}
