/** Copies here that cannot go on: those that are rotten, and those whose disk failed. Somebody else goes on, if there
 *  is somebody who has everything; the last copy is never given up, and says so.
 *
 *      rotten ──► the owner's here: given to a successor ──► out of the set ──► thrown away ──► a new copy from there
 *      failed ──► given to a successor, and stays in the set if it is whole
 *
 *  A rotten copy steps out of the set before anything of it is thrown away, and only the directory's own word counts. A
 *  learner takes itself out, so that no change that was on its way can add it. */
import { failureOf, type Failure, type SlotId } from "../../protocols/index.ts";
import { backoffMs } from "../waiting.ts";
import type { Clock, Directory, Log, Membership, NodeId, SlotRecord } from "../ports/index.ts";
import { changeSlot, readSlot } from "../cluster/facts/records.ts";
import { roleOf, type SlotTable } from "../cluster/facts/slot-table.ts";
import type { Journal } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";

interface HealingPorts {
  readonly node: NodeId;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ReplicationLimits;
  /** Whether the slot is served here. */
  serves(slot: SlotId): boolean;
  /** Ends the uses of the copy. */
  leave(slot: SlotId, error: Failure): void;
  /** Rises whenever somebody begins to count on the copy here. */
  claims(slot: SlotId): number;
  /** The copy here was thrown away. */
  discarded(slot: SlotId): void;
}

export interface Healing {
  /** Why the copy here cannot be read, if it cannot. */
  damage(slot: SlotId): Failure | undefined;
  /** The copy here cannot be read: it leaves. */
  damaged(slot: SlotId, error: Failure): void;
  /** This node owns the slot and cannot go on with it. */
  failed(slot: SlotId, error: Failure): Promise<void>;
  /** The slot's row has changed, or some time has passed. */
  heal(slot: SlotId): Promise<void>;
  /** Tries everything again: nobody may have been there to go on. */
  healAll(): void;
  /** Another replica that has everything and is up; one that is meant to own such slots before any other. */
  successor(record: SlotRecord): NodeId | undefined;
}

export function createHealing(ports: HealingPorts): Healing {
  const { node, journal, directory, table, membership, clock, log, limits } = ports;
  /** Copies that cannot be read, and why; how often they could not be thrown away either, and when that is tried
   *  again. */
  const rotten = new Map<SlotId, { error: Failure; failures: number; againMs: number }>();
  /** Slots that this node owns and could not go on with. */
  const failing = new Map<SlotId, Failure>();
  const healing = new Set<SlotId>();

  const successor = (record: SlotRecord): NodeId | undefined => {
    const { inSync } = record;
    const role = roleOf(record);
    const others = membership
      .members()
      .members.filter(({ node: name }) => name !== node && inSync.includes(name) && membership.isStaying(name));
    const meant = others.find(({ roles, state }) => roles.includes(role) && state === "active");
    // One that drains or has another role has everything, too: better there for a while than nowhere.
    return (meant ?? others[0])?.node;
  };

  /** Makes another replica the owner, on the row as it was read. */
  const give = async (
    record: SlotRecord,
    revision: number,
    staysInSync: boolean,
    because: Failure["code"],
  ): Promise<void> => {
    const owner = successor(record);
    if (owner === undefined) return;
    const inSync = staysInSync ? record.inSync : record.inSync.filter((name) => name !== node);
    const next = { ...record, epoch: record.epoch + 1, owner, inSync };
    const changed = await changeSlot(directory, next, revision).catch(() => undefined);
    if (changed?.row) table.learn(changed.row);
    log.warn("slot.given", { slot: record.slot, to: owner, because, applied: changed?.applied ?? false });
  };

  const giveOnce = async (slot: SlotId, error: Failure): Promise<void> => {
    const row = await readSlot(directory, slot);
    if (row?.record.owner !== node || ports.serves(slot)) {
      failing.delete(slot);
      return;
    }
    if (successor(row.record) === undefined) return;
    const whole = (await journal.openSlot(slot).catch(() => undefined))?.incomplete === false;
    await give(row.record, row.revision, whole, error.code);
  };

  const healOnce = async (slot: SlotId): Promise<void> => {
    const before = ports.claims(slot);
    const row = await readSlot(directory, slot);
    const damage = rotten.get(slot);
    if (row === undefined || damage === undefined) return;
    const { owner, epoch, inSync, learners } = row.record;
    if (owner === node) {
      await give(row.record, row.revision, false, "DATA_DAMAGED");
      return;
    }
    if (inSync.includes(node)) return; // its owner removes it, because it does not answer for the slot
    if (clock.monotonicMs() < damage.againMs) return;
    if (learners.includes(node)) {
      // A change that adds this learner may be on its way: it fails, because its row is not the newest any more. No
      // other change follows, since this copy answers every question with its damage.
      const left = { ...row.record, learners: learners.filter((name) => name !== node) };
      const changed = await changeSlot(directory, left, row.revision);
      if (changed.row) table.learn(changed.row);
      if (!changed.applied) return;
    }
    try {
      if (!(await journal.discard(slot, epoch, () => ports.claims(slot) === before))) return;
    } catch (error) {
      // Where the disk cannot even be read, throwing away may fail for ever: then somebody has to look after it.
      const { discardRetryMs: firstMs, discardRetryMaxMs: maxMs } = limits;
      damage.againMs = clock.monotonicMs() + backoffMs(damage.failures, { firstMs, maxMs });
      damage.failures += 1;
      log.warn("slot.discard.failed", { slot, failure: failureOf(error) });
      return;
    }
    ports.discarded(slot);
    rotten.delete(slot);
    log.info("slot.copy.discarded", { slot, epoch });
  };

  /** One attempt at a time; the next one comes with the next row, or after a while. */
  const attempt = async (slot: SlotId, once: () => Promise<void>): Promise<void> => {
    if (healing.has(slot)) return;
    healing.add(slot);
    // With the directory away nothing can be known or changed.
    await once()
      .catch((error: unknown) => log.debug("slot.heal.waits", { slot, failure: failureOf(error) }))
      .finally(() => healing.delete(slot));
  };
  const heal = (slot: SlotId): Promise<void> => attempt(slot, () => healOnce(slot));
  const failed = (slot: SlotId, error: Failure): Promise<void> => {
    failing.set(slot, error);
    return attempt(slot, () => giveOnce(slot, error));
  };

  return {
    successor,
    heal,
    damage: (slot) => rotten.get(slot)?.error,
    damaged(slot, error) {
      const known = rotten.get(slot);
      if (known === undefined) {
        log.error("slot.copy.damaged", { slot, ...error });
        rotten.set(slot, { error, failures: 0, againMs: 0 });
      } else known.error = error;
      ports.leave(slot, error);
      void heal(slot);
    },
    failed,
    healAll() {
      for (const slot of rotten.keys()) void heal(slot);
      for (const [slot, error] of failing) void failed(slot, error);
    },
  };
}
