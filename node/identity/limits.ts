/** Servers that say who somebody is. */
export const identityLimits = {
  /** A server that has not answered by then is away (`IDENTITY_PROVIDER_AWAY`). */
  answerTimeoutMs: 10_000,
  /** A longer answer of a server is not read (`IDENTITY_PROVIDER_AWAY`). */
  answerBytesMax: 1024 * 1024,
  /** What was discovered of a server is asked for again after this. */
  discoveredMs: 15 * 60_000,
  /** Groups of somebody; more are passed over. */
  groupsMax: 1_000,
  /** Pages of a list of GitHub's that are read, of 100 entries each; more are passed over. */
  listPagesMax: 10,
  /** Providers whose discovery is kept; beyond it all are discovered anew. */
  providersOpenMax: 64,
  /** A sign-in that was to be asked for anew may be so much older than its beginning: clocks differ. */
  clockToleranceMs: 30_000,
  /** A longer answer of a SAML server, or longer metadata, is not read (`IDENTITY_REFUSED`). */
  xmlCharsMax: 256 * 1024,
  /** XML that is nested deeper is not read. */
  xmlDepthMax: 32,
  /** A SAML assertion holds so much earlier and later than it says: clocks differ. */
  samlSkewMs: 60_000,
  /** An assertion that was used is remembered for so long. After that its sign-in is over anyway. */
  samlUsedMs: 60 * 60_000,
  /** Used assertions that are remembered of one server; beyond it the oldest is forgotten, and its sign-in is still
   *  good only once. */
  samlAssertionsMax: 10_000,
} as const;
