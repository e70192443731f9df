/** What an agent's owner says, and which path of the conversation is shown: what follows an edited message, or is an
 *  answer written anew, is a branch beside what was there, which stays.
 *
 *      say behind a turn, regenerate, branch ──► its newest turns are in memory? ──no──► they are read ──┐
 *                                                         └──yes──► what is owed ends ◄──────────────────┘
 *                                                                   └──► the path is another, in one event
 *
 *  Answers are owed on the path that is shown and on no other: so what a run reads is what people see. */
import {
  beginningsOf,
  childrenOf,
  commonOf,
  conversationIn,
  newestLeaf,
  parentOf,
  pathTo,
  wireLimits,
  type AgentAsked,
  type AgentBranched,
  type AgentEvent,
  type AgentHistory,
  type Branches,
  type CommandOf,
  type ConversationTurn,
  type UploadedPicture,
  type UploadedSound,
  type agentCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { firstPage, lastPage } from "../page.ts";
import { carried } from "../stream.ts";
import { commit, type Coming, type Effects, type Here } from "./effects.ts";
import { endConversation, startNext, tellWaiting } from "./generation.ts";
import { telling } from "./listed.ts";
import { filesSaid, takeFiles } from "./said-files.ts";
import { inMemory, isOnPath, isTurn, pathRead, readPath, shownBehind, type PathTag, type Reading } from "./paths.ts";
import type { AgentState, Job, Kept, Life, Rebased, Uploaded } from "./shape.ts";
import { branchesOf, newestOf, rebased, viewOf } from "./state.ts";
import { wordsOf } from "./titling.ts";

type Command = CommandOf<typeof agentCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Whether no more answers may be owed. */
export const isFull = (life: Life): boolean => life.jobs.length > limits.agentQueueMax;
/** The name of the next answer. */
export const nameOf = (state: AgentState, turn: Here): string => `${turn.self}#${state.generations + 1}`;

/** Turns that were read for a command. */
type Found = readonly ConversationTurn[] | undefined;

/** Its owner says something, at the end of what is shown or behind another turn. */
export function say(state: AgentState, life: Life, command: Of<"say">, turn: Here, found?: Found): Effects {
  const { text, pictures = [], sounds = [], files: ids = [] } = command;
  if (isFull(life)) return [refuse("QUEUE_FULL", undefined, turn.replyTo)];
  if (text === "" && sounds.length === 0 && ids.length === 0)
    return [refuse("BAD_REQUEST", { path: "/text", problem: "must not be empty" }, turn.replyTo)];
  const known = uploaded(life);
  const shown = named(
    pictures,
    known.filter((one): one is UploadedPicture => "width" in one),
  );
  const heard = named(
    sounds,
    known.filter((one): one is UploadedSound => "ms" in one),
  );
  if ("missing" in shown) return [refuse("NOT_FOUND", { picture: shown.missing }, turn.replyTo)];
  if ("missing" in heard) return [refuse("NOT_FOUND", { sound: heard.missing }, turn.replyTo)];
  const taking = takeFiles(state, life, command, turn);
  if (taking !== undefined) return taking;
  const files = filesSaid(life, ids);
  const branches = branchesOf(state, life);
  const parent = command.parent === undefined ? branches.leaf : Math.max(branches.floor, command.parent);
  const said = {
    role: "user" as const,
    text,
    atMs: turn.nowMs,
    ...(shown.all.length > 0 && { pictures: shown.all }),
    ...(heard.all.length > 0 && { sounds: heard.all }),
    ...(files.length > 0 && { files }),
  };
  if (parent === branches.leaf && parent === state.lastTurn)
    return ask(state, turn, [{ event: { type: "said", turn: { turn: parent + 1, ...said } } }], parent + 1);
  const base = baseFor(state, life, command, turn, { end: parent, found });
  if ("effects" in base) return base.effects;
  const isOwed = life.jobs.some(({ source }) => source.type === "conversation" && source.turn === parent);
  const isAfterAnswer =
    parent === branches.floor || parent === branches.leaf || isOwed || isLast(base.turns, parent, "assistant");
  if (!isAfterAnswer) return [refuse("NOT_FOUND", { parent }, turn.replyTo)];
  const common = commonOf(branches, parent, branches.leaf);
  const { after, effects } =
    parent === branches.leaf ? { after: state, effects: [] } : endConversation(state, turn, common);
  const number = after.lastTurn + 1;
  const fork = { turn: number, parent };
  const branched = { parent: common, leaf: number + 1, fork, ...base.recent };
  const coming = rebasing(after, branched, turn);
  const event: AgentEvent = { type: "said", turn: { turn: number, parent, ...said } };
  return [...effects, ...ask(after, turn, [coming, { event }], number)];
}

const isLast = (turns: readonly ConversationTurn[], number: number, role: ConversationTurn["role"]): boolean =>
  turns.at(-1)?.turn === number && turns.at(-1)?.role === role;

/** What a message names of what is there, each once, with what its owner says of it. */
function named<One extends Uploaded>(
  asked: readonly { readonly hash: string; readonly text?: string }[],
  known: readonly One[],
): { readonly all: (One & { readonly text: string })[] } | { readonly missing: string } {
  const all = new Map<string, One & { readonly text: string }>();
  for (const { hash, text = "" } of asked) {
    const found = known.find((one) => one.hash === hash);
    if (found === undefined) return { missing: hash };
    if (!all.has(hash)) all.set(hash, { ...factsOf(found), text });
  }
  return { all: [...all.values()] };
}

/** What is there for a message to show. */
export const uploaded = ({ uploads = [], pictures = [] }: Life): readonly Kept[] => [...pictures, ...uploads];

/** How many more pictures and sounds of messages it would keep. */
export const roomIn = ({ pictures = [] }: Life): number => Math.max(0, limits.agentPicturesMax - pictures.length);

/** What something is, without the recall that brought it. */
export function factsOf<One extends Uploaded>(kept: One): One {
  const { recall: _recall, ...facts } = kept as Kept;
  return facts as One;
}

/** What the path to a turn has of newest turns, for a command that goes on behind it: as they are in memory, or as they
 *  were read. Else they are read, or the command is refused. */
function baseFor(
  state: AgentState,
  life: Life,
  command: Reading,
  turn: Here,
  { end, found }: { readonly end: number; readonly found: Found },
):
  | { readonly effects: Effects }
  | { readonly turns: readonly ConversationTurn[]; readonly recent: Pick<Rebased, "recent"> } {
  const branches = branchesOf(state, life);
  if (end > branches.last) return { effects: [refuse("NOT_FOUND", { turn: end }, turn.replyTo)] };
  const reached = limitReached(branches, end);
  if (reached !== undefined) return { effects: [refuse("LIMIT_REACHED", reached, turn.replyTo)] };
  const known = inMemory(state, life, end);
  if (known !== undefined) return { turns: known, recent: {} };
  if (found !== undefined) {
    const turns = upToDate(branches, life, end, found);
    return { turns, recent: { recent: newestOf(turns) } };
  }
  return { effects: readPath(state, { command, leaf: end, before: end + 1, wanted: limits.agentRecentTurns }, turn) };
}

/** What was read of the path to a turn, with what came there meanwhile. */
function upToDate(
  branches: Branches,
  { recent }: Life,
  end: number,
  found: readonly ConversationTurn[],
): readonly ConversationTurn[] {
  const common = commonOf(branches, end, branches.leaf);
  const known = recent.filter(({ turn }) => turn <= common);
  const numbers = new Set(known.map(({ turn }) => turn));
  return [...found.filter(({ turn }) => !numbers.has(turn)), ...known].toSorted((one, other) => one.turn - other.turn);
}

/** The limit that keeps a turn from being followed by one more; undefined: there is room. What only goes on where it
 *  was left is no branch. */
function limitReached(branches: Branches, end: number): Readonly<Record<string, number>> | undefined {
  const { agentBranchesMax, agentForksMax, agentSiblingsMax } = limits;
  if (branches.forks.length >= agentForksMax) return { agentForksMax };
  const siblings = childrenOf(branches, end).length;
  if (siblings >= agentSiblingsMax) return { agentSiblingsMax };
  return siblings > 0 && beginningsOf(branches).length >= agentBranchesMax ? { agentBranchesMax } : undefined;
}

/** The event by which another path is shown. Nodes of versions before pass over it. */
function rebasing(state: AgentState, branched: Rebased, turn: Here): Coming {
  const after = rebased(state, branched);
  const { recent: _recent, ...told } = branched;
  const turns = state.life === null ? [] : shownBehind(state.life, branched.parent);
  const event: AgentEvent = { type: "withdrawn", recall: "", through: 0, turns: [...turns], branched: told };
  const carrier = after.life === null ? event : { type: "updated" as const, view: viewOf(after, after.life, turn.key) };
  return { event: carried<AgentEvent>(carrier, event), branched };
}

/** What a title is made of, until there is a better one: what was said, or the first file. */
const titleSource = (said: Pick<ConversationTurn, "text" | "files"> | undefined): string =>
  said === undefined || said.text !== "" ? (said?.text ?? "") : (said.files?.[0]?.name ?? "");

/** What the list of conversations is told of it: the first words are the title, until there is a better one. */
function saidFirst({ lastTurn, turnFloor }: AgentState, coming: readonly Coming[], { nowMs }: Here) {
  const said = coming.map(({ event }) => event).find((event) => event.type === "said");
  const words = lastTurn === turnFloor ? wordsOf(titleSource(said?.turn)) : "";
  return { usedAtMs: nowMs, ...(words !== "" && { title: words }) };
}

/** Adds a job for the answer to what is said, and starts it if nothing else is being written. */
function ask(state: AgentState, turn: Here, coming: readonly Coming[], number: number): Effects {
  const generation = nameOf(state, turn);
  const job: Job = { generation, attempt: 0, source: { type: "conversation", turn: number + 1 } };
  const tells = state.life === null ? [] : telling(state, state.life, saidFirst(state, coming, turn), turn);
  // Of a conversation this is mail, which rides on what is said.
  const isMail = conversationIn(turn.key) !== undefined;
  const { event: _event, ...rides } = (isMail ? tells[0] : undefined) ?? { event: undefined };
  const said = coming.map((one, index) => (index === coming.length - 1 ? { ...one, ...rides, job } : one));
  const { after, effects } = commit(state, turn, [...(isMail ? [] : tells), ...said]);
  const asked: AgentAsked = { turn: number, generation };
  return [...effects, ...startNext(after, turn), ...tellWaiting(after), reply(asked, turn.replyTo)];
}

/** Another answer to the same, beside the one that was there. */
export function regenerate(
  state: AgentState,
  life: Life,
  command: Of<"regenerate">,
  turn: Here,
  found?: Found,
): Effects {
  const [owed, ...more] = life.jobs.flatMap(({ source }) => (source.type === "conversation" ? [source.turn] : []));
  // An answer that was just stopped has not ended yet.
  const isStopping = turn.notes.run?.stopping === true && more.length === 0;
  if (owed !== undefined && !isStopping) return [refuse("ALREADY_DONE", undefined, turn.replyTo)];
  const number = command.turn ?? owed ?? life.recent.findLast(({ role }) => role === "assistant")?.turn;
  const branches = branchesOf(state, life);
  if (number === undefined || !isTurn(branches, number)) return [refuse("NOT_FOUND", undefined, turn.replyTo)];
  if (isFull(life)) return [refuse("QUEUE_FULL", undefined, turn.replyTo)];
  const parent = parentOf(branches, number);
  const base = baseFor(state, life, command, turn, { end: parent, found });
  if ("effects" in base) return base.effects;
  if (!isLast(base.turns, parent, "user")) return [refuse("NOT_FOUND", { turn: number }, turn.replyTo)];
  const { after, effects } = endConversation(state, turn);
  const anew = after.lastTurn + 1;
  const common = commonOf(branches, parent, branches.leaf);
  const branched = { parent: common, leaf: anew, fork: { turn: anew, parent }, ...base.recent };
  const generation = nameOf(after, turn);
  const job: Job = { generation, attempt: 0, source: { type: "conversation", turn: anew }, isAnew: true };
  const { after: begun, effects: shown } = commit(after, turn, [{ ...rebasing(after, branched, turn), job }]);
  return [
    ...effects,
    ...shown,
    ...startNext(begun, turn),
    ...tellWaiting(begun),
    reply({ turn: anew, generation } satisfies AgentAsked, turn.replyTo),
  ];
}

/** Shows the newest branch that has a turn. */
export function branch(state: AgentState, life: Life, command: Of<"branch">, turn: Here, found?: Found): Effects {
  const branches = branchesOf(state, life);
  if (!isTurn(branches, command.turn)) return [refuse("NOT_FOUND", { turn: command.turn }, turn.replyTo)];
  const leaf = isOnPath(branches, command.turn) ? branches.leaf : newestLeaf(branches, command.turn);
  const answer: AgentBranched = { leaf };
  if (leaf === branches.leaf) return [reply(answer, turn.replyTo)];
  if (found === undefined)
    return readPath(state, { command, leaf, before: leaf + 1, wanted: limits.agentRecentTurns }, turn);
  const { after, effects } = endConversation(state, turn);
  const branched = { parent: commonOf(branches, leaf, branches.leaf), leaf, recent: newestOf(found) };
  const { after: now, effects: shown } = commit(after, turn, [rebasing(after, branched, turn)]);
  return [...effects, ...shown, ...startNext(now, turn), reply(answer, turn.replyTo)];
}

/** A page of the path that is shown, or of another one. */
export function history(state: AgentState, life: Life, command: Of<"history">, turn: Here, found?: Found): Effects {
  const limit = command.limit ?? wireLimits.pageEntriesDefault;
  if (found !== undefined) {
    const page = firstPage(found.toReversed(), limit);
    const told: AgentHistory = { turns: page.toReversed(), more: page.length < found.length };
    return [reply(told, turn.replyTo)];
  }
  const branches = branchesOf(state, life);
  const { of = branches.leaf } = command;
  const isShown = of === branches.leaf || isOnPath(branches, of);
  if (of !== branches.leaf && !isTurn(branches, of)) return [reply({ turns: [], more: false }, turn.replyTo)];
  const leaf = isShown ? branches.leaf : newestLeaf(branches, of);
  const to = Math.min(command.before ?? Infinity, leaf + 1);
  const inHand = isShown ? life.recent.filter((one) => one.turn < to) : [];
  const first = pathTo(branches, leaf).at(-1)?.from;
  const reachesStart = inHand.length > limit || first === undefined || life.recent[0]?.turn === first;
  if (isShown && reachesStart) {
    const turns = lastPage(inHand, limit);
    return [reply({ turns, more: turns.length < inHand.length } satisfies AgentHistory, turn.replyTo)];
  }
  return readPath(state, { command, leaf, before: to, wanted: limit + 1 }, turn);
}

/** A command goes on when what it needs was read. */
export function onPath(
  state: AgentState,
  life: Life,
  tag: PathTag,
  records: readonly ActorRecord[],
  turn: Here,
): Effects {
  const read = pathRead(state, tag, records);
  if ("effects" in read) return read.effects;
  const { command, to } = tag;
  const here: Here = { ...turn, ...(to !== undefined && { replyTo: to }) };
  switch (command.type) {
    case "say":
      return say(state, life, command, here, read.turns);
    case "regenerate":
      return regenerate(state, life, command, here, read.turns);
    case "branch":
      return branch(state, life, command, here, branchRead(state, life, tag, read.turns));
    case "history":
      return history(state, life, command, here, read.turns);
  }
}

/** What was read for a branch is of it still: it may have gone on. Else it is read once more. */
function branchRead(
  state: AgentState,
  life: Life,
  { command, leaf }: PathTag,
  turns: readonly ConversationTurn[],
): Found {
  const isStill = command.type === "branch" && newestLeaf(branchesOf(state, life), command.turn) === leaf;
  return isStill ? turns : undefined;
}
