import { expect } from "chai";
import { openDirectory, type PlacedDirectory } from "../../../../node/cluster/directory/place.ts";
import { rowRules } from "../../../fixtures/row-rules.ts";
import { createSizeLook, fitting } from "../../../../node/cluster/directory/size.ts";
import { seal } from "../../../../node/data-folder/seal.ts";
import {
  createEmbeddedDirectory,
  directoryLimits,
  type DirectoryLimits,
} from "../../../../node/cluster/directory/index.ts";
import { failureOf, type Role } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { Links, World } from "../../../world/index.ts";
import { RowStore } from "../../storage/fixture.ts";

type Ports = Parameters<typeof openDirectory>[1];

/** Managers of a cluster whose first keeps the directory, all linked and up. `how`: what differs at one of them. */
async function openManagers(
  world: World,
  nodes: readonly string[],
  how: (node: string) => Partial<Ports>,
  isUp: (node: string) => boolean = () => true,
) {
  const clock = world.clock();
  const links = new Links(clock);
  const members = nodes.map((node) => memberRecord(node, { roles: ["manager"] }));
  const all = new Map<string, PlacedDirectory>();
  for (const node of nodes) {
    const usual = { node, cluster: "c1", founding: node === nodes[0], store: new RowStore(), random: world.dice };
    const ports = {
      ...usual,
      rules: rowRules,
      exchange: links.exchange(node),
      clock,
      log: quietLog,
      placed: () => undefined,
    };
    all.set(node, openDirectory({ kind: "embedded", host: nodes[0] as string }, { ...ports, ...how(node) }));
  }
  const linkAll = (): void =>
    nodes.forEach((node, at) => nodes.slice(0, at).forEach((other) => links.link(node, other)));
  linkAll();
  for (const one of all.values()) {
    await one.opened();
    one.keepVoters({ members: () => members, isUp });
  }
  const close = async (): Promise<void> => {
    for (const one of all.values()) await one.close();
  };
  return { all, links, linkAll, keeper: all.get(nodes[0] as string) as PlacedDirectory, close };
}

/** Four of them, of which three vote by now, and the fourth. */
async function openFour(world: World) {
  const opened = await openManagers(world, ["a", "b", "c", "d"], () => ({}));
  while (opened.keeper.lead().voters.length < 3) await world.sleep(100);
  await world.sleep(1_000);
  const voting = opened.keeper.lead().voters;
  const client = [...opened.all].find(([node]) => !voting.includes(node))?.[1] as PlacedDirectory;
  return { ...opened, voting, client };
}

