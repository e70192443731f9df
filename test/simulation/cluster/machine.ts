import { everyEngine } from "../../../runtimes/engine.ts";
import { PlexusError, type Result } from "../../../protocols/index.ts";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import type { Request } from "../../../node/kernel/api.ts";
import { createPeer, type Peer } from "../../../node/composition/peer.ts";
import type { OwnRecord } from "../../../node/cluster/membership/index.ts";
import type { DirectoryPlace } from "../../../node/data-folder/home.ts";
import { storeParts, openJournal, type Journal } from "../../../node/storage/index.ts";
import { openSealedStore, SealedStore } from "../../../node/keys/index.ts";
import { createSealing } from "../../../node/keys/sealing.ts";
import type { Clock, Log, MemberRecord, NodeId } from "../../../node/ports/index.ts";
import type { BoundsWatch } from "../bounds.ts";
import {
  deliver,
  Disk,
  goOn,
  type Network,
  type Pulse,
  refusedLook,
  simulatedClock,
  type WallClock,
  type World,
} from "../../world/index.ts";
import { told, type Reached } from "../node.ts";
import { simulatedRuntime } from "../runtime.ts";
import { diskKey, lens } from "../sealed.ts";
import { etcdLimits, etcdPlace, type ExternalEtcd } from "./external-etcd.ts";
import type { ExternalDirectory } from "./external-directory.ts";
import type { ClusterPlan } from "./plan.ts";

/** What all machines of a cluster share. */
export interface ClusterParts {
  readonly world: World;
  readonly plan: ClusterPlan;
  readonly network: Network;
  readonly bounds: BoundsWatch;
  readonly external: ExternalDirectory | undefined;
  readonly etcd: ExternalEtcd | undefined;
  /** The machine on whose disk the embedded directory lies. */
  readonly host: NodeId;
  readonly behaviors: readonly AnyBehavior[];
  readonly replied: (machine: Machine) => void;
  readonly crashed: (machine: Machine) => void;
  /** A voter knows of a change that is decided. */
  readonly decided: (machine: Machine, key: string, revision: number, value: unknown) => void;
  readonly nextLife: () => number;
}

const stopDeadlineMs = 3_000;

/** Nodes that may be the controller, where not every node keeps the directory together with the others. */
const managers = 2;

/** One machine of the cluster: its disk and its clock, which stay, and the lives of the process on it. */
export class Machine {
  readonly node: NodeId;
  readonly disk: Disk;
  readonly wall: WallClock = { offsetMs: 1_700_000_000_000 };
  /** Its disk is lost, or it was evicted: nobody starts it again. */
  gone = false;
  pulse: Pulse = { life: 0, alive: false };
  peer: Peer | undefined;
  journal: Journal | undefined;
  /** It has started, and clients may attach. */
  ready = false;
  readonly #parts: ClusterParts;
  readonly #lost = new Set<() => void>();
  /** It begins the directory in etcd, and its own row there. */
  #isFirstLife: boolean;
  #members: readonly MemberRecord[] = [];
  /** Where its folder says that the directory is. */
  #place: DirectoryPlace;

  /** What it says of itself. */
  readonly record: OwnRecord;

  constructor(node: NodeId, index: number, parts: ClusterParts) {
    this.node = node;
    this.#parts = parts;
    this.#isFirstLife = node === parts.host;
    this.#place = parts.etcd ? etcdPlace : { kind: "embedded", host: parts.host };
    this.disk = new Disk(parts.world, parts.plan.disk, `${node} disk`);
    if (parts.plan.sealed) this.disk.lens = lens;
    const { zones, storage, nodes } = parts.plan;
    const isStorage = storage > 0 && (index < storage || index >= nodes);
    this.record = {
      node,
      name: node,
      peer: node,
      addresses: [`/sim/${node}`],
      roles: [
        ...(["gateway", "chat", "ai"] as const),
        ...(index < managers || parts.plan.directory === "replicated" ? (["manager"] as const) : []),
        ...(isStorage ? (["storage"] as const) : []),
      ],
      labels: zones > 0 ? { zone: `z${index % zones}` } : {},
      models: ["simulated"],
      gpu: false,
      weight: 1,
      version: "0.3.0",
      url: "",
    };
  }

