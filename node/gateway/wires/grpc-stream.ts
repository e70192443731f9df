import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Failure } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import type { Wire, WireStream } from "../feeds/subscriber.ts";
import { encodeNodeFrame, framesIn } from "./grpc-codec.ts";

/** One stream of gRPC. Silence is looked after by its connection, which many streams share. */
export class StreamWire implements Wire, WireStream {
  readonly encode = encodeNodeFrame;
  readonly stream = this;
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #at: Pick<GatewayContext, "clock">;
  readonly #end: (reason: Failure) => void;
  readonly #cut: () => void;
  #ended = false;
  #movedAtMs: number;
  #cancelStill: (() => void) | undefined;
  /** Bytes that were written and not yet taken by the connection. */
  writableLength = 0;

  /** `end` gives the call its status, `cut` ends its connection. */
  constructor(
    call: ServerDuplexStream<Buffer, Buffer>,
    at: Pick<GatewayContext, "clock">,
    ends: { readonly end: (reason: Failure) => void; readonly cut: () => void },
  ) {
    this.#call = call;
    this.#at = at;
    this.#end = ends.end;
    this.#cut = ends.cut;
    this.#movedAtMs = at.clock.monotonicMs();
  }

  get isOpen(): boolean {
    return !this.#ended && !this.#call.cancelled;
  }

  get destroyed(): boolean {
    return this.#call.cancelled;
  }

  write(bytes: Buffer, done: () => void): void {
    if (!this.isOpen) return;
    for (const frame of framesIn(bytes)) {
      this.writableLength += frame.length;
      this.#call.write(frame, () => {
        this.writableLength -= frame.length;
        this.moved();
        done();
      });
    }
  }

  /** Something was written or read. */
  moved(): void {
    this.#movedAtMs = this.#at.clock.monotonicMs();
  }

  onStill(ms: number, listener: (() => void) | undefined): void {
    this.#cancelStill?.();
    this.#cancelStill = undefined;
    if (listener === undefined) return;
    this.moved();
    const look = (): void => {
      const leftMs = this.#movedAtMs + ms - this.#at.clock.monotonicMs();
      if (leftMs <= 0) {
        this.moved();
        listener();
      }
      // The listener may have said that nobody waits any more.
      if (this.#cancelStill === cancel) wait(leftMs > 0 ? leftMs : ms);
    };
    let stop = (): void => undefined;
    const cancel = (): void => stop();
    const wait = (delayMs: number): void => {
      stop = this.#at.clock.after(delayMs, look);
    };
    this.#cancelStill = cancel;
    wait(ms);
  }

  close(reason: Failure): void {
    this.#ended = true;
    this.#end(reason);
  }

  /** An HTTP/2 stream whose reader does not read cannot be ended by itself. */
  terminate(): void {
    this.#ended = true;
    this.#cut();
  }

  /** The call is over. */
  gone(): void {
    this.onStill(0, undefined);
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  topicLost(): void {}
  sweep(): void {}
}
