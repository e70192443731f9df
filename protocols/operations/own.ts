/** The caller's own account, and what everybody sees of the cluster. */
import { Type } from "typebox";
import { mailAddress } from "../admin/mail.ts";
import type { NodePlace } from "../admin/nodes.ts";
import type { OwnRights } from "../authority/roles.ts";
import type { ModelInfo } from "../engines/generation.ts";
import type { AgentView } from "../kinds/agent.ts";
import { emojiName, type EmojiView, type OwnEmoji } from "../kinds/emoji.ts";
import { groupFields, userGroupName, type UserGroup } from "../kinds/groups.ts";
import {
  deletedTogether,
  muteTerms,
  warningReason,
  type RoomDeletions,
  type RoomWarning,
} from "../kinds/room-mutes.ts";
import { linkSecret, linkTerms, type RoomBehindLink, type RoomLink, type RoomLinkMade } from "../kinds/room-links.ts";
import type { RoomView } from "../kinds/room-view.ts";
import type { Session } from "../kinds/user-views.ts";
import { createApiKey, credentials, signUp, type ApiKeyMade, type OwnAccount } from "../wire/client.ts";
import { wireLimits as limits } from "../limits.ts";
import { answer } from "../wire/command.ts";
import { key, object, principal } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofActors, ofOwnAccount, reads } from "./operation.ts";

const person = Type.String({ pattern: "^user/[a-z0-9][a-z0-9_-]{0,31}$" });
const tags = ["account"];
const sessions = listOf(answer<Session>("Session"));

