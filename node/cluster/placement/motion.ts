/** What a round changes, and what it has set in motion. */
import type { ActorId, SlotId } from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../ports/index.ts";
import type { PlanInput, Want } from "./candidates.ts";

/** One thing that a round does. */
export type Change =
  | { readonly type: "failover"; readonly slot: SlotId; readonly owner: NodeId }
  | {
      readonly type: "want";
      readonly slot: SlotId;
      readonly want: Want;
      readonly why: "need" | "balance";
      /** Where a shard-holder is at home from now on. */
      readonly home?: NodeId;
    }
  /** The owner of `slot` gives the actor a slot of its own, which then goes to `to`. */
  | { readonly type: "pin"; readonly actor: ActorId; readonly slot: SlotId; readonly to: NodeId };

/** A slot in a round: its record, and where it goes. */
export interface Placed {
  readonly record: SlotRecord;
  want: Want;
  /** This round changes it, or it is on its way: it is not touched again. */
  fixed: boolean;
}

/** Counts the changes that are under way. */
export class Motion {
  readonly #input: PlanInput;
  readonly #receiving = new Map<NodeId, number>();
  moving = 0;

  constructor(input: PlanInput) {
    this.#input = input;
  }

  /** Whether one more slot may set out. */
  fits(record: SlotRecord, want: Want): boolean {
    const { motionSlotsMax, motionNodeMax } = this.#input.limits;
    const newcomers = this.#newcomers(record, want);
    if (newcomers.length === 0 && want.owner === record.owner) return true;
    return this.moving < motionSlotsMax && newcomers.every((node) => (this.#receiving.get(node) ?? 0) < motionNodeMax);
  }

  add(record: SlotRecord, want: Want): void {
    const newcomers = this.#newcomers(record, want);
    // A change that waits for a node to come back holds up no other.
    if (newcomers.length === 0 && (want.owner === record.owner || !this.#input.up.has(want.owner))) return;
    this.moving += 1;
    for (const node of newcomers) this.#receiving.set(node, (this.#receiving.get(node) ?? 0) + 1);
  }

  #newcomers(record: SlotRecord, want: Want): readonly NodeId[] {
    const { up, slow } = this.#input;
    // A copy on a slow disk is on its way for as long as the disk is slow.
    return want.replicas.filter((node) => !record.inSync.includes(node) && up.has(node) && slow?.has(node) !== true);
  }
}
