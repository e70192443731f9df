import { expect } from "chai";
import {
  createEmbeddedDirectory,
  directoryLimits,
  migrateDirectory,
} from "../../../../node/cluster/directory/index.ts";
import type { Directory, DirectoryRow } from "../../../../node/ports/index.ts";
import { seal } from "../../../../node/data-folder/seal.ts";
import { failure, failureOf, PlexusError } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { codeOf, line, Watching } from "../../../conformance/directory.ts";
import { flowingWorld } from "../../../fixtures/flowing.ts";

const home = { endpoints: ["http://127.0.0.1:1"], prefix: "/p/" };

const create = async (directory: Directory, key: string, value: unknown): Promise<DirectoryRow> => {
  const { applied, row } = await directory.compareAndSet(key, value, 0);
  expect(applied).to.equal(true);
  return row as DirectoryRow;
};

describe("the embedded directory", () => {
  const clock = flowingWorld().clock();
  let store: MemoryStore;
  beforeEach(() => (store = new MemoryStore()));

  it("writes a thousand concurrent changes in one batch", async () => {
    const directory = createEmbeddedDirectory({ store });
    await directory.opened();
    const changes = Array.from({ length: 1_000 }, (_, index) =>
      directory.compareAndSet(`slot/chat/${index % 500}`, index, 0),
    );
    const applied = (await Promise.all(changes)).filter((answer) => answer.applied);
    expect(applied).to.have.length(500);
    expect(store.batches).to.equal(1);
    expect(new Set(applied.map(({ row }) => row?.revision)).size).to.equal(500);
  });

  it("has many changes of one row in one batch, and tells each of them", async () => {
    const directory = createEmbeddedDirectory({ store });
    const watching = new Watching();
    directory.watch("", watching);
    await watching.until(() => watching.current);
    const answers = await Promise.all([
      directory.compareAndSet("policy", "one", 0),
      directory.compareAndSet("policy", "two", 1),
      directory.compareAndSet("policy", undefined, 2),
      directory.compareAndSet("policy", "three", 2),
      directory.compareAndSet("policy", "four", 0, { key: "policy", revision: 0 }),
    ]);
    expect(answers.map(({ applied }) => applied)).to.deep.equal([true, true, true, false, true]);
    expect(store.batches).to.equal(1);
    expect(watching.history()).to.deep.equal(['1 policy "one"', '2 policy "two"', "3 policy gone", '4 policy "four"']);
  });

  it("answers nothing and tells nobody before the write is on disk", async () => {
    const directory = createEmbeddedDirectory({ store });
    const watching = new Watching();
    directory.watch("", watching);
    await watching.until(() => watching.current);
    let open = (): void => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    let answered = false;
    const change = directory.compareAndSet("policy", 1, 0).then(() => (answered = true));
    const refused = directory.compareAndSet("policy", 2, 7).then(() => (answered = true));
    expect(await directory.read("policy")).to.equal(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).to.equal(false);
    expect(watching.told).to.have.length(1);
    open();
    await Promise.all([change, refused]);
    expect(watching.told).to.have.length(2);
  });

  it("goes on counting after a restart, also when the newest row is gone", async () => {
    const before = createEmbeddedDirectory({ store });
    const kept = await create(before, "member/a", { node: "a" });
    const gone = await create(before, "slot/chat/1", 1);
    await before.compareAndSet("slot/chat/1", undefined, gone.revision);
    const after = createEmbeddedDirectory({ store });
    expect(await after.list("")).to.deep.equal([kept]);
    const again = await create(after, "slot/chat/1", 2);
    expect(again.revision).to.be.greaterThan(gone.revision + 1);
    expect((await after.compareAndSet("slot/chat/1", 3, gone.revision)).applied).to.equal(false);
  });

  describe("on a data folder of the first version", () => {
    const record = { slot: "chat/5", epoch: 4, owner: "n", inSync: ["n"], learners: [] };
    const old = (slot: string, revision: number): void =>
      void store.content.set(`directory/${slot}`, seal(`directory/${slot}`, { ...record, slot, revision }));

    it("finds its slots, with revisions above every old one, and converts them once", async () => {
      old("chat/5", 4);
      old("ai/12", 9);
      const directory = createEmbeddedDirectory({ store });
      const rows = await directory.list("");
      expect(rows.map(({ key, value }) => [key, value])).to.deep.equal([
        ["slot/ai/12", { ...record, slot: "ai/12" }],
        ["slot/chat/5", record],
      ]);
      for (const { revision } of rows) expect(revision).to.be.greaterThan(9);
      expect([...store.content.keys()].sort()).to.deep.equal([
        "directory/head",
        "directory/row/slot/ai/12",
        "directory/row/slot/chat/5",
      ]);
      expect(await createEmbeddedDirectory({ store }).list("")).to.deep.equal(rows);
      expect(store.batches).to.equal(1);
    });

    it("names an old row that is damaged, and changes nothing", async () => {
      old("chat/5", 4);
      (store.content.get("directory/chat/5") as Uint8Array)[9]! ^= 1;
      const directory = createEmbeddedDirectory({ store });
      expect(await codeOf(directory.opened())).to.equal("DATA_DAMAGED");
      expect([...store.content.keys()]).to.deep.equal(["directory/chat/5"]);
    });
  });

  it("refuses everything when a stored row is damaged, missing its head, or newer than it", async () => {
    const spoil: ((content: Map<string, Uint8Array>) => void)[] = [
      (content) => ((content.get("directory/row/policy") as Uint8Array)[6]! ^= 1),
      (content) => ((content.get("directory/head") as Uint8Array)[6]! ^= 1),
      (content) => content.delete("directory/head"),
      (content) => content.set("directory/row/x", seal("directory/row/x", { value: 1, revision: 99 })),
      (content) => content.set("directory/row/x", content.get("directory/row/policy") as Uint8Array),
    ];
    for (const damage of spoil) {
      store = new MemoryStore();
      await create(createEmbeddedDirectory({ store }), "policy", "value");
      damage(store.content);
      const directory = createEmbeddedDirectory({ store });
      for (const operation of [
        directory.opened(),
        directory.read("a"),
        directory.list(""),
        directory.compareAndSet("a", 1, 0),
      ])
        expect(await codeOf(operation)).to.equal("DATA_DAMAGED");
    }
  });

  it("finds out what became of a write that failed, and makes it durable before anybody sees it", async () => {
    for (const fate of ["written", "lost"] as const) {
      store = new MemoryStore();
      const directory = createEmbeddedDirectory({ store });
      const before = await create(directory, "policy", "before");
      const watching = new Watching();
      directory.watch("", watching);
      await watching.until(() => watching.current);
      store.nextFails = fate;
      const changes = [
        directory.compareAndSet("policy", "after", before.revision),
        directory.compareAndSet("policy", "never", 0),
      ];
      for (const change of changes) expect(await codeOf(change)).to.equal("DIRECTORY_UNAVAILABLE");
      const row = await directory.read("policy");
      expect(row?.value).to.equal(fate === "written" ? "after" : "before");
      expect(store.batches).to.equal(3);
      await watching.until(() => watching.told.length === 3);
      expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
      expect([...watching.rows.values()].map(line)).to.deep.equal([line(row as DirectoryRow)]);
      expect((await directory.compareAndSet("policy", "next", row?.revision ?? 0)).applied).to.equal(true);
    }
  });

  it("is unavailable while its store cannot be read, and resets its watchers when it can", async () => {
    await create(createEmbeddedDirectory({ store }), "policy", 1);
    store.unreadable = true;
    const limits = { ...directoryLimits, reloadMs: 5 };
    const directory = createEmbeddedDirectory({ store, clock, limits });
    const watching = new Watching();
    const stop = directory.watch("", watching);
    expect(await codeOf(directory.read("policy"))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(await codeOf(directory.compareAndSet("policy", 2, 0))).to.equal("DIRECTORY_UNAVAILABLE");
    store.unreadable = false;
    await watching.until(() => watching.current);
    expect(watching.rows.get("policy")?.value).to.equal(1);
    stop();
  });

  it("refuses rows beyond its limit, and changes beyond what may wait", async () => {
    const limits = { ...directoryLimits, rowsMax: 2, changesWaitingMax: 4 };
    const directory = createEmbeddedDirectory({ store, limits });
    const first = await create(directory, "a", 1);
    await create(directory, "b", 1);
    expect(await codeOf(directory.compareAndSet("c", 1, 0))).to.equal("DIRECTORY_FULL");
    expect((await directory.compareAndSet("a", 2, first.revision)).applied).to.equal(true);
    const many = Array.from({ length: 5 }, () => codeOf(directory.compareAndSet("b", 2, 0)));
    expect(await Promise.all(many)).to.deep.equal([...Array(4).fill("nothing"), "DIRECTORY_UNAVAILABLE"]);
  });

  describe("when it is moved", () => {
    it("lets changes wait while the rows are copied, and goes on with them when that fails", async () => {
      const directory = createEmbeddedDirectory({ store });
      const row = await create(directory, "policy", 1);
      let change: Promise<{ applied: boolean }> | undefined;
      const fill = async (): Promise<void> => {
        change = directory.compareAndSet("policy", 2, row.revision);
        await new Promise((resolve) => setImmediate(resolve));
        expect(await directory.read("policy")).to.deep.equal(row);
        throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
      };
      // It is not the cluster's directory that does not answer.
      const refusal = await migrateDirectory(directory, { home, fill }, "n").catch(failureOf);
      expect(refusal).to.have.property("code", "UNREACHABLE");
      expect(refusal).to.have.nested.property("details.etcd").that.deep.equals(home.endpoints);
      expect((await change)?.applied).to.equal(true);
    });

    it("hands over what is on disk, then sends everybody to the new home for good", async () => {
      const directory = createEmbeddedDirectory({ store });
      const row = await create(directory, "policy", 1);
      const watching = new Watching();
      directory.watch("", watching);
      await watching.until(() => watching.current);
      const homes: unknown[] = [];
      directory.onMoved((to) => homes.push(to));
      const filled: unknown[] = [];
      let late: Promise<string> | undefined;
      const fill = async (...all: unknown[]): Promise<void> => {
        filled.push(...all);
        late = codeOf(directory.compareAndSet("policy", 2, row.revision));
      };
      expect(await migrateDirectory(directory, { home, fill }, "n")).to.deep.equal({ rows: 1 });
      expect(filled).to.deep.equal(["n", [row], row.revision]);
      expect(await late).to.equal("DIRECTORY_MOVED");
      expect(homes).to.deep.equal([home]);
      expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale"]);
      for (const each of [directory, createEmbeddedDirectory({ store })]) {
        expect(await codeOf(each.read("policy"))).to.equal("DIRECTORY_MOVED");
        expect(await codeOf(each.list(""))).to.equal("DIRECTORY_MOVED");
        expect(await codeOf(each.compareAndSet("policy", 2, row.revision))).to.equal("DIRECTORY_MOVED");
        expect(await new Promise((resolve) => each.onMoved(resolve))).to.deep.equal(home);
      }
    });

    it("asks the disk whether it has moved when the last write fails", async () => {
      for (const fate of ["written", "lost"] as const) {
        store = new MemoryStore();
        const directory = createEmbeddedDirectory({ store });
        const row = await create(directory, "policy", 1);
        const homes: unknown[] = [];
        directory.onMoved((to) => homes.push(to));
        const fill = async (): Promise<void> => void (store.nextFails = fate);
        const moving = codeOf(migrateDirectory(directory, { home, fill }, "n"));
        expect(await moving).to.equal(fate === "written" ? "nothing" : "DIRECTORY_UNAVAILABLE");
        expect(homes).to.have.length(fate === "written" ? 1 : 0);
        const code = await codeOf(directory.compareAndSet("policy", 2, row.revision));
        expect(code).to.equal(fate === "written" ? "DIRECTORY_MOVED" : "nothing");
      }
    });

    it("is moved by one at a time", async () => {
      const directory = createEmbeddedDirectory({ store });
      let second: Promise<string> | undefined;
      const fill = async (): Promise<void> => {
        second = codeOf(migrateDirectory(directory, { home, fill: async () => undefined }, "n"));
        await second;
      };
      await migrateDirectory(directory, { home, fill }, "n");
      expect(await second).to.equal("ALREADY_DONE");
    });
  });
});
