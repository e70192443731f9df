/** Clients.
 *
 *  The page, `plexus chat`, and programs that use the library. */
export const clientLimits = {
  /** First pause between attempts to connect, and before a refused command is sent again; doubles with each round of
   *  the known nodes, with jitter.
   *
   *  A failover is what is waited for first. */
  backoffFirstMs: 250,
  /** Longest such pause.
   *
   *  A person who looks at the page should not have to reload it, and a node that is started meets all its clients
   *  within this time. */
  backoffMaxMs: 15_000,
  /** After a connection that was open for so long the pauses start over; a shorter one counts as a failed attempt. */
  stableAfterMs: 5_000,
  /** A node that has not said `hello` by then is given up for now. */
  handshakeTimeoutMs: 10_000,
  /** The same until the socket is open, while other nodes are known; then the next one is tried.
   *
   *  A node whose machine is gone does not even refuse. More than a node takes to say why it refuses. */
  handshakeAmongManyMs: 3_000,
  /** Heartbeat intervals without a sign of life; then the client connects again.
   *
   *  One lost beat is normal, two are not. */
  silentBeatsMax: 2,
  /** How long a client that wakes up waits for a sign of life; then it connects again. */
  probeTimeoutMs: 4_000,
  /** When a client leaves a node that is cut off: if the next node has not answered for so long, another is asked as
   *  well. */
  hedgeMs: 300,
  /** First pause before a client checks the node that it left because it was cut off; doubles, with jitter. */
  returnFirstMs: 3_000,
  /** Longest such pause. */
  returnMaxMs: 60_000,
  /** Commands sent and not yet answered; the next one waits.
   *
   *  A node takes 64; the rest is room for `subscribe` and `ping`. */
  outstandingMax: 48,
  /** Commands that wait for their turn or for the connection; one more is refused with `OVERLOADED`. */
  queuedMax: 256,
  /** A command without an answer for so long, reconnects included, is sent again under its operation id if it may have
   *  taken effect; else it fails. A program may name another time. Piped, also the time for which `plexus chat` repeats
   *  a failed start.
   *
   *  Well inside the node's window of remembered operation ids, so that a repetition still gets the first answer. */
  answerTimeoutMs: 30_000,
  /** The longest such time; a program that names a longer one gets this.
   *
   *  A node forgets an answer after an hour at the earliest, unless its actor has given thousands since. */
  answerTimeoutMaxMs: 600_000,
  /** A command that was sent again and is still not answered after this ends with an unknown outcome. Nothing older is
   *  sent, also not by a machine that slept.
   *
   *  Longer than a node itself waits for an actor. */
  lastAnswerTimeoutMs: 15_000,
  /** A node is said to be slow when it has not answered for so long.
   *
   *  The node may hang, and silence alone shows that much later. */
  lateAfterMs: 5_000,
  /** A command that was refused for a temporary reason is repeated so often. Where another node may take its actor
   *  over, until its time is over. */
  repeatsMax: 3,
  /** People whose names are known; beyond it the one that was learnt of first is forgotten.
   *
   *  Twice the largest room. */
  peopleMax: 20_000,
  /** So many missing people are asked for one by one; for more, the list of people is read. */
  peopleOneByOneMax: 8,
  /** Pages of the list of people, of 200 each, that are read to find somebody. */
  peoplePagesMax: 50,
} as const;
