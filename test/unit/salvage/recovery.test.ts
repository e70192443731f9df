/** A directory that is begun anew at one voter, on simulated time. */
import { expect } from "chai";
import fc from "fast-check";
import { beginAnew, planRecovery } from "../../../node/salvage/recovery.ts";
import { openDirectory, type PlacedDirectory } from "../../../node/cluster/directory/place.ts";
import { rowRules } from "../../fixtures/row-rules.ts";
import { floorOf } from "../../../node/cluster/facts/generation.ts";
import { isRow, isSound } from "../../../node/cluster/facts/records.ts";
import { homeRow, readHome, type DirectoryPlace, type Home } from "../../../node/data-folder/home.ts";
import { foundVoter, readLastKnown } from "../../../node/cluster/directory/index.ts";
import type { DirectoryRow, MemberRecord, SlotRecord } from "../../../node/ports/index.ts";
import { formatRow } from "../../../node/storage/index.ts";
import { failureOf, type SlotId } from "../../../protocols/index.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { Links, World } from "../../world/index.ts";

const voters = ["a", "b", "c"];
const all = [...voters, "d"];
const member = (node: string): MemberRecord => memberRecord(node, { roles: ["manager", "chat"] });
const slotRow = (slot: string, owner: string, inSync: readonly string[], epoch = 3): DirectoryRow => ({
  key: `slot/${slot}`,
  value: { slot, epoch, owner, inSync, learners: [] },
  revision: 1,
});
const homeOf = (directory: DirectoryPlace): Home => ({ cluster: "c1", directory, members: all.map(member), starts: 1 });

const place: DirectoryPlace = { kind: "replicated", generation: 1, voters };

/** A folder of one of three voters, or of a member that is none. */
async function folder(node: string, more: readonly DirectoryRow[] = [], at = place): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.batch([homeRow(homeOf(at)), formatRow({ cluster: "c1", node, createdAtMs: 1 })]);
  const rows = [
    ...all.map((one, index) => ({ key: `member/${one}`, value: member(one), revision: index + 1 })),
    ...more,
  ];
  const begun = { members: { voters, learners: [] }, image: { revision: 10, rows } };
  if (voters.includes(node)) await foundVoter(store, { generation: 1, begun });
  return store;
}

const none = { lost: [], kept: [] };
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => JSON.stringify(failureOf(error)),
  );

