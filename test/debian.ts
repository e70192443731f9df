/** Programs that some tests run: the machine's own, or Debian's, unpacked into a folder of node_modules. No root needed. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { patience } from "./waits.ts";

const cache = join(import.meta.dirname, "..", "node_modules", ".cache", "plexus-debian");

/** Where a program is, or why there is none. */
export type Found = { readonly path: string } | { readonly missing: string };

/** A program of the machine. */
export const onPath = (program: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((place) => join(place, program))
    .find((path) => existsSync(path));

/** A program of the machine, or else of a package of Debian. */
export function findProgram(program: string, debianPackage: string): Found {
  const installed = onPath(program);
  if (installed !== undefined) return { path: installed };
  const found = unpackPackage(debianPackage);
  if ("missing" in found) return { missing: `no ${program} on PATH, and ${found.missing}` };
  return { path: join(found.path, "usr", "bin", program) };
}

/** The folder in which a package of Debian is unpacked. */
export function unpackPackage(debianPackage: string): Found {
  const root = join(cache, debianPackage);
  const failed = existsSync(root) ? undefined : fetchPackage(debianPackage, root);
  return failed === undefined ? { path: root } : { missing: failed };
}

/** Returns what failed. */
function fetchPackage(name: string, root: string): string | undefined {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  const run = (command: string, args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(command, args, { encoding: "utf8", timeout: patience * 60_000, cwd: work });
  try {
    let fetched = run("apt-get", ["download", name]);
    if (fetched.status !== 0) {
      // The lists of packages are missing on a fresh machine, or too old. Ours are for this one download, and need no root.
      mkdirSync(join(work, "lists", "partial"), { recursive: true });
      const own = ["-o", `Dir::State::Lists=${join(work, "lists")}`, "-o", `Dir::Cache=${join(work, "cache")}`];
      const updated = run("apt-get", [...own, "update"]);
      if (updated.status !== 0) return `apt-get update failed: ${why(updated)}`;
      fetched = run("apt-get", [...own, "download", name]);
    }
    if (fetched.status !== 0) return `apt-get download ${name} failed: ${why(fetched)}`;
    const [archive = ""] = globSync("*.deb", { cwd: work });
    const unpacked = run("dpkg-deb", ["-x", archive, "root"]);
    if (unpacked.status !== 0) return `the package ${name} could not be unpacked: ${why(unpacked)}`;
    // Tests in another process may have been quicker.
    if (!existsSync(root)) renameSync(join(work, "root"), root);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const why = ({ error, stderr }: SpawnSyncReturns<string>): string =>
  error?.message ?? stderr.trim().split("\n").at(-1) ?? "no reason was given";
