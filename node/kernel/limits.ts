/** Bounds of the kernel. `docs/limits.md` says what happens at each. */
export const kernelLimits = {
  /** Appends and confirmations of one slot that wait for its replicas. Beyond it: OVERLOADED. */
  slotUncommittedMax: 16_384,
  /** Messages that wait for one actor. Beyond it: MAILBOX_FULL. */
  mailboxMessagesMax: 1_024,
  /** Actors in memory. Beyond it the longest idle leave; when none is idle: OVERLOADED. */
  activationsMax: 50_000,
  /** Messages that wait for a slot to open or to end its drain. Beyond it: OVERLOADED. */
  slotWaitersMax: 10_000,
  /** Slots waited for at the same time while they open at start. */
  slotOpeningsMax: 8,
  /** How long one of these is waited for before the next is begun. */
  slotOpeningWaitMs: 1_000,
  /** Turns taken before other work of the process gets its chance. */
  turnsPerSlice: 256,
  /** Actors one sweep looks at. */
  sweepLooksMax: 1_000,
  /** An actor without messages for this long leaves memory. */
  idleTimeoutMs: 300_000,
  /** How often idle actors and deadlines are looked at. */
  sweepIntervalMs: 100,
  /** Asks of one actor that wait for an answer. Beyond it the ask is answered OVERLOADED. */
  outstandingAsksMax: 1_024,
  /** Generations of one actor at the same time. */
  generationsMax: 64,
  /** A tell that reaches no owner for this long is lost, and counted. */
  tellTimeoutMs: 30_000,
  /** An actor that does not come to rest in this time gets no slot of its own: SLOT_UNAVAILABLE. */
  splitTimeoutMs: 5_000,
  /** Length of a chain of asks. A longer one is taken for a cycle that hides: CALL_CYCLE. */
  askChainMax: 16,
  /** Answers kept per actor for repeated operations (at least half of them at any time), and for how long. */
  answersMax: 2_048,
  /** Large answers shorten the window: beyond this the oldest go, however few they are. */
  answersBytesMax: 2 * 1024 * 1024,
  answersAgeMaxMs: 3_600_000,
  /** Operations of one actor that are begun and not answered; a repetition waits for the same answer. */
  openOperationsMax: 1_024,
  /** Senders that may wait for one such operation; further repetitions are answered OVERLOADED. */
  operationWaitersMax: 64,
  /** Restarts within the window; one more and the actor is quarantined. OTP's default intensity is 1 in 5 s; chat
   *  actors are shared by many people, so one person's bad message must not stop them. */
  restartsMax: 5,
  restartWindowMs: 60_000,
  /** Pause before a restart; doubles with each restart in the window. */
  restartBackoffMs: 50,
  restartBackoffMaxMs: 5_000,
  /** Dead letters kept per actor; the oldest goes. */
  deadLettersMax: 100,
  /** A larger message is kept as a note of its type and size. */
  deadLetterBytesMax: 64 * 1024,
  /** A reminder that is not forgotten comes again after this, doubling each time. */
  reminderRetryMs: 1_000,
  reminderRetryMaxMs: 3_600_000,
  /** Records one read effect may ask for. */
  readRecordsMax: 1_000,
  /** An actor is snapshotted when its log tail has this many entries and twice the bytes of the last snapshot. */
  snapshotEntriesMin: 256,
  /** And in any case with so many: bounds the time to activate it. */
  snapshotEntriesMax: 4_096,
  /** Entries since an actor's last snapshot beyond which it gets one before its slot moves. */
  drainTailMax: 64,
  /** Log entries a slot keeps for replicas that catch up, and how many more it gathers before it trims. */
  logWindowEntries: 4_096,
  logSlackEntries: 2_048,
  /** Bytes of a slot's log beyond which it is trimmed to half of them, however few its entries. */
  logBytesMax: 64 * 1024 * 1024,
  /** A slot that cannot be opened is tried again after this, doubling each time. */
  slotRetryMs: 500,
  slotRetryMaxMs: 30_000,
} as const;

export type KernelLimits = { readonly [K in keyof typeof kernelLimits]: number };
