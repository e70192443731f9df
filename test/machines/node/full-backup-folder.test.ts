/** A folder of backups on a disk that is really full: the run names it, and a prune makes room there without any. */
import { join } from "node:path";
import { cp, mkdir } from "node:fs/promises";
import { expect } from "chai";
import type { BackupList } from "../../../protocols/index.ts";
import { threadByHand } from "../../fixtures/processes/by-hand.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";
import { missingForSmallDisks, onSmallDisk, SmallDisk } from "../../fixtures/processes/small-disk.ts";

const missing = missingForSmallDisks();

describe("a folder of backups on a disk of its own", () => {
  if (missing !== undefined) return void it.skip(`is not tested: ${missing}`, () => undefined);

  it("is pruned when not one page of the disk is free, and has everything of what stays", async () => {
    await using top = await createDataFolder();
    const folder = join(top.path, "disk");
    await mkdir(folder);
    // The node sees the disk where its last word says; its data is elsewhere.
    const launcher = onSmallDisk(24 * 1_048_576, folder);
    await using node = new NodeProcess(join(top.path, "data"), ["--model", "echo"], launcher);
    await node.start();
    await using disk = await SmallDisk.of(node.pid, folder);
    const backups = join(folder, "backups");
    const ada = await node.signUp("ada");
    await node.http("POST", "/api/v1/rooms", { room: "den" }, ada);
    await plexus(node, "backup", "kit", "make", "--to", join(top.path, "kit"), "--shares", "3", "--needed", "2");
    let posts = 0;
    const post = async (): Promise<void> => {
      posts += 1;
      // Words that do not get smaller.
      const text = Buffer.from(crypto.getRandomValues(new Uint8Array(6_000))).toString("base64");
      expect((await node.http("POST", "/api/v1/rooms/den/messages", { text }, ada)).status).to.be.below(300);
    };
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 8; n += 1) await post();
      await plexus(node, "backup", "run", "--to", backups);
    }
    disk.fill();
    await post();
    const full = await runPlexus("backup", "run", "--to", backups, "--data", node.data);
    expect(full.code).not.to.equal(0);
    expect(full.stdout + full.stderr)
      .to.include(backups)
      .and.match(/plexus backup prune --from/);
    const pruned = await plexus(node, "backup", "prune", "--from", backups, "--keep-last", "1", "--yes");
    expect(pruned).to.match(/Removed/);
    const listed = JSON.parse(await plexus(node, "backup", "list", "--from", backups, "--json")) as BackupList;
    expect(listed.snapshots).to.have.length(1);
    expect(await plexus(node, "backup", "verify", "--from", backups, "--depth", "data")).to.match(
      /everything was read/,
    );
    disk.makeRoom();
    await plexus(node, "backup", "run", "--to", backups);
    const shares = [1, 2].map((number) => join(top.path, "kit", `share-${number}-of-3.txt`));
    // Another process does not see that disk.
    const seen = join(top.path, "seen");
    await cp(join(disk.path, "backups"), seen, { recursive: true });
    const records = threadByHand(join(top.path, "work"), "room/den", { folders: [seen], shares });
    expect(records.filter(([key]) => key.startsWith("message/"))).to.have.length(posts);
  });
});
