/** How the emoji and their names get into the page: `import("virtual:plexus-emoji")`, which is loaded with the first
 *  that somebody looks for. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

interface Listed {
  readonly unicode: string;
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  /** Absent of what is no emoji by itself, such as a letter of a flag. */
  readonly group?: number;
}

/** Parts of others (hair, colours of skin), which nobody writes. */
const partsOfOthers = 2;

/** Those whose names people know come first: of GitHub, of Slack and Mattermost, then of the package. */
const namings = ["github", "iamcal", "emojibase"];

const require = createRequire(import.meta.url);
const ofPackage = (name: string): unknown =>
  JSON.parse(readFileSync(require.resolve(`emojibase-data/en/${name}.json`), "utf8"));

const lineOf = (emoji: Listed, names: readonly string[]): string => {
  const said = new Set(names.flatMap((name) => name.split(/[_-]/)));
  const words = [emoji.label, ...(emoji.tags ?? [])].flatMap((text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u));
  return [emoji.unicode, names.join(" "), [...new Set(words)].filter((word) => !said.has(word)).join(" ")].join("|");
};

/** Every emoji, in the groups and the order of Unicode: a text for each group, and in it a line `sign|names|words`. */
export function emojiGroups(): readonly string[] {
  const known = namings.map((name) => ofPackage(`shortcodes/${name}`) as Record<string, string | readonly string[]>);
  const groups: string[][] = [];
  const all = ofPackage("compact") as readonly Listed[];
  for (const emoji of all) {
    const { group, hexcode } = emoji;
    if (group === undefined || group === partsOfOthers) continue;
    const names = [...new Set(known.flatMap((naming) => naming[hexcode] ?? []))];
    (groups[group] ??= []).push(lineOf(emoji, names));
  }
  return Object.values(groups).map((lines) => lines.join("\n"));
}

const emojiName = "virtual:plexus-emoji";

/** The plugin of the page's bundler. */
export const emojiOfPlexus = (): Plugin => ({
  name: "plexus-emoji",
  resolveId: (asked) => (asked === emojiName ? `\0${emojiName}` : null),
  load: (id) => (id === `\0${emojiName}` ? `export const groups = ${JSON.stringify(emojiGroups())};` : null),
});
