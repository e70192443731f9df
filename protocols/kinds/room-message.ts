/** Messages of rooms. */
import { Type, type Static } from "typebox";
import { toolRound } from "./agent.ts";
import { userGroupName } from "./groups.ts";
import { roomFiles } from "./room-files.ts";
import { roomPreviews } from "./room-previews.ts";
import { wireLimits as limits } from "../limits.ts";
import { restoredFrom } from "../admin/restored.ts";
import { line, object, position, principal, text, timeMs } from "../wire/schema.ts";

const emojiText = "^\\S+$";
/** A reaction. */
export const emoji = line(32, 1, emojiText);
/** What is said in one. */
export const messageText = text(limits.messageCharsMax);
/** A message with files needs no text. */
export const postedText = text(limits.messageCharsMax, 0);

/** What a message is about, within its room. */
export const topicName = line(limits.messageTopicCharsMax);

/** A poll stands in the message that asks its question. */
export const poll = object({
  options: Type.Array(object({ text: Type.String({ maxLength: limits.pollOptionCharsMax }), votes: position }), {
    minItems: 2,
    maxItems: limits.pollOptionsMax,
  }),
  /** Several options may be chosen. */
  multiple: Type.Optional(Type.Literal(true)),
  /** How many people have voted. */
  voters: position,
  /** No more votes are taken since then. */
  closedAtMs: Type.Optional(timeMs),
});
export type Poll = Static<typeof poll>;

/** The tools that an agent called for a message, as of a turn of its conversation. */
export const rounds = Type.Optional(Type.Array(toolRound, { maxItems: limits.toolRoundsPerMessageMax }));

/** A message as a backup has it, to come back. */
export const recalledMessage = object({
  seq: position,
  author: principal,
  text: Type.String({ maxLength: limits.messageCharsMax }),
  atMs: timeMs,
  editedAtMs: Type.Optional(timeMs),
  poll: Type.Optional(poll),
  rounds,
  /** Of what answers a message: it was shown in the thread only. */
  threadOnly: Type.Optional(Type.Literal(true)),
  topic: Type.Optional(topicName),
});
export type RecalledMessage = Static<typeof recalledMessage>;

/** One message as every reader sees it. `seq` counts a room's messages from 1 and never changes. */
export const roomMessage = object({
  seq: position,
  author: principal,
  text: Type.String({ maxLength: limits.messageCharsMax }),
  atMs: timeMs,
  editedAtMs: Type.Optional(timeMs),
  /** How often it was edited while the room kept what it said before. */
  versions: Type.Optional(position),
  /** A deleted message stays as a place holder with empty text. */
  deletedAtMs: Type.Optional(timeMs),
  /** The message this one answers; its thread is that message and all that answer it. */
  replyTo: Type.Optional(position),
  replies: Type.Optional(object({ count: position, lastAtMs: timeMs })),
  /** An answer that is shown in its thread only: in the room it is neither a line nor unread. */
  threadOnly: Type.Optional(Type.Literal(true)),
  /** What it is about. An answer has the topic of the message that it answers. */
  topic: Type.Optional(Type.String({ maxLength: limits.messageTopicCharsMax })),
  reactions: Type.Optional(
    Type.Record(Type.String({ minLength: 1, maxLength: 32, pattern: emojiText }), Type.Array(principal)),
  ),
  mentions: Type.Optional(Type.Array(principal)),
  /** The groups that it mentions. Those of them who are in the room are among `mentions`. */
  groups: Type.Optional(Type.Array(userGroupName)),
  /** Of an edited message: whom it mentioned and does no more. They were told once, and are not told again. */
  mentionedBefore: Type.Optional(Type.Array(principal)),
  pinned: Type.Optional(Type.Literal(true)),
  poll: Type.Optional(poll),
  /** An agent's message: the mention that it answers, or refuses. In a thread that is not the message that `replyTo`
   *  names. */
  answers: Type.Optional(position),
  /** The agent did not take the mention, or could not answer: the code of the reason, which the text tells in words. */
  refused: Type.Optional(Type.String({ maxLength: 64 })),
  /** The generation that wrote it, when an agent did: lets a page replace the draft by the answer. */
  generation: Type.Optional(Type.String()),
  /** An agent's message: somebody stopped the answer, and this is what was written until then. */
  stopped: Type.Optional(Type.Literal(true)),
  /** An agent's message: the tools that were called for it, and what came of them. */
  rounds,
  /** It came back from a backup, as a new entry: `atMs` is when. */
  restored: Type.Optional(restoredFrom),
  files: Type.Optional(roomFiles),
  /** What the pages are that it links to. */
  previews: Type.Optional(roomPreviews),
});
export type RoomMessage = Static<typeof roomMessage>;

/** Where a message is. */
export interface Posted {
  readonly seq: number;
  readonly at: number;
  readonly atMs: number;
}
