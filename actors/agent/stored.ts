/** How much an agent's conversation keeps: the pictures and sounds that were attached to it as they are. The agent
 *  tells its owner's account, as rooms do of files (decisions 0257, 0281).
 *
 *      attached, named by a message, gone ──evolve──► bytes, version ──ask `agentStored`──► user/ada ──► told
 *                                                                 ▲            │
 *                                                                 └─ reminder ─┘ no answer: asked again
 *
 *  The sum is that of the state. Where a node of the version before has changed it, the two differ, and what is told
 *  gets a later version when the agent comes into memory. What changes rides on `erased` events, which a version before
 *  takes for nothing. */
import type { ActorId, Result } from "../../protocols/index.ts";
import { persist, type Effect, type Turn } from "../behavior.ts";
import { isToldAgain, storedReminder } from "../kept-bytes.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Effects, Here } from "./effects.ts";
import type { AgentChange, AgentState, StoredChange } from "./shape.ts";
import { bytesIn, isCounted, nothingStored as none } from "./stored-state.ts";

/** Tag of what the account is told. */
export interface StoredTag {
  readonly type: "stored";
  readonly version: number;
  /** A reminder caused this try: it repeats by itself. */
  readonly again: boolean;
}

/** A change that says nothing but this. */
const changed = ({ turnsErased, eventsErased }: AgentState, stored: StoredChange): AgentChange => ({
  type: "erased",
  turns: { from: turnsErased + 1, through: turnsErased },
  events: { from: eventsErased + 1, through: eventsErased },
  stored,
});

function tell(state: AgentState, owner: string, { key }: Pick<Turn, "key">, again: boolean): Effect<never, never> {
  const { bytes, version } = state.stored ?? none;
  const { uploads = [], pictures = [] } = state.life ?? {};
  // A message may have named some before the account was told of them: the newest are the last.
  const hashes = [...pictures, ...uploads].map(({ hash }) => hash).toReversed();
  const began = [...new Set(hashes)];
  return {
    type: "ask",
    to: `user/${owner}` as ActorId,
    message: { type: "agentStored", agent: key, bytes, version, began },
    tag: { type: "stored", version, again } satisfies StoredTag,
    timeoutMs: limits.outboxTimeoutMs,
  };
}

const isTold = ({ stored = none }: AgentState): boolean => stored.told >= stored.version;

/** A decision, with what the owner's account is to be told of it. */
export function withTold(
  state: AgentState,
  decided: Effects,
  turn: Here,
  {
    evolve,
    owner,
  }: { readonly evolve: (state: AgentState, change: AgentChange) => AgentState; readonly owner: string },
): Effects {
  const changes = decided.flatMap((effect) => (effect.type === "persist" ? [effect.event] : []));
  if (changes.length === 0) return decided;
  const after = changes.reduce(evolve, state);
  const isNews = after.stored?.version !== state.stored?.version && !isTold(after);
  return isNews ? [...decided, tell(after, owner, turn, false)] : decided;
}

/** The account has answered, or did not. */
export function onStoredTold(state: AgentState, tag: StoredTag, result: Result<unknown>, turn: Here): Effects {
  if (state.stored?.version !== tag.version || isTold(state)) return [];
  if (!result.ok && isToldAgain(result.error))
    return tag.again ? [] : [{ type: "remind", id: storedReminder, dueMs: turn.nowMs + limits.outboxRetryMs }];
  return [persist(changed(state, { is: "told", version: tag.version }))];
}

/** The reminder rang. */
export const onStoredDue = (state: AgentState, owner: string, turn: Here): Effects =>
  isTold(state) ? [{ type: "forget", id: storedReminder }] : [tell(state, owner, turn, true)];

/** It is told again, and counted where it was not: an account that was on a node of the version before may have lost
 *  what it heard. */
export const tellStored = (state: AgentState): Effects =>
  isCounted(state) && bytesIn(state) === 0 ? [] : [persist(changed(state, { is: "counted" }))];

/** What is told when the agent comes into memory: nothing is persisted then. */
export function recoverStored(state: AgentState, owner: string, turn: Here): Effects {
  if (isCounted(state)) return isTold(state) ? [] : [tell(state, owner, turn, false)];
  return [{ type: "tell", to: turn.self, message: { type: "tellStored" } }];
}
