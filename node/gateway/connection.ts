import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { failure, type Failure, type NodeFrame } from "../../protocols/index.ts";
import type { Caller } from "./accounts.ts";
import type { Subscription } from "./feeds.ts";
import { frameOf } from "./frames.ts";
import type { GatewayLimits } from "./limits.ts";

/** Why a connection was ended, as the code of the closing frame (RFC 6455, section 7.4). */
export const closeCodes = { leaving: 1001, binary: 1003, malformed: 1007, policy: 1008, again: 1013 } as const;

/** One WebSocket of one user. It has no timers and no closures of its own: a thousand idle ones are a thousand of these.
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
  #draining: Promise<void> | undefined;
  /** Since when more than `sendBufferBytesMax` waited at each write. */
  #slowSinceMs: number | undefined;
  readonly #nowMs: () => number;
  /** Set by the sweep that first sees it closing: when it is ended by force. */
  cutAtMs: number | undefined;

  constructor(parts: {
    socket: WebSocket;
    stream: Duplex;
    caller: Caller;
    limits: GatewayLimits;
    nowMs: () => number;
  }) {
    this.socket = parts.socket;
    this.stream = parts.stream;
    this.caller = parts.caller;
    this.limits = parts.limits;
    this.#nowMs = parts.nowMs;
    this.heardAtMs = parts.nowMs();
  }

  get open(): boolean {
    return !this.closing && this.socket.readyState === 1;
  }

  /** True when so much waits that best-effort events are better left out. */
  get congested(): boolean {
    return this.stream.writableLength > this.limits.sendBufferSoftBytes;
  }

  /** Writes whole frames. A client that reads too slowly is told so and closed: memory is for those who read. What counts
   *  is what waited before this write, and for how long: one large answer to a prompt reader is no fault of its own. */
  write(frames: Buffer): void {
    if (!this.open) return;
    const { sendBufferBytesMax, sendBufferHardBytesMax, slowReaderGraceMs } = this.limits;
    const waiting = this.stream.writableLength;
    if (waiting <= sendBufferBytesMax) this.#slowSinceMs = undefined;
    else this.#slowSinceMs ??= this.#nowMs();
    const slowMs = this.#slowSinceMs === undefined ? 0 : this.#nowMs() - this.#slowSinceMs;
    if (waiting > sendBufferHardBytesMax || slowMs > slowReaderGraceMs) {
      const reason = "this connection reads too slowly";
      this.bye(failure("RATE_LIMITED", { reason, retryAfterMs: 1_000 }), closeCodes.again);
    } else this.stream.write(frames);
  }

  send(frame: NodeFrame): void {
    this.write(frameOf(frame));
  }

  /** Says why, then closes. */
  bye(reason: Failure, code: number): void {
    if (!this.open) return;
    this.stream.write(frameOf({ bye: reason }));
    this.closing = true;
    this.socket.close(code, reason.code);
  }

  /** Resolves when what was written has been read, or the stream is gone. One wait serves all who ask. */
  drained(): Promise<void> {
    if (!this.open || !this.congested) return Promise.resolve();
    this.#draining ??= new Promise((resolve) => {
      const done = () => {
        this.stream.off("drain", done).off("close", done);
        this.#draining = undefined;
        resolve();
      };
      this.stream.on("drain", done).on("close", done);
    });
    return this.#draining;
  }
}
