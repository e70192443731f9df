/** What tests cost in processor time, with everything that they start. */
import { readdirSync, readFileSync } from "node:fs";

interface Usage {
  readonly parent: number;
  /** Its own, and of the children that it has waited for. */
  readonly own: number;
  readonly waited: number;
}

/** Linux counts in hundredths of a second. */
const ticksPerSecond = 100;

function usageOf(pid: number | "self"): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may have anything in it: state, parent, … user and system time, the same of children.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const seconds = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) / ticksPerSecond;
    return { parent: Number(fields[1]), own: seconds(11), waited: seconds(13) };
  } catch {
    return undefined;
  }
}

/** Processor seconds of all children that have ended, and of theirs; 0 where the system does not say it as Linux does. */
export const endedSeconds = (): number => usageOf("self")?.waited ?? 0;

/** Processor seconds of this process and of all that descend from it, ended or not. What a killed process leaves behind is lost. */
export function treeSeconds(): number {
  const all = new Map<number, Usage>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const usage = Number.isNaN(pid) ? undefined : usageOf(pid);
    if (usage !== undefined) all.set(pid, usage);
  }
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

/** Processor milliseconds that this thread takes for work that does not wait: neither what else the machine does counts nor what other
 *  threads do, so that a limit says something about the work alone. */
export function threadMsOf(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}
