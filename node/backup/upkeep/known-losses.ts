/** What is remembered of losses, beside the head: snapshots are marked by it, and a run does not trust what a check
 *  could not read. It is a note and no proof: every run and check looks anew, and what they find takes the place of
 *  what was noted. */
import { failureOf } from "../../../protocols/index.ts";
import type { Snapshot } from "../../../runtimes/backup/index.ts";
import type { BackupPorts, KnownLosses } from "../ports.ts";

/** Nothing is. */
export const noLosses: KnownLosses = { snapshots: {}, stripes: [] };

/** What somebody has found. */
interface FoundLosses {
  /** The snapshots that were looked at: how many units of each cannot be brought back. */
  readonly units: ReadonlyMap<number, number>;
  /** Stripes that were looked at and could not be read. */
  readonly lost: Iterable<string>;
  /** Whether a stripe that was called lost before has been looked at. */
  readonly looked: (stripe: string) => boolean;
}

/** What is known after a look: of what was not looked at it is what was known before. */
function withFound(
  before: KnownLosses,
  { units, lost, looked }: FoundLosses,
  there: readonly Pick<Snapshot, "number">[],
  max: number,
): KnownLosses {
  const rows = there.map(({ number }) => [String(number), units.get(number) ?? before.snapshots[number] ?? 0] as const);
  const stripes = new Set([...before.stripes.filter((stripe) => !looked(stripe)), ...lost]);
  return {
    snapshots: Object.fromEntries(rows.filter(([, count]) => count > 0).slice(-max)),
    stripes: [...stripes].slice(0, max),
  };
}

/** Notes what was found. Where it cannot be noted, it was found all the same. */
export async function noteLosses(
  { heads, limits, log }: Pick<BackupPorts, "heads" | "limits" | "log">,
  found: FoundLosses,
  there: readonly Pick<Snapshot, "number">[],
): Promise<void> {
  if (heads.losses === undefined) return;
  try {
    const before = await heads.losses.read();
    const after = withFound(before, found, there, limits.lossesKept);
    if (JSON.stringify(after) !== JSON.stringify(before)) await heads.losses.write(after);
  } catch (error) {
    log.warn("backup.losses.unnoted", { failure: failureOf(error) });
  }
}

/** What a file says. One that says nothing is none: the next check writes another. */
export function knownLossesIn(bytes: Uint8Array): KnownLosses {
  try {
    const { snapshots, stripes } = JSON.parse(Buffer.from(bytes).toString()) as Partial<KnownLosses>;
    const counts = Object.values(snapshots ?? {});
    if (counts.every(Number.isSafeInteger) && Array.isArray(stripes)) return { snapshots: snapshots ?? {}, stripes };
  } catch {
    // It was cut off.
  }
  return noLosses;
}
