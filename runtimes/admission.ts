/** Which calls run now, which wait, which are refused; and the promise that every call ends exactly once.
 *
 *      submit ──► waiting (per model, people take turns, bounded) ─► running (at most `slots`) ─► ended
 *                     │ cancel, timeout, stop, displaced                 │ its own end, timeout, fault
 *                     └────────────────────────► ended ◄─────────────────┘
 *
 *  A model is shared by everybody: a person's generations take turns with those of others, and within them those of one
 *  key with those of another (`fair-queue.ts`), after those of an earlier class (`class-queue.ts`). When all places are
 *  taken, the youngest call of the person with most calls makes room. A caller that finds no place is told when to come
 *  again, from what calls took; so is a call that surely cannot begin in its time.
 *
 *  Behind it is an `Executor`, told to begin and to cancel, which reports texts and ends. A generation that timed out
 *  has ended for its asker, yet keeps its slot until the executor lets go, so that slots never count more than there
 *  are. */
import {
  isSignOfLife,
  assert,
  failure,
  ok,
  refused,
  traitsOf,
  type CallPlace,
  type PlaceListener,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type Failure,
  type GenerationRequest,
  type Said,
} from "../protocols/index.ts";
import { ClassQueue, type Stand } from "./class-queue.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "./environment.ts";
import type { Ended, Running } from "./adapter.ts";
import { limitSilence, type Silence } from "./silence.ts";
import { runtimeLimits } from "./limits.ts";
import { withResultsInPlace } from "./tool-turns.ts";
import { wrongIn } from "./wrong-request.ts";

/** What runs the generations that were let in. */
export interface Executor {
  begin(run: number, engine: EngineName, model: string, request: EngineRequest): void;
  /** Asks for the end within one token. The end is reported like any other. */
  cancel(run: number): void;
}

/** How a model takes generations: `open` runs them, `held` lets them wait, `closed` refuses them. */
type Door =
  | {
      readonly type: "open";
      readonly slots: number;
      /** Tokens that one generation may take, where that is known. */
      readonly contextTokens?: number;
    }
  | { readonly type: "held" }
  | { readonly type: "closed"; readonly error: Failure };

type Hear = (said: Said) => void;

interface Lane {
  readonly model: string;
  door: Door;
  readonly waiting: ClassQueue<Run>;
  running: number;
  /** Places of this line are about to be told. */
  telling: boolean;
  /** How long the last calls ran that came to an end of their own. */
  readonly tookMs: number[];
  /** What they wrote. */
  readonly wrote: number[];
}

interface Run {
  readonly number: number;
  readonly lane: Lane;
  readonly engine: EngineName;
  readonly request: EngineRequest;
  /** Whose turns it takes, which of theirs, and in which class. */
  readonly stand: Stand;
  readonly submittedMs: number;
  begunMs: number;
  /** Undefined once the answer was delivered. */
  hear: Hear | undefined;
  place: "waiting" | "running" | "gone";
  cancelled: boolean;
  spoke: boolean;
  readonly onPlace: PlaceListener | undefined;
  /** What was said last of its place. */
  told: string;
  silence: Silence;
  stopGrace: () => void;
}

interface AdmissionOptions {
  /** The default one first. */
  readonly models: readonly string[];
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
  readonly clock: RuntimeClock;
  readonly log?: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  /** A cancelled run did not end in `cancelGraceMs`: the executor is stuck. */
  readonly onStuck?: (run: number, model: string) => void;
  /** Somebody waits for the model. */
  readonly onCall?: (model: string, request: EngineRequest) => void;
  /** Nothing of the model runs any more, and nothing that waits can begin. */
  readonly onRest?: (model: string) => void;
}

/** What is under way for a model. */
interface Calls {
  readonly running: number;
  readonly waiting: number;
}

/** The same, with how fast calls are. */
export interface MeasuredCalls extends Calls {
  /** Of one call, over the last ones that wrote; absent: none has. */
  readonly tokensPerSecond?: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #executor: Executor;
  /** The default one first. */
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Map<number, Run>();
  #lastNumber = 0;
  #stopping = false;
  #whenIdle: (() => void) | undefined;
  #totals = { started: 0, finished: 0, failed: 0, promptTokens: 0, completionTokens: 0 };

