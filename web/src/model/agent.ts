import type {
  AgentConversation,
  AgentEvent,
  AgentHistory,
  AgentSignal,
  AgentState,
  AgentView,
  AnswerStage,
  Branched,
  Branches,
  ConversationTurn,
  Draft,
  Failure,
  Picture,
  SaidFile,
  Sound,
  ToolRound,
} from "../../../protocols/index.ts";
import { hasTurn, pathTo, withFork } from "../../../protocols/answering/branches.ts";
import { stageWords } from "../../../protocols/answering/words.ts";
import { appendPiece } from "./drafts.ts";
import { waitsForFiles, type PendingPost } from "./room-model.ts";

/** Something the owner said that the conversation has not shown back yet. `afterSeq` counts turns. */
export type PendingSay = Omit<PendingPost, "replyTo" | "seq" | "alsoInRoom"> & {
  readonly pictures?: readonly Picture[];
  readonly sounds?: readonly Sound[];
  /** It waits for the node: until that is there, its author may take it back. */
  readonly held?: true;
  /** Files that the conversation has already. */
  readonly shown?: readonly SaidFile[];
  /** The turn that it follows: an edited message goes beside what it was. Absent: the end of what is shown. */
  readonly parent?: number;
};

/** A look at another branch, which is this page's own: the conversation goes on where it is shown. */
interface Look {
  /** A turn of that branch. When the path that is shown has it, the look is over. */
  readonly of: number;
  readonly turns: readonly ConversationTurn[];
  readonly older: boolean;
}

/** An agent's direct conversation as the page knows it: a window of turns that ends at the newest. */
export interface AgentModel {
  readonly status: "loading" | "ready" | "refused" | "deleted";
  readonly refusal?: Failure;
  readonly view: AgentView | undefined;
  readonly turns: readonly ConversationTurn[];
  /** What there is beside them. */
  readonly branches: Branches;
  /** Of an agent: its conversations. Absent: there is the first alone. */
  readonly conversations?: readonly AgentConversation[];
  /** False once a page of history came back as the last one. */
  readonly older: boolean;
  /** Absent: this page reads the path that is shown. */
  readonly look?: Look;
  readonly pending: readonly PendingSay[];
  /** The answer that is being written. `attempt` counts from 1: above it, a host failed. What there is of the text
   *  comes again, if the answer goes on with it. */
  readonly draft: (Draft & { readonly attempt: number; readonly rounds: readonly ToolRound[] }) | undefined;
  /** The first of the conversation's answers that wait behind others of the agent. */
  readonly behind: AnswerStage | undefined;
  /** The turns that will be answers of this conversation. That the agent is busy may as well be for a room, which says
   *  nothing here. */
  readonly owed: readonly number[];
  /** Answers that ended, the newest of them: a piece of one may come late. */
  readonly ended: readonly string[];
  /** A piece of the draft was missed, or a path is shown that this page does not have: the state must be loaded
   *  anew. */
  readonly gap: boolean;
}

export type AgentInput =
  | { readonly type: "state"; readonly state: AgentState }
  | { readonly type: "event"; readonly event: AgentEvent }
  | { readonly type: "signal"; readonly signal: AgentSignal }
  /** What was asked for before a turn. */
  | { readonly type: "older"; readonly before: number; readonly history: AgentHistory }
  | { readonly type: "looked"; readonly of: number; readonly history: AgentHistory }
  /** The person has gone on with this turn, which will be shown. */
  | { readonly type: "chosen"; readonly turn: number }
  | { readonly type: "lookedAway" }
  | { readonly type: "saying"; readonly say: Omit<PendingSay, "status" | "afterSeq"> }
  /** Said before the page was loaded. */
  | { readonly type: "restored"; readonly says: readonly PendingSay[] }
  | { readonly type: "said"; readonly operationId: string }
  | { readonly type: "sayFailed"; readonly operationId: string; readonly failure: Failure }
  | { readonly type: "retrying"; readonly operationId: string }
  /** The node is away: it waits. */
  | { readonly type: "held"; readonly operationId: string }
  /** The node is there: it is on its way. */
  | { readonly type: "released"; readonly operationId: string }
  | { readonly type: "discarded"; readonly operationId: string }
  /** The files that a message waited for are at the node. */
  | { readonly type: "filesUp"; readonly say: Omit<PendingSay, "status" | "afterSeq"> }
  | { readonly type: "refused"; readonly reason: Failure };

export const emptyAgent: AgentModel = {
  status: "loading",
  view: undefined,
  turns: [],
  branches: { forks: [], leaf: 0, floor: 0, last: 0 },
  older: false,
  pending: [],
  draft: undefined,
  behind: undefined,
  owed: [],
  ended: [],
  gap: false,
};

