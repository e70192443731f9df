/** Reactions: what looks the same is one. An emoji has one normal form, the one that Unicode calls fully qualified:
 *  U+FE0F stands after each character that is a sign of text otherwise, and nowhere else. Colours of skin and what
 *  joiners join stay.
 *
 *  Why so: docs/decisions/0124-one-reader-of-text.md. */

const selectors = /[\ufe0e\ufe0f]/g;
// A colour of skin makes an emoji of the character before it by itself, and a flag's letters and tags need nothing.
const textByDefault = /(?:(?![0-9#*])[\p{Emoji}--\p{Emoji_Presentation}]|[0-9#*](?=\u20e3))(?!\p{Emoji_Modifier})/gv;
const oneEmoji = /^\p{RGI_Emoji}$/v;

/** The form in which an emoji is counted; undefined: it is none, or not exactly one. */
export function normalEmoji(text: string): string | undefined {
  const form = spelled(text);
  return oneEmoji.test(form) ? form : undefined;
}

const spelled = (text: string): string => text.replaceAll(selectors, "").replaceAll(textByDefault, "$&\ufe0f");

/** Emoji, and the people who reacted with each. */
export type Reactions = Readonly<Record<string, readonly string[]>>;

/** Reactions with one entry for all that look the same, each person once in it. What was taken before as a reaction and
 *  is no emoji stays as it is. The same object where there is nothing to change. */
export function joinedReactions<Known extends Reactions>(reactions: Known): Known | Record<string, string[]> {
  const all = Object.entries(reactions);
  if (all.every(([emoji]) => (normalEmoji(emoji) ?? emoji) === emoji)) return reactions;
  const joined = new Map<string, Set<string>>();
  for (const [emoji, people] of all) {
    const form = normalEmoji(emoji) ?? emoji;
    joined.set(form, new Set([...(joined.get(form) ?? []), ...people]));
  }
  return Object.fromEntries([...joined].map(([emoji, people]) => [emoji, [...people]]));
}
