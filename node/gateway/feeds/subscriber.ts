import {
  failure,
  type ClientFrame,
  type Failure,
  type NodeFrame,
  type PersonStatus,
  type Result,
} from "../../../protocols/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { OutputMemory } from "../edge/output-memory.ts";
import type { ToldAccount } from "./activity.ts";
import type { Watcher } from "./watcher.ts";
import type { Caller } from "../identity/callers.ts";

/** Makes the bytes of a frame on one kind of wire. */
export type Encode = (frame: NodeFrame) => Buffer;

/** What carries frames to one client. `wires/` has all of them. */
export interface Wire {
  /** The same function for all clients of this kind of wire: what many of them get is made once. */
  readonly encode: Encode;
  readonly stream: WireStream;
  /** Whether it takes more. */
  readonly isOpen: boolean;
  /** Ends it in order after what was written, which has said why. */
  close(reason: Failure): void;
  /** Ends it at once. */
  terminate(): void;
  /** Calls back each time that nothing was written or read for so long; undefined: no longer. The last call counts. */
  onStill(ms: number, listener: (() => void) | undefined): void;
  /** What clients send waits from now on, or no longer. */
  pause(): void;
  resume(): void;
  /** The topic that it was opened for cannot be continued. A wire of many topics goes on. */
  topicLost(): void;
  /** Looks after it, from time to time: heartbeats, silence. Node clock, monotonic. */
  sweep(nowMs: number): void;
}

/** Where a wire's bytes go. */
export interface WireStream {
  readonly writableLength: number;
  readonly destroyed: boolean;
  write(bytes: Buffer, done: () => void): unknown;
}

/** Frames as bytes, made once for each kind of wire. */
export class Encoded {
  readonly #make: (encode: Encode) => Buffer;
  #encode: Encode | undefined;
  #bytes: Buffer | undefined;

  constructor(make: (encode: Encode) => Buffer) {
    this.#make = make;
  }

  static of(frame: NodeFrame): Encoded {
    return new Encoded((encode) => encode(frame));
  }

  by(encode: Encode): Buffer {
    // Nearly always all are on one kind of wire.
    if (this.#bytes === undefined || this.#encode !== encode) this.#bytes = this.#make(encode);
    this.#encode = encode;
    return this.#bytes;
  }
}

/** One client of one user, on whatever wire: what it follows and how far, what waits to be read, what it is still to be
 *  answered. It has no timers of its own: a thousand idle ones are a thousand of these.
 *
 *      open ──bye──► closing (nothing is written any more) ──handshake, or the sweep──► gone */
export class Subscriber {
  readonly wire: Wire;
  /** Another one when the person's roles change. */
  caller: Caller;
  /** Where it is connected from. */
  readonly address: string;
  readonly person: Person;
  readonly limits: GatewayLimits;
  subscriptions: Map<string, Subscription> | undefined;
  /** Commands not yet answered. */
  outstanding = 0;
  /** Commands refused for their rate, since the last one that was taken. */
  refusals = 0;
  /** Wants `activity` of rooms it does not follow. */
  watching = false;
  /** `bye` was said. */
  closing = false;
  /** Frames that wait until what was asked before can be answered, in their order; undefined: none. */
  line: ClientFrame[] | undefined;
  /** Bytes that the output memory knows of. */
  waiting = 0;
  #changed: PromiseWithResolvers<void> | undefined;
  #large = false;
  /** Its stream is watched for standing still. */
  #watched = false;
  readonly #outputMemory: OutputMemory;
  /** Set by the sweep that first sees it closing: when it is ended by force. */
  cutAtMs: number | undefined;

  constructor(parts: {
    wire: Wire;
    caller: Caller;
    address: string;
    person: Person;
    limits: GatewayLimits;
    outputMemory: OutputMemory;
  }) {
    this.wire = parts.wire;
    this.caller = parts.caller;
    this.address = parts.address;
    this.person = parts.person;
    this.limits = parts.limits;
    this.#outputMemory = parts.outputMemory;
  }

  get user(): string {
    return this.caller.user;
  }

  get open(): boolean {
    return !this.closing && this.wire.isOpen;
  }

  /** True when so much waits that best-effort events are better left out. */
  get congested(): boolean {
    return this.wire.stream.writableLength > this.limits.sendBufferSoftBytes;
  }

