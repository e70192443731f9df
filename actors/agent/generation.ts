/** How an answer comes about: started, streamed, ended, retried.
 *
 *      waiting ──► running ──text…──► done ──► answered turn, or a post in the room ──► next job
 *                   │ ▲ ▲ ├─calls────► tools run, their results in the job ──► running
 *                   │ ▲ ▲ └─too long──► running with half the context
 *             failed└─► reminder ──► running, attempt + 1      after the last attempt: a turn that says so
 *
 *  The text so far is memory, and a fact now and then. The next attempt goes on behind it where its model can; else it
 *  begins anew, and the answer is marked. When memory is lost, `recover` does the same with what is a fact. A new run
 *  has a new tag, and what is said of any other run is ignored. */
import {
  cleaned,
  cut,
  textFault,
  wireLimits,
  type AgentEvent,
  type AgentSignal,
  type AnswerStage,
  type CallPlace,
  type ConversationTurn,
  type ErrorCode,
  type Failure,
  type GenerationAnswer,
  type GenerationPart,
  type Result,
  type Sampling,
} from "../../protocols/index.ts";
import { note, persist, publish, type Effect } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { condense } from "./condensing.ts";
import { charsOf, contextFor, measured, nextHalvings, tokensIn, toolChars } from "./context.ts";
import type { AgentChange, AgentState, Job, Life, Measure, RoomSource, SoFar } from "./shape.ts";
import {
  cancelRuns,
  commit,
  isSummingUp,
  type Coming,
  type Effects,
  type Here,
  type Run,
  type Way,
} from "./effects.ts";
import { sayingLeftOut } from "./files.ts";
import { endedByLimit, mayCall, roundOf, toolsFor } from "./loop.ts";
import { roomActor } from "./state.ts";
import { title } from "./titling.ts";
import { usedBy, type Used } from "./usage.ts";

/** The id of the reminder that starts the next attempt. */
export const generationReminder = "generation";

const turnOf = (job: Job): { readonly turn?: number } =>
  job.source.type === "conversation" ? { turn: job.source.turn } : {};

/** The event with which a job's next attempt starts. */
const started = (job: Job): Coming => ({
  event: { type: "generationStarted", generation: job.generation, ...turnOf(job), attempt: job.attempt + 1 },
});

/** Runs the model for the first job. Its start has been persisted. */
function run(state: AgentState, turn: Here, way: Partial<Way> = {}): Effects {
  const job = state.life?.jobs[0];
  if (state.life === null || job === undefined) return [];
  const { model, sampling } = state.life;
  const { halvings = 0, again = false, sees = true, hears = true, soFar = nothingYet } = way;
  const tools = way.hasTools === false ? {} : toolsFor(state.life, job);
  const hasTools = tools.tools !== undefined;
  const rounds = job.rounds?.length ?? 0;
  const { text, tokens } = soFar;
  const how =
    `${rounds}${hasTools ? "" : "p"}${sees ? "" : "b"}${hears ? "" : "d"}.${halvings}.${text.length}.` +
    `${turn.nowMs.toString(36)}`;
  const tag = `${job.generation}.${job.attempt}.${how}`;
  const messages = contextFor(state.life, job, turn.key, { halvings, hasTools, soFar, sees, hears });
  // How long the texts of files are the actor does not know: such a run tells nothing of the model.
  const hasFiles = messages.some(({ files }) => files !== undefined);
  const readChars = charsOf(messages) + (hasTools ? toolChars(state.life) : 0);
  const now: Run = {
    tag,
    text,
    tokens,
    place: { stage: "queued" },
    calls: [],
    model,
    sinceMs: turn.nowMs,
    promptChars: hasFiles ? 0 : readChars,
    readChars,
    halvings,
    hasTools,
    again,
    sees,
    hears,
    soFar,
    notedChars: job.soFar !== undefined && text.startsWith(job.soFar.text) ? job.soFar.text.length : 0,
    notedMs: turn.nowMs,
  };
  const request = {
    model,
    messages,
    sampling: restOf(sampling, tokens),
    person: personFor(job, turn.key),
    silenceMs: limits.generationSilenceMs,
    // A person who asks for another answer does not want the one that was kept.
    ...(isAnew(state.life, job) && { cache: "renew" as const }),
    ...tools,
    ...(hasTools && { ifAble: ["tools" as const] }),
  };
  const timeoutMs = limits.generationWholeMs;
  return [
    note({ run: now, left: null }),
    // A client that follows the draft may have more of it, or nothing.
    draft(job, 0, text, now.place),
    { type: "call", engine: "generate", request, tag, timeoutMs },
  ];
}

