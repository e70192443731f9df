/** How a node shares its cores and its memory between its models and all else that it does: one decision, looked at
 *  again each second. Pure.
 *
 *      cores that the node's own process used, and some to spare ─► cores kept for it: at least one
 *      event loop always busy, so that it may have been kept waiting ─► one more
 *      memory of the node's own process, and some to spare ─► memory kept for it, in steps
 *
 *  More is kept at the first look that asks for it; it is given back in steps, each after some looks in a row that need
 *  less. So work that comes and goes takes once, and models do not change their threads with each breath of the node.
 *
 *  Invariants: models have at least `threadsMin` threads and at most `threadsMax`, within what cores and quota leave
 *  when one stays free. From the same state more load never gives models more. A load that stays the same ends in
 *  shares that stay the same. */
import { describeBytes } from "../protocols/words/amounts.ts";
import { runtimeLimits } from "./limits.ts";
import { threadsToShare, type Machine } from "./machine.ts";

/** What the node's own process took since the last look: everything but the hosts of models. */
export interface NodeLoad {
  /** Cores' worth of time. */
  readonly cores: number;
  /** Share of the time in which its event loop had work, from 0 to 1. */
  readonly busyShare: number;
  readonly memoryBytes: number;
}

/** What is kept for the node. */
interface Kept {
  readonly cores: number;
  readonly memoryBytes: number;
  /** Looks in a row that needed fewer cores, or less memory. */
  readonly calmLooks: { readonly cores: number; readonly memory: number };
  /** Its event loop is held for busy. */
  readonly busy: boolean;
}

/** What models may have in all, and why so much. */
export interface Shares {
  readonly threads: { readonly now: number; readonly most: number; readonly because: string };
  readonly memory: { readonly budgetBytes: number; readonly mostBytes: number; readonly because: string };
  readonly kept: Kept;
}

const {
  coresSpare,
  calmLooksMin,
  nodeMemoryStepBytes: step,
  nodeMemoryBytesMin,
  busyShareMax,
  busyShareCalm,
  memoryShareMax,
} = runtimeLimits;

/** What is kept while nothing is known of the load. */
const nothingKnown: Kept = {
  cores: 1,
  memoryBytes: nodeMemoryBytesMin,
  calmLooks: { cores: 0, memory: 0 },
  busy: false,
};

/** Shares a machine. `before`: what was decided at the last look; absent at the first. */
export function shareNode(machine: Machine, load: NodeLoad | undefined, before?: Shares): Shares {
  const kept = keep(load, before?.kept ?? nothingKnown);
  return { threads: threadsOf(machine, kept, load), memory: memoryOf(machine, kept), kept };
}

function keep(load: NodeLoad | undefined, before: Kept): Kept {
  if (load === undefined) return before;
  const busy = load.busyShare > (before.busy ? busyShareCalm : busyShareMax);
  const cores = followed(before.cores, before.calmLooks.cores, {
    need: Math.max(1, Math.ceil(load.cores + coresSpare)) + Number(busy),
    by: 1,
  });
  const memory = followed(before.memoryBytes, before.calmLooks.memory, {
    need: Math.max(nodeMemoryBytesMin, Math.ceil((load.memoryBytes * 1.25) / step) * step),
    by: step,
  });
  const calmLooks = { cores: cores.calmLooks, memory: memory.calmLooks };
  return { cores: cores.kept, memoryBytes: memory.kept, calmLooks, busy };
}

/** Rises to what is needed at once; falls by a step after so many looks that needed less. */
function followed(
  kept: number,
  calmLooks: number,
  { need, by }: { readonly need: number; readonly by: number },
): { readonly kept: number; readonly calmLooks: number } {
  if (need > kept) return { kept: need, calmLooks: 0 };
  if (need === kept) return { kept, calmLooks: 0 };
  return calmLooks + 1 < calmLooksMin ? { kept, calmLooks: calmLooks + 1 } : { kept: kept - by, calmLooks: 0 };
}

function threadsOf(machine: Machine, kept: Kept, load: NodeLoad | undefined): Shares["threads"] {
  const { cores, quotaCores = cores, threadsMax = Infinity, threadsMin = 1 } = machine;
  const most = threadsToShare(machine);
  const least = Math.min(most, Math.max(1, threadsMin));
  const free = Math.min(cores, Math.floor(quotaCores)) - kept.cores;
  const now = Math.min(most, Math.max(least, free));
  return { now, most, because: because() };

  function because(): string {
    const granted =
      Math.floor(quotaCores) < cores ? `the control group grants ${quotaCores} of ${cores} cores` : `of ${cores} cores`;
    const used = load === undefined ? "" : ` used ${load.cores.toFixed(1)}`;
    const busy = kept.busy ? ", and its event loop is busy" : "";
    if (cores === 1) return "there is one core";
    if (free < least && least > 1) return `modelThreadsMin is ${threadsMin}; the node${used}${busy}`;
    if (now === threadsMax && free >= threadsMax) return `modelThreads is ${threadsMax}`;
    const stay = Math.floor(quotaCores) < cores ? ", and" : "";
    if (kept.cores === 1) return `${granted}${stay} one stays free for the node`;
    const shown = Math.max(1, Math.min(cores, Math.floor(quotaCores)) - now);
    return `${granted}${stay} ${shown === 1 ? "one stays" : `${shown} stay`} free for the node, which${used}${busy}`;
  }
}

function memoryOf(machine: Machine, kept: Kept): Shares["memory"] {
  const { memoryBytes, groupMemoryBytes = Infinity, memoryMaxBytes = Infinity } = machine;
  const grouped = groupMemoryBytes < memoryBytes;
  const limit = Math.min(memoryBytes, groupMemoryBytes);
  // Elsewhere on the machine others live; in a control group of its own nobody does.
  const others = grouped || memoryMaxBytes < Infinity ? limit : Math.floor(memoryBytes * memoryShareMax);
  const most = Math.min(others, memoryMaxBytes);
  const free = Math.max(0, limit - kept.memoryBytes);
  const budgetBytes = Math.min(most, free);
  const node = `${describeBytes(kept.memoryBytes)} are the node's`;
  const because =
    free < most
      ? `${grouped ? "the control group grants" : "the machine has"} ${describeBytes(limit)}, of which ${node}`
      : memoryMaxBytes <= most
        ? `modelMemoryMiB is ${mebibytes(memoryMaxBytes)}`
        : `${Math.round(memoryShareMax * 100)} % of the machine's ${describeBytes(memoryBytes)}`;
  return { budgetBytes, mostBytes: most, because };
}

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
