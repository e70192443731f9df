/** Blobs beside plain files and beside the hash that names them, and what shards are computed with. */
import { servedTarget, type Benchmark, type RowPlan } from "../benchmark.ts";

const target =
  (call: string, load: object = {}) =>
  () =>
    servedTarget("blobs.ts", call, load);

const row = (plan: Pick<RowPlan, "row" | "ours" | "peers"> & Partial<RowPlan>): RowPlan => ({
  unit: "MB/s",
  better: "higher",
  figure: "perSecond",
  ...plan,
});

export const blobs: Benchmark = {
  name: "blobs",
  about: "blobs of 8 MiB put and read, beside plain files synced in the same way, and beside BLAKE3 alone",
  warmUps: 1,
  rounds: 7,
  targets: {
    put: target("put"),
    "plain put": target("plainPut"),
    "get from disk": target("get", { cold: true }),
    "plain get from disk": target("plainGet", { cold: true }),
    "get from memory": target("get", { cold: false }),
    "plain get from memory": target("plainGet", { cold: false }),
    hash: target("hash"),
  },
  rows: [
    row({ row: "blobs/files/put", ours: "put", peers: ["plain put"], aimRatio: 0.6 }),
    row({ row: "blobs/files/get", ours: "get from disk", peers: ["plain get from disk"], aimRatio: 0.6 }),
    // Of what is in the system's memory: there the hash is what limits it.
    row({ row: "blobs/hash/get", ours: "get from memory", peers: ["hash"], aimRatio: 0.6 }),
    row({ row: "blobs/hash/put", ours: "put", peers: ["hash"] }),
    row({ row: "blobs/files/get-memory", ours: "get from memory", peers: ["plain get from memory"] }),
  ],
};

export const coding: Benchmark = {
  name: "coding",
  about:
    "4 + 4 shards made, and one made anew, for each second of a processor; the peers are AES-256-GCM and BLAKE3 of the same bytes",
  warmUps: 1,
  rounds: 5,
  targets: {
    encode: target("encode"),
    remake: target("remake"),
    "aes-256-gcm": target("encrypt"),
    blake3: target("hash"),
  },
  rows: (["encode", "remake"] as const).flatMap((ours) =>
    ["aes-256-gcm", "blake3"].map((peer) =>
      row({ row: `coding/${peer}/${ours}`, unit: "MB/cpu-s", figure: "perCpuSecond", ours, peers: [peer] }),
    ),
  ),
};
