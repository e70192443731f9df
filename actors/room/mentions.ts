/** The people and agents that a text mentions, what a mentioned agent is told, and what is said in its name when it
 *  does not answer.
 *
 *      room's outbox ──► agent's job ──► agent's outbox ──► its message in the room
 *           └── refused, or out of reach for too long ─────────► the room's message in its name
 *
 *  Invariant: a mention of an agent stays in one of these places until the next one has it, durably; a place that is
 *  given it twice knows it again. So each is answered, or refused where everybody reads it, once. */
import { wireLimits, type ErrorCode, type RoomEvent, type RoomMessage, type ToldFile } from "../../protocols/index.ts";
import { callerOf, mentionsIn as calledIn, readText } from "../../protocols/reading/index.ts";
import type { Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { callsOf } from "./agent-calls.ts";
import { entryOf } from "./members.ts";
import { messageInMemory } from "./state.ts";
import type { Room } from "./shape.ts";

/** The members a text mentions, each once, in order: `@name`, `@owner.agent`, or `@agent` when only one is called so.
 *  Where a mention can stand, the reader says. */
export function mentionsIn(text: string, room: Room): readonly string[] {
  if (!/[@＠﹫]/.test(text)) return [];
  const has = (principal: string): boolean => entryOf(room.members, principal) !== undefined;
  const called = calledIn(readText(text), callerOf({ has, agents: room.agents }));
  return [...new Set(called.map(({ who }) => who))].slice(0, wireLimits.mentionsPerMessageMax);
}

/** Whom a message has mentioned until now: they are not told again. And how many more its edits may tell. */
export function toldBefore({ mentions = [], mentionedBefore = [] }: RoomMessage) {
  const known = [...new Set([...mentionedBefore, ...mentions])];
  return { known, places: Math.max(0, wireLimits.mentionsOfEditsMax - known.length) };
}

/** The message without those whom it mentions and has mentioned. */
export function notMentioned({ mentions: _mentions, mentionedBefore: _before, ...message }: RoomMessage): RoomMessage {
  return message;
}

/** All whom a message can have told: its groups when it was posted, and then its edits. */
const knownMax = wireLimits.groupsPerMessageMax * wireLimits.groupMembersMax + wireLimits.mentionsOfEditsMax;

/** Those whom a changed message mentions now, and of those known before the others. Where these are cut, there is no
 *  place left to tell anybody: nobody is told twice. */
export function mentioning(mentions: readonly string[], known: readonly string[]) {
  const noMore = known.filter((member) => !mentions.includes(member)).slice(0, knownMax);
  return {
    ...(mentions.length > 0 && { mentions: [...mentions] }),
    ...(noMore.length > 0 && { mentionedBefore: noMore }),
  } satisfies Partial<RoomMessage>;
}

/** A line of what an agent is told. */
interface Told {
  readonly author: string;
  readonly text: string;
  readonly seq: number;
}

/** What an agent is told when `message` mentions it: the conversation it belongs to (its thread, or the room), oldest
 *  first, the mention last. Bounded in messages and characters. `root` begins the thread, however long ago that was. */
function contextOf(room: Room, message: RoomMessage, root: RoomMessage | undefined): readonly Told[] {
  const { replyTo } = message;
  const lines: Told[] = [];
  let chars = 0;
  const recent = room.recent.toReversed();
  const old = root === undefined || recent.some(({ seq }) => seq === root.seq) ? [] : [root];
  // Of a message that was edited, what it said before is no part of it.
  for (const said of [message, ...recent.filter(({ seq }) => seq !== message.seq), ...old]) {
    if (said.deletedAtMs !== undefined) continue;
    if (replyTo !== undefined && said.seq !== replyTo && said.replyTo !== replyTo) continue;
    // What is said in threads is no part of what the room talks about.
    if (replyTo === undefined && said.threadOnly === true) continue;
    // Cut where a later mention cuts, too: what begins in the same way the model has read already.
    const { mentionContextMessages: count, mentionContextChars: charsMax, mentionContextStep: step } = limits;
    if (lines.length > 0 && chars + said.text.length > charsMax) {
      const from = lines.findLastIndex(({ seq }) => seq % step === 0);
      return (from > 0 ? lines.slice(0, from + 1) : lines).toReversed();
    }
    chars += said.text.length;
    lines.push({ author: nameOf(said.author), text: said.text, seq: said.seq });
    if (lines.length >= 2 * count || (lines.length >= count && said.seq % count === 0)) break;
  }
  return lines.toReversed();
}

/** The files of what an agent is told: those of the mention, then the newest before it; and how many more there are. */
function filesOf(
  room: Room,
  context: readonly Told[],
  ...known: readonly (RoomMessage | undefined)[]
): { readonly files?: readonly ToldFile[]; readonly moreFiles?: number } {
  const said = context.map(({ seq }) => known.find((one) => one?.seq === seq) ?? messageInMemory(room, seq));
  const all = said.toReversed().flatMap((one) => (one?.files ?? []).map((file) => ({ ...file, seq: one?.seq ?? 0 })));
  const more = all.length - wireLimits.filesPerMentionMax;
  return {
    ...(all.length > 0 && { files: all.slice(0, wireLimits.filesPerMentionMax) }),
    ...(more > 0 && { moreFiles: more }),
  };
}

const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);

