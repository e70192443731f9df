/** What gateways tell one another of keys that are near a limit (node/gateway/edge/shared-rates.ts,
 *  docs/decisions/0082-limits-of-the-cluster.md). */
import { Type } from "typebox";
import { call, closed, done } from "./parts.ts";

/** More than a gateway lets pass of any key. */
const countMax = 1_000_000_000;

export const rateMessages = {
  /** So often the key acted at the gateway that says so; fewer than none: so many were taken back. A limit that is not
   *  known is passed over. */
  "rates.tell": call(
    "message",
    {
      rows: Type.Array(
        closed({
          limit: Type.String({ minLength: 1, maxLength: 64 }),
          key: Type.String({ maxLength: 200 }),
          count: Type.Integer({ minimum: -countMax, maximum: countMax }),
        }),
        { maxItems: 1_024 },
      ),
    },
    done,
  ),
} as const;
