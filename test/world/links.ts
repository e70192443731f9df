/** The Transport port for tests of what travels, not of how: nodes that are linked, cut apart, and lose a message when
 *  told to. Messages are bytes on the way, and arrive with the next turn of the clock. */
import { createExchange, type Exchange } from "../../node/cluster/exchange/index.ts";
import type { Clock, NodeId, Transport, TransportListener } from "../../node/ports/index.ts";
import { decode, encode } from "../../protocols/index.ts";
import type { Channel } from "../../protocols/mesh/index.ts";
import { quietLog, quietMeter } from "../fixtures/quiet.ts";

export const messageBytesMax = 1024 * 1024;

export class Links {
  /** Decides of a message whether it gets lost on the way. */
  loses: (message: readonly unknown[], from: NodeId, to: NodeId) => boolean = () => false;
  /** Whether a node's queue towards another is full. */
  isFull: (from: NodeId, to: NodeId) => boolean = () => false;
  /** A larger message is never sent. */
  frameBytesMax = Infinity;
  /** What ended a connection because it was no message: who sent it, to whom, and why. */
  readonly badFrames: string[] = [];
  /** The largest message so far. */
  largestBytes = 0;
  readonly #listeners = new Map<NodeId, TransportListener>();
  /** Pairs that are linked, with the number of their connection. */
  readonly #linked = new Map<string, number>();
  #connections = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  exchange(node: NodeId): Exchange {
    return createExchange({ transport: this.transport(node), clock: this.#clock, log: quietLog, meter: quietMeter });
  }

  transport(node: NodeId): Transport {
    return {
      node,
      send: (to, channel, message) => this.#send(node, to, channel, message),
      flush: () => undefined,
      peers: () => [...this.#listeners.keys()].filter((peer) => this.#linked.has(pair(node, peer))),
      listen: (listener) => void this.#listeners.set(node, listener),
      disconnect: (peer, { code, details }) => {
        if (code === "BAD_FRAME") this.badFrames.push(`${peer} to ${node}: ${JSON.stringify(details)}`);
        this.cut(node, peer);
      },
    };
  }

  link(one: NodeId, other: NodeId): void {
    if (this.#linked.has(pair(one, other))) return;
    this.#connections += 1;
    this.#linked.set(pair(one, other), this.#connections);
    this.#listeners.get(one)?.connected(other);
    this.#listeners.get(other)?.connected(one);
  }

  /** What is on the way is lost. */
  cut(one: NodeId, other: NodeId): void {
    if (!this.#linked.delete(pair(one, other))) return;
    this.#listeners.get(one)?.disconnected(other);
    this.#listeners.get(other)?.disconnected(one);
  }

  /** A message as a peer that keeps no rules would send it, linked or not. */
  forge(from: NodeId, to: NodeId, channel: Channel, message: unknown): void {
    this.#listeners.get(to)?.received(from, channel, message);
  }

  #send(from: NodeId, to: NodeId, channel: Channel, message: unknown): boolean {
    const connection = this.#linked.get(pair(from, to));
    if (connection === undefined || this.isFull(from, to)) return false;
    const bytes = encode(message);
    if (bytes.length > this.frameBytesMax) return false;
    this.largestBytes = Math.max(this.largestBytes, bytes.length);
    if (this.loses(message as unknown[], from, to)) return true;
    this.#clock.soon(() => {
      if (this.#linked.get(pair(from, to)) === connection)
        this.#listeners.get(to)?.received(from, channel, decode(bytes));
    });
    return true;
  }
}

const pair = (one: NodeId, other: NodeId): string => (one < other ? `${one} ${other}` : `${other} ${one}`);
