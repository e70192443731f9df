import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Subject } from "./statement.ts";

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** The digest of a file. */
export const digestOfFile = async (path: string): Promise<Subject["digest"]> => ({ sha256: await sha256(path) });

/** All files below a folder, by their paths from it, in order; `skip` says which folders are not looked into. */
export async function filesBelow(folder: string, skip: (path: string) => boolean): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (!entry.isDirectory()) found.push(path);
      else if (!skip(path)) await walk(path);
    }
  };
  await walk("");
  return found.toSorted();
}

/** The digest of an installed package: all its files, without packages that lie in it. Go's `dirhash.Hash1`: the
 *  SHA-256 of a list with one line a file, its SHA-256 and its name. A link counts as a file that has its target as
 *  text. */
export async function digestOfPackage(folder: string): Promise<Subject["digest"]> {
  const list = createHash("sha256");
  for (const path of await filesBelow(folder, (below) => /(?:^|\/)node_modules$/.test(below))) {
    const full = join(folder, path);
    const digest = (await lstat(full)).isSymbolicLink()
      ? createHash("sha256")
          .update(await readlink(full))
          .digest("hex")
      : await sha256(full);
    list.update(`${digest}  ${path}\n`);
  }
  return { dirHash: list.digest("hex") };
}

/** Folders of an installation that no release ships: packages are digests of their own, the rest is made where it
 *  runs. */
const unshipped = new Set(["node_modules", ".git", "coverage", ".plexus", "dist"]);

/** Whether a path of an installation is part of what a release ships. */
export const isShipped = (path: string): boolean => {
  const [first = "", second] = path.split("/");
  return !unshipped.has(first) && !(first === "client" && second === "dist") && !path.endsWith(".log");
};

/** All installed packages below a folder, by their paths from it: `node_modules/a`,
 *  `node_modules/@b/c/node_modules/d`. */
export async function packagesBelow(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = `${below}/${entry.name}`;
      // Links of commands, and what tools remember.
      if (entry.name.startsWith(".")) continue;
      if (entry.name.startsWith("@")) await walk(path);
      else {
        found.push(path);
        if (entry.isDirectory()) await walk(`${path}/node_modules`);
      }
    }
  };
  await walk("node_modules");
  return found.toSorted();
}
