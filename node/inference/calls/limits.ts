/** Calls of models between nodes. */
export const callLimits = {
  /** Calls of engines by other nodes that run or wait here at the same time; one more gets `QUEUE_FULL`. */
  callsServedMax: 1_024,
  /** Calls of this node that run on others; one more gets `QUEUE_FULL`. */
  callsRemoteMax: 1_024,
  /** Calls of one person among each of these two, so that the others have places, too; one more gets `QUEUE_FULL`. */
  callsBetweenNodesPerPersonMax: 64,
  /** Parts of an engine's answer are gathered for so long. */
  partsCoalesceMs: 12,
  /** A node that says nothing for this long beyond a call's own time counts as lost: `GENERATION_TIMEOUT`. */
  callGraceMs: 2_000,
  /** What a connection does not take, of a call between nodes, is sent again after this. */
  callRetryMs: 200,
  /** Models whose turns at nodes are counted for `round-robin`; beyond it all begin anew. */
  turnsMax: 1_024,
  /** Models that are known to have refused tools, though their offers have them; the oldest is forgotten. */
  unableMax: 256,
  /** After this such a model is asked with tools again. */
  unableMs: 3_600_000,
  /** How often a node looks whether its models have become faster or slower than its member row says. */
  offersLookMs: 30_000,
  /** A member row that could not be given this node's offers is written again after this. */
  offersRetryMs: 5_000,
  /** Characters of the reason why a model failed in a member row; the rest is cut. */
  offerReasonCharsMax: 512,
} as const;

export type CallLimits = { readonly [K in keyof typeof callLimits]: number };
