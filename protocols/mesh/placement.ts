/** Messages of node/placement between nodes. */
import { Type } from "typebox";
import { actor, message } from "./parts.ts";

export const placementMessages = {
  /** To the owner of an actor's slot: give the actor a slot of its own. Answer: `{ slot }`. Errors: MOVED, and those of
   *  `Kernel.pin`. */
  "placement.pin": message("control", { actor }),
  /** To the node that keeps the embedded directory: move it to etcd. Answer: `{ rows }`. */
  "placement.migrate": message("control", {
    endpoints: Type.Array(Type.String({ minLength: 1, maxLength: 500 }), { minItems: 1, maxItems: 9 }),
  }),
  /** How busy the asked node's slots were since it was last asked. Answer: `LoadReport` of node/placement. */
  "placement.load": message("control", {}),
} as const;
