/** Threat feeds. */
export const threatLimits = {
  /** A larger list is not read; what was read of it before stays in force. */
  feedBytesMax: 64 * 1024 * 1024,
  /** Entries of one list; one with more is not taken, and what was read of it before stays in force. */
  feedEntriesMax: 1_000_000,
  /** A list at a URL that has not come by then is tried again at the next turn. */
  feedTimeoutMs: 30_000,
  /** How often each list is read again. */
  feedReloadMs: 60_000,
  /** A list of the cluster whose text takes more, compressed, is not given to other nodes: those that cannot read it do
   *  without. */
  sharedBytesMax: 8 * 1024 * 1024,
  /** Bytes of one piece that is given to another node. */
  pieceBytes: 256 * 1024,
  /** A node that does not answer for so long is passed over. */
  callTimeoutMs: 10_000,
  /** Members that are asked what they have read of a list, and those that are asked at once for their own lists. */
  askedMax: 16,
  /** How often members are asked which lists they read for themselves. */
  othersAskedMs: 10_000,
  /** So long after a start files wait for members that have not answered yet. */
  othersWaitMs: 30_000,
  /** Lists of one node that others take; more of them hold for that node alone. */
  ownListsMax: 16,
  /** Entries of all such lists of other members together; a list with more than is left is not taken, and the log says
   *  so. */
  othersEntriesMax: 2_000_000,
  /** Bytes of a file that says where addresses are; a larger one is not read. */
  placesBytesMax: 256 * 1024 * 1024,
  /** How often that file is read again. */
  placesEveryMs: 3_600_000,
} as const;
