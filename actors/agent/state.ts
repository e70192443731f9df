/** An agent's state and how events change it.
 *
 *      jobs:  [ being written | waiting | waiting … ]      a job ends with `answered` or `roomAnswered`
 *
 *  Numbers of the conversation are given out when somebody speaks: the input takes one, its answer the next. So inputs
 *  may wait while an answer is written, and everything stands in the order it was asked. */
import {
  agentTools,
  hasTurn,
  pathTo,
  unreachable,
  wireLimits,
  withFork,
  type ActorId,
  type AgentEvent,
  type AgentView,
  type Branches,
  type ConversationTurn,
  type Fork,
  type ToolRound,
} from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { deliver, emptyOutbox, enqueue } from "../outbox.ts";
import { eventKey, eventRecords, padded } from "../stream.ts";
import { roundChars } from "./rounds.ts";
import { withStored } from "./stored-state.ts";
import { addUsage, type Used } from "./usage.ts";
import type {
  AgentChange,
  AgentState,
  Arranged,
  Job,
  Life,
  Rebased,
  RoomSummary,
  ShownFile,
  Span,
  Uploaded,
} from "./shape.ts";

/** An agent nobody has created. */
export const initial: AgentState = {
  head: 0,
  outbox: emptyOutbox,
  generations: 0,
  lastTurn: 0,
  turnFloor: 0,
  eventFloor: 0,
  turnsErased: 0,
  eventsErased: 0,
  life: null,
};

/** Record key of a turn of the conversation. */
export const turnKey = (turn: number): string => `turn/${padded(turn)}`;

/** Folds one change into the state. */
export const evolve = (state: AgentState, change: AgentChange): AgentState =>
  withStored(state, change, evolveAgent(state, change));

function evolveAgent(state: AgentState, change: AgentChange): AgentState {
  switch (change.type) {
    case "created":
      return change.event.type === "updated" ? bear(state, change.at, change.event.view) : state;
    case "happened": {
      const based = change.branched === undefined ? state : rebased(state, change.branched);
      const asked = change.job === undefined ? based : withJob(based, change.job);
      const { used, measure, condensed, filed, asksFiles } = change;
      const counted = withLife(arranged(asked, change), ({ usage, roomSummaries, files = [] }) => ({
        ...(used !== undefined && { usage: addUsage(usage, used) }),
        ...(measure !== undefined && { measure }),
        ...(filed !== undefined && { files: withFiled(files, filed) }),
        ...(asksFiles && { filesAt: change.at }),
        ...(condensed !== undefined && { roomSummaries: withSummary(roomSummaries, condensed) }),
      }));
      const evolved = evolveEvent(counted, change.event, change.at, { round: change.round, used });
      const forgets = forgetsTitle(state, change) && { eventFloor: change.at - 1 };
      return { ...evolved, head: change.at, outbox: enqueue(state.outbox, change.mail), ...forgets };
    }
    case "owed":
      return withJob(state, change.job);
    case "attached": {
      const { picture, recall } = change;
      // As old as what it belongs to: whatever is shown from now on takes its place first.
      if (recall !== undefined)
        return withLife(state, ({ pictures = [] }) => ({ pictures: [{ ...picture, recall }, ...pictures] }));
      return withLife(state, ({ uploads = [] }) => ({
        uploads: [...uploads.filter(({ hash }) => hash !== picture.hash), picture].slice(-limits.agentUploadsMax),
      }));
    }
    case "wrote":
      return withLife(state, ({ jobs }) => ({
        jobs: jobs.map((job) => (job.generation === change.generation ? withText(job, change) : job)),
      }));
    case "erased":
      return { ...state, turnsErased: change.turns.through, eventsErased: change.events.through };
    case "delivered": {
      const { next } = change;
      const left = deliver(state.outbox, change.id);
      if (next === undefined) return { ...state, outbox: left };
      return { ...withLife(state, () => ({ behind: next.behind })), outbox: enqueue(left, next.mail) };
    }
    default:
      return unreachable(change);
  }
}

/** Whether a conversation goes from the list, or its title from its row. What events before it have of that goes, too:
 *  a title is words that were said. */
const forgetsTitle = ({ life }: AgentState, { listed, unlisted }: Arranged): boolean =>
  unlisted !== undefined ||
  (listed?.title === "" &&
    life?.conversations?.some((one) => one.number === listed.number && one.title !== "") === true);

