/** What axe finds in a page that would keep somebody out. axe is loaded once into each document and run there: the package for
 *  Playwright loads it anew for each look and puts its answer together in a second page, which takes ten times as long. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

let source: string | undefined;

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string }[];
}

/** The faults of the part of a page at `within` (all of it unless said), each as `rule: element`. */
export async function axeFaults(
  page: Page,
  options: {
    readonly within?: string;
    /** Only these rules. */
    readonly rules?: readonly string[];
    /** Leaves out what is a nuisance and keeps nobody out. */
    readonly graveOnly?: boolean;
  } = {},
): Promise<readonly string[]> {
  const { within, rules, graveOnly = false } = options;
  if (!(await page.evaluate<boolean>("typeof axe === 'object'"))) {
    source ??= readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(`${source}; undefined`);
  }
  const wanted = {
    resultTypes: ["violations"],
    ...(rules !== undefined && { runOnly: { type: "rule", values: rules } }),
  };
  const { violations, looked } = await page.evaluate<{ violations: readonly Violation[]; looked: number }>(
    `axe.run(${within === undefined ? "document" : JSON.stringify(within)}, ${JSON.stringify(wanted)}).then(({ violations, passes }) => ({
      looked: passes.length + violations.length,
      violations: violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => ({ html: html.slice(0, 300) })) })),
    }))`,
  );
  if (looked === 0) throw new Error(`axe looked at nothing in ${within ?? "the page"}`);
  return violations
    .filter(({ impact }) => !graveOnly || impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
