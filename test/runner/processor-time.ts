/** What tests cost in processor time, with everything that they start. Linux tells it; elsewhere nothing is
 *  measured. */
import { readdirSync, readFileSync } from "node:fs";

interface Usage {
  readonly parent: number;
  readonly group: number;
  /** Its own, and of the children that it has waited for. */
  readonly own: number;
  readonly waited: number;
}

/** Linux counts in hundredths of a second. */
const ticksPerSecond = 100;

function usageOf(pid: number | "self"): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may have anything in it: state, parent, group, … user and system time, the same of
    // children.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const seconds = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) / ticksPerSecond;
    return { parent: Number(fields[1]), group: Number(fields[2]), own: seconds(11), waited: seconds(13) };
  } catch {
    return undefined;
  }
}

function everybody(): ReadonlyMap<number, Usage> {
  const all = new Map<number, Usage>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const usage = Number.isNaN(pid) ? undefined : usageOf(pid);
    if (usage !== undefined) all.set(pid, usage);
  }
  return all;
}

const isTold = usageOf("self") !== undefined;

/** Measures a process group whose leader is a child of this process. */
export interface GroupMeasure {
  /** Processor seconds of those that are there, with what they have waited for; undefined where the system does not
   *  tell. */
  look(): number | undefined;
  /** The leader has ended and was waited for. */
  ended(): void;
  /** Processor seconds of the group. What a process used that nobody waited for is missing from its last look on. */
  total(): number;
}

let countedSeconds = 0;

/** Looks at the group of a child. Several may be measured at a time. */
export function groupSeconds(leader: number): GroupMeasure {
  let used = 0;
  let last = 0;
  const take = (seconds: number): void => {
    used += Math.max(0, seconds - last);
    last = seconds;
  };
  return {
    look() {
      if (!isTold) return undefined;
      let sum = 0;
      for (const { group, own, waited } of everybody().values()) if (group === leader) sum += own + waited;
      take(sum);
      return sum;
    },
    ended() {
      // One child is waited for at a time: what has come since the last one is of this one.
      const waited = usageOf("self")?.waited ?? 0;
      used = Math.max(used, waited - countedSeconds);
      countedSeconds = waited;
    },
    total: () => used,
  };
}

/** Processor seconds of this process and of all that descend from it, ended or not. What a killed process leaves behind
 *  is lost. */
export function treeSeconds(): number {
  if (!isTold) return 0;
  const all = everybody();
  let sum = 0;
  for (const [pid, { own, waited }] of all) {
    let above: number | undefined = pid;
    // No process is its own ancestor; one that changes while this reads could seem to be.
    for (let steps = 0; above !== undefined && above !== process.pid && steps < 64; steps += 1)
      above = all.get(above)?.parent;
    if (above === process.pid) sum += own + waited;
  }
  return sum;
}
