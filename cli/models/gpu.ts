/** `plexus gpu`: puts the builds of llama.cpp for graphics cards into this installation, which comes without them
 *  because they are large, and takes them out again. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { addPackages, thisInstallation, type PackagePlace } from "../terminal/npm.ts";
import { exitCodes, type Output } from "../terminal/output.ts";

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

const scope = "@node-llama-cpp";
const folderOf = ({ modules }: PackagePlace, name: string): string => join(modules, scope, name);

/** What says which version of node-llama-cpp this is: an archive for npm has it among its own files. */
const llamaManifest = ({ modules }: PackagePlace): string => {
  const [installed, own] = [modules, join(modules, "..", "vendor")].map((place) =>
    join(place, "node-llama-cpp", "package.json"),
  ) as [string, string];
  return existsSync(installed) ? installed : own;
};

/** Whether a build is there: what replaces it otherwise is empty. */
const isThere = (place: PackagePlace, { packages }: Build): boolean =>
  packages.every((name) => existsSync(join(folderOf(place, name), "bins")));

/** `plexus gpu`. */
export function showGpu(output: Output, place: PackagePlace = thisInstallation): number {
  for (const [kind, build] of Object.entries(gpuBuilds))
    output.print(`${kind.padEnd(8)}${isThere(place, build) ? "installed    " : "not installed"}  ${build.says}`);
  output.print("`plexus gpu install KIND` installs one; `plexus doctor` says which cards there are.");
  return exitCodes.ok;
}

/** `plexus gpu install`: fetches the packages beside the installed ones, then puts them in their places. Nothing is
 *  changed when it fails or is broken off. Errors: BAD_REQUEST where there is no such build, DISK_FULL,
 *  SOURCE_FAILED. */
export async function installGpu(
  kind: string,
  output: Output,
  place: PackagePlace = thisInstallation,
): Promise<number> {
  const build = Object.hasOwn(gpuBuilds, kind) ? gpuBuilds[kind] : undefined;
  if (build === undefined || place.platform !== "linux-x64") {
    const reason = build === undefined ? `there is no kind ${kind}` : `there are no such builds for ${place.platform}`;
    throw new PlexusError(failure("BAD_REQUEST", { reason, kinds: Object.keys(gpuBuilds) }));
  }
  if (isThere(place, build)) {
    output.print(`${kind} is installed already.`);
    return exitCodes.ok;
  }
  const { version } = JSON.parse(await readFile(llamaManifest(place), "utf8")) as {
    readonly version: string;
  };
  output.print(
    `Fetching ${build.packages.map((name) => `${scope}/${name}@${version}`).join(", ")}. This takes some minutes.`,
  );
  await addPackages(place, build.diskBytes, async (work, npm) => {
    await writeFile(join(work, "package.json"), "{}");
    const wanted = build.packages.map((name) => `${scope}/${name}@${version}`);
    await npm(work, "install", "--no-package-lock", "--force", ...wanted);
    for (const name of build.packages)
      if (!existsSync(join(work, "node_modules", scope, name, "bins")))
        throw new PlexusError(failure("SOURCE_FAILED", { package: `${scope}/${name}`, reason: "it has no builds" }));
    return build.packages.map((name) => ({
      from: join(work, "node_modules", scope, name),
      name: `${scope}/${name}`,
    }));
  });
  output.print(`${kind} is installed. Start the node with --gpu auto. \`npm ci\` takes it out again.`);
  return exitCodes.ok;
}

/** `plexus gpu remove`. */
export async function removeGpu(kind: string, output: Output, place: PackagePlace = thisInstallation): Promise<number> {
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
