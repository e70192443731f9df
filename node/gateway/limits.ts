import { wireLimits } from "../../protocols/index.ts";

/** So many in so long; a burst may take them all at once. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** The bounds of the gateway. `docs/limits.md` says what happens at each. */
export interface GatewayLimits {
  /** Wait of one command for its actor's answer; then ASK_TIMEOUT. */
  readonly askTimeoutMs: number;
  /** Wait of a sign-up for its new account; then SLOT_UNAVAILABLE, or ASK_TIMEOUT. More than a failover takes. */
  readonly signUpTimeoutMs: number;
  /** Wait for the cluster's own memory while the directory is away or nobody has the role to take it over: it answers soon or
   *  not at all. Then DIRECTORY_AWAY, or SLOT_UNAVAILABLE. */
  readonly directoryAwayTimeoutMs: number;
  /** Sign-in attempts of one address. */
  readonly signInRate: Rate;
  /** New accounts of one address. */
  readonly signUpRate: Rate;
  /** Wrong passwords of one address for one name, and of one device that is known. */
  readonly signInFailureRate: Rate;
  /** Wrong passwords for one name from everywhere but devices that are known. */
  readonly nameFailureRate: Rate;
  /** Unknown or expired tokens of one address. */
  readonly badTokenRate: Rate;
  /** Attempts of one key of these that wait to hear whether those before them were right. */
  readonly guessesWaitingMax: number;
  /** Tokens remembered as good: what others of their address try does not touch them. */
  readonly tokensKnownMax: number;
  /** A look-up of a name takes at least so long, and so tells nobody whether there is such an account. */
  readonly lookUpFloorMs: number;
  /** A token whose actor has not answered for so long holds up no others of its address: nobody knows yet whether it is wrong. */
  readonly lookUpPatienceMs: number;
  /** Failed sign-ins of one name after which the person and the log are told, and how often at most. */
  readonly signInsFailedTold: number;
  readonly signInsFailedTellMs: number;
  /** Names whose failed sign-ins are counted for that. */
  readonly signInsFailedNamesMax: number;
  /** Commands of one user, over HTTP and WebSocket together. */
  readonly commandRate: Rate;
  /** Rows of each rate table; keys share a row when their salted hashes meet. */
  readonly rateRows: number;
  /** Passwords hashed or checked at once; each takes a thread and `passwordMemoryKiB`. */
  readonly passwordsAtOnce: number;
  /** Passwords that wait for their turn: of new accounts, of sign-ins, and of sign-ins on known devices, each. Then OVERLOADED
   *  for whose address has most of them. */
  readonly passwordsWaitingMax: number;
  /** OWASP's argon2id settings: 19 MiB, 2 passes, 1 lane. */
  readonly passwordMemoryKiB: number;
  readonly passwordPasses: number;
  readonly sessionLifeMs: number;
  /** How long a browser keeps by what it is known, from each sign-in. Browsers keep nothing for longer. */
  readonly deviceLifeMs: number;
  /** Levels of arrays and objects inside each other in JSON from outside. */
  readonly jsonDepthMax: number;
  readonly bodyBytesMax: number;
  /** The body of /v1/chat/completions, which carries a whole conversation. */
  readonly completionBytesMax: number;
  readonly completionMessagesMax: number;
  /** Text of one completion, as UTF-8: it may come from another node. */
  readonly completionTextBytesMax: number;
  /** Generations one user runs at once over /v1. */
  readonly completionsPerUserMax: number;
  readonly completionTimeoutMs: number;
  readonly headerBytesMax: number;
  /** From the first byte of a request to the end of its headers; a connection that says nothing, from its beginning. */
  readonly headerTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** How often these two are looked at. */
  readonly requestSweepMs: number;
  /** An answer of which nothing more was taken for so long ends its connection. */
  readonly stalledAnswerMs: number;
  /** TCP connections in all; fewer where the process may have fewer descriptors: see entrance.ts. */
  readonly tcpConnectionsMax: number;
  /** What one address may have of them: a household, an office, a proxy that nobody named. */
  readonly addressShare: number;
  /** Connections of whoever reads metrics at their own address. */
  readonly metricsConnectionsMax: number;
  /** Pause between two warnings that places run out. */
  readonly entranceWarningMs: number;
  /** WebSockets. */
  readonly connectionsMax: number;
  readonly connectionsPerUserMax: number;
  /** Upgrades that wait for their authentication. */
  readonly upgradesPendingMax: number;
  /** And how long each waits for the actor of its user; then SLOT_UNAVAILABLE. Less than clients wait for a handshake, so that
   *  they hear why; more than a failover takes. */
  readonly upgradeTimeoutMs: number;
  /** Bytes that wait in one connection beyond which its commands wait, too, and best-effort events are left out. */
  readonly sendBufferSoftBytes: number;
  /** Then a connection of which nothing is read for so long is closed as too slow. */
  readonly slowReaderGraceMs: number;
  /** And one with so much waiting at once. */
  readonly sendBufferBytesMax: number;
  /** What one person's answers and events may take until they are read, all connections together; see outflow.ts. */
  readonly outflowPersonBytesMax: number;
  /** And everybody's. */
  readonly outflowBytesMax: number;
  /** What counts for an answer before it is there: of what lists something, and of a page. Those of other commands are small. */
  readonly listBytes: number;
  readonly pageBytes: number;
  /** An answer that takes longer gives back what was kept for it, and is counted when it comes. */
  readonly outflowPromiseMs: number;
  /** Large answers are encoded for so long at a time. */
  readonly encodeSliceMs: number;
  /** Commands refused for their rate, one after the other, after which the connection is closed. */
  readonly refusalsMax: number;
  /** Of a frame beyond its rate only the beginning is read, for its id. One without an id there is read whole up to this size,
   *  and ends the connection beyond it. */
  readonly refusedFrameBytesMax: number;
  /** Live events held for one subscription while it catches up; further ones are fetched from the actor instead. */
  readonly heldEventsMax: number;
  /** Pages of missed events one catch-up may take before the subscription is `lost`. */
  readonly catchUpPagesMax: number;
  /** Times a catch-up asks again when nobody could answer, and the pause before each. */
  readonly catchUpRetriesMax: number;
  readonly catchUpRetryMs: number;
  /** Questions about one topic that a gap in its events has brought up, at a time. */
  readonly gapQuestionsMax: number;
  /** A silent connection is pinged after this and ended after twice this. */
  readonly heartbeatMs: number;
  /** How often silence and expiry are looked for. */
  readonly sweepMs: number;
  /** A closing handshake that takes longer is cut. */
  readonly closeTimeoutMs: number;
  readonly actorRowsMax: number;
  /** Nodes named to a client that may have to go on elsewhere; each node names others. */
  readonly nodesListedMax: number;
  /** How long the answer to a move of an actor or slot is waited for when the asker names no time. */
  readonly moveTimeoutMs: number;
}

