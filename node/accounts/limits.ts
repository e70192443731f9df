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

/** Roles of people, for quotas of calls that come with no session. */
export const roleLimits = {
  /** An answer of a person's actor counts for so long: a role that was given or taken is felt by quotas of models as
   *  late. */
  rolesKeptMs: 30_000,
  /** People whose roles are remembered; beyond it the one who was asked longest ago is asked again. */
  rolesKeptMax: 4_096,
  /** A person's actor that does not answer for so long is not waited for: then no quota of tokens counts that call. */
  rolesTimeoutMs: 2_000,
} as const;

/** Passes in which all rooms and agents of a node tell accounts again what people keep. */
export const storedAgainLimits = {
  /** Nothing begins before: a node that starts has other work. */
  firstMs: 5 * 60_000,
  /** How often it is looked whether a pass is due. */
  lookMs: 3_600_000,
  /** From one pass to the next; a new release begins one at once. So long can an account be wrong that was
   *  on a node of the version before. */
  everyMs: 7 * 24 * 3_600_000,
  /** The same where something could not be asked, and after the first pass of a release: rooms that came from a node of
   *  the version before meanwhile were not asked by anybody. */
  againMs: 24 * 3_600_000,
  /** Actors that could not be asked which are known by name; where there were more, all are asked again. */
  missedMax: 1_000,
  /** Actors that are listed at once. */
  pageActors: 100,
  /** Pause behind each of them: 20 in a second at most, so that people do not feel it. */
  pauseMs: 50,
  /** One that does not answer for so long is missed, and asked with the next pass. */
  askTimeoutMs: 10_000,
} as const;
