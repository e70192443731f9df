import { clientLimits } from "./limits.ts";

/** The pause before attempt number `attempt` (from 1). `chance` in [0, 1) spreads clients over the upper half of the
 *  step, so that they do not all come back in the same instant after a node restart. */
export function backoffMs(attempt: number, chance: number): number {
  const { backoffFirstMs, backoffMaxMs } = clientLimits;
  const step = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(attempt - 1, 16));
  return Math.round(step / 2 + (step / 2) * chance);
}
