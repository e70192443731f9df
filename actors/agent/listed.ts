/** A conversation in the agent's list, and how the list hears of it. */
import { conversationIn, type ActorId, type AgentConversation } from "../../protocols/index.ts";
import { fits, type Mail } from "../outbox.ts";
import type { Coming, Here } from "./effects.ts";
import type { AgentState, Life, Listed } from "./shape.ts";
import { viewOf } from "./state.ts";

/** A row as its owner sees it. */
export function shown({ named: _named, operation: _operation, opening: _opening, ...row }: Listed): AgentConversation {
  return row;
}

/** An agent, or a conversation with one. */
export const agentActor = (key: string): ActorId => `agent/${key}`;

/** The change that lists a conversation, as it is or anew. */
export const listing = (state: AgentState, life: Life, turn: Here, listed: Listed): Coming => ({
  event: { type: "updated", view: viewOf(state, life, turn.key), listed: shown(listed) },
  listed,
});

/** What tells the list that something was said, or is called otherwise: mail from a conversation, a row from the first
 *  one. Nothing, where there is no list. A last use that finds no room in the outbox is not told. */
export function telling(
  state: AgentState,
  life: Life,
  what: { readonly usedAtMs?: number; readonly title?: string; readonly model?: string },
  turn: Here,
): readonly Coming[] {
  const of = conversationIn(turn.key);
  if (of !== undefined) {
    if (!fits(state.outbox, 1)) return [];
    const mail: Mail = { to: agentActor(of.agent), message: { type: "told", number: of.number, ...what } };
    const known = what.title === undefined ? {} : { title: what.title };
    return [{ event: { type: "updated", view: viewOf(state, life, turn.key) }, mail: [mail], ...known }];
  }
  const row = life.conversations?.find(({ number }) => number === 0);
  if (row === undefined) return [];
  const listed: Listed = {
    ...row,
    ...(what.usedAtMs !== undefined && { usedAtMs: what.usedAtMs }),
    ...(what.title !== undefined && row.named !== true && { title: what.title }),
  };
  return [listing(state, life, turn, listed)];
}
