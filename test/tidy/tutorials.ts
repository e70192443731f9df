/** The tutorials in docs/tutorials: each lists the files of one change, with their diffs. All of them together are
 *  applied to a copy of the tree, so a tutorial cannot say what is not so any more.
 *
 *      node test/tidy/tutorials.ts FOLDER            makes the copy there, with the diffs in it, to work on
 *      node test/tidy/tutorials.ts FOLDER --write    writes the diffs anew, from that copy */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const pages = "docs/tutorials";

/** A diff of one file. */
export interface FileDiff {
  readonly path: string;
  readonly isNew: boolean;
  readonly text: string;
}

/** A tutorial. */
export interface Tutorial {
  readonly page: string;
  readonly diffs: readonly FileDiff[];
}

const block = /```diff\n([\s\S]*?)```/g;

/** The diffs of a page. Throws where a block is not the diff of one file. */
export const diffsIn = (page: string, text: string): readonly FileDiff[] =>
  [...text.matchAll(block)].map(([, diff = ""]) => {
    const [, from = "", path = ""] = /^--- (\S+)\n\+\+\+ b\/(\S+)\n@@/.exec(diff) ?? [];
    if (path === "" || diff.split("\n+++ ").length !== 2)
      throw new Error(`${page}: a block is not the diff of one file`);
    return { path, isNew: from === "/dev/null", text: diff };
  });

/** All tutorials, by the names of their pages. */
export const readTutorials = (): readonly Tutorial[] =>
  readdirSync(join(root, pages))
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .toSorted()
    .map((name) => {
      const page = `${pages}/${name}`;
      return { page, diffs: diffsIn(page, readFileSync(join(root, page), "utf8")) };
    });

/** The tests that a tutorial adds or changes. */
export const testsOfTutorial = ({ diffs }: Tutorial): readonly string[] =>
  diffs.filter(({ path }) => path.endsWith(".test.ts")).map(({ path }) => path);

/** Applies diffs in a folder; the lines around a change may have changed but for the nearest. What did not apply. */
export function applyDiffs(folder: string, { page, diffs }: Tutorial): readonly string[] {
  return diffs.flatMap(({ path, text }) => {
    const { status, stderr } = spawnSync("git", ["apply", "-C1", "-"], {
      cwd: folder,
      input: text,
      encoding: "utf8",
      // A repository around the folder is none of its business.
      env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder) },
    });
    return status === 0 ? [] : [`${page}: the diff of ${path} does not apply: ${stderr.trim()}`];
  });
}

/** Copies the files that a tutorial changes. One that is not there any more is missed when its diff is applied. */
export function copyTouched(folder: string, { diffs }: Tutorial): void {
  for (const { path, isNew } of diffs) {
    if (isNew || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
}

const notCopied = new Set(["node_modules", "dist", ".git", "coverage", "docs"]);

/** Copies everything that the compiler and a test need. */
export function copyTree(folder: string): void {
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !notCopied.has(basename(path)) });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
}

/** The diff of a file between the tree and a copy, as a block of a page has it. */
function diffOf(folder: string, { path, isNew }: FileDiff): string {
  const from = isNew ? "/dev/null" : join(root, path);
  const words = ["diff", "--no-index", "--no-color", from, join(folder, path)];
  const { stdout } = spawnSync("git", words, { encoding: "utf8" });
  const hunks = stdout.slice(stdout.indexOf("\n@@") + 1).replaceAll(/^(@@ [^@]* @@).*$/gm, "$1");
  return `--- ${isNew ? "/dev/null" : `a/${path}`}\n+++ b/${path}\n${hunks}`;
}

if (import.meta.main) {
  const [folder, option] = process.argv.slice(2);
  if (folder === undefined) throw new Error("node test/tidy/tutorials.ts FOLDER [--write]");
  const tutorials = readTutorials();
  if (option === "--write")
    for (const { page, diffs } of tutorials) {
      const left = [...diffs];
      const text = readFileSync(join(root, page), "utf8");
      writeFileSync(
        join(root, page),
        text.replaceAll(block, () => `\`\`\`diff\n${diffOf(folder, left.shift() as FileDiff)}\`\`\``),
      );
    }
  else {
    copyTree(folder);
    for (const problem of tutorials.flatMap((tutorial) => applyDiffs(folder, tutorial))) console.log(problem);
  }
}
