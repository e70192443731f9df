/** Keys of the cluster's backups, for members that may have them (node/keys/among-nodes.ts). They travel sealed
 *  to the asking node. */
import { Type } from "typebox";
import { bytes, call, closed, count } from "./parts.ts";

export const keyMessages = {
  /** Hash of the root that the asked node knows; null: none. */
  "keys.known": call("control", {}, closed({ hash: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]) })),
  /** The keys of epochs that the asked node has. Error: FORBIDDEN. */
  "keys.fetch": call(
    "control",
    { receiver: bytes },
    closed({ keys: Type.Array(closed({ epoch: count, sealed: bytes }), { maxItems: 1_000 }) }),
  ),
} as const;
