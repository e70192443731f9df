/** A pair of nodes that talk: three lanes on two connections, from the first byte of the handshake to the last words.
 *
 *      opening ──(all lanes there, ready said)──► ready ──► ended
 *         └───────────────────────────────────────────────────▲
 *
 *  A link ends once, for one reason. A pair that meets again gets another link. */
import type { Connection } from "@libp2p/interface";
import { encode, failure, type Failure } from "../../../protocols/index.ts";
import type { Channel, Clock, Meter, NodeId } from "../../ports/index.ts";
import { controlKind, readControl, type Hello, type Introduction } from "./handshake.ts";
import type { Lane } from "./lane.ts";
import type { MeshLimits } from "./limits.ts";
import { cut } from "./swarm.ts";

/** Their positions are how credit names them on the wire. */
const channels: readonly Channel[] = ["control", "message", "bulk"];

/** Credit is given back in quarters of the window: often enough that the sender never waits for it. */
const creditParts = 4;

const ping = encode([controlKind.ping]);

/** The events of a link, for the mesh. */
export interface LinkListener {
  /** The first frame of an inbound link. */
  hello(link: Link, hello: Hello): void;
  /** The answer to one's own hello. */
  welcome(link: Link, welcome: Introduction): void;
  /** The acceptor has all lanes of a link that was dialled here. */
  ready(link: Link): void;
  received(link: Link, channel: Channel, message: unknown): void;
  /** The link is over. `theirs`: the peer said so. */
  ended(link: Link, reason: Failure, theirs: boolean): void;
}

interface LinkOptions {
  readonly peer: string;
  readonly dialled: boolean;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: MeshLimits;
  readonly listener: LinkListener;
}

