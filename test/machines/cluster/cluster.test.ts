import { depth } from "../../depth.ts";
import { Dice } from "../../world/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load } from "../../fixtures/processes/cluster-load.ts";
import {
  ClusterProcesses,
  manager,
  worker,
  workerWithAi,
  type NodeSpec,
} from "../../fixtures/processes/cluster-processes.ts";
import { Trouble } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress } from "../../fixtures/processes/cluster-waits.ts";

/** How often something happens; each kind once unless asked otherwise. */
const roundsAsked = process.env["PLEXUS_CLUSTER_ROUNDS"];
const seed = Number(process.env["PLEXUS_CLUSTER_SEED"] ?? 1);

type Kind = Exclude<keyof Trouble, symbol>;

const clusters: readonly {
  readonly title: string;
  readonly specs: readonly NodeSpec[];
  readonly kinds: readonly Kind[];
}[] = [
  {
    title: "three nodes, one of which does everything",
    specs: [{ name: "manager", roles: "manager,chat,ai,gateway" }, worker("one"), workerWithAi("two")],
    kinds: ["killed", "paused", "ended", "killedShortly", "allKilled"],
  },
  {
    title: "five nodes, with a manager of its own",
    specs: [manager, ...["one", "two", "three", "four"].map(worker)],
    kinds: [
      "killed",
      "paused",
      "ended",
      "twoKilled",
      "roomMoved",
      "managerKilled",
      "slotsMoved",
      "killedInMove",
      "managerPaused",
    ],
  },
];

describe("a cluster of real processes under load", () => {
  // Five nodes in the long run alone: the simulation has as many, and more that happens to them.
  for (const { title, specs, kinds } of depth(clusters.slice(0, 1), clusters)) {
    it(`loses, repeats and reorders nothing whatever happens to its nodes: ${title}`, async function () {
      const rounds = Number(roundsAsked ?? kinds.length);
      await using cluster = await ClusterProcesses.start(specs);
      using load = await Load.begin(cluster);
      const dice = new Dice(seed);
      const trouble = await Trouble.with(cluster, load, dice);
      const happened: Kind[] = [];
      try {
        await progress(load, 100, "the start");
        for (let round = 0; round < rounds; round += 1) {
          // Each kind once, in the order above, then any.
          const kind = kinds[round] ?? dice.pick(kinds);
          await healthy(cluster, `before ${kind}`);
          happened.push(kind);
          await trouble[kind]();
          await everybodyWrites(load, `after ${kind}`);
        }
        await load.end();
        await healthy(cluster, "the end");
        await check(load);
      } catch (error) {
        throw new Error(`seed ${seed}, after ${happened.join(", ")}: ${String(error)}`, { cause: error });
      }
    });
  }
});
