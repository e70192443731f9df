/** `plexus` in a page: the terminal of the administration runs the same commands that a machine runs, in the browser.
 *
 *      a line ─► words.ts ─► ../program.ts (same rows, files) ─► ../node-client.ts ─► machine/request.ts ─► the node
 *                                       │ node:fs, process, …
 *                                       └─► machine/: there is no file, no environment, no other node
 *
 *  `web/commands.ts` bundles it, and puts a module of `machine/` in the place of each module of Node and of each file
 *  of `cli/` that speaks to a machine. So a command can do here what its person can do by requests, under the
 *  permissions, proofs and entries of the audit that those have, and nothing else: there is nothing else in a page.
 *  What is not listed there does not get bundled, or breaks the build. */
import { CommanderError } from "commander";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { exitCodes, reportFailure, type Output } from "../terminal/output.ts";
import { createProgram } from "../program.ts";
import { completionOf } from "./complete.ts";
import { isRunning, never, running, setRunning, show, type Run } from "./machine/run.ts";
import type { Completion, PageCommands, PageTerminal } from "./terminal.ts";
import { wordsOf } from "./words.ts";

declare const plexusVersion: string;

/** Shells tell by this code that Ctrl-C was pressed. */
const interruptedCode = 130;

function outputOf(run: Run): Output {
  const line = (text: string): void => show(run, `${text}\n`);
  return {
    print: line,
    printError: line,
    color: true,
    get columns() {
      return run.terminal.columns;
    },
  };
}

async function work(line: string, run: Run): Promise<number> {
  const output = outputOf(run);
  const words = wordsOf(line);
  if (!words.ok) return reportFailure(output, new PlexusError(words.error), false);
  try {
    let exitCode: number = exitCodes.ok;
    const onExit = (code: number): void => void (exitCode = code);
    const named = words.value.length === 0 ? ["--help"] : words.value;
    const program = await createProgram(plexusVersion, { output, onExit }, named);
    await program.parseAsync(named, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return reportFailure(output, thrown, words.value.includes("--json"));
  }
}

async function run(line: string, terminal: PageTerminal): Promise<number> {
  if (isRunning()) throw new PlexusError(failure("BAD_REQUEST", { reason: "a command runs already" }));
  const ended = new AbortController();
  const one: Run = { terminal, ended, onInterrupt: new Set() };
  const aborted = new Promise<number>((resolve) =>
    // What it was about to do comes to its next wait before anything else can run.
    ended.signal.addEventListener("abort", () => setTimeout(() => resolve(interruptedCode)), { once: true }),
  );
  setRunning(one);
  try {
    return await Promise.race([
      work(line, one).then((code) => (ended.signal.aborted ? never<number>() : code)),
      aborted,
    ]);
  } finally {
    setRunning(undefined);
  }
}

function interrupt(): boolean {
  if (!isRunning()) return false;
  const { onInterrupt, ended } = running();
  const listeners = [...onInterrupt];
  onInterrupt.clear();
  if (listeners.length === 0) ended.abort();
  for (const listener of listeners) listener();
  return true;
}

const silent: Output = { print: () => {}, printError: () => {}, color: false, columns: 80 };

const complete = async (line: string): Promise<Completion> => {
  const words = wordsOf(line.slice(0, /\S*$/.exec(line)?.index));
  const named = words.ok ? words.value.slice(0, 1) : [];
  return completionOf(await createProgram(plexusVersion, { output: silent, onExit: () => {} }, named), line);
};

/** The commands of a page. */
export const commands: PageCommands = { run, interrupt, complete };
