import { expect } from "chai";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { archived } from "../../fixtures/recall-archive.ts";

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
});
