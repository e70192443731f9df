/** Scanning of files. */
export const scanningLimits = {
  /** Files that this node's scanner looks at at the same time; more wait, by people in turn. */
  scansMax: 2,
  /** Files that wait for this node's scanner; one more is refused with `QUEUE_FULL`, and comes again later. */
  scansWaitingMax: 256,
  /** The same of one person. */
  scansWaitingPerPersonMax: 32,
  /** A connection to the scanner takes so long at most. */
  scannerConnectMs: 5_000,
  /** A scanner that takes no byte and says nothing for so long has failed.
   *
   *  clamd itself gives a file up after two minutes (`MaxScanTime`). */
  scannerSilentMs: 180_000,
  /** How often the scanner is asked whether it is there and works. */
  scannerLookMs: 30_000,
  /** A file that came before lists of threats were read, or told by other nodes, is looked at again after this. */
  listsPendingMs: 3_000,
  /** A harmless line that it has not looked at for so long was one that it failed at. */
  scannerTrialMs: 20_000,
  /** Bytes of an answer of the scanner; a longer one is none. */
  scannerAnswerBytesMax: 4_096,
} as const;

/** Those that tests set. */
export type ScanningLimits = { readonly [Name in keyof typeof scanningLimits]: number };
