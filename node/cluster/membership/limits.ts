/** Membership. */
export const membershipLimits = {
  /** How often a node sends a heartbeat. */
  heartbeatMs: 100,
  /** With more members, all send heartbeats less often in proportion (about 1 000 a second for each node); the
   *  silences below grow alike. */
  membersAtFullRate: 100,
  /** Heartbeats whose intervals are used to judge a peer; the oldest is dropped.
   *
   *  10 s of them. */
  beatWindow: 100,
  /** With fewer heartbeats, `silenceMaxMs` is used. */
  beatWindowMin: 10,
  /** Silence for which a peer is never believed to be down.
   *
   *  A pause of 500 ms, one heartbeat, and slack for a busy machine. */
  silenceMinMs: 800,
  /** Silence after which a peer is believed to be down, however irregular its heartbeats were. */
  silenceMaxMs: 1_600,
  /** A peer that connects again within this was never down.
   *
   *  Longer than a handshake in one data centre. */
  reconnectGraceMs: 20,
  /** After such a pause of its own process a node gives every peer its full time again.
   *
   *  Three of its own heartbeats missed. */
  stallMs: 300,
  /** Every so many beats carry load figures. */
  loadEveryBeats: 10,
  /** A synced write that takes less is not slow, however fast the other disks are. */
  slowDiskMs: 100,
  /** A disk is far slower than the others from so many times their median on. */
  slowDiskFactor: 5,
  /** Looks in a row, one with each report of load, after which a disk counts as slow.
   *
   *  With the batches that are measured about four seconds at a disk that takes 400 ms. */
  slowDiskLooks: 2,
  /** Looks in a row after which a slow disk counts as well again. */
  wellDiskLooks: 10,
  /** A slow disk to which nothing was written for so long is measured by a write of nothing. */
  diskProbeMs: 1_000,
  /** Every so many beats (5 s) a node has members that it is connected with tell where it listens to those that it
   *  is not.
   *
   *  As often as the mesh tries an address again. */
  seekEveryBeats: 50,
  /** Its own addresses that a node announces then.
   *
   *  As many as the mesh tries. */
  addressesToldMax: 16,
  /** Members that a node that has started learns of by the word of others, before the directory has told it the list;
   *  more are not taken. */
  introducedMax: 64,
  /** Attempts to change the node's own member row when others change it too; then `OVERLOADED`. */
  rowAttemptsMax: 8,
  /** Pause before the directory is asked again when joining; doubles. */
  joinRetryMs: 100,
  /** The longest such pause. */
  joinRetryMaxMs: 5_000,
} as const;

export type MembershipLimits = { readonly [K in keyof typeof membershipLimits]: number };

/** Where a node is reached by others. */
export const announceLimits = {
  /** How often a node looks whether its machine has other addresses than it has told. */
  addressLookMs: 30_000,
} as const;
