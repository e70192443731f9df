/** What somebody meant who typed a name that does not exist. Commands and flags are commander's own matter; this is for
 *  what only a node knows: nodes, actors, rooms. */
import { folded, sought } from "../../protocols/text/names.ts";

/** How many are named at most. */
const namedMax = 3;

/** How many letters must be added, dropped, replaced or swapped with a neighbour to make one of the other. */
export function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= one.length; row += 1) {
    const before = rows[row - 1] ?? [];
    const line = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const differs = one[row - 1] === other[column - 1] ? 0 : 1;
      const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      line[column] = Math.min(
        (before[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (before[column - 1] ?? 0) + differs,
        row > 1 && column > 1 && swapped ? (rows[row - 2]?.[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    rows.push(line);
  }
  return rows[one.length]?.[other.length] ?? 0;
}

/** Names are short; what is longer is none, and comparing it would cost. */
const nameLettersMax = 128;

/** The names that look most like what was typed, the nearest first: those that differ in a third of their letters at
 *  most, or go on where it ends. */
export function nearest(typed: string, names: Iterable<string>): readonly string[] {
  if (typed.length > nameLettersMax) return [];
  const wanted = sought(typed);
  if (wanted === "") return [];
  return [...new Set(names)]
    .filter((name) => name.length <= nameLettersMax)
    .map((name) => {
      const known = folded(name);
      const apart = known.startsWith(wanted) ? 1 : distance(wanted, known);
      return { name, apart, isNear: apart <= Math.max(1, Math.floor(Math.max(wanted.length, known.length) / 3)) };
    })
    .filter(({ isNear }) => isNear)
    .toSorted((one, other) => one.apart - other.apart || (one.name < other.name ? -1 : 1))
    .slice(0, namedMax)
    .map(({ name }) => name);
}

/** `Did you mean node-b or node-c?`; undefined where nothing is like it. */
export function didYouMean(typed: string, names: Iterable<string>): string | undefined {
  const found = nearest(typed, names);
  const last = found.at(-1);
  if (last === undefined) return undefined;
  return `Did you mean ${found.length === 1 ? last : `${found.slice(0, -1).join(", ")} or ${last}`}?`;
}