const nothingYet: SoFar = { text: "", tokens: 0 };

/** What may still be written, at least one token: the model has to say that it is at its end. */
const restOf = (sampling: Sampling, tokens: number): Sampling =>
  sampling.maxTokens === undefined ? sampling : { ...sampling, maxTokens: Math.max(1, sampling.maxTokens - tokens) };

/** The person whose turn at the model it is: the one who asked. If it were the owner's, others could use up somebody's
 *  turns by mentioning an agent of theirs. What an agent asks is its owner's. */
const personFor = ({ source }: Job, key: string): string =>
  `user/${((source.type === "room" ? askerOf(source.context) : undefined) ?? key).split(".", 1)[0]}`;

/** The person who mentioned the agent: the mention is the last that it was told. */
export const askerOf = (context: RoomSource["context"]): string | undefined => context.at(-1)?.author;

/** A node of the version before writes an answer anew under its number. */
const isAnew = ({ recent }: Life, { source, isAnew: said }: Job): boolean =>
  said === true || (source.type === "conversation" && recent.some(({ turn }) => turn === source.turn));

/** Starts the first job if it is not started: after a job was added, or the one before it ended. */
export function startNext(state: AgentState, turn: Here): Effects {
  const job = state.life?.jobs[0];
  if (job === undefined || job.attempt > 0) return [];
  const { after, effects } = commit(state, turn, [started(job)]);
  return [...effects, ...run(after, turn)];
}

/** The job that is being written and its run, if that is the run with this tag. */
function running(
  state: AgentState,
  tag: unknown,
  { notes }: Here,
): { readonly job: Job; readonly now: Run } | undefined {
  const job = state.life?.jobs[0];
  const now = notes.run;
  return job === undefined || now === null || now.tag !== tag ? undefined : { job, now };
}

/** The call waits somewhere else than before. */
export function onPlaced(state: AgentState, tag: string, place: CallPlace, turn: Here): Effects {
  const found = running(state, tag, turn);
  if (found === undefined || found.now.place.stage === "writing") return [];
  const { job, now } = found;
  return [note({ run: { ...now, place } }), draft(job, now.text.length, "", place)];
}

/** A piece of what the run says arrived. */
export function onPart(state: AgentState, tag: string, part: GenerationPart, turn: Here): Effects {
  const found = running(state, tag, turn);
  if (found === undefined) return [];
  const { text, tokens, calls = [] } = part;
  const now = {
    ...found.now,
    tokens: found.now.tokens + tokens,
    // With the first that is too many, which is told so.
    calls: [...found.now.calls, ...calls].slice(0, limits.toolCallsMax + 1),
  };
  if (text !== "") return onText(found.job, now, text, turn);
  // What it thinks is not shown, and yet it has begun.
  if (now.place.stage === "writing") return [note({ run: now })];
  return [note({ run: { ...now, place: isWriting } }), draft(found.job, now.text.length, "", isWriting)];
}

const isWriting: AnswerStage = { stage: "writing" };

/** The run has ended. */
export function onAnswer(state: AgentState, tag: unknown, result: Result<unknown>, turn: Here): Effects {
  const found = running(state, tag, turn);
  if (found === undefined) return [];
  const { job } = found;
  if (!result.ok) return onFailed(state, job, found.now, result.error, turn);
  const answer = result.value as GenerationAnswer;
  const now = answer.without?.includes("tools") === true ? asPlain(state, found.now) : found.now;
  const used = usedBy(now.model, answer, now.sinceMs, turn.nowMs);
  const measure = state.life === null ? undefined : measured(state.life, answer, now.promptChars);
  if (answer.end === "calls" && !now.stopping && mayCall(job, now))
    return callTools(state, job, now, { used, ...(measure && { measure }) }, turn);
  const model = answer.from?.model;
  const took = {
    tokens: now.soFar.tokens + answer.completionTokens,
    used,
    lost: now.soFar.tokens + (now.soFar.lost ?? 0),
    ...(measure && { measure }),
    ...(model !== undefined && { model }),
  };
  const { end } = answer;
  const ending =
    end !== "calls"
      ? { end, text: now.text }
      : now.stopping
        ? { end: "stopped" as const, text: now.text }
        : { end: "length" as const, ...endedByLimit(job, now), isSilent: now.text.trim() === "" };
  const text = sayingLeftOut(ending.text, answer.leftOut, job, { key: turn.key, recent: state.life?.recent ?? [] });
  return finish(state, { ...ending, text, ...took, again: now.again }, turn);
}

