/** What agents may do in a room: whom they answer, how often they call each other, and what they may take. */
import { Type, type Static } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { object, principal } from "../wire/schema.ts";

/** When an agent of a room answers, beyond mentions by everybody: every message of a person, or only mentions by
 *  moderators. */
export const agentMode = Type.Union([Type.Literal("always"), Type.Literal("moderators")]);
export type AgentMode = Static<typeof agentMode>;

const agentRules = {
  /** How often agents call each other between two messages of people; 0: never. */
  turns: Type.Integer({ minimum: 0, maximum: limits.agentTurnsMax }),
  /** Tokens that answers of agents take here in a day (UTC), until nobody is called any more; 0: without limit. */
  dayTokens: Type.Integer({ minimum: 0, maximum: 2 ** 40 }),
  /** Of agents that answer everybody's mentions there is none. */
  modes: Type.Record(principal, agentMode),
} as const;
const agentRulesObject = object(agentRules);
export type AgentRules = Static<typeof agentRulesObject>;

/** What a change of these names. */
export const agentRulesChange = {
  turns: Type.Optional(agentRules.turns),
  dayTokens: Type.Optional(agentRules.dayTokens),
  modes: Type.Optional(Type.Record(principal, agentMode, { maxProperties: limits.agentModesMax })),
  seen: Type.Optional(Type.Partial(agentRulesObject)),
} as const;

/** Commands of a room about its agents. */
export const roomAgentCommands = {
  /** At every node, also what waits; what was written stays. Error: FORBIDDEN. */
  stopAgents: command({
    params: {},
    result: answer<RoomAgentsStopped>("RoomAgentsStopped"),
    from: ["client"],
    effect: "changes",
    permission: "room.agents",
    http: ["POST", "/rooms/:room/agents/stop"],
    summary: "Stops everything that agents write, or will write, for a room",
  }),
  agents: command({
    params: {},
    result: answer<RoomAgents>("RoomAgents"),
    from: ["client", "agent"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/agents"],
    summary: "What agents may do in a room, what they took today, and whose answers are owed",
  }),
} as const;

/** Answer to `agents`. */
export interface RoomAgents {
  readonly rules: AgentRules;
  /** Turns of agents that agents called, since a person has said something. */
  readonly turnsTaken: number;
  /** What their answers took today (UTC). */
  readonly tokensToday: number;
  /** Answers that run or wait, the one that was asked for first at the beginning. */
  readonly owed: readonly {
    readonly agent: string;
    readonly seq: number;
    readonly by: string;
    readonly atMs: number;
  }[];
}

/** Answer to `stopAgents`: how many answers ran or waited. */
export interface RoomAgentsStopped {
  readonly stopped: number;
}
