/** Topics inside a room: what its messages are about. */
import { Type } from "typebox";
import { answer, changedByPeople, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { topicName } from "./room-message.ts";
import type { RoomUnread, TopicInterest } from "./room-unread.ts";
import { limit, nothing, position } from "../wire/schema.ts";

/** Commands of a room about its topics. */
export const roomTopicCommands = {
  /** The one that was written in last at the beginning. */
  topics: command({
    params: {
      /** Those whose `lastSeq` is below this. */
      before: Type.Optional(position),
      /** With `before`: also those of that very position, behind the one of this name. */
      after: Type.Optional(topicName),
      /** Those whose name has this in it. */
      find: Type.Optional(Type.String({ maxLength: limits.messageTopicCharsMax })),
      limit: Type.Optional(limit),
    },
    result: answer<RoomTopics>("RoomTopics"),
    from: ["client", "agent"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/topics"],
    summary: "The topics of the room, and what is unread in them",
    answers: "list",
  }),
  /** Moves a message with its thread, it and all later ones of its topic, or a whole topic: that renames it. Without
   *  `into` they have no topic. Of other people's messages moderators do. One at a time in a room; to do it again does
   *  what is left to do. Errors: FORBIDDEN, NOT_FOUND, LIMIT_REACHED, CHANGED_MEANWHILE, MUTED, OVERLOADED. */
  moveTopic: command({
    params: {
      /** The message; without it, all of `topic`. */
      seq: Type.Optional(position),
      /** The topic in which the sender sees it. */
      topic: Type.Optional(topicName),
      into: Type.Optional(topicName),
      /** With `seq`: all later messages of its topic, too. */
      later: Type.Optional(Type.Boolean()),
    },
    result: answer<TopicMoved>("TopicMoved"),
    from: ["client", "agent"],
    effect: "changes",
    permission: "room.delete",
    http: ["POST", "/rooms/:room/topics/moves"],
    summary: "Moves messages to another topic, or renames one",
  }),
  /** Everybody may who may write. Errors: NOT_FOUND, ROOM_ARCHIVED. */
  resolveTopic: command({
    params: { topic: topicName, resolved: Type.Boolean() },
    result: nothing,
    from: ["client", "agent"],
    effect: "changes",
    permission: "room.post",
    http: ["PUT", "/rooms/:room/topics/resolved"],
    summary: "Marks a topic as resolved, or takes that back",
  }),
  /** A person who follows a topic is told of each line in it, as of an answer; of one that is muted only mentions are
   *  unread and told. For the sender alone, who hears it as `roomRead`. Errors: NOT_FOUND, LIMIT_REACHED. */
  followTopic: command({
    params: {
      topic: topicName,
      interest: Type.Union([Type.Literal("follow"), Type.Literal("mute"), Type.Literal("none")]),
    },
    result: nothing,
    ...changedByPeople,
    permission: "room.read",
    http: ["PUT", "/rooms/:room/topics/interest"],
    summary: "Follows a topic, mutes it, or neither",
  }),
} as const;

/** A topic of a room. */
export interface RoomTopic {
  readonly topic: string;
  /** Messages that it has, those in threads included. */
  readonly count: number;
  /** The message that was written in it last; it may have been moved since. */
  readonly lastSeq: number;
  readonly lastAtMs: number;
  readonly resolved?: true;
  /** What the asker has to read of it: lines of the room. */
  readonly unread: number;
  readonly interest?: TopicInterest;
}

/** Answer to `topics`. What is unread in all topics, in none (`without`), and not counted because it is too much
 *  (`uncounted`) is together what is unread in the room. */
export interface RoomTopics {
  readonly topics: readonly RoomTopic[];
  readonly more: boolean;
  readonly without: number;
  readonly uncounted?: number;
  readonly unread: RoomUnread;
}

/** Answer to `moveTopic`. */
export interface TopicMoved {
  readonly moved: number;
  /** The name that they have now. Absent: none. */
  readonly topic?: string;
}

/** A topic as it is shown and kept: without blanks around it, and one between words. */
export const topicText = (name: string): string => name.normalize("NFC").replaceAll(/\s+/gu, " ").trim();

/** The topic of what names none, in a room whose messages need one: agents, and clients that know no topics. */
export const generalTopic = "General";

/** What makes two names the same topic. */
export const topicKey = (name: string): string => topicText(name).toLowerCase().normalize("NFC");