describe("the directory at its keeper", () => {
  it("takes changes of keys' rows from members that have keys, and from no other", async () => {
    const world = new World(1);
    const links = new Links(world.clock());
    const place = { kind: "embedded", host: "keeper" } as const;
    const disk = new MemoryStore();
    const open = (node: string) =>
      openDirectory(place, {
        node,
        cluster: "c1",
        founding: true,
        rules: rowRules,
        store: node === "keeper" ? disk : new RowStore(),
        exchange: links.exchange(node),
        clock: world.clock(),
        random: world.dice,
        log: quietLog,
        placed: () => undefined,
      });
    const keeper = open("keeper");
    await keeper.opened();
    const stopTime = world.flow();
    try {
      const members: Record<string, readonly Role[]> = {
        chat: ["chat"],
        manager: ["manager", "storage"],
        storage: ["storage", "ai"],
      };
      for (const [node, roles] of Object.entries(members)) {
        const row = { ...memberRecord(node), roles };
        expect((await keeper.directory.compareAndSet(`member/${node}`, row, 0)).applied).to.equal(true);
      }
      const outcomes: Record<string, string> = {};
      for (const node of [...Object.keys(members), "stranger"]) {
        links.link("keeper", node);
        const { directory } = open(node);
        outcomes[node] = await directory.compareAndSet(`keys/ring/${node}`, {}, 0).then(
          ({ applied }) => String(applied),
          (error: unknown) => failureOf(error).code,
        );
        // Everything else is every member's to change.
        expect((await directory.compareAndSet(`other/${node}`, {}, 0)).applied).to.equal(true);
      }
      expect(outcomes).to.deep.equal({ chat: "true", manager: "true", storage: "FORBIDDEN", stranger: "FORBIDDEN" });

      // A member that changes what has become newer meanwhile looks again; one that takes another's row is refused.
      const { directory } = open("manager");
      const before = await directory.read("member/chat");
      const revision = before?.revision ?? 0;
      const own = { ...memberRecord("chat"), roles: ["chat"], version: "9.9.9" };
      expect((await keeper.directory.compareAndSet("member/chat", own, revision)).applied).to.equal(true);
      const drained = { ...memberRecord("chat"), roles: ["chat"], state: "draining" };
      expect((await directory.compareAndSet("member/chat", drained, revision)).applied).to.equal(false);
      const newest = (await directory.read("member/chat"))?.revision ?? 0;
      const taken = directory.compareAndSet("member/chat", drained, newest);
      const refusal = await taken.catch((error: unknown) => failureOf(error).code);
      expect(refusal).to.equal("FORBIDDEN");
      expect((await directory.compareAndSet("member/chat", { ...own, state: "draining" }, newest)).applied).to.equal(
        true,
      );

      // A slot is its owner's until all who have it are taken out, and nobody comes back under another's id.
      const slot = { slot: "manager/7", epoch: 4, owner: "keeper", inSync: ["keeper", "chat"], learners: [] };
      expect((await keeper.directory.compareAndSet("slot/manager/7", slot, 0)).applied).to.equal(true);
      const mine = { ...slot, epoch: 5, owner: "manager", inSync: ["manager"], abandoned: 5 };
      const write = async (key: string, value: unknown): Promise<string> => {
        const row = await directory.read(key);
        const changed = await directory.compareAndSet(key, value, row?.revision ?? 0).catch(failureOf);
        return "code" in changed ? changed.code : String(changed.applied);
      };
      expect(await write("slot/manager/7", mine), "one who has it is a member").to.equal("FORBIDDEN");
      expect(await write("slot/manager/7", undefined)).to.equal("FORBIDDEN");
      const wanted = { ...slot, want: { owner: "manager", replicas: ["manager"] } };
      expect(await write("slot/manager/7", wanted)).to.equal("true");
      expect(await write("member/chat", undefined), "evicted").to.equal("true");
      expect(await write("slot/manager/7", mine), "nobody who has it is a member").to.equal("true");
      // One that guesses which revision its own change will make is not judged by the row of before.
      const held = await directory.read("slot/manager/7");
      const given = { ...mine, owner: "storage", inSync: ["storage"] };
      const slow = Promise.withResolvers<void>();
      disk.gate = slow.promise;
      const first = directory.compareAndSet("slot/manager/7", given, held?.revision ?? 0);
      const guessed = directory.compareAndSet("slot/manager/7", mine, (held?.revision ?? 0) + 1).catch(failureOf);
      await world.sleep(10);
      slow.resolve();
      expect((await first).applied).to.equal(true);
      expect(await guessed).to.have.property("code", "DIRECTORY_UNAVAILABLE");
      const other = { ...memberRecord("chat"), node: "0123456789abcdef", peer: "peer-of-another" };
      expect(await write("member/0123456789abcdef", other)).to.equal("FORBIDDEN");
      // One that guesses that a row is about to go is not let by unjudged.
      const there = await keeper.directory.compareAndSet("member/0123456789abcdef", other, 0);
      const slower = Promise.withResolvers<void>();
      disk.gate = slower.promise;
      const gone = directory.compareAndSet("member/0123456789abcdef", undefined, there.row?.revision ?? 0);
      const unjudged = directory.compareAndSet("member/0123456789abcdef", other, 0);
      await world.sleep(10);
      slower.resolve();
      expect((await gone).applied).to.equal(true);
      expect(await unjudged, "it came behind the removal").to.deep.equal({ applied: false, row: undefined });
    } finally {
      await stopTime();
    }
  });

  it("goes from one voter to three, and back, without a wait while there are two", async () => {
    const world = new World(3);
    const stopTime = world.flow();
    /** How many voted from when on. */
    const told: (readonly [voters: number, atMs: number])[] = [];
    const { keeper, close } = await openManagers(world, ["a", "b", "c"], (node) => ({
      placed(place) {
        if (node !== "a" || place.kind !== "replicated") return;
        if (told.at(-1)?.[0] !== place.voters.length) told.push([place.voters.length, world.nowMs]);
      },
    }));
    await world.sleep(20_000);
    const wish = await keeper.directory.compareAndSet("voters", { wanted: 1 }, 0);
    await world.sleep(20_000);
    await keeper.directory.compareAndSet("voters", { wanted: 3 }, wish.row?.revision ?? 0);
    await world.sleep(20_000);
    await close();
    await stopTime();
    expect(told.map(([voters]) => voters)).to.deep.equal([1, 2, 3, 2, 1, 2, 3]);
    const withTwoMs = told.flatMap(([voters, atMs], place) =>
      voters === 2 ? [(told[place + 1]?.[1] ?? Infinity) - atMs] : [],
    );
    // A look comes each half second.
    for (const ms of withTwoMs) expect(ms).to.be.lessThan(directoryLimits.voterCheckMs / 5);
  });

  it("takes a member's change with one message to each other voter, and one of each", async () => {
    const world = new World(6);
    const stopTime = world.flow();
    const { all, keeper, links, close, voting, client } = await openFour(world);
    try {
      const sent: string[] = [];
      links.loses = ([name], from, to) => {
        if (name === "directory.vote") sent.push(from === keeper.lead().leader ? `to ${to}` : `of ${from}`);
        return false;
      };
      let revision = 0;
      const changes = 20;
      const sinceMs = world.nowMs;
      for (let count = 1; count <= changes; count += 1) {
        const { row } = await client.directory.compareAndSet("policy", { replicas: count, minInSync: 1 }, revision);
        revision = row?.revision ?? 0;
      }
      const heartbeats = Math.ceil((world.nowMs - sinceMs) / (directoryLimits.heartbeatTicks * directoryLimits.tickMs));
      expect(sent.length).to.be.within(4 * changes - 4, 4 * (changes + heartbeats + 1));
      // They hear with the next heartbeat what they were not told at once.
      await world.sleep(2 * directoryLimits.heartbeatTicks * directoryLimits.tickMs);
      const leader = keeper.lead().leader;
      expect(voting.filter((node) => node !== leader).map((node) => all.get(node)?.size()?.bytes)).to.deep.equal(
        Array.from({ length: 2 }, () => all.get(leader ?? "")?.size()?.bytes),
      );
    } finally {
      await close();
      await stopTime();
    }
  });

  it("refuses nothing for good by the rows of a leader that leads no more", async () => {
    const world = new World(6);
    const stopTime = world.flow();
    const { keeper, links, close, voting, client } = await openFour(world);
    try {
      const { leader = "" } = keeper.lead();
      const asked = (): Promise<unknown> =>
        client.directory.compareAndSet("keys/ring/x", {}, 0).catch((error: unknown) => failureOf(error).code);
      expect(await asked(), "it leads").to.equal("FORBIDDEN");
      for (const other of voting) if (other !== leader) links.cut(leader, other);
      expect(await asked(), "it may lead no more").to.equal("DIRECTORY_UNAVAILABLE");
    } finally {
      await close();
      await stopTime();
    }
  });

  it("lets nobody vote that has not said what it has, and opens a voter again whose disk failed", async () => {
    const world = new World(5);
    const stopTime = world.flow();
    const failing = new MemoryStore();
    failing.nextFails = "lost";
    const store = (node: string): Partial<Ports> => ({ store: node === "b" ? failing : new MemoryStore() });
    const { keeper, close } = await openManagers(world, ["a", "b", "c"], store);
    try {
      const votersWhenFailed: number[] = [];
      while (keeper.lead().voters.length < 3 && world.nowMs < 30_000) {
        await world.sleep(100);
        if (failing.nextFails === "lost") votersWhenFailed.push(keeper.lead().voters.length);
      }
      expect(failing.nextFails).to.equal(undefined);
      expect(Math.max(...votersWhenFailed)).to.be.at.most(1);
      expect(keeper.lead().voters).to.have.length(3);
      expect((await keeper.directory.compareAndSet("policy", { replicas: 3, minInSync: 1 }, 0)).applied).to.equal(true);
    } finally {
      await close();
      await stopTime();
    }
  });

  it("grows from a folder of the first version to seven voters, and replaces one that stays away, which comes back without a vote", async () => {
    const world = new World(4);
    const stopTime = world.flow();
    const nodes = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const down = new Set<string>();
    const awayMs = 10_000;
    const old = new RowStore();
    const record = { slot: "chat/5", epoch: 4, owner: "a", inSync: ["a"], learners: [] };
    await old.batch([
      { type: "put", key: "directory/chat/5", value: seal("directory/chat/5", { ...record, revision: 9 }) },
    ]);
    const at = (node: string): Partial<Ports> => ({
      founding: false,
      rules: rowRules,
      ...(node === "a" && { store: old }),
      limits: { voterAwayMs: awayMs },
    });
    const isUp = (node: string): boolean => !down.has(node);
    const { all, links, linkAll, keeper: first, close } = await openManagers(world, nodes, at, isUp);
    await first.directory.compareAndSet("voters", { wanted: 7 }, 0);
    await world.sleep(30_000);
    const { leader, voters: seven } = first.lead();
    expect(seven).to.have.length(7);
    const gone = seven.find((node) => node !== leader && node !== "a") as string;
    const spare = nodes.find((node) => !seven.includes(node)) as string;
    down.add(gone);
    for (const other of nodes) if (other !== gone) links.cut(gone, other);
    await world.sleep(awayMs / 2);
    expect([...first.lead().voters].sort(), "it is waited for").to.deep.equal([...seven].sort());
    await world.sleep(awayMs);
    const others = [...seven.filter((node) => node !== gone), spare].sort();
    expect([...first.lead().voters].sort()).to.deep.equal(others);
    down.delete(gone);
    linkAll();
    await world.sleep(5_000);
    const back = all.get(gone) as PlacedDirectory;
    expect([...back.lead().voters].sort()).to.deep.equal(others);
    for (const one of [first, back]) expect((await one.directory.read("slot/chat/5"))?.value).to.deep.equal(record);
    await close();
    await stopTime();
  });

  it("stays with one node where three managers are up and one voter is wanted, until that is wanted no more", async () => {
    const world = new World(2);
    const clock = world.clock();
    const links = new Links(clock);
    const stopTime = world.flow();
    const keeper = openDirectory(
      { kind: "embedded", host: "a" },
      {
        node: "a",
        cluster: "c1",
        founding: true,
        rules: rowRules,
        store: new RowStore(),
        exchange: links.exchange("a"),
        clock,
        random: world.dice,
        log: quietLog,
        placed: () => undefined,
      },
    );
    await keeper.opened();
    const wish = await keeper.directory.compareAndSet("voters", { wanted: 1 }, 0);
    const members = ["a", "b", "c"].map((node) => memberRecord(node, { roles: ["manager"] }));
    keeper.keepVoters({ members: () => members, isUp: () => true });
    await world.sleep(30_000);
    const [before] = [keeper.info().kind];
    await keeper.directory.compareAndSet("voters", { wanted: 3 }, wish.row?.revision ?? 0);
    await world.sleep(5_000);
    const after = keeper.info().kind;
    await keeper.close();
    await stopTime();
    expect([before, after]).to.deep.equal(["embedded", "replicated"]);
  });

  /** One node keeps a row of 543 bytes, which a version that knew no bound has taken, and two more managers are up. */
  async function withLargeRow(limits: Partial<DirectoryLimits>) {
    const world = new World(3);
    const clock = world.clock();
    const stopTime = world.flow();
    const store = new RowStore();
    const { row } = await createEmbeddedDirectory({ store }).compareAndSet("config/a", "x".repeat(500), 0);
    const logged: unknown[] = [];
    const keeper = openDirectory({ kind: "embedded", host: "a" } as const, {
      node: "a",
      cluster: "c1",
      founding: true,
      rules: rowRules,
      store,
      exchange: new Links(clock).exchange("a"),
      clock,
      random: world.dice,
      log: { ...quietLog, warn: (name, facts) => void logged.push([name, facts]) },
      placed: () => undefined,
      limits,
    });
    await keeper.opened();
    const members = ["a", "b", "c"].map((node) => memberRecord(node, { roles: ["manager"] }));
    keeper.keepVoters({ members: () => members, isUp: () => true });
    await world.sleep(30_000);
    const kind = keeper.info().kind;
    await keeper.directory.compareAndSet("config/a", "x", row?.revision ?? 0);
    await world.sleep(5_000);
    const kindWithFewer = keeper.info().kind;
    await keeper.close();
    await stopTime();
    return { kind, kindWithFewer, logged };
  }

  it("stays with one node while its rows are more than voters may have, says so once, and goes on with fewer", async () => {
    const size = { rows: 1, rowsMax: directoryLimits.rowsMax, bytes: 543, bytesMax: 542 };
    expect(await withLargeRow({ rowsBytesMax: 400, growthBytesMax: 142 })).to.deep.equal({
      kind: "embedded",
      kindWithFewer: "replicated",
      logged: [["directory.unreplicated", size]],
    });
  });

  it("goes to voters where rows have grown as far beyond the bound as they may", async () => {
    const { kind, logged } = await withLargeRow({ rowsBytesMax: 400, growthBytesMax: 143 });
    expect({ kind, logged }).to.deep.equal({ kind: "replicated", logged: [] });
    const image = { rows: [{ key: "config/a", value: "x".repeat(500), revision: 1 }] };
    const limits = { ...directoryLimits, rowsBytesMax: 400 };
    expect(fitting(image, { ...limits, growthBytesMax: 143 })).to.equal(image);
    expect(() => fitting(image, { ...limits, growthBytesMax: 142 })).to.throw("DIRECTORY_FULL");
  });

  it("says once to the log that it is nearly full, with what takes how much, and measures it always", () => {
    const logged: unknown[] = [];
    const gauges = new Map<string, number>();
    const look = createSizeLook({
      log: { ...quietLog, warn: (name, facts) => void logged.push([name, facts]) },
      meter: { ...quietMeter, gauge: (name, value) => void gauges.set(name, value) },
      limits: { ...directoryLimits, rowsMax: 10, rowsBytesMax: 1_000 },
    });
    const kept = (count: number, bytes: number) => ({ count, bytes, byKind: () => ({ slot: bytes }) });
    expect(look(undefined)).to.equal(undefined);
    expect([...gauges]).to.deep.equal([]);
    look(kept(7, 799));
    expect(logged).to.deep.equal([]);
    const size = { rows: 7, rowsMax: 10, bytes: 800, bytesMax: 1_000 };
    expect(look(kept(7, 800))).to.deep.equal({ directorySize: size });
    look(kept(7, 900));
    expect(logged).to.deep.equal([["directory.nearlyFull", { ...size, bytesOf: { slot: 800 } }]]);
    const told = { directory_rows: 7, directory_bytes: 900, directory_filled_ratio: 0.9 };
    expect(Object.fromEntries(gauges)).to.deep.equal(told);
    look(kept(1, 10));
    look(kept(8, 10));
    expect(logged).to.have.length(2);
  });
});
