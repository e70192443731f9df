/** Nodes with shards on simulated disks and paths, and the real holders: their journals are there as long as anything
 *  is, and what the directory says everybody knows at once. How journals survive is the simulation of clusters. */
import { shardHolder } from "../../../../actors/shard-holder/index.ts";
import type { HolderChange } from "../../../../actors/shard-holder/state.ts";
import type { AnyBehavior, Effect, Message, ReplyTo, Sender, Signal } from "../../../../actors/behavior.ts";
import { hashOf, openBlobStore, openOwnedBlobs } from "../../../../node/bulk/blobs/index.ts";
import type { SlotTable } from "../../../../node/cluster/facts/slot-table.ts";
import { createExchange, type Exchange } from "../../../../node/cluster/exchange/index.ts";
import type {
  BlobHash,
  BlobStore,
  Log,
  Membership,
  Meter,
  NodeId,
  OwnedBlobs,
  SlotRecord,
} from "../../../../node/ports/index.ts";
import {
  createShards,
  openShardMemory,
  shardLimits,
  type Shards,
  isHolder,
} from "../../../../node/bulk/shards/index.ts";
import { type ShardLimits } from "../../../../node/bulk/shards/limits.ts";
import type { ShardPorts } from "../../../../node/bulk/shards/parts.ts";
import { receiptBytes, type SignedReceipt } from "../../../../node/bulk/shards/receipts.ts";
import {
  failure,
  holderOf,
  ok,
  ownSlot,
  refused,
  type ActorId,
  type HeldShard,
  type HolderGroup,
  type Result,
  type SlotId,
  type TrustState,
} from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import {
  Disk,
  FileDisk,
  Network,
  simulatedClock,
  type Pulse,
  type WallClock,
  type World,
} from "../../../world/index.ts";

export const pathOf = (hash: BlobHash): string => `${hash.slice(0, 2)}/${hash}`;

/** A copy that shares nothing with what it is of: plain data, as it goes over the wire and to the disk. */
function copyOf<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf) as Value;
  const copy: Record<string, unknown> = {};
  for (const name in value) copy[name] = copyOf(value[name]);
  return copy as Value;
}

