/** Placement. */
export const placementLimits = {
  /** Slots that move at the same time; further ones wait for a later plan. */
  motionSlotsMax: 64,
  /** Slots that one node receives at the same time; further ones wait. */
  motionNodeMax: 16,
  /** Slots that one plan moves only for balance (owners, and copies, each). */
  balanceMovesMax: 16,
  /** Comparisons of one plan for balance; then the best result so far is used. */
  balanceLooksMax: 200_000,
  /** Share of the mean that a move for balance must gain; a smaller gain moves nothing.
   *
   *  Less would move slots to and fro for the noise of a hash. */
  balanceGainMin: 0.2,
  /** Turns a second of a node below which load is ignored.
   *
   *  Below it no message waits. */
  loadTurnsMin: 100,
  /** Share of its node's turns that makes an actor hot. */
  hotShareMin: 0.3,
  /** How much busier than the mean its node must be. */
  hotExcessMin: 1.5,
  /** Actors a node names as its busiest. */
  loadActorsMax: 16,
  /** Busiest slots of which a node reports the load; the others count as idle. */
  loadSlotsMax: 2_048,
  /** Time for a node to report its load; then its last report counts. */
  loadTimeoutMs: 2_000,
  /** Nodes asked for their load at the same time. */
  loadAsksMax: 16,
  /** Weight of a new measurement against earlier ones.
   *
   *  0.3 forgets half in two rounds. */
  loadNewest: 0.3,
  /** How long an eviction waits for the node's voice in the directory to go to another, or away; then it is refused. */
  voteLeavesMs: 15_000,
  /** How often it looks. */
  voteLookMs: 100,
  /** Busiest actors that a summary names. */
  busiestMax: 16,
  /** How long a summary uses the nodes' reports before all are asked again. */
  surveyFreshMs: 1_000,
  /** Time for a node to answer; then the summary omits its report. */
  surveyTimeoutMs: 500,
  /** How often nodes are asked for their load and everything is planned again. */
  roundMs: 10_000,
  /** Pause between a change and the plan, so that many changes make one plan; failovers do not wait. */
  planDelayMs: 50,
  /** For so long a new controller moves nothing, only adds copies where there are too few, and believes no node to
   *  be dead that it never saw up.
   *
   *  Connections come up and the other nodes are heard first. Twice the longest silence. */
  settleMs: 3_200,
  /** A node that is down for longer is not expected back: its copies are made elsewhere.
   *
   *  A restart with a large data folder takes less. */
  replaceAfterMs: 60_000,
  /** A node that is down for longer is home to no shard-holder any more: they get another home, with their bytes made
   *  anew there.
   *
   *  A machine that is repaired or restarted takes less, and has its bytes. */
  homeAfterMs: 15 * 60_000,
  /** A slot that another manager gave to a node which this controller sees as down is left alone for so long, so
   *  that two managers that disagree do not undo each other's changes.
   *
   *  As long as a node may be silent, and some. */
  disputeMs: 2_000,
  /** A node whose disk refused a write gets nothing new for so long, unless it accepts a write earlier; then it is
   *  tried again. */
  refusedForMs: 20_000,
  /** A failover that the controller has not made for so long is made by the next manager that reaches the directory.
   *
   *  Longer than a failover takes where the first manager reaches the directory. */
  standInMs: 3_000,
  /** For so long nodes with the role `storage` must be there before the first group of shard-holders is made. */
  groupFirstMs: 3_000,
  /** For so long the same nodes must be there before a wider group is made; the narrower one takes no new stripes then.
   *
   *  Nodes that are set up together come within that time. */
  groupWidenMs: 20_000,
  /** The same before a narrower group is made, after nodes were evicted, drained or given other roles. */
  groupNarrowMs: 10 * 60_000,
  /** A group that was closed so long ago is removed when its holders have nothing, also in their trash.
   *
   *  Longer than anything is told again to a holder. */
  groupRemovedMs: 7 * 24 * 3_600_000,
  /** How often closed groups are looked at for that. */
  groupLookMs: 3_600_000,
  /** A node that comes later than this after the cluster began to keep shards is on probation first. */
  trustFoundingMs: 24 * 3_600_000,
  /** Nodes that must be trusted before one that comes is on probation: with fewer there is nobody to compare it
   *  with. */
  trustFoundersMin: 3,
  /** How long a probation takes at the least. */
  probationMs: 24 * 3_600_000,
  /** Audits that must be passed in it. */
  probationAudits: 50,
  /** How often nodes are asked what their audits have shown. */
  trustEveryMs: 60_000,
  /** A node with more shards than its quota gives no holder for so long after one that it gave has arrived elsewhere.
   *
   *  The bytes of the last one are there until its new node has read its own, and the node was looked at since. */
  quotaMoveEveryMs: 8 * 3_600_000,
  /** Shard-holders whose inventories are asked in a round what they take. */
  holderAsksMax: 16,
  /** Shard-holders that are given a slot of their own at the same time; further ones wait. */
  holderSplitsMax: 4,
  /** Changes of slot records that are sent at the same time; further ones queue, failovers first. */
  changesMax: 32,
  /** Pause after the directory did not answer; doubles. */
  retryMs: 200,
  /** The longest such pause. */
  retryMaxMs: 5_000,
  /** Attempts of an admin's command to change a row that others change too; then `OVERLOADED`. */
  rowAttemptsMax: 8,
  /** Slots that a refused `evict` names; of further ones it gives only the number. */
  slotsNamedMax: 8,
  /** Rounds of planning that a preview looks ahead; then it shows what there is so far. */
  previewRoundsMax: 24,
  /** Slots that one such round moves for balance. */
  previewMovesMax: 1_024,
  /** Moves that a preview names; of further ones it gives the number. */
  previewShownMax: 200,
  /** Pause before an owner that could not pin is looked up again, until the command's deadline. */
  pinRetryMs: 50,
} as const;

export type PlacementLimits = { readonly [K in keyof typeof placementLimits]: number };

/** Drains of nodes. */
export const drainLimits = {
  /** How often a node looks whether one that drains has given away all. */
  lookMs: 5_000,
} as const;
