import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { failure, type ClientFrame, type Failure, type NodeFrame } from "../../protocols/index.ts";
import type { Caller } from "./accounts.ts";
import type { Subscription } from "./feeds.ts";
import { frameOf } from "./frames.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Outflow } from "./outflow.ts";

/** Why a connection was ended, as the code of the closing frame (RFC 6455, section 7.4). */
export const closeCodes = { leaving: 1001, binary: 1003, malformed: 1007, policy: 1008, again: 1013 } as const;

/** One WebSocket of one user. It has no timers of its own: a thousand idle ones are a thousand of these.
 *
 *      open ──bye──► closing (nothing is written any more) ──handshake, or the sweep──► gone */
export class Connection {
  readonly socket: WebSocket;
  /** The stream under `socket`. Frames made by `frameOf` go straight to it: see there. */
  readonly stream: Duplex;
  readonly caller: Caller;
  readonly limits: GatewayLimits;
  subscriptions: Map<string, Subscription> | undefined;
  /** Commands not yet answered. */
  outstanding = 0;
  /** Wants `activity` of rooms it does not follow. */
  watching = false;
  /** Node clock, monotonic. */
  heardAtMs: number;
  pinged = false;
  /** `bye` was said. */
  closing = false;
  /** Commands refused for their rate, since the last one that was taken. */
  refusals = 0;
  /** Frames that wait until what was asked before can be answered, in their order; undefined: none. */
  line: ClientFrame[] | undefined;
  /** Bytes that the outflow knows of. */
  waiting = 0;
  #changed: PromiseWithResolvers<void> | undefined;
  #large = false;
  /** Its stream is watched for standing still. */
  #watched = false;
  readonly #outflow: Outflow;
  /** Set by the sweep that first sees it closing: when it is ended by force. */
  cutAtMs: number | undefined;

  constructor(parts: {
    socket: WebSocket;
    stream: Duplex;
    caller: Caller;
    limits: GatewayLimits;
    nowMs: number;
    outflow: Outflow;
  }) {
    this.socket = parts.socket;
    this.stream = parts.stream;
    this.caller = parts.caller;
    this.limits = parts.limits;
    this.#outflow = parts.outflow;
    this.heardAtMs = parts.nowMs;
  }

  get user(): string {
    return this.caller.user;
  }

  get open(): boolean {
    return !this.closing && this.socket.readyState === 1;
  }

  /** True when so much waits that best-effort events are better left out. */
  get congested(): boolean {
    return this.stream.writableLength > this.limits.sendBufferSoftBytes;
  }

  /** Writes whole frames. What counts is what waited before: one large answer to a prompt reader is no fault of its own. */
  write(frames: Buffer): void {
    if (!this.open) return;
    if (this.stream.writableLength > this.limits.sendBufferBytesMax) return this.cut();
    this.stream.write(frames, this.#count);
    this.#count();
  }

  /** Tells the outflow what waits, and watches a stream of which too much does: who reads nothing for a while is cut. Memory is
   *  for those who read. */
  readonly #count = (): void => {
    const waiting = this.stream.destroyed ? 0 : this.stream.writableLength;
    const change = waiting - this.waiting;
    if (change === 0) return;
    this.waiting = waiting;
    this.#outflow.count(this, change);
    if (!this.congested) this.#wake();
    if (this.congested === this.#watched) return;
    this.#watched = this.congested;
    const stream = this.stream as Socket;
    stream.setTimeout(this.#watched ? this.limits.slowReaderGraceMs : 0);
    if (this.#watched) stream.on("timeout", this.#standsStill);
    else stream.off("timeout", this.#standsStill);
  };

  readonly #standsStill = (): void => {
    if (this.closing) this.socket.terminate();
    else if (this.congested) this.cut();
  };

  /** Ends it because it reads too slowly. It is told why if it reads on soon; it goes on from its cursors when it comes back. */
  cut(): void {
    if (!this.open) return;
    this.#outflow.slow();
    const reason = "this connection reads too slowly";
    this.bye(failure("RATE_LIMITED", { reason, retryAfterMs: 1_000 }), closeCodes.again);
    const stream = this.stream as Socket;
    stream.setTimeout(this.limits.closeTimeoutMs);
    stream.once("timeout", this.#standsStill);
  }

  /** The stream is gone: nothing waits any more. */
  gone(): void {
    this.#count();
    this.#wake();
  }

  send(frame: NodeFrame): void {
    this.write(frameOf(frame));
  }

  /** Says why, then closes. */
  bye(reason: Failure, code: number): void {
    if (!this.open) return;
    this.stream.write(frameOf({ bye: reason }));
    this.closing = true;
    this.line = undefined;
    this.#wake();
    // Else its closing frame would not be seen.
    this.socket.resume();
    this.socket.close(code, reason.code);
  }

  /** Resolves when most of what was written has been read, or nothing is written any more. */
  async drained(): Promise<void> {
    while (this.open && this.congested) await this.#change();
  }

  /** Resolves when it can be answered: drained, and where the answer may be large, with no other such answer to come. */
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
