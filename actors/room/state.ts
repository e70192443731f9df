/** A room's state, how events change it, and how readers see it. */
import {
  cut,
  isSeen,
  isSettingEvent,
  joinedReactions,
  mutesAt,
  seenBehind,
  settingsOf,
  topicKey,
  unreachable,
  wireLimits,
  withoutModeOf,
  withSettings,
  type LinkPreview,
  type RoomSettingEvent,
  type RoomSettings,
  type RoomBan,
  type RoomEvent,
  type RoomFacts,
  type RoomMember,
  type RoomMessage,
  type RoomState as RoomSnapshot,
  type RoomSummary,
  type RoomUnread,
  type RoomView,
} from "../../protocols/index.ts";
import { linksOf, readText } from "../../protocols/reading/index.ts";
import type { RecordOp, Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { deliver, emptyOutbox, enqueue } from "../outbox.ts";
import { lastPage } from "../page.ts";
import { eventRecords, heard, padded } from "../stream.ts";
import {
  allEntries,
  eachEntry,
  entryOf,
  emptyTable,
  unreadOf,
  withEntry,
  withoutEntry,
  type Member,
  type MemberTable,
} from "./members.ts";
import {
  threadsFor,
  threadsToRead,
  withAnswer,
  withChanged,
  withFollower,
  withoutReader,
  withRead,
  withUnread,
  type Thread,
} from "./threads.ts";
import {
  withMoved,
  withoutDeleted,
  withoutReaderOf,
  withResolved,
  withSaid,
  withInterest,
  interestsOf,
} from "./kept-topics.ts";
import { countedAfter } from "./agent-calls.ts";
import { answeringOf, askedAfter, withoutAsked } from "./answering.ts";
import { votesOf, withoutPoll, withVote } from "./votes.ts";
import { holdsAt } from "../../protocols/index.ts";
import {
  checkedRecords,
  evolveUpload,
  fileRecords,
  pictureRecords,
  stripingRecords,
  textRecords,
  withoutUploads,
} from "./uploads.ts";
import { withStored } from "./stored.ts";
import { evolveWarning } from "./warnings.ts";
import { versionRecords } from "./kept-versions.ts";
import { evolveLink, withoutLinksOf, withUse } from "./kept-links.ts";
import type {
  BegunMove,
  OwedMove,
  Check,
  FiledText,
  LinkChange,
  Room,
  RoomChange,
  RoomNotes,
  RoomState,
  StoredChange,
  StripingChange,
  UnaskedChange,
  UploadChange,
  InterestChange,
  WarningChange,
} from "./shape.ts";

/** Owners that are named. */
const ownersNamed = 5;

/** What admins see of a room: nothing of what is said in it, nor of what two people call each other. */
export function factsOf(room: Room, key: string): RoomFacts {
  const owners = allEntries(room.members).flatMap(([who, { role }]) => (role === "owner" ? [who] : []));
  const last = room.recent.at(-1);
  return {
    room: key,
    title: room.visibility === "direct" ? "" : room.title,
    visibility: room.visibility,
    createdAtMs: room.createdAtMs,
    memberCount: room.members.size,
    owners: owners.slice(0, ownersNamed),
    messageSeq: room.messageSeq,
    ...(last && { lastAtMs: last.atMs }),
  };
}

/** Record key of a message. */
export const messageKey = (seq: number): string => `message/${padded(seq)}`;

/** Record key of a message in a thread; the root stands in its own thread once it has an answer. */
export const threadKey = (root: number, seq: number): string => `thread/${padded(root)}/${padded(seq)}`;

/** Record key of a message in its topic. It says its position and no more: what the message is says its own record,
 *  which a node of the version before keeps right, too. */
export const topicRecordKey = (topic: string, seq: number): string =>
  `topic/${encodeURIComponent(topicKey(topic))}/${padded(seq)}`;

/** Record key of a message that came back, by the position that it had; without `seq` the beginning of all that had
 *  it. */
export const restoredKey = (was: number, seq?: number): string =>
  `restored/${padded(was)}${seq === undefined ? "" : `/${padded(seq)}`}`;

/** Folds one change into the state. */
export const evolve = (state: RoomState, change: RoomChange): RoomState =>
  withStored(state, change, evolveRoom(state, change));

function evolveRoom(state: RoomState, change: RoomChange): RoomState {
  if (change.type === "delivered") return state && { ...state, outbox: deliver(state.outbox, change.id) };
  if (change.type === "readMarked" && "upload" in change) return state && evolveUpload(state, change.upload);
  if (change.type === "readMarked" && ("striping" in change || "stored" in change)) return state;
  if (change.type === "readMarked" && "interest" in change) {
    const { member, topic, interest } = change.interest;
    return state && withInterest(state, member, topic, interest === "none" ? undefined : interest);
  }
  if (change.type === "readMarked" && "moving" in change) return state && withMove(state, change.moving);
  if (change.type === "readMarked" && "link" in change) return state && evolveLink(state, change.link);
  if (change.type === "readMarked" && "warning" in change) return state && evolveWarning(state, change.warning);
  if (change.type === "readMarked" && ("forget" in change || "filed" in change)) return state;
  if (change.type === "readMarked" && "people" in change) return state && { ...state, people: change.people };
  if (change.type === "readMarked" && "unasked" in change)
    return state && { ...state, asked: withoutAsked(state.asked, change.unasked) };
  if (change.type === "readMarked") return state && evolveMarked(state, change);
  if (change.type === "threadFollowed") {
    const { root, member, follow } = change;
    return state && withThreads(state, withFollower(state.threads, root, member, follow));
  }
  const { at, mail, settled, took, left } = change;
  const event = heard(change.event);
  const before = event.type === "created" ? created(event.view, event.by) : state;
  if (before === null) return null;
  const room = withoutDeleted(evolveEvent(before, event, at, settled), left);
  const asked = askedAfter(room.asked, event, mail);
  const after = {
    ...room,
    head: at,
    outbox: enqueue(room.outbox, mail),
    ...(asked.length + (room.asked?.length ?? 0) > 0 && { asked }),
    ...(event.type === "posted" && countedAfter(room, event.message, mail, took)),
  };
  return withMoveAt(before, after, event);
}

/** The settings of a room that are not as they are by themselves. */
export const rulesOf = ({
  archived,
  posting,
  slowMs,
  keepsVersions,
  topicsNeeded,
  agentRules,
  people,
}: RoomSettings) => ({
  ...(archived && { archived }),
  ...(posting && { posting }),
  ...(slowMs && { slowMs }),
  ...(keepsVersions === false && { keepsVersions }),
  ...(topicsNeeded && { topicsNeeded }),
  ...(agentRules && { agentRules }),
  ...(people && { people }),
});

function created(view: RoomView, by: string): Room {
  const { title, topic, visibility, createdAtMs } = view;
  const rules = rulesOf(view);
  const empty = { agents: [], messageSeq: 0, recent: [], changed: [], changes: 0, pins: [], deletions: [] };
  const members = Object.entries(view.members).reduce<MemberTable>(
    (table, [principal, member]) => withEntry(table, principal, { ...member, own: 0, invited: principal !== by }),
    emptyTable,
  );
  const agents = Object.keys(view.members).filter((member) => member.startsWith("agent/"));
  return { head: 0, outbox: emptyOutbox, title, topic, visibility, createdAtMs, members, ...empty, agents, ...rules };
}

function evolveEvent(room: Room, event: RoomEvent, at: number, settled = 0): Room {
  switch (event.type) {
    case "created":
      return room;
    case "joined": {
      const { member, role, atMs } = event;
      const members = withEntry(room.members, member, {
        role,
        joinedAtMs: atMs,
        readSeq: room.messageSeq,
        own: 0,
        ...(room.quiet !== undefined && { quiet: room.quiet }),
        invited: event.by !== member,
        ...postedBefore(room, member),
      });
      return member.startsWith("agent/")
        ? { ...room, members, agents: [...room.agents, member] }
        : { ...room, members, ...withUse(room, event.link) };
    }
    case "left": {
      const { member } = event;
      const rest = withoutUploads(room, ({ by }) => by === member);
      return {
        ...withThreads(rest, withoutReader(room.threads, member)),
        ...withoutReaderOf(room, member),
        ...stillWaiting(room, event),
        ...withoutLinksOf(room, member),
        members: withoutEntry(room.members, member),
        agents: room.agents.filter((agent) => agent !== member),
        ...withoutModeOf(room, member),
      };
    }
    case "banned": {
      const { type: _, ...ban } = event;
      const others = bansAt(room, ban.atMs).filter(({ member }) => member !== ban.member);
      return { ...room, bans: [...others, ban] };
    }
    case "unbanned":
      return { ...room, bans: (room.bans ?? []).filter(({ member }) => member !== event.member) };
    case "roleSet":
      return evolveRole(room, event);
    case "posted":
      return evolvePosted(room, event.message, event.root);
    case "restored":
      return evolveRestored(room, event, settled);
    case "withdrawn":
      return evolveWithdrawn(room, event, at);
    case "edited":
      return evolveEdited(room, event);
    case "voted":
      return replaceMessage({ ...room, polls: withVote(room.polls, event) }, event.message);
    case "pollClosed":
      return replaceMessage({ ...room, polls: withoutPoll(room.polls, event.message.seq) }, event.message);
    case "deleted":
      return withDeletions(evolveDeleted(room, event.message), [event.message], at);
    case "topicMoved":
      return { ...event.messages.reduce(replaceMessage, room), ...withMoved(room, event) };
    case "topicResolved":
      return withResolved(room, event);
    default:
      return isSettingEvent(event) ? evolveSet(room, event) : unreachable(event);
  }
}

function evolveEdited(room: Room, { message, checked, told: newly }: Extract<RoomEvent, { type: "edited" }>): Room {
  // Nobody has written anything.
  const has = (id: string): boolean => message.files?.some((file) => file.id === id) === true;
  const rest = withoutChecks(room, ({ id, seq }) => id === checked || (seq === message.seq && !has(id)));
  if (checked !== undefined) return replaceMessage(rest, message);
  const members = withCalled(withoutMentions(room, message), message, newly);
  const told = message.threadOnly === true ? members : withMentioned(members, message);
  const threads = withChanged(room.threads, message, quietOf(room, message.replyTo));
  return replaceMessage({ ...withThreads(room, threads), members: told }, message);
}

function evolveRole(room: Room, { member, role }: Extract<RoomEvent, { type: "roleSet" }>): Room {
  const members = changeMember(room.members, member, { role });
  return { ...room, members, ...(role !== "owner" && withoutLinksOf(room, member)) };
}

function evolveSet(room: Room, event: RoomSettingEvent): Room {
  const set = withSettings(room, event);
  return "message" in event ? replaceMessage(set, event.message) : set;
}

/** The bans that hold at this time, oldest first. */
export const bansAt = (room: Room, nowMs: number): readonly RoomBan[] =>
  (room.bans ?? []).filter(({ atMs, untilMs }) => untilMs === undefined || holdsAt(nowMs, untilMs, untilMs - atMs));

function changeMember(table: MemberTable, principal: string, change: Partial<Member>): MemberTable {
  const member = entryOf(table, principal);
  return member === undefined ? table : withEntry(table, principal, { ...member, ...change });
}

function evolvePosted(room: Room, message: RoomMessage, root: RoomMessage | undefined): Room {
  const { files = [] } = message;
  const rest = withoutUploads(room, ({ id }) => files.some((file) => file.id === id));
  const before = root === undefined ? rest : replaceMessage(rest, root);
  const full = before.recent.length >= limits.roomRecentMessages;
  const isQuiet = message.threadOnly === true;
  const members = withPosted(room, message);
  const author = isQuiet ? undefined : entryOf(members, message.author);
  const counted = author && withEntry(members, message.author, { ...author, own: author.own + 1 });
  const checks = files.flatMap(({ id, check }, place) =>
    check === "scanning" ? [{ id, seq: message.seq, place, by: message.author, tries: 0, dueMs: 0 }] : [],
  );
  return {
    ...withThreads(before, root === undefined ? room.threads : withAnswer(room.threads, root, message)),
    ...(message.poll !== undefined && { polls: [...(room.polls ?? []), { seq: message.seq, votes: emptyTable }] }),
    ...(isQuiet && { quiet: (room.quiet ?? 0) + 1 }),
    ...(checks.length > 0 && { checks: [...(room.checks ?? []), ...checks] }),
    ...withWriter(room, message),
    messageSeq: message.seq,
    recent: [...(full ? before.recent.slice(1) : before.recent), message],
    ...withSaid({ ...before, members: isQuiet ? members : withMentioned(counted ?? members, message) }, [message]),
  };
}

/** Those of whom it is known that they have written, the first ones and the last. */
export const writersOf = ({ writers = [], recent }: Pick<Room, "writers" | "recent">): readonly string[] => [
  ...new Set([...writers, ...recent.map(({ author }) => author).filter((author) => author.startsWith("user/"))]),
];

/** The first two of them: one of two is always somebody else. */
const withWriter = (room: Room, message: RoomMessage): Pick<Room, "writers"> =>
  room.people === undefined || room.writers?.length === 2
    ? {}
    : { writers: writersOf({ ...room, recent: [...room.recent, message] }).slice(0, 2) };

/** When somebody who comes back posted last. */
function postedBefore({ waiting }: Room, member: string): Pick<Member, "postedAtMs"> {
  const { postedAtMs } = waiting?.find((one) => one.member === member) ?? {};
  return postedAtMs === undefined ? {} : { postedAtMs };
}

/** Those who left and would still wait, with the one who leaves. */
function stillWaiting(room: Room, { member, atMs }: Extract<RoomEvent, { type: "left" }>): Pick<Room, "waiting"> {
  const { members, waiting = [], slowMs = 0 } = room;
  const { postedAtMs } = entryOf(members, member) ?? {};
  if (postedAtMs === undefined && waiting.length === 0) return {};
  const others = waiting.filter((one) => one.member !== member);
  const all = postedAtMs === undefined ? others : [...others, { member, postedAtMs }];
  return { waiting: all.filter((one) => one.postedAtMs + slowMs > atMs).slice(-limits.roomWaitingKept) };
}

/** The members, of whom the author is known to have posted where that matters. */
function withPosted({ members, slowMs = 0 }: Room, { author, atMs }: RoomMessage): MemberTable {
  const member = slowMs === 0 ? undefined : entryOf(members, author);
  return member === undefined ? members : withEntry(members, author, { ...member, postedAtMs: atMs });
}

/** The answers in memory that are in one thread only. */
const quietOf = ({ recent }: Room, root: number | undefined): readonly RoomMessage[] =>
  recent.filter((one) => one.replyTo === root && one.threadOnly === true);

const withThreads = (room: Room, threads: readonly Thread[] | undefined): Room =>
  threads === undefined ? room : { ...room, threads };

/** The members, of whom those that a message mentions know it. */
const withMentioned = (members: MemberTable, { seq, author, mentions = [] }: RoomMessage): MemberTable =>
  mentions.reduce((table, principal) => {
    const member = entryOf(table, principal);
    if (member === undefined || principal === author || (member.mentionedSeq ?? 0) >= seq) return table;
    return withEntry(table, principal, { ...member, mentionedSeq: seq });
  }, members);

/** The members, of whom those whom an edit has newly called know it, whatever they have read. */
const withCalled = (members: MemberTable, { seq, author }: RoomMessage, told: readonly string[] = []): MemberTable =>
  told.reduce((table, principal) => {
    const member = entryOf(table, principal);
    if (member === undefined || principal === author || !principal.startsWith("user/")) return table;
    return withEntry(table, principal, { ...member, calledSeq: seq });
  }, members);

type Restored = Extract<RoomEvent, { type: "restored" }>;
type Withdrawn = Extract<RoomEvent, { type: "withdrawn" }>;

function evolveRestored(room: Room, { recall, messages, root }: Restored, settled: number): Room {
  const before = root === undefined ? room : replaceMessage(room, root);
  const seqs = messages.map(({ seq }) => seq);
  const known = room.recalls?.find(({ id }) => id === recall);
  const through = Math.max(settled, known?.through ?? 0);
  const brought = messages.flatMap(({ restored }) => (restored === undefined ? [] : [restored.seq]));
  const done = [...(known?.done ?? []), ...brought].filter((seq) => seq > through);
  const first = known?.first ?? Math.min(...seqs);
  const quiet = messages.filter(({ threadOnly }) => threadOnly === true).length;
  const others = (room.recalls ?? []).filter(({ id }) => id !== recall);
  return {
    ...before,
    messageSeq: Math.max(...seqs),
    recent: [...before.recent, ...messages].slice(-limits.roomRecentMessages),
    // Unread for nobody: it was read when it was new, or is looked for.
    ...withSaid(
      {
        ...before,
        members: eachEntry(before.members, (member) => ({ ...member, own: member.own + messages.length - quiet })),
      },
      messages,
    ),
    ...(quiet > 0 && { quiet: (room.quiet ?? 0) + quiet }),
    recalls: [...others, { id: recall, through, done, first, last: Math.max(...seqs) }].slice(-limits.roomRecallsKept),
  };
}

function evolveWithdrawn(room: Room, { recall, through, messages }: Withdrawn, at: number): Room {
  const after = withDeletions(messages.reduce(evolveDeleted, room), messages, at);
  if (room.recalls === undefined) return after;
  const recalls = room.recalls.map((one) => (one.id === recall ? { ...one, withdrawn: through } : one));
  return { ...after, recalls };
}

function evolveDeleted(room: Room, message: RoomMessage): Room {
  const rest = withoutChecks(room, ({ seq }) => seq === message.seq);
  return {
    ...replaceMessage(withThreads(rest, withChanged(room.threads, message, quietOf(room, message.replyTo))), message),
    members: withoutMentions(room, message),
    pins: room.pins.filter((seq) => seq !== message.seq),
    ...(room.polls !== undefined && { polls: withoutPoll(room.polls, message.seq) }),
  };
}

/** The room with messages that the event `at` has deleted. Events before one that is not kept are not given out. */
function withDeletions(room: Room, messages: readonly RoomMessage[], at: number): Room {
  const before = room.deletions.filter((deletion) => deletion.at > at - wireLimits.eventWindow);
  const all = [...before, ...messages.map(({ seq, deletedAtMs = 0 }) => ({ seq, at, atMs: deletedAtMs }))];
  const last = all.at(-1 - limits.roomDeletionsKept);
  if (last === undefined) return { ...room, deletions: all };
  return { ...room, deletions: all.filter((deletion) => deletion.at > last.at), eventsFrom: last.at };
}

/** The room, where some files need not be checked any more. */
const withoutChecks = (room: Room, isOver: (check: Check) => boolean): Room =>
  room.checks?.some(isOver) === true ? { ...room, checks: room.checks.filter((check) => !isOver(check)) } : room;

/** The members after a message was changed or deleted: whom it mentions no more is not told of it. */
const withoutMentions = (room: Room, { seq, mentions = [] }: RoomMessage): MemberTable =>
  (messageInMemory(room, seq)?.mentions ?? [])
    .filter((principal) => !mentions.includes(principal))
    .reduce((table, principal) => {
      const member = entryOf(table, principal);
      if (member?.mentionedSeq !== seq && member?.calledSeq !== seq) return table;
      const { mentionedSeq, calledSeq, ...rest } = member;
      return withEntry(table, principal, {
        ...rest,
        ...(mentionedSeq !== undefined && mentionedSeq !== seq && { mentionedSeq }),
        ...(calledSeq !== undefined && calledSeq !== seq && { calledSeq }),
      });
    }, room.members);

/** Whether a message is none for this member to read: their own, or restored. Those that are in threads only are
 *  counted apart. */
export const isOwn = ({ author, restored, threadOnly }: RoomMessage, principal: string): boolean =>
  threadOnly !== true && (author === principal || restored !== undefined);

/** The position of the oldest message in memory. */
export const recentFrom = (room: Room): number => room.messageSeq - room.recent.length + 1;

type Marked = Exclude<
  Extract<RoomChange, { type: "readMarked" }>,
  | { readonly upload: UploadChange }
  | { readonly striping: StripingChange }
  | { readonly stored: StoredChange }
  | { readonly link: LinkChange }
  | { readonly forget: string }
  | { readonly unasked: UnaskedChange }
  | { readonly people: readonly string[] }
  | { readonly warning: WarningChange }
  | { readonly filed: FiledText }
  | { readonly interest: InterestChange }
  | { readonly moving: BegunMove | null }
>;

/** The room with what is on its way between topics. */
function withMove({ moving: _before, ...room }: Room, moving: BegunMove | null): Room {
  return moving === null ? room : { ...room, moving: { ...moving, head: room.head } };
}

/** The move that a room owes the rest of; undefined: none. What a node of the version before has folded since is not
 *  known: that may have moved all of it. */
export const owedMove = ({ moving, head }: Room): OwedMove | undefined => (moving?.head === head ? moving : undefined);

/** The room after an event, with what is owed of a move behind it. With messages that move comes how far that is by
 *  now: those that come alone were moved by a node of the version before. */
function withMoveAt(before: Room, room: Room, event: RoomEvent): Room {
  const moving = owedMove(before);
  if (room.moving === undefined) return room;
  return withMove(room, moving === undefined || event.type === "topicMoved" ? null : moving);
}

/** The room after a marker has moved. */
export function evolveMarked(room: Room, change: Marked): Room {
  const { member: principal, seq, thread, follow, back } = change;
  const member = entryOf(room.members, principal);
  if (member === undefined) return room;
  if (thread !== undefined && follow !== undefined)
    return withThreads(room, withFollower(room.threads, thread, principal, follow));
  const behind = room.recent.filter((message) => message.seq > seq);
  const { calledSeq, seen: before = [], ...rest } = member;
  // Who reads a topic has not looked at what they are called to elsewhere.
  const isCalled = calledSeq !== undefined && change.seen !== undefined && !isSeen(change.seen, calledSeq);
  const looked = isCalled ? { ...rest, calledSeq } : rest;
  if (thread !== undefined) {
    const moved = back === true ? withUnread : withRead;
    const others = quietOf(room, thread).filter((one) => one.seq > seq && one.author !== principal);
    const threads = moved(room.threads, thread, principal, seq, others.length);
    const kept = before.length > 0 ? { ...looked, seen: before } : looked;
    return withThreads({ ...room, members: withEntry(room.members, principal, kept) }, threads);
  }
  const all = room.quiet ?? 0;
  const inMemory = seq >= recentFrom(room) - 1;
  const own = inMemory
    ? behind.filter((message) => isOwn(message, principal)).length
    : // Written down before such stretches were counted.
      (change.own ?? Math.min(member.own, room.messageSeq - seq));
  const quiet = inMemory ? all - behind.filter(({ threadOnly }) => threadOnly === true).length : (change.quiet ?? 0);
  // Where the marker goes back, all behind it is unread again.
  const seen = seenBehind(change.seen ?? (seq < member.readSeq ? [] : before), seq);
  const count = { ...(seen.length > 0 && { seen }) };
  const marked = {
    ...looked,
    ...count,
    readSeq: seq,
    own: Math.max(0, own),
    ...(all > 0 && { quiet: Math.max(0, quiet) }),
  };
  return { ...room, members: withEntry(room.members, principal, marked) };
}

/** What somebody has to read. */
export function unreadFor(room: Room, asker: string): RoomUnread {
  const { messageSeq, recent } = room;
  const member = entryOf(room.members, asker);
  if (member === undefined) return { messageSeq, readSeq: messageSeq, unread: 0, mentioned: false };
  const { readSeq, mentionedSeq = 0, calledSeq, seen = [] } = member;
  const topics = interestsOf(room, member);
  return {
    messageSeq,
    readSeq,
    unread: unreadOf(room, member),
    mentioned:
      calledSeq !== undefined ||
      (mentionedSeq > readSeq && !isSeen(seen, mentionedSeq)) ||
      recent.some((message) => isUnreadFor(member, message, asker) && message.mentions?.includes(asker) === true),
    ...(seen.length > 0 && { seen }),
    ...(topics && { topics }),
  };
}

/** Whether a line of the room is to be read by this member. */
export const isUnreadFor = ({ readSeq, seen }: Member, message: RoomMessage, principal: string): boolean =>
  message.seq > readSeq && message.threadOnly !== true && !isOwn(message, principal) && !isSeen(seen, message.seq);

function replaceMessage(room: Room, message: RoomMessage): Room {
  const index = message.seq - 1 - (room.messageSeq - room.recent.length);
  if (index >= 0) return { ...room, recent: room.recent.with(index, message) };
  const others = room.changed.filter(({ seq }) => seq !== message.seq);
  const changed = [...others, message].slice(-limits.roomChangedMessages);
  return { ...room, changed, changes: room.changes + 1 };
}

/** A message as it is now, if it is in memory. */
export function messageInMemory(room: Room, seq: number): RoomMessage | undefined {
  const index = seq - 1 - (room.messageSeq - room.recent.length);
  const message = index >= 0 ? room.recent[index] : room.changed.find((one) => one.seq === seq);
  return message && counted(message);
}

/** A message as it is changed: what was written before reactions had one form is counted in it. */
export function counted(message: RoomMessage): RoomMessage {
  if (message.reactions === undefined) return message;
  const reactions = joinedReactions(message.reactions);
  return reactions === message.reactions ? message : { ...message, reactions };
}

/** Previews of links that are in a text. */
export function stillLinked(previews: readonly LinkPreview[], text: string): readonly LinkPreview[] {
  if (previews.length === 0) return previews;
  const links = linksOf(readText(text), text);
  return previews.filter(({ url }) => links.includes(url));
}

/** A message as it is read. A node that knows no previews leaves those of a text that was deleted or edited. */
export function asShown(message: RoomMessage): RoomMessage {
  const { previews, ...rest } = message;
  if (previews === undefined) return counted(message);
  const left = message.deletedAtMs === undefined ? stillLinked(previews, message.text) : [];
  const isNone = message.deletedAtMs !== undefined || (left.length === 0 && previews.length > 0);
  return counted(isNone ? rest : { ...rest, previews: [...left] });
}

/** What a change does to the records. */
export function record(change: RoomChange): readonly RecordOp[] {
  if (change.type === "readMarked" && "striping" in change) return stripingRecords(change.striping);
  if (change.type === "readMarked" && "filed" in change) return textRecords(change.filed);
  if (change.type !== "happened") return versionRecords(change);
  const event = heard(change.event);
  const ops = [...eventRecords(change)];
  ops.push(...fileRecords(change.kept, change.gone), ...versionRecords(change));
  if (change.checked !== undefined) ops.push(...checkedRecords(change.checked));
  if (change.pictures !== undefined) ops.push(...pictureRecords(change.pictures));
  if ("message" in event) ops.push(...messageRecords(event.message));
  for (const { topic, seq } of change.left ?? []) ops.push({ delete: topicRecordKey(topic, seq) });
  if (event.type === "topicMoved" && event.from !== undefined)
    for (const { seq } of event.messages) ops.push({ delete: topicRecordKey(event.from, seq) });
  if ("messages" in event) for (const message of event.messages) ops.push(...messageRecords(message));
  if ((event.type === "posted" || event.type === "restored") && event.root !== undefined)
    ops.push(...messageRecords(event.root));
  return ops;
}

function messageRecords(message: RoomMessage): readonly RecordOp[] {
  const ops: RecordOp[] = [{ put: messageKey(message.seq), value: message }];
  if (message.replyTo !== undefined) ops.push({ put: threadKey(message.replyTo, message.seq), value: message });
  if (message.replies !== undefined) ops.push({ put: threadKey(message.seq, message.seq), value: message });
  if (message.topic !== undefined)
    ops.push({ put: topicRecordKey(message.topic, message.seq), value: { seq: message.seq } });
  if (message.restored !== undefined) ops.push({ put: restoredKey(message.restored.seq, message.seq), value: message });
  return ops;
}

/** The room as a member sees it. */
export function viewOf(room: Room, { key, nowMs }: Pick<Turn, "key" | "nowMs">): RoomView {
  const { createdAtMs, messageSeq, mutes } = room;
  const members: Record<string, RoomMember> = {};
  for (const [principal, { role, joinedAtMs, readSeq }] of allEntries(room.members))
    members[principal] = { role, joinedAtMs, readSeq };
  // Of a mute that is over nobody is told any more, nor why it was.
  const held = mutes && { mutes: mutesAt(mutes, nowMs) };
  return { room: key, ...settingsOf(room), ...held, createdAtMs, members, messageSeq };
}

/** The view with the newest messages: what a page needs to open the room. */
export function snapshotOf(room: Room, asker: string, turn: Turn<RoomNotes>): RoomSnapshot {
  const { nowMs, notes } = turn;
  const answering = answeringOf(room, notes, nowMs);
  const votes = votesOf(room.polls, asker);
  const messages = lastPage(room.recent.map(asShown), wireLimits.pageEntriesDefault);
  const threads = threadsFor(room.threads, asker);
  return {
    ...viewOf(room, turn),
    messages,
    unread: unreadFor(room, asker),
    ...(threads.length > 0 && { threads }),
    ...(votes !== undefined && { votes }),
    ...(answering.length > 0 && { answering }),
  };
}

/** What a message says in a list: without a text it is its files. */
const lineOf = ({ text, files = [] }: RoomMessage): string => text || files.map(({ name }) => name).join(", ");

/** The room as a line of the asker's room list. */
export function summaryOf(room: Room, key: string, asker: string): RoomSummary {
  const { title, visibility, recent } = room;
  const last = recent.findLast(({ deletedAtMs, threadOnly }) => deletedAtMs === undefined && threadOnly !== true);
  const unread = unreadFor(room, asker);
  const threads = threadsToRead(room.threads, asker);
  return {
    room: key,
    title,
    visibility,
    ...(room.archived === true && { archived: true }),
    memberCount: room.members.size,
    ...unread,
    mentioned: unread.mentioned || threads.some(({ mentioned }) => mentioned),
    ...(threads.length > 0 && { threads: threads.length }),
    ...(last !== undefined && {
      last: { author: last.author, text: cut(lineOf(last), wireLimits.summaryTextChars), atMs: last.atMs },
    }),
  };
}

/** What stays of a deleted message: its place. */
export function emptied(message: RoomMessage, deletedAtMs: number): RoomMessage {
  const {
    reactions: _reactions,
    mentions: _mentions,
    groups: _groups,
    pinned: _pinned,
    poll: _poll,
    rounds: _rounds,
    files: _files,
    previews: _previews,
    versions: _versions,
    topic: _topic,
    ...rest
  } = message;
  return { ...rest, text: "", deletedAtMs };
}
