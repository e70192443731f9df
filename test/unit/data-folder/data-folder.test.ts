import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openDataFolder, readKey } from "../../../node/data-folder/index.ts";
import { openNodeKey } from "../../../node/cluster/mesh/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";

describe("a data folder", () => {
  let above: string;
  let data: string;
  const warned: Readonly<Record<string, unknown>>[] = [];
  const log = {
    ...quietLog,
    warn: (_: string, facts?: Readonly<Record<string, unknown>>) => void warned.push(facts ?? {}),
  };

  beforeEach(() => {
    above = mkdtempSync(join(tmpdir(), "plexus-folder-"));
    data = join(above, "data");
    warned.length = 0;
  });
  afterEach(() => rmSync(above, { recursive: true, force: true }));

  const put = (path: string, bytes: string | Uint8Array = ""): void => {
    mkdirSync(join(data, "journal"), { recursive: true, mode: 0o700 });
    writeFileSync(join(data, path), bytes, { mode: 0o600 });
  };
  const marked = (): boolean => existsSync(join(data, "creating"));

  it("that is new says so until the journal knows whose it is, and is its owner's alone", async () => {
    const folder = await openDataFolder(data, log);
    expect([folder.isNew, marked(), statSync(data).mode & 0o777]).to.deep.equal([true, true, 0o700]);
    expect((await openDataFolder(data, log)).isNew).to.equal(true);
    await folder.begun();
    expect(marked()).to.equal(false);
    expect(warned).to.deep.equal([]);
  });

  for (const trace of [
    "journal/CURRENT",
    "journal/MANIFEST-000002",
    "journal/000005.ldb",
    "journal/000003.log",
    "journal.mark",
  ])
    it(`that has ${trace} is not new, unless it was being made`, async () => {
      put(trace);
      expect([(await openDataFolder(data, log)).isNew, marked()]).to.deep.equal([false, false]);
      put("creating");
      expect((await openDataFolder(data, log)).isNew).to.equal(true);
    });

  it("that has a key is not new, unless it was being made; what else lies there says nothing", async () => {
    put("notes.txt");
    put("journal/LOCK");
    expect((await openDataFolder(data, log)).isNew).to.equal(true);
    rmSync(join(data, "creating"));
    await openNodeKey(data);
    const { isNew, hasKey } = await openDataFolder(data, log);
    expect([isNew, hasKey]).to.deep.equal([false, true]);
    expect(await readKey(data)).to.be.instanceOf(Uint8Array);
  });

  it("with other things in it is refused, named, and left as it is; what an operator puts into one before is not", async () => {
    mkdirSync(data);
    for (const name of ["thesis.odt", "photos", "taxes", "music"]) writeFileSync(join(data, name), "");
    const refused = await openDataFolder(data, log).then(() => undefined, failureOf);
    expect(refused?.code).to.equal("CONFIG_INVALID");
    expect(refused?.message)
      .to.include(`${data} has other things in it (music, photos, taxes and 1 more)`)
      .and.include(`--data ${join(data, "plexus")}`);
    expect(marked(), "nothing was written").to.equal(false);
    rmSync(data, { recursive: true });
    mkdirSync(join(data, "lost+found"), { recursive: true });
    for (const name of [".profile", "keys", "plexus.yaml"]) writeFileSync(join(data, name), "");
    expect((await openDataFolder(data, log)).isNew).to.equal(true);
  });

  it("is refused with a key that others can read, or that is none", async () => {
    const codeOf = () =>
      openDataFolder(data, log).then(
        () => "it is taken",
        (error: unknown) => failureOf(error).code,
      );
    put("journal/CURRENT");
    await openNodeKey(data);
    const key = join(data, "node.key");
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(key, mode);
      expect(await codeOf(), mode.toString(8)).to.equal("CONFIG_INVALID");
    }
    chmodSync(key, 0o600);
    expect(await codeOf()).to.equal("it is taken");
    const good = (await readKey(data)) ?? new Uint8Array();
    for (const bad of [
      new Uint8Array(),
      good.subarray(1),
      Uint8Array.from(good, (byte, at) => (at === 40 ? byte ^ 1 : byte)),
    ]) {
      writeFileSync(key, bad);
      expect(await codeOf()).to.equal("DATA_DAMAGED");
    }
  });

  it("that others can look into is reported, and the journal in it is closed", async () => {
    put("journal/CURRENT");
    chmodSync(data, 0o755);
    chmodSync(join(data, "journal"), 0o770);
    await openDataFolder(data, log);
    expect(statSync(join(data, "journal")).mode & 0o777).to.equal(0o700);
    expect(warned.map(({ folder }) => folder)).to.deep.equal([data, join(data, "journal")]);
  });
});
