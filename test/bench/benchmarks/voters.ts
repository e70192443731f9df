/** The directory that three managers keep together: next to etcd, and when whoever leads dies. */
import { BenchCluster } from "../cluster.ts";
import { perSecond, type Benchmark, type Figures, type Target } from "../benchmark.ts";
import type { Load } from "../targets/drive.ts";
import { median } from "../statistics.ts";
import { idleDisk, type Samples, type Timing } from "../timing.ts";
import { etcdClient } from "./replicated.ts";

const one: Load = { lanes: 1, outstanding: 1, durationMs: 400 };
/** Each lane changes a row of its own. */
const many: Load = { lanes: 64, outstanding: 1, durationMs: 1_000 };

const managers = { one: ["manager", "chat"], two: ["manager", "chat"], three: ["manager", "chat"] } as const;
const voters = Object.keys(managers).length;

/** A fourth node asks, as a client of etcd does: it has no vote. */
async function start(more: readonly string[] = ["client"]): Promise<BenchCluster> {
  const clients = Object.fromEntries(more.map((name) => [name, ["gateway"] as const]));
  const cluster = await BenchCluster.start({ nodes: { ...managers, ...clients }, replicas: 3 });
  for (const name of cluster.names) await cluster.member(name).call("voting", { voters });
  return cluster;
}

async function swaps(load: Load): Promise<Target> {
  const cluster = await start();
  const client = cluster.member("client");
  return { round: async () => (await client.call("swap", load)) as Figures, stop: () => cluster.stop() };
}

const swapping = (name: string, about: string, load: Load): Benchmark => ({
  name,
  about,
  warmUps: 2,
  rounds: 9,
  targets: { plexus: () => swaps(load), etcd: () => etcdClient("native", load, "swap") },
  rows: [perSecond({ row: name, unit: "changes/s", ours: "plexus", peers: ["etcd"], aimRatio: 0.5 })],
});

export const swapOne = swapping(
  "swap-sequential",
  "one compare-and-set after the other, with three voters, and with three members of etcd",
  one,
);
export const swapMany = swapping("swap-64", "the same for 64 rows at a time", many);

/** Our directory in etcd and what it speaks by, next to the package that it used to speak by, and to a client that
 *  could hardly do less. */
const inEtcd = (name: string, about: string, load: Load): Benchmark => ({
  name,
  about,
  warmUps: 2,
  rounds: 9,
  targets: {
    plexus: () => etcdClient("directory", load, "swap"),
    wire: () => etcdClient("wire", load, "swap"),
    etcd3: () => etcdClient("etcd3", load, "swap"),
    native: () => etcdClient("native", load, "swap"),
  },
  rows: [
    perSecond({ row: `${name}/etcd3`, unit: "changes/s", ours: "wire", peers: ["etcd3"] }),
    {
      row: `${name}/etcd3/cpu`,
      unit: "µs",
      better: "lower",
      figure: "cpuUs",
      ours: "wire",
      peers: ["etcd3"],
      aimRatio: 1,
    },
    perSecond({ row: `${name}/directory`, unit: "changes/s", ours: "plexus", peers: ["etcd3"] }),
    perSecond({ row: `${name}/native`, unit: "changes/s", ours: "plexus", peers: ["native"] }),
  ],
});

export const etcdOne = inEtcd(
  "etcd-sequential",
  "one compare-and-set after the other of our directory in etcd, and of other clients of the same etcd",
  one,
);
export const etcdMany = inEtcd("etcd-64", "the same for 64 rows at a time", many);

/** Kills whoever leads, and starts it again. */
const leaderDies = (name: string, about: string, isOwner: boolean, atMost: number): Timing => ({
  name,
  about,
  rounds: 40,
  async start() {
    const cluster = await start();
    const client = cluster.member("client");
    const actor = "counter/k0";
    await client.call("write", { actor, count: 10 });
    return {
      async round(): Promise<Samples> {
        await client.call("settled", { replicas: 3, actor });
        const leader = (await client.call("voting", { voters })) as string;
        const victim = cluster.member(leader);
        const { pid } = victim;
        if (isOwner) await client.call("moveTo", { actor, to: leader });
        const killed = isOwner
          ? client.call("failover", { actor, pid, signal: "SIGKILL" })
          : client.call("accepted", { pid });
        const { pauseMs } = (await killed) as { readonly pauseMs: number };
        await victim.ended();
        await cluster.startMember(leader);
        await client.call("connected", { nodes: cluster.names });
        await client.call("verify");
        return { pause: [pauseMs] };
      },
      stop: () => cluster.stop(),
    };
  },
  rows: [{ row: name, unit: "ms", samples: "pause", noise: idleDisk, aim: { share: 0.99, atMost } }],
});

export const leaderKilled = leaderDies("leader-killed", "from kill -9 of the leader's process to the first change that the directory takes", false, 1_500); // prettier-ignore
export const leaderAndOwnerKilled = leaderDies("leader-and-owner-killed", "from kill -9 of the process that leads and owns an actor to the first write that a new owner acknowledges", true, 2_000); // prettier-ignore

const watchersPerNode = 50;
const watchersAll = 2 * watchersPerNode;
const changesPerRound = 20;

/** One change after the other: how long until the last watcher of two nodes that have no vote is told. */
async function watchedByTwo(): Promise<Target> {
  const cluster = await start(["client", "other"]);
  const client = cluster.member("client");
  const nodes = [client, cluster.member("other")];
  for (const node of nodes) await node.call("watchRow", { count: watchersPerNode });
  let changes = 0;
  const change = async (): Promise<number> => {
    changes += 1;
    const told = Promise.all(nodes.map((node) => node.call("toldOf", { count: changes * watchersPerNode })));
    const sentMs = (await client.call("changeRow")) as number;
    return Math.max(...((await told) as number[])) - sentMs;
  };
  return {
    async round() {
      const toLastMs: number[] = [];
      for (let count = 0; count < changesPerRound; count += 1) toLastMs.push(await change());
      return { medianMs: median(toLastMs), highestMs: Math.max(...toLastMs) };
    },
    stop: () => cluster.stop(),
  };
}

export const watchers: Benchmark = {
  name: "watchers",
  about: `one change of a row to the last of ${watchersAll} watchers at two nodes, and at one client of etcd`,
  warmUps: 2,
  rounds: 9,
  targets: {
    plexus: watchedByTwo,
    etcd: () => etcdClient("native", { watchers: watchersAll, changes: changesPerRound }, "watched"),
  },
  rows: [
    { row: "watchers", unit: "ms to the last", better: "lower", figure: "medianMs", ours: "plexus", peers: ["etcd"], aimRatio: 3 },
    { row: "watchers/highest", unit: "ms to the last", better: "lower", figure: "highestMs", ours: "plexus", peers: ["etcd"] },
  ],
}; // prettier-ignore
