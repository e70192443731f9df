import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { BackupList, BackupResults, BackupTask } from "../../protocols/index.ts";
import { createDataFolder, NodeProcess } from "../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../fixtures/processes/plexus-command.ts";
import { until } from "../waits.ts";

const base = "/api/v1/admin/backups";

/** The texts of a room's messages that were recalled. */
async function textsIn(folder: string, room: string): Promise<readonly unknown[]> {
  const lines = (await readFile(join(folder, "room", room, "message.jsonl"), "utf8")).trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as [string, { text?: string }])[1].text);
}

describe("backups of a real node", function () {
  it("are taken while it runs, only what is new, and give a room back as it was at each of them", async () => {
    await using data = await createDataFolder();
    await using outside = await createDataFolder();
    await using node = new NodeProcess(data.path);
    // What a rehearsal left whose node was killed.
    const drill = join(data.path, "drill");
    await mkdir(join(drill, "journal"), { recursive: true });
    for (const name of ["restoring", "journal/000001.log"]) await writeFile(join(drill, name), "of somebody");
    await node.start();
    await until("what a rehearsal left is gone", async () => expect(await readdir(drill)).to.deep.equal([]));
    const folder = join(outside.path, "backups");
    const post = (room: string, text: string, token: string) =>
      node.http("POST", `/api/v1/rooms/${room}/messages`, { text }, token);
    const ada = await node.signUp("ada");
    const bob = await node.signUp("bob");
    for (const room of ["harbour", "mill"]) await node.http("POST", "/api/v1/rooms", { room }, ada);
    await node.http("POST", "/api/v1/rooms/harbour/join", {}, bob);
    for (let n = 0; n < 20; n += 1) await post("harbour", `before ${n}`, n % 2 === 0 ? ada : bob);
    await post("mill", "elsewhere", ada);

    expect(await plexus(node, "backup", "list")).to.match(/no backup/i);
    // Without keys nothing is made, not even a folder.
    const early = await runPlexus("backup", "run", "--to", folder, "--data", node.data);
    expect(early.stderr)
      .to.match(/KIT_MISSING/)
      .and.match(/plexus backup kit make/);
    expect(await readdir(outside.path)).to.deep.equal([]);
    await plexus(node, "backup", "kit", "make", "--to", join(outside.path, "kit"));
    // Shares are checked where no node runs, by the kit.json beside them.
    const shares = [1, 2, 4].map((n) => join(outside.path, "kit", `share-${n}-of-5.txt`));
    const nowhere = ["--data", join(outside.path, "no-node")];
    const checked = await runPlexus("backup", "kit", "check", ...shares, ...nowhere);
    expect(checked.stdout, checked.stderr).to.match(/This is the key of kit/);
    const bare = await runPlexus("backup", "kit", "check", ...nowhere);
    expect(bare.stderr).to.match(/name it with --sheet FILE/);

    const run = async (): Promise<BackupResults["run"]> =>
      JSON.parse(await plexus(node, "backup", "run", "--to", folder, "--json")) as BackupResults["run"];
    const first = await run();
    expect(first).to.deep.include({ missed: [] }).and.nested.include({ "snapshot.number": 1 });
    const atMs = first.snapshot.atMs;
    // What is made from now on has other keys; what there is, is read with those of before.
    await plexus(node, "backup", "rotate");
    await post("harbour", "after", bob);
    const second = await run();
    expect(second.snapshot.number).to.equal(2);
    expect(second.changedUnits).to.be.within(1, first.changedUnits - 1);

    const token = await node.controlToken();
    const task = async <Sort extends keyof BackupResults>(sort: Sort, body: object): Promise<BackupTask<Sort>> => {
      const begun = (await node.http("POST", `${base}/${sort}`, body, token)).body as BackupTask<Sort>;
      if (begun.state !== "running") return begun;
      return until("the task ends", async () => {
        const at = (await node.http("GET", `${base}/tasks/${begun.id}`, undefined, token)).body as BackupTask<Sort>;
        if (at.state === "running") throw new Error(at.id);
        return at;
      });
    };
    const recalled = async (name: string, query: object) => {
      const to = join(outside.path, name);
      const done = await task("recall", { from: folder, to, query });
      expect(done.error).to.equal(undefined);
      return to;
    };
    const before = Array.from({ length: 20 }, (_, n) => `before ${n}`);
    const old = await recalled("old", { thread: "room/harbour", atMs });
    expect(await textsIn(old, "harbour")).to.deep.equal(before);
    expect(await readdir(join(old, "room"))).to.deep.equal(["harbour"]);
    const now = await recalled("now", { thread: "room/harbour" });
    expect(await textsIn(now, "harbour")).to.deep.equal([...before, "after"]);
    const bobs = await recalled("bobs", { person: "user/bob", type: "message" });
    expect(await textsIn(bobs, "harbour")).to.deep.equal([...before.filter((_, n) => n % 2 === 1), "after"]);
    // What is there already is not written over.
    expect((await task("recall", { from: folder, to: now, query: {} })).error?.details?.["reason"]).to.match(
      /not empty/,
    );

    // A folder on the machine is for who is on the machine, an admin who signs in from elsewhere is not.
    const admin = await node.http("POST", `${base}/list`, { from: folder }, ada);
    expect(admin).to.have.nested.property("body.error.code", "FORBIDDEN");
    const inside = await task("run", { to: join(node.data, "backups") });
    expect(inside.error?.details?.["reason"]).to.match(/own data folder/);

    // As somebody types it.
    expect(await plexus(node, "backup", "list", "--from", folder)).to.match(/1 .*\n.*2 /);
    expect(await plexus(node, "backup", "show", "--from", folder)).to.match(/Snapshot 2 of/);
    const dry = ["backup", "recall", "--from", folder, "--room", "harbour", "--dry-run"];
    const thread = await recalled("thread", { thread: "room/harbour", replies: 3 });
    expect(await textsIn(thread, "harbour")).to.deep.equal(["before 2"]);
    expect(await plexus(node, ...dry, "--replies", "3")).to.match(/Nothing was written\./);
    const roomless = await runPlexus("backup", "recall", "--from", folder, "--replies", "3", "--dry-run", "--data", node.data); // prettier-ignore
    expect(roomless.code).to.equal(2);
    expect(roomless.stderr).to.match(/--replies needs --room/);
    expect(await plexus(node, ...dry)).to.match(
      /Nothing was written\. It would write up to .* of 1 actor of snapshot 2/,
    );
    expect(await plexus(node, "backup", "verify", "--from", folder, "--depth", "data")).to.match(/read and decrypted/);
    const refused = await runPlexus("backup", "prune", "--from", folder, "--keep-last", "1", "--data", node.data);
    expect(refused.stderr)
      .to.match(/To remove: 1 snapshot \(1\)/)
      .and.match(/confirm it/);
    expect(await plexus(node, "backup", "prune", "--from", folder, "--keep-last", "1", "--yes")).to.match(/Removed/);
    const { body } = await node.http("POST", `${base}/list`, { from: folder }, token);
    expect((body as BackupList).snapshots.map(({ number }) => number)).to.deep.equal([2]);
    expect(await textsIn(await recalled("pruned", { thread: "room/harbour" }), "harbour")).to.have.length(21);

    // A bit flips on the disk.
    const blobs = (await readdir(join(folder, "blobs"), { recursive: true })).filter((name) =>
      /\/[0-9a-f]{64}$/.test(name),
    );
    const contents = await Promise.all(blobs.map((name) => readFile(join(folder, "blobs", name))));
    // The largest is a pack: what leads to it stays.
    const most = Math.max(...contents.map(({ length }) => length));
    const at = contents.findIndex(({ length }) => length === most);
    const bytes = contents[at] as Buffer;
    bytes[most >> 1] = (bytes[most >> 1] as number) ^ 4;
    await writeFile(join(folder, "blobs", blobs[at] as string), bytes);
    const verified = await runPlexus("backup", "verify", "--from", folder, "--data", node.data);
    expect(verified.code, verified.stdout + verified.stderr).to.equal(1);
    expect(verified.stdout, verified.stderr).to.match(/cannot be read/);
    const log = JSON.stringify((await node.http("GET", "/api/v1/admin/cluster/audit", undefined, token)).body);
    for (const action of ["runBackup", "recallBackup", "pruneBackup", "verifyBackup"]) expect(log).to.contain(action);
  });
});
