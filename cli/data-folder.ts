import { existsSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { describeRefusal } from "./output.ts";

const makeRoom = "Make room; this damages nothing that is stored.";
const ownIt = "The user that runs Plexus must own the folder and everything in it.";
const chooseAnother = "Choose another folder: --data.";

/** What helps when the system refuses to read or write, whatever was to be read or written. */
const hints: Readonly<Record<string, string>> = {
  ENOSPC: makeRoom,
  EDQUOT: makeRoom,
  EFBIG: "Raise the limit on the size of files: ulimit -f.",
  EACCES: ownIt,
  EPERM: ownIt,
  EROFS: "Mount it for writing, or choose another folder: --data.",
  EMFILE: "Raise the limit on open files: ulimit -n.",
  ENFILE: "End other programs: all of them together have too many files open.",
};

/** What helps when the system has refused with this code. */
export const helpFor = (code: string): string | undefined => hints[code];

/** Why the data folder cannot be used, and what helps; undefined when that is not what was thrown. */
export function explainFolder(thrown: unknown): { readonly reason: string; readonly hint: string } | undefined {
  const { code, syscall, path } = thrown as NodeJS.ErrnoException;
  if (code === undefined) return undefined;
  const hint = helpFor(code);
  if (hint !== undefined) return { reason: describeRefusal(thrown), hint };
  if (path === undefined || (syscall !== "mkdir" && syscall !== "stat")) return undefined;
  const target = existsSync(path) ? undefined : linkTarget(path);
  if (target !== undefined)
    return { reason: `${path} is a link to ${target}, which is not there`, hint: "Is the disk mounted that it is on?" };
  const isDenied = code === "ENOENT" && syscall === "mkdir";
  return {
    reason: isDenied ? `no folder can be made in ${dirname(path)} (${code})` : describeRefusal(thrown),
    hint: chooseAnother,
  };
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
