/** Read-only links to conversations with agents. The secret of a link is known to those who have it; the account of its
 *  maker keeps the hash, and what is shown by it. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { key, position } from "../wire/schema.ts";
import { linkHash } from "./room-links.ts";

const id = Type.String({ minLength: 1, maxLength: 64 });
/** For how long. */
export const sharedLife = {
  lifeMs: Type.Integer({ minimum: limits.sharedLinkMsMin, maximum: limits.sharedLinkMsMax }),
};
const title = Type.String({ maxLength: limits.conversationTitleCharsMax });
const link = answer<SharedLink>("SharedLink");

/** Commands of an account about them; the gateway has the secret. */
export const sharedLinkCommands = {
  /** Error: LIMIT_REACHED. */
  addShared: command({
    params: { id, hash: linkHash, conversation: key, leaf: position, title, ...sharedLife },
    result: link,
    from: ["gateway"],
    effect: "changes",
    summary: "Makes a read-only link to a conversation",
  }),
  /** Error: NOT_FOUND. */
  removeShared: command({
    params: { id },
    result: link,
    from: ["gateway"],
    effect: "changes",
    summary: "Takes such a link back",
  }),
  shared: command({
    params: {},
    result: answer<SharedLinks>("SharedLinks"),
    from: ["gateway"],
    effect: "reads",
    summary: "The read-only links to conversations that still hold",
  }),
  /** What somebody is shown who has the secret. Error: NOT_FOUND, also while the account is suspended, or its deletion is asked for. */
  openShared: command({
    params: { hash: linkHash },
    result: link,
    from: ["gateway"],
    effect: "reads",
    summary: "What a read-only link shows",
  }),
} as const;

/** A link that still holds. */
export interface SharedLink {
  readonly id: string;
  /** The key of the conversation: `ada.helper`, `ada.helper.3`. */
  readonly conversation: string;
  /** How the conversation is called now; empty: it has no title, or is gone. */
  readonly title: string;
  /** The last turn that is shown: the path to it, and nothing that was said later. */
  readonly leaf: number;
  readonly atMs: number;
  readonly untilMs: number;
}

/** The newest first. */
export interface SharedLinks {
  readonly links: readonly SharedLink[];
}

/** A new link. `path` begins at the page's own address; only this answer has it. */
export interface SharedLinkMade extends SharedLink {
  readonly path: string;
}
