import { meshLimits } from "../../node/cluster/mesh/limits.ts";
import { decode, encode, type Failure } from "../../protocols/index.ts";
import type { Channel, NodeId, Transport, TransportListener } from "../../node/ports/index.ts";
import { deliver, type Pulse, type World } from "./world.ts";

/** How the network behaves. May be changed while it runs. */
export interface NetworkWeather {
  /** Usual time of a message; each takes half to one and a half of it. */
  delayMs: number;
  /** Probability that a message, and what is behind it in its channel, takes up to `stallMs` more. */
  stallChance: number;
  stallMs: number;
  /** Messages that wait in one channel of one direction. Beyond it `send` says no. */
  queueMessagesMax: number;
  /** And their bytes; one message may go beyond. */
  queueBytesMax: number;
  /** Probability, per look at a connection, that it breaks for no reason. */
  breakChance: number;
  /** Probability, per message that was delivered, that its connection breaks in that moment: whoever sent it has no
   *  answer, sends it again over the next one, and it arrives twice. */
  breakAfterChance: number;
  /** How long a silent path goes unnoticed at most; each end notices in its own time, or not at all. */
  silenceMs: number;
}

/** Sees what arrives, before the one it is for. */
export interface NetworkWatcher {
  sent?(from: NodeId, to: NodeId, channel: Channel, message: unknown, by: Pulse): void;
  received?(from: NodeId, to: NodeId, channel: Channel, message: unknown, by: Pulse): void;
}

const channels = ["control", "message", "bulk"] as const;

/** One life of a node, as the network sees it. */
interface Station {
  readonly node: NodeId;
  readonly pulse: Pulse;
  readonly admits: (peer: NodeId) => boolean;
  listener: TransportListener | undefined;
  readonly ends: Map<NodeId, End>;
}

interface Frame {
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** One end of a connection. Each end has its own opinion on whether the connection is there. */
interface End {
  readonly station: Station;
  readonly peer: NodeId;
  state: "opening" | "open" | "closed";
  other: End;
  /** What this end has sent and the other has not taken yet. */
  readonly queues: Record<Channel, Frame[]>;
  readonly moving: Record<Channel, boolean>;
}

/** The Transport port between simulated nodes. A connection keeps the order within each channel; channels overtake one
 *  another. A cut path swallows nothing and says nothing: what was sent waits, until the path is there again or one end
 *  gives up; then a prefix of each channel may still arrive. Nothing is shared: every message is encoded and
 *  decoded. */
export class Network {
  readonly weather: NetworkWeather;
  readonly #world: World;
  readonly #stations = new Map<NodeId, Station>();
  /** Directed paths that are cut: `from>to`. */
  readonly #cut = new Set<string>();
  readonly #watchers: NetworkWatcher[] = [];

  constructor(world: World, weather: Partial<NetworkWeather> = {}) {
    this.#world = world;
    this.weather = {
      delayMs: 1,
      stallChance: 0,
      stallMs: 0,
      queueMessagesMax: 10_000,
      queueBytesMax: 16 * 1024 * 1024,
      breakChance: 0,
      breakAfterChance: 0,
      silenceMs: 3_000,
      ...weather,
    };
    this.#tick();
  }

  watch(watcher: NetworkWatcher): void {
    this.#watchers.push(watcher);
  }

  /** The network card of one life of a node. `admits`: whom it lets in, and for how long. */
  attach(node: NodeId, pulse: Pulse, admits: (peer: NodeId) => boolean = () => true): Transport {
    const station: Station = { node, pulse, admits, listener: undefined, ends: new Map() };
    const before = this.#stations.get(node);
    if (before) this.#gone(before, false);
    this.#stations.set(node, station);
    return {
      node,
      listen: (listener) => {
        station.listener = listener;
      },
      peers: () => [...station.ends.values()].filter(({ state }) => state === "open").map(({ peer }) => peer),
      send: (to, channel, message) => this.#send(station, to, channel, message),
      flush: () => undefined,
      disconnect: (peer, reason) => this.#disconnect(station, peer, reason),
    };
  }

  /** A process ended. `silent`: so did its machine; nobody is told. */
  ended(node: NodeId, silent: boolean): void {
    const station = this.#stations.get(node);
    if (station === undefined) return;
    this.#stations.delete(node);
    this.#gone(station, silent);
  }

