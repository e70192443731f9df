import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import fc from "fast-check";
import { createProfiles } from "../../../node/observe/index.ts";
import { cpuTree, heapTree, type HeapNode } from "../../../node/observe/profile-tree.ts";
import { observeLimits } from "../../../node/observe/limits.ts";
import { type Profiler } from "../../../node/observe/profiles.ts"; // prettier-ignore
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import { hottest, ok, v8ProfileOf, type AdminTask, type ProfileTree } from "../../../protocols/index.ts";
import { World } from "../../world/index.ts";

const at = (functionName: string, url = "file:///srv/plexus/node/a.ts", lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
});
/** main calls work (3 ms) twice over, and waits. */
const cpu = {
  nodes: [
    { id: 1, callFrame: at("(root)", "", -1), children: [2, 5] },
    { id: 2, callFrame: at("main"), children: [3, 4] },
    { id: 3, callFrame: at("work", "file:///srv/plexus/node_modules/fastify/lib/x.js", 4) },
    { id: 4, callFrame: at("work", "file:///srv/plexus/node_modules/fastify/lib/x.js", 4) },
    { id: 5, callFrame: at("(idle)", "", -1) },
  ],
  samples: [2, 3, 4, 5],
  timeDeltas: [1_000, 2_000, 1_000, 6_000],
};
const sumOf = ({ rows }: ProfileTree): number => rows.reduce((sum, [, , self]) => sum + self, 0);

describe("profiles", () => {
  it("are trees without paths of the machine, with what was waited apart", () => {
    const tree = cpuTree(cpu, "/srv/plexus");
    expect(tree).to.deep.equal({
      unit: "microseconds",
      total: 4_000,
      frames: [{ name: "main", at: "node/a.ts:10" }, { name: "work", at: "node_modules/fastify/lib/x.js:5" }],
      rows: [[0, -1, 1_000], [1, 0, 3_000]],
      idle: 6_000,
    }); // prettier-ignore
    expect(hottest(tree, 2).map(({ name, self, total }) => [name, self, total])).to.deep.equal([
      ["work", 3_000, 3_000],
      ["main", 1_000, 4_000],
    ]);
    expect(JSON.stringify(cpuTree(cpu, "/elsewhere"))).to.not.include("/srv");
  });

  it("count what calls itself once", () => {
    const tree: ProfileTree = { unit: "bytes", total: 30, frames: [{ name: "f", at: "" }], rows: [[0, -1, 10], [0, 0, 20]] }; // prettier-ignore
    expect(hottest(tree, 1)[0]).to.include({ self: 30, total: 30 });
  });

  it("are bounded whatever was seen, and lose nothing of the sum", () => {
    const wide = fc.integer({ min: 0, max: 6_000 }).map((count): HeapNode => ({
      callFrame: at("(root)", "", -1),
      selfSize: 0,
      children: Array.from({ length: count }, (_, index) => ({
        callFrame: at(`f${index}`),
        selfSize: 1 + (index % 7),
        children: index % 3 === 0 ? [{ callFrame: at("deep"), selfSize: index, children: [] }] : [],
      })),
    }));
    const sum = (node: HeapNode): number => node.children.reduce((all, one) => all + sum(one), node.selfSize);
    fc.assert(
      fc.property(wide, (head) => {
        const tree = heapTree(head, "/srv/plexus");
        expect(tree.rows.length).to.be.at.most(observeLimits.profileRowsMax);
        expect(sumOf(tree)).to.equal(sum(head));
        for (const [row, [frame, parent]] of tree.rows.entries()) {
          expect(parent).to.be.below(row);
          expect(tree.frames[frame]).to.not.equal(undefined);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("are in V8's format for other tools", () => {
    const tree = cpuTree(cpu, "/srv/plexus");
    const made = v8ProfileOf({ of: "cpu", tree }) as { nodes: { id: number; children: number[] }[]; samples: number[]; timeDeltas: number[] };
    expect(made.nodes.map(({ id, children }) => [id, children])).to.deep.equal([[1, [2]], [2, [3]], [3, []]]);
    expect(made.timeDeltas).to.deep.equal([1_000, 3_000]);
    const heap = v8ProfileOf({ of: "heap", tree }) as { head: { children: { selfSize: number; children: { selfSize: number }[] }[] } };
    expect(heap.head.children[0]?.children[0]?.selfSize).to.equal(3_000);
  }); // prettier-ignore

  it("are taken of the thread that asks", async () => {
    const thread = new Worker(new URL("profiled-thread.ts", import.meta.url));
    const ended = once(thread, "exit");
    const [found] = (await once(thread, "message")) as [{ busiest: readonly string[]; heapBytes: number }];
    expect(found.busiest).to.include("spin");
    expect(found.heapBytes).to.be.above(0);
    await ended;
  });

  describe("of a node", () => {
    const openFixture = () => {
      const world = new World(1);
      const handlers = new Map<string, (body: never) => unknown>();
      const exchange = {
        on: (name: string, handler: (body: never) => unknown) => void handlers.set(name, handler),
        call: () => Promise.reject(new Error("nobody is asked")),
      } as unknown as Exchange;
      const ended: AdminTask[] = [];
      const profiler: Profiler = {
        cpu: async (_, over) => (await over, cpu),
        heap: () => Promise.reject(new Error("no heap")),
      };
      const place = { node: "n1", name: "a" };
      const profiles = createProfiles({ place, exchange, membership: { members: () => ({ view: 1, members: [] }) }, clock: world.clock(), profiler, folder: "/srv/plexus", ended: (task) => ended.push(task) }); // prettier-ignore
      return { world, profiles, place, ended };
    };

    it("are tasks, one at a time, that are read when they are over", async () => {
      const { world, profiles, place, ended } = openFixture();
      const begun = await profiles.take({ of: "cpu", seconds: 5 }, "user/ada");
      const id = begun.ok ? begun.value.id : "";
      expect(profiles.list(place)[0]).to.include({ id, state: "running", by: "user/ada", kind: "profile" });
      expect((await profiles.read(id)).ok).to.equal(false);
      expect(await profiles.take({ of: "cpu", seconds: 5, node: "a" }, "user/ada")).to.deep.include({ ok: false });
      await world.pass(6_000);
      const read = await profiles.read(id);
      expect(read.ok && read.value).to.deep.include({ id, node: "a", of: "cpu", seconds: 5 });
      expect(ended.map(({ state }) => state)).to.deep.equal(["done"]);
    });

    it("end early, with what was seen so far, and say why they failed", async () => {
      const { world, profiles, place, ended } = openFixture();
      const begun = await profiles.take({ of: "cpu", seconds: 60 }, "user/ada");
      const id = begun.ok ? begun.value.id : "";
      expect(profiles.cancel(id.split(".")[2] ?? "")).to.deep.equal(ok(null));
      await world.pass(10);
      expect((await profiles.read(id)).ok).to.equal(true);
      const other = await profiles.take({ of: "heap", seconds: 1 }, "user/ada");
      await world.pass(10);
      expect(profiles.list(place).at(-1)).to.deep.include({ id: other.ok ? other.value.id : "", state: "failed" });
      expect(ended.map(({ state }) => state)).to.deep.equal(["cancelled", "failed"]);
      for (let count = 0; count < 10; count += 1) {
        await profiles.take({ of: "cpu", seconds: 1 }, "user/ada");
        await world.pass(1_100);
      }
      expect(profiles.list(place).length).to.be.at.most(observeLimits.profilesKept);
    });
  });
});
