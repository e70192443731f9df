/** `node:fs` and `node:fs/promises` in a page: there is no file. */
import { notHere } from "./run.ts";

const none = (): never => {
  throw notHere("this needs a file");
};
const noneLater = (): Promise<never> => Promise.reject(notHere("this needs a file"));

export const constants = { R_OK: 4, W_OK: 2, X_OK: 1 };
export const existsSync = (): boolean => false;
export const [accessSync, statSync, readlinkSync, rmSync, createReadStream, createWriteStream, realpathSync] =
  Array.from({ length: 7 }, () => none);
export const [access, readFile, writeFile, mkdir, rename, rm, open, readdir, stat] = Array.from(
  { length: 9 },
  () => noneLater,
);
export default { existsSync, constants, statSync: none, realpathSync: none, accessSync: none };
