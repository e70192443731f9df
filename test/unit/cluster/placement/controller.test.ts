import { expect } from "chai";
import { createController } from "../../../../node/cluster/placement/index.ts";
import type { Directory, NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import { memberKey, policyKey, slotKey } from "../../../../node/cluster/facts/records.ts";
import { holderOf, slotOf, type ActorId, type SlotId } from "../../../../protocols/index.ts";
import { ownRecord } from "../../../fixtures/members.ts";
import { chat, fresh, Placed, portsOf, soleHolder, type Member } from "./fixture.ts";

const hot: ActorId = "room/hot";

/** Counts the changes that a node asks its directory for, from now on. */
function countChanges(directory: Directory): () => number {
  let asked = 0;
  const compareAndSet = directory.compareAndSet.bind(directory);
  const counted: typeof compareAndSet = (...given) => {
    asked += 1;
    return compareAndSet(...given);
  };
  Object.assign(directory, { compareAndSet: counted });
  return () => asked;
}

describe("the controller", () => {
  it("gives slots their copies and evens them out, then keeps still", async () => {
    const cluster = new Placed(1);
    const member = await cluster.open(["a", "b", "c"]);
    await cluster.put(...Array.from({ length: 30 }, (_, index) => fresh(chat(index), "a")));
    await cluster.pass(10_000);
    const rows = [...member.table.rows()].map(({ record }) => record);
    for (const { inSync } of rows) expect(inSync).to.have.length(2);
    for (const node of ["a", "b", "c"]) expect(rows.filter(({ owner }) => owner === node).length).to.be.within(8, 12);
    const changes = cluster.history.length;
    await cluster.pass(60_000);
    expect(cluster.history).to.have.length(changes);
    expect(member.controller.standing()).to.deep.include({ lost: [], stranded: [], moving: 0, waiting: 0 });
  });

  it("lets another node take over within milliseconds of a closed connection", async () => {
    const cluster = new Placed(2);
    await cluster.open(["a", "b", "c"]);
    await cluster.put(...Array.from({ length: 64 }, (_, index) => fresh(chat(index), "b", ["b", "c"])));
    await cluster.pass(3_000);
    const ownedByB = (): number =>
      Array.from({ length: 64 }, (_, index) => cluster.record(chat(index))).filter(({ owner }) => owner === "b").length;
    expect(ownedByB()).to.be.greaterThan(15);
    cluster.kill("b");
    const isUp = (): boolean => cluster.life("a").membership.isUp("b");
    await cluster.until(() => !isUp(), 1_000);
    expect(await cluster.until(() => ownedByB() === 0, 1_000)).to.be.at.most(10);
  });

  it("gives new slots their copies before it has settled, and moves nothing until then", async () => {
    const cluster = new Placed(9);
    await cluster.begin(["a", "b", "c"].map((node) => ownRecord(node)));
    for (const node of ["a", "b", "c"]) cluster.add(node);
    await cluster.put(fresh(chat(0), "b"), ...[1, 2, 3, 4, 5].map((index) => fresh(chat(index), "a", ["a", "b"])));
    await cluster.until(() => cluster.record(chat(0)).inSync.length === 2, 2_000);
    const moved = () => cluster.history.filter(({ slot, owner }) => owner !== (slot === chat(0) ? "b" : "a"));
    expect(moved()).to.deep.equal([]);
    await cluster.until(() => moved().length > 0, 20_000);
  });

  it("does not take nodes for dead that it only has not met yet; those it knew, at once", async () => {
    const cluster = new Placed(3);
    await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "b", ["b", "c"]), fresh(chat(1), "c", ["b", "c"]));
    await cluster.pass(2_000);
    const epochs = (): readonly number[] => [chat(0), chat(1)].map((slot) => cluster.record(slot).epoch);
    const before = epochs();
    for (const node of ["b", "c"]) cluster.network.cut("a", node);
    for (const node of ["b", "c"]) cluster.network.cut(node, "a");
    cluster.kill("a");
    const seed = cluster.life("b").membership.members().members;
    cluster.start("a", { seed });
    const member = cluster.add("a");
    await cluster.pass(1_500);
    expect(epochs()).to.deep.equal(before);
    cluster.network.heal();
    await cluster.until(() => member.membership.isUp("b") && member.membership.isUp("c"), 5_000);
    await cluster.until(() => cluster.record(chat(0)).inSync.length === 2, 5_000);
    cluster.kill("b");
    await cluster.until(() => cluster.record(chat(0)).owner !== "b", 200);
  });

  it("is quiet while the directory is away, and makes up for it", async () => {
    const cluster = new Placed(4);
    const { directory } = await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "b", ["b", "c"]));
    cluster.external.setDown(true);
    await cluster.pass(500);
    const asked = countChanges(directory);
    cluster.kill("b");
    await cluster.pass(5_000);
    expect(asked()).to.equal(0);
    expect(cluster.record(chat(0)).owner).to.equal("b");
    cluster.external.setDown(false);
    await cluster.until(() => cluster.record(chat(0)).owner === "c", 8_000);
  });

  it("two at once only race: epochs rise one by one, and both come to rest", async () => {
    const cluster = new Placed(5);
    await cluster.open(["a", "b", "c", "d"]);
    await cluster.put(...Array.from({ length: 40 }, (_, index) => fresh(chat(index), "b", ["b", "c"])));
    const second = cluster.members.get("c") as Member;
    createController({ ...portsOf(second), rank: () => 0 });
    await cluster.pass(10_000);
    cluster.kill("b");
    await cluster.pass(10_000);
    const changes = cluster.history.length;
    await cluster.pass(30_000);
    expect(cluster.history).to.have.length(changes);
    const epochs = new Map<SlotId, SlotRecord>();
    for (const record of cluster.history) {
      const before = epochs.get(record.slot);
      expect(record.epoch - (before?.epoch ?? 0)).to.be.within(0, 1);
      if (before !== undefined && before.epoch === record.epoch) expect(record.owner).to.equal(before.owner);
      epochs.set(record.slot, record);
    }
  });

  it("hands over to another controller, which acts on what it has seen itself", async () => {
    const cluster = new Placed(6);
    await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "a", ["a", "c"]));
    cluster.kill("a");
    await cluster.pass(500);
    cluster.controllerNode = "b";
    cluster.members.get("b")?.controller.wake();
    await cluster.until(() => cluster.record(chat(0)).owner === "c", 100);
    expect(cluster.members.get("c")?.controller.standing()).to.equal(undefined);
  });

  it("sees to failovers where the first in line does not reach the directory", async () => {
    const cluster = new Placed(10);
    cluster.controllerNode = undefined;
    await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "c", ["b", "c"]));
    await cluster.until(() => cluster.record(chat(0)).inSync.length === 2, 5_000);
    const { inSync } = cluster.record(chat(0));
    cluster.external.cutOff.add(cluster.life("a").pulse);
    cluster.external.setDown(false);
    await cluster.pass(500);
    const { owner } = cluster.record(chat(0));
    expect(owner).to.not.equal("a");
    cluster.kill(owner);
    await cluster.pass(2_000);
    expect(cluster.record(chat(0)).owner).to.equal(owner);
    await cluster.until(() => cluster.record(chat(0)).owner !== owner, 5_000);
    expect(inSync).to.include(cluster.record(chat(0)).owner);
  });

  it("follows the policy that the directory has: the configuration of the manager that began to act last", async () => {
    const cluster = new Placed(7);
    cluster.configured.set("b", { replicas: 3, minInSync: 2 });
    const member = await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "a"));
    const policies = () => [...cluster.members.values()].map(({ policy }) => policy.current());
    await cluster.until(() => cluster.record(chat(0)).inSync.length === 2, 5_000);
    expect(policies()).to.deep.equal(["a", "b", "c"].map(() => ({ replicas: 2, minInSync: 1 })));
    cluster.controllerNode = "b";
    cluster.members.get("b")?.controller.wake();
    await cluster.until(() => cluster.record(chat(0)).inSync.length === 3, 8_000);
    expect(policies()).to.deep.equal(["a", "b", "c"].map(() => ({ replicas: 3, minInSync: 2 })));
    const summary = await cluster.settle(member.control.summary());
    expect(summary.ok && summary.value).to.deep.include({ replicas: 3, minInSync: 2 });
    // While it runs its configuration says something else; of the others' nobody asks.
    cluster.members.get("a")?.policy.configure({ replicas: 2, minInSync: 2 });
    cluster.members.get("b")?.policy.configure({ replicas: 3, minInSync: 1 });
    await cluster.until(() => policies().every(({ minInSync }) => minInSync === 1), 5_000);
    expect(policies()).to.deep.equal(["a", "b", "c"].map(() => ({ replicas: 3, minInSync: 1 })));
  });

  it("does not let a policy that is none be the policy", async () => {
    const cluster = new Placed(7);
    const member = await cluster.open(["a", "b"]);
    const row = await cluster.settle(member.directory.read(policyKey));
    await cluster.settle(member.directory.compareAndSet(policyKey, { replicas: "all" }, row?.revision ?? 0));
    await cluster.pass(1_000);
    expect(member.policy.current()).to.deep.equal({ replicas: 2, minInSync: 1 });
  });

  it("gives others what a node with a full disk should have, and tries it again later", async () => {
    const cluster = new Placed(11);
    await cluster.open(["a", "b", "c"]);
    await cluster.put(...[0, 1, 2, 3].map((index) => fresh(chat(index), "a")));
    const holders = (): NodeId[] => [0, 1, 2, 3].flatMap((index) => cluster.record(chat(index)).want?.replicas ?? []);
    await cluster.until(() => holders().length === 8 && holders().includes("c"), 30_000);
    const member = cluster.members.get("c") as Member;
    member.refusedAtMs = member.clock.monotonicMs();
    await cluster.until(() => holders().length === 8 && !holders().includes("c"), 30_000);
    await cluster.until(() => holders().includes("c"), 120_000);
  });

  it("gives nothing to a node that stops, and leaves it what it has: that it gives away itself", async () => {
    const cluster = new Placed(12);
    await cluster.open(["a", "b", "c"]);
    cluster.life("c").membership.stopping();
    const [own, others] = [[0, 1, 2].map(chat), [3, 4, 5, 6, 7, 8].map(chat)];
    await cluster.put(...own.map((slot) => fresh(slot, "c", ["a", "c"])), ...others.map((slot) => fresh(slot, "a")));
    await cluster.pass(15_000);
    for (const slot of own) expect(cluster.record(slot)).to.deep.equal(fresh(slot, "c", ["a", "c"]));
    for (const slot of others) expect(cluster.record(slot).inSync).to.have.members(["a", "b"]);
    expect(others.filter((slot) => cluster.record(slot).owner === "b")).to.have.length.within(2, 4);
    // Killed before it has: then somebody takes over.
    cluster.kill("c");
    await cluster.until(() => own.every((slot) => cluster.record(slot).owner === "a"), 5_000);
  });

  it("gives a hot actor a slot of its own on the least busy node", async () => {
    const cluster = new Placed(8);
    const member = await cluster.open(["a", "b", "c"]);
    const base = slotOf("chat", hot);
    await cluster.put(...[base, chat(0), chat(1), chat(2)].map((slot) => ({ ...fresh(slot, "a"), held: "a" })));
    member.loads = [{ slot: base, actors: 9, turns: 9_000, busiest: { actor: hot, turns: 5_000 } }];
    await cluster.until(() => cluster.history.some(({ slot }) => slot === hot), 60_000);
    await cluster.pass(1_000);
    expect(cluster.record(hot as SlotId)).to.include({ splitFrom: base });
    expect(cluster.record(hot as SlotId).owner).to.not.equal("a");
  });

  it("moves nothing that is not a node's own because that node says that it is busy", async () => {
    const cluster = new Placed(8);
    const member = await cluster.open(["a", "b", "c"]);
    await cluster.put(...Array.from({ length: 12 }, (_, index) => fresh(chat(index), "abc"[index % 3] ?? "a")));
    await cluster.pass(30_000);
    const changes = cluster.history.length;
    const others = [...member.table.rows()].flatMap(({ record: { slot, owner } }) => (owner === "a" ? [slot] : []));
    (cluster.members.get("c") as Member).loads = others.map((slot) => ({ slot, actors: 9, turns: 90_000 }));
    await cluster.pass(60_000);
    expect(cluster.history).to.have.length(changes);
    // As its owner says, so it is.
    member.loads = others.map((slot) => ({ slot, actors: 9, turns: 90_000 }));
    await cluster.until(() => cluster.history.length > changes, 60_000);
  });

  it("does not send an actor's slot on its way that another than the asked owner has", async () => {
    const cluster = new Placed(8);
    const member = await cluster.open(["a", "b", "c"]);
    const base = slotOf("chat", hot);
    await cluster.put(...[base, chat(0), chat(1), chat(2)].map((slot) => ({ ...fresh(slot, "a"), held: "a" })));
    await cluster.pass(15_000);
    let asked = 0;
    // It says that it has split the actor off, and another has such a slot.
    member.exchange.on("placement.pin", async () => {
      asked += 1;
      await member.directory.compareAndSet(
        slotKey(hot as SlotId),
        { ...fresh(hot as SlotId, "c"), splitFrom: base },
        0,
      );
      return { ok: true, value: { slot: hot as SlotId } };
    });
    member.loads = [{ slot: base, actors: 9, turns: 9_000, busiest: { actor: hot, turns: 5_000 } }];
    await cluster.until(() => asked > 0, 60_000);
    await cluster.pass(20_000);
    const owners = cluster.history.flatMap(({ slot, owner, want }) =>
      slot === hot ? [owner, want?.owner ?? owner] : [],
    );
    expect([...new Set(owners)]).to.deep.equal(["c"]);
  });

  it("takes no notice of rows that are nonsense, and does not try for ever to change what they have replaced", async () => {
    const cluster = new Placed(4);
    const { directory, table, membership } = await cluster.open(["a", "b", "c"]);
    const held = { ...fresh(chat(0), "b", ["b", "c"]), held: "b" };
    await cluster.put(held, fresh(chat(1), "b", ["b", "c"]));
    await cluster.pass(1_000);
    const spoil = async (key: string, value: object): Promise<void> => {
      const row = await cluster.settle(directory.read(key));
      await cluster.settle(directory.compareAndSet(key, { ...(row?.value as object), ...value }, row?.revision ?? 0));
    };
    await spoil(slotKey(chat(0)), { splitFrom: 7 });
    await spoil(slotKey(chat(2)), { ...fresh(chat(2), "b"), splitFrom: 7 });
    await spoil(memberKey("c"), { labels: 7 });
    await spoil(memberKey("d"), { node: "d", name: "d", peer: "d", addresses: [], roles: ["chat"], incarnation: 1 });
    await cluster.pass(15_000);
    expect(table.get(chat(0))?.record.splitFrom).to.equal(undefined);
    expect(table.get(chat(2))).to.equal(undefined);
    expect(membership.members().members.map(({ node, labels }) => [node, labels])).to.deep.equal(
      ["a", "b", "c"].map((node) => [node, {}]),
    );
    const asked = countChanges(directory);
    cluster.kill("b");
    await cluster.until(() => cluster.record(chat(1)).owner !== "b", 1_000);
    await cluster.pass(30_000);
    expect(asked()).to.be.below(20);
  });
});

