/** What an entry of a log, or a record, does to the index. Pure: an index that was continued and one that was made anew
 *  from the records have the same rows, because both come from records. */
import {
  agentOfKey,
  failureOf,
  type ActorId,
  type ConversationTurn,
  type FileText,
  type RoomMessage,
} from "../../protocols/index.ts";
import type { Entry } from "../storage/index.ts";
import { hasFile, hasLink, hasReaction, searchedText } from "./query.ts";

/** A message as the index has it. */
export interface Said {
  readonly actor: ActorId;
  readonly seq: number;
  readonly atMs: number;
  readonly author: string;
  /** What it says, see `searchedText`. */
  readonly text: string;
  /** It has a link in what its author wrote. */
  readonly link: boolean;
  /** The message whose thread it is in; its own number where it answers none. */
  readonly thread: number;
  readonly mentions: readonly string[];
  /** It has a file, a reaction. */
  readonly file: boolean;
  readonly reaction: boolean;
}

/** A change of the index. */
export type Change =
  | { readonly type: "said"; readonly said: Said }
  /** The numbers from `from` to before `to`. */
  | { readonly type: "gone"; readonly actor: ActorId; readonly from: number; readonly to: number }
  /** The actor has left the slot. */
  | { readonly type: "left"; readonly actor: ActorId }
  /** What stands in the file at a place of a message; empty: nothing, or not any more. */
  | {
      readonly type: "filed";
      readonly actor: ActorId;
      readonly seq: number;
      readonly place: number;
      readonly text: string;
    }
  /** There is a message, and what it says cannot be read. */
  | { readonly type: "unread"; readonly actor: ActorId; readonly seq: number };

const roomKey = /^message\/(\d+)$/;
const turnKey = /^turn\/(\d+)$/;
const textKey = /^text\/(\d+)\/(\d+)$/;

/** The message and the place in a key of a text of a file; undefined: it is another. */
function filedIn(actor: ActorId, key: string): { readonly seq: number; readonly place: number } | undefined {
  const [, seq, place] = (actor.startsWith("room/") && textKey.exec(key)) || [];
  return seq === undefined ? undefined : { seq: Number(seq), place: Number(place) };
}

/** The number in a key of a record that is indexed; undefined: it is another. */
function numberIn(actor: ActorId, key: string): number | undefined {
  const pattern = actor.startsWith("room/") ? roomKey : actor.startsWith("agent/") ? turnKey : undefined;
  const [, number] = (pattern && pattern.exec(key)) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** What a record of an actor is in the index; undefined: nothing. `read` throws where its bytes are damaged. */
export function changeOf(actor: ActorId, key: string, read: () => unknown): Change | undefined {
  const filed = filedIn(actor, key);
  if (filed !== undefined) return { type: "filed", actor, ...filed, text: textIn(read) };
  const seq = numberIn(actor, key);
  if (seq === undefined) return undefined;
  const value = saidIn(read);
  if (value === undefined) return { type: "unread", actor, seq };
  if (actor.startsWith("agent/")) {
    const { role, text, atMs } = value as ConversationTurn;
    const author =
      role === "user"
        ? `user/${actor.slice("agent/".length).split(".")[0]}`
        : `agent/${agentOfKey(actor.slice("agent/".length))}`;
    const bare = { link: hasLink(text), thread: seq, mentions: [], file: false, reaction: false };
    return { type: "said", said: { actor, seq, atMs, author, text, ...bare } };
  }
  const { author, text, atMs, deletedAtMs, replyTo: thread = seq, mentions = [], files } = value as RoomMessage;
  if (deletedAtMs !== undefined) return { type: "gone", actor, from: seq, to: seq + 1 };
  const has = { link: hasLink(text), file: hasFile(value), reaction: hasReaction(value) };
  return {
    type: "said",
    said: { actor, seq, atMs, author, text: searchedText(text, files), thread, mentions, ...has },
  };
}

/** Undefined: it cannot be read, or is nothing that was said. One record costs no other its place in the index. */
function saidIn(read: () => unknown): object | undefined {
  try {
    const value = read();
    const { text, atMs, deletedAtMs } = (value ?? {}) as Partial<RoomMessage>;
    const isSaid = typeof text === "string" && typeof atMs === "number";
    return typeof value === "object" && value !== null && (isSaid || deletedAtMs !== undefined) ? value : undefined;
  } catch (error) {
    if (failureOf(error).code === "DATA_DAMAGED") return undefined;
    throw error;
  }
}

/** Empty also where it cannot be read: the message is found all the same. */
function textIn(read: () => unknown): string {
  try {
    const { text } = (read() ?? {}) as Partial<FileText>;
    return typeof text === "string" ? text : "";
  } catch (error) {
    if (failureOf(error).code === "DATA_DAMAGED") return "";
    throw error;
  }
}

/** What an entry does to the index, in order. */
export function changesOf({ actor, side }: Pick<Entry, "actor" | "side">): readonly Change[] {
  const changes: Change[] = [];
  for (const op of side) {
    if ("drop" in op) changes.push({ type: "left", actor: op.drop });
    if (!("space" in op) || op.space !== "record") continue;
    if ("put" in op) {
      const change = changeOf(actor, op.put, () => op.value);
      if (change !== undefined) changes.push(change);
    } else if ("delete" in op) {
      const filed = filedIn(actor, op.delete);
      if (filed !== undefined) changes.push({ type: "filed", actor, ...filed, text: "" });
      const seq = numberIn(actor, op.delete);
      if (seq !== undefined) changes.push({ type: "gone", actor, from: seq, to: seq + 1 });
    } else {
      const [from, to] = [numberIn(actor, op.deleteFrom), numberIn(actor, op.deleteTo)];
      if (from !== undefined && to !== undefined) changes.push({ type: "gone", actor, from, to });
    }
  }
  return changes;
}
