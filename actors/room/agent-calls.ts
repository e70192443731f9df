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
 *  - What was owed when everything was stopped calls nobody, whenever it comes.
 *
 *  How many turns were taken and what they took is state of the room; a node of the version before that writes the
 *  room's snapshot forgets both. */
import type { AgentRules, ErrorCode, RoomMessage } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { hasByRank } from "./members.ts";
import type { Room, RoomChange } from "./shape.ts";

const dayMs = 86_400_000;
const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);

/** The rules of a room, with what holds where nothing is set. */
export const agentRulesOf = ({ agentRules }: Pick<Room, "agentRules">): AgentRules =>
  agentRules ?? { turns: 0, dayTokens: 0, modes: {} };

/** What agents took here today, in tokens. */
export const takenOn = ({ agentTokens }: Room, atMs: number): number =>
  agentTokens?.day === dayOf(atMs) ? agentTokens.tokens : 0;

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
  const wanted = [...new Set([...mentioned, ...always])].filter((agent) => agent !== message.author);
  if (wanted.length === 0 || (!isPerson && !mayCall(room, message))) return { called: [], notCalled: [] };
  const called: string[] = [];
  const notCalled: NotCalled[] = [];
  for (const agent of wanted) {
    const code = whyNot(room, message, agent, called.length);
    if (code === undefined) called.push(agent);
    // Nobody has asked one that answers everything: it says nothing.
    else if (mentioned.includes(agent)) notCalled.push({ agent, code });
  }
  return { called, notCalled };
}

/** Whether an agent's message calls others at all: an answer that is whole, to what was not stopped. */
const mayCall = (room: Room, { answers, stopped, refused }: RoomMessage): boolean =>
  agentRulesOf(room).turns > 0 &&
  answers !== undefined &&
  answers > (room.agentsStopped ?? 0) &&
  stopped === undefined &&
  refused === undefined;

function whyNot(room: Room, { author, atMs }: RoomMessage, agent: string, before: number): ErrorCode | undefined {
  const { turns, dayTokens, modes } = agentRulesOf(room);
  if (author.startsWith("user/") && modes[agent] === "moderators" && !hasByRank(room, author, "room.agents"))
    return "FORBIDDEN";
  if (!author.startsWith("user/") && (room.agentTurns ?? 0) + before >= turns) return "LIMIT_REACHED";
  if (dayTokens === 0) return undefined;
  if (takenOn(room, atMs) >= dayTokens) return "QUOTA_EXCEEDED";
  return (room.asked?.length ?? 0) + before >= limits.roomBudgetOwedMax ? "QUEUE_FULL" : undefined;
}

/** What is counted after a message: turns of agents since a person said something, and what agents took today. */
export function countedAfter(
  { agentTurns = 0, agentTokens }: Room,
  { author, atMs }: RoomMessage,
  mail: readonly Mail[] = [],
  took = 0,
): Pick<Room, "agentTurns" | "agentTokens"> {
  const day = dayOf(atMs);
  const before = agentTokens?.day === day ? agentTokens.tokens : 0;
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
