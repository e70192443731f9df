/** Whose disk is far slower than those of the others. Every node says with its load what a synced write takes at its
 *  disk, and every node judges by the same rule, so they agree but for a moment.
 *
 *      well ── far slower, some looks in a row ──► slow ── nearly as fast again, more looks in a row ──► well
 *
 *  Pure: figures in, opinions out. Only the comparison counts: where all disks are slow, none is. */
import type { NodeId } from "../../ports/index.ts";
import type { MembershipLimits } from "./limits.ts";

type SlowLimits = Pick<MembershipLimits, "slowDiskMs" | "slowDiskFactor" | "slowDiskLooks" | "wellDiskLooks">;

/** What this node thinks of a disk. */
interface Opinion {
  readonly isSlow: boolean;
  /** Looks in a row that spoke against it. */
  readonly against: number;
}

export type DiskOpinions = ReadonlyMap<NodeId, Opinion>;

/** The middle one, of two the higher: no more than half of the disks are ever far slower than the others. */
const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Infinity;

/** The next opinions. `figures`: what a synced write takes at each node that is up and has said so, in milliseconds. A
 *  node that says nothing is forgotten, and comes back as well. */
export function judgeDisks(
  before: DiskOpinions,
  figures: ReadonlyMap<NodeId, number>,
  limits: SlowLimits,
): DiskOpinions {
  const next = new Map<NodeId, Opinion>();
  for (const [node, tookMs] of figures) {
    const others = [...figures].flatMap(([other, ms]) => (other === node ? [] : [ms]));
    const farMs = Math.max(limits.slowDiskMs, limits.slowDiskFactor * median(others));
    const { isSlow, against } = before.get(node) ?? { isSlow: false, against: 0 };
    // Half of it, so that one at the border does not come and go.
    const speaksAgainst = isSlow ? tookMs < farMs / 2 : tookMs >= farMs;
    const looks = isSlow ? limits.wellDiskLooks : limits.slowDiskLooks;
    if (!speaksAgainst) next.set(node, { isSlow, against: 0 });
    else if (against + 1 < looks) next.set(node, { isSlow, against: against + 1 });
    else next.set(node, { isSlow: !isSlow, against: 0 });
  }
  return next;
}

/** Those whose disk is slow. */
export const slowOnes = (opinions: DiskOpinions): ReadonlySet<NodeId> =>
  new Set([...opinions].flatMap(([node, { isSlow }]) => (isSlow ? [node] : [])));
