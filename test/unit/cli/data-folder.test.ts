import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { explainFolder } from "../../../cli/disk/data-folder.ts";
import { doctor } from "../../../cli/doctor/index.ts";
import { parseConfig } from "../../../config/index.ts";
import { collected } from "./fixture.ts";

describe("a data folder that cannot be used", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-folder-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const why = (work: Promise<unknown>) => work.then(() => expect.fail("it can be used"), explainFolder);

  it("is said to be a link whose target is not there, which a disk leaves that is not mounted", async () => {
    const link = join(folder, "link");
    symlinkSync("/mnt/gone", link);
    const problem = { reason: `${link} is a link to /mnt/gone, which is not there`, hint: /mounted/ };
    for (const work of [mkdir(link), stat(link)]) {
      const found = await why(work);
      expect(found?.reason).to.equal(problem.reason);
      expect(found?.hint).to.match(problem.hint);
    }
    const output = collected();
    const machine = { workFolder: folder, dataFolder: join(link, "deep"), hostname: "here", models: [] };
    expect(await doctor(parseConfig({ flags: { port: 0 } }, machine), { json: true }, output)).to.equal(1);
    expect(output.out.join("")).to.include(problem.reason);
  });

  it("is said to be a file, also at the end of a link", async () => {
    writeFileSync(join(folder, "file"), "");
    symlinkSync(join(folder, "file"), join(folder, "link"));
    for (const name of ["file", "link"])
      expect((await why(mkdir(join(folder, name))))?.reason).to.include("there is a file where a folder should be");
  });

  it("is said to be somewhere where none can be made", async function () {
    if (process.platform !== "linux") this.skip();
    expect((await why(mkdir("/proc/plexus")))?.reason).to.equal("no folder can be made in /proc (ENOENT)");
  });

  it("is not what any other error is about", async () => {
    expect(explainFolder(new Error("no code"))).to.equal(undefined);
    expect(explainFolder(Object.assign(new Error("no disk"), { code: "ECONNREFUSED" }))).to.equal(undefined);
    expect(explainFolder(Object.assign(new Error("full"), { code: "ENOSPC" }))?.hint).to.match(/^Make room/);
  });
});
