/** How messages, answers and events travel between nodes (node/routing). All of them on one channel, so that what is
 *  sent first arrives first; only what admins ask of actors goes beside them, because it must not wait behind a full
 *  queue. */
import { Type } from "typebox";
import type { ActorDetail, ActorRow } from "../wire/client.ts";
import type { Result } from "../errors.ts";
import { addressText, type ActorId } from "../ids.ts";
import { traceContext } from "../admin/traces.ts";
import { actor, call, closed, count, failed, message, slot } from "./parts.ts";

/** A member cannot prove the sender of a message: it is trusted to have asked. It must only be possible. */
const sender = Type.Unsafe<ActorId | "gateway" | "node">(Type.String({ pattern: `^(gateway|node|${addressText})$` }));
/** What a kernel tells its own actors: no message, and nothing that another node may say. */
const signals = "answered|records|part|waits|reminded";
const content = Type.Unsafe<{ readonly type: string; readonly [field: string]: unknown }>(
  Type.Object({ type: Type.String({ maxLength: 64, pattern: `^(?!(?:${signals})$)` }) }),
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
const status = Type.Unsafe<ActorRow["status"]>(
  Type.Union([Type.Literal("active"), Type.Literal("idle"), Type.Literal("quarantined")]),
);
/** What an actor published: its fields are the business of those who follow it. */
const event = Type.Unsafe<unknown>(Type.Object({}));
/** Rows of one page of actors, whatever somebody asks for. */
const pageRowsMax = 1_000;
const text = Type.String();
const row = {
  actor,
  slot: text,
  status,
  mailbox: count,
  restarts: count,
  lastActiveAtMs: Type.Optional(Type.Number()),
};
const actors = Type.Unsafe<{ readonly rows: readonly ActorRow[]; readonly more: boolean }>(
  closed({ rows: Type.Array(Type.Object(row), { maxItems: pageRowsMax }), more: Type.Boolean() }),
);
const detail = Type.Unsafe<ActorDetail>(
  closed({
    ...row,
    epoch: count,
    entries: count,
    reminders: Type.Array(Type.Object({ id: text, dueMs: Type.Number() })),
    deadLetters: Type.Array(
      Type.Object({ id: count, actor: text, from: text, type: text, atMs: Type.Number(), reason: text }),
    ),
    stateBytes: count,
    lastError: Type.Optional(text),
  }),
);
/** Tells one following of a topic from an earlier one. */
const following = Type.Tuple([actor, count]);

export const routingMessages = {
  /** Envelopes for actors of one slot, in order. A session is one unbroken series of them under one epoch: once one of
   *  it was not served, none that follows may be. Answered by `routing.answers`, each for itself. */
  "routing.envelopes": message("message", {
    slot,
    /** Rises with each session of the sending node. */
    session: count,
    /** The slot's epoch as its sender knows it, 1 without a record. Under a later one they are not served: the slot was
     *  elsewhere meanwhile, where younger ones may have been. Nor under an earlier one: the sender knows more than
     *  that. */
    epoch: count,
    /** The last refusal of this session that its sender has heard of; see `routing.answers`. */
    refusals: count,
    envelopes: Type.Array(
      Type.Tuple([correlation, actor, sender, content, operation, Type.Boolean(), Type.Array(actor, { maxItems: 64 })]),
      { minItems: 1, maxItems: 1_024 },
    ),
    /** Those of the envelopes that are traced, by their place: the step that sent it. */
    traces: Type.Optional(Type.Array(Type.Tuple([count, traceContext]), { maxItems: 1_024 })),
  }),
  /** `served` false: the envelope was not handled to its end here; its sender may try again. The last is not 0 where
   *  there was no room for it, and then numbers these refusals within the session: what is sent to the same actor
   *  before its sender has heard of this one is refused as well. */
  "routing.answers": message("message", {
    answers: Type.Array(Type.Tuple([correlation, result, Type.Boolean(), count]), { minItems: 1, maxItems: 1_024 }),
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
  /** Events, in the order published: topic, position (null: best effort), epoch of the publisher. `gaps`: topics of
   *  which events were dropped. */
  "routing.events": message("message", {
    events: Type.Array(Type.Tuple([actor, Type.Union([count, Type.Null()]), count, event]), {
      maxItems: 1_024,
    }),
    gaps: Type.Array(actor, { maxItems: 1_024 }),
  }),
  /** Which actors do the slots that the asked node owns have? Error: OVERLOADED. */
  "routing.listActors": call(
    "control",
    {
      kind: Type.Optional(Type.String({ maxLength: 32 })),
      status: Type.Optional(status),
      after: Type.Optional(Type.String({ maxLength: 128 })),
      limit: Type.Integer({ minimum: 1, maximum: pageRowsMax }),
    },
    actors,
  ),
  /** To the owner of the actor's slot. Errors: MOVED, and those of `Kernel.showActor`. */
  "routing.showActor": call("control", { actor }, detail),
  /** To the owner of the actor's slot. Errors: MOVED, and those of `Kernel.release`. */
  "routing.releaseActor": call("control", { actor, redeliver: Type.Boolean() }, closed({ redelivered: count })),
} as const;
