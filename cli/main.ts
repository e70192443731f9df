/** The `plexus` command: reads argv, environment and files, calls what does the work, prints, and picks the exit code.
 *
 *      up       runs a node                                 up.ts, settings.ts, log.ts, banner.ts
 *      chat     terminal client, over the wire like a page  chat/
 *      status   what a node is doing                        admin.ts
 *      actors   list, show, release                         admin.ts
 *      doctor   checks machine, data folder, model          doctor.ts
 *
 *  Exit codes follow the outcome of the error: 0 done, 1 failed, 2 the command line is wrong, 3 not started (try again),
 *  4 unknown (it may have happened). With `--json` standard output carries JSON only and errors are JSON lines on
 *  standard error. */
import { CommanderError } from "commander";
import { exitCodes, processOutput, reportFailure } from "./output.ts";
import { createProgram } from "./program.ts";
import { readVersion } from "./settings.ts";

async function main(argv: readonly string[]): Promise<number> {
  const output = processOutput();
  try {
    let exitCode: number = exitCodes.ok;
    const program = createProgram(await readVersion(), output, (code) => {
      exitCode = code;
    });
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Commander has printed what it has to say: help and version end with 0, all else is a wrong command line.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return reportFailure(output, thrown, argv.includes("--json"));
  }
}

// Whoever reads our output may stop early (`plexus actors list | head`); that is not a fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

const exitCode = await main(process.argv.slice(2));
// Written output may still be on its way into a pipe; an idle database thread or timer must not keep us either.
process.stdout.write("", () => process.exit(exitCode));
