/** The command line. */
export const cliLimits = {
  /** Time for one HTTP request of a command; then `ASK_TIMEOUT`, or `UNREACHABLE` if it only reads.
   *
   *  Longer than the node's own deadline for one command. */
  requestTimeoutMs: 20_000,
  /** Size of one answer to a command; a longer one is not read (`UNREACHABLE`).
   *
   *  The longest, all slots of a large cluster, is a hundredth of it. */
  answerBytesMax: 64 * 1024 ** 2,
  /** The same for questions that a node answers by itself (`status`, `nodes`, `slots`, `top`); then `UNREACHABLE`.
   *
   *  A node that hangs is noticed soon. */
  lookTimeoutMs: 5_000,
  /** One command of `plexus chat`, reconnects included; then its last refusal, or `ASK_TIMEOUT`. Piped, also the
   *  time for which a failed start is repeated. */
  answerTimeoutMs: 30_000,
  /** After that, a command that may have taken effect is sent again under its operation id; without an answer for so
   *  long its outcome is reported as unknown. */
  lastAnswerTimeoutMs: 5_000,
  /** After so many answers with an unknown outcome the person is told; before that, the command is sent again under
   *  its operation id. */
  unknownRepeatsMax: 3,
  /** When a client leaves a node that is cut off: if the next node has not answered for so long, another is asked as
   *  well. */
  hedgeMs: 300,
  /** First pause before a client checks the node that it left because it was cut off; doubles, with jitter. */
  returnFirstMs: 3_000,
  /** Longest such pause. */
  returnMaxMs: 60_000,
  /** A WebSocket handshake that takes longer is given up and tried again. */
  handshakeTimeoutMs: 10_000,
  /** The same while other nodes are known; then the next one is tried.
   *
   *  A node whose machine is gone does not even refuse. */
  handshakeAmongManyMs: 3_000,
  /** First pause before connecting again, or before repeating a command whose actor is on its way to another node;
   *  doubles, with jitter. */
  reconnectFirstMs: 250,
  /** Longest such pause. */
  reconnectMaxMs: 8_000,
  /** Heartbeat intervals without a sign of life; then the client connects again.
   *
   *  One lost beat is normal. */
  silentBeatsMax: 2.5,
  /** Piped input: at its end the command waits this long for an agent's answer. */
  settleTimeoutMs: 600_000,
  /** Lines of piped input read ahead; then the writer waits. */
  waitingLinesMax: 1_000,
  /** Entries shown on a terminal when a room or conversation is opened, and per /history. */
  shownEntries: 20,
  /** Rows of a growing answer that are shown; the whole of it is printed when it ends. */
  draftRowsMax: 6,
  /** Rows of `plexus actors list` fetched with one request. */
  actorPageRows: 200,
  /** Entries of `plexus audit` fetched with one request. */
  auditPageEntries: 200,
  /** Slots that `plexus status` names for each reason why they are not served; of further ones it gives the number. */
  statusSlotsNamed: 8,
  /** A move of an actor or slot, unless `--timeout` says otherwise; then `ASK_TIMEOUT`. */
  moveTimeoutMs: 60_000,
  /** `plexus directory migrate`: then `ASK_TIMEOUT`. */
  migrateTimeoutMs: 600_000,
  /** `plexus nodes drain --wait`, unless `--timeout` says otherwise; the drain itself continues. */
  drainWaitMs: 3_600_000,
  /** A drain without progress for so long is reported as stuck, with hints. */
  drainStuckMs: 30_000,
  /** Pause between two looks at a cluster that is changing. */
  pollMs: 1_000,
  /** `plexus top`: pause between two frames, unless `--interval` says otherwise. */
  topIntervalMs: 1_000,
  /** `plexus top`: busiest actors, and slots that are not ok, that are shown. */
  topRowsMax: 10,
  /** `plexus demo`: from the start of the first node until all have joined; then the demo names the missing nodes
   *  and ends. */
  demoStartMs: 60_000,
  /** `plexus demo`: a node that has not ended so long after the signal is killed. */
  demoStopMs: 15_000,
  /** `plexus demo`: bytes at the end of a dead node's log that are shown. */
  demoLogBytes: 2_000,
  /** A stop signal that follows another this closely counts as the same one.
   *
   *  npm forwards the signal of one key press as well. */
  samePressMs: 400,
  /** Time after the drain timeout; then the process ends by force with exit code 1. */
  stopGraceMs: 2_000,
  /** `plexus salvage`: pause between two lines of progress. */
  salvageProgressMs: 2_000,
  /** `plexus doctor`: models that are not all loaded by then are called bad. */
  modelLoadTimeoutMs: 120_000,
  /** `plexus doctor`: a member of etcd that does not answer by then is called bad. */
  etcdTimeoutMs: 3_000,
} as const;
