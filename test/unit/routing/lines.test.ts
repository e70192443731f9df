import { expect } from "chai";
import type { Envelope } from "../../../node/kernel/api.ts";
import type { NodeId } from "../../../node/ports.ts";
import { createRouting, type RoutingLimits, type RoutingPart } from "../../../node/routing/index.ts";
import { failure, ok, slotOf, type ActorId, type Failure, type Result, type SlotId } from "../../../protocols/index.ts";
import type { Runtime } from "../../../runtimes/runtime.ts";
import { World } from "../../simulation/world.ts";
import { quietLog, quietMeter } from "../kernel/stage.ts";
import { Net } from "./net.ts";

export const noModels: Runtime = {
  models: () => [],
  generate: () => ({ cancel: () => undefined }),
  stop: () => Promise.resolve(),
};

/** What an actor's journal holds, wherever it is served: operations in the order in which they were first applied. */
type Applied = Map<ActorId, string[]>;

/** A kernel as routing knows it: serves slots it owns, one message at a time, and refuses the rest in order. */
class Host {
  readonly node: NodeId;
  readonly routing: RoutingPart;
  readonly #net: Net;
  readonly #applied: Applied;
  readonly #queues = new Map<SlotId, Envelope[]>();
  readonly #closedUntilMs = new Map<SlotId, number>();
  /** Chance that a message ends its slot. */
  frail = 0;
  thinkMs = 3;
  /** Longest time for which a slot is not served after it failed. */
  downMs = 20;
  /** Refuses everything, for good. */
  refusal: Failure | undefined;
  readonly received: Envelope[] = [];

  constructor(net: Net, node: NodeId, applied: Applied, limits: Partial<RoutingLimits> = {}) {
    this.#net = net;
    this.node = node;
    this.#applied = applied;
    const clock = net.clock();
    this.routing = createRouting({
      node,
      exchange: net.exchange(node),
      table: net.table(node),
      membership: net.membership(node),
      runtime: noModels,
      clock,
      random: net.world.dice,
      log: quietLog,
      meter: quietMeter,
      kernel: () => this,
      limits,
    });
  }

  nowMs(): number {
    return this.#net.world.nowMs;
  }

  slotOf(actor: ActorId): SlotId | undefined {
    return actor.startsWith("room/") ? this.routing.slotOf("chat", actor) : undefined;
  }

  receive(slot: SlotId, envelope: Envelope): void {
    this.received.push(envelope);
    const refusal = this.refusal ?? this.#refusal(slot);
    if (refusal) {
      this.routing.unserved(replyTo(envelope), refusal);
      return;
    }
    const queue = this.#queues.get(slot) ?? [];
    this.#queues.set(slot, queue);
    queue.push(envelope);
    if (queue.length === 1) this.#think(slot, queue);
  }

  #think(slot: SlotId, queue: Envelope[]): void {
    const { world } = this.#net;
    world.after(world.dice.between(0, this.thinkMs), () => {
      if (this.#queues.get(slot) !== queue) return;
      const refusal = this.#refusal(slot);
      const [envelope] = queue as [Envelope];
      if (refusal) this.#close(slot, refusal);
      else if (world.dice.chance(this.frail)) {
        // Its append failed: on the disk or not, nobody can say.
        if (world.dice.chance(0.5)) this.#apply(envelope);
        queue.shift();
        this.#closedUntilMs.set(slot, world.nowMs + world.dice.between(0, this.downMs));
        this.routing.unserved(replyTo(envelope), failure("APPEND_FAILED"));
        this.#close(slot, failure("SLOT_UNAVAILABLE"));
      } else {
        this.#apply(envelope);
        queue.shift();
        this.routing.answer(replyTo(envelope), ok(envelope.operation));
        if (queue.length > 0) this.#think(slot, queue);
      }
    });
  }

  #close(slot: SlotId, error: Failure): void {
    const queue = this.#queues.get(slot) ?? [];
    this.#queues.delete(slot);
    for (const envelope of queue) this.routing.unserved(replyTo(envelope), error);
  }

  #refusal(slot: SlotId): Failure | undefined {
    const row = this.#net.records.get(slot);
    if (row === undefined) this.#net.own(slot, this.node);
    else if (row.record.owner !== this.node)
      return failure("MOVED", { owner: row.record.owner, epoch: row.record.epoch });
    return (this.#closedUntilMs.get(slot) ?? 0) > this.#net.world.nowMs ? failure("SLOT_UNAVAILABLE") : undefined;
  }

  #apply({ to, operation }: Envelope): void {
    const applied = this.#applied.get(to) ?? [];
    this.#applied.set(to, applied);
    if (!applied.includes(operation as string)) applied.push(operation as string);
  }
}

const replyTo = (envelope: Envelope) => envelope.replyTo as NonNullable<Envelope["replyTo"]>;

interface Ask {
  readonly sender: string;
  readonly number: number;
  readonly to: ActorId;
  readonly operation: string;
  readonly timeoutMs: number;
  readonly results: Result<unknown>[];
}

