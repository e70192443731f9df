/** Compares the packages with known faults: those of `advisories.json`, and, where it can be asked, those that the
 *  registry knows.
 *
 *      npm run audit
 *
 *  Exit code 0: nothing is open. 1: something is. When the registry could not be asked it says so and why, and only the
 *  file counts. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { advisoryFindings, auditProblems, onlineFindings, type Finding, type OnlineAudit } from "./advisories.ts";
import { readFacts } from "./facts.ts";

const root = join(import.meta.dirname, "..");

/** What the registry knows; an error says why it could not be asked. */
function askRegistry(packages: Parameters<typeof onlineFindings>[0]): readonly Finding[] {
  const { stdout, error } = spawnSync("npm", ["audit", "--json", "--package-lock-only"], {
    cwd: root,
    encoding: "utf8",
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined) throw error;
  return onlineFindings(packages, JSON.parse(stdout) as OnlineAudit);
}

const { all, advisories, exceptions } = readFacts(root);
const known = advisoryFindings(all.packages, advisories);
let online: readonly Finding[] = [];
try {
  online = askRegistry(all.packages);
  console.log(`npm's registry was asked: ${online.length} findings.`);
} catch (thrown) {
  console.log(
    `npm's registry could not be asked, so only release/advisories.json counts: ${(thrown as Error).message}`,
  );
}
const findings = [
  ...new Map([...known, ...online].map((one) => [`${one.id} ${one.package} ${one.version}`, one])).values(),
];
const problems = auditProblems(findings, exceptions, new Date().toISOString().slice(0, 10));
for (const problem of problems) console.log(problem);
console.log(
  `${all.packages.length} packages, ${advisories.length} advisories in the file, ${exceptions.length} ` +
    `exceptions: ${problems.length === 0 ? "nothing is open." : `${problems.length} open.`}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
