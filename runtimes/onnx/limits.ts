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
  /** Context where neither the model nor its owner says one. */
  contextTokensDefault: 512,
} as const;
