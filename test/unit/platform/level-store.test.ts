import { mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openLevelStore } from "../../../node/platform/index.ts";

describe("the folder of a Level store", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-folder-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The code that the system gave, and of which path. */
  const refusalOf = (path: string): Promise<unknown> =>
    openLevelStore(path).then(
      () => expect.fail("it was opened"),
      ({ code, path: of }: NodeJS.ErrnoException) => [code, of],
    );

  it("is made with all that are above it, for their owner only", async () => {
    const store = await openLevelStore(join(folder, "one/two/three"));
    await store.close();
    for (const path of ["one", "one/two", "one/two/three"])
      expect(statSync(join(folder, path)).mode & 0o777, path).to.equal(0o700);
  });

  it("is refused where a folder takes none and says that it is not there itself", async function () {
    if (process.platform !== "linux") this.skip();
    expect(await refusalOf("/proc/plexus/journal")).to.deep.equal(["ENOENT", "/proc/plexus"]);
  });

  it("is refused below a link to what is not there", async () => {
    symlinkSync(join(folder, "gone"), join(folder, "link"));
    expect(await refusalOf(join(folder, "link/journal"))).to.deep.equal(["EEXIST", join(folder, "link")]);
  });
});
