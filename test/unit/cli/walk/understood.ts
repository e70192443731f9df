import type { Command } from "commander";
import { createProgram } from "../../../../cli/program.ts";
import { collected } from "../fixture.ts";

/** Why a command line is none; undefined: it exists and takes these words. Nothing is done. */
export async function misunderstood(words: readonly string[]): Promise<string | undefined> {
  const program = await createProgram("1", { output: collected(), onExit: () => undefined }, words);
  const still = (command: Command): void => {
    command
      .action(() => undefined)
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    for (const inner of command.commands) still(inner);
  };
  still(program);
  return program.parseAsync([...words], { from: "user" }).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}
