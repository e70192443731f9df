import { depth } from "../../depth.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, manager, worker, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, sleep } from "../../fixtures/processes/cluster-waits.ts";
import { isolate, layings, type Links } from "../../fixtures/processes/links.ts";

/** How many ways to lay links are tried of those that are possible here. */
const layingsMax = depth(1, layings.length);
const cutMs = 5_000;
const shortCutMs = 3_000;

const workers = ["one", "two", "three"] as const;
const names = [manager.name, ...workers];
const specs: readonly NodeSpec[] = [manager, ...workers.map(worker)];

interface Scene {
  readonly cluster: ClusterProcesses;
  readonly load: Load;
  readonly links: Links;
  /** The owner of a room, and two others that copy it. */
  readonly room: string;
  readonly owner: string;
  readonly others: readonly [string, string];
}

async function sceneOf(
  cluster: ClusterProcesses,
  load: Load,
  links: Links,
  turn: number,
  phase: string,
): Promise<Scene> {
  const slots = await healthy(cluster, `before ${phase}`);
  const ids = new Map((await cluster.members()).map(({ node, name }) => [node, name]));
  const room = rooms[turn % rooms.length] as string;
  const owner = ids.get(slotOfRoom(slots, room).owner) ?? "";
  const others = workers.filter((name) => name !== owner) as [string, string];
  return { cluster, load, links, room, owner, others };
}

/** What happens, in the order of its happening. */
const cuts: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async "an owner is alone"({ cluster, load, links, room, owner, others }) {
    isolate(links, owner, names);
    await sleep(cutMs);
    await load.visit(cluster.named(others[0]), room);
  },
  async "what an owner sends to one copy is lost"({ cluster, load, links, room, owner, others }) {
    links.cut(owner, others[0]);
    await sleep(shortCutMs);
    await load.visit(cluster.named(others[1]), room);
  },
  async "what the copies send to an owner is lost"({ cluster, load, links, owner, others }) {
    for (const other of others) links.cut(other, owner);
    await sleep(shortCutMs);
    // Who reaches all of them: the copies do not reach the owner.
    await Promise.all(rooms.map((room) => load.visit(cluster.named("manager"), room)));
  },
  async "an owner does not reach the directory"({ cluster, load, links, owner, others }) {
    links.cut(owner, "manager");
    links.cut("manager", owner);
    await sleep(shortCutMs);
    await Promise.all(rooms.map((room) => load.visit(cluster.named(others[0]), room)));
  },
  async "two are cut off from the directory and the third"({ cluster, load, links, owner, others }) {
    isolate(links, owner, ["manager", others[0]]);
    isolate(links, others[1], ["manager", others[0]]);
    await sleep(shortCutMs);
    await Promise.all(rooms.map((room) => load.visit(cluster.named(others[0]), room)));
  },
};

const kinds = Object.entries(cuts);

describe("a cluster of real processes whose links are cut under load", () => {
  const possible = layings.filter(({ kind, missing }) => {
    const reason = missing();
    if (reason !== undefined) it.skip(`is not tested with links where ${kind}: ${reason}`, () => undefined);
    return reason === undefined;
  });
  for (const { kind, lay } of possible.slice(0, layingsMax)) {
    it(`loses, repeats and reorders nothing, and heals, when ${kind}`, async function () {
      const rounds = Number(process.env["PLEXUS_CLUSTER_ROUNDS"] ?? kinds.length);
      await using links = await lay();
      await using cluster = await ClusterProcesses.start(specs, links);
      using load = await Load.begin(cluster);
      await progress(load, 100, "the start");
      for (let round = 0; round < rounds; round += 1) {
        const [phase, happen] = kinds[round % kinds.length] as (typeof kinds)[number];
        try {
          await happen(await sceneOf(cluster, load, links, round, phase));
        } catch (error) {
          throw new Error(`${phase}, round ${round}: ${String(error)}`, { cause: error });
        } finally {
          links.mend();
        }
        await everybodyWrites(load, `after ${phase}, round ${round}`);
      }
      await load.end();
      await healthy(cluster, "the end");
      await check(load);
    });
  }
});
