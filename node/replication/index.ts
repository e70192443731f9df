/** Replication: makes slots servable by this node, and copies the slots of others.
 *
 *      kernel ── open(slot) ──► acquire: a new epoch if need be, fence on disk ──► Ownership ──► ServedLog
 *                                                                                    │ appends, questions
 *      replica.* messages ◄──────────────────────────────────────────────────────────┘
 *            │
 *            ▼
 *      replica.ts: fence, write, acknowledge
 *
 *  PacificA with the directory as configuration manager: an append is committed when all replicas in sync have it on
 *  disk, so any of them may become the owner. Safety rests on the fence that every copy keeps with its log, and on
 *  compare-and-set; never on a clock. Clocks only decide when to give up on somebody.
 *
 *  Read `rules.ts` (the decisions), `acquire.ts` (how a slot becomes this node's), `ownership.ts` (one slot owned),
 *  `replica-set.ts` (who holds it, and changes of that), `acknowledgements.ts` (what is committed), `followers.ts` and
 *  `follower.ts` (the copies as their owner sees them), `replica.ts` and `parts.ts` (the copies here), `transfer.ts`,
 *  `healing.ts` (when one of them cannot go on). docs/develop/protocol-model.md maps the model check to these files. */
import { failure, PlexusError, type Failure, type Role, type SlotId } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { ServedLog, Slots } from "../kernel/api.ts";
import type {
  Clock,
  Directory,
  DirectoryRow,
  Log,
  Membership,
  Meter,
  NodeId,
  Random,
  Store,
  Tracer,
} from "../ports/index.ts";
import { memberKey, readSlot, type SlotRow } from "../cluster/facts/records.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Cut, Journal, SlotLog } from "../storage/index.ts";
import { Acquisition } from "./acquire.ts";
import { committedCut } from "./committed-cut.ts";
import { createConfirmations } from "./confirmations.ts";
import { createHealing } from "./healing.ts";
import { replicationLimits, type ReplicationLimits } from "./limits.ts";
import { Ownership, type OwnershipPorts } from "./ownership.ts";
import { serveReplicas } from "./replica.ts";
import { startUpkeep } from "./upkeep.ts";
import { slotsOwned } from "../cluster/facts/slot-owner.ts";

export { AgeCheck, type DataAge } from "./data-age.ts";
export { replicationLimits, type ReplicationLimits } from "./limits.ts";

interface ReplicationPorts {
  readonly node: NodeId;
  /** The roles of this node now: only slots of these are acquired here. */
  roles(): readonly Role[];
  readonly journal: Journal;
  readonly store: Store;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly limits?: Partial<ReplicationLimits>;
  /** Fewer in sync than this, and a slot is not served. */
  readonly minInSync: () => number;
  /** A slot became this node's, or its owner has something to do for it: bring it into service. */
  owned(slot: SlotId): void;
  readonly drain: (slot: SlotId, deadlineMs: number) => Promise<void>;
  readonly resume: (slot: SlotId) => void;
  /** See `OwnershipPorts.mayHandOver`; absent: every slot may. */
  readonly mayHandOver?: (slot: SlotId, to: NodeId) => boolean;
  /** See `AcquisitionPorts.vouch`; absent: the directory is believed. */
  vouch?(newer: readonly [slot: SlotId, epoch: number]): Promise<void>;
  /** The copy here was thrown away. */
  discarded?(slot: SlotId): void;
  /** More of a slot is committed, or it begins to be served. */
  committed?(slot: SlotId): void;
}

/** The log of a slot that is served here, as far as it is committed. */
interface CommittedLog extends Pick<Ownership, "epoch" | "holds" | "withoutRecords" | "read" | "confirm"> {
  readonly seq: number;
}

/** How one slot that is served here stands, for status and tests. */
interface OwnedSlot {
  readonly slot: SlotId;
  readonly epoch: number;
  readonly phase: string;
  readonly inSync: readonly NodeId[];
  readonly followers: readonly { readonly node: NodeId; readonly state: string; readonly behind: number }[];
}

