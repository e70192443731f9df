import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
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

describe("a Level store that is compacted", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-compact-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Long enough not to stand in random bytes by chance. */
  const replaced = "what Ada wrote";
  const names = Array.from({ length: 300 }, (_, at) => `log/${String(at).padStart(3, "0")}`);
  const puts = (text: string) =>
    names.map((key) => ({ type: "put", key, value: Buffer.concat([Buffer.from(text), randomBytes(900)]) }) as const);
  const hasReadable = (): boolean =>
    readdirSync(folder)
      .filter((name) => /\.(?:ldb|log)$/.test(name))
      .some((name) => readFileSync(join(folder, name)).includes(replaced));

  it("has nothing left of what was replaced: neither where it lies in one table with what replaced it, nor where a view showed it", async () => {
    const store = await openLevelStore(folder);
    await store.batch(puts(replaced), { sync: true });
    await store.batch(puts("Bob"), { sync: true });
    expect(hasReadable()).to.equal(true);
    await store.compact!();
    expect(hasReadable(), "one table").to.equal(false);

    await store.batch(puts(replaced), { sync: true });
    const view = store.view();
    await store.batch([...puts("Eve"), { type: "del", key: names[7]! }], { sync: true });
    let isDone = false;
    const done = store.compact!().then(() => (isDone = true));
    expect(Buffer.from((await view.get(names[0]!))!).toString()).to.include(replaced);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone, "the view is open").to.equal(false);
    await view.close();
    await done;
    expect(hasReadable(), "a view").to.equal(false);
    const rows = await store.range({ gte: "log/", lt: "log0" });
    expect(rows.map(([key]) => key)).to.deep.equal(names.filter((key) => key !== names[7]));
    expect(rows.every(([, value]) => Buffer.from(value).includes("Eve"))).to.equal(true);
    await store.close();
  });
});
