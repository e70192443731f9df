/** One channel of one pair on one libp2p stream: a bounded queue that is written once a turn of the event loop, or when
 *  who sends says so, as far as the receiver's credit goes.
 *
 *      push ─► queue ─(credit > 0)─► pieces ─(stream takes more)─► wire ─► frames ─► received
 *                 ▲                                                            │
 *                 └──────────────── grant, over the control lane ◄─────────────┘
 *
 *  A frame may begin while there is any credit and is then sent to its end, so the receiver holds at most one window
 *  and one frame. Urgent frames (credit itself, the handshake, last words) wait for no credit: two nodes that both wait
 *  for it would wait for ever. */
import type { Stream } from "@libp2p/interface";
import { decodeFromPeer, failure, type Failure } from "../../../protocols/index.ts";
import type { Channel, Clock } from "../../ports/index.ts";
import { frameHeader, frameHeaderBytes, FrameReader, framesOf } from "./frames.ts";
import type { ChannelLimits } from "./limits.ts";

/** The memory of a waiting frame beside its bytes. */
const bookkeepingBytes = 64;

interface LaneOptions {
  readonly channel: Channel;
  readonly stream: Stream;
  readonly clock: Clock;
  readonly limits: ChannelLimits;
  readonly frameBytesMax: number;
  /** A whole frame and its bytes on the wire. */
  received(value: unknown, frameBytes: number): void;
  /** So much was written. */
  sent(frames: number, bytes: number): void;
  /** The stream is of no more use; called once, unless `close` came first. */
  broke(reason: Failure): void;
}

export class Lane {
  readonly channel: Channel;
  readonly #options: LaneOptions;
  readonly #reader: FrameReader;
  #urgent: Uint8Array[] = [];
  #queue: Uint8Array[] = [];
  #head = 0;
  #queuedBytes = 0;
  #credit = 0;
  #windowBytes: number | undefined;
  /** The rest of a frame that is larger than a piece. */
  #rest: Uint8Array | undefined;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  /** Whether any frame was written since the last look: urgent ones, and ones that wait for credit. */
  #urgentMoved = false;
  #moved = false;