describe("the controller beside a node over its quota", () => {
  /** Holders of 100 bytes, each alone in its group, at two nodes; the first has more than it may. */
  async function overQuota(at: string, limits: { readonly quotaMoveEveryMs: number }, stepMs = 5) {
    const cluster = new Placed(15);
    cluster.limits = { ...limits, groupFirstMs: 1e9 };
    await cluster.open(["a", "b"], { roles: ["chat", "storage"] });
    cluster.stepMs = stepMs;
    const records = at.split("").map((node, index) => soleHolder(`g${index + 1}`, node));
    cluster.shards.set("a", { shardBytes: 200, shardQuotaBytes: 50, shardRoomBytes: 0 });
    cluster.shards.set("b", { shardBytes: 300, shardRoomBytes: 9_000 });
    for (const index of records.keys()) cluster.holderBytes.set(holderOf(`g${index + 1}`, 0), 100);
    await cluster.put(...records);
    const homes = (): string => records.map(({ slot }) => cluster.record(slot).home).join("");
    const owners = (): string => records.map(({ slot }) => cluster.record(slot).owner).join("");
    return { cluster, homes, owners };
  }

  it("moves one of its holders, and for weight none to it meanwhile", async () => {
    const { cluster, owners } = await overQuota("aabbb", { quotaMoveEveryMs: 600_000 });
    await cluster.pass(120_000);
    expect(owners()).to.equal("abbbb");
    const changes = cluster.history.length;
    await cluster.pass(120_000);
    expect(cluster.history).to.have.length(changes);
  });

  it("moves the next one so long after the last one has arrived", async () => {
    const { cluster, homes, owners } = await overQuota("aaabb", { quotaMoveEveryMs: 60_000 }, 100_000);
    await cluster.until(() => homes() === "aabbb", 60_000);
    await cluster.until(() => owners() === "aabbb", 250_000);
    await cluster.pass(55_000);
    expect(homes()).to.equal("aabbb");
    await cluster.until(() => homes() === "abbbb", 60_000);
  });
});

