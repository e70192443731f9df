/** How a new owner comes to the longest log of its set. Every acknowledged entry is in that log: an earlier owner
 *  needed every copy of the set for each acknowledgement, so any of them has them all. Entries beyond were acknowledged
 *  to nobody. */
import { failure, failureOf, PlexusError, type Failure } from "../../protocols/index.ts";
import type { Standing } from "../../protocols/mesh/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { Position, SlotLog } from "../storage/index.ts";
import type { ReplicationLimits } from "./limits.ts";
import { isLonger, samePosition } from "./rules.ts";

/** A log elsewhere, and where it ends. */
interface OtherLog {
  readonly node: NodeId;
  readonly at: Position;
}

/** The longest log of the set; undefined: it is this one. */
export function longest(
  own: Position,
  others: Iterable<{ readonly node: NodeId; readonly standing: Standing | undefined }>,
): OtherLog | undefined {
  let best: OtherLog | undefined;
  for (const { node, standing } of others)
    if (standing && isLonger(standing.at, best?.at ?? own)) best = { node, at: standing.at };
  return best;
}

/** The outcome of fetching: this log is now as long as the other; the other node has to be asked again; this log is not
 *  the beginning of the other; or the other node's entries cannot be used, and why. */
export type Fetched = "whole" | "gone" | "diverged" | { readonly unusable: Failure };

/** Appends the entries that only the other log has. Rejects with failures of this disk, never with those of the other
 *  node. */
export async function fetchLongest(
  other: OtherLog,
  ports: {
    readonly exchange: Exchange;
    readonly log: SlotLog;
    readonly epoch: number;
    readonly limits: ReplicationLimits;
  },
): Promise<Fetched> {
  const { exchange, log, epoch, limits } = ports;
  const { slot } = log;
  while (!samePosition(log.position, other.at)) {
    const after = log.position;
    const answer = await exchange.call(other.node, "replica.fetch", { slot, epoch, after }, limits.transferTimeoutMs);
    if (!answer.ok) return whyNot(answer.error);
    const { chunks } = answer.value;
    if (chunks.length === 0)
      return { unusable: failure("DATA_DAMAGED", { slot, reason: "its log ends before it said" }) };
    try {
      log.reader.inspect({ from: after, chunks, snapshots: [], trim: 0 });
    } catch (error) {
      return { unusable: failureOf(error) };
    }
    const refusal = await new Promise<Failure | undefined>((resolve) => {
      log.apply(epoch, { from: after, chunks, snapshots: [], trim: 0 }, resolve);
    });
    // The other log continues this position, so a snapshot that it misses should have been here.
    if (refusal?.code === "LOG_GAP") return "diverged";
    if (refusal) throw new PlexusError(refusal);
  }
  return "whole";
}

function whyNot(error: Failure): Fetched {
  switch (error.code) {
    case "PEER_LOST":
    case "UNREACHABLE":
    case "OVERLOADED":
    case "STOPPING":
    case "FENCED": // it has restarted, or knows a newer epoch: its next answer says which
      return "gone";
    case "LOG_GAP":
      return "diverged";
    default:
      return { unusable: error };
  }
}
