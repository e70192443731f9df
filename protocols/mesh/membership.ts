/** Messages of node/membership between nodes. */
import { Type } from "typebox";
import { count, message } from "./parts.ts";

const figure = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const membershipMessages = {
  /** I am here. Sent to every member at each heartbeat; the load figures come with some of them. */
  beat: message("control", {
    incarnation: count,
    /** Number of the member list as the sender has it. */
    view: count,
    load: Type.Optional(
      Type.Object(
        {
          actors: count,
          turnsPerSecond: figure,
          connections: count,
          eventLoopLagMs: figure,
          memoryBytes: count,
        },
        { additionalProperties: false },
      ),
    ),
  }),
} as const;
