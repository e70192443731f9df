/** Lists of threats, for nodes that cannot read them where they lie (`node/threats/sharing.ts`), and those that one
 *  node reads for itself (`others.ts`). */
import { Type } from "typebox";
import { bytes, call, closed, count } from "./parts.ts";

const digest = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const threatMessages = {
  /** What the asked node has itself read of a list: the digest of its text, and how many bytes that is, compressed.
   *  Error: NOT_FOUND. */
  "threats.has": call("control", { source: Type.String({ maxLength: 2_048 }) }, closed({ digest, packedBytes: count })),
  /** The texts that the asked node has read for itself alone: digests, and how many bytes each is, compressed. */
  "threats.own": call(
    "control",
    {},
    closed({ lists: Type.Array(closed({ digest, packedBytes: count }), { maxItems: 16 }) }),
  ),
  /** A piece of such a text, compressed. Error: NOT_FOUND. */
  "threats.read": call("bulk", { digest, offset: count }, closed({ bytes })),
} as const;
