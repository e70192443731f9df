/** Bounds of the connection; `docs/limits.md` says what happens at each. */
export const wireBounds = {
  /** First wait after a lost connection; doubles with each failed attempt. */
  backoffFirstMs: 400,
  /** Longest wait: a person who looks at the page should not have to reload it. */
  backoffMaxMs: 15_000,
  /** Commands sent and not yet answered; a node takes 64, the rest is room for `subscribe` and `ping`. */
  outstandingMax: 48,
  /** Commands that wait for their turn or for the connection. Beyond it they are refused with OVERLOADED. */
  queuedMax: 256,
  /** A command that got no answer for so long ends with its outcome unknown. Well inside the node's window of remembered
   *  operation ids, so that a retry still gets the first answer. */
  answerTimeoutMs: 90_000,
  /** A node that has not answered for so long is said to be slow: it may hang, and silence alone shows that much later. */
  lateAfterMs: 5_000,
  /** A `not_started` refusal is repeated so often before the person sees it. */
  repeatsMax: 3,
  /** A connection that was open at least so long starts its backoff anew; a shorter one is treated as a failed attempt. */
  stableAfterMs: 5_000,
  /** How long a page that wakes up waits for a sign of life before it opens a new connection. */
  probeTimeoutMs: 4_000,
} as const;

/** The wait before attempt number `attempt` (from 1). `chance` in [0, 1) spreads clients over the upper half of the step, so
 *  that they do not all come back in the same instant after a node restart. */
export function backoffMs(attempt: number, chance: number): number {
  const step = Math.min(wireBounds.backoffMaxMs, wireBounds.backoffFirstMs * 2 ** Math.min(attempt - 1, 16));
  return Math.round(step / 2 + (step / 2) * chance);
}
