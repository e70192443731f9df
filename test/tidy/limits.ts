/** docs/limits.md is made from the code: every table of every `limits.ts`, with the doc comments as its text.
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
 *  What stands above the first section of the page is written by hand, and kept.
 *
 *      node test/tidy/limits.ts            prints the page as it should be
 *      node test/tidy/limits.ts --write    writes it to docs/limits.md */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "prettier";

const root = join(import.meta.dirname, "../..");
const pagePath = join(root, "docs/limits.md");

/** The sections of the page follow the layers of the code, from what clients see to what they run on, then the clients. */
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

/** The whole page for the sources as they are; `before` is the page with what was written by hand. */
export async function limitsPage(before: string): Promise<string> {
  const paths = globSync("{actors,cli,client,node,protocols,runtimes,web}/**/limits.ts", {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  }).toSorted((one, other) => placeOf(one) - placeOf(other) || (one < other ? -1 : 1));
  const sections: string[] = [];
  for (const path of paths) {
    const text = readFileSync(join(root, path), "utf8");
    const exported = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
    const tables = Object.entries(exported)
      .filter(([, table]) => typeof table === "object" && table !== null)
      .toSorted(([one], [other]) => text.indexOf(`const ${one} `) - text.indexOf(`const ${other} `));
    for (const [name, table] of tables)
      sections.push(limitsSection(path, text, name, table as Record<string, unknown>));
  }
  const head = before.split(/^## /m, 1)[0] ?? "";
  return format(`${head}${sections.join("\n")}`, { parser: "markdown", printWidth: 120 });
}

/** The page as it is. */
export const readLimitsPage = (): string => readFileSync(pagePath, "utf8");

if (import.meta.main) {
  const page = await limitsPage(readLimitsPage());
  if (process.argv.includes("--write")) writeFileSync(pagePath, page);
  else process.stdout.write(page);
}
