/** Compares the copies of a slot with its owner's, by Merkle leaves, from a moment that all can name. */
import type { Exchange } from "../exchange.ts";
import { leavesOf, slotRanges, type Leaf, type SlotLog } from "../storage/index.ts";
import type { Follower } from "./follower.ts";
import type { ReplicationLimits } from "./limits.ts";
import { samePosition } from "./rules.ts";

export interface ScrubPorts {
  readonly exchange: Exchange;
  readonly log: SlotLog;
  readonly epoch: number;
  readonly limits: ReplicationLimits;
  readonly followers: Iterable<Follower>;
  /** False once the owner has stopped owning. */
  goesOn(): boolean;
}

/** Returns the copies that differ; who was not in the stream, or was written to meanwhile, is left for the next time.
 *  `mark` names the moment; `pace` is awaited after every so many bytes read. */
export async function differingCopies(
  mark: number,
  pace: (bytes: number) => Promise<void>,
  ports: ScrubPorts,
): Promise<readonly Follower[]> {
  const { exchange, log, epoch, limits } = ports;
  const { slot } = log;
  const { head, view } = await log.cut();
  const at = { epoch: head.lastEpoch, seq: head.lastSeq, checksum: head.lastChecksum };
  const marked = [...ports.followers].filter((follower) => follower.mark(mark));
  const differing = new Set<Follower>();
  const compare = async (follower: Follower, leaves: readonly Leaf[]): Promise<void> => {
    if (!ports.goesOn() || follower.standing === undefined || differing.has(follower)) return;
    const question = {
      slot,
      epoch,
      incarnation: follower.standing.incarnation,
      mark,
      leaves: leaves.map(({ from, to, digest }): [string, string, Uint8Array] => [from, to, digest]),
    };
    const answer = await exchange.call(follower.node, "transfer.compare", question, limits.transferTimeoutMs);
    if (!answer.ok) return;
    const { differ, at: there } = answer.value;
    if (there !== undefined && samePosition(there, at) && differ.length > 0) differing.add(follower);
  };
  try {
    for (const range of marked.length > 0 ? slotRanges(slot, "side") : []) {
      let group: Leaf[] = [];
      for await (const leaf of leavesOf(view, range)) {
        group.push(leaf);
        await pace(leaf.bytes);
        if (group.length < limits.leavesPerQuestionMax) continue;
        for (const follower of marked) await compare(follower, group);
        group = [];
      }
      if (group.length > 0) for (const follower of marked) await compare(follower, group);
    }
  } finally {
    await view.close();
  }
  return [...differing];
}
