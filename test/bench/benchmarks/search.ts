/** Finding messages: the index of a node next to SQLite's full text alone, and posts with the index and without. */
import { servedTarget, type Benchmark } from "../benchmark.ts";

/** Fewer for a first look: PLEXUS_BENCH_MESSAGES. The figures of docs/develop/benchmarks are of a million. */
const messages = Number(process.env["PLEXUS_BENCH_MESSAGES"] ?? 1_000_000);

export const search: Benchmark = {
  name: "search",
  about:
    "the 95th percentile of searches of a person in some rooms, of a million messages, and FTS5 alone on the same texts",
  warmUps: 1,
  rounds: 5,
  targets: {
    index: () => servedTarget("search.ts", "find", { messages }),
    fts5: () => servedTarget("search.ts", "findRaw", { messages }),
    "fts5, in rooms": () => servedTarget("search.ts", "findRaw", { messages, inRooms: true }),
    "index, hostile": () => servedTarget("search.ts", "findHostile", { messages }),
  },
  rows: [
    { row: "search/fts5", unit: "ms", better: "lower", figure: "p95Ms", ours: "index", peers: ["fts5"], aimRatio: 2 },
    { row: "search/in-rooms", unit: "ms", better: "lower", figure: "p95Ms", ours: "index", peers: ["fts5, in rooms"] },
    { row: "search/median", unit: "ms", better: "lower", figure: "medianMs", ours: "index", peers: ["fts5"] },
    { row: "search/hostile", unit: "ms", better: "lower", figure: "maxMs", ours: "index, hostile", peers: ["fts5"] },
    { row: "search/disk", unit: "bytes a message", better: "lower", figure: "bytes", ours: "index", peers: ["fts5"] },
  ],
};

export const searchPosts: Benchmark = {
  name: "search-posts",
  about: "posts a second into rooms of one node, whose index follows, and of one that has none",
  warmUps: 1,
  rounds: 7,
  targets: {
    indexed: () => servedTarget("search-posts.ts", "post", {}, ["indexed"]),
    "without an index": () => servedTarget("search-posts.ts", "post", {}),
  },
  rows: [
    {
      row: "search-posts/without",
      unit: "posts/s",
      better: "higher",
      figure: "perSecond",
      ours: "indexed",
      peers: ["without an index"],
      aimRatio: 0.95,
    },
    {
      row: "search-posts/cpu",
      unit: "µs of CPU",
      better: "lower",
      figure: "threadCpuUs",
      ours: "indexed",
      peers: ["without an index"],
      aimRatio: 1.05,
    },
  ],
};