/** The run of a model that was asked without tools, because it has none: what it calls all the same is not run. */
const asPlain = ({ life }: AgentState, now: Run): Run =>
  life === null || !now.hasTools
    ? now
    : {
        ...now,
        hasTools: false,
        promptChars: Math.max(0, now.promptChars - toolChars(life)),
        readChars: now.readChars - toolChars(life),
      };

/** Runs what the model called, keeps it, and lets the model go on. Of a room only the room is told what was called. */
function callTools(state: AgentState, job: Job, now: Run, took: Pick<Coming, "used" | "measure">, turn: Here): Effects {
  const { generation, attempt, source } = job;
  const round = roundOf(now, state.life?.tools, turn.nowMs);
  const event: AgentEvent = { type: "generationStarted", generation, ...turnOf(job), attempt };
  const coming: Coming = source.type === "room" ? { event, round } : { event: { ...event, round } };
  const { after, effects } = commit(state, turn, [{ ...coming, ...took }]);
  const lost = now.soFar.tokens + (now.soFar.lost ?? 0);
  const soFar = { ...nothingYet, ...(lost > 0 && { lost }) };
  return [...effects, ...run(after, turn, { halvings: now.halvings, again: now.again, soFar })];
}

function onText(job: Job, now: Run, piece: string, { nowMs }: Here): Effects {
  const offset = now.text.length;
  const text = cut(piece, limits.answerCharsMax - offset);
  const whole = now.text + text;
  const isDue = nowMs - now.notedMs >= limits.draftNoteMs;
  const noted = isDue ? { notedChars: whole.length, notedMs: nowMs } : {};
  const next = note({ run: { ...now, text: whole, place: isWriting, ...noted } });
  const tooLong: Effects = text.length < piece.length ? [{ type: "cancel", tag: now.tag }] : [];
  return [
    ...(isDue ? [persist(factOf(job, { ...now, text: whole }))] : []),
    next,
    draft(job, offset, text, isWriting),
    ...tooLong,
  ];
}

/** What is written, behind what is a fact already. */
const factOf = (
  { generation }: Job,
  { text, notedChars, tokens }: Pick<Run, "text" | "notedChars" | "tokens">,
): Extract<AgentChange, { type: "wrote" }> => ({
  type: "wrote",
  generation,
  offset: notedChars,
  text: text.slice(notedChars),
  tokens,
});

/** Shows a piece of the draft where the answer will stand, and how far it is; at its beginning with what was called
 *  before, which followers of a conversation have from its events. */
export function draft(job: Job, offset: number, text: string, place: AnswerStage): Effect<never, never> {
  const { generation, source, rounds } = job;
  if (source.type === "conversation") return publish(signalOf(job, source.turn, { offset, text, place }));
  const message = {
    type: "draft",
    generation,
    replyTo: source.seq,
    offset,
    text,
    ...place,
    ...(offset === 0 && rounds !== undefined && { rounds }),
  };
  return { type: "tell", to: roomActor(source.room), message };
}

/** The same as a signal of the conversation. */
export const signalOf = (
  { generation }: Job,
  turn: number,
  { offset, text, place }: { readonly offset: number; readonly text: string; readonly place: AnswerStage },
): AgentSignal => ({ type: "draft", generation, turn, offset, text, ...place });

/** Tells the people who wait behind others where they are now. */
export const tellWaiting = ({ life }: AgentState): Effects =>
  (life?.jobs ?? []).flatMap((job, ahead) => (ahead === 0 ? [] : [draft(job, 0, "", { stage: "queued", ahead })]));

/** How far an answer is, and what is written of it. */
export interface Placed {
  readonly job: Job;
  readonly text: string;
  readonly place: AnswerStage;
}

/** All that are owed, the one that is written first. */
export const placesOf = (life: Life, { notes }: Here): readonly Placed[] =>
  life.jobs.map((job, ahead) => ({
    job,
    text: ahead > 0 ? "" : (notes.run?.text ?? notes.left?.text ?? ""),
    place: ahead > 0 ? { stage: "queued" as const, ahead } : (notes.run?.place ?? { stage: "queued" as const }),
  }));

