/** Emoji by their names: what `:tada:` and the picker find. Pure; the list comes with the page's bundle. */
import { tones, type EmojiHabits, type Tone } from "./writing.ts";
import { normalEmoji } from "../../../protocols/text/emoji.ts";
import { folded } from "../../../protocols/text/names.ts";

export interface Emoji {
  readonly sign: string;
  /** As they are typed between colons; the first is the one that is shown. */
  readonly names: readonly string[];
  /** What else it is found by. */
  readonly words: readonly string[];
}

/** The list as it was built: a text for each group, and in it a line `sign|names|words`. */
export const readEmoji = (groups: readonly string[]): readonly (readonly Emoji[])[] =>
  groups.map((lines) =>
    lines.split("\n").map((line) => {
      const [sign = "", names = "", words = ""] = line.split("|");
      return { sign: normalEmoji(sign) ?? sign, names: names.split(" "), words: words === "" ? [] : words.split(" ") };
    }),
  );

/** How well an emoji fits: 0 is its name, undefined not at all. */
function fit({ names, words }: Emoji, wanted: string): number | undefined {
  if (names.includes(wanted)) return 0;
  if (names.some((name) => name.startsWith(wanted))) return 1;
  const parts = [...names.flatMap((name) => name.split(/[_-]/)), ...words];
  if (parts.includes(wanted)) return 2;
  const sought = wanted.split("_").filter((part) => part !== "");
  return sought.length > 0 && sought.every((one) => parts.some((part) => part.startsWith(one))) ? 3 : undefined;
}

/** Those that a name or some words find: by how well they fit, then those of `first`, then in the order of the list. */
export function emojiFound(all: readonly Emoji[], typed: string, first: readonly string[]): readonly Emoji[] {
  const wanted = folded(typed).replaceAll(":", "").replaceAll(" ", "_");
  const place = new Map(first.map((sign, index) => [sign, index - first.length]));
  return all
    .flatMap((emoji) => {
      const rank = fit(emoji, wanted);
      return rank === undefined ? [] : [{ emoji, rank, before: place.get(emoji.sign) ?? 0 }];
    })
    .toSorted((a, b) => a.rank - b.rank || a.before - b.before)
    .map(({ emoji }) => emoji);
}

const bases = /(\p{Emoji_Modifier_Base})\ufe0f?/gu;
const hands = "\u{1f91d}";

/** An emoji in a colour of skin; as it is, where it has none. */
export function withTone(sign: string, tone: Tone): string {
  const colour = tones[tone];
  if (colour === "") return sign;
  const all = sign.replace(bases, `$1${colour}`);
  // Where two people hold hands, the people have a colour and the hands do not.
  const people = sign.replace(bases, (whole: string, base: string) => (base === hands ? whole : base + colour));
  return [all, people].find((toned) => normalEmoji(toned) === toned) ?? sign;
}

const recentMax = 16;

/** The habits after an emoji was picked. */
export const afterPick = ({ tone, recent }: EmojiHabits, sign: string): EmojiHabits => ({
  tone,
  recent: [sign, ...recent.filter((other) => other !== sign)].slice(0, recentMax),
});
