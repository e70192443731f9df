/** Searching in messages. */
export const searchLimits = {
  /** How often the nodes are asked for one page. What was found and is not readable any more is left out of a page; one
   *  that is not full after so many rounds is answered as it is, with `next`. */
  roundsMax: 4,
  /** Searches of which a node looks in its index at the same time, those that wait included; one more is refused with
   *  `OVERLOADED`. */
  findsMax: 128,
  /** A search waits so long for the index to have what was committed when it was asked; then it is answered with
   *  `behind`. */
  waitMs: 500,
  /** Rooms whose files' texts are read for a page at the same time. */
  placesReadMax: 8,
  /** What was not read of files for a page after this long is not read: its rooms are `unreachable`. */
  textsReadMsMax: 5_000,
  /** A node that has not answered a search after this long does not answer: its rooms are `unreachable`. */
  findTimeoutMs: 4_000,
  /** Messages that have the words and are looked at for one page: beyond that the index itself is asked for those in
   *  the rooms.
   *
   *  It counts where somebody searches in few of very many messages, by words that are everywhere. */
  lookedMax: 10_000,
  /** Rooms up to which the index itself is asked for messages in them: each is one more list to go through. */
  placesInIndex: 4,
  /** Of so many, SQLite looks whether each message with the words is in one; of more, we do, because most are. */
  placesFiltered: 128,
  /** Beginnings of one sign or two that the index is asked for, of one search; the words of what has these are
   *  asked for the others.
   *
   *  Each takes a fifth of a second where there are a million messages. */
  shortBeginningsMax: 2,
  /** Agents of a person that are asked for their conversations at the same time; all of them ... */
  agentsAskedAtOnceMax: 8,
  /** ... within this time. The rest is named as not searched whole. */
  agentsAskedMsMax: 2_000,
  /** With `order: best` the newest so many that fit are compared. So many are looked at for a page, too, where there
   *  are more short beginnings than the index is asked for; then the search goes on behind them. */
  rankedMax: 1_000,
  /** Memory that SQLite keeps of the file, in KiB; what was read longest ago goes. */
  cacheKiB: 16_384,
  /** What the index may take in memory, where the disk is encrypted. With more it stands still: searches say how far it
   *  is behind, and `plexus_search_paused` is 1. */
  memoryBytesMax: 512 * 1024 * 1024,
  /** With less room on the disk than this, beyond what is kept back for the journal, the index stands still until there
   *  is more. */
  roomBytes: 16 * 1024 * 1024,
  /** After there was no room it is tried again so much later; the next try waits twice as long, from this... */
  roomLookMs: 5_000,
  /** ... to this. */
  roomLookMsMax: 60_000,
  /** SQLite's log of writes is cut to so many bytes when its pages are in the file. */
  walBytes: 4 * 1024 * 1024,
  /** A message that was deleted is off the disk's index so long after that, at the latest. */
  cleanAfterMs: 2_000,
  /** Numbers of rooms and people that are kept in memory; when there are more, they are read anew. */
  namesKept: 20_000,
  /** Rows of all slots that are committed at once. They are found before that; what a kill takes is read from the logs
   *  again. */
  rowsUncommittedMax: 2_000,
  /** Rows of a slot that are removed in one transaction; a larger slot takes several. */
  clearedAtOnce: 500,
  /** Bytes of a log that go to the index at once. */
  pieceBytesMax: 256 * 1024,
  /** Records that go to the index at once when a slot is made anew. */
  rowsAtOnce: 250,
  /** Texts of files, the same. */
  textsAtOnce: 8,
  /** Slots whose entries are read for the index at the same time; others wait their turn. */
  feedsMax: 4,
  /** New entries wait so long for others before they go to the index; a search does not wait for that. */
  feedDelayMs: 500,
  /** After a failure of the index it is made anew; the next try waits twice as long as the one before, from this... */
  retryMs: 1_000,
  /** ... to this. */
  retryMsMax: 60_000,
  /** How often the index is compared with the slots that this node owns. */
  sweepMs: 10_000,
} as const;

/** Those of the table of an index. */
export type TableLimits = Partial<Pick<SearchLimits, "memoryBytesMax" | "placesInIndex" | "placesFiltered">>;

/** The limits, as numbers. */
export type SearchLimits = { readonly [Name in keyof typeof searchLimits]: number };
