/** A user's agents: created and deleted by asking the agent itself, answered when the agent has answered.
 *
 *      absent ──createAgent──► creating ──agent answered──► active ──deleteAgent──► deleting ──agent answered──► absent
 *                                 └──agent refused──► absent
 *
 *  The callers that wait for the answer are known in memory only. After a restart the outbox asks on; a client that
 *  repeats its command waits again, or finds it done. */
import {
  wireLimits,
  type CommandOf,
  type ErrorCode,
  type UserEvent,
  type agentCommands,
  type userCommands,
} from "../../protocols/index.ts";
import { note, persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { deliver, dispatch, fits, type Mail, type Settled } from "../outbox.ts";
import type { UserNotes } from "./notes.ts";
import type { Effects } from "./effects.ts";
import { happen } from "./sessions.ts";
import { agentActor, type Account, type UserState } from "./state.ts";

type Command = CommandOf<typeof userCommands>;
type AgentCommand = CommandOf<typeof agentCommands>;

/** Tag of the question behind a repeated createAgent. */
export interface DescribeTag {
  readonly type: "describeAgent";
  readonly to: NonNullable<Turn["replyTo"]>;
}

/** Errors: NAME_TAKEN, LIMIT_REACHED, OVERLOADED, and what the agent refuses with. */
export function createAgent(
  state: UserState,
  account: Account,
  command: Extract<Command, { type: "createAgent" }>,
  turn: Turn<UserNotes>,
): Effects {
  const { name, persona, model } = command;
  const agent = `${turn.key}.${name}`;
  const operation = turn.replyTo?.operation ?? null;
  const held = account.agents.find((other) => other.agent === agent);
  if (held !== undefined) {
    if (operation === null || held.operation !== operation || held.status === "deleting") return [refuse("NAME_TAKEN")];
    return held.status === "creating" ? wait(agent, turn) : describeFor(agent, turn);
  }
  if (account.agents.length >= wireLimits.agentsPerUserMax)
    return [refuse("LIMIT_REACHED", { limit: "agentsPerUserMax" })];
  const message: Extract<AgentCommand, { type: "create" }> = {
    type: "create",
    ...(persona !== undefined && { persona }),
    ...(model !== undefined && { model }),
  };
  return askAgent(state, { agent, status: "creating", operation }, { to: agentActor(agent), message }, turn);
}

/** Error: NOT_FOUND. */
export function deleteAgent(state: UserState, account: Account, agent: string, turn: Turn<UserNotes>): Effects {
  const operation = turn.replyTo?.operation ?? null;
  const held = account.agents.find((other) => other.agent === agent);
  if (held === undefined) {
    const repeated = account.deletions.some((done) => done.agent === agent && done.operation === operation);
    return [repeated ? reply({}) : refuse("NOT_FOUND", { agent })];
  }
  if (held.status === "deleting") return wait(agent, turn);
  const mail: Mail = { to: agentActor(agent), message: { type: "delete" } };
  return askAgent(state, { agent, status: "deleting", operation }, mail, turn);
}

function askAgent(
  state: UserState,
  asked: { readonly agent: string; readonly status: "creating" | "deleting"; readonly operation: string | null },
  mail: Mail,
  turn: Turn<UserNotes>,
): Effects {
  if (!fits(state.outbox, 1)) return [refuse("OVERLOADED")];
  return [
    persist({ type: "agentAsked", ...asked, mail: [mail] }),
    ...wait(asked.agent, turn),
    ...dispatch(state.outbox, [mail], turn.self),
  ];
}

function wait(agent: string, turn: Turn<UserNotes>): Effects {
  const { forAgent } = turn.notes;
  const waiting = forAgent[agent] ?? [];
  if (turn.replyTo === undefined) return [];
  if (waiting.length >= limits.roomListsWaitingMax) return [refuse("OVERLOADED")];
  return [note({ forAgent: { ...forAgent, [agent]: [...waiting, turn.replyTo] } })];
}

const describeFor = (agent: string, turn: Turn<UserNotes>): Effects =>
  turn.replyTo === undefined
    ? []
    : [
        {
          type: "ask",
          to: agentActor(agent),
          message: { type: "describe" },
          tag: { type: "describeAgent", to: turn.replyTo } satisfies DescribeTag,
          timeoutMs: limits.outboxTimeoutMs,
        },
      ];

/** The agent has answered its creation or deletion: both become facts, and those who wait are answered. */
export function onAgentAnswered(state: UserState, settled: Settled, turn: Turn<UserNotes>): Effects {
  const { entry, result } = settled;
  if (entry === undefined || !entry.to.startsWith("agent/")) return [];
  const agent = entry.to.slice("agent/".length);
  const { [agent]: waiting = [], ...forAgent } = turn.notes.forAgent;
  const answer = (effect: (to: NonNullable<Turn["replyTo"]>) => Effect<never, never>): Effects => [
    note({ forAgent }),
    ...waiting.map(effect),
  ];
  const before = { ...state, outbox: deliver(state.outbox, entry.id) };
  const happened = (event: UserEvent): Effects => happen(before, turn, [event]);
  if (entry.message.type === "delete") {
    // An agent that is not there is as good as deleted.
    return [...happened({ type: "agentDeleted", agent }), ...answer((to) => reply({}, to))];
  }
  if (result.ok) return [...happened({ type: "agentCreated", agent }), ...answer((to) => reply(result.value, to))];
  const { code, details } = result.error;
  return [persist({ type: "agentRefused", agent }), ...answer((to) => refusal(code, details, to))];
}

const refusal = (
  code: ErrorCode,
  details: Readonly<Record<string, unknown>> | undefined,
  to: NonNullable<Turn["replyTo"]>,
): Effect<never, never> => refuse(code, details, to);