  /** Cuts the path in one direction. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
    this.#world.note(() => `network: ${from} > ${to} is cut`);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      const end = this.#stations.get(one)?.ends.get(other);
      // Each end notices in its own time: by a write that is not acknowledged, or by silence.
      if (end) this.#mayNotice(end);
    }
  }

  /** All paths are there again. What waited goes on. */
  heal(): void {
    if (this.#cut.size > 0) this.#world.note(() => "network: healed");
    this.#cut.clear();
    for (const station of this.#stations.values()) {
      for (const end of station.ends.values()) for (const channel of channels) this.#move(end, channel);
    }
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`);
  }

  /** Breaks one connection; both ends hear of it soon. */
  break(one: NodeId, other: NodeId): void {
    const end = this.#stations.get(one)?.ends.get(other);
    if (end && end.state !== "closed") this.#close(end, true);
  }

  /** A node's member list has changed: whom it does not admit any more it hears no more. */
  enforce(node: NodeId): void {
    const station = this.#stations.get(node);
    for (const end of station?.ends.values() ?? []) if (station?.admits(end.peer) === false) this.#close(end, true);
  }

  /** Whether two nodes have a connection that both believe in. */
  connected(one: NodeId, other: NodeId): boolean {
    const end = this.#stations.get(one)?.ends.get(other);
    return end?.state === "open" && end.other.state === "open";
  }

  // --- connections ---------------------------------------------------------------------------------------------------

  /** Dials, now and then, whoever is not connected, and drops whoever is not admitted. */
  #tick(): void {
    const world = this.#world;
    world.after(world.dice.between(10, 40), () => {
      const stations = [...this.#stations.values()];
      for (const [index, one] of stations.entries()) {
        for (const other of stations.slice(index + 1)) this.#look(one, other);
      }
      this.#tick();
    });
  }

  #look(one: Station, other: Station): void {
    const { dice } = this.#world;
    const admitted = one.admits(other.node) && other.admits(one.node);
    const here = one.ends.get(other.node);
    const there = other.ends.get(one.node);
    const whole = here !== undefined && there !== undefined && here.other === there;
    if (whole && here.state !== "closed" && there.state !== "closed") {
      if (!admitted || dice.chance(this.weather.breakChance)) this.#close(dice.pick([here, there]), true);
      return;
    }
    const reachable = !this.isCut(one.node, other.node) && !this.isCut(other.node, one.node);
    const awake = one.pulse.waiting === undefined && other.pulse.waiting === undefined;
    if (!admitted || !reachable || !awake || one.listener === undefined || other.listener === undefined) return;
    if (dice.chance(0.5)) this.#connect(one, other);
  }

  #connect(one: Station, other: Station): void {
    // A half-open connection is found out by the new one.
    for (const old of [one.ends.get(other.node), other.ends.get(one.node)]) if (old) this.#close(old, false);
    const here = this.#end(one, other.node);
    const there = this.#end(other, one.node);
    here.other = there;
    there.other = here;
    one.ends.set(other.node, here);
    other.ends.set(one.node, there);
    this.#world.note(() => `network: ${one.node} and ${other.node} are connected`);
    for (const end of [here, there]) {
      // Behind the word that an older connection ended.
      const open = (): void => {
        if (end.state !== "opening") return;
        end.state = "open";
        end.station.listener?.connected(end.peer);
        for (const channel of channels) this.#move(end.other, channel);
      };
      this.#world.after(0, () => deliver(end.station.pulse, open));
    }
  }

  #end(station: Station, peer: NodeId): End {
    const end: Omit<End, "other"> = {
      station,
      peer,
      state: "opening",
      queues: { control: [], message: [], bulk: [] },
      moving: { control: false, message: false, bulk: false },
    };
    return end as End;
  }

  #disconnect(station: Station, peer: NodeId, reason: Failure): void {
    const end = station.ends.get(peer);
    if (end?.state !== "open" || !station.pulse.alive) return;
    this.#world.note(
      () => `network: ${station.node} disconnects ${peer}: ${reason.code} ${JSON.stringify(reason.details)}`,
    );
    if (reason.code === "BAD_FRAME")
      this.#world.violate("message-taken", `${station.node} takes no message of ${peer}: ${JSON.stringify(reason)}`);
    this.#close(end, true);
  }

  /** This end is over. `tells`: its machine tells the other one, if the path is there. */
  #close(end: End, tells: boolean): void {
    if (end.state === "closed") return;
    const was = end.state;
    end.state = "closed";
    if (end.station.ends.get(end.peer) === end) end.station.ends.delete(end.peer);
    const { dice } = this.#world;
    // Some of what was under way arrives all the same.
    for (const channel of channels) {
      const queue = end.queues[channel];
      queue.length = dice.chance(0.3) ? queue.length : dice.below(queue.length + 1);
    }
    const { station } = end;
    if (was === "open") {
      this.#world.note(() => `network: ${station.node} lost ${end.peer}`);
      // Its own process hears of it in its turn, after what it has been handed already.
      this.#world.after(0, () => deliver(station.pulse, () => station.listener?.disconnected(end.peer)));
    }
    if (tells) this.#tell(end);
    else this.#mayNotice(end.other);
  }

  /** Word of the end travels to the other end, behind what was sent. */
  #tell(end: End): void {
    const { other } = end;
    this.#world.after(this.weather.delayMs * this.#world.dice.between(0.5, 3), () => {
      if (other.state === "closed") return;
      if (this.isCut(end.station.node, other.station.node)) this.#mayNotice(other);
      else this.#close(other, false);
    });
  }

  /** An end whose other end is gone, or out of reach, finds out some time. */
  #mayNotice(end: End): void {
    const { dice } = this.#world;
    this.#world.after(dice.between(50, this.weather.silenceMs), () => {
      if (end.state === "closed") return;
      const { other } = end;
      const silent =
        other.state === "closed" ||
        this.isCut(end.station.node, other.station.node) ||
        this.isCut(other.station.node, end.station.node);
      if (!silent) return;
      if (other.state === "closed" || dice.chance(0.7)) this.#close(end, true);
      else this.#mayNotice(end);
    });
  }

  #gone(station: Station, silent: boolean): void {
    for (const end of station.ends.values()) {
      end.state = "closed";
      for (const channel of channels) {
        const queue = end.queues[channel];
        queue.length = this.#world.dice.below(queue.length + 1);
      }
      if (silent) this.#mayNotice(end.other);
      else this.#tell(end);
    }
    station.ends.clear();
  }

  // --- messages ------------------------------------------------------------------------------------------------------

  #send(station: Station, to: NodeId, channel: Channel, message: unknown): boolean {
    const end = station.ends.get(to);
    if (end?.state !== "open" || !station.pulse.alive) return false;
    const queue = end.queues[channel];
    const { queueMessagesMax, queueBytesMax } = this.weather;
    const waiting = queue.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (queue.length >= queueMessagesMax || waiting >= queueBytesMax) return false;
    const { dice, nowMs } = this.#world;
    const stall = dice.chance(this.weather.stallChance) ? dice.between(0, this.weather.stallMs) : 0;
    const atMs = nowMs + this.weather.delayMs * dice.between(0.5, 1.5) + stall;
    const bytes = encode(message);
    for (const watcher of this.#watchers) watcher.sent?.(station.node, to, channel, message, station.pulse);
    // As the mesh does; the watchers have seen that it was tried.
    if (bytes.length > meshLimits.frameBytesMax) return false;
    queue.push({ bytes, atMs: Math.max(atMs, queue.at(-1)?.atMs ?? 0) });
    this.#move(end, channel);
    return true;
  }

  /** Moves the first message of a channel, then the next: so they keep their order. */
  #move(end: End, channel: Channel): void {
    const queue = end.queues[channel];
    const [first] = queue;
    if (end.moving[channel] || first === undefined) return;
    end.moving[channel] = true;
    this.#world.after(first.atMs - this.#world.nowMs, () => {
      const { other } = end;
      if (other.state === "closed") return void (queue.length = 0);
      if (other.state === "opening" || this.isCut(end.station.node, other.station.node)) {
        // Goes on when the other end has opened, or the path is healed.
        end.moving[channel] = false;
        return;
      }
      const { pulse, node } = other.station;
      deliver(pulse, () => {
        end.moving[channel] = false;
        if (other.state !== "open") return;
        const { breakAfterChance } = this.weather;
        const frame = queue.shift();
        if (frame === undefined) return;
        const message = decode(frame.bytes);
        for (const watcher of this.#watchers) watcher.received?.(end.station.node, node, channel, message, pulse);
        other.station.listener?.received(end.station.node, channel, message);
        if (breakAfterChance > 0 && this.#world.dice.chance(breakAfterChance)) this.#close(other, true);
        this.#move(end, channel);
      });
    });
  }
}
