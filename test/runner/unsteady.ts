/** Tests of real processes that failed are repeated, each alone, when everything else has ended. One that passes then
 *  is unsteady: a fault of the test or of the product that is to be mended like any other. It is said, and counted by
 *  itself. */
import type { Ending } from "./phase-run.ts";
import type { FailedTest } from "./reporter.ts";

/** More of them fail the run. */
const unsteadyMax = 2;

/** Repeats them. `forgiven`: so many of the failures fail the run no more. */
export async function repeat(
  failures: readonly FailedTest[],
  run: (only: { readonly files: readonly string[]; readonly title?: string }) => Promise<Ending>,
  say: (text: string) => void = console.log,
): Promise<{ readonly forgiven: number; readonly cpuSeconds: number }> {
  const unsteady: string[] = [];
  let cpuSeconds = 0;
  for (const { file, title, isHook } of failures) {
    say(`again, alone: ${title}`);
    const ending = await run(isHook ? { files: [file] } : { files: [file], title });
    cpuSeconds += ending.cpuSeconds;
    if (ending.failed === 0) unsteady.push(title);
  }
  for (const title of unsteady) say(`unsteady     ${title}`);
  if (unsteady.length > 0) say(`${unsteady.length} unsteady`);
  return { forgiven: unsteady.length > unsteadyMax ? 0 : unsteady.length, cpuSeconds };
}
