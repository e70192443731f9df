/** Bounds that clients and nodes must agree on. `docs/limits.md` says what happens at each. */
export const wireLimits = {
  /** One WebSocket frame or HTTP body. Twice the longest message with its JSON escapes and envelope. */
  frameBytesMax: 64 * 1024,
  /** One room message, in UTF-16 units. Zulip's limit; long enough for a log excerpt. */
  messageCharsMax: 10_000,
  /** An agent's persona. */
  personaCharsMax: 4_000,
  titleCharsMax: 80,
  topicCharsMax: 500,
  nameCharsMax: 32,
  modelCharsMax: 200,
  /** What an API key, or a device that is signed in, is called. */
  labelCharsMax: 200,
  passwordCharsMin: 8,
  passwordCharsMax: 256,
  /** One page of history, of events or of conversation turns. */
  pageEntriesMax: 200,
  pageEntriesDefault: 50,
  /** A page ends before its entries take more, encoded; it has at least one. */
  pageBytesMax: 2 * 1024 * 1024,
  /** What stands in one message between nodes, encoded. A frame between nodes has 64 KiB more, for what is around it. */
  peerMessageBytesMax: 4 * 1024 * 1024 - 64 * 1024,
  /** Arrays and objects within one another in it. JSON from clients has 16; the stack of who encodes them ends at 1,400. */
  peerMessageDepthMax: 512,
  operationIdCharsMax: 64,
  /** Topics one WebSocket connection may follow. */
  subscriptionsMax: 256,
  /** Commands of one connection that are not yet answered. */
  outstandingCommandsMax: 64,
  roomMembersMax: 5_000,
  roomsPerUserMax: 500,
  /** Members that one room keeps out at a time. */
  bansPerRoomMax: 500,
  /** A ban with an end lasts at least a minute and at most ten years; one without holds until it is lifted. */
  banMsMin: 60_000,
  banMsMax: 10 * 365 * 24 * 60 * 60_000,
  /** Why a member was banned. */
  reasonCharsMax: 200,
  agentsPerUserMax: 50,
  sessionsPerUserMax: 32,
  devicesPerUserMax: 32,
  apiKeysPerUserMax: 32,
  pinsPerRoomMax: 50,
  reactionKindsMax: 20,
  reactionsPerKindMax: 200,
  pollQuestionCharsMax: 300,
  pollOptionCharsMax: 80,
  pollOptionsMax: 12,
  /** Polls of one room that take votes. */
  openPollsPerRoomMax: 10,
  /** People who may vote in one poll: as many as a room may have at a time. */
  votersPerPollMax: 5_000,
  mentionsPerMessageMax: 20,
  /** Durable events an actor keeps for clients that resume; further behind means CURSOR_EXPIRED. */
  eventWindow: 10_000,
  maxTokensMax: 4_096,
} as const;