/** The list of conversations, and the title and the model of this one, after a change. */
function arranged(
  state: AgentState,
  { listed, unlisted, titled, titleTries, title, ownModel, opening }: Arranged,
): AgentState {
  const numbered = listed !== undefined && listed.number > (state.conversations ?? 0);
  const counted = numbered ? { ...state, conversations: listed.number } : state;
  return withLife(counted, ({ conversations = [] }) => {
    const others = conversations.filter(({ number }) => number !== (listed?.number ?? unlisted));
    return {
      ...(listed !== undefined && { conversations: [listed, ...others] }),
      ...(unlisted !== undefined && { conversations: others }),
      ...(titled !== undefined && { titled }),
      ...(titleTries !== undefined && { titleTries }),
      ...(title !== undefined && { title }),
      ...(ownModel !== undefined && { ownModel }),
      ...(opening !== undefined && { opening }),
    };
  });
}

function bear(state: AgentState, head: number, view: AgentView): AgentState {
  const { persona, model, sampling, createdAtMs } = view;
  return { ...state, head, life: { persona, model, sampling, createdAtMs, recent: [], jobs: [] } };
}

const withLife = (state: AgentState, change: (life: Life) => Partial<Life>): AgentState =>
  state.life === null ? state : { ...state, life: { ...state.life, ...change(state.life) } };

const withJob = (state: AgentState, job: Job): AgentState => ({
  ...withLife(state, ({ jobs }) => ({ jobs: [...jobs, job] })),
  generations: state.generations + 1,
});

function evolveEvent(state: AgentState, event: AgentEvent, at: number, called: Called): AgentState {
  switch (event.type) {
    case "updated": {
      const { persona, model, sampling, tools, summary } = event.view;
      return withLife(state, () => ({
        persona,
        model,
        sampling,
        ...(tools !== undefined && { tools }),
        ...(summary !== undefined && { summary }),
      }));
    }
    case "said": {
      const answer = event.turn.turn + 1;
      return {
        ...withLife(state, (life) => ({
          recent: withTurn(life.recent, event.turn),
          ...shown(life, event.turn),
          ...(life.leaf !== undefined && { leaf: answer }),
        })),
        lastTurn: answer,
      };
    }
    case "restored":
      return cameBack(state, event);
    case "withdrawn":
      return withLife(state, ({ recent, recalls = [], pictures }) => ({
        recent: recent.filter(({ turn }) => !event.turns.includes(turn)),
        ...(pictures && { pictures: pictures.filter(({ recall }) => recall !== event.recall) }),
        recalls: recalls.map((one) => (one.id === event.recall ? { ...one, withdrawn: event.through } : one)),
      }));
    case "generationStarted":
      return withLife(state, ({ jobs }) => ({
        jobs: jobs.map((job) => (job.generation === event.generation ? begun(job, event, called) : job)),
      }));
    case "answered":
      return withLife(state, (life) => ({
        // What is on another path is read when that is shown.
        recent: isShown(state, life, event.turn.turn) ? withTurn(life.recent, event.turn) : life.recent,
        jobs: life.jobs.filter(({ generation }) => generation !== event.generation),
      }));
    case "roomAnswered":
      return withLife(state, ({ jobs }) => ({
        jobs: jobs.filter(({ generation }) => generation !== event.generation),
      }));
    case "cleared":
      return {
        ...withLife(unbranched(unsaid(state)), ({ jobs }) => ({
          recent: [],
          summary: null,
          summariesAside: [],
          pictures: [],
          uploads: [],
          files: [],
          jobs: jobs.filter(({ source }) => source.type === "room"),
        })),
        turnFloor: state.lastTurn,
        eventFloor: at - 1,
      };
    case "deleted":
      return { ...state, life: null, turnFloor: state.lastTurn, eventFloor: at - 1 };
    default:
      return unreachable(event);
  }
}

/** What there is beside the path that is shown. */
export const branchesOf = (state: AgentState, { forks = [], leaf = state.lastTurn }: Life): Branches => ({
  forks,
  leaf,
  floor: state.turnFloor,
  last: state.lastTurn,
});

/** Whether a turn is on the path that is shown. */
function isShown(state: AgentState, life: Life, turn: number): boolean {
  const branches = branchesOf(state, life);
  return life.forks === undefined || hasTurn(pathTo(branches, branches.leaf), turn);
}

/** Another path is shown. What was summed up is read on, where that path has all of it. */
export function rebased(state: AgentState, { parent, leaf, fork, recent }: Rebased): AgentState {
  return {
    ...withLife(state, (life) => {
      const forks = withFork(life.forks ?? [], fork);
      return {
        leaf,
        forks,
        recent: recent ?? life.recent.filter(({ turn }) => turn <= parent),
        ...summariesAt(life, pathTo({ forks, floor: state.turnFloor }, leaf)),
      };
    }),
    lastTurn: Math.max(state.lastTurn, fork?.turn ?? 0),
  };
}

