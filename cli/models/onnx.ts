/** `plexus onnx`: puts ONNX Runtime into this installation, which comes without it because it is large, and takes it
 *  out again. Which packages, and what their bytes are, `runtimes/onnx/packages` says. They have a folder of their own
 *  (`runtimes/onnx/library.ts` looks there), so that their versions are nobody else's. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { addPackages, thisInstallation, type PackagePlace } from "../terminal/npm.ts";
import { exitCodes, type Output } from "../terminal/output.ts";

const name = "plexus-onnx";
const lock = fileURLToPath(new URL("../../runtimes/onnx/packages/", import.meta.url));
const platforms = ["linux-x64", "linux-arm64"];
/** ONNX Runtime's package has builds for seven platforms; the others are deleted, which leaves 66 MB in all on x64. */
const diskBytes = 500_000_000;

const isThere = ({ modules }: PackagePlace): boolean => existsSync(join(modules, name, "package.json"));

/** `plexus onnx`. */
export function showOnnx(output: Output, place: PackagePlace = thisInstallation): number {
  output.print(
    isThere(place)
      ? "ONNX Runtime is installed: models of ONNX are served."
      : "ONNX Runtime is not installed: models of ONNX can be pulled and kept. `plexus onnx install` installs it.",
  );
  return exitCodes.ok;
}

/** `plexus onnx install`. Nothing is changed when it fails or is broken off. Errors: BAD_REQUEST where there is no
 *  build for this machine, DISK_FULL, SOURCE_FAILED. */
export async function installOnnx(output: Output, place: PackagePlace = thisInstallation): Promise<number> {
  if (!platforms.includes(place.platform)) {
    const reason = `Plexus runs ONNX Runtime on ${platforms.join(" and ")}, and this is ${place.platform}`;
    throw new PlexusError(failure("BAD_REQUEST", { reason }));
  }
  if (isThere(place)) {
    output.print("ONNX Runtime is installed already.");
    return exitCodes.ok;
  }
  output.print("Fetching ONNX Runtime and its tokenizers. This takes a minute.");
  await addPackages(place, diskBytes, async (work, npm) => {
    const folder = join(work, name);
    await mkdir(folder);
    for (const file of ["package.json", "package-lock.json"]) await copyFile(join(lock, file), join(folder, file));
    // By the lock, so that its bytes are those that were tested.
    await npm(folder, "ci");
    const builds = join(folder, "node_modules", "onnxruntime-node", "bin");
    const [os = "", cpu = ""] = place.platform.split("-");
    let found = false;
    for (const version of await readdir(builds).catch(() => []))
      for (const system of await readdir(join(builds, version)))
        for (const processor of await readdir(join(builds, version, system)))
          if (system === os && processor === cpu) found = true;
          else await rm(join(builds, version, system, processor), { recursive: true });
    if (!found)
      throw new PlexusError(
        failure("SOURCE_FAILED", { package: "onnxruntime-node", reason: `it has no build for ${place.platform}` }),
      );
    return [{ from: folder, name }];
  });
  output.print("ONNX Runtime is installed. Start the node again if it runs. `npm ci` takes it out again.");
  return exitCodes.ok;
}

/** `plexus onnx remove`. */
export async function removeOnnx(output: Output, place: PackagePlace = thisInstallation): Promise<number> {
  await rm(join(place.modules, name), { recursive: true, force: true });
  output.print("ONNX Runtime is removed. A node that runs keeps it until it is started again.");
  return exitCodes.ok;
}
