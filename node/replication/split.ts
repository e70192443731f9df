/** Gives an actor a slot of its own, without a moment in which it has two or none.
 *
 *      snapshot on every copy ──► entry "split" ──► the new slot's record ──► entry "drop"
 *                                 each copy makes    by compare-and-set,       the old slot
 *                                 the new slot of    guarded by the old        forgets it,
 *                                 what it has        slot's revision           when it may
 *
 *  The record names as owner the node that shall have the slot, if that is one of the copies: an actor that moves is
 *  silent from the snapshot until that node has taken up its slot, and for nothing more. While it is, nothing waits
 *  that need not. When the directory cannot be asked, the split is given up; only when it was asked and did not answer
 *  does the actor wait for it.
 *
 *  The copies that may be in the new slot's set are on every replica that was in sync before and after. A node that
 *  takes the old slot from then on changes its revision, and then the new one cannot come into being behind its
 *  back. */
import { failure, ownSlot, PlexusError, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { SplitOff } from "../kernel/api.ts";
import type { Clock, Directory, NodeId, SlotRecord } from "../ports/index.ts";
import { firstEpoch } from "../cluster/facts/generation.ts";
import { changedNothing, changeSlot, readSlot, slotKey, type SlotRow } from "../cluster/facts/records.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { EntryDraft, SlotLog } from "../storage/index.ts";
import type { Follower } from "./follower.ts";
import type { ReplicationLimits } from "./limits.ts";

/** The slot as its owner has it. Its functions throw when its epoch is over. */
interface SplitPorts {
  readonly node: NodeId;
  readonly slot: SlotId;
  readonly log: SlotLog;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly clock: Clock;
  readonly limits: ReplicationLimits;
  append(draft: EntryDraft): Promise<void>;
  /** The replicas that every append needs now. */
  holders(): readonly Follower[];
  /** The slot's row; undefined while a change of it is not decided. */
  row(): SlotRow | undefined;
  learned(row: SlotRow): void;
}

/** A replica, and the incarnation of its copy: another incarnation has not been given the snapshot. */
interface Holder {
  readonly follower: Follower;
  readonly incarnation: number | undefined;
}

/** Resolves when the actor's own slot is on record: owned by `to` if that node has a copy, else by this one. Errors:
 *  TOO_LARGE; DIRECTORY_UNAVAILABLE when it could not be asked, SLOT_UNAVAILABLE while the slot's copies change (the
 *  actor goes on where it is); SLOT_UNAVAILABLE or FENCED when the epoch ends. */
export async function splitOff(actor: ActorId, to: NodeId | undefined, ports: SplitPorts): Promise<SplitOff> {
  const { log, clock, limits } = ports;
  if ((await log.reader.actorBytes(actor, limits.splitBytesMax)) > limits.splitBytesMax)
    throw new PlexusError(failure("TOO_LARGE", { actor, splitBytesMax: limits.splitBytesMax }));
  const entry = (side: EntryDraft["side"]): Promise<void> =>
    ports.append({ atMs: clock.nowMs(), actor, events: [], answers: [], side });
  const { view } = await log.cut(); // behind the snapshot that the kernel has just made
  await view.close();
  const holders = await giveSnapshotToAll(actor, ports);
  await entry([{ split: actor }]);
  const { owner } = await record(ownSlot(actor), { holders, to }, ports);
  // An epoch that ends before leaves rows in the old slot that do nothing: nobody takes the actor for one of that slot.
  const dropped = entry([{ drop: actor }]).catch(() => undefined);
  return { owner, dropped };
}

const holdersNow = (ports: SplitPorts): readonly Holder[] =>
  ports.holders().map((follower) => ({ follower, incarnation: follower.standing?.incarnation }));

const pause = ({ clock }: SplitPorts, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.after(delayMs, resolve));

/** Each copy makes the new slot from its own rows, so every replica has the snapshot before the entry comes. Tried
 *  again while a replica is behind: it catches up or leaves the set. */
async function giveSnapshotToAll(actor: ActorId, ports: SplitPorts): Promise<readonly Holder[]> {
  const { clock, limits } = ports;
  const endMs = clock.monotonicMs() + limits.drainTimeoutMs;
  for (;;) {
    const holders = holdersNow(ports);
    try {
      // To all at once, and to the end with each: parts of two sendings to one copy must not mix.
      const given = await Promise.allSettled(holders.map(({ follower }) => follower.giveSnapshot(actor)));
      for (const one of given) if (one.status === "rejected") throw one.reason;
      return holders;
    } catch (error) {
      if (clock.monotonicMs() > endMs) throw error;
      await pause(ports, limits.tickIntervalMs);
    }
  }
}

async function record(
  slot: SlotId,
  { holders, to }: { readonly holders: readonly Holder[]; readonly to: NodeId | undefined },
  ports: SplitPorts,
): Promise<SlotRecord> {
  const { node, directory, table, limits } = ports;
  const endMs = ports.clock.monotonicMs() + limits.drainTimeoutMs;
  let mayCome = false;
  for (;;) {
    if (!mayCome && ports.clock.monotonicMs() > endMs)
      throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot: ports.slot, because: "its copies are changing" }));
    const row = ports.row();
    if (row === undefined) {
      await pause(ports, limits.proposalRetryMs);
      continue;
    }
    const still = holdersNow(ports);
    const made = holders.filter(({ follower, incarnation }) =>
      still.some((other) => other.follower === follower && other.incarnation === incarnation),
    );
    const copies = new Set([node, ...made.map(({ follower }) => follower.node)]);
    const inSync = row.record.inSync.filter((name) => copies.has(name));
    const owner = to !== undefined && inSync.includes(to) ? to : row.record.owner;
    const epoch = firstEpoch(row.record.epoch);
    const next: SlotRecord = { slot, epoch, owner, inSync, learners: [], splitFrom: ports.slot };
    const guard = { key: slotKey(ports.slot), revision: row.revision };
    const there = await changeSlot(directory, next, 0, guard).then(
      (changed) => changed.row,
      (error: unknown) => {
        // Refused, or the directory is away: the actor goes on where it is. But not while an earlier request may still
        // come about.
        mayCome ||= !changedNothing(error);
        if (!mayCome) throw error;
        return undefined;
      },
    );
    if (there?.record.splitFrom === ports.slot) {
      table.learn(there);
      return there.record;
    }
    // Refused by the guard, or unknown: the slot's own row is read anew, and it is tried again on that.
    const own = await readSlot(directory, ports.slot).catch(() => undefined);
    if (own) ports.learned(own);
    await pause(ports, limits.proposalRetryMs);
  }
}
