/** Groups of people who are mentioned together. One actor, `groups/cluster`, has all of them: they are few and bounded,
 *  a list is one answer, and of two that want one name one gets it.
 *
 *      message with @ops ──► room: nobody here is called so ──called──► who is in ops ──► members of the room among
 *                                                                                         them are mentioned */
import { groupsCommands, sameJson, wireLimits, type CommandOf, type GroupSet } from "../../protocols/index.ts";
import type { GroupsView, UserGroup } from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { persist, refuse, reply, type Behavior, type Effect, type Turn } from "../behavior.ts";

/** All groups, by name. */
interface GroupsState {
  readonly groups: readonly UserGroup[];
}

/** What is persisted. */
type GroupsChange =
  | { readonly type: "set"; readonly group: UserGroup }
  | { readonly type: "removed"; readonly group: string };

type Incoming = CommandOf<typeof groupsCommands>;
type Effects = readonly Effect<GroupsChange, never>[];

const namedIn = ({ groups }: GroupsState, name: string): UserGroup | undefined =>
  groups.find(({ group }) => group === name);

const handlers: Handlers<GroupsState, Incoming, Turn, Effects> = {
  list: ({ groups }) => [reply({ groups } satisfies GroupsView)],
  called: (state, { words }) => {
    const groups = [...new Set(words)].flatMap((word) => namedIn(state, word) ?? []);
    return [reply({ groups } satisfies GroupsView)];
  },
  set(state, { group: name, title, members, seen }) {
    const group: UserGroup = { group: name, title, members: members.toSorted() };
    const before = namedIn(state, name);
    const answer: GroupSet = { now: group, ...(before && { before }) };
    if (before !== undefined && sameJson(before, group)) return [reply(answer)];
    if (seen !== undefined && !isSeen(seen, before)) {
      const now = before === undefined ? null : { title: before.title, members: before.members };
      return [refuse("CHANGED_MEANWHILE", { group: name, now })];
    }
    if (before === undefined && state.groups.length >= wireLimits.groupsMax)
      return [refuse("LIMIT_REACHED", { limit: "groupsMax", max: wireLimits.groupsMax })];
    return [persist({ type: "set", group }), reply(answer)];
  },
  remove(state, { group }) {
    const before = namedIn(state, group);
    return before === undefined
      ? [refuse("NOT_FOUND", { group })]
      : [persist({ type: "removed", group }), reply(before)];
  },
};

type Seen = { readonly title: string; readonly members: readonly string[] } | null;

const isSeen = (seen: Seen, now: UserGroup | undefined): boolean =>
  seen === null || now === undefined
    ? seen === null && now === undefined
    : seen.title === now.title && sameJson(seen.members.toSorted(), now.members);

/** The behavior of groups. */
export const groups: Behavior<GroupsState, Incoming, GroupsChange> = {
  kind: "groups",
  role: "chat",
  accepts: messageCheckOf(groupsCommands),
  initial: () => ({ groups: [] }),
  decide: decideBy(groupsCommands, handlers),
  evolve: ({ groups: before }, change) => {
    const name = change.type === "set" ? change.group.group : change.group;
    const others = before.filter(({ group }) => group !== name);
    if (change.type === "removed") return { groups: others };
    return { groups: [...others, change.group].toSorted((a, b) => (a.group < b.group ? -1 : 1)) };
  },
};
