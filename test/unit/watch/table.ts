/** The table of detectors as docs/operate/security.md has it:
 *
 *      node test/unit/watch/table.ts --write          writes it there */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectors, type DetectorRow } from "../../../protocols/index.ts";

const page = join(import.meta.dirname, "../../../docs/operate/security.md");
const [begin, end] = ["<!-- detectors -->", "<!-- /detectors -->"] as const;

/** One line a detector. */
export const tableLines = (): readonly string[] =>
  (Object.entries(detectors) as [string, DetectorRow][]).map(
    ([name, { severity, input, finds, settings, falseAlarmsPerDay }]) =>
      `${name}: ${finds} (${Object.entries(settings)
        .map(([one, value]) => `${one} ${value}`)
        .join(", ")}). Reads ${input}. ${severity}; at most ${falseAlarmsPerDay} a day without cause.`,
  );

/** The part of the page that is made of it, and the page without. */
export function readTable(): { readonly before: string; readonly table: string; readonly after: string } {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  return { before: text.slice(0, from), table: text.slice(from, to), after: text.slice(to) };
}

/** It as it should be. */
export const madeTable = (): string =>
  `\n\n${tableLines()
    .map((line) => `- ${line.replace(/^([a-z-]+):/, "**$1**:")}`)
    .join("\n")}\n\n`;

if (import.meta.main && process.argv.includes("--write")) {
  const { before, after } = readTable();
  writeFileSync(page, `${before}${madeTable()}${after}`);
}
