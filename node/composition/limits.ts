/** The start of a node. */
export const startLimits = {
  /** A sign-up at a node that does not know yet whether there is an admin waits so long for the manager; then
   *  `SLOT_UNAVAILABLE`. */
  adminAskTimeoutMs: 2_500,
  /** Pause between two attempts of a node to tell the role-manager that it has started. */
  registerPauseMs: 5_000,
  /** How often a node checks whether the cluster has its first admin; afterwards it does not check any more. */
  adminLookMs: 5_000,
} as const;

/** The commands of backups at one node. */
export const commandLimits = {
  /** Tasks (runs, checks, recalls, removals) that a node remembers, the running one among them; of older ones `NOT_FOUND` is said. One runs
   *  at a time: another is refused with `LIMIT_REACHED`. */
  backupTasksKept: 16,
  /** What is lost is named so often in the answer of a check or recall; of more there is the number. */
  lostNamedMax: 50,
  /** A prune asks the cluster so long which holds there are; then it ends with `ASK_TIMEOUT`, and removes nothing. */
  holdsTimeoutMs: 10_000,
  /** A room that does not answer a recall for so long is asked again. */
  placeTimeoutMs: 10_000,
  /** Threads that compress and encrypt for a task; they are not the node's own. */
  sealerThreads: 1,
  /** Such a thread ends after so long without work. */
  sealerIdleMs: 5_000,
} as const;
