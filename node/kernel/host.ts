/** The surroundings of an activation: the slot that hosts it, and the kernel around all slots. */
import type { ActorId, Failure, Result, SlotId, TraceContext } from "../../protocols/index.ts";
import type { Effect, ReplyTo } from "../../actors/behavior.ts";
import type { Engines } from "../../runtimes/engine.ts";
import type { Clock, Log, Meter, Publisher, Tracer } from "../ports/index.ts";
import type { EntryDraft, Recovered } from "../storage/index.ts";
import type { KernelLimits } from "./limits.ts";
import type { Ask, Envelope, Undelivered } from "./mailbox.ts";
import type { Quarantines } from "./quarantine.ts";
import type { Reminders } from "./reminders.ts";

/** The slot of an activation: its log, reminders, quarantines and marks. */
export interface ActivationHost {
  readonly slot: SlotId;
  readonly epoch: number;
  /** Turns taken since the slot's load was last asked for. */
  turns: number;
  /** The slot drains: no actor of it takes a turn. */
  readonly paused: boolean;
  /** No other node needs to confirm that this one still owns the slot. */
  readonly alone: boolean;
  /** Asks all replicas whether this epoch still stands; see `ServedLog.confirm`. */
  confirm(done: (error: Failure | undefined) => void): void;
  /** Puts a message into the mailbox of its actor, or says why not. */
  deliver(envelope: Envelope): void;
  append(
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
    trace?: TraceContext,
  ): { readonly seq: number; readonly bytes: number };
  snapshot(actor: ActorId, seq: number, body: unknown): number;
  recover(actor: ActorId): Promise<Recovered>;
  readRecords(
    actor: ActorId,
    range: Extract<Effect, { type: "read" }>["range"],
  ): Promise<{ key: string; value: unknown }[]>;
  /** Actors of which the slot holds the mark that they have pending work. */
  readonly pending: Set<ActorId>;
  readonly reminders: Reminders;
  readonly quarantines: Quarantines;
  /** The slot can go on no more: an append failed or data is damaged. Throws all its activations away. */
  fail(error: Failure): void;
  /** An actor came to rest, was loaded or left: a drain or a split may wait for that. */
  changed(): void;
}

/** The services of the kernel for its slots and activations. */
export interface KernelServices {
  readonly node: string;
  readonly clock: Clock;
  readonly limits: KernelLimits;
  /** The disk has no room for new work in this slot, and no other node could take the slot over. */
  readonly diskFull: (slot: SlotId) => boolean;
  readonly log: Log;
  readonly meter: Meter;
  readonly tracer: Tracer | undefined;
  readonly engines: Engines;
  readonly publisher: Publisher;
  /** Sends a tell. */
  readonly send: (envelope: Envelope) => void;
  readonly answer: (to: ReplyTo, result: Result<unknown>) => void;
  /** An envelope whose turn has not begun was not delivered. */
  readonly undelivered: (envelope: Envelope, why: Undelivered, error: Failure) => void;
  /** The slot ended after the turn of this ask began, and before it was answered. */
  readonly unserved: (to: ReplyTo, actor: ActorId, error: Failure) => void;
  /** Sends an ask; `settle` is called once, with the answer or with ASK_TIMEOUT. */
  readonly ask: (
    ask: Pick<Ask, "to" | "from" | "message" | "chain" | "trace"> & { readonly operationId: string | undefined },
    timeoutMs: number,
    settle: (result: Result<unknown>) => void,
  ) => void;
  /** Something that the end of the kernel may wait for has changed. */
  readonly changed: () => void;
}
