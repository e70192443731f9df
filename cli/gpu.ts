/** `plexus gpu`: puts the builds of llama.cpp for graphics cards into this installation, which comes without them because
 *  they are large, and takes them out again. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, PlexusError } from "../protocols/errors.ts";
import { exitCodes, type Output } from "./output.ts";

/** One kind of build. */
interface Build {
  /** Packages of node-llama-cpp, without its scope. */
  readonly packages: readonly string[];
  /** Fetched and unpacked, with room to spare. */
  readonly diskBytes: number;
  readonly says: string;
}

const MB = 1_000_000;

/** The kinds, by what the command calls them. */
export const gpuBuilds: Readonly<Record<string, Build>> = {
  cuda: { packages: ["linux-x64-cuda", "linux-x64-cuda-ext"], diskBytes: 1_500 * MB, says: "NVIDIA, with its driver" },
  vulkan: { packages: ["linux-x64-vulkan"], diskBytes: 300 * MB, says: "AMD, Intel and NVIDIA, through Vulkan" },
};

/** Where things are; tests have their own. */
export interface GpuPlace {
  /** The `node_modules` of this installation. */
  readonly modules: string;
  readonly platform: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** This installation. */
const here: GpuPlace = {
  modules: fileURLToPath(new URL("../node_modules", import.meta.url)),
  platform: `${process.platform}-${process.arch}`,
  environment: process.env,
};

const scope = "@node-llama-cpp";
const folderOf = ({ modules }: GpuPlace, name: string): string => join(modules, scope, name);

/** Whether a build is there: what replaces it otherwise is empty. */
const isThere = (place: GpuPlace, { packages }: Build): boolean =>
  packages.every((name) => existsSync(join(folderOf(place, name), "bins")));

/** `plexus gpu`. */
export function showGpu(output: Output, place: GpuPlace = here): number {
  for (const [kind, build] of Object.entries(gpuBuilds))
    output.print(`${kind.padEnd(8)}${isThere(place, build) ? "installed    " : "not installed"}  ${build.says}`);
  output.print("`plexus gpu install KIND` installs one; `plexus doctor` says which cards there are.");
  return exitCodes.ok;
}

/** `plexus gpu install`: fetches the packages beside the installed ones, then puts them in their places. Nothing is changed when
 *  it fails or is broken off. Errors: BAD_REQUEST where there is no such build, DISK_FULL, SOURCE_FAILED. */
export async function installGpu(kind: string, output: Output, place: GpuPlace = here): Promise<number> {
  const build = Object.hasOwn(gpuBuilds, kind) ? gpuBuilds[kind] : undefined;
  if (build === undefined || place.platform !== "linux-x64") {
    const reason = build === undefined ? `there is no kind ${kind}` : `there are no such builds for ${place.platform}`;
    throw new PlexusError(failure("BAD_REQUEST", { reason, kinds: Object.keys(gpuBuilds) }));
  }
  if (isThere(place, build)) {
    output.print(`${kind} is installed already.`);
    return exitCodes.ok;
  }
  const { version } = JSON.parse(await readFile(join(place.modules, "node-llama-cpp", "package.json"), "utf8")) as {
    readonly version: string;
  };
  const disk = await statfs(place.modules);
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes < build.diskBytes)
    throw new PlexusError(failure("DISK_FULL", { freeBytes, neededBytes: build.diskBytes, folder: place.modules }));
  output.print(
    `Fetching ${build.packages.map((name) => `${scope}/${name}@${version}`).join(", ")}. This takes some minutes.`,
  );
  // On the same disk: what was fetched is moved, not copied.
  const work = await mkdtemp(join(place.modules, ".plexus-gpu-"));
  try {
    await writeFile(join(work, "package.json"), "{}");
    await fetchPackages(work, build.packages.map((name) => `${scope}/${name}@${version}`), place); // prettier-ignore
    for (const name of build.packages) {
      const fetched = join(work, "node_modules", scope, name);
      if (!existsSync(join(fetched, "bins")))
        throw new PlexusError(failure("SOURCE_FAILED", { package: `${scope}/${name}`, reason: "it has no builds" }));
    }
    await mkdir(join(place.modules, scope), { recursive: true });
    for (const name of build.packages) {
      const target = folderOf(place, name);
      if (existsSync(target)) await rename(target, join(work, `old-${name}`));
      await rename(join(work, "node_modules", scope, name), target);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  output.print(`${kind} is installed. Start the node with --gpu auto. \`npm ci\` takes it out again.`);
  return exitCodes.ok;
}

/** `plexus gpu remove`. */
export async function removeGpu(kind: string, output: Output, place: GpuPlace = here): Promise<number> {
  const build = Object.hasOwn(gpuBuilds, kind) ? gpuBuilds[kind] : undefined;
  if (build === undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { reason: `there is no kind ${kind}`, kinds: Object.keys(gpuBuilds) }),
    );
  for (const name of build.packages) {
    const folder = folderOf(place, name);
    await rm(folder, { recursive: true, force: true });
    // As the overrides in package.json leave it.
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "empty-npm-package", version: "1.0.0" }));
  }
  output.print(`${kind} is removed. A node that runs keeps it until it is started again.`);
  return exitCodes.ok;
}

/** The end of what npm says: the reason is there. */
const complaintCharsMax = 400;

function fetchPackages(folder: string, packages: readonly string[], { environment }: GpuPlace): Promise<void> {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--force", "--loglevel", "error"];
  const child = spawn("npm", ["install", ...flags, ...packages], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
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
