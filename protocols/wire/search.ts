/** What people search for in messages, and what they get. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import type { SearchMarks } from "../text/search.ts";
import { key, object, position, principal, roomKey, timeMs } from "./schema.ts";

/** What is searched for. Everything that is named must hold; at least one of it is. */
export const messageSearch = object({
  /** Words, `"several words"`, `beginn*`: all of them. Case, accents and width of letters do not count. */
  text: Type.Optional(Type.String({ maxLength: limits.searchCharsMax })),
  /** In this room only. */
  room: Type.Optional(roomKey),
  /** In the conversation with this agent only: `ada.helper`. */
  agent: Type.Optional(key),
  /** Of this author. */
  from: Type.Optional(principal),
  /** Written at this time or later. */
  after: Type.Optional(timeMs),
  /** Written before this time. */
  before: Type.Optional(timeMs),
  /** With a link in it. */
  hasLink: Type.Optional(Type.Literal(true)),
  /** With a file. */
  hasFile: Type.Optional(Type.Literal(true)),
  /** With a reaction. */
  hasReaction: Type.Optional(Type.Literal(true)),
  /** That mention the asker. */
  mentionsMe: Type.Optional(Type.Literal(true)),
  /** With `room`: a message and what answers it. */
  thread: Type.Optional(position),
  /** With this topic. It narrows what is found otherwise. */
  topic: Type.Optional(Type.String({ maxLength: limits.messageTopicCharsMax })),
  /** `best`: those first that say most of it, among the newest that fit; it has one page, and
   *  `next` only where the index has not looked at all that may fit. Absent: newest first. */
  order: Type.Optional(Type.Union([Type.Literal("newest"), Type.Literal("best")])),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.searchFoundMax, default: limits.searchFoundDefault }),
  ),
  /** `next` of the page before. */
  cursor: Type.Optional(Type.String({ maxLength: limits.searchCursorCharsMax })),
});
export type MessageSearch = Static<typeof messageSearch>;

/** A message, or a turn of a conversation with an agent, as it is now. */
export interface FoundMessage {
  /** The room; absent: it is in a conversation with an agent. */
  readonly room?: string;
  /** The agent with whom it was said, or the conversation with one: `ada.helper`, `ada.helper.3`. */
  readonly agent?: string;
  /** How that conversation is called. Absent: it has no title. */
  readonly title?: string;
  /** Where it is in the room, or the number of the turn. */
  readonly seq: number;
  /** Who wrote it: `user/ada`, `agent/ada.helper`. */
  readonly author: string;
  readonly atMs: number;
  readonly editedAtMs?: number;
  /** The message whose thread it is in. */
  readonly replyTo?: number;
  /** It is shown in its thread only. */
  readonly threadOnly?: true;
  readonly topic?: string;
  /** It stands in this file of the message, and the passage is of the file's text. Absent: the message says it. */
  readonly file?: { readonly id: string; readonly name: string };
  /** Its text and behind it, in lines of their own, the names of its files; or the passage around what was found
   *  first. */
  readonly text: string;
  /** Where the passage begins in the text. Absent: at its beginning. */
  readonly cutFrom?: number;
  /** The text goes on behind the passage. */
  readonly goesOn?: true;
  /** What was found in the passage: from and to, in UTF-16 units. */
  readonly marks: SearchMarks;
}

/** How far a slot was searched: everything that is in it up to `seq`. */
export interface SearchedSlot {
  readonly slot: string;
  readonly epoch: number;
  readonly seq: number;
  /** So many entries of it were written, and are not in the index yet. Absent: none. */
  readonly behind?: number;
}

/** A page of what was found. */
export interface SearchPage {
  readonly found: readonly FoundMessage[];
  /** Of the next page. Absent: there is no more. */
  readonly next?: string;
  /** Nothing has the very words: these have them with a typing error. */
  readonly misspelt?: true;
  /** Rooms and conversations (`room/lobby`, `agent/ada.helper`) that could not be searched now. Absent: all were. */
  readonly unreachable?: readonly string[];
  /** What was searched. */
  readonly covered: readonly SearchedSlot[];
}
