/** Members who read a room and do not write in it for a time, and members who were warned
 *  (docs/decisions/0277-muted-and-warned.md). Moderators decide it through the gateway, so that it is in the audit. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, principal } from "../wire/schema.ts";
import type { RoomView } from "./room-view.ts";

const id = Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9_-]+$" });
const view = answer<RoomView>("RoomView");

/** How a member is muted: without `muteForMs` until somebody lifts it. */
export const muteTerms = {
  muteForMs: Type.Optional(Type.Integer({ minimum: limits.banMsMin, maximum: limits.banMsMax })),
  /** Everybody in the room reads it, and so does the muted. */
  reason: Type.Optional(line(limits.reasonCharsMax)),
} as const;

/** Why somebody is warned: they and moderators read it. */
export const warningReason = line(limits.reasonCharsMax);

/** Commands about mutes and warnings. `by` is the person in whose name the gateway asks. */
export const roomMuteCommands = {
  /** In place of the mute that was there. Errors: FORBIDDEN, NOT_FOUND, LIMIT_REACHED. */
  mute: command({
    params: { by: principal, member: principal, ...muteTerms },
    result: view,
    from: ["gateway"],
    effect: "changes",
    summary: "Lets a member read and not write",
  }),
  /** Errors: FORBIDDEN, NOT_FOUND. */
  unmute: command({
    params: { by: principal, member: principal },
    result: view,
    from: ["gateway"],
    effect: "changes",
    summary: "Lifts a mute",
  }),
  /** Errors: FORBIDDEN, NOT_FOUND, BAD_REQUEST, LIMIT_REACHED. */
  warn: command({
    params: { by: principal, member: principal, id, reason: warningReason },
    result: answer<RoomWarning>("RoomWarning"),
    from: ["gateway"],
    effect: "changes",
    summary: "Warns a member",
  }),
  /** Moderators read all warnings of the room, other members their own. */
  warnings: command({
    params: {},
    result: answer<RoomWarnings>("RoomWarnings"),
    from: ["client"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/warnings"],
    summary:
      "Which members were warned, by whom, when and why, newest first: for moderators; other members see their own",
  }),
  /** Error: NOT_FOUND. */
  acknowledgeWarning: command({
    params: { id },
    result: answer<RoomWarning>("RoomWarning"),
    from: ["client"],
    effect: "changes",
    permission: "room.read",
    http: ["PUT", "/rooms/:room/warnings/:id"],
    summary: "Says that the caller has read a warning of theirs",
  }),
} as const;

/** A note to a person, with its reason. */
export interface RoomWarning {
  readonly id: string;
  readonly member: string;
  readonly by: string;
  readonly atMs: number;
  readonly reason: string;
  /** When the person said that they have read it. */
  readonly readAtMs?: number;
}

/** Answer to `warnings`, the newest first. */
export interface RoomWarnings {
  readonly warnings: readonly RoomWarning[];
}

/** Why a message was not deleted, or that it was. `gone`: it was deleted before. */
export type DeletionOutcome = "deleted" | "gone" | "NOT_FOUND" | "FORBIDDEN" | "OVERLOADED";

/** Answer to `deleteMessages`: what became of each, in the order of the room. */
export interface RoomDeletions {
  readonly outcomes: readonly { readonly seq: number; readonly outcome: DeletionOutcome }[];
}

/** The messages that are to be deleted together. */
export const deletedTogether = Type.Array(Type.Integer({ minimum: 1 }), {
  minItems: 1,
  maxItems: limits.deletedAtOnceMax,
  uniqueItems: true,
});

/** Deleting many messages at once (docs/decisions/0278-many-messages-deleted-at-once.md). */
export const roomDeletionCommands = {
  /** Each message has its outcome; OVERLOADED: ask again for those. */
  deleteMessages: command({
    params: { by: principal, seqs: deletedTogether },
    result: answer<RoomDeletions>("RoomDeletions"),
    from: ["gateway"],
    effect: "changes",
    summary: "Deletes many messages",
  }),
} as const;
