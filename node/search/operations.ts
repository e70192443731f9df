/** What a person finds: their rooms and agents now, what the nodes that have these found, and the texts from the rooms
 *  themselves, which know who may read.
 *
 *      user ─ rooms now ─► nodes ─ places ─► newest first ─► each room: may they read it, what does it say now? ─► page
 *
 *  Only a room that answers is named: where it refuses, nothing is said of what was found there. */
import {
  actorId,
  agentOfKey,
  conversationKey,
  failure,
  ok,
  passageOf,
  refused,
  searchMarks,
  searchTerms,
  wireLimits,
  type ActorId,
  type AgentConversations,
  type AgentHistory,
  type FileText,
  type FoundMessage,
  type HandlersOf,
  type MessageSearch,
  type Result,
  type RoomHistory,
  type RoomMessage,
  type SearchPage,
  type SearchedSlot,
  type searchOperations,
  type UserView,
  topicKey,
} from "../../protocols/index.ts";
import { askEach } from "../cluster/exchange/index.ts";
import { searchLimits } from "./limits.ts";
import type { SearchParts } from "./ports.ts";
import {
  cursorOf,
  hasFile,
  hasLink,
  hasReaction,
  readCursor,
  searchedText,
  type Beside,
  type Hit,
  type Query,
} from "./query.ts";

/** The handler. */
export function handleSearch(at: SearchParts): HandlersOf<typeof searchOperations> {
  return {
    "search.messages": async (input, { actor }) => {
      if (actor?.startsWith("user/") !== true)
        return refused(failure("FORBIDDEN", { reason: "only people and programs with an account have rooms" }));
      const reader = actor as ActorId;
      const behind = input.cursor === undefined ? undefined : readCursor(input.cursor);
      if (input.cursor !== undefined && behind === undefined)
        return refused(failure("BAD_REQUEST", { field: "cursor", reason: "it is not from an answer" }));
      const view = await at.kernel.ask({
        to: reader,
        from: reader,
        message: { type: "describe" },
        timeoutMs: at.limits.askTimeoutMs,
      });
      if (!view.ok) return view;
      const own = await conversationsOf(at, reader, view.value as UserView, input);
      const places = placesOf(view.value as UserView, own, input);
      if (!places.ok) return places;
      const query = queryOf(input, reader, behind);
      if (query === undefined) return ok({ found: [], covered: [] });
      const { topic } = input;
      const asked = { query, places: places.value, reader, ...(topic !== undefined && { topic }) };
      const page = withTitles(await search(at, asked), own);
      // What was not searched, or is not yet, may have the very words.
      const { next, unreachable, covered } = page;
      const isWhole = (next ?? unreachable) === undefined && covered.every((slot) => slot.behind === undefined);
      const mayErr = isWhole && query.terms.some(({ single }) => single);
      if (page.found.length > 0 || behind !== undefined || !mayErr) return ok(page);
      const near = withTitles(await search(at, { ...asked, query: { ...query, typos: true } }), own);
      return ok(near.found.length > 0 ? { ...near, misspelt: true } : page);
    },
  };
}

