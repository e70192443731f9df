/** The protocol's decisions, pure. R1–R6 are the rules that a model check showed to be needed;
 *  docs/develop/protocol-model.md says which function is which step. */
import { assert } from "../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../ports/index.ts";
import { sameSet } from "../cluster/facts/records.ts";
import { lastingCopies } from "../cluster/facts/slot-table.ts";
import type { Position } from "../storage/index.ts";

/** The replica set that the owner asks the directory for. */
export interface Proposal {
  readonly inSync: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** How the owner sees one other node that holds the slot. */
export interface FollowerView {
  readonly node: NodeId;
  /** It cannot be counted on: down, silent for too long, damaged, or its log is not the beginning of the owner's. */
  readonly failing: boolean;
  /** Its disk is far slower than those of the others: everybody who writes would wait for it. */
  readonly slow: boolean;
  /** It has everything acknowledged so far on disk, as the beginning of this epoch's log. */
  readonly caughtUp: boolean;
}

/** R1: while the outcome of a proposal is unknown, commits and confirmations need the old set and the new one. Without
 *  the owner itself. */
export function required(
  record: Pick<SlotRecord, "inSync" | "owner">,
  proposed: Proposal | undefined,
): readonly NodeId[] {
  const all = new Set([...record.inSync, ...(proposed?.inSync ?? [])]);
  all.delete(record.owner);
  return [...all];
}

/** Whether a node may throw away its copy of a slot: the node has no share in the slot, and the slot lacks no copy that
 *  it is to have or that writes need. A node that lost its place because it could not be reached keeps its copy until
 *  another node has taken the place: it may be the only one beside the owner's. */
export function mayDiscard(record: SlotRecord, node: NodeId, minInSync: number): boolean {
  const { owner, inSync, learners, want } = record;
  const wanted = want?.replicas ?? [];
  const hasShare = [owner, ...inSync, ...learners, ...wanted].includes(node);
  return !hasShare && inSync.length >= minInSync && wanted.every((one) => inSync.includes(one));
}

/** Whether `one` is the longer history: the later epoch, then the higher seq. */
export const isLonger = (one: Position, other: Position): boolean =>
  one.epoch > other.epoch || (one.epoch === other.epoch && one.seq > other.seq);

/** The seq up to which every required copy has everything: entries up to it may be acknowledged. */
export function committedSeq(ownSeq: number, acknowledged: readonly (number | undefined)[]): number {
  const seq = acknowledged.reduce<number>((lowest, one) => Math.min(lowest, one ?? -1), ownSeq);
  assert(seq <= ownSeq, "nothing is committed that the owner lacks");
  return seq;
}

/** The next change of the replica set, if one is due. Failing replicas leave first, then slow ones while enough stay;
 *  then those that caught up enter, slow ones only while there are too few; then those that are not wanted leave, and
 *  only once all that are wanted are in. */
export function nextProposal(
  record: SlotRecord,
  followers: ReadonlyMap<NodeId, FollowerView>,
  minInSync: number,
): Proposal | undefined {
  const { owner, inSync, learners, want } = record;
  const wanted = want?.replicas ?? [...inSync, ...learners];
  const others = inSync.filter((node) => node !== owner);
  const failing = others.filter((node) => followers.get(node)?.failing === true);
  if (failing.length > 0) {
    const left = inSync.filter((node) => !failing.includes(node));
    return { inSync: left, learners: learnersOf(wanted, left) };
  }
  const isSlow = (node: NodeId): boolean => followers.get(node)?.slow === true;
  const least = lastingCopies(minInSync);
  const spared = others.filter(isSlow).slice(0, Math.max(0, inSync.length - least));
  if (spared.length > 0) {
    const left = inSync.filter((node) => !spared.includes(node));
    return { inSync: left, learners: learnersOf(wanted, left) };
  }
  const able = learners.filter((node) => {
    const follower = followers.get(node);
    return follower?.caughtUp === true && !follower.failing;
  });
  const fast = able.filter((node) => !isSlow(node));
  const ready = [...fast, ...able.filter(isSlow).slice(0, Math.max(0, least - inSync.length - fast.length))];
  if (ready.length > 0) {
    const grown = [...inSync, ...ready];
    return { inSync: grown, learners: learnersOf(wanted, grown) };
  }
  const complete = wanted.every((node) => inSync.includes(node));
  const surplus = others.filter((node) => !wanted.includes(node));
  if (complete && surplus.length > 0 && (want === undefined || want.owner === owner)) {
    const left = inSync.filter((node) => !surplus.includes(node));
    return { inSync: left, learners: learnersOf(wanted, left) };
  }
  const due = learnersOf(wanted, inSync);
  return sameSet(due, learners) ? undefined : { inSync, learners: due };
}

/** Whether a record is as it is wanted: then nothing is proposed while nobody fails. */
export const isSettled = ({ owner, inSync, learners, want }: SlotRecord): boolean =>
  learners.length === 0 && (want === undefined || (want.owner === owner && sameSet(want.replicas, inSync)));

/** The node to hand the slot to now: the wanted owner, once it has everything. */
export function handOverTo(record: SlotRecord, followers: ReadonlyMap<NodeId, FollowerView>): NodeId | undefined {
  const { owner, inSync, want } = record;
  if (want === undefined || want.owner === owner || !inSync.includes(want.owner)) return undefined;
  const target = followers.get(want.owner);
  return target !== undefined && target.caughtUp && !target.failing ? want.owner : undefined;
}

const learnersOf = (wanted: readonly NodeId[], inSync: readonly NodeId[]): readonly NodeId[] =>
  wanted.filter((node) => !inSync.includes(node));

export const samePosition = (one: Position, other: Position): boolean =>
  one.seq === other.seq && one.checksum === other.checksum && one.epoch === other.epoch;

/** Whether a node may take up an epoch: never one it has served or refused before (R6), so that no two entries share
 *  (epoch, seq), and only with everything that was acknowledged. */
export const mayStepUp = (
  node: NodeId,
  record: Pick<SlotRecord, "owner" | "epoch" | "inSync">,
  log: { readonly fence: number; readonly incomplete: boolean },
): boolean => record.owner === node && record.epoch > log.fence && record.inSync.includes(node) && !log.incomplete;
