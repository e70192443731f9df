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
  readonly limitMs: number;
  /** Commands, each counted as one test; or else the files that match a pattern, but for those that match another. */
  readonly commands?: readonly (readonly string[])[];
  readonly tests?: string;
  readonly except?: string;
  /** Whether its processes count towards coverage. */
  readonly coverage?: boolean;
}

/** The repository. */
export const root = join(import.meta.dirname, "..");

/** An installed command. */
export const bin = (name: string): string => join(root, "node_modules", ".bin", name);

/** What commands remember from run to run. */
export const cached = (name: string): string => join(root, "node_modules", ".cache", "plexus-tests", name);

/** Where Node keeps compiled code, as `bin/plexus` has it keep that of an operator's: a node is up in half of the time. */
export const compiledFolder = cached("compiled");

const within = (folder: string): string => `test/${folder}/**/*.test.ts`;
const mutations = "test/simulation/mutations.test.ts";
const clusters = "test/integration/cluster*.test.ts";
const etcd = "test/integration/{etcd,cluster-etcd}.test.ts";

/** Limits are several times what a phase takes on two cores: they catch a hang, not a slow machine. */
export const phases: readonly Phase[] = [
  {
    name: "check",
    limitMs: 240_000,
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
      [bin("tsc"), "--noEmit", "--incremental", "--tsBuildInfoFile", cached("types.json")],
      [bin("tsc"), "--noEmit", "-p", "web", "--incremental", "--tsBuildInfoFile", cached("types-web.json")],
    ],
  },
  { name: "tidy", limitMs: 60_000, tests: "test/tidy.test.ts" },
  // One that waits a lot first, beside lanes that leave processors over; and of the long ones that one last which uses all
  // processors by itself: with it no lane ends long before the others.
  { name: "conformance", limitMs: 240_000, tests: within("conformance"), coverage: true },
  {
    name: "simulation",
    limitMs: 600_000,
    tests: within("simulation"),
    except: mutations,
  },
  { name: "unit", limitMs: 480_000, tests: within("unit"), coverage: true },
  // Of other sources than these.
  { name: "mutations", limitMs: 900_000, tests: mutations },
  { name: "model", limitMs: 300_000, tests: within("model") },
  { name: "fuzz", limitMs: 240_000, tests: within("fuzz") },
  {
    name: "integration",
    lane: "nodes",
    limitMs: 900_000,
    tests: within("integration"),
    except: "test/integration/{cluster*,etcd}.test.ts",
  },
  // Beside single nodes, so that both lanes take as long.
  { name: "etcd", lane: "nodes", limitMs: 480_000, tests: etcd },
  { name: "cluster", lane: "clusters", limitMs: 1_200_000, tests: clusters, except: etcd },
  { name: "browser", lane: "clusters", limitMs: 400_000, tests: within("browser") },
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