const agentOf = (agent: string): ActorId => actorId("agent", agent.replace(/^agent\//, ""));

/** Conversations beside the first ones, by their agents; and the agents that did not tell theirs. */
interface OwnConversations {
  readonly all: readonly ActorId[];
  readonly titles: ReadonlyMap<string, string>;
  readonly silent: readonly ActorId[];
}

/** Asks the agents that are searched for their lists, a few at a time. Those that are not heard of in time count as
 *  silent: the answer says that they were not searched whole. */
async function conversationsOf(
  { kernel, limits, clock }: SearchParts,
  reader: ActorId,
  { agents }: UserView,
  { room, agent }: MessageSearch,
): Promise<OwnConversations> {
  const wanted = agent === undefined ? undefined : agentOf(agentOfKey(agent.replace(/^agent\//, "")));
  const asked = room === undefined ? agents.map(agentOf).filter((one) => wanted === undefined || one === wanted) : [];
  const untilMs = clock.monotonicMs() + searchLimits.agentsAskedMsMax;
  const ask = async (to: ActorId): Promise<Result<AgentConversations>> => {
    const timeoutMs = Math.min(limits.askTimeoutMs, untilMs - clock.monotonicMs());
    if (timeoutMs <= 0) return refused(failure("ASK_TIMEOUT", { actor: to }));
    const asks = { to, from: reader, message: { type: "conversations" }, timeoutMs };
    return (await kernel.ask(asks)) as Result<AgentConversations>;
  };
  const lists = await askEach(asked, ask, searchLimits.agentsAskedAtOnceMax);
  const keys = lists.said.flatMap(([of, { conversations }]) =>
    conversations.map(({ number, title }) => [conversationKey(of.slice("agent/".length), number), title] as const),
  );
  // A node of the version before knows no such question: there is the first alone.
  const silent = lists.silent.filter(([, { code }]) => code !== "BAD_REQUEST").map(([of]) => of);
  return { all: keys.map(([key]) => agentOf(key)), titles: new Map(keys), silent };
}

/** A page with the titles of conversations. An agent that did not tell its list was not searched whole. */
function withTitles(page: SearchPage, { titles, silent }: OwnConversations): SearchPage {
  const found = page.found.map((one) => {
    const title = titles.get(one.agent ?? "") ?? "";
    return title === "" ? one : { ...one, title };
  });
  const unreachable = [...new Set([...(page.unreachable ?? []), ...silent])].toSorted();
  return { ...page, found, ...(unreachable.length > 0 && { unreachable }) };
}

/** Where is searched: `agent` names an agent with all of its conversations, or one of these. Errors: NOT_A_MEMBER,
 *  NOT_FOUND, BAD_REQUEST. */
function placesOf(
  { rooms, agents }: UserView,
  own: OwnConversations,
  { room, agent, thread }: MessageSearch,
): Result<readonly ActorId[]> {
  if (thread !== undefined && room === undefined)
    return refused(failure("BAD_REQUEST", { field: "thread", reason: "a thread is named with its room" }));
  const [ownRooms, ownAgents] = [rooms.map((one) => actorId("room", one.replace(/^room\//, ""))), agents.map(agentOf)];
  if (room !== undefined && agent !== undefined) return ok([]);
  if (room !== undefined) {
    const place = actorId("room", room);
    return ownRooms.includes(place) ? ok([place]) : refused(failure("NOT_A_MEMBER", { room }));
  }
  if (agent !== undefined) {
    const place = agentOf(agent);
    return ownAgents.includes(place)
      ? ok([...new Set([place, ...own.all])])
      : own.all.includes(place)
        ? ok([place])
        : refused(failure("NOT_FOUND", { agent }));
  }
  return ok([...new Set([...ownRooms, ...ownAgents, ...own.all])]);
}

/** Undefined: nothing can be found by it. */
function queryOf(input: MessageSearch, reader: ActorId, behind: Hit | undefined): Query | undefined {
  const { text = "", from, after, before, hasLink, hasFile, hasReaction, mentionsMe, thread, order, limit } = input;
  const terms = searchTerms(text);
  const has = { ...(hasLink && { hasLink }), ...(hasFile && { hasFile }), ...(hasReaction && { hasReaction }) };
  const named = [from, after, before, mentionsMe, thread, input.room, input.agent, ...Object.values(has)];
  const isNamed = named.some((one) => one !== undefined);
  if (terms.length === 0 && (text.trim() !== "" || !isNamed)) return undefined;
  return {
    terms,
    ...(from !== undefined && { author: from }),
    ...(after !== undefined && { afterMs: after }),
    ...(before !== undefined && { beforeMs: before }),
    ...has,
    ...(mentionsMe && { mentions: reader }),
    ...(thread !== undefined && { thread }),
    ...(order === "best" && { best: true }),
    limit: limit ?? wireLimits.searchFoundDefault,
    ...(behind && { behind }),
  };
}

interface Asked {
  readonly query: Query;
  readonly places: readonly ActorId[];
  readonly reader: ActorId;
  /** What is found must have this topic now; no index knows topics. */
  readonly topic?: string;
}

/** Asks until the page is full, for what is not there or not readable any more is left out. */
async function search(at: SearchParts, { query, places, reader, topic }: Asked): Promise<SearchPage> {
  const found: FoundMessage[] = [];
  const unreachable = new Set<ActorId>();
  const refusing = new Set<ActorId>();
  const covered = new Map<string, SearchedSlot>();
  const reading: Reading = {
    query,
    reader,
    ...(topic !== undefined && { topic }),
    silent: new Set(),
    nextTurn: Promise.resolve(),
  };
  let behind = query.behind;
  let more = true;
  let rounds = 0;
  while (more && rounds < searchLimits.roundsMax && found.length < query.limit) {
    const limit = query.limit - found.length;
    const left = new Set(places.filter((place) => !refusing.has(place)));
    const said = await at.find({ ...query, limit, ...(behind && { behind }) }, [...left]);
    // A node may answer with what it was not asked for.
    const hits = said.hits.filter(({ actor }) => left.has(actor));
    for (const place of said.unreachable) unreachable.add(place);
    // What a later round covers, an earlier one has passed over.
    for (const slot of said.covered) if (!covered.has(slot.slot)) covered.set(slot.slot, slot);
    const read = await readHits(at, hits, reading);
    const refusedBefore = refusing.size;
    for (const [place, hit] of hits.entries()) {
      const one = read[place];
      behind = hit;
      if (one === "refused") refusing.add(hit.actor);
      else if (one === "unreachable") unreachable.add(hit.actor);
      else if (one !== undefined) found.push(one);
    }
    // Nothing up to here is in a place that they may read.
    if (said.end !== undefined) behind = said.end;
    // Of the best there is one page; it goes on where the index has not looked at all that may fit.
    more = said.more && (query.best !== true || said.end !== undefined);
    // Where a place refused, the position may be in it: it is not answered, and the rest is searched at once.
    if (refusing.size === refusedBefore) rounds += 1;
  }
  const silent = [...unreachable].filter((place) => !refusing.has(place)).toSorted();
  return {
    found,
    ...(more && behind && !refusing.has(behind.actor) && { next: cursorOf(behind) }),
    ...(silent.length > 0 && { unreachable: silent }),
    covered: [...covered.values()],
  };
}

/** What a hit says now; `refused`: this person may not read there. Undefined: it is gone, or says something else. */
type Said = FoundMessage | "refused" | "unreachable" | undefined;

/** What one page has read so far. */
interface Reading extends Pick<Asked, "query" | "reader" | "topic"> {
  /** Places that did not answer: they are not asked again. */
  readonly silent: Set<ActorId>;
  /** Until when texts of files are asked for; absent: none was yet. */
  untilMs?: number;
  /** Texts may be long, and others use this thread: they are looked at one by one. */
  nextTurn: Promise<void>;
}

type ReadingParts = Omit<SearchParts, "find">;

function inTurn({ clock }: ReadingParts, reading: Reading): Promise<void> {
  const before = reading.nextTurn;
  reading.nextTurn = before.then(() => new Promise((resolve) => clock.soon(resolve)));
  return reading.nextTurn;
}

/** Asks for all hits at once. What is read of files is read place by place, a few places at a time. */
async function readHits(at: ReadingParts, hits: readonly Hit[], reading: Reading): Promise<readonly Said[]> {
  const { kernel, limits } = at;
  const { reader, silent } = reading;
  const answers = await Promise.all(
    hits.map(async ({ actor, seq }): Promise<Result<unknown>> => {
      if (silent.has(actor)) return refused(failure("UNREACHABLE", { actor }));
      const isRoom = actor.startsWith("room/");
      const message = isRoom
        ? { type: "history", after: seq - 1, limit: 1 }
        : { type: "history", of: seq, before: seq + 1, limit: 1 };
      return kernel.ask({ to: actor, from: reader, message, timeoutMs: limits.askTimeoutMs });
    }),
  );
  const said: Said[] = [];
  const places = [...Map.groupBy(hits.keys(), (place) => hits[place]?.actor).values()].values();
  const readPlaces = async (): Promise<void> => {
    // They share the iterator.
    for (const of of places)
      for (const place of of) {
        const hit = hits[place] as Hit;
        const answer = answers[place] as Result<unknown>;
        await inTurn(at, reading);
        const one = saidOf(answer, hit, reading) ?? (await filedOf(at, { read: answer, hit }, reading));
        if (one === "unreachable") silent.add(hit.actor);
        said[place] = one;
      }
  };
  await Promise.all(Array.from({ length: searchLimits.placesReadMax }, readPlaces));
  return said;
}

/** A message that does not say it itself: one of its files may. Each is asked of the room, in the person's name. */
async function filedOf(
  at: ReadingParts,
  { read, hit }: { readonly read: Result<unknown>; readonly hit: Hit },
  reading: Reading,
): Promise<Said> {
  const { kernel, limits, clock } = at;
  const { query, reader, silent, topic } = reading;
  const isRoom = read.ok && hit.actor.startsWith("room/");
  const message = isRoom ? messageOf(read.value as RoomHistory, hit) : undefined;
  if (message === undefined || query.terms.length === 0 || !fits(query, message, topic)) return undefined;
  for (const { id, name } of message.files ?? []) {
    reading.untilMs ??= clock.monotonicMs() + searchLimits.textsReadMsMax;
    const timeoutMs = Math.min(limits.askTimeoutMs, reading.untilMs - clock.monotonicMs());
    if (timeoutMs <= 0 || silent.has(hit.actor)) return "unreachable";
    const asks = { to: hit.actor, from: reader, message: { type: "fileText", file: id } };
    const answer = await kernel.ask({ ...asks, timeoutMs });
    // It has no text, or not any more; a node of the version before knows no such question.
    if (!answer.ok && ["NOT_FOUND", "BAD_REQUEST"].includes(answer.error.code)) continue;
    if (!answer.ok) return refusals.has(answer.error.code) ? "refused" : "unreachable";
    await inTurn(at, reading);
    const passage = shown((answer.value as FileText).text, query);
    if (passage !== undefined) return { ...placeOf(message, hit), file: { id, name }, ...passage };
  }
  return undefined;
}

function saidOf(read: Result<unknown>, hit: Hit, { query, reader, topic }: Reading): Said {
  if (!read.ok) return refusals.has(read.error.code) ? "refused" : "unreachable";
  return hit.actor.startsWith("room/")
    ? roomMessageOf(read.value as RoomHistory, hit, { query, ...(topic !== undefined && { topic }) })
    : turnOf(read.value as AgentHistory, hit, { query, reader, ...(topic !== undefined && { topic }) });
}

const refusals: ReadonlySet<string> = new Set(["NOT_A_MEMBER", "BANNED", "FORBIDDEN", "NOT_FOUND"]);

/** Whether what narrows a search holds of a message: it may have been edited since it was found. */
function fits(
  { author, afterMs = 0, beforeMs = Infinity, mentions, thread, ...has }: Query,
  said: Pick<RoomMessage, "author" | "atMs" | "text" | "seq" | "replyTo" | "mentions" | "topic"> & Beside,
  topic: string | undefined,
): boolean {
  return (
    (author === undefined || said.author === author) &&
    said.atMs >= afterMs &&
    said.atMs < beforeMs &&
    (has.hasLink !== true || hasLink(said.text)) &&
    (has.hasFile !== true || hasFile(said)) &&
    (has.hasReaction !== true || hasReaction(said)) &&
    (mentions === undefined || said.mentions?.includes(mentions) === true) &&
    (topic === undefined || (said.topic !== undefined && topicKey(said.topic) === topicKey(topic))) &&
    (thread === undefined || (said.replyTo ?? said.seq) === thread)
  );
}

/** The passage that is shown; undefined: the text does not say it any more. */
function shown(
  text: string,
  { terms, typos }: Query,
): Pick<FoundMessage, "text" | "cutFrom" | "goesOn" | "marks"> | undefined {
  const found = searchMarks(text, terms, typos);
  if (found === undefined) return undefined;
  const passage = passageOf(text, found, wireLimits.searchPassageChars);
  const end = passage.from + passage.text.length;
  return {
    text: passage.text,
    ...(passage.from > 0 && { cutFrom: passage.from }),
    ...(end < text.length && { goesOn: true }),
    marks: passage.marks,
  };
}

/** The message of a hit; undefined: it is gone. */
const messageOf = ({ messages }: RoomHistory, { seq }: Hit): RoomMessage | undefined =>
  messages.find((one) => one.seq === seq && one.deletedAtMs === undefined);

function roomMessageOf(
  history: RoomHistory,
  hit: Hit,
  { query, topic }: Pick<Asked, "query" | "topic">,
): FoundMessage | undefined {
  const message = messageOf(history, hit);
  if (message === undefined || !fits(query, message, topic)) return undefined;
  const passage = shown(searchedText(message.text, message.files), query);
  return passage && { ...placeOf(message, hit), ...passage };
}

function placeOf(message: RoomMessage, { actor, seq }: Hit): Omit<FoundMessage, "text" | "marks"> {
  const { author, atMs, editedAtMs, replyTo, threadOnly, topic } = message;
  return {
    room: actor.slice("room/".length),
    seq,
    author,
    atMs,
    ...(editedAtMs !== undefined && { editedAtMs }),
    ...(replyTo !== undefined && { replyTo }),
    ...(threadOnly && { threadOnly }),
    ...(topic !== undefined && { topic }),
  };
}

function turnOf(
  { turns }: AgentHistory,
  { actor, seq }: Hit,
  { query, reader, topic }: Pick<Asked, "query" | "reader" | "topic">,
): FoundMessage | undefined {
  const turn = turns.find((one) => one.turn === seq);
  const passage = turn && shown(turn.text, query);
  if (turn === undefined || passage === undefined) return undefined;
  const agent = actor.slice("agent/".length);
  const author = turn.role === "user" ? reader : agentOf(agentOfKey(agent));
  if (!fits(query, { ...turn, author, seq }, topic)) return undefined;
  return { agent, seq, author, atMs: turn.atMs, ...passage };
}
