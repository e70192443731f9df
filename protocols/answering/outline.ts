/** The branches of a conversation as a list to look over. */
import type { Branches } from "../kinds/agent.ts";
import { hasTurn, pathTo } from "./branches.ts";

/** One branch: the turns that follow each other by number. */
export interface Branch {
  /** Its first turn, by which it differs from the branch that it leaves. */
  readonly turn: number;
  readonly through: number;
  /** How many branches it lies below. */
  readonly depth: number;
  /** The path that is shown ends here. */
  readonly isShown: boolean;
}

/** All branches, each behind the one that it leaves, in the order of the places where they leave it. */
export function outlineOf(branches: Branches): readonly Branch[] {
  const { forks, floor, last, leaf } = branches;
  if (last <= floor) return [];
  const starts = [...new Set([floor + 1, ...forks.map(({ turn }) => turn)])];
  const all = starts.map((turn, index) => ({ turn, through: (starts[index + 1] ?? last + 1) - 1 }));
  const parents = new Map(forks.map(({ turn, parent }) => [turn, parent]));
  const [shown] = pathTo(branches, leaf);
  const outline: Branch[] = [];
  const add = (branch: { readonly turn: number; readonly through: number }, depth: number): void => {
    outline.push({ ...branch, depth, isShown: shown !== undefined && hasTurn([shown], branch.turn) });
    const below = all
      .filter(({ turn }) => {
        const parent = parents.get(turn);
        return parent !== undefined && turn !== branch.turn && branch.turn <= parent && parent <= branch.through;
      })
      .toSorted((one, other) => (parents.get(one.turn) ?? 0) - (parents.get(other.turn) ?? 0) || one.turn - other.turn);
    for (const one of below) add(one, depth + 1);
  };
  // Beginnings stand side by side.
  for (const branch of all) if ((parents.get(branch.turn) ?? floor) <= floor) add(branch, 0);
  return outline;
}
