/** Bounds of the membership. `docs/limits.md` says what happens at each. */
export const membershipLimits = {
  /** How often a node says that it is here. */
  heartbeatMs: 100,
  /** Members beyond which everybody beats less often in proportion, so that a node never handles more than about 1,000
   *  beats a second. The two timeouts below stretch by the same factor. */
  membersAtFullRate: 100,
  /** Beats in whose rhythm a peer is judged: 10 s of them. */
  beatWindow: 100,
  /** Fewer than this say nothing about the rhythm: the longest timeout holds. */
  beatWindowMin: 10,
  /** Silence that is never held against a peer: a pause of 500 ms, one heartbeat, and slack for a busy machine. */
  silenceMinMs: 800,
  /** Silence after which a peer is thought to be down, however irregular it was before. */
  silenceMaxMs: 1_600,
  /** A peer that connects again within this was never down: longer than a handshake in one data centre. */
  reconnectGraceMs: 20,
  /** A pause of this process that makes what it sees of others void: three of its own heartbeats missed. */
  stallMs: 300,
  /** Beats from one to the next that carries load figures. */
  loadEveryBeats: 10,
  /** Beats from one to the next with which a member without a connection is looked for through another: 5 s, as often as the
   *  mesh tries an address again. */
  seekEveryBeats: 50,
  /** Addresses of its own that a node tells then; as many as the mesh tries. */
  addressesToldMax: 16,
  /** Attempts to change the own row against others that change it, too. Beyond: OVERLOADED. */
  rowAttemptsMax: 8,
  /** Pause before the directory is asked again when joining; doubles up to the second. */
  joinRetryMs: 100,
  joinRetryMaxMs: 5_000,
} as const;

export type MembershipLimits = { readonly [K in keyof typeof membershipLimits]: number };
