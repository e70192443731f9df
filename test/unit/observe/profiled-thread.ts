/** Profiles itself, and tells what it found. In a thread of its own: V8 ends the coverage of a thread when a profile of
 *  it ends. */
import { parentPort } from "node:worker_threads";
import { cpuTree, heapTree } from "../../../node/observe/profile-tree.ts";
import { profileCpu, profileHeap } from "../../../node/platform/index.ts";
import { hottest } from "../../../protocols/index.ts";

function spin(ms: number): number {
  let turns = 0;
  for (const endMs = performance.now() + ms; performance.now() < endMs;) turns += 1;
  return turns;
}

const spun = Promise.withResolvers<void>();
const taking = profileCpu(1_000, spun.promise);
await new Promise((resolve) => setImmediate(resolve));
spin(300);
spun.resolve();
const cpu = cpuTree(await taking, `${import.meta.dirname}/../../..`);

const kept: number[][] = [];
const filled = new Promise((resolve) => setImmediate(resolve)).then(() =>
  kept.push(Array.from({ length: 200_000 }, (_, one) => one)),
);
const heap = heapTree(await profileHeap(1_024, filled), "/nowhere");
parentPort?.postMessage({ busiest: hottest(cpu, 10).map(({ name }) => name), heapBytes: heap.total });
