import { expect } from "chai";
import type { DirectoryWatcher, MemberRecord } from "../../../../node/ports/index.ts";
import { failure, failureOf, PlexusError, type Result } from "../../../../protocols/index.ts";
import { passWhereabouts } from "../../../../node/cluster/membership/whereabouts.ts";
import { memberRecord, ownRecord } from "../../../fixtures/members.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Cluster, type Life } from "./cluster.ts";

const ups = ({ membership }: Life): readonly string[] =>
  membership.members().members.flatMap(({ node }) => (membership.isUp(node) ? [node] : []));
const load = { actors: 3, turnsPerSecond: 1.5, connections: 2, eventLoopLagMs: 0.5, memoryBytes: 1_000 };

/** Lets a promise of a simulated node settle. */
async function of<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  let settled: { readonly value: T } | undefined;
  void promise.then((value) => (settled = { value }));
  await cluster.until(() => settled !== undefined, 60_000);
  return (settled as unknown as { readonly value: T }).value;
}

describe("membership", () => {
  it("knows who belongs, who is up, and numbers the list alike on all nodes", async () => {
    const cluster = new Cluster();
    const lives = await cluster.begin(["a", "b", "c"]);
    for (const life of lives) {
      expect(ups(life)).to.deep.equal(["a", "b", "c"]);
      expect(life.membership.members().view).to.equal(lives[0]?.membership.members().view);
      expect(life.membership.members().members.map(({ incarnation, state }) => [incarnation, state])).to.deep.equal([
        [1, "active"],
        [1, "active"],
        [1, "active"],
      ]);
    }
    const before = cluster.life("a").membership.members().view;
    await cluster.edit("c", { state: "draining" });
    await cluster.pass(100);
    expect(cluster.life("a").membership.members().view).to.be.greaterThan(before);
  });

  it("tells of a killed node in milliseconds, and of a stopped one within about a second", async () => {
    const cluster = new Cluster(2);
    const [a] = (await cluster.begin(["a", "b", "c"])) as [Life];
    let changes = 0;
    a.membership.onChange(() => (changes += 1));
    cluster.kill("b");
    expect(await cluster.until(() => !a.membership.isUp("b"), 1_000)).to.be.at.most(60);
    expect(changes).to.equal(1);
    cluster.stop("c");
    expect(await cluster.until(() => !a.membership.isUp("c"), 2_000)).to.be.within(600, 1_100);
    await cluster.pass(2_000);
    cluster.resume("c");
    await cluster.until(() => a.membership.isUp("c"), 1_000);
  });

  it("tells a member that it has no connection with where it listens, through one that both have", async () => {
    const cluster = new Cluster();
    const told: string[] = [];
    const located = (node: string) => (of: string, addresses: readonly string[]) =>
      void told.push(`${node}: ${of} ${addresses.join()}`);
    for (const node of ["a", "b", "c"]) {
      const { membership } = cluster.start(node, { located: located(node) });
      void membership.join(ownRecord(node, { addresses: [`/ip4/127.0.0.1/tcp/${node}`] }), { found: true });
    }
    await cluster.pass(12_000);
    expect(told).to.deep.equal([]);
    cluster.network.cut("a", "c");
    cluster.network.cut("c", "a");
    await cluster.until(() => new Set(told).size === 2, 30_000);
    expect(new Set(told)).to.deep.equal(new Set(["a: c /ip4/127.0.0.1/tcp/c", "c: a /ip4/127.0.0.1/tcp/a"]));
  });

  it("passes on where a member listens by that member's own word only, and takes it of members only", async () => {
    const cluster = new Cluster();
    const told: string[] = [];
    const [a, b, d] = (await cluster.begin(["a", "b", "d"])) as [Life, Life, Life];
    cluster.start("c", { located: (of) => void told.push(of) });
    void cluster.life("c").membership.join(ownRecord("c"), { found: true });
    await cluster.pass(3_000);
    cluster.network.cut("c", "d");
    cluster.network.cut("d", "c");
    await cluster.until(() => !cluster.network.connected("c", "d"), 30_000);
    const where = { to: "c", addresses: ["/ip4/127.0.0.1/tcp/1"] };
    a.exchange.send("b", "whereabouts", { ...where, from: "d" });
    b.exchange.send("c", "whereabouts", { ...where, from: "nobody" });
    // This one is connected.
    b.exchange.send("c", "whereabouts", { ...where, from: "a" });
    await cluster.pass(1_000);
    expect(told).to.deep.equal([]);
    d.exchange.send("b", "whereabouts", { ...where, from: "d" });
    await cluster.pass(1_000);
    expect(told).to.deep.equal(["d"]);
  });

  it("takes one that was admitted while it was away for a member by the word of another, until the directory has told it the list", async () => {
    const cluster = new Cluster();
    const [a] = (await cluster.begin(["a", "b", "c"])) as [Life];
    const seed = a.membership.members().members;
    cluster.kill("c");
    const listening = (node: string) => ownRecord(node, { addresses: [`/ip4/127.0.0.1/tcp/${node}`] });
    for (const node of ["d", "e"]) void cluster.start(node).membership.join(listening(node), { found: true });
    await cluster.pass(3_000);
    const located = new Set<string>();
    // The directory does not answer it: that is with one that it does not let in.
    let tell = (): void => undefined;
    const { membership } = cluster.start(
      "c",
      { seed, located: (of) => void located.add(of), mayBelong: ({ node }) => node !== "e" },
      (directory) => ({
        ...directory,
        read: () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE"))),
        watch(prefix, watcher) {
          tell = () => void directory.watch(prefix, watcher);
          return () => undefined;
        },
      }),
    );
    void membership.join(ownRecord("c"));
    const names = (): readonly string[] => membership.members().members.map(({ node }) => node);
    for (const node of ["d", "e"])
      for (const [from, to] of [["c", node], [node, "c"]] as const) cluster.network.cut(from, to); // prettier-ignore
    await cluster.until(() => located.size > 0, 60_000);
    await cluster.pass(10_000);
    expect(names()).to.deep.equal(["a", "b", "c", "d"]);
    expect([...located]).to.deep.equal(["d"]);
    tell();
    await cluster.pass(1_000);
    expect(names()).to.deep.equal(["a", "b", "c", "d", "e"]);
    await cluster.edit("d", undefined);
    await cluster.pass(30_000);
    expect(names(), "what was taken out stays out").to.not.include("d");
  });

  it("takes nobody for a member by the word of one that an invitation bounds, or under the key of a member", () => {
    const record = (node: string, more: Partial<MemberRecord> = {}) => ({ ...memberRecord(node), ...more });
    const bounded = record("b", { roles: ["storage"], storage: { quotaBytes: 1 } });
    const introducedBy = (by: MemberRecord, other: MemberRecord): readonly string[] => {
      const introduced: string[] = [];
      let hear: (body: unknown, from: string) => void = () => undefined;
      passWhereabouts({
        node: "a",
        exchange: { on: (_: string, handler: typeof hear) => (hear = handler), peers: () => [by.node] } as never,
        log: quietLog,
        limits: { addressesToldMax: 8, introducedMax: 64 },
        byWord: {},
        members: () => new Map([record("a"), by].map((one) => [one.node, one])),
        addresses: () => [],
        isOpen: () => true,
        introduce: ({ node }) => void introduced.push(node),
      });
      hear({ from: other.node, to: "a", addresses: [], member: other }, by.node);
      return introduced;
    };
    expect(introducedBy(record("b"), record("d"))).to.deep.equal(["d"]);
    expect(introducedBy({ ...bounded, roles: ["storage", "manager"] }, record("d"))).to.deep.equal(["d"]);
    expect(introducedBy(bounded, record("d"))).to.deep.equal([]);
    expect(introducedBy(record("b"), record("d", { peer: record("b").peer }))).to.deep.equal([]);
  });

  it("a node that was stopped for seconds accuses nobody when it goes on", async () => {
    for (let seed = 3; seed < 13; seed += 1) {
      const cluster = new Cluster(seed);
      await cluster.begin(["a", "b", "c"]);
      const accused: string[] = [];
      const { membership } = cluster.life("c");
      membership.onChange(() => accused.push(...["a", "b"].filter((node) => !membership.isUp(node))));
      cluster.stop("c");
      await cluster.pass(1_000 + seed * 700);
      cluster.resume("c");
      await cluster.pass(5_000);
      expect(accused, `seed ${seed}`).to.deep.equal([]);
      expect(ups(cluster.life("c"))).to.deep.equal(["a", "b", "c"]);
    }
  });

  it("starts again with a higher incarnation, keeps what admins decided, and drops what they did when it is told otherwise", async () => {
    const cluster = new Cluster(4);
    await cluster.begin(["a", "b"]);
    await cluster.edit("b", { state: "draining", roles: ["ai"] });
    const again = async (roles: MemberRecord["roles"]): Promise<MemberRecord> => {
      cluster.kill("b");
      const life = cluster.start("b");
      const joined = await of(cluster, life.membership.join(ownRecord("b", { roles, url: "http://new" })));
      return (joined as Result<MemberRecord> & { ok: true }).value;
    };
    const same = await again(["chat"]);
    expect(same).to.deep.include({ incarnation: 2, state: "draining", roles: ["ai"], url: "http://new" });
    expect(await again(["storage"])).to.deep.include({ incarnation: 3, roles: ["storage"] });
    const changed = await of(cluster, cluster.life("b").membership.update({ addresses: ["/ip4/1"], state: "active" }));
    expect(changed)
      .to.have.property("value")
      .that.deep.includes({ addresses: ["/ip4/1"], state: "active" });
  });

  it("keeps the labels of its invitation until it names them itself, and drops those that it names no longer", async () => {
    const cluster = new Cluster(9);
    await cluster.begin(["a", "b"]);
    await cluster.edit("b", { labels: { zone: "b", rack: "7" }, labelsConfigured: {} });
    const started = async (labels: MemberRecord["labels"]): Promise<MemberRecord["labels"]> => {
      cluster.kill("b");
      const joined = await of(cluster, cluster.start("b").membership.join(ownRecord("b", { labels })));
      return (joined as Result<MemberRecord> & { ok: true }).value.labels;
    };
    expect(await started({})).to.deep.equal({ zone: "b", rack: "7" });
    expect(await started({ disk: "fast" })).to.deep.equal({ zone: "b", rack: "7", disk: "fast" });
    expect(await started({ zone: "c" })).to.deep.equal({ zone: "c", rack: "7" });
    expect(await started({})).to.deep.equal({ rack: "7" });
  });

  it("keeps what the cluster allows of it, however often it starts", async () => {
    const cluster = new Cluster(10);
    await cluster.begin(["a", "b"]);
    const storage = { quotaBytes: 100, classes: ["backup"] };
    await cluster.edit("b", { storage });
    for (let starts = 0; starts < 2; starts += 1) {
      cluster.kill("b");
      const joined = await of(cluster, cluster.start("b").membership.join(ownRecord("b")));
      expect(joined).to.have.property("value").that.deep.includes({ storage });
    }
  });

  it("learns that it was evicted, also when that happened while it was away", async () => {
    const cluster = new Cluster(5);
    await cluster.begin(["a", "b"]);
    const ends: string[] = [];
    const seed = cluster.life("a").membership.members().members;
    cluster.kill("b");
    await cluster.edit("b", undefined);
    const life = cluster.start("b", { seed, ended: (why) => void ends.push(why) });
    await cluster.pass(1_000);
    expect(ends).to.deep.equal(["evicted"]);
    expect(ups(cluster.life("a"))).to.deep.equal(["a"]);
    const joined = await of(cluster, life.membership.join(ownRecord("b")));
    expect(joined).to.have.nested.property("error.code", "NOT_A_PEER");
  });

  it("takes no list without anybody for its cluster's: it ends nothing, goes on with the one it knows, and waits", async () => {
    const cluster = new Cluster(11);
    const ends: string[] = [];
    for (const node of ["a", "b"]) {
      const life = cluster.start(node, { ended: (why) => void ends.push(`${node} ${why}`) });
      void life.membership.join(ownRecord(node), { found: true });
    }
    await cluster.pass(3_000);
    const [a, b] = [cluster.life("a"), cluster.life("b")];
    const seed = a.membership.members().members;
    await cluster.eraseUnseen("member/");
    await cluster.pass(2_000);
    expect(ends).to.deep.equal([]);
    for (const life of [a, b]) {
      expect([life.membership.joined, ups(life)]).to.deep.equal([true, ["a", "b"]]);
      expect(life.membership.silentMs()).to.be.at.least(1_500);
    }

    cluster.kill("b");
    const again = cluster.start("b", { seed, ended: (why) => void ends.push(`b ${why}`) });
    let answer: Result<MemberRecord> | undefined;
    void again.membership.join(ownRecord("b")).then((joined) => (answer = joined));
    await cluster.pass(5_000);
    expect([answer, again.membership.joined, ups(again)]).to.deep.equal([undefined, false, ["a", "b"]]);
    expect(again.membership.silentMs()).to.be.at.least(4_000);

    const { directory } = a;
    for (const record of seed) void directory.compareAndSet(`member/${record.node}`, record, 0);
    await cluster.until(() => again.membership.joined, 20_000);
    await cluster.pass(1_000);
    expect([a, again].map(({ membership }) => membership.silentMs())).to.deep.equal([undefined, undefined]);
    expect(ends).to.deep.equal([]);
    // What is an eviction is one as before.
    await cluster.edit("b", undefined);
    await cluster.pass(1_000);
    expect(ends).to.deep.equal(["b evicted"]);
  });

  it("takes no row that is nonsense for a member, and none that was a member for gone", async () => {
    const cluster = new Cluster(13);
    const [a] = (await cluster.begin(["a", "b"])) as [Life];
    const ends: string[] = [];
    const known = a.membership.members().members;
    const { labels: _labels, ...unlabelled } = memberRecord("c");
    await of(cluster, a.directory.compareAndSet("member/c", unlabelled, 0));
    const row = await of(cluster, a.directory.read("member/b"));
    await of(cluster, a.directory.compareAndSet("member/b", { ...memberRecord("b"), labels: 7 }, row?.revision ?? 0));
    await cluster.pass(100);
    expect(a.membership.members().members).to.deep.equal(known);
    // Everything is told anew.
    cluster.external.cutOff.add(a.pulse);
    cluster.external.setDown(false);
    await cluster.pass(1_000);
    cluster.external.cutOff.clear();
    cluster.external.setDown(false);
    await cluster.pass(1_000);
    expect(a.membership.silentMs()).to.equal(undefined);
    expect(a.membership.members().members).to.deep.equal(known);

    // It started before, and how often nobody can say: it waits, and its end is not that it was evicted.
    cluster.kill("b");
    const seed = [...known, unlabelled as MemberRecord];
    const again = cluster.start("b", { seed, ended: (why) => void ends.push(why) });
    expect(again.membership.members().members).to.deep.equal(known);
    expect(await of(cluster, again.membership.update({ url: "http://b" }))).to.have.nested.property(
      "error.code",
      "DATA_DAMAGED",
    );
    void again.membership.join(ownRecord("b"));
    await cluster.pass(5_000);
    expect([again.membership.joined, ups(again), ends]).to.deep.equal([false, ["a", "b"], []]);
    const spoilt = await of(cluster, a.directory.read("member/b"));
    await of(
      cluster,
      a.directory.compareAndSet("member/b", memberRecord("b", { incarnation: 4 }), spoilt?.revision ?? 0),
    );
    await cluster.until(() => again.membership.joined, 20_000);
    await cluster.pass(1_000);
    expect(a.membership.members().members[1]?.incarnation).to.equal(5);
  });

  it("is not evicted with everybody else: who is left when all has been told decides", async () => {
    const cluster = new Cluster(12);
    const ends: string[] = [];
    const watched = Promise.withResolvers<DirectoryWatcher>();
    const { directory, membership } = cluster.start("c");
    membership.stop();
    const seed = ["a", "b"].map((node) => memberRecord(node));
    cluster.start("a", {
      directory: { ...directory, watch: (_prefix, watcher) => (watched.resolve(watcher), () => undefined) },
      seed,
      ended: (why) => void ends.push(why),
    });
    const watcher = await watched.promise;
    watcher.reset(seed.map((value, index) => ({ key: `member/${value.node}`, value, revision: index + 1 })));
    watcher.removed("member/a", 3);
    watcher.removed("member/b", 3);
    await cluster.pass(1_000);
    expect(ends).to.deep.equal([]);
    watcher.stale();
    watcher.reset(seed.slice(1).map((value) => ({ key: "member/b", value, revision: 2 })));
    await cluster.pass(1_000);
    expect(ends).to.deep.equal(["evicted"]);
  });

  it("learns that another process has started as it, which is no eviction, and is told once", async () => {
    const cluster = new Cluster(5);
    await cluster.begin(["a"]);
    const ends: string[] = [];
    const life = cluster.start("b", { ended: (why) => void ends.push(why) });
    await of(cluster, life.membership.join(ownRecord("b"), { found: true }));
    await cluster.pass(1_000);
    expect(ends).to.deep.equal([]);
    await cluster.edit("b", { incarnation: 2 });
    await cluster.pass(1_000);
    await cluster.edit("b", undefined);
    await cluster.pass(1_000);
    expect(ends).to.deep.equal(["duplicate"]);
  });

  it("goes on with the list it knows while the directory is away, and joins when it is back", async () => {
    const cluster = new Cluster(6);
    await cluster.begin(["a", "b"]);
    const seed = cluster.life("a").membership.members().members;
    cluster.external.setDown(true);
    cluster.kill("b");
    await cluster.pass(500);
    const life = cluster.start("b", { seed });
    let joined = false;
    void life.membership.join(ownRecord("b")).then(({ ok }) => (joined = ok));
    await cluster.pass(5_000);
    expect([joined, ups(cluster.life("a")), ups(life)]).to.deep.equal([false, ["a", "b"], ["a", "b"]]);
    cluster.external.setDown(false);
    await cluster.until(() => joined, 20_000);
    await cluster.pass(1_000);
    expect(cluster.life("a").membership.members().members[1]?.incarnation).to.be.at.least(2);
  });

  it("has joined when its row is in the list, also when the directory's answer to it was lost, and counts one start", async () => {
    const cluster = new Cluster(16);
    await cluster.begin(["a", "b"]);
    cluster.kill("b");
    await cluster.pass(500);
    const started = cluster.start("b", {}, (directory) => ({
      ...directory,
      async compareAndSet(...row) {
        await directory.compareAndSet(...row);
        throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
      },
    }));
    let answered = false;
    void started.membership.join(ownRecord("b")).then(() => (answered = true));
    await cluster.until(() => started.membership.joined, 1_000);
    expect(answered).to.equal(false);
    await cluster.pass(10_000);
    expect(cluster.life("a").membership.members().members[1]?.incarnation).to.equal(2);
  });

  it("waits for room in a directory that is full, and joins then", async () => {
    const cluster = new Cluster(17);
    await cluster.begin(["a", "b"]);
    cluster.kill("b");
    await cluster.pass(500);
    let full = true;
    let asked = 0;
    const started = cluster.start("b", {}, (directory) => ({
      ...directory,
      async compareAndSet(...row) {
        asked += 1;
        if (full) throw new PlexusError(failure("DIRECTORY_FULL"));
        return directory.compareAndSet(...row);
      },
    }));
    const joining = started.membership.join(ownRecord("b")).then(
      ({ ok: isJoined }) => isJoined,
      (error: unknown) => failureOf(error).code,
    );
    await cluster.until(() => asked > 2, 20_000);
    expect(started.membership.joined).to.equal(false);
    full = false;
    await cluster.until(() => started.membership.joined, 20_000);
    expect(await joining).to.equal(true);
  });

  it("says where it is reached also when the directory was away as it came to know, and no later join takes that back", async () => {
    const cluster = new Cluster(15);
    await cluster.begin(["a", "b"]);
    const seed = cluster.life("a").membership.members().members;
    cluster.external.setDown(true);
    cluster.kill("b");
    await cluster.pass(500);
    const life = cluster.start("b", { seed });
    void life.membership.join(ownRecord("b", { url: "" }));
    let told: Result<MemberRecord> | undefined;
    void life.membership.update({ url: "http://b" }).then((answer) => (told = answer));
    await cluster.pass(5_000);
    expect(told, "it is tried again").to.equal(undefined);
    cluster.external.setDown(false);
    await cluster.until(() => told !== undefined && life.membership.joined, 20_000);
    await cluster.pass(1_000);
    expect(cluster.life("a").membership.members().members[1]?.url).to.equal("http://b");
  });

  it("hears what the others are busy with", async () => {
    const cluster = new Cluster(7);
    await cluster.begin(["a"]);
    const b = cluster.start("b", { load: () => load });
    await of(cluster, b.membership.join(ownRecord("b"), { found: true }));
    await cluster.pass(4_000);
    const heard = cluster.life("a").membership.heard("b");
    expect(heard?.load).to.deep.equal(load);
    expect(heard?.agoMs).to.be.at.most(200);
    expect(b.membership.heard("b")).to.deep.include({ agoMs: 0, load });
    expect(cluster.life("a").membership.heard("nobody")).to.equal(undefined);
  });

  it("tells the others that it stops, and of its next life that it does not", async () => {
    const cluster = new Cluster();
    await cluster.begin(["a", "b"]);
    const stays = (): boolean => cluster.life("a").membership.isStaying("b");
    expect(stays()).to.equal(true);
    cluster.life("b").membership.stopping();
    await cluster.until(() => !stays(), 50);
    expect(cluster.life("a").membership.isUp("b")).to.equal(true);
    expect(cluster.life("b").membership.isStaying("b")).to.equal(false);
    cluster.kill("b");
    await of(cluster, cluster.start("b").membership.join(ownRecord("b")));
    await cluster.until(stays, 1_000);
  });

  it("stops: whoever waits to join is told, and nothing is said any more", async () => {
    const cluster = new Cluster(8);
    cluster.external.setDown(true);
    const { membership } = cluster.start("a");
    const joining = membership.join(ownRecord("a"), { found: true });
    await cluster.pass(500);
    membership.stop();
    expect(await of(cluster, joining)).to.have.nested.property("error.code", "STOPPING");
  });
});
