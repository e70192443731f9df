import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/** Asks on the terminal; without one nobody has agreed. */
export async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}

/** Asks for a word to be typed; without a terminal nobody has. */
export async function isTyped(question: string, word: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(`${question} `)).trim() === word;
  } finally {
    lines.close();
  }
}

/** Asks for a password on the terminal, which does not show it; undefined where there is none, or nothing was
 *  entered. */
export async function askPassword(prompt: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  process.stderr.write(prompt);
  // Readline writes what is typed into this.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const ended = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
  try {
    const typed = await Promise.race([lines.question(""), ended]);
    return typed === "" ? undefined : typed;
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