  constructor(options: AdmissionOptions, executor: Executor) {
    this.#options = options;
    this.#executor = executor;
    for (const model of options.models) this.add(model);
  }

  /** Knows one more model, held. */
  add(model: string): void {
    assert(!this.#lanes.has(model), "model names are unique");
    this.#lanes.set(model, {
      model,
      door: { type: "held" },
      waiting: new ClassQueue<Run>(),
      running: 0,
      telling: false,
      tookMs: [],
      wrote: [],
    });
  }

  /** Forgets a model of which nothing is under way: close its door first. */
  remove(model: string): void {
    const lane = this.#laneOf(model);
    assert(lane.running === 0 && lane.waiting.size === 0, "nothing is under way for a model that goes");
    this.#lanes.delete(model);
  }

  /** What is under way for a model. */
  callsOf(model: string): Calls {
    const lane = this.#laneOf(model);
    return { running: lane.running, waiting: lane.waiting.size };
  }

  /** The same, for people. */
  measuredCallsOf(model: string): MeasuredCalls {
    const { tookMs, wrote } = this.#laneOf(model);
    const tokens = wrote.reduce((sum, one) => sum + one, 0);
    const ms = tookMs.reduce((sum, one, index) => sum + ((wrote[index] ?? 0) > 0 ? one : 0), 0);
    return { ...this.callsOf(model), ...(tokens > 0 && ms > 0 && { tokensPerSecond: (tokens / ms) * 1_000 }) };
  }

  submit(engine: EngineName, { onPlace, ...request }: EngineRequest, hear: Hear): Running {
    // The empty name means the default model, if there is any: a node need not serve one.
    const lane = request.model ? this.#lanes.get(request.model) : this.#lanes.values().next().value;
    const error = this.#refusal(lane, engine, request);
    if (error !== undefined || lane === undefined)
      return this.#refuse(lane, error ?? failure("MODEL_NOT_FOUND", { model: request.model }), hear);
    const run: Run = {
      number: (this.#lastNumber += 1),
      lane,
      engine,
      request: "messages" in request ? { ...request, messages: withResultsInPlace(request.messages) } : request,
      stand: standOf(request),
      submittedMs: this.#options.clock.monotonicMs(),
      begunMs: 0,
      hear,
      place: "waiting",
      cancelled: false,
      spoke: false,
      onPlace,
      told: "",
      silence: unlimited,
      stopGrace: () => undefined,
    };
    const full = this.#join(run);
    if (full !== undefined) return this.#refuse(lane, full, hear);
    const limits = { silenceMs: request.silenceMs, wholeMs: Math.min(request.timeoutMs, runtimeLimits.timeoutMsMax) };
    run.silence = limitSilence(this.#options.clock, limits, (timeoutMs) => this.#timeOut(run, timeoutMs));
    // Not within this call: the asker must hold the call before anything is said of it.
    this.#options.clock.after(0, () => {
      if (run.place === "waiting") this.#options.onCall?.(lane.model, request);
      this.#advance(lane);
    });
    return { cancel: () => this.#cancel(run) };
  }

  /** Opens, holds or closes a model. Closing refuses those who wait. */
  setDoor(model: string, door: Door): void {
    const lane = this.#laneOf(model);
    lane.door = door;
    if (door.type === "closed") {
      for (const run of lane.waiting.takeAll()) this.#conclude(run, refused(door.error));
      this.#reportRest(lane);
    }
    this.#advance(lane);
  }

  /** A part of what the executor makes. */
  part(number: number, part: EnginePart): void {
    const run = this.#running.get(number);
    if (run?.hear === undefined) return;
    if (!run.spoke && !isSignOfLife(part)) {
      run.spoke = true;
      this.#emit({ type: "firstText", model: run.lane.model, afterMs: this.#sinceMs(run) });
    }
    run.silence.heard();
    this.#guarded(run.hear, { type: "part", part });
  }

  /** The executor has given up a run. */
  end(number: number, result: Ended): void {
    const run = this.#running.get(number);
    if (run === undefined) return;
    this.#letGo(run);
    this.#measure(run, result);
    this.#conclude(run, result);
    this.#advance(run.lane);
    this.#reportRest(run.lane);
    this.#reportIdle();
  }

  /** The executor of these models is gone (of all, if none are named), and all that ran in it. Those who wait go on
   *  waiting. */
  fault(details: Readonly<Record<string, unknown>>, models?: ReadonlySet<string>): void {
    for (const run of this.#running.values()) {
      if (models?.has(run.lane.model) === false) continue;
      this.#letGo(run);
      this.#conclude(run, refused(failure("RUNTIME_FAULT", details)));
      this.#reportRest(run.lane);
    }
    this.#reportIdle();
  }

  /** Refuses the calls that wait and come, cancels those that run. Resolves when none runs. */
  close(): Promise<void> {
    this.#stopping = true;
    for (const lane of this.#lanes.values())
      for (const run of lane.waiting.takeAll()) this.#conclude(run, refused(failure("STOPPING")));
    for (const run of this.#running.values()) this.#askToEnd(run);
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
      this.#reportIdle();
    });
  }

  stats(hostRestarts: number): RuntimeStats {
    const queued = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.waiting.size, 0);
    return { ...this.#totals, queued, running: this.#running.size, hostRestarts };
  }

  #laneOf(model: string): Lane {
    const lane = this.#lanes.get(model);
    assert(lane !== undefined, `model ${model} is known`);
    return lane;
  }

  #refusal(lane: Lane | undefined, engine: EngineName, request: EngineRequest): Failure | undefined {
    if (this.#stopping) return failure("STOPPING");
    if (lane === undefined) return failure("MODEL_NOT_FOUND", { model: request.model });
    if (lane.door.type === "closed") return lane.door.error;
    const error = engine === "generate" ? this.#textRefusal(lane, request as GenerationRequest) : undefined;
    return error ?? this.#lateRefusal(lane, request);
  }

  /** To wait for what surely comes too late would only keep a place from others. */
  #lateRefusal(lane: Lane, request: EngineRequest): Failure | undefined {
    const timeoutMs = Math.min(request.timeoutMs, request.silenceMs ?? request.timeoutMs);
    if (timeoutMs <= 0) return failure("GENERATION_TIMEOUT", { timeoutMs: 0 });
    if (lane.door.type !== "open" || lane.tookMs.length < runtimeLimits.durationsKept) return undefined;
    const stand = standOf(request);
    const { slots } = lane.door;
    // One place comes free at once, as far as anybody knows; those behind it after the shortest call that there was.
    const rounds = Math.floor(lane.waiting.turnsBefore(stand) / slots);
    const waitMs = rounds * Math.min(...lane.tookMs);
    return waitMs > timeoutMs ? this.#busy(lane, { waitMs }) : undefined;
  }

  #busy(lane: Lane, details: Readonly<Record<string, unknown>>): Failure {
    const { retryAfterMsMin, retryAfterMsMax, retryAfterMsUnknown } = runtimeLimits;
    const { tookMs, door, waiting } = lane;
    const mean = tookMs.reduce((all, one) => all + one, 0) / tookMs.length;
    const slots = door.type === "open" ? door.slots : 1;
    // Until everybody who waits has had a turn: then the refused caller has a place again.
    const turnMs = tookMs.length === 0 ? retryAfterMsUnknown : (mean * Math.max(1, waiting.shares)) / slots;
    const retryAfterMs = Math.ceil(Math.min(Math.max(turnMs, retryAfterMsMin), retryAfterMsMax));
    return failure("MODEL_BUSY", { model: lane.model, ...details, retryAfterMs });
  }

  #measure(run: Run, result: Ended): void {
    if (!result.ok || run.cancelled) return;
    const { tookMs, wrote } = run.lane;
    tookMs.push(this.#options.clock.monotonicMs() - run.begunMs);
    wrote.push("completionTokens" in result.value ? result.value.completionTokens : 0);
    if (tookMs.length <= runtimeLimits.durationsKept) return;
    tookMs.shift();
    wrote.shift();
  }

  #textRefusal(lane: Lane, request: GenerationRequest): Failure | undefined {
    const stops = request.stop ?? [];
    if (stops.length > runtimeLimits.stopStringsMax)
      return failure("BAD_REQUEST", { field: "stop", max: runtimeLimits.stopStringsMax });
    if (stops.some((stop) => stop === "" || stop.length > runtimeLimits.stopStringCharsMax))
      return failure("BAD_REQUEST", { field: "stop", charsMin: 1, charsMax: runtimeLimits.stopStringCharsMax });
    const wrong = wrongIn(request);
    if (wrong !== undefined) return wrong;
    if (lane.door.type !== "open" || lane.door.contextTokens === undefined) return undefined;
    // Counted, not read: to measure such a prompt would hold others up, and it cannot fit.
    const { contextTokens } = lane.door;
    const chars = request.messages.reduce((sum, { content }) => sum + content.length, 0);
    const max = contextTokens * runtimeLimits.promptCharsPerTokenMax;
    return chars > max ? failure("CONTEXT_TOO_LONG", { contextTokens, promptChars: chars, max }) : undefined;
  }

  #refuse(lane: Lane | undefined, error: Failure, hear: Hear): Running {
    this.#totals.failed += 1;
    this.#emit({ ...nothingSaid, type: "ended", model: lane?.model ?? "unknown", end: error.code });
    this.#options.clock.after(0, () => this.#guarded(hear, { type: "answered", result: refused(error) }));
    return { cancel: () => undefined };
  }

  /** Lets a run wait; undefined when it does. */
  #join(run: Run): Failure | undefined {
    const { lane, stand } = run;
    const { queuedPerModelMax, queuedPerPersonMax } = { ...runtimeLimits, ...this.#options };
    // Those that will run at once wait only until this call has ended.
    const free = lane.door.type === "open" ? Math.max(0, lane.door.slots - lane.running) : 0;
    const limits = { max: queuedPerModelMax + free, perShareMax: queuedPerPersonMax + free };
    const joined = lane.waiting.join(stand, run, limits);
    if (joined.type === "waits") return undefined;
    const full = (limit: "max" | "perShareMax") =>
      this.#busy(lane, limit === "max" ? { queuedPerModelMax } : { queuedPerPersonMax });
    if (joined.type === "full") return full(joined.limit);
    const displaced = joined.item;
    displaced.place = "gone";
    const error = full(displaced.stand.share === stand.share ? "perShareMax" : "max");
    this.#options.clock.after(0, () => this.#conclude(displaced, refused(error)));
    return undefined;
  }

  /** Tells those who wait where they are, once for all that happens in one step of the event loop. */
  #tellPlaces(lane: Lane): void {
    if (lane.telling) return;
    lane.telling = true;
    this.#options.clock.after(0, () => {
      lane.telling = false;
      const isLoading = lane.door.type === "held";
      for (const [ahead, run] of lane.waiting.inOrder().entries())
        this.#tellPlace(run, isLoading ? { stage: "loading" } : { stage: "queued", ahead });
    });
  }

  #tellPlace(run: Run, place: CallPlace): void {
    const told = `${place.stage} ${place.ahead ?? ""}`;
    if (run.hear === undefined || run.onPlace === undefined || run.told === told) return;
    run.told = told;
    this.#guarded(run.onPlace, place);
  }

  #advance(lane: Lane): void {
    this.#begin(lane);
    if (lane.waiting.size > 0) this.#tellPlaces(lane);
  }

  #begin(lane: Lane): void {
    while (lane.door.type === "open" && lane.running < lane.door.slots) {
      const run = lane.waiting.next();
      if (run === undefined) return;
      run.place = "running";
      run.begunMs = this.#options.clock.monotonicMs();
      lane.running += 1;
      this.#running.set(run.number, run);
      this.#totals.started += 1;
      this.#emit({ type: "started", model: lane.model, queuedMs: this.#sinceMs(run) });
      this.#tellPlace(run, { stage: "reading" });
      this.#executor.begin(run.number, run.engine, lane.model, run.request);
    }
  }

  #cancel(run: Run): void {
    if (run.hear === undefined || run.cancelled) return;
    run.cancelled = true;
    if (run.place === "running") {
      this.#askToEnd(run);
      return;
    }
    // Out of the line at once, so that another may come in; told later, as nothing is told within a call.
    this.#leaveLine(run);
    const { stopped } = traitsOf(run.engine);
    const result = stopped === undefined ? refused(failure("CANCELLED")) : ok(stopped);
    this.#options.clock.after(0, () => this.#conclude(run, result));
  }

  #timeOut(run: Run, timeoutMs: number): void {
    if (run.hear === undefined) return;
    if (run.place === "waiting") this.#leaveLine(run);
    else if (run.place === "running") this.#askToEnd(run);
    this.#conclude(run, refused(failure("GENERATION_TIMEOUT", { timeoutMs })));
  }

  #leaveLine(run: Run): void {
    run.lane.waiting.leave(run.stand, run);
    run.place = "gone";
    if (run.lane.waiting.size > 0) this.#tellPlaces(run.lane);
    this.#reportRest(run.lane);
  }

  #askToEnd(run: Run): void {
    run.stopGrace();
    run.stopGrace = this.#options.clock.after(runtimeLimits.cancelGraceMs, () =>
      this.#options.onStuck?.(run.number, run.lane.model),
    );
    this.#executor.cancel(run.number);
  }

  #letGo(run: Run): void {
    this.#running.delete(run.number);
    run.place = "gone";
    run.lane.running -= 1;
    run.stopGrace();
    assert(run.lane.running >= 0, "a slot is let go once");
  }

  /** Invariant: each generation is concluded once. */
  #conclude(run: Run, result: Ended): void {
    const { hear } = run;
    if (hear === undefined) return;
    run.hear = undefined;
    run.silence.stop();
    const tokens = { ...nothingSaid, ...(result.ok && result.value) };
    this.#totals.promptTokens += tokens.promptTokens;
    this.#totals.completionTokens += tokens.completionTokens;
    if (result.ok) this.#totals.finished += 1;
    else this.#totals.failed += 1;
    this.#emit({
      type: "ended",
      model: run.lane.model,
      end: result.ok ? ("end" in result.value ? result.value.end : "complete") : result.error.code,
      promptTokens: tokens.promptTokens,
      completionTokens: tokens.completionTokens,
      totalMs: this.#sinceMs(run),
    });
    this.#guarded(hear, { type: "answered", result });
  }

  #sinceMs(run: Run): number {
    return this.#options.clock.monotonicMs() - run.submittedMs;
  }

  #reportRest(lane: Lane): void {
    const begins = lane.door.type === "open" && lane.waiting.size > 0;
    if (lane.running === 0 && !begins) this.#options.onRest?.(lane.model);
  }

  #reportIdle(): void {
    if (this.#running.size > 0) return;
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }

  #emit(event: RuntimeEvent): void {
    this.#options.onEvent?.(event);
  }

  /** A listener that throws is its owner's fault and must not end another's generation. */
  #guarded<Value>(listener: (value: Value) => void, value: Value): void {
    try {
      listener(value);
    } catch (thrown) {
      this.#options.log?.error("generation.listener_failed", { error: String(thrown) });
    }
  }
}

/** Where a call waits. */
function standOf({ priority = 0, person = "", key = "" }: EngineRequest): Stand {
  const known = Number.isFinite(priority) ? Math.trunc(priority) : 0;
  return { priority: Math.min(Math.max(0, known), runtimeLimits.priorityMax), share: person, lane: key };
}

const unlimited: Silence = { heard: () => undefined, stop: () => undefined };
const nothingSaid = { promptTokens: 0, completionTokens: 0, totalMs: 0 } as const;
