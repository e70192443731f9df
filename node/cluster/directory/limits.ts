/** The directory. */
export const directoryLimits = {
  /** One row's value; a larger one is refused with `TOO_LARGE`.
   *
   *  Encoded. Four fit a message of 1 MiB, with room to spare. */
  valueBytesMax: 224 * 1024,
  /** Rows of a directory that nodes keep; one more is refused with `DIRECTORY_FULL`.
   *
   *  All of them are in memory. 64 roles' worth of slots and 80,000 own slots of actors. */
  rowsMax: 100_000,
  /** Bytes of all rows of such a directory, each with its key and 32 more; what makes them more is refused with
   *  `DIRECTORY_FULL`.
   *
   *  A voter that lacks old changes is given all rows as one message, of `imageBytesMax`. The rest of that is for rows
   *  which a version without this limit has taken. */
  rowsBytesMax: 192 * 1024 * 1024,
  /** How far beyond that the rows of members and slots may grow that are there; then they too get `DIRECTORY_FULL`.
   *
   *  A node that starts again, a slot that fails over and a member that is taken out add some bytes each: of 100,000
   *  rows, 580 for each. As far as a voter can still be given all rows: the rest of `imageBytesMax` is for what is
   *  beside them. */
  growthBytesMax: 56 * 1024 * 1024,
  /** Changes in one synced batch; the others go into the next. */
  groupChangesMax: 1_024,
  /** Bytes of values in one synced batch; the others go into the next. */
  groupBytesMax: 4 * 1024 * 1024,
  /** Changes that wait for a batch, or for a migration to end; one more gets `DIRECTORY_UNAVAILABLE`. */
  changesWaitingMax: 65_536,
  /** Rows read at a time from the store and from etcd. */
  scanRowsMax: 256,
  /** A node that keeps the directory and starts lets nobody change it before all others have compared what they know,
   *  or for this long. */
  ageWaitMs: 2_000,
  /** An embedded directory that could not read its store tries again after this. */
  reloadMs: 500,
  /** Bytes of a page, and of a push, between nodes; the value that exceeds it is the last. */
  pageBytesMax: 512 * 1024,
  /** Rows of such a page or push. */
  pageRowsMax: 4_096,
  /** Watches one peer may hold (a node has about sixteen itself); one more is refused with `LIMIT_REACHED`. */
  watchesPerPeerMax: 128,
  /** Listings one peer may have open; the oldest is dropped and starts over. */
  cursorsPerPeerMax: 16,
  /** Pushes to a watcher that it has not confirmed; the next ones wait. */
  pushesUnseenMax: 16,
  /** Changes that wait for a watcher; beyond it the watcher starts over. */
  pushQueueMax: 16_384,
  /** The same for their bytes. */
  pushQueueBytesMax: 8 * 1024 * 1024,
  /** One call to the node or server that keeps the directory; then `DIRECTORY_UNAVAILABLE`, outcome unknown. */
  callTimeoutMs: 3_000,
  /** Times a list whose listing was dropped is begun; then `DIRECTORY_UNAVAILABLE`. */
  listAttemptsMax: 3,
  /** A broken watch starts again after this; doubles. */
  retryMinMs: 100,
  /** Longest such pause. */
  retryMaxMs: 2_000,
  /** How often a watch asks whether it is complete; a lost push shows here at the latest. */
  checkMs: 5_000,
  /** Rows written to etcd in one transaction of a migration.
   *
   *  A server takes 128 operations. */
  fillRowsMax: 100,
  /** A move from etcd to voters that has not come about by then is undone by the others. */
  leaveMs: 20_000,
  /** How often a voter's time goes on. */
  tickMs: 50,
  /** Silence after which a voter looks whether it can lead: so many ticks at least, and twice as many at most. */
  electionTicks: 10,
  /** How often a leader is heard of. */
  heartbeatTicks: 2,
  /** Entries in a message between voters. */
  entriesPerMessageMax: 256,
  /** Messages with entries that are on their way to one voter. */
  messagesOnWayMax: 16,
  /** Entries after which a voter writes its rows. */
  entriesPerImage: 1_024,
  /** Entries that a voter's log keeps for others that are behind; who needs older ones gets all rows. */
  entriesKept: 4_096,
  /** How often a leader looks whether the voters should be others. */
  voterCheckMs: 500,
  /** A voter that is away for longer is replaced, when another manager is there to take its place.
   *
   *  Longer than a restart, an update of the machine, a cable that is moved. */
  voterAwayMs: 300_000,
  /** A learner that lacks no more entries than these has caught up. */
  learnerBehindMax: 64,
  /** A leader that stops waits so long for another to lead. */
  leavingMs: 1_000,
  /** How long an asked node may take to say who leads. */
  leaderAskMs: 1_000,
  /** A part of a message between voters that finds the queue full is sent again after this. */
  partWaitMs: 20,
  /** Bytes of all rows as one voter gives them to another; more are not taken. */
  imageBytesMax: 256 * 1024 * 1024,
  /** Bytes of such a transaction; the row that exceeds it is the last.
   *
   *  A server takes 1.5 MiB. */
  fillBytesMax: 512 * 1024,
} as const;

export type DirectoryLimits = { readonly [K in keyof typeof directoryLimits]: number };
