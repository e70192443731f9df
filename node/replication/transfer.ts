/** Gives a node that has nothing usable a copy of a slot: a cut of the owner's, compared by Merkle leaves, so that what it
 *  already has is not sent again. A transfer that ends half-way is begun anew and finds most of it there. What is sent is
 *  checked: rot here must not become what all copies have. */
import { encode, failure, failureOf, PlexusError, type Failure, type Result } from "../../protocols/index.ts";
import type { Standing } from "../../protocols/mesh/index.ts";
import type { Exchange } from "../exchange.ts";
import type { NodeId, StoreView } from "../ports.ts";
import { leavesOf, rowsOf, slotRanges, type Leaf, type SlotLog } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";

export interface TransferPorts {
  readonly exchange: Exchange;
  readonly log: SlotLog;
  readonly epoch: number;
  readonly limits: ReplicationLimits;
  /** False once the owner has stopped owning: the transfer ends. */
  goesOn(): boolean;
  /** Keeps the owner's log from being trimmed beyond this, for as long as the transfer runs. */
  hold(seq: number): void;
  /** A number that no other sending of this process has. */
  readonly nextSending: () => number;
  /** What is here cannot be read. */
  unreadable(error: Failure): void;
  /** Bytes sent so far. */
  sent(bytes: number): void;
}

/** Transfers the slot to `to`, whose copy is of `incarnation`. Resolves with how it stands then. Rejects with the reason
 *  when it was not finished. */
export async function transfer(to: NodeId, incarnation: number, ports: TransferPorts): Promise<Standing> {
  const { exchange, log, epoch, limits } = ports;
  const { slot } = log;
  const call: Exchange["call"] = (node, name, body, timeoutMs) =>
    ports.goesOn()
      ? exchange.call(node, name, body, timeoutMs)
      : Promise.resolve({ ok: false, error: failure("FENCED", { slot, epoch }) });

  const { view, head } = await log.cut();
  try {
    ports.hold(head.lastSeq);
    const unreadable = (error: unknown): never => {
      ports.unreadable(failureOf(error));
      throw error;
    };
    const readable: Pick<StoreView, "range"> = { range: (asked) => view.range(asked).catch(unreadable) };
    const verified = (key: string, value: Uint8Array): void => {
      try {
        log.verifyRow(key, value);
      } catch (error) {
        unreadable(error);
      }
    };
    // Before the other forgets its own: that may be the only one that can be read.
    await log.verifyLog({ head, view }).catch(unreadable);
    const begun = valueOf(await call(to, "transfer.begin", { slot, epoch, incarnation }, limits.transferTimeoutMs));
    const named = { slot, epoch, incarnation: begun.incarnation };
    const sendLeaves = async (leaves: readonly Leaf[]): Promise<void> => {
      const rows = leaves.map(({ from, to: end, digest }): [string, string, Uint8Array] => [from, end, digest]);
      const question = { ...named, mark: 0, leaves: rows };
      const { differ } = valueOf(await call(to, "transfer.compare", question, limits.transferTimeoutMs));
      for (const index of differ) {
        const leaf = leaves[index];
        if (leaf === undefined) continue;
        const data = encode(await rowsOf(readable, leaf));
        const sending = ports.nextSending();
        for (let offset = 0; offset < data.length; offset += limits.partBytesMax) {
          const part = data.subarray(offset, offset + limits.partBytesMax);
          const last = offset + limits.partBytesMax >= data.length;
          const body = { ...named, from: leaf.from, to: leaf.to, sending, data: part, last };
          valueOf(await call(to, "transfer.rows", body, limits.transferTimeoutMs));
          ports.sent(part.length);
        }
      }
    };
    for (const range of slotRanges(slot, "all")) {
      let group: Leaf[] = [];
      for await (const leaf of leavesOf(readable, range, verified)) {
        group.push(leaf);
        if (group.length < limits.leavesPerQuestionMax) continue;
        await sendLeaves(group);
        group = [];
      }
      if (group.length > 0) await sendLeaves(group);
    }
    const finish = {
      ...named,
      head: {
        last: { epoch: head.lastEpoch, seq: head.lastSeq, checksum: head.lastChecksum },
        baseSeq: head.baseSeq,
        baseChecksum: head.baseChecksum,
      },
    };
    return valueOf(await call(to, "transfer.finish", finish, limits.transferTimeoutMs));
  } finally {
    await view.close();
  }
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}