/** Answers that wait are fewer than this. */
const endedMax = 64;

/** As the node says that it is. */
function fromState(agent: AgentModel, state: Extract<AgentInput, { type: "state" }>["state"]): AgentModel {
  const { conversation, draft, waiting, branches, conversations, ...view } = state;
  const last = Math.max(
    0,
    conversation.at(-1)?.turn ?? 0,
    draft?.turn ?? 0,
    ...(waiting ?? []).map(({ turn }) => turn),
  );
  const { refusal: _, ...rest } = agent;
  return settleLook({
    ...rest,
    status: "ready",
    view,
    turns: conversation,
    // A conversation that was never branched is all turns up to its newest.
    branches: branches ?? { forks: [], leaf: last, floor: Math.max(0, last - view.turns), last },
    ...(conversations && { conversations }),
    older: (conversation[0]?.turn ?? 1) > 1,
    draft: draft === undefined ? undefined : { ...draft, rounds: draft.rounds ?? [], attempt: 1 },
    behind: waiting?.[0],
    owed: [draft, ...(waiting ?? [])].flatMap((one) => one?.turn ?? []),
    gap: false,
  });
}

/** What the conversation looks like after one more input. Pure. */
export function foldAgent(agent: AgentModel, input: AgentInput): AgentModel {
  switch (input.type) {
    case "state":
      return fromState(agent, input.state);
    case "event":
      return settleLook(foldEvent(agent, input.event));
    case "signal":
      return foldSignal(agent, input.signal);
    case "older": {
      const { look } = agent;
      // What comes before a turn is the same on each path that has it.
      return { ...withOlder(agent, input), ...(look && { look: withOlder(look, input) }) };
    }
    case "looked": {
      const { turns, more } = input.history;
      return turns.length === 0 ? agent : settleLook({ ...agent, look: { of: input.of, turns, older: more } });
    }
    case "chosen":
      return agent.look === undefined ? agent : settleLook({ ...agent, look: { ...agent.look, of: input.turn } });
    case "lookedAway":
      return withoutLook(agent);
    case "saying": {
      // A branch that is looked at may have the same words already.
      const after = agent.look === undefined ? agent.turns.at(-1)?.turn : agent.branches.last;
      const say = { ...input.say, status: "waiting", afterSeq: after ?? 0 } as const;
      return { ...agent, pending: [...agent.pending, say] };
    }
    case "filesUp": {
      const pending = agent.pending.filter((say) => say.operationId !== input.say.operationId);
      return foldAgent({ ...agent, pending }, { type: "saying", say: input.say });
    }
    case "restored":
      return { ...agent, pending: [...input.says, ...agent.pending] };
    case "said":
      return settle(changePending(agent, input.operationId, { status: "accepted" }));
    case "sayFailed":
      return changePending(agent, input.operationId, { status: "failed", failure: input.failure });
    case "retrying":
      return changePending(agent, input.operationId, { status: "waiting" });
    case "held":
      return changePending(agent, input.operationId, { held: true });
    case "released":
      return {
        ...agent,
        pending: agent.pending.map(({ held, ...say }) =>
          say.operationId === input.operationId || held === undefined ? say : { ...say, held },
        ),
      };
    case "discarded":
      return { ...agent, pending: agent.pending.filter((say) => say.operationId !== input.operationId) };
    case "refused":
      return { ...agent, status: "refused", refusal: input.reason };
  }
}

/** Turns that a browser keeps of a conversation. */
const keptTurns = 50;

/** A conversation as the node would say how it is, from what the page knows; undefined: it does not know its end. Of
 *  answers that are being written nothing. */
export function agentStateOf(agent: AgentModel): AgentState | undefined {
  const { status, view, turns, branches, conversations, gap } = agent;
  if (status !== "ready" || view === undefined || gap) return undefined;
  const conversation = turns.slice(-keptTurns);
  return { ...view, busy: false, conversation, branches, ...(conversations && { conversations: [...conversations] }) };
}

/** How far the answer is that is being written or about to be. */
export const stageOf = ({ draft, behind }: AgentModel): string => {
  if (draft === undefined) return stageWords(behind ?? { stage: "queued" });
  // A node of the version before says nothing of it.
  return stageWords(draft.stage === undefined ? { stage: "writing" } : draft);
};

/** True while an answer is being written or about to be. */
export const isWriting = ({ draft, owed }: AgentModel): boolean => draft !== undefined || owed.length > 0;

/** What this page shows of the conversation. */
export const readHere = (agent: AgentModel): Pick<AgentModel, "turns" | "older"> => agent.look ?? agent;

