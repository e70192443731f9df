/** npm, for the packages that Plexus comes without because they are large: they are fetched into a folder of their own
 *  and moved to their places when they are whole. */
import { start } from "../../runtimes/children.ts";
import { mkdir, mkdtemp, rename, rm, statfs } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, PlexusError } from "../../protocols/errors.ts";

/** Where packages are; tests have their own. */
export interface PackagePlace {
  /** The `node_modules` of this installation. */
  readonly modules: string;
  readonly platform: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** This installation. */
export const thisInstallation: PackagePlace = {
  modules: fileURLToPath(new URL("../../node_modules", import.meta.url)),
  platform: `${process.platform}-${process.arch}`,
  environment: process.env,
};

/** Runs npm in a folder. Errors: SOURCE_FAILED, with the end of what it says. */
type Npm = (folder: string, ...args: readonly string[]) => Promise<void>;

/** A folder that is put among the packages by this name. */
interface Fetched {
  readonly from: string;
  readonly name: string;
}

/** Fetches packages beside the installed ones, then puts what `fetch` names in its place. Nothing is changed when it
 *  fails or is broken off. Errors: DISK_FULL, SOURCE_FAILED. */
export async function addPackages(
  { modules, environment }: PackagePlace,
  neededBytes: number,
  fetch: (work: string, npm: Npm) => Promise<readonly Fetched[]>,
): Promise<void> {
  const disk = await statfs(modules);
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes < neededBytes) throw new PlexusError(failure("DISK_FULL", { freeBytes, neededBytes, folder: modules }));
  // On the same disk: what was fetched is moved, not copied.
  const work = await mkdtemp(join(modules, ".plexus-"));
  try {
    const fetched = await fetch(work, (folder, ...args) => runNpm(folder, args, environment));
    for (const [index, { from, name }] of fetched.entries()) {
      const target = join(modules, name);
      await mkdir(dirname(target), { recursive: true });
      if (existsSync(target)) await rename(target, join(work, `old-${index}`));
      await rename(from, target);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The end of what npm says: the reason is there. */
const complaintCharsMax = 400;

function runNpm(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  const child = start("npm", [...args, ...flags], { folder, env: environment, streams: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-complaintCharsMax);
  });
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new PlexusError(failure("SOURCE_FAILED", { reason: error.message }))));
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new PlexusError(failure("SOURCE_FAILED", { reason: complaint.trim() || `npm ended with ${code}` })));
    });
  });
}
