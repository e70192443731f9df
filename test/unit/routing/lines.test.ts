import { expect } from "chai";
import type { Ask as AskEnvelope, Outgoing, Tell } from "../../../node/kernel/api.ts";
import { OpenAsks } from "../../../node/kernel/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { createRouting, routingLimits, type RoutingLimits, type RoutingPart } from "../../../node/routing/index.ts";
import {
  failure,
  ok,
  ownSlot,
  refused,
  slotOf,
  type ActorId,
  type Failure,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import type { Signal } from "../../../actors/behavior.ts";
import { World } from "../../world/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { meshLimits } from "../../../node/cluster/mesh/index.ts";
import { Net } from "./net.ts";

type Envelope = AskEnvelope | Tell;

/** What an actor's journal holds, wherever it is served: operations in the order in which they were first applied. */
type Applied = Map<ActorId, string[]>;

/** A kernel as routing knows it: serves slots it owns, one message at a time, and refuses the rest in order. What comes
 *  while a slot is not served waits, or is refused at once. */
class Host {
  readonly node: NodeId;
  readonly routing: RoutingPart;
  readonly asks: OpenAsks;
  readonly #firstAsk: number;
  readonly #net: Net;
  readonly #applied: Applied;
  readonly #queues = new Map<SlotId, Envelope[]>();
  readonly #closedUntilMs = new Map<SlotId, number>();
  readonly #waiting = new Map<SlotId, Envelope[]>();
  /** Chance that a message that finds its slot not served waits until it is. */
  patient = 0;
  /** Chance that a message ends its slot. */
  frail = 0;
  /** Chance that a message finds its mailbox full. */
  busy = 0;
  thinkMs = 3;
  /** Longest time for which a slot is not served after it failed. */
  downMs = 20;
  /** Refuses everything, for good. */
  refusal: Failure | undefined;
  /** What it answers instead of the operation. */
  says: ((envelope: Envelope) => unknown) | undefined;
  readonly received: Envelope[] = [];

  constructor(net: Net, node: NodeId, applied: Applied, limits: Partial<RoutingLimits> = {}) {
    this.#net = net;
    this.node = node;
    this.#applied = applied;
    const clock = net.clock();
    this.asks = new OpenAsks(net.world.dice);
    this.#firstAsk = this.asks.number();
    this.routing = createRouting({
      asks: this.asks,
      directoryNode: () => undefined,
      node,
      exchange: net.exchange(node),
      table: net.table(node),
      membership: net.membership(node),
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

  /** Asks that nobody has closed. */
  get asksOpen(): number {
    let open = 0;
    for (let number = this.asks.number(); number >= this.#firstAsk; number -= 1) if (this.asks.find(number)) open += 1;
    return open;
  }

  #answer(envelope: Envelope, result: Result<unknown>): void {
    const to = replyTo(envelope);
    if (to.node === this.node) this.asks.find(to.correlation)?.answered(result, 0);
    else this.routing.answer(to, result);
  }

  #undelivered(envelope: Envelope, why: "unserved" | "noRoom", error: Failure): void {
    const to = replyTo(envelope);
    if (to.node !== this.node) this.routing.undelivered(to, envelope.to, why, error);
    else if (why === "unserved") this.asks.find(to.correlation)?.unserved(error);
    else this.asks.find(to.correlation)?.answered(refused(error), 0);
  }

  slotOf(actor: ActorId): SlotId | undefined {
    return actor.startsWith("room/") ? this.routing.slotOf("chat", actor) : undefined;
  }

  receive(slot: SlotId, envelope: Envelope): void {
    this.received.push(envelope);
    if (this.refusal === undefined && this.#waits(slot)) this.#waiting.get(slot)?.push(envelope);
    else this.#take(slot, envelope);
  }

  /** Whether messages of a slot wait until it is served again. Then each of them is looked at. */
  #waits(slot: SlotId): boolean {
    const { world } = this.#net;
    if (this.#waiting.has(slot)) return true;
    const closedForMs = (this.#closedUntilMs.get(slot) ?? 0) - world.nowMs;
    if (closedForMs <= 0 || !world.dice.chance(this.patient)) return false;
    this.#waiting.set(slot, []);
    world.after(closedForMs, () => {
      const waiting = this.#waiting.get(slot) ?? [];
      this.#waiting.delete(slot);
      for (const envelope of waiting) this.#take(slot, envelope);
    });
    return true;
  }

  #take(slot: SlotId, envelope: Envelope): void {
    const refusal = this.refusal ?? this.#refusal(slot, envelope);
    if (refusal) {
      this.#undelivered(envelope, "unserved", refusal);
      return;
    }
    if (this.#net.world.dice.chance(this.busy)) {
      this.#undelivered(envelope, "noRoom", failure("MAILBOX_FULL"));
      return;
    }
    const queue = this.#queues.get(slot) ?? [];
    this.#queues.set(slot, queue);
    queue.push(envelope);
    if (queue.length === 1) this.#think(slot, queue);
  }

  left(slot: SlotId, actor: ActorId): void {
    const waiting = this.#waiting.get(slot) ?? [];
    const gone = waiting.filter(({ to }) => to === actor);
    waiting.splice(0, waiting.length, ...waiting.filter(({ to }) => to !== actor));
    for (const envelope of gone) this.#undelivered(envelope, "unserved", failure("MOVED"));
  }

  #think(slot: SlotId, queue: Envelope[]): void {
    const { world } = this.#net;
    world.after(world.dice.between(0, this.thinkMs), () => {
      if (this.#queues.get(slot) !== queue) return;
      const [envelope] = queue as [Envelope];
      const refusal = this.#refusal(slot, envelope);
      if (refusal) this.#close(slot, refusal);
      else if (world.dice.chance(this.frail)) {
        // Its append failed: on the disk or not, nobody can say.
        if (world.dice.chance(0.5)) this.#apply(envelope);
        queue.shift();
        this.#closedUntilMs.set(slot, world.nowMs + world.dice.between(0, this.downMs));
        this.#undelivered(envelope, "unserved", failure("APPEND_FAILED"));
        this.#close(slot, failure("SLOT_UNAVAILABLE"));
      } else {
        this.#apply(envelope);
        queue.shift();
        this.#answer(envelope, ok(this.says ? this.says(envelope) : envelope.operation));
        if (queue.length > 0) this.#think(slot, queue);
      }
    });
  }

  #close(slot: SlotId, error: Failure): void {
    const queue = this.#queues.get(slot) ?? [];
    this.#queues.delete(slot);
    for (const envelope of queue) this.#undelivered(envelope, "unserved", error);
  }

  /** An actor gets a slot of its own: what waits for it goes back. Its neighbours lose their place, too, which is
   *  allowed. */
  split(actor: ActorId, splitFrom: SlotId): void {
    this.#net.own(ownSlot(actor), this.node, { splitFrom }, [this.node]);
    this.#close(splitFrom, failure("MOVED"));
  }

  /** The owner's epoch ends, and it takes up the slot again under the next. */
  anew(slot: SlotId): void {
    const { world } = this.#net;
    this.#closedUntilMs.set(slot, world.nowMs + world.dice.between(0, this.downMs));
    this.#net.own(slot, this.node, {}, [this.node]);
    this.#close(slot, failure("SLOT_UNAVAILABLE"));
  }

  #refusal(slot: SlotId, { epoch: sentUnder }: Envelope): Failure | undefined {
    const { owner, epoch } = (this.#net.records.get(slot) ?? this.#net.own(slot, this.node)).record;
    const late = sentUnder !== undefined && sentUnder < epoch;
    if (owner !== this.node || late) return failure("MOVED", { owner, epoch });
    return (this.#closedUntilMs.get(slot) ?? 0) > this.#net.world.nowMs ? failure("SLOT_UNAVAILABLE") : undefined;
  }

  #apply({ to, operation }: Envelope): void {
    const applied = this.#applied.get(to) ?? [];
    this.#applied.set(to, applied);
    if (!applied.includes(operation as string)) applied.push(operation as string);
  }
}

const replyTo = (envelope: Envelope) =>
  (envelope.type === "ask" ? envelope.replyTo : envelope.receipt) as AskEnvelope["replyTo"];

interface Ask {
  readonly sender: string;
  readonly number: number;
  readonly to: ActorId;
  readonly operation: string;
  readonly timeoutMs: number;
  readonly results: Result<unknown>[];
}

function send(
  host: Host,
  to: ActorId,
  sender: string,
  number: number,
  timeoutMs: number,
  told = false,
  text?: string,
): Ask {
  const operation = `${sender}|${number}`;
  const ask: Ask = { sender, number, to, operation, timeoutMs, results: [] };
  const from = `user/${sender}` as const;
  const message = { type: "post", text: text ?? operation };
  const envelope: Outgoing = told
    ? { type: "tell", to, from, message, operation }
    : { type: "ask", to, from, message, operation, chain: [] };
  const deadlineMs = host.nowMs() + timeoutMs;
  host.routing.send(host.slotOf(to) as SlotId, envelope, deadlineMs, (result) => ask.results.push(result));
  return ask;
}

const codeOf = (result: Result<unknown> | undefined): unknown =>
  result && (result.ok ? result.value : result.error.code);

const nodes = ["n1", "n2", "n3"];

function createCluster(seed: number, limits: Partial<RoutingLimits> = {}) {
  const world = new World(seed);
  const net = new Net(world, nodes);
  const applied = new Map() as Applied;
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
        host.busy = dice.pick([0, 0.05, 0.2]);
        host.patient = dice.pick([0, 0.5, 1]);
        host.downMs = dice.pick([0.5, 3, 20, 100]);
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
        const pauseMs = dice.pick([0.4, 4]);
        for (let each = 0; each < burst; each += 1) {
          world.after(beginMs + each * pauseMs, () => {
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
          const owner = hosts.find(({ node }) => node === net.records.get(slot)?.record.owner);
          switch (dice.weighted({ move: 4, anew: 2, cut: 3, pin: 1 })) {
            case "move": {
              const moved = net.records.has(ownSlot(actor)) ? ownSlot(actor) : slot;
              const splitFrom = net.records.get(moved)?.record.splitFrom;
              net.own(moved, to, splitFrom && { splitFrom }, dice.chance(0.5) ? [to] : []);
              break;
            }
            case "anew":
              owner?.anew(slot);
              break;
            case "cut":
              if (from === to) break;
              net.cut(from, to);
              world.after(dice.between(0, dice.pick([1, 150])), () => net.join(from, to));
              break;
            case "pin":
              if (net.records.has(ownSlot(actor))) break;
              owner?.split(actor, slot);
          }
        });
      }
      const over = (): boolean => asks.length === count && asks.every(({ results }) => results.length > 0);
      expect(await world.run(over, 20_000), `seed ${seed}`).to.equal("done");
      await world.run(() => false, world.nowMs + 1_000);
      check(asks, applied);
      for (const host of hosts) expect(host.asksOpen, `seed ${seed}`).to.equal(0);
      const full = hosts.some(({ busy }) => busy > 0) ? ["MAILBOX_FULL", "ASK_TIMEOUT"] : [];
      for (const { operation, timeoutMs, results } of asks)
        if (timeoutMs > 1_000)
          expect(codeOf(results[0]), `seed ${seed} ${operation}`).to.be.oneOf([operation, ...full]);
    }
  });

  const slot = slotOf("chat", "room/a");

  it("go to whom a MOVED names, without waiting for the table", async () => {
    const { world, net, one, three } = createCluster(1);
    net.newsMs = 0;
    net.own(slot, "n2");
    await world.run(() => false, 10);
    net.newsMs = 10_000;
    net.own(slot, "n3", {}, ["n2", "n3"]);
    const ask = send(one, "room/a", "s", 1, 1_000);
    await world.run(() => ask.results.length > 0, 5_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
    expect(three.received).to.have.length(1);
    expect(world.nowMs).to.be.below(10 + 4 * net.delayMs + 5);
  });

  it("lose no order to answers of an earlier session with the same node", async () => {
    const { world, net, applied, one, two } = createCluster(7, { batchItemsMax: 1 });
    net.own(slot, "n2", {}, nodes);
    const sessions: number[] = [];
    let isStuck = true;
    let answers = 0;
    // Answers to the first session come when the second is under way, of which no more than one envelope was sent;
    // those to the second come too late.
    net.onSend = (from, _to, message) => {
      const [, , { session }] = message as [string, number, { session?: number }];
      if (session !== undefined) {
        net.takesMs = 0;
        net.full = isStuck && session > 1 && sessions.includes(session) ? 1 : 0;
        if (net.full === 0) sessions.push(session);
      } else if (from === "n2") {
        net.takesMs = sessions.includes(2) ? 1_000 : 40;
        net.full = 0;
        answers += 1;
      }
    };
    two.busy = 1;
    const asks = [1, 2].map((number) => send(one, "room/a", "s", number, 5_000));
    await world.run(() => answers === 2, 1_000);
    net.own(slot, "n2", {}, nodes);
    asks.push(send(one, "room/a", "s", 3, 5_000));
    await world.run(() => false, 60);
    expect(sessions).to.deep.equal([1, 1, 2]);
    two.busy = 0;
    isStuck = false;
    await world.run(() => false, 300);
    expect(asks.flatMap(({ results }) => results)).to.deep.equal([]);
    net.cut("n1", "n2");
    net.onSend = undefined;
    net.join("n1", "n2");
    await world.run(() => asks.every(({ results }) => results.length > 0), 5_000);
    check(asks, applied);
    expect(asks.map(({ results }) => codeOf(results[0]))).to.deep.equal(["s|1", "s|2", "s|3"]);
  });

  it("do not chase redirections that lead nowhere new", async () => {
    const { world, net, one, two } = createCluster(2);
    net.own(slot, "n2", {}, nodes);
    two.refusal = failure("MOVED", { owner: "n1", epoch: 1 });
    const ask = send(one, "room/a", "s", 1, 1_000);
    await world.run(() => ask.results.length > 0, 5_000);
    expect(codeOf(ask.results[0])).to.equal("MOVED");
    expect(two.received.length).to.be.within(5, 20);
  });

  it("say that nothing happened when the last that is known is a refusal, and otherwise that nobody knows", async () => {
    const { world, net, one, two } = createCluster(3);
    net.edit("n2", { name: "name of n2" });
    net.own(slot, "n2", {}, nodes);
    two.refusal = failure("SLOT_UNAVAILABLE");
    const refusedAsk = send(one, "room/a", "s", 1, 300);
    two.refusal = failure("SLOT_UNAVAILABLE");
    await world.run(() => refusedAsk.results.length > 0, 5_000);
    expect(codeOf(refusedAsk.results[0])).to.equal("SLOT_UNAVAILABLE");
    two.refusal = undefined;
    const lost = send(one, "room/a", "s", 2, 300);
    await world.run(() => two.received.at(-1)?.operation === "s|2", 5_000);
    net.cut("n1", "n2");
    await world.run(() => lost.results.length > 0, 5_000);
    const because = { because: "SLOT_UNAVAILABLE", node: "name of n2" };
    expect(lost.results[0]).to.deep.equal({ ok: false, error: failure("ASK_TIMEOUT", { slot, ...because }) });
    const never = send(one, "room/a", "s", 3, 300);
    await world.run(() => never.results.length > 0, 5_000);
    const away = { node: "name of n2", reason: "the node that has it is down" };
    expect(never.results[0], "it names the owner, and what it is called").to.deep.equal({
      ok: false,
      error: failure("SLOT_UNAVAILABLE", { slot, ...away }),
    });
  });

  describe("of a slot that nobody owns yet, while the directory is away,", () => {
    const away = failure("DIRECTORY_AWAY", { slot });
    /** Whoever is asked first cannot reach the directory. */
    const begin = (seed: number) => {
      const cluster = createCluster(seed);
      for (const host of cluster.hosts) host.refusal = away;
      return cluster;
    };

    it("are refused long before their deadline, and tells wait on", async () => {
      for (const [seed, at] of nodes.entries()) {
        const { world, hosts } = begin(seed);
        const host = hosts.find(({ node }) => node === at) as Host;
        const told = send(host, "room/a", "t", 1, 30_000, true);
        const ask = send(host, "room/a", "s", 1, 10_000);
        await world.run(() => ask.results.length > 0, 20_000);
        expect(ask.results[0], at).to.deep.equal({ ok: false, error: away });
        expect(world.nowMs, at).to.be.within(routingLimits.directoryPatienceMs, 3_000);
        expect(told.results).to.have.length(0);
        for (const each of hosts) each.refusal = undefined;
        await world.run(() => told.results.length > 0, 20_000);
        expect(codeOf(told.results[0])).to.equal("t|1");
      }
    });

    it("are served when it is back soon", async () => {
      const { world, one, hosts } = begin(4);
      const ask = send(one, "room/a", "s", 1, 10_000);
      world.after(routingLimits.directoryPatienceMs - 300, () => {
        for (const host of hosts) host.refusal = undefined;
      });
      await world.run(() => ask.results.length > 0, 20_000);
      expect(codeOf(ask.results[0])).to.equal("s|1");
    });

    it("are refused at once where it was asked for as long already", async () => {
      const { world, one, hosts } = begin(5);
      for (const host of hosts) host.refusal = failure("DIRECTORY_AWAY", { askedMs: 3_000 });
      const ask = send(one, "room/a", "s", 1, 10_000);
      await world.run(() => ask.results.length > 0, 20_000);
      expect(codeOf(ask.results[0])).to.equal("DIRECTORY_AWAY");
      expect(world.nowMs).to.be.below(50);
    });

    it("are tried until their deadline all the same once an owner is known", async () => {
      const { world, net, one, two } = begin(6);
      net.own(slot, "n2", {}, nodes);
      const late = send(one, "room/a", "s", 1, 5_000);
      await world.run(() => late.results.length > 0, 20_000);
      expect(codeOf(late.results[0])).to.equal("DIRECTORY_AWAY");
      expect(world.nowMs).to.be.at.least(5_000);
      const ask = send(one, "room/a", "s", 2, 5_000);
      world.after(4_000, () => (two.refusal = undefined));
      await world.run(() => ask.results.length > 0, 20_000);
      expect(codeOf(ask.results[0])).to.equal("s|2");
    });
  });

  it("try damaged data again only where there is another copy", async () => {
    const { world, net, one, two } = createCluster(4);
    two.refusal = failure("SLOT_UNAVAILABLE", { because: "DATA_DAMAGED" });
    net.own(slot, "n2", {}, nodes);
    const alone = send(one, "room/a", "s", 1, 60_000);
    await world.run(() => alone.results.length > 0, 1_000);
    expect(codeOf(alone.results[0])).to.equal("SLOT_UNAVAILABLE");
    net.own(slot, "n2", { inSync: ["n2", "n3"] }, nodes);
    const healed = send(one, "room/a", "s", 2, 60_000);
    world.after(50, () => net.own(slot, "n3"));
    await world.run(() => healed.results.length > 0, 5_000);
    expect(codeOf(healed.results[0])).to.equal("s|2");
  });

  it("are bounded, one and all", async () => {
    const { world, net, one } = createCluster(5, { outboxEnvelopesMax: 3, envelopesMax: 4 });
    net.own(slot, "n2", {}, nodes);
    net.cut("n1", "n2");
    const asks = [1, 2, 3, 4].map((number) => send(one, "room/a", "s", number, 100));
    expect(codeOf(asks[3]?.results[0])).to.equal("OVERLOADED");
    net.own(slotOf("chat", "room/b"), "n2", {}, nodes);
    send(one, "room/b", "s", 5, 100);
    expect(codeOf(send(one, "room/b", "s", 6, 100).results[0])).to.equal("OVERLOADED");
    await world.run(() => asks.every(({ results }) => results.length === 1), 5_000);
    expect(codeOf(send(one, "room/a", "s", 7, 100).results[0])).to.equal(undefined);
  });

  // Three bytes a letter.
  const large = "語".repeat(Math.ceil(meshLimits.frameBytesMax / 3));

  it("are answered TOO_LARGE for an answer that fits no message, and what is behind it goes on", async () => {
    const { world, net, one, two } = createCluster(21);
    net.frameBytesMax = meshLimits.frameBytesMax;
    net.own(slot, "n2", {}, nodes);
    two.says = ({ operation }) => (operation === "s|2" ? large : operation);
    const asks = [1, 2, 3].map((number) => send(one, "room/a", "s", number, 2_000));
    await world.run(() => asks.every(({ results }) => results.length === 1), 5_000);
    expect(asks.map(({ results }) => codeOf(results[0]))).to.deep.equal(["s|1", "TOO_LARGE", "s|3"]);
  });

  it("are refused as TOO_LARGE when they fit no message, and what is behind them goes on", async () => {
    const { world, net, one, two } = createCluster(22);
    net.frameBytesMax = meshLimits.frameBytesMax;
    net.own(slot, "n2", {}, nodes);
    const asks = [undefined, large, undefined].map((text, index) =>
      send(one, "room/a", "s", index, 2_000, false, text),
    );
    await world.run(() => asks.every(({ results }) => results.length === 1), 5_000);
    expect(asks.map(({ results }) => codeOf(results[0]))).to.deep.equal(["s|0", "TOO_LARGE", "s|2"]);
    expect(two.received).to.have.length(2);
  });

  it("are answered in two halves when many are answered at once", async () => {
    const { world, net, one, two } = createCluster(26);
    net.own(slot, "n2", {}, nodes);
    two.busy = 1;
    const halves: number[] = [];
    net.onSend = (from, _to, message) => {
      const [name, , body] = message as [string, number, { answers: unknown[] }];
      if (from === "n2" && name === "routing.answers") halves.push(body.answers.length);
    };
    for (const round of ["s", "t"]) {
      const asks = Array.from({ length: 100 }, (_, index) => send(one, "room/a", round, index, 1_000));
      await world.run(() => asks.every(({ results }) => results.length === 1), 5_000);
    }
    expect(halves).to.deep.equal([32, 68, 50, 50]);
  });

  it("lose the oldest answers when more bytes of them wait for a peer than may", async () => {
    const { world, net, one, two } = createCluster(23, { answersQueuedBytesMax: 5_000 });
    net.own(slot, "n2", {}, nodes);
    two.says = ({ operation }) => `${operation} ${"x".repeat(1_000)}`;
    two.thinkMs = 0;
    const asks = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => send(one, "room/a", "s", number, 1_000));
    await world.run(() => two.received.length === 8, 1_000);
    net.full = 1;
    await world.run(() => false, world.nowMs + 50);
    net.full = 0;
    await world.run(() => asks.every(({ results }) => results.length === 1), 5_000);
    const answered = asks.map(({ results }) => results[0]?.ok === true);
    expect(answered).to.deep.equal([false, false, false, false, true, true, true, true]);
  });

  it("go to the owner again when the node that they were sent on to does not own the slot", async () => {
    const { world, net, one, three } = createCluster(24);
    net.own(slot, "n3", {}, nodes);
    three.refusal = failure("MOVED", { owner: "n2", epoch: Number.MAX_SAFE_INTEGER });
    const ask = send(one, "room/a", "s", 1, 5_000);
    await world.run(() => three.received.length > 0, 1_000);
    three.refusal = undefined;
    await world.run(() => ask.results.length > 0, 6_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
  });

  it("go to the owner again when the table has changed, and never to a node that is no member", async () => {
    const { world, net, one, two, three } = createCluster(25);
    net.own(slot, "n3", {}, nodes);
    // Opens for ever, as one that was never told of the slot might.
    two.refusal = failure("SLOT_UNAVAILABLE");
    three.refusal = failure("MOVED", { owner: "n2", epoch: Number.MAX_SAFE_INTEGER });
    const ask = send(one, "room/a", "s", 1, 60_000);
    await world.run(() => two.received.length > 0, 1_000);
    net.own(slot, "n3", {}, nodes);
    const received = three.received.length;
    await world.run(() => three.received.length > received, world.nowMs + 5_000);
    expect(three.received.length).to.be.above(received);
    await world.run(() => false, world.nowMs + 500);
    net.rows = net.rows.filter(({ node }) => node !== "n2");
    const before = two.received.length;
    await world.run(() => false, world.nowMs + 2_000);
    expect(two.received.length).to.be.at.most(before + 1);
    three.refusal = undefined;
    await world.run(() => ask.results.length > 0, world.nowMs + 5_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
  });

  it("settle everything when they stop", () => {
    const { one } = createCluster(6);
    const ask = send(one, "room/a", "s", 1, 10_000);
    one.routing.stop();
    expect(codeOf(ask.results[0])).to.equal("STOPPING");
  });

  it("do not hold up what this node serves itself once all that waited was handed over", async () => {
    const { world, net, one } = createCluster(7);
    net.own(slot, "n1", {}, nodes);
    one.thinkMs = 10_000;
    const ask = send(one, "room/a", "s", 1, 60_000);
    expect(one.routing.takes(slot, true)).to.equal(true);
    await world.run(() => one.received.length > 0, 1_000);
    expect(ask.results).to.have.length(0);
    expect(one.routing.takes(slot, false)).to.equal(false);
    // Until the kernel gives back what it took, what comes directly must stay behind it.
    net.own(slot, "n2", {}, nodes);
    await world.run(() => false, world.nowMs + 10);
    expect(one.routing.takes(slot, true)).to.equal(false);
    await world.run(() => ask.results.length > 0, 60_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
    expect(one.routing.takes(slot, false)).to.equal(true);
  });
});

const signals: Record<Signal["type"], true> = {
  answered: true,
  records: true,
  part: true,
  waits: true,
  reminded: true,
};

describe("routing: peers that break the rules", () => {
  const slot = slotOf("chat", "room/a");
  const envelopes = (...rows: unknown[]) => [
    "routing.envelopes",
    0,
    { slot, session: 1, epoch: 1, refusals: 0, envelopes: rows },
  ];

  it("lose their connection for what is no message, and nothing of it is handled", () => {
    const { net, one } = createCluster(1);
    net.own(slot, "n1", {}, nodes);
    const good = [-1, "room/a", "user/ada", { type: "post" }, "o", false, []];
    const bad: unknown[][] = [
      [1, ...good.slice(1)],
      [-1, "nonsense", ...good.slice(2)],
      [-1, "room/a", "root", ...good.slice(3)],
      [-1, "room/a", "user/ada", "text", ...good.slice(4)],
      good.slice(0, 6),
      // What only a kernel tells its own actors.
      ...Object.keys(signals).map((type) => [-1, "room/a", "user/ada", { type, tag: {} }, ...good.slice(4)]),
    ];
    for (const row of bad) {
      net.join("n1", "n2");
      net.forge("n2", "n1", envelopes(good, row));
    }
    expect(net.cutOff).to.deep.equal(bad.map(() => "n2"));
    expect(one.received).to.have.length(0);
  });

  it("name a new owner by no epoch that is none", async () => {
    const { world, net, one, two } = createCluster(7);
    net.own(slot, "n2", {}, nodes);
    const made = [1.5, 0, -1, Number.MAX_VALUE, Number.NaN, Infinity];
    two.refusal = failure("MOVED");
    const ask = send(one, "room/a", "s", 1, 5_000);
    for (const epoch of made) {
      two.refusal = failure("MOVED", { owner: "n3", epoch });
      const before = two.received.length;
      await world.run(() => two.received.length > before, world.nowMs + 1_000);
    }
    two.refusal = undefined;
    await world.run(() => ask.results.length > 0, 5_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
    expect(net.cutOff).to.deep.equal([]);
    expect(two.received.every(({ epoch }) => epoch === 1)).to.equal(true);
  });

  it("are answered BAD_REQUEST for an actor that the slot does not hold", async () => {
    const { world, net, one, two } = createCluster(2);
    const wrong = slotOf("chat", "room/b");
    net.own(wrong, "n1", {}, nodes);
    const results: Result<unknown>[] = [];
    const envelope = { type: "tell", to: "room/a", from: "user/ada", message: { type: "x" }, operation: "o" } as const;
    two.routing.send(wrong, envelope, 1_000, (result) => results.push(result));
    await world.run(() => results.length > 0, 1_000);
    expect(codeOf(results[0])).to.equal("BAD_REQUEST");
    expect(one.received).to.have.length(0);
  });

  it("take up no more sessions than there may be, and none for what is of no slot", async () => {
    const { world, net, one } = createCluster(4, { sessionsPerPeerMax: 2 });
    const to = ["room/a", "room/b", "room/c"] as const;
    const slots = to.map((actor): SlotId => slotOf("chat", actor));
    const wanted = [...Array.from({ length: 9 }, (_, index) => `chat/x${index}`), ...slots];
    expect(new Set(slots).size).to.equal(3);
    for (const own of slots) net.own(own, "n1", {}, nodes);
    for (const [index, name] of wanted.entries()) {
      const actor = to[slots.indexOf(name as SlotId)] ?? "room/a";
      const row = [-1 - index, actor, "user/ada", { type: "post" }, `ada|${index}`, false, []];
      net.forge("n2", "n1", [
        "routing.envelopes",
        0,
        { slot: name, session: 1, epoch: 1, refusals: 0, envelopes: [row] },
      ]);
    }
    await world.run(() => false, 100);
    expect(net.cutOff).to.deep.equal([]);
    expect(one.received.map((envelope) => envelope.to)).to.deep.equal(["room/a", "room/b"]);
  });

  it("settle nothing that they were not asked, whatever number they name", async () => {
    const { world, net, one, two } = createCluster(8);
    net.own(slot, "n2", {}, nodes);
    two.thinkMs = 200;
    // An ask of the node's own, an envelope to n2, and then what n3 says of both.
    const own: unknown[] = [];
    const number = one.asks.number();
    const hear = (said: unknown): void => void own.push(said);
    one.asks.open(number, { target: "n1", deadlineMs: undefined, answered: hear, unserved: hear });
    const ask = send(one, "room/a", "s", 1, 5_000);
    await world.run(() => two.received.length > 0, 1_000);
    const moved = { ok: false, error: failure("MOVED") };
    for (const named of [number, number + 1])
      net.forge("n3", "n1", ["routing.answers", 0, { answers: [[-named, ok("forged"), true, 0], [-named, moved, false, 0]] }]); // prettier-ignore
    await world.run(() => ask.results.length > 0, 5_000);
    expect(codeOf(ask.results[0])).to.equal("s|1");
    expect([own, two.received.length, net.cutOff]).to.deep.equal([[], 1, []]);
  });
});