/** Where a key is in a sorted list, or would be. */
function firstFrom(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One holder's journal: its state and its records. */
interface Journal {
  state: unknown;
  readonly records: Map<string, unknown>;
  /** The keys of the records in order, until there are others. */
  keys: readonly string[] | undefined;
  notes: unknown;
}

/** The holders of a group, wherever they are, and what other actors a test asks. */
export class Holders {
  readonly #world: World;
  readonly #behaviors: readonly AnyBehavior[];
  readonly #all = new Map<ActorId, Journal>();
  readonly #waiting = new Map<number, (result: Result<unknown>) => void>();
  #correlation = 0;
  /** Whether a holder can be asked now. */
  isServed: (holder: ActorId) => boolean = () => true;
  /** Which life of which node serves a holder: what one has begun to read no other one goes on with. */
  lifeOf: (holder: ActorId) => string = () => "";
  /** How wrong the clock is of who serves a holder. */
  offsetOf: (holder: ActorId) => number = () => 0;
  /** How much later than others a holder gives each answer. */
  lateMsOf: (holder: ActorId) => number = () => 0;
  /** Told before a change is made. */
  changing: (holder: ActorId, change: HolderChange) => void = () => undefined;
  weather = { delayMs: 4, lostAnswers: 0, away: 0 };

  constructor(world: World, others: readonly AnyBehavior[] = []) {
    this.#world = world;
    this.#behaviors = [shardHolder as unknown as AnyBehavior, ...others];
  }

  #behaviorOf(actor: ActorId): AnyBehavior {
    return this.#behaviors.find(({ kind }) => actor.startsWith(`${kind}/`)) as AnyBehavior;
  }

  /** What an actor remembers. */
  stateOf(actor: ActorId): unknown {
    return this.#journal(actor).state;
  }

  ask(holder: ActorId, message: Message, timeoutMs: number, from: Sender = "node"): Promise<Result<unknown>> {
    const { dice } = this.#world;
    const { delayMs, lostAnswers, away } = this.weather;
    this.#correlation += 1;
    const correlation = this.#correlation;
    const delay = (): number => dice.between(0.5, 1.5) * delayMs;
    return new Promise((resolve) => {
      const answer = (result: Result<unknown>): void => {
        if (!this.#waiting.delete(correlation)) return;
        if (!dice.chance(lostAnswers)) this.#world.after(delay(), () => resolve(result));
      };
      this.#waiting.set(correlation, answer);
      this.#world.after(timeoutMs, () => resolve(refused(failure("ASK_TIMEOUT", { timeoutMs }))));
      this.#world.after(delay() + this.lateMsOf(holder), () => {
        if (!this.isServed(holder) || dice.chance(away)) answer(refused(failure("SLOT_UNAVAILABLE", { slot: holder })));
        else this.#turn(holder, message, { node: "test", correlation }, from);
      });
    });
  }

  /** What a holder has now, lost shards and those in the trash included. */
  inventory(holder: ActorId): readonly HeldShard[] {
    const records = this.#all.get(holder)?.records ?? new Map<string, unknown>();
    return [...records].flatMap(([key, value]) => (/^stripe\/[^/]+$/.test(key) ? [value as HeldShard] : []));
  }

  /** Records of any actor here. */
  recordsOf(actor: ActorId, prefix: string): readonly (readonly [key: string, value: unknown])[] {
    const journal = this.#journal(actor);
    return this.#keysIn(journal, prefix, `${prefix}\x7f`, Infinity).map((key) => [key, journal.records.get(key)]);
  }

  #keysIn(journal: Journal, from: string, to: string, limit: number): readonly string[] {
    journal.keys ??= [...journal.records.keys()].sort();
    const start = firstFrom(journal.keys, from);
    return journal.keys.slice(start, Math.min(start + limit, firstFrom(journal.keys, to)));
  }

  #turn(holder: ActorId, message: Message | Signal, replyTo?: ReplyTo, from: Sender = "node"): void {
    const journal = this.#journal(holder);
    const key = holder.slice(holder.indexOf("/") + 1);
    const nowMs = Math.max(0, Math.floor(this.#world.nowMs + this.offsetOf(holder)));
    const turn = { self: holder, key, nowMs, from, notes: journal.notes as never, ...(replyTo && { replyTo }) };
    for (const effect of this.#behaviorOf(holder).decide(journal.state as never, message as never, turn as never))
      this.#carryOut(holder, journal, effect as Effect<HolderChange>, replyTo);
  }

  #journal(holder: ActorId): Journal {
    const known = this.#all.get(holder);
    if (known !== undefined) return known;
    const made: Journal = {
      state: this.#behaviorOf(holder).initial(holder),
      records: new Map(),
      keys: undefined,
      notes: this.#behaviorOf(holder).notes?.initial(),
    };
    this.#all.set(holder, made);
    return made;
  }

  #carryOut(holder: ActorId, journal: Journal, effect: Effect<HolderChange>, replyTo: ReplyTo | undefined): void {
    const answer = (to: ReplyTo | undefined, result: Result<unknown>): void =>
      this.#waiting.get((to ?? replyTo)?.correlation ?? -1)?.(result);
    switch (effect.type) {
      case "persist": {
        const behavior = this.#behaviorOf(holder);
        if (behavior.kind === shardHolder.kind) this.changing(holder, effect.event);
        journal.state = behavior.evolve(journal.state as never, effect.event as never);
        for (const op of behavior.record?.(effect.event as never, holder) ?? []) {
          if ("put" in op) {
            if (!journal.records.has(op.put)) journal.keys = undefined;
            journal.records.set(op.put, copyOf(op.value));
          } else {
            journal.keys = undefined;
            if ("delete" in op) journal.records.delete(op.delete);
            else
              for (const name of journal.records.keys())
                if (name >= op.deleteFrom && name < op.deleteTo) journal.records.delete(name);
          }
        }
        return;
      }
      case "note":
        journal.notes = this.#behaviorOf(holder).notes?.evolve(journal.notes as never, effect.note as never);
        return;
      case "reply":
        return answer(effect.to, ok(copyOf(effect.value)));
      case "refuse":
        return answer(effect.to, refused(failure(effect.code, effect.details)));
      case "read": {
        const { from, to, limit } = effect.range;
        // As they are now: what is written until they arrive may be newer.
        const keys = this.#keysIn(journal, from, to, limit);
        const records = keys.map((key) => ({ key, value: copyOf(journal.records.get(key)) }));
        const life = this.lifeOf(holder);
        this.#world.after(this.#world.dice.between(0, this.weather.delayMs), () => {
          if (this.lifeOf(holder) === life) this.#turn(holder, { type: "records", tag: effect.tag, records });
        });
        return;
      }
      // No test lets reminders ring, and nobody follows.
      case "remind":
      case "forget":
      case "publish":
        return;
      // Accounts, which are not here, agree to what rooms ask of them.
      case "ask": {
        const { tag } = effect;
        this.#world.after(1, () => this.#turn(holder, { type: "answered", tag, result: ok({}) } as never));
        return;
      }
      default:
        throw new Error(`an actor here has no ${effect.type}`);
    }
  }
}

