import { expect } from "chai";
import {
  compareUnits,
  treeFormat,
  type NodeLink,
  type TreeNode,
  type UnitEntry,
  type UnitName,
} from "../../../runtimes/backup/index.ts";
import { changeTree, unitsOf, type Tree, type UnitChange } from "../../../node/backup/format/tree.ts";
import { depth } from "../../depth.ts";
import { bytesOf, stripe } from "../runtimes/backup/samples.ts";

function memoryNodes() {
  const all = new Map<string, TreeNode>();
  const counts = { saved: 0, loaded: 0 };
  return {
    counts,
    all,
    async load({ stripe: { id } }: NodeLink): Promise<TreeNode> {
      counts.loaded += 1;
      return all.get(id) as TreeNode;
    },
    async save(node: TreeNode): Promise<NodeLink> {
      const entries = "units" in node ? node.units : node.children;
      expect(entries.length).to.be.within(1, treeFormat.entriesMax);
      const id = `node ${(counts.saved += 1)}`;
      all.set(id, node);
      return { stripe: { ...stripe, id }, key: bytesOf(id, 32) };
    },
  };
}

const nameOf = (number: number): UnitName => ({
  cluster: "harbour",
  person: number % 5 === 0 ? `user/u${number % 7}` : "",
  thread: `room/r${number % 40}`,
  type: "message",
  bucket: "",
  part: number,
});
const entryOf = (number: number, hash = ""): UnitEntry => ({
  id: "",
  epoch: 1,
  sealedKey: new Uint8Array(),
  bytes: 10,
  rows: 1,
  first: "",
  last: "",
  fromMs: 0,
  toMs: 0,
  name: nameOf(number),
  hash,
  fragments: [],
});

async function listed(nodes: ReturnType<typeof memoryNodes>, tree: Tree, range = {}): Promise<UnitEntry[]> {
  const found: UnitEntry[] = [];
  for await (const unit of unitsOf(nodes, tree, range)) found.push(unit);
  return found;
}

describe("the tree of a backup's units", () => {
  it("is a sorted list of units, whatever was changed in whatever order, also in its earlier states", async () => {
    const nodes = memoryNodes();
    const model = new Map<number, UnitEntry>();
    let seed = 7;
    const chance = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    let tree: Tree = null;
    const states: { tree: Tree; units: readonly UnitEntry[] }[] = [];
    for (let round = 0; round < depth(12, 60); round += 1) {
      const changes: UnitChange[] = [];
      for (let n = chance(3) === 0 ? 3 : 900; n > 0; n -= 1) {
        const number = chance(4_000);
        if (chance(round > 8 ? 2 : 5) === 0) {
          model.delete(number);
          changes.push({ type: "drop", name: nameOf(number) });
        } else {
          const entry = entryOf(number, `${round}`);
          model.set(number, entry);
          changes.push({ type: "put", entry });
        }
      }
      tree = await changeTree(nodes, tree, changes);
      states.push({ tree, units: [...model.values()].toSorted((one, other) => compareUnits(one.name, other.name)) });
    }
    for (const { tree: one, units } of states) {
      expect(await listed(nodes, one)).to.deep.equal(units);
      expect([one?.units ?? 0, one?.bytes ?? 0]).to.deep.equal([units.length, units.length * 10]);
    }
    const range = { person: "", thread: "room/r7" };
    const { units } = states.at(-1)!;
    const wanted = units.filter(({ name }) => name.person === "" && name.thread === "room/r7");
    nodes.counts.loaded = 0;
    expect(await listed(nodes, tree, range)).to.deep.equal(wanted);
    expect(nodes.counts.loaded).to.be.below(4);
    const drops = [...model.keys()].map((number): UnitChange => ({ type: "drop", name: nameOf(number) }));
    expect(await changeTree(nodes, tree, drops)).to.equal(null);
  });

  it("writes for a change the nodes on its way, and no others", async () => {
    const nodes = memoryNodes();
    const all = Array.from({ length: 5_000 }, (_, n): UnitChange => ({ type: "put", entry: entryOf(n) }));
    const tree = await changeTree(nodes, null, all);
    nodes.counts.saved = 100;
    const changed = await changeTree(nodes, tree, [{ type: "put", entry: entryOf(17, "new") }]);
    expect(nodes.counts.saved).to.equal(102);
    expect(changed?.units).to.equal(5_000);
    expect(await changeTree(nodes, changed, [])).to.equal(changed);
  });
});
