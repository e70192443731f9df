import { existsSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { failure, failureOf, PlexusError } from "../../protocols/errors.ts";
import { describeRefusal } from "../terminal/output.ts";

const makeRoom = "Make room on it. Nothing that is stored is damaged.";
const ownIt = "The user that runs Plexus must own the folder and everything in it.";
const chooseAnother = "Choose another folder: --data.";
const unsynced =
  "The file system there cannot sync what the journal writes. Choose a folder on a disk of this machine: --data.";
const away = "The network share is not there: mount it again, then run the same command again.";

/** What helps when the system refuses to read or write, whatever was to be read or written. */
const hints: Readonly<Record<string, string>> = {
  ENOSPC: makeRoom,
  EDQUOT: makeRoom,
  EFBIG: "Raise the limit on the size of files: ulimit -f.",
  EACCES: ownIt,
  EPERM: ownIt,
  EROFS: "Mount it for writing, or choose another folder: --data.",
  EINVAL: unsynced,
  EOPNOTSUPP: unsynced,
  ENOSYS: unsynced,
  ESTALE: away,
  ENOTCONN: away,
  EMFILE: "Raise the limit on open files: ulimit -n.",
  ENFILE: "Close other programs: all of them together have too many files open.",
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

/** A folder that the system does not let be read or written, as a refusal; anything else as it is. */
export function refusedFolder(thrown: unknown): unknown {
  if (failureOf(thrown).code !== "INTERNAL") return thrown;
  const { code, path } = thrown as NodeJS.ErrnoException;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return thrown;
  const why = explainFolder(thrown) ?? { reason: describeRefusal(thrown), hint: chooseAnother };
  const invalid = failure("CONFIG_INVALID", { ...why, ...(path !== undefined && { value: path }) });
  return new PlexusError({ ...invalid, message: `${path ?? "A folder"} cannot be used: ${why.reason}.` }, thrown);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
