import { groups } from "virtual:plexus-emoji";
import type { OwnEmoji } from "../../../../protocols/index.ts";
import { emojiFound, readEmoji, withTone, type Emoji } from "../../model/emoji.ts";
import type { EmojiHabits, Tone } from "../../model/index.ts";
import { OwnEmojiPicture } from "../parts/own-emoji.tsx";
import { atHand } from "./at-hand.ts";
import type { Option } from "./completions.tsx";

/** Loaded with the first emoji that somebody looks for. */

export const emojiByGroup: readonly (readonly Emoji[])[] = readEmoji(groups);
const all = emojiByGroup.flat();

const none: readonly never[] = [];

/** The cluster's own, as the others are. */
export const ownAmong = (own: readonly OwnEmoji[]): readonly Emoji[] =>
  own.map(({ name }) => ({ sign: `:${name}:`, names: [name], words: none }));

/** Those that a text finds, what this person uses first. */
export const found = (typed: string, { recent }: EmojiHabits, own: readonly OwnEmoji[]): readonly Emoji[] =>
  emojiFound([...ownAmong(own), ...all], typed, [...recent, ...atHand]);

/** One as it is shown: a sign in this colour of skin, or a picture. */
export function Sign({
  sign,
  tone,
  own,
}: {
  readonly sign: string;
  readonly tone: Tone;
  readonly own: readonly OwnEmoji[];
}) {
  const picture = own.find(({ name }) => `:${name}:` === sign);
  return picture === undefined ? withTone(sign, tone) : <OwnEmojiPicture {...picture} />;
}

/** What a name that is being typed may become. */
export const emojiOptions = (
  typed: string,
  habits: EmojiHabits,
  most: number,
  own: readonly OwnEmoji[],
): readonly Option[] =>
  found(typed, habits, own)
    .slice(0, most)
    .map(({ sign, names }) => {
      const name = names.find((one) => one.startsWith(typed)) ?? names[0] ?? "";
      const icon = <Sign sign={sign} tone={habits.tone} own={own} />;
      return { key: sign, text: withTone(sign, habits.tone), icon, label: `:${name}:`, hint: "" };
    });

/** The emoji of a whole name. */
export function emojiNamed(name: string, habits: EmojiHabits): string | undefined {
  const named = all.find(({ names }) => names.includes(name.toLowerCase()));
  return named && withTone(named.sign, habits.tone);
}
