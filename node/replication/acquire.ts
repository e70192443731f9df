/** How this node acquires a slot: it comes to own one that its record gives it, or that nobody has used yet.
 *
 *      row ─► another owner: MOVED
 *          ─► none yet: this node, under the first epoch, by compare-and-set
 *          ─► this node, under an epoch above the log's fence: the fence first, on disk, then it is served
 *          ─► this node, under an epoch that was served before: a new one by compare-and-set, and once more
 *
 *  R6: a node steps up only for an epoch above its persisted fence. */
import { failure, failureOf, PlexusError, type Failure, type Role, type SlotId } from "../../protocols/index.ts";
import type { Clock, Directory, Log, NodeId, SlotRecord } from "../ports/index.ts";
import { firstEpoch } from "../cluster/facts/generation.ts";
import { asMember, changeSlot, memberKey, readSlot, type SlotRow } from "../cluster/facts/records.ts";
import { roleOf, type SlotTable } from "../cluster/facts/slot-table.ts";
import type { Journal, SlotLog } from "../storage/index.ts";
import { within } from "../waiting.ts";
import type { Healing } from "./healing.ts";
import type { ReplicationLimits } from "./limits.ts";
import type { Ownership } from "./ownership.ts";
import { mayStepUp } from "./rules.ts";

interface AcquisitionPorts {
  readonly node: NodeId;
  roles(): readonly Role[];
  readonly journal: Journal;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ReplicationLimits;
  readonly healing: Pick<Healing, "damage" | "damaged">;
  /** Resolves when the directory's keeper has seen that it is not older than this epoch of a slot. Error:
   *  DIRECTORY_UNAVAILABLE. */
  vouch(newer: readonly [slot: SlotId, epoch: number]): Promise<void>;
  /** Begins the epoch of a row, whose fence is on disk. */
  begin(row: SlotRow, slotLog: SlotLog): Ownership;
  /** The slot is this node's, and its copy here is of no use. */
  unable(slot: SlotId, error: Failure): void;
  /** An acquisition is over, whatever came of it. */
  over(slot: SlotId): void;
}

/** Times an acquisition is tried on records that keep changing. */
const triesMax = 8;

export class Acquisition {
  readonly #ports: AcquisitionPorts;
  readonly #underWay = new Map<SlotId, Promise<Ownership>>();
  /** How often each slot was acquired. */
  readonly #acquired = new Map<SlotId, number>();
  #allowed = false;
  #stopping = false;

  constructor(ports: AcquisitionPorts) {
    this.#ports = ports;
  }

  /** See `Replication.allow`. */
  allow(): void {
    this.#allowed = true;
  }

  /** Nothing is acquired any more. */
  stop(): void {
    this.#stopping = true;
  }

  /** Rises whenever the slot is acquired. */
  claims(slot: SlotId): number {
    return this.#acquired.get(slot) ?? 0;
  }