/** Whether the path that is shown has a turn. */
export const isShownTurn = ({ branches }: AgentModel, turn: number): boolean =>
  hasTurn(pathTo(branches, branches.leaf), turn);

/** With a page of history before its first turn. The conversation may have been cleared meanwhile, or loaded anew. */
function withOlder<Page extends Pick<AgentModel, "turns" | "older">>(
  page: Page,
  { before, history }: Extract<AgentInput, { type: "older" }>,
): Page {
  if (page.turns[0]?.turn !== before) return page;
  const older = history.turns.filter((turn) => turn.turn < before);
  return { ...page, turns: [...older, ...page.turns], older: history.more && older.length > 0 };
}

function withoutLook(agent: AgentModel): AgentModel {
  const { look: _, ...rest } = agent;
  return rest;
}

/** A look ends where what is looked at is shown, or forgotten. */
function settleLook(agent: AgentModel): AgentModel {
  const { look, branches, gap } = agent;
  const isOver = look !== undefined && (look.of <= branches.floor || (!gap && isShownTurn(agent, look.of)));
  return settle(isOver ? withoutLook(agent) : agent);
}

function changePending(agent: AgentModel, operationId: string, change: Partial<PendingSay>): AgentModel {
  const pending = agent.pending.map((say) => {
    if (say.operationId !== operationId) return say;
    const { failure: _, ...rest } = say;
    return { ...rest, ...change };
  });
  return { ...agent, pending };
}

/** Drops what the conversation now holds: each later turn of the owner with the same text stands for one pending
 *  say. */
function settle(agent: AgentModel): AgentModel {
  if (agent.pending.length === 0) return agent;
  const taken = new Set<number>();
  const pending = agent.pending.filter((say) => {
    if (say.status === "failed" || waitsForFiles(say)) return true;
    const arrived = agent.turns.find(
      (turn) => turn.turn > say.afterSeq && turn.role === "user" && turn.text === say.text && !taken.has(turn.turn),
    );
    if (arrived !== undefined) taken.add(arrived.turn);
    return arrived === undefined;
  });
  return pending.length === agent.pending.length ? agent : { ...agent, pending };
}

function foldEvent(agent: AgentModel, event: AgentEvent): AgentModel {
  switch (event.type) {
    case "updated":
      return { ...agent, view: event.view, ...listedAfter(agent, event) };
    case "said": {
      const answer = event.turn.turn + 1;
      const { turns, branches: before } = agent;
      // The first turn of all, or after all were forgotten.
      const isFirst = turns.length === 0 && before.forks.length === 0;
      const floor = isFirst ? event.turn.turn - 1 : before.floor;
      const branches = { ...before, floor, leaf: answer, last: answer };
      return owing({ ...agent, branches, turns: withTurn(agent.turns, event.turn) }, answer);
    }
    case "restored":
      return cameBack(agent, event);
    case "withdrawn":
      if (event.branched !== undefined) return branched(agent, event.branched);
      return { ...agent, turns: agent.turns.filter(({ turn }) => !event.turns.includes(turn)) };
    case "generationStarted": {
      const { generation, turn, attempt, round } = event;
      // An answer in a room has no turn here; the room shows it.
      if (turn === undefined) return agent;
      const before = agent.draft?.generation === generation ? agent.draft.rounds : [];
      const rounds = round === undefined ? before : [...before, round];
      return owing(
        {
          ...agent,
          draft: { generation, turn, attempt, rounds, text: "" },
          behind: undefined,
          ended: agent.ended.filter((one) => one !== generation),
          gap: false,
        },
        turn,
      );
    }
    case "answered":
      return answered(agent, event);
    case "roomAnswered":
      return agent;
    case "cleared": {
      const { last } = agent.branches;
      const branches = { forks: [], leaf: last, floor: last, last };
      const none = { turns: [], branches, older: false, draft: undefined, behind: undefined, owed: [], gap: false };
      return withoutSummary({ ...agent, ...none });
    }
    case "deleted":
      return { ...agent, status: "deleted", draft: undefined, behind: undefined, owed: [] };
  }
}

/** The list of conversations, the one that was used last first. */
function listedAfter(
  { conversations }: AgentModel,
  { listed, unlisted }: Extract<AgentEvent, { type: "updated" }>,
): Pick<AgentModel, "conversations"> {
  if (listed === undefined && unlisted === undefined) return {};
  const others = (conversations ?? []).filter(({ number }) => number !== (listed?.number ?? unlisted));
  const all = listed === undefined ? others : [listed, ...others];
  return {
    conversations: all.toSorted((one, other) => other.usedAtMs - one.usedAtMs || other.number - one.number),
  };
}

