/** Shards: bytes beside their holders, stripes. */
export const shardLimits = {
  /** A shard with its header; a larger one is refused with `TOO_LARGE`.
   *
   *  A stripe is cut so that its shards have 8 MiB at the most. */
  shardBytesMax: 8 * 1024 * 1024 + 64 * 1024,
  /** Bytes of a shard in one message. */
  chunkBytesMax: 1024 * 1024,
  /** Smallest such part but the last; a smaller one ends the upload with `BAD_REQUEST`. */
  chunkBytesMin: 64 * 1024,
  /** Chunks of one shard that are under way; the next one waits for an answer. */
  chunksUnderWay: 2,
  /** Uploads that a node takes at a time; one more is refused with `OVERLOADED`. */
  uploadsMax: 32,
  /** The same from one other node. */
  uploadsPerNodeMax: 12,
  /** An upload of which nothing comes for so long is given up. */
  uploadIdleMs: 30_000,
  /** One that is not whole by then is given up, too: nothing else can happen to these bytes meanwhile. */
  uploadMsMax: 10 * 60_000,
  /** Chunks and proofs that are read for other nodes at a time; one more is refused with `OVERLOADED`. */
  readsAtOnceMax: 32,
  /** A node that does not answer a question about shards for so long does not answer. */
  callTimeoutMs: 15_000,
  /** The same of a holder, whose answer waits for its slot's copies. */
  holderTimeoutMs: 15_000,

  /** Bytes of stripes that a node codes, sends or reads at a time; what is more waits. */
  stripeBytesAtOnce: 192 * 1024 * 1024,
  /** Stripes that wait for that; one more is refused with `OVERLOADED`. */
  stripesWaitingMax: 64,
  /** A larger stripe is refused with `TOO_LARGE`. */
  stripeBytesMax: 64 * 1024 * 1024,
  /** How long an upload may take until enough holders have their shards; then `HOLDERS_TOO_FEW`, or what they said. */
  putTimeoutMs: 120_000,
  /** Times that an upload begins again because a holder has other shards of the same bytes, or remembers a later
   *  release. */
  putTriesMax: 4,
  /** A group that is closed takes shards of uploads that were begun so long after that: clocks differ. */
  closedGraceMs: 10 * 60_000,
  /** How long the others may take. What is missing then is made good as what was lost is. */
  restTimeoutMs: 10 * 60_000,
  /** Pause before a holder that did not take its shard is tried again; doubles each time. */
  retryMsMin: 250,
  /** Longest such pause. */
  retryMsMax: 15_000,
  /** Stripes that are kept anew and of which some holders have not answered; one more waits for all. */
  keepsTellingMax: 1_024,
  /** A read asks one holder more when one has taken so many times as long as it usually takes. */
  hedgeFactor: 3,
  /** It does so after this at the earliest. */
  hedgeMsMin: 200,
  /** It does so after this at the latest. */
  hedgeMsMax: 5_000,
  /** How long a read may take. */
  readTimeoutMs: 120_000,
  /** Nodes whose speed is remembered, and what audits have shown of them. */
  pacesMax: 1_024,

  /** What a holder may have: bytes. The node's disk ends it earlier (`DISK_FULL`). */
  holderBytesMax: 16 * 1024 ** 4,
  /** What a holder may have: shards. */
  holderShardsMax: 1_000_000,
  /** What one owner may bring a holder within a minute; more is refused with `RATE_LIMITED`. */
  ownerBytesPerMinute: 16 * 1024 ** 3,
  /** Shards of holders on this node's disk; one more is refused with `LIMIT_REACHED`. */
  referencesMax: 2_000_000,
  /** Hashes in one question to another node. */
  hashesPerMessage: 1_024,
  /** Stripes in one question to a holder. */
  describedMax: 64,
  /** Lost shards of a holder that are looked at together, the most endangered of them first. */
  mendWindow: 256,
  /** Shards that a node makes good at a time. */
  mendsAtOnce: 2,
  /** What is made good in a second; then it pauses. */
  mendBytesPerSecond: 32 * 1024 * 1024,
  /** Pause between two looks for what is lost. */
  mendEveryMs: 30_000,
  /** From the news that something is lost until it is looked at: much comes together. */
  mendSettleMs: 500,
  /** Pause between two looks at a part of what is lost, where nothing of the last part could be made good. */
  mendPageMs: 5_000,
  /** Pause before a shard that could not be made good is tried again; doubles each time. */
  mendRetryMsMin: 10_000,
  /** Longest such pause. */
  mendRetryMsMax: 30 * 60_000,
  /** Lost shards of which a node remembers how often it has tried; further ones are tried whenever their turn comes. */
  mendsKnownMax: 20_000,
  /** How long a node may be away before what its holders had is made anew elsewhere, while the stripe can lose more. */
  absenceMs: 60 * 60_000,
  /** The same, when one more loss would lose the stripe.
   *
   *  A machine that restarts is back by then. */
  absenceMsMin: 5 * 60_000,
  /** Letters of which holders are to be told what; further shards are found by an audit, and the release of a stripe is
   *  refused. */
  tellingMax: 4_096,
  /** Pause before a node that did not hear it is told again. */
  tellRetryMs: 10_000,
  /** For how long that is tried. */
  tellForMs: 24 * 3_600_000,
  /** Shards that others say a holder here should have; further ones are found again by the next audit. */
  adoptedMax: 4_096,
  /** How long a node that is told to heal at once goes on before it answers. */
  healTimeoutMs: 60_000,
  /** Times that such a one is tried. */
  adoptTriesMax: 5,

  /** How often a holder's bytes are compared with its inventory. Also when the holder comes to a node. */
  surveyEveryMs: 6 * 3_600_000,
  /** Pause before that is tried again when the holder that came does not answer; doubles each time. */
  surveyRetryMsMin: 5_000,
  /** Longest such pause. */
  surveyRetryMsMax: 10 * 60_000,
  /** How often some of the shards are read, and asked for elsewhere. */
  auditEveryMs: 60_000,
  /** Every shard is read where it is, and asked for by another holder, within this time. */
  auditCoverMs: 30 * 24 * 3_600_000,
  /** Shards of a holder in one such step. */
  auditsMax: 64,
  /** A proof that takes longer is slow: fetching the shard from another node takes longer than reading a leaf. */
  auditDeadlineMs: 5_000,
  /** Such a proof counts as slow at this at the earliest, however quick others are. */
  auditDeadlineMsMin: 1_000,
  /** It may take so many times as long as others take. */
  auditDeadlineFactor: 8,
  /** Of so many of the proofs the leaf is read as well, as readers do. */
  auditReadShare: 0.25,
  /** Bad results of one node are in the cluster's log once in this time. */
  auditNotedEveryMs: 3_600_000,
  /** Holders of which it is remembered where their walk is; the first are forgotten. */
  walksMax: 4_096,
  /** Lines of an inventory that are read for one step of a walk; what is more in that part comes in a later walk. */
  walkLinesMax: 8_000,
  /** Parts of an inventory that one step looks at. */
  walkPartsAtOnce: 16,
  /** Receipts that are kept; the first go. */
  receiptsMax: 10_000,
  /** How often what nobody refers to is collected. */
  collectEveryMs: 10 * 60_000,
  /** Nobody has referred to it for so long: it goes into the trash. */
  collectGraceMs: 48 * 3_600_000,
  /** How long it lies there. */
  trashMs: 7 * 24 * 3_600_000,
  /** For how long a release of a stripe is remembered: what was begun before and comes later brings it back.
   *
   *  Longer than anything is told again, and than a walk of the audits takes. */
  rememberMs: 60 * 24 * 3_600_000,
  /** Bytes of a holder that has moved away stay for so long after the new owner has them. */
  movedMs: 3_600_000,

  /** How long a hand-over of a holder waits for its bytes to be at the new owner. Then it goes on, and the rest is
   *  fetched. */
  aheadMsMax: 24 * 3_600_000,
  /** A hand-over that nobody asked for during this time is a new one. */
  aheadGapMs: 60_000,
  /** What was found equal so long ago is compared again before the hand-over. */
  aheadFreshMs: 5_000,
  /** Pause before a comparison that failed is tried again. */
  aheadRetryMs: 5_000,
  /** Shards that are sent ahead at a time. */
  aheadAtOnce: 4,

  /** Bytes that are here for a holder and that its inventory does not name are deleted after so long.
   *
   *  Longer than any upload takes, and than a holder that has moved away needs to be whole elsewhere. */
  graceMs: 48 * 3_600_000,
} as const;

/** The same, where a test has smaller ones. */
export type ShardLimits = { readonly [Name in keyof typeof shardLimits]: number };
