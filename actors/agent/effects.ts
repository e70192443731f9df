/** What decisions of an agent are made of: what it remembers, and how what happens becomes a fact. */
import type { AgentEvent, AnswerStage, ToolCall, ToolRound } from "../../protocols/index.ts";
import { note, persist, publish, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, type Mail } from "../outbox.ts";
import { heard } from "../stream.ts";
import type {
  AgentChange,
  AgentState,
  Arranged,
  Job,
  Measure,
  Rebased,
  RoomSummary,
  ShownFile,
  SoFar,
  Source,
} from "./shape.ts";
import { erasure, evolve } from "./state.ts";
import type { Used } from "./usage.ts";

/** How the model is called. */
export interface Way {
  /** Times that the context was found too long. */
  readonly halvings: number;
  /** The model may call tools, and reads what they answered. */
  readonly hasTools: boolean;
  /** The answer was begun before, and that text is lost. */
  readonly again: boolean;
  /** The model is shown pictures. */
  readonly sees: boolean;
  /** The model is given sounds. */
  readonly hears: boolean;
  /** What there is of the answer: the model goes on behind it. */
  readonly soFar: SoFar;
}

/** A generation that runs now. */
export interface Run extends Way {
  readonly tag: string;
  /** What there was included. */
  readonly text: string;
  readonly tokens: number;
  /** How far it is, as it was told last. */
  readonly place: AnswerStage;
  /** Characters of the text that are a fact, and since when. */
  readonly notedChars: number;
  readonly notedMs: number;
  readonly calls: readonly ToolCall[];
  readonly model: string;
  readonly sinceMs: number;
  /** Characters that the model was given to read; 0 with files: how long their texts are is not known. */
  readonly promptChars: number;
  /** About as many, files included at their most. */
  readonly readChars: number;
  /** Somebody stopped it; its end is on the way. */
  readonly stopping?: true;
}

/** A run that was cancelled and is not wanted any more: its last word says what it took. */
export type Cancelled = Pick<Run, "tag" | "model" | "sinceMs">;

/** A summary that is being written. */
export interface Condensing {
  readonly tag: string;
  readonly source: Source;
  readonly through: number;
  readonly text: string;
  readonly model: string;
  readonly sinceMs: number;
  /** There is no room to try it once more. */
  readonly isLast: boolean;
}

/** A title that is being written. */
export interface Titling {
  readonly tag: string;
  readonly text: string;
  readonly model: string;
  readonly sinceMs: number;
}

/** What an agent remembers only while in memory. */
export interface AgentNotes {
  readonly run: Run | null;
  /** Between two attempts: what is there, and whether something was lost before it. */
  readonly left?: (SoFar & Pick<Way, "again">) | null;
  /** The summary that is being written. */
  readonly condensing?: Condensing | null;
  readonly titling?: Titling | null;
  /** The callers that wait for a conversation to begin, by its key. */
  readonly opening?: Readonly<Record<string, readonly ReplyTo[]>>;
  /** The runs that were cancelled and have not ended yet, the oldest first. */
  readonly cancelled?: readonly Cancelled[];
}

/** What a decision of an agent is made of. */
export type Effects = readonly Effect<AgentChange, Partial<AgentNotes>>[];
/** A turn of an agent. */
export type Here = Turn<AgentNotes>;

/** An event to come, not yet in its place. */
export interface Coming extends Arranged {
  readonly event: AgentEvent;
  readonly job?: Job;
  readonly mail?: readonly Mail[];
  readonly used?: Used;
  readonly measure?: Measure;
  readonly condensed?: RoomSummary;
  readonly round?: ToolRound;
  readonly branched?: Rebased;
  readonly filed?: readonly ShownFile[];
  readonly asksFiles?: true;
}

/** Persists and publishes events of this turn; `after` is the state they lead to. */
export function commit(
  state: AgentState,
  turn: Here,
  coming: readonly Coming[],
): { readonly after: AgentState; readonly effects: Effects } {
  const changes = coming.map((one, index) => ({ type: "happened" as const, at: state.head + 1 + index, ...one }));
  const mail = coming.flatMap((one) => one.mail ?? []);
  return {
    after: changes.reduce<AgentState>(evolve, state),
    effects: [
      ...changes.map((change) => persist(change)),
      ...changes.map(({ event, at }) => publish(heard(event), at)),
      ...dispatch(state.outbox, mail, turn.self),
    ],
  };
}

/** Deletes a bounded piece of what is forgotten, and tells itself to go on while there is more. */
export function erase(state: AgentState, turn: Here): Effects {
  const change = erasure(state);
  return change === null ? [] : [persist(change), ...goOnErasing(evolve(state, change), turn)];
}

/** Tells itself to go on erasing, if there is more. */
export const goOnErasing = (state: AgentState, turn: Here): Effects =>
  erasure(state) === null ? [] : [{ type: "tell", to: turn.self, message: { type: "erase" } }];

/** Cancels the answer that is written, the summary, or both: they are not wanted any more. What they took is counted
 *  when they have ended. */
export function cancelRuns(
  { notes }: Here,
  { answer = false, summary = false, title = false }: { answer?: boolean; summary?: boolean; title?: boolean },
): Effects {
  const { run, condensing = null, titling = null, cancelled = [] } = notes;
  const runs = [answer ? run : null, summary ? condensing : null, title ? titling : null].filter((one) => one !== null);
  if (runs.length === 0) return [];
  const ending = runs.map(({ tag, model, sinceMs }) => ({ tag, model, sinceMs }));
  const forgotten = {
    ...(answer && { run: null }),
    ...(summary && { condensing: null }),
    ...(title && { titling: null }),
  };
  return [
    ...ending.map(({ tag }) => ({ type: "cancel" as const, tag })),
    note({ ...forgotten, cancelled: [...cancelled, ...ending].slice(-limits.agentRunsCancelledMax) }),
  ];
}

/** Whether a summary of the conversation is being written. */
export const isSummingUp = ({ notes: { condensing = null } }: Here): boolean =>
  condensing?.source.type === "conversation";
