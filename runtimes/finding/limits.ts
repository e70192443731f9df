/** Finding servers with models. */
export const findingLimits = {
  /** How often the ways that the configuration names are asked again. */
  lookAgainMs: 300_000,
  /** How long one way may take; what has come by then counts. */
  lookMsMax: 10_000,
  /** How long a DNS server may take for one answer; it is asked twice. */
  dnsMs: 2_000,
  /** How long answers by mDNS are waited for. */
  mdnsMs: 2_000,
  /** Services that one way may name; further ones are passed over. */
  servicesPerWayMax: 64,
  /** What is read of an answer of Consul; a longer one is refused. */
  consulBytesMax: 4 * 1024 * 1024,
  /** Addresses that are asked who they are at the same time. */
  asksAtOnceMax: 8,
  /** Candidates that a node keeps; the ones that were seen longest ago go first. */
  candidatesMax: 128,
  /** A candidate that was not seen for so long is forgotten. */
  candidateLifeMs: 1_000_000,
  /** Addresses times ports of one search; a larger one is refused: `TOO_LARGE`.
   *
   *  A /22 with the five usual ports. */
  searchTargetsMax: 5_120,
  /** Addresses that a search tries in a second. */
  searchesPerSecond: 50,
  /** How long an address may take to accept a connection. */
  connectMsMax: 800,
  /** A search that takes longer is ended; what it found counts. */
  searchMsMax: 300_000,
} as const;
