/** The directory comes back on an older copy of its data: what must be said, and what must not happen before the newest
 *  one is back. */
import { slotOf, type ActorId, type SlotId } from "../../../protocols/index.ts";
import type { SlotRecord } from "../../../node/ports/index.ts";
import type { Dice } from "../../world/index.ts";
import type { Machine } from "./machine.ts";
import type { ClusterPlan } from "./plan.ts";

/** Where a directory lies in a node's store. */
export const directoryKeys = ({ directory }: ClusterPlan): string =>
  directory === "embedded" ? "directory/" : "replicated/";
/** In this time everybody is told of a change. */
export const toldMs = 1_000;
/** Within this every node says it. */
export const saidMsMax = 20_000;

/** Whether there is a directory on disks that can be put back; on an encrypted one nobody could tell what lies
 *  where. */
export const bearsOlderDirectory = ({ directory, sealed }: ClusterPlan): boolean =>
  directory !== "external" && directory !== "etcd" && !sealed;

/** Moves some of what people use, so that the directory has changed. */
export async function moveSome(
  ledgers: readonly ActorId[],
  at: { readonly dice: Dice; readonly gates: readonly Machine[] },
): Promise<void> {
  const { dice, gates } = at;
  for (const ledger of ledgers) {
    const control = dice.pick(gates).peer?.control;
    const slot = slotOf("chat", ledger) as SlotId;
    await control?.moveSlot(slot, dice.pick(gates).node, 2_000);
  }
}

/** The sum of all epochs: it rises with every slot that gets another owner. */
export const epochsOf = (records: ReadonlyMap<string, SlotRecord>): number =>
  [...records.values()].reduce((sum, { epoch }) => sum + epoch, 0);

/** Whether a node says that the directory is older than what it told. */
export async function saysOlder({ peer }: Machine): Promise<boolean> {
  const summary = await peer?.control.summary();
  if (summary?.ok !== true) return false;
  const { directoryAway, directoryOlder } = summary.value;
  return directoryOlder !== undefined || directoryAway?.because?.includes("older") === true;
}
