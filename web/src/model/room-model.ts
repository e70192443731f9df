import type { RoomDrafts } from "./drafts.ts";
import type { Failure, RoomMessage, RoomThread, RoomUnread, RoomView } from "../../../protocols/index.ts";

/** A file that goes with a message of this page. */
export interface AttachedFile {
  /** Of its upload. */
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  /** What it is called at the node; absent until the node has all of it. */
  readonly id?: string;
}

/** Where the files of a message that waits for them are attached. */
export const placeOfPost = (operationId: string): string => `post/${operationId}`;

/** Whether a message waits for its files: then the room has not been asked for it. */
export const waitsForFiles = ({ files = [] }: Pick<PendingPost, "files">): boolean =>
  files.some(({ id }) => id === undefined);

/** A message of this page that the room has not shown back yet. */
export interface PendingPost {
  readonly operationId: string;
  readonly text: string;
  readonly replyTo?: number;
  /** An answer that is a line of the room, too. */
  readonly alsoInRoom?: true;
  readonly topic?: string;
  readonly files?: readonly AttachedFile[];
  readonly atMs: number;
  /** Until then its author may take it back: it waits. */
  readonly heldUntilMs?: number;
  /** The room's newest message when it was written: its own must come later. */
  readonly afterSeq: number;
  readonly status: "waiting" | "failed" | "accepted";
  readonly seq?: number;
  readonly failure?: Failure;
}

/** A room as the page knows it: a window of its lines, and beside it what else is known of its messages. */
export interface RoomModel {
  readonly status: "loading" | "ready" | "refused";
  readonly refusal?: Failure;
  /** The person who looks at it. */
  readonly me: string;
  readonly view: RoomView | undefined;
  /** The lines of the room, oldest first, with none missing between them. What is in threads only is no line. */
  readonly messages: readonly RoomMessage[];
  /** Whether there are lines before and behind the window, and from which positions on they are asked for. */
  readonly older: boolean;
  readonly newer: boolean;
  readonly from: number;
  readonly to: number;
  /** Counts how often the window was put elsewhere. */
  readonly placed: number;
  /** Lines that came while the window was not at the end, the newest of them; up to `droppedTo` they were let go. */
  readonly tail: readonly RoomMessage[];
  readonly droppedTo: number;
  /** Messages that are known and no lines of the window: those of threads, and older ones that have changed. */
  readonly changed: Readonly<Record<number, RoomMessage>>;
  readonly unread: RoomUnread;
  /** The message that an edit has made mention the person, wherever their marker is. */
  readonly called?: number;
  /** The node says that the person is mentioned, by something that this page does not know. */
  readonly toldOf: boolean;
  /** The threads that were written in last, by the message that they answer. */
  readonly threads: Readonly<Record<number, RoomThread>>;
  /** The node has said what is unread in threads up to this message: none of those counts once more. */
  readonly threadsTo: number;
  /** Counts what was told of topics. Absent: nothing was. */
  readonly topicsChanged?: number;
  /** The person's own votes in open polls, by message. */
  readonly votes: Readonly<Record<string, readonly number[]>>;
  readonly pending: readonly PendingPost[];
  /** Answers of agents that are waited for. */
  readonly drafts: RoomDrafts;
  /** The people who type, until when (this page's clock). */
  readonly typing: Readonly<Record<string, number>>;
}
