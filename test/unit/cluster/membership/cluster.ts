/** A few simulated nodes with a directory, a network and a membership: what placement is built on. */
import { createExchange, type Exchange } from "../../../../node/cluster/exchange/index.ts";
import {
  createMembership,
  type MembershipOptions,
  type MembershipPart,
  type OwnRecord,
} from "../../../../node/cluster/membership/index.ts";
import type { Clock, Directory, MemberRecord, NodeId } from "../../../../node/ports/index.ts";
import { memberKey } from "../../../../node/cluster/facts/records.ts";
import { ownRecord } from "../../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { ExternalDirectory } from "../../../simulation/cluster/external-directory.ts";
import { goOn, Network, type Pulse, simulatedClock, World } from "../../../world/index.ts";

/** What one life of a node is made of. */
export interface Life {
  readonly node: NodeId;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly exchange: Exchange;
  readonly membership: MembershipPart;
}

export class Cluster {
  readonly world: World;
  readonly network: Network;
  readonly external: ExternalDirectory;
  readonly lives = new Map<NodeId, Life>();

  constructor(seed = 1) {
    this.world = new World(seed);
    this.network = new Network(this.world);
    this.external = new ExternalDirectory(this.world, { delayMs: 1, lossChance: 0 });
  }

  /** Starts a process on a node, which sees the directory as `through` gives it. */
  start(
    node: NodeId,
    more: Partial<MembershipOptions> = {},
    through: (directory: Directory) => Directory = (directory) => directory,
  ): Life {
    const pulse: Pulse = { life: this.lives.size, alive: true };
    const clock = simulatedClock(this.world, { offsetMs: 0 }, pulse);
    const directory = through(this.external.open(pulse));
    const transport = this.network.attach(node, pulse);
    const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
    const ports = { node, directory, exchange, clock, log: quietLog, meter: quietMeter };
    const life = { node, pulse, clock, directory, exchange, membership: createMembership({ ...ports, ...more }) };
    this.lives.set(node, life);
    return life;
  }

  /** Starts nodes and lets them find one another. */
  async begin(nodes: readonly (NodeId | OwnRecord)[]): Promise<readonly Life[]> {
    const lives = nodes.map((given) => {
      const record = typeof given === "string" ? ownRecord(given) : given;
      const life = this.start(record.node);
      void life.membership.join(record, { found: true });
      return life;
    });
    await this.pass(3_000);
    return lives;
  }

  life(node: NodeId): Life {
    return this.lives.get(node) as Life;
  }

  /** The process ends; its machine closes its connections. */
  kill(node: NodeId): void {
    this.life(node).pulse.alive = false;
    this.network.ended(node, false);
  }

  stop(node: NodeId): void {
    this.life(node).pulse.waiting = [];
  }

  resume(node: NodeId): void {
    goOn(this.world, this.life(node).pulse);
  }

  async pass(forMs: number): Promise<void> {
    const untilMs = this.world.nowMs + forMs;
    await this.world.run(() => this.world.nowMs >= untilMs, untilMs);
  }

  async until(done: () => boolean, withinMs: number): Promise<number> {
    const fromMs = this.world.nowMs;
    const end = await this.world.run(done, fromMs + withinMs);
    if (end !== "done") throw new Error(`not within ${withinMs} ms: ${String(done)}`);
    return this.world.nowMs - fromMs;
  }

  /** Deletes every row that begins so while nobody who runs hears of it. */
  async eraseUnseen(prefix: string): Promise<void> {
    const pulses = [...this.lives.values()].map(({ pulse }) => pulse);
    for (const pulse of pulses) this.external.cutOff.add(pulse);
    this.external.setDown(false);
    await this.pass(1_000);
    const directory = this.external.open({ life: -1, alive: true });
    let done = false;
    void (async () => {
      for (const { key, revision } of await directory.list(prefix))
        await directory.compareAndSet(key, undefined, revision);
      done = true;
    })();
    await this.until(() => done, 1_000);
    this.external.cutOff.clear();
    this.external.setDown(false);
  }

  /** Changes a member's row as an admin would. */
  async edit(node: NodeId, change: Partial<MemberRecord> | undefined): Promise<void> {
    const { directory } = [...this.lives.values()].find(({ pulse }) => pulse.alive) as Life;
    let done = false;
    void (async () => {
      const row = await directory.read(memberKey(node));
      const next = change && { ...(row?.value as MemberRecord), ...change };
      await directory.compareAndSet(memberKey(node), next, row?.revision ?? 0);
      done = true;
    })();
    await this.until(() => done, 1_000);
  }
}
