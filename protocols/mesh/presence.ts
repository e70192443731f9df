/** What gateways tell one another of the people who are connected to them (node/gateway/presence,
 *  docs/decisions/0226-who-is-there.md). */
import { Type } from "typebox";
import { call, closed } from "./parts.ts";

const era = Type.String({ minLength: 1, maxLength: 32 });

export const presenceMessages = {
  /** Changes since the last message. `era`: what the node that hears gave when it was told all; without it these are
   *  the first of all that there are, and what it was told before counts no more. The answer is the era that it is in;
   *  another one than was said: it has forgotten what it was told, and has to be told all. */
  "presence.tell": call(
    "message",
    {
      era: Type.Optional(era),
      rows: Type.Array(
        closed({
          user: Type.String({ minLength: 1, maxLength: 64 }),
          /** Absent: the person is here no more. */
          active: Type.Optional(Type.Boolean()),
          text: Type.Optional(Type.String({ maxLength: 200 })),
          emoji: Type.Optional(Type.String({ maxLength: 32 })),
          untilMs: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
          doNotDisturb: Type.Optional(Type.Boolean()),
        }),
        { maxItems: 512 },
      ),
    },
    closed({ era }),
  ),
} as const;
