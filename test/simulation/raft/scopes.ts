/** What is explored, and how far (`npm run simulate -- --raft --explore`). */
import { Search, type Bounds, type Explored, type Scope } from "./explore.ts";

const abc = ["a", "b", "c"] as const;

const scope = (name: string, bounds: Bounds, more: Partial<Scope> = {}): Scope => ({
  name,
  nodes: abc,
  voters: abc,
  bounds,
  ...more,
});
const large = { large: true } as const;
/** They have more states than minutes reach: so many steps of them, depth first. */
const partly = { large: true, stepsMax: 10_000_000 } as const;
const grows = { nodes: ["a", "b", "x"], voters: ["a", "b"] } as const;
const replaces = { nodes: [...abc, "x"], voters: abc } as const;
const late = { late: true } as const;
const two = { nodes: ["a", "b"], voters: ["a", "b"] } as const;

/** Those of three voters, unless the name says otherwise. */
export const scopes: readonly Scope[] = [
  scope("two elections", { elections: 2 }),
  scope("a write", { elections: 1, writes: 1 }),
  scope("a crash that loses what is not synced", { elections: 1, crashes: 1 }, late),
  scope("a member goes", { elections: 1, members: 1 }),
  scope("two voters, and a third one learns and votes", { elections: 1, members: 2 }, grows),
  scope("a member goes, a crash", { elections: 1, members: 1, crashes: 1 }),
  scope(
    "a member goes, a crash that loses what is not synced",
    { elections: 1, members: 1, crashes: 1 },
    { ...late, ...partly },
  ),
  // What three are followed in for so many steps only, two are in every state.
  scope("two voters, cut logs", { elections: 2, writes: 1, compacts: 1, beats: 1 }, two),
  scope(
    "two voters, and a third one learns and votes, a crash",
    { elections: 1, members: 2, crashes: 1 },
    { ...grows, ...large },
  ),
  scope(
    "two voters, a crash that loses what is not synced, a write",
    { elections: 2, writes: 1, crashes: 1 },
    { ...two, ...late, ...large },
  ),
  scope(
    "two voters, a crash that loses what is not synced, a write, a member goes",
    { elections: 1, writes: 1, members: 1, crashes: 1 },
    { ...two, ...late, ...large },
  ),
  scope("two elections, a crash", { elections: 2, crashes: 1 }, large),
  scope("two elections, a write", { elections: 2, writes: 1 }, large),
  scope("a write, a read", { elections: 1, writes: 1, reads: 1 }, large),
  scope("two elections, a read", { elections: 2, reads: 1 }, large),
  scope(
    "a write, a crash that loses what is not synced",
    { elections: 1, writes: 1, crashes: 1 },
    { ...late, ...partly },
  ),
  scope("a member goes, a write", { elections: 1, members: 1, writes: 1 }, large),
  scope("two elections, a member goes", { elections: 2, members: 1 }, large),
  scope("a hand-over, a check", { elections: 1, handOvers: 1, checks: 1 }, large),
  scope("two voters, a third one votes, one goes", { elections: 1, members: 3 }, { ...grows, ...large }),
  scope("a fourth one learns and replaces one", { elections: 1, members: 3 }, { ...replaces, ...partly }),
  scope("two elections, cut logs", { elections: 2, compacts: 1, beats: 1 }, { ...partly, stepsMax: 8_000_000 }),
];

const texts = (bounds: Bounds): string =>
  Object.entries(bounds)
    .map(([bound, count]) => `${bound} ${count}`)
    .join(", ");

/** Explores: the small ones, all, or the one of that name. False: something does not hold, or not everything was
 *  visited. */
export function explore(
  which: string,
  { seconds, json }: { readonly seconds: number; readonly json: boolean },
): boolean {
  const chosen = scopes.filter(({ name, large: isLarge = false }) =>
    which === "small" ? !isLarge : which === "all" || name === which,
  );
  if (chosen.length === 0) {
    console.log(`there is no such scope; there are: small, all, ${scopes.map(({ name }) => `"${name}"`).join(", ")}`);
    return false;
  }
  const row = (cells: readonly unknown[]): void => console.log(`| ${cells.join(" | ")} |`);
  if (!json) {
    row(["scope", "nodes", "bounds", "disks", "states", "steps", "of one node", "messages", "deepest", "seconds", "result"]); // prettier-ignore
    row(["---", "---:", "---", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---"]);
  }
  const all = chosen.map((one) => {
    const explored = new Search(one).run(1_000 * seconds);
    if (!json) row(cellsOf(one, explored));
    for (const line of json ? [] : (explored.broken?.path ?? [])) console.log(`    ${line}`);
    return explored;
  });
  if (json) console.log(JSON.stringify(all));
  return all.every((explored, at) => explored.broken === undefined && !endedEarly(chosen[at] as Scope, explored));
}

/** Whether less was visited than the scope says. */
const endedEarly = ({ stepsMax = Infinity }: Scope, { cutOff, steps }: Explored): boolean =>
  cutOff && steps <= stepsMax;

const cellsOf = (one: Scope, explored: Explored): readonly unknown[] => {
  const { name, nodes, bounds, late: isLate = false } = one;
  const { states, steps, statesOfOne, messages, deepest, seconds, broken, cutOff } = explored;
  const result =
    broken !== undefined
      ? `VIOLATED: ${broken.what}`
      : endedEarly(one, explored)
        ? "cut off"
        : cutOff
          ? "no violation in so many steps"
          : "no violation, complete";
  const counts = [states, steps, statesOfOne, messages, deepest].map((count) => count.toLocaleString("en"));
  return [name, nodes.length, texts(bounds), isLate ? "late" : "at once", ...counts, seconds.toFixed(1), result];
};