/** The summary that goes furthest on a path, and the others aside. A path to a turn never changes, so one that ends on
 *  this path is of this path alone. */
function summariesAt(
  { summary, summariesAside = [] }: Life,
  path: ReturnType<typeof pathTo>,
): Pick<Life, "summary" | "summariesAside"> {
  const all = [...(summary ? [summary] : []), ...summariesAside];
  if (all.length === 0) return {};
  const own = all.filter(({ through }) => hasTurn(path, through));
  const furthest = own.reduce<(typeof own)[number] | undefined>(
    (best, one) => (best === undefined || one.through > best.through ? one : best),
    undefined,
  );
  const aside = all.filter((one) => one !== furthest).slice(0, limits.agentSummariesAsideMax);
  return { summary: furthest ?? null, summariesAside: aside };
}

const noTurns: readonly ConversationTurn[] = [];

/** As many of the newest turns as memory has room for. */
export const newestOf = (turns: readonly ConversationTurn[]): readonly ConversationTurn[] =>
  turns.reduce(withTurn, noTurns);

/** What was said is forgotten, a title that was made of it with it, and that there were files. */
function unsaid(state: AgentState): AgentState {
  if (state.life === null) return state;
  const { titled: _titled, titleTries: _tries, title: _title, filesAt: _at, ...life } = state.life;
  return { ...state, life };
}

function unbranched(state: AgentState): AgentState {
  if (state.life === null) return state;
  const { forks: _forks, leaf: _leaf, ...life } = state.life;
  return { ...state, life };
}

/** Turns came back from a backup, behind the path that is shown. They have the branches that they had. */
function cameBack(state: AgentState, event: Extract<AgentEvent, { type: "restored" }>): AgentState {
  const numbers = event.turns.map(({ turn }) => turn);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const through = Math.max(...event.turns.map(({ restored }) => restored?.seq ?? 0));
  const came = event.turns.flatMap(({ turn, parent }): readonly Fork[] =>
    parent === undefined ? [] : [{ turn, parent }],
  );
  const after = {
    ...withLife(state, ({ recalls = [], forks = [], leaf }) => {
      const known = recalls.find(({ id }) => id === event.recall);
      const now = { id: event.recall, through, first: known?.first ?? first, last };
      const others = recalls.filter(({ id }) => id !== event.recall);
      const isBranched = leaf !== undefined || came.length > 0;
      return {
        recalls: [...others, now].slice(-limits.roomRecallsKept),
        ...(isBranched && { leaf: event.leaf ?? last, forks: came.reduce(withFork, forks) }),
      };
    }),
    lastTurn: last,
  };
  return withLife(after, (life) => {
    const areShown = (turns: readonly ConversationTurn[]) => turns.filter(({ turn }) => isShown(after, life, turn));
    return { recent: areShown(event.turns).reduce(withTurn, areShown(life.recent)) };
  });
}

/** What was uploaded goes from what is ready to what was shown. */
function shown({ uploads = [], pictures = [] }: Life, turn: ConversationTurn): Partial<Life> {
  if (turn.pictures === undefined && turn.sounds === undefined) return {};
  const named: readonly Uploaded[] = [
    ...(turn.pictures ?? []).map(({ hash, size, format, width, height }) => ({ hash, size, format, width, height })),
    ...(turn.sounds ?? []).map(({ hash, size, format, ms }) => ({ hash, size, format, ms })),
  ];
  const isNamed = ({ hash }: Uploaded): boolean => named.some((one) => one.hash === hash);
  return {
    uploads: uploads.filter((one) => !isNamed(one)),
    pictures: [...pictures.filter((one) => !isNamed(one)), ...named].slice(-limits.agentPicturesMax),
  };
}

const withFiled = (files: readonly ShownFile[], filed: readonly ShownFile[]): readonly ShownFile[] => [
  ...files.filter(({ id }) => !filed.some((one) => one.id === id)),
  ...filed,
];

const withSummary = (known: readonly RoomSummary[] = [], changed: RoomSummary): readonly RoomSummary[] =>
  [...known.filter(({ room, thread }) => room !== changed.room || thread !== changed.thread), changed].slice(
    -limits.roomSummariesMax,
  );