function send(host: Host, to: ActorId, sender: string, number: number, timeoutMs: number, told = false): Ask {
  const operation = `${sender}|${number}`;
  const ask: Ask = { sender, number, to, operation, timeoutMs, results: [] };
  const reply = told ? undefined : { node: host.node, correlation: number + 1, operation };
  const envelope = {
    to,
    from: `user/${sender}` as const,
    message: { type: "post", text: operation },
    operation,
    replyTo: reply,
    chain: [],
    signal: false,
  };
  const deadlineMs = host.nowMs() + timeoutMs;
  host.routing.send(host.slotOf(to) as SlotId, envelope, deadlineMs, (result) => ask.results.push(result));
  return ask;
}

const nodes = ["n1", "n2", "n3"];

function createCluster(seed: number, limits: Partial<RoutingLimits> = {}) {
  const world = new World(seed);
  const net = new Net(world, nodes);
  const applied: Applied = new Map();
  const hosts = nodes.map((node) => new Host(net, node, applied, limits));
  const [one, two, three] = hosts as [Host, Host, Host];
  return { world, net, applied, hosts, one, two, three };
}

/** Every ask was settled once, what was answered was done, what was refused as not started was not, and each sender's
 *  messages to one actor were first applied in the order sent. */
function check(asks: readonly Ask[], applied: Applied): void {
  for (const { operation, results, to } of asks) {
    expect(results, operation).to.have.length(1);
    const [result] = results as [Result<unknown>];
    const done = applied.get(to)?.includes(operation) === true;
    if (result.ok) expect(done, `${operation} was answered and is lost`).to.equal(true);
    else if (result.error.outcome !== "unknown") expect(done, `${operation} ${result.error.code}`).to.equal(false);
  }
  for (const [actor, operations] of applied) {
    const last = new Map<string, number>();
    for (const operation of operations) {
      const [sender, number] = operation.split("|") as [string, string];
      expect(Number(number), `${actor}: ${operations.join(" ")}`).to.be.above(last.get(sender) ?? -1);
      last.set(sender, Number(number));
    }
  }
}

describe("routing: lines", () => {
  it("keep each sender's order and settle every ask once, whatever moves, breaks and is sent twice", async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const { world, net, applied, hosts } = createCluster(seed);
      const { dice } = world;
      const actors: ActorId[] = ["room/a", "room/b", "room/c"];
      const asks: Ask[] = [];
      net.full = dice.pick([0, 0.05]);
      for (const host of hosts) host.frail = dice.pick([0, 0.02, 0.1]);
      const count = 80;
      for (const host of hosts) {
        host.downMs = dice.pick([0.5, 3, 20]);
        host.thinkMs = dice.pick([0, 3]);
      }
      // In bursts, so that many are under way when something happens.
      for (let step = 0; step < count;) {
        const burst = Math.min(1 + dice.below(10), count - step);
        step += burst;
        const sender = dice.below(4);
        const to = dice.pick(actors);
        const timeoutMs = dice.pick([20, 5_000, 5_000]);
        const beginMs = dice.between(0, 600);
        for (let each = 0; each < burst; each += 1) {
          world.after(beginMs + each * 0.4, () => {
            const number = asks.filter((ask) => ask.sender === `s${sender}`).length;
            const host = hosts[sender % hosts.length] as Host;
            asks.push(send(host, to, `s${sender}`, number, timeoutMs, dice.chance(0.2)));
          });
        }
      }
      for (let fault = 0; fault < 12; fault += 1) {
        world.after(dice.between(0, 600), () => {
          const [from, to] = [dice.pick(nodes), dice.pick(nodes)];
          const actor = dice.pick(actors);
          const slot = slotOf("chat", actor);
          switch (dice.weighted({ move: 4, cut: 3, pin: 1 })) {
            case "move": {
              const moved = net.records.has(actor as string as SlotId) ? (actor as string as SlotId) : slot;
              const splitFrom = net.records.get(moved)?.record.splitFrom;
              net.own(moved, to, splitFrom && { splitFrom }, dice.chance(0.5) ? [to] : []);
              break;
            }
            case "cut":
              if (from === to) break;
              net.cut(from, to);
              world.after(dice.between(0, 150), () => net.join(from, to));
              break;
            case "pin":
              if (net.records.has(actor as string as SlotId)) break;
              // The owner of the slot splits it off, and knows at once.
              if (net.records.has(slot)) {
                const { owner } = (net.records.get(slot) as { record: { owner: string } }).record;
                net.own(actor as string as SlotId, owner, { splitFrom: slot }, [owner]);
              }
          }
        });
      }
      const over = (): boolean => asks.length === count && asks.every(({ results }) => results.length > 0);
      expect(await world.run(over, 20_000), `seed ${seed}`).to.equal("done");
      await world.run(() => false, world.nowMs + 1_000);
      check(asks, applied);
      for (const { operation, timeoutMs, results } of asks)
        if (timeoutMs > 1_000) expect(results[0], `seed ${seed} ${operation}`).to.deep.equal(ok(operation));
    }
  }).timeout(60_000);
});
