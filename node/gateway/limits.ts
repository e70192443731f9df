import { wireLimits } from "../../protocols/index.ts";

/** So many in so long; a burst may take them all at once. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** The gateway. */
export const gatewayLimits = {
  /** Pages of what the watch remembers of nodes that a forecast reads; further nodes are left out. */
  forecastPagesMax: 10,
  /** A shard-holder that does not answer in time is shown without what it holds. */
  sumsTimeoutMs: 2_000,
  /** A command whose actor does not answer in time gets `ASK_TIMEOUT` (outcome unknown). */
  askTimeoutMs: 10_000,
  /** A sign-up for which no account could be made for so long gets the error that prevented it. Where nobody knows yet
   *  whether it was made, the same is asked again.
   *
   *  More than a failover takes. */
  signUpTimeoutMs: 4_000,
  /** How often a sign-up is asked for while nobody knows whether it has made the account; then `ASK_TIMEOUT`.
   *
   *  Together less than a command in a terminal waits. */
  signUpTriesMax: 4,
  /** Wait for the cluster's own actor (the audit) while the directory is away or no node may take it over; then the
   *  answer says why.
   *
   *  It answers soon or not at all. */
  directoryAwayTimeoutMs: 2_000,
  /** Sign-in attempts of one address; more get `RATE_LIMITED`. */
  signInRate: { count: 20, windowMs: 60_000 },
  /** A sign-in that was begun has to be finished within this time; then `SIGN_IN_EXPIRED`. */
  attemptMs: 10 * 60_000,
  /** Sign-ins under way at a node; for one more the oldest has to be begun again: `SIGN_IN_EXPIRED`. */
  attemptsMax: 4_096,
  /** The same of one address. */
  attemptsPerAddressMax: 64,
  /** Forms of other servers that wait for their browser, which comes at once; the oldest is lost, and its sign-in begun
   *  again. */
  identityFormsMax: 64,
  /** A longer form of another server is refused with `TOO_LARGE`. */
  identityFormBytesMax: 256 * 1024,
  /** A link with which a password is set anew holds for so long, and for one time; then `LINK_INVALID`. */
  resetLinkMs: 24 * 3_600_000,
  /** A link by mail with which a forgotten password is set anew holds for so long, and for one time; then
   *  `LINK_INVALID`. */
  mailResetMs: 3_600_000,
  /** A link by mail that confirms an address, or lets somebody make an account, holds for so long; then
   *  `LINK_INVALID`. */
  mailLinkMs: 24 * 3_600_000,
  /** Messages to one mail address, and about one account, from all people together; more are not sent, and nobody is
   *  told.
   *
   *  As many as the links that an account has at once, so that strangers push none out. */
  mailRate: { count: 3, windowMs: 3_600_000 },
  /** Messages that one network address leads to; more get `RATE_LIMITED`. */
  mailAskedRate: { count: 20, windowMs: 3_600_000 },
  /** Forgotten passwords that are looked into at once; one more is dropped, and the log says so. */
  mailLookUpsMax: 64,
  /** Times in a row that it is asked again what no node could answer; then the log says that nothing was sent. */
  mailRetriesMax: 5,
  /** Longest pause before the first of these, doubled with each; the actual pause is between half of it and all. */
  mailRetryMs: 500,
  /** An account that is deleted may come back for so long, unless it is deleted at once. */
  deletionGraceMs: 14 * 24 * 3_600_000,
  /** Exports of accounts at once; one more gets `OVERLOADED`. */
  exportsMax: 4,
  /** New accounts of one address; more get `RATE_LIMITED`. */
  signUpRate: { count: 20, windowMs: 60_000 },
  /** What asks for a fresh sign-in is refused with `SIGN_IN_AGAIN` when the session gave its password longer ago than
   *  this. Owners of what is asked for look at it as well. */
  freshSignInMs: wireLimits.freshSignInMs,
  /** A download of a recall that was not fetched within this time is begun again. */
  downloadTicketMs: 60_000,
  /** Downloads that were begun and not fetched yet; the oldest has to be begun again. */
  downloadTicketsMax: 32,
  /** Wrong passwords of one address for one name, of one known device, or of one session that gives its password again;
   *  then attempts get `RATE_LIMITED`. */
  signInFailureRate: { count: 10, windowMs: 900_000 },
  /** Wrong passwords for one name from all devices that are not known, wherever they are; then `RATE_LIMITED` for
   *  these, one attempt each 3 minutes. */
  nameFailureRate: { count: 20, windowMs: 3_600_000 },
  /** How long a short-lived token is good where nobody says so. */
  serviceTokenLifeMs: 900_000,
  /** How long a short-lived token is good at most; a longer time that is asked for is cut to this. */
  serviceTokenLifeMsMax: 3_600_000,
  /** How far the clocks of nodes may differ for short-lived tokens. */
  serviceTokenSkewMs: 30_000,
  /** A node signs short-lived tokens with one key for so long. */
  tokenKeyMs: 86_400_000,
  /** The directory is read for an unknown key of a token at most so often. */
  tokenKeyLookMs: 1_000,
  /** Unknown or expired tokens of one address, counted before they are looked up; then `RATE_LIMITED`, but not for
   *  tokens that were good here before. */
  badTokenRate: { count: 60, windowMs: 60_000 },
  /** Tokens or passwords of one address or name that wait to hear whether those before them were right; one more
   *  gets `RATE_LIMITED`. */
  guessesWaitingMax: 256,
  /** Wrong or ended links into rooms of one person; then links get `RATE_LIMITED`. */
  joinLinkRate: { count: 20, windowMs: 60_000 },
  /** Wrong or ended read-only links to conversations from one address; then 429. */
  sharedLinkRate: { count: 30, windowMs: 60_000 },
  /** Reads of read-only links to conversations from one address, right or wrong; then 429. */
  sharedReaderRate: { count: 120, windowMs: 60_000 },
  /** Reads of one such link, from all addresses; then 429. */
  sharedReadRate: { count: 300, windowMs: 60_000 },
  /** Turns of a conversation that the page of a read-only link asks for at once. */
  sharedPageTurns: 100,
  /** Turns that it shows at most; the oldest are left out. */
  sharedTurnsMax: 400,
  /** Characters of these, about; then the oldest are left out. */
  sharedCharsMax: 400_000,
  /** Tokens remembered as good; beyond it the one used longest ago is counted again when it comes. */
  tokensKnownMax: 32_768,
  /** A token that is used again and again is asked about so often; requests in between trust the answer, unless an
   *  event of its person or a gap in these events ends that. Longest time in which a revoked token may still be used.
   *
   *  Only where any signed-in person may do it: what needs an admin or a session, and each new WebSocket, is asked
   *  about each time. */
  tokenTrustMs: 1_000,
  /** A connection whose person's actor could not be asked for so long, since events of the person may be missing, is
   *  closed: `bye` `SLOT_UNAVAILABLE`. With what noticing and the last question take, the longest time in which a node
   *  that is cut off serves an open connection whose session was revoked. */
  sessionUnconfirmedMs: 60_000,
  /** People who are followed for that; beyond it the one whose token was asked about longest ago is followed no
   *  more. */
  tokensTrustedMax: 4_096,
  /** A person whose tokens were not asked about for so long is followed no more. */
  tokenFollowedMs: 10_000,
  /** Shortest time of a look-up of a name from a sign-in or from a wrong token, so that the time does not show
   *  whether the account exists. */
  lookUpFloorMs: 25,
  /** A token whose actor has not answered for so long holds up no others of its address; it is counted when it turns
   *  out wrong. */
  lookUpPatienceMs: 250,
  /** Failed sign-ins of one account, as this node counts them, after which the person and the log are told. */
  signInsFailedTold: 10,
  /** Shortest pause between two such reports; failures in between are in the next one. */
  signInsFailedTellMs: 3_600_000,
  /** Accounts counted for that; beyond it the one tried longest ago is forgotten. */
  signInsFailedNamesMax: 1_024,
  /** Commands of one user, over HTTP and WebSocket together; more get `RATE_LIMITED`. */
  commandRate: { count: 600, windowMs: 10_000 },
  /** Commands of one API key; more get `RATE_LIMITED`. Less than its person has, so that a program leaves some to
   *  them. */
  keyRate: { count: 450, windowMs: 10_000 },
  /** Posts in one room, of everybody in it; more get `RATE_LIMITED`. */
  roomRate: { count: 6_000, windowMs: 10_000 },
  /** Emoji that one person adds; more get `RATE_LIMITED`, before they are drawn. */
  emojiRate: { count: 30, windowMs: 60_000 },
  /** How long a gateway answers with the cluster's emoji as it knows them. A page that sees a new name waits longer
   *  before it asks again. */
  emojiListKeptMs: 2_000,
  /** Pictures that one person uploads; more get `RATE_LIMITED`, before they are read. */
  avatarRate: { count: 10, windowMs: 60_000 },
  /** Pictures for agents that one person uploads, and as many sounds; more get `RATE_LIMITED`, before they are read. */
  pictureRate: { count: 30, windowMs: 10 * 60_000 },
  /** How often one person asks what they have missed, or which threads they follow; more get `RATE_LIMITED`, before a
   *  room is asked: one answer may ask some hundred questions of rooms. */
  catchUpRate: { count: 30, windowMs: 60_000 },
  /** Links that end mail and do not open, from one address; more get `RATE_LIMITED`. Those that open have no limit:
   *  mail programs of many people press them from a few addresses. */
  unsubscribeRate: { count: 30, windowMs: 60_000 },
  /** How often one person says something to the admins about the program; more get `RATE_LIMITED`. */
  feedbackRate: { count: 5, windowMs: 24 * 3_600_000 },
  /** Rules over events that one person tries on the past; more get `RATE_LIMITED`, before an entry is read. */
  ruleTrialRate: { count: 6, windowMs: 60_000 },
  /** Such trials at once at a node, of everybody; one more gets `OVERLOADED`, before an entry is read. */
  ruleTrialsMax: 1,
  /** Files for rooms that one person begins to upload; more get `RATE_LIMITED`, before a byte is read. */
  fileRate: { count: 200, windowMs: 10 * 60_000 },
  /** Requests with bytes of files of one person; more get `RATE_LIMITED`.
   *
   *  However few bytes one has, a part of up to 1 MiB is written anew for it, at each copy. */
  filePartRate: { count: 1_200, windowMs: 60_000 },
  /** Questions of one person about the state of uploads, and uploads that are given up; more get `RATE_LIMITED`. */
  fileStateRate: { count: 600, windowMs: 60_000 },
  /** Bytes of one person that are written anew, because a request went on within a part; with more `RATE_LIMITED`.
   *
   *  A client that sends 64 KiB at a time writes each byte eight times. */
  fileRewriteRate: { count: 256 * 1024 * 1024, windowMs: 60_000 },
  /** Requests with bytes of files that a node reads at a time, each with 1 MiB of memory; one more gets
   *  `OVERLOADED`, or the place of the slowest where that is slower than `fileSlowBytesPerS`. */
  fileWritersMax: 48,
  /** Parts of files that such a request has on the way to the disks while it reads on, each with 1 MiB of memory. */
  filePartsAheadMax: 4,
  /** The same of all requests of a node. Where so many are on their way, each request has one. */
  filePartsAheadOfAllMax: 16,
  /** A request that is slower than this may have to give its place to another one; what it brought is kept. */
  fileSlowBytesPerS: 32 * 1024,
  /** No request is slow before it had so much time; what came before half that time counts for less. */
  fileSlowAfterMs: 5_000,
  /** The same of one person; one more gets `RATE_LIMITED`. */
  fileWritersPerPersonMax: 8,
  /** Such a request takes as long as bytes come; when none has come for so long, it is ended, and what came is kept. */
  fileStalledMs: 30_000,
  /** Pictures that are freed of what they say of place and camera at a time, each with all of it in memory; the others
   *  wait for their turn. */
  filePicturesMax: 2,
  /** How long a model may take to write down what is said in an uploaded sound; then the sound is there without it. */
  soundHeardMs: 60_000,
  /** Rows of each rate table; callers share a row when their salted hashes meet. */
  rateRows: 65_536,
  /** A change of somebody's presence reaches other nodes, and those who look, after so long at the most; what changes
   *  back within it reaches nobody. */
  presenceTellMs: 1_000,
  /** How often a node that hears of no change shows that it still knows what it was told; a node that does not answer
   *  is told again after so long at the most. */
  presenceCheckMs: 30_000,
  /** Somebody whose last connection ends is there for so long: pages that are loaded anew come back within it. */
  presenceGraceMs: 10_000,
  /** People in one message between nodes. */
  presenceRowsMax: 512,
  /** People whom one other node may name; those beyond are left out. */
  presencePeopleMax: 50_000,
  /** How long a node may take to hear of presence; then it is told all of it again. */
  presenceTimeoutMs: 5_000,
  /** How long a notice to a browser whose page is closed waits, for its person may read it elsewhere meanwhile; those
   *  that come until then are one with it. */
  pushDelayMs: 5_000,
  /** Messages of a room or thread of which one notice may tell: what mentions the person first, then the newest. Of
   *  more it is not asked whether they are to be told. */
  pushNewsMax: 8,
  /** Rooms and threads of one person of which such notices wait; one more is left out. */
  pushPlacesMax: 100,
  /** Notices of all people that wait at a node for push services to take them, and rooms and threads whose notices are
   *  not looked into yet; one more of either is left out. */
  pushesWaitingMax: 5_000,
  /** Notices of all people that a node looks into, or gives to push services, at once; others wait for them. */
  pushActsMax: 64,
  /** How long a push service keeps a notice for a browser that is off. */
  pushLifeMs: 24 * 3_600_000,
  /** How often a notice is given to a push service that does not answer, or has no room; then it is given up. */
  pushTriesMax: 6,
  /** The pause before the second try; each is twice as long as the one before, or as long as the service says... */
  pushRetryMs: 5_000,
  /** ... but no longer than this. */
  pushRetryMsMax: 10 * 60_000,
  /** How often gateways tell one another of keys that are near a limit. */
  rateTellMs: 1_000,
  /** The same of a key that is about to wait for that; it is refused for so long with `RATE_LIMITED`. */
  rateTellSoonMs: 50,
  /** A node that does not answer for so long has not heard; then what it was told counts against this gateway's
   *  share. */
  rateTellTimeoutMs: 1_000,
  /** Part of its share of a rate that each gateway lets pass without telling the others: the error of shared limits. */
  rateSilentShare: 0.25,
  /** Keys of one limit that wait to be told; one more has this gateway's share of its limit until there is room. */
  rateNewsKeysMax: 1_024,
  /** Keys in one message; further ones are in the next. */
  rateNewsRowsMax: 1_024,
  /** Passwords hashed or checked at once, and no more than half of the machine's processors; the others wait.
   *
   *  Each takes a thread and `passwordMemoryKiB`. The threads have the lowest priority. */
  passwordsAtOnce: 2,
  /** Passwords that wait: of new accounts, of sign-ins, and of sign-ins on known devices, each; these three take
   *  turns, and so do addresses within them. One more replaces one of an address that has at least two more waiting,
   *  or is refused with `OVERLOADED`. */
  passwordsWaitingMax: 32,
  /** Memory of one password hash (argon2id).
   *
   *  OWASP's argon2id settings: 19 MiB, 2 passes, 1 lane. */
  passwordMemoryKiB: 19_456,
  /** Passes of one password hash (argon2id). */
  passwordPasses: 2,
  /** A caller who finds no place is told to come again after this time at most; each is told a time of their own within
   *  it. */
  passwordRetryMsMax: 60_000,
  /** What a hash is thought to take, until one was measured. */
  passwordTypicalMs: 50,
  /** A thread that hashes ends after so long without work. */
  passwordThreadIdleMs: 60_000,
  /** A session ends this long after sign-in: `UNAUTHENTICATED`. */
  sessionLifeMs: 30 * 24 * 3_600_000,
  /** Life of the cookie by which a known device is recognised, from a sign-in on: 400 days, the most that browsers
   *  allow. */
  deviceLifeMs: 400 * 24 * 3_600_000,
  /** JSON nested deeper is refused: `BAD_REQUEST` over HTTP, `BAD_FRAME` and the connection's end over WebSocket. */
  jsonDepthMax: 16,
  /** Values and keys of such JSON. More are refused as soon as they have arrived: `TOO_LARGE`, with the rest of the
   *  body unread; over WebSocket `BAD_FRAME` and the connection's end.
   *
   *  A value of two bytes takes some fifty in memory. */
  jsonValuesMax: 16_384,
  /** The same for lists and objects among them, which take most. */
  jsonContainersMax: 8_192,
  /** JSON with a longer key is refused in the same way, with `BAD_REQUEST`. */
  jsonKeyBytesMax: 4_096,
  /** Parts of a form with files; one with more is refused with `TOO_LARGE` before any of it is made. */
  formPartsMax: 64,
  /** Bytes of all bodies of JSON together that are being read; a request with more is refused with `OVERLOADED`. */
  bodiesBytesMax: 128 * 1024 * 1024,
  /** A larger HTTP body is refused with `TOO_LARGE`. */
  bodyBytesMax: wireLimits.frameBytesMax,
  /** Units of `bodyBytesMax` that are read of one person's larger bodies. One more waits, unread; one that would
   *  wait for longer than `largeBodyWaitMaxMs` is refused with `RATE_LIMITED`.
   *
   *  24 MiB at once, and then 2 MiB a second: what a body of 6 MiB takes in the thread that all requests are in is a
   *  hundredth of it then. */
  largeBodyRate: { count: 384, windowMs: 12_000 },
  /** The same for an address, which may be that of many people: of what it can be behind, half is for those who send
   *  little. */
  largeBodyAddressRate: { count: 1_536, windowMs: 12_000 },
  /** How long a larger body waits at most until it is read. */
  largeBodyWaitMaxMs: 10_000,
  /** A larger body of keys that a recovery kit gives back is refused with `TOO_LARGE`: those of a thousand epochs. */
  keysBodyBytesMax: 8 * 1024 * 1024,
  /** The same for requests of the interfaces of OpenAI, Ollama and Anthropic, which carry whole conversations with
   *  their images and sounds. */
  aiRequestBytesMax: 6 * 1024 * 1024,
  /** Such a request without its images and sounds; a larger one is refused with `TOO_LARGE`.
   *
   *  Together with `mediaBytesMax` less than one message between nodes. */
  completionBytesMax: 768 * 1024,
  /** Images and sounds of one request together, decoded; more are refused with `TOO_LARGE`. */
  mediaBytesMax: 3 * 1024 * 1024,
  /** How deep JSON may be nested there: schemas of tools are deep. Deeper is refused with `BAD_REQUEST`. */
  aiJsonDepthMax: 64,
  /** Values and keys there, and in what a recovery kit gives back; more are refused with `TOO_LARGE`, with the rest of
   *  the body unread.
   *
   *  A text to embed may be numbers: as many as `completionBytesMax` has room for. */
  wideJsonValuesMax: 400_000,
  /** The same for lists and objects among them. */
  wideJsonContainersMax: 65_536,
  /** Keys there, less in what a recovery kit gives back; more are refused in the same way.
   *
   *  Keys that are all different take ten times as long to be parsed as other values, and everybody waits meanwhile. */
  aiJsonKeysMax: 32_768,
  /** Messages of one completion; more are refused with `TOO_LARGE`. */
  completionMessagesMax: 512,
  /** Text, or sound, of one completion, which may come from another node; one with more ends with `TOO_LARGE`.
   *
   *  1 KiB a token: the longest of large vocabularies take a quarter of that. */
  completionTextBytesMax: wireLimits.maxTokensMax * 1024,
  /** Tools of one request; more are refused with `TOO_LARGE`. */
  completionToolsMax: 256,
  /** Choices of one request; more are refused with `BAD_REQUEST`. */
  choicesMax: 8,
  /** Texts of one request for vectors, or documents to rank; more are refused with `TOO_LARGE`. */
  embeddingInputsMax: 2_048,
  /** Calls of one person's requests at engines at once; further ones wait at the gateway, where the person's keys take
   *  turns.
   *
   *  Fewer than wait for one model for one person. */
  callsPerPersonMax: 8,
  /** Calls of one person that wait so; one more takes the place of one of a key that has at least two more waiting, or
   *  is refused with `RATE_LIMITED`. */
  callsWaitingPerPersonMax: 64,
  /** A response of `/v1/responses` is kept so long, on the node that answered. */
  responseLifeMs: 24 * 3_600_000,
  /** Bytes of one person's kept responses, each with the conversation before it; the oldest are forgotten for new ones.
   *  A larger one is not kept. */
  responsePersonBytesMax: 16 * 1024 * 1024,
  /** The same for all people of a node. */
  responseBytesMax: 128 * 1024 * 1024,
  /** Longest short form of a conversation, in tokens. */
  compactionTokensMax: 2_048,
  /** A connection of `/v1/responses` ends after so long: `websocket_connection_limit_reached`.
   *
   *  As the specification has it. */
  responseSocketLifeMs: 3_600_000,
  /** Requests that wait on one such connection for the response before them in their stream, of all streams together;
   *  one more is refused with `RATE_LIMITED`. */
  responseSocketWaitingMax: 8,
  /** Nodes that are asked for items of responses that are referred to. */
  responseNodesMax: 64,
  /** Streams of one such connection. One more takes the place of the one that was used longest ago and is idle, with
   *  what is kept for it; where all are busy it is refused with `RATE_LIMITED`. */
  responseSocketStreamsMax: 8,
  /** A completion that waits for its place, or goes without a part of its answer, for longer fails with
   *  `GENERATION_TIMEOUT`. One that goes on is not cut off. */
  completionTimeoutMs: 300_000,
  /** Nothing takes longer than this, whatever it writes. */
  completionWholeMs: 24 * 3_600_000,
  /** A streamed answer begins, with status and headers, when its call has had its place for so long and nothing was
   *  said yet; what is refused before has a status of its own.
   *
   *  Nearly all refusals come within milliseconds; a client that waits for headers, and a proxy, are told soon. */
  beginAfterMs: 2_000,
  /** A stream that said nothing for so long says that it is still there: streamed answers of models, events of topics,
   *  models and pulls.
   *
   *  A quarter of the minute after which proxies cut what is silent. */
  beatMs: 15_000,
  /** An answer that is not streamed begins when a call of it had its place so long ago: 200, headers, and white space
   *  at each beat. What fails later has no status of its own. */
  wholeBeginsMs: 45_000,
  /** Larger HTTP headers are refused with `TOO_LARGE` and the connection is closed. */
  headerBytesMax: 16 * 1024,
  /** A connection that says nothing, or a request whose headers are not complete by then, is ended. */
  headerTimeoutMs: 10_000,
  /** A request whose body is not complete by then is ended; not one with bytes of a file, which goes on while they
   *  come. */
  requestTimeoutMs: 30_000,
  /** How often `headerTimeoutMs` and `requestTimeoutMs` are checked; they may fire so much later. */
  requestSweepMs: 1_000,
  /** A connection that reads nothing of its answer for so long is closed. */
  stalledAnswerMs: 30_000,
  /** TCP connections; fewer where the [process](node-platform.md#the-process) may have fewer descriptors. A new
   *  connection replaces the oldest that has sent no request; if all are in use, the new one is closed. */
  tcpConnectionsMax: 24_000,
  /** Share of these connections that one address (IPv6: one /64) may have; beyond it a new connection replaces one
   *  of the same address. Behind a trusted proxy: requests at once of an address that it names; then `OVERLOADED`.
   *
   *  A household, an office, a proxy that is not configured. */
  addressShare: 0.5,
  /** Connections at `grpc`; a new one takes the place of the oldest that has asked nothing yet, or is closed. */
  grpcConnectionsMax: 4_096,
  /** Calls of gRPC at once on one connection, streams included; what is asked beyond it waits at the client, or is
   *  refused by HTTP/2. */
  grpcStreamsPerConnectionMax: 128,
  /** A connection of gRPC without a call for so long is closed. */
  grpcIdleMs: 300_000,
  /** Connections at the control endpoint; a new one replaces the oldest that has asked nothing yet, or is closed. */
  controlConnectionsMax: 256,
  /** A connection to the control endpoint that asks nothing for so long is closed. */
  controlIdleMs: 60_000,
  /** Connections at `metricsListen`; one more is closed. */
  metricsConnectionsMax: 16,
  /** Pause between two warnings in the log that places run out. */
  entranceWarningMs: 10_000,
  /** WebSockets and streams of events of the node, and at most five sixths of the TCP connections; one more is refused
   *  with `OVERLOADED`. */
  connectionsMax: 20_000,
  /** WebSockets and streams of events of one user; one more is refused with `LIMIT_REACHED`. */
  connectionsPerUserMax: 64,
  /** Upgrades that wait for authentication; one more is refused with `OVERLOADED`. */
  upgradesPendingMax: 1_024,
  /** An upgrade whose user cannot be asked for so long is refused with `SLOT_UNAVAILABLE`; clients come again.
   *
   *  Less than clients wait for a handshake, so that they hear why; more than a failover takes. */
  upgradeTimeoutMs: 2_500,
  /** Unsent bytes of a connection beyond which its commands wait and it is not read, events of topics are fetched
   *  later, and typing and drafts are left out. */
  sendBufferSoftBytes: 256 * 1024,
  /** A connection with more unsent bytes than that, of which the client reads nothing for so long, is closed: `bye`
   *  `RATE_LIMITED`, close code 1013. The client continues from its cursors when it connects again. */
  slowReaderGraceMs: 5_000,
  /** Unsent bytes beyond which a connection is closed at once. Bytes that waited before a frame count, not the frame
   *  itself.
   *
   *  Two pages: one that is being read, and what came of others meanwhile. */
  sendBufferBytesMax: 2 * wireLimits.pageBytesMax,
  /** Bytes of one person's answers and events that are not read yet, over HTTP and all connections together. Beyond
   *  it the person's commands wait, for `askTimeoutMs` at most, then `RATE_LIMITED`; for data that cannot wait, the
   *  person's connection with most unread bytes is closed. */
  outflowPersonBytesMax: 4 * wireLimits.pageBytesMax,
  /** The same for all people together; the connections of the person with most unread bytes are closed first. */
  outflowBytesMax: 64 * wireLimits.pageBytesMax,
  /** Bytes that are reserved for a list until its size is known. */
  listBytes: 256 * 1024,
  /** The same for a page of messages or turns. */
  pageBytes: wireLimits.pageBytesMax,
  /** An answer that takes longer counts only when it comes, so that an actor that is away does not block other
   *  answers. Of one person, answers of up to `outflowPersonBytesMax` may be late. */
  outflowPromiseMs: 250,
  /** Large answers are encoded for so long at a time; then others have their turn. */
  encodeSliceMs: 8,
  /** Commands refused for their rate, one after the other; then `bye` `RATE_LIMITED` and close code 1013. */
  refusalsMax: 200,
  /** A frame beyond its rate is not read, unless it does not begin with its id; then up to this size, else it ends
   *  as above. */
  refusedFrameBytesMax: 4_096,
  /** Live events held for a subscription that catches up; further ones are fetched from the actor instead. */
  heldEventsMax: 1_000,
  /** Pages of missed events one catch-up takes; then the subscription is `lost` and the client loads the whole
   *  state.
   *
   *  The whole event window in pages, and as many again for what happens meanwhile. */
  catchUpPagesMax: Math.ceil(wireLimits.eventWindow / wireLimits.pageEntriesDefault) * 2,
  /** Times in a row that a catch-up asks again when no node could answer; then the subscription is `lost`. */
  catchUpRetriesMax: 10,
  /** Longest pause before each of these; the actual pause is between half of it and all. */
  catchUpRetryMs: 500,
  /** Questions about gaps in one topic's events at the same time; further ones wait. */
  gapQuestionsMax: 32,
  /** A silent connection is pinged after this, and ended after twice this. */
  heartbeatMs: 30_000,
  /** How often silence and expiry are looked for. */
  sweepMs: 5_000,
  /** A closing handshake that takes longer is cut. */
  closeTimeoutMs: 2_000,
  /** Streams of the progress of pulls; one more is refused with `OVERLOADED`. */
  modelStreamsMax: 16,
  /** How often it is looked whether who reads such a stream is still an admin with a session that holds; else it
   *  ends. */
  streamCheckMs: 1_000,
  /** Names that one request for rooms looks at; the answer says where to go on. */
  adminRoomsScanned: 2_000,
  /** Rooms that are asked at once what they are; the others of a page wait. */
  adminRoomsAtOnce: 10,
  /** How long each has to say it; then its row has `ASK_TIMEOUT`. */
  adminRoomTimeoutMs: 2_000,
  /** Nodes that a client is told of, to use when this one is away; other nodes list further ones. */
  nodesListedMax: 16,
  /** How long a request waits for a move of an actor or slot by default; then `ASK_TIMEOUT`. The move may still
   *  finish. */
  moveTimeoutMs: 60_000,
} satisfies Readonly<Record<string, number | Rate>>;

/** The gateway's bounds, with values that tests may choose. */
export type GatewayLimits = Readonly<typeof gatewayLimits>;