export class Link {
  /** The peer id that the connections have proven. */
  readonly peer: string;
  readonly dialled: boolean;
  /** The node behind it; empty until it has introduced itself. */
  node: NodeId = "";
  incarnation = 0;
  /** Names the link when its other streams arrive. */
  id = "";
  state: "opening" | "ready" | "ended" = "opening";
  readyAtMs = 0;
  readonly #options: LinkOptions;
  readonly #lanes = new Map<Channel, Lane>();
  readonly #connections = new Set<Connection>();
  readonly #owed: Record<Channel, number> = { control: 0, message: 0, bulk: 0 };
  readonly #stalledMs = new Map<Channel, number>();
  readonly #cancelHandshake: () => void;
  #sweeps = 0;
  /** The last sweep before which something was heard. */
  #heardInSweep = -1;
  /** The earlier start that wants to replace this one, and since which sweep. */
  #rival: { readonly incarnation: number; readonly sinceSweep: number } | undefined;
  #silentMs = 0;
  #pingDueMs = 0;
  /** Resolves when the connections are closed. */
  closed: Promise<void> = Promise.resolve();
  /** Resolves when the peer has welcomed us, or the link has ended. */
  readonly welcomed: Promise<void>;
  /** Resolves when the link is ready, or has ended. */
  readonly settled: Promise<void>;
  readonly #resolveWelcomed: () => void;
  readonly #resolveSettled: () => void;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.dialled = options.dialled;
    const welcomed = Promise.withResolvers<void>();
    const settled = Promise.withResolvers<void>();
    this.welcomed = welcomed.promise;
    this.settled = settled.promise;
    this.#resolveWelcomed = welcomed.resolve;
    this.#resolveSettled = settled.resolve;
    this.#cancelHandshake = options.clock.after(options.limits.handshakeTimeoutMs, () =>
      this.end(failure("PEER_LOST", { because: "no handshake in time" })),
    );
  }

  /** Takes a lane, on a connection that is the link's from now on. */
  adopt(lane: Lane, connection: Connection): void {
    const { channel } = lane;
    this.#connections.add(connection);
    if (this.state === "ended") {
      cut(connection, "the link has ended");
    } else if (this.#lanes.has(channel)) {
      this.end(failure("BAD_FRAME", { channel, reason: "a second stream" }));
    } else {
      this.#lanes.set(channel, lane);
    }
  }

  /** Whether all lanes are there. */
  get complete(): boolean {
    return this.#lanes.size === channels.length;
  }

  get queuedBytes(): number {
    let bytes = 0;
    for (const lane of this.#lanes.values()) bytes += lane.queuedBytes;
    return bytes;
  }

  /** Queues a message. False: the queue is full, or the message is larger than any frame, which its sender should
   *  know. */
  send(channel: Channel, message: unknown): boolean {
    const { meter, limits } = this.#options;
    const lane = this.#lanes.get(channel);
    if (lane === undefined || lane.full) {
      meter.count("mesh_full_queues", 1, { channel });
      return false;
    }
    const payload = encode(channel === "control" ? [controlKind.message, message] : message);
    if (payload.length > limits.frameBytesMax) {
      meter.count("mesh_oversize_messages", 1, { channel });
      return false;
    }
    lane.push(payload);
    return true;
  }

  flush(channel: Channel): void {
    this.#lanes.get(channel)?.flush();
  }

  /** Says something of the handshake, or the name of the link on a new stream. */
  say(channel: Channel, value: unknown): void {
    this.#lanes.get(channel)?.pushUrgent(encode(value));
  }

  /** The peer is the member that the list names. */
  introduce(introduction: Introduction, id: string): void {
    this.node = introduction.node;
    this.incarnation = introduction.incarnation;
    this.id = id;
    this.#resolveWelcomed();
  }

  /** From now on messages flow. */
  open(): void {
    this.#cancelHandshake();
    this.#resolveSettled();
    this.state = "ready";
    this.readyAtMs = this.#options.clock.monotonicMs();
    const { limits } = this.#options;
    for (const [index, channel] of channels.entries())
      this.say("control", [controlKind.credit, index, limits.channels[channel].windowBytes]);
  }

  /** Looks for stalls and silence. Counts sweeps, not the clock: a node that was stopped itself accuses nobody. */
  sweep(): void {
    const { sweepMs, stallTimeoutMs, silenceTimeoutMs, pingIntervalMs } = this.#options.limits;
    for (const [channel, lane] of this.#lanes) {
      const stalledMs = lane.stalled() ? (this.#stalledMs.get(channel) ?? 0) + sweepMs : 0;
      this.#stalledMs.set(channel, stalledMs);
      if (stalledMs >= stallTimeoutMs) {
        this.#options.meter.count("mesh_stalls", 1, { channel });
        this.end(failure("PEER_LOST", { because: "it stopped reading", channel }));
        return;
      }
    }
    this.#silentMs = this.#heardInSweep === this.#sweeps ? 0 : this.#silentMs + sweepMs;
    this.#sweeps += 1;
    if (this.#silentMs >= silenceTimeoutMs) {
      this.end(failure("PEER_LOST", { because: "nothing was heard of it" }));
      return;
    }
    this.#pingDueMs += sweepMs;
    if (this.#pingDueMs >= pingIntervalMs) {
      this.#pingDueMs = 0;
      this.#lanes.get("control")?.pushUrgent(ping);
    }
  }

  /** Whether the process behind the link lives while an earlier start of its node asks for its place. That start may
   *  come from a restored folder, and this link may be all that is left of a process that was lost with its machine. So
   *  only bytes that arrive a whole sweep after the first request prove life: earlier ones may have been under way. A
   *  process that asks again finds the proof, or at last, when the silence has ended the link, the place. */
  outlives(incarnation: number): boolean {
    if (this.#rival?.incarnation !== incarnation) this.#rival = { incarnation, sinceSweep: this.#sweeps };
    if (this.#heardInSweep <= this.#rival.sinceSweep + 1) return false;
    this.#rival = undefined;
    return true;
  }

  /** Ends the link and tells the peer why, as far as it still listens. `theirs`: it has told us. */
  end(reason: Failure, theirs = false, farewell: "bye" | "refused" = "bye"): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.#cancelHandshake();
    this.#resolveWelcomed();
    this.#resolveSettled();
    if (!theirs) this.say("control", [controlKind[farewell], reason]);
    for (const lane of this.#lanes.values()) lane.close();
    this.closed = this.#closeAll(theirs);
    this.#options.listener.ended(this, reason, theirs);
  }

  /** Closes the connections, once the peer's last words were read or the time for it is up: a stream that is closed
   *  with unread bytes is reset, and loses the bytes that were just written. */
  async #closeAll(theirs: boolean): Promise<void> {
    const { clock, limits } = this.#options;
    const aborted = new AbortController();
    const { signal } = aborted;
    const cancel = clock.after(limits.closeTimeoutMs, () => aborted.abort());
    if (!theirs) await this.#lanes.get("control")?.finish(signal);
    for (const connection of this.#connections) {
      await connection.close({ signal }).catch(() => undefined);
      if (connection.status !== "closed") cut(connection, "closed");
    }
    cancel();
  }

  /** A frame of one of its lanes. */
  received(channel: Channel, value: unknown, frameBytes: number): void {
    if (this.state === "ended") return;
    this.#heardInSweep = this.#sweeps;
    const { listener } = this.#options;
    if (channel === "control") {
      this.#control(value, frameBytes);
      return;
    }
    // The acceptor says ready on the control stream; its words on another stream may arrive first and mean the same.
    if (this.state === "opening" && this.dialled && this.complete) listener.ready(this);
    if (this.state !== "ready") {
      this.#bad(channel, "a message before the handshake");
      return;
    }
    this.#deliver(channel, value, frameBytes);
  }

  #deliver(channel: Channel, message: unknown, frameBytes: number): void {
    this.#options.listener.received(this, channel, message);
    this.#owed[channel] += frameBytes;
    if (this.#owed[channel] * creditParts < this.#options.limits.channels[channel].windowBytes) return;
    this.say("control", [controlKind.credit, channels.indexOf(channel), this.#owed[channel]]);
    this.#owed[channel] = 0;
  }

  #control(value: unknown, frameBytes: number): void {
    const { listener } = this.#options;
    const frame = readControl(value);
    if (frame === undefined) {
      this.#bad("control", "no such control frame");
      return;
    }
    const introduced = this.node !== "";
    switch (frame.kind) {
      case "message":
        if (this.state === "opening" && this.dialled && this.complete) listener.ready(this);
        if (this.state === "ready") this.#deliver("control", frame.message, frameBytes);
        else this.#bad("control", "a message before the handshake");
        return;
      case "credit":
        this.#credit(frame.channel, frame.bytes);
        return;
      case "ping":
        return;
      case "bye":
      case "refused":
        this.end(frame.reason, true);
        return;
      case "hello":
        if (this.dialled || introduced) this.#bad("control", "an unexpected hello");
        else listener.hello(this, frame.hello);
        return;
      case "welcome":
        if (!this.dialled || introduced) this.#bad("control", "an unexpected welcome");
        else listener.welcome(this, frame.welcome);
        return;
      case "ready":
        if (this.dialled && this.state === "opening" && this.complete) listener.ready(this);
        else if (this.state !== "ready" || !this.dialled) this.#bad("control", "an unexpected ready");
        return;
    }
  }

  #credit(index: number, bytes: number): void {
    const channel = channels[index];
    const lane = channel && this.#lanes.get(channel);
    if (lane === undefined || bytes > this.#options.limits.windowBytesMax || !lane.grant(bytes))
      this.#bad("control", "credit for what was never sent");
  }

  #bad(channel: Channel, reason: string): void {
    this.end(failure("BAD_FRAME", { channel, reason }));
  }
}
