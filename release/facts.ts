import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Advisory, Exception } from "./advisories.ts";
import type { LicenceRules } from "./licences.ts";
import { packagesOf, type LockFile, type Package } from "./lock.ts";

/** What is reviewed by people, and what is locked, as the files of this repository say. */
export interface Facts {
  readonly all: { readonly root: Package; readonly packages: readonly Package[] };
  readonly rules: LicenceRules;
  readonly advisories: readonly Advisory[];
  readonly exceptions: readonly Exception[];
}

/** Reads them from the folder of the repository. */
export function readFacts(root: string): Facts {
  const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), "utf8"));
  return {
    all: packagesOf(read("package-lock.json") as LockFile),
    rules: read("release/licences.json") as LicenceRules,
    advisories: read("release/advisories.json") as readonly Advisory[],
    exceptions: read("release/exceptions.json") as readonly Exception[],
  };
}