function onFailed(state: AgentState, job: Job, now: Run, error: Failure, turn: Here): Effects {
  const lost = now.tokens + lostBy(state, now);
  if (now.stopping) return finish(state, { end: "stopped", text: now.text, lost }, turn);
  // It has said nothing new, and another way may do.
  const isStart = now.text === now.soFar.text;
  if (
    isStart &&
    now.text !== "" &&
    cannotContinue.has(error.code) &&
    (error.details?.["capability"] ?? "continue") === "continue"
  )
    return run(state, turn, { ...now, soFar: { ...nothingYet, lost }, again: true });
  if (error.code === "CONTEXT_TOO_LONG" && state.life !== null) {
    const halvings = nextHalvings(state.life, job, turn.key, now);
    if (halvings !== undefined) return run(state, turn, { ...now, halvings });
    if (now.hasTools) return run(state, turn, { ...now, hasTools: false });
  }
  const lacks = error.code === "MODEL_UNSUPPORTED" ? error.details?.["capability"] : undefined;
  const [isBlind, isDeaf] = [lacks === "vision", lacks === "hearing"];
  const asks = askedWith(state, job);
  // Pictures of earlier messages are no reason not to answer this one.
  if (isBlind && now.sees && asks?.pictures === undefined) return run(state, turn, { ...now, sees: false });
  // What is said in a sound is there in words, where a model wrote it down or its owner did.
  if (isDeaf && now.hears && (asks?.sounds ?? []).every(({ text }) => text !== ""))
    return run(state, turn, { ...now, hears: false });
  // A node that stops is no fault of the attempt: the answer goes on when it is back.
  // What a budget stops it stops for hours.
  const mayRepeat = job.attempt < limits.generationAttemptsMax && error.code !== "QUOTA_EXCEEDED";
  const again = error.code === "STOPPING" || mayRepeat;
  if (error.outcome !== "failed" && again && !isBlind && !isDeaf) {
    const waitMs = limits.generationRetryMs * 4 ** (Math.max(1, job.attempt) - 1);
    // A busy model says when there may be a place; some say it by a clock that is years ahead.
    const saidMs = Math.min(Number(error.details?.["retryAfterMs"]) || 0, limits.generationRetryMsMax);
    const dueMs = turn.nowMs + Math.max(waitMs, saidMs);
    const { text, tokens, again: isAgain } = now;
    return [
      note({ run: null, left: { text, tokens, again: isAgain, lost: lostBy(state, now) } }),
      draft(job, text.length, "", { stage: "queued" }),
      { type: "remind", id: generationReminder, dueMs },
    ];
  }
  const told = isBlind
    ? "The agent's model cannot see pictures. Choose another model in its settings."
    : isDeaf
      ? "The agent's model cannot hear sound, and there is no transcript. Write what is said beside the sound, " +
        "or choose another model in the agent's settings."
      : toldOf(error);
  const failed = { end: "failed", error: told, code: error.code } as const;
  return finish(state, { ...failed, text: now.text, again: now.again, lost }, turn);
}

/** About what a run without figures, and those before it, had read when they ended; what they wrote is known. */
const lostBy = ({ life }: AgentState, { soFar, tokens, place, readChars }: Run): number =>
  (soFar.lost ?? 0) +
  (life !== null && (place.stage === "writing" || tokens > soFar.tokens) ? tokensIn(readChars, life) : 0);

/** The message that is answered. */
const askedWith = ({ life }: AgentState, { source }: Job): ConversationTurn | undefined =>
  source.type === "conversation"
    ? life?.recent.findLast(({ turn, role }) => turn < source.turn && role === "user")
    : undefined;

/** Why a model does not go on with a text that others have begun. */
const cannotContinue: ReadonlySet<ErrorCode> = new Set(["MODEL_UNSUPPORTED", "BAD_REQUEST", "CONTEXT_TOO_LONG"]);

/** What people read of a failure. Why a model is not there is for the operator of the nodes: it is in their log. */
function toldOf({ code, message }: Failure): string {
  switch (code) {
    case "CONTEXT_TOO_LONG":
    case "GENERATION_TIMEOUT":
    case "MODEL_BUSY":
    case "QUEUE_FULL":
    case "QUOTA_EXCEEDED":
      return message;
    case "MODEL_NOT_FOUND":
      return "The agent's model is not here. Its owner can choose another, or ask the admin.";
    default:
      return "The model cannot be used now. Try again later, or ask your admin.";
  }
}

