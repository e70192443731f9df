/** Inference. */
export const runtimeLimits = {
  /** Generations that wait for one model. One more replaces the newest generation of the person who has most
   *  waiting, if that person has at least two more waiting than the new one's, or one of a later class; otherwise it is
   *  refused with `MODEL_BUSY`. So each of `n` people has 256 / `n` places, 8 each when there are 32. */
  queuedPerModelMax: 256,
  /** Waiting generations of one person; one more gets `MODEL_BUSY`. The keys, devices and agents of one person share
   *  these in the same way. */
  queuedPerPersonMax: 16,
  /** Largest `priority` of a call, the class that waits behind all others; a larger one counts as this. */
  priorityMax: 3,
  /** Turns of a class while a later one waits; the next turn is the later one's.
   *
   *  So background work goes on at a ninth of the speed, however much people ask for. */
  turnsBeforeLater: 8,
  /** Calls of a model whose durations are remembered, to say how long others have to wait. */
  durationsKept: 32,
  /** Shortest wait that a `MODEL_BUSY` names. */
  retryAfterMsMin: 250,
  /** Longest. */
  retryAfterMsMax: 60_000,
  /** The wait that it names while no call of the model has ended yet. */
  retryAfterMsUnknown: 2_000,
  /** Characters of a prompt for each token of the context; a longer one is refused with `CONTEXT_TOO_LONG` before
   *  anything is done with it.
   *
   *  Natural text has 2 to 6. */
  promptCharsPerTokenMax: 64,
  /** Characters of a longer prompt that are tokenized at a time. The count ends at the first token too many, and
   *  other generations run in between.
   *
   *  Takes 1 to 10 ms. */
  measuredCharsMax: 2_048,
  /** Stop strings of one request; more are refused with `BAD_REQUEST`. */
  stopStringsMax: 8,
  /** Length of one stop string; a longer one is refused with `BAD_REQUEST`. */
  stopStringCharsMax: 64,
  /** Parts of the JSON schemas of one request that a grammar is made of; what is beyond is checked when the answer is
   *  there.
   *
   *  A grammar has about one rule a part. */
  schemaShapesMax: 2_000,
  /** How deep a grammar follows a JSON schema; what is deeper is checked when the answer is there. */
  schemaDepthMax: 32,
  /** Steps that the schemas of one request take together: to be read, to be said as a grammar, and to be compared
   *  with the answer. What takes more is left open, and the answer says so; with `strict` the request is refused, or
   *  the answer counts as one that does not fit.
   *
   *  Others who use the model wait meanwhile: 20 to 50 ms. 128 tools of real servers take 40,000. */
  schemaStepsMax: 1_000_000,
  /** Characters of a regular expression of a schema; a longer one is not kept to, and the answer says so. */
  patternCharsMax: 4_096,
  /** The same of all regular expressions of one request; those beyond it are not kept to, likewise. */
  patternCharsSumMax: 65_536,
  /** How deep its groups may be, likewise. */
  patternDepthMax: 64,
  /** Steps in which a text is compared with a regular expression; one that takes more is not compared, and the answer
   *  says so. */
  patternStepsMax: 200_000,
  /** Letters that a grammar says of a regular expression; what has more is checked when the answer is there. */
  patternSizeMax: 2_000,
  /** Faults of one answer that are named; more are not told. */
  unfitMax: 16,
  /** Repetitions that a grammar counts. What a schema allows beyond it is checked when the answer is there.
   *
   *  llama.cpp refuses grammars that count to 2,000. */
  grammarRepeatsMax: 1_000,
  /** The same of all repetitions of one grammar together. */
  grammarRepeatsSumMax: 20_000,
  /** Characters of the rules of one grammar; what a schema says beyond it is checked when the answer is there. */
  grammarCharsMax: 1024 * 1024,
  /** Optional members of an object, one after the other, that come in their order. More may come in any order, and one
   *  that came twice counts once. */
  grammarRunMax: 64,
  /** Ways that a choice of a schema leaves open at once; of one with more it is checked at the end which it was.
   *
   *  Each is followed over the whole vocabulary, at each token. */
  grammarChoicesMax: 128,
  /** How often texts of a choice that begin alike part before they are told from each other; where it is more often,
   *  any is allowed.
   *
   *  Each is a rule within a rule, which llama.cpp follows down. */
  grammarDepthMax: 64,
  /** Texts, and numbers, of a choice that are told from each other; where there are more, any is allowed, and checked
   *  at the end. */
  grammarAlikeMax: 16,
  /** Functions that one request may offer; more are refused with `BAD_REQUEST`. */
  toolsPerRequestMax: 128,
  /** Calls that one answer may have; with as many it ends. */
  callsPerAnswerMax: 16,
  /** Characters of a text to be tokenized; a longer one is refused with `TOO_LARGE`.
   *
   *  Takes half a second, in which the model writes nothing. */
  tokenizedCharsMax: 262_144,
  /** Longest time limit of a generation; a larger one is cut to this. */
  timeoutMsMax: 24 * 60 * 60_000,

  /** Text waits this long for more before it is sent.
   *
   *  A reader sees 80 frames a second as continuous. */
  coalesceMs: 12,
  /** Pieces of text on their way to the receiver; at this many the model pauses until some are taken. */
  creditFrames: 64,
  /** The receiver grants credit in steps of this.
   *
   *  So most frames need no answer. */
  creditStepFrames: 16,

  /** Prompt tokens evaluated in one go, at least and at first.
   *
   *  Measured: others wait for 405 ms instead of 1,769. */
  prefillSliceTokens: 64,
  /** The same, at most, while others write: they get a token of each slice. */
  prefillSliceSharedMax: 128,
  /** More prompt tokens are evaluated in one go as long as that takes no longer than this: others wait meanwhile.
   *
   *  A pause that a reader does not notice. Each slice costs a token of all who write: fewer of them, and the first
   *  token comes earlier. */
  prefillSliceMs: 150,
  /** Tokens of a prompt that are copied from an answer under way, when no other sequence has as many; fewer are read
   *  again.
   *
   *  To copy moves the whole context in memory, which takes about as long as to read so many. */
  copiedTokensMin: 64,
  /** Turns of promises that a batch waits for texts that are about to ask for their next token; then it goes without
   *  them.
   *
   *  Measured: they need three. */
  batchPutOffMax: 16,
  /** Tokens of a prompt that are read again, though a free sequence has them, to write in one pass with those beside.
   *
   *  A pass of its own costs as much as to read ten tokens, at each token of the answer. */
  reReadTokensMax: 32,
  /** Steps of a model's template for one prompt; one that takes more is refused with `BAD_REQUEST`.
   *
   *  A message takes some hundred; these take a second or two. */
  templateStepsMax: 500_000,
  /** The same for a template that has just used up its steps, at least. */
  templateStepsMin: 20_000,
  /** Characters, and values of lists, that the steps of a template make together; the same.
   *
   *  What is within several blocks counts for each of them, and what goes through a list or a dictionary for 16 or more
   *  of each of its values (`llama/template-weights.ts`). */
  templateMadeMax: 268_435_456,
  /** Numbers that one `range` of a template may have; the same. */
  templateRangeMax: 100_000,
  /** Tokens that a model which guesses ahead guesses at a time. */
  guessedTokensMax: 16,
  /** A guess that is less likely than this is not made: to read a wrong one costs as much as to read a right one. */
  guessConfidenceMin: 0.6,
  /** Generations one model runs at once; the others wait in its queue.
   *
   *  Batched, 4 to 8 sequences give 1.6 times the tokens of one after the other. */
  sequencesDefault: 4,
  /** Most that can be configured. */
  sequencesMax: 64,
  /** Context when nothing is configured; never more than the model was trained on. */
  contextTokensDefault: 4096,
  /** A smaller model runs on one thread.
   *
   *  Below it the threads cost more than they bring. */
  parametersPerExtraThreadMin: 50e6,

  /** A longer header is refused as damaged: `MODEL_LOAD_FAILED`.
   *
   *  A header holds the vocabulary: 150,000 tokens take about 6 MB. */
  ggufHeaderBytesMax: 64 * 1024 * 1024,
  /** A file that claims more tensors is refused: `MODEL_REFUSED`, or `MODEL_LOAD_FAILED` for a configured one.
   *
   *  The largest mixtures of experts have some ten thousand. */
  ggufTensorsMax: 131_072,
  /** The same for pairs of metadata. */
  ggufPairsMax: 65_536,
  /** Tokens of a vocabulary; a file with more is refused. The largest that there are have a quarter of it. */
  ggufTokensMax: 1_048_576,
  /** Share of the machine's memory for models when no control group sets a limit; a model beyond it fails with
   *  `MODEL_LOAD_FAILED`. */
  memoryShareMax: 0.8,
  /** Estimated memory of a model beyond weights and context.
   *
   *  Measured: 45 to 50 MiB a worker. */
  workerBytes: 50 * 1024 * 1024,
  /** What a host may grow by during a load beyond the estimate before the model is counted with more: the native
   *  library, which stays, and what other calls take meanwhile.
   *
   *  Measured: 30 to 90 MiB with the first model. */
  growthSlackBytes: 128 * 1024 * 1024,
  /** Models that can be known to one host; `LIMIT_REACHED` beyond. */
  modelsMax: 256,
  /** Longest keep-alive that a call can ask for; a longer one is cut to this. */
  keepAliveMsMax: 24 * 3_600_000,
  /** A model stays in memory as long as it took to load before it is unloaded for another one, at least this long. */
  residencyMsMin: 1_000,
  /** And at most this long. */
  residencyMsMax: 60_000,
  /** An unload that takes longer is stuck: the host is killed. */
  unloadMsMax: 30_000,
  /** Workers of a model without native code that may die young, one after the other; then the model has failed. */
  workerDeathsMax: 5,
  /** Lines of the library's log kept to name the reason of a failed load. */
  loadLogLinesMax: 20,

  /** After a failed load, how long the host waits for the library's log, to name the reason. */
  loadLogWaitMs: 1_000,
  /** Longest wait until the library has freed the memory of a failed load; the rest is freed when its thread ends. */
  disposeWaitMs: 3_000,
  /** A load that takes longer than this, and what its size adds, is stuck: the host is killed. */
  loadMsMax: 60_000,
  /** A load says how much it has read each time when so much more is, as a share of all. */
  loadShareStep: 0.01,
  /** Lowest expected reading speed of a load, per millisecond; the resulting time is added to `loadMsMax`.
   *
   *  20 MB a second is a slow disk. */
  loadBytesPerMs: 20_000,

  /** A node whose event loop works for a larger share of the time gets a core more than it used. */
  busyShareMax: 0.7,
  /** It has it until the share is not larger than this. */
  busyShareCalm: 0.4,
  /** How often cores and memory are shared anew between the node and its models. */
  sharingLookMs: 1_000,
  /** What a node is given beyond the cores that it used. */
  coresSpare: 0.25,
  /** Looks in a row that need fewer cores, or less memory, for the node before models get a core, or a step of memory,
   *  back. */
  calmLooksMin: 5,
  /** Memory kept for the node itself, at least. */
  nodeMemoryBytesMin: 256 * 1024 * 1024,
  /** In such steps it becomes more and less. */
  nodeMemoryStepBytes: 128 * 1024 * 1024,

  /** Tokens of the run that measures how fast a machine writes. */
  measuredTokens: 48,
  /** A run that takes longer says nothing of the speed. */
  measureTimeoutMs: 60_000,

  /** A graphics driver that has not told its cards after this long is taken for having none. */
  probeMsMax: 20_000,

  /** Pause before a dead inference host is started again; doubles each time. */
  restartDelayMsMin: 250,
  /** Longest such pause. */
  restartDelayMsMax: 10_000,
  /** A host that lived this long starts again with the shortest pause. */
  healthyAfterMs: 30_000,
  /** Hosts that may die while they load the same model; then the model has failed and is left out. */
  loadAttemptsMax: 2,
  /** Hosts that calls of one model may end, by an assertion or because they do not end; then it has failed until
   *  somebody loads it. */
  hostsEndedMax: 2,
  /** Context of a model that is tried in a process of its own. */
  trialContextTokens: 512,
  /** Tokens that it is asked for. */
  trialTokens: 4,
  /** The longest that this takes; then it has failed. */
  trialCallMsMax: 60_000,
  /** Trials that are remembered, beyond a restart, too; the one that was needed longest ago goes. */
  trialsKept: 1_024,
  /** Bytes of the file that they are remembered in; a larger one is not read, and models are tried anew. */
  trialsFileBytesMax: 2_097_152,
  /** Characters of the reason why one failed. */
  trialReasonCharsMax: 600,
  /** Bytes of a model's file that are read at a time to know it by its content. */
  trialReadBytes: 1_048_576,
  /** How often the host is asked for a sign of life. */
  heartbeatMs: 2_000,
  /** Beats in a row without an answer (three times as many while it starts); then the host is killed and started
   *  again.
   *
   *  10 seconds of silence. */
  missedBeatsMax: 5,
  /** A cancelled generation that continues for this long is stuck: the host is killed and started again.
   *
   *  A cancelled generation ends within one token. */
  cancelGraceMs: 30_000,
  /** Characters of the host's last output kept for the log. */
  lastWordsCharsMax: 8_000,
} as const;