type Posting = Extract<RoomEvent, { type: "posted" }>;

/** The event of a message, which its thread counts. */
export const saidIn = (message: RoomMessage, root: RoomMessage | undefined): Posting => ({
  type: "posted",
  message,
  ...(root && { root: { ...root, replies: { count: (root.replies?.count ?? 0) + 1, lastAtMs: message.atMs } } }),
});

/** What calls agents, as far as the rules of the room allow (`agent-rules.ts`). `refusals` are of those that are
 *  mentioned and not called, and of those for whom too much waits. */
export function summons(
  room: Room,
  message: RoomMessage,
  root: RoomMessage | undefined,
  turn: Turn,
  { isNew }: { readonly isNew: boolean },
): { readonly mail: readonly Mail[]; readonly refusals: readonly Refusal[] } {
  const { called: summoned, notCalled } = callsOf(room, message, isNew);
  if (summoned.length === 0) return { mail: [], refusals: notCalled };
  const places = limits.roomMentionsMax - waitingMentions(room).length;
  const taken = summoned
    .filter((agent) => waitingFor(room, agent) < limits.roomMentionsPerAgentMax)
    .slice(0, Math.max(0, places));
  const context = contextOf(room, message, root);
  const files = filesOf(room, context, root, message);
  const untilMs = turn.nowMs + limits.mentionWaitMs;
  return {
    mail: taken.map((agent) => ({
      to: agent as Mail["to"],
      message: {
        type: "mentioned",
        room: turn.key,
        seq: message.seq,
        ...(message.replyTo !== undefined && { thread: message.replyTo }),
        context,
        ...files,
      },
      untilMs,
    })),
    refusals: [
      ...notCalled,
      ...summoned
        // Of those who answer every message nobody is told.
        .filter((agent) => !taken.includes(agent) && message.mentions?.includes(agent) === true)
        .map((agent) => ({ agent, code: "QUEUE_FULL" as const, waiting: waitingFor(room, agent) })),
    ],
  };
}

const waitingMentions = (room: Room) => room.outbox.entries.filter(({ message }) => message.type === "mentioned");

/** How many mentions of an agent the room still has to deliver. */
const waitingFor = (room: Room, agent: string): number => waitingMentions(room).filter(({ to }) => to === agent).length;

/** Why an agent does not answer a mention. */
interface Refusal {
  readonly agent: string;
  readonly code: ErrorCode;
  /** Of QUEUE_FULL: how many wait for it already. */
  readonly waiting?: number;
  readonly generation?: string;
}

/** The messages that say, in the agents' names, why they do not answer a mention. `next` is the place of the first. */
export function unanswered(
  mention: RoomMessage,
  thread: RoomMessage | undefined,
  refusals: readonly Refusal[],
  next: { readonly seq: number; readonly atMs: number },
): readonly RoomEvent[] {
  let root = thread;
  return refusals.map((refusal, index) => {
    const event = saidIn(refusalOf(refusal, mention, root, { ...next, seq: next.seq + index }), root);
    root = event.root ?? root;
    return event;
  });
}

/** The same for one mention that was said before. In its thread, unless that is so old that it is not in memory. */
export function unansweredNow(room: Room, seq: number, refusal: Refusal, atMs: number): RoomEvent {
  const message = messageInMemory(room, seq);
  const root = message?.replyTo === undefined ? message : messageInMemory(room, message.replyTo);
  return saidIn(refusalOf(refusal, message ?? { seq }, root, { seq: room.messageSeq + 1, atMs }), root);
}

const refusalOf = (
  { agent, code, waiting, generation }: Refusal,
  mention: Pick<RoomMessage, "seq" | "threadOnly">,
  root: RoomMessage | undefined,
  { seq, atMs }: { readonly seq: number; readonly atMs: number },
): RoomMessage => ({
  seq,
  author: agent,
  text: `Sorry, ${reasonOf(code, waiting)}`,
  atMs,
  ...(root && { replyTo: root.seq, ...(mention.threadOnly && { threadOnly: mention.threadOnly }) }),
  answers: mention.seq,
  refused: code,
  ...(generation !== undefined && { generation }),
});

function reasonOf(code: ErrorCode, waiting: number | undefined): string {
  switch (code) {
    case "QUEUE_FULL":
      return `I am busy${waiting ? `: ${waiting} waiting already` : ""}. Mention me again in a moment.`;
    case "NOT_FOUND":
      return "I was deleted before I could answer.";
    case "NOT_A_MEMBER":
      return "I was removed from the room before I could answer.";
    case "FORBIDDEN":
      return "only moderators of this room can ask me.";
    case "LIMIT_REACHED":
      return "the agents have had their turns here: a person has to go on.";
    case "QUOTA_EXCEEDED":
      return "the agents of this room have used up their tokens for today. There are more tomorrow (UTC).";
    case "MUTED":
      return "I do not write here: I am muted in this room, or my owner is.";
    case "ACTOR_CRASHED":
      return "I failed on this message.";
    default:
      return "I could not be reached. Mention me again in a while.";
  }
}
