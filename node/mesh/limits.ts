import type { Channel } from "../ports.ts";

/** Bounds of one channel of one pair of nodes. */
export interface ChannelLimits {
  /** Bytes under way that the receiver has not yet taken. Each node tells its peers its own. */
  readonly windowBytes: number;
  /** Bytes, with their bookkeeping, that wait in the sender. From there on `send` returns false; the frame that goes past
   *  it is the last that is taken. */
  readonly queueBytesMax: number;
  /** What is written at once. */
  readonly pieceBytes: number;
}

/** The bounds of the mesh. `docs/limits.md` says what happens at each. */
export interface MeshLimits {
  /** One message with its envelope. */
  readonly frameBytesMax: number;
  readonly channels: Readonly<Record<Channel, ChannelLimits>>;
  /** The largest window a peer may offer. */
  readonly windowBytesMax: number;
  /** A channel that has something to send and gets neither credit nor room for this long ends the connection. */
  readonly stallTimeoutMs: number;
  /** A peer that has nothing to say says so this often. */
  readonly pingIntervalMs: number;
  /** A peer of which nothing was heard for this long, while this node was awake, is gone. */
  readonly silenceTimeoutMs: number;
  /** How often stalls and silences are looked for. */
  readonly sweepMs: number;
  /** From an open connection to `ready`; then it is closed. */
  readonly handshakeTimeoutMs: number;
  /** One attempt to reach one peer, all its addresses together. */
  readonly dialTimeoutMs: number;
  /** Attempts under way: twenty at once let most of them time out. */
  readonly dialsAtOnce: number;
  /** Waits between attempts double from the first to the last of these, with jitter. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A connection that held this long forgets earlier failures. */
  readonly stableMs: number;
  /** How long the node with the higher peer id leaves the dialling to the other. */
  readonly dialGraceMs: number;
  /** Addresses of one peer that are tried. */
  readonly addressesMax: number;
  /** Connections of one peer: two in use, two that replace them, and as many that are closing. */
  readonly connectionsPerPeerMax: number;
  readonly connectionsMax: number;
  /** Connections whose peer has not yet proven who it is, in all and from one address; half of all from one where members are
   *  known to be. One more takes the place of the oldest. */
  readonly pendingConnectionsMax: number;
  readonly pendingPerAddressMax: number;
  /** Connections of nodes that are no members and may speak the join protocol only, in all and from one address. One more
   *  takes the place of the oldest that has not shown an invitation's secret. */
  readonly strangersMax: number;
  readonly strangersPerAddressMax: number;
  /** Evicted nodes that are let in for their answer within `evictedPauseMs`, each of them once. */
  readonly evictedMax: number;
  readonly evictedPauseMs: number;
  /** From a stranger's connection to what it has to say. */
  readonly joinRequestTimeoutMs: number;
  /** From there to its end; for the stranger, from its first attempt to its last. */
  readonly joinTimeoutMs: number;
  /** How often a stranger tries that was closed on before a word: others may have taken its place. */
  readonly joinAttemptsMax: number;
  /** What a joining node may say of itself. */
  readonly joinRequestBytesMax: number;
  /** A closing connection has so long to send its last words. */
  readonly closeTimeoutMs: number;
}

const MiB = 1024 * 1024;

export const meshLimits: MeshLimits = {
  frameBytesMax: 4 * MiB,
  channels: {
    // A piece fits one noise record of 65,519 bytes together with its yamux header.
    control: { windowBytes: MiB / 4, queueBytesMax: 8 * MiB, pieceBytes: 60 * 1024 },
    // As large as the largest frame, so that the next one can begin before the last was taken.
    message: { windowBytes: 4 * MiB, queueBytesMax: 16 * MiB, pieceBytes: 60 * 1024 },
    // Small, and one a turn of the event loop: what else this node sends goes in between.
    bulk: { windowBytes: 4 * MiB, queueBytesMax: 8 * MiB, pieceBytes: 16 * 1024 },
  },
  windowBytesMax: 64 * MiB,
  stallTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  // Four lost pings. Suspicion is membership's affair and much faster; this only frees what a lost cable holds.
  silenceTimeoutMs: 20_000,
  sweepMs: 1_000,
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 5_000,
  dialsAtOnce: 4,
  backoffMinMs: 100,
  backoffMaxMs: 5_000,
  stableMs: 5_000,
  dialGraceMs: 250,
  addressesMax: 16,
  connectionsPerPeerMax: 8,
  connectionsMax: 4_096,
  pendingConnectionsMax: 256,
  pendingPerAddressMax: 16,
  strangersMax: 32,
  strangersPerAddressMax: 4,
  evictedMax: 8,
  // Shorter than the start of a process, so that one that is started over and over hears it each time.
  evictedPauseMs: 1_000,
  joinRequestTimeoutMs: 3_000,
  joinTimeoutMs: 15_000,
  joinAttemptsMax: 5,
  joinRequestBytesMax: 64 * 1024,
  closeTimeoutMs: 500,
};

/** The bounds of invitations. */
export const invitationLimits = {
  /** Invitations on record; expired ones are cleared away first. Beyond it: LIMIT_REACHED. */
  invitationsMax: 256,
  /** An invitation's life: a token that lies about is a way in. The interface asks for no longer one either. */
  lifeMsMax: 7 * 24 * 3_600_000,
  /** An expired invitation is still answered for, with a clear refusal, for so long. */
  answeredMs: 600_000,
  /** And is on record for so long, for whoever asks what became of it. */
  keptMs: 7 * 24 * 3_600_000,
  /** Attempts to write one row that others write at the same time. Beyond it: OVERLOADED. */
  attemptsMax: 8,
  tokenCharsMax: 4_096,
} as const;
