/** What the house has too much of, counted: functions longer than a screen, answers that are cast,
 *  routes written by hand, lines that are too long. What there is stands in `house.json`, and may only become less:
 *
 *      node test/tidy/house.ts --write        writes down what there is now, where it is less
 *
 *  A function that is listed may not grow, and a new one may not be longer than a screen. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../runner/phases.ts";
import { loneExports } from "./exports.ts";
import { longFunctions } from "./functions.ts";
import type { Source } from "./source.ts";

const houseFile = join(root, "test/tidy/house.json");
const folders = ["actors", "cli", "client", "config", "node", "protocols", "release", "runtimes", "web/src"];

/** Own lines of a function that is not listed; see functions.ts. */
export const functionLinesMax = 70;

/** Why functions of `node/` are longer. */
export const reasons: Readonly<Record<string, readonly string[]>> = {
  "it puts parts together in the order in which they need one another: cut up, the order would stand in no place": [
    "node/composition/peer.ts createPeer",
    "node/cluster/directory/place.ts openDirectory",
    "node/gateway/index.ts createGateway",
    "node/replication/index.ts createReplication",
    "node/cluster/mesh/index.ts startMesh",
    "node/cluster/membership/index.ts createMembership",
    "node/cluster/placement/controller.ts createController",
  ],
  "a part made of functions: what is left is the state that they share, and what each of it is for": [
    "node/bulk/blobs/copies.ts createBlobCopies",
    "node/cluster/directory/etcd.ts createEtcdDirectory",
    "node/cluster/directory/replicated.ts createReplicatedPart",
    "node/cluster/placement/control.ts createClusterControl",
    "node/gateway/edge/http.ts createHttp",
    "node/gateway/identity/accounts.ts createAccounts",
    "node/gateway/wires/grpc.ts listenForGrpc",
    "node/inference/calls/calls.ts createCalls",
    "node/keys/secrets-key.ts keepSecretsKey",
    "node/replication/replica.ts serveReplicas",
  ],
};

/** What there is too much of. */
export interface House {
  /** How often each of these stands in the product. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many names are exported and used in their own file only. */
  readonly loneExports: number;
  /** Own lines of each function that is too long, by its file and name. */
  readonly longFunctions: Readonly<Record<string, number>>;
}

interface Pattern {
  readonly name: string;
  /** Which files it is looked for in. */
  readonly files: RegExp;
  readonly pattern: RegExp;
}

