/** The nodes that hold one slot in one epoch, as its owner knows it: the directory's row, and the change of it that is
 *  under way.
 *
 *      decided ── propose ──► undecided ── learn: a newer revision of this epoch ──► decided
 *                               │   ▲
 *                               └───┘ retry: sent again, on the same revision
 *
 *  R3: what a compare-and-set answers, or that it fails, says nothing of what became of the change; a conflict may be
 *  with the change itself, sent before. Only a newer revision does, however it became known. */
import { assert } from "../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow, NodeId, SlotRecord } from "../ports/index.ts";
import { asMember, changedNothing, changeSlot, isSound, type SlotRow } from "../cluster/facts/records.ts";
import type { ReplicationLimits } from "./limits.ts";
import { isSettled, required, type Proposal } from "./rules.ts";

interface ReplicaSetPorts {
  readonly directory: Directory;
  /** The owner's own row among the members, as it is now; undefined: it is none any more. */
  readonly member: () => Promise<DirectoryRow | undefined>;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
  /** The row as a compare-and-set has found or made it; undefined: there is none any more. */
  readonly answered: (row: SlotRow | undefined) => void;
  /** False once the owner has stopped owning. */
  readonly goesOn: () => boolean;
}

/** Times a change is sent at once on a member's row that has just changed. */
const guardTriesMax = 3;

export class ReplicaSet {
  #row: SlotRow;
  /** The change whose outcome is not known. It takes in learners only, so everybody concerned is in the record. */
  #proposed: Proposal | undefined;
  #needed: readonly NodeId[];
  #isAsWanted: boolean;
  #sentAtMs = 0;
  /** The directory has not answered yet. */
  #asking = false;
  readonly #ports: ReplicaSetPorts;

  constructor(row: SlotRow, ports: ReplicaSetPorts) {
    this.#row = row;
    this.#needed = required(row.record, undefined);
    this.#isAsWanted = isSettled(row.record);
    this.#ports = ports;
  }

  get record(): SlotRecord {
    return this.#row.record;
  }

  /** The nodes that every commit and confirmation needs beside the owner (R1). */
  get needed(): readonly NodeId[] {
    return this.#needed;
  }

  /** A change is under way. */
  get isUndecided(): boolean {
    return this.#proposed !== undefined;
  }

  /** It is as it is wanted: there is nothing to do while nobody fails. */
  get isSettled(): boolean {
    return this.#isAsWanted && this.#proposed === undefined;
  }

  /** The row; undefined while a change of it is not decided. */
  get row(): SlotRow | undefined {
    return this.#proposed === undefined ? this.#row : undefined;
  }

  /** Takes in a row that became known. If it is newer and of this epoch, it decides the change under way. A row of
   *  another epoch is ignored. */
  learn(row: SlotRow): "known" | "changed" | "another epoch" {
    if (row.revision <= this.#row.revision) return "known";
    if (row.record.epoch !== this.record.epoch) return "another epoch";
    this.#row = row;
    this.#proposed = undefined;
    this.#needed = required(row.record, undefined);
    this.#isAsWanted = isSettled(row.record);
    return "changed";
  }

  /** Asks the directory for a change. From now on the old set is needed and the new one. */
  propose(proposal: Proposal): void {
    assert(this.#proposed === undefined, "one change of a replica set at a time");
    assert(isSound({ ...proposal, owner: this.record.owner }), "a proposed set has its owner, and nobody twice");
    this.#proposed = proposal;
    this.#needed = required(this.record, proposal);
    this.#send(proposal);
  }

  /** Asks again for the change under way if that is due. Called now and then. */
  retry(): void {
    if (this.#proposed === undefined || this.#asking) return;
    const { clock, limits } = this.#ports;
    if (clock.monotonicMs() - this.#sentAtMs >= limits.proposalRetryMs) this.#send(this.#proposed);
  }

  #send(proposal: Proposal): void {
    this.#asking = true;
    this.#sentAtMs = this.#ports.clock.monotonicMs();
    this.#change(proposal)
      // A failure is no outcome: `retry` sends it again.
      .catch(() => undefined)
      .finally(() => (this.#asking = false));
  }

  /** Under the owner's own row: one that was taken out of the cluster and does not know it yet must not leave others
   *  out, or it would be the last to hold the slot. */
  async #change({ inSync, learners }: Proposal): Promise<void> {
    const { directory, answered, goesOn, member } = this.#ports;
    const { record, revision } = this.#row;
    const leavesOut = record.inSync.some((node) => !inSync.includes(node));
    for (let tries = 0; tries < guardTriesMax; tries += 1) {
      const own = await member();
      const may = own !== undefined && !(leavesOut && asMember(own)?.leaving === true);
      if (!may || !goesOn() || this.#row.revision !== revision) return;
      const guard = { key: own.key, revision: own.revision };
      const { applied, row } = await changeSlot(directory, { ...record, inSync, learners }, revision, guard);
      // The slot's own row is as it was: only the member's was in the way, which says nothing against the change.
      if (!applied && row?.revision === revision) continue;
      answered(row);
      return;
    }
  }

  /** Makes another node the owner in the next epoch, however often it has to be sent; returns when the outcome is
   *  known, or "unasked" when no sending has reached the directory. Only on the row it was made of: another attempt may
   *  be under way by the time a pause is over. */
  async giveUp(change: Partial<SlotRecord>): Promise<"known" | "unasked"> {
    const { directory, clock, limits, answered, goesOn } = this.#ports;
    const { record, revision } = this.#row;
    const next = { ...record, ...change, epoch: record.epoch + 1 };
    let asked = false;
    while (goesOn() && this.#row.revision === revision) {
      try {
        answered((await changeSlot(directory, next, revision)).row);
      } catch (error) {
        asked ||= !changedNothing(error);
        if (!asked) return "unasked";
        await new Promise<void>((resolve) => void clock.after(limits.proposalRetryMs, resolve));
      }
    }
    return "known";
  }
}
