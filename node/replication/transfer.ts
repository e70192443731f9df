/** Gives a node that has nothing usable a copy of a slot: a cut of the owner's, compared by Merkle leaves, so that rows
 *  that the node has already are not sent again. A transfer that ends half-way is begun anew and finds most rows there.
 *  Rows are checked before they are sent: rot of one copy must not spread to all. */
import { encode, failure, failureOf, PlexusError, type Failure, type Result } from "../../protocols/index.ts";
import type { Standing } from "../../protocols/mesh/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Clock, Log, Meter, StoreView } from "../ports/index.ts";
import { leavesOf, rowsOf, slotRanges, type Leaf, type SlotLog, verifyLog, verifyRow } from "../storage/index.ts";
import type { Follower } from "./follower.ts";
import type { ReplicationLimits } from "./limits.ts";

interface TransfersPorts {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: ReplicationLimits;
  readonly slotLog: SlotLog;
  readonly epoch: number;
  /** A number that no other sending of this process has. */
  readonly nextSending: () => number;
  /** Whether one more transfer may run; the returned function ends it. */
  beginTransfer(): (() => void) | undefined;
  /** False once it is not the follower of this slot and epoch any more: its transfer ends. */
  goesOn(follower: Follower): boolean;
  /** The copy here cannot be read. */
  unreadable(error: Failure): void;
  /** One has ended. */
  changed(): void;
}

/** The transfers of one slot and epoch that are under way, and the entries that its log keeps for them. */
export class Transfers {
  readonly #ports: TransfersPorts;
  /** Where each ends. */
  readonly #holds = new Map<Follower, number>();

  constructor(ports: TransfersPorts) {
    this.#ports = ports;
  }

  /** The log must not be trimmed beyond this: a copy goes on from where its transfer ends. Infinity: there is none. */
  get heldSeq(): number {
    return Math.min(...this.#holds.values());
  }

  /** Begins to give a copy to a follower that has said how it stands, if one more transfer may run. The follower is
   *  told how it ended. */
  begin(follower: Follower): void {
    const { standing, node } = follower;
    if (standing === undefined) return;
    const end = this.#ports.beginTransfer();
    if (end === undefined) return;
    const { clock, log, meter, slotLog, epoch } = this.#ports;
    const { slot } = slotLog;
    const startedMs = clock.monotonicMs();
    follower.state = "transferring";
    this.#transfer(follower, standing.incarnation)
      .then(({ now, bytes }) => {
        const tookMs = Math.round(clock.monotonicMs() - startedMs);
        log.info("slot.transferred", { slot, epoch, to: node, bytes, tookMs });
        meter.observeMs("transfer", tookMs);
        follower.transferred(now);
      })
      .catch((error: unknown) => {
        log.warn("slot.transfer.failed", { slot, to: node, error: failureOf(error) });
        if (failureOf(error).code === "FENCED") meter.count("transfers_fenced");
        follower.failedTransfer();
      })
      .finally(() => {
        end();
        this.#holds.delete(follower);
        this.#ports.changed();
      });
  }

  /** To a follower whose copy is of `incarnation`. Resolves with how that stands then, and the bytes sent. Rejects with
   *  the reason when it was not finished. */
  async #transfer(follower: Follower, incarnation: number): Promise<{ now: Standing; bytes: number }> {
    const { exchange, meter, limits, slotLog, epoch } = this.#ports;
    const { slot } = slotLog;
    const to = follower.node;
    let bytes = 0;
    const call: Exchange["call"] = (node, name, body, timeoutMs) =>
      this.#ports.goesOn(follower)
        ? exchange.call(node, name, body, timeoutMs)
        : Promise.resolve({ ok: false, error: failure("FENCED", { slot, epoch }) });

    const cut = await slotLog.cut();
    const { view, head } = cut;
    try {
      this.#holds.set(follower, head.lastSeq);
      const unreadable = (error: unknown): never => {
        this.#ports.unreadable(failureOf(error));
        throw error;
      };
      const readable: Pick<StoreView, "range"> = { range: (asked) => view.range(asked).catch(unreadable) };
      const verified = (key: string, value: Uint8Array): void => {
        try {
          verifyRow(cut, key, value);
        } catch (error) {
          unreadable(error);
        }
      };
      // Before the other forgets its own: that may be the only one that can be read.
      await verifyLog(cut).catch(unreadable);
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
          const sending = this.#ports.nextSending();
          for (let offset = 0; offset < data.length; offset += limits.partBytesMax) {
            const part = data.subarray(offset, offset + limits.partBytesMax);
            const last = offset + limits.partBytesMax >= data.length;
            const body = { ...named, from: leaf.from, to: leaf.to, sending, data: part, last };
            valueOf(await call(to, "transfer.rows", body, limits.transferTimeoutMs));
            bytes += part.length;
            meter.count("transfer_bytes", part.length);
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
      const now = valueOf(await call(to, "transfer.finish", finish, limits.transferTimeoutMs));
      return { now, bytes };
    } finally {
      await view.close();
    }
  }
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}
