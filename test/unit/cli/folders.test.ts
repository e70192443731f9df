import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { diskKeyFileOf } from "../../../cli/settings/folders.ts";

describe("where the key of a node's disk is", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "plexus-folders-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is what was typed, then the variable, then the configuration of this folder, then the folder", async () => {
    const config = join(folder, "plexus.json");
    const [data, other] = [join(folder, "data"), join(folder, "other")];
    writeFileSync(config, JSON.stringify({ data, diskKey: join(folder, "elsewhere.key") }));
    const environment = { HOME: folder, PLEXUS_CONFIG: config };
    const typed = join(folder, "typed.key");
    expect(await diskKeyFileOf(typed, data, { ...environment, PLEXUS_DISK_KEY: "/k" })).to.equal(typed);
    expect(await diskKeyFileOf(undefined, data, { ...environment, PLEXUS_DISK_KEY: "/k" })).to.equal("/k");
    expect(await diskKeyFileOf(undefined, data, environment)).to.equal(join(folder, "elsewhere.key"));
    expect(await diskKeyFileOf(undefined, other, environment)).to.equal(join(other, "disk.key"));
    expect(await diskKeyFileOf(undefined, data, { HOME: folder })).to.equal(join(data, "disk.key"));
  });
});
