/** Models between nodes. */
export const modelLimits = {
  /** A node that has not said what its models do, or done what it was told, after this long does not answer. */
  controlTimeoutMs: 5_000,
  /** The same of a node that measures how fast it is before it says which models fit it. */
  suggestTimeoutMs: 75_000,
  /** Names of other models in the refusal of an order for one that is not there. */
  namesShownMax: 16,
  /** Characters of the reason for which a model is where it is; the rest is cut. */
  reasonCharsMax: 500,
  /** The wait that is named when a model is not unloaded because it is called. */
  busyRetryMs: 5_000,
  /** A node that does not say within this time whether it has a model counts as one that has not. */
  findTimeoutMs: 5_000,
  /** Nodes that are asked at the same time. */
  findAtOnceMax: 16,
  /** Hashes of leaves in one answer; more are asked for again. */
  leavesPerAnswer: 32_768,
  /** A node that does not give hashes within this time is not used. */
  leavesTimeoutMs: 20_000,
  /** Largest part of a file that another node is given; a larger one is refused with `BAD_REQUEST`. */
  chunkBytesMax: 2 * 1024 * 1024,
  /** A node that does not give a part of a file within this time is not used any more for that file. */
  chunkTimeoutMs: 20_000,
  /** Parts that are read for other nodes at the same time; one more is refused with `OVERLOADED`. */
  readsAtOnceMax: 16,
  /** How often a node looks whether it should pull a wanted model, beside when something changes. */
  lookMs: 30_000,
  /** What changes is looked at so much later: many changes come together. */
  settleMs: 500,
  /** A node that has been down for less keeps its place in the plan: it may only restart. */
  downGraceMs: 10 * 60_000,
  /** A node that should wait until another has a model pulls it from the source after so long. */
  patienceMs: 30 * 60_000,
  /** Pause before a wanted model whose pull failed is tried again; doubles each time. */
  retryMsMin: 60_000,
  /** Longest such pause. */
  retryMsMax: 60 * 60_000,
  /** Bytes of a file in one stripe. A shard has 8 MiB at most, and where there are few nodes a shard is all of it. */
  pieceBytes: 8 * 1024 * 1024,
  /** Bytes of the list of a model's stripes: some 10,000 of them, which is 80 GB. Larger models stay out of stripes. */
  indexBytesMax: 8 * 1024 * 1024,
  /** How often a node looks whether it should bring a wanted model into stripes, beside when something changes. */
  stripesLookMs: 60_000,
  /** How often a node that has a model in stripes looks whether it can be read there. */
  stripesCheckMs: 6 * 3_600_000,
  /** A node gives so much time to each that is before it in line to bring a model there. */
  stripesPatienceMs: 30 * 60_000,
  /** How long stripes of a model are kept that is on its way there: what a crash leaves is collected then. */
  unfinishedMs: 24 * 3_600_000,
  /** Looks at a stripe until every holder keeps it; then a later round goes on. */
  wholeTriesMax: 20,
  /** Pause before each of them. */
  wholePauseMs: 500,
  /** Lists of models' stripes that are remembered. */
  indexesKept: 4,
} as const;

/** The same, where a test has smaller ones. */
export type ModelLimits = { readonly [Name in keyof typeof modelLimits]: number };
