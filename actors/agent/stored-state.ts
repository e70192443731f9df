/** What an agent's state says of how much its conversation keeps; `stored.ts` tells it. */
import type { AgentChange, AgentState, Kept, Life, StoredChange } from "./shape.ts";

/** All pictures and sounds that are there, each once. */
function keptIn({ uploads = [], pictures = [] }: Life): readonly Kept[] {
  return [...new Map([...pictures, ...uploads].map((one) => [one.hash, one])).values()];
}

/** What they come to. */
export const bytesIn = ({ life }: AgentState): number =>
  life === null ? 0 : keptIn(life).reduce((sum, { size }) => sum + size, 0);

/** Nothing is kept. */
export const nothingStored = { bytes: 0, version: 0, told: 0 };

/** Whether what it says of itself is so: a node that does not count may have changed it. */
export const isCounted = (state: AgentState): boolean => (state.stored ?? nothingStored).bytes === bytesIn(state);

/** The state after a change, with what it keeps. */
export function withStored(before: AgentState, change: AgentChange, after: AgentState): AgentState {
  const stored = before.stored ?? nothingStored;
  if (change.type === "erased" && change.stored !== undefined) return { ...after, stored: told(after, change.stored) };
  // What was not counted stays so: it is told with a later version.
  const isNews = isCounted(before) && (bytesIn(after) !== stored.bytes || change.type === "attached");
  return isNews ? { ...after, stored: { ...stored, bytes: bytesIn(after), version: stored.version + 1 } } : after;
}

function told(state: AgentState, change: StoredChange): NonNullable<AgentState["stored"]> {
  const stored = state.stored ?? nothingStored;
  return change.is === "told"
    ? { ...stored, told: Math.max(stored.told, change.version) }
    : { ...stored, bytes: bytesIn(state), version: stored.version + 1 };
}
