/** What a user remembers only while in memory: who waits for which answer. */
import type { RoomSummary } from "../../protocols/index.ts";
import type { ReplyTo } from "../behavior.ts";

/** One round of asking all rooms. */
export interface RoomsRound {
  readonly round: number;
  readonly waiting: readonly ReplyTo[];
  readonly toAsk: readonly string[];
  readonly asked: readonly string[];
  readonly summaries: readonly RoomSummary[];
  readonly unreachable: readonly string[];
}

/** All that is waited for. */
export interface UserNotes {
  readonly rounds: number;
  readonly round: RoomsRound | null;
  /** Those who asked while a round was under way wait for the next one: an answer must not be older than its
   *  question. */
  readonly next: readonly ReplyTo[];
  /** Callers that wait for an agent to be created or deleted. */
  readonly forAgent: Readonly<Record<string, readonly ReplyTo[]>>;
  /** When drafts were written lately. */
  readonly draftWrites?: readonly number[];
}

/** A change of the notes: the fields that are new. */
export type UserNote = Partial<UserNotes>;

/** Nobody waits. */
export const noNotes: UserNotes = { rounds: 0, round: null, next: [], forAgent: {} };
