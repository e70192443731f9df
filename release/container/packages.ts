/** Debian's packages in the image, pinned: `packages.json` has each by version and by the digest of its file, with all
 *  that they need, for each architecture. An image is built of exactly these, or not at all. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** One file of Debian. */
interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** All of them. */
interface PinnedPackages {
  readonly suite: string;
  /** When Debian's archive had them: a name of snapshot.debian.org. */
  readonly snapshot: string;
  readonly architectures: Readonly<Record<string, readonly PinnedPackage[]>>;
}

/** Where they are pinned. */
export const packagesFile = join(import.meta.dirname, "packages.json");

export const readPackages = async (): Promise<PinnedPackages> =>
  JSON.parse(await readFile(packagesFile, "utf8")) as PinnedPackages;

/** What was fetched, as `sha256sum *.deb` says. Throws at a line that is none. */
export function fetchedOf(lines: string): readonly PinnedPackage[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, sha256 = "", name = "", version = ""] =
        /^([0-9a-f]{64}) [ *]([^_\s]+)_([^_\s]+)_[a-z0-9]+\.deb$/.exec(line) ?? [];
      if (name === "") throw new Error(`this is no file of Debian: ${line}`);
      return { name, version: decodeURIComponent(version), sha256 };
    })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** In which packages what was fetched is not what is pinned; empty: it is the same. */
export function differences(pinned: readonly PinnedPackage[], fetched: readonly PinnedPackage[]): readonly string[] {
  const of = (all: readonly PinnedPackage[], name: string) => all.find((one) => one.name === name);
  const names = [...new Set([...pinned, ...fetched].map(({ name }) => name))].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [of(pinned, name), of(fetched, name)];
    if (was === undefined) return [`${name} ${is?.version} is not pinned`];
    if (is === undefined) return [`${name} ${was.version} is pinned and was not fetched`];
    if (was.version !== is.version) return [`${name} is ${is.version}, and ${was.version} is pinned`];
    return was.sha256 === is.sha256 ? [] : [`${name} ${is.version} is another file: ${is.sha256}`];
  });
}

/** Where packages of a day are: Debian's archive itself has the newest of a suite alone. */
export const snapshotSources = ({ suite, snapshot }: Pick<PinnedPackages, "suite" | "snapshot">): readonly string[] => {
  const at = (archive: string, of: string): string =>
    `deb [check-valid-until=no] http://snapshot.debian.org/archive/${archive}/${snapshot}/ ${of} main`;
  return [at("debian", suite), at("debian", `${suite}-updates`), at("debian-security", `${suite}-security`)];
};
