/** Pins: an actor is given a slot of its own, so that it can be placed by itself. */
import { failure, ok, ownSlot, refused, type ActorId, type Result, type SlotId } from "../../../protocols/index.ts";
import { fetchSlot, type SlotTable } from "../facts/slot-table.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, NodeId } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";

/** Asks the owner of `base` to give an actor a slot of its own, at `to` if that node has a copy. Looks the owner up
 *  again while it changes. Errors: NOT_FOUND, ASK_TIMEOUT, what the owner refuses for good. */
export async function pin(
  { directory, changes }: Attempt,
  ports: {
    readonly table: SlotTable;
    readonly exchange: Exchange;
    readonly clock: Clock;
    readonly limits: PlacementLimits;
  },
  {
    actor,
    base,
    to,
    deadlineMs,
  }: { readonly actor: ActorId; readonly base: SlotId; readonly to: NodeId; readonly deadlineMs: number },
): Promise<Result<SlotId>> {
  const { table, exchange, clock, limits } = ports;
  const own = ownSlot(actor);
  for (;;) {
    if ((await fetchSlot(directory, table, own)) !== undefined) return ok(own);
    const row = await fetchSlot(directory, table, base);
    if (row === undefined) return refused(failure("NOT_FOUND", { actor }));
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= limits.pinRetryMs) return refused(failure("ASK_TIMEOUT", { actor, phase: "pin" }));
    changes();
    const answer = await exchange.call(row.record.owner, "placement.pin", { actor, to }, leftMs);
    if (answer.ok && (await fetchSlot(directory, table, own)) !== undefined) return ok(own);
    // A split that did not start, or whose outcome is unknown, is tried again; one that was refused for good is not,
    // nor one that waits for somebody to type something.
    if (!answer.ok && (answer.error.outcome === "failed" || answer.error.code === "DIRECTORY_REFUSES")) return answer;
    await new Promise<void>((resolve) => void clock.after(limits.pinRetryMs, resolve));
  }
}
