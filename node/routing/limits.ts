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
