import { Type } from "typebox";
import { answerStage, type AnswerStage, type ToolRound } from "./agent.ts";
import { answer, changedByPeople, command, follow } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { roomAdminCommands } from "./room-admin.ts";
import { agentRulesChange, roomAgentCommands, type AgentRules } from "./room-agents.ts";
import { fileId, roomFileCommands, type OwnFiles } from "./room-files.ts";
import { linkHash, roomLinkCommands } from "./room-links.ts";
import { roomTopicCommands } from "./room-topics.ts";
import { emoji, messageText, postedText, rounds, topicName, type Posted, type RoomMessage } from "./room-message.ts";
import type { RoomMute } from "./room-muted.ts";
import { roomDeletionCommands, roomMuteCommands } from "./room-mutes.ts";
import { roomPollCommands } from "./room-polls.ts";
import { roomPreviewCommands } from "./room-previews.ts";
import { roomRecallCommands } from "./room-recall.ts";
import {
  memberRole,
  openOrPrivate,
  roomRules,
  visibility,
  type MemberRole,
  type RoomPosting,
  type Visibility,
} from "./room-rules.ts";
import type { RoomRead, RoomThread, RoomThreads, RoomUnread } from "./room-unread.ts";
import type { RoomView } from "./room-view.ts";
import { roomVersionCommands } from "./room-versions.ts";
import { limit, line, nothing, object, position, principal, timeMs, type Resumed } from "../wire/schema.ts";

/** The state of a message that an edit rests on: its `editedAtMs` as the author saw it, 0 where there was none. If the
 *  message was edited since then, nothing is done: CHANGED_MEANWHILE. Without it, an edit takes the place of whatever
 *  is there. */
const seenState = Type.Optional(Type.Integer({ minimum: 0 }));
/** The text that the writer has seen. If it is another by now, nothing is done: CHANGED_MEANWHILE, with the text of
 *  now. */
const seenText = (maxLength: number) => Type.Optional(line(maxLength, 0));

const members = ["client", "agent"] as const;
const view = answer<RoomView>("RoomView");
const message = answer<RoomMessage>("RoomMessage");