/** The reminder rang: the next attempt, unless one runs. */
export function onReminded(state: AgentState, turn: Here): Effects {
  const forget: Effect<never, never> = { type: "forget", id: generationReminder };
  const job = state.life?.jobs[0];
  if (job === undefined || turn.notes.run !== null) return [forget];
  if (job.stopped === true) {
    const { text = "", tokens = 0 } = job.soFar ?? {};
    const lost = tokens + (turn.notes.left?.lost ?? 0);
    return [forget, ...finish(state, { end: "stopped", text, tokens, lost }, turn)];
  }
  const { after, effects } = commit(state, turn, [started(job)]);
  const { left } = turn.notes;
  return [forget, ...effects, ...run(after, turn, left ? { soFar: left, again: left.again } : takenUp(job))];
}

/** The first job goes on in another life, or ends there if somebody had stopped it. */
export function takeUp(state: AgentState, turn: Here): Effects {
  const job = state.life?.jobs[0];
  if (job === undefined) return [];
  // What comes back into memory persists nothing: its end comes with the reminder.
  if (job.stopped === true) return [{ type: "remind", id: generationReminder, dueMs: turn.nowMs }];
  return run(state, turn, takenUp(job));
}

/** How the first job goes on in another life: from what is a fact of it. */
const takenUp = ({ soFar }: Job): Partial<Way> =>
  soFar === undefined || soFar.text === "" ? { again: true } : { soFar };

interface Ending {
  readonly end: NonNullable<ConversationTurn["end"]>;
  readonly text: string;
  readonly tokens?: number;
  /** The model that wrote it, where that is known better than by the agent's settings: it has none, or a route or a
   *  budget named another. */
  readonly model?: string;
  readonly error?: string;
  readonly code?: ErrorCode;
  /** The limit that ended it, which the text says. */
  readonly limit?: ConversationTurn["limit"];
  /** The model itself said nothing. */
  readonly isSilent?: boolean;
  readonly again?: boolean;
  /** How long its last run took, where what that took of the model is not known yet. */
  readonly ms?: number;
  readonly used?: Used;
  /** Tokens that runs took of which no figures came: of those that failed, and of what was gone on from. */
  readonly lost?: number;
  readonly measure?: Measure;
}

/** Ends the first job with what there is, and starts the next. */
function finish(state: AgentState, ending: Ending, turn: Here): Effects {
  const job = state.life?.jobs[0];
  if (state.life === null || job === undefined) return [];
  const { source } = job;
  const ended = endOf(state, job, ending, turn.nowMs);
  const { used, measure } = ending;
  const { after, effects } = commit(state, turn, [{ ...ended, ...(used && { used }), ...(measure && { measure }) }]);
  const next = startNext(after, turn);
  const told = source.type === "room" ? source : { ...source, turn: Infinity };
  // The run of an answer that waited goes first to the model.
  return [
    ...effects,
    note({ run: null }),
    ...next,
    ...tellWaiting(after),
    ...condense(after, turn, told),
    ...title(after, turn),
  ];
}

/** How a job ends: the owner's in a turn, a room's in a message. */
const endOf = (state: AgentState, job: Job, ending: Ending, nowMs: number): Coming =>
  job.source.type === "room"
    ? roomAnswer(job, job.source, ending)
    : {
        event: {
          type: "answered",
          generation: job.generation,
          turn: answerTurn(state, job.source.turn, ending, nowMs, job),
        },
      };

/** Stops a job, wherever it is: what was written is its answer. */
export function stopJob(state: AgentState, job: Job, turn: Here): Effects {
  const { run: now, left } = turn.notes;
  // Out of the queue before its turn has come.
  if (job !== state.life?.jobs[0]) {
    const { after, effects } = commit(state, turn, [endOf(state, job, { end: "stopped", text: "" }, turn.nowMs)]);
    return [...effects, ...tellWaiting(after)];
  }
  if (now !== null) {
    const noted = { notedChars: now.text.length, notedMs: turn.nowMs };
    return [
      // Its end is on the way, and may never come.
      persist({ ...factOf(job, now), stopped: true }),
      note({ run: { ...now, ...noted, stopping: true } }),
      { type: "cancel", tag: now.tag },
    ];
  }
  // Between two attempts nothing runs that could end by itself.
  const { text, tokens } = left ?? job.soFar ?? nothingYet;
  const lost = tokens + (left?.lost ?? 0);
  return [...finish(state, { end: "stopped", text, lost }, turn), note({ left: null })];
}

/** Ends the answers of the conversation that are owed behind a turn: another path is shown from there on. What was
 *  written of one is kept, with what is known of its run by then. A summary that is being written is of the path
 *  before. */
