/** Nodes joined by an exchange that delays, cuts and refuses, all from one seed; the slot table is one that each node
 *  learns late. */
import { createExchange, type Exchange } from "../../../node/cluster/exchange/index.ts";
import type {
  Clock,
  MemberRecord,
  Membership,
  NodeId,
  SlotRecord,
  Transport,
  TransportListener,
} from "../../../node/ports/index.ts";
import type { SlotRow } from "../../../node/cluster/facts/records.ts";
import type { SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import { encode, type SlotId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { simulatedClock, type World } from "../../world/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

interface Link {
  up: boolean;
  /** Rises with each connection: what was under way on an earlier one is lost. */
  life: number;
  /** When the last message of each direction arrives, so that order is kept. */
  readonly lastMs: Map<NodeId, number>;
}

export class Net {
  readonly world: World;
  readonly nodes: readonly NodeId[];
  readonly records = new Map<SlotId, SlotRow>();
  /** The list of members, the same on all nodes. */
  rows: readonly MemberRecord[];
  /** Chance that a queue is full. */
  full = 0;
  /** A message that is larger, encoded, is never sent. */
  frameBytesMax: number | undefined;
  /** Longest delay of a message, and of news of the table. */
  delayMs = 5;
  newsMs = 30;
  /** How long a message takes that is sent from now on, if not up to `delayMs`. */
  takesMs: number | undefined;
  onSend: ((from: NodeId, to: NodeId, message: unknown) => void) | undefined;
  readonly #links = new Map<string, Link>();
  readonly #listeners = new Map<NodeId, TransportListener>();
  readonly #tables = new Map<NodeId, Table>();
  readonly #members = new Map<NodeId, Set<() => void>>();
  readonly cutOff: NodeId[] = [];

  constructor(world: World, nodes: readonly NodeId[]) {
    this.world = world;
    this.nodes = nodes;
    this.rows = nodes.map((node) => memberRecord(node, { name: node }));
    for (const node of nodes) this.#tables.set(node, new Table());
  }

  clock(): Clock {
    return simulatedClock(this.world, { offsetMs: 0 }, { life: 1, alive: true });
  }

  exchange(node: NodeId): Exchange {
    const transport: Transport = {
      node,
      flush: () => undefined,
      send: (to, channel, message) => {
        const link = this.#link(node, to);
        this.onSend?.(node, to, message);
        if (!link.up || this.world.dice.chance(this.full)) return false;
        if (this.frameBytesMax !== undefined && encode(message).length > this.frameBytesMax) return false;
        const { life } = link;
        const atMs = Math.max(
          this.world.nowMs + (this.takesMs ?? this.world.dice.between(0, this.delayMs)),
          (link.lastMs.get(node) ?? 0) + 0.001,
        );
        link.lastMs.set(node, atMs);
        const copy = structuredClone(message);
        this.world.after(atMs - this.world.nowMs, () => {
          if (link.up && link.life === life) this.#listeners.get(to)?.received(node, channel, copy);
        });
        return true;
      },
      peers: () => this.nodes.filter((peer) => peer !== node && this.#link(node, peer).up),
      listen: (listener) => void this.#listeners.set(node, listener),
      disconnect: (peer) => {
        this.cutOff.push(peer);
        this.cut(node, peer);
      },
    };
    return createExchange({ transport, clock: this.clock(), log: quietLog, meter: quietMeter });
  }

  /** Changes a member's row, for everybody at once. */
  edit(node: NodeId, change: Partial<MemberRecord>): void {
    this.rows = this.rows.map((row) => (row.node === node ? { ...row, ...change } : row));
    for (const listeners of this.#members.values()) for (const listener of listeners) listener();
  }

  membership(self: NodeId): Membership {
    const listeners = new Set<() => void>();
    this.#members.set(self, listeners);
    return {
      self,
      members: () => ({ view: 1, members: this.rows }),
      isUp: (node) => node === self || this.#link(self, node).up,
      isSlow: () => false,
      isStaying: (node) => node === self || this.#link(self, node).up,
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  table(node: NodeId): SlotTable {
    return this.#tables.get(node) as Table;
  }

  /** Changes a slot's record at once; nodes hear of it later, each in its own time, unless they are told. */
  own(slot: SlotId, owner: NodeId, more: Partial<SlotRecord> = {}, tell: readonly NodeId[] = []): SlotRow {
    const old = this.records.get(slot);
    const epoch = (old?.record.epoch ?? 0) + 1;
    const record: SlotRecord = { slot, epoch, owner, inSync: [owner], learners: [], ...more };
    const row = { record, revision: (old?.revision ?? 0) + 1 };
    this.records.set(slot, row);
    for (const [node, table] of this.#tables) {
      if (tell.includes(node)) table.learn(row);
      else this.world.after(this.world.dice.between(0, this.newsMs), () => table.learn(row));
    }
    return row;
  }

  cut(one: NodeId, other: NodeId): void {
    const link = this.#link(one, other);
    if (!link.up) return;
    link.up = false;
    for (const [node, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#listeners.get(node)?.disconnected(peer);
      for (const listener of this.#members.get(node) ?? []) listener();
    }
  }

  join(one: NodeId, other: NodeId): void {
    const link = this.#link(one, other);
    if (link.up) return;
    link.up = true;
    link.life += 1;
    link.lastMs.clear();
    for (const [node, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#listeners.get(node)?.connected(peer);
      for (const listener of this.#members.get(node) ?? []) listener();
    }
  }

  /** A message that no exchange would make. */
  forge(from: NodeId, to: NodeId, frame: unknown): void {
    this.#listeners.get(to)?.received(from, "message", frame);
  }

  #link(one: NodeId, other: NodeId): Link {
    const key = one < other ? `${one}|${other}` : `${other}|${one}`;
    const present = this.#links.get(key);
    if (present) return present;
    const link = { up: true, life: 1, lastMs: new Map() };
    this.#links.set(key, link);
    return link;
  }
}

class Table implements SlotTable {
  readonly current = true;
  readonly #rows = new Map<SlotId, SlotRow>();
  readonly #listeners = new Set<(slot: SlotId, row: SlotRow | undefined) => void>();

  onRead(): void {
    // Its rows are given one by one.
  }
  older(): undefined {
    return undefined;
  }
  get(slot: SlotId): SlotRow | undefined {
    return this.#rows.get(slot);
  }
  rows(): IterableIterator<SlotRow> {
    return this.#rows.values();
  }
  learn(row: SlotRow): void {
    const { slot } = row.record;
    if ((this.#rows.get(slot)?.revision ?? 0) >= row.revision) return;
    this.#rows.set(slot, row);
    for (const listener of this.#listeners) listener(slot, row);
  }
  ready(): Promise<void> {
    return Promise.resolve();
  }
  reached(): Promise<void> {
    return Promise.resolve();
  }
  onChange(listener: (slot: SlotId, row: SlotRow | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  stop(): void {
    this.#listeners.clear();
  }
}