export const ownOperations = {
  "account.show": reads({
    answer: answer<OwnAccount>("OwnAccount"),
    permission: "account.use",
    errors: ofActors,
    summary: "The caller's account",
    tags,
  }),
  "account.permissions": reads({
    answer: answer<OwnRights>("OwnRights"),
    permission: "account.use",
    errors: [],
    summary: "What the caller may do now",
    description: "`again`: what they may do once they have proven again who they are.",
    tags,
  }),
  "account.setPassword": changes({
    ...ofOwnAccount,
    fields: object({ current: credentials.properties.password, password: signUp.properties.password }),
    answer: fieldsOf({}),
    permission: "account.use",
    person: true,
    proves: true,
    errors: ["SIGN_IN_FAILED", "PASSWORD_LEAKED", ...ofActors],
    action: "changePassword",
    summary: "Changes the password; other sessions end",
    tags,
  }),
  "account.sessions": reads({
    answer: fieldsOf({ sessions, current: Type.String() }),
    permission: "account.use",
    errors: ofActors,
    summary: "The caller's signed-in devices",
    tags,
  }),
  "account.keys": reads({
    answer: fieldsOf({ keys: sessions }),
    permission: "account.use",
    errors: ofActors,
    summary: "The caller's API keys",
    tags,
  }),
  "account.addKey": changes({
    ...ofOwnAccount,
    fields: createApiKey,
    answer: answer<ApiKeyMade>("ApiKeyMade"),
    permission: "account.secure",
    errors: ["LIMIT_REACHED", "SUSPENDED", ...ofActors],
    action: "createKey",
    summary: "Creates an API key; only this answer shows it",
    tags,
  }),
  "account.endKey": changes({
    ...ofOwnAccount,
    params: object({ id: key }),
    answer: fieldsOf({}),
    permission: "account.revoke",
    errors: ["NOT_FOUND", ...ofActors],
    action: "revokeSession",
    summary: "Revokes an API key",
    tags,
  }),
  "account.setMail": changes({
    ...ofOwnAccount,
    fields: object({ mail: mailAddress }),
    answer: fieldsOf({ mail: Type.String(), untilMs: Type.Number() }),
    permission: "account.secure",
    errors: ["MAIL_OFF", ...ofActors],
    action: "setMailAddress",
    summary: "Sets the caller's mail address, once a link that is sent there was opened",
    tags,
  }),
  "account.removeMail": changes({
    ...ofOwnAccount,
    answer: fieldsOf({}),
    permission: "account.secure",
    errors: ["NOT_FOUND", ...ofActors],
    action: "setMailAddress",
    summary: "Removes the caller's mail address",
    tags,
  }),
  "account.delete": changes({
    ...ofOwnAccount,
    fields: object({
      /** No time in which it can be undone. */
      atOnce: Type.Optional(Type.Boolean()),
    }),
    answer: fieldsOf({ atMs: Type.Number() }),
    permission: "account.secure",
    errors: ofActors,
    action: "deleteUser",
    summary: "Deletes the caller's account, after a time in which signing in undoes it, or at once",
    description:
      "All sessions and API keys end. What the caller wrote stays, as of a deleted account; " +
      "the name is nobody's any more.",
    tags,
  }),
  "agents.list": reads({
    answer: fieldsOf({ agents: listOf(answer<AgentView>("AgentView")), unreachable: listOf(Type.String()) }),
    permission: "agent.use",
    errors: ofActors,
    summary: "The caller's agents",
    tags: ["agent"],
  }),
  "models.list": reads({
    answer: fieldsOf({ models: listOf(answer<ModelInfo>("ModelInfo")) }),
    permission: "account.use",
    errors: [],
    summary: "The models that the cluster serves, default first",
    tags: ["node"],
  }),
  "nodes.list": reads({
    answer: fieldsOf({ nodes: listOf(answer<NodePlace>("NodePlace")) }),
    permission: "account.use",
    errors: [],
    summary: "The nodes that serve clients, this one first",
    tags: ["node"],
  }),
  "rooms.direct": reads({
    fields: object({
      with: Type.Optional(person),
      people: Type.Optional(
        Type.Array(person, { minItems: 2, maxItems: limits.groupPeopleMax - 1, uniqueItems: true }),
      ),
    }),
    answer: answer<RoomView>("RoomView"),
    permission: "room.create",
    errors: ["NOT_FOUND", "NAME_TAKEN", ...ofActors],
    summary: "Finds or creates the direct room with somebody, or of several people",
    tags: ["room"],
  }),
  "groups.set": changes({
    params: object({ group: userGroupName }),
    fields: object(groupFields),
    answer: answer<UserGroup>("UserGroup"),
    permission: "groups.manage",
    errors: ["NAME_TAKEN", "LIMIT_REACHED", "CHANGED_MEANWHILE", ...ofActors],
    action: "setGroup",
    facts: ({ group }) => ({ group }),
    summary: "Makes a group of people that can be mentioned together, or sets who is in it",
    description:
      "`seen`: what the caller has seen, or null where there was none; where it is something else by now, nothing " +
      "is changed (CHANGED_MEANWHILE). NAME_TAKEN: an account has this name.",
    tags: ["people"],
  }),
  "groups.remove": changes({
    params: object({ group: userGroupName }),
    answer: answer<UserGroup>("UserGroup"),
    permission: "groups.manage",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removeGroup",
    facts: ({ group }) => ({ group }),
    summary: "Removes a group; answers with what it was",
    tags: ["people"],
  }),
  "emoji.list": reads({
    answer: answer<EmojiView>("EmojiView"),
    permission: "emoji.manage",
    errors: ofActors,
    summary: "The cluster's own emoji, for people and programs that look after them",
    description: "Everybody who is signed in has the same by `GET /emoji`.",
    tags: ["emoji"],
  }),
  "emoji.add": changes({
    params: object({ name: emojiName }),
    fields: object({
      picture: Type.String({
        minLength: 4,
        maxLength: Math.ceil(limits.emojiFileBytesMax / 3) * 4,
        pattern: "^[A-Za-z0-9+/]+={0,2}$",
        description: "A PNG, JPEG, WebP or GIF, as base64",
      }),
    }),
    answer: answer<OwnEmoji>("OwnEmoji"),
    permission: "emoji.manage",
    large: "picture",
    errors: ["NAME_TAKEN", "LIMIT_REACHED", "TOO_LARGE", "RATE_LIMITED", "DISK_FULL", ...ofActors],
    action: "addEmoji",
    facts: ({ name }) => ({ emoji: name }),
    summary: "Adds an emoji of the cluster's own, which people write as `:name:`",
    description:
      "The picture is stored as a WebP of at most 128 pixels on its longer side; of a picture that moves, the first " +
      "frame. NAME_TAKEN: an emoji of the cluster or a standard one has this name; remove it first, or choose " +
      "another name. By gRPC a request has at most 64 KiB, so a picture 44 KiB.",
    tags: ["emoji"],
  }),
  "emoji.remove": changes({
    params: object({ name: emojiName }),
    answer: answer<OwnEmoji>("OwnEmoji"),
    permission: "emoji.manage",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removeEmoji",
    facts: ({ name }) => ({ emoji: name }),
    summary: "Removes an emoji; messages and reactions show its name from then on",
    tags: ["emoji"],
  }),
  "rooms.addLink": changes({
    params: object({ room: key }),
    fields: object(linkTerms),
    answer: answer<RoomLinkMade>("RoomLinkMade"),
    permission: "room.links",
    errors: ["FORBIDDEN", "NOT_FOUND", "LIMIT_REACHED", ...ofActors],
    action: "makeJoinLink",
    facts: ({ room, uses, lifeMs }) => ({ room, uses, lifeMs }),
    summary: "Makes a link by which people come into a room; only this answer shows it",
    description: "For owners of the room. `path` begins at the page's own address.",
    tags: ["room"],
  }),
  "rooms.removeLink": changes({
    params: object({ room: key, id: key }),
    answer: answer<RoomLink>("RoomLink"),
    permission: "room.links",
    errors: ["FORBIDDEN", "NOT_FOUND", ...ofActors],
    action: "endJoinLink",
    facts: ({ room, id }) => ({ room, id }),
    summary: "Takes a link into a room back; answers with what it was",
    tags: ["room"],
  }),
  "rooms.lookThrough": reads({
    params: object({ room: key }),
    fields: object({ secret: linkSecret }),
    answer: answer<RoomBehindLink>("RoomBehindLink"),
    permission: "room.join",
    errors: ["JOIN_LINK_ENDED", "BANNED", "RATE_LIMITED", ...ofActors],
    looks: true,
    summary: "Which room a link leads to",
    tags: ["room"],
  }),
  "rooms.joinByLink": changes({
    params: object({ room: key }),
    fields: object({ secret: linkSecret }),
    answer: answer<RoomView>("RoomView"),
    permission: "room.join",
    errors: ["JOIN_LINK_ENDED", "BANNED", "LIMIT_REACHED", "RATE_LIMITED", ...ofActors],
    once: true,
    action: "joinByLink",
    facts: ({ room }) => ({ room }),
    summary: "Joins a room by a link",
    tags: ["room"],
  }),
  "rooms.mute": changes({
    params: object({ room: key, member: principal }),
    fields: object(muteTerms),
    answer: answer<RoomView>("RoomView"),
    permission: "room.mute",
    errors: ["FORBIDDEN", "NOT_FOUND", "LIMIT_REACHED", ...ofActors],
    action: "muteMember",
    facts: ({ room, member, muteForMs }) => ({ room, member, muteForMs }),
    summary: "Lets a member of a room read and not write, for a time or until it is lifted",
    description: "For moderators of the room, of members of lower rank. It takes the place of the mute that was there.",
    tags: ["room"],
  }),
  "rooms.unmute": changes({
    params: object({ room: key, member: principal }),
    answer: answer<RoomView>("RoomView"),
    permission: "room.mute",
    errors: ["FORBIDDEN", "NOT_FOUND", ...ofActors],
    action: "unmuteMember",
    facts: ({ room, member }) => ({ room, member }),
    summary: "Lifts the mute of a member",
    tags: ["room"],
  }),
  "rooms.warn": changes({
    params: object({ room: key, member: principal }),
    fields: object({ reason: warningReason }),
    answer: answer<RoomWarning>("RoomWarning"),
    permission: "room.mute",
    errors: ["FORBIDDEN", "NOT_FOUND", "LIMIT_REACHED", "OVERLOADED", ...ofActors],
    once: true,
    action: "warnMember",
    facts: ({ room, member }) => ({ room, member }),
    summary: "Warns a member of a room: they and the moderators read why",
    tags: ["room"],
  }),
  "rooms.deleteMessages": changes({
    params: object({ room: key }),
    fields: object({ seqs: deletedTogether }),
    answer: answer<RoomDeletions>("RoomDeletions"),
    permission: "room.delete",
    errors: ["FORBIDDEN", "NOT_FOUND", "OVERLOADED", ...ofActors],
    action: "deleteMessages",
    facts: ({ room, seqs }) => ({ room, asked: seqs.length }),
    summary: "Deletes many messages of a room at once; each has its outcome",
    description: "OVERLOADED as the outcome of a message: its files did not fit into this change. Ask again for it.",
    tags: ["room"],
  }),
};
