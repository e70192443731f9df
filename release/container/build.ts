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
 *  It is made of Debian's packages and npm's alone: no base image is fetched, so it works where no registry of images
 *  can be reached. */
import { execFileSync, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fingerprintOf, readPrivateKey } from "../../cli/release/index.ts";
import { signFile } from "../archive.ts";
import { pack } from "../pack.ts";

const root = join(import.meta.dirname, "../..");
const git = (...words: readonly string[]): string => execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();

/** What bin/plexus, Node and native code need. */
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

/** Builds the image and gives its name. */
export async function buildImage({
  tag,
  suite,
  say,
}: {
  readonly tag: string;
  readonly suite: string;
  readonly say: (line: string) => void;
}): Promise<string> {
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
    say(`fetching Debian's packages (${suite})`);
    // Unpacked and not configured: no script of theirs runs here.
    run("mmdebstrap", [
      "--quiet",
      "--variant=extract",
      `--include=${debianPackages.join(",")}`,
      "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
      suite,
      "root.tar",
      "/etc/apt/sources.list.d/debian.sources",
    ]);
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
      suite: { type: "string", default: "bookworm" },
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
  const tag = await buildImage({ ...values, say: (line) => console.log(line) });
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
