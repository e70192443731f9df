/** What people send, opened in a process of its own. */
export const openedLimits = {
  /** Files and pages that wait for the process; one more gives way, or takes the place of one of the person who has
   *  most waiting. What gives way has no preview, and no text. */
  openedWaitingMax: 256,
  /** The same of one person. */
  openedWaitingPerPersonMax: 32,
  /** A file that takes longer has no preview, and the process is ended. */
  openedMsMax: 20_000,
  /** The bytes of a file whose turn has come have so long to come; then the next one has its turn. */
  openedReadMsMax: 20_000,
  /** A process that has more memory while it works is ended: the file has no preview.
   *
   *  A picture of the most pixels has 200 MB, and a program of JavaScript with its libraries 150. */
  openedMemoryBytesMax: 768 * 1024 * 1024,
  /** How often its memory is looked at. */
  openedLookMs: 50,
  /** The process ends when nothing came for so long. */
  openedIdleMs: 60_000,
  /** Pixels of a picture that is made smaller; of a larger one there is no preview. */
  pixelsMax: 50_000_000,
  /** Longer sides: the same. */
  pictureSideMax: 20_000,
  /** Bytes of a picture, or of a document, that is opened; a larger one has no preview. */
  openedBytesMax: 32 * 1024 * 1024,
  /** Bytes that a small picture may come to; what has more at the lowest quality is none. */
  smallBytesMax: 256 * 1024,
  /** Characters of each text that a page says of itself. */
  pageTextCharsMax: 64 * 1024,
  /** Bytes from the beginning of a file that are looked at for its text; of a longer text only these are read. */
  textBytesMax: 1024 * 1024,
  /** A larger document has no text: all of it is needed to read any of it. */
  documentTextBytesMax: 16 * 1024 * 1024,
  /** Pages of a document whose text is read, from its beginning. */
  documentPagesMax: 500,
  /** Names and values in the head of a page that are looked at. */
  pageTagsMax: 2_000,
} as const;

/** Those that tests set. */
export type OpenedLimits = { readonly [Name in keyof typeof openedLimits]: number };
