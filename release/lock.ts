import { posix } from "node:path";

/** One package of a lock file. */
export interface Package {
  /** Where it is installed: `node_modules/a`, or below another package. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** As its author says: an SPDX expression. Absent where the lock does not know it. */
  readonly licence?: string;
  /** What npm checks the package against when it is installed. */
  readonly integrity?: string;
  /** Only for tests, tools and the building of the page. */
  readonly development: boolean;
  readonly optional: boolean;
  /** The paths of those that it needs and that are there. */
  readonly needs: readonly string[];
}

interface Locked {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A lock file of npm, as far as it matters here. */
export interface LockFile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
}

/** All packages of a lock file, and what the root (its path is empty) needs. Throws on a lock file of another
 *  version. */
export function packagesOf(lock: LockFile): { readonly root: Package; readonly packages: readonly Package[] } {
  if (lock.lockfileVersion !== 3) throw new Error(`package-lock.json has version ${lock.lockfileVersion}, not 3`);
  const packageAt = (path: string, locked: Locked): Package => {
    const wanted = { ...locked.dependencies, ...locked.optionalDependencies, ...locked.peerDependencies };
    const all = path === "" ? { ...wanted, ...locked.devDependencies } : wanted;
    const needs = Object.keys(all).flatMap((name) => resolve(lock, path, name) ?? []);
    return {
      path,
      name: locked.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version: locked.version ?? "0.0.0",
      ...(locked.license !== undefined && { licence: locked.license }),
      ...(locked.integrity !== undefined && { integrity: locked.integrity }),
      development: locked.dev === true,
      optional: locked.optional === true,
      needs: [...new Set(needs)].toSorted(),
    };
  };
  const rows = Object.entries(lock.packages).filter(([, { link }]) => link !== true);
  return {
    root: packageAt("", lock.packages[""] ?? {}),
    packages: rows.flatMap(([path, locked]) => (path === "" ? [] : [packageAt(path, locked)])),
  };
}

/** Where Node finds a package from another one: the nearest `node_modules` upwards that has it. */
function resolve(lock: LockFile, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = posix.dirname(folder)) {
    if (posix.basename(folder) === "node_modules") continue;
    const path = posix.join(folder, "node_modules", name);
    if (lock.packages[path] !== undefined) return path;
    if (folder === "" || folder === ".") return undefined;
  }
}

/** The same packages, those that the page has in it counted as shipped: the page is built of packages for development.
 *  `names`: what its sources import. */
export function withPage(packages: readonly Package[], names: ReadonlySet<string>): readonly Package[] {
  const byPath = new Map(packages.map((one) => [one.path, one]));
  const shipped = new Set([...names].map((name) => `node_modules/${name}`));
  // A set that grows while it is walked: what was added is walked, too.
  for (const path of shipped) for (const needed of byPath.get(path)?.needs ?? []) shipped.add(needed);
  return packages.map((one) => (shipped.has(one.path) ? { ...one, development: false } : one));
}
