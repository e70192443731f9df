/** What agents may do in a room: which of them answer whom, how often agents answer each other, what they may take in a
 *  day, and how all of it is stopped at once.
 *
 *      message of a person ──► agents that it mentions, and those that answer every message ──► their answers
 *      answer of an agent ───► agents that it mentions, while turns are left ──┘       │
 *                               ▲ a message of a person: all turns are left again      └─ tokens of the day
 *
 *  Invariants:
 *
 *  - Between two messages of people agents call each other `turns` times at most.
 *  - Nobody is called once the tokens of a day are used up, and only `roomBudgetOwedMax` answers are owed at a time in
 *    a room with a budget: so it is exceeded by what these take, and no more.
 *  - All that is called is owed, by an edit too: a stop reaches all of it. An answer that is not owed (any more) calls
 *    nobody, whenever it comes.
 *  - The last place among those that are owed is for somebody who waits for nothing yet.
 *
 *  How many turns were taken and what they took is state of the room; a node of the version before that writes the
 *  room's snapshot forgets both. */
import type { AgentRules, ErrorCode, RoomMessage } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { hasByRank } from "./members.ts";
import { mutedAt } from "./muted.ts";
import type { Asked, Room, RoomChange } from "./shape.ts";

const dayMs = 86_400_000;
const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);

/** The rules of a room, with what holds where nothing is set. */
export const agentRulesOf = ({ agentRules }: Pick<Room, "agentRules">): AgentRules =>
  agentRules ?? { turns: 0, dayTokens: 0, modes: {} };

/** What agents took here today, in tokens. */
export const takenOn = ({ agentTokens }: Room, atMs: number): number =>
  agentTokens !== undefined && isStillDay(agentTokens.day, atMs) ? agentTokens.tokens : 0;

/** Whether what was counted on a day counts now. A clock that goes back to the day before begins nothing anew; one that
 *  was further ahead was wrong. */
const isStillDay = (day: number, atMs: number): boolean => day === dayOf(atMs) || day === dayOf(atMs) + 1;

/** The person at whose word a message was said: its author, or the one to whom an agent answers, however many agents
 *  are between them. */
export function personBehind(
  asked: readonly Asked[] | undefined,
  { author, answers }: Pick<RoomMessage, "author" | "answers">,
): string | undefined {
  if (author.startsWith("user/")) return author;
  const own = asked?.find(({ agent, seq }) => agent === author && seq === answers);
  return own?.person ?? (own?.by.startsWith("user/") === true ? own.by : undefined);
}

/** Why an agent that is mentioned is not called. */
interface NotCalled {
  readonly agent: string;
  readonly code: ErrorCode;
}

/** The agents that a message calls, and those that it mentions and does not call. `isNew`: it is said now, and not
 *  edited. */
export function callsOf(
  room: Room,
  message: RoomMessage,
  isNew: boolean,
): { readonly called: readonly string[]; readonly notCalled: readonly NotCalled[] } {
  const mentioned = message.mentions?.filter((member) => member.startsWith("agent/")) ?? [];
  const isPerson = message.author.startsWith("user/");
  const rules = agentRulesOf(room);
  const always = isPerson && isNew ? room.agents.filter((agent) => rules.modes[agent] === "always") : [];
  const wanted = [...new Set([...mentioned, ...always])].filter(
    (agent) => agent !== message.author && !isOwed(room, agent, message.seq),
  );
  if (wanted.length === 0 || (!isPerson && !(isNew && mayCall(room, message)))) return { called: [], notCalled: [] };
  const called: string[] = [];
  const notCalled: NotCalled[] = [];
  for (const agent of wanted) {
    const code = whyNot(room, message, agent, called.length, mentioned.includes(agent));
    if (code === undefined) called.push(agent);
    // Nobody has asked one that answers everything: it says nothing.
    else if (mentioned.includes(agent)) notCalled.push({ agent, code });
  }
  return { called, notCalled };
}

const isOwed = ({ asked = [] }: Room, agent: string, seq: number): boolean =>
  asked.some((one) => one.agent === agent && one.seq === seq);

/** Whether an agent's message calls others at all: an answer that is whole, and owed. What was stopped is not. */
const mayCall = (room: Room, { author, answers, stopped, refused }: RoomMessage): boolean =>
  agentRulesOf(room).turns > 0 &&
  answers !== undefined &&
  isOwed(room, author, answers) &&
  stopped === undefined &&
  refused === undefined;

function whyNot(
  room: Room,
  message: RoomMessage,
  agent: string,
  before: number,
  isMentioned: boolean,
): ErrorCode | undefined {
  const { turns, dayTokens, modes } = agentRulesOf(room);
  const { author, atMs, editedAtMs = atMs } = message;
  const person = personBehind(room.asked, message);
  if (mutedAt(room, agent, editedAtMs) !== undefined) return "MUTED";
  if (modes[agent] === "moderators" && (person === undefined || !hasByRank(room, person, "room.agents")))
    return "FORBIDDEN";
  if (!author.startsWith("user/") && (room.agentTurns ?? 0) + before >= turns) return "LIMIT_REACHED";
  if (dayTokens > 0 && takenOn(room, editedAtMs) >= dayTokens) return "QUOTA_EXCEEDED";
  return hasPlace(room, { person, agent, before, isMentioned, atMs: editedAtMs }) ? undefined : "QUEUE_FULL";
}

interface Wanted {
  /** The person at whose word the agent is called, and how many others the same message calls. */
  readonly person: string | undefined;
  readonly agent: string;
  readonly before: number;
  readonly isMentioned: boolean;
  readonly atMs: number;
}

/** Whether one more answer may be owed. What is owed for too long is lost, and takes no place. Agents that answer every
 *  message take half of the places, and never the last one that a person has at the agent. */
function hasPlace(room: Room, { person, agent, before, isMentioned, atMs }: Wanted): boolean {
  const max = agentRulesOf(room).dayTokens > 0 ? limits.roomBudgetOwedMax : limits.roomAskedMax;
  const owed = (room.asked ?? []).filter((one) => atMs - one.atMs < limits.askedShownMs);
  const theirs = owed.filter((one) => (one.person ?? one.by) === person);
  const count = owed.length + before;
  if (isMentioned) return count < (theirs.length + before === 0 ? max : max - 1);
  const atAgent = theirs.filter((one) => one.agent === agent).length;
  return count < max / 2 && atAgent < limits.agentQueueMentionsPerPersonMax - 1;
}

/** What is counted after a message: turns of agents since a person said something, and what agents took today. */
export function countedAfter(
  { agentTurns = 0, agentTokens }: Room,
  { author, atMs }: RoomMessage,
  mail: readonly Mail[] = [],
  took = 0,
): Pick<Room, "agentTurns" | "agentTokens"> {
  const isStill = agentTokens !== undefined && isStillDay(agentTokens.day, atMs);
  const { day, tokens: before } = isStill ? agentTokens : { day: dayOf(atMs), tokens: 0 };
  const turns = author.startsWith("user/")
    ? 0
    : agentTurns + mail.filter(({ message }) => message.type === "mentioned").length;
  return {
    ...(turns + agentTurns > 0 && { agentTurns: turns }),
    ...(took > 0 && { agentTokens: { day, tokens: before + took } }),
  };
}

/** What is persisted of what an answer took of its model. */
export const tookOf = (tokens: number | undefined): Pick<Extract<RoomChange, { type: "happened" }>, "took"> =>
  tokens === undefined || tokens === 0 ? {} : { took: tokens };
