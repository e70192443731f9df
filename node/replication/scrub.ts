/** Compares the copies of a slot with its owner's, by Merkle leaves, from a moment that all can name.
 *
 *  Each copy has been read alone before and every row in it is whole; but a row may be lost, be of yesterday, or have
 *  come back after it was deleted. Then more copies that agree are believed, and where as many say one thing as
 *  another, the owner: of two copies nobody can say which is the rotten one. */
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import { leavesOf, slotRanges, type Leaf, type SlotLog } from "../storage/index.ts";
import type { Follower } from "./follower.ts";
import type { ReplicationLimits } from "./limits.ts";
import { samePosition } from "./rules.ts";

interface ScrubPorts {
  readonly exchange: Exchange;
  readonly log: SlotLog;
  readonly epoch: number;
  readonly limits: ReplicationLimits;
  /** Copies in sync: should the owner's be the rotten one, one of them goes on. */
  readonly followers: Iterable<Follower>;
  /** False once the owner has stopped owning. */
  goesOn(): boolean;
}

/** Returns the copies that differ; one that was not in the stream, or was written to meanwhile, is left for the next
 *  time.
 *  `mark` names the moment; `pace` is awaited after every so many bytes read. Error: DATA_DAMAGED, the owner's own copy
 *  is the one that differs. */
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
  /** The digests that a copy has in place of the leaves that differ, by their indexes. Undefined: the copy does not
   *  say. */
  const ask = async (follower: Follower, leaves: readonly Leaf[]): Promise<Digests | undefined> => {
    if (!ports.goesOn() || follower.standing === undefined) return undefined;
    const question = {
      slot,
      epoch,
      incarnation: follower.standing.incarnation,
      mark,
      leaves: leaves.map(({ from, to, digest }): [string, string, Uint8Array] => [from, to, digest]),
    };
    const answer = await exchange.call(follower.node, "transfer.compare", question, limits.transferTimeoutMs);
    if (!answer.ok) return undefined;
    const { differ, at: there, digests } = answer.value;
    if (there === undefined || !samePosition(there, at)) return undefined;
    // A node of an earlier version names no digests: then no other copy agrees with it.
    const said = (nth: number): string => Buffer.from(digests?.[nth] ?? []).toString("hex") || follower.node;
    return new Map(differ.map((index, nth) => [index, said(nth)]));
  };
  const compare = async (leaves: readonly Leaf[]): Promise<void> => {
    const answers: Digests[] = [];
    for (const follower of marked) {
      const answer = await ask(follower, leaves);
      if (answer === undefined) continue;
      answers.push(answer);
      if (answer.size > 0) differing.add(follower);
    }
    for (const [index, { from: key }] of leaves.entries()) {
      if (!isOutvoted(answers.map((answer) => answer.get(index)))) continue;
      const reason = "whole, but other copies agree on something else here";
      throw new PlexusError(failure("DATA_DAMAGED", { slot, key, reason }));
    }
  };
  try {
    for (const range of marked.length > 0 ? slotRanges(slot, "side") : []) {
      let group: Leaf[] = [];
      for await (const leaf of leavesOf(view, range)) {
        group.push(leaf);
        await pace(leaf.bytes);
        if (group.length < limits.leavesPerQuestionMax) continue;
        await compare(group);
        group = [];
      }
      if (group.length > 0) await compare(group);
    }
  } finally {
    await view.close();
  }
  return [...differing];
}

type Digests = ReadonlyMap<number, string>;

/** Whether more copies agree with one another than with the owner, by the digest that each has in place of the owner's
 *  leaf; undefined: the owner's own. */
export function isOutvoted(others: readonly (string | undefined)[]): boolean {
  const votes = new Map<string | undefined, number>([[undefined, 1]]);
  for (const digest of others) votes.set(digest, (votes.get(digest) ?? 0) + 1);
  const mine = votes.get(undefined) ?? 0;
  return [...votes.values()].some((count) => count > mine);
}
