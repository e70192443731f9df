import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import {
  slotOf,
  type BackupList,
  type BackupResults,
  type ClusterBackupTask,
  type ShardsView,
} from "../../../protocols/index.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder } from "../../fixtures/processes/node-process.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

const base = "/api/v1/admin/backups";
/** The node with the directory is not one of those that are killed: without it nobody takes over. */
const member = (name: string) => ({ name, roles: "manager,chat,storage,gateway" });

describe("backups of real nodes onto each other", () => {
  // Backups of the cluster whose runner dies are simulated; real nodes are backed up, restored and recalled from in
  // other files.
  depth(undefined, it)?.(
    "end at another node when the runner is killed, and give every room back byte for byte",
    async () => {
      await using cluster = await ClusterProcesses.start([manager, member("a"), member("b"), member("c")]);
      await using outside = await createDataFolder();
      await until("a group of holders on three nodes", async () => {
        const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
        const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
        expect(new Set(owners), JSON.stringify(groups)).to.have.lengthOf(3);
        expect(owners).not.to.include(undefined);
      });
      await plexus(cluster.first, "backup", "kit", "make", "--to", join(outside.path, "kit"));
      const ada = await cluster.first.signUp("ada");
      const rooms = Array.from({ length: 12 }, (_, at) => `room${at}`);
      const texts = new Map<string, string[]>();
      const post = async (room: string, text: string): Promise<void> => {
        const at = `/api/v1/rooms/${room}/messages`;
        const headers = {
          "content-type": "application/json",
          authorization: `Bearer ${ada}`,
          "idempotency-key": `${room}-${texts.get(room)?.length ?? 0}`,
        };
        await until(`a message in ${room}`, async () => {
          const { status } = await fetch(`${cluster.first.url}${at}`, {
            method: "POST",
            headers,
            body: JSON.stringify({ text }),
          });
          expect(status).to.be.below(300);
        });
        texts.set(room, [...(texts.get(room) ?? []), text]);
      };
      for (const room of rooms)
        await until(room, async () => {
          const { status } = await cluster.first.http("POST", "/api/v1/rooms", { room }, ada);
          expect(status).to.be.oneOf([200, 201, 409]);
        });
      const look = async (id: string): Promise<ClusterBackupTask> =>
        (await cluster.admin("GET", `${base}/tasks/${id}`)) as ClusterBackupTask;
      const isOver = ({ state }: ClusterBackupTask): boolean => state !== "waiting" && state !== "running";

      // A run may be over before its runner is: then there is another one. The actor of the backups is moved to a node
      // that may be killed, so that nothing has to be looked up between seeing the runner and killing it.
      const slot = slotOf("manager", "backup/cluster");
      // A slot is placed when something is first asked of it.
      await cluster.admin("GET", `${base}/tasks`);
      let turns = 0;
      for (let round = 0; round < 6 && turns < 2; round += 1) {
        for (const room of rooms)
          for (let count = 0; count < 4; count += 1) await post(room, `${round} ${count} ${"ö".repeat(2_000)}`);
        const name = ["a", "b", "c"][round % 3] as string;
        const runner = cluster.named(name);
        await until(`the backups' actor is at ${name}`, () =>
          cluster.admin("POST", `/api/v1/admin/cluster/slots/${slot}/move`, { to: name }),
        );
        const begun = (await cluster.admin("POST", `${base}/run`, {})) as ClusterBackupTask;
        await until("a runner has it", async () => {
          expect((await look(begun.id)).runner).to.be.a("string");
        });
        await runner.end("SIGKILL");
        const task = await until(
          "the run ends",
          async () => {
            const now = await look(begun.id);
            expect(isOver(now), JSON.stringify(now)).to.equal(true);
            return now;
          },
          180_000,
        );
        expect(task.error, JSON.stringify(task.error)).to.equal(undefined);
        expect((task.result as BackupResults["run"]).missed).to.deep.equal([]);
        turns = task.turn;
        await runner.start();
      }
      expect(turns, "a run that ended at another node than the one where it began").to.be.above(1);

      const list = JSON.parse(await plexus(cluster.named("a"), "backup", "list", "--json")) as BackupList;
      const numbers = list.snapshots.map(({ number }) => number);
      expect(numbers, "each run is there once").to.deep.equal(numbers.map((_, at) => at + 1));
      const to = join(outside.path, "out");
      await plexus(cluster.named("b"), "backup", "recall", "--type", "message", "--to", to);
      for (const room of rooms) {
        const lines = (await readFile(join(to, "room", room, "message.jsonl"), "utf8")).trimEnd().split("\n");
        const found = lines.map((line) => (JSON.parse(line) as [string, { text?: string }])[1].text);
        expect(found, room).to.deep.equal(texts.get(room));
      }
      expect(await plexus(cluster.named("c"), "backup", "verify", "--depth", "data")).to.match(/everything was read/);
      expect(await plexus(cluster.named("c"), "backup", "tasks")).to.match(/verify/);
      await plexus(cluster.named("b"), "backup", "schedule", "set", "nightly", "--cron", "0 3 * * *");
      expect(await plexus(cluster.named("c"), "backup", "schedule", "list")).to.match(/nightly .*0 3 \* \* \*/);
      await plexus(cluster.named("c"), "backup", "schedule", "remove", "nightly");
      expect(await plexus(cluster.named("a"), "backup", "prune", "--keep-last", "1", "--yes")).to.match(
        /Removed|No snapshot/,
      );
    },
  );
});