describe("placement in bad weather", () => {
  it("gives every slot an owner and its copies again, whatever happened, and never an owner without the data", async function () {
    for (let seed = 100; seed < 106; seed += 1) {
      const cluster = new Placed(seed);
      const nodes = ["a", "b", "c", "d", "e"];
      await cluster.open(nodes);
      cluster.controllerNode = undefined;
      await cluster.put(...Array.from({ length: 40 }, (_, index) => fresh(chat(index), nodes[index % 5] ?? "a")));
      await cluster.pass(8_000);
      const { dice } = cluster.world;
      const seed5 = cluster.life("a").membership.members().members;
      for (let round = 0; round < 12; round += 1) {
        const node = dice.pick(nodes);
        const other = dice.pick(nodes);
        const fault = dice.pick(["kill", "stall", "cut", "directory", "break"] as const);
        const { pulse } = cluster.life(node);
        if (fault === "kill") {
          cluster.kill(node);
          await cluster.pass(dice.between(50, 3_000));
          const life = cluster.start(node, { seed: seed5 });
          void life.membership.join(ownRecord(node));
          cluster.add(node);
        } else if (fault === "stall" && pulse.waiting === undefined) {
          cluster.stop(node);
          await cluster.pass(dice.between(100, 4_000));
          cluster.resume(node);
        } else if (fault === "cut") {
          cluster.network.cut(node, other);
          await cluster.pass(dice.between(100, 4_000));
          cluster.network.heal();
        } else if (fault === "directory") {
          cluster.external.setDown(true);
          await cluster.pass(dice.between(100, 4_000));
          cluster.external.setDown(false);
        }
        await cluster.pass(dice.between(0, 2_000));
      }
      await cluster.pass(60_000);
      const changes = cluster.history.length;
      await cluster.pass(30_000);
      expect(cluster.history.length, `seed ${seed} keeps still`).to.equal(changes);
      for (let index = 0; index < 40; index += 1) {
        const record = cluster.record(chat(index));
        expect(record.inSync, `seed ${seed} ${record.slot}`).to.have.length(2).and.include(record.owner);
      }
      const last = new Map<SlotId, SlotRecord>();
      for (const record of cluster.history) {
        const before = last.get(record.slot);
        if (before !== undefined && before.owner !== record.owner) {
          expect(record.epoch, `seed ${seed}`).to.equal(before.epoch + 1);
          const handedOver = before.want?.owner === record.owner;
          expect(before.inSync.includes(record.owner) || handedOver, `seed ${seed}`).to.equal(true);
        }
        last.set(record.slot, record);
      }
    }
  });
});
