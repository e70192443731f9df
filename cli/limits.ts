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
  /** An answer of a model in a temporary conversation, which comes whole. */
  modelAnswerTimeoutMs: 600_000,
  /** `plexus chat`: a connection that is closed and does not end in order by then is cut. */
  closeTimeoutMs: 1_000,
  /** Piped input: at its end the command waits this long for an agent's answer. */
  settleTimeoutMs: 600_000,
  /** `/attach`: a request that brought no byte is sent again so often in a row; then what it was refused with. */
  uploadTriesMax: 5,
  /** `/save`: numbers that are tried where a name is taken; then `NAME_TAKEN`. */
  savedNamesMax: 100,
  /** Lines of piped input read ahead; then the writer waits. */
  waitingLinesMax: 1_000,
  /** Entries shown on a terminal when a room or conversation is opened, and per /history. */
  shownEntries: 20,
  /** Rows of a growing answer that are shown; the whole of it is printed when it ends. */
  draftRowsMax: 6,
  /** Rows of `plexus actors list` fetched with one request. */
  actorPageRows: 200,
  /** `plexus doctor --security`: accounts whose API keys are looked at; with more the checklist says that these are not
   *  all. */
  accountsLookedAtMax: 5_000,
  /** Of them asked at once. */
  accountsAtOnce: 8,
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
  /** How long `plexus logs --follow` lets a node wait for the next line before it asks again. */
  logWaitMs: 10_000,
  /** Pause between two looks at a cluster that is changing. */
  pollMs: 1_000,
  /** `plexus top`: pause between two frames, unless `--interval` says otherwise. */
  topIntervalMs: 1_000,
  /** `plexus top`: busiest actors, and slots that are not ok, that are shown. */
  topRowsMax: 10,
  /** `plexus demo`: from the start of the first node until all have joined and everything has its copies; then the demo
   *  says what is missing and ends. */
  demoStartMs: 300_000,
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
  /** `plexus endpoints test`: then `ASK_TIMEOUT`.
   *
   *  Longer than a node may take for it. */
  endpointTestMs: 120_000,
  /** `plexus models pull`: pause between two lines of progress where no terminal shows them. */
  pullProgressMs: 5_000,
  /** `plexus models verify`: then `ASK_TIMEOUT`; the check itself goes on. */
  verifyTimeoutMs: 3_600_000,
  /** `plexus models suggest --node`: a node that has not measured its machine by then does not answer. */
  suggestTimeoutMs: 90_000,
  /** `plexus doctor`: models that are not all loaded by then are called bad. */
  modelLoadTimeoutMs: 120_000,
  /** `plexus doctor`: a member of etcd that does not answer by then is called bad. */
  etcdTimeoutMs: 3_000,
  /** `plexus doctor`: an address of a node that takes no connection by then is called silent. */
  addressTimeoutMs: 3_000,
  /** `plexus doctor`: nodes whose addresses are tried, this one first; of further ones it says nothing. */
  addressNodesMax: 64,
  /** `plexus doctor` reads blobs for so long; those that are left it only counts. */
  blobCheckMs: 20_000,
  /** How often `plexus disk encrypt --wait` looks how far it is. */
  diskLookMs: 500,
  /** How often the commands of `plexus backup` look how far the node is. */
  backupLookMs: 250,
  /** `plexus tasks watch`: pause between two looks at a task. */
  taskLookMs: 1_000,
  /** A command that looks at a task of the cluster gives up when nobody has answered for so long; the task goes on.
   *
   *  Longer than a failover. */
  backupUnseenMs: 3 * 60_000,
} as const;
