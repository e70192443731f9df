/** The page. */
export const pageLimits = {
  /** `answerTimeoutMs` of [clients](client.md#clients), on the page.
   *
   *  A person sees what is still being sent and may do something else meanwhile, so it is longer than for a program. */
  answerTimeoutMs: 90_000,
  /** One HTTP request of the page; then the node does not answer (`UNREACHABLE`, or `ASK_TIMEOUT` where it may still
   *  do it).
   *
   *  Longer than what a node gives an actor to answer. */
  requestTimeoutMs: 20_000,
  /** A push service that a browser does not reach for so long counts as away; some browsers wait for ever. */
  pushServiceMs: 15_000,
  /** Characters of answers that a tab keeps in its memory, so that what it asks for again and has not changed is not
   *  sent again. */
  knownAnswersCharsMax: 2 * 1024 * 1024,
  /** A longer answer is not kept. */
  knownAnswerCharsMax: 512 * 1024,
  /** Characters of one thing that the browser keeps for a start without the node: a room's end, the list of rooms. */
  seenCharsMax: 1024 * 1024,
  /** The same for the upload of a sound, which a model writes down. */
  soundTimeoutMs: 90_000,
  /** A message that the node has not taken is sent again unasked for so long, also after a reload; then its author
   *  decides.
   *
   *  A node forgets an answer after an hour at the earliest, and would take the message a second time. */
  unsentMaxMs: 600_000,
  /** Bytes of a file that one request carries; the node keeps each before the next is sent.
   *
   *  A loss costs no more than that, and it lies in the browser's memory meanwhile. */
  filePieceBytes: 4 * 1024 * 1024,
  /** Bytes of the files of one message that go through the browser when it is forwarded; those beyond are named alone.
   *
   *  They lie in the browser's memory until they are sent. */
  forwardedBytesMax: 64 * 1024 * 1024,
  /** Files that one tab sends at once; others wait for their turn. */
  filesAtOnceMax: 2,
  /** A request of an upload of which nothing moves for so long is given up, and the upload goes on with another.
   *
   *  After the last byte the node writes: to its disk, and to other nodes. */
  fileStallTimeoutMs: 60_000,
  /** An upload that is lost so often without a byte getting through ends; the person may try it again.
   *
   *  With the pauses between, about ten minutes. */
  fileLossesMax: 24,
} as const;
