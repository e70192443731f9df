/** What a person has missed: what is behind their read markers, asked of the rooms in their name. A room that refuses
 *  is not named. */
import {
  cut,
  failure,
  isSeen,
  ok,
  refused,
  wireLimits,
  type ActorId,
  type CatchUp,
  type FollowedThread,
  type FollowedThreads,
  type HandlersOf,
  type MissedConcern,
  type MissedLine,
  type MissedRoom,
  type MissedThread,
  type Result,
  type RoomHistory,
  type RoomMessage,
  type RoomSummary,
  type RoomThread,
  type RoomThreads,
  type UserRooms,
  type UserView,
  type catchUpOperations,
} from "../../protocols/index.ts";
import { hasKeyword, keywordTerms, type KeywordTerm } from "../../protocols/telling/keywords.ts";
import { tell, wishOf, type ToldMessage } from "../../protocols/telling/index.ts";
import { told, toldOf } from "../../protocols/telling/rooms.ts";
import type { Message } from "../../actors/behavior.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock } from "../ports/index.ts";
import { tellingLimits, type TellingLimits } from "./limits.ts";

/** What the handler needs. */
export interface CatchUpParts {
  readonly kernel: Pick<Kernel, "ask">;
  readonly clock: Pick<Clock, "nowMs" | "soon">;
  readonly limits: { readonly askTimeoutMs: number };
  readonly bounds?: Partial<TellingLimits>;
}

/** The person, and how much of each room they want. */
interface Asker {
  readonly me: ActorId;
  readonly view: UserView;
  readonly terms: readonly KeywordTerm[];
  readonly lines: number;
  readonly nowMs: number;
}

/** The handler. */
export function handleCatchUp(at: CatchUpParts): HandlersOf<typeof catchUpOperations> {
  return {
    "catchUp.show": async ({ lines = wireLimits.catchUpLinesDefault }, { actor }) => {
      const me = personOf(actor);
      if (me === undefined) return refused(noRooms());
      const missed = await missedBy(at, me, lines);
      return missed.ok ? ok(missed.value.found) : missed;
    },

    "catchUp.threads": async (_, { actor }) => {
      const me = personOf(actor);
      if (me === undefined) return refused(noRooms());
      const rooms = await ask<UserRooms>(at, me, me, { type: "rooms" });
      return rooms.ok ? ok(await followedThreads(at, me, rooms.value)) : rooms;
    },
  };
}

/** What somebody has missed now, with their account and their rooms as they were looked at. */
export async function missedBy(
  at: CatchUpParts,
  me: ActorId,
  lines: number,
): Promise<Result<{ readonly found: CatchUp; readonly view: UserView; readonly rooms: readonly RoomSummary[] }>> {
  const [view, rooms] = await Promise.all([
    ask<UserView>(at, me, me, { type: "describe" }),
    ask<UserRooms>(at, me, me, { type: "rooms" }),
  ]);
  if (!view.ok) return view;
  if (!rooms.ok) return rooms;
  const terms = keywordTerms(view.value.notifications?.keywords ?? []);
  const asker: Asker = { me, view: view.value, terms, lines, nowMs: at.clock.nowMs() };
  return ok({ found: await catchUp(at, asker, rooms.value), view: view.value, rooms: rooms.value.rooms });
}

