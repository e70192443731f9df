/** Routing. */
export const routingLimits = {
  /** Envelopes of one slot that wait for their answers from another node; one more is refused with `OVERLOADED`. */
  outboxEnvelopesMax: 16_384,
  /** The same for all slots. */
  envelopesMax: 65_536,
  /** And for their bytes. */
  envelopesBytesMax: 64 * 1024 * 1024,
  /** Envelopes, answers or events of one message between nodes; the others go with the next. */
  batchItemsMax: 1_024,
  /** Bytes of these items, approximately. */
  batchBytesMax: 256 * 1024,
  /** Redirections by `MOVED` that are followed at once; further ones after a pause.
   *
   *  Two are normal: from an old owner, or a guess. */
  hopsMax: 8,
  /** Pause before an envelope is sent again; doubles, with jitter. A change of the slot's record ends it. */
  retryMs: 10,
  /** Longest such pause. */
  retryMaxMs: 200,
  /** How often deadlines are checked. */
  sweepIntervalMs: 100,
  /** A message with a waiting sender to a slot without an owner waits so long for a directory that is away; then
   *  `DIRECTORY_AWAY`.
   *
   *  A manager that was killed and started again at once, and an etcd that lost its leader, were back after 1 to 1.9
   *  s. */
  directoryPatienceMs: 2_500,
  /** Answers that wait for one peer to take them; the oldest is dropped, and its asker gets `ASK_TIMEOUT`. */
  answersQueuedMax: 65_536,
  /** The same for their bytes.
   *
   *  Four of the largest fit. */
  answersQueuedBytesMax: 16 * 1024 * 1024,
  /** Slots for which one peer has begun to send envelopes here; those of another slot are refused with `OVERLOADED`,
   *  and sent again.
   *
   *  Several times the slots that there are. */
  sessionsPerPeerMax: 65_536,
  /** Actors that refused a message of one session for lack of room before its sender learnt of it; with one more the
   *  sender begins another session. */
  refusingActorsMax: 1_024,
  /** Topics one peer may follow here; one more is refused, and the peer asks again later. */
  topicsPerPeerMax: 65_536,
  /** Events that wait for one peer; beyond it they are dropped, and the peer asks the actors for the missed events. */
  eventsQueuedMax: 8_192,
  /** The same for their bytes. */
  eventsQueuedBytesMax: 8 * 1024 * 1024,
  /** A topic that could not be followed is tried again after this; doubles. */
  followRetryMs: 50,
  /** Longest such pause. */
  followRetryMaxMs: 2_000,
  /** Calls of engines by other nodes that run or wait here at the same time; one more gets `QUEUE_FULL`. */
  callsServedMax: 1_024,
  /** Calls of this node that run on others; one more gets `QUEUE_FULL`. */
  callsRemoteMax: 1_024,
  /** Calls of one person among each of these two; one more gets `QUEUE_FULL`. */
  callsPerPersonMax: 64,
  /** Parts of an engine's answer are gathered for so long. */
  partsCoalesceMs: 12,
  /** A node that says nothing for this long beyond a call's own time counts as lost: `GENERATION_TIMEOUT`. */
  callGraceMs: 2_000,
  /** Bytes of answers that routes keep on a node; the longest unused go. */
  cacheBytesMax: 64 * 1024 * 1024,
  /** The same for the answers of one person; that person's longest unused go. */
  cachePersonBytesMax: 8 * 1024 * 1024,
  /** Bytes of one answer; a larger one is not kept. */
  cacheEntryBytesMax: 512 * 1024,
  /** Questions in one conversation's place that are compared with a new one by their meaning; the oldest goes. */
  cacheAlikeMax: 256,
  /** How long the vector of a question may take; then the question is asked without looking for one like it. */
  cacheVectorMs: 2_000,
  /** How long a model may take that a rule of a route asks for the class of a question; then the rule does not hold. */
  routeClassifyMs: 1_500,
  /** Characters of a question that such a model reads, from its beginning.
   *
   *  Most of these models read 512 tokens. */
  classifiedCharsMax: 1_000,
  /** How long the models of an ensemble have where its route does not say; then they are stopped and left out. */
  ensembleMs: 60_000,
  /** How long those that were stopped may take to say what they took; then it is not counted. */
  ensembleGraceMs: 1_000,
  /** Characters of a member's answer; one that writes more is stopped and left out. */
  memberCharsMax: 256 * 1024,
  /** Characters of each answer that a judge is shown; the rest is cut. */
  judgedCharsMax: 16 * 1024,
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
  /** Actors that one node names in a page of the cluster's listing; the rest comes with the next. */
  actorRowsMax: 500,
  /** Such pages that a node makes at a time; one more is `OVERLOADED`, and the list says it is not whole. */
  actorListsMax: 8,
  /** How long a node may take to list, show or release its actors; then it counts as not answering. */
  actorsTimeoutMs: 5_000,
  /** How long a gateway may act for a person once the owner of the person's slot has vouched for it. */
  identityLifeMs: 60_000,
  /** How far the clocks of two nodes may differ; what holds at the signer may be over elsewhere beyond that. */
  identitySkewMs: 30_000,
  /** People for whom a gateway holds a proof, and as many that each peer has shown; beyond it the one used longest ago
   *  is asked for again. */
  identitiesHeldMax: 50_000,
  /** Tokens of a person that a gateway remembers for that, by their hashes; the oldest is forgotten. */
  identityTokensMax: 8,
  /** How long somebody who comes waits for that proof; what is sent before it is there waits on its way. */
  identityHoldMs: 1_000,
  /** Senders that a peer has not proven, in one session of a slot; with more it begins anew. */
  unprovenMax: 1_000,
  /** How long the owner of a person's slot may take to vouch; then the gateway asks again with the next command. */
  identityAskTimeoutMs: 3_000,
} as const;

export type RoutingLimits = { readonly [K in keyof typeof routingLimits]: number };
