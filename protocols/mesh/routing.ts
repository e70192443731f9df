/** How messages, answers and events travel between nodes (node/routing). All of them on one channel, so that what is sent
 *  first arrives first. */
import { Type } from "typebox";
import type { Result } from "../errors.ts";
import type { ActorId } from "../ids.ts";
import { actor, count, failed, message, slot } from "./parts.ts";

/** Who sent a message is nothing a member can prove: it is trusted to have asked. It must only be possible. */
const sender = Type.Unsafe<ActorId | "gateway" | "node">(
  Type.String({ pattern: "^(gateway|node|[a-z][a-z-]{0,31}/[a-z0-9][a-z0-9._-]{0,95})$" }),
);
const content = Type.Unsafe<{ readonly type: string; readonly [field: string]: unknown }>(
  Type.Object({ type: Type.String({ maxLength: 64 }) }),
);
const operation = Type.String({ minLength: 1, maxLength: 512 });
/** Names one sending of one envelope; chosen by the sending node, to which the answer goes: the peer itself, whatever a
 *  message might claim. */
const correlation = Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: -1 });
const result = Type.Unsafe<Result<unknown>>(
  Type.Union([
    Type.Object({ ok: Type.Literal(true), value: Type.Optional(Type.Unknown()) }),
    Type.Object({ ok: Type.Literal(false), error: failed }),
  ]),
);
/** Tells one following of a topic from an earlier one. */
const following = Type.Tuple([actor, count]);

export const routingMessages = {
  /** Envelopes for actors of one slot, in order. A session is one unbroken series of them: once one of it was not served,
   *  none that follows may be. Answered by `routing.answers`, each for itself. */
  "routing.envelopes": message("message", {
    slot,
    /** Rises with each session of the sending node. */
    session: count,
    envelopes: Type.Array(
      Type.Tuple([correlation, actor, sender, content, operation, Type.Boolean(), Type.Array(actor, { maxItems: 64 })]),
      { minItems: 1, maxItems: 1_024 },
    ),
  }),
  /** `served` false: the envelope was not handled to its end here; its sender may try again. */
  "routing.answers": message("message", {
    answers: Type.Array(Type.Tuple([correlation, result, Type.Boolean()]), { minItems: 1, maxItems: 1_024 }),
  }),
  /** From now on the sender wants the events of these topics. Answered by `routing.followed`. */
  "routing.follow": message("message", { topics: Type.Array(following, { minItems: 1, maxItems: 1_024 }) }),
  "routing.unfollow": message("message", { topics: Type.Array(actor, { minItems: 1, maxItems: 1_024 }) }),
  /** Everything published from here on will be sent; or, `refused`: this node does not own the topic's slot, or has too
   *  many followers, or no longer. */
  "routing.followed": message("message", {
    topics: Type.Array(following, { maxItems: 1_024 }),
    refused: Type.Array(following, { maxItems: 1_024 }),
  }),
  /** Events, in the order published: topic, position (null: best effort), epoch of the publisher. `gaps`: topics of which
   *  events were dropped. */
  "routing.events": message("message", {
    events: Type.Array(Type.Tuple([actor, Type.Union([count, Type.Null()]), count, Type.Unknown()]), {
      maxItems: 1_024,
    }),
    gaps: Type.Array(actor, { maxItems: 1_024 }),
  }),
} as const;
