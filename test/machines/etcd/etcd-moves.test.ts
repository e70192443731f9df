import { expect } from "chai";
import { openDirectory, type PlacedDirectory } from "../../../node/cluster/directory/place.ts";
import { rowRules } from "../../fixtures/row-rules.ts";
import { etcdPrefix, type DirectoryPlace } from "../../../node/data-folder/home.ts";
import {
  createEtcdDirectory,
  directoryLimits,
  foundVoter,
  type DirectoryLimits,
  type EtcdDirectory,
  type VotersHome,
} from "../../../node/cluster/directory/index.ts";
import { createClock } from "../../../node/platform/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { codeOf, Watching } from "../../conformance/directory.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog as log } from "../../fixtures/quiet.ts";
import { Dice, Links } from "../../world/index.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { findEtcd, startEtcd, type EtcdCluster } from "../../fixtures/processes/etcd-server.ts";

const clock = createClock();
// Shorter waits than in life: what has to be noticed is noticed within the test.
const limits = { ...directoryLimits, checkMs: 300, callTimeoutMs: 2_000, retryMinMs: 20, leaveMs: 500 };
const etcd = findEtcd();

if ("missing" in etcd) {
  describe("a directory that moves between voters and etcd", () => {
    it.skip(`is not tested: ${etcd.missing}`, () => undefined);
  });
} else {
  describe("a directory that moves between voters and etcd", () => {
    let cluster: EtcdCluster;
    let opened: { close(): void | Promise<void> }[] = [];
    before(async function () {
      cluster = await startEtcd(etcd.path, 1);
    });
    after(() => cluster.stop());
    afterEach(async () => {
      const closing = opened;
      opened = [];
      for (const one of closing) await one.close();
    });
    let lastPrefix = 0;
    const connectTo = (prefix: string, onMoved?: (home: VotersHome) => void): EtcdDirectory => {
      const { endpoints } = cluster;
      const directory = createEtcdDirectory({ endpoints, prefix, clock, log, limits, founding: true, ...(onMoved && { onMoved }) }); // prettier-ignore
      opened.push(directory);
      return directory;
    };

    it("gives all rows to one that copies them, changes none meanwhile, and says from then on where they are", async () => {
      const prefix = `/moves-${(lastPrefix += 1)}/`;
      const homes: VotersHome[] = [];
      const [near, far] = [connectTo(prefix), connectTo(prefix, (home) => homes.push(home))];
      const keys = Array.from({ length: 600 }, (_, index) => `slot/chat/${index}`);
      await near.fill(
        "keeper",
        keys.map((key) => ({ key, value: key, revision: 1 })),
        1_000,
      );
      const watching = new Watching();
      far.watch("", watching);
      await watching.until(() => watching.current);
      const rows = await far.list("");

      // A copy that fails changes nothing, and its generation is never given again.
      const given: number[] = [];
      const failing = near.handOver(["a"], async (generation) => {
        given.push(generation);
        expect(await codeOf(far.compareAndSet("policy", "early", 0))).to.equal("DIRECTORY_UNAVAILABLE");
        expect(await codeOf(far.read("policy"))).to.equal("DIRECTORY_UNAVAILABLE");
        expect(await codeOf(far.handOver(["b"], async () => undefined))).to.equal("DIRECTORY_UNAVAILABLE");
        throw new Error("the disk is full");
      });
      expect(await codeOf(failing)).to.equal("INTERNAL");
      expect(await far.list("")).to.deep.equal(rows);
      const row = await far.read("slot/chat/7");
      const now = await far.compareAndSet("slot/chat/7", "later", row?.revision ?? 0);
      expect(now.applied).to.equal(true);
      await watching.until(() => watching.current && watching.rows.get("slot/chat/7")?.value === "later");

      let copied: readonly unknown[] = [];
      let highest = 0;
      const { home } = await near.handOver(["a"], async (generation, all, revision) => {
        given.push(generation);
        copied = all;
        highest = revision;
      });
      expect([home, given]).to.deep.equal([{ generation: 2, voters: ["a"] }, [1, 2]]);
      const byKey = (one: { readonly key: string }, other: { readonly key: string }): number =>
        one.key < other.key ? -1 : 1;
      const changed = [...rows.filter(({ key }) => key !== "slot/chat/7"), now.row as (typeof rows)[0]];
      expect(copied).to.deep.equal(changed.toSorted(byKey));
      expect(highest).to.be.greaterThan(now.row?.revision ?? Infinity);
      for (const directory of [near, far]) {
        expect(await codeOf(directory.read("slot/chat/7"))).to.equal("DIRECTORY_MOVED");
        expect(await codeOf(directory.compareAndSet("slot/chat/7", "late", now.row?.revision ?? 0))).to.equal(
          "DIRECTORY_MOVED",
        );
        expect(await codeOf(directory.list(""))).to.equal("DIRECTORY_MOVED");
      }
      await watching.until(() => !watching.current);
      expect(homes).to.deep.include(home);
      // Whoever comes later is told, and begins nothing there.
      expect(await codeOf(connectTo(prefix).opened())).to.equal("DIRECTORY_MOVED");
      expect(await codeOf(connectTo(prefix).fill("other", [], 9))).to.equal("DIRECTORY_MOVED");
    });

    it("stays in etcd when whoever copies it falls silent, and what that one still sends has no effect", async () => {
      const prefix = `/moves-${(lastPrefix += 1)}/`;
      const [near, far] = [connectTo(prefix), connectTo(prefix)];
      const { row } = await near.compareAndSet("policy", 1, 0);
      const handing = near.handOver(["a"], async () => {
        await until("the others undo it", async () => {
          if ((await far.read("policy"))?.revision !== row?.revision) throw new Error("no row");
        });
        expect((await far.compareAndSet("policy", 2, row?.revision ?? 0)).applied).to.equal(true);
      });
      expect(await codeOf(handing)).to.equal("DIRECTORY_UNAVAILABLE");
      expect((await near.read("policy"))?.value).to.equal(2);
      const { home } = await far.handOver(["b"], async () => undefined);
      expect(home).to.deep.equal({ generation: 2, voters: ["b"] });
    });

    /** One node whose directory is in etcd, or with itself as the only voter. */
    const nodeAt = async (store: MemoryStore, place: DirectoryPlace, more: Partial<DirectoryLimits> = {}) => {
      const places: DirectoryPlace[] = [place];
      const directory = openDirectory(place, {
        node: "a",
        cluster: `c${lastPrefix}`,
        founding: false,
        rules: rowRules,
        store,
        exchange: new Links(clock).exchange("a"),
        clock,
        random: new Dice(1),
        log,
        placed: (next) => void places.push(next),
        limits: { ...limits, ...more },
      });
      await directory.opened();
      directory.keepVoters({ members: () => [memberRecord("a", { roles: ["manager"] })], isUp: () => true });
      opened.push(directory);
      return { directory, places };
    };
    const never = new Promise<never>(() => undefined);

    for (const step of ["before its copy is on its disk", "when its copy is on its disk"])
      it(`is in etcd as before when the manager that copies it dies ${step}, and the same move comes about afterwards`, async () => {
        const prefix = etcdPrefix(`c${(lastPrefix += 1)}`, 1);
        const place = { kind: "etcd", endpoints: cluster.endpoints, prefix, generation: 1 } as const;
        const far = connectTo(prefix);
        const { row } = await far.compareAndSet("policy", "before", 0);
        const store = new MemoryStore();
        const dying = connectTo(prefix);
        let given = 0;
        await new Promise<void>((died, failed) => {
          const handing = dying.handOver(["a"], async (generation, rows, revision) => {
            given = generation;
            const begun = { members: { voters: ["a"], learners: [] }, image: { revision, rows } };
            if (step !== "before its copy is on its disk") await foundVoter(store, { generation, begun });
            // Of a process that is gone nothing comes any more.
            dying.close();
            died();
            return never;
          });
          handing.catch(failed);
        });
        await until("the others undo it", async () => {
          expect((await far.read("policy"))?.revision).to.equal(row?.revision);
        });
        expect((await far.compareAndSet("policy", "after", row?.revision ?? 0)).applied).to.equal(true);

        // It starts again on its folder: in etcd. The same command moves it, in a generation that was given to nobody.
        const { directory, places } = await nodeAt(store, place);
        expect((await directory.directory.read("policy"))?.value).to.equal("after");
        expect(await directory.migrate()).to.deep.equal({ ok: true, value: { rows: 1 } });
        await until("it keeps it", async () => {
          expect((await directory.directory.read("policy"))?.value).to.equal("after");
        });
        expect(places.at(-1)).to.deep.equal({ kind: "replicated", generation: given + 1, voters: ["a"] });
      });

    it("is with the voters as before when the one that fills etcd dies, and the same move comes about afterwards", async () => {
      lastPrefix += 1;
      const store = new MemoryStore();
      const rows = Array.from({ length: 250 }, (_, at) => ({ key: `slot/chat/${at}`, value: at, revision: at + 1 }));
      const begun = { members: { voters: ["a"], learners: [] }, image: { revision: 250, rows } };
      await foundVoter(store, { generation: 1, begun });
      const place = { kind: "replicated", generation: 1, voters: ["a"] } as const;
      // What an earlier attempt left there says that it is whole, and is not: nothing of it counts before the voters
      // say so.
      const prefix = etcdPrefix(`c${lastPrefix}`, 2);
      const dying = connectTo(prefix);
      await dying.fill("voters/1", rows.slice(0, 120), 250);
      dying.close();
      const { directory, places } = await nodeAt(store, place);
      await until("it leads", async () => {
        const row = await directory.directory.read("slot/chat/7");
        expect((await directory.directory.compareAndSet("slot/chat/7", "later", row?.revision ?? 0)).applied).to.equal(
          true,
        );
      });
      expect(directory.info()).to.include({ kind: "replicated", generation: 1 });
      expect(await directory.migrate(cluster.endpoints)).to.deep.equal({ ok: true, value: { rows: 250 } });
      expect(places.at(-1)).to.include({ kind: "etcd", prefix, generation: 2 });
      expect((await directory.directory.read("slot/chat/7"))?.value).to.equal("later");
      expect(await directory.directory.list("slot/")).to.have.length(250);
    });

    it("stays in etcd where it has more rows than voters may, and says so", async () => {
      const prefix = etcdPrefix(`c${(lastPrefix += 1)}`, 1);
      const far = connectTo(prefix);
      const { row } = await far.compareAndSet("config/a", "x".repeat(500), 0);
      const place = { kind: "etcd", endpoints: cluster.endpoints, prefix, generation: 1 } as const;
      const { directory } = await nodeAt(new MemoryStore(), place, { rowsBytesMax: 400, growthBytesMax: 100 });
      const refusal = await directory.migrate();
      expect(refusal.ok ? "moved" : refusal.error.code).to.equal("DIRECTORY_FULL");
      expect(directory.info().kind).to.equal("etcd");
      expect((await far.compareAndSet("config/a", "x", row?.revision ?? 0)).applied).to.equal(true);
      expect(await directory.migrate()).to.deep.equal({ ok: true, value: { rows: 1 } });
    });

    it("goes from one to three voters, to etcd, to managers and to etcd again while it is used, and loses no change; a node that was away follows", async function () {
      const links = new Links(clock);
      const names = ["a", "b", "c", "d"];
      const stores = new Map(names.map((name) => [name, new MemoryStore()]));
      const places = new Map<string, DirectoryPlace>();
      const placed = new Map<string, PlacedDirectory>();
      const isUp = (name: string): boolean => placed.has(name);
      const members = names.map((name) => memberRecord(name, { roles: name === "d" ? ["chat"] : ["manager", "chat"] }));
      const open = async (name: string): Promise<PlacedDirectory> => {
        const directory = openDirectory(places.get(name) ?? { kind: "replicated", generation: 1, voters: ["a"] }, {
          node: name,
          cluster: `c${lastPrefix}`,
          founding: false,
          rules: rowRules,
          store: stores.get(name) as MemoryStore,
          exchange: links.exchange(name),
          clock,
          random: new Dice(name.charCodeAt(0)),
          log,
          placed: (place) => void places.set(name, place),
          limits: { ...limits, voterCheckMs: 50 },
        });
        await directory.opened();
        directory.keepVoters({ members: () => members, isUp });
        placed.set(name, directory);
        for (const other of placed.keys()) if (other !== name) links.link(name, other);
        return directory;
      };
      const close = async (name: string): Promise<void> => {
        for (const other of names) links.cut(name, other);
        const directory = placed.get(name);
        placed.delete(name);
        await directory?.close();
      };
      lastPrefix += 1;
      const begun = { members: { voters: ["a"], learners: [] }, image: { revision: 0, rows: [] } };
      await foundVoter(stores.get("a") as MemoryStore, { generation: 1, begun });
      const all = await Promise.all(names.map(open));
      opened.push({ close: async () => void (await Promise.all(names.map(close))) });
      const [a, b, c, d] = all as [PlacedDirectory, PlacedDirectory, PlacedDirectory, PlacedDirectory];
      const at = (phase: string, kind: string, generation: number, voters?: number): Promise<void> =>
        until(phase, async () => {
          for (const [name, directory] of placed) {
            const info = directory.info();
            expect(info, name).to.include({ kind, generation });
            if (info.kind === "replicated") expect(info.voters, name).to.have.length(voters ?? 3);
          }
        });

      // Each counts in a row of its own, all the time, and reads again when it does not know.
      let moving = true;
      opened.push({ close: () => void (moving = false) });
      const revisions: number[] = [];
      const count = async ({ directory }: { readonly directory: Directory }, key: string): Promise<number> => {
        let counted = 0;
        while (moving || counted < 5) {
          await new Promise((resolve) => void clock.after(5, () => resolve(undefined)));
          const row = await directory.read(key).catch(() => null);
          if (row === null) continue;
          const value = (row?.value as number | undefined) ?? 0;
          // What was acknowledged is there.
          expect(value, key).to.be.at.least(counted);
          counted = value;
          const next = await directory.compareAndSet(key, counted + 1, row?.revision ?? 0).catch(() => undefined);
          if (next?.applied !== true) continue;
          counted += 1;
          if (key === "count/d") revisions.push(next.row?.revision ?? 0);
        }
        return counted;
      };
      await at("three voters", "replicated", 1);
      await a.directory.compareAndSet("policy", "kept", 0);
      const counts = [count(a, "count/a"), count(d, "count/d")];
      const done = (moved: Awaited<ReturnType<PlacedDirectory["migrate"]>>): void => {
        expect(moved).to.have.property("ok", true);
        expect(moved).to.have.nested.property("value.rows").that.is.at.least(1);
      };
      expect(await d.migrate()).to.have.nested.property("error.code", "ALREADY_DONE");
      done(await d.migrate(cluster.endpoints));
      await at("in etcd", "etcd", 2);
      expect(await b.migrate(cluster.endpoints)).to.have.nested.property("error.code", "ALREADY_DONE");
      // A node that is no manager asks one.
      done(await d.migrate());
      await at("with managers", "replicated", 3);
      await close("c");
      done(await b.migrate(cluster.endpoints));
      await at("in etcd again", "etcd", 4);
      done(await b.migrate());
      await at("with managers again", "replicated", 5, 1);
      // It knows of generation 3 only, whose voters are none any more.
      expect(places.get("c")).to.deep.include({ kind: "replicated", generation: 3 });
      await open("c");
      await at("whoever was away follows", "replicated", 5);
      moving = false;
      const counted = await Promise.all(counts);
      for (const [index, key] of ["count/a", "count/d"].entries())
        expect((await b.directory.read(key))?.value, key).to.equal(counted[index]);
      expect(revisions, "of one row").to.deep.equal(revisions.toSorted((one, other) => one - other));
      expect(new Set(revisions).size).to.equal(revisions.length);
      const left = connectTo(etcdPrefix(`c${lastPrefix}`, 4));
      expect(await codeOf(left.read("count/a"))).to.equal("DIRECTORY_MOVED");
      void c;
    });
  });
}
