/** Groups of people who are mentioned together: `groups/cluster` has all of them. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, object, position, seenOf, userName } from "../wire/schema.ts";

/** The name of a group: as of an account. */
export const userGroupName = userName;
const members = Type.Array(userName, { maxItems: limits.groupMembersMax, uniqueItems: true });
const settings = { title: line(limits.titleCharsMax), members } as const;

/** What a group is set to. `seen`: what the writer has seen, or null where there was none. */
export const groupFields = { ...settings, seen: seenOf(object(settings)) } as const;

/** Commands to `groups/cluster`. Changes are the gateway's, which has looked at what its caller may. */
export const groupsCommands = {
  list: command({
    params: {},
    result: answer<GroupsView>("GroupsView"),
    from: ["client"],
    effect: "reads",
    permission: "catalog.find",
    http: ["GET", "/groups", { key: "cluster" }],
    summary: "The groups that can be mentioned, and who is in them",
    answers: "list",
  }),
  /** Errors: LIMIT_REACHED, CHANGED_MEANWHILE. */
  set: command({
    params: { group: userGroupName, ...groupFields },
    result: answer<GroupSet>("GroupSet"),
    from: ["gateway"],
    effect: "changes",
    summary: "Makes a group, or sets what it is",
  }),
  /** Answers with what it was. Error: NOT_FOUND. */
  remove: command({
    params: { group: userGroupName },
    result: answer<UserGroup>("UserGroup"),
    from: ["gateway"],
    effect: "changes",
    summary: "Removes a group",
  }),
  /** A room asks for what stood behind signs in a message, and calls no member; the gateway, whether a name is a
   *  group's. */
  called: command({
    params: {
      words: Type.Array(Type.String({ maxLength: 64 }), { maxItems: limits.groupsPerMessageMax }),
      /** Of the message: the room's own. */
      seq: position,
    },
    result: answer<GroupsView>("GroupsView"),
    from: ["actor", "gateway"],
    effect: "reads",
    summary: "Those of some words that are groups",
  }),
} as const;

/** A group. `members` are names of accounts. */
export interface UserGroup {
  readonly group: string;
  readonly title: string;
  readonly members: readonly string[];
}

/** Answer to `set`: what it is now, and what it was. */
export interface GroupSet {
  readonly now: UserGroup;
  readonly before?: UserGroup;
}

/** Answer to `list` and `called`, by name. */
export interface GroupsView {
  readonly groups: readonly UserGroup[];
}
