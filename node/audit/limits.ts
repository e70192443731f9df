/** The audit: logs of nodes, their copies, and what reads them. */
export const auditLimits = {
  /** Entries that wait for the disk; of what comes on top only the number is written (`auditMissing`). */
  waitingMax: 10_000,
  /** Entries of one batch on the disk. */
  batchMax: 1_000,
  /** After so many entries a head is signed. */
  headEntries: 1_024,
  /** And after this time, when there is a new entry. */
  headEveryMs: 60_000,
  /** Of older heads, one in this time is kept. */
  headKeptEveryMs: 24 * 3_600_000,
  /** Entries by strangers (refused sign-ins) that a node writes at once; what comes faster is counted, and the number
   *  is written. Else an attacker who guesses passwords would push out what members did. */
  strangersBurst: 1_000,
  /** The same, per minute. */
  strangersPerMinute: 120,
  /** How often the number of those that were not written is. */
  missingEveryMs: 60_000,
  /** Bytes of one entry; longer texts are cut before. */
  entryBytesMax: 32 * 1024,
  /** Where there are fewer managers, other members keep copies as well, until there are so many keepers. */
  keepersMin: 3,
  /** Managers that keep copies; beyond that they are enough. */
  keepersMax: 7,
  /** How often a keeper asks all nodes what they have, beside when it is told that there is more. */
  copyEveryMs: 30_000,
  /** A keeper that is told so waits for what comes right after. */
  copyPauseMs: 200,
  /** Entries of one answer to a keeper. Each may have a few kilobytes, and a message between nodes has a limit. */
  readLines: 200,
  /** A node that does not answer a question about logs for so long does not answer. */
  callTimeoutMs: 10_000,
  /** Entries older than this are removed, up to a head. */
  keptMs: 400 * 24 * 3_600_000,
  /** Of one log so many bytes are kept; what is more is removed from the beginning on, up to a head. */
  logBytesMax: 1024 * 1024 * 1024,
  /** How often is looked for what may be removed. */
  pruneEveryMs: 3_600_000,
  /** Logs that a node has a copy of. A node has one, and one more for each time that its disk went back to an older
   *  state. */
  logsMax: 1_024,
  /** Entries of one batch to a system of others. What comes on top is in the next. */
  pushEntries: 500,
  /** Bytes of one batch; a batch ends with the entry that reaches them. */
  pushBytes: 512 * 1024,
  /** A batch that is not confirmed by then is sent again. */
  pushTimeoutMs: 20_000,
  /** Entries come in bursts: what comes within this time goes together. */
  pushPauseMs: 500,
  /** How often is looked whether something is to be sent, beside when it is written. */
  pushEveryMs: 15_000,
  /** The first pause after a batch that was not confirmed; twice as long after each further one. */
  pushRetryMs: 1_000,
  /** And no longer than this. */
  pushRetryMaxMs: 60_000,
  /** A node that has been away for so long no longer sends its own log: a keeper does. */
  pushTakeOverMs: 10 * 60_000,
  /** What is not confirmed for so long is told to admins. */
  pushBehindMs: 15 * 60_000,
  /** Entries that a sink has not confirmed are kept for so much longer than the rules of retention say; then they go,
   *  and an alert says so. Bytes: until the log is twice as large as it may be. */
  unsentKeptMs: 30 * 24 * 3_600_000,
  /** Entries that one look for what may be removed reads of a log: where rules differ by area, the first that is to
   *  stay is looked for. */
  pruneLooksMax: 200_000,
} as const;

/** The limits of the audit; tests set others. */
export type AuditLimits = { readonly [Name in keyof typeof auditLimits]: number };
