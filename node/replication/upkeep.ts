/** Work in the background: reads every copy now and then to find rot before the copy is needed, compares copies with
 *  their owner's, and throws away slots in which this node has no share any more. The rate is bounded, so that people
 *  do not notice. */
import { failureOf, type Failure, type SlotId } from "../../protocols/index.ts";
import type { Clock, Directory, Log, Meter, NodeId, Random } from "../ports/index.ts";
import { readSlot } from "../cluster/facts/records.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Journal } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";
import type { Ownership } from "./ownership.ts";
import { mayDiscard } from "./rules.ts";

interface UpkeepPorts {
  readonly node: NodeId;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: ReplicationLimits;
  minInSync(): number;
  owned(slot: SlotId): Ownership | undefined;
  /** The copy here is rotten. */
  damaged(slot: SlotId, error: Failure): void;
  /** Rises whenever somebody begins to count on the copy here. */
  claims(slot: SlotId): number;
  /** The copy here was thrown away. */
  discarded(slot: SlotId): void;
}

/** Starts the rounds; the returned function ends them. */
export function startUpkeep(ports: UpkeepPorts): () => void {
  const { node, journal, directory, table, clock, random, log, meter, limits } = ports;
  let stopped = false;
  let cancel: (() => void) | undefined;
  let mark = 0;

  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => void (cancel = clock.after(delayMs, resolve)));
  const pace = async (bytes: number): Promise<void> => {
    meter.count("scrub_bytes", bytes);
    if (bytes > 0) await pause((bytes * 1_000) / limits.scrubBytesPerSecond);
    if (stopped) throw new Error("stopped");
  };

  /** Throws the copy away if the directory itself says that others hold the slot, all of them, and this node does
   *  not. */
  const discardIfForeign = async (slot: SlotId): Promise<boolean> => {
    const known = table.get(slot)?.record;
    if (known === undefined || !mayDiscard(known, node, ports.minInSync())) return false;
    // Before the directory is read: an owner that counts on this copy asks the copy after having named it in the row.
    const before = ports.claims(slot);
    const row = await readSlot(directory, slot);
    if (row === undefined || !mayDiscard(row.record, node, ports.minInSync())) return false;
    const slotLog = await journal.openSlot(slot).catch(() => undefined);
    const isEmpty = slotLog?.incomplete === true && slotLog.lastSeq === 0;
    if (isEmpty && !(await journal.holdsRows(slot))) return true;
    if (!(await journal.discard(slot, row.record.epoch, () => ports.claims(slot) === before))) return false;
    ports.discarded(slot);
    meter.count("slots_discarded");
    log.info("slot.copy.left", { slot, epoch: row.record.epoch });
    return true;
  };

  const lookAt = async (slot: SlotId): Promise<void> => {
    if (await discardIfForeign(slot)) return;
    try {
      await (await journal.openSlot(slot)).verify(pace);
      const ownership = ports.owned(slot);
      if (ownership?.phase !== "serving") return;
      mark += 1;
      for (const follower of await ownership.compareCopies(mark, pace)) {
        meter.count("scrub_differences");
        ownership.distrust(follower);
      }
    } catch (error) {
      const reason = failureOf(error);
      if (reason.code !== "DATA_DAMAGED") throw error;
      meter.count("scrub_damage");
      ports.damaged(slot, reason);
    }
  };

  const round = async (): Promise<void> => {
    while (!stopped) {
      await pause(limits.upkeepIntervalMs * (0.5 + random.number()));
      const startedMs = clock.monotonicMs();
      const slots = await journal.slots().catch((error: unknown) => {
        log.error("upkeep.failed", { failure: failureOf(error) });
        return [];
      });
      for (const slot of slots) {
        if (stopped) return;
        await lookAt(slot).catch((error: unknown) => {
          if (!stopped) log.warn("slot.upkeep.failed", { slot, failure: failureOf(error) });
        });
      }
      meter.count("scrub_rounds");
      log.debug("upkeep.round", { tookMs: Math.round(clock.monotonicMs() - startedMs) });
    }
  };
  round().catch((error: unknown) => {
    if (!stopped) log.error("upkeep.failed", { error });
  });

  return () => {
    stopped = true;
    cancel?.();
  };
}
