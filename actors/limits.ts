/** Bounds inside actors. What clients see is in `protocols/limits.ts`; `docs/limits.md` says what happens at each. */
export const actorLimits = {
  /** Messages an actor still has to deliver to others: twice a full room that joins at once. Beyond: OVERLOADED. */
  outboxEntriesMax: 10_000,
  /** How long one delivery may take before it is tried again. */
  outboxTimeoutMs: 10_000,
  /** First pause before a delivery is tried again; the kernel's reminder stretches the next ones. */
  outboxRetryMs: 2_000,

  /** Newest messages a room keeps in memory. Older ones are read from its records. */
  roomRecentMessages: 100,
  /** Older messages that changed lately and are kept beside them: commands on one message may overlap. */
  roomChangedMessages: 64,
  roomAgentsMax: 100,
  /** How long a new room waits to hear whether its creator has a place for it. */
  roomWantedTimeoutMs: 3_000,
  /** How long "is typing" holds. Clients repeat it about every 3 seconds while somebody types. */
  typingMs: 5_000,
  summaryTextChars: 160,
  /** Names looked up in one message to find who is mentioned. Beyond, "@name" stays text. */
  mentionNamesMax: 100,
  /** Mentions of one agent, and of all, that a room still has to deliver. Beyond, the room refuses them in the agent's name. */
  roomMentionsPerAgentMax: 8,
  roomMentionsMax: 64,
  /** How long a mention waits for an agent that cannot be reached before the room refuses it in the agent's name. */
  mentionWaitMs: 10 * 60_000,
  /** What a mentioned agent is told: the newest messages up to and with the mention. */
  mentionContextMessages: 20,
  mentionContextChars: 12_000,

  /** Rooms that others brought a user into: half of `roomsPerUserMax`. Beyond: LIMIT_REACHED. */
  roomsByInvitationMax: 250,
  /** Rooms a user asks at once for their summaries. */
  summaryAsksMax: 32,
  summaryTimeoutMs: 3_000,
  /** Room lists of one user that wait for an answer. Beyond: OVERLOADED. */
  roomListsWaitingMax: 64,
  /** Failed sign-ins are counted anew when none was told of for so long. */
  signInsFailedKeptMs: 30 * 24 * 3_600_000,
  /** Deletions a user remembers, so that a repeated command gets the same answer. */
  deletionsKept: 8,

  /** Newest turns an agent keeps in memory, and their characters in all. */
  agentRecentTurns: 200,
  agentRecentChars: 100_000,
  /** Inputs that wait while an agent writes. Beyond: QUEUE_FULL. */
  agentQueueMax: 8,
  /** How many of them may be mentions in rooms: the rest is the owner's. Beyond: QUEUE_FULL. */
  agentQueueMentionsMax: 4,
  /** Context given to the model: about 4,000 tokens of 3 characters. Halved each time the model finds it too long. */
  contextChars: 12_000,
  contextHalvingsMax: 8,
  /** Queueing and a long answer on a slow machine. */
  generationTimeoutMs: 10 * 60_000,
  generationAttemptsMax: 3,
  /** Pause before the second attempt; the third waits four times as long. */
  generationRetryMs: 1_000,
  /** An answer longer than this is stopped: 4,096 tokens of 8 characters. */
  answerCharsMax: 32_768,
  /** Records deleted by one event: the kernel deletes at most 10,000 per append, and there are two kinds of them. */
  erasePerEvent: 4_000,

  /** How long the role-manager waits to hear whether a user exists. */
  adminCheckTimeoutMs: 3_000,

  /** Nodes the cluster remembers; the longest stopped is forgotten first. */
  nodesMax: 1_000,
  /** What was done to the cluster: entries the role-manager keeps. The oldest goes. */
  auditEntriesMax: 2_000,

  /** Rows a search looks at in one read, and in all. Beyond, the page says where to go on. */
  catalogScanRows: 500,
  catalogScanRowsMax: 20_000,
  catalogPageDefault: 50,
} as const;
