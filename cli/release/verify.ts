import type { KeyObject } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fingerprintOf, openEnvelope, readPublicKey } from "./envelope.ts";
import { digestOfFile, digestOfPackage, filesBelow, isShipped, packagesBelow } from "./installed.ts";
import { releasePaths } from "./paths.ts";
import { subjectsOf, type Subject } from "./statement.ts";

/** What became of a comparison. */
export type Verdict =
  /** There is nothing to compare with: sources from git, or a copy without its manifest. */
  | { readonly type: "unsigned"; readonly reason: string }
  /** The statement is not by this key, or is none. */
  | { readonly type: "forged"; readonly reason: string }
  | {
      readonly type: "compared";
      readonly fingerprint: string;
      /** Files and packages that are as they were signed. */
      readonly same: number;
      readonly changed: readonly string[];
      readonly missing: readonly string[];
      /** Code that nobody signed. */
      readonly added: readonly string[];
    };

const isMissing = (thrown: unknown): boolean => (thrown as NodeJS.ErrnoException)?.code === "ENOENT";

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

function subjectsBy(text: string, key: KeyObject): ReadonlyMap<string, Subject["digest"]> | undefined {
  const body = openEnvelope(text, key);
  return body === undefined ? undefined : subjectsOf(body);
}

const sameDigest = (one: Subject["digest"], other: Subject["digest"]): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

/** Compares what lies in the folder of an installation with the manifest of its release. `key`: the key that must have
 *  signed it; absent, the one that came with the release. A package that is not there is one that this platform, or
 *  running alone, does not need. One that the manifest does not have and the lock file has is one of another platform,
 *  which npm compared with the lock file when it was installed. */
export async function verifyFolder(folder: string, key?: KeyObject): Promise<Verdict> {
  const manifest = await readOptional(join(folder, releasePaths.manifest));
  if (manifest === undefined)
    return {
      type: "unsigned",
      reason: `there is no ${releasePaths.manifest}: this is not an installation of a release`,
    };
  let signer = key;
  if (signer === undefined) {
    const pem = await readOptional(join(folder, releasePaths.key));
    if (pem === undefined) return { type: "unsigned", reason: `there is no ${releasePaths.key}` };
    try {
      signer = readPublicKey(pem);
    } catch (thrown) {
      return { type: "forged", reason: `${releasePaths.key} is not a key: ${(thrown as Error).message}` };
    }
  }
  const subjects = subjectsBy(manifest, signer);
  if (subjects === undefined)
    return { type: "forged", reason: `${releasePaths.manifest} is not signed by the key ${fingerprintOf(signer)}` };
  const changed: string[] = [];
  const missing: string[] = [];
  let same = 0;
  for (const [name, digest] of subjects) {
    const path = join(folder, name);
    try {
      await lstat(path);
      const found = "dirHash" in digest ? await digestOfPackage(path) : await digestOfFile(path);
      if (sameDigest(found, digest)) same += 1;
      else changed.push(name);
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      if ("sha256" in digest) missing.push(name);
    }
  }
  const own = new Set<string>([releasePaths.manifest]);
  const found = await filesBelow(folder, (path) => !isShipped(path));
  const files = found.filter((path) => isShipped(path) && !subjects.has(path) && !own.has(path));
  const locked = await lockedPaths(folder);
  const packages = (await packagesBelow(folder)).filter((path) => !subjects.has(path) && !locked.has(path));
  const added = [...files, ...packages];
  return { type: "compared", fingerprint: fingerprintOf(signer), same, changed, missing, added };
}

/** Where the lock file has packages. It is a file of the release, and compared like the others. */
async function lockedPaths(folder: string): Promise<ReadonlySet<string>> {
  const text = await readOptional(join(folder, "package-lock.json"));
  if (text === undefined) return new Set();
  const lock = JSON.parse(text) as { readonly packages?: Readonly<Record<string, unknown>> };
  return new Set(Object.keys(lock.packages ?? {}));
}

/** Compares an archive with the statement beside it, `ARCHIVE.intoto.json`. */
export async function verifyArchive(path: string, key: KeyObject): Promise<Verdict> {
  const text = await readOptional(`${path}.intoto.json`);
  if (text === undefined) return { type: "unsigned", reason: `there is no ${path}.intoto.json` };
  const subjects = subjectsBy(text, key);
  if (subjects === undefined)
    return { type: "forged", reason: `${path}.intoto.json is not signed by the key ${fingerprintOf(key)}` };
  const name = basename(path);
  const digest = subjects.get(name);
  const found = await digestOfFile(path);
  const isSame = digest !== undefined && sameDigest(found, digest);
  return {
    type: "compared",
    fingerprint: fingerprintOf(key),
    same: isSame ? 1 : 0,
    changed: isSame ? [] : [name],
    missing: [],
    added: [],
  };
}
