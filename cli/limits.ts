/** Bounds of the command line client and of a node's stop. `docs/limits.md` says what happens at each. */
export const cliLimits = {
  /** One HTTP request. Longer than the node's own deadline for one command. */
  requestTimeoutMs: 20_000,
  /** One answer to an HTTP request. The longest, all slots of a large cluster, is a hundredth of it. */
  answerBytesMax: 64 * 1024 ** 2,
  /** A question to which a node knows the answer by itself: one that hangs is noticed soon. */
  lookTimeoutMs: 5_000,
  /** One command of `plexus chat`, from the first sending to the answer, reconnects included. Piped, also the time in which a
   *  first connection that is refused for what may pass is tried again. */
  answerTimeoutMs: 30_000,
  /** After that: one that may have been done is sent anew under its operation id, and given up when this is over, too. */
  lastAnswerTimeoutMs: 5_000,
  /** Answers by which nobody knows what became of a command, after which it is sent anew; then the person is told. */
  unknownRepeatsMax: 3,
  /** A node that was asked for a connection in place of one that is cut off, and does not answer for so long: the next one is
   *  asked as well. */
  hedgeMs: 300,
  /** Pauses between two looks at the node that was left because it was cut off; they double. */
  returnFirstMs: 3_000,
  returnMaxMs: 60_000,
  handshakeTimeoutMs: 10_000,
  /** The same while other nodes are known that can be tried: one whose machine is gone does not even refuse. */
  handshakeAmongManyMs: 3_000,
  /** First pause before connecting again; doubles with each round of the known nodes, with jitter. Also the first pause
   *  before a command or subscription is repeated whose actor is on its way to another node. */
  reconnectFirstMs: 250,
  reconnectMaxMs: 8_000,
  /** Heartbeats without a sign of life after which a connection counts as dead: one lost is normal. */
  silentBeatsMax: 2.5,
  /** Piped input: how long the end waits for answers and events still owed. An agent may answer this long. */
  settleTimeoutMs: 600_000,
  /** Lines of input read ahead. */
  waitingLinesMax: 1_000,
  /** Entries shown when a place is opened, and per /history. */
  shownEntries: 20,
  /** Rows of a growing draft that are shown; the whole of it is printed when it ends. */
  draftRowsMax: 6,
  /** Rows of `plexus actors list` fetched at once. */
  actorPageRows: 200,
  /** Entries of `plexus audit` fetched at once. */
  auditPageEntries: 200,
  /** `plexus status`: slots named that are not served for the same reason. */
  statusSlotsNamed: 8,
  /** A move of an actor or slot, unless --timeout says otherwise. */
  moveTimeoutMs: 60_000,
  /** `plexus directory migrate`. */
  migrateTimeoutMs: 600_000,
  /** `plexus nodes drain --wait`, unless --timeout says otherwise. */
  drainWaitMs: 3_600_000,
  /** A drain on which nothing has moved for so long is said to be stuck, with what to look at. */
  drainStuckMs: 30_000,
  /** Between two looks at a cluster that is changing. */
  pollMs: 1_000,
  /** `plexus top`: between two frames, unless --interval says otherwise. */
  topIntervalMs: 1_000,
  /** `plexus top`: busiest actors and slots that are not ok that are shown. */
  topRowsMax: 10,
  /** `plexus demo`: from the start of the first node until all have joined. */
  demoStartMs: 60_000,
  /** `plexus demo`: a node that has not ended so long after the signal is killed. */
  demoStopMs: 15_000,
  /** `plexus demo`: bytes at the end of a dead node's log that are shown. */
  demoLogBytes: 2_000,
  /** A stop signal that follows another this closely is the same key press: npm forwards it as well. */
  samePressMs: 400,
  /** Beyond the node's own deadline at a stop; then the process ends by force. */
  stopGraceMs: 2_000,
  /** `plexus salvage`: between two lines that say how far it is. */
  salvageProgressMs: 2_000,
  /** `plexus doctor`: loading all models. */
  modelLoadTimeoutMs: 120_000,
  /** `plexus doctor`: one member of etcd. */
  etcdTimeoutMs: 3_000,
} as const;