const ask = async <Answer>(
  { kernel, limits }: CatchUpParts,
  me: ActorId,
  to: ActorId,
  message: Message,
): Promise<Result<Answer>> =>
  (await kernel.ask({ to, from: me, message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

const personOf = (actor: string | undefined): ActorId | undefined =>
  actor?.startsWith("user/") === true ? (actor as ActorId) : undefined;
const noRooms = () => failure("FORBIDDEN", { reason: "only people and programs with an account have rooms" });

/** Does it for all, a few at a time; others use this thread. */
async function each<One>(at: CatchUpParts, all: readonly One[], act: (one: One, place: number) => Promise<void>) {
  const places = all.entries();
  const next = async (): Promise<void> => {
    for (const [place, one] of places) {
      await act(one, place);
      await new Promise<void>((resolve) => at.clock.soon(resolve));
    }
  };
  await Promise.all(Array.from({ length: { ...tellingLimits, ...at.bounds }.catchUpAsksMax }, next));
}

async function followedThreads(at: CatchUpParts, me: ActorId, all: UserRooms): Promise<FollowedThreads> {
  const { followedThreadsMax } = { ...tellingLimits, ...at.bounds };
  const threads: FollowedThread[] = [];
  const silent = [...all.unreachable];
  const open = all.rooms.filter(({ archived }) => archived !== true);
  await each(at, open, async ({ room, title, visibility }) => {
    const answer = await ask<RoomThreads>(at, me, `room/${room}`, { type: "threads" });
    if (!answer.ok) return void (answer.error.outcome === "failed" || silent.push(room));
    const followed = answer.value.threads.filter(({ own }) => own !== undefined && own.muted !== true);
    threads.push(...followed.map((thread) => ({ ...thread, room, title, visibility })));
  });
  return {
    threads: threads.toSorted((one, other) => other.last.atMs - one.last.atMs).slice(0, followedThreadsMax),
    ...(silent.length > 0 && { unreachable: silent.toSorted() }),
  };
}

const hasNews = ({ unread, mentioned, threads = 0 }: RoomSummary): boolean => unread > 0 || mentioned || threads > 0;

async function catchUp(at: CatchUpParts, asker: Asker, all: UserRooms): Promise<CatchUp> {
  const bounds: TellingLimits = { ...tellingLimits, ...at.bounds };
  const wanted = all.rooms
    .filter(({ archived }) => archived !== true)
    .map((room) => told(room, asker.view, asker.nowMs))
    .filter(hasNews);
  const found: Looked[] = [];
  const silent = [...all.unreachable];
  await each(at, wanted.slice(0, bounds.catchUpRoomsMax), async (room, place) => {
    const looked = await lookInto(at, asker, room, bounds);
    if (looked === "silent") silent.push(room.room);
    else if (looked !== "refused") found[place] = looked;
  });
  const looked = found.filter((one) => one !== undefined);
  const left = Math.max(0, wanted.length - bounds.catchUpRoomsMax);
  const concerns = looked.flatMap((one) => one.concerns).toSorted((one, other) => other.atMs - one.atMs);
  const beyond = new Set(concerns.slice(bounds.catchUpConcernsMax).map(({ room }) => room));
  const unseen = looked.flatMap(({ room: { room }, isWhole }) => (isWhole && !beyond.has(room) ? [] : [room]));
  return {
    concerns: concerns.slice(0, bounds.catchUpConcernsMax),
    rooms: looked.map(({ room }) => room).filter(({ unread, mentioned }) => unread > 0 || mentioned),
    threads: looked.flatMap(({ threads }) => threads),
    ...(unseen.length > 0 && { unseen }),
    ...(left > 0 && { left }),
    ...(silent.length > 0 && { unreachable: silent.toSorted() }),
  };
}

/** What there is to read in one room. */
interface Looked {
  readonly room: MissedRoom;
  readonly threads: readonly MissedThread[];
  readonly concerns: readonly MissedConcern[];
  /** Everything that may concern the person was looked at. */
  readonly isWhole: boolean;
}

/** A room does not answer, or not to this person. */
class Unread extends Error {
  readonly isRefused: boolean;
  constructor(isRefused: boolean) {
    super("a room did not answer");
    this.isRefused = isRefused;
  }
}

async function lookInto(
  at: CatchUpParts,
  asker: Asker,
  summary: RoomSummary,
  bounds: TellingLimits,
): Promise<Looked | "silent" | "refused"> {
  const to = `room/${summary.room}` as const;
  const read = async <Answer>(message: Message): Promise<Answer> => {
    const answer = await ask<Answer>(at, asker.me, to, message);
    if (answer.ok) return answer.value;
    throw new Unread(answer.error.outcome === "failed");
  };
  try {
    const { threads } = await read<RoomThreads>({ type: "threads" });
    const followed = new Set(threads.flatMap(({ root, own }) => (own && own.muted !== true ? [root] : [])));
    const said = (message: RoomMessage): ToldMessage => saidTo(asker, summary, message, followed);
    const lines = await linesOf(read, asker, { summary, said, bounds });
    const inThreads: (MissedThread & { readonly messages: readonly RoomMessage[] })[] = [];
    const { isMuted } = toldOf(asker.view, summary.room, asker.nowMs);
    const wanted = threadsToRead(threads).filter(({ own }) => !isMuted || own?.mentioned === true);
    let isWhole = lines.isWhole && wanted.length <= bounds.catchUpThreadsMax;
    for (const thread of wanted.slice(0, bounds.catchUpThreadsMax)) {
      const { isRead, ...found } = await inThread(read, asker, { thread, room: summary.room, said, bounds });
      isWhole &&= isRead;
      inThreads.push(found);
    }
    const concernsOf = (messages: readonly RoomMessage[]): readonly MissedConcern[] =>
      messages.flatMap((message) => {
        const why = whyOf(said(message));
        const isTold = why !== undefined && tell(asker.view, said(message), asker.nowMs) !== "nothing";
        return isTold ? [{ room: summary.room, why, ...lineOf(message, bounds) }] : [];
      });
    const { room, title, visibility, readSeq, messageSeq, unread, mentioned } = summary;
    return {
      room: {
        room,
        title,
        visibility,
        readSeq,
        messageSeq,
        unread,
        mentioned,
        lines: lines.first.map((message) => lineOf(message, bounds)),
      },
      threads: inThreads.map(({ messages: _messages, ...thread }) => thread),
      concerns: [...concernsOf(lines.looked), ...inThreads.flatMap(({ messages }) => concernsOf(messages))],
      isWhole,
    };
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    return error.isRefused ? "refused" : "silent";
  }
}

type Read = <Answer>(message: Message) => Promise<Answer>;

const isShown = ({ deletedAtMs }: RoomMessage): boolean => deletedAtMs === undefined;

/** The first lines behind the marker, and the newest ones, which are looked at for what concerns the person. */
async function linesOf(
  read: Read,
  { view, lines, nowMs }: Asker,
  {
    summary: { readSeq, messageSeq, unread, mentioned, seen },
    said,
    bounds,
  }: {
    readonly summary: RoomSummary;
    readonly said: (message: RoomMessage) => ToldMessage;
    readonly bounds: TellingLimits;
  },
): Promise<{
  readonly first: readonly RoomMessage[];
  readonly looked: readonly RoomMessage[];
  readonly isWhole: boolean;
}> {
  if (unread === 0 && !mentioned) return { first: [], looked: [], isWhole: true };
  const page = (fields: object): Promise<RoomHistory> =>
    read<RoomHistory>({ type: "history", roomOnly: true, limit: wireLimits.pageEntriesMax, ...fields });
  const isTold = (message: RoomMessage): boolean =>
    isShown(message) &&
    message.threadOnly !== true &&
    !isSeen(seen, message.seq) &&
    tell(view, said(message), nowMs) !== "nothing";
  let looked: readonly RoomMessage[] = [];
  let before = messageSeq + 1;
  let count = 0;
  for (;;) {
    const { messages, more } = await page({ before });
    const behind = messages.filter(({ seq }) => seq > readSeq);
    looked = [...behind.filter(isTold), ...looked];
    count += messages.length;
    before = messages[0]?.seq ?? 0;
    if (!more || behind.length < messages.length || before <= readSeq + 1)
      return { first: looked.slice(0, lines), looked, isWhole: true };
    if (count >= bounds.catchUpLookedMax) break;
  }
  const { messages } = await page({ after: readSeq, limit: Math.min(wireLimits.pageEntriesMax, 4 * lines) });
  return { first: messages.filter(isTold).slice(0, lines), looked, isWhole: false };
}

const threadsToRead = (threads: readonly RoomThread[]): readonly RoomThread[] =>
  threads.filter(({ own }) => own !== undefined && (own.unread > 0 || own.mentioned)).toReversed();

async function inThread(
  read: Read,
  { me, lines, view, nowMs }: Asker,
  {
    thread,
    room,
    said,
    bounds,
  }: {
    readonly thread: RoomThread;
    readonly room: string;
    readonly said: (message: RoomMessage) => ToldMessage;
    readonly bounds: TellingLimits;
  },
): Promise<MissedThread & { readonly messages: readonly RoomMessage[]; readonly isRead: boolean }> {
  const { root, last, own } = thread;
  const { readSeq = 0, unread = 0, mentioned = false } = own ?? {};
  const page = await read<RoomHistory>({
    type: "history",
    thread: root,
    after: readSeq,
    limit: wireLimits.pageEntriesMax,
  });
  const messages = page.messages.filter(
    (message) =>
      isShown(message) &&
      message.threadOnly === true &&
      message.author !== me &&
      tell(view, said(message), nowMs) !== "nothing",
  );
  const shown = messages.slice(0, lines).map((message) => lineOf(message, bounds));
  return { room, root, readSeq, lastSeq: last.seq, unread, mentioned, lines: shown, messages, isRead: !page.more };
}

function lineOf(message: RoomMessage, { catchUpTextChars }: TellingLimits): MissedLine {
  const { seq, author, atMs, replyTo, threadOnly, topic } = message;
  const text = cut(message.text, catchUpTextChars);
  return {
    seq,
    author,
    atMs,
    text,
    ...(text.length < message.text.length && { goesOn: true as const }),
    ...(replyTo !== undefined && { replyTo }),
    ...(threadOnly && { threadOnly }),
    ...(topic !== undefined && { topic }),
  };
}

/** What a message is to the person. */
const saidTo = (
  { me, terms }: Asker,
  { room, visibility, topics }: RoomSummary,
  message: RoomMessage,
  followed: ReadonlySet<number>,
): ToldMessage => ({
  room,
  isOwn: message.author === me,
  direct: visibility === "direct",
  mentioned: message.mentions?.includes(me) === true,
  keyword: hasKeyword(message.text, terms),
  reply: message.replyTo !== undefined && followed.has(message.replyTo),
  threadOnly: message.threadOnly === true,
  interest: wishOf({ topics }, message.topic),
});

/** Why it concerns them, if it does. */
function whyOf({
  mentioned,
  reply,
  direct,
  keyword,
  interest,
  threadOnly,
}: ToldMessage): MissedConcern["why"] | undefined {
  if (mentioned) return "mention";
  if (reply) return "answer";
  if (direct) return "direct";
  if (keyword) return "word";
  return interest === "follow" && !threadOnly ? "topic" : undefined;
}
