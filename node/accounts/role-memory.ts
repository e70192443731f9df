/** Which roles people have, as their actors said a moment ago: for calls of agents, which come with no session. */
import type { Kernel } from "../kernel/api.ts";
import type { Clock } from "../ports/index.ts";
import { roleLimits } from "./limits.ts";

/** Makes the memory. Undefined: the person's actor did not say, or there is no such person. */
export function createRoleMemory(
  ask: Kernel["ask"],
  clock: Clock,
): (person: string) => Promise<readonly string[] | undefined> {
  const known = new Map<string, { readonly roles: readonly string[]; readonly atMs: number }>();
  return async (person) => {
    const before = known.get(person);
    if (before !== undefined && clock.monotonicMs() - before.atMs < roleLimits.rolesKeptMs) return before.roles;
    const answer = await ask({
      to: `user/${person}`,
      from: "gateway",
      message: { type: "listSessions" },
      timeoutMs: roleLimits.rolesTimeoutMs,
    });
    // Better an old answer than none.
    if (!answer.ok) return before?.roles;
    const { roles = [] } = answer.value as { readonly roles?: readonly string[] };
    known.delete(person);
    known.set(person, { roles, atMs: clock.monotonicMs() });
    const [oldest] = known.keys();
    if (known.size > roleLimits.rolesKeptMax && oldest !== undefined) known.delete(oldest);
    return roles;
  };
}
