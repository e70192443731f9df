/** Messages of node/cluster/placement between nodes. */
import { Type } from "typebox";
import type { ActorId, SlotId } from "../ids.ts";
import { actor, call, closed, count, endpoint, node, slot } from "./parts.ts";

/** How busy a node is: turns a second of slots that it owns and of actors in them, the busiest first; what is not named
 *  is idle. */
export interface LoadReport {
  readonly slots: readonly (readonly [slot: SlotId, turnsPerSecond: number])[];
  readonly actors: readonly (readonly [actor: ActorId, slot: SlotId, turnsPerSecond: number])[];
  /** Its disk takes nothing. */
  readonly refuses?: boolean;
}

const turnsPerSecond = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const load = Type.Unsafe<LoadReport>(
  closed({
    slots: Type.Array(Type.Tuple([slot, turnsPerSecond]), { maxItems: 8_192 }),
    actors: Type.Array(Type.Tuple([actor, slot, turnsPerSecond]), { maxItems: 1_024 }),
    refuses: Type.Optional(Type.Boolean()),
  }),
);

export const placementMessages = {
  /** To the owner of an actor's slot: give the actor a slot of its own. `to`: who shall own it from the beginning, if
   *  that node has a copy; otherwise the asked node does. Errors: MOVED, and those of `Kernel.pin`. */
  "placement.pin": call("control", { actor, to: Type.Optional(node) }, closed({ slot })),
  /** To the node that keeps or leads the directory: move it to etcd. Answered by how many rows were moved. */
  "placement.migrate": call(
    "control",
    { endpoints: Type.Array(endpoint, { minItems: 1, maxItems: 9 }) },
    closed({ rows: count }),
  ),
  /** To a manager: move the directory from etcd to the managers. Answered by how many rows were moved. */
  "placement.migrateBack": call("control", {}, closed({ rows: count })),
  /** How busy the asked node's slots were since it was last asked. */
  "placement.load": call("control", {}, load),
} as const;
