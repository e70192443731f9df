import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openFolderSink } from "../../../node/backup/places/recall-folder.ts";
import { commandLimits } from "../../../node/backup/index.ts";
import { createSealer, type Sealer } from "../../../runtimes/backup/index.ts";
import { recalledUnit } from "../../fixtures/recalled-unit.ts";

describe("the folder of a recall", () => {
  let sealer: Sealer;
  let folder: string;
  before(() => (sealer = createSealer({ threads: 1, idleMs: 5_000 })));
  after(() => sealer.close());
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-sink-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("has each file whole and once, however many lots its units are written in, and is told of no memory that changes meanwhile", async () => {
    const sink = await openFolderSink(folder, sealer);
    const expected = new Map<string, string>();
    const content = Buffer.alloc(commandLimits.writtenBytes / 4);
    const write = async (thread: string, type: string, path: string, byte: number): Promise<void> => {
      // The memory of a unit is used again for the next.
      content.fill(byte);
      await sink.write(recalledUnit(thread, type), content, 0);
      expected.set(path, (expected.get(path) ?? "") + content.toString());
    };
    for (let n = 0; n < 11; n += 1) await write("room/large", "message", "room/large/message.jsonl", 0x61 + n);
    await write("room/large", ".state", "room/large/actor.state.jsonl", 0x41);
    for (let n = 0; n < commandLimits.writtenParts + 3; n += 1) {
      await sink.write(recalledUnit(`user/u${n}`, "setting"), Buffer.from(`${n}\n`), 0);
      expected.set(`user/u${n}/setting.jsonl`, `${n}\n`);
    }
    await sink.finish({ plexus: "recall" });
    const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    expect(found.length).to.equal(expected.size + 1);
    expect(sink.files).to.equal(expected.size);
    for (const [path, text] of expected) expect(readFileSync(join(folder, path), "utf8") === text, path).to.equal(true);
    expect(JSON.parse(readFileSync(join(folder, "recall.json"), "utf8"))).to.deep.equal({ plexus: "recall" });
  });

  it("ends with the system's own refusal, and writes nothing more", async () => {
    const sink = await openFolderSink(folder, sealer);
    // A file where a folder is to be.
    writeFileSync(join(folder, "room"), "");
    await sink.write(recalledUnit("room/lobby", "message"), Buffer.from("{}\n"), 0);
    const refused = await sink.finish({}).then(
      () => undefined,
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    await sink.close();
    expect(refused).to.be.oneOf(["ENOTDIR", "EEXIST"]);
    expect(readdirSync(folder)).to.deep.equal(["room"]);
  });
});
