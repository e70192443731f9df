/** Names of the cluster's own emoji, in texts and reactions. */
import { normalEmoji } from "./emoji.ts";

/** The name of an emoji of the cluster, without its colons, as a regular expression. With them it is as long as a
 *  reaction may be. It begins with a letter: `10:30:45` is a time. */
export const ownEmojiNameText = "[a-z][a-z0-9_+-]{1,29}";

const ownEmoji = new RegExp(`^:${ownEmojiNameText}:$`);

/** Whether a text is the name of one emoji of the cluster between its colons, by its form: whether there is such an
 *  emoji, the text does not say. */
export const isOwnEmoji = (text: string): boolean => ownEmoji.test(text);

/** A reaction in the form in which it is counted; undefined: it is none. */
export const reactionForm = (text: string): string | undefined =>
  normalEmoji(text) ?? (isOwnEmoji(text) ? text : undefined);
