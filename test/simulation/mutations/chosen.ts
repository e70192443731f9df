import type { Mutation } from "./mutation.ts";

/** In `npm test` a third of them, another one with each commit. */
export const thirds = 3;

/** Which third a commit looks for, by its hash. */
export const thirdOf = (commit: string): number => Number.parseInt(commit.slice(0, 8) || "0", 16) % thirds;

/** Those that are looked for: by `npm run test:long` all, by `npm run test:all` those that are quick, by `npm test` a
 *  third of these. */
export function chosenOf(
  all: readonly Mutation[],
  { isLong, isAll, third }: { readonly isLong: boolean; readonly isAll: boolean; readonly third: number },
): readonly Mutation[] {
  const quick = all.filter(({ long = false }) => isLong || !long);
  return isAll || isLong ? quick : quick.filter((_, index) => index % thirds === third);
}
