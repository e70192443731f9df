import { expect } from "chai";
import { meshLimits } from "../../../node/cluster/mesh/index.ts";
import { OpenAsks } from "../../../node/kernel/index.ts";
import { createRouting, type RoutingLimits, type RoutingPart } from "../../../node/routing/index.ts";
import { slotOf, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { World } from "../../world/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Net } from "./net.ts";

const nodes = ["n1", "n2", "n3"];
const topic = "room/a";
const slot = slotOf("chat", topic);

function createCluster(seed: number, limits: Partial<RoutingLimits> = {}) {
  const world = new World(seed);
  const net = new Net(world, nodes);
  /** Actors whose slot was asked for, by the node that asked. */
  const looked: [string, ActorId][] = [];
  const parts = nodes.map((node) => {
    const part: RoutingPart = createRouting({
      asks: new OpenAsks(world.dice),
      directoryNode: () => undefined,
      node,
      exchange: net.exchange(node),
      table: net.table(node),
      membership: net.membership(node),
      clock: net.clock(),
      random: world.dice,
      log: quietLog,
      meter: quietMeter,
      kernel: () => ({
        receive: () => undefined,
        left: () => undefined,
        slotOf: (actor: ActorId): SlotId => {
          looked.push([node, actor]);
          return part.slotOf("chat", actor);
        },
      }),
      limits,
    });
    return part;
  });
  const [one, two, three] = parts.map(({ hub }) => ({
    follow: (...of: Parameters<Hub["follow"]>) => hub.follow(...of),
    /** An event that is no more than this. */
    publish: (name: string, text: unknown, at: number | undefined, epoch: number) =>
      hub.publish(name, { text }, at, epoch),
  })) as [Hub, Hub, Hub];
  const pass = (ms: number) => world.run(() => false, world.nowMs + ms);
  return { world, net, parts, one, two, three, pass, looked };
}

type Hub = RoutingPart["hub"];

/** Hears a topic and remembers its texts. */
function listen(hub: Hub, of: string = topic) {
  const heard: [unknown, number | undefined][] = [];
  const listener = { heard, gaps: 0, stop: () => undefined as void };
  listener.stop = hub.follow(
    of,
    (event, at) => heard.push([(event as { text: unknown }).text, at]),
    () => void (listener.gaps += 1),
  );
  return listener;
}

describe("routing: events", () => {
  it("travel once to each node that follows, in order, from the moment the following is confirmed", async () => {
    const { net, one, two, pass } = createCluster(1);
    net.own(slot, "n1", {}, nodes);
    const near = listen(one);
    const [far, alsoFar] = [listen(two), listen(two)];
    let sent = 0;
    net.onSend = (_from, _to, message) => {
      const [name, , body] = message as [string, number, { events: unknown[] }];
      if (name === "routing.events") sent += body.events.length;
    };
    await pass(100);
    expect([near.gaps, far.gaps, alsoFar.gaps]).to.deep.equal([0, 1, 1]);
    for (let at = 1; at <= 5; at += 1) one.publish(topic, `e${at}`, at, 1);
    one.publish("room/other", "x", 1, 1);
    await pass(100);
    const all = [1, 2, 3, 4, 5].map((at) => [`e${at}`, at]);
    for (const listener of [near, far, alsoFar]) expect(listener.heard).to.deep.equal(all);
    expect(sent).to.equal(5);
    far.stop();
    alsoFar.stop();
    await pass(100);
    one.publish(topic, "e6", 6, 1);
    await pass(100);
    expect(sent).to.equal(5);
  });

  it("are followed nowhere by the word of an owner that was not asked", async () => {
    const { net, two, pass } = createCluster(9);
    net.own(slot, "n1", {}, nodes);
    net.cut("n1", "n2");
    const far = listen(two);
    await pass(10);
    // Zero is the number of a following that was not asked for.
    net.forge("n1", "n2", ["routing.followed", 0, { topics: [[topic, 0]], refused: [] }]);
    net.forge("n1", "n2", ["routing.events", 0, { events: [[topic, 1, 1, { text: "unasked" }]], gaps: [] }]);
    await pass(10);
    expect([far.gaps, far.heard]).to.deep.equal([0, []]);
  });

  it("are heard only once the following is confirmed, however long the answer takes", async () => {
    const { world, net, one, two, pass } = createCluster(8, { followRetryMs: 10, followRetryMaxMs: 20 });
    net.own(slot, "n1", {}, nodes);
    net.delayMs = 1_000;
    const far = listen(two);
    const gapsBefore: number[] = [];
    two.follow(topic, () => gapsBefore.push(far.gaps));
    for (let at = 1; at <= 400; at += 1) world.after(10 * at, () => one.publish(topic, `e${at}`, at, 1));
    await pass(6_000);
    expect(far.gaps).to.equal(1);
    expect(far.heard.at(-1)).to.deep.equal(["e400", 400]);
    expect(new Set(gapsBefore)).to.deep.equal(new Set([1]));
  });

  it("go on from the next owner, after a gap; best-effort ones of the owner before are dropped", async () => {
    const { net, one, two, three, pass } = createCluster(2);
    net.own(slot, "n1", {}, nodes);
    const far = listen(three);
    await pass(100);
    one.publish(topic, "typing", undefined, 1);
    await pass(100);
    net.own(slot, "n2");
    await pass(200);
    expect(far.gaps).to.equal(2);
    two.publish(topic, "posted", 1, 2);
    await pass(100);
    one.publish(topic, "late", undefined, 1);
    two.publish(topic, "older", undefined, 1);
    await pass(100);
    expect(far.heard).to.deep.equal([
      ["typing", undefined],
      ["posted", 1],
    ]);
    net.own(slot, "n3");
    await pass(200);
    expect(far.gaps).to.equal(3);
    three.publish(topic, "here", 2, 3);
    expect(far.heard.at(-1)).to.deep.equal(["here", 2]);
  });

  it("have a gap when the same owner takes a new epoch: what it wrote last may never have been sent", async () => {
    const { net, one, two, pass } = createCluster(3);
    net.own(slot, "n1", {}, nodes);
    const [near, far] = [listen(one), listen(two)];
    await pass(100);
    net.own(slot, "n1");
    await pass(100);
    expect([near.gaps, far.gaps]).to.deep.equal([1, 2]);
  });

  it("have a gap when the slot comes here before its last owner has confirmed the following", async () => {
    const { net, two, pass } = createCluster(11);
    net.own(slot, "n1", {}, nodes);
    net.delayMs = 1_000;
    const near = listen(two);
    await pass(20);
    net.own(slot, "n2", {}, nodes);
    await pass(20);
    expect(near.gaps).to.equal(1);
  });

  for (const first of [3, undefined])
    it(`of an epoch that the table does not know yet come after a gap${first ? "" : ", also when the first is best effort"}`, async () => {
      const { net, one, two, pass } = createCluster(9);
      net.own(slot, "n1", {}, nodes);
      const far = listen(two);
      await pass(100);
      one.publish(topic, "first", 1, 1);
      await pass(100);
      net.newsMs = 5_000;
      net.own(slot, "n1", {}, ["n1"]);
      const gapsBefore: number[] = [];
      two.follow(topic, () => gapsBefore.push(far.gaps));
      one.publish(topic, "third", first, 2);
      one.publish(topic, "fourth", 4, 2);
      await pass(20);
      expect(far.heard.map(([, at]) => at)).to.deep.equal([1, first, 4]);
      expect(gapsBefore).to.deep.equal([2, 2]);
    });

  it("that are best effort are heard of an actor whose own slot has begun with the first epoch again", async () => {
    const { net, one, two, pass } = createCluster(10);
    for (let epoch = 1; epoch <= 5; epoch += 1) net.own(slot, "n1", {}, nodes);
    const far = listen(two);
    await pass(100);
    one.publish(topic, "posted", 1, 5);
    await pass(100);
    net.own(topic as SlotId, "n1", { splitFrom: slot });
    await pass(200);
    one.publish(topic, "typing", undefined, 1);
    await pass(100);
    expect(far.heard.at(-1)).to.deep.equal(["typing", undefined]);
  });

  it("have a gap after a broken connection", async () => {
    const { net, one, two, pass } = createCluster(4);
    net.own(slot, "n1", {}, nodes);
    const far = listen(two);
    await pass(100);
    net.cut("n1", "n2");
    one.publish(topic, "lost", 1, 1);
    await pass(500);
    net.join("n1", "n2");
    await pass(100);
    one.publish(topic, "heard", 2, 1);
    await pass(100);
    expect(far.heard).to.deep.equal([["heard", 2]]);
    expect(far.gaps).to.equal(2);
  });

  it("are dropped for a peer that takes none, which is told of the gap before anything newer", async () => {
    const { net, one, two, pass } = createCluster(5, { eventsQueuedMax: 10 });
    net.own(slot, "n1", {}, nodes);
    const far = listen(two);
    await pass(100);
    net.full = 1;
    for (let at = 1; at <= 25; at += 1) one.publish(topic, at, at, 1);
    await pass(50);
    net.full = 0;
    await pass(50);
    expect(far.gaps).to.equal(2);
    expect(far.heard.map(([, at]) => at)).to.deep.equal([21, 22, 23, 24, 25]);
  });

  it("that fit no message are dropped, with a gap, and hold up nothing", async () => {
    const { net, one, two, pass } = createCluster(12);
    net.frameBytesMax = meshLimits.frameBytesMax;
    net.own(slot, "n1", {}, nodes);
    const far = listen(two);
    await pass(100);
    const texts = ["before", "語".repeat(meshLimits.frameBytesMax / 2), "after"];
    for (const [index, text] of texts.entries()) one.publish(topic, text, index + 1, 1);
    await pass(100);
    expect(far.heard).to.deep.equal([
      ["before", 1],
      ["after", 3],
    ]);
    expect(far.gaps).to.equal(2);
  });

  it("are measured once, however many nodes follow", async () => {
    const { net, parts, two, three, pass } = createCluster(13);
    net.own(slot, "n1", {}, nodes);
    const followers = [listen(two), listen(three)];
    await pass(100);
    let looks = 0;
    const event = {
      get text() {
        looks += 1;
        return "posted";
      },
    };
    parts[0]?.hub.publish(topic, event, 1, 1);
    await pass(100);
    for (const { heard } of followers) expect(heard).to.deep.equal([["posted", 1]]);
    const copies = followers.length;
    expect(looks).to.equal(1 + copies);
  });

  it("of a slot that moves are given up in one message to each node that follows", async () => {
    const { net, three, pass } = createCluster(14);
    net.own(slot, "n1", {}, nodes);
    const names = Array.from({ length: 100_000 }, (_, index) => `room/x${index}` as ActorId);
    const topics = names.filter((name) => slotOf("chat", name) === slot).slice(0, 50);
    expect(topics).to.have.length(50);
    const heard = topics.map((name) => listen(three, name));
    await pass(100);
    const refusals: number[] = [];
    net.onSend = (from, _to, message) => {
      const [name, , body] = message as [string, number, { refused: unknown[] }];
      if (name === "routing.followed" && from === "n1") refusals.push(body.refused.length);
    };
    net.own(slot, "n2", {}, ["n1"]);
    await pass(500);
    expect(refusals).to.deep.equal([50]);
    expect(heard.map(({ gaps }) => gaps)).to.deep.equal(topics.map(() => 2));
  });

  it("of an actor that was pinned meanwhile leave nothing behind when nobody follows any more", async () => {
    const { net, two, pass, looked } = createCluster(15);
    net.own(slot, "n1", {}, nodes);
    const far = listen(two);
    await pass(100);
    net.own(topic as SlotId, "n1", { splitFrom: slot }, nodes);
    await pass(100);
    far.stop();
    await pass(100);
    looked.length = 0;
    net.own(slot, "n3", {}, nodes);
    expect(looked).to.deep.equal([]);
  });

  it("follow an actor into a slot of its own", async () => {
    const { net, one, two, three, pass } = createCluster(6);
    net.own(slot, "n1", {}, nodes);
    const far = listen(three);
    await pass(100);
    net.own(topic as SlotId, "n2", { splitFrom: slot });
    await pass(200);
    two.publish(topic, "posted", 1, 1);
    one.publish(topic, "stale", undefined, 0);
    await pass(100);
    expect(far.heard).to.deep.equal([["posted", 1]]);
    expect(far.gaps).to.equal(2);
  });

  it("find their followers whatever happens, and no durable one is missed without a gap", async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const { world, net, parts, pass } = createCluster(seed, { eventsQueuedMax: 8 });
      const { dice } = world;
      net.full = dice.pick([0, 0.1]);
      net.own(slot, "n1", {}, nodes);
      let written = 0;
      // The last position each follower has or has asked for: a gap makes it ask the actor for everything written by
      // then.
      const followers = parts.map(({ hub }) => {
        const follower = { has: 0, missing: undefined as string | undefined };
        hub.follow(
          topic,
          (_event, at) => {
            // A later position shows that earlier ones are missing: the gateway asks then, too.
            if (at !== undefined) follower.has = Math.max(follower.has, at);
          },
          () => void (follower.has = written),
        );
        return follower;
      });
      for (let step = 0; step < 60; step += 1) {
        world.after(dice.between(0, 500), () => {
          switch (dice.weighted({ write: 12, move: 3, cut: 2 })) {
            case "write": {
              const record = net.records.get(slot)?.record;
              const owner = nodes.indexOf(record?.owner ?? "");
              written += 1;
              // It may die before it says so.
              if (dice.chance(0.1)) net.own(slot, dice.pick(nodes));
              else parts[owner]?.hub.publish(topic, { text: written }, written, record?.epoch ?? 0);
              break;
            }
            case "move":
              net.own(slot, dice.pick(nodes));
              break;
            case "cut": {
              const [from, to] = [dice.pick(nodes), dice.pick(nodes)];
              if (from === to) break;
              net.cut(from, to);
              world.after(dice.between(0, 100), () => net.join(from, to));
            }
          }
        });
      }
      await pass(700);
      net.full = 0;
      await pass(5_000);
      for (const { has } of followers) expect(has, `seed ${seed}`).to.equal(written);
    }
  });
});