export function endConversation(
  state: AgentState,
  turn: Here,
  behind = 0,
): { readonly after: AgentState; readonly effects: Effects } {
  const jobs = state.life?.jobs ?? [];
  const owed = jobs.filter(({ source }) => source.type === "conversation" && source.turn > behind);
  const { run: now, left } = turn.notes;
  const isFirst = owed[0] !== undefined && owed[0] === jobs[0];
  const written = isFirst ? (now ?? left ?? undefined) : undefined;
  const first = written && {
    text: written.text,
    tokens: written.tokens,
    again: written.again,
    ...(now !== null && { ms: turn.nowMs - now.sinceMs }),
  };
  const coming = owed.map((job, index) => {
    const ending: Ending = { end: "stopped", text: "", ...(index === 0 && first) };
    return endOf(state, job, ending, turn.nowMs);
  });
  const { after, effects } = commit(state, turn, coming);
  const cancelled = cancelRuns(turn, { answer: isFirst, summary: isSummingUp(turn) });
  return { after, effects: [...effects, ...cancelled, ...(isFirst ? [note({ left: null })] : [])] };
}

function answerTurn(
  state: AgentState,
  number: number,
  ending: Ending,
  atMs: number,
  { rounds = [], toolMs = 0 }: Pick<Job, "rounds" | "toolMs"> = {},
): ConversationTurn {
  const before = state.life?.recent.find(({ turn }) => turn === number);
  // Stopped before the first word of a new answer: the old one stays.
  if (before !== undefined && ending.end === "stopped" && ending.text === "") return before;
  const { end, text, error, limit, tokens, again = false, used, model = state.life?.model ?? "" } = ending;
  const ms = used?.ms ?? ending.ms;
  const fork = state.life?.forks?.find(({ turn }) => turn === number);
  return {
    turn: number,
    ...(fork && { parent: fork.parent }),
    role: "assistant",
    text: cleaned(text, "lines"),
    atMs,
    end,
    ...(error !== undefined && { error }),
    ...(limit !== undefined && { limit }),
    ...(model !== "" && { model }),
    ...(tokens !== undefined && { tokens }),
    ...(ms !== undefined && { ms: toolMs + ms }),
    ...(rounds.length > 0 && { rounds: [...rounds] }),
    ...(again && { again }),
  };
}

/** The answer to a mention. The person who asked waits for one: also when there is none, and when it was stopped. */
function roomAnswer(job: Job, source: RoomSource, ending: Ending): Coming {
  const { end, text, error, code, isSilent = false, used, lost = 0 } = ending;
  const said = cleaned(cut(text.trim(), wireLimits.messageCharsMax), "lines");
  const apology = { text: `Sorry, I could not answer. ${error ?? ""}`.trim(), refused: code ?? "INTERNAL" };
  const isSaid = said !== "" && textFault(said, "lines") === undefined;
  const isStopped = end === "stopped";
  const nothing = isStopped ? "I was stopped before I had written anything." : "Sorry, I have no answer.";
  const marks = {
    ...(isStopped && { stopped: true as const }),
    ...(isSilent && { refused: "LIMIT_REACHED" as const }),
  };
  const answer = end === "failed" ? apology : { text: isSaid ? said : nothing, ...marks };
  return {
    event: { type: "roomAnswered", generation: job.generation, room: source.room },
    mail: [answerTo(source, job, { ...answer, tokens: lost + tokensOf(job, used) })],
  };
}

/** Tokens that an answer took of its model, those that the model had in memory left out. */
const tokensOf = ({ toolTokens = 0 }: Job, used: Used | undefined): number =>
  toolTokens + (used === undefined ? 0 : used.promptTokens - used.cachedTokens + used.completionTokens);

/** What an agent says in a room. */
interface AnswerSaid {
  readonly text: string;
  readonly refused?: ErrorCode;
  readonly stopped?: true;
  readonly tokens?: number;
}

/** The message with which an agent settles a mention. What was called for it stands with it, whatever came of that. */
export const answerTo = (
  { room, seq }: RoomSource,
  { generation, rounds }: Pick<Job, "generation" | "rounds">,
  { tokens = 0, ...answer }: AnswerSaid,
): Mail => ({
  to: roomActor(room),
  message: {
    type: "post",
    ...answer,
    ...(tokens > 0 && { tokens }),
    replyTo: seq,
    generation,
    ...(rounds !== undefined && { rounds }),
  },
});