export interface Replication extends Slots {
  /** Begins to watch. */
  start(): void;
  /** From now on slots may be acquired: this node's data is known to be the data it last had. */
  allow(): void;
  /** This node's copies of these slots lack entries that it acknowledged: they step out of their sets, then heal from
   *  the others. */
  distrust(slots: Iterable<SlotId>, reason: string): void;
  status(): readonly OwnedSlot[];
  /** Undefined: it is not served here now. */
  committed(slot: SlotId): CommittedLog | undefined;
  /** See `committedCut`. */
  cut(slot: SlotId): Promise<Cut>;
  /** Acquires nothing any more, and hands its slots to replicas that have everything. */
  handOver(deadlineMs: number): Promise<void>;
  /** Ends the slots that are left. */
  stop(): void;
}

interface Served {
  readonly ownership: Ownership;
  ended: ((error: Failure) => void) | undefined;
}

export function createReplication(ports: ReplicationPorts): Replication {
  const { node, journal, store, directory, table, exchange, membership, clock, log, meter } = ports;
  const limits = { ...replicationLimits, ...ports.limits };
  const slots = new Map<SlotId, Served>();
  /** The epoch at which a slot was last acquired again by itself: once an epoch, so that a failing disk is no loop. */
  const againAt = new Map<SlotId, number>();
  const confirmations = createConfirmations({ exchange, clock, limits });
  /** Peers that were up since this node started: one that is not any more is gone, one never seen may be on its way. */
  const seenUp = new Set<NodeId>();
  const lookAround = (): void => {
    for (const { node: name } of membership.members().members) if (membership.isUp(name)) seenUp.add(name);
  };
  const claimsOf = (slot: SlotId): number => replicas.claims(slot) + acquisition.claims(slot);
  let [transfers, sendings] = [0, 0];
  let ticks = 0;
  let lastTickMs = clock.monotonicMs();
  let [started, stopping] = [false, false];
  let stopTicking: (() => void) | undefined;
  let stopUpkeep: (() => void) | undefined;

  const discarded = (slot: SlotId): void => {
    replicas.drop(slot);
    ports.discarded?.(slot);
  };
  const healing = createHealing({
    node,
    journal,
    directory,
    table,
    membership,
    clock,
    log,
    limits,
    serves: (slot) => slots.has(slot),
    leave: (slot, error) => {
      replicas.leave(slot, error);
      slots.get(slot)?.ownership.end(error);
    },
    claims: claimsOf,
    discarded,
  });
  const replicas = serveReplicas({
    journal,
    directory,
    table,
    store,
    exchange,
    clock,
    log,
    meter,
    ...(ports.tracer && { tracer: ports.tracer }),
    limits,
    node,
    trouble: (slot) => healing.damage(slot),
    superseded: (slot, epoch) => {
      const ownership = slots.get(slot)?.ownership;
      if (ownership && ownership.epoch < epoch)
        ownership.end(failure("FENCED", { slot, epoch: ownership.epoch, fence: epoch }));
    },
    damaged: (slot, error) => healing.damaged(slot, error),
  });

  /** Read once for all slots that ask in the meantime. */
  let reading: Promise<DirectoryRow | undefined> | undefined;
  const member = (): Promise<DirectoryRow | undefined> => {
    reading ??= directory.read(memberKey(node)).finally(() => (reading = undefined));
    return reading;
  };
  const ownershipPorts: OwnershipPorts = {
    node,
    directory,
    member,
    table,
    exchange,
    confirmations,
    clock,
    log,
    meter,
    ...(ports.tracer && { tracer: ports.tracer }),
    limits,
    minInSync: ports.minInSync,
    isUp: (peer) => membership.isUp(peer),
    isSlow: (peer) => membership.isSlow(peer),
    wasUp: (peer) => seenUp.has(peer),
    isGone: (peer) => seenUp.has(peer) && !membership.isUp(peer),
    nextSending: () => (sendings += 1),
    beginTransfer: () => {
      if (transfers >= limits.transfersMax) return undefined;
      transfers += 1;
      return () => void (transfers -= 1);
    },
    drain: ports.drain,
    resume: ports.resume,
    committed: (slot) => ports.committed?.(slot),
    mayHandOver: (slot, to) => ports.mayHandOver?.(slot, to) ?? true,
    ended: (ownership, error) => {
      const served = slots.get(ownership.slot);
      if (served?.ownership !== ownership) return;
      slots.delete(ownership.slot);
      meter.count("slots_ended", 1, { code: error.code });
      served.ended?.(error);
      againIfOwned(ownership.slot);
      if (!["MOVED", "FENCED", "STOPPING"].includes(error.code)) cannotGoOn(ownership.slot, error);
    },
  };

  /** Begins the epoch of a row that makes this node the owner. */
  const begin = (row: SlotRow, slotLog: SlotLog): Ownership => {
    const { slot } = row.record;
    const ownership = new Ownership(row, slotLog, ownershipPorts);
    slots.set(slot, { ownership, ended: undefined });
    ownership.start();
    // The row may have changed while the fence was on its way to the disk.
    const newer = table.get(slot);
    if (newer) ownership.learned(newer);
    return ownership;
  };
  const acquisition = new Acquisition({
    node,
    roles: () => ports.roles(),
    journal,
    directory,
    table,
    clock,
    log,
    limits,
    healing,
    begin,
    vouch: async (newer) => ports.vouch?.(newer),
    unable: cannotGoOn,
    over: (slot) => void (slots.has(slot) || againIfOwned(slot)),
  });

  /** A slot may have left and come back while it was being acquired, and nobody tells of it again. */
  function againIfOwned(slot: SlotId): void {
    const epoch = table.get(slot)?.record.epoch;
    if (epoch === undefined || epoch === againAt.get(slot)) return;
    againAt.set(slot, epoch);
    clock.soon(() => {
      const record = table.get(slot)?.record;
      if (record?.owner === node && !slots.has(slot) && !healing.damage(slot) && started && !stopping)
        ports.owned(slot);
    });
  }

  function cannotGoOn(slot: SlotId, error: Failure): void {
    if (error.code === "DATA_DAMAGED") healing.damaged(slot, error);
    else void healing.failed(slot, error);
  }

  // --- news ----------------------------------------------------------------------------------------------------------

  const heard = (row: SlotRow): void => {
    const { slot, owner } = row.record;
    // Also before `start`: a slot may be open by then, and nobody tells its owner again.
    slots.get(slot)?.ownership.learned(row);
    if (!started || stopping) return;
    if (healing.damage(slot)) void healing.heal(slot);
    else if (owner === node && !slots.has(slot)) ports.owned(slot);
  };
  /** The directory has no such row any more, as when it was recovered from an older state: others may begin the slot
   *  anew. A list that is older than an answer may lack the row, too; so it is asked for. */
  const forgotten = async (slot: SlotId): Promise<void> => {
    const ownership = slots.get(slot)?.ownership;
    const row = ownership && (await readSlot(directory, slot).catch(() => undefined));
    if (row !== undefined) table.learn(row);
    else ownership?.end(failure("SLOT_UNAVAILABLE", { slot, because: "its record is gone" }));
  };
  table.onChange((slot, row) => void (row === undefined ? forgotten(slot) : heard(row)));

  exchange.on("replica.synced", (body, from) => {
    const ownership = slots.get(body.slot)?.ownership;
    if (ownership?.epoch === body.epoch) ownership.synced(from, body);
  });
  exchange.on("replica.refused", (body, from) => {
    const ownership = slots.get(body.slot)?.ownership;
    if (ownership?.epoch === body.epoch) ownership.refused(from, body);
  });
  exchange.onPeer({
    connected: (peer) => {
      for (const { ownership } of slots.values()) ownership.connected(peer);
    },
    disconnected: (peer) => {
      for (const { ownership } of slots.values()) ownership.disconnected(peer);
    },
  });
  membership.onChange(() => {
    lookAround();
    for (const { ownership } of slots.values()) ownership.tick(true);
  });

  const tickLater = (): void => {
    stopTicking = clock.after(limits.tickIntervalMs, () => {
      const nowMs = clock.monotonicMs();
      // While this process was stopped it read no messages; the other nodes are not to blame for the silence.
      const stalled = nowMs - lastTickMs > limits.tickIntervalMs * limits.ticksPerStall;
      lastTickMs = nowMs;
      for (const { ownership } of slots.values()) {
        if (stalled) ownership.forgive();
        ownership.tick();
      }
      ticks += 1;
      if (ticks % limits.ticksPerHealing === 0) healing.healAll();
      tickLater();
    });
  };

  return {
    allow: () => acquisition.allow(),
    distrust(distrusted, reason) {
      for (const slot of distrusted) healing.damaged(slot, failure("DATA_DAMAGED", { slot, reason }));
    },
    start() {
      started = true;
      lookAround();
      tickLater();
      for (const { ownership } of slots.values()) {
        const row = table.get(ownership.slot);
        if (row) ownership.learned(row);
      }
      stopUpkeep = startUpkeep({
        node,
        journal,
        directory,
        table,
        clock,
        random: ports.random,
        log,
        meter,
        limits,
        minInSync: ports.minInSync,
        owned: (slot) => slots.get(slot)?.ownership,
        damaged: (slot, error) => healing.damaged(slot, error),
        claims: claimsOf,
        discarded,
      });
    },
    async open(slot, ended): Promise<ServedLog> {
      const ownership = slots.get(slot)?.ownership ?? (await acquisition.of(slot));
      const served = slots.get(slot);
      if (served?.ownership === ownership) served.ended = ended;
      else throw new PlexusError(failure("FENCED", { slot, epoch: ownership.epoch }));
      await ownership.served;
      return ownership;
    },
    async owned() {
      const held = new Set(await journal.slots());
      return slotsOwned(table, node).filter((slot) => held.has(slot));
    },
    committed: (slot) => committedLog(slots.get(slot)?.ownership),
    cut: (slot) =>
      committedCut(slot, {
        owned: () => slots.get(slot)?.ownership,
        serve: () => ports.owned(slot),
        clock,
        limits,
      }),
    give: (slot, error) => slots.get(slot)?.ownership.end(error),
    status: () =>
      [...slots.values()].map(({ ownership }) => ({
        slot: ownership.slot,
        epoch: ownership.epoch,
        phase: ownership.phase,
        inSync: ownership.record.inSync,
        followers: [...ownership.followers.values()].map((follower) => ({
          node: follower.node,
          state: follower.state,
          behind: ownership.lastSeq - (follower.seq ?? 0),
        })),
      })),
    async handOver(deadlineMs) {
      stopping = true;
      acquisition.stop();
      const endMs = clock.monotonicMs() + deadlineMs;
      const left = [...slots.values()];
      const handOne = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) {
          const to = healing.successor(next.ownership.record);
          if (to !== undefined && clock.monotonicMs() < endMs) await next.ownership.handOver(to);
        }
      };
      const done = Promise.all(Array.from({ length: limits.handOversMax }, handOne));
      await Promise.race([done, new Promise<void>((resolve) => void clock.after(deadlineMs, resolve))]);
    },
    stop() {
      stopping = true;
      acquisition.stop();
      stopTicking?.();
      stopUpkeep?.();
      for (const { ownership } of slots.values()) ownership.end(failure("STOPPING"));
    },
  };
}

/** The log as it is committed now; undefined: it is not served. */
function committedLog(ownership: Ownership | undefined): CommittedLog | undefined {
  if (ownership === undefined || !ownership.isServed) return undefined;
  const { epoch, committed: seq } = ownership;
  return {
    epoch,
    seq,
    holds: (at) => ownership.holds(at),
    withoutRecords: (at) => ownership.withoutRecords(at),
    read: (at, bytesMax) => ownership.read(at, bytesMax),
    confirm: (done) => ownership.confirm(done),
  };
}
