/** `cli/terminal/confirm.ts` in a page. */
import { withoutControls } from "../../terminal/printable.ts";
import { never, running } from "./run.ts";

async function asked(prompt: string, hidden: boolean): Promise<string | undefined> {
  const { terminal, ended } = running();
  const typed = await terminal.ask(withoutControls(prompt), hidden);
  return ended.signal.aborted ? never() : typed;
}

/** Asks; nothing is no. */
export const isConfirmed = async (question: string): Promise<boolean> =>
  /^y(es)?$/i.test((await asked(`${question} [y/N] `, false))?.trim() ?? "");

/** Asks for a word to be typed. */
export const isTyped = async (question: string, word: string): Promise<boolean> =>
  (await asked(`${question} `, false))?.trim() === word;

/** Asks for what is not shown. */
export const askPassword = async (prompt: string): Promise<string | undefined> => {
  const typed = await asked(prompt, true);
  return typed === "" ? undefined : typed;
};
