import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createArchive } from "../../../node/composition/recall-archive.ts";
import { hashOf } from "../../../node/blobs/index.ts";
import type { UnitEntry } from "../../../runtimes/backup/index.ts";

const unit = (thread: string, type: string, bucket: string, part = 0, keys = { first: "a", last: "b" }): UnitEntry =>
  ({ name: { cluster: "c", person: "", thread, type, bucket, part }, ...keys }) as UnitEntry;

/** Reads what the archive's format says, byte by byte, as any program would. */
function entries(archive: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  const text = (at: number, length: number) =>
    Buffer.from(archive.subarray(at, at + length))
      .toString()
      .split("\0", 1)[0]!;
  let longName: string | undefined;
  for (let at = 0; archive[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8);
    const sum = archive.subarray(at, at + 512).reduce((all, byte, n) => all + (n >= 148 && n < 156 ? 32 : byte), 0);
    expect(parseInt(text(at + 148, 8), 8)).to.equal(sum);
    const content = Buffer.from(archive.subarray(at + 512, at + 512 + size)).toString();
    if (text(at + 156, 1) === "x") {
      const [length = ""] = content.split(" ", 1);
      expect(Number(length)).to.equal(content.length);
      longName = content.slice(content.indexOf("path=") + 5, -1);
    } else {
      found.set(longName ?? text(at, 100), content);
      longName = undefined;
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

describe("a recall as an archive", () => {
  const longRoom = `room/${"é".repeat(30)}`;
  async function archived(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    const archive = createArchive(async (bytes) => void pieces.push(bytes), Date.UTC(2026, 10, 23));
    await archive.write(unit("room/lobby", "message", "2026-11-23"), Buffer.from('["m/1",{"text":"hi"}]\n'));
    await archive.write(unit("room/lobby", "message", "2026-11-23", 1), Buffer.from("x".repeat(512)));
    await archive.write(unit("user/ada", ".state", ""), Buffer.from("{}\n"));
    await archive.write(unit(longRoom, "message", "2026-11-23"), Buffer.from("long\n"));
    await archive.write(unit("room/../etc", "passwd", ""), Buffer.from("no\n"));
    const file = Buffer.from("picture");
    const name = hashOf(file);
    await archive.write(unit("user/ada", ".blob", name, 0, { first: "0", last: "1" }), file.subarray(0, 3));
    await archive.write(unit("user/ada", ".blob", name, 1, { first: "1", last: "1" }), file.subarray(3));
    await archive.finish({ snapshot: 3 });
    return Buffer.concat(pieces);
  }

  it("has each unit under a name that stays in its folder, files whole, and an end that says what it is", async () => {
    const bytes = await archived();
    expect(bytes.length % 512).to.equal(0);
    expect(bytes.subarray(-1024).every((byte) => byte === 0)).to.equal(true);
    const found = entries(bytes);
    expect(found.get("room/lobby/message/2026-11-23.0.jsonl")).to.equal('["m/1",{"text":"hi"}]\n');
    expect(found.get("room/lobby/message/2026-11-23.1.jsonl")).to.equal("x".repeat(512));
    expect(found.get("user/ada/actor.state/all.0.jsonl")).to.equal("{}\n");
    expect(found.get(`room/${"%C3%A9".repeat(30)}/message/2026-11-23.0.jsonl`)).to.equal("long\n");
    expect(found.get(`user/ada/files/${hashOf(Buffer.from("picture"))}`)).to.equal("picture");
    expect(JSON.parse(found.get("recall.json")!)).to.deep.equal({ snapshot: 3 });
    for (const name of found.keys()) expect(name.split("/")).to.not.include("..");
  });

  it("is what the system's own tar reads", async function () {
    if (spawnSync("tar", ["--version"]).status !== 0) return this.skip();
    const folder = await mkdtemp(join(tmpdir(), "plexus-archive-"));
    try {
      await writeFile(join(folder, "a.tar"), await archived());
      execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
      expect(await readFile(join(folder, "room/lobby/message/2026-11-23.0.jsonl"), "utf8")).to.match(/^\["m\/1"/);
      expect(await readdir(join(folder, "room", "%C3%A9".repeat(30), "message"))).to.deep.equal(["2026-11-23.0.jsonl"]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
