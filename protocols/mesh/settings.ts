/** The configuration of nodes, for admins who ask one of them. */
import { Type } from "typebox";
import { call, closed } from "./parts.ts";

const key = Type.String({ minLength: 1, maxLength: 128 });
const text = Type.String({ maxLength: 4_096 });
const values = Type.Record(key, Type.Unknown(), { maxProperties: 256 });
const next = closed({ value: Type.Optional(Type.Unknown()), source: key });

export const settingsMessages = {
  /** Every key at the asked node, without secrets. */
  "settings.view": call(
    "message",
    {},
    closed({
      settings: Type.Array(
        closed({
          key,
          value: Type.Optional(Type.Unknown()),
          source: key,
          at: Type.Optional(text),
          next: Type.Optional(next),
          notApplied: Type.Optional(text),
        }),
        { maxItems: 256 },
      ),
    }),
  ),
  /** What it would do at the asked node if this were what admins have set, for all nodes and for this one. */
  "settings.plan": call(
    "message",
    { all: values, node: values },
    closed({
      effects: Type.Array(
        closed({
          key,
          before: Type.Optional(Type.Unknown()),
          after: Type.Optional(Type.Unknown()),
          takes: key,
          why: Type.Optional(text),
        }),
        { maxItems: 256 },
      ),
    }),
  ),
} as const;