/** Another path is shown. One that is new begins where this page has it; of another one the newest turns are loaded. */
function branched(agent: AgentModel, { parent, leaf, fork }: Branched): AgentModel {
  const turns = agent.turns.filter(({ turn }) => turn <= parent);
  const { forks, floor, last } = agent.branches;
  const after = {
    ...agent,
    turns,
    older: turns.length === 0 ? parent > floor : agent.older,
    branches: { forks: withFork(forks, fork), leaf, floor, last: Math.max(last, fork?.turn ?? 0) },
    gap: agent.gap || fork?.parent !== parent,
  };
  return (agent.view?.summary?.through ?? 0) > parent ? withoutSummary(after) : after;
}

function cameBack(agent: AgentModel, { turns, leaf }: Extract<AgentEvent, { type: "restored" }>): AgentModel {
  const { forks, floor } = agent.branches;
  const last = turns.at(-1)?.turn ?? agent.branches.last;
  const came = turns.flatMap(({ turn, parent }) => (parent === undefined ? [] : [{ turn, parent }]));
  return {
    ...agent,
    turns: leaf === undefined ? turns.reduce(withTurn, agent.turns) : agent.turns,
    branches: { forks: came.reduce(withFork, forks), leaf: leaf ?? last, floor, last },
    gap: agent.gap || came.length > 0,
  };
}

function answered(agent: AgentModel, { generation, turn }: Extract<AgentEvent, { type: "answered" }>): AgentModel {
  // An answer that was rated comes once more, perhaps while another one is being written, or of before the window.
  if (generation === "" && turn.turn < (agent.turns[0]?.turn ?? 0)) return agent;
  const told = { ...agent, turns: withTurn(agent.turns, turn) };
  if (generation === "") return told;
  const owed = agent.owed.filter((one) => one !== turn.turn);
  const ended = [...agent.ended, generation].slice(-endedMax);
  // One that waited behind the answer that is being written has ended.
  const isOther = agent.draft !== undefined && agent.draft.generation !== generation;
  return { ...told, owed, ended, ...(!isOther && { draft: undefined, gap: false }) };
}

/** One more answer is awaited, if it was not. */
const owing = (agent: AgentModel, turn: number): AgentModel =>
  agent.owed.includes(turn) ? agent : { ...agent, owed: [...agent.owed, turn] };

function withoutSummary(agent: AgentModel): AgentModel {
  if (agent.view?.summary === undefined) return agent;
  const { summary: _, ...view } = agent.view;
  return { ...agent, view };
}

/** Adds a turn, or puts it in place of the one with its number (an answer written anew). */
function withTurn(turns: readonly ConversationTurn[], turn: ConversationTurn): readonly ConversationTurn[] {
  const index = turns.findLastIndex((known) => known.turn <= turn.turn);
  if (turns[index]?.turn === turn.turn) return turns.with(index, turn);
  return turns.toSpliced(index + 1, 0, turn);
}

function foldSignal(agent: AgentModel, signal: AgentSignal): AgentModel {
  const { draft } = agent;
  if (signal.turn === undefined) return agent;
  // It is late: its answer is there, or was forgotten.
  const isAwaited = draft?.generation === signal.generation || agent.owed.includes(signal.turn);
  if (agent.ended.includes(signal.generation) || (!isAwaited && signal.turn <= agent.branches.floor)) return agent;
  const { stage, ahead } = signal;
  const place: AnswerStage = { ...(stage !== undefined && { stage }), ...(ahead !== undefined && { ahead }) };
  // It waits behind others: its own beginning is an event.
  const isBehind = stage === "queued" && draft?.generation !== signal.generation && (ahead ?? 0) > 0;
  if (isBehind) return owing(draft === undefined ? { ...agent, behind: place } : agent, signal.turn);
  if (draft === undefined || draft.generation !== signal.generation) {
    // The event that starts the draft is durable and comes first; a signal without it is late, or this page missed it.
    return signal.offset === 0 && draft === undefined && agent.owed.includes(signal.turn)
      ? {
          ...agent,
          draft: {
            generation: signal.generation,
            turn: signal.turn,
            attempt: 1,
            rounds: [],
            text: signal.text,
            ...place,
          },
          behind: undefined,
        }
      : agent;
  }
  const text = appendPiece(draft.text, signal.offset, signal.text);
  if (text === undefined) return agent.gap ? agent : { ...agent, gap: true };
  const { stage: _stage, ahead: _ahead, ...rest } = draft;
  return { ...agent, draft: { ...rest, ...place, text } };
}