export const gatewayLimits: GatewayLimits = {
  askTimeoutMs: 10_000,
  signUpTimeoutMs: 4_000,
  directoryAwayTimeoutMs: 2_000,
  signInRate: { count: 20, windowMs: 60_000 },
  signUpRate: { count: 20, windowMs: 60_000 },
  signInFailureRate: { count: 10, windowMs: 900_000 },
  nameFailureRate: { count: 20, windowMs: 3_600_000 },
  badTokenRate: { count: 60, windowMs: 60_000 },
  guessesWaitingMax: 256,
  tokensKnownMax: 32_768,
  lookUpFloorMs: 25,
  lookUpPatienceMs: 250,
  signInsFailedTold: 10,
  signInsFailedTellMs: 3_600_000,
  signInsFailedNamesMax: 1_024,
  commandRate: { count: 600, windowMs: 10_000 },
  rateRows: 65_536,
  passwordsAtOnce: 2,
  passwordsWaitingMax: 32,
  passwordMemoryKiB: 19_456,
  passwordPasses: 2,
  sessionLifeMs: 30 * 24 * 3_600_000,
  deviceLifeMs: 400 * 24 * 3_600_000,
  jsonDepthMax: 16,
  bodyBytesMax: wireLimits.frameBytesMax,
  completionBytesMax: 1024 * 1024,
  completionMessagesMax: 512,
  // 1 KiB a token: the longest of large vocabularies take a quarter of that.
  completionTextBytesMax: wireLimits.maxTokensMax * 1024,
  completionsPerUserMax: 4,
  completionTimeoutMs: 300_000,
  headerBytesMax: 16 * 1024,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  requestSweepMs: 1_000,
  stalledAnswerMs: 30_000,
  tcpConnectionsMax: 24_000,
  addressShare: 0.5,
  metricsConnectionsMax: 16,
  entranceWarningMs: 10_000,
  connectionsMax: 20_000,
  connectionsPerUserMax: 64,
  upgradesPendingMax: 1_024,
  upgradeTimeoutMs: 2_500,
  sendBufferSoftBytes: 256 * 1024,
  slowReaderGraceMs: 5_000,
  // Two pages: one that is being read, and what came of others meanwhile.
  sendBufferBytesMax: 2 * wireLimits.pageBytesMax,
  outflowPersonBytesMax: 4 * wireLimits.pageBytesMax,
  outflowBytesMax: 64 * wireLimits.pageBytesMax,
  listBytes: 256 * 1024,
  pageBytes: wireLimits.pageBytesMax,
  outflowPromiseMs: 250,
  encodeSliceMs: 8,
  refusalsMax: 200,
  refusedFrameBytesMax: 4_096,
  heldEventsMax: 1_000,
  // The whole event window in pages, and as many again for what happens meanwhile.
  catchUpPagesMax: Math.ceil(wireLimits.eventWindow / wireLimits.pageEntriesDefault) * 2,
  catchUpRetriesMax: 10,
  catchUpRetryMs: 500,
  gapQuestionsMax: 32,
  heartbeatMs: 30_000,
  sweepMs: 5_000,
  closeTimeoutMs: 2_000,
  actorRowsMax: 500,
  nodesListedMax: 16,
  moveTimeoutMs: 60_000,
};