const withText = (job: Job, { offset, text, tokens, stopped }: Extract<AgentChange, { type: "wrote" }>): Job => ({
  ...job,
  ...(stopped && { stopped }),
  soFar: { text: (job.soFar?.text ?? "").slice(0, offset) + text, tokens },
});

/** What a change says of tools beside its event. */
interface Called {
  readonly round: ToolRound | undefined;
  readonly used: Used | undefined;
}

/** Tools were called behind the text so far: it is in the round. */
function begun(
  { soFar, ...job }: Job,
  { attempt, round: told }: Extract<AgentEvent, { type: "generationStarted" }>,
  { round = told, used }: Called,
): Job {
  if (round === undefined) return { ...job, attempt, ...(soFar !== undefined && { soFar }) };
  const took = used === undefined ? 0 : used.promptTokens - used.cachedTokens + used.completionTokens;
  return {
    ...job,
    attempt,
    rounds: [...(job.rounds ?? []), round],
    toolTokens: (job.toolTokens ?? 0) + Math.max(0, took),
    toolMs: (job.toolMs ?? 0) + (used?.ms ?? 0),
  };
}

/** Characters that a turn holds. */
const sizeOf = ({ text, rounds = [], sounds = [] }: ConversationTurn): number =>
  roundChars(rounds) + sounds.reduce((sum, one) => sum + one.text.length, text.length);

/** The turns with one added, or put in place of the one with its number; the oldest go when there are too many. */
function withTurn(recent: readonly ConversationTurn[], turn: ConversationTurn): readonly ConversationTurn[] {
  const turns = [
    ...recent.filter((other) => other.turn < turn.turn),
    turn,
    ...recent.filter((other) => other.turn > turn.turn),
  ];
  let chars = 0;
  let kept = 0;
  for (const one of turns.toReversed()) {
    chars += sizeOf(one);
    if (kept > 0 && (kept >= limits.agentRecentTurns || chars > limits.agentRecentChars)) break;
    kept += 1;
  }
  return turns.slice(-kept);
}

/** What a change does to the records. */
export function record(change: AgentChange): readonly RecordOp[] {
  switch (change.type) {
    case "created":
    case "happened": {
      const { event } = change;
      return [...eventRecords(change), ...turnRecords(event)];
    }
    case "erased":
      return [...deletion(change.turns, turnKey), ...deletion(change.events, eventKey)];
    case "owed":
    case "attached":
    case "wrote":
    case "delivered":
      return [];
    default:
      return unreachable(change);
  }
}

function turnRecords(event: AgentEvent): readonly RecordOp[] {
  if (event.type === "said" || event.type === "answered") return [{ put: turnKey(event.turn.turn), value: event.turn }];
  if (event.type === "restored") return event.turns.map((turn) => ({ put: turnKey(turn.turn), value: turn }));
  return event.type === "withdrawn" ? event.turns.map((turn) => ({ delete: turnKey(turn) })) : [];
}

const deletion = ({ from, through }: Span, keyOf: (number: number) => string): readonly RecordOp[] =>
  through < from ? [] : [{ deleteFrom: keyOf(from), deleteTo: keyOf(through + 1) }];

/** The next piece of the forgotten to delete, or null when all is gone. */
export function erasure(state: AgentState): Extract<AgentChange, { type: "erased" }> | null {
  const trimmed = Math.max(state.eventsErased, Math.min(state.eventFloor, state.head - wireLimits.eventWindow));
  const turns = { from: state.turnsErased + 1, through: until(state.turnsErased, state.turnFloor) };
  const events = { from: trimmed + 1, through: until(trimmed, state.eventFloor) };
  const nothing = turns.through < turns.from && events.through < events.from;
  return nothing ? null : { type: "erased", turns, events };
}

const until = (done: number, floor: number): number => Math.max(done, Math.min(floor, done + limits.erasePerEvent));

/** The user an agent belongs to: the part of its key before the dot. */
export const ownerOf = (key: string): string => key.split(".")[0] ?? "";

/** The agent as its owner sees it. */
export function viewOf(state: AgentState, life: Life, key: string): AgentView {
  const { persona, model, sampling, tools = agentTools, summary, createdAtMs, jobs } = life;
  const turns = state.lastTurn - state.turnFloor;
  const busy = jobs.length > 0;
  const settings = { agent: key, owner: ownerOf(key), persona, model, sampling, tools, createdAtMs };
  return { ...settings, turns, busy, ...(summary && { summary }) };
}

/** The room an answer goes to. */
export const roomActor = (room: string): ActorId => `room/${room}`;
