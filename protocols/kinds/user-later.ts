/** What a person comes back to: messages that are sent later, reminders, and messages that they have saved. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { topicName } from "./room-message.ts";
import { key, nothing, position, text, timeMs } from "../wire/schema.ts";

const own = { from: ["client"], permission: "account.use" } as const;
const laterAt = { atMs: timeMs } as const;

export const userLaterCommands = {
  /** The room gets it at its time, in the caller's name; the text is in nobody else's sight before. Errors:
   *  NOT_A_MEMBER, LIMIT_REACHED, BAD_REQUEST (`atMs`). */
  schedule: command({
    ...own,
    params: {
      room: key,
      text: text(limits.messageCharsMax),
      replyTo: Type.Optional(position),
      alsoInRoom: Type.Optional(Type.Boolean()),
      /** Of what begins something. */
      topic: Type.Optional(topicName),
      ...laterAt,
    },
    result: answer<Later>("Later"),
    effect: "changes",
    permission: "room.post",
    http: ["POST", "/me/later/messages"],
    summary: "Writes a message that is sent later",
  }),
  /** Errors: NOT_A_MEMBER, LIMIT_REACHED, BAD_REQUEST (`atMs`). */
  remindMe: command({
    ...own,
    params: { room: key, seq: position, ...laterAt },
    result: answer<Later>("Later"),
    effect: "changes",
    http: ["POST", "/me/later/reminders"],
    summary: "Reminds the caller of a message later",
  }),
  /** One that failed, or is due, waits again by it. `seen` is its time as the writer saw it: if it is another by now,
   *  nothing is done. Errors: NOT_FOUND (it was sent, or cancelled), FORBIDDEN (it is on its way), BAD_REQUEST,
   *  CHANGED_MEANWHILE. */
  changeLater: command({
    ...own,
    params: {
      id: position,
      text: Type.Optional(text(limits.messageCharsMax)),
      atMs: Type.Optional(timeMs),
      seen: Type.Optional(timeMs),
    },
    result: answer<Later>("Later"),
    effect: "changes",
    // As to write it: its text may become another one.
    permission: "room.post",
    http: ["PATCH", "/me/later/:id"],
    summary: "Changes when something is sent or reminded of, or its text",
  }),
  /** It goes to its room as at its time, and once. Errors: NOT_FOUND (it was sent, or cancelled), FORBIDDEN (it is
   *  on its way), BAD_REQUEST (it is a reminder). */
  sendNow: command({
    ...own,
    params: { id: position },
    result: answer<Later>("Later"),
    effect: "changes",
    permission: "room.post",
    http: ["POST", "/me/later/:id/send"],
    summary: "Sends a scheduled message before its time",
  }),
  /** Errors: NOT_FOUND, FORBIDDEN (it is on its way). */
  cancelLater: command({
    ...own,
    params: { id: position },
    result: nothing,
    effect: "changes",
    http: ["DELETE", "/me/later/:id"],
    summary: "Cancels a scheduled message or a reminder",
  }),
  later: command({
    ...own,
    params: {},
    result: answer<LaterList>("LaterList"),
    effect: "reads",
    http: ["GET", "/me/later"],
    summary: "The caller's scheduled messages and reminders, the next one first",
    answers: "list",
  }),
  /** A message that is saved already stays where it is. Errors: NOT_A_MEMBER, LIMIT_REACHED. */
  saveMessage: command({
    ...own,
    params: { room: key, seq: position },
    result: answer<SavedMessage>("SavedMessage"),
    effect: "changes",
    http: ["POST", "/me/saved"],
    summary: "Saves a message for later",
  }),
  /** Error: NOT_FOUND. */
  unsaveMessage: command({
    ...own,
    params: { room: key, seq: position },
    result: nothing,
    effect: "changes",
    http: ["DELETE", "/me/saved/:room/:seq"],
    summary: "Takes a message off the saved ones",
  }),
  saved: command({
    ...own,
    params: {},
    result: answer<SavedList>("SavedList"),
    effect: "reads",
    http: ["GET", "/me/saved"],
    summary: "The messages that the caller has saved for later, the newest first",
    answers: "list",
  }),
} as const;

/** A message that is sent later (with `text`), or one that its reader is reminded of (with `seq`). */
export interface Later {
  readonly id: number;
  readonly room: string;
  readonly atMs: number;
  readonly text?: string;
  readonly replyTo?: number;
  readonly alsoInRoom?: boolean;
  readonly topic?: string;
  readonly seq?: number;
  /** `sending`: it is on its way. `failed`: the room refused it. `due`: the person was reminded. */
  readonly status: "waiting" | "sending" | "failed" | "due";
  /** Why the room refused it. */
  readonly failure?: { readonly code: string; readonly reason?: string };
}

/** Answer to `later`. */
export interface LaterList {
  readonly later: readonly Later[];
}

/** A message that somebody has saved for later: where it is. What it says, its room says to those who may read it. */
export interface SavedMessage {
  readonly room: string;
  readonly seq: number;
  readonly savedAtMs: number;
}

/** Answer to `saved`. */
export interface SavedList {
  readonly saved: readonly SavedMessage[];
}
