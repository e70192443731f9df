/** What a terminal in a page gives the commands that run in it: all of the world that they see. */
import type { Result } from "../../protocols/errors.ts";

/** An answer of the node, as it came. */
export interface PageAnswer {
  readonly status: number;
  readonly text: string;
}

/** The terminal, as a command has it. */
export interface PageTerminal {
  /** How wide it is now. */
  readonly columns: number;
  /** Shows text. What is dangerous in it is gone already. */
  write(text: string): void;
  /** Has a line typed; undefined: nothing was. `hidden`: it is not shown. */
  ask(prompt: string, hidden: boolean): Promise<string | undefined>;
  /** A request to the node of the page, as the person who is signed in there; `key`: its `idempotency-key`. Rejects
   *  when there is no answer. */
  send(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body: unknown,
    signal: AbortSignal,
    key?: string,
  ): Promise<PageAnswer>;
  /** Has the person prove again who it is. */
  confirm(): Promise<Result<unknown>>;
}

/** What there is to complete of a line. */
export interface Completion {
  /** Where the word begins that is completed. */
  readonly from: number;
  /** What it may become, in order. */
  readonly choices: readonly string[];
}

/** The commands, as a page loads them: `virtual:plexus-commands`. */
export interface PageCommands {
  /** Runs one line; the exit code of it. A command that runs is ended by `interrupt`. */
  run(line: string, terminal: PageTerminal): Promise<number>;
  /** Ctrl-C: the first one asks a command to end that can be asked, else it ends it. False: nothing runs. */
  interrupt(): boolean;
  /** What the word before the cursor may become. */
  complete(line: string): Promise<Completion>;
}
