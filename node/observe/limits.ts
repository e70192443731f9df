/** What a node remembers of itself. */
export const observeLimits = {
  /** Lines of the log that a node keeps in memory; the oldest go. */
  logLinesMax: 4_000,
  /** Characters of all lines together; the oldest go. */
  logCharsMax: 4 * 1024 * 1024,
  /** Facts of a line; further ones are left out. */
  factsMax: 32,
  /** Characters of one fact; the rest is cut off. */
  factCharsMax: 1_000,
  /** Characters of the lines in one answer of a node; then it says that there is more. */
  pageCharsMax: 1024 * 1024,
  /** Spans of traces that a node keeps in memory; the oldest go. */
  spansMax: 10_000,
  /** Spans of one trace that a node tells, and that an answer has of all nodes together; the earliest, and the answer
   *  says that there are more. */
  traceSpansMax: 1_000,
  /** Spans that wait to be sent to where traces are gathered; further ones are not sent. */
  exportSpansMax: 2_048,
  /** Spans of one message there. */
  exportBatchSpans: 512,
  /** How often what waits is sent. */
  exportEveryMs: 5_000,
  /** How long a message there may take; then its spans are given up. */
  exportTimeoutMs: 10_000,
  /** How often waiting requests are given the next lines. */
  followPollMs: 1_000,
  /** Requests that wait for lines at one node; one more is refused with `OVERLOADED`. */
  followersMax: 32,
  /** How long another node may take to say what it remembers; then it is named as silent. */
  askMs: 5_000,
  /** Nodes that are asked at the same time. */
  askAtOnceMax: 32,
  /** Time between two figures of the last hour. */
  fineStepMs: 15_000,
  /** Figures of the last hour. */
  finePoints: 240,
  /** Time between two figures of the last day; each is made of those of the last hour. */
  coarseStepMs: 120_000,
  /** Figures of the last day. */
  coarsePoints: 720,
  /** Nodes in an answer with figures of each; the answer says where it goes on. */
  historyRowsMax: 64,
  /** Figures in an answer with those of each node: it has fewer nodes where each has many. */
  historyFiguresMax: 150_000,
  /** Answers with figures that are kept until the next figure, for others who ask the same; the oldest goes. */
  historyKeptMax: 16,
  /** Time between two tallies of requests of the last hour. */
  requestFineStepMs: 60_000,
  /** Tallies of the last hour. */
  requestFinePoints: 60,
  /** Time between two tallies of requests of the last day. */
  requestCoarseStepMs: 900_000,
  /** Tallies of the last day. */
  requestCoarsePoints: 96,
  /** Routes, kinds of actors and API keys, each, of which tallies are kept, 11 KB of memory for one; the one goes that
   *  has been quiet for the longest time. Routes and kinds are fewer. */
  requestNamesMax: 512,
  /** Profiles that a node keeps in memory, the newest ones. */
  profilesKept: 4,
  /** Rows of a tree; what is smaller is put together under its caller. */
  profileRowsMax: 4_000,
  /** Characters of a function's name and place. */
  profileFrameCharsMax: 200,
  /** Time between two looks at what the thread does. */
  cpuEveryUs: 1_000,
  /** Bytes that are made between two samples of the heap, in the mean. */
  heapEveryBytes: 32_768,
} as const;
export type ObserveLimits = { readonly [K in keyof typeof observeLimits]: number };