  /** The members as they were when it was let in, itself included, and where the directory was. */
  admitted(members: readonly MemberRecord[], place: DirectoryPlace | undefined): void {
    this.#members = members;
    this.#place = place ?? this.#place;
  }

  /** The first node founds the cluster; nobody else can start before somebody has let it in. */
  get #letIn(): boolean {
    return this.node === this.#parts.host || this.#members.length > 0;
  }

  get alive(): boolean {
    return this.pulse.alive;
  }

  /** Starts a process on what the disk holds; again and again while that fails, as an operator's supervisor does. */
  start(): void {
    if (this.gone || this.pulse.alive || !this.#letIn) return;
    const { world } = this.#parts;
    const pulse: Pulse = { life: this.#parts.nextLife(), alive: true };
    this.pulse = pulse;
    world.note(() => `${this.node}: life ${pulse.life} starts`);
    void this.#begin(pulse).then(
      () => {
        if (pulse.alive) this.ready = true;
      },
      (thrown: unknown) => {
        if (!pulse.alive) return;
        world.note(() => `${this.node}: life ${pulse.life} did not start: ${String(thrown)}`);
        if (!(thrown instanceof PlexusError) && !String(thrown).includes("simulated")) throw thrown;
        this.kill(false);
        world.after(200, () => this.start());
      },
    );
  }

  async #begin(pulse: Pulse): Promise<void> {
    const { world, plan, network, external, etcd, host } = this.#parts;
    const clock = simulatedClock(world, this.wall, pulse);
    const log = this.#log(pulse);
    const raw = this.disk.open(pulse, `/${this.node}`);
    const store = plan.sealed ? await openSealedStore(raw, async () => diskKey) : raw;
    const identity = { cluster: "simulated", node: this.node };
    const meter = this.#parts.bounds.meter(this.node);
    const journal = await openJournal({ store, clock, log, meter, limits: plan.journalLimits, identity });
    if (store instanceof SealedStore) this.#seal(store, journal, clock, log);
    // Who is let into the mesh: the members, as this node knows them.
    const transport = network.attach(this.node, pulse, (other) => this.knows(other));
    const peer = createPeer({
      node: this.node,
      cluster: "simulated",
      store,
      journal,
      transport,
      directory: external ? external.open(pulse) : this.#place,
      ...(etcd && { etcd: { connect: etcd.link(pulse) }, founding: this.#isFirstLife }),
      behaviors: this.#parts.behaviors,
      engines: everyEngine({ generate: simulatedRuntime(world, plan.runtime, pulse) }),
      clock,
      random: world.dice,
      log,
      meter,
      policy: { replicas: plan.replicas, minInSync: plan.minInSync },
      seed: this.#members,
      limits: etcd ? { ...plan.limits, directory: { ...plan.limits.directory, ...etcdLimits } } : plan.limits,
      load: refusedLook(),
      decided: (...change) => this.#parts.decided(this, ...change),
      placed: (place) => {
        world.note(() => `${this.node}: the directory is ${JSON.stringify(place)}`);
        // Written a moment later; who crashes before starts where it was.
        world.after(1, () => {
          if (pulse.alive) this.#place = place;
        });
      },
      ended: (why) => {
        world.note(() => `${this.node} is no member any more: ${why}`);
        this.gone = true;
        world.after(0, () => this.kill(false));
      },
    });
    this.peer = peer;
    this.journal = journal;
    peer.membership.onChange(() => {
      this.#members = peer.membership.members().members;
      network.enforce(this.node);
    });
    const found = this.#place.kind !== "replicated" && this.node === host && (etcd === undefined || this.#isFirstLife);
    const started = await peer.start(this.record, { found });
    if (pulse.alive && started.ok) this.#isFirstLife = false;
    if (!started.ok && started.error.code !== "STOPPING") {
      if (started.error.code === "NOT_A_PEER") this.gone = true;
      throw new PlexusError(started.error);
    }
  }

  /** Encrypts the disk while the node runs, slot by slot, from some moment on; at times it is opened again. */
  #seal(store: SealedStore, journal: Journal, clock: Clock, log: Log): void {
    const { world } = this.#parts;
    const sealing = createSealing({ store, parts: () => storeParts(journal), clock, log });
    world.note(() => `${this.node}: the disk is ${store.state}`);
    const to = store.state === "sealed" && world.dice.chance(0.3) ? "plain" : "sealed";
    clock.after(world.dice.between(20, 1_500), () => void sealing.begin(to, diskKey));
  }

  /** Whether another node is a member, as this one last knew. */
  knows(node: NodeId): boolean {
    return this.#members.some((member) => member.node === node);
  }

  /** Asks as a client connected to this process would. */
  ask(request: Request): Promise<Reached> {
    const { peer, pulse } = this;
    if (peer === undefined || !pulse.alive) return Promise.resolve("down");
    return new Promise((resolve) => {
      const lose = (): void => resolve("lost");
      this.#lost.add(lose);
      void peer.kernel.ask(request).then((result: Result<unknown>) =>
        deliver(pulse, () => {
          this.#lost.delete(lose);
          resolve(result);
          this.#parts.replied(this);
        }),
      );
    });
  }

  /** Ends the process at once; with `power` the machine too: what was not synced is lost, and nobody is told. */
  kill(power: boolean): void {
    if (!this.pulse.alive) return;
    const { world, network } = this.#parts;
    world.note(() => `${this.node}: life ${this.pulse.life} ends`);
    this.pulse.alive = false;
    this.pulse.waiting = undefined;
    this.ready = false;
    this.peer = undefined;
    this.journal = undefined;
    network.ended(this.node, power);
    this.disk.crash(power && world.dice.chance(0.5));
    this.#parts.crashed(this);
    for (const lose of this.#lost) lose();
    this.#lost.clear();
  }

  /** Ends it the clean way. */
  async stop(): Promise<void> {
    const { peer, pulse } = this;
    if (peer === undefined || !pulse.alive) return this.kill(false);
    const { world } = this.#parts;
    const startedMs = world.nowMs;
    this.ready = false;
    await peer.stop(stopDeadlineMs);
    const tookMs = world.nowMs - startedMs;
    if (tookMs > stopDeadlineMs + 100 && pulse.waiting === undefined)
      world.note(() => `${this.node} took ${tookMs} ms to stop`);
    if (pulse.alive && this.pulse === pulse) this.kill(false);
  }

  /** Stops the process for a while; nothing of it is lost. */
  stall(forMs: number): void {
    const { pulse } = this;
    if (!pulse.alive || pulse.waiting !== undefined) return;
    pulse.waiting = [];
    this.#parts.world.after(forMs, () => goOn(this.#parts.world, pulse));
  }

  wake(): void {
    if (this.pulse.waiting !== undefined) goOn(this.#parts.world, this.pulse);
  }

  #log(pulse: Pulse): Log {
    const { world } = this.#parts;
    const write =
      (level: string) =>
      (event: string, facts: Readonly<Record<string, unknown>> = {}): void => {
        if (!pulse.alive) return;
        world.note(() => `${this.node} ${level}: ${event} ${told(facts).slice(0, 400)}`);
        if (event === "mesh.handler.failed" || told(facts).includes("broken invariant"))
          world.violate("no-stray-error", `${this.node}: ${event} ${told(facts).slice(0, 800)}`);
      };
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  }
}
