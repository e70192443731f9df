/** Bounds of the placement. `docs/limits.md` says what happens at each. */
export const placementLimits = {
  /** Slots that may be on their way at the same time. Further ones wait for the next round. */
  motionSlotsMax: 64,
  /** How many of them one node may be receiving a copy of. */
  motionNodeMax: 16,
  /** Slots that one round moves only for balance. */
  balanceMovesMax: 16,
  /** Pairs of a slot and a node that one round compares for balance. Beyond it the round ends with what it has. */
  balanceLooksMax: 200_000,
  /** How much better than it is, as a share of the mean, a move must leave the fuller node. Less would move slots to and fro
   *  for the noise of a hash. */
  balanceGainMin: 0.2,
  /** Turns a second and node below which load is not looked at: nobody waits. */
  loadTurnsMin: 100,
  /** Share of its node's turns that makes one actor hot. */
  hotShareMin: 0.3,
  /** How much busier than the mean its node must be. */
  hotExcessMin: 1.5,
  /** Actors one node names as its busiest when it is asked. */
  loadActorsMax: 16,
  /** Slots one node tells the load of: the busiest. The others count as idle. */
  loadSlotsMax: 2_048,
  /** How long a node may take to tell its load. Without an answer the last one counts. */
  loadTimeoutMs: 2_000,
  /** Nodes asked for their load at the same time. */
  loadAsksMax: 16,
  /** What a new report weighs against those before: 0.3 forgets half in two rounds. */
  loadNewest: 0.3,
  /** Busiest actors that a summary names. */
  busiestMax: 16,
  /** How long a summary goes by what the nodes said of themselves before all are asked anew. */
  surveyFreshMs: 1_000,
  /** How long a node may take to answer, while somebody waits for the summary; then that goes without. */
  surveyTimeoutMs: 500,
  /** How often load is asked for and everything is planned anew, whether or not anything happened. */
  roundMs: 10_000,
  /** Pause between a change and the plan that takes account of it, so that many changes make one plan. */
  planDelayMs: 50,
  /** For so long a new controller moves nothing, only adds copies where there are too few, and takes no node for dead that
   *  it never saw up: connections come up and the others are heard first. Twice the longest silence. */
  settleMs: 3_200,
  /** A node that is down for longer is no longer expected back: what it copied is copied elsewhere. A restart with a large
   *  data folder takes less. */
  replaceAfterMs: 60_000,
  /** A slot that was given to a node which this controller sees down is left alone for this long: as long as a node may be
   *  silent, and some. */
  disputeMs: 2_000,
  /** A node whose disk refused a write is given nothing for so long, unless it takes another meanwhile. */
  refusedForMs: 20_000,
  /** A failover that nobody has seen to for so long is done by the next manager in line: the first may not reach the
   *  directory. Longer than a failover takes where the first does. */
  standInMs: 3_000,
  /** Changes of slot records under way at the same time. */
  changesMax: 32,
  /** Pause after the directory did not answer; doubles up to the second. */
  retryMs: 200,
  retryMaxMs: 5_000,
  /** Attempts of an admin's command to change a row against others. Beyond: OVERLOADED. */
  rowAttemptsMax: 8,
  /** Slots that a refusal names, beside their number. */
  slotsNamedMax: 8,
  /** Pause before an owner that could not be asked to pin is looked up again. */
  pinRetryMs: 50,
} as const;

export type PlacementLimits = { readonly [K in keyof typeof placementLimits]: number };
