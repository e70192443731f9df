import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import { Search, type Explored } from "./explore.ts";
import { scopes } from "./scopes.ts";

const folder = join(import.meta.dirname, "..");

/** Explores a scope with a deliberate fault of `mutations.ts`, in a process of its own. */
function explored(mutation: string, scope: string): Promise<readonly Explored[]> {
  const mutant = pathToFileURL(join(folder, "mutant.ts")).href;
  const args = [`--import=${mutant}`, join(folder, "main.ts"), "--raft", "--explore", scope, "--json"];
  const env = { ...process.env, PLEXUS_MUTATION: mutation };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (stdout === "") reject(new Error(stderr, { cause: error }));
      else resolve(JSON.parse(stdout) as readonly Explored[]);
    });
  });
}

/** What each must come to, and where. The others need more than a search of all states reaches. */
const faults: readonly (readonly [mutation: string, scope: string, what: RegExp])[] = [
  ["promises its vote before it is on its disk", "two elections", /may forget/],
  ["says that it has entries before they are on its disk", "a write", /on its disk/],
  ["changes members again before the last change is committed", "a member goes", /before it knows/],
  ["changes several voters at once", "two voters, and a third one learns and votes", /at once/],
  [
    "begins a term without asking first, so that a voter that was cut off deposes the leader",
    "two elections",
    /leader-not-deposed/,
  ],
  ["keeps what differs from its leader's log", "two elections", /applied-same|logs-match/],
];

describe("every state of a few voters", () => {
  for (const scope of scopes.filter(({ large = false }) => !large || depth(false, true)))
    it(`keeps what consensus promises: ${scope.name}`, function () {
      const { broken, cutOff, states } = new Search(scope).run();
      expect(broken).to.equal(undefined);
      // Whole, or as far as the scope says.
      expect(cutOff).to.equal(scope.stepsMax !== undefined);
      expect(states).to.be.greaterThan(500);
    });

  for (const [mutation, scope, what] of faults.slice(depth(3, 0), depth(5, faults.length)))
    it(`shows one that ${mutation}`, async function () {
      const [found] = await explored(mutation, scope);
      expect(found?.broken?.what).to.match(what);
      expect(found?.broken?.path.length).to.be.greaterThan(0);
    });
});
