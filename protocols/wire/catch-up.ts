/** What somebody has missed: what is behind their read markers, so it is the same on every device. */
import { Type } from "typebox";
import type { Visibility } from "../kinds/room-rules.ts";
import type { RoomThread } from "../kinds/room-unread.ts";
import { wireLimits as limits } from "../limits.ts";
import { object } from "./schema.ts";

/** How much of it is wanted. */
export const catchUpAsked = object({
  /** Lines of each room and thread, its first ones. */
  lines: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.catchUpLinesMax, default: limits.catchUpLinesDefault }),
  ),
});

/** A message that was missed. */
export interface MissedLine {
  readonly seq: number;
  readonly author: string;
  readonly atMs: number;
  /** How it begins. */
  readonly text: string;
  /** The text goes on. */
  readonly goesOn?: true;
  /** The message whose thread it is in. */
  readonly replyTo?: number;
  /** It is shown in its thread only. */
  readonly threadOnly?: true;
  readonly topic?: string;
}

/** One that concerns the person: it mentions them, answers them, has a word of theirs, is written to them alone, or
 *  in a topic that they follow. */
export interface MissedConcern extends MissedLine {
  readonly room: string;
  readonly why: "mention" | "answer" | "word" | "direct" | "topic";
}

/** A room with something to read. */
export interface MissedRoom {
  readonly room: string;
  readonly title: string;
  readonly visibility: Visibility;
  /** Where the marker stands, and up to where this goes. */
  readonly readSeq: number;
  readonly messageSeq: number;
  readonly unread: number;
  readonly mentioned: boolean;
  readonly lines: readonly MissedLine[];
}

/** A thread that the person follows, or that mentions them, with something to read. */
export interface MissedThread {
  readonly room: string;
  /** The message that it answers. */
  readonly root: number;
  readonly readSeq: number;
  readonly lastSeq: number;
  readonly unread: number;
  readonly mentioned: boolean;
  readonly lines: readonly MissedLine[];
}

/** A thread that the person follows. */
export interface FollowedThread extends RoomThread {
  readonly room: string;
  readonly title: string;
  readonly visibility: Visibility;
}

/** The threads that the person follows, in all of their rooms. */
export interface FollowedThreads {
  /** The one that was written in last comes first. */
  readonly threads: readonly FollowedThread[];
  /** Rooms that do not answer now. Absent: all did. */
  readonly unreachable?: readonly string[];
}

/** All of it. */
export interface CatchUp {
  /** What concerns the person, the newest first. */
  readonly concerns: readonly MissedConcern[];
  /** The one that was written in last comes first. */
  readonly rooms: readonly MissedRoom[];
  readonly threads: readonly MissedThread[];
  /** Rooms in which there is more that may concern the person than was looked at. Absent: all was. */
  readonly unseen?: readonly string[];
  /** Rooms with something to read that are not here, for they are too many. Absent: none. */
  readonly left?: number;
  /** Rooms that do not answer now. Absent: all did. */
  readonly unreachable?: readonly string[];
}
