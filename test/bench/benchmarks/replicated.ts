/** Durable commands on three nodes, next to etcd and to one node alone. */
import { findEtcd, startEtcd } from "../../fixtures/processes/etcd-server.ts";
import { BenchCluster } from "../cluster.ts";
import { perSecond, servedTarget, type Target, type Benchmark, type Figures } from "../benchmark.ts";
import type { Load } from "../targets/drive.ts";

const sequential: Load = { lanes: 1, outstanding: 1, durationMs: 400 };
/** Long: the first and the last of 6,400 outstanding have no company. */
const crowd: Load = { lanes: 100, outstanding: 64, durationMs: 3_000 };

/** The first node keeps the directory and makes the load; the actors are spread over the other three, and each has a
 *  copy of everything. */
async function members(load: Load): Promise<Target> {
  const cluster = await BenchCluster.start({
    nodes: { manager: ["manager", "gateway"], one: ["chat"], two: ["chat"], three: ["chat"] },
    replicas: 3,
  });
  const manager = cluster.member(cluster.host);
  for (let lane = 0; lane < load.lanes; lane += 1) await manager.call("write", { actor: `counter/k${lane}`, count: 1 });
  await manager.call("settled", { replicas: 3 });
  return { round: async () => (await manager.call("durable", load)) as Figures, stop: () => cluster.stop() };
}

/** One etcd of three members for all who put: idle members would cost whoever is measured. */
let shared: { readonly etcd: ReturnType<typeof startEtcd>; clients: number } | undefined;

/** Who speaks to etcd: Node's own HTTP/2, the `etcd3` package, our directory, and what that speaks by alone. */
const clients = {
  native: "etcd.ts",
  etcd3: "etcd3.mjs",
  directory: "etcd-directory.ts",
  wire: "etcd-wire.ts",
} as const;
type EtcdClient = keyof typeof clients;

/** Changes of a row that so many watch, one after the other. */
interface WatchLoad {
  readonly watchers: number;
  readonly changes: number;
}

export async function etcdClient(client: EtcdClient, load: Load | WatchLoad, call = "durable"): Promise<Target> {
  const found = findEtcd();
  if ("missing" in found) throw new Error(found.missing);
  const used = (shared ??= { etcd: startEtcd(found.path, 3), clients: 0 });
  used.clients += 1;
  const leave = async (): Promise<void> => {
    used.clients -= 1;
    if (used.clients > 0) return;
    shared = undefined;
    await (await used.etcd).stop();
  };
  try {
    const { endpoint } = await (await used.etcd).leader();
    const target = await servedTarget(clients[client], call, load, [
      endpoint,
      `${call}-${client}-${Object.values(load).join("-")}`,
    ]);
    const stop = async (): Promise<void> => {
      try {
        await target.stop();
      } finally {
        await leave();
      }
    };
    return { round: () => target.round(), stop };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** The more that etcd has outstanding, the more it commits at once, until its client is what is slow. So it may have as
 *  few as serve it best. */
const etcds = (client: EtcdClient, load: Load, outstanding: readonly number[]): Benchmark["targets"] =>
  Object.fromEntries(
    outstanding.map((count) => [
      `${client} ${load.lanes}×${count}`,
      () => etcdClient(client, { ...load, outstanding: count }),
    ]),
  );
const native = etcds("native", crowd, [1, 4, 16, 64]);
const packaged = etcds("etcd3", crowd, [1, 4, 16]);
const nativeSequential = etcds("native", sequential, [1]);
const packagedSequential = etcds("etcd3", sequential, [1]);

export const replicatedSequential: Benchmark = {
  name: "replicated-sequential",
  about: "one durable command after the other to an actor with three copies",
  warmUps: 3,
  rounds: 11,
  targets: { plexus: () => members(sequential), alone: () => servedTarget("kernel.ts", "durable", sequential), ...nativeSequential, ...packagedSequential },
  rows: [
    perSecond({ row: "replicated-sequential/etcd", unit: "commands/s", ours: "plexus", peers: Object.keys(nativeSequential) }),
    { row: "replicated-sequential/etcd/p50", unit: "ms", better: "lower", figure: "p50Ms", ours: "plexus", peers: Object.keys(nativeSequential) },
    perSecond({ row: "replicated-sequential/etcd3", unit: "commands/s", ours: "plexus", peers: Object.keys(packagedSequential) }),
    perSecond({ row: "replicated-sequential/alone", unit: "commands/s", ours: "plexus", peers: ["alone"] }),
  ],
}; // prettier-ignore

export const replicatedCrowd: Benchmark = {
  name: "replicated-100x64",
  about: "64 durable commands outstanding to each of 100 actors with three copies",
  warmUps: 2,
  rounds: 5,
  targets: { plexus: () => members(crowd), alone: () => servedTarget("kernel.ts", "durable", crowd), ...native, ...packaged },
  rows: [
    perSecond({ row: "replicated-100x64/etcd", unit: "commands/s", ours: "plexus", peers: Object.keys(native), aimRatio: 10 }),
    perSecond({ row: "replicated-100x64/etcd3", unit: "commands/s", ours: "plexus", peers: Object.keys(packaged) }),
    perSecond({ row: "replicated-100x64/alone", unit: "commands/s", ours: "plexus", peers: ["alone"] }),
  ],
}; // prettier-ignore
