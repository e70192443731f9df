import { expect } from "chai";
import type { Voter } from "../../../../node/cluster/directory/raft/voter.ts";
import type { DirectoryRow } from "../../../../node/ports/index.ts";
import type { MemoryStore } from "../../../conformance/directory-store.ts";
import { codeOf, Watching } from "../../../conformance/directory.ts";
import { depth } from "../../../depth.ts";
import { directoryLimits } from "../../../../node/cluster/directory/index.ts";
import { failureOf } from "../../../../protocols/index.ts";
import { names, Voters } from "./voters-fixture.ts";

describe("the voters of a replicated directory", () => {
  it("keep every change that was acknowledged, and none twice, whoever dies, is cut off or has a disk that fails", async function () {
    for (let seed = 1; seed <= depth(12, 400); seed += 1) {
      const voters = new Voters(seed);
      const { world, links, client } = voters;
      const { dice } = world;
      const stopTime = world.flow();
      for (const name of names) await voters.open(name);
      const watching = new Watching();
      const stopWatching = client.watch("n", watching);
      let [acknowledged, unknown] = [0, 0];
      const values = new Set<number>();
      const increment = async (): Promise<void> => {
        const row = await client.read("n").catch(() => null);
        if (row === null) return;
        const next = ((row?.value as number | undefined) ?? 0) + 1;
        try {
          const { applied } = await client.compareAndSet("n", next, row?.revision ?? 0);
          if (!applied) return;
          acknowledged += 1;
          expect(values.has(next), `${next} was acknowledged twice in seed ${seed}`).to.equal(false);
          values.add(next);
        } catch {
          unknown += 1;
        }
      };
      for (let round = 0; round < 40; round += 1) {
        const name = dice.pick(names);
        const work = [increment(), increment(), increment()];
        const what = dice.number();
        if (what < 0.1) await voters.kill(name);
        else if (what < 0.2) links.cut(name, dice.pick([...names, "client"].filter((other) => other !== name)));
        else if (what < 0.3) (voters.stores.get(name) as MemoryStore).nextFails = dice.pick(["written", "lost"]);
        else if (what < 0.5)
          for (const one of voters.voters.keys())
            for (const other of [...voters.voters.keys(), "client"]) if (one !== other) links.link(one, other);
        await Promise.all(work);
        await world.sleep(dice.between(0, dice.pick([20, 300, 1_500])));
        await Promise.all([increment(), increment()]);
        for (const one of names) if (!voters.voters.has(one) && dice.chance(0.4)) await voters.open(one);
      }
      for (const one of names) if (!voters.voters.has(one)) await voters.open(one);
      for (const one of names) for (const other of [...names, "client"]) if (one !== other) links.link(one, other);
      let last = await client.read("n").catch(() => undefined);
      while (last === undefined) {
        await world.sleep(100);
        await increment();
        last = await client.read("n").catch(() => undefined);
      }
      // A life without any would prove nothing.
      expect(acknowledged, `seed ${seed}`).to.be.greaterThan(5);
      expect(last.value, `seed ${seed}`).to.be.within(acknowledged, acknowledged + unknown);
      for (const value of values) expect(value).to.be.at.most(last.value as number);
      await watching.until(() => watching.current && watching.rows.get("n")?.revision === last.revision);
      stopWatching();
      await voters.stop();
      await stopTime();
    }
  });

  it("have another leader soon after the lines to the last one broke", async () => {
    const tookMs: number[] = [];
    for (let seed = 1; seed <= 20; seed += 1) {
      const voters = new Voters(seed);
      const { world } = voters;
      const stopTime = world.flow();
      for (const name of names) await voters.open(name);
      while (voters.leading().length === 0) await world.sleep(10);
      await world.sleep(500);
      const sinceMs = world.nowMs;
      await voters.kill(voters.leading()[0] as string);
      while (voters.leading().length === 0) await world.sleep(10);
      tookMs.push(world.nowMs - sinceMs);
      await voters.stop();
      await stopTime();
    }
    // Twice as long where they wait until it was silent for long enough.
    expect(tookMs.reduce((sum, ms) => sum + ms) / tookMs.length).to.be.lessThan(
      (directoryLimits.electionTicks * directoryLimits.tickMs) / 2,
    );
  });

  it("put nothing into the log that another voter would not take, whatever the leader itself is asked for", async () => {
    const voters = new Voters(1);
    const { world, links } = voters;
    const stopTime = world.flow();
    for (const name of names) await voters.open(name);
    while (voters.leading().length === 0) await world.sleep(50);
    const leader = voters.leading()[0] as string;
    const { directory } = voters.voters.get(leader) as Voter;
    const { row } = await directory.compareAndSet("invitation/1", { used: false }, 0);
    // As whoever lets a node join does: the whole row that was read is the guard.
    const joined = await directory.compareAndSet("member/x", { node: "x" }, 0, row);
    expect(joined.applied).to.equal(true);
    expect(await codeOf(directory.compareAndSet("member/y", 1, 0, { key: "k".repeat(257), revision: 0 }))).to.equal(
      "BAD_REQUEST",
    );
    const many = Array.from({ length: 10 }, (_, at) => `http://e${at}:2379`);
    expect(
      await codeOf(
        (voters.voters.get(leader) as Voter).depart({ endpoints: many, prefix: "plexus/" }, async () => undefined),
      ),
    ).to.equal("BAD_REQUEST");
    expect(await codeOf(directory.compareAndSet("member/y", { at: new Date(0) }, 0))).to.equal("BAD_REQUEST");
    expect((await directory.compareAndSet("member/z", 1, 0)).applied).to.equal(true);
    await world.sleep(1_000);
    expect([...voters.voters.values()].map((voter) => voter.revision())).to.deep.equal([3, 3, 3]);
    for (const name of names)
      expect(links.transport(name).peers(), name).to.include.members(names.filter((one) => one !== name));
    await voters.stop();
    await stopTime();
  });

  it("judge a change by what was acknowledged before, also where another has just begun to lead", async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const voters = new Voters(seed);
      const { world, client } = voters;
      const stopTime = world.flow();
      for (const name of names) await voters.open(name);
      while (voters.leading().length === 0) await world.sleep(10);
      const { row } = await client.compareAndSet("n", 1, 0);
      // The others have the change, and have not heard that it counts.
      const last = voters.leading()[0] as string;
      for (const other of [...names, "client"]) voters.links.cut(last, other);
      const judged = Promise.withResolvers<DirectoryRow | undefined>();
      for (const [name, voter] of voters.voters)
        voter.onLeader((leader) => void (leader === name && voter.readToChange("n").then(judged.resolve)));
      expect(await judged.promise, `seed ${seed}`).to.deep.equal(row);
      // Who was the leader may believe so still: what rests on its rows does not come about.
      const old = voters.voters.get(last) as Voter;
      expect(await codeOf(old.readToChange("n"))).to.be.oneOf(["nothing", "DIRECTORY_UNAVAILABLE"]);
      expect(await codeOf(old.directory.compareAndSet("n", 2, 1))).to.equal("DIRECTORY_UNAVAILABLE");
      await voters.stop();
      await stopTime();
    }
  });

  it("refuse where they do not lead, without asking anybody", async () => {
    const voters = new Voters(1);
    const stopTime = voters.world.flow();
    for (const name of names) await voters.open(name);
    while (voters.leading().length === 0) await voters.world.sleep(50);
    const other = names.find((name) => voters.leading()[0] !== name) as string;
    const directory = (voters.voters.get(other) as Voter).directory;
    expect(await codeOf(directory.read("a"))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(await codeOf(directory.compareAndSet("a", 1, 0))).to.equal("DIRECTORY_UNAVAILABLE");
    await voters.stop();
    await stopTime();
  });

  it("give their rows to another place once, with all that was acknowledged, whoever dies, is cut off or has a disk that fails meanwhile", async function () {
    let outdone = 0;
    for (let seed = 1; seed <= depth(30, 600); seed += 1) {
      const voters = new Voters(seed);
      const { world, links, client } = voters;
      const { dice } = world;
      const stopTime = world.flow();
      for (const name of names) await voters.open(name);
      let [acknowledged, unknown] = [0, 0];
      const increment = async (): Promise<void> => {
        const row = await client.read("n").catch(() => null);
        if (row === null) return;
        const next = ((row?.value as number | undefined) ?? 0) + 1;
        const said = await client.compareAndSet("n", next, row?.revision ?? 0).then(
          ({ applied }) => (applied ? "applied" : "not"),
          (error: unknown) => failureOf(error).code,
        );
        if (said === "applied") acknowledged += 1;
        if (said === "DIRECTORY_UNAVAILABLE") unknown += 1;
      };
      /** What each place was given, by its name. */
      const copies = new Map<string, readonly DirectoryRow[]>();
      const depart = async (fails: boolean): Promise<void> => {
        const from = voters.voters.get(voters.leading()[0] ?? "");
        const prefix = `place ${copies.size}`;
        await from
          ?.depart({ endpoints: ["http://e"], prefix, generation: 2 }, async (rows) => {
            copies.set(prefix, rows);
            await world.sleep(dice.pick([0, 50, 1_500]));
            if (fails) throw new Error("the other place is full");
          })
          .catch(() => undefined);
      };
      const linkAll = (): void => {
        for (const one of voters.voters.keys())
          for (const other of [...voters.voters.keys(), "client"]) if (one !== other) links.link(one, other);
      };
      for (let round = 0; round < 30; round += 1) {
        const name = dice.pick(names);
        const work = [increment(), increment()];
        const what = dice.number();
        if (what < 0.1) await voters.kill(name);
        else if (what < 0.2) links.cut(name, dice.pick([...names, "client"].filter((other) => other !== name)));
        else if (what < 0.3) (voters.stores.get(name) as MemoryStore).nextFails = dice.pick(["written", "lost"]);
        else if (what < 0.5) linkAll();
        if (round > 8 && dice.chance(0.3)) void depart(dice.chance(0.3));
        await Promise.all(work);
        await world.sleep(dice.between(0, dice.pick([20, 300, 1_500])));
        for (const one of names) if (!voters.voters.has(one) && dice.chance(0.4)) await voters.open(one);
      }
      // Everybody is back, and is told.
      while (new Set(voters.homes).size === 0 || (await codeOf(client.read("n"))) !== "DIRECTORY_MOVED") {
        for (const one of names) if (!voters.voters.has(one)) await voters.open(one);
        linkAll();
        await world.sleep(500);
        await depart(false);
      }
      const places = new Set(voters.homes.map((home) => ("prefix" in home ? home.prefix : "voters")));
      expect([...places], `seed ${seed}`).to.have.length(1);
      const moved = copies.get([...places][0] as string);
      const value = (moved?.find(({ key }) => key === "n")?.value as number | undefined) ?? 0;
      expect(value, `seed ${seed}`).to.be.within(acknowledged, acknowledged + unknown);
      outdone += copies.size - 1;
      for (const [name, voter] of voters.voters) {
        const said = await codeOf(voter.directory.compareAndSet("n", "late", 0));
        expect(said, `${name} in seed ${seed}`).to.be.oneOf(["DIRECTORY_MOVED", "DIRECTORY_UNAVAILABLE"]);
      }
      await voters.stop();
      await stopTime();
    }
    expect(outdone, "moves that did not come about").to.be.greaterThan(depth(4, 100));
  });

  it("say where the rows are after a restart, and to who lacked the move", async () => {
    const voters = new Voters(7);
    const { world, client } = voters;
    const stopTime = world.flow();
    for (const name of names) await voters.open(name);
    while (voters.leading().length === 0) await world.sleep(50);
    const [leader = ""] = voters.leading();
    const [away = "", other = ""] = names.filter((name) => name !== leader);
    const before = await client.compareAndSet("n", 1, 0);
    await voters.kill(away);
    const home = { endpoints: ["http://e"], prefix: "p/", generation: 2 };
    const given: unknown[] = [];
    const watching = new Watching();
    const stopWatching = client.watch("", watching);
    await watching.until(() => watching.current);
    const leading = voters.voters.get(leader) as Voter;
    await leading.depart(home, async (rows, revision) => {
      given.push({ rows, revision });
      // A second one is refused, and a change waits for the outcome.
      expect(await codeOf(leading.depart(home, async () => undefined))).to.equal("ALREADY_DONE");
    });
    expect(given).to.deep.equal([{ rows: [before.row], revision: 1 }]);
    await watching.until(() => !watching.current);
    expect(await codeOf(client.compareAndSet("n", 2, 1))).to.equal("DIRECTORY_MOVED");
    expect(await codeOf(leading.directory.read("n"))).to.equal("DIRECTORY_MOVED");
    await voters.kill(leader);
    await voters.kill(other);
    voters.homes.length = 0;
    for (const name of names) await voters.open(name);
    await world.sleep(5_000);
    expect(voters.homes).to.deep.equal([home, home, home]);
    for (const { directory } of voters.voters.values())
      expect(await codeOf(directory.list(""))).to.equal("DIRECTORY_MOVED");
    stopWatching();
    await voters.stop();
    await stopTime();
  });

  it("keep rows that another leader has changed since they were copied", async () => {
    const voters = new Voters(3);
    const { world, client } = voters;
    const stopTime = world.flow();
    for (const name of names) await voters.open(name);
    const leads = async (name?: string): Promise<string> => {
      for (;;) {
        const [leader] = voters.leading();
        if (leader !== undefined && (name === undefined || leader === name)) return leader;
        if (leader !== undefined && name !== undefined) voters.voters.get(leader)?.handOver(name);
        await world.sleep(50);
      }
    };
    const first = await leads();
    await client.compareAndSet("n", 1, 0);
    const departing = (voters.voters.get(first) as Voter).depart(
      { endpoints: ["http://e"], prefix: "p/", generation: 2 },
      async () => {
        await leads(names.find((name) => name !== first));
        expect((await client.compareAndSet("n", 2, 1)).applied).to.equal(true);
        await leads(first);
      },
    );
    const said = await codeOf(departing);
    const after = await codeOf(client.compareAndSet("n", 3, 2));
    await voters.stop();
    await stopTime();
    expect([said, after]).to.deep.equal(["DIRECTORY_UNAVAILABLE", "nothing"]);
    expect(voters.homes).to.deep.equal([]);
  });
});
