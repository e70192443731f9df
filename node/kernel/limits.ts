/** The kernel. */
export const kernelLimits = {
  /** Appends and confirmations of one slot that wait for its replicas; one more message is refused with
   *  `OVERLOADED`. */
  slotUncommittedMax: 16_384,
  /** Messages that wait for one actor; one more is refused with `MAILBOX_FULL`. */
  mailboxMessagesMax: 1_024,
  /** Actors in memory; beyond it idle ones leave, the longest untouched first; when none is found idle, one more is
   *  refused with `OVERLOADED`. Actors of which nothing is written leave as soon as they have answered. */
  activationsMax: 50_000,
  /** Messages that wait for a slot to open or to end its drain; one more is refused with `OVERLOADED`. */
  slotWaitersMax: 10_000,
  /** Slots that open at the same time while a node starts; the others open later. */
  slotOpeningsMax: 8,
  /** A start waits this long for one of these before it opens the next; the slow one continues to open. */
  slotOpeningWaitMs: 1_000,
  /** Turns taken before other work of the process runs. */
  turnsPerSlice: 256,
  /** Actors that one sweep checks for idleness; the next sweep continues after them. */
  sweepLooksMax: 1_000,
  /** An actor without messages for this long leaves memory. */
  idleTimeoutMs: 300_000,
  /** How often idle actors and deadlines are checked; a deadline fires this late at most. */
  sweepIntervalMs: 100,
  /** Asks of one actor that wait for an answer; one more is answered with `OVERLOADED`. */
  outstandingAsksMax: 1_024,
  /** Calls of engines of one actor at the same time; one more fails with `OVERLOADED`. */
  callsMax: 64,
  /** A message without a waiting sender that reaches no owner for so long is lost, and counted in
   *  `plexus_messages_lost_total`. */
  tellTimeoutMs: 30_000,
  /** An actor that does not come to rest in this time gets no slot of its own: `SLOT_UNAVAILABLE`. */
  splitTimeoutMs: 5_000,
  /** Length of a chain of asks; a longer one is refused with `CALL_CYCLE`. */
  askChainMax: 16,
  /** Answers kept per actor for repeated operations; beyond it the older half is forgotten. A repetition later than
   *  that is a new command. */
  answersMax: 2_048,
  /** Bytes of one actor's answers; beyond it the oldest go, however few they are. */
  answersBytesMax: 2 * 1024 * 1024,
  /** Once all of the older half are older than this, they are forgotten with the next answer. */
  answersAgeMaxMs: 3_600_000,
  /** Operations of one actor that are begun and not answered; beyond it a repetition of the oldest no longer waits
   *  for its answer. */
  openOperationsMax: 1_024,
  /** Repetitions that wait for one such operation; further ones are answered `OVERLOADED`. */
  operationWaitersMax: 64,
  /** Restarts within the window; one more failure and the actor is quarantined.
   *
   *  OTP's default intensity is 1 in 5 s; chat actors are shared by many people, so one person's bad message must
   *  not stop them. */
  restartsMax: 5,
  /** The window for counting restarts. */
  restartWindowMs: 60_000,
  /** Pause before a restart; doubles with each restart in the window. */
  restartBackoffMs: 50,
  /** Longest pause before a restart. */
  restartBackoffMaxMs: 5_000,
  /** Dead letters kept per actor; the oldest goes. */
  deadLettersMax: 100,
  /** A larger message is kept as a note of its type and size, which a release does not deliver again. */
  deadLetterBytesMax: 64 * 1024,
  /** A reminder that its actor has not removed comes again after this, doubling each time. */
  reminderRetryMs: 1_000,
  /** Longest pause between two repetitions of a reminder. */
  reminderRetryMaxMs: 3_600_000,
  /** A reminder that is further off rings once in this time all the same, so that its actor notices a time that a wrong
   *  clock has set. */
  reminderCheckMs: 3_600_000,
  /** Between two such rings, where many come at the same time: a slot opens, or the clock was set back. */
  reminderGapMs: 20,
  /** Records one read may ask for; a larger request is cut to this. */
  readRecordsMax: 1_000,
  /** A snapshot is written once so many entries and twice the bytes of the last snapshot have gathered. */
  snapshotEntriesMin: 256,
  /** A snapshot is written after so many entries in any case: this bounds the time to activate an actor. */
  snapshotEntriesMax: 4_096,
  /** An actor with more entries since its last snapshot gets a snapshot before its slot moves, so that the new owner
   *  has few entries to apply. */
  drainTailMax: 64,
  /** Log entries a slot keeps behind its snapshots. A copy that lags further gets a transfer. */
  logWindowEntries: 4_096,
  /** Further entries that a slot's log gathers before it is trimmed. */
  logSlackEntries: 2_048,
  /** Bytes of a slot's log beyond which it is trimmed to half of them, however few its entries. */
  logBytesMax: 64 * 1024 * 1024,
  /** A slot that could not be opened is tried again after this, doubling each time. */
  slotRetryMs: 500,
  /** Longest pause between two attempts to open a slot. */
  slotRetryMaxMs: 30_000,
} as const;

export type KernelLimits = { readonly [K in keyof typeof kernelLimits]: number };
