/** The `plexus` command: reads argv, environment and files, calls what does the work, prints, and picks the exit code.
 *
 *      up       runs a node                                 up.ts, settings.ts, log.ts, banner.ts
 *      chat     terminal client, over the wire like a page  chat/
 *      status   what a node is doing                        status.ts
 *      actors   list, show, release, move                   actors.ts, cluster.ts
 *      invite, nodes, slots, directory                      cluster.ts, cluster-view.ts
 *      top      the cluster at a glance, live               top.ts
 *      demo     a cluster of three on this machine          demo/
 *      doctor   checks machine, data folder, model          doctor.ts
 *      salvage  saves what a damaged data folder still has  salvage.ts
 *
 *  What each command and flag is called is in commands/, one file per command.
 *
 *  Exit codes follow the outcome of the error: 0 done, 1 failed, 2 the command line is wrong, 3 not started (try
 *  again), 4 unknown (it may have happened). With `--json` standard output carries JSON only and errors are JSON lines
 *  on standard error. */
import { CommanderError, type Command } from "commander";
import { failure, PlexusError, type Failure } from "../protocols/errors.ts";
import { readVersion } from "./up/installation.ts";
import { exitCodes, processOutput, reportFailure } from "./terminal/output.ts";
import { createProgram } from "./program.ts";

async function main(argv: readonly string[]): Promise<number> {
  const output = processOutput();
  try {
    let exitCode: number = exitCodes.ok;
    const onExit = (code: number): void => {
      exitCode = code;
    };
    const program = await createProgram(await readVersion(), { output, onExit }, argv);
    if (argv.includes("--json")) silenceUsage(program);
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (thrown) {
    const json = argv.includes("--json");
    if (!(thrown instanceof CommanderError)) return reportFailure(output, thrown, json);
    // Help and version end with 0, all else is a wrong command line. For people it is printed already.
    if (thrown.exitCode === 0) return exitCodes.ok;
    if (json) reportFailure(output, new PlexusError(wrongCommandLine(thrown)), json);
    return exitCodes.usage;
  }
}

/** With `--json` a wrong command line is one JSON line as well, not commander's text. */
function silenceUsage(command: Command): void {
  command.configureOutput({ writeErr: () => {} });
  for (const inner of command.commands) silenceUsage(inner);
}

function wrongCommandLine({ message }: CommanderError): Failure {
  return failure("BAD_REQUEST", { reason: message.replace(/^error: /, "") });
}

// A reader of our output may stop early (`plexus actors list | head`); that is not a fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

const exitCode = await main(process.argv.slice(2));
// Written output may still be on its way into a pipe; an idle database thread or timer must not keep us either.
process.stdout.write("", () => process.exit(exitCode));
