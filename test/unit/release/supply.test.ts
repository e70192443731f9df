import { expect } from "chai";
import {
  advisoryFindings,
  auditProblems,
  licenceProblems,
  licenceTable,
  onlineFindings,
  packagesOf,
  sbomOf,
  sbomProblems,
  withPage,
  type Advisory,
  type LockFile,
} from "../../../release/index.ts";

const lock: LockFile = {
  lockfileVersion: 3,
  packages: {
    "": { name: "plexus", version: "1.0.0", dependencies: { a: "1" }, devDependencies: { "@t/tool": "1" } },
    "node_modules/a": {
      version: "1.2.3",
      license: "MIT",
      dependencies: { b: "2" },
      integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
    },
    "node_modules/b": { version: "1.0.0", license: "(MIT OR GPL-3.0-only)", dev: true },
    "node_modules/a/node_modules/b": { version: "2.0.0", license: "Apache-2.0" },
    "node_modules/@t/tool": { version: "3.0.0", license: "MPL-2.0", dev: true, dependencies: { b: "1" } },
  },
};
const rules = { allowed: ["MIT", "Apache-2.0"], allowedForDevelopment: ["MPL-2.0"], reviewed: [] };

describe("the packages of a release", () => {
  const all = packagesOf(lock);

  it("are read from the lock file, each with those that Node finds from it", () => {
    const needs = Object.fromEntries(all.packages.map(({ path, needs: of }) => [path, of]));
    expect(needs["node_modules/a"]).to.deep.equal(["node_modules/a/node_modules/b"]);
    expect(needs["node_modules/@t/tool"]).to.deep.equal(["node_modules/b"]);
    expect(all.root.needs).to.deep.equal(["node_modules/@t/tool", "node_modules/a"]);
    expect(() => packagesOf({ ...lock, lockfileVersion: 2 })).to.throw("version 2");
  });

  it("are listed as CycloneDX, which its own schema takes, the same for the same lock file", async () => {
    const text = sbomOf(all, rules);
    expect(await sbomProblems(text)).to.deep.equal([]);
    expect(sbomOf(packagesOf(lock), rules)).to.equal(text);
    const { components, dependencies } = JSON.parse(text);
    expect(components).to.have.length(4);
    const a = components.find((one: { name: string }) => one.name === "a");
    expect(a).to.include({ purl: "pkg:npm/a@1.2.3", scope: "required" });
    expect(a.hashes).to.deep.equal([{ alg: "SHA-512", content: "07".repeat(64) }]);
    expect(dependencies.find((one: { ref: string }) => one.ref === "node_modules/a").dependsOn).to.deep.equal([
      "node_modules/a/node_modules/b",
    ]);
    // The schema finds what is wrong.
    const broken = JSON.parse(text);
    broken.components[0].hashes = [{ alg: "SHA-512", content: "no digest" }];
    expect(await sbomProblems(JSON.stringify(broken))).to.not.deep.equal([]);
  });

  it("have licences that are allowed, or are named", () => {
    expect(licenceProblems(all.packages, rules)).to.deep.equal([]);
    const change = (licence: string | undefined) =>
      licenceProblems(
        all.packages.map(({ licence: before, ...one }) => {
          const after = one.name === "a" ? licence : before;
          return { ...one, ...(after !== undefined && { licence: after }) };
        }),
        rules,
      );
    expect(change("GPL-3.0-only")).to.deep.equal(["a 1.2.3 has the licence GPL-3.0-only, which is not allowed"]);
    expect(change("MIT AND GPL-3.0-only")).to.have.length(1);
    expect(change("MIT OR GPL-3.0-only")).to.deep.equal([]);
    // What tests may use, no release may have.
    expect(change("MPL-2.0")).to.have.length(1);
    expect(change("SEE LICENSE IN x")[0]).to.include("no SPDX expression");
    expect(change(undefined)[0]).to.include("no licence that is known");
    const reviewed = [
      { package: "a", licence: "MIT", reason: "read" },
      { package: "gone", licence: "MIT", reason: "" },
    ];
    expect(licenceProblems(all.packages, { ...rules, reviewed })).to.deep.equal([
      '"reviewed" names gone, which is not used',
    ]);
    expect(licenceTable(all.packages, rules)).to.include("MPL-2.0\n  @t/tool 3.0.0\n");
  });

  it("count as shipped where the page has them in it", () => {
    const shipped = withPage(all.packages, new Set(["@t/tool"])).filter(({ development }) => !development);
    expect(shipped.map(({ path }) => path)).to.include.members(["node_modules/@t/tool", "node_modules/b"]);
    expect(licenceProblems(withPage(all.packages, new Set(["@t/tool"])), rules)).to.have.length(1);
  });

  const advisory: Advisory = {
    id: "GHSA-1",
    summary: "b: it breaks",
    affected: [
      {
        package: { ecosystem: "npm", name: "b" },
        ranges: [
          { type: "SEMVER", events: [{ introduced: "2.0.0" }, { fixed: "2.0.1" }] },
          { type: "SEMVER", events: [{ introduced: "0" }, { last_affected: "0.9.0" }] },
        ],
      },
    ],
  };

  it("are compared with known faults, by the ranges of their versions", () => {
    const at = (version: string) => advisoryFindings([{ ...all.packages[1]!, version }], [advisory]).length;
    expect(["0.1.0", "0.9.0", "0.9.1", "1.0.0", "2.0.0-rc.1", "2.0.0", "2.0.1", "3.0.0"].map(at)).to.deep.equal([
      1, 1, 0, 0, 0, 1, 0, 0,
    ]);
    expect(advisoryFindings(all.packages, [advisory])).to.deep.equal([
      { id: "GHSA-1", package: "b", version: "2.0.0", summary: "b: it breaks", development: false },
    ]);
    expect(
      advisoryFindings(all.packages, [
        { ...advisory, affected: [{ ...advisory.affected[0]!, ranges: [], versions: ["1.0.0"] }] },
      ]),
    ).to.have.length(1);
  });

  it("may have a fault that people let pass, for a reason, for a while, and not for longer", () => {
    const findings = advisoryFindings(all.packages, [advisory]);
    const exception = { id: "GHSA-1", package: "b", reason: "never called", until: "2026-12-31" };
    expect(auditProblems(findings, [], "2026-11-24")).to.deep.equal(["b 2.0.0: GHSA-1, b: it breaks"]);
    expect(auditProblems(findings, [exception], "2026-11-24")).to.deep.equal([]);
    expect(auditProblems(findings, [exception], "2026-12-31")).to.deep.equal([]);
    expect(auditProblems(findings, [exception], "2027-01-01")).to.have.length(1);
    expect(auditProblems([], [exception], "2026-11-24")[0]).to.include("is of nothing");
    expect(auditProblems(findings, [{ ...exception, reason: " " }], "2026-11-24")[0]).to.include("no reason");
    expect(auditProblems(findings, [{ ...exception, until: "2028-01-01" }], "2026-11-24")[0]).to.include("120 days");
  });

  it("are compared with an answer of npm's registry, whose refusal is no clean answer", () => {
    const via = [{ url: "https://github.com/advisories/GHSA-2", title: "a: it leaks", name: "a", range: "<1.3.0" }];
    const vulnerabilities = { a: { via }, c: { via: ["a"] } };
    expect(onlineFindings(all.packages, { vulnerabilities })).to.deep.equal([
      { id: "GHSA-2", package: "a", version: "1.2.3", summary: "a: it leaks", development: false },
    ]);
    expect(() => onlineFindings(all.packages, { message: "405 Method Not Allowed" })).to.throw("405");
  });
});
