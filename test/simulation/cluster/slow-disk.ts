/** One disk of the cluster becomes far slower than the others, and well again: what must be true of where slots are then. */
import type { ClusterPlan } from "./plan.ts";
import type { MemberRecord, NodeId, SlotRecord } from "../../../node/ports.ts";

/** What a synced write takes at the slow disk: two of them one after the other are not yet a copy that says nothing. */
export const slowSyncMs = 200;
/** With less patience a copy on such a disk is one that says nothing. */
const replicaTimeoutMsMin = 600;

/** Whether a cluster's limits let a slow disk be one: it is written to in batches, and its answers are waited for. */
export const bearsSlowDisk = ({ limits, journalLimits }: ClusterPlan): boolean =>
  (limits.replication?.replicaTimeoutMs ?? 0) >= replicaTimeoutMsMin && journalLimits.commitEntriesMax === undefined;
/** Within this nobody may wait for it any more. */
export const sparedMsMax = 10_000;
/** Copies in sync that a slow disk is not spared for. */
const lastingCopies = 2;

/** Who still waits for the slow disk though nobody has to; undefined: nobody. */
export function waitsForSlow(
  slow: NodeId,
  at: {
    readonly records: ReadonlyMap<string, SlotRecord>;
    readonly members: Iterable<MemberRecord>;
    readonly isUp: (node: NodeId) => boolean;
    readonly minInSync: number;
    /** Keeps the embedded directory: it owns nothing either while others can. */
    readonly keeper: NodeId | undefined;
  },
): string | undefined {
  const able = [...at.members].filter(
    ({ node, state }) => node !== slow && node !== at.keeper && state === "active" && at.isUp(node),
  );
  for (const [slot, { owner, inSync, splitFrom, held, home }] of at.records) {
    const role = (splitFrom ?? slot).split("/")[0] as string;
    const others = able.filter(({ roles }) => (roles as readonly string[]).includes(role));
    // Where an operator put one, and where a shard-holder is at home, it is.
    if (owner === slow && others.length > 0 && held !== slow && home === undefined)
      return `${slot} is owned by ${slow}`;
    const least = Math.max(lastingCopies, at.minInSync);
    if (owner !== slow && inSync.includes(slow) && inSync.length > least)
      return `${slot}: ${inSync.join(",")} are in sync, ${slow} is slow`;
  }
  return undefined;
}
