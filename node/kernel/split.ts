/** An actor leaves its role's slot for one of its own. */
import { failure, PlexusError, type ActorId } from "../../protocols/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { Activation } from "./activation.ts";
import type { ServedLog, SplitOff } from "./api.ts";
import type { Conditions } from "./condition.ts";
import type { ServedSlot } from "./served-slot.ts";

/** Brings an actor to rest and gives it a slot of its own, under the log's next entry. Its messages wait meanwhile.
 *  Error: SLOT_UNAVAILABLE, and the actor goes on. */
export async function splitOff(
  slot: ServedSlot,
  log: ServedLog,
  actor: ActorId,
  {
    to,
    endMs,
    conditions,
  }: { readonly to: NodeId | undefined; readonly endMs: number; readonly conditions: Conditions },
): Promise<{ readonly activation: Activation; readonly left: SplitOff }> {
  const unavailable = (because: string): PlexusError =>
    new PlexusError(failure("SLOT_UNAVAILABLE", { actor, because }));
  const activation = slot.activate(actor);
  if (activation.splitting) throw unavailable("it is being given a slot of its own");
  activation.splitting = true;
  try {
    const rests = (): boolean =>
      (activation.status === "active" || activation.status === "quarantined") && activation.flushed;
    await conditions.until(endMs, () => !slot.serves(log) || rests());
    if (!slot.serves(log) || slot.paused || !rests() || !activation.snapshot())
      throw unavailable("the actor does not come to rest");
    return { activation, left: await log.split(actor, to) };
  } catch (error) {
    activation.splitting = false;
    activation.goOn();
    throw error;
  }
}