describe("a directory that is recovered", () => {
  it("has every row that is not of a lost node, above everything that was given out before, and slots only at nodes that stay", () => {
    const node = fc.constantFrom(...all);
    const slots = fc.uniqueArray(
      fc.record({
        name: fc.integer({ min: 0, max: 40 }),
        inSync: fc.uniqueArray(node, { minLength: 1 }),
        learners: fc.uniqueArray(node),
        epoch: fc.integer({ min: 1, max: 2 ** 32 }),
        held: fc.option(node, { nil: undefined }),
      }),
      { selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(slots, fc.uniqueArray(fc.constantFrom<string>("b", "c", "d"), { minLength: 1 }), (drawn, lost) => {
        const records = drawn.map(({ name, inSync, learners, epoch, held }): SlotRecord => ({
          slot: `chat/${name}` as SlotId,
          epoch,
          owner: inSync[0] as string,
          inSync,
          learners: learners.filter((one) => !inSync.includes(one)),
          ...(held !== undefined && { held }),
          want: { owner: inSync[0] as string, replicas: inSync },
        }));
        const rows = [
          ...all.map((one) => ({ key: `member/${one}`, value: member(one) })),
          ...records.map((record) => ({ key: `slot/${record.slot}`, value: record })),
          { key: "policy", value: { replicas: 3, minInSync: 2 } },
        ].map((row, index) => ({ ...row, revision: index + 1 }));
        const image = { revision: rows.length, rows };
        const begun = beginAnew({ image }, { node: "a", generation: 2, lost: new Set(lost), holds: new Set() });
        const expected = rows.map(({ key }) => key).filter((key) => !lost.some((one) => key === `member/${one}`));
        expect(begun.rows.map(({ key }) => key)).to.deep.equal(expected);
        expect(new Set(begun.rows.map(({ revision }) => revision)).size).to.equal(begun.rows.length);
        for (const { key, value, revision } of begun.rows) {
          expect(revision).to.be.within(floorOf(2) + 1, begun.revision);
          expect(isRow(key, value), key).to.equal(true);
          if (!key.startsWith("slot/")) continue;
          const next = value as SlotRecord;
          const before = records.find(({ slot }) => slot === next.slot) as SlotRecord;
          expect(isSound(next)).to.equal(true);
          expect(next.epoch).to.be.above(floorOf(2)).and.above(before.epoch);
          const named = [next.owner, ...next.inSync, ...next.learners, ...(next.held === undefined ? [] : [next.held])];
          expect(named.some((one) => lost.includes(one))).to.equal(false);
          const left = before.inSync.filter((one) => !lost.includes(one));
          // Only a copy that was in sync goes on; where there is none, that is said.
          if (left.length > 0) expect(next.inSync).to.deep.equal(left);
          else expect(next.abandoned).to.equal(next.epoch);
          expect(begun.lostSlots.some(({ slot }) => slot === next.slot)).to.equal(left.length === 0);
        }
      }),
    );
  });

  it("is begun at once or not at all, whatever becomes of the write, and can be asked for again", async () => {
    for (const fails of ["lost", "written"] as const) {
      const store = await folder("a", [slotRow("chat/1", "b", ["b", "c"]), slotRow("chat/2", "b", ["a", "b"])]);
      const { plan, begin } = await planRecovery(store, none);
      expect(plan).to.deep.include({ generation: 1, name: "node-a", leftOut: ["node-b", "node-c"], slots: 2 });
      expect(plan.lostSlots).to.deep.equal([{ slot: "chat/1", older: false }]);
      store.nextFails = fails;
      expect(await codeOf(begin())).to.include("INTERNAL");
      const [home, known] = [await readHome(store), await readLastKnown(store)];
      const generation = fails === "lost" ? 1 : 2;
      expect(home?.directory).to.deep.equal({
        kind: "replicated",
        generation,
        voters: fails === "lost" ? voters : ["a"],
      });
      expect(known?.generation).to.equal(generation);
      const again = await codeOf(planRecovery(store, none).then((next) => next.begin()));
      expect(again).to.include(fails === "lost" ? "done" : "a majority, so the directory goes on by itself");
      expect((await readHome(store))?.evicted).to.deep.equal(["peer-b", "peer-c"]);
      expect((await readHome(store))?.recovered).to.deep.equal({ generation: 2, without: ["peer-b", "peer-c"] });
    }
  });

  it("is refused with what to do where this folder is not the one, or nothing is lost", async () => {
    const refusals: Record<string, string> = {
      "was never a voter.*Recover at one of the voters.*node-a, node-b, node-c": await codeOf(
        planRecovery(await folder("d"), none),
      ),
      "no longer a voter": await codeOf(
        planRecovery(await folder("a", [], { ...place, voters: ["b", "c", "d"] }), none),
      ),
      "no longer a voter, so its copy of the directory is old": await codeOf(
        planRecovery(await folder("a", [], { ...place, generation: 2 }), none),
      ),
      "is a majority.*Start them": await codeOf(planRecovery(await folder("a"), { lost: [], kept: ["node-b"] })),
      "cannot be lost and stay": await codeOf(planRecovery(await folder("a"), { lost: ["node-a"], kept: [] })),
      "NOT_FOUND.*members": await codeOf(planRecovery(await folder("a"), { lost: ["nobody"], kept: [] })),
      "the directory is at node-b": await codeOf(
        planRecovery(await folder("d", [], { kind: "embedded", host: "b" }), none),
      ),
      "alone keeps the directory": await codeOf(
        planRecovery(await folder("d", [], { kind: "embedded", host: "d" }), none),
      ),
      "is in etcd": await codeOf(
        planRecovery(await folder("d", [], { kind: "etcd", endpoints: ["http://e"], prefix: "p/" }), none),
      ),
    };
    for (const [pattern, said] of Object.entries(refusals)) expect(said).to.match(new RegExp(pattern));
  });

  it("has what its voter had, is followed by members that run, and hears no voter and takes no change of before", async function () {
    const world = new World(7);
    const links = new Links(world.clock());
    const stores = new Map<string, MemoryStore>();
    for (const node of all) stores.set(node, await folder(node));
    const places = new Map<string, DirectoryPlace>();
    const open = async (node: string, at: DirectoryPlace): Promise<PlacedDirectory> => {
      const opened = openDirectory(at, {
        node,
        cluster: "c1",
        founding: false,
        rules: rowRules,
        store: stores.get(node) as MemoryStore,
        exchange: links.exchange(node),
        clock: world.clock(),
        random: world.dice,
        log: quietLog,
        placed: (next) => void places.set(node, next),
      });
      await opened.opened();
      return opened;
    };
    const stopTime = world.flow();
    try {
      const first = new Map<string, PlacedDirectory>();
      for (const node of all) first.set(node, await open(node, place));
      for (const one of all) for (const other of all) if (one < other) links.link(one, other);
      const d = first.get("d") as PlacedDirectory;
      const put = async (key: string): Promise<number> => {
        for (let tries = 0; tries < 200; tries += 1) {
          const changed = await d.directory.compareAndSet(key, key, 0).catch(() => undefined);
          if (changed?.row !== undefined) return changed.row.revision;
          await new Promise<void>((resolve) => world.clock().after(100, resolve));
        }
        throw new Error(`${key} was never taken`);
      };
      const before = await put("acknowledged");
      const held = first.get("a") as PlacedDirectory;
      for (const node of ["b", "c"]) await first.get(node)?.close();
      for (const node of ["b", "c"]) for (const other of all) links.cut(node, other);
      await held.close();
      links.cut("a", "d");

      const store = stores.get("a") as MemoryStore;
      const { begin } = await planRecovery(store, none);
      await begin();
      const home = (await readHome(store)) as Home;
      const a = await open("a", home.directory);
      links.link("a", "d");
      // A lost one that comes back all the same, where the mesh did not refuse it.
      const b = await open("b", place);
      links.link("b", "d");
      links.link("a", "b");
      const after = await put("new");
      expect(after).to.be.above(floorOf(2));
      expect(places.get("d")).to.deep.equal({ kind: "replicated", generation: 2, voters: ["a"] });
      const row = await d.directory.read("acknowledged");
      expect(row?.value).to.equal("acknowledged");
      expect(row?.revision).to.be.above(floorOf(2));
      const old = await d.directory.compareAndSet("acknowledged", "changed", before);
      expect(old.applied).to.equal(false);
      expect((await a.directory.list("member/")).map(({ key }) => key)).to.deep.equal(["member/a", "member/d"]);
      expect(a.info()).to.deep.include({ kind: "replicated", generation: 2, voters: ["a"], leader: "a" });
      await Promise.all([a, b, d].map((one) => one.close()));
    } finally {
      await stopTime();
    }
  });

  it("goes on where it was full: members are taken out, slots fail over, and only what is new is refused", async () => {
    const world = new World(8);
    const big = { key: "config/big", value: "x".repeat(5_000), revision: 9 };
    const store = await folder("a", [slotRow("chat/1", "b", ["a", "b"]), big]);
    const { begin } = await planRecovery(store, none);
    await begin();
    const a = openDirectory((await readHome(store))?.directory as DirectoryPlace, {
      node: "a",
      cluster: "c1",
      founding: false,
      rules: rowRules,
      store,
      exchange: new Links(world.clock()).exchange("a"),
      clock: world.clock(),
      random: world.dice,
      log: quietLog,
      placed: () => undefined,
      limits: { rowsBytesMax: 4_000 },
    });
    const stopTime = world.flow();
    try {
      await a.opened();
      while (a.leader() !== "a") await world.sleep(10);
      const change = async (key: string, next: (value: object) => unknown): Promise<string> => {
        const row = await a.directory.read(key);
        const changed = a.directory.compareAndSet(key, next((row?.value ?? {}) as object), row?.revision ?? 0);
        return codeOf(changed.then(({ applied }) => expect(applied).to.equal(true)));
      };
      expect(await change("config/new", () => 1)).to.include("DIRECTORY_FULL");
      expect(await change("member/d", (value) => ({ ...value, state: "draining", leaving: true }))).to.equal("done");
      const want = { owner: "d", replicas: ["d"] };
      expect(await change("slot/chat/1", (value) => ({ ...value, want }))).to.equal("done");
      expect(await change("member/d", () => undefined)).to.equal("done");
      expect(await change("config/big", () => undefined)).to.equal("done");
      expect(await change("config/new", () => 1)).to.equal("done");
    } finally {
      await a.close();
      await stopTime();
    }
  });
});