  /** Writes whole frames. What counts is what waited before: one large answer to a prompt reader is no fault of its
   *  own. */
  write(frames: Encoded): void {
    if (!this.open) return;
    const { stream } = this.wire;
    if (stream.writableLength > this.limits.sendBufferBytesMax) return this.cut();
    stream.write(frames.by(this.wire.encode), this.#count);
    this.#count();
  }

  send(frame: NodeFrame): void {
    this.write(Encoded.of(frame));
  }

  /** The topic cannot be continued here. */
  lost(topic: string, reason: Failure): void {
    this.send({ topic, lost: reason });
    this.wire.topicLost();
  }

  /** Tells the output memory what waits, and watches a stream with too much of it: one that reads nothing is cut.
   *  Memory is for those who read. */
  readonly #count = (): void => {
    const { stream } = this.wire;
    const waiting = stream.destroyed ? 0 : stream.writableLength;
    const change = waiting - this.waiting;
    if (change === 0) return;
    this.waiting = waiting;
    this.#outputMemory.count(this, change);
    if (!this.congested) this.#wake();
    if (this.congested === this.#watched) return;
    this.#watched = this.congested;
    this.wire.onStill(this.limits.slowReaderGraceMs, this.#watched ? this.#standsStill : undefined);
  };

  readonly #standsStill = (): void => {
    if (this.closing) this.wire.terminate();
    else if (this.congested) this.cut();
  };

  /** Ends it because it reads too slowly. It is told why if it reads on soon; it goes on from its cursors when it comes
   *  back. */
  cut(): void {
    if (!this.open) return;
    this.#outputMemory.slow();
    this.bye(failure("RATE_LIMITED", { reason: "this connection reads too slowly", retryAfterMs: 1_000 }));
    this.wire.onStill(this.limits.closeTimeoutMs, this.#standsStill);
  }

  /** The stream is gone: nothing waits any more. */
  gone(): void {
    this.#count();
    this.#wake();
  }

  /** Says why, then closes. */
  bye(reason: Failure): void {
    if (!this.open) return;
    this.wire.stream.write(this.wire.encode({ bye: reason }), () => undefined);
    this.closing = true;
    this.line = undefined;
    this.#wake();
    // Else its closing would not be seen.
    this.wire.resume();
    this.wire.close(reason);
  }

  /** Resolves when most of what was written has been read, or nothing is written any more. */
  async drained(): Promise<void> {
    while (this.open && this.congested) await this.#change();
  }

  /** Resolves when it can be answered: drained, and where the answer may be large, with no other such answer to
   *  come. */
  async ready(large: boolean): Promise<void> {
    while (this.open && (this.congested || (large && this.#large))) await this.#change();
  }

  /** The same, now. */
  isReady(large: boolean): boolean {
    return !this.congested && !(large && this.#large);
  }

  /** A large answer is to come; call what this gives when that is over. */
  expect(): () => void {
    this.#large = true;
    return () => {
      this.#large = false;
      this.#wake();
    };
  }

  /** One wait serves all who ask. */
  #change(): Promise<void> {
    this.#changed ??= Promise.withResolvers<void>();
    return this.#changed.promise;
  }

  #wake(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }
}

/** One subscriber's place in one topic.
 *
 *      subscribe ─► catching up: live events are held, the actor is asked page by page for what was missed
 *                        │ nothing more is missing: the held ones beyond `last` are sent
 *                        ▼
 *                      live: gets what everybody gets ──a position is missing──► catching up from `last`
 *                                                     ──the hub has a gap──────►
 *
 *  Invariant: the durable events written to the subscriber are exactly those after its cursor, each once, in order. */
export interface Subscription {
  readonly topic: string;
  readonly subscriber: Subscriber;
  /** Position of the last durable event sent. */
  last: number;
  /** What arrived while it catches up; undefined when live. */
  held: Item[] | undefined;
  /** `held` was full and something was dropped: the actor must be asked once more. */
  missed: boolean;
  ended: boolean;
}

export interface Item {
  readonly at: number | undefined;
  readonly event: unknown;
  readonly frame: Encoded;
  /** Whose access ends with this event. */
  readonly ends: string | undefined;
}

/** A user with connections here: shared by all of them, so that the user's own stream and rooms are followed once. */
export interface Person {
  readonly user: string;
  readonly connections: Set<Subscriber>;
  /** When the first connection was there. */
  sinceMs: number | undefined;
  /** Upgrades under way; the entry is kept for them. */
  arriving: number;
  /** Sessions that ended while an upgrade was under way: its check may have been older. */
  readonly revoked: Set<string>;
  /** What the person says of themselves, as their stream said last; undefined: it has said nothing yet. */
  noted: { readonly status: PersonStatus | undefined } | undefined;
  /** What the person wants to be told of, as their stream or their account said last. */
  account: ToldAccount;
  /** Events may have been missed while an upgrade was under way. */
  missed: boolean;
  /** Whether the actor is being asked what was missed; `again`: something more was meanwhile. */
  looking: "no" | "yes" | "again";
  /** Topics of the rooms watched; undefined while no connection wants `activity`. */
  watched: Set<string> | undefined;
  /** The rooms are being asked for, for all connections that want `activity`. */
  describing: Promise<Result<unknown>> | undefined;
  /** What was left since, for each question for the rooms that is under way. */
  readonly leaving: Set<Set<string>>;
  readonly watcher: Watcher;
  stop: () => void;
}
