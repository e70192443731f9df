/** Core dumps: when a process dies of a signal, the system may write all of its memory to the disk, with the keys and
 *  texts in it. `bin/plexus` forbids that for what it starts; a node that was started in another way says that it may
 *  happen. */
import { readFileSync } from "node:fs";

/** Whether the limits of this process allow a core dump. Where the system tells nothing, nothing is said. */
export function mayDumpCore(limitsFile = "/proc/self/limits"): boolean {
  try {
    const soft = /^Max core file size +(\S+)/m.exec(readFileSync(limitsFile, "utf8"))?.[1];
    return soft !== undefined && soft !== "0";
  } catch {
    return false;
  }
}
