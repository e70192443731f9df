/** The pages of docs/reference/limits are made from the code, one for each `limits.ts`, with the doc comments as their
 *  text.
 *
 *      /** The kernel.                                    the heading of the section
 *       *
 *       *  What applies to all of it.                     text under the heading, if there is any
 *       *\/
 *      export const kernelLimits = {
 *        /** Messages that wait for one actor; one more is refused with `MAILBOX_FULL`.     the row: what happens there
 *         *
 *         *  Where the number comes from.                 for readers of the code only
 *         *\/
 *        mailboxMessagesMax: 1_000,
 *
 *  What stands above the table in README.md is written by hand, and kept.
 *
 *      node test/tidy/limits.ts            prints the pages as they should be
 *      node test/tidy/limits.ts --write    writes them to docs/reference/limits */
import { globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "docs/reference/limits");
const indexName = "README.md";

/** The pages follow the layers of the code, from what clients see to what they run on, then the clients. */
const order = ["protocols", "actors", "node/kernel", "node/storage", "node", "runtimes", "cli", "client", "web"];
const placeOf = (path: string): number => order.findIndex((folder) => path.startsWith(`${folder}/`));

/** The paragraphs of the doc comment that ends where `end` is; none without one. */
function commentBefore(text: string, end: number): readonly string[] {
  const before = text.slice(0, end).trimEnd();
  if (!before.endsWith("*/")) return [];
  const inner = before.slice(before.lastIndexOf("/**") + 3, -2);
  const lines = inner.split("\n").map((line) => line.replace(/^\s*\*/, "").trim());
  return lines
    .join("\n")
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll("\n", " ").trim())
    .filter((paragraph) => paragraph !== "");
}

/** A number with its thousands apart, a rate as `20 in 60 000 ms`, a table by its names. */
function valueText(value: unknown): string {
  if (typeof value === "number")
    return value < 1_000 ? String(value) : String(value).replaceAll(/\B(?=(\d{3})+$)/g, " ");
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if ("count" in value && "windowMs" in value) return `${valueText(value.count)} in ${valueText(value.windowMs)} ms`;
  const entries = Object.entries(value);
  const nested = entries.some(([, inner]) => typeof inner === "object");
  return entries.map(([name, inner]) => `${name}${nested ? ":" : ""} ${valueText(inner)}`).join(nested ? "; " : ", ");
}

/** The section of one table: from the source of its file, and its values. Throws where a doc comment is missing. */
export function limitsSection(
  path: string,
  text: string,
  name: string,
  values: Readonly<Record<string, unknown>>,
): string {
  const start = text.indexOf(`export const ${name} `);
  const [title, ...intro] = commentBefore(text, start);
  if (title === undefined) throw new Error(`${path}: ${name} has no doc comment, whose first paragraph is the heading`);
  const rows = Object.entries(values).map(([limit, value]) => {
    const at = text.indexOf(`\n  ${limit}:`, start);
    const [says] = commentBefore(text, at);
    if (says === undefined || at < 0)
      throw new Error(`${path}: ${limit} has no doc comment that says what happens there`);
    return `| \`${limit}\` | ${valueText(value)} | ${says.replaceAll("|", "\\|")} |`;
  });
  const head = ["| limit | value | what happens there |", "| --- | --- | --- |"];
  return [`## ${title.replace(/\.$/, "")}`, "", `\`${path}\``, "", ...intro, "", ...head, ...rows, ""].join("\n");
}

/** Pages by the name of their file. */
export type Pages = ReadonlyMap<string, string>;

/** `node/gateway/limits.ts` → `node-gateway.md`. */
const pageName = (path: string): string => `${path.replace(/\/limits\.ts$/, "").replaceAll("/", "-")}.md`;

/** The sections of one `limits.ts`. */
async function sectionsOf(path: string): Promise<readonly string[]> {
  const text = readFileSync(join(root, path), "utf8");
  const exported = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
  return Object.entries(exported)
    .filter(([, table]) => typeof table === "object" && table !== null)
    .toSorted(([one], [other]) => text.indexOf(`const ${one} `) - text.indexOf(`const ${other} `))
    .map(([name, table]) => limitsSection(path, text, name, table as Record<string, unknown>));
}

/** All pages for the sources as they are; `before` are those with what was written by hand. */
export async function limitsPages(before: Pages): Promise<Pages> {
  const paths = globSync("{actors,cli,client,node,protocols,runtimes,web}/**/limits.ts", {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  }).toSorted((one, other) => placeOf(one) - placeOf(other) || (one < other ? -1 : 1));
  const pages = new Map<string, string>();
  const rows: string[] = [];
  for (const path of paths) {
    const sections = await sectionsOf(path);
    const titles = sections.map((section) => section.slice(3, section.indexOf("\n")));
    pages.set(pageName(path), `# Limits of \`${path.replace(/\/limits\.ts$/, "")}\`\n\n${sections.join("\n")}`);
    rows.push(`| [${pageName(path).replace(".md", "")}](${pageName(path)}) | ${titles.join("; ")} |`);
  }
  const [head = ""] = (before.get(indexName) ?? "").split("| page | ");
  return pages.set(indexName, `${head}| page | limits of |\n| --- | --- |\n${rows.join("\n")}\n`);
}

/** The pages as they are. */
export const readLimitsPages = (): Pages =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

if (import.meta.main) {
  const before = readLimitsPages();
  const pages = await limitsPages(before);
  if (!process.argv.includes("--write")) process.stdout.write([...pages.values()].join("\n"));
  else {
    mkdirSync(folder, { recursive: true });
    for (const name of before.keys()) if (!pages.has(name)) rmSync(join(folder, name));
    for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  }
}
