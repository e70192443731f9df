import type { SlotId } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { isHolder } from "./parts.ts";

/** Whether a slot may go to another node, asked from before the shards of this node are open. */
interface HandOvers {
  readonly may: (slot: SlotId, to: NodeId) => boolean;
  /** From now on the shards say which holders may go. */
  open(shards: { mayHandOver(slot: SlotId, to: NodeId): boolean }): void;
}

/** Makes it, closed: no holder goes without its bytes, and every other slot may. */
export function createHandOvers(): HandOvers {
  let ask: HandOvers["may"] = () => false;
  return {
    may: (slot, to) => !isHolder(slot) || ask(slot, to),
    open: (shards) => void (ask = (slot, to) => shards.mayHandOver(slot, to)),
  };
}
