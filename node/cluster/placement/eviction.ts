/** The end of a membership.
 *
 *      needed? held back? ──► draining, leaving ──► votes no more ──► (force: last copies given up)
 *                                                                         ──► held back? ──► invitations spent ──► gone
 *
 *  The member drains from before the last look: an owner creates a slot under its own row as it read it, so none is
 *  created between that look and the end. It is `leaving`, so that it does not become the last to hold a slot in this
 *  time either. Its row goes last: what broke off can be asked for again. While it votes on the directory it is waited
 *  for, whether it is up or not: two voters that went at once could leave the others without a majority. */
import {
  failure,
  ok,
  refused,
  type Advice,
  type Evicted,
  type Failure,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import { changeSlot, listSlots, memberKey, spendInvitations } from "../facts/records.ts";
import { firstOwner, type SlotTable } from "../facts/slot-table.ts";
import type { Clock, Directory, MemberRecord, Membership, NodeId, SlotRecord } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";
import { readMember, staying, type Members } from "./members.ts";
import type { Names } from "./names.ts";
import { leavesVote } from "./voters.ts";

interface EvictionPorts {
  /** The node that was asked. */
  readonly node: NodeId;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly limits: PlacementLimits;
  readonly names: Names;
  readonly members: Members;
  /** It alone does. */
  keepsDirectory(member: NodeId): boolean;
  /** It keeps the directory, alone or with others. */
  votes(member: NodeId): boolean;
  readonly clock: Clock;
}

/** Evicts a member: one whose slots do not hold it back, or with `force` any, whose last copies are given up. Errors:
 *  see `ClusterControl.evict`. */
export async function evict(
  { directory }: Attempt,
  ports: EvictionPorts,
  { member, force }: { readonly member: MemberRecord; readonly force: boolean },
): Promise<Result<Evicted>> {
  const { node } = member;
  // Before anything is changed: most that may not go are known to.
  const known = force ? [] : [...ports.table.rows()].map(({ record }) => record);
  const refusal = needed(ports, member, force) ?? heldBack(ports, node, known);
  if (refusal !== undefined) return refused(refusal);

  const given = new Set<SlotId>();
  let before: MemberRecord | undefined;
  for (let tries = 0; tries < ports.limits.rowAttemptsMax; tries += 1) {
    const found = await readMember(directory, node);
    if (!found.ok) return found;
    const { row, record } = found.value;
    if (record.state !== "draining" || record.leaving !== true) {
      before ??= record;
      await directory.compareAndSet(row.key, { ...record, state: "draining", leaving: true }, row.revision);
      continue;
    }
    if (!(await leavesVote(node, ports))) {
      await directory.compareAndSet(
        row.key,
        staying({ ...record, state: before?.state ?? record.state }),
        row.revision,
      );
      return refused(
        failure("FORBIDDEN", { reason: "it votes on the directory, and the others cannot go on without it yet" }),
      );
    }
    if (force && !(await abandon(directory, ports, node, given))) continue;
    const slots = force ? [] : (await listSlots(directory)).map((slot) => slot.record);
    const held = heldBack(ports, node, slots);
    if (held !== undefined) {
      const stays = staying({ ...record, state: before?.state ?? record.state });
      await directory.compareAndSet(row.key, stays, row.revision);
      return refused(held);
    }
    await spendInvitations(directory, node);
    const { applied } = await directory.compareAndSet(row.key, undefined, row.revision);
    if (applied) return ok({ node, lastCopies: given.size });
  }
  return refused(failure("OVERLOADED", { row: memberKey(node) }));
}

/** Why a member may not go because of its part in the cluster, whichever slots it holds. */
function needed(ports: EvictionPorts, { node, roles }: MemberRecord, force: boolean): Failure | undefined {
  const { members } = ports;
  if (ports.membership.members().members.length === 1)
    return failure("FORBIDDEN", {
      reason: "it is the only node: stop it, and delete its data folder if nobody needs what is in it",
    });
  if (ports.keepsDirectory(node)) {
    const isVoter = ports.votes(node);
    const advice: Advice = isVoter ? { code: "drain", node: ports.names.of(node) } : { code: "migrateDirectory" };
    const reason = isVoter ? "it alone keeps the directory; drain it first" : "it keeps the directory";
    return failure("FORBIDDEN", { reason, advice });
  }
  // Its own part in it ends before the answer and the audit are out.
  if (node === ports.node) {
    const advice: Advice = { code: "askAnotherNode" };
    return failure("FORBIDDEN", { reason: "it is the node that was asked", advice });
  }
  if (roles.includes("manager") && !members.hasOther("manager", node))
    return failure("NO_CANDIDATE", { role: "manager", reason: "it is the last manager" });
  const role = force ? undefined : roles.find((one) => members.isLast(one, node));
  return role && failure("NO_CANDIDATE", { role, reason: "it is the last node of a role that has slots" });
}

/** Why a member may not go because of these slots: it has the last copy of some, or owns some and is up, so that
 *  clients of those would wait for a failover that a drain spares them. */
function heldBack(
  { membership, limits, names }: EvictionPorts,
  node: NodeId,
  slots: readonly SlotRecord[],
): Failure | undefined {
  const isUp = membership.isUp(node);
  const isLastCopy = ({ inSync }: SlotRecord): boolean =>
    inSync.includes(node) && inSync.every((one) => one === node || !membership.isUp(one));
  const last = slots.filter(isLastCopy);
  const owned = slots.filter(({ owner }) => isUp && owner === node);
  const held = new Set([...last, ...owned].map(({ slot }) => slot));
  if (held.size === 0) return undefined;
  const reason =
    last.length === 0
      ? "it is up and owns slots; drain it first"
      : isUp
        ? "it holds the last copy of slots; drain it first"
        : "it holds the last copy of slots and is down; start it, then drain it";
  const among = [...held].sort().slice(0, limits.slotsNamedMax).join(", ");
  const advice: Advice = { code: isUp ? "drain" : "startAndDrain", node: names.of(node) };
  return failure("FORBIDDEN", { reason, slots: held.size, among, advice });
}

/** Slots whose every copy is on the evicted member begin empty at another node: otherwise actors of those slots could
 *  never be used again. A slot with a copy on a member that is only down is left to that member. `given`: the
 *  slots that are given up so. False: some changed meanwhile. */
async function abandon(
  directory: Directory,
  { membership, table }: EvictionPorts,
  evicted: NodeId,
  given: Set<SlotId>,
): Promise<boolean> {
  let all = true;
  const members = membership.members().members.filter((one) => one.node !== evicted);
  const isMember = (name: NodeId): boolean => members.some((one) => one.node === name);
  for (const { record, revision } of await listSlots(directory)) {
    if (!record.inSync.includes(evicted) || record.inSync.some(isMember)) continue;
    const owner = firstOwner(record.splitFrom ?? record.slot, { members, membership });
    if (owner === undefined) given.add(record.slot);
    if (owner === undefined) continue;
    const epoch = record.epoch + 1;
    const { want: _want, held: _held, ...kept } = record;
    const next = { ...kept, epoch, owner, inSync: [owner], learners: [], abandoned: epoch };
    const { applied, row } = await changeSlot(directory, next, revision);
    if (row) table.learn(row);
    if (applied) given.add(record.slot);
    all &&= applied;
  }
  return all;
}
