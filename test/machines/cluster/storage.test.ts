import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { BackupTask, ShardsView } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { check, readHistory } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { isolate, layings } from "../../fixtures/processes/links.ts";
import { createDataFolder, type NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

const names = ["manager", "a", "b", "c", "d"] as const;
const roleOf = (name: string): string => (name === "manager" ? "manager,chat,storage,gateway" : "chat,storage,gateway");
const specs: readonly NodeSpec[] = names.map((name) => ({ name, roles: roleOf(name) }));

/** Holders of one group on five nodes. */
const wide = (cluster: ClusterProcesses): Promise<void> =>
  until("holders on five nodes", async () => {
    const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
    const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
    expect(new Set(owners), JSON.stringify(groups)).to.have.lengthOf(names.length);
  });

const filesBelow = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) => /[0-9a-f]{64}$/.test(name));

describe("five real nodes that keep bulk", () => {
  const laying = layings.find(({ missing }) => missing() === undefined);
  if (laying === undefined) return void it.skip("are not tested: links cannot be cut here", () => undefined);

  // Shorter, and without cuts, in shards.test.ts.
  const inDepth = depth(undefined, it);
  inDepth?.(
    "lose no byte of what was put while nodes are killed and links are cut, in uploads, repairs and reads",
    async () => {
      await using links = await laying.lay();
      await using cluster = await ClusterProcesses.start(specs, links);
      await using outside = await createDataFolder();
      await wide(cluster);
      const oracle = randomBytes(9_000_000);
      const [file, reference] = [join(outside.path, "bulk"), join(outside.path, "bulk.ref")];
      await writeFile(file, oracle);
      const get = async (node: NodeProcess): Promise<void> => {
        const to = join(outside.path, "again");
        await plexus(node, "shards", "get", reference, "--to", to);
        expect((await readFile(to)).equals(oracle), `what ${node.name} gives`).to.equal(true);
        await rm(to);
      };

      // Killed as soon as something has come; the others are enough.
      const putting = runPlexus("shards", "put", file, "--to", reference, "--data", cluster.named("a").data);
      await until("something of the upload has come", async () => {
        expect(await filesBelow(join(cluster.named("b").data, "shards"))).not.to.deep.equal([]);
      });
      await cluster.named("b").end("SIGKILL");
      const put = await putting;
      expect(put.code, put.stdout + put.stderr).to.equal(0);
      await get(cluster.named("c"));
      isolate(links, "d", names);
      await get(cluster.named("a"));
      links.mend();
      await cluster.named("b").start();

      // A disk loses all shards; one of those that mend it is killed meanwhile.
      for (const name of await filesBelow(join(cluster.named("c").data, "shards")))
        await rm(join(cluster.named("c").data, "shards", name), { force: true });
      const healing = runPlexus("shards", "heal", "--data", cluster.first.data);
      await cluster.named("d").end("SIGKILL");
      await healing;
      await get(cluster.named("b"));
      await cluster.named("d").start();
      await until("everything is whole again", async () => {
        const { code, stdout, stderr } = await runPlexus("shards", "heal", "--data", cluster.first.data);
        expect(code, stdout + stderr).to.equal(0);
        expect(await plexus(cluster.first, "shards", "verify", reference))
          .to.match(/: whole/)
          .and.not.match(/lost|damaged|missing/);
      });
      for (const name of names) await get(cluster.named(name));
    },
  );

  inDepth?.("are backed up under load to what rooms really had, while nodes are killed and links are cut", async () => {
    await using links = await laying.lay();
    await using cluster = await ClusterProcesses.start(specs, links);
    await using outside = await createDataFolder();
    await wide(cluster);
    await plexus(cluster.first, "backup", "kit", "make", "--to", join(outside.path, "kit"));
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    const task = async (sort: string, body: object, node = cluster.first, meanwhile = async (): Promise<void> => undefined): Promise<BackupTask> => {
      const base = "/api/v1/admin/backups";
      let at = (await cluster.admin("POST", `${base}/${sort}`, body, node)) as BackupTask;
      await meanwhile();
      await until(`${sort} ends`, async () => {
        at = (await cluster.admin("GET", `${base}/tasks/${at.id}`, undefined, node)) as BackupTask;
        if (at.state === "running" || (at.state as string) === "waiting") throw new Error(JSON.stringify(at));
      }, 240_000);
      expect(at.error, JSON.stringify(at)).to.equal(undefined);
      return at;
    }; // prettier-ignore

    const before = new Map(rooms.map((room) => [room, acknowledgedIn(load, room)]));
    await task("run", {}, cluster.first, async () => {
      await cluster.named("b").end("SIGKILL");
      isolate(links, "c", names);
      await progress(load, 50, "while a node is dead and another cut off");
      links.mend();
      await cluster.named("b").start();
    });
    await progress(load, 50, "after the backup");
    const to = join(outside.path, "recalled");
    await task("recall", { to, query: {} }, cluster.named("d"), async () => {
      await cluster.named("a").end("SIGKILL");
    });
    await cluster.named("a").start();
    await load.end();
    await check(load);
    for (const room of rooms) {
      const lines = (await readFile(join(to, "room", room, "message.jsonl"), "utf8")).trimEnd().split("\n");
      const recalled = lines.map((line) => (JSON.parse(line) as [string, { seq: number; text: string }])[1]);
      const history = await readHistory(load.writer("ada"), room);
      // A stretch from the first one on is what the room had at some moment: behind all that was acknowledged before
      // the run, and before its end.
      expect(recalled.length, room).to.be.within(before.get(room) ?? 0, history.length);
      expect(recalled.map(({ seq, text }) => [seq, text])).to.deep.equal(
        history.slice(0, recalled.length).map(({ seq, text }) => [seq, text]),
      );
    }
  });
});

/** How many posts were acknowledged in a room. */
const acknowledgedIn = (load: Load, room: string): number =>
  [...load.acknowledged].reduce((sum, [key, posts]) => sum + (key.startsWith(`${room} `) ? posts.length : 0), 0);
