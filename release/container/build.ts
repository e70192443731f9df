/** Makes the image of a container with a node in it: `npm run release:container -- --tag plexus:0.1.0`.
 *
 *      mmdebstrap ─► root.tar ─┐
 *      pack.ts ─► npm install ─┼─► buildah, Containerfile ─► an image of this machine; with --out, also a file that
 *                              │                             `docker load` takes
 *                  passwd ─────┘
 *
 *  With `--out image.tar --key key.pem` the file is signed as the archive is, and `plexus verify-release image.tar`
 *  compares it.
 *
 *  Debian's packages are those of `packages.json`: `--write-packages` pins the newest, `--snapshot` fetches the pinned
 *  ones from the archive of their day. It is made of Debian's packages and npm's alone: no base image is fetched, so it
 *  works where no registry of images can be reached. */
import { execFileSync, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fingerprintOf, readPrivateKey } from "../../cli/release/index.ts";
import { signFile } from "../archive.ts";
import { pack } from "../pack.ts";
import { differences, fetchedOf, packagesFile, readPackages, snapshotSources } from "./packages.ts";

const root = join(import.meta.dirname, "../..");
const git = (...words: readonly string[]): string => execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();

/** What bin/plexus, Node and native code need. `packages.json` has these and what they need, by version and digest. */
const debianPackages = [
  "base-files",
  "coreutils",
  "dash",
  "libatomic1",
  "libc6",
  "libgcc-s1",
  "libgomp1",
  "libstdc++6",
];
/** The account in the image. */
const account = { name: "plexus", id: 10_001 };
/** A builder without a daemon and without rights to change mounts builds like this. */
export const isolation: readonly string[] = ["--storage-driver", "vfs"];

/** What of Debian's tools is not here. */
export const missingTools = (): readonly string[] =>
  ["mmdebstrap", "buildah"].filter((name) => spawnSync(name, ["--version"]).status !== 0);

/** What is built. */
interface Wanted {
  readonly tag: string;
  readonly say: (line: string) => void;
  /** Pins the newest packages, in place of taking the pinned ones. */
  readonly writes?: boolean;
  /** Takes the pinned ones from where Debian keeps those of each day. */
  readonly snapshot?: boolean;
}

/** Unpacks Debian's packages: those that are pinned. Nothing of them is configured, and no script of theirs runs. */
async function unpackDebian(
  work: string,
  { writes = false, snapshot = false, say }: Omit<Wanted, "tag">,
): Promise<void> {
  const pins = await readPackages();
  const { suite, architectures } = pins;
  const architecture = execFileSync("dpkg", ["--print-architecture"], { encoding: "utf8" }).trim();
  const pinned = architectures[architecture] ?? [];
  if (pinned.length === 0 && !writes)
    throw new Error(`no packages are pinned for ${architecture}: --write-packages pins the newest`);
  say(`fetching Debian's packages (${suite})`);
  const list = join(work, "fetched.txt");
  const wanted = writes ? debianPackages : pinned.map(({ name, version }) => `${name}=${version}`);
  const words = [
    "--quiet",
    "--variant=extract",
    `--include=${wanted.join(",")}`,
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    `--extract-hook=cd "$1/var/cache/apt/archives" && sha256sum *.deb > ${list}`,
    suite,
    "root.tar",
    ...(snapshot ? snapshotSources(pins) : ["/etc/apt/sources.list.d/debian.sources"]),
  ];
  execFileSync("mmdebstrap", words, { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
  const fetched = fetchedOf(await readFile(list, "utf8"));
  if (writes) {
    const day = `${new Date().toISOString().slice(0, 10).replaceAll("-", "")}T000000Z`;
    const next = { suite, snapshot: day, architectures: { ...architectures, [architecture]: fetched } };
    return writeFile(packagesFile, `${JSON.stringify(next, undefined, 2)}\n`);
  }
  const wrong = differences(pinned, fetched);
  if (wrong.length > 0) throw new Error(`Debian's packages are not those of packages.json:\n${wrong.join("\n")}`);
}

/** Builds the image and gives its name. */
export async function buildImage({ tag, say, ...debian }: Wanted): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), "plexus-container-"));
  const run = (program: string, words: readonly string[]): void =>
    void execFileSync(program, words, { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
  try {
    say("packing the archive");
    const archive = await pack(work, true);
    say("installing it");
    run("npm", [
      "install",
      "--global",
      "--prefix",
      join(work, "app"),
      archive,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--silent",
    ]);
    await unpackDebian(work, { ...debian, say });
    await writeFile(
      join(work, "passwd"),
      `root:x:0:0::/:/bin/sh\n${account.name}:x:${account.id}:${account.id}::/data:/bin/sh\n`,
    );
    await writeFile(join(work, "group"), `root:x:0:\n${account.name}:x:${account.id}:\n`);
    await mkdir(join(work, "data"));
    await cp(join(import.meta.dirname, "Containerfile"), join(work, "Containerfile"));
    say("building the image");
    run("buildah", [
      ...isolation,
      "build",
      "--isolation",
      "chroot",
      "--quiet",
      "--tag",
      tag,
      "--file",
      "Containerfile",
      ".",
    ]);
    return tag;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      tag: { type: "string", default: "plexus" },
      snapshot: { type: "boolean", default: false },
      "write-packages": { type: "boolean", default: false },
      out: { type: "string" },
      key: { type: "string" },
    },
  });
  if (values.key !== undefined && values.out === undefined) {
    console.error("error: name a file for what is signed: --out image.tar");
    return 2;
  }
  const changes = values.key === undefined ? "" : git("status", "--porcelain");
  if (changes !== "") {
    console.error(`error: the working tree has changes, so no commit says what is in the image:\n${changes}`);
    return 1;
  }
  const missing = missingTools();
  if (missing.length > 0) {
    console.error(`error: ${missing.join(" and ")} are not installed: apt-get install ${missing.join(" ")}`);
    return 3;
  }
  const { snapshot, "write-packages": writes } = values;
  const tag = await buildImage({ tag: values.tag, snapshot, writes, say: (line) => console.log(line) });
  if (values.out !== undefined) {
    const file = resolve(values.out);
    await mkdir(resolve(file, ".."), { recursive: true });
    execFileSync("buildah", [...isolation, "push", "--quiet", tag, `docker-archive:${file}:${tag}`], {
      stdio: "inherit",
    });
    console.log(`${file}: \`docker load\` and \`podman load\` take it`);
    if (values.key !== undefined) {
      const key = readPrivateKey(await readFile(values.key, "utf8"));
      const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
      const provenance = { version, commit: git("rev-parse", "HEAD"), nodeVersion: process.version };
      console.log(`${await signFile(file, provenance, key)}\nsigned by ${fingerprintOf(key)}`);
    }
  }
  console.log(`image ${tag}: \`buildah images\` lists it`);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
