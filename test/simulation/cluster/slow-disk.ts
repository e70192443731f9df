/** One disk of the cluster becomes far slower than the others, and well again: what must be true of where slots are
 *  then. */
import type { ClusterPlan } from "./plan.ts";
import type { MemberRecord, NodeId, SlotRecord } from "../../../node/ports/index.ts";
import type { ActorId } from "../../../protocols/index.ts";
import type { World } from "../../world/index.ts";

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
  },
): string | undefined {
  const members = [...at.members];
  const zoneOf = (node: NodeId): string => members.find((one) => one.node === node)?.labels["zone"] ?? node;
  const zones = (nodes: readonly NodeId[]): number => new Set(nodes.map(zoneOf)).size;
  for (const [slot, { owner, inSync, splitFrom, held, home }] of at.records) {
    const role = (splitFrom ?? slot).split("/")[0] as string;
    const fast = members.filter(
      ({ node, state, roles }) =>
        node !== slow && state === "active" && at.isUp(node) && (roles as readonly string[]).includes(role),
    );
    // Where an operator put one, and where a shard-holder is at home, it is.
    if (owner === slow && fast.length > 0 && held !== slow && home === undefined) return `${slot} is owned by ${slow}`;
    if (owner === slow || !inSync.includes(slow)) continue;
    const least = Math.max(lastingCopies, at.minInSync);
    // With too few without it: whether another can have the copy, as far from the others as this one is.
    const instead = fast.find(
      ({ node }) => !inSync.includes(node) && zones(inSync.map((one) => (one === slow ? node : one))) >= zones(inSync),
    );
    if (inSync.length > least || instead !== undefined)
      return `${slot}: ${inSync.join(",")} are in sync, ${slow} is slow, ${instead?.node ?? "nobody else"} is not`;
  }
  return undefined;
}

/** So long posts are timed. */
export const timedMs = 5_000;

/** What a post may take once a slow disk is spared, in medians of before. */
const slowerMax = 2;

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Infinity;

/** What posts take, one after the other to each actor, for so long. Gives milliseconds of simulated time. */
export async function timesOf(
  world: World,
  actors: readonly ActorId[],
  post: (actor: ActorId) => Promise<void>,
  forMs: number,
): Promise<readonly number[]> {
  const endMs = world.nowMs + forMs;
  const times: number[] = [];
  const posting = async (actor: ActorId): Promise<void> => {
    while (world.nowMs < endMs) {
      const sinceMs = world.nowMs;
      await post(actor);
      times.push(world.nowMs - sinceMs);
    }
  };
  await Promise.all(actors.map(posting));
  return times;
}

/** What posts took before and after. */
export const told = (before: readonly number[], after: readonly number[]): string =>
  `the median of posts was ${median(before).toFixed(1)} ms and is ${median(after).toFixed(1)} ms`;

/** By how much posts are slower than before, if it is too much. */
export const slowerThan = (before: readonly number[], after: readonly number[]): string | undefined =>
  median(after) <= slowerMax * median(before) ? undefined : told(before, after);
