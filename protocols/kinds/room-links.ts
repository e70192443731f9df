/** Links into a room: an owner makes one, and people who have it come in by themselves. The secret of a link is known
 *  to those who have it; the room keeps its hash. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { principal } from "../wire/schema.ts";

const id = Type.String({ minLength: 1, maxLength: 64 });
/** What is kept of a secret. */
export const linkHash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const link = answer<RoomLink>("RoomLink");

/** How a new link is wanted: how many people may come by it, and for how long. */
export const linkTerms = {
  uses: Type.Integer({ minimum: 1, maximum: limits.joinLinkUsesMax }),
  lifeMs: Type.Integer({ minimum: limits.joinLinkMsMin, maximum: limits.joinLinkMsMax }),
} as const;

/** The secret of a link, as text. */
export const linkSecret = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });

/** Commands of a room about its links. All but the list are the gateway's, which names the person and has the secret.
 *  Error of all that bring a hash: JOIN_LINK_ENDED, also where there is no such room. */
export const roomLinkCommands = {
  /** Errors: FORBIDDEN, LIMIT_REACHED. */
  addLink: command({
    params: { by: principal, id, hash: linkHash, ...linkTerms },
    result: link,
    from: ["gateway"],
    effect: "changes",
    summary: "Makes a link into the room",
  }),
  /** Answers with what it was. Errors: FORBIDDEN, NOT_FOUND. */
  removeLink: command({
    params: { by: principal, id },
    result: link,
    from: ["gateway"],
    effect: "changes",
    summary: "Takes a link into the room back",
  }),
  links: command({
    params: {},
    result: answer<RoomLinks>("RoomLinks"),
    from: ["client"],
    effect: "reads",
    permission: "room.links",
    http: ["GET", "/rooms/:room/links"],
    summary: "Lists the links into the room that may still be used: by whom, for how many, until when",
  }),
  /** What a person who has the link is told before they come in. Error: BANNED. */
  lookThrough: command({
    params: { member: principal, hash: linkHash },
    result: answer<LinkLookedThrough>("LinkLookedThrough"),
    from: ["gateway"],
    effect: "reads",
    summary: "Which room a link leads to",
  }),
} as const;

/** A link that may still be used. */
export interface RoomLink {
  readonly id: string;
  readonly by: string;
  readonly atMs: number;
  readonly untilMs: number;
  /** How many people may still come by it. */
  readonly usesLeft: number;
}

/** Answer to `links`, the newest first. */
export interface RoomLinks {
  readonly links: readonly RoomLink[];
}

/** A new link. `path` begins at the page's own address; only this answer has it. */
export interface RoomLinkMade extends RoomLink {
  readonly path: string;
}

/** What a person who has a link is told of its room. */
export interface RoomBehindLink {
  readonly room: string;
  readonly title: string;
  readonly memberCount: number;
}

/** What the gateway is told of it: also the member who made the link, at whom it looks. */
export interface LinkLookedThrough extends RoomBehindLink {
  readonly by: string;
}
