/** Groups that a message mentions. The room knows its members and no groups: what calls no member is asked for after
 *  the message was said, and then those of the group who are here are mentioned in it, by an event like that of an
 *  edit: nodes and clients of the version before understand it, and tell people as they do of an edit.
 *
 *      post, edit ──► outbox ──► groups/cluster: called ──► edited (mentions, told; the text is the same) */
import {
  wireLimits,
  type GroupsView,
  type Result,
  type RoomEvent,
  type RoomMessage,
  type UserGroup,
} from "../../protocols/index.ts";
import { calledWords, callerOf, readText } from "../../protocols/reading/index.ts";
import type { Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { fits, type Mail, type OutboxEntry } from "../outbox.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { entryOf } from "./members.ts";
import { mentioning, mentionsIn, notMentioned, toldBefore } from "./mentions.ts";
import type { Room } from "./shape.ts";

const mayBeGroup = /^[a-z0-9][a-z0-9_-]{0,31}$/;

/** What stands behind signs in a text, calls no member, and may be a group. */
function wordsIn(text: string, room: Room): readonly string[] {
  if (!/[@＠﹫]/.test(text)) return [];
  const has = (principal: string): boolean => entryOf(room.members, principal) !== undefined;
  const words = calledWords(readText(text), callerOf({ has, agents: room.agents }));
  return words.filter((word) => mayBeGroup.test(word)).slice(0, wireLimits.groupsPerMessageMax);
}

/** What is asked about the groups of a message that a person wrote. It takes no place that other mail needs. */
export function groupMail(room: Room, { seq, author, text }: RoomMessage, turn: Turn): readonly Mail[] {
  const words = author.startsWith("user/") ? wordsIn(text, room) : [];
  if (words.length === 0 || !fits(room.outbox, wireLimits.mentionsPerMessageMax + 1)) return [];
  const waiting = room.outbox.entries.filter((entry) => entry.message.type === "called").length;
  if (waiting >= limits.roomGroupCallsMax) return [];
  const message = { type: "called", words, seq };
  return [{ to: "groups/cluster", message, untilMs: turn.nowMs + limits.mentionWaitMs }];
}

/** What an edit leaves of the groups of a message. Where one of them goes, all whom they called are looked for anew,
 *  and so are the people whom the edit names no more: a group may call them, too. */
export function groupsAfterEdit(
  room: Room,
  message: RoomMessage,
  text: string,
  named: readonly string[],
): Pick<RoomMessage, "groups" | "mentions"> {
  const { groups = [], mentions = [] } = message;
  if (groups.length === 0) return {};
  const words = wordsIn(text, room);
  if (!groups.every((group) => words.includes(group))) return {};
  const before = [...mentionsIn(message.text, room), ...named];
  const people = mentions.filter((member) => member.startsWith("user/") && !before.includes(member));
  return { groups, mentions: [...named, ...people] };
}

/** The answer about groups, and the message that calls them. */
export interface GroupsFound {
  readonly type: "called";
  readonly seq: number;
  readonly found: readonly UserGroup[];
}

/** Reads it; undefined: it is other mail, nobody knows, or none of the words is a group. */
export function groupsIn({ message }: OutboxEntry, result: Result<unknown>): GroupsFound | undefined {
  if (message.type !== "called" || !result.ok) return undefined;
  const { groups } = result.value as GroupsView;
  return groups.length === 0 ? undefined : { type: "called", seq: message["seq"] as number, found: groups };
}

/** Those of the groups who are here are mentioned in the message, unless it was deleted or says something else. The
 *  answer may come late: in an archived room, and for an author who is gone, it calls nobody. */
export function callGroups(room: Room, found: readonly UserGroup[], message: RoomMessage, turn: Turn): Effects {
  if (room.archived === true || entryOf(room.members, message.author) === undefined) return [];
  const words = message.deletedAtMs === undefined ? wordsIn(message.text, room) : [];
  const groups = found.filter(({ group }) => words.includes(group));
  const { mentions = [], mentionedBefore = [], groups: before = [] } = message;
  const names = [...new Set([...before, ...groups.map(({ group }) => group)])];
  const isNew = names.length > before.length;
  const here = [...new Set(groups.flatMap(({ members }) => members.map((name) => `user/${name}`)))].filter(
    (member) =>
      member !== message.author &&
      entryOf(room.members, member) !== undefined &&
      // Whom an edit names no more a group of the message may call all the same.
      (isNew || mentionedBefore.includes(member)),
  );
  if (!isNew && here.length === 0) return [];
  const { known, places } = toldBefore(message);
  const isEdited = message.editedAtMs !== undefined;
  const told = here.filter((member) => !known.includes(member)).slice(0, isEdited ? places : undefined);
  const called = here.filter((member) => known.includes(member) || told.includes(member));
  const next: RoomMessage = {
    ...notMentioned(message),
    groups: names,
    ...mentioning([...new Set([...mentions, ...called])], known),
  };
  const event: RoomEvent = {
    type: "edited",
    message: next,
    by: message.author,
    groups: groups.map(({ group }) => group),
    ...(told.length > 0 && { told }),
  };
  return eventEffects(room, turn, [event]);
}
