/** How many nodes should keep the directory together, and what is said while too few of them are up. */
import {
  failure,
  ok,
  quorumOf,
  refused,
  soleKeeper,
  type ClusterSummary,
  type Result,
} from "../../../protocols/index.ts";
import { votersKey, wantedVotersIn } from "../facts/records.ts";
import type { Clock, Directory, NodeId } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";

export const readWanted = async (directory: Directory): Promise<number> =>
  wantedVotersIn(await directory.read(votersKey));

/** Writes how many are wanted; the leader sees to it. `seen`: as many as the writer has seen wanted.
 *  Errors: CHANGED_MEANWHILE; OVERLOADED, others write it all the time. */
export async function setWanted(
  { directory }: Attempt,
  { wanted, seen }: { readonly wanted: number; readonly seen?: number | undefined },
  { rowAttemptsMax }: PlacementLimits,
): Promise<Result<{ readonly wanted: number }>> {
  for (let tries = 0; tries < rowAttemptsMax; tries += 1) {
    const row = await directory.read(votersKey);
    const now = wantedVotersIn(row);
    if (seen !== undefined && seen !== now && wanted !== now) return refused(failure("CHANGED_MEANWHILE", { now }));
    const { applied } = await directory.compareAndSet(votersKey, { wanted }, row?.revision ?? 0);
    if (applied) return ok({ wanted });
  }
  return refused(failure("OVERLOADED", { row: votersKey }));
}

/** Which nodes must come back for the directory to answer, in words; undefined where enough are up, and where no node
 *  keeps it. */
export function awaitedKeepers(
  directory: ClusterSummary["directory"],
  at: { readonly isUp: (node: NodeId) => boolean; readonly nameOf: (node: NodeId) => string },
): string | undefined {
  const keeper = soleKeeper(directory);
  if (keeper !== undefined)
    return keeper === "" || at.isUp(keeper) ? undefined : `start ${at.nameOf(keeper)} again, on its own data folder`;
  if (directory.kind !== "replicated") return undefined;
  const { needed, up, down } = quorumOf(directory, at.isUp);
  if (up >= needed) return undefined;
  return (
    `${needed} of ${directory.voters.length} voters must be up, and ${down.map(at.nameOf).join(", ")} ` +
    `${down.length === 1 ? "is" : "are"} not: start ${down.length === 1 ? "it" : "them"} again`
  );
}

/** Waits until a member that drains votes no more, for a time. False: it still does. */
export async function leavesVote(
  node: NodeId,
  at: { readonly votes: (node: NodeId) => boolean; readonly clock: Clock; readonly limits: PlacementLimits },
): Promise<boolean> {
  const { votes, clock, limits } = at;
  const untilMs = clock.monotonicMs() + limits.voteLeavesMs;
  while (votes(node)) {
    if (clock.monotonicMs() >= untilMs) return false;
    await new Promise<void>((resolve) => void clock.after(limits.voteLookMs, resolve));
  }
  return true;
}
