/** What the node that watches asks the others (node/watch, docs/decisions/0083-watching-for-trouble.md). */
import { Type } from "typebox";
import { call, closed, count } from "./parts.ts";

export const watchMessages = {
  /** What the asked node has counted since its process started, which `start` names. A count that is not known is
   *  passed over. */
  "watch.counts": call(
    "control",
    {},
    closed({
      start: Type.String({ minLength: 1, maxLength: 64 }),
      counts: Type.Array(closed({ name: Type.String({ minLength: 1, maxLength: 64 }), count }), { maxItems: 32 }),
    }),
  ),
} as const;
