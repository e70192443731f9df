/** What the machine gives to inference: threads and memory. Decisions are pure; `readMachine` looks. */
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { runtimeLimits } from "./limits.ts";

export interface Machine {
  /** Cores this process may run on (affinity counted). */
  readonly cores: number;
  /** Cores' worth of time that the control group grants; absent without a quota. */
  readonly quotaCores?: number;
  readonly memoryBytes: number;
  /** Memory limit of the control group; absent without one. */
  readonly groupMemoryBytes?: number;
  /** Threads that an admin leaves to models; absent without a bound. */
  readonly threadsMax?: number;
  /** Threads that models keep however busy the node is; absent: one. */
  readonly threadsMin?: number;
  /** Memory that an admin leaves to models; absent without a bound. */
  readonly memoryMaxBytes?: number;
}

/** One core stays free for the event loops: with as many threads as cores the barriers of llama.cpp spin against them
 *  and a 100M model fell from 44.6 to 0.66 tokens a second. For the same reason `models` that may run at the same time
 *  share the others. A small model is fastest on one thread. */
export function threadCount(machine: Machine, parameters: number, models: number): number {
  if (parameters < runtimeLimits.parametersPerExtraThreadMin) return 1;
  return Math.max(1, Math.floor(threadsToShare(machine) / Math.max(1, models)));
}

/** Threads for all models together. */
export function threadsToShare({ cores, quotaCores = cores, threadsMax = Infinity }: Machine): number {
  return Math.max(1, Math.min(cores - 1, Math.floor(quotaCores) - 1, threadsMax));
}

/** Shares threads among models that run at the same time, each of which can use `most`: nobody gets more than that, the
 *  rest is the others', and everybody gets one. */
export function threadShares(threads: number, most: readonly number[]): readonly number[] {
  const shares = most.map(() => 1);
  let left = threads - shares.length;
  while (left > 0) {
    const wanting = [...most.keys()].filter((index) => (shares[index] ?? 0) < (most[index] ?? 0));
    if (wanting.length === 0) break;
    for (const index of wanting.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
    left -= Math.min(left, wanting.length);
  }
  return shares;
}

/** Bytes that all models together may take. */
export function memoryBudgetBytes(machine: Machine): number {
  const share = Math.floor(machine.memoryBytes * runtimeLimits.memoryShareMax);
  return Math.min(share, machine.groupMemoryBytes ?? share, machine.memoryMaxBytes ?? share);
}

/** `max 100000` or `150000 100000`: quota and period of a control group, in microseconds. */
export function quotaCoresOf(cpuMax: string): number | undefined {
  const [quota, period] = cpuMax.trim().split(/\s+/).map(Number);
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined;
  return quota / period;
}

/** `max`, or a number of bytes. */
export function groupMemoryOf(memoryMax: string): number | undefined {
  const bytes = Number(memoryMax.trim());
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Reads cores and memory, and the limits of the control groups this process is in (Linux, version 2). */
export function readMachine(): Machine {
  const folders = groupFolders(readOr("/proc/self/cgroup", ""));
  const quotaCores = smallest(folders.map((folder) => quotaCoresOf(readOr(`${folder}/cpu.max`, ""))));
  const groupMemoryBytes = smallest(folders.map((folder) => groupMemoryOf(readOr(`${folder}/memory.max`, ""))));
  return {
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    ...(quotaCores !== undefined && { quotaCores }),
    ...(groupMemoryBytes !== undefined && { groupMemoryBytes }),
  };
}

/** The control group named in `/proc/self/cgroup` and those it is in, innermost first: each may set a limit. */
export function groupFolders(selfCgroup: string): readonly string[] {
  const path = /^0::(\/.*)$/m.exec(selfCgroup)?.[1] ?? "/";
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  return [...names.keys(), names.length]
    .map((count) => ["/sys/fs/cgroup", ...names.slice(0, count)].join("/"))
    .toReversed();
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}
