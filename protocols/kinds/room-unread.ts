/** What a member has to read in a room and in its threads. */
/** How much a member has to read: messages of others behind the marker, without the answers that are in their threads
 *  only. */
export interface RoomUnread {
  readonly messageSeq: number;
  readonly readSeq: number;
  readonly unread: number;
  readonly mentioned: boolean;
  /** Messages behind the marker that were read in their topic, in their order. Absent: none. */
  readonly seen?: readonly number[];
  /** What the member wishes of topics, by their names. Absent: nothing. */
  readonly topics?: Readonly<Record<string, TopicWish>>;
}

/** A followed topic is told of; of a muted one only mentions are unread. */
export type TopicWish = "follow" | "mute";

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
