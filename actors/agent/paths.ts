/** Which turns are on a path, and how they come from the disk where memory has other ones.
 *
 *      memory:  the newest turns of the path that is shown              disk:  all turns, by number
 *
 *  The model reads what is in memory, so another path is shown only when its newest turns are there. A path to a turn
 *  never changes, but that the conversation is forgotten: so it may be read a stretch at a time, while others come. */
import {
  commonOf,
  hasTurn,
  pathTo,
  type Branches,
  type CommandOf,
  type ConversationTurn,
  type agentCommands,
} from "../../protocols/index.ts";
import type { ActorRecord, ReplyTo } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Effects, Here } from "./effects.ts";
import type { AgentState, Life } from "./shape.ts";
import { branchesOf, turnKey } from "./state.ts";

type Command = CommandOf<typeof agentCommands>;

/** The commands that may need turns which are not in memory. */
export type Reading = Extract<Command, { type: "say" | "regenerate" | "branch" | "history" }>;

/** Tag of a read of a path. */
export interface PathTag {
  readonly type: "path";
  readonly command: Reading;
  readonly leaf: number;
  /** What is read has smaller numbers. */
  readonly before: number;
  readonly wanted: number;
  /** What was read, the newest first. */
  readonly found: readonly ConversationTurn[];
  readonly to: ReplyTo | undefined;
}

/** Reads the newest turns of a path. */
export const readPath = (
  state: AgentState,
  asked: Pick<PathTag, "command" | "leaf" | "before" | "wanted">,
  { replyTo }: Here,
): Effects => readOn(state, { type: "path", ...asked, found: [], to: replyTo }) ?? [];

/** The next read; undefined: all is there that was wanted. */
function readOn(state: AgentState, tag: PathTag): Effects | undefined {
  const { life } = state;
  const left = tag.wanted - tag.found.length;
  if (life === null || left <= 0) return undefined;
  const stretch = pathTo(branchesOf(state, life), tag.leaf).find(({ from }) => from < tag.before);
  if (stretch === undefined) return undefined;
  const end = Math.min(stretch.through + 1, tag.before);
  const range = { from: turnKey(stretch.from), to: turnKey(end), limit: left, reverse: true };
  return [{ type: "read", range, tag }];
}

/** Records of a path arrived: what was found, or that more is read. */
export function pathRead(
  state: AgentState,
  tag: PathTag,
  records: readonly ActorRecord[],
): { readonly effects: Effects } | { readonly turns: readonly ConversationTurn[] } {
  const came = records.map(({ value }) => value as ConversationTurn);
  const left = tag.wanted - tag.found.length;
  const branches = state.life === null ? undefined : branchesOf(state, state.life);
  const path = branches === undefined ? [] : pathTo(branches, tag.leaf);
  const stretch = path.find(({ from }) => from < tag.before);
  const before = came.length < left ? (stretch?.from ?? 0) : (came.at(-1)?.turn ?? 0);
  const next = { ...tag, found: [...tag.found, ...came], before };
  const effects = readOn(state, next);
  if (effects !== undefined) return { effects };
  // Forgotten while the disk answered: then it is not shown any more.
  const floor = state.turnFloor;
  return { turns: next.found.filter(({ turn }) => turn > floor).toReversed() };
}

/** The newest turns of the path to a turn, as far as a model may want them; undefined: memory has too few. */
export function inMemory(state: AgentState, life: Life, end: number): readonly ConversationTurn[] | undefined {
  const branches = branchesOf(state, life);
  if (end <= branches.floor) return [];
  if (end !== branches.leaf && commonOf(branches, end, branches.leaf) !== end) return undefined;
  const turns = life.recent.filter(({ turn }) => turn <= end);
  const first = pathTo(branches, end).at(-1)?.from;
  const chars = turns.reduce((sum, { text }) => sum + text.length, 0);
  const isEnough = turns.length >= limits.contextLinesMax || chars >= limits.contextChars;
  return turns[0]?.turn === first || isEnough || end === branches.leaf ? turns : undefined;
}

/** The newest turns of the path that is shown, from a turn on. */
export const shownBehind = ({ recent }: Life, turn: number): readonly number[] =>
  recent.filter((one) => one.turn > turn).map((one) => one.turn);

/** Whether a number is of a turn. */
export const isTurn = ({ floor, last }: Branches, turn: number): boolean => turn > floor && turn <= last;

/** Whether the path that is shown has a turn. */
export const isOnPath = (branches: Branches, turn: number): boolean => hasTurn(pathTo(branches, branches.leaf), turn);
