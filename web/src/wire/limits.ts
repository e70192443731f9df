/** The page. */
export const connectionLimits = {
  /** First wait after a lost connection; doubles with each failed attempt, with jitter. */
  backoffFirstMs: 400,
  /** Longest such wait.
   *
   *  A person who looks at the page should not have to reload it. */
  backoffMaxMs: 15_000,
  /** Commands sent and not yet answered; the next one waits.
   *
   *  A node takes 64; the rest is room for `subscribe` and `ping`. */
  outstandingMax: 48,
  /** Commands that wait for their turn or for the connection; one more is refused with `OVERLOADED`. */
  queuedMax: 256,
  /** A command without an answer for so long is sent again under its operation id if it may have taken effect; else
   *  it fails.
   *
   *  Well inside the node's window of remembered operation ids, so that a retry still gets the first answer. */
  answerTimeoutMs: 90_000,
  /** A command that was sent again and is still not answered after this ends with an unknown outcome. */
  lastAnswerTimeoutMs: 15_000,
  /** The page says that a node is slow when it has not answered for so long.
   *
   *  The node may hang, and silence alone shows that much later. */
  lateAfterMs: 5_000,
  /** A command that was refused for a temporary reason is repeated so often. While the refusal names a node that is
   *  away, this limit does not count. */
  repeatsMax: 3,
  /** After a connection that was open for so long the waits start over; a shorter one counts as a failed attempt. */
  stableAfterMs: 5_000,
  /** One HTTP request of the page; then the node does not answer (`UNREACHABLE`, or `ASK_TIMEOUT` where it may still
   *  do it).
   *
   *  Longer than what a node gives an actor to answer. */
  requestTimeoutMs: 20_000,
  /** How long a page that wakes up waits for a sign of life; then it connects again. */
  probeTimeoutMs: 4_000,
} as const;
