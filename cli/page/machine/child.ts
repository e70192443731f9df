/** `node:child_process` in a page: nothing is started. */
import { notHere } from "./run.ts";

export const spawn = (): never => {
  throw notHere("this starts a program");
};
export default { spawn };
