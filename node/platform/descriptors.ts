/** Descriptors: files, sockets and pipes that a process may have open at once. Code that is refused one cannot go on,
 *  so what strangers can take is bounded below what the node needs:
 *
 *      limit ─┬─ own     the event loop, the log, the inference host
 *             ├─ disk    the journal
 *             ├─ mesh    connections with other nodes
 *             └─ web     connections of people: what is left
 *
 *  The shares are made once, at the start; each part keeps its own. */
import { readFileSync } from "node:fs";
import { failure, PlexusError } from "../../protocols/index.ts";
import { processLimits } from "./limits.ts";

/** How many descriptors each use may have. */
interface DescriptorShares {
  readonly limit: number;
  readonly disk: number;
  readonly mesh: number;
  readonly web: number;
}

/** Shares out `limit`. Error: CONFIG_INVALID when that is too few for a node. */
export function shareDescriptors(limit: number): DescriptorShares {
  const {
    descriptorsMin,
    descriptorsOwn,
    descriptorsShare,
    descriptorsShareMin,
    descriptorsDiskMax,
    descriptorsMeshMax,
  } = processLimits;
  if (limit < descriptorsMin)
    throw new PlexusError(
      failure("CONFIG_INVALID", {
        field: "",
        from: "the limit on open files",
        reason: `${limit} is too few for a node, which needs ${descriptorsMin} at least`,
        hint: "Raise it: ulimit -n 4096, or LimitNOFILE= of systemd.",
      }),
    );
  const part = Math.max(descriptorsShareMin, Math.floor(limit / descriptorsShare));
  const disk = Math.min(part, descriptorsDiskMax);
  const mesh = Math.min(part, descriptorsMeshMax);
  return { limit, disk, mesh, web: limit - descriptorsOwn - disk - mesh };
}

/** How many this process may have. Node has raised its soft limit to the hard one by the time this is read. */
export function readDescriptorLimit(limitsFile = "/proc/self/limits"): number {
  const row = /^Max open files +(\S+)/m.exec(readFileSync(limitsFile, "utf8"))?.[1];
  const limit = Number(row);
  return Number.isInteger(limit) ? Math.min(limit, processLimits.descriptorsCounted) : processLimits.descriptorsCounted;
}

/** Memory that the process has in use, as the system counts it. Asking takes a descriptor, so the system may refuse:
 *  then it is what was seen last. */
export function createMemoryReading(read: () => number = () => process.memoryUsage.rss()): () => number {
  let last = 0;
  return () => {
    try {
      last = read();
    } catch {
      // EMFILE, ENFILE, ENOMEM: the caller only wants a figure; a failure here must not end the process.
    }
    return last;
  };
}
