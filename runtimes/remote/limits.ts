/** Models on other servers. */
export const remoteLimits = {
  /** Attempts of a call that the server has no room for; then it ends with `MODEL_BUSY`. */
  attemptsMax: 3,
  /** Longest pause before the next attempt. A server that asks for more, or for longer than the call has left, is not
   *  waited for: `MODEL_BUSY`, with what it asked for in `retryAfterMs`. */
  waitMsMax: 20_000,
  /** Pause where the server does not say how long; doubles each time. */
  waitMsDefault: 1_000,
  /** How long a server may take to say what a model can do; then the model's name decides. */
  describeMsMax: 10_000,
  /** How long a server may take to fetch a model. */
  pullMsMax: 24 * 60 * 60_000,
  /** Silence of a server that fetches a model; then it could not fetch it.
   *
   *  To check what it has fetched takes a server a while in which it says nothing. */
  pullSilenceMsMax: 290_000,
  /** How long the rest of an answer that has ended is read, to keep the connection. */
  restMsMax: 1_000,
  /** A longer answer is cut off: `PROVIDER_FAILED`.
   *
   *  Some images as base64, or 1,000 vectors of 4,096 numbers. */
  answerBytesMax: 64 * 1024 * 1024,
  /** A longer event of a stream ends it: `PROVIDER_FAILED`. */
  eventBytesMax: 4 * 1024 * 1024,
  /** What is read of the answer that goes with a refusal; the rest is left. */
  refusalBytesMax: 64 * 1024,
  /** What is passed on of a server's words about a bad request. */
  saidCharsMax: 300,
  /** A longer key file is refused: `MODEL_LOAD_FAILED`. */
  keyBytesMax: 8 * 1024,
  /** Models that an entry with `model: "*"` stands for; further ones are left out, which the log says. */
  modelsPerEntryMax: 128,
  /** A model with a longer name is left out of such a list. */
  listedNameCharsMax: 90,
  /** How often such a list is asked for again. */
  listAgainMs: 60_000,
  /** A server that was not reached is asked again so soon, until it counts as away. */
  listSoonMs: 10_000,
  /** A server that is not reached so often in a row is away: its models are offered no more. */
  listMissesMax: 3,
  /** One that is away or refuses is asked less and less often, down to this. */
  listAgainMsMax: 300_000,
  /** How long an address may take to say what it is. */
  detectMsMax: 3_000,
  /** What is read of each answer to that; a longer one is not understood. */
  detectBytesMax: 512 * 1024,
  /** Models that a candidate is shown with; further ones are left out. */
  detectedModelsMax: 32,
  /** How long the test of an endpoint may generate. */
  trialMsMax: 60_000,
  /** Tokens that it asks for. */
  trialTokens: 64,
  /** An answer with more calls is refused: `PROVIDER_FAILED`. */
  callsMax: 128,
  /** A call whose function has a longer name is refused with `PROVIDER_FAILED`; one with a longer id is given
   *  another. */
  nameCharsMax: 128,
  /** Alternatives to a token that are passed on. */
  likeliestMax: 20,
  /** Images of one answer; further ones are left out. */
  imagesMax: 16,
  /** Inputs that are sent in one request where the server takes no more; further ones follow in the next. */
  inputsPerRequestMax: 100,
  /** Calls of which is kept what their server wants back in the next turns of their conversations; the oldest goes. */
  keptCallsMax: 1_000,
  /** Characters of that together, of a model; the oldest goes. */
  keptCharsMax: 8 * 1024 * 1024,
  /** Longest answer where the asker sets no limit and the server demands one. */
  maxTokensDefault: 8_192,
  /** Context of a model of which neither the server nor the configuration says one. */
  contextTokensDefault: 131_072,
  /** Calls that run at once, where the configuration says nothing; the others wait in the model's queue. */
  placesDefault: 8,
} as const;