/** Commands to a room. Those of members may come from agents, too. */
export const roomCommands = {
  /** Errors: NAME_TAKEN, FORBIDDEN, LIMIT_REACHED; NOT_FOUND for the other person of a direct room. */
  create: command({
    params: {
      title: Type.Optional(line(limits.titleCharsMax)),
      topic: Type.Optional(line(limits.topicCharsMax, 0)),
      visibility: Type.Optional(visibility),
      /** Direct rooms only: the other person. */
      with: Type.Optional(principal),
      /** Direct rooms only, in place of `with`: the other people, of whom the room is. */
      people: Type.Optional(
        Type.Array(principal, { minItems: 2, maxItems: limits.groupPeopleMax - 1, uniqueItems: true }),
      ),
    },
    result: view,
    ...changedByPeople,
    permission: "room.create",
    http: ["POST", "/rooms"],
    summary: "Creates a room",
  }),
  join: command({
    params: {},
    result: view,
    ...changedByPeople,
    permission: "room.join",
    http: ["POST", "/rooms/:room/join"],
    summary: "Joins a public room",
  }),
  /** The last owner of a room with other people names who owns it then. Errors: LAST_OWNER, NOT_FOUND, FORBIDDEN. */
  leave: command({
    params: { successor: Type.Optional(principal) },
    result: answer<RoomLeft>("RoomLeft"),
    from: members,
    effect: "changes",
    permission: "room.leave",
    http: ["POST", "/rooms/:room/leave"],
    summary: "Leaves the room; its last owner names a successor",
  }),
  /** Errors: BANNED, FORBIDDEN, LIMIT_REACHED. */
  invite: command({
    params: { member: principal },
    result: view,
    from: members,
    effect: "changes",
    permission: "room.invite",
    http: ["PUT", "/rooms/:room/members/:member"],
    summary: "Makes somebody a member",
  }),
  /** With `ban` the member cannot come back: for `banForMs`, or until somebody lifts it. A person who is not here can
   *  be banned, too. Everybody in the room reads `reason`, and so does the banned. */
  remove: command({
    params: {
      member: principal,
      ban: Type.Optional(Type.Boolean()),
      banForMs: Type.Optional(Type.Integer({ minimum: limits.banMsMin, maximum: limits.banMsMax })),
      reason: Type.Optional(line(limits.reasonCharsMax)),
    },
    result: answer<RoomLeft>("RoomLeft"),
    from: members,
    effect: "changes",
    permission: "room.remove",
    http: ["DELETE", "/rooms/:room/members/:member"],
    summary: "Removes a member; `ban` keeps them out",
  }),
  /** Errors: FORBIDDEN, NOT_FOUND. */
  unban: command({
    params: { member: principal },
    result: view,
    from: members,
    effect: "changes",
    permission: "room.remove",
    http: ["DELETE", "/rooms/:room/bans/:member"],
    summary: "Lifts a ban",
  }),
  /** The bans that hold, newest first. */
  bans: command({
    params: {},
    result: answer<RoomBans>("RoomBans"),
    from: members,
    effect: "reads",
    permission: "room.remove",
    http: ["GET", "/rooms/:room/bans"],
    summary: "Lists the people who are kept out, by whom, why and until when",
  }),
  /** To hand a room over: make somebody else an owner, then yourself a member. Errors: LAST_OWNER, FORBIDDEN. */
  setRole: command({
    params: {
      member: principal,
      role: memberRole,
      /** The role that the writer has seen. If it is another by now, nothing is done: CHANGED_MEANWHILE. */
      seen: Type.Optional(memberRole),
    },
    result: view,
    from: members,
    effect: "changes",
    permission: "room.rank",
    http: ["PUT", "/rooms/:room/members/:member/role"],
    summary: "Changes a member's role",
  }),
  /** An archived room is read, and found, and nobody writes in it; it is in no list. Not of direct rooms. Error:
   *  FORBIDDEN. */
  setArchived: command({
    params: { archived: Type.Boolean() },
    result: view,
    ...changedByPeople,
    permission: "room.archive",
    http: [
      ["PUT", "/rooms/:room/archived", { set: { archived: true }, summary: "Archives a room" }],
      ["DELETE", "/rooms/:room/archived", { set: { archived: false }, summary: "Brings an archived room back" }],
    ],
    summary: "Archives a room, or brings it back",
  }),
  /** A public room is in the list of rooms, and everybody may join and read it; a private one is neither. Not of direct
   *  rooms. Errors: FORBIDDEN, ROOM_ARCHIVED. */
  setVisibility: command({
    params: { visibility: openOrPrivate },
    result: view,
    ...changedByPeople,
    permission: "room.visibility",
    http: ["PUT", "/rooms/:room/visibility"],
    summary: "Makes a room public or private",
  }),
  /** What is not named stays. `seen` is what the writer has seen: if what is changed is something else by now, nothing
   *  is done. Errors: FORBIDDEN, CHANGED_MEANWHILE, ROOM_ARCHIVED. */
  setRules: command({
    params: { ...roomRules, seen: Type.Optional(object(roomRules)) },
    result: view,
    ...changedByPeople,
    permission: "room.rules",
    http: ["PATCH", "/rooms/:room/rules"],
    summary: "Sets who posts in a room, and how often",
  }),
  /** What is not named stays. `seen` is what the writer has seen, as of `setRules`. Not of direct rooms. Errors:
   *  FORBIDDEN, CHANGED_MEANWHILE, ROOM_ARCHIVED. */
  setAgents: command({
    params: agentRulesChange,
    result: view,
    ...changedByPeople,
    permission: "room.agents",
    http: ["PATCH", "/rooms/:room/agents"],
    summary: "Sets which agents answer whom in a room, how often they call each other, and what they may take in a day",
  }),
  ...roomAgentCommands,
  setTitle: command({
    params: { title: line(limits.titleCharsMax), seen: seenText(limits.titleCharsMax) },
    result: view,
    from: members,
    effect: "changes",
    permission: "room.rename",
    http: ["PUT", "/rooms/:room/title"],
    summary: "Changes the title",
  }),
  setTopic: command({
    params: { topic: line(limits.topicCharsMax, 0), seen: seenText(limits.topicCharsMax) },
    result: view,
    from: members,
    effect: "changes",
    permission: "room.rename",
    http: ["PUT", "/rooms/:room/topic"],
    summary: "Changes the topic",
  }),
  /** Of `files` each was uploaded for this room by its author, and is in no message yet. With them the text may be
   *  empty. Errors: NOT_FOUND (`file`: there is none, or no more), BAD_REQUEST (`file` is not all here). */
  post: command({
    params: {
      text: postedText,
      files: Type.Optional(Type.Array(fileId, { maxItems: limits.filesPerMessageMax, uniqueItems: true })),
      /** The answer is in the thread only. What an agent answers is where it was asked. */
      replyTo: Type.Optional(position),
      /** With `replyTo`: the answer is a line of the room, too. */
      alsoInRoom: Type.Optional(Type.Boolean()),
      /** What it is about; an answer has the topic of what it answers. */
      topic: Type.Optional(topicName),
      /** Set by agents only. */
      generation: Type.Optional(Type.String({ maxLength: 128 })),
      /** Set by agents only: as in the message. */
      refused: Type.Optional(Type.String({ maxLength: 64 })),
      /** The same. */
      stopped: Type.Optional(Type.Literal(true)),
      /** The same. */
      rounds,
      /** Set by agents only: what the answer took of its model. */
      tokens: Type.Optional(position),
    },
    result: answer<Posted>("Posted"),
    from: members,
    effect: "changes",
    permission: "room.post",
    http: ["POST", "/rooms/:room/messages"],
    summary: "Posts a message",
  }),
  /** For the author of the message, the agent's owner, and moderators. Where nobody answers it any more, nothing is
   *  done. Errors: FORBIDDEN, NOT_FOUND. */
  stop: command({
    params: { seq: position, agent: Type.Optional(principal) },
    result: nothing,
    ...changedByPeople,
    permission: "room.post",
    http: ["POST", "/rooms/:room/messages/:seq/stop"],
    summary: "Stops what agents answer to a message: one agent, or all; what was written stays",
  }),
  edit: command({
    params: { seq: position, text: messageText, seen: seenState },
    result: message,
    from: members,
    effect: "changes",
    permission: "room.edit",
    http: ["PATCH", "/rooms/:room/messages/:seq"],
    summary: "Edits a message",
  }),
  delete: command({
    params: { seq: position },
    result: message,
    from: members,
    effect: "changes",
    permission: "room.delete",
    http: ["DELETE", "/rooms/:room/messages/:seq"],
    summary: "Deletes a message",
  }),
  /** For its author and moderators; none comes again. Errors: NOT_FOUND, FORBIDDEN. */
  removePreviews: command({
    params: { seq: position },
    result: message,
    from: members,
    effect: "changes",
    permission: "room.delete",
    http: ["DELETE", "/rooms/:room/messages/:seq/previews"],
    summary: "Takes the previews of its links from a message",
  }),
  react: command({
    params: { seq: position, emoji, on: Type.Boolean() },
    result: message,
    from: members,
    effect: "changes",
    permission: "room.post",
    http: [
      ["PUT", "/rooms/:room/messages/:seq/reactions/:emoji", { set: { on: true }, summary: "Adds a reaction" }],
      [
        "DELETE",
        "/rooms/:room/messages/:seq/reactions/:emoji",
        { set: { on: false }, summary: "Takes a reaction back" },
      ],
    ],
    summary: "Adds a reaction, or takes it back",
  }),
  pin: command({
    params: { seq: position, on: Type.Boolean() },
    result: message,
    from: members,
    effect: "changes",
    permission: "room.pin",
    http: [
      ["PUT", "/rooms/:room/pins/:seq", { set: { on: true }, summary: "Pins a message" }],
      ["DELETE", "/rooms/:room/pins/:seq", { set: { on: false }, summary: "Unpins a message" }],
    ],
    summary: "Pins a message, or unpins it",
  }),
  ...roomPollCommands,
  /** Only the reader hears of it: on the own topic, as `roomRead`. With `thread`, the marker is that of the thread, and
   *  the reader hears `threadRead`. */
  markRead: command({
    params: {
      seq: position,
      thread: Type.Optional(position),
      /** Only what is in this topic is read up to there. */
      topic: Type.Optional(topicName),
    },
    result: answer<RoomRead>("RoomRead"),
    from: members,
    effect: "changes",
    permission: "room.read",
    http: ["PUT", "/rooms/:room/read"],
    summary: "Moves the caller's read marker forward, of the room or of a thread",
  }),
  /** The marker moves back before the message, if it is not there already. The reader hears of it as `roomRead`. With
   *  `thread`, the marker is that of the thread, and the reader hears `threadRead`. Error: NOT_FOUND. */
  markUnread: command({
    params: { seq: position, thread: Type.Optional(position) },
    result: answer<RoomRead>("RoomRead"),
    from: members,
    effect: "changes",
    permission: "room.read",
    http: ["PUT", "/rooms/:room/unread"],
    summary: "Counts a message and all behind it as unread again",
  }),
  /** Who follows a thread is told what is unread in it; who does not, only of mentions. People who began one, write in
   *  it or are mentioned in it follow it by themselves, unless they said no. Errors: NOT_FOUND (nobody has answered the
   *  message, or too long ago), LIMIT_REACHED. */
  followThread: command({
    params: { seq: position, follow: Type.Boolean() },
    result: nothing,
    ...changedByPeople,
    permission: "room.read",
    http: [
      ["PUT", "/rooms/:room/threads/:seq/follow", { set: { follow: true }, summary: "Follows a thread" }],
      ["DELETE", "/rooms/:room/threads/:seq/follow", { set: { follow: false }, summary: "Mutes a thread" }],
    ],
    summary: "Follows a thread, or mutes it",
  }),
  typing: command({
    params: {},
    result: nothing,
    from: members,
    effect: "signals",
    permission: "room.post",
    http: ["POST", "/rooms/:room/typing"],
    summary: "Shows the others that the caller is typing",
  }),
  /** Errors: NOT_A_MEMBER, BANNED, of a room that is not public. */
  describe: command({
    params: {},
    result: view,
    from: members,
    effect: "reads",
    permission: "room.see",
    http: ["GET", "/rooms/:room"],
    summary: "The room and its members",
    answers: "list",
  }),
  summary: command({
    params: {},
    result: answer<RoomSummary>("RoomSummary"),
    from: members,
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/summary"],
    summary: "The room's line in a room list",
  }),
  history: command({
    params: {
      /** Messages with seq below this, newest first in time but returned oldest first. */
      before: Type.Optional(position),
      after: Type.Optional(position),
      /** Half of the page from before this message, the other half from it on. Not with `before` or `after`. */
      around: Type.Optional(position),
      /** Only the thread of this message (the message itself and its answers). */
      thread: Type.Optional(position),
      /** Only messages of this topic. */
      topic: Type.Optional(topicName),
      /** Without the answers that are in their threads only. */
      roomOnly: Type.Optional(Type.Boolean()),
      limit: Type.Optional(limit),
    },
    result: answer<RoomHistory>("RoomHistory"),
    from: members,
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/messages"],
    summary: "A page of messages, oldest first",
    answers: "page",
  }),
  ...roomFileCommands,
  /** What the asker has sent here and still keeps, also where they have left: it counts for them until it is deleted.
   *  Who keeps nothing here and is no member is refused like any stranger. */
  ownFiles: command({
    params: { before: Type.Optional(position), limit: Type.Optional(limit) },
    result: answer<OwnFiles>("OwnFiles"),
    from: ["client"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/own-files"],
    summary: "The files that you keep in a room, newest first, also when you have left it",
    answers: "page",
  }),
  /** Deletes a message of the asker's with its files. Of those who are no members only the files go, and a message
   *  that said nothing else. Errors: NOT_FOUND. */
  deleteOwn: command({
    params: { seq: position },
    result: nothing,
    from: ["client"],
    effect: "changes",
    permission: "room.delete",
    http: ["DELETE", "/rooms/:room/own-files/:seq"],
    summary: "Deletes a message of yours with its files; when you have left the room, the files alone",
  }),
  ...roomLinkCommands,
  ...roomMuteCommands,
  ...roomDeletionCommands,
  /** Errors: JOIN_LINK_ENDED, BANNED, LIMIT_REACHED. */
  joinByLink: command({
    params: { member: principal, hash: linkHash },
    result: view,
    from: ["gateway"],
    effect: "changes",
    summary: "Brings in a person who has a link",
  }),
  ...roomTopicCommands,
  ...roomVersionCommands,
  ...roomPreviewCommands,
  threads: command({
    params: {},
    result: answer<RoomThreads>("RoomThreads"),
    from: members,
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/threads"],
    summary: "The threads that were written in last, and what is unread in them",
    answers: "list",
  }),
  ...roomAdminCommands,
  /** `by`: who wants a guest to come in, who then has to be somebody who may invite; without it the operator, for
   *  public rooms. Error: FORBIDDEN. */
  guestWanted: command({
    params: { by: Type.Optional(principal) },
    result: nothing,
    from: ["gateway"],
    effect: "reads",
    summary: "Whether a guest may be brought in",
  }),
  /** Errors: FORBIDDEN, BANNED, LIMIT_REACHED. */
  admitGuest: command({
    params: { member: principal, by: Type.Optional(principal) },
    result: answer<RoomView>("RoomView"),
    from: ["gateway"],
    effect: "changes",
    summary: "Brings in a guest who has come by an invitation",
  }),
  /** The account is deleted. Rooms that it alone owned get another owner; in a direct room its place stays. */
  depart: command({
    params: {},
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "The sender is gone for good",
  }),
  resume: follow<Resumed<RoomState, RoomEvent>>("Resumed"),
  /** Makes a room again that no longer exists, as a backup has it. Error: NAME_TAKEN. */
  remake: command({
    params: {
      title: Type.String({ maxLength: limits.titleCharsMax }),
      topic: Type.String({ maxLength: limits.topicCharsMax }),
      visibility,
      createdAtMs: timeMs,
      archived: Type.Optional(Type.Boolean()),
      ...roomRules,
      members: Type.Record(principal, memberRole, { maxProperties: limits.roomMembersMax }),
    },
    result: view,
    from: ["node"],
    effect: "changes",
    summary: "Makes a room again that no longer exists",
    answers: "list",
  }),
  /** Messages by their positions, or what came back of them, by the positions that they had. */
  entries: command({
    params: {
      of: Type.Union([Type.Literal("message"), Type.Literal("restored")]),
      from: position,
      /** Not included. */
      to: position,
      limit: Type.Integer({ minimum: 1, maximum: limits.pageEntriesMax }),
    },
    result: answer<RoomHistory>("RoomHistory"),
    from: ["node"],
    effect: "reads",
    summary: "Messages by their positions",
    answers: "page",
  }),
  ...roomRecallCommands,
  /** A piece of an agent's answer while it is written, told to the room that asked; see the signal `draft`. */
  draft: command({
    params: {
      generation: Type.String({ maxLength: 256 }),
      replyTo: Type.Optional(position),
      offset: position,
      text: Type.String(),
      rounds,
      done: Type.Optional(Type.Boolean()),
      ...answerStage.properties,
    },
    result: nothing,
    from: ["agent"],
    effect: "signals",
    summary: "Shows a piece of an answer that is being written",
  }),
} as const;

/** What `leave` and `remove` answer: the room afterwards, and who went. Agents go with the person they belong to. */
export interface RoomLeft extends RoomView {
  readonly left: readonly string[];
}

/** Keeps a member out of a room. Without `untilMs` it holds until somebody lifts it. */
export interface RoomBan {
  readonly member: string;
  readonly by: string;
  readonly atMs: number;
  readonly untilMs?: number;
  readonly reason?: string;
}

/** Answer to `bans`. */
export interface RoomBans {
  readonly bans: readonly RoomBan[];
}

/** A line of the room list. */
export interface RoomSummary extends RoomUnread {
  readonly room: string;
  readonly title: string;
  readonly visibility: Visibility;
  /** It is read only, and stands in no list but that of archived rooms. */
  readonly archived?: true;
  readonly memberCount: number;
  /** Threads with something to read. Absent: none. */
  readonly threads?: number;
  readonly last?: { readonly author: string; readonly text: string; readonly atMs: number };
}

/** Snapshot for a page that opens a room: the view and the newest messages, oldest first. */
export interface RoomState extends RoomView {
  readonly messages: readonly RoomMessage[];
  /** What the asker has to read. Absent: the node is older. */
  readonly unread?: RoomUnread;
  /** The threads that were written in last. Absent: there is none. */
  readonly threads?: readonly RoomThread[];
  /** The asker's own votes in open polls, by `seq`. Absent: none. */
  readonly votes?: Readonly<Record<string, readonly number[]>>;
  /** Answers of agents that the room waits for, in the order in which they were asked for. Absent: none. */
  readonly answering?: readonly RoomAnswering[];
}

/** An answer that a room waits for. Without a stage it was asked for, and its agent has not said anything of it yet. */
export interface RoomAnswering extends AnswerStage {
  readonly agent: string;
  /** The message that it answers. */
  readonly seq: number;
  /** The person who asked. */
  readonly by: string;
  readonly generation?: string;
  /** What is written so far; absent: not known. */
  readonly text?: string;
  readonly rounds?: readonly ToolRound[];
}

/** A page. `more`: there are more messages in the direction that was asked for; of a page around a message, older
 *  ones. */
export interface RoomHistory {
  readonly messages: readonly RoomMessage[];
  readonly more: boolean;
  /** Of a page around a message: there are newer ones. */
  readonly newer?: boolean;
}

/** Durable events of a room, in the order of its stream. Changes to a message carry the whole message. */
export type RoomEvent =
  | { readonly type: "created"; readonly by: string; readonly view: RoomView }
  | {
      readonly type: "joined";
      readonly member: string;
      readonly role: MemberRole;
      readonly atMs: number;
      readonly by: string;
      /** The member came by a link, which this person had made. */
      readonly link?: { readonly id: string; readonly by: string };
    }
  | {
      readonly type: "left";
      readonly member: string;
      readonly atMs: number;
      readonly by: string;
      /** An agent that went because this person did. */
      readonly with?: string;
    }
  /** After `left`, when the member was here. */
  | {
      readonly type: "banned";
      readonly member: string;
      readonly by: string;
      readonly atMs: number;
      readonly untilMs?: number;
      readonly reason?: string;
    }
  | { readonly type: "unbanned"; readonly member: string; readonly by: string }
  | ({ readonly type: "muted" } & RoomMute)
  | { readonly type: "unmuted"; readonly member: string; readonly by: string }
  | { readonly type: "archiveSet"; readonly archived: boolean; readonly by: string }
  | { readonly type: "visibilitySet"; readonly visibility: "public" | "private"; readonly by: string }
  | {
      readonly type: "rulesSet";
      readonly posting: RoomPosting;
      readonly slowMs: number;
      /** Absent: as before. */
      readonly keepsVersions?: boolean;
      readonly topicsNeeded?: boolean;
      readonly by: string;
    }
  | { readonly type: "agentRulesSet"; readonly rules: AgentRules; readonly by: string }
  /** So many answers ran or waited; what answers a message up to `through` calls no other agent. */
  | { readonly type: "agentsStopped"; readonly through: number; readonly answers: number; readonly by: string }
  | { readonly type: "roleSet"; readonly member: string; readonly role: MemberRole; readonly by: string }
  | { readonly type: "titled"; readonly title: string; readonly by: string }
  | { readonly type: "topicSet"; readonly topic: string; readonly by: string }
  /** `root` is the answered message with its new reply count, when `message` answers one. */
  | { readonly type: "posted"; readonly message: RoomMessage; readonly root?: RoomMessage }
  /** Messages came back from a backup, as new entries behind one another. Nobody is mentioned in them. `root` as of
   *  `posted`. */
  | {
      readonly type: "restored";
      readonly recall: string;
      readonly messages: readonly RoomMessage[];
      readonly root?: RoomMessage;
    }
  /** A recall was taken back, up to the message `through`: these are its messages, now deleted. With `by` there is no
   *  recall: somebody has deleted these together. */
  | {
      readonly type: "withdrawn";
      readonly recall: string;
      readonly through: number;
      readonly messages: readonly RoomMessage[];
      readonly by?: string;
    }
  /** `told`: whom the message mentions now and never did before. `checked`: nobody edited it; a scanner has looked at
   *  this file of it, or an admin (`by`) has decided about it, and the message says what the file is now. Where that
   *  is empty, its previews are other ones, or its author has left and taken its files away. */
  | {
      readonly type: "edited";
      readonly message: RoomMessage;
      readonly by: string;
      readonly told?: readonly string[];
      readonly checked?: string;
      /** Nobody edited it: it was found that these groups are mentioned in it. */
      readonly groups?: readonly string[];
    }
  | { readonly type: "deleted"; readonly message: RoomMessage; readonly by: string }
  /** These messages had one topic, and have another one, or none. `renamed`: the topic has another name, which no other
   *  had, and what was set of it is of that name; the rest of its messages follow. `gone`: there is no such topic any
   *  more. */
  | {
      readonly type: "topicMoved";
      readonly from?: string;
      readonly to?: string;
      readonly messages: readonly RoomMessage[];
      readonly renamed?: true;
      readonly gone?: true;
      readonly by: string;
    }
  | { readonly type: "topicResolved"; readonly topic: string; readonly resolved: boolean; readonly by: string }
  | {
      readonly type: "reacted";
      readonly message: RoomMessage;
      readonly by: string;
      readonly emoji: string;
      readonly on: boolean;
    }
  | { readonly type: "pinned"; readonly message: RoomMessage; readonly by: string; readonly on: boolean }
  /** `choices` is the whole vote of `by` from now on. */
  | { readonly type: "voted"; readonly message: RoomMessage; readonly by: string; readonly choices: readonly number[] }
  | { readonly type: "pollClosed"; readonly message: RoomMessage; readonly by: string };

/** Best-effort events: no position, not resumed. */
export type RoomSignal =
  | { readonly type: "typing"; readonly member: string; readonly untilMs: number }
  /** An agent's answer while it is awaited or written. `text` starts at UTF-16 unit `offset` of the draft; offset 0
   *  starts it anew, behind the tools of `rounds`. It ends with the `posted` message of the same `generation`, or with
   *  `done`. */
  | {
      readonly type: "draft";
      readonly agent: string;
      readonly generation: string;
      readonly replyTo?: number;
      readonly offset: number;
      readonly text: string;
      readonly rounds?: readonly ToolRound[];
      readonly done?: boolean;
      /** How far it is, as of `RoomAnswering`. */
      readonly stage?: AnswerStage["stage"];
      readonly ahead?: number;
    };
