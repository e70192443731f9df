import { expect } from "chai";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createMemoryReading,
  mayDumpCore,
  readDescriptorLimit,
  shareDescriptors,
} from "../../../node/platform/index.ts";
import { failureOf } from "../../../protocols/index.ts";

describe("platform: descriptors", () => {
  it("shares out every limit so that the shares and the process's own fit in it", () => {
    for (let limit = 256; limit <= 1_048_576; limit = Math.ceil(limit * 1.3)) {
      const { disk, mesh, web } = shareDescriptors(limit);
      expect(disk + mesh + web + 96, String(limit)).to.equal(limit);
      for (const share of [disk, mesh]) expect(share, String(limit)).to.be.at.least(32);
      expect(web, String(limit)).to.be.at.least(limit / 3);
    }
    expect(shareDescriptors(1_024)).to.deep.equal({ limit: 1_024, disk: 128, mesh: 128, web: 672 });
  });

  it("refuses a limit that is too few for a node, and says how to raise it", () => {
    let thrown: unknown;
    try {
      shareDescriptors(128);
    } catch (error) {
      thrown = error;
    }
    const { code, details } = failureOf(thrown);
    expect(code).to.equal("CONFIG_INVALID");
    expect(details?.["reason"]).to.match(/^128 is too few/);
    expect(details?.["hint"]).to.match(/ulimit -n/);
  });

  it("reads the limit of this process, and takes none for a large one", async () => {
    expect(readDescriptorLimit()).to.be.at.least(256);
    const folder = await mkdtemp(join(tmpdir(), "plexus-limits-"));
    try {
      const file = join(folder, "limits");
      for (const [limit, may] of [
        ["0", false],
        ["1", true],
        ["unlimited", true],
      ] as const) {
        await writeFile(file, `Max core file size        ${limit}                    unlimited            bytes\n`);
        expect(mayDumpCore(file)).to.equal(may);
      }
      expect(mayDumpCore(join(folder, "none"))).to.equal(false);
      await writeFile(file, "Max open files            unlimited            unlimited            files\n");
      expect(readDescriptorLimit(file)).to.equal(1_048_576);
      await writeFile(file, "Max processes 7 7 processes\nMax open files            1024                 4096 files\n");
      expect(readDescriptorLimit(file)).to.equal(1_024);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("tells of memory what it saw last, while the system refuses to say", () => {
    const says: (number | Error)[] = [10, new Error("EMFILE: too many open files"), 20];
    const memoryBytes = createMemoryReading(() => {
      const next = says.shift();
      if (typeof next === "number") return next;
      throw next as Error;
    });
    expect([memoryBytes(), memoryBytes(), memoryBytes()]).to.deep.equal([10, 10, 20]);
  });
});
