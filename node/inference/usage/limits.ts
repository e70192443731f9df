/** Counting what calls of models take. */
export const usageLimits = {
  /** What calls took is told to the ledgers so often. A node that dies loses what it has not told.
   *
   *  Long enough that a busy person costs a ledger one write for hundreds of calls. */
  settleIntervalMs: 5_000,
  /** A ledger that does not answer in time is told the same again with the next round; a call that waits for a share of
   *  a budget is refused. */
  settleTimeoutMs: 5_000,
  /** Ledgers that are told at once; the others wait for their turn. */
  settlesMax: 16,
  /** What could not be told for so long is given up, and counted as lost.
   *
   *  A ledger remembers what it was told for a week. */
  settleGiveUpMs: 24 * 3_600_000,
  /** Rows that wait for one ledger; what comes beyond them while it does not answer is told as of the model
   *  `others`. */
  rowsPerLedgerMax: 500,
  /** Shares of budgets in one message; those of which something is held or wanted go first. */
  leasesPerMessageMax: 256,
  /** How a budget stands is forgotten when no call was counted by it for so long. */
  standingKeptMs: 10 * 60_000,
  /** Ledgers of which this node knows something; a person beyond that is counted in the ledger of everybody alone. */
  ledgersMax: 20_000,
  /** Calls that wait for a share of one ledger's budgets; one more is refused with `OVERLOADED`. */
  waitingPerLedgerMax: 1_000,
  /** Tokens of an answer that are reserved when a request does not say how long it may be.
   *
   *  More are taken out of the share when the answer is there. */
  reservedAnswerTokens: 1_024,
  /** Sums of budgets in one list; the others are not told. */
  standingsMax: 1_000,
  /** People who took most of a budget that is for each: the others are counted, and not told. */
  eachShownMax: 20,
  /** What is not used of a share for so long is given back. */
  shareIdleMs: 15_000,
  /** A share is not used any more when its ledger has not answered for so long.
   *
   *  Well before the ledger gives it to others (`leaseMs`). */
  shareTrustMs: 5 * 60_000,
  /** People of whom a node remembers what they did until it is told, and whom it has told of today; what others do is
   *  counted without them. */
  activityPeopleMax: 20_000,
  /** A node looks so often how much it keeps on its disk. */
  storedEveryMs: 15 * 60_000,
  /** It tells of it again when that has changed by this share, and once a day. */
  storedChangeShare: 0.01,
  /** Files that are looked at for it, at most: beyond that it says less than there is. */
  storedFilesMax: 500_000,
  /** How often a node tells which commands were used. */
  useTellMs: 10_000,
  /** Rows of teams in the PDF of a report; the last days have them, the CSV has all. */
  reportTeamRowsMax: 2_000,
  /** After a budget was found used up, its ledger is asked again after so long. */
  stoppedRetryMs: 3_000,
} as const;

/** Their names. */
export type UsageLimits = { readonly [Name in keyof typeof usageLimits]: number };
