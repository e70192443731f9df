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
