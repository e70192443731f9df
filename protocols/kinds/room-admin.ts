/** What admins see of rooms: nothing of what is said in them. */
import { answer, command } from "../wire/command.ts";
import type { Failure } from "../errors.ts";
import type { Visibility } from "./room-rules.ts";

/** Commands of a room that admins send by their gateway. */
export const roomAdminCommands = {
  /** For admins: what a room is, and nothing of what is said in it. Error: NOT_FOUND. */
  inspect: command({
    params: {},
    result: answer<RoomFacts>("RoomFacts"),
    from: ["gateway"],
    effect: "reads",
    summary: "What a room is, for admins",
  }),
} as const;

/** What admins see of a room. Of a direct room the title is empty. */
export interface RoomFacts {
  readonly room: string;
  readonly title: string;
  readonly visibility: Visibility;
  readonly createdAtMs: number;
  readonly memberCount: number;
  /** Some of its owners. */
  readonly owners: readonly string[];
  /** Messages that were ever posted. */
  readonly messageSeq: number;
  /** Of the newest message. */
  readonly lastAtMs?: number;
}

/** A line of the list of rooms for admins. */
export interface AdminRoomRow extends Partial<RoomFacts> {
  readonly room: string;
  /** The name of the node that has it. */
  readonly node?: string;
  readonly status: "active" | "idle" | "quarantined";
  /** Why no more is known of it now. */
  readonly failure?: Failure;
}

/** A page of rooms of the whole cluster, by name. */
export interface AdminRoomPage {
  readonly rooms: readonly AdminRoomRow[];
  /** Where the next page begins; absent: this is the last. A page that found less than it was asked for need not be the
   *  last. */
  readonly next?: string;
  /** Nodes that have rooms and did not answer: theirs are missing. */
  readonly unanswered?: readonly string[];
}
