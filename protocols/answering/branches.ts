/** A conversation whose messages were edited, or answered anew: a tree of turns, of which one path is shown.
 *
 *      1 ─ 2 ─ 3 ─ 4          forks: { turn: 5, parent: 2 }          path to 4:  1 2 3 4
 *            └ 5 ─ 6          leaf: 6                                path to 6:  1 2 5 6
 *
 *  A turn follows the one before it by number, but for the forks. So a path is a few stretches of numbers, and its
 *  numbers grow. Numbers are given out once: nothing about a path changes, but that it goes on. */
import type { Branches, Fork } from "../kinds/agent.ts";

/** Numbers from `from` through `through`. */
interface Stretch {
  readonly from: number;
  readonly through: number;
}

/** The path to a turn, its newest stretch first. */
export function pathTo({ forks, floor }: Pick<Branches, "forks" | "floor">, turn: number): readonly Stretch[] {
  const path: Stretch[] = [];
  let at = forks.length - 1;
  for (let through = turn; through > floor;) {
    while ((forks[at]?.turn ?? 0) > through) at -= 1;
    const fork = forks[at];
    path.push({ from: Math.max(fork?.turn ?? 0, floor + 1), through });
    through = fork?.parent ?? floor;
  }
  return path;
}

/** Whether a path has a turn. */
export const hasTurn = (path: readonly Stretch[], turn: number): boolean =>
  path.some(({ from, through }) => from <= turn && turn <= through);

/** What a turn follows; the floor: it is a first one. */
export const parentOf = ({ forks, floor }: Pick<Branches, "forks" | "floor">, turn: number): number =>
  Math.max(floor, forks.find((fork) => fork.turn === turn)?.parent ?? turn - 1);

/** What follows a turn, ascending; of the floor: the first turns. */
export function childrenOf({ forks, floor, last }: Branches, turn: number): readonly number[] {
  const next = turn + 1;
  const isNext = next <= last && forks.every((fork) => fork.turn !== next);
  const others = forks.filter(({ parent }) => Math.max(floor, parent) === turn).map((fork) => fork.turn);
  return [...(isNext ? [next] : []), ...others];
}

/** The forks that begin a branch: something followed their parent before. The others only go on, where another branch
 *  has taken the next number. */
export function beginningsOf({ forks, floor }: Pick<Branches, "forks" | "floor">): readonly Fork[] {
  const turns = new Set(forks.map(({ turn }) => turn));
  const followed = new Set<number>();
  return forks.filter(({ parent }) => {
    const behind = Math.max(floor, parent);
    const isFollowed = followed.has(behind) || !turns.has(behind + 1);
    followed.add(behind);
    return isFollowed;
  });
}

/** The turns that stand where a turn stands, itself included, ascending. */
export const siblingsOf = (branches: Branches, turn: number): readonly number[] =>
  childrenOf(branches, parentOf(branches, turn));

/** The end of the newest branch that has a turn. */
export function newestLeaf({ forks, last }: Branches, turn: number): number {
  for (let at = turn; ;) {
    const next = forks.find((fork) => fork.turn > at);
    const through = next === undefined ? last : next.turn - 1;
    const newer = forks.findLast(({ parent }) => at <= parent && parent <= through);
    if (newer === undefined) return through;
    at = newer.turn;
  }
}

/** The last turn that two paths have in common; the floor: there is none. */
export function commonOf(branches: Branches, one: number, other: number): number {
  const others = pathTo(branches, other);
  for (const { from, through } of pathTo(branches, one))
    for (const stretch of others) {
      const end = Math.min(through, stretch.through);
      if (end >= Math.max(from, stretch.from)) return end;
    }
  return branches.floor;
}

/** The forks with one more. */
export const withFork = (forks: readonly Fork[], fork: Fork | undefined): readonly Fork[] =>
  fork === undefined || forks.some(({ turn }) => turn === fork.turn) ? forks : [...forks, fork];
