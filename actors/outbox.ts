/** The durable outbox of an actor: what it owes to other actors.
 *
 *      event with mail ──► entries ──ask──► receiver
 *                             ▲                │ answered ok, or refused for good:  `delivered` removes the entry
 *                             └── reminder ────┘ answered "not started" or "unknown": tried again
 *
 *  The mail is part of the event that caused it, so either both are durable or neither. It is sent by ask with an
 *  operationId made of the sender and the entry's number, so the receiver applies it once, however often it is sent.
 *
 *  Invariant: to one receiver entries go one at a time, in order; a join that is retried cannot overtake a leave. */
import type { ActorId, Failure, Result } from "../protocols/index.ts";
import { persist, type Effect, type Message, type Signal, type Turn } from "./behavior.ts";
import { actorLimits as limits } from "./limits.ts";

/** A message to another actor. */
export interface Mail {
  readonly to: ActorId;
  readonly message: Message;
  /** After this time a try that does not reach the receiver was the last one. Absent: it is tried for ever. */
  readonly untilMs?: number;
}

/** Mail that is not yet delivered. */
export interface OutboxEntry extends Mail {
  readonly id: number;
}

/** The part of an actor's state that holds its undelivered mail. */
export interface Outbox {
  readonly next: number;
  readonly entries: readonly OutboxEntry[];
}

/** Persisted when an entry needs no more delivery. */
export interface Delivered {
  readonly type: "delivered";
  readonly id: number;
}

interface OutboxTag {
  readonly type: "outbox";
  readonly id: number;
  /** True when a reminder caused this try: the reminder repeats by itself. */
  readonly again: boolean;
}

/** The id of its reminder. */
export const outboxReminder = "outbox";

/** An outbox that never held anything. */
export const emptyOutbox: Outbox = { next: 1, entries: [] };

/** Whether `count` more messages fit. */
export const fits = (outbox: Outbox, count: number): boolean =>
  outbox.entries.length + count <= limits.outboxEntriesMax;

/** The outbox after an event that carried `mail`. */
export function enqueue(outbox: Outbox, mail: readonly Mail[] | undefined): Outbox {
  if (mail === undefined || mail.length === 0) return outbox;
  const added = mail.map((one, index) => ({ id: outbox.next + index, ...one }));
  return { next: outbox.next + mail.length, entries: [...outbox.entries, ...added] };
}

/** The outbox after a `delivered` event. */
export const deliver = (outbox: Outbox, id: number): Outbox => ({
  next: outbox.next,
  entries: outbox.entries.filter((entry) => entry.id !== id),
});

const askFor = (entry: OutboxEntry, self: ActorId, again: boolean): Effect<never, never> => ({
  type: "ask",
  to: entry.to,
  message: entry.message,
  tag: { type: "outbox", id: entry.id, again } satisfies OutboxTag,
  timeoutMs: limits.outboxTimeoutMs,
  operationId: `${self}:${entry.id}`,
});

/** The oldest entry of each receiver: the one that is, or should be, under way. */
function heads(entries: readonly OutboxEntry[]): readonly OutboxEntry[] {
  const receivers = new Set<string>();
  return entries.filter((entry) => !receivers.has(entry.to) && receivers.add(entry.to));
}

/** Sends mail that an event of this turn adds to `outbox`, unless older mail to the same receiver comes first. */
export function dispatch(outbox: Outbox, mail: readonly Mail[], self: ActorId): readonly Effect<never, never>[] {
  const isFirst = ({ to }: Mail, index: number): boolean =>
    !outbox.entries.some((entry) => entry.to === to) && mail.findIndex((other) => other.to === to) === index;
  return mail.flatMap((one, index) =>
    isFirst(one, index) ? [askFor({ id: outbox.next + index, ...one }, self, false)] : [],
  );
}

/** Sends again what was under way when the actor was last in memory. */
export const recoverOutbox = (outbox: Outbox, self: ActorId): readonly Effect<never, never>[] =>
  heads(outbox.entries).map((entry) => askFor(entry, self, false));

/** A reminder rang. The outbox's own: tries again, or ends the reminding when nothing is left. Any other is one that
 *  the actor does not know: it is forgotten. */
export const remindOutbox = (outbox: Outbox, id: string, self: ActorId): readonly Effect<never, never>[] =>
  id !== outboxReminder || outbox.entries.length === 0
    ? [{ type: "forget", id }]
    : heads(outbox.entries).map((entry) => askFor(entry, self, true));

/** What an answer means for the outbox. `entry` is absent while the entry stays and will be tried again. */
export interface Settled {
  readonly entry?: OutboxEntry;
  readonly result: Result<unknown>;
  readonly effects: readonly Effect<Delivered, never>[];
}

/** A caller that finds a queue full is not owed a place in it later, nor a message in the next period of a quota: by
 *  then nobody waits for that answer. */
const isFinal = ({ code, outcome }: Failure): boolean =>
  outcome === "failed" || code === "QUEUE_FULL" || code === "QUOTA_EXCEEDED";

/** Takes an answer to a delivery. Undefined when the answer is to something else, or to an entry already settled. */
export function settle(
  outbox: Outbox,
  signal: Extract<Signal, { type: "answered" }>,
  turn: Turn<unknown>,
): Settled | undefined {
  const tag = signal.tag as OutboxTag | undefined;
  if (tag?.type !== "outbox") return undefined;
  const entry = outbox.entries.find(({ id }) => id === tag.id);
  if (entry === undefined) return undefined;
  const { result } = signal;
  const isOver = entry.untilMs !== undefined && turn.nowMs >= entry.untilMs;
  if (!result.ok && !isFinal(result.error) && !isOver) {
    if (tag.again) return { result, effects: [] };
    const dueMs = turn.nowMs + limits.outboxRetryMs;
    return { result, effects: [{ type: "remind", id: outboxReminder, dueMs }] };
  }
  const following = outbox.entries.find(({ id, to }) => to === entry.to && id !== entry.id);
  return {
    entry,
    result,
    effects: [
      persist({ type: "delivered", id: entry.id }),
      ...(following === undefined ? [] : [askFor(following, turn.self, false)]),
    ],
  };
}
