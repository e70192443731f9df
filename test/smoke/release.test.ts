import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { fingerprintOf, releasePaths, sealEnvelope, verifyArchive, verifyFolder } from "../../cli/release/index.ts";
import { openEnvelope } from "../../cli/release/envelope.ts"; // prettier-ignore
import { verifyRelease } from "../../cli/up/verify-release.ts";
import { makeArchive, packagesOf, signFile } from "../../release/index.ts";
import { collected } from "../unit/cli/fixture.ts";

const lock = {
  lockfileVersion: 3,
  packages: {
    "": { name: "plexus", version: "1.0.0" },
    "node_modules/a": { version: "1.0.0", license: "MIT" },
    "node_modules/other-platform": { version: "1.0.0", license: "MIT", optional: true },
  },
};
const rules = { allowed: ["MIT"], allowedForDevelopment: [], reviewed: [] };
const files = {
  "package.json": "{}",
  "package-lock.json": JSON.stringify(lock),
  "cli/main.ts": "export {};\n",
  "bin/plexus": "#!/bin/sh\n",
};
const packages = { "node_modules/a/index.js": "module.exports = 1;\n", "node_modules/a/lib/b.js": "1\n" };

async function fill(folder: string, of: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(of)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

describe("a release", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const other = generateKeyPairSync("ed25519");
  let folder: string;
  let archive: string;
  /** An installation of it: unpacked, with its packages. */
  let installed: string;

  async function make(name: string): Promise<string> {
    const staged = join(folder, name, "staged");
    const source = join(folder, name, "source");
    await fill(staged, files);
    await fill(source, packages);
    const provenance = { version: "1.0.0", commit: "ab".repeat(20), nodeVersion: "v26.0.0" };
    const all = packagesOf(lock);
    const out = join(folder, name, "out");
    return (await makeArchive({ staged, installed: source, all, rules, provenance, key: privateKey, out })).archive;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-release-"));
    archive = await make("one");
    installed = join(folder, "installed");
    await mkdir(installed);
    execFileSync("tar", ["-xzf", archive, "-C", installed, "--strip-components=1"]);
    await fill(installed, packages);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** What the comparison says after something was done to a copy of the installation. */
  async function verdictAfter(change: (copy: string) => Promise<unknown>, key = publicKey) {
    const copy = await mkdtemp(join(folder, "copy-"));
    await cp(installed, copy, { recursive: true });
    await change(copy);
    return verifyFolder(copy, key);
  }

  it("is the same bytes for the same files, and signed", async () => {
    const again = await make("two");
    expect((await readFile(again)).equals(await readFile(archive))).to.equal(true);
    expect(await verifyArchive(archive, publicKey)).to.deep.include({ type: "compared", same: 1, changed: [] });
    expect((await verifyArchive(archive, other.publicKey)).type).to.equal("forged");
    const { payload } = JSON.parse(await readFile(`${archive}.intoto.json`, "utf8"));
    const statement = JSON.parse(Buffer.from(payload, "base64").toString());
    expect(statement).to.include({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://slsa.dev/provenance/v1",
    });
    expect(statement.predicate.buildDefinition.resolvedDependencies[0].digest.gitCommit).to.equal("ab".repeat(20));
    await appendFile(again, "x");
    expect(await verifyArchive(again, publicKey)).to.deep.include({ changed: ["plexus-1.0.0.tar.gz"] });
  });

  it("has its image signed in the same way, as one file", async () => {
    const image = join(folder, "image.tar");
    await writeFile(image, randomBytes(3_000_000));
    const provenance = { version: "1.0.0", commit: "ab".repeat(20), nodeVersion: "v26.0.0" };
    expect(await signFile(image, provenance, privateKey)).to.equal(`${image}.intoto.json`);
    const key = join(folder, "image-key.pem");
    await writeFile(key, publicKey.export({ type: "spki", format: "pem" }));
    const flags = { path: image, key, fingerprint: undefined, json: false };
    expect(await verifyRelease(flags, collected())).to.equal(0);
    await writeFile(key, other.publicKey.export({ type: "spki", format: "pem" }));
    expect(await verifyRelease(flags, collected()), "another key").to.equal(1);
    await appendFile(image, "x");
    await writeFile(key, publicKey.export({ type: "spki", format: "pem" }));
    expect(await verifyRelease(flags, collected()), "another image").to.equal(1);
    const renamed = join(folder, "other.tar");
    await cp(image, renamed);
    await cp(`${image}.intoto.json`, `${renamed}.intoto.json`);
    expect(await verifyRelease({ ...flags, path: renamed }, collected()), "under another name").to.equal(1);
  });

  it("is found whole where it is installed, with its packages", async () => {
    const verdict = await verdictAfter(async () => {});
    // Four files, the list of packages, that of licences, the key, and one package.
    expect(verdict).to.deep.equal({
      type: "compared",
      fingerprint: fingerprintOf(publicKey),
      same: 8,
      changed: [],
      missing: [],
      added: [],
    });
  });

  it("is found changed: a file, a file of a package, code that nobody signed, a package inside another, something that is gone", async () => {
    expect(await verdictAfter((copy) => appendFile(join(copy, "cli/main.ts"), "evil()"))).to.deep.include({
      changed: ["cli/main.ts"],
    });
    expect(await verdictAfter((copy) => appendFile(join(copy, "node_modules/a/lib/b.js"), "evil()"))).to.deep.include({
      changed: ["node_modules/a"],
    });
    expect(await verdictAfter((copy) => fill(copy, { "cli/evil.ts": "" }))).to.deep.include({ added: ["cli/evil.ts"] });
    expect(await verdictAfter((copy) => fill(copy, { "node_modules/a/node_modules/b/index.js": "" }))).to.deep.include({
      added: ["node_modules/a/node_modules/b"],
    });
    expect(await verdictAfter((copy) => rm(join(copy, "bin/plexus")))).to.deep.include({ missing: ["bin/plexus"] });
    // A package of another platform, as npm installed it there.
    expect(await verdictAfter((copy) => fill(copy, { "node_modules/other-platform/x.node": "" }))).to.deep.include({
      added: [],
    });
  });

  it("is no release without its manifest, and forged when somebody else signed it", async () => {
    expect((await verdictAfter((copy) => rm(join(copy, releasePaths.manifest)))).type).to.equal("unsigned");
    const resign = async (copy: string) => {
      const path = join(copy, releasePaths.manifest);
      const body = openEnvelope(await readFile(path, "utf8"), publicKey)!;
      await writeFile(path, JSON.stringify(sealEnvelope(body, other.privateKey)));
    };
    expect((await verdictAfter(resign)).type).to.equal("forged");
    // With the key changed as well only somebody who knows the right one finds out.
    const both = async (copy: string) => {
      await resign(copy);
      await writeFile(join(copy, releasePaths.key), other.publicKey.export({ type: "spki", format: "pem" }));
    };
    expect((await verdictAfter(both)).type).to.equal("forged");
    const nonsense = async (copy: string) => writeFile(join(copy, releasePaths.manifest), "[]");
    expect((await verdictAfter(nonsense)).type).to.equal("forged");
  });

  it("is checked by the command, which says whose key it was and ends with 1 when something is wrong", async () => {
    const flags = { path: installed, key: undefined, fingerprint: undefined, json: false };
    const output = collected();
    expect(await verifyRelease(flags, output)).to.equal(0);
    expect(output.out.join("\n"))
      .to.include("8 things as signed")
      .and.include(`Compare its fingerprint with the published one: ${fingerprintOf(publicKey)}`);
    expect(await verifyRelease({ ...flags, fingerprint: fingerprintOf(publicKey) }, collected())).to.equal(0);
    const wrong = collected();
    expect(await verifyRelease({ ...flags, fingerprint: fingerprintOf(other.publicKey) }, wrong)).to.equal(1);
    expect(wrong.out.join("\n")).to.include("Do not use it");
    const key = join(folder, "key.pem");
    await writeFile(key, publicKey.export({ type: "spki", format: "pem" }));
    const asJson = collected();
    expect(await verifyRelease({ ...flags, path: archive, key, json: true }, asJson)).to.equal(0);
    expect(JSON.parse(asJson.out[0]!)).to.include({ verified: true, key: "named" });
    await verifyRelease({ ...flags, path: archive }, collected()).then(
      () => expect.fail("no key was named"),
      (thrown) => expect(thrown).to.have.property("failure"),
    );
  });
});
