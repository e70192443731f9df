/** The commands about agents of a room: what they may do, and the stop for all of them. What is called by which message
 *  `agent-calls.ts` decides. */
import {
  sameJson,
  type AgentRules,
  type MessageOf,
  type RoomAgents,
  type RoomEvent,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type Turn } from "../behavior.ts";
import { fits, type Mail } from "../outbox.ts";
import { changedSince } from "../seen.ts";
import { agentRulesOf, takenOn } from "./agent-calls.ts";
import { eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { hasByRank } from "./members.ts";
import { refuseArchived } from "./rules.ts";
import type { Room } from "./shape.ts";
import { viewOf } from "./state.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

/** Sets the rules: moderators do. Errors: FORBIDDEN, CHANGED_MEANWHILE, ROOM_ARCHIVED. */
function setAgents(room: Room, { turns, dayTokens, modes, seen }: Of<"setAgents">, turn: Turn): Effects {
  const refusal = refuseStranger(room, turn) ?? refuseArchived(room, turn);
  if (refusal !== undefined) return refusal;
  const before = agentRulesOf(room);
  const wanted = {
    ...(turns !== undefined && { turns }),
    ...(dayTokens !== undefined && { dayTokens }),
    ...(modes !== undefined && { modes }),
  };
  const now = changedSince<AgentRules>(seen, before, wanted);
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const rules = { ...before, ...wanted };
  const view = { ...viewOf(room, turn), agentRules: rules };
  if (sameJson(rules, before)) return [reply(view)];
  const event: RoomEvent = { type: "agentRulesSet", rules, by: turn.from };
  return [...eventEffects(room, turn, [event]), reply(view)];
}

/** Stops everything that agents write, or will write, for the room. The stops go the way of the mentions, behind them,
 *  and as durably: wherever an agent is, it hears of both, in this order. */
function stopAgents(room: Room, _command: Of<"stopAgents">, turn: Turn): Effects {
  const refusal = refuseStranger(room, turn);
  if (refusal !== undefined) return refusal;
  const owed = room.asked ?? [];
  const answer = { stopped: owed.length };
  const mail = owed.map(({ agent, seq }): Mail => ({
    to: agent as Mail["to"],
    message: { type: "stopMention", room: turn.key, seq },
  }));
  if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED")];
  const event: RoomEvent = { type: "agentsStopped", through: room.messageSeq, answers: owed.length, by: turn.from };
  return [...eventEffects(room, turn, [event], mail), reply(answer)];
}

const refuseStranger = (room: Room, turn: Turn): Effects | undefined =>
  hasByRank(room, turn.from, "room.agents")
    ? undefined
    : [refuse("FORBIDDEN", { reason: "only moderators decide what agents may do in a room, and stop all of them" })];

/** What agents may do here, and where they are. */
function agents(room: Room, _command: Of<"agents">, turn: Turn): Effects {
  const rules = agentRulesOf(room);
  const answer: RoomAgents = {
    rules,
    turnsTaken: room.agentTurns ?? 0,
    tokensToday: takenOn(room, turn.nowMs),
    owed: (room.asked ?? []).map(({ agent, seq, by, atMs }) => ({ agent, seq, by, atMs })),
  };
  return [reply(answer)];
}

/** The commands about agents of a room. */
export const agentRuleHandlers = { setAgents, stopAgents, agents } satisfies Partial<MemberHandlers>;
