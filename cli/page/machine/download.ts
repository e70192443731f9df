/** `cli/terminal/download.ts` in a page: it writes files. */
import { notHere } from "./run.ts";

export const download = (): Promise<never> => Promise.reject(notHere("this writes a file"));
