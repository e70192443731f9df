/** The room list: asks every room of the user for its summary, some at a time, and answers when all have answered. */
import type { RoomSummary, UserRooms } from "../../protocols/index.ts";
import { note, refuse, reply, type Effect, type ReplyTo, type Signal, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { RoomsRound, UserNote, UserNotes } from "./notes.ts";

/** Tag of a question to a room. */
export interface SummaryTag {
  readonly type: "summary";
  readonly round: number;
  readonly room: string;
}

type Effects = readonly Effect<never, UserNote>[];

/** Starts a round, or waits for the next when one is under way. */
export function askRooms(rooms: readonly string[], turn: Turn<UserNotes>): Effects {
  const { round, next } = turn.notes;
  if (turn.replyTo === undefined) return [];
  if (round === null) return begin(rooms, [turn.replyTo], turn.notes.rounds + 1);
  if (next.length >= limits.roomListsWaitingMax) return [refuse("OVERLOADED")];
  return [note({ next: [...next, turn.replyTo] })];
}

function begin(rooms: readonly string[], waiting: readonly ReplyTo[], rounds: number): Effects {
  const nothing: UserRooms = { rooms: [], unreachable: [] };
  if (rooms.length === 0) return [note({ rounds, round: null }), ...waiting.map((to) => reply(nothing, to))];
  const asked = rooms.slice(0, limits.summaryAsksMax);
  const round: RoomsRound = {
    round: rounds,
    waiting,
    asked,
    toAsk: rooms.slice(limits.summaryAsksMax),
    summaries: [],
    unreachable: [],
  };
  return [note({ rounds, round }), ...asked.map((room) => ask(rounds, room))];
}

const ask = (round: number, room: string): Effect<never, never> => ({
  type: "ask",
  to: `room/${room}`,
  message: { type: "summary" },
  tag: { type: "summary", round, room } satisfies SummaryTag,
  timeoutMs: limits.summaryTimeoutMs,
});

/** A room answered, or did not in time. */
export function onSummary(
  rooms: readonly string[],
  tag: SummaryTag,
  { result }: Extract<Signal, { type: "answered" }>,
  turn: Turn<UserNotes>,
): Effects {
  const { round, next } = turn.notes;
  if (round === null || round.round !== tag.round || !round.asked.includes(tag.room)) return [];
  const [following] = round.toAsk;
  const asked = round.asked.filter((room) => room !== tag.room);
  // A room that refuses for good (the user was just removed) is neither listed nor missing.
  const missing = !result.ok && result.error.outcome !== "failed";
  const now: RoomsRound = {
    ...round,
    asked: following === undefined ? asked : [...asked, following],
    toAsk: round.toAsk.slice(1),
    summaries: result.ok ? [...round.summaries, result.value as RoomSummary] : round.summaries,
    unreachable: missing ? [...round.unreachable, tag.room] : round.unreachable,
  };
  if (following !== undefined) return [note({ round: now }), ask(now.round, following)];
  if (now.asked.length > 0) return [note({ round: now })];
  const answer: UserRooms = {
    rooms: now.summaries.toSorted((a, b) => activityOf(b) - activityOf(a) || (a.room < b.room ? -1 : 1)),
    unreachable: now.unreachable,
  };
  const nextRound = next.length > 0 ? begin(rooms, next, now.round + 1) : [];
  return [note({ round: null, next: [] }), ...now.waiting.map((to) => reply(answer, to)), ...nextRound];
}

const activityOf = (summary: RoomSummary): number => summary.last?.atMs ?? 0;
