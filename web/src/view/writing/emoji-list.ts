import { groups } from "virtual:plexus-emoji";
import { emojiFound, readEmoji, withTone, type Emoji } from "../../model/emoji.ts";
import type { EmojiHabits } from "../../model/index.ts";
import { atHand } from "./at-hand.ts";
import type { Option } from "./completions.tsx";

/** Loaded with the first emoji that somebody looks for. */

export const emojiByGroup: readonly (readonly Emoji[])[] = readEmoji(groups);
const all = emojiByGroup.flat();

/** Those that a text finds, what this person uses first. */
export const found = (typed: string, { recent }: EmojiHabits): readonly Emoji[] =>
  emojiFound(all, typed, [...recent, ...atHand]);

/** What a name that is being typed may become. */
export const emojiOptions = (typed: string, habits: EmojiHabits, most: number): readonly Option[] =>
  found(typed, habits)
    .slice(0, most)
    .map(({ sign, names }) => {
      const shown = withTone(sign, habits.tone);
      const name = names.find((one) => one.startsWith(typed)) ?? names[0] ?? "";
      return { key: sign, text: shown, icon: shown, label: `:${name}:`, hint: "" };
    });

/** The emoji of a whole name. */
export function emojiNamed(name: string, habits: EmojiHabits): string | undefined {
  const named = all.find(({ names }) => names.includes(name.toLowerCase()));
  return named && withTone(named.sign, habits.tone);
}
