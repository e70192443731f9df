/** Bounds of routing. `docs/limits.md` says what happens at each. */
export const routingLimits = {
  /** Envelopes of one slot that wait for their answers from another node. Beyond it: OVERLOADED. */
  outboxEnvelopesMax: 16_384,
  /** The same for all slots. */
  envelopesMax: 65_536,
  /** And their bytes. */
  envelopesBytesMax: 64 * 1024 * 1024,
  /** Envelopes or answers or events of one message between nodes, and about their bytes. */
  batchItemsMax: 1_024,
  batchBytesMax: 256 * 1024,
  /** Redirections followed at once; then with a pause. Two are normal: from an old owner, or a guess. */
  hopsMax: 8,
  /** Pause before an envelope is sent again, doubling, with jitter. A change of the slot's record ends it. */
  retryMs: 10,
  retryMaxMs: 200,
  /** How often deadlines are looked at. */
  sweepIntervalMs: 100,
  /** What has no owner yet and waits for an answer waits so long for a directory that is away; then DIRECTORY_AWAY. A
   *  manager that was killed and started again at once, and an etcd that lost its leader, were back after 1 to 1.9 s. */
  directoryPatienceMs: 2_500,
  /** Answers that wait for one peer to take them. Beyond it the oldest go, and their senders get ASK_TIMEOUT. */
  answersQueuedMax: 65_536,
  /** And about their bytes: four of the largest fit. */
  answersQueuedBytesMax: 16 * 1024 * 1024,
  /** Slots of which one peer has a session here: several times those that there are. Beyond it: OVERLOADED. */
  sessionsPerPeerMax: 65_536,
  /** Actors that had no room for something of one session, and whose refusals its sender has not heard of yet. One more
   *  ends the session, and its sender begins another. */
  refusingActorsMax: 1_024,
  /** Topics one peer may follow here; one more is refused, and asked for again later. */
  topicsPerPeerMax: 65_536,
  /** Events that wait for one peer, and about their bytes. Beyond it they are dropped, and the peer told: it asks the
   *  actors for what it missed. */
  eventsQueuedMax: 8_192,
  eventsQueuedBytesMax: 8 * 1024 * 1024,
  /** A topic that could not be followed is tried again after this, doubling. */
  followRetryMs: 50,
  followRetryMaxMs: 2_000,
  /** Generations of other nodes that run here at the same time; one more gets QUEUE_FULL. */
  generationsServedMax: 1_024,
  /** Generations of this node that run on others. Beyond it: QUEUE_FULL. */
  generationsRemoteMax: 1_024,
  /** How many of either may be one person's. Beyond it: QUEUE_FULL. */
  generationsPerPersonMax: 64,
  /** Parts of a generation are gathered this long. */
  partsCoalesceMs: 12,
  /** How long what a member said of its models is believed. */
  modelsFreshMs: 10_000,
  modelsTimeoutMs: 2_000,
  /** Actors that one node names in a page. The rest comes with the next. */
  actorRowsMax: 500,
  /** Listings of its actors that one node makes at a time. Beyond it: OVERLOADED, and the asker says that
   *  the node did not answer. */
  actorListsMax: 8,
  /** How long a node may take to list, show or release an actor of another's admin. */
  actorsTimeoutMs: 5_000,
} as const;

export type RoutingLimits = { readonly [K in keyof typeof routingLimits]: number };
