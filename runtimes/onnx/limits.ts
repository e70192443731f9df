/** ONNX models. */
export const onnxLimits = {
  /** A longer settings file of a model is refused: `MODEL_LOAD_FAILED`. */
  configBytesMax: 1024 * 1024,
  /** The same for its vocabulary.
   *
   *  250,000 tokens with their scores take 17 MB. */
  tokenizerBytesMax: 64 * 1024 * 1024,
  /** Texts that are read in one run; a call that is cancelled ends after it, and other calls go on in between. */
  batchTextsMax: 16,
  /** Tokens of one run, padding included; a longer text has a run of its own. */
  batchTokensMax: 2_048,
  /** Classes that a model tells apart at most; one with more is refused: `MODEL_LOAD_FAILED`. */
  labelsMax: 1_024,
  /** The same for the characters of a class's name. */
  labelCharsMax: 200,
  /** Context where neither the model nor its owner says one. */
  contextTokensDefault: 512,
  /** Longest sound that is written down; a longer one is refused with `TOO_LARGE`. */
  soundMsMax: 2 * 60 * 60_000,
  /** Tokens that are written of one stretch of 30 seconds; then the stretch ends.
   *
   *  Half of the context of Whisper's models: they were trained so. */
  stretchTokensMax: 224,
  /** Characters of a text that is spoken; a longer one is refused with `TOO_LARGE`. */
  spokenCharsMax: 20_000,
  /** Longest sentence that is spoken in one run, in characters; a longer one is cut at a space. */
  sentenceCharsMax: 300,
  /** Longest sound of one sentence; one that is longer ends the call with `OUTPUT_UNFIT`. */
  sentenceMsMax: 120_000,
  /** Largest image that is looked at, in pixels; a larger one is refused with `TOO_LARGE`. */
  pixelsMax: 40_000_000,
} as const;
