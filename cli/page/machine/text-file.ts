/** `cli/terminal/text-file.ts` in a page: there is no file, and nothing is piped into a command. */
import { notHere } from "./run.ts";

export const textIn = (): Promise<never> => Promise.reject(notHere("this reads a file"));
export const secretIn = textIn;
export const jsonIn = textIn;
