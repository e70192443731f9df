/** The model store. */
export const storeLimits = {
  /** A larger file of a model is refused with `TOO_LARGE`, at the latest when so much of it has come. */
  fileBytesMax: 512 * 1024 ** 3,
  /** A model of more files is refused with `MODEL_REFUSED`. */
  filesMax: 64,
  /** Models in a store; pulling one more is refused with `LIMIT_REACHED`. */
  modelsMax: 256,
  /** Pulls at the same time; others wait. */
  pullsAtOnceMax: 2,
  /** Pulls that wait; one more is refused with `QUEUE_FULL`. */
  pullsWaitingMax: 32,
  /** Pulls that have ended and are still shown; beyond it the oldest is forgotten. */
  pullsShownMax: 32,
  /** Files of one pull that are fetched at the same time. */
  filesAtOnceMax: 2,
  /** Redirects of one request; one more fails it with `SOURCE_FAILED`. */
  redirectsMax: 5,
  /** No headers for so long: the attempt has failed. */
  connectTimeoutMs: 30_000,
  /** No byte for so long: the attempt has failed. */
  stallTimeoutMs: 30_000,
  /** Attempts in a row that bring nothing; then the pull fails with `SOURCE_FAILED`. What came stays for the next
   *  pull. */
  attemptsMax: 5,
  /** Pause before the second attempt; doubles each time. */
  retryMsMin: 500,
  /** Longest such pause. */
  retryMsMax: 10_000,
  /** A longer list, manifest or licence of a source is refused with `SOURCE_FAILED`. */
  aboutBytesMax: 4 * 1024 * 1024,
  /** Characters of a licence that are shown; the rest is cut. */
  licenceCharsMax: 20_000,
  /** What is written of a file between two looks at the room on the disk: else `DISK_FULL`. */
  roomLookBytes: 16 * 1024 * 1024,
  /** What is on its way to the disk at a time; the next is read when it is written. */
  writeBytes: 1024 * 1024,
  /** Pause between two reports of the progress of pulls. */
  progressMs: 250,
  /** The rate of a pull is that of so long. */
  rateWindowMs: 5_000,
  /** What a pull that did not end has fetched is kept for so long. */
  partialKeptMs: 7 * 24 * 3_600_000,
  /** Refused files that are kept; beyond it the oldest goes. */
  refusedKeptMax: 8,
  /** Bytes of the refused files that are kept; a file beyond it is deleted at once, and its reason stays. */
  refusedBytesMax: 2 * 1024 ** 3,
  /** Manifests that are longer are damaged. */
  manifestBytesMax: 256 * 1024,
  /** Files that are hashed and looked into at a time, each in a thread of its own; others wait. */
  checksAtOnceMax: 1,
  /** When so much of a file is there it is looked at for the first time; again at four times as much, until its head is
   *  whole. What is no model is fetched no further: `MODEL_REFUSED`. */
  earlyLookBytes: 64 * 1024,
  /** Numbers that are quantised in one go: so much of a file is in memory, and not more. */
  quantisedNumbers: 1_048_576,
  /** Checks of whole models that admins ask for, at a time; one more is refused with `OVERLOADED`. Those who ask for
   *  the same share one. */
  verifiesAtOnceMax: 4,
  /** A file of a model whose look takes longer is refused with `MODEL_REFUSED`. */
  checkMsMax: 60 * 60_000,
  /** An ONNX file with more fields than this is refused with `MODEL_REFUSED`. */
  onnxFieldsMax: 20_000_000,
  /** An ONNX file whose graphs are nested deeper is refused with `MODEL_REFUSED`. */
  onnxDepthMax: 12,
  /** Names of external files that one ONNX file may use. */
  onnxExternalsMax: 1_024,
  /** Bytes of one chunk that another node gives. */
  chunkBytes: 1024 * 1024,
  /** Chunks that are asked for at the same time, of all nodes together. */
  chunksAtOnceMax: 8,
} as const;