/** One machine. */
export interface Machine {
  readonly node: NodeId;
  files: FileDisk;
  disk: Disk;
  pulse: Pulse;
  /** How wrong its clock is. */
  readonly wall: WallClock;
  /** What it is taking: it may still refuse to. */
  comingBytes: number;
  /** It says that it has taken shards, and takes none. */
  lies: boolean;
  /** What it answers to some messages in place of the truth, and how often it was asked. */
  cheat?: Cheat | undefined;
  /** What others have found when they asked it. */
  readonly found: string[];
  shards?: Shards | undefined;
  exchange?: Exchange | undefined;
  table?: SlotTable | undefined;
  membership?: Membership | undefined;
  blobs?: BlobStore | undefined;
  owned?: OwnedBlobs | undefined;
}

/** Answers that a cheating node gives, from what an honest one would. */
export type Cheat = Readonly<
  Record<string, (honest: () => Promise<Result<unknown>>, body: object) => Promise<Result<unknown>>>
>;

/** Small and quick, where a test says nothing else. */
export const quickLimits: Partial<ShardLimits> = {
  callTimeoutMs: 1_000,
  holderTimeoutMs: 1_000,
  uploadIdleMs: 3_000,
  chunkBytesMax: 16 * 1024,
  chunkBytesMin: 1024,
  uploadMsMax: 30_000,
  putTimeoutMs: 8_000,
  restTimeoutMs: 20_000,
  retryMsMin: 50,
  retryMsMax: 500,
  readTimeoutMs: 8_000,
  mendEveryMs: 1_000,
  mendSettleMs: 50,
  mendRetryMsMin: 200,
  mendRetryMsMax: 1_000,
  absenceMs: 12_000,
  absenceMsMin: 4_000,
  surveyEveryMs: 5_000,
  auditEveryMs: 500,
  auditCoverMs: 5_000,
  auditDeadlineMs: 400,
  auditDeadlineMsMin: 50,
  tellRetryMs: 500,
  collectEveryMs: 1_000,
  collectGraceMs: 6_000,
  trashMs: 6_000,
  rememberMs: 40_000,
  mendPageMs: 300,
  tellForMs: 30_000,
  movedMs: 3_000,
  graceMs: 15_000,
  aheadMsMax: 600_000,
  aheadFreshMs: 500,
  aheadRetryMs: 200,
};

/** What stands for a signature by a node's key. */
export const signatureOf = (node: NodeId, bytes: Uint8Array): Uint8Array =>
  Buffer.from(hashOf(Buffer.concat([Buffer.from(node), bytes])), "hex");

/** An exchange that answers uploads with whatever sounds well, while `lies` says so. */
function lying(exchange: Exchange, machine: Machine): Exchange {
  const { node } = machine;
  const nonsense = (holder: ActorId): SignedReceipt => {
    const receipt = { holder, stripe: "", hash: "f".repeat(64), sizeBytes: 0, owner: holder, heldSinceMs: 0 };
    return { receipt, node, signature: signatureOf(node, receiptBytes({ receipt, node })) };
  };
  const said: Readonly<Record<string, (body: { readonly holder: ActorId }) => Result<unknown>>> = {
    "shard.begin": () => ok({ has: false }),
    "shard.chunk": () => ok(null),
    "shard.hold": ({ holder }) => ok(nonsense(holder)),
  };
  const on: Exchange["on"] = (name, handler) => {
    const heard = handler as (body: never, from: NodeId) => unknown;
    exchange.on(name, ((body: never, from: NodeId) => answer(name, body, () => heard(body, from))) as never);
  };
  const answer = (name: string, body: { readonly holder: ActorId }, honest: () => unknown): unknown => {
    if (name === "shard.audited") machine.found.push((body as unknown as { readonly result: string }).result);
    if (machine.lies && said[name]) return said[name](body);
    const cheats = machine.cheat?.[name];
    return cheats === undefined ? honest() : cheats(async () => (await honest()) as Result<unknown>, body);
  };
  return { ...exchange, on };
}

/** The same blobs, of which the machine knows what comes. */
function counted(owned: OwnedBlobs, machine: Machine): OwnedBlobs {
  const { pulse } = machine;
  const take: OwnedBlobs["take"] = async (pair, stream, bytesMax) => {
    machine.comingBytes += bytesMax;
    try {
      await owned.take(pair, stream, bytesMax);
    } finally {
      // Those of a process that has ended were forgotten with it.
      if (machine.pulse === pulse) machine.comingBytes -= bytesMax;
    }
  };
  return Object.assign(Object.create(owned) as OwnedBlobs, { take });
}

