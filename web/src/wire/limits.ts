/** Bounds of the connection. `docs/limits.md` says what happens at each. */
export const connectionLimits = {
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
  /** After that: one that may have been done is sent anew under its operation id, and ends when this is over, too. */
  lastAnswerTimeoutMs: 15_000,
  /** A node that has not answered for so long is said to be slow: it may hang, and silence alone shows that much later. */
  lateAfterMs: 5_000,
  /** A command that is refused for what may pass is repeated so often before the person sees it; while another node is said
   *  to be away, for `answerTimeoutMs`. */
  repeatsMax: 3,
  /** A connection that was open at least so long starts its backoff anew; a shorter one is treated as a failed attempt. */
  stableAfterMs: 5_000,
  /** One HTTP request: sign-in, settings, lists. Longer than what a node gives an actor to answer. */
  requestTimeoutMs: 20_000,
  /** How long a page that wakes up waits for a sign of life before it opens a new connection. */
  probeTimeoutMs: 4_000,
} as const;
