/** Files of rooms that are read for models at one node. */
export const fileReadingLimits = {
  /** Bytes from the beginning of a file that are looked at for its text; of a longer text only these are read. */
  textBytesMax: 1024 * 1024,
  /** A larger PDF is left out: all of it is needed to read any of it. */
  pdfBytesMax: 16 * 1024 * 1024,
  /** Pages of a PDF that are read, from its beginning. */
  pdfPagesMax: 500,
  /** A PDF that is not read by then is left out. */
  pdfReadMs: 20_000,
  /** Files of one request are read for so long, all together; what is not read by then is left out. */
  requestReadMs: 30_000,
  /** For so long it is remembered that a PDF cannot be read. */
  unreadableMs: 3_600_000,
  /** So many such PDFs are remembered; the oldest goes. */
  unreadableMax: 1_000,
  /** Memory of the process that reads a PDF; beyond it the process ends, and the PDF is left out. */
  pdfMemoryBytesMax: 512 * 1024 * 1024,
  /** Memory of values of that process, as its Node is told; beyond it the process ends, too. */
  pdfHeapMiB: 256,
  /** How often it is looked how much memory that process has: it ends so much late at most. */
  pdfLookMs: 50,
  /** PDFs that wait to be read, one after the other; further ones are left out. */
  pdfsWaitingMax: 32,
  /** The same of the files of one person. */
  pdfsWaitingPerPersonMax: 8,
  /** A file that is being checked for so long is left out. */
  checkWaitMs: 15_000,
  /** How often it is asked whether it is checked. */
  checkLookMs: 500,
  /** A file whose room does not say by then where its bytes are is left out. */
  findMs: 10_000,
} as const;

export type FileReadingLimits = { readonly [Name in keyof typeof fileReadingLimits]: number };
