/** The one command that runs in a page, and what it sees of the world. Every wait and every request of a command goes
 *  through here: one that was ended stays at its next wait for ever, so it neither asks nor shows anything again. */
import { failure, PlexusError } from "../../../protocols/errors.ts";
import { guarded } from "../../terminal/printable.ts";
import type { PageTerminal } from "../terminal.ts";

/** A command that runs. */
export interface Run {
  readonly terminal: PageTerminal;
  readonly ended: AbortController;
  /** What it does when Ctrl-C is pressed; without any it is ended. */
  readonly onInterrupt: Set<() => void>;
}

let current: Run | undefined;

/** The command that runs now. Error: as a broken promise, where there is none. */
export function running(): Run {
  if (current === undefined) throw new Error("no command runs");
  return current;
}

/** Makes it the one that runs; undefined: none does. */
export function setRunning(run: Run | undefined): void {
  current = run;
}

/** Whether one runs. */
export const isRunning = (): boolean => current !== undefined;

/** What never comes. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** “To the start of the line, and delete it.” */
const again = "\r\u001b[K";

/** Shows text of a command: also what begins with `again`, which it writes over and over. */
export function show(run: Run, text: string): void {
  if (run.ended.signal.aborted) return;
  const isAgain = text.startsWith(again);
  run.terminal.write(`${isAgain ? again : ""}${guarded(isAgain ? text.slice(again.length) : text, true)}`);
}

/** Where a command needs what a page does not have. */
export const notHere = (what: string): PlexusError =>
  new PlexusError(
    failure("BAD_REQUEST", {
      field: "",
      reason:
        `${what}: a page has no files, no environment and no other machines. Run this where plexus is installed; ` +
        "plexus --endpoint URL --token-file FILE … reaches this cluster from there",
    }),
  );
