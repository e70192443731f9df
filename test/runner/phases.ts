/** What the suite consists of: phases, each with the tests that it runs, in lanes that run side by side. */
import { globSync } from "node:fs";
import { join } from "node:path";

/** Phases of one lane run one after the other. */
export const lanes = ["computing", "nodes", "clusters"] as const;
export type Lane = (typeof lanes)[number];

export interface Phase {
  readonly name: string;
  /** Where it runs, because it starts nodes or browsers; without one it only computes, and runs anywhere. */
  readonly lane?: Lane;
  /** Commands, each counted as one test; or else the files that match a pattern, but for those that match another. */
  readonly commands?: readonly (readonly string[])[];
  readonly tests?: string;
  readonly except?: string;
  /** Whether its processes count towards coverage. */
  readonly coverage?: boolean;
}

/** The repository. */
export const root = join(import.meta.dirname, "../..");

/** An installed command. */
export const bin = (name: string): string => join(root, "node_modules", ".bin", name);

/** What commands remember from run to run. */
export const cached = (name: string): string => join(root, "node_modules", ".cache", "plexus-tests", name);

/** Where Node keeps compiled code, as `bin/plexus` has it keep that of an operator's: a node is up in half of the time. */
export const compiledFolder = cached("compiled");

/** Where the suite makes the server, as the archive has it: below the packages, which it finds there. A node is up with a third less work. */
export const serverFolder = cached("server");

const made = process.env["PLEXUS_TEST_SERVER"];

/** What tests start as the command: of the server that the suite made; of the sources, where a test is run by itself. */
export const plexusMain = made === undefined ? join(root, "cli/main.ts") : join(made, "cli/main.js");

const within = (folder: string): string => `test/${folder}/**/*.test.ts`;
const mutations = "test/simulation/mutations.test.ts";
const clusters = "test/integration/cluster*.test.ts";
const etcd = "test/integration/{etcd,etcd-moves,cluster-etcd}.test.ts";

/** The longest that a phase may go without the end of a test or hook, or that one of its commands may take. Longer than any test's own
 *  limit, which ends a test that waits in vain: this one ends a phase that blocks, or is not over after its last test. What a whole
 *  phase takes has no limit: on a slow machine every test takes longer, and that is no hang. */
export const silenceMsMax = { usual: 900_000, long: 4_500_000 } as const;

export const phases: readonly Phase[] = [
  {
    name: "check",
    commands: [
      // What they remember of an earlier run goes by the content of the files: a fresh clone checks everything.
      [
        bin("prettier"),
        "--check",
        ".",
        "--log-level",
        "warn",
        "--cache",
        "--cache-strategy",
        "content",
        "--cache-location",
        cached("prettier.json"),
      ],
      [bin("oxlint"), "--type-aware", "--quiet"],
      // Several threads would each check in part what the others check: nearly twice the processor seconds, which other phases have.
      [bin("tsc"), "--noEmit", "--singleThreaded", "--incremental", "--tsBuildInfoFile", cached("types.json")],
      [
        bin("tsc"),
        "--noEmit",
        "--singleThreaded",
        "-p",
        "web",
        "--incremental",
        "--tsBuildInfoFile",
        cached("types-web.json"),
      ],
    ],
  },
  { name: "tidy", tests: "test/tidy/tidy.test.ts" },
  // One that waits a lot first, beside lanes that leave processors over; and of the long ones that one last which uses all
  // processors by itself: with it no lane ends long before the others.
  { name: "conformance", tests: within("conformance"), coverage: true },
  {
    name: "simulation",
    tests: within("simulation"),
    except: mutations,
  },
  { name: "unit", tests: within("unit"), coverage: true },
  // Of other sources than these.
  { name: "mutations", tests: mutations },
  { name: "model", tests: within("model") },
  { name: "fuzz", tests: within("fuzz") },
  {
    name: "integration",
    lane: "nodes",
    tests: within("integration"),
    except: "test/integration/{cluster*,etcd*}.test.ts",
  },
  // Beside single nodes, so that both lanes take as long.
  { name: "etcd", lane: "nodes", tests: etcd },
  { name: "cluster", lane: "clusters", tests: clusters, except: etcd },
  { name: "browser", lane: "clusters", tests: within("browser") },
];

/** What only computes steps back behind what has a clock in it. */
export const computingNice = 5;
export const niceOf = ({ lane }: Phase): number => (lane === undefined ? computingNice : 0);

/** The files of a phase, by their paths within the repository. */
export function testsOf({ tests, except }: Phase): readonly string[] {
  if (tests === undefined) return [];
  const left = new Set(except === undefined ? [] : globSync(except, { cwd: root }));
  return globSync(tests, { cwd: root })
    .filter((path) => !left.has(path))
    .toSorted();
}
