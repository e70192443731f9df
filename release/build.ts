/** Makes a release of the commit that is checked out: an archive, a list of its packages, and signed statements about
 *  both.
 *
 *      npm run release -- --key key.pem [--out DIR]       key: openssl genpkey -algorithm ed25519 -out key.pem
 *
 *  It refuses a working tree with changes, packages with a licence that is not allowed, and known faults without an
 *  exception. Run it after `npm ci`: the manifest has a digest of each package as it is installed. */
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fingerprintOf, readPrivateKey } from "../cli/release/index.ts";
import { advisoryFindings, auditProblems } from "./advisories.ts";
import { makeArchive } from "./archive.ts";
import { readFacts } from "./facts.ts";
import { licenceProblems } from "./licences.ts";
import { sbomOf, sbomProblems } from "./sbom.ts";

const root = join(import.meta.dirname, "..");
const git = (...words: readonly string[]): string => execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();

async function main(words: readonly string[]): Promise<number> {
  const options = { key: { type: "string" }, out: { type: "string", default: "dist" } } as const;
  const { values } = parseArgs({ args: [...words], options });
  if (values.key === undefined) {
    console.error("Name the private key that signs: npm run release -- --key key.pem");
    return 2;
  }
  const changes = git("status", "--porcelain");
  const { all, rules, advisories, exceptions } = readFacts(root);
  const day = new Date().toISOString().slice(0, 10);
  const problems = [
    ...(changes === "" ? [] : [`the working tree has changes:\n${changes}`]),
    ...licenceProblems(all.packages, rules),
    ...auditProblems(advisoryFindings(all.packages, advisories), exceptions, day),
    ...(await sbomProblems(sbomOf(all, rules))),
  ];
  if (problems.length > 0) {
    for (const problem of problems) console.error(problem);
    return 1;
  }
  const key = readPrivateKey(await readFile(values.key, "utf8"));
  const staged = await mkdtemp(join(tmpdir(), "plexus-release-"));
  try {
    execFileSync(process.execPath, [join(root, "web/build.ts")], { stdio: "inherit" });
    const tar = execFileSync("git", ["archive", "--format=tar", "HEAD"], { cwd: root, maxBuffer: 2 ** 30 });
    execFileSync("tar", ["-xf", "-", "-C", staged], { input: tar });
    await cp(join(root, "web/dist"), join(staged, "web/dist"), { recursive: true });
    const provenance = { version: all.root.version, commit: git("rev-parse", "HEAD"), nodeVersion: process.version };
    const out = resolve(values.out);
    const made = await makeArchive({ staged, installed: root, all, rules, provenance, key, out });
    console.log(`${made.archive}\n${made.statement}\nsigned by ${fingerprintOf(key)}`);
    return 0;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
