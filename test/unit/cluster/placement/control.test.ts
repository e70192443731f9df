import { expect } from "chai";
import { trustKey } from "../../../../node/cluster/facts/records.ts";
import { unavailable } from "../../../../node/cluster/directory/row.ts";
import type { SlotRecord } from "../../../../node/ports/index.ts";
import {
  asInvitation,
  changeSlot,
  invitationPrefix,
  memberKey,
  readSlot,
  slotPrefix,
  type InvitationRecord,
} from "../../../../node/cluster/facts/records.ts";
import {
  failure,
  ok,
  refused,
  slotOf,
  type ActorId,
  type BusyActor,
  type ClusterSummary,
  type Result,
  type SlotId,
  type TrustState,
} from "../../../../protocols/index.ts";
import { chat, fresh, Placed, soleHolder, type Loads, type Member } from "./fixture.ts";

describe("the cluster's control", () => {
  it("moves a slot and an actor from any node, and they stay where they were put", async () => {
    const cluster = new Placed(11);
    await cluster.open(["a", "b", "c"]);
    await cluster.put(...Array.from({ length: 256 }, (_, index) => fresh(chat(index), "abc"[index % 3] ?? "a")));
    await cluster.pass(5_000);
    const { control } = cluster.members.get("c") as Member;
    const moved = await cluster.settle(control.moveSlot(chat(0), "node-b", 5_000, "ada"));
    expect(moved).to.deep.include({ ok: true });
    expect(cluster.record(chat(0))).to.include({ owner: "b", held: "b" });
    const actor = await cluster.settle(control.moveActor("room/lobby", "node-c", 5_000));
    expect(actor).to.have.property("value").that.deep.includes({ slot: "room/lobby", owner: "c" });
    const back = await cluster.settle(control.moveActor("room/lobby", "a", 5_000));
    expect(back).to.have.property("value").that.deep.includes({ slot: "room/lobby", owner: "a" });
    await cluster.pass(30_000);
    expect(cluster.record(chat(0)).owner).to.equal("b");
    expect(cluster.record("room/lobby" as SlotId).owner).to.equal("a");
    expect(cluster.notes).to.deep.equal([
      "move chat/0 b node-b by ada",
      "move room/lobby c node-c",
      "move room/lobby a node-a",
    ]);
  });

  it("lets go of what was moved by hand, and of nothing else", async () => {
    const cluster = new Placed(11);
    await cluster.open(["a", "b"]);
    await cluster.put(...Array.from({ length: 20 }, (_, index) => ({ ...fresh(chat(index), "a"), held: "a" })));
    await cluster.put({ ...fresh("room/lobby" as SlotId, "b"), held: "b", splitFrom: chat(0) });
    await cluster.pass(20_000);
    expect(cluster.record(chat(0)).owner).to.equal("a");
    const { control } = cluster.members.get("b") as Member;
    const release = async (slot: SlotId): Promise<string> => {
      const result = await cluster.settle(control.release(slot, "ada"));
      return result.ok ? "ok" : result.error.code;
    };
    for (let index = 0; index < 20; index += 1) expect(await release(chat(index))).to.equal("ok");
    expect(await release("room/lobby" as SlotId)).to.equal("ok");
    expect(await release(chat(0))).to.equal("ALREADY_DONE");
    expect(await release(chat(99))).to.equal("NOT_FOUND");
    expect(cluster.notes).to.include("release chat/3 a node-a by ada").and.have.length(21);
    await cluster.pass(60_000);
    const owners = Array.from({ length: 20 }, (_, index) => cluster.record(chat(index)).owner);
    expect(owners.filter((owner) => owner === "b").length, owners.join("")).to.be.greaterThan(5);
  });

  it("refuses what cannot be: names, roles, the last copy", async () => {
    const cluster = new Placed(12);
    const { control, directory } = await cluster.open(["alpha", "a", "b"]);
    await cluster.put(fresh(chat(0), "a"));
    const code = async (promise: Promise<Result<unknown>>): Promise<string> => {
      const result = await cluster.settle(promise);
      return result.ok ? "ok" : result.error.code;
    };
    expect(await code(control.setDraining("nobody", true))).to.equal("NOT_FOUND");
    expect(await code(control.setDraining("node-", true))).to.equal("BAD_REQUEST");
    expect(await code(control.moveSlot("chat/99", "a", 500))).to.equal("NOT_FOUND");
    expect(await code(control.moveActor("agent/x", "a", 500))).to.equal("NO_CANDIDATE");
    expect(await code(control.moveActor("cat/x", "a", 500))).to.equal("NOT_FOUND");
    cluster.kill("b");
    await cluster.pass(200);
    expect(await code(control.moveSlot(chat(0), "node-b", 500))).to.equal("NO_CANDIDATE");
    const row = await cluster.settle(readSlot(directory, chat(0)));
    void changeSlot(directory, { ...(row?.record as SlotRecord), inSync: ["a"] }, row?.revision ?? 0);
    await cluster.pass(10);
    expect(await code(control.evict("a", false))).to.equal("FORBIDDEN");
    expect(await code(control.evict("b", false))).to.equal("ok");
    await cluster.pass(50);
    expect(await code(control.evict("b", false))).to.equal("NOT_FOUND");
    cluster.external.setDown(true);
    expect(await code(control.setDraining("a", true)), "nothing was tried").to.equal("DIRECTORY_AWAY");
    Object.assign(directory, { read: () => Promise.reject(unavailable("UNREACHABLE", undefined, { node: "alpha" })) });
    const refusal = await cluster.settle(control.setDraining("a", true));
    expect(refusal).to.have.deep.nested.property("error.details", { node: "node-alpha", because: "it is away" });
  });

  it("evicts by the whole name only, and never the node that is asked or the last manager", async () => {
    const cluster = new Placed(17);
    const { control } = await cluster.open(["a", "beta", "c"], { roles: ["manager", "chat"] });
    const outcome = async (node: string, force = false): Promise<string> => {
      const result = await cluster.settle(control.evict(node, force));
      if (result.ok) return "ok";
      const { code, details } = result.error;
      return details?.["reason"] === undefined ? code : `${code} ${details["reason"] as string}`;
    };
    expect(await outcome("node-")).to.equal("NOT_FOUND");
    expect(await outcome("bet")).to.equal("NOT_FOUND");
    expect(await outcome("a")).to.equal("FORBIDDEN it is the node that was asked");
    await cluster.settle(control.setRoles("a", ["chat"]));
    await cluster.pass(100);
    expect(await outcome("node-c")).to.equal("ok");
    await cluster.pass(100);
    expect(await outcome("beta")).to.equal("NO_CANDIDATE it is the last manager");
    cluster.kill("beta");
    await cluster.pass(500);
    expect(await outcome("beta", true), "forced").to.equal("NO_CANDIDATE it is the last manager");
    await cluster.settle(control.setRoles("a", ["manager"]));
    await cluster.put(fresh(chat(0), "beta"));
    await cluster.pass(100);
    expect(await outcome("beta")).to.equal("NO_CANDIDATE it is the last node of a role that has slots");
    expect(await outcome("beta", true), "forced").to.equal("ok");
  });

  it("leaves no invitation with which an evicted node could come back, and those of others as they are", async () => {
    const cluster = new Placed(19);
    const { control, directory } = await cluster.open(["a", "b"]);
    const of = (id: string, node: string): InvitationRecord => {
      const used = { node, peer: `peer-${node}`, admitted: false };
      return { id, secretHash: "00", roles: ["chat"], labels: {}, expiresAtMs: 1, used };
    };
    await cluster.settle(directory.compareAndSet(`${invitationPrefix}1`, of("1", "b"), 0));
    await cluster.settle(directory.compareAndSet(`${invitationPrefix}2`, of("2", "c"), 0));
    await cluster.settle(directory.compareAndSet(`${invitationPrefix}3`, null, 0));
    cluster.kill("b");
    await cluster.pass(500);
    expect((await cluster.settle(control.evict("b", true))).ok).to.equal(true);
    const rows = await cluster.settle(directory.list(invitationPrefix));
    const admitted = rows.map((row) => asInvitation(row)?.used?.admitted);
    expect(admitted).to.deep.equal([true, false, undefined]);
  });

  it("evicts a node that is up only when it owns nothing or is forced to, and says what it owns", async () => {
    const cluster = new Placed(18);
    const { control, directory } = await cluster.open(["a", "b", "c", "d"]);
    const slots = Array.from({ length: 20 }, (_, index) => chat(index));
    await cluster.put(...slots.map((slot, index) => fresh(slot, "bc"[index % 2] ?? "b", ["a", "b", "c", "d"])));
    cluster.controllerNode = "nobody";
    await cluster.pass(100);
    const refusal = await cluster.settle(control.evict("b", false));
    expect(refusal).to.have.nested.property("error.code", "FORBIDDEN");
    const reason = "it is up and owns slots; drain it first";
    const among = "chat/0, chat/10, chat/12, chat/14, chat/16, chat/18, chat/2, chat/4";
    expect(refusal).to.have.nested.property("error.details").that.deep.includes({ reason, slots: 10, among });
    expect(refusal).to.have.deep.nested.property("error.details.advice", { code: "drain", node: "node-b" });
    expect((await cluster.settle(directory.read(memberKey("b"))))?.value).to.include({ state: "active" });
    expect((await cluster.settle(control.evict("d", false))).ok, "it has copies only").to.equal(true);
    expect((await cluster.settle(control.evict("c", true))).ok, "forced").to.equal(true);
    cluster.kill("b");
    await cluster.pass(500);
    expect((await cluster.settle(control.evict("b", false))).ok, "it is down").to.equal(true);
  });

  it("gives up what only a lost node held, and can be asked again when that broke off", async () => {
    const cluster = new Placed(12);
    const { control } = await cluster.open(["a", "b", "c"]);
    cluster.controllerNode = undefined;
    const slots = [0, 1, 2].map(chat);
    cluster.kill("c");
    await cluster.put(...slots.map((slot) => fresh(slot, "c")));
    await cluster.pass(500);
    const held = await cluster.settle(control.evict("c", false));
    expect(held).to.have.deep.nested.property("error.details.advice", { code: "startAndDrain", node: "node-c" });
    const evict = () => cluster.settle(control.evict("c", true, "ada"));
    const told = cluster.external.onChange;
    cluster.external.onChange = (key, value) => {
      told(key, value);
      if (key.startsWith(slotPrefix)) cluster.external.setDown(true);
    };
    const broken = await evict();
    expect(!broken.ok && broken.error.code).to.equal("DIRECTORY_UNAVAILABLE");
    cluster.external.onChange = told;
    cluster.external.setDown(false);
    await cluster.pass(2_000);
    expect(await evict(), "the first was given up before").to.have.deep.property("value", { node: "c", lastCopies: 2 });
    expect(cluster.notes).to.deep.equal(["evict c node-c 2 by ada"]);
    for (const slot of slots) {
      const { owner, abandoned } = cluster.record(slot);
      expect([owner === "c", abandoned]).to.deep.equal([false, 2]);
    }
    const again = await evict();
    expect(!again.ok && again.error.code).to.equal("NOT_FOUND");
  });

  it("never takes out a node that creates a slot meanwhile: one of the two is refused", async () => {
    const outcomes = new Set<string>();
    for (let delayMs = 0; delayMs < 24; delayMs += 1) {
      const cluster = new Placed(20 + delayMs);
      const { control, directory } = await cluster.open(["a", "b"]);
      const member = await cluster.settle(directory.read(memberKey("b")));
      const guard = { key: memberKey("b"), revision: member?.revision ?? 0 };
      const evicted = control.evict("b", false);
      await cluster.pass(delayMs);
      const { applied } = await cluster.settle(
        changeSlot(directory, { ...fresh(chat(0), "b"), inSync: ["b"] }, 0, guard),
      );
      const out = await cluster.settle(evicted);
      const left = await cluster.settle(directory.read(memberKey("b")));
      expect(out.ok, `created after ${delayMs} ms`).to.equal(!applied);
      if (applied) expect(left?.value).to.include({ state: "active" });
      else expect(left).to.equal(undefined);
      outcomes.add(String(applied));
    }
    expect(outcomes.size).to.equal(2);
  });

  it("drains a node and takes roles, but never the last node of a role", async () => {
    const cluster = new Placed(13);
    const { control } = await cluster.open(["a", "b", "c"]);
    await cluster.put(...Array.from({ length: 9 }, (_, index) => fresh(chat(index), "abc"[index % 3] ?? "a")));
    await cluster.settle(control.setDraining("c", true, "operator"));
    await cluster.until(() => Array.from({ length: 9 }, (_, index) => cluster.record(chat(index))).every(({ inSync }) => !inSync.includes("c") && inSync.length === 2), 20_000); // prettier-ignore
    const late = await cluster.settle(control.setRoles("b", ["gateway"], "ada", ["ai"]));
    expect(late, "somebody was faster").to.have.nested.property("error.code", "CHANGED_MEANWHILE");
    await cluster.settle(control.setRoles("b", ["ai"]));
    await cluster.until(
      () => Array.from({ length: 9 }, (_, index) => cluster.record(chat(index))).every(({ owner }) => owner === "a"),
      20_000,
    );
    const last = await cluster.settle(control.setRoles("a", ["ai"]));
    expect(last).to.have.nested.property("error.code", "NO_CANDIDATE");
    expect(cluster.notes).to.deep.equal(["drain c node-c by operator", "roles b node-b ai"]);
  });

  it("foretells no move to a node without room for it", async () => {
    const cluster = new Placed(16);
    cluster.limits = { groupFirstMs: 1e9 };
    const { control } = await cluster.open(["a", "b"], { roles: ["chat", "storage"] });
    cluster.shards.set("a", { shardBytes: 300, shardRoomBytes: 0 });
    cluster.shards.set("b", { shardBytes: 0, shardRoomBytes: 0 });
    await cluster.put(...["g1", "g2", "g3"].map((name) => soleHolder(name, "a")));
    await cluster.pass(1_000);
    const foretold = async (roomBytes: number): Promise<unknown> => {
      cluster.shards.set("b", { shardBytes: 0, shardRoomBytes: roomBytes });
      const answer = await cluster.settle(control.preview({ weights: { a: 0.01 } }));
      return answer.ok && answer.value.nodes.map(({ after }) => after.owned);
    };
    expect(await foretold(99)).to.deep.equal([3, 0]);
    expect(await foretold(9_999)).to.deep.equal([1, 2]);
  });

  it("says how much a node may keep of shards, where it keeps some", async () => {
    const cluster = new Placed(14);
    const { control, membership } = await cluster.open(["a", "b"]);
    expect(await cluster.settle(control.setStorage("b", { quotaBytes: 9 }))).to.have.nested.property(
      "error.code",
      "FORBIDDEN",
    );
    await cluster.settle(control.setRoles("b", ["chat", "storage"]));
    const allowed = () => membership.members().members.find(({ node }) => node === "b")?.storage;
    const set = await cluster.settle(control.setStorage("b", { quotaBytes: 9, seen: null }, "ada"));
    expect(set).to.deep.equal(ok({ node: "b", allowed: { quotaBytes: 9 } }));
    await cluster.until(() => allowed()?.quotaBytes === 9, 20_000);
    const summary = (await cluster.settle(control.summary())) as { readonly value: ClusterSummary };
    expect(summary.value.nodes.find(({ node }) => node === "b")?.shards).to.deep.equal({ allowed: { quotaBytes: 9 } });
    const late = await cluster.settle(control.setStorage("b", { quotaBytes: 7, seen: null }));
    expect(late, "somebody was faster").to.have.nested.property("error.code", "CHANGED_MEANWHILE");
    const freed = await cluster.settle(control.setStorage("b", { quotaBytes: null, seen: 9 }));
    expect(freed).to.deep.equal(ok({ node: "b" }));
    await cluster.until(() => allowed() === undefined, 20_000);
    expect(cluster.notes.slice(1)).to.deep.equal(["storage b node-b 9 by ada", "storage b node-b none"]);
  });

  it("waits until a voter that goes votes no more, and lets none go that alone keeps the directory", async () => {
    const cluster = new Placed(14);
    const { control, directory } = await cluster.open(["a", "b", "c"]);
    const votedBy = (...voters: readonly string[]) =>
      ({ kind: "replicated", generation: 1, voters, leader: "a" }) as const;
    cluster.directoryInfo = votedBy("a", "b", "c");
    const evicted = control.evict("c", false);
    await cluster.pass(5_000);
    const row = await cluster.settle(directory.read(memberKey("c")));
    expect(row?.value, "it drains, and is a member still").to.include({ state: "draining" });
    cluster.directoryInfo = votedBy("a", "b");
    expect(await cluster.settle(evicted)).to.deep.include({ ok: true });
    const refusal = await cluster.settle(control.evict("b", true));
    expect(refusal).to.have.nested.property("error.details.reason").that.includes("votes on the directory");
    expect((await cluster.settle(directory.read(memberKey("b"))))?.value).to.include({ state: "active" });
    cluster.directoryInfo = votedBy("b");
    expect(await cluster.settle(control.evict("b", false))).to.have.deep.nested.property("error.details", {
      reason: "it alone keeps the directory; drain it first",
      advice: { code: "drain", node: "node-b" },
    });
  });

  it("vouches for a node that keeps shards, and for none that audits found wanting", async () => {
    const cluster = new Placed(18);
    const { control, directory } = await cluster.open(["a", "b"]);
    const trust = async (state?: TrustState): Promise<unknown> => {
      const { revision = 0 } = (await cluster.settle(directory.read(trustKey("b")))) ?? {};
      const row = state && { name: "b", state, sinceMs: 1 };
      await cluster.settle(directory.compareAndSet(trustKey("b"), row, revision));
      const said = await cluster.settle(control.trustNode("node-b", "ada"));
      const now = (await cluster.settle(directory.read(trustKey("b"))))?.value as { state?: string } | undefined;
      return [said.ok ? said.value.trust : said.error.code, now?.state];
    };
    expect(await trust(undefined)).to.deep.equal(["BAD_REQUEST", undefined]);
    await cluster.settle(control.setRoles("b", ["chat", "storage"]));
    for (const state of [undefined, "new", "probation", "trusted"] as const)
      expect(await trust(state), state ?? "nothing").to.deep.equal(["trusted", "trusted"]);
    expect(await trust("suspect")).to.deep.equal(["FORBIDDEN", "suspect"]);
    expect(cluster.notes.filter((note) => note.startsWith("trust")))
      .to.have.length(4)
      .and.include("trust b node-b by ada");
  });

  it("takes a wish for voters, tells it, and names the voters that are awaited", async () => {
    const cluster = new Placed(18);
    const { control } = await cluster.open(["a", "b", "c"]);
    const code = async (promise: Promise<Result<unknown>>): Promise<string> => {
      const result = await cluster.settle(promise);
      return result.ok ? "ok" : result.error.code;
    };
    expect(await code(control.setVoters({ wanted: 5 }, "ada")), "etcd has its own").to.equal("FORBIDDEN");
    cluster.directoryInfo = { kind: "replicated", generation: 1, voters: ["a", "b", "c"] };
    expect(await cluster.settle(control.voters())).to.have.nested.property("value.wanted", 3);
    expect(await code(control.setVoters({ wanted: 5 }, "ada"))).to.equal("ok");
    expect(await code(control.setVoters({ wanted: 1 }, "ada"))).to.equal("ok");
    expect(await cluster.settle(control.voters())).to.have.nested.property("value.wanted", 1);
    expect(await code(control.setVoters({ wanted: 3, seen: 5 }, "bob")), "he saw 5, and it is 1").to.equal(
      "CHANGED_MEANWHILE",
    );
    expect(await code(control.setVoters({ wanted: 1, seen: 5 }, "eve")), "it is what he wants").to.equal("ok");
    expect(cluster.notes).to.deep.equal(["voters 5 by ada", "voters 1 by ada", "voters 1 by eve"]);
    cluster.kill("b");
    cluster.kill("c");
    cluster.refused = new Map();
    cluster.external.setDown(true);
    await cluster.pass(500);
    const refusal = await cluster.settle(control.setVoters({ wanted: 3 }));
    expect(refusal)
      .to.have.nested.property("error.details.because")
      .that.equals("2 of 3 voters must be up, and node-b, node-c are not: start them again");
  });

  it("writes down for the audit what was done, by whom, and nothing of what was refused", async () => {
    const cluster = new Placed(15);
    const { control } = await cluster.open(["a", "b"]);
    const expiresAtMs = Date.UTC(2030, 0, 1);
    cluster.invitation = ok({ token: "secret", id: "inv1", expiresAtMs, roles: ["ai"] });
    await cluster.settle(control.invite({ labels: { zone: "b" } }, "ada"));
    await cluster.settle(control.evict("b", false, "operator"));
    await cluster.settle(control.migrateDirectory(["http://e:2379"], "ada"));
    expect(cluster.notes).to.deep.equal([
      "invite inv1 ai zone=b 2030-01-01T00:00:00.000Z by ada",
      "evict b node-b 0 by operator",
      "migrate http://e:2379 3 by ada",
    ]);
    cluster.invitation = refused(failure("LIMIT_REACHED"));
    await cluster.settle(control.invite({}, "ada"));
    await cluster.settle(control.evict("nobody", false, "ada"));
    expect(cluster.notes).to.have.length(3);
  });

  it("tells a member of another version from one that is down, and of its own version what runs, not what its row says", async () => {
    const cluster = new Placed(17);
    const { control } = await cluster.open(["a", "b", "c"]);
    const rows = async (): Promise<unknown> => {
      const summary = await cluster.settle(control.summary());
      return summary.ok && summary.value.nodes.map((row) => [row.version, row.up, row.refused?.code]);
    };
    const own = ["0.2.0", true, undefined];
    expect(await rows()).to.deep.equal([own, ["0.1.0", true, undefined], ["0.1.0", true, undefined]]);
    for (const node of ["b", "c"]) cluster.kill(node);
    await cluster.pass(3_000);
    expect(await rows()).to.deep.equal([own, ["0.1.0", false, "VERSION_UNSUPPORTED"], ["0.1.0", false, undefined]]);
  });

  it("changes no member whose row is nonsense, and says so", async () => {
    const cluster = new Placed(16);
    const { control, directory } = await cluster.open(["a", "b"]);
    const row = await cluster.settle(directory.read(memberKey("b")));
    await cluster.settle(directory.compareAndSet(memberKey("b"), "nonsense", row?.revision ?? 0));
    for (const change of [control.setDraining("b", true), control.evict("b", true)])
      expect(await cluster.settle(change)).to.have.nested.property("error.code", "DATA_DAMAGED");
    expect((await cluster.settle(directory.read(memberKey("b"))))?.value).to.equal("nonsense");
  });

  it("says whose disk takes nothing", async () => {
    const cluster = new Placed(16);
    const { control } = await cluster.open(["a", "b"]);
    (cluster.members.get("b") as Member).refusedAtMs = cluster.life("b").clock.monotonicMs();
    const summary = await cluster.settle(control.summary());
    const rows = summary.ok ? summary.value.nodes.map(({ node, diskRefuses }) => [node, diskRefuses]) : [];
    expect(rows).to.deep.equal([
      ["a", undefined],
      ["b", true],
    ]);
  });

  it("names the busiest actors of all nodes, and leaves out who does not answer", async () => {
    const cluster = new Placed(16);
    const { control } = await cluster.open(["a", "b", "c"]);
    const home = (actor: ActorId): SlotId => slotOf("chat", actor);
    await cluster.put(...["a", "b", "c"].map((node) => ({ ...fresh(home(`room/${node}`), node), held: node })));
    const busy = (actor: ActorId, turns: number): Loads => [
      { slot: home(actor), actors: 1, turns, busiest: { actor, turns } },
    ];
    // One names what is another's, too: nobody believes that it lives there.
    const loads = {
      a: [...busy("room/a", 20), ...busy("room/b", 9_000)],
      b: busy("room/b", 50),
      c: busy("room/c", 90),
    };
    for (const [node, load] of Object.entries(loads)) (cluster.members.get(node) as Member).loads = load;
    const busiest = async (): Promise<readonly BusyActor[]> => {
      const summary = await cluster.settle(control.summary());
      return (summary.ok && summary.value.busiest) || [];
    };
    await cluster.pass(5_000);
    const named = await busiest();
    expect(named.map(({ actor, node }) => [actor, node])).to.deep.equal([
      ["room/c", "c"],
      ["room/b", "b"],
      ["room/a", "a"],
    ]);
    for (const { turnsPerSecond } of named) expect(turnsPerSecond).to.be.greaterThan(0);
    expect(await busiest(), "asked again at once").to.equal(named);
    cluster.kill("c");
    await cluster.pass(5_000);
    expect((await busiest()).map(({ actor }) => actor)).to.deep.equal(["room/b", "room/a"]);
    await cluster.pass(700);
    cluster.stop("b");
    await cluster.pass(400);
    expect(cluster.life("a").membership.isUp("b"), "not yet thought to be down").to.equal(true);
    const fromMs = cluster.world.nowMs;
    expect((await busiest()).map(({ actor }) => actor)).to.deep.equal(["room/a"]);
    expect(cluster.world.nowMs - fromMs).to.be.at.most(600);
  });

  it("calls slots blocked that take no commands: their copy is down, and the directory cannot leave it out", async () => {
    const cluster = new Placed(18);
    const { control } = await cluster.open(["a", "b", "c"]);
    await cluster.put(
      { ...fresh(chat(0), "a", ["a", "b"]), held: "a" },
      { ...fresh(chat(1), "a", ["a", "c"]), held: "a" },
    );
    const statuses = async (): Promise<readonly string[]> => {
      const listed = await cluster.settle(control.slots());
      return listed.ok ? listed.value.map(({ status }) => status) : [];
    };
    await cluster.pass(2_000);
    expect(await statuses()).to.deep.equal(["ok", "ok"]);
    cluster.external.setDown(true);
    await cluster.pass(500);
    expect(await statuses(), "nobody is down").to.deep.equal(["ok", "ok"]);
    const away = await cluster.settle(control.summary());
    expect(away).to.have.nested.property("value.directoryAway").that.deep.equals({ because: "it is away" });
    cluster.kill("b");
    await cluster.pass(500);
    expect(await statuses()).to.deep.equal(["blocked", "ok"]);
    const summary = await cluster.settle(control.summary());
    expect(summary).to.have.nested.property("value.slots.blocked", 1);
    cluster.external.setDown(false);
    await cluster.pass(90_000);
    expect(await statuses()).to.deep.equal(["ok", "ok"]);
  });

  it("calls slots blocked that have fewer in sync than there must be", async () => {
    const cluster = new Placed(19);
    for (const node of ["a", "b"]) cluster.configured.set(node, { replicas: 2, minInSync: 2 });
    const { control } = await cluster.open(["a", "b"]);
    await cluster.put(fresh(chat(0), "a", ["a", "b"]));
    await cluster.pass(1_000);
    cluster.kill("b");
    await cluster.pass(500);
    expect(await cluster.settle(control.slots())).to.have.nested.property("value[0].status", "blocked");
  });

  it("names a cause that is true and what works while the directory's node is down, and no command that needs it", async () => {
    const cluster = new Placed(19);
    cluster.directoryInfo = { kind: "embedded", node: "c" };
    const { control } = await cluster.open(["a", "b", "c"]);
    await cluster.settle(control.setRoles("a", ["chat"]));
    await cluster.settle(control.setRoles("b", ["chat"]));
    await cluster.put({ ...fresh(chat(0), "b", ["a", "b"]), held: "b" });
    await cluster.pass(500);
    cluster.kill("c");
    cluster.external.setDown(true);
    await cluster.pass(500);
    const because = "start node-c again, on its own data folder";
    for (const [what, command] of [
      ["eviction of its node", () => control.evict("c", false)],
      ["eviction of another", () => control.evict("b", false)],
      ["roles", () => control.setRoles("b", ["chat", "ai"])],
      ["a drain", () => control.setDraining("b", true)],
    ] as const) {
      const answer = await cluster.settle(command());
      expect(answer, what).to.have.nested.property("error.code", "DIRECTORY_AWAY");
      expect(answer, what).to.not.have.nested.property("error.details.advice");
      expect(answer, what).to.not.have.nested.property("error.details.asked");
      if (what.startsWith("eviction")) expect(answer, what).to.have.nested.property("error.details.because", because);
    }
  });

  it("calls slots short while all that they lack is a node that is down, and ok when it is no member any more", async () => {
    const cluster = new Placed(20);
    const { control } = await cluster.open(["a", "b"]);
    await cluster.put({ ...fresh(chat(0), "a", ["a", "b"]), want: { owner: "a", replicas: ["a", "b"] } });
    const status = async (): Promise<string | undefined> => {
      const listed = await cluster.settle(control.slots());
      return listed.ok ? listed.value[0]?.status : undefined;
    };
    await cluster.pass(1_000);
    expect(await status()).to.equal("ok");
    cluster.kill("b");
    await cluster.pass(1_000);
    expect(cluster.record(chat(0)), "it is expected back").to.have.nested.property("want.replicas[1]", "b");
    expect(await status()).to.equal("short");
    await cluster.pass(90_000);
    expect(cluster.record(chat(0)), "it is not any more").to.have.deep.nested.property("want.replicas", ["a"]);
    expect(await status()).to.equal("short");
    await cluster.settle(control.evict("b", false));
    await cluster.pass(1_000);
    expect(await status()).to.equal("ok");
  });

  it("calls slots stranded that only another role brings back, names the cure, and is right about it", async () => {
    const cluster = new Placed(21);
    const { control } = await cluster.open(["a", "b", "c"], { roles: ["manager", "chat"] });
    for (const node of ["a", "b"]) await cluster.settle(control.setRoles(node, ["chat"]));
    const memory = slotOf("manager", "role-manager/cluster");
    await cluster.put({ ...fresh(memory, "c", ["b", "c"]), held: "c" }, fresh(chat(0), "a"));
    const rows = async () => {
      const listed = await cluster.settle(control.slots());
      return listed.ok ? listed.value.map(({ slot, status, stranded }) => [slot, status, stranded]) : [];
    };
    await cluster.pass(1_000);
    expect(control.stranded("role-manager/cluster")).to.equal(undefined);
    cluster.kill("c");
    await cluster.pass(500);
    expect(await rows()).to.deep.include([memory, "down", "manager"]);
    const summary = await cluster.settle(control.summary());
    expect(summary).to.have.deep.nested.property("value.stranded", [{ role: "manager", slots: 1, nodes: ["b"] }]);
    const advice = { code: "setRoles", node: "node-b", roles: ["chat", "manager"] };
    expect(control.stranded("role-manager/cluster")).to.deep.equal({ role: "manager", nodes: ["node-b"], advice });
    expect(control.stranded("room/den")).to.equal(undefined);
    cluster.external.setDown(true);
    await cluster.pass(500);
    expect(await rows(), "nobody could be given a role").to.deep.include([memory, "down", undefined]);
    cluster.external.setDown(false);
    await cluster.pass(3_000);
    await cluster.settle(control.setRoles("b", ["chat", "manager"]));
    await cluster.until(() => cluster.record(memory).owner === "b", 20_000);
    await cluster.pass(100);
    expect(control.stranded("role-manager/cluster")).to.equal(undefined);
  });

  it("says what a command did not touch: without the directory nothing was begun, or it may have been", async () => {
    const cluster = new Placed(22);
    const { control } = await cluster.open(["a", "b"]);
    await cluster.put({ ...fresh(chat(0), "a"), held: "b" });
    await cluster.pass(100);
    cluster.invitation = refused(failure("DIRECTORY_UNAVAILABLE", { because: "UNREACHABLE" }));
    const outcome = async (promise: Promise<Result<unknown>>): Promise<string> => {
      const result = await cluster.settle(promise);
      return result.ok ? "ok" : `${result.error.code} ${result.error.outcome}`;
    };
    expect(await outcome(control.invite({}))).to.equal("DIRECTORY_AWAY not_started");
    cluster.external.setDown(true);
    for (const safe of [control.evict("b", true), control.setRoles("b", ["chat"]), control.release(chat(0))])
      expect(await outcome(safe)).to.equal("DIRECTORY_AWAY not_started");
    cluster.external.setDown(false);
    await cluster.pass(2_000);
    expect(await outcome(control.release(chat(0)))).to.equal("ok");
    expect(cluster.notes.at(-1), "who let go of it, by name").to.equal("release chat/0 b node-b");
  });

  it("sums the cluster up", async () => {
    const cluster = new Placed(14);
    const { control } = await cluster.open(["a", "b", "c"]);
    await cluster.put(fresh(chat(0), "a"), fresh(chat(1), "b", ["b", "c"]));
    await cluster.pass(3_000);
    cluster.kill("c");
    await cluster.pass(100);
    const summary = await cluster.settle(control.summary());
    expect(summary).to.have.property("value").that.deep.includes({ cluster: "c1", replicas: 2, minInSync: 1 });
    const { nodes, slots } = (
      summary as unknown as {
        value: { nodes: { name: string; up: boolean; self: boolean; slotsOwned: number }[]; slots: { total: number } };
      }
    ).value;
    expect(nodes.map(({ name, up, self }) => [name, up, self])).to.deep.equal([
      ["node-a", true, true],
      ["node-b", true, false],
      ["node-c", false, false],
    ]);
    expect(slots.total).to.equal(2);
    expect(summary).not.to.have.nested.property("value.directoryAway");
    expect(nodes[0]).not.to.have.property("joined");
    const listed = await cluster.settle(control.slots());
    expect(listed).to.have.nested.property("value[0].slot", "chat/0");
  });
});
