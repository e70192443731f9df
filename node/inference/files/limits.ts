/** Files of rooms that are read for models at one node. */
export const fileReadingLimits = {
  /** Files of one request are read for so long, all together; what is not read by then is left out. */
  requestReadMs: 30_000,
  /** For so long it is remembered that a PDF cannot be read. */
  unreadableMs: 3_600_000,
  /** So many such PDFs are remembered; the oldest goes. */
  unreadableMax: 1_000,
  /** A file that is being checked for so long is left out. */
  checkWaitMs: 15_000,
  /** How often it is asked whether it is checked. */
  checkLookMs: 500,
  /** A file whose room does not say by then where its bytes are is left out. */
  findMs: 10_000,
} as const;

export type FileReadingLimits = { readonly [Name in keyof typeof fileReadingLimits]: number };
