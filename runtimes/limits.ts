/** Bounds of inference. `docs/limits.md` says what happens at each. */
export const runtimeLimits = {
  /** Generations that wait for one model, and how many of them may be one person's. Beyond: QUEUE_FULL, for the youngest of
   *  whoever has most. 32 people have 8 places each, whatever the others ask for. */
  queuedPerModelMax: 256,
  queuedPerPersonMax: 16,
  /** Characters of a prompt for each token of the model's context: natural text has 2 to 6. Beyond: CONTEXT_TOO_LONG, before
   *  anything is done with it. */
  promptCharsPerTokenMax: 64,
  /** Characters of a prompt that are read as tokens in one go while it is measured: 1 to 10 ms. */
  measuredCharsMax: 2_048,
  stopStringsMax: 8,
  stopStringCharsMax: 64,
  /** Longest a generation may be given, queueing included. */
  timeoutMsMax: 60 * 60_000,

  /** Text waits this long for more before it is sent: a reader sees 80 frames a second as continuous. */
  coalesceMs: 12,
  /** Frames of one generation that the receiver has not yet taken; at this many the model pauses. */
  creditFrames: 64,
  /** The receiver grants credit in steps, so that most frames need no answer. */
  creditStepFrames: 16,

  /** Prompt tokens evaluated in one go. Other sequences wait for a slice, not for the prompt: 405 ms instead of 1769. */
  prefillSliceTokens: 64,
  /** Generations that one model runs at once, batched: 1.6 times the tokens of one by one at 4 to 8. */
  sequencesDefault: 4,
  sequencesMax: 64,
  /** Context of one sequence unless configured; never more than the model was trained on. */
  contextTokensDefault: 4096,
  /** Below this many parameters the threads cost more than they bring. */
  parametersPerExtraThreadMin: 50e6,

  /** A GGUF header holds the vocabulary: 150,000 tokens take about 6 MB. Beyond this it is refused as damaged. */
  ggufHeaderBytesMax: 64 * 1024 * 1024,
  /** Share of the machine's memory that models may take when no control group sets a limit. */
  memoryShareMax: 0.8,
  /** What one model costs beyond its weights and its key-value cache. Measured: 45 to 50 MiB a worker. */
  workerBytes: 50 * 1024 * 1024,
  /** Library log lines kept for one load, to name the reason when it fails. */
  loadLogLinesMax: 20,

  /** Longest wait for the lines of a failed load. */
  loadLogWaitMs: 1_000,
  /** Longest wait until the library has given back what a failed load took. */
  disposeWaitMs: 3_000,
  /** A load may take this long, and a second more for each 20 MB of the file (a slow disk); then it hangs, and the host is
   *  killed and started again. */
  loadMsMax: 60_000,
  loadBytesPerMs: 20_000,

  restartDelayMsMin: 250,
  restartDelayMsMax: 10_000,
  /** A host that lived this long starts again with the shortest delay. */
  healthyAfterMs: 30_000,
  /** Hosts that may die while they load the same model; then the model counts as failed and is left out. */
  loadAttemptsMax: 2,
  heartbeatMs: 2_000,
  /** Beats in a row without an answer: 10 seconds of silence and the host is killed. */
  missedBeatsMax: 5,
  /** A cancelled generation ends within one token. One that has not after this is stuck, and the host is killed. */
  cancelGraceMs: 30_000,
  /** The host's last words (standard error) kept for the log. */
  lastWordsCharsMax: 2_000,
} as const;
