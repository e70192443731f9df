/** Turns of a conversation that a backup brings back: new turns behind the newest, each marked with what it was.
 *
 *  The model reads them where they stand now. Nothing is answered anew. The agent knows of each recall up to which old
 *  turn it has brought them: they come in their order, so none comes twice. */
import { beginningsOf, parentOf } from "../../protocols/index.ts";
import type {
  AgentEntries,
  AgentEvent,
  AgentRestored,
  AgentWithdrawn,
  CommandOf,
  ConversationTurn,
  agentCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { firstPage } from "../page.ts";
import { commit, type Effects, type Here } from "./effects.ts";
import { branchesOf, turnKey } from "./state.ts";
import type { AgentState, Life } from "./shape.ts";

type Command = CommandOf<typeof agentCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Tag of a read for a recall: to compare, or to take back. */
export type RestoringTag =
  | { readonly type: "entries"; readonly limit: number; readonly to: ReplyTo | undefined }
  | {
      readonly type: "withdraw";
      readonly recall: string;
      readonly through: number;
      readonly more: boolean;
      readonly to: ReplyTo | undefined;
    };

/** What makes an agent anew as it was in a state: its instructions; undefined: there was none. */
export function settingsOf(state: unknown): Pick<Life, "persona" | "model" | "sampling" | "tools"> | undefined {
  const life = (state as AgentState | undefined)?.life;
  if (life === null || life === undefined) return undefined;
  const { persona, model, sampling, tools } = life;
  return { persona, model, sampling, ...(tools !== undefined && { tools }) };
}

/** What a state has of a conversation beside its turns: how it was called, and its own model. */
export function namedIn(state: unknown): { readonly title?: string; readonly model?: string } {
  const { title = "", ownModel = false, model = "" } = (state as AgentState | undefined)?.life ?? {};
  return { ...(title !== "" && { title }), ...(ownModel && model !== "" && { model }) };
}

/** What the node asks that recalls. Errors: BAD_REQUEST, NOT_FOUND. */
export function recalled(
  state: AgentState,
  life: Life,
  message: Of<"entries" | "restore" | "withdraw">,
  turn: Here,
): Effects {
  if (message.type === "entries") return entries(state, message, turn);
  if (message.type === "restore") return restore(state, life, message, turn);
  return withdraw(life, message.recall, turn);
}

/** Reads turns by their numbers. */
function entries(state: AgentState, { from, limit }: Of<"entries">, turn: Here): Effects {
  const start = Math.max(from, state.turnFloor + 1);
  const tag: RestoringTag = { type: "entries", limit, to: turn.replyTo };
  return [{ type: "read", range: { from: turnKey(start), to: turnKey(state.lastTurn + 1), limit: limit + 1 }, tag }];
}

/** The turns arrived. */
export function entriesRead(
  state: AgentState,
  tag: Extract<RestoringTag, { type: "entries" }>,
  records: readonly ActorRecord[],
): Effects {
  const found = records.map(({ value }) => value as ConversationTurn);
  const turns = firstPage(found, tag.limit);
  return [reply({ turns, more: turns.length < found.length, floor: state.turnFloor } satisfies AgentEntries, tag.to)];
}

/** Adds turns that a recall brings and has not brought yet. Error: BAD_REQUEST (the recall was withdrawn). */
function restore(state: AgentState, life: Life, command: Of<"restore">, turn: Here): Effects {
  const { recall, snapshot, backupAtMs } = command;
  const known = life.recalls?.find(({ id }) => id === recall);
  if (known?.withdrawn !== undefined)
    return [refuse("BAD_REQUEST", { field: "recall", reason: "this recall was withdrawn" })];
  const made: ConversationTurn[] = [];
  const follows = followed(state, life, recall, made);
  for (const { parent: before, ...was } of command.turns.filter((one) => one.turn > (known?.through ?? 0))) {
    const number = state.lastTurn + 1 + made.length;
    const parent = follows(before ?? was.turn - 1);
    made.push({
      ...was,
      turn: number,
      ...(parent !== number - 1 && { parent }),
      atMs: turn.nowMs,
      restored: { recall, snapshot, backupAtMs, seq: was.turn, atMs: was.atMs },
    });
  }
  const answer: AgentRestored = { restored: made.map((one) => [one.restored?.seq ?? 0, one.turn] as const) };
  if (made.length === 0) return [reply(answer)];
  const leaf = goneOn(state, life, recall, made);
  const event: AgentEvent = { type: "restored", recall, turns: made, ...(leaf !== undefined && { leaf }) };
  return [...commit(state, turn, [{ event }]).effects, reply(answer)];
}

/** The end of the path on which the owner went on since the recall began, where what comes now is beside it. */
function goneOn(
  state: AgentState,
  life: Life,
  recall: string,
  [first]: readonly ConversationTurn[],
): number | undefined {
  const known = life.recalls?.find(({ id }) => id === recall);
  const { leaf } = branchesOf(state, life);
  const isBeside = first !== undefined && (first.parent ?? first.turn - 1) !== leaf;
  return known !== undefined && leaf !== known.last && isBeside ? leaf : undefined;
}

/** What the next turn follows, by the number that this had in the backup. What is not known any more it follows in
 *  the order of numbers: so do those for whose branches there is no room. */
function followed(
  state: AgentState,
  life: Life,
  recall: string,
  made: readonly ConversationTurn[],
): (before: number) => number {
  const branches = branchesOf(state, life);
  const known = life.recalls?.find(({ id }) => id === recall);
  const root = known === undefined ? branches.leaf : parentOf(branches, known.first);
  const came = life.recent.filter(({ restored }) => restored?.recall === recall);
  const { agentBranchesMax, agentForksMax } = limits;
  const room = Math.min(agentBranchesMax - beginningsOf(branches).length, agentForksMax - branches.forks.length);
  return (before) => {
    const last = made.at(-1)?.turn;
    const left = room - made.filter(({ parent }) => parent !== undefined).length;
    const inOrder = last ?? (known === undefined ? branches.leaf : state.lastTurn);
    if (left <= 0) return last ?? state.lastTurn;
    if (before === 0) return root;
    return [...came, ...made].find(({ restored }) => restored?.seq === before)?.turn ?? inOrder;
  };
}

/** Removes what a recall brought, some of it at a time. Error: NOT_FOUND. */
function withdraw(life: Life, recall: string, turn: Here): Effects {
  const known = life.recalls?.find(({ id }) => id === recall);
  if (known === undefined) return [refuse("NOT_FOUND", { recall })];
  const from = Math.max(known.first, (known.withdrawn ?? 0) + 1);
  const through = Math.min(known.last, from + limits.roomWithdrawnAtOnce - 1);
  if (from > through) return [reply({ removed: 0, more: false } satisfies AgentWithdrawn)];
  const tag: RestoringTag = { type: "withdraw", recall, through, more: through < known.last, to: turn.replyTo };
  return [{ type: "read", range: { from: turnKey(from), to: turnKey(through + 1), limit: through + 1 - from }, tag }];
}

/** The turns arrived: those that the recall brought go, whatever was forgotten meanwhile. */
export function withdrawRead(
  state: AgentState,
  tag: Extract<RestoringTag, { type: "withdraw" }>,
  records: readonly ActorRecord[],
  turn: Here,
): Effects {
  const { recall, through, more, to } = tag;
  if (state.life === null) return [refuse("NOT_FOUND", { recall }, to)];
  const turns = records
    .map(({ value }) => value as ConversationTurn)
    .filter((one) => one.restored?.recall === recall && one.turn > state.turnFloor)
    .map((one) => one.turn);
  const event: AgentEvent = { type: "withdrawn", recall, through, turns };
  return [
    ...commit(state, turn, [{ event }]).effects,
    reply({ removed: turns.length, more } satisfies AgentWithdrawn, to),
  ];
}

/** Old events as somebody reads them now: without what was taken back since. */
export const withoutWithdrawn =
  ({ life }: AgentState) =>
  (stored: unknown): unknown => {
    const event = stored as AgentEvent;
    if (event.type !== "restored") return event;
    const withdrawn = life?.recalls?.find(({ id }) => id === event.recall)?.withdrawn ?? 0;
    return { ...event, turns: event.turns.filter(({ turn }) => turn > withdrawn) };
  };
