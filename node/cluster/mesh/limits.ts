import type { Channel } from "../../ports/index.ts";

/** Bounds of one channel of one pair of nodes. */
export interface ChannelLimits {
  /** Bytes under way that the receiver has not yet taken. Each node tells its peers its own. */
  readonly windowBytes: number;
  /** Bytes, with their bookkeeping, that wait in the sender. From there on `send` returns false; the frame that goes
   *  past it is the last that is taken. */
  readonly queueBytesMax: number;
  /** Bytes that are written at once. */
  readonly pieceBytes: number;
}

const MiB = 1024 * 1024;

/** The mesh. */
export const meshLimits = {
  /** One message between nodes. A larger one is not sent, and counted; one that arrives ends the connection. */
  frameBytesMax: 4 * MiB,
  /** For each channel of a pair: bytes sent and not yet consumed by the receiver, beyond which the sender waits;
   *  bytes queued in the sender, beyond which it accepts no more; bytes written at once. */
  channels: {
    // A piece fits one noise record of 65,519 bytes together with its yamux header.
    control: { windowBytes: MiB / 4, queueBytesMax: 8 * MiB, pieceBytes: 60 * 1024 },
    // As large as the largest frame, so that the next one can begin before the last was taken.
    message: { windowBytes: 4 * MiB, queueBytesMax: 16 * MiB, pieceBytes: 60 * 1024 },
    // Small, and one a turn of the event loop: this node's other messages go in between.
    bulk: { windowBytes: 4 * MiB, queueBytesMax: 8 * MiB, pieceBytes: 16 * 1024 },
  },
  /** A peer that offers a larger window loses its connection. */
  windowBytesMax: 64 * MiB,
  /** A channel that has data to send and gets neither credit nor room for so long ends the connection. */
  stallTimeoutMs: 10_000,
  /** How often a peer sends a sign of life on a connection. */
  pingIntervalMs: 5_000,
  /** A connection on which nothing arrived for so long, while this node was awake, is closed. Until then a start on
   *  an older folder waits, see operate/README.md.
   *
   *  Four lost pings. Suspicion is membership's affair and much faster; this only frees what a lost cable holds. */
  silenceTimeoutMs: 20_000,
  /** How often stalls and silences are looked for. */
  sweepMs: 1_000,
  /** From an open connection to a ready one; then it is closed. */
  handshakeTimeoutMs: 5_000,
  /** One attempt to reach one peer, all its addresses together. */
  dialTimeoutMs: 5_000,
  /** Attempts under way; the others wait.
   *
   *  Twenty at once let most of them time out. */
  dialsAtOnce: 4,
  /** First pause between attempts; doubles, with jitter. */
  backoffMinMs: 100,
  /** Longest such pause. */
  backoffMaxMs: 5_000,
  /** A connection that held for so long forgets earlier failures. */
  stableMs: 5_000,
  /** How long the node with the higher peer id leaves the dialling to the other. */
  dialGraceMs: 250,
  /** Addresses of one peer that are tried; further ones are left out. */
  addressesMax: 16,
  /** Connections of one peer; one more is turned away.
   *
   *  Two in use, two that replace them, and as many that are closing. */
  connectionsPerPeerMax: 8,
  /** Connections of the node; one more is turned away. */
  connectionsMax: 4_096,
  /** Connections whose peer has not yet proven its identity; one more replaces the oldest of the address that has
   *  most of them. */
  pendingConnectionsMax: 256,
  /** Such connections from one address (IPv6: one /64); one more replaces the oldest of that address. An address
   *  where members are known to be may have half of all places. */
  pendingPerAddressMax: 16,
  /** Connections of nodes that are no members, while an invitation is outstanding; one more replaces the oldest that
   *  has not shown an invitation's secret. */
  strangersMax: 32,
  /** Such connections from one address; one more replaces its oldest. */
  strangersPerAddressMax: 4,
  /** Evicted nodes that are let in for their answer within `evictedPauseMs`, each once; one more is turned away. */
  evictedMax: 8,
  /** The period for `evictedMax`.
   *
   *  Shorter than the start of a process, so that one that is started over and over hears it each time. */
  evictedPauseMs: 1_000,
  /** From a stranger's connection to its request; then it is closed. */
  joinRequestTimeoutMs: 3_000,
  /** From the request to the end of the join; for the new node, one attempt. */
  joinTimeoutMs: 15_000,
  /** A new node whose connection is closed before an answer tries again for so long; then `INVITATION_INVALID`.
   *
   *  Other strangers may have taken its place, as many as come; a newcomer with the invitation gets in between them. */
  joinPatienceMs: 30_000,
  /** Size of a joining node's request; a larger one ends its connection. */
  joinRequestBytesMax: 64 * 1024,
  /** A closing connection has so long to send the rest; then it is cut. */
  closeTimeoutMs: 500,
} satisfies Readonly<Record<string, number | Readonly<Record<Channel, ChannelLimits>>>>;

/** The mesh's bounds, with values that tests may choose. */
export type MeshLimits = Readonly<typeof meshLimits>;

/** Invitations. */
export const invitationLimits = {
  /** Invitations on record; one more is refused with `LIMIT_REACHED`. */
  invitationsMax: 256,
  /** An invitation's life; a longer one is refused with `BAD_REQUEST`.
   *
   *  A token that lies about is a way in. */
  lifeMsMax: 7 * 24 * 3_600_000,
  /** For so long after its expiry an invitation is refused with the reason that it expired. */
  answeredMs: 600_000,
  /** An expired invitation is stored for so long; then it makes room for new ones. */
  keptMs: 7 * 24 * 3_600_000,
  /** Attempts to write one row that others write at the same time; then `OVERLOADED`. */
  attemptsMax: 8,
  /** A longer token is refused with `INVITATION_INVALID`. */
  tokenCharsMax: 4_096,
} as const;