const patterns: readonly Pattern[] = [
  {
    name: "routes by hand",
    files: /^node\//,
    pattern: /\b(?:app|scope)\.(?:get|post|put|delete|patch|route|head|options|all)[<(]/g,
  },
  {
    name: "answers that are cast",
    files: /^(?:cli|client|web)\//,
    pattern: /\b(?:callNode|askNode|request|look|useLook)</g,
  },
  { name: "prettier-ignore", files: /./, pattern: /prettier-ignore/g },
  // Outside tables (a row of fields is a line) and regular expressions, which nothing can cut.
  {
    name: "lines of more than 120 columns",
    files: /^(?!node\/gateway\/ai\/fields\/)/,
    pattern: /^(?! *\/[^/*].*\/[a-z]*[;,]$).{121,}$/gmu,
  },
  { name: "whoever", files: /./, pattern: /\bwhoever\b/gi },
  // A task of backups has a field `wish` on the wire and in its journal: there only comments count.
  {
    name: "wish",
    files: /^(?!.*backup|cli\/doctor\/|node\/watch\/here|protocols\/admin\/tasks)/,
    pattern: /\bwish(?:es|ed)?\b/gi,
  },
  { name: "wish in comments", files: /./, pattern: /^ *(?:\/\*\*|\*|\/\/).*\bwish(?:es|ed)?\b/gim },
  {
    name: "who as a noun",
    files: /./,
    pattern: /^ *(?:\/\*\*|\*|\/\/).*\b(?:for|from|to|by|than|but|until|when|while|so) who [a-z]/gm,
  },
  { name: "has not the", files: /./, pattern: /\bhas not (?:the|an?|its)\b|\bhas no need of\b/gi },
  { name: "lets go of", files: /./, pattern: /\blet(?:s|ting)? go of\b/gi },
];

/** How often each pattern stands in some sources. Pure. */
export const countsOf = (sources: readonly Source[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    patterns.map(({ name, files, pattern }) => [
      name,
      sources
        .filter(({ path }) => files.test(path))
        .reduce((sum, { text }) => sum + (text.match(pattern)?.length ?? 0), 0),
    ]),
  );

/** What there is now. */
export function readHouse(): House {
  // What was built of the client is none of the product's sources.
  const exclude = (name: string): boolean => name === "dist";
  const paths = folders.flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx,css}`, { cwd: root, exclude }));
  const sources = paths.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  return {
    counts: countsOf(sources),
    loneExports: readLoneExports().length,
    longFunctions: longFunctions(
      sources.filter(({ path }) => !path.endsWith(".css")),
      functionLinesMax,
    ),
  };
}

/** Names that the product exports and that no other file takes. The page's stand-ins for files of a machine
 *  (`cli/page`) and its modules of commands and emoji are taken by name when it is built, the functions of a model's
 *  process are called by name, and the client library is for other people's programs. */
function readLoneExports(): readonly string[] {
  const roots = [...folders.filter((folder) => folder !== "web/src"), "bin", "web", "test"];
  const exclude = (name: string): boolean => name === "dist" || name === "node_modules";
  const paths = roots.flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root, exclude }));
  const sources = paths
    .filter((path) => !path.startsWith("protocols/released"))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  return loneExports(sources).filter(
    (name) =>
      !/^(?:(?:bin|client|cli\/page|test)\/|runtimes\/host\/worker\.ts|web\/src\/(?:terminal\/commands|view\/writing\/emoji)\.d\.ts)/.test(
        name,
      ),
  );
}

/** What is more now than was written down. Pure. */
export function houseViolations(now: House, before: House): readonly string[] {
  const more = Object.entries(now.counts)
    .filter(([name, count]) => count > (before.counts[name] ?? 0))
    .map(([name, count]) => `${name}: ${count}, and there were ${before.counts[name] ?? 0}: write it another way`);
  const long = Object.entries(now.longFunctions)
    .filter(([name, lines]) => lines > (before.longFunctions[name] ?? functionLinesMax))
    .map(([name, lines]) => `${name}: ${lines} lines, at most ${before.longFunctions[name] ?? functionLinesMax}`);
  const explained = new Set(Object.values(reasons).flat());
  const unexplained = Object.keys(now.longFunctions)
    .filter((name) => name.startsWith("node/") && !explained.has(name))
    .map((name) => `${name} is too long, and \`reasons\` does not say why`);
  const lone =
    now.loneExports > before.loneExports
      ? [`names exported for nobody: ${now.loneExports}, and there were ${before.loneExports}: drop the export`]
      : [];
  return [...more, ...long, ...unexplained, ...lone];
}

/** What was written down. */
export const readWritten = (): House => JSON.parse(readFileSync(houseFile, "utf8")) as House;

/** What is written down next: nothing in it is more than before, and no function is in it that was not. Pure. */
export function lessOf(now: House, before: House): House {
  const less = (counts: Readonly<Record<string, number>>, was: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Math.min(count, was[name] ?? count)]));
  const known = Object.entries(now.longFunctions).filter(([name]) => Object.hasOwn(before.longFunctions, name));
  return {
    counts: less(now.counts, before.counts),
    loneExports: Math.min(now.loneExports, before.loneExports),
    longFunctions: less(Object.fromEntries(known), before.longFunctions),
  };
}

if (import.meta.main && process.argv.includes("--write")) {
  const sorted = (record: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const { counts, loneExports: lone, longFunctions } = lessOf(readHouse(), readWritten());
  writeFileSync(
    houseFile,
    `${JSON.stringify({ counts, loneExports: lone, longFunctions: sorted(longFunctions) }, undefined, 2)}\n`,
  );
}
