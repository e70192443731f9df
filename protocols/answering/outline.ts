/** The branches of a conversation as a list to look over. */
import type { Branches } from "../kinds/agent.ts";
import { beginningsOf } from "./branches.ts";

/** One branch: what was said on from its beginning, without what was said beside that. */
export interface Branch {
  /** Its first turn, by which it differs from the branch that it leaves. */
  readonly turn: number;
  /** Its last turn. Turns between the two may be of other branches. */
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
  const parents = new Map(forks.map(({ turn, parent }) => [turn, Math.max(floor, parent)]));
  const begin = new Set(beginningsOf(branches).map(({ turn }) => turn));
  const starts = [...new Set([floor + 1, ...parents.keys()])];
  // The stretches of each branch, by its first turn.
  const firsts: number[] = [];
  const firstOf = (turn: number): number | undefined => firsts[starts.findLastIndex((start) => start <= turn)];
  const ends = new Map<number, number>();
  const below = new Map<number, number[]>();
  for (const [index, start] of starts.entries()) {
    const parent = parents.get(start) ?? floor;
    // Beginnings stand side by side.
    const left = parent > floor ? firstOf(parent) : undefined;
    const first = begin.has(start) ? start : (left ?? start);
    firsts.push(first);
    ends.set(first, (starts[index + 1] ?? last + 1) - 1);
    if (first === start) below.set(left ?? floor, [...(below.get(left ?? floor) ?? []), start]);
  }
  const shown = firstOf(leaf);
  const outline: Branch[] = [];
  const add = (of: number, depth: number): void => {
    const placeOf = (turn: number): number => parents.get(turn) ?? floor;
    for (const turn of (below.get(of) ?? []).toSorted((one, other) => placeOf(one) - placeOf(other) || one - other)) {
      outline.push({ turn, through: ends.get(turn) ?? turn, depth, isShown: turn === shown });
      add(turn, depth + 1);
    }
  };
  add(floor, 0);
  return outline;
}
