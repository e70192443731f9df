/** What encryption at rest costs: the same journal and blobs on a disk that is encrypted, and on one that is not. */
import { servedTarget, type Benchmark } from "../benchmark.ts";

export const disk: Benchmark = {
  name: "disk",
  about:
    "processor time of a synced entry, and of a kilobyte of a blob put and read, on an encrypted disk and on a plain one",
  warmUps: 1,
  rounds: 5,
  targets: {
    append: () => servedTarget("disk.ts", "appendEncrypted", {}),
    "plain append": () => servedTarget("disk.ts", "append", {}),
    blob: () => servedTarget("disk.ts", "blobEncrypted", {}),
    "plain blob": () => servedTarget("disk.ts", "blob", {}),
  },
  rows: [
    { row: "disk/entry", unit: "µs of CPU", better: "lower", figure: "cpuUs", ours: "append", peers: ["plain append"] },
    { row: "disk/blob", unit: "µs of CPU/kB", better: "lower", figure: "cpuUs", ours: "blob", peers: ["plain blob"] },
  ],
};
