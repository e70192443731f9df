/** The side of the copies: what this node does for slots that others own. A copy accepts an epoch that is not below its
 *  fence, writes entries that fit where its log ends, and acknowledges entries that are on disk. It decides nothing. */
import {
  decodeFromPeer,
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { MeshBody, Standing } from "../../protocols/mesh/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, Directory, Log, Meter, NodeId, Store, StoreOp, StoreView, Tracer } from "../ports/index.ts";
import { readSlot, type SlotRow } from "../cluster/facts/records.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import { digestOf, type Head, type Journal, type Position, type SlotLog } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";
import { Parts } from "./parts.ts";

interface ReplicaPorts {
  readonly node: NodeId;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly meter: Meter;
  readonly store: Store;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracer?: Tracer;
  readonly limits: ReplicationLimits;
  /** Ends this node's own service of a slot below `epoch`: somebody newer owns it. */
  superseded(slot: SlotId, epoch: number): void;
  /** Why a copy is not to be used, if that is known. */
  trouble(slot: SlotId): Failure | undefined;
  /** The copy cannot be read: it steps out of the set and heals. */
  damaged(slot: SlotId, error: Failure): void;
}

interface Mark {
  readonly view: StoreView;
  readonly at: Position;
  /** It is in use: its time begins anew. */
  readonly keep: () => void;
  readonly drop: () => void;
}

/** Numbers of marks are each owner's own. */
const markKey = (from: NodeId, { slot, epoch, mark }: { slot: SlotId; epoch: number; mark: number }): string =>
  `${from} ${slot} ${epoch} ${mark}`;

/** Registers this node's answers to owners. */
export function serveReplicas(ports: ReplicaPorts): {
  readonly drop: (slot: SlotId) => void;
  /** Tells the owner that the copy here is not to be counted on, so that it asks, and hears why. */
  readonly leave: (slot: SlotId, error: Failure) => void;
  /** Rises whenever an owner begins to count on the copy here: the copy must not be thrown away on a row that was read
   *  before. */
  readonly claims: (slot: SlotId) => number;
} {
  const { journal, store, directory, table, exchange, clock, log, meter, limits } = ports;
  const logs = new Map<SlotId, SlotLog>();
  /** The node that asked last for this copy's position, and so may write here: the owner of that epoch. */
  const owners = new Map<SlotId, { readonly node: NodeId; readonly epoch: number }>();

  /** A raised fence stays raised, so only the node that the directory names may raise it. Undefined: this node may. */
  const claim = async (from: NodeId, slot: SlotId, epoch: number): Promise<Failure | undefined> => {
    const stands = (row: SlotRow | undefined): boolean => row?.record.owner === from && row.record.epoch === epoch;
    if (stands(table.get(slot))) return undefined;
    let row: SlotRow | undefined;
    try {
      row = await readSlot(directory, slot);
    } catch (error) {
      // With the directory away no new epoch can be claimed; an epoch that this copy has accepted stands. Its owner is
      // known, unless this node has started since.
      const known = [table.get(slot)?.record, owners.get(slot)].some((one) => one !== undefined && one.epoch >= epoch);
      const away = failureOf(error).code === "DIRECTORY_UNAVAILABLE";
      if (away && (isOwner(from, slot, epoch) || (!known && (await opened(slot)).fence === epoch))) return undefined;
      throw error;
    }
    if (row) table.learn(row);
    if (stands(row)) return undefined;
    if (row !== undefined && row.record.epoch > epoch)
      return failure("FENCED", { slot, epoch, fence: row.record.epoch });
    // Nobody takes himself for the owner before the directory has said so: this is a lie, or an error no better than
    // one.
    meter.count("replica_false_claims");
    const refusal = failure("FORBIDDEN", { slot, epoch, because: "the directory names another owner" });
    log.warn("replica.claim.false", { from, slot, epoch });
    exchange.disconnect(from, refusal);
    return refusal;
  };
  const isOwner = (from: NodeId, slot: SlotId, epoch: number): boolean => {
    const owner = owners.get(slot);
    return owner?.node === from && owner.epoch === epoch;
  };
  /** Refuses a node that is not the owner, before anything is done for it. */
  const notAsked = (slot: SlotId, epoch: number): Failure =>
    failure("FENCED", { slot, epoch, fence: logs.get(slot)?.fence ?? 0 });

  /** Slots with something to acknowledge to an owner, by the end of this tick. */
  const acknowledgements = new Map<
    string,
    { readonly to: NodeId; readonly slot: SlotId; readonly epoch: number; gap: boolean }
  >();
  const claims = new Map<SlotId, number>();
  const parts = new Parts(limits);
  const marks = new Map<string, Mark>();

  const opened = async (slot: SlotId): Promise<SlotLog> => {
    const trouble = ports.trouble(slot);
    if (trouble) throw new PlexusError(trouble);
    const present = logs.get(slot);
    if (present && present.failed === undefined) return present;
    try {
      const fresh = present ? await journal.reopen(slot, present) : await journal.openSlot(slot);
      logs.set(slot, fresh);
      return fresh;
    } catch (error) {
      logs.delete(slot);
      if (failureOf(error).code === "DATA_DAMAGED") ports.damaged(slot, failureOf(error));
      throw error;
    }
  };

  const standing = (slotLog: SlotLog): Standing => ({
    fence: slotLog.fence,
    continues: slotLog.continues,
    incarnation: slotLog.incarnation,
    incomplete: slotLog.incomplete,
    at: slotLog.position,
  });

  exchange.on("replica.query", ({ slot, epoch }, from) =>
    answered(async () => {
      const known = logs.get(slot)?.fence ?? 0;
      if (epoch < known) return refused(failure("FENCED", { slot, epoch, fence: known }));
      const refusal = await claim(from, slot, epoch);
      if (refusal) return refused(refusal);
      const slotLog = await opened(slot);
      if (epoch < slotLog.fence) return refused(failure("FENCED", { slot, epoch, fence: slotLog.fence }));
      claims.set(slot, (claims.get(slot) ?? 0) + 1);
      if (!slotLog.exists && table.get(slot)?.record.inSync.includes(ports.node) === true) {
        // It counts as one that has everything, and there is no trace of it here.
        const gone = failure("DATA_DAMAGED", { slot, reason: "nothing of it is on this disk" });
        ports.damaged(slot, gone);
        return refused(gone);
      }
      ports.superseded(slot, epoch);
      await slotLog.raise(epoch);
      if (!isOwner(from, slot, epoch)) parts.drop((other) => other.slot === slot);
      owners.set(slot, { node: from, epoch });
      return ok(standing(slotLog));
    }),
  );

  // --- appends -------------------------------------------------------------------------------------------------------

  const acknowledgeSoon = (to: NodeId, slot: SlotId, epoch: number, gap: boolean): void => {
    const key = `${to} ${slot}`;
    const waiting = acknowledgements.get(key);
    if (waiting?.epoch === epoch) {
      waiting.gap ||= gap;
      return;
    }
    acknowledgements.set(key, { to, slot, epoch, gap });
    if (acknowledgements.size > 1) return;
    clock.soon(() => {
      const due = [...acknowledgements.values()];
      acknowledgements.clear();
      for (const each of due) acknowledge(each.to, each.slot, each.epoch, each.gap);
    });
  };

  const acknowledge = (to: NodeId, slot: SlotId, epoch: number, gap: boolean): void => {
    const slotLog = logs.get(slot);
    if (slotLog === undefined) return;
    const { incarnation, position: at } = slotLog;
    if (slotLog.continues !== epoch && !gap) return;
    const lacks = slotLog.takeLacking() as string[];
    exchange.send(to, "replica.synced", { slot, epoch, incarnation, at, gap, ...(lacks.length > 0 && { lacks }) });
  };

  const refuse = (to: NodeId, slot: SlotId, epoch: number, reason: string): void => {
    const fence = logs.get(slot)?.fence ?? 0;
    exchange.send(to, "replica.refused", { slot, epoch, fence, reason: reason.slice(0, 500) });
  };

  exchange.on("replica.append", (body, from) => {
    const { slot, epoch } = body;
    const trouble = ports.trouble(slot);
    // A copy that cannot be read does not acknowledge: so its owner leaves it out, and it can heal.
    if (trouble) return refuse(from, slot, epoch, trouble.code);
    if (!isOwner(from, slot, epoch)) return refuse(from, slot, epoch, "it did not ask how this copy stands");
    const slotLog = logs.get(slot);
    if (slotLog === undefined || slotLog.failed !== undefined) {
      // It was asked before it was sent anything, so the log was open then: it has failed since.
      void opened(slot).then(
        (present) => refuse(from, slot, epoch, `opened again at ${present.position.seq}`),
        (error: unknown) => refuse(from, slot, epoch, failureOf(error).code),
      );
      return;
    }
    if (body.incarnation !== slotLog.incarnation) return refuse(from, slot, epoch, "another incarnation");
    const piece = {
      from: body.from,
      chunks: body.chunks,
      snapshots: body.snapshots,
      trim: body.trim,
    };
    const spans = body.traces?.map((trace) => ports.tracer?.under(trace, "copy", { slot, epoch, from }));
    slotLog.apply(epoch, piece, (error) => {
      for (const span of spans ?? []) span?.end(error?.code);
      if (error === undefined || error.code === "LOG_GAP") acknowledgeSoon(from, slot, epoch, error !== undefined);
      else if (error.code === "DATA_DAMAGED") ports.damaged(slot, error);
      else refuse(from, slot, epoch, error.code);
      if (error === undefined && body.mark > 0) keepMark(slotLog, from, body);
    });
  });

  exchange.on("replica.confirm", ({ slots }, from) => {
    const gone: [SlotId, number][] = [];
    for (const [slot, epoch] of slots) {
      const slotLog = logs.get(slot);
      // A log that is not open has answered nobody since this node started: the owner has to ask it first.
      if (slotLog === undefined || slotLog.fence > epoch || !isOwner(from, slot, epoch))
        gone.push([slot, slotLog?.fence ?? 0]);
    }
    return ok({ gone });
  });

  exchange.on("replica.fetch", ({ slot, epoch, after }, from) =>
    answered(async () => {
      if (!isOwner(from, slot, epoch)) return refused(notAsked(slot, epoch));
      const slotLog = await opened(slot);
      if (epoch !== slotLog.fence) return refused(failure("FENCED", { slot, epoch, fence: slotLog.fence }));
      try {
        const piece = await slotLog.reader.read(after, limits.catchUpBytesMax * 4);
        if (piece === undefined)
          return refused(failure("LOG_GAP", { slot, because: "it does not hold this position" }));
        slotLog.reader.inspect(piece);
        return ok({ chunks: piece.chunks });
      } catch (error) {
        // The entries it asks for are rotten here: the failure must not look like the asking node's own.
        if (failureOf(error).code === "DATA_DAMAGED") ports.damaged(slot, failureOf(error));
        throw error;
      }
    }),
  );

  exchange.on("replica.snapshot", (body, from) => {
    if (!isOwner(from, body.slot, body.epoch)) return refused(notAsked(body.slot, body.epoch));
    const whole = parts.join("snapshot", from, body);
    if (!whole.ok) return whole;
    const sealed = whole.value;
    if (sealed === undefined) return ok(null);
    return changing(from, body, (slotLog) => {
      const copy = { actor: body.actor as ActorId, seq: body.seq, sealed };
      return new Promise((resolve) => {
        slotLog.applySnapshot(body.epoch, copy, (error) => {
          if (error?.code === "DATA_DAMAGED") ports.damaged(body.slot, error);
          resolve(error ? refused(error) : ok(null));
        });
      });
    });
  });

  // --- transfers -----------------------------------------------------------------------------------------------------

  exchange.on("transfer.begin", (body, from) =>
    changing(from, body, async (slotLog) => {
      await slotLog.startOver(body.epoch);
      parts.drop(({ slot }) => slot === body.slot);
      log.info("slot.transfer.begun", { slot: body.slot, epoch: body.epoch, incarnation: slotLog.incarnation });
      return ok({ incarnation: slotLog.incarnation });
    }),
  );

  exchange.on("transfer.compare", (body, from) =>
    answered(async () => {
      const mark = marks.get(markKey(from, body));
      mark?.keep();
      // An owner that makes this copy anew compares the rows that are on the disk now.
      if (body.mark === 0 && !isOwner(from, body.slot, body.epoch)) return refused(notAsked(body.slot, body.epoch));
      const view = body.mark > 0 ? mark?.view : store;
      if (view === undefined) return refused(failure("NOT_FOUND", { slot: body.slot, mark: body.mark }));
      const differ: number[] = [];
      const digests: Uint8Array[] = [];
      for (const [index, [from, to, digest]] of body.leaves.entries()) {
        if (!belongs(body.slot, from, to)) return refused(failure("BAD_REQUEST", { from, to }));
        const here = await digestOf(view, { from, to });
        if (Buffer.compare(here, digest) === 0) continue;
        differ.push(index);
        digests.push(here);
      }
      return ok({ differ, ...(mark && { at: mark.at, digests }) });
    }),
  );

  exchange.on("transfer.rows", (body, from) => {
    if (!belongs(body.slot, body.from, body.to))
      return refused(failure("BAD_REQUEST", { from: body.from, to: body.to }));
    if (!isOwner(from, body.slot, body.epoch)) return refused(notAsked(body.slot, body.epoch));
    const whole = parts.join("rows", from, body);
    if (!whole.ok) return whole;
    if (whole.value === undefined) return ok(null);
    const rows = rowsIn(whole.value, body);
    if (rows === undefined) return refused(failure("BAD_FRAME", { reason: "rows outside their run" }));
    return changing(from, body, async (slotLog) => {
      const kept = new Set(rows.map(([key]) => key));
      const present = await store.keys({ gte: body.from, lt: body.to });
      const ops: StoreOp[] = present.filter((key) => !kept.has(key)).map((key) => ({ type: "del", key }));
      for (const [key, value] of rows) ops.push({ type: "put", key, value });
      await slotLog.write(body.incarnation, ops);
      return ok(null);
    });
  });

  exchange.on("transfer.finish", (body, from) =>
    changing(from, body, async (slotLog) => {
      const { last, baseSeq, baseChecksum } = body.head;
      const head: Head = {
        fence: body.epoch,
        continues: body.epoch,
        incarnation: body.incarnation,
        incomplete: false,
        lastEpoch: last.epoch,
        lastSeq: last.seq,
        lastChecksum: last.checksum,
        baseSeq,
        baseChecksum,
      };
      await slotLog.finish(body.epoch, body.incarnation, head);
      log.info("slot.transfer.finished", { slot: body.slot, epoch: body.epoch, seq: last.seq });
      return ok(standing(slotLog));
    }),
  );

  /** Runs a change of a copy, if the message means this copy: this incarnation, and no newer epoch. A message that was
   *  late by a whole transfer names an older incarnation. */
  function changing<T>(
    from: NodeId,
    body: { readonly slot: SlotId; readonly epoch: number; readonly incarnation: number },
    work: (slotLog: SlotLog) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    return answered(async () => {
      const { slot, epoch, incarnation } = body;
      if (!isOwner(from, slot, epoch)) return refused(notAsked(slot, epoch));
      const slotLog = await opened(slot);
      if (slotLog.incarnation !== incarnation || epoch !== slotLog.fence || !isOwner(from, slot, epoch))
        return refused(failure("FENCED", { slot, epoch, fence: slotLog.fence, incarnation: slotLog.incarnation }));
      return await work(slotLog);
    });
  }

  /** Within the batch's own callback: the store ends exactly where the log's position says. */
  function keepMark(slotLog: SlotLog, from: NodeId, body: MeshBody<"replica.append">): void {
    const key = markKey(from, body);
    marks.get(key)?.drop();
    if (marks.size >= limits.transfersMax * 4) return;
    const view = store.view();
    const drop = (): void => {
      if (marks.get(key) === mark) marks.delete(key);
      cancel();
      void view.close();
    };
    let cancel = clock.after(limits.markAgeMaxMs, drop);
    const keep = (): void => {
      cancel();
      cancel = clock.after(limits.markAgeMaxMs, drop);
    };
    const mark: Mark = { view, at: slotLog.position, keep, drop };
    marks.set(key, mark);
  }

  exchange.onPeer({ disconnected: (peer) => parts.drop(({ from }) => from === peer) });

  return {
    leave: (slot, error) => {
      const owner = owners.get(slot);
      if (owner) refuse(owner.node, slot, owner.epoch, error.code);
    },
    drop: (slot) => void logs.delete(slot),
    claims: (slot) => claims.get(slot) ?? 0,
  };
}

/** An answer in any case: an error that is thrown becomes the failure that it carries. */
async function answered<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    return refused(failureOf(error));
  }
}

/** Whether a run of keys lies within one slot. The key ranges of a slot: log, snapshots, and each space of side
 *  values. */
function belongs(slot: SlotId, from: string, to: string): boolean {
  const prefix = /^(?:log|snap|side\/[a-z]+)\//.exec(from)?.[0];
  if (prefix === undefined) return false;
  const own = `${prefix}${slot}`;
  return from.startsWith(`${own}/`) && (to.startsWith(`${own}/`) || to === `${own}0`) && from <= to;
}

function rowsIn(
  encoded: Uint8Array,
  run: { readonly from: string; readonly to: string },
): readonly (readonly [string, Uint8Array])[] | undefined {
  let rows: unknown;
  try {
    rows = decodeFromPeer(encoded);
  } catch {
    return undefined;
  }
  const fits = (row: unknown): boolean =>
    Array.isArray(row) &&
    row.length === 2 &&
    typeof row[0] === "string" &&
    row[0] >= run.from &&
    row[0] < run.to &&
    row[1] instanceof Uint8Array;
  return Array.isArray(rows) && rows.every(fits) ? (rows as (readonly [string, Uint8Array])[]) : undefined;
}