  /** Makes this node serve a slot that it may own; one acquisition of a slot at a time. Errors: MOVED; NO_CANDIDATE;
   *  DIRECTORY_AWAY, the slot's owner is not known; STOPPING; the reason why the copy here cannot be served. */
  of(slot: SlotId): Promise<Ownership> {
    const present = this.#underWay.get(slot);
    if (present) return present;
    const startedMs = this.#ports.clock.monotonicMs();
    const underWay = this.#acquire(slot)
      .catch((error: unknown) => {
        const refusal = failureOf(error);
        if (refusal.code === "DIRECTORY_UNAVAILABLE" && this.#ports.table.get(slot) === undefined)
          throw new PlexusError(this.#ownerUnknown(slot, refusal, startedMs), error);
        const unable = ["APPEND_FAILED", "DATA_DAMAGED", "SLOT_UNAVAILABLE"].includes(refusal.code);
        if (unable) this.#ports.unable(slot, refusal);
        throw error;
      })
      .finally(() => {
        this.#underWay.delete(slot);
        this.#ports.over(slot);
      });
    this.#underWay.set(slot, underWay);
    return underWay;
  }

  async #acquire(slot: SlotId): Promise<Ownership> {
    const { node, directory, table } = this.#ports;
    if (!this.#allowed)
      throw new PlexusError(failure("DIRECTORY_UNAVAILABLE", { because: "this node has not joined yet" }));
    let slotLog = await this.#readable(slot);
    let row = table.get(slot) ?? (await readSlot(directory, slot));
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (this.#stopping) throw new PlexusError(failure("STOPPING"));
      // While the directory was asked the slot may have come to this disk: as an actor's own, out of another.
      if (slotLog.failed !== undefined) slotLog = await this.#readable(slot);
      if (row === undefined) {
        row = await this.#create(slot, slotLog);
        continue;
      }
      const { record } = row;
      if (record.owner !== node)
        throw new PlexusError(failure("MOVED", { slot, owner: record.owner, epoch: record.epoch }));
      slotLog = await this.#whole(record, slotLog);
      if (mayStepUp(node, record, slotLog)) {
        // Which actors have left this slot for slots of their own must be known before it is served. A row that came
        // with an answer may be newer than the watch.
        await this.#reached(row.revision);
        this.#acquired.set(slot, this.claims(slot) + 1);
        await slotLog.raise(record.epoch, record.inSync.length === 1);
        return this.#ports.begin(row, slotLog);
      }
      if (slotLog.incomplete || !record.inSync.includes(node))
        throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot, because: "this node's copy is not complete" }));
      // No epoch reaches a log before it is in the directory: a row below the fence is an old one.
      if (slotLog.fence > record.epoch) await this.#ports.vouch([slot, slotLog.fence]);
      const epoch = Math.max(record.epoch, slotLog.fence) + 1;
      const changed = await changeSlot(directory, { ...record, epoch }, row.revision);
      row = changed.row;
      if (row) table.learn(row);
    }
    throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot, because: "its record keeps changing" }));
  }

  /** The log of a slot, read anew if it failed. */
  async #readable(slot: SlotId): Promise<SlotLog> {
    const { healing, journal } = this.#ports;
    const known = healing.damage(slot);
    if (known) throw new PlexusError(known);
    try {
      const slotLog = await journal.openSlot(slot);
      return slotLog.failed === undefined ? slotLog : await journal.reopen(slot, slotLog);
    } catch (error) {
      if (failureOf(error).code === "DATA_DAMAGED") healing.damaged(slot, failureOf(error));
      throw error;
    }
  }

  /** The log that the record gives this node; a slot that was given up begins with an empty log. Error: DATA_DAMAGED,
   *  there is none. */
  async #whole({ slot, epoch, abandoned }: SlotRecord, slotLog: SlotLog): Promise<SlotLog> {
    const { healing, journal, log } = this.#ports;
    let whole = slotLog;
    if (abandoned === epoch && (!whole.exists || whole.incomplete)) {
      log.error("slot.abandoned", { slot, epoch });
      if (await journal.holdsRows(slot)) {
        // A transfer broke off: its parts are no beginning of the slot's new log.
        await journal.discard(slot, whole.fence);
        whole = await this.#readable(slot);
      }
      await whole.startEmpty();
    }
    if (whole.exists) return whole;
    // The directory says that this node has a copy, and the disk has no trace of one: this disk is not the one that
    // acknowledged.
    const gone = failure("DATA_DAMAGED", { slot, reason: "nothing of it is on this disk" });
    healing.damaged(slot, gone);
    throw new PlexusError(gone);
  }

  async #reached(revision: number): Promise<void> {
    const { clock, table, limits } = this.#ports;
    const reached = table.reached(revision).then(() => true);
    if ((await within(clock, limits.watchTimeoutMs, reached)) === undefined)
      throw new PlexusError(failure("DIRECTORY_UNAVAILABLE", { because: "its watch is behind" }));
  }

  /** Makes this node the first owner of a slot that nobody has used yet. */
  async #create(slot: SlotId, slotLog: SlotLog): Promise<SlotRow | undefined> {
    const { node, directory, table } = this.#ports;
    const role = roleOf({ slot });
    if (!this.#ports.roles().includes(role)) throw new PlexusError(failure("NO_CANDIDATE", { slot, role }));
    if (slotLog.fence > 0 || slotLog.lastSeq > 0)
      throw new PlexusError(
        failure("SLOT_UNAVAILABLE", { slot, because: "there is data here that the directory knows nothing of" }),
      );
    await slotLog.touch();
    // A node that drains or was evicted gets nothing new, not even by a message that was aimed at it before: so the row
    // that says that it belongs must be the one that was read.
    const member = await directory.read(memberKey(node));
    if (member === undefined || asMember(member)?.state !== "active")
      throw new PlexusError(failure("NO_CANDIDATE", { slot, because: "this node takes nothing new" }));
    const epoch = firstEpoch(member.revision);
    const record: SlotRecord = { slot, epoch, owner: node, inSync: [node], learners: [] };
    const { row } = await changeSlot(directory, record, 0, { key: member.key, revision: member.revision });
    if (row) table.learn(row);
    return row;
  }

  #ownerUnknown(slot: SlotId, { details }: Failure, startedMs: number): Failure {
    const { clock, log } = this.#ports;
    log.debug("slot.owner.unknown", { slot, ...details });
    // A node that has not joined knows little: others may have used the slot.
    const reason = this.#allowed
      ? "nobody is known to have used this part of the cluster yet, and only the directory can place it"
      : "a node that has not joined the cluster yet does not know who has this; it joins when the directory answers it";
    const askedMs = Math.round(clock.monotonicMs() - startedMs);
    return failure("DIRECTORY_AWAY", { slot, reason, askedMs, ...(!this.#allowed && { joined: false }) });
  }
}
