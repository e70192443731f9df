/** Makes an archive that `npm install -g` installs, of the commit that is checked out and the built page:
 *
 *      npm run release:pack                        dist/plexus-VERSION.tgz
 *      npm run release:pack -- --without-llama     dist/plexus-without-llama-VERSION.tgz, for nodes without own models
 *      npm run release:pack -- --sizes             installs it into an empty folder, and prints what it takes
 *
 *  Node strips no types below a `node_modules`, so the server goes in as JavaScript (`bundle.ts`). Packages that it
 *  still needs are in `npm-shrinkwrap.json` with the versions of the lock; builds of llama.cpp and Node itself are
 *  optional packages. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundle, licenceTexts, vendored } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
/** What a running node needs besides its code. */
const beside = ["bin", "LICENSE", "README.md", "CHANGELOG.md"];
const shipped = [
  "bin",
  "cli",
  "node",
  "packages",
  "parts",
  "protocols",
  "runtimes",
  "vendor",
  "web/dist",
  "LICENSE",
  "LICENSES.txt",
  "README.md",
  "CHANGELOG.md",
  "npm-shrinkwrap.json",
];
/** Builds of llama.cpp for processors, and for graphics cards where they come with the system; `plexus gpu install`
 *  fetches others. */
const builds = ["linux-x64", "linux-arm64", "mac-arm64-metal", "mac-x64"].map((name) => `@node-llama-cpp/${name}`);

type Versions = Readonly<Record<string, string>>;

/** What npm reads of the archive: of all packages those that are needed as packages. */
export function archiveManifest(
  described: { readonly optionalDependencies?: Versions; readonly [field: string]: unknown },
  wanted: Versions,
  llama: string | undefined,
): object {
  const {
    dependencies: _all,
    devDependencies: _tools,
    overrides: _overrides,
    scripts: _scripts,
    private: _private,
    ...kept
  } = described;
  const optionalDependencies = {
    ...described.optionalDependencies,
    ...(llama !== undefined && Object.fromEntries(builds.map((name) => [name, llama]))),
  };
  const dependencies = Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in optionalDependencies)));
  return { ...kept, files: shipped, dependencies, optionalDependencies };
}

const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "inherit"] });

/** Makes the archive in a folder, and gives its path. */
export async function pack(out: string, withLlama: boolean): Promise<string> {
  if (!existsSync(join(root, "web/dist")))
    execFileSync(process.execPath, [join(root, "web/build.ts")], { stdio: "inherit" });
  const work = await mkdtemp(join(tmpdir(), "plexus-pack-"));
  try {
    const [from, staged] = [join(work, "from"), join(work, "plexus")];
    await Promise.all([mkdir(from), mkdir(staged)]);
    const tar = execFileSync("git", ["archive", "--format=tar", "HEAD"], { cwd: root, maxBuffer: 2 ** 30 });
    execFileSync("tar", ["-xf", "-", "-C", from], { input: tar });
    await symlink(join(root, "node_modules"), join(from, "node_modules"));
    const { packages, taken } = await bundle(from, staged);
    for (const name of beside) await cp(join(from, name), join(staged, name), { recursive: true });
    await cp(join(root, "web/dist"), join(staged, "web/dist"), { recursive: true });
    await writeFile(join(staged, "LICENSES.txt"), licenceTexts([...taken, join(root, "node_modules", vendored)]));

    const versionOf = async (name: string): Promise<string> =>
      (JSON.parse(await readFile(join(root, "node_modules", name, "package.json"), "utf8")) as { version: string })
        .version;
    const wanted = Object.fromEntries(
      await Promise.all(
        packages
          .filter((name) => existsSync(join(root, "node_modules", name, "package.json")))
          .map(async (name) => [name, await versionOf(name)] as const),
      ),
    );
    const described = JSON.parse(await readFile(join(from, "package.json"), "utf8")) as Parameters<
      typeof archiveManifest
    >[0];
    const manifest = archiveManifest(described, wanted, withLlama ? await versionOf(vendored) : undefined);
    await writeFile(join(staged, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    // The versions of the lock, of what is left of it.
    await cp(join(from, "package-lock.json"), join(staged, "package-lock.json"));
    run("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], staged);
    await rename(join(staged, "package-lock.json"), join(staged, "npm-shrinkwrap.json"));
    await mkdir(out, { recursive: true });
    const [made] = JSON.parse(
      run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], staged),
    ) as { readonly filename: string }[];
    const name = made?.filename ?? "";
    const file = join(out, withLlama ? name : name.replace(/-(?=[^-]*$)/, "-without-llama-"));
    await cp(join(work, name), file);
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Bytes that a folder takes on a disk. */
function bytesOf(path: string): number {
  const found = lstatSync(path);
  const own = found.blocks * 512;
  return found.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), own) : own;
}

/** Installs the archive, and gives what each part takes on the disk, in MB of a million bytes. */
async function sizesOf(archive: string): Promise<Readonly<Record<string, number>>> {
  const prefix = await mkdtemp(join(tmpdir(), "plexus-installed-"));
  try {
    run(
      "npm",
      ["install", "--global", "--prefix", prefix, archive, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
      prefix,
    );
    const modules = join(prefix, "lib/node_modules/plexus/node_modules");
    const under = (path: string) => (existsSync(path) ? bytesOf(path) : 0);
    const node = readdirSync(modules)
      .filter((name) => name.startsWith("node-linux-"))
      .reduce((sum, name) => sum + under(join(modules, name)), 0);
    const llama = under(join(modules, "@node-llama-cpp"));
    const all = bytesOf(prefix);
    const inMB = (bytes: number) => Math.round(bytes / 1e5) / 10;
    return {
      installed: inMB(all),
      "Node itself": inMB(node),
      "besides Node": inMB(all - node),
      "builds of llama.cpp": inMB(llama),
    };
  } finally {
    await rm(prefix, { recursive: true, force: true });
  }
}

async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      out: { type: "string", default: "dist" },
      "without-llama": { type: "boolean", default: false },
      sizes: { type: "boolean", default: false },
    },
  });
  const archive = await pack(resolve(values.out), !values["without-llama"]);
  console.log(archive);
  if (!values.sizes) return;
  console.log(`in MB of a million bytes: archive ${Math.round(lstatSync(archive).size / 1e5) / 10}`);
  for (const [what, size] of Object.entries(await sizesOf(archive))) console.log(`${what.padEnd(20)} ${size}`);
}

if (import.meta.main) await main(process.argv.slice(2));
