/** What people who chat notice of a backup in a cluster: they post through a gateway into rooms, and the shards of the
 *  backup go to holders on other nodes. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { ClusterBackupTask, ShardsView } from "../../../protocols/index.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { sleep, until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder } from "../../fixtures/processes/node-process.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { p99 } from "../statistics.ts";
import { idleDisk, type Samples, type Timing } from "../timing.ts";

const people = ["ada", "bob", "eve", "joe"] as const;
/** Each person's, and with them the cluster's four times as many. */
const postsPerSecond = 10;
const stretchMs = 10_000;
/** People are there before a backup begins. */
const beforeMs = 3_000;
/** Texts that cannot be compressed, so that a backup lasts longer than people are timed. */
const filledMegabytes = Number(process.env["BENCH_BACKUP_MB"] ?? 40);
const textBytes = 6_000;
const base = "/api/v1/admin/backups";

/** Posts of everybody at a fixed rate, each to a room of one's own, for so long. Gives milliseconds until each is
 *  answered. */
async function posts(clients: readonly ChatClient[], forMs: number): Promise<number[]> {
  const startMs = performance.now();
  const tooks: number[] = [];
  const sent: Promise<void>[] = [];
  const post = async (client: ChatClient, index: number): Promise<void> => {
    const sinceMs = performance.now();
    await client.command("room.post", `r${index}`, { text: "A message of some length, as people write them." });
    tooks.push(performance.now() - sinceMs);
  };
  for (let count = 0; (count * 1_000) / postsPerSecond < forMs; count += 1) {
    await sleep(Math.max(0, startMs + (count * 1_000) / postsPerSecond - performance.now()));
    sent.push(...clients.map(post));
  }
  await Promise.all(sent);
  return tooks;
}

async function fill(clients: readonly ChatClient[]): Promise<void> {
  const lanes = clients.map(async (client, index) => {
    for (let bytes = 0; bytes < (filledMegabytes * 1e6) / clients.length; bytes += textBytes)
      await client.command("room.post", `r${index}`, { text: randomBytes((textBytes * 3) / 4).toString("base64") });
  });
  await Promise.all(lanes);
}

/** Four nodes with holders on each, of which the first is where people are. */
async function startCluster() {
  const roles = "manager,chat,storage,gateway";
  const cluster = await ClusterProcesses.start(["one", "two", "three", "four"].map((name) => ({ name, roles })));
  const outside = await createDataFolder();
  await until("holders on all nodes", async () => {
    const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
    const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
    if (new Set(owners).size < cluster.nodes.length) throw new Error(JSON.stringify(groups));
  });
  await plexus(cluster.first, "backup", "kit", "make", "--to", join(outside.path, "kit"));
  const clients: ChatClient[] = [];
  for (const [index, name] of people.entries()) {
    const token = await cluster.first.signUp(name);
    const client = new ChatClient(() => cluster.first.url, token);
    await client.command("room.create", `r${index}`, {}, `create-${index}`);
    clients.push(client);
  }
  await fill(clients);
  return { cluster, outside, clients };
}

/** Begins a backup of everything, and tells when it is over. */
async function backUp(cluster: ClusterProcesses): Promise<() => Promise<ClusterBackupTask>> {
  const begun = (await cluster.admin("POST", `${base}/run`, { full: true })) as ClusterBackupTask;
  return async () => (await cluster.admin("GET", `${base}/tasks/${begun.id}`)) as ClusterBackupTask;
}

const isOver = ({ state }: ClusterBackupTask): boolean => state !== "waiting" && state !== "running";

export const besideCluster: Timing = {
  name: "beside-cluster",
  about:
    "posts through a gateway into rooms while their cluster makes a backup onto holders of four nodes, beside none",
  rounds: 5,
  async start() {
    const { cluster, outside, clients } = await startCluster();
    return {
      async round(): Promise<Samples> {
        await posts(clients, beforeMs);
        const quiet = await posts(clients, stretchMs);
        const look = await backUp(cluster);
        const beside = await posts(clients, stretchMs);
        const wasOver = isOver(await look());
        const task = await until("the backup ends", async () => {
          const now = await look();
          if (!isOver(now)) throw new Error(JSON.stringify(now));
          return now;
        });
        if (task.error !== undefined || wasOver) throw new Error(`not a backup all the time: ${JSON.stringify(task)}`);
        return { quiet, beside, ratio: [p99(beside) / p99(quiet)] };
      },
      async stop() {
        for (const client of clients) client.close();
        await cluster[Symbol.asyncDispose]();
        await outside[Symbol.asyncDispose]();
      },
    };
  },
  rows: [
    {
      row: "beside-cluster",
      unit: "of the quiet p99",
      samples: "ratio",
      noise: "none",
      aim: { share: 0.5, atMost: 1.2 },
    },
    { row: "beside-cluster/posts", unit: "ms", samples: "beside", noise: "quiet" },
    { row: "beside-cluster/disk", unit: "ms", samples: "quiet", noise: idleDisk },
  ],
};
