import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { cp, rename, rm } from "node:fs/promises";
import type { ClusterNodeRow } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, manager, worker, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";
import { missingForSmallDisks, onSmallDisk, SmallDisk } from "../../fixtures/processes/small-disk.ts";

const workers = ["one", "two", "three"] as const;
/** What the launcher says holds for the workers: the test reads files of the manager. */
const specs = (launcher: readonly string[] = []): readonly NodeSpec[] => [
  manager,
  ...workers.map((name) => ({ ...worker(name), launcher })),
];

async function ownerOf(cluster: ClusterProcesses, room: string): Promise<string> {
  const { owner } = slotOfRoom(await cluster.slots(), room);
  return (await cluster.members()).find(({ node }) => node === owner)?.name ?? "";
}

/** The disk of one node. */
interface Disk extends AsyncDisposable {
  /** Again and again while it shall be full: what deletes files makes room. */
  fill(): void;
  makeRoom(): void;
}

/** How nodes get disks that can be full. */
interface Disks {
  /** What is to be said of it in a title. */
  readonly how: string;
  readonly launcher: readonly string[];
  of(node: NodeProcess): Promise<Disk>;
}

const smallDisks: Disks = {
  how: "",
  // Several times what a node writes in the test.
  launcher: onSmallDisk(67_108_864),
  of: (node) => SmallDisk.of(node.pid, node.data),
};

/** From now on no file of the process may be longer. */
function limitFiles(node: NodeProcess, bytesMax: number | "unlimited"): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(node.pid), `--fsize=${bytesMax}:unlimited`], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

const limitedFiles: Disks = {
  how: " (no file may grow)",
  // A write beyond the largest file size is an error, not the end of the process.
  launcher: ["sh", "-c", 'trap "" XFSZ; exec "$0" "$@"'],
  of: (node) =>
    Promise.resolve({
      fill: () => limitFiles(node, 1),
      makeRoom: () => limitFiles(node, "unlimited"),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

/** Full disks, or else what looks like them to a node; or why there are none. */
function findDisks(): Disks | { readonly missing: string } {
  const missing = missingForSmallDisks();
  if (missing === undefined) return smallDisks;
  if (spawnSync("prlimit", ["--version"]).status === 0) return limitedFiles;
  return { missing: `no small disk can be mounted (${missing}), and prlimit of util-linux is not on the PATH` };
}

/** How many slots the controller has given to others because their owner was down. */
async function failovers(cluster: ClusterProcesses): Promise<number> {
  const page = await cluster.first.metrics();
  return Number(/^plexus_placement_failovers_total (\d+)/m.exec(page)?.[1] ?? 0);
}

describe("a cluster of real processes with bad disks under load", () => {
  it("loses nothing when a node comes back with a folder from before, and makes that node whole again", async function () {
    await using cluster = await ClusterProcesses.start(specs());
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    await healthy(cluster, "before the copy");
    const name = await ownerOf(cluster, rooms[0]);
    const node = cluster.named(name);
    const kept = `${node.data}-kept`;
    const replaced = `${node.data}-replaced`;
    try {
      const before = await failovers(cluster);
      expect(await node.end("SIGTERM")).to.equal(0);
      await cp(node.data, kept, { recursive: true });
      await node.start();
      await everybodyWrites(load, "after the copy");
      expect(await failovers(cluster), "a node that stops hands over what it has").to.equal(before);
      await healthy(cluster, "after the copy");
      // It owns again, and is in sync, before it loses what it knows.
      await cluster.move(`actors/room/${rooms[0]}`, name);
      await progress(load, 100, "after the copy");

      await node.end("SIGKILL");
      await rename(node.data, replaced);
      await rename(kept, node.data);
      await node.start();
      await everybodyWrites(load, "with the old folder");
      await healthy(cluster, "with the old folder");
      // What the others have is not needed any more: it is whole.
      await cluster.move(`actors/room/${rooms[0]}`, name);
      await everybodyWrites(load, "owned by the healed node");
      await load.end();
      await check(load);
    } finally {
      for (const folder of [kept, replaced]) await rm(folder, { recursive: true, force: true });
    }
  });

  const disks = findDisks();
  if ("missing" in disks) it.skip(`is not tested with a full disk: ${disks.missing}`, () => undefined);
  else
    it(`loses nothing when a node's disk is full, and takes it back when there is room${disks.how}`, async function () {
      await using cluster = await ClusterProcesses.start(specs(disks.launcher));
      using load = await Load.begin(cluster);
      await progress(load, 100, "the start");
      await healthy(cluster, "before the disk is full");
      const name = await ownerOf(cluster, rooms[0]);
      const node = cluster.named(name);
      const other = cluster.named(workers.find((worker) => worker !== name) ?? "");
      const rowOf = async (): Promise<ClusterNodeRow> =>
        (await cluster.members()).find((member) => member.name === name) as ClusterNodeRow;
      await using disk = await disks.of(node);
      await until("its disk refuses writes", async () => {
        disk.fill();
        expect(await rowOf()).to.include({ diskRefuses: true });
      });
      await until("others own what it had", async () => {
        disk.fill();
        expect(await rowOf()).to.include({ slotsOwned: 0 });
      });
      await Promise.all(rooms.map((room) => load.visit(other, room)));
      await everybodyWrites(load, "while a disk is full");
      disk.makeRoom();
      await until("it owns slots again", async () => expect((await rowOf()).slotsOwned).to.be.above(0));
      await until("it owns a room again", () => cluster.move(`actors/room/${rooms[0]}`, name));
      await healthy(cluster, "when there is room again");
      await everybodyWrites(load, "when there is room again");
      await load.end();
      await check(load);
    });
});
