/** Tasks of nodes. */
export const taskLimits = {
  /** Tasks that a node names to others. */
  ofNodeMax: 64,
  /** Nodes that are asked at the same time. */
  askedAtOnceMax: 16,
  /** A node that has not said what it does after this long does not answer. */
  callTimeoutMs: 3_000,
  /** Long acts (moves of the directory, repairs of shards and the like) that a node follows and remembers. More are
   *  done and not listed. */
  actsMax: 32,
  /** The person who began a long act is told of its end by a notice when it took so long: they may have given up
   *  waiting. */
  actToldAfterMs: 10_000,
  /** One that a person waited for so briefly is listed no more: they have the answer. One that was answered at once is
   *  told of when it took so long. */
  actListedFromMs: 1_000,
  /** The file in which a node writes its long acts down. The oldest are left out of a larger one. */
  actsFileBytesMax: 1024 * 1024,
  /** Characters of what came of a long act, in words. */
  resultCharsMax: 1_000,
  /** How often a node looks how far its tasks are, for its log. */
  noteLookMs: 1_000,
  /** A task of which nobody knows how much is left has a line so often, while something of it goes on. */
  noteQuietMs: 30_000,
  /** Lines of nodes in the log of a task: the newest. */
  logLinesMax: 100,
  /** The cluster is asked so long how a task with its backups ended; then nobody is told of it. */
  backupAskMs: 10_000,
  /** Ended tasks of the cluster's backups that a list shows. */
  endedMax: 100,
} as const;