/** A cluster with one group of holders. */
export class Fixture {
  readonly world: World;
  readonly network: Network;
  readonly holders: Holders;
  readonly machines: readonly Machine[];
  readonly group: HolderGroup;
  readonly counts = new Map<string, number>();
  /** What audits are taken to have shown of nodes; of others nothing bad. */
  readonly trust = new Map<NodeId, TrustState>();
  /** What nodes give to shards, as they start. */
  readonly quotas = new Map<NodeId, number>();
  /** How nodes make room for people when others bring them shards, as they start. */
  readonly guests = new Map<NodeId, Pick<ShardPorts, "guest" | "counted">>();
  /** What nodes wrote down for everybody. */
  readonly noted: Readonly<Record<string, string>>[] = [];
  readonly #records = new Map<SlotId, SlotRecord>();
  readonly #slotListeners = new Map<
    NodeId,
    Set<(slot: SlotId, row: { record: SlotRecord; revision: number }) => void>
  >();
  readonly #memberListeners = new Set<() => void>();
  readonly limits: ShardLimits;
  readonly #zones: ReadonlyMap<NodeId, string>;
  readonly #syncErrorChance: number;
  #life = 0;

  constructor(
    world: World,
    options: {
      readonly nodes: number;
      readonly width?: number;
      readonly limits?: Partial<ShardLimits>;
      readonly zones?: ReadonlyMap<NodeId, string>;
      readonly syncErrorChance?: number;
      readonly others?: readonly AnyBehavior[];
    },
  ) {
    this.world = world;
    this.network = new Network(world);
    this.holders = new Holders(world, options.others);
    this.limits = { ...shardLimits, ...quickLimits, ...options.limits };
    this.#zones = options.zones ?? new Map();
    this.#syncErrorChance = options.syncErrorChance ?? 0;
    this.machines = Array.from({ length: options.nodes }, (_, index) => this.#machine(`n${index + 1}`));
    this.group = { name: "g", width: options.width ?? options.nodes, open: true };
    for (let index = 0; index < this.group.width; index += 1) {
      const slot = ownSlot(holderOf("g", index));
      const owner = (this.machines[index % this.machines.length] as Machine).node;
      this.#records.set(slot, { slot, epoch: 1, owner, inSync: [owner], learners: [] });
    }
    this.holders.isServed = (holder) => this.isUp(this.ownerOf(holder));
    this.holders.offsetOf = (holder) => (isHolder(holder) ? this.machine(this.ownerOf(holder)).wall.offsetMs : 0);
    this.holders.lifeOf = (holder) => {
      const { owner, epoch } = this.recordOf(holder);
      const { alive, life } = this.machine(owner).pulse;
      return `${owner} ${epoch} ${alive} ${life}`;
    };
  }

  #machine(node: NodeId): Machine {
    const files = new FileDisk(this.world, { syncErrorChance: this.#syncErrorChance });
    return {
      node,
      files,
      disk: new Disk(this.world),
      pulse: { life: 0, alive: false },
      wall: { offsetMs: 0 },
      comingBytes: 0,
      lies: false,
      found: [],
    };
  }

  machine(node: NodeId): Machine {
    return this.machines.find((one) => one.node === node) as Machine;
  }
  isUp(node: NodeId): boolean {
    return this.machine(node).pulse.alive;
  }
  ownerOf(holder: ActorId): NodeId {
    return (this.#records.get(ownSlot(holder)) as SlotRecord).owner;
  }
  recordOf(holder: ActorId): SlotRecord {
    return this.#records.get(ownSlot(holder)) as SlotRecord;
  }
  holdersAt(node: NodeId): readonly ActorId[] {
    return [...this.#records.values()].filter(({ owner }) => owner === node).map(({ slot }) => slot as ActorId);
  }
  all(): readonly ActorId[] {
    return [...this.#records.keys()] as ActorId[];
  }

  /** Changes a slot's record, and tells all nodes. */
  change(holder: ActorId, change: Partial<SlotRecord>): void {
    const slot = ownSlot(holder);
    const record = { ...(this.#records.get(slot) as SlotRecord), ...change };
    this.#records.set(slot, record);
    for (const listeners of this.#slotListeners.values())
      for (const listener of listeners) listener(slot, { record, revision: 1 });
  }

  /** Starts a machine's process, on what its disks have. */
  async start(node: NodeId, log: Log = quietLog): Promise<void> {
    const machine = this.machine(node);
    this.#life += 1;
    const pulse: Pulse = { life: this.#life, alive: true };
    machine.pulse = pulse;
    const { world } = this;
    const clock = simulatedClock(world, machine.wall, pulse);
    const meter: Meter = {
      ...quietMeter,
      count: (name, by = 1, labels = {}) => {
        this.counts.set(name, (this.counts.get(name) ?? 0) + by);
        if (name.startsWith("shard")) world.note(() => `${node}: ${name} ${Object.values(labels).join()}`);
      },
    };
    const exchange = lying(createExchange({ transport: this.network.attach(node, pulse), clock, log, meter }), machine);
    const listeners = new Set<(slot: SlotId, row: { record: SlotRecord; revision: number }) => void>();
    this.#slotListeners.set(node, listeners);
    const table = {
      get: (slot: SlotId) => {
        const record = this.#records.get(slot);
        return record && { record, revision: 1 };
      },
      rows: () => [...this.#records.values()].map((record) => ({ record, revision: 1 })).values(),
      current: true,
      onChange(listener: (slot: SlotId, row: { record: SlotRecord; revision: number }) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    } as unknown as SlotTable;
    const members = this.machines.map((one) => {
      const zone = this.#zones.get(one.node);
      return memberRecord(one.node, { roles: ["storage"], labels: zone === undefined ? {} : { zone } });
    });
    const membership: Membership = {
      self: node,
      members: () => ({ view: 1, members }),
      isUp: (other) => this.isUp(other),
      isSlow: () => false,
      isStaying: (other) => this.isUp(other),
      onChange: (listener) => {
        this.#memberListeners.add(listener);
        return () => this.#memberListeners.delete(listener);
      },
    };
    const blobs = await openBlobStore({ files: machine.files.open(pulse), meter });
    const { limits } = this;
    const owned = await openOwnedBlobs({ blobs, store: machine.disk.open(pulse), clock, prefix: "shard/", limits });
    const memory = await openShardMemory(machine.disk.open(pulse), limits, log);
    if (!pulse.alive) return;
    machine.exchange = exchange;
    machine.table = table;
    machine.membership = membership;
    machine.blobs = blobs;
    machine.owned = counted(owned, machine);
    machine.comingBytes = 0;
    machine.shards = createShards({
      node,
      exchange,
      table,
      membership,
      owned: machine.owned,
      clock,
      random: {
        number: () => world.dice.between(0, 1),
        bytes: (count) => Uint8Array.from({ length: count }, () => world.dice.below(256)),
      },
      log,
      meter,
      limits,
      kernel: { ask: ({ to, message, timeoutMs }) => this.#ask(pulse, to, message, timeoutMs) },
      groups: () => [this.group],
      memory,
      signer: {
        sign: (bytes) => Promise.resolve(signatureOf(node, bytes)),
        isSigned: (by, bytes, signature) => Promise.resolve(Buffer.compare(signatureOf(by, bytes), signature) === 0),
      },
      trustOf: (other) => this.trust.get(other),
      quotaBytes: () => this.quotas.get(node),
      ...this.guests.get(node),
      noted: (action, facts) => void this.noted.push({ action, by: node, ...facts }),
    });
    for (const listener of this.#memberListeners) listener();
  }

  /** Nothing of what a process asked comes back to it after its end. */
  #ask(pulse: Pulse, to: ActorId, message: Message, timeoutMs: number): Promise<Result<unknown>> {
    return new Promise((resolve) => {
      void this.holders.ask(to, message, timeoutMs).then((result) => pulse.alive && resolve(result));
    });
  }

  async startAll(): Promise<void> {
    for (const { node } of this.machines) await this.world.settle(this.start(node));
    await this.world.pass(300);
  }

  /** Ends a process; `power`: the machine, too. */
  crash(
    node: NodeId,
    { power = true, worst = true }: { readonly power?: boolean; readonly worst?: boolean } = {},
  ): void {
    const machine = this.machine(node);
    if (!machine.pulse.alive) return;
    machine.pulse.alive = false;
    machine.shards = undefined;
    this.#slotListeners.delete(node);
    this.network.ended(node, true);
    if (!power) return;
    machine.disk.crash(worst);
    machine.files.crash(worst);
  }

  /** A machine that is down loses its disks. */
  wipe(node: NodeId): void {
    const machine = this.machine(node);
    machine.files = new FileDisk(this.world, { syncErrorChance: this.#syncErrorChance });
    machine.disk = new Disk(this.world);
  }

  /** Whether some machine has the bytes of a shard for good, whole. */
  isKept(hash: BlobHash): boolean {
    const path = pathOf(hash);
    return this.machines.some(({ files }) => files.isDurable(path) && files.isSound(path));
  }
}
