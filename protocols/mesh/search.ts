/** Messages of node/search between nodes. */
import { Type } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { actor, call, closed, count, slot } from "./parts.ts";

const word = Type.String({ minLength: 1, maxLength: 512 });
const term = closed({
  words: Type.Array(word, { minItems: 1, maxItems: limits.searchCharsMax }),
  prefix: Type.Optional(Type.Literal(true)),
  single: Type.Optional(Type.Literal(true)),
});
const hit = { actor, seq: count, atMs: count, score: Type.Optional(Type.Number()) };
const person = Type.String({ maxLength: 128 });

const query = closed({
  terms: Type.Array(term, { maxItems: 16 }),
  typos: Type.Optional(Type.Literal(true)),
  author: Type.Optional(person),
  afterMs: Type.Optional(count),
  beforeMs: Type.Optional(count),
  hasLink: Type.Optional(Type.Literal(true)),
  hasFile: Type.Optional(Type.Literal(true)),
  hasReaction: Type.Optional(Type.Literal(true)),
  mentions: Type.Optional(person),
  thread: Type.Optional(count),
  best: Type.Optional(Type.Literal(true)),
  limit: Type.Integer({ minimum: 1, maximum: limits.searchFoundMax }),
  behind: Type.Optional(closed(hit)),
});
const places = Type.Array(closed({ slot, actors: Type.Array(actor, { minItems: 1, maxItems: 1_024 }) }), {
  maxItems: 1_024,
});

export const searchMessages = {
  /** To the owner of slots: what its index finds in some of their rooms and conversations, once the index has what was
   *  committed when it was asked. `missing`: slots that it does not serve, or whose index is being made. Errors:
   *  OVERLOADED, INTERNAL. */
  "search.find": call(
    "message",
    { query, places },
    closed({
      hits: Type.Array(closed(hit), { maxItems: limits.searchFoundMax }),
      more: Type.Boolean(),
      end: Type.Optional(closed(hit)),
      covered: Type.Array(closed({ slot, epoch: count, seq: count, behind: Type.Optional(count) }), {
        maxItems: 1_024,
      }),
      missing: Type.Array(slot, { maxItems: 1_024 }),
    }),
  ),
} as const;