  constructor(options: LaneOptions) {
    this.channel = options.channel;
    this.#options = options;
    this.#reader = new FrameReader(options.frameBytesMax);
    const { stream } = options;
    // The event, never `stream.onDrain()`: its promise is made once, and resolves at once ever after.
    stream.addEventListener("drain", () => {
      this.#blocked = false;
      this.flush();
    });
    const lost = (): void =>
      this.#break(failure("PEER_LOST", { because: "its stream was closed", channel: options.channel }));
    stream.addEventListener("close", lost);
    stream.addEventListener("remoteCloseWrite", lost);
    stream.addEventListener("message", (event) => this.#read(event.data.subarray()));
    if (stream.status !== "open") options.clock.soon(lost);
  }

  /** Whether it takes no more frames: asked before a frame is encoded, which may cost more than all the rest. */
  get full(): boolean {
    return this.#closed || this.#queuedBytes >= this.#options.limits.queueBytesMax;
  }

  /** Queues one encoded frame of a lane that is not full. */
  push(payload: Uint8Array): void {
    this.#queue.push(payload);
    this.#queuedBytes += payload.length + bookkeepingBytes;
    this.#schedule();
  }

  /** Queues one encoded frame ahead of all others, credit or not. There are few of these, each for a reason. */
  pushUrgent(payload: Uint8Array): void {
    if (this.#closed) return;
    this.#urgent.push(payload);
    this.#schedule();
  }

  /** Takes credit from the receiver: first the size of its window, from then on the bytes it has taken. False: it gives
   *  back more than it was sent. */
  grant(bytes: number): boolean {
    this.#windowBytes ??= bytes;
    this.#credit += bytes;
    if (this.#queuedBytes > 0) this.#schedule();
    return this.#credit <= this.#windowBytes;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether frames have waited since the last call and none was written. Urgent frames go ahead without credit: they
   *  say nothing of frames that wait for it. */
  stalled(): boolean {
    const waits = this.#queuedBytes > 0 || this.#rest !== undefined;
    const stalled = waits ? !this.#moved : this.#urgent.length > 0 && !this.#urgentMoved;
    this.#moved = false;
    this.#urgentMoved = false;
    return stalled;
  }

  /** Writes urgent frames and nothing more; reads nothing more. The stream stays as it is. */
  close(): void {
    if (this.#closed) return;
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.flush();
    this.#closed = true;
  }

  /** Ends a closed lane: nothing more is written, and the peer, which has read to the end, has said that it has. */
  async finish(signal: AbortSignal): Promise<void> {
    const { stream } = this.#options;
    if (stream.status !== "open" || stream.remoteWriteStatus !== "writable" || signal.aborted) return;
    const finished = Promise.withResolvers<void>();
    const finish = (): void => finished.resolve();
    stream.addEventListener("close", finish);
    stream.addEventListener("remoteCloseWrite", finish);
    signal.addEventListener("abort", finish);
    await stream.close({ signal }).catch(finish);
    await finished.promise;
  }

  #break(reason: Failure): void {
    if (this.#closed) return;
    this.#closed = true;
    // Not at once: a sender on this lane or another of the connection would be told in the middle of its send.
    this.#options.clock.soon(() => this.#options.broke(reason));
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Writes as many frames as may be written. */
  flush(): void {
    const { stream, channel } = this.#options;
    while (!this.#blocked && !this.#closed && stream.writeStatus === "writable") {
      const piece = this.#nextPiece();
      if (piece === undefined) return;
      try {
        if (!stream.send(piece)) this.#blocked = true;
      } catch {
        this.#break(failure("PEER_LOST", { because: "the stream could not be written" }));
        return;
      }
      if (channel === "bulk") {
        this.#schedule();
        return;
      }
    }
  }

  /** The next bytes to write: the rest of a large frame, or as many whole frames as fit. */
  #nextPiece(): Uint8Array | undefined {
    const { pieceBytes } = this.#options.limits;
    if (this.#rest !== undefined) {
      const piece = this.#rest.subarray(0, pieceBytes);
      this.#moved = true;
      this.#rest = piece.length < this.#rest.length ? this.#rest.subarray(pieceBytes) : undefined;
      this.#options.sent(0, piece.length);
      return piece;
    }
    const payloads: Uint8Array[] = [];
    let totalBytes = 0;
    for (;;) {
      const payload = this.#peek();
      if (payload === undefined) break;
      const frameBytes = frameHeaderBytes + payload.length;
      if (totalBytes + frameBytes > pieceBytes) {
        if (totalBytes > 0) break;
        // Too large to be copied: its header goes alone, and then the payload itself, cut.
        this.#take(payload);
        this.#rest = payload;
        this.#options.sent(1, frameHeaderBytes);
        return frameHeader(payload);
      }
      this.#take(payload);
      payloads.push(payload);
      totalBytes += frameBytes;
    }
    if (totalBytes === 0) return undefined;
    this.#options.sent(payloads.length, totalBytes);
    return framesOf(payloads, totalBytes);
  }

  #peek(): Uint8Array | undefined {
    return this.#urgent[0] ?? (this.#credit > 0 ? this.#queue[this.#head] : undefined);
  }

  #take(payload: Uint8Array): void {
    if (this.#urgent.length > 0) {
      this.#urgent.shift();
      this.#urgentMoved = true;
      return;
    }
    this.#moved = true;
    this.#queuedBytes -= payload.length + bookkeepingBytes;
    this.#credit -= frameHeaderBytes + payload.length;
    this.#head += 1;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #read(chunk: Uint8Array): void {
    if (this.#closed) return;
    let garbage = false;
    const wellFormed = this.#reader.read(chunk, (payload) => {
      let value: unknown;
      try {
        value = decodeFromPeer(payload);
      } catch {
        garbage = true;
        return false;
      }
      this.#options.received(value, frameHeaderBytes + payload.length);
      return !this.#closed;
    });
    if (!wellFormed) this.#break(failure("BAD_FRAME", { channel: this.channel, reason: "impossible length" }));
    else if (garbage) this.#break(failure("BAD_FRAME", { channel: this.channel, reason: "not msgpack" }));
  }
}
