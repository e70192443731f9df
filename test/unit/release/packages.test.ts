import { expect } from "chai";
import { differences, fetchedOf, readPackages, snapshotSources } from "../../../release/container/packages.ts";

const digest = (of: string): string => of.repeat(64).slice(0, 64);

describe("Debian's packages in the image", () => {
  it("are pinned by version and digest, each once, for each architecture", async () => {
    const { suite, snapshot, architectures } = await readPackages();
    expect([suite, snapshot].join(" ")).to.match(/^[a-z]+ \d{8}T\d{6}Z$/);
    expect(Object.keys(architectures)).to.include("amd64");
    for (const packages of Object.values(architectures)) {
      expect(packages.map(({ name }) => name)).to.include.members(["libc6", "libstdc++6", "libatomic1", "dash"]);
      expect(new Set(packages.map(({ name }) => name)).size).to.equal(packages.length);
      for (const { version, sha256 } of packages) {
        expect(version).to.match(/^\d/);
        expect(sha256).to.match(/^[0-9a-f]{64}$/);
      }
    }
  });

  it("that are other ones are named, whichever way they differ", () => {
    const lines = [`${digest("a")}  libattr1_1%3a2.5.1-4_amd64.deb`, `${digest("b")}  dash_0.5.12-2_amd64.deb`, ""];
    const fetched = fetchedOf(lines.join("\n"));
    expect(fetched).to.deep.equal([
      { name: "dash", version: "0.5.12-2", sha256: digest("b") },
      { name: "libattr1", version: "1:2.5.1-4", sha256: digest("a") },
    ]);
    const [dash, attr] = fetched as [(typeof fetched)[0], (typeof fetched)[0]];
    expect(differences(fetched, fetched)).to.deep.equal([]);
    expect(differences([dash], fetched)).to.deep.equal(["libattr1 1:2.5.1-4 is not pinned"]);
    expect(differences(fetched, [dash])).to.deep.equal(["libattr1 1:2.5.1-4 is pinned and was not fetched"]);
    expect(differences(fetched, [{ ...dash, version: "0.5.12-3" }, attr])).to.deep.equal([
      "dash is 0.5.12-3, and 0.5.12-2 is pinned",
    ]);
    expect(differences(fetched, [{ ...dash, sha256: digest("c") }, attr])).to.deep.equal([
      `dash 0.5.12-2 is another file: ${digest("c")}`,
    ]);
    expect(() => fetchedOf("<html>")).to.throw("no file of Debian");
  });

  it("have a place for those of a day, with its updates", () => {
    const sources = snapshotSources({ suite: "bookworm", snapshot: "20261128T000000Z" });
    expect(sources).to.have.length(3);
    for (const source of sources) expect(source).to.include("/20261128T000000Z/ bookworm");
  });
});
