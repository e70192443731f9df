/** Nodes that replicate and do nothing else: journals on simulated disks, a simulated network, one directory. The test
 *  plays the kernel. */
import {
  createEmbeddedDirectory,
  createRemoteDirectory,
  serveDirectory,
} from "../../../node/cluster/directory/index.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { ServedLog } from "../../../node/kernel/api.ts";
import { createMembership, type MembershipPart } from "../../../node/cluster/membership/index.ts";
import type { Directory, NodeId, SlotRecord } from "../../../node/ports/index.ts";
import { changeSlot, memberKey, readSlot } from "../../../node/cluster/facts/records.ts";
import { createReplication, type Replication, type ReplicationLimits } from "../../../node/replication/index.ts";
import { watchSlots, type SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import { openJournal, type EntryDraft, type Journal } from "../../../node/storage/index.ts";
import type { ActorId, Failure, PlexusError, SlotId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, Network, type Pulse, simulatedClock, World } from "../../world/index.ts";

export interface Peer {
  readonly node: NodeId;
  readonly disk: Disk;
  pulse: Pulse;
  journal: Journal;
  directory: Directory;
  table: SlotTable;
  membership: MembershipPart;
  replication: Replication;
  /** Slots the replication wants served, in order. */
  readonly owned: SlotId[];
  readonly ended: Failure[];
  /** What `drain` waits for. */
  drains: number;
  resumes: number;
}

export const slot: SlotId = "chat/7";
export const entry = (text: string, more: Partial<EntryDraft> = {}): EntryDraft => ({
  atMs: 1,
  actor: "pad/x",
  events: [{ text }],
  answers: [],
  side: [],
  ...more,
});

/** A cluster of `count` nodes, the first of which keeps the directory. */
export class Cluster {
  readonly world: World;
  readonly network: Network;
  readonly peers = new Map<NodeId, Peer>();
  readonly #limits: Partial<ReplicationLimits>;
  readonly #minInSync: number;

  constructor(
    seed: number,
    options: { limits?: Partial<ReplicationLimits>; minInSync?: number; trace?: boolean } = {},
  ) {
    this.world = new World(seed, { trace: options.trace ?? false });
    this.network = new Network(this.world, { silenceMs: 500 });
    this.#limits = options.limits ?? {};
    this.#minInSync = options.minInSync ?? 1;
  }

  async start(names: readonly NodeId[]): Promise<void> {
    for (const name of names) await this.life(name, new Disk(this.world, { syncMs: 1 }));
    const host = this.peer(names[0] as NodeId);
    let number = 0;
    const rows = Promise.all(
      names.map((name) =>
        host.directory.compareAndSet(memberKey(name), memberRecord(name, { incarnation: (number += 1) }), 0),
      ),
    );
    await this.settle(rows);
    await this.until(() => names.every((name) => names.every((other) => this.peer(name).membership.isUp(other))));
  }

  peer(name: NodeId): Peer {
    return this.peers.get(name) as Peer;
  }

  /** A new life of a node on its disk. */
  async life(name: NodeId, disk = this.peer(name).disk, { joined = true } = {}): Promise<Peer> {
    const { world } = this;
    const host = this.peers.keys().next().value ?? name;
    const pulse: Pulse = { life: 1, alive: true };
    const clock = simulatedClock(world, { offsetMs: 1_700_000_000_000 }, pulse);
    const store = disk.open(pulse);
    const transport = this.network.attach(name, pulse);
    const log = {
      debug: (event: string, facts = {}) => world.note(() => `${name} ${event} ${JSON.stringify(facts)}`),
      info: (event: string, facts = {}) => world.note(() => `${name} ${event} ${JSON.stringify(facts)}`),
      warn: (event: string, facts = {}) => world.note(() => `${name} ${event} ${JSON.stringify(facts)}`),
      error: (event: string, facts = {}) => world.note(() => `${name} ${event} ${JSON.stringify(facts)}`),
    };
    const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
    const directory =
      name === host
        ? createEmbeddedDirectory({ store, clock })
        : createRemoteDirectory(exchange, () => host, { clock });
    if (name === host) serveDirectory(exchange, directory);
    const journal = await this.settle(
      openJournal({ store, clock, log: quietLog, meter: quietMeter, identity: { cluster: "c", node: name } }),
    );
    const table = watchSlots(directory);
    const membership = createMembership({ node: name, directory, exchange, clock, log: quietLog, meter: quietMeter });
    const peer: Peer = {
      ...(this.peers.get(name) ?? { owned: [], ended: [] }),
      node: name,
      disk,
      pulse,
      journal,
      directory,
      table,
      membership,
      drains: 0,
      resumes: 0,
    } as unknown as Peer;
    peer.replication = createReplication({
      node: name,
      roles: () => ["chat"],
      journal,
      store,
      directory,
      table,
      exchange,
      membership,
      clock,
      random: world.dice,
      log,
      meter: quietMeter,
      limits: this.#limits,
      minInSync: () => this.#minInSync,
      owned: (owned) => {
        peer.owned.push(owned);
        void peer.replication.open(owned, (error) => peer.ended.push(error)).catch(() => undefined);
      },
      drain: () => {
        peer.drains += 1;
        return Promise.resolve();
      },
      resume: () => void (peer.resumes += 1),
    });
    this.peers.set(name, peer);
    if (joined) peer.replication.allow();
    peer.replication.start();
    return peer;
  }

  kill(name: NodeId, how: { readonly silent?: boolean } = {}): void {
    const peer = this.peer(name);
    peer.pulse.alive = false;
    peer.disk.crash(true);
    this.network.ended(name, how.silent ?? false);
  }

  /** Opens a slot at a node; again and again while the node cannot know yet that it may. */
  async open(name: NodeId, options: { readonly once?: boolean } = {}): Promise<ServedLog> {
    const peer = this.peer(name);
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.settle(peer.replication.open(slot, (error) => peer.ended.push(error)));
      } catch (error) {
        if (options.once === true || tries > 50) throw error;
        await this.pass(50);
      }
    }
  }

  append(log: ServedLog, text: string, more: Partial<EntryDraft> = {}): Promise<Failure | undefined> {
    return this.settle(new Promise((resolve) => void log.append(entry(text, more), resolve)));
  }

  /** Everything that a node holds of the slot and of the actors that left it, to be compared with another's. */
  rows(name: NodeId, pattern = /^(log|snap|side)\//): Record<string, string> {
    const rows = this.peer(name).disk.range({ gte: "", lt: "~" });
    const kept = rows.filter(([key]) => pattern.test(key));
    return Object.fromEntries(kept.map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
  }

  /** Stores what an actor has come to, as the kernel does before it trims. */
  snapshot(log: ServedLog, actor: ActorId, body: unknown): Promise<Failure | undefined> {
    return this.settle(new Promise((resolve) => void log.snapshot(actor, log.durableSeq, body, resolve)));
  }

  trim(log: ServedLog, throughSeq: number): Promise<Failure | undefined> {
    return this.settle(new Promise((resolve) => log.trim(throughSeq, resolve)));
  }

  /** What an actor's history is, as the owner's log has it. */
  async texts(log: ServedLog, actor: ActorId = "pad/x"): Promise<string[]> {
    const { entries } = await this.settle(log.recover(actor));
    return entries.flatMap(({ events }) => events.map((event) => (event as { text: string }).text));
  }

  async record(): Promise<SlotRecord> {
    const [host] = this.peers.values();
    const row = await this.settle(readSlot((host as Peer).directory, slot));
    return (row as { record: SlotRecord }).record;
  }

  /** Changes the record as the controller does. */
  async decree(change: (record: SlotRecord) => SlotRecord): Promise<void> {
    const [host] = this.peers.values();
    const { directory } = host as Peer;
    for (;;) {
      const row = await this.settle(readSlot(directory, slot));
      if (row === undefined) throw new Error("no record");
      const changed = await this.settle(changeSlot(directory, change(row.record), row.revision));
      if (changed.applied) return;
    }
  }

  want(owner: NodeId, replicas: readonly NodeId[]): Promise<void> {
    return this.decree((record) => ({ ...record, want: { owner, replicas } }));
  }

  failover(owner: NodeId): Promise<void> {
    return this.decree((record) => ({ ...record, owner, epoch: record.epoch + 1 }));
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean, withinMs = 20_000): Promise<void> {
    const end = await this.world.run(holds, this.world.nowMs + withinMs);
    if (end !== "done") throw new Error(`not within ${withinMs} ms: ${end}`);
  }

  pass(durationMs: number): Promise<void> {
    const endMs = this.world.nowMs + durationMs;
    this.world.after(durationMs, () => undefined);
    return this.until(() => this.world.nowMs >= endMs, durationMs * 2);
  }

  /** Lets time pass until a promise settles. */
  async settle<Value>(promise: Promise<Value>, withinMs = 20_000): Promise<Value> {
    let done = false;
    const mark = (): void => void (done = true);
    promise.then(mark, mark);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (!done) await this.until(() => done, withinMs);
    return promise;
  }

  /** Waits until the slot's record is as asked. */
  async untilRecord(holds: (record: SlotRecord) => boolean, withinMs = 20_000): Promise<SlotRecord> {
    const endMs = this.world.nowMs + withinMs;
    for (;;) {
      const record = await this.record();
      if (holds(record)) return record;
      if (this.world.nowMs > endMs) throw new Error(`the record stays ${JSON.stringify(record)}`);
      await this.pass(50);
    }
  }
}

export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "ok";
  } catch (error) {
    return (error as PlexusError).failure?.code ?? String(error);
  }
};
