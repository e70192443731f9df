/** Messages that a backup brings back: new entries at the end, each marked with what it was. A position that was given
 *  out stays what it is.
 *
 *      node ── remake ──► the room is there again, when it was gone
 *           ── entries ─► what lives at the old positions, and what was brought back of them before
 *           ── restore ─► restored (one event for many messages)   ── withdraw ─► withdrawn: a recall taken back as one
 *
 *  Which messages come back is decided by the recall (`node/backup`). Here is kept that no recall brings anything
 *  twice: the room knows for each recall what it has brought. Nobody is mentioned by what comes back, no agent answers
 *  it, and it is unread for nobody. */
import type {
  ActorId,
  CommandOf,
  RoomEvent,
  RoomMessage,
  RoomRestored,
  RoomView,
  RoomWithdrawn,
  roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { allEntries } from "./members.ts";
import { opened } from "./membership.ts";
import { leftBy, topicNamed } from "./kept-topics.ts";
import type { HistoryTag } from "./reading.ts";
import { emptied, messageInMemory, messageKey, restoredKey, rulesOf } from "./state.ts";
import type { Room, RoomState } from "./shape.ts";

type Command = CommandOf<typeof roomCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Makes a room that is gone anew, with the members that it had. Error: NAME_TAKEN. */
export function remake(room: RoomState, { members, ...settings }: Of<"remake">, turn: Turn): Effects {
  if (room !== null) return [refuse("NAME_TAKEN")];
  const entries = Object.entries(members).map(
    ([member, role]) => [member, { role, joinedAtMs: turn.nowMs, readSeq: 0 }] as const,
  );
  const { type: _type, ...kept } = settings;
  const view: RoomView = {
    room: turn.key,
    ...kept,
    members: Object.fromEntries(entries),
    messageSeq: 0,
    pins: [],
  };
  // Nobody has brought them in: it stands in their lists as it did.
  const people = Object.keys(members).filter((member) => member.startsWith("user/"));
  const told = people.map((member) => ({ to: member as ActorId, message: { type: "roomJoined", room: turn.key } }));
  return opened(view, turn, told);
}

/** The command that makes a room anew as it was in a state; undefined: there was none. */
export function remaking(state: unknown): Of<"remake"> | undefined {
  const room = state as RoomState | undefined;
  if (room === null || room === undefined) return undefined;
  const { title, topic, visibility, createdAtMs } = room;
  const members = Object.fromEntries(allEntries(room.members).map(([member, { role }]) => [member, role]));
  return { type: "remake", title, topic, visibility, createdAtMs, ...rulesOf(room), members };
}

/** Reads messages by their positions, or what was brought back of them by the positions that they had. */
export function entries({ of, from, to, limit }: Of<"entries">, turn: Turn): Effects {
  const keyOf = of === "message" ? messageKey : (seq: number) => restoredKey(seq);
  const tag: HistoryTag = {
    type: "history",
    limit,
    reverse: false,
    from,
    to,
    thread: undefined,
    roomOnly: false,
    found: [],
    scanned: 0,
    root: undefined,
    asker: turn.replyTo,
  };
  return [{ type: "read", range: { from: keyOf(from), to: keyOf(to), limit: limit + 1 }, tag }];
}

/** Adds what a recall brings and has not brought yet; `root` is the message that all of it answers. Errors:
 *  LIMIT_REACHED, BAD_REQUEST. */
export function restore(room: Room, command: Of<"restore">, root: RoomMessage | undefined, turn: Turn): Effects {
  const { recall, snapshot, backupAtMs, messages } = command;
  const known = room.recalls?.find(({ id }) => id === recall);
  if (known?.withdrawn !== undefined)
    return [refuse("BAD_REQUEST", { field: "recall", reason: "this recall was withdrawn" }, turn.replyTo)];
  const brought = new Set(known?.done);
  const wanted = messages.filter(({ seq }) => seq > (known?.through ?? 0) && !brought.has(seq));
  if (brought.size + wanted.length > limits.roomRecallOpenMax)
    return [refuse("LIMIT_REACHED", { limit: "roomRecallOpenMax" }, turn.replyTo)];
  const made = wanted.map(
    ({ seq, atMs, editedAtMs, author, text, poll, rounds, threadOnly, topic }, index): RoomMessage => ({
      seq: room.messageSeq + 1 + index,
      author,
      text,
      atMs: turn.nowMs,
      ...(root && { replyTo: root.seq, ...(threadOnly && { threadOnly }) }),
      ...topicAgain(room, root, topic),
      // What people voted is not brought back, only how many: no vote can be changed.
      ...(poll && { poll: { ...poll, closedAtMs: poll.closedAtMs ?? turn.nowMs } }),
      ...(rounds && { rounds }),
      restored: { recall, snapshot, backupAtMs, seq, atMs, ...(editedAtMs !== undefined && { editedAtMs }) },
    }),
  );
  const answer: RoomRestored = { restored: made.map(({ seq, restored }) => [restored?.seq ?? 0, seq] as const) };
  if (made.length === 0) return [reply(answer, turn.replyTo)];
  const replies = { count: (root?.replies?.count ?? 0) + made.length, lastAtMs: turn.nowMs };
  const event: RoomEvent = { type: "restored", recall, messages: made, ...(root && { root: { ...root, replies } }) };
  return [...eventEffects(room, turn, [event], [], { settled: command.from - 1 }), reply(answer, turn.replyTo)];
}

/** What comes back has its topic again, as that is called now, and an answer that of what it answers. */
function topicAgain(room: Room, root: RoomMessage | undefined, was: string | undefined): Pick<RoomMessage, "topic"> {
  const topic = root === undefined ? was : root.topic;
  if (topic === undefined) return {};
  const known = topicNamed(room, topic);
  if (known === undefined && (room.topics?.size ?? 0) >= limits.roomTopicsMax) return {};
  return { topic: known?.name ?? topic };
}

/** Tag of the read behind a withdrawal. */
export interface WithdrawTag {
  readonly type: "withdraw";
  readonly recall: string;
  readonly through: number;
  readonly more: boolean;
  /** `room.changes` when the read was asked for. */
  readonly changes: number;
  readonly to: ReplyTo | undefined;
}

/** Deletes what a recall brought, some of it at a time. Error: NOT_FOUND. */
export function withdraw(room: Room, recall: string, turn: Turn): Effects {
  const known = room.recalls?.find(({ id }) => id === recall);
  if (known === undefined) return [refuse("NOT_FOUND", { recall }, turn.replyTo)];
  const from = Math.max(known.first, (known.withdrawn ?? 0) + 1);
  const through = Math.min(known.last, from + limits.roomWithdrawnAtOnce - 1);
  if (from > through) return [reply({ removed: 0, more: false } satisfies RoomWithdrawn, turn.replyTo)];
  const tag: WithdrawTag = {
    type: "withdraw",
    recall,
    through,
    more: through < known.last,
    changes: room.changes,
    to: turn.replyTo,
  };
  return [
    { type: "read", range: { from: messageKey(from), to: messageKey(through + 1), limit: through + 1 - from }, tag },
  ];
}

/** The messages of some positions arrived: those of the recall that somebody has not deleted already go. */
export function withdrawRead(room: Room, tag: WithdrawTag, records: readonly ActorRecord[], here: Turn): Effects {
  const turn: Turn = { ...here, ...(tag.to && { replyTo: tag.to }) };
  const { recall, through, more } = tag;
  // More has changed than memory holds: what was read may be old.
  if (room.changes - tag.changes > limits.roomChangedMessages) return withdraw(room, recall, turn);
  const gone = records
    .map(({ value }) => value as RoomMessage)
    .map((read) => messageInMemory(room, read.seq) ?? read)
    .filter(({ restored, deletedAtMs }) => restored?.recall === recall && deletedAtMs === undefined);
  const messages = gone.map((message) => emptied(message, turn.nowMs));
  const answer: RoomWithdrawn = { removed: gone.length, more };
  return [
    ...eventEffects(room, turn, [{ type: "withdrawn", recall, through, messages }], [], leftBy(gone)),
    reply(answer, turn.replyTo),
  ];
}
