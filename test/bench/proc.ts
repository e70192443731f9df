/** What the system tells of processes of which the bench knows no more than their number. Linux. */
import { readdirSync, readFileSync } from "node:fs";

/** What Linux counts processor time in: a hundredth of a second, on every processor that Plexus runs on. */
const tickUs = 10_000;

/** A process and all that it has started, with what those have started. */
export function familyOf(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(familyOf)];
}

/** Processor time that these processes took so far, all their threads. */
export function processorUs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    // The name of the program is in parentheses and may have spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * tickUs;
  }, 0);
}

/** The part of the name of a library that is `before…after` in memory of one of these processes. */
export function libraryOf(pids: readonly number[], before: string, after: string): string | undefined {
  for (const pid of pids)
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const name = line.split("/").at(-1) ?? "";
      if (name.startsWith(before) && name.endsWith(after)) return name.slice(before.length, -after.length);
    }
  return undefined;
}

/** What a process has in memory. */
export const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096;
