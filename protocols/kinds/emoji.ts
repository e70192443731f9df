/** The cluster's own emoji, pictures that people write by a name between colons: `emoji/cluster` has all of them
 *  (docs/decisions/0275-emoji-of-the-cluster.md). */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { blobHash, userName } from "../wire/schema.ts";
import { ownEmojiNameText } from "../text/own-emoji.ts";

/** The name of one, without its colons. */
export const emojiName = Type.String({
  pattern: `^${ownEmojiNameText}$`,
  description: "Lower-case letters, digits, _, + and -; 2 to 30 characters; it begins with a letter",
});

/** Commands to `emoji/cluster`. Changes are the gateway's, which has looked at what its caller may, and has drawn the
 *  picture. */
export const emojiCommands = {
  list: command({
    params: {},
    result: answer<EmojiView>("EmojiView"),
    from: ["client", "gateway", "node"],
    effect: "reads",
    permission: "account.see",
    http: ["GET", "/emoji", { key: "cluster" }],
    summary: "The cluster's own emoji, by name",
    answers: "list",
  }),
  /** Its bytes are stored. Errors: NAME_TAKEN, LIMIT_REACHED. */
  add: command({
    params: {
      name: emojiName,
      hash: blobHash,
      size: Type.Integer({ minimum: 1, maximum: limits.emojiFileBytesMax }),
      by: Type.Optional(userName),
    },
    result: answer<OwnEmoji>("OwnEmoji"),
    from: ["gateway"],
    effect: "changes",
    summary: "Adds an emoji",
  }),
  /** Answers with what it was. Error: NOT_FOUND. */
  remove: command({
    params: { name: emojiName },
    result: answer<OwnEmoji>("OwnEmoji"),
    from: ["gateway"],
    effect: "changes",
    summary: "Removes an emoji",
  }),
} as const;

/** An emoji of the cluster. Its picture is a WebP: `GET /emoji/HASH`. */
export interface OwnEmoji {
  readonly name: string;
  readonly hash: string;
  /** Bytes of its picture. */
  readonly size: number;
  /** The account that added it; absent: the operator, or a program. */
  readonly by?: string;
}

/** Answer to `list`, by name. */
export interface EmojiView {
  readonly emoji: readonly OwnEmoji[];
}
