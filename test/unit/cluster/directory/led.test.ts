import { expect } from "chai";
import { createReplicatedPart, type ReplicatedPart } from "../../../../node/cluster/directory/replicated.ts";
import { directoryLimits } from "../../../../node/cluster/directory/limits.ts";
import type { Voter } from "../../../../node/cluster/directory/raft/voter.ts";
import type { Exchange } from "../../../../node/cluster/exchange/index.ts";
import type { Clock } from "../../../../node/ports/index.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Links, World } from "../../../world/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";

function keptLog() {
  const logged: string[] = [];
  const keep = (name: string): void => void logged.push(name);
  return { logged, log: { ...quietLog, info: keep, error: keep } };
}

/** The part of one of some nodes, with a disk of its own. */
const openPart = (node: string, nodes: readonly string[], exchange: Exchange, clock: Clock): ReplicatedPart =>
  createReplicatedPart({
    node,
    store: new MemoryStore(),
    exchange,
    clock,
    log: quietLog,
    seed: () => node.charCodeAt(0),
    others: () => nodes,
    changed: () => undefined,
  });

describe("a part in a replicated directory", () => {
  it("says that it leads no more, also where it had heard before who leads instead", async () => {
    const world = new World(1);
    const clock = world.clock();
    const links = new Links(clock);
    /** What each was told: who leads, and whether it is this node. */
    const told = new Map<string, { readonly leader: string | undefined; readonly leads: boolean }>();
    const nodes = ["a", "b", "c", "d"];
    const parts = new Map<string, ReplicatedPart>();
    for (const node of nodes)
      parts.set(
        node,
        createReplicatedPart({
          node,
          store: new MemoryStore(),
          exchange: links.exchange(node),
          clock,
          log: quietLog,
          seed: () => node.charCodeAt(0),
          others: () => nodes,
          changed: ({ leader }) => void told.set(node, { leader, leads: parts.get(node)?.leads === true }),
        }),
      );
    const [a, b, c, d] = [...parts.values()] as [ReplicatedPart, ReplicatedPart, ReplicatedPart, ReplicatedPart];
    for (const one of nodes) for (const other of nodes) if (one < other) links.link(one, other);
    const begun = { members: { voters: ["a", "b", "c"], learners: [] }, image: { revision: 0, rows: [] } };
    for (const one of [a, b, c]) await world.settle(one.found({ generation: 1, begun }));
    for (const one of [a, b, c, d]) one.learn({ generation: 1, voters: ["a", "b", "c"] });
    await world.until(() => [a, b, c].some((one) => one.leads));
    const name = nodes.find((node) => parts.get(node)?.leads === true) as string;
    const leader = parts.get(name) as ReplicatedPart;
    // Parted from the other voters, and not aware of it yet when they have another leader; `d`, which does not vote,
    // reaches all.
    const others = ["a", "b", "c"].filter((node) => node !== name);
    for (const other of others) links.cut(name, other);
    await world.until(() => others.some((node) => parts.get(node)?.leads === true));
    const next = others.find((node) => parts.get(node)?.leads === true);
    // Whoever connects says who leads: before its own voter knows that it does not.
    await world.until(() => d.lead.leader === next);
    expect(leader.leads).to.equal(true);
    links.cut(name, "d");
    links.link(name, "d");
    await world.until(() => told.get(name)?.leader === next);
    expect(told.get(name)).to.deep.equal({ leader: next, leads: true });
    await world.until(() => !leader.leads);
    await world.pass(100);
    expect(told.get(name)).to.deep.equal({ leader: next, leads: false });
    for (const one of parts.values()) await world.settle(one.close());
  });

  it("knows of each change of the voters, also where it votes and does not lead", async () => {
    const world = new World(1);
    const clock = world.clock();
    const links = new Links(clock);
    const nodes = ["a", "b", "c"];
    const open = (node: string): ReplicatedPart => openPart(node, nodes, links.exchange(node), clock);
    const [a, b, c] = nodes.map(open) as [ReplicatedPart, ReplicatedPart, ReplicatedPart];
    for (const [one, other] of [["a", "b"], ["a", "c"], ["b", "c"]] as const) links.link(one, other); // prettier-ignore
    const begun = { members: { voters: ["a"], learners: [] }, image: { revision: 0, rows: [] } };
    await world.settle(a.found({ generation: 1, begun }));
    a.learn({ generation: 1, voters: ["a"] });
    for (const one of [b, c]) one.learn({ generation: 1, voters: ["a"] });
    await world.until(() => a.leads);
    const voters = [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b"]];
    for (const [at, now] of voters.entries()) {
      if (at === 0) continue;
      const joiner = now.find((node) => !voters[at - 1]?.includes(node));
      if (joiner !== undefined) {
        const learning = { voters: voters[at - 1] ?? [], learners: [joiner] };
        await world.settle(a.take({ type: "learn", node: joiner, members: learning }));
        await world.until(() => a.state()?.others.find(({ node }) => node === joiner)?.behind === 0);
      }
      await world.settle(a.take({ type: joiner === undefined ? "leave" : "vote", node: joiner ?? "c", members: { voters: now, learners: [] } })); // prettier-ignore
      await world.pass(5_000);
      // Whoever reaches no leader asks: a voter that was removed is told by nobody.
      if (joiner === undefined) c.ask();
      await world.pass(1_000);
      for (const part of [a, b, c]) expect(part.lead.leader).to.equal("a");
      for (const part of [a, b, c]) expect(part.lead.voters).to.deep.equal(now);
    }
    for (const part of [a, b, c]) await world.settle(part.close());
  });

  it("knows who votes where two go at once, whoever tells what it heard before the last went", async () => {
    const world = new World(1);
    const clock = world.clock();
    const links = new Links(clock);
    const nodes = ["a", "b", "c"];
    const exchanges = new Map(nodes.map((node) => [node, links.exchange(node)]));
    const open = (node: string): ReplicatedPart => openPart(node, nodes, exchanges.get(node) as Exchange, clock);
    const parts = nodes.map(open);
    for (const [one, other] of [["a", "b"], ["a", "c"], ["b", "c"]] as const) links.link(one, other); // prettier-ignore
    const begun = { members: { voters: nodes, learners: [] }, image: { revision: 0, rows: [] } };
    for (const part of parts) await world.settle(part.found({ generation: 1, begun }));
    for (const part of parts) part.learn({ generation: 1, voters: nodes });
    await world.until(() => parts.some(({ leads }) => leads));
    const leader = parts.find(({ leads }) => leads) as ReplicatedPart;
    await world.settle((leader.voter as Voter).directory.read("voters"));
    const name = nodes[parts.indexOf(leader)] as string;
    const [second, third] = nodes.filter((node) => node !== name) as [string, string];
    const leave = (node: string, voters: readonly string[]): Promise<void> =>
      world.settle(leader.take({ type: "leave", node, members: { voters, learners: [] } }));
    await leave(third, [name, second]);
    const before = leader.lead;
    await leave(second, [name]);
    await world.pass(5_000);
    for (const part of parts) part.ask();
    await world.pass(1_000);
    const expectOne = (): void => {
      for (const part of parts) expect(part.lead).to.deep.include({ leader: name, voters: [name] });
    };
    expectOne();
    const { generation, term, since, voters } = before;
    const old = { generation, term, leader: name, voters: [...voters] };
    // The last is of a version that does not say of when it is.
    for (const said of [{ ...old, since }, old]) exchanges.get(second)?.send(third, "directory.leads", said);
    await world.pass(1_000);
    expectOne();
    for (const part of parts) await world.settle(part.close());
  });

  it("takes a change of the voters for one when it is agreed on: of a leader that was cut off with one that never came about, nobody hears", async () => {
    const world = new World(1);
    const clock = world.clock();
    const links = new Links(clock);
    const [voters, nodes] = [["a", "b", "c"], ["a", "b", "c", "d"]]; // prettier-ignore
    const open = (node: string): ReplicatedPart => openPart(node, nodes, links.exchange(node), clock);
    const parts = new Map(nodes.map((node) => [node, open(node)]));
    const partOf = (node: string): ReplicatedPart => parts.get(node) as ReplicatedPart;
    const pairs = (of: string): readonly string[] => nodes.filter((node) => node !== of);
    for (const node of nodes) for (const other of pairs(node)) if (node < other) links.link(node, other);
    const begun = { members: { voters, learners: [] }, image: { revision: 0, rows: [] } };
    for (const node of voters) await world.settle(partOf(node).found({ generation: 1, begun }));
    for (const part of parts.values()) part.learn({ generation: 1, voters });
    const leading = (some: readonly string[]): string | undefined => some.find((node) => partOf(node).leads);
    await world.until(() => leading(voters) !== undefined);
    const name = leading(voters) as string;
    await world.settle((partOf(name).voter as Voter).directory.read("voters"));
    const [second, third] = voters.filter((node) => node !== name) as [string, string];
    for (const other of pairs(name)) links.cut(name, other);
    const leave = { type: "leave", node: second, members: { voters: [name, third], learners: [] } } as const;
    void partOf(name)
      .take(leave)
      .catch(() => undefined);
    await world.pass(5);
    // The others elect twice.
    await world.until(() => leading([second, third]) !== undefined);
    links.cut(second, third);
    await world.pass(20_000);
    links.link(second, third);
    await world.until(() => leading([second, third]) !== undefined);
    await world.pass(3_000);
    for (const other of pairs(name)) links.link(name, other);
    await world.pass(60_000);
    for (const part of parts.values()) part.ask();
    await world.pass(60_000);
    for (const [node, { lead }] of parts) expect([...lead.voters].toSorted(), node).to.deep.equal(voters);
    for (const part of parts.values()) await world.settle(part.close());
  });

  it("opens a sole voter whose disk could not be read, and says at the first failure and when it is well", async () => {
    const world = new World(1);
    const store = new MemoryStore();
    const { log, logged } = keptLog();
    const ports = { node: "a", store, exchange: new Links(world.clock()).exchange("a"), clock: world.clock(), log };
    const part = createReplicatedPart({ ...ports, seed: () => 1, others: () => [], changed: () => undefined });
    const begun = { members: { voters: ["a"], learners: [] }, image: { revision: 0, rows: [] } };
    await world.settle(part.found({ generation: 1, begun }));
    store.unreadable = true;
    part.learn({ generation: 1, voters: ["a"] });
    await world.pass(10_000);
    expect(part.leads).to.equal(false);
    expect(part.trouble()).to.equal("the disk under the directory fails. The reason is in the log of this node");
    store.unreadable = false;
    await world.pass(directoryLimits.retryMaxMs + 2 * directoryLimits.electionTicks * directoryLimits.tickMs);
    expect(part.leads).to.equal(true);
    await world.pass(directoryLimits.retryMaxMs);
    expect(part.trouble(), "it was well for a while").to.equal(undefined);
    expect(logged.filter((name) => name !== "directory.led")).to.deep.equal([
      "directory.voter.unopened",
      "directory.voter.opened",
    ]);
    await world.settle(part.close());
  });

  it("begins a voter on a full disk less and less often, and says so once", async () => {
    const world = new World(1);
    const links = new Links(world.clock());
    const full = new (class extends MemoryStore {
      readonly triedMs: number[] = [];
      isFull = true;
      override async batch(ops: Parameters<MemoryStore["batch"]>[0]): Promise<void> {
        if (this.isFull) {
          this.triedMs.push(world.nowMs);
          throw new Error("ENOSPC");
        }
        await super.batch(ops);
      }
    })();
    const { log, logged } = keptLog();
    const open = (node: string, store: MemoryStore): ReplicatedPart =>
      createReplicatedPart({
        node,
        store,
        exchange: links.exchange(node),
        clock: world.clock(),
        log: node === "b" ? log : quietLog,
        seed: () => 1,
        others: () => ["a", "b"],
        changed: () => undefined,
      });
    const [a, b] = [open("a", new MemoryStore()), open("b", full)];
    links.link("a", "b");
    const begun = { members: { voters: ["a"], learners: [] }, image: { revision: 0, rows: [] } };
    await world.settle(a.found({ generation: 1, begun }));
    for (const part of [a, b]) part.learn({ generation: 1, voters: ["a"] });
    await world.until(() => a.leads);
    await world.settle(a.take({ type: "learn", node: "b", members: { voters: ["a"], learners: ["b"] } }));
    await world.pass(20_000);
    const pausesMs = full.triedMs.slice(1).map((atMs, at) => atMs - (full.triedMs[at] ?? 0));
    const { reloadMs, retryMaxMs, heartbeatTicks, tickMs } = directoryLimits;
    for (const [at, pauseMs] of pausesMs.entries()) {
      const leastMs = Math.min(retryMaxMs, reloadMs * 2 ** at);
      expect(pauseMs, `${at}`).to.be.within(leastMs, leastMs + 2 * heartbeatTicks * tickMs);
    }
    expect(pausesMs.length).to.be.within(9, 12);
    full.isFull = false;
    await world.until(() => a.state()?.others.find(({ node }) => node === "b")?.behind === 0);
    await world.pass(retryMaxMs);
    const names = logged.filter((name) => name !== "directory.led");
    expect(names).to.deep.equal(["directory.voter.unopened", "directory.voter.opened"]);
    for (const part of [a, b]) await world.settle(part.close());
  });
});
