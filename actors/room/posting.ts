/** What happens to messages: posted, edited, deleted, reacted to, pinned. Polls are messages, too: `polls.ts`. */
import {
  unreachable,
  reactionForm,
  wireLimits,
  type CommandOf,
  type KeptFile,
  type Poll,
  type Posted,
  type RoomMessage,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { fits } from "../outbox.ts";
import { tookOf } from "./agent-calls.ts";
import { filesOfPost } from "./files.ts";
import { callGroups, groupMail, groupsAfterEdit, type GroupsFound } from "./group-calls.ts";
import { changed, eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { hasByRank, entryOf, isMember } from "./members.ts";
import {
  mentioning,
  mentionsIn,
  notMentioned,
  saidIn,
  summons,
  toldBefore,
  unanswered,
  unansweredNow,
} from "./mentions.ts";
import { closePoll, newPoll, pollResults, vote } from "./polls.ts";
import { refuseMuted } from "./muted.ts";
import { restore } from "./restoring.ts";
import { hasPlaceFor, refuseArchived, refusePost } from "./rules.ts";
import { checked, inQuarantine, unlisted, type Checked } from "./scanning.ts";
import { leftBy } from "./kept-topics.ts";
import { isFiledSince } from "./stored.ts";
import { counted, emptied, messageInMemory, messageKey } from "./state.ts";
import type { Room, RoomNotes } from "./shape.ts";
import { wasOf } from "./kept-versions.ts";
import { drawn, type Drawn } from "./drawing.ts";
import { filed, type Filed } from "./file-texts.ts";
import { afterEdit, picturesOf, previewed, withoutPreviews, type Previewed } from "./previews.ts";
import { moveMessage, moveTopic, refuseTopic, topicFor, topicOfNone, type Move } from "./topics.ts";
import { keptOf, shownFile } from "./uploads.ts";
import { versions } from "./versions.ts";

type Command = CommandOf<typeof roomCommands>;
type Post = Extract<Command, { type: "post" }>;
type Edit = Extract<Command, { type: "edit" }>;

/** A post in a thread. `answers` is the message that an agent answers; the thread's first one may be another. `asked`:
 *  that one is shown in its thread only. */
type Reply = Post & { readonly replyTo: number; readonly answers?: number; readonly asked?: "inThread" };
/** With what is kept of the message's files, once that was read. */
type Delete = Extract<Command, { type: "delete" }> & {
  readonly kept?: readonly KeptFile[];
  readonly since?: number;
  /** Asked for by its author, who may have left: only what is theirs is there for them. */
  readonly isOwn?: true;
};
/** The answer of an agent that was removed meanwhile. */
type Late = { readonly type: "late"; readonly generation: string };
/** What comes back as answers to a message. */
type Restore = Extract<Command, { type: "restore" }>;

/** A command about one earlier message. */
type Targeted =
  | Extract<
      Command,
      { type: "edit" | "react" | "pin" | "vote" | "closePoll" | "pollResults" | "versions" | "removePreviews" }
    >
  | Delete
  | Reply
  | Late
  | Checked
  | Previewed
  | Drawn
  | Filed
  | GroupsFound
  | Move
  | Restore;

/** Tag of the read that fetches an older message; the command goes on when it is there. */
export interface MessageTag {
  readonly type: "message";
  readonly command: Targeted;
  readonly seq: number;
  readonly from: Sender;
  readonly to: ReplyTo | undefined;
  /** `room.changes` when the read was asked for. */
  readonly changes: number;
}

/** Posts a message, in a thread when it answers another. */
function post(room: Room, command: Post, turn: Turn): Effects {
  const isAgent = turn.from.startsWith("agent/");
  if (command.generation !== undefined && !isAgent) return [refuse("BAD_REQUEST", { field: "generation" })];
  if (command.refused !== undefined && !isAgent) return [refuse("BAD_REQUEST", { field: "refused" })];
  if (command.rounds !== undefined && !isAgent) return [refuse("BAD_REQUEST", { field: "rounds" })];
  if (command.stopped !== undefined && !isAgent) return [refuse("BAD_REQUEST", { field: "stopped" })];
  const { replyTo, files = [] } = command;
  if (command.text === "" && files.length === 0)
    return [refuse("BAD_REQUEST", { path: "/text", problem: "a message without files needs a text" })];
  if (replyTo === undefined) return posted(room, command, undefined, turn);
  const reply: Reply = { ...command, replyTo, ...(command.generation !== undefined && { answers: replyTo }) };
  return onMessage(room, reply, replyTo, turn);
}

/** Posts a question with options. Error: LIMIT_REACHED. */
function askPoll(room: Room, command: Extract<Command, { type: "poll" }>, turn: Turn): Effects {
  if ((room.polls ?? []).length >= wireLimits.openPollsPerRoomMax)
    return [refuse("LIMIT_REACHED", { limit: "openPollsPerRoomMax" })];
  const { question: text, topic } = command;
  return posted(room, { type: "post", text, ...(topic !== undefined && { topic }) }, undefined, turn, newPoll(command));
}

function posted(room: Room, command: Post | Reply, root: RoomMessage | undefined, turn: Turn, poll?: Poll): Effects {
  const repeated = command.generation === undefined ? undefined : sameGeneration(room, command.generation, turn.from);
  if (repeated !== undefined) {
    const answer: Posted = { seq: repeated.seq, at: room.head, atMs: repeated.atMs };
    return [reply(answer, turn.replyTo)];
  }
  const named = root === undefined ? (command.topic ?? topicOfNone(room)) : root.topic;
  const topic = named === undefined ? undefined : topicFor(room, named, turn);
  const isOwed = "answers" in command && turn.from.startsWith("agent/");
  const muted = refuseMuted(room, turn);
  if (muted !== undefined) return isOwed ? notSaid(room, command, muted, turn) : muted;
  const refusal = isOwed ? undefined : refusePost(room, { isLine: root === undefined || !isQuiet(command) }, turn);
  if (refusal !== undefined) return refusal;
  const full = refuseTopic(room, topic, turn);
  if (full !== undefined) return full;
  const files = filesOfPost(room, command.files, turn);
  if ("refusal" in files) return files.refusal;
  const { kept } = files;
  const mentions = mentionsIn(command.text, room);
  const atMs = turn.nowMs;
  const message: RoomMessage = {
    seq: room.messageSeq + 1,
    author: turn.from,
    text: command.text,
    atMs,
    ...(root && { replyTo: root.seq, ...(isQuiet(command) && { threadOnly: true }) }),
    ...(topic !== undefined && { topic }),
    ...(mentions.length > 0 && { mentions: [...mentions] }),
    ...("answers" in command && { answers: command.answers }),
    ...(command.refused !== undefined && { refused: command.refused }),
    ...(command.generation !== undefined && { generation: command.generation }),
    ...(command.rounds !== undefined && { rounds: command.rounds }),
    ...(command.stopped !== undefined && { stopped: command.stopped }),
    ...(poll && { poll }),
    ...(kept.length > 0 && { files: kept.map(shownFile) }),
  };
  const { mail: summoning, refusals } = summons(room, message, root, turn, { isNew: true });
  const mail = [...summoning, ...groupMail(room, message, turn)];
  if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED", undefined, turn.replyTo)];
  const said = saidIn(message, root);
  const answer: Posted = { seq: message.seq, at: room.head + 1, atMs };
  return [
    ...eventEffects(
      room,
      turn,
      [said, ...unanswered(message, said.root ?? message, refusals, { seq: message.seq + 1, atMs })],
      mail,
      { ...(kept.length > 0 && { kept }), ...(isOwed && tookOf(command.tokens)) },
    ),
    reply(answer, turn.replyTo),
  ];
}

/** Whether an answer is shown in its thread only: what an agent answers is where it was asked. */
const isQuiet = (command: Post | Reply): boolean =>
  "answers" in command ? command.asked === "inThread" : command.alsoInRoom !== true;

/** An agent that lost the answer to its post sends it again, perhaps after the node forgot the operation. */
const sameGeneration = (room: Room, generation: string, author: string): RoomMessage | undefined =>
  room.recent.findLast((message) => message.generation === generation && message.author === author);

/** An agent that was removed while it wrote answers: nobody wants to read that, but the person who asked waits.
 *  Undefined: it is somebody else who posts from outside. */
export const late = (room: Room, { generation, replyTo }: Post, turn: Turn): Effects | undefined =>
  generation === undefined || replyTo === undefined || !turn.from.startsWith("agent/")
    ? undefined
    : onMessage(room, { type: "late", generation }, replyTo, turn);

/** An agent is muted, or its owner is: that is said where an answer is owed, and nothing else. */
function notSaid(room: Room, command: Post | Reply, muted: Effects, turn: Turn): Effects {
  const seq = "answers" in command ? command.answers : undefined;
  if (seq === undefined || room.asked?.some((one) => one.agent === turn.from && one.seq === seq) !== true) return muted;
  const { generation } = command;
  const refusal = { agent: turn.from, code: "MUTED" as const, ...(generation !== undefined && { generation }) };
  const answer: Posted = { seq: room.messageSeq + 1, at: room.head + 1, atMs: turn.nowMs };
  return [...eventEffects(room, turn, [unansweredNow(room, seq, refusal, turn.nowMs)]), reply(answer, turn.replyTo)];
}

function answeredLate(room: Room, generation: string, mention: RoomMessage, turn: Turn): Effects {
  const isOwed = room.asked?.some(({ agent, seq }) => agent === turn.from && seq === mention.seq) === true;
  const asked = isOwed || (mention.mentions?.includes(turn.from) === true && mention.author.startsWith("user/"));
  if (!asked || sameGeneration(room, generation, turn.from) !== undefined)
    return [refuse("NOT_A_MEMBER", undefined, turn.replyTo)];
  const event = unansweredNow(room, mention.seq, { agent: turn.from, code: "NOT_A_MEMBER", generation }, turn.nowMs);
  const answer: Posted = { seq: room.messageSeq + 1, at: room.head + 1, atMs: turn.nowMs };
  return [...eventEffects(room, turn, [event]), reply(answer, turn.replyTo)];
}

/** Goes on with a command when its message is in memory; otherwise reads the message first. */
export function onMessage(room: Room, command: Targeted, seq: number, turn: Turn): Effects {
  if (seq < 1 || seq > room.messageSeq) return [refuse("NOT_FOUND", { seq }, turn.replyTo)];
  const message = messageInMemory(room, seq);
  if (message !== undefined) return apply(room, command, message, turn);
  const tag: MessageTag = {
    type: "message",
    command,
    seq,
    from: turn.from,
    to: turn.replyTo,
    changes: room.changes,
  };
  return [{ type: "read", range: { from: messageKey(seq), to: messageKey(seq + 1), limit: 1 }, tag }];
}

/** The read message arrived. Memory knows better if the message changed meanwhile; if more changed than memory holds,
 *  the record may be old and is read again. */
export function onMessageRead(room: Room, tag: MessageTag, message: RoomMessage | undefined, here: Turn): Effects {
  const turn: Turn = { ...here, from: tag.from, ...(tag.to && { replyTo: tag.to }) };
  const maybeOld = room.changes - tag.changes > limits.roomChangedMessages;
  const known = messageInMemory(room, tag.seq);
  const isOutside = outside.has(tag.command.type) || isOfAuthor(tag.command);
  if (entryOf(room.members, tag.from) === undefined && !isOutside) return [refuse("NOT_A_MEMBER", undefined, tag.to)];
  if (known !== undefined) return apply(room, tag.command, known, turn);
  if (message === undefined) return [refuse("NOT_FOUND", { seq: tag.seq }, tag.to)];
  return maybeOld ? onMessage(room, tag.command, tag.seq, turn) : apply(room, tag.command, counted(message), turn);
}

const isOfAuthor = (command: Targeted): boolean => command.type === "delete" && command.isOwn === true;

/** What nobody in the room asks for. */
const outside: ReadonlySet<Targeted["type"]> = new Set([
  "late",
  "restore",
  "called",
  "checked",
  "preview",
  "drawn",
  "filed",
]);

/** What changes a message, and is refused in an archived room and to a muted member; deleting is not. */
const writing: ReadonlySet<Targeted["type"]> = new Set(["edit", "react", "pin", "vote", "closePoll", "moveTopic"]);

function apply(room: Room, command: Targeted, message: RoomMessage, turn: Turn): Effects {
  const refusal = writing.has(command.type) ? (refuseArchived(room, turn) ?? refuseMuted(room, turn)) : undefined;
  if (refusal !== undefined) return refusal;
  switch (command.type) {
    case "post":
      // Threads are one level deep: an answer to an answer belongs to the thread it is read in.
      return message.replyTo === undefined
        ? posted(room, command, message, turn)
        : onMessage(room, inThreadOf(message, command), message.replyTo, turn);
    case "restore":
      return message.replyTo === undefined
        ? restore(room, command, message, turn)
        : onMessage(room, command, message.replyTo, turn);
    case "moveTopic":
      // An answer is where its thread is.
      return message.replyTo === undefined
        ? moveMessage(room, command, message, turn)
        : onMessage(room, command, message.replyTo, turn);
    case "checked":
      return checked(room, command, message, turn);
    case "called":
      return callGroups(room, command.found, message, turn);
    case "late":
      return answeredLate(room, command.generation, message, turn);
    case "edit":
      return edit(room, command, message, turn);
    case "delete":
      return remove(room, command, message, turn);
    case "react":
      return react(room, command, message, turn);
    case "pin":
      return pin(room, command.on, message, turn);
    case "vote":
      return vote(room, command, message, turn);
    case "closePoll":
      return closePoll(room, message, turn);
    case "pollResults":
      return pollResults(room, message, turn);
    case "versions":
      return versions(room, message, turn);
    case "preview":
      return previewed(room, command, message, turn);
    case "drawn":
      return drawn(room, command, message, turn);
    case "filed":
      return filed(command, message, turn);
    case "removePreviews":
      return withoutPreviews(room, message, turn);
    default:
      return unreachable(command);
  }
}

/** A post that answers an answer, in the thread of that one. */
const inThreadOf = ({ replyTo = 0, threadOnly }: RoomMessage, command: Reply): Reply => ({
  ...command,
  replyTo,
  ...(threadOnly === true && { asked: "inThread" }),
});

function edit(room: Room, { text, seen }: Edit, message: RoomMessage, turn: Turn): Effects {
  if (message.author !== turn.from)
    return [refuse("FORBIDDEN", { reason: "only its author can edit a message" }, turn.replyTo)];
  if (message.deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  if (message.text === text) return [reply(message, turn.replyTo)];
  const { editedAtMs = 0 } = message;
  if (seen !== undefined && seen !== editedAtMs)
    return [refuse("CHANGED_MEANWHILE", { seq: message.seq, now: editedAtMs }, turn.replyTo)];
  // People who have voted have answered this question.
  if (message.poll !== undefined)
    return [refuse("FORBIDDEN", { reason: "the question of a poll cannot be edited" }, turn.replyTo)];
  const named = mentionsIn(text, room);
  const { mentions = named, groups } = groupsAfterEdit(room, message, text, named);
  const { groups: _groups, previews: _previews, ...rest } = notMentioned(message);
  const { previews, pictures } = afterEdit(message, text);
  // Members who are mentioned for the first time are told; to all others a correction is no second question.
  const { known, places } = toldBefore(message);
  const isHeard = hasPlaceFor(room, message.threadOnly !== true, turn);
  const told = mentions.filter((member) => !known.includes(member)).slice(0, isHeard ? places : 0);
  // It names the state of the message: two have never the same, whatever the clocks of nodes say.
  const nextMs = Math.max(turn.nowMs, editedAtMs + 1);
  const isKept = room.keepsVersions !== false;
  const next: RoomMessage = {
    ...rest,
    text,
    editedAtMs: nextMs,
    ...(isKept && { versions: (message.versions ?? 0) + 1 }),
    ...(groups && { groups }),
    ...(previews && { previews }),
    ...mentioning(mentions, known),
  };
  const root = next.replyTo === undefined ? undefined : messageInMemory(room, next.replyTo);
  const { mail: summoning, refusals } = summons(room, { ...next, mentions: told }, root, turn, {
    isNew: false,
  });
  const mail = isHeard ? [...summoning, ...groupMail(room, next, turn)] : summoning;
  if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED", undefined, turn.replyTo)];
  const event = { type: "edited" as const, message: next, by: turn.from, ...(told.length > 0 && { told }) };
  const place = { seq: room.messageSeq + 1, atMs: turn.nowMs };
  const thread = next.replyTo === undefined ? next : root;
  return [
    ...eventEffects(room, turn, [event, ...unanswered(next, thread, refusals, place)], mail, {
      ...(isKept && { was: wasOf(message) }),
      ...pictures,
    }),
    reply(next, turn.replyTo),
  ];
}

function remove(room: Room, command: Delete, message: RoomMessage, turn: Turn): Effects {
  // For members it is as any deletion; for others only their files are there.
  const isOutside = command.isOwn === true && !isMember(room, turn.from);
  if (isOutside && message.author !== turn.from) return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  if (message.author !== turn.from && !hasByRank(room, turn.from, "room.delete"))
    return [refuse("FORBIDDEN", { reason: "only its author and moderators can delete a message" }, turn.replyTo)];
  const { kept: gone } = command;
  if (isOutside && gone?.every(({ check }) => check === "removed") === true)
    return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  const isGone = message.deletedAtMs !== undefined;
  const isEmpty = message.versions === undefined && message.previews === undefined && message.topic === undefined;
  const answer = (is: RoomMessage) => reply(command.isOwn === true ? {} : is, turn.replyTo);
  if (isGone && gone?.length === 0 && isEmpty) return [answer(message)];
  const next = emptied(message, message.deletedAtMs ?? turn.nowMs);
  // What was said is not taken back from outside: those who removed its author may need it.
  const { files: _files, ...rest } = message;
  const isSaid = isOutside && !isGone && (message.text !== "" || message.versions !== undefined);
  const event = isSaid
    ? ({ type: "edited", message: rest, by: turn.from, checked: "" } as const)
    : ({ type: "deleted", message: next, by: turn.from } as const);
  // A node before files, or before earlier texts were kept, which deleted a message, left what is kept of it.
  const more = isSaid ? {} : { ...picturesOf(message), ...leftBy([message]) };
  if (message.files === undefined && !isGone && !isOutside)
    return [...eventEffects(room, turn, [event], [], more), answer(next)];
  // What was read before may have gone since, and is not to go twice.
  const notes = turn.notes as RoomNotes;
  if (gone !== undefined && !isFiledSince(notes, message.seq, command.since ?? 0) && !isBehind(gone, message)) {
    const mail = unlisted(gone);
    if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED", undefined, turn.replyTo)];
    return [...eventEffects(room, turn, [event], mail, { gone, ...more }), answer(next)];
  }
  const tag: KeptTag = { type: "kept", command, since: notes.filings ?? 0, from: turn.from, to: turn.replyTo };
  return [{ type: "read", range: keptOf(message.seq), tag }];
}

/** Whether something has come to a file while this was read: what is in the list of quarantine by now is to be taken
 *  off it, and a small picture goes with its file. */
export const isBehind = (gone: readonly KeptFile[], { files = [] }: RoomMessage): boolean =>
  gone.some(({ id, check, preview }) =>
    files.some(
      (file) =>
        file.id === id &&
        ((check === "scanning" && inQuarantine(file)) || (preview === undefined && file.preview !== undefined)),
    ),
  );

/** Tag of the read of what goes with a message. */
export interface KeptTag {
  readonly type: "kept";
  readonly command: Delete;
  readonly since: number;
  readonly from: Sender;
  readonly to: ReplyTo | undefined;
}

/** What is kept of a message's files arrived: it goes with the message. */
export function onKeptRead(room: Room, tag: KeptTag, records: readonly ActorRecord[], here: Turn): Effects {
  const turn: Turn = { ...here, from: tag.from, ...(tag.to && { replyTo: tag.to }) };
  if (entryOf(room.members, tag.from) === undefined && !isOfAuthor(tag.command))
    return [refuse("NOT_A_MEMBER", undefined, tag.to)];
  const command = { ...tag.command, since: tag.since, kept: records.map(({ value }) => value as KeptFile) };
  return onMessage(room, command, command.seq, turn);
}

function react(room: Room, command: Extract<Command, { type: "react" }>, message: RoomMessage, turn: Turn): Effects {
  const { on } = command;
  const form = reactionForm(command.emoji);
  // Whatever was taken as a reaction before can be taken back.
  if (form === undefined && on)
    return [refuse("BAD_REQUEST", { field: "emoji", reason: "a reaction must be exactly one emoji" }, turn.replyTo)];
  const emoji = form ?? command.emoji;
  if (message.deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  const reactions = message.reactions ?? {};
  const who = Object.hasOwn(reactions, emoji) ? (reactions[emoji] ?? []) : [];
  if (who.includes(turn.from) === on) return [reply(message, turn.replyTo)];
  if (on && who.length === 0 && Object.keys(reactions).length >= wireLimits.reactionKindsMax)
    return [refuse("LIMIT_REACHED", { limit: "reactionKindsMax" }, turn.replyTo)];
  if (on && who.length >= wireLimits.reactionsPerKindMax)
    return [refuse("LIMIT_REACHED", { limit: "reactionsPerKindMax" }, turn.replyTo)];
  const whoNow = on ? [...who, turn.from] : who.filter((principal) => principal !== turn.from);
  const { [emoji]: _who, ...others } = reactions;
  const now = whoNow.length === 0 ? others : { ...reactions, [emoji]: whoNow };
  const { reactions: _reactions, ...rest } = message;
  const next: RoomMessage = Object.keys(now).length === 0 ? rest : { ...rest, reactions: now };
  return changed(room, turn, { type: "reacted", message: next, by: turn.from, emoji, on });
}

function pin(room: Room, on: boolean, message: RoomMessage, turn: Turn): Effects {
  if (room.visibility !== "direct" && !hasByRank(room, turn.from, "room.pin"))
    return [refuse("FORBIDDEN", { reason: "only moderators can pin messages" }, turn.replyTo)];
  if (message.deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq: message.seq }, turn.replyTo)];
  if ((message.pinned === true) === on) return [reply(message, turn.replyTo)];
  if (on && room.pins.length >= wireLimits.pinsPerRoomMax)
    return [refuse("LIMIT_REACHED", { limit: "pinsPerRoomMax" }, turn.replyTo)];
  const { pinned: _pinned, ...rest } = message;
  const next: RoomMessage = on ? { ...rest, pinned: true } : rest;
  return changed(room, turn, { type: "pinned", message: next, by: turn.from, on });
}

/** What was asked about groups is there. */
export const onGroups = (room: Room, found: GroupsFound, turn: Turn): Effects =>
  onMessage(room, found, found.seq, turn);

const aboutMessage = (room: Room, command: Targeted & { readonly seq: number }, turn: Turn): Effects =>
  onMessage(room, command, command.seq, turn);

/** What members say, and do with what was said. */
export const postingHandlers = {
  post,
  poll: askPoll,
  edit: aboutMessage,
  delete: aboutMessage,
  react: aboutMessage,
  pin: aboutMessage,
  vote: aboutMessage,
  closePoll: aboutMessage,
  pollResults: aboutMessage,
  versions: aboutMessage,
  removePreviews: aboutMessage,
  moveTopic: (room, command, turn) =>
    moveTopic(room, command, turn, (seq) => onMessage(room, { ...command, seq }, seq, turn)),
} satisfies Partial<MemberHandlers>;
