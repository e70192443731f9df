/** What the suite consists of: phases, each with the tests that it runs, and which of the three commands runs it. */
import { globSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";

export interface Phase {
  readonly name: string;
  /** It starts nodes, browsers or other servers: it runs alone, after everything that only computes. */
  readonly isReal?: true;
  /** `npm test` does not run it: `npm run test:all` and `npm run test:long` do. */
  readonly isFurther?: true;
  /** Commands, each counted as one test; or else the files that match a pattern, but for those that match another. */
  readonly commands?: readonly (readonly string[])[];
  readonly tests?: string;
  readonly except?: string;
  /** Whether its processes count towards coverage. */
  readonly coverage?: true;
}

/** The repository. */
export const root = join(import.meta.dirname, "../..");

/** An installed command. */
export const bin = (name: string): string => join(root, "node_modules", ".bin", name);

/** What commands remember from run to run. */
export const cached = (name: string): string => join(root, "node_modules", ".cache", "plexus-tests", name);

/** Where Node keeps compiled code, as `bin/plexus` has it keep that of an operator's: a node is up in half of the
 *  time. */
export const compiledFolder = cached("compiled");

/** Where the suite makes the server, as the archive has it: below the packages, which it finds there. A node is up with
 *  a third less work. */
export const serverFolder = cached("server");

const made = process.env["PLEXUS_TEST_SERVER"];

/** What tests start as the command: of the server that the suite made; of the sources, where a test is run by
 *  itself. */
export const plexusMain = made === undefined ? join(root, "cli/main.ts") : join(made, "cli/main.js");

const within = (folder: string): string => `test/${folder}/**/*.test.ts`;
const mutations = "test/simulation/mutations.test.ts";

/** The unit tests that are to execute what has a minimum of coverage: those of its folders, and a few of others that
 *  reach what these leave out. To count takes a third to a half more than the tests by themselves, so nothing else is
 *  counted. */
const coveredFiles = [
  "{actors,cluster,kernel,replication,routing,storage,web}/**/*",
  "backup/into-place*",
  "backup/source",
  "composition/traces",
  "salvage/salvage",
  "gateway/cluster",
  "protocols/{markdown,mentions}",
  "watch/runs",
];
const covered = `test/unit/{${coveredFiles.join(",")}}.test.ts`;

/** Memory of a machine, in bytes, that has room for what the linter makes of the whole repository. */
const ampleBytes = 12 * 2 ** 30;

/** The environment of the compiler and of the linter, which are written in Go. More threads take more processor seconds
 *  for the same. They hold most of what they make until they end, so to look for garbage on the way takes a third of
 *  their time for a fifth less memory. */
export const goVariables: Readonly<Record<string, string>> = {
  GOMAXPROCS: "1",
  ...(totalmem() > ampleBytes && { GOGC: "off", GOMEMLIMIT: "8GiB" }),
};

/** Several threads would each check in part what the others check: nearly twice the processor seconds. What is
 *  remembered of an earlier run goes by the content of the files: a fresh clone checks everything. */
const types = (remembered: string, ...project: readonly string[]): readonly string[] => [
  bin("tsc"), "--noEmit", "--singleThreaded", ...project, "--incremental", "--tsBuildInfoFile", cached(remembered),
]; // prettier-ignore

/** Its rules need the types of everything, so it says as well what is wrong with these: the compiler by itself would
 *  find out all of it again, for 15 processor seconds more. */
export const lint = [bin("oxlint"), "--type-aware", "--type-check", "--quiet"] as const;

/** Those that take longest first: with them no processor is left alone in the end. */
export const phases: readonly Phase[] = [
  { name: "unit", tests: within("unit"), except: covered },
  { name: "conformance", tests: within("conformance") },
  {
    name: "check",
    commands: [[bin("oxfmt"), "--check"], lint],
  },
  { name: "simulation", tests: within("simulation"), except: mutations },
  { name: "covered", tests: covered, coverage: true },
  // The compiler by itself: it must find nothing that the linter does not.
  { name: "types", isFurther: true, commands: [types("types.json"), types("types-web.json", "-p", "web")] },
  { name: "model", tests: within("model") },
  { name: "fuzz", tests: within("fuzz") },
  { name: "tidy", tests: within("tidy") },
  // It uses all processors by itself.
  { name: "mutations", tests: mutations },
  { name: "smoke", isReal: true, tests: within("smoke") },
  { name: "node", isReal: true, isFurther: true, tests: within("machines/node") },
  { name: "cluster", isReal: true, isFurther: true, tests: within("machines/cluster") },
  { name: "etcd", isReal: true, isFurther: true, tests: within("machines/etcd") },
  { name: "browser", isReal: true, isFurther: true, tests: within("machines/browser") },
];

/** The files of a phase, by their paths within the repository. */
export function testsOf({ tests, except }: Pick<Phase, "tests" | "except">): readonly string[] {
  if (tests === undefined) return [];
  const left = new Set(except === undefined ? [] : globSync(except, { cwd: root }));
  return globSync(tests, { cwd: root })
    .filter((path) => !left.has(path))
    .toSorted();
}

/** How much of itself the suite runs: the three commands. */
export type Extent = "test" | "all" | "long";

/** Processor seconds that phases usually take, as `--measure` has written them. */
export const usualFile = join(import.meta.dirname, "usual-seconds.json");

/** By the command. At full depth it is not known. */
export type UsualSeconds = Readonly<Record<"test" | "all", Readonly<Record<string, number>>>>;

export const readUsual = (): UsualSeconds => JSON.parse(readFileSync(usualFile, "utf8")) as UsualSeconds;

/** What a phase usually takes; where its command was not measured, what it takes in the other one. */
export function usualSeconds(phase: string, extent: Extent, { test, all }: UsualSeconds): number | undefined {
  if (extent === "long") return undefined;
  return extent === "test" ? (test[phase] ?? all[phase]) : (all[phase] ?? test[phase]);
}
