/** Answers of agents that a room waits for: who asked whom, how far each is, and how it is stopped.
 *
 *      posted, with its mention in the outbox ──► asked (a fact) ──► posted by the agent, or refused in its name
 *                                                   │
 *      draft of the agent ──► progress (memory) ────┴──► what a reader is shown
 *
 *  Invariant: what is shown is owed. That an answer is waited for is part of the room's state, so it moves with it and
 *  ends with the event that ends it; how far it is, is memory only, and a room that comes into memory asks the agents
 *  to tell it anew. */
import {
  cut,
  wireLimits,
  type ActorId,
  type AnswerStage,
  type MessageOf,
  type RoomAnswering,
  type RoomEvent,
  type Result,
  type RoomSignal,
  type roomCommands,
} from "../../protocols/index.ts";
import { note, publish, refuse, reply, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { personBehind } from "./agent-calls.ts";
import type { Effects, MemberHandlers } from "./effects.ts";
import { hasByRank } from "./members.ts";
import { mutedAt } from "./muted.ts";
import type { Asked, Progress, Room, RoomNotes } from "./shape.ts";

const keyOf = ({ agent, seq }: Pick<Asked, "agent" | "seq">): string => `${agent}#${seq}`;

const none: readonly Asked[] = [];

/** What is owed without this answer. */
export const withoutAsked = (asked = none, { agent, seq }: Pick<Asked, "agent" | "seq">): readonly Asked[] =>
  asked.filter((one) => one.agent !== agent || one.seq !== seq);

/** What is owed after an event: what its mentions ask for, without what it answers. Nothing is after everything was
 *  stopped. Too many are not asked for (`agent-calls.ts`): those that do not fit are lost. */
export function askedAfter(asked = none, event: RoomEvent, mail: readonly Mail[] = []): readonly Asked[] {
  if (event.type === "agentsStopped") return none;
  if (event.type !== "posted" && event.type !== "edited") return asked;
  const { author, seq, atMs, editedAtMs, answers, mentions } = event.message;
  const isAnswer = event.type === "posted" && answers !== undefined;
  const left = isAnswer ? withoutAsked(asked, { agent: author, seq: answers }) : asked;
  const mentioned = mail.filter((one) => one.message.type === "mentioned");
  if (mentioned.length === 0) return left;
  const person = personBehind(asked, event.message);
  const added = mentioned.map(({ to }): Asked => ({
    agent: to,
    seq,
    by: author,
    atMs: event.type === "edited" ? (editedAtMs ?? atMs) : atMs,
    ...(person !== undefined && person !== author && { person }),
    ...(mentions?.includes(to) !== true && { always: true }),
  }));
  return [...left, ...added].slice(-limits.roomAskedMax);
}

/** What is shown of the answers that are owed. One that is owed for so long is lost. */
export function answeringOf({ asked = [] }: Room, notes: RoomNotes, nowMs: number): readonly RoomAnswering[] {
  return asked
    .filter(({ atMs }) => nowMs - atMs < limits.askedShownMs)
    .map(({ agent, seq, by }) => {
      const { text, ...known } = notes.progress[keyOf({ agent, seq })] ?? { text: undefined };
      return { agent, seq, by, ...known, ...(text !== undefined && { text }) };
    });
}

/** The signals that say this again, to a reader that has missed them. */
export const signalsOf = (room: Room, notes: RoomNotes, nowMs: number): readonly RoomSignal[] =>
  answeringOf(room, notes, nowMs).flatMap((one) => {
    const { agent, seq, by: _by, generation, text = "", ...rest } = one;
    if (generation === undefined) return [];
    return [{ type: "draft", agent, generation, replyTo: seq, offset: 0, text, ...rest } as const];
  });

/** A piece of an answer, or how far it is. */
function draft(
  room: Room,
  piece: MessageOf<typeof roomCommands, "draft">,
  turn: Turn<RoomNotes>,
): readonly Effect<never, RoomNotes>[] {
  const { type, generation, replyTo, offset, text, rounds, done, stage, ahead } = piece;
  const agent = turn.from;
  if (mutedAt(room, agent, turn.nowMs) !== undefined && done !== true) return [];
  const place: AnswerStage = { ...(stage !== undefined && { stage }), ...(ahead !== undefined && { ahead }) };
  const signal: RoomSignal = {
    type,
    agent,
    generation,
    offset,
    text,
    ...(replyTo !== undefined && { replyTo }),
    ...(rounds !== undefined && { rounds }),
    ...(done !== undefined && { done }),
    ...place,
  };
  const { asked = [] } = room;
  const own = asked.find((one) => one.agent === agent && one.seq === replyTo);
  // A piece of what is not owed any more comes late: a page would show it until it is loaded anew. That it is over, or
  // of a mention from before such things were written down, is told.
  if (own === undefined) return done === true || room.asked === undefined ? [publish(signal)] : [];
  const { progress } = turn.notes;
  const known = progress[keyOf(own)];
  const before = known?.generation === generation ? known : undefined;
  const toolRounds = rounds ?? (offset === 0 ? undefined : before?.rounds);
  const now: Progress = {
    generation,
    ...place,
    text: grown(offset === 0 ? "" : before?.text, offset, text),
    ...(toolRounds !== undefined && { rounds: toolRounds }),
  };
  const kept = asked.flatMap((one) => (progress[keyOf(one)] ? [[keyOf(one), progress[keyOf(one)]] as const] : []));
  return [
    note({ progress: { ...Object.fromEntries(kept), [keyOf(own)]: now } as RoomNotes["progress"] }),
    publish(signal),
  ];
}

const grown = (text: string | undefined, offset: number, piece: string): string | undefined =>
  text === undefined || offset > text.length
    ? undefined
    : cut(text.slice(0, offset) + piece, wireLimits.messageCharsMax);

/** Asks the agents how far the answers are. What they say is best effort, as all of it is. */
export const askAgain = ({ asked = [] }: Room, { key }: Pick<Turn, "key">): readonly Effect<never, never>[] =>
  [...new Set(asked.map(({ agent }) => agent))].map((agent) => ({
    type: "tell",
    to: agent as ActorId,
    message: { type: "tellRoom", room: key },
  }));

/** Tag of what an agent is asked to stop; the others of the same message come after it. */
export interface StopTag {
  readonly type: "stop";
  readonly seq: number;
  readonly others: readonly string[];
  readonly to: ReplyTo | undefined;
}

/** Stops what agents answer to a message. A person who comes too late has what they wanted: nothing is being
 *  written. */
function stop(room: Room, { seq, agent }: MessageOf<typeof roomCommands, "stop">, turn: Turn): Effects {
  if (seq < 1 || seq > room.messageSeq) return [refuse("NOT_FOUND", { seq })];
  const owed = (room.asked ?? []).filter((one) => one.seq === seq && (agent === undefined || one.agent === agent));
  const theirs = owed.filter((one) => mayStop(room, one, turn.from));
  if (owed.length > 0 && theirs.length === 0)
    return [
      refuse("FORBIDDEN", { reason: "only the person who asked, the agent's owner and moderators can stop an answer" }),
    ];
  const agents = theirs.map((one) => one.agent);
  return askToStop({ type: "stop", seq, others: agents, to: turn.replyTo }, turn.key);
}

/** The agent has given it up, or is not there. What it wrote comes as its message. */
export const onStopped = (tag: StopTag, result: Result<unknown>, { key }: Pick<Turn, "key">): Effects =>
  result.ok || result.error.code === "NOT_FOUND"
    ? askToStop(tag, key)
    : [refuse(result.error.code, result.error.details, tag.to)];

function askToStop({ others: [agent, ...others], ...tag }: StopTag, room: string): Effects {
  if (agent === undefined) return [reply({}, tag.to)];
  const message = { type: "stopMention", room, seq: tag.seq };
  return [{ type: "ask", to: agent as ActorId, message, tag: { ...tag, others }, timeoutMs: limits.outboxTimeoutMs }];
}

/** The person who asked, the agent's owner, and people who may delete what others wrote. */
const mayStop = (room: Room, { agent, by }: Asked, who: string): boolean =>
  who === by || agent.startsWith(`agent/${who.slice("user/".length)}.`) || hasByRank(room, who, "room.delete");

/** What is said of an answer while it is awaited. */
export const answeringHandlers = {
  draft,
  stop,
  typing: (room, _command, turn) => {
    if (mutedAt(room, turn.from, turn.nowMs) !== undefined) return [reply({})];
    const signal: RoomSignal = { type: "typing", member: turn.from, untilMs: turn.nowMs + limits.typingMs };
    return [publish(signal), reply({})];
  },
} satisfies Partial<MemberHandlers>;
