/** Who runs now, who waits, who is refused; and the promise that every call ends exactly once.
 *
 *      submit ──► waiting (per model, people take turns, bounded) ─► running (at most `slots`) ─► ended
 *                     │ cancel, timeout, stop, displaced                 │ its own end, timeout, fault
 *                     └────────────────────────► ended ◄─────────────────┘
 *
 *  A model is shared by everybody: a person's generations take turns with those of others, and within them those of one key
 *  with those of another (`fair-queue.ts`). When all places are taken, the youngest of whoever has most makes room.
 *
 *  Behind it is an `Executor`, told to begin and to cancel, which reports texts and ends. A generation that timed out has
 *  ended for its asker, yet keeps its slot until the executor lets go, so that slots never count more than there are. */
import {
  assert,
  failure,
  ok,
  refused,
  traitsOf,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type Failure,
  type GenerationRequest,
  type Said,
} from "../protocols/index.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "./environment.ts";
import type { Ended } from "./adapter.ts";
import type { Running } from "./engine.ts";
import { FairQueue } from "./fair-queue.ts";
import { runtimeLimits } from "./limits.ts";
import { wrongIn } from "./wrong-request.ts";

/** What runs the generations that were let in. */
export interface Executor {
  begin(run: number, engine: EngineName, model: string, request: EngineRequest): void;
  /** Asks for the end within one token. The end is reported like any other. */
  cancel(run: number): void;
}

/** How a model takes generations: `open` runs them, `held` lets them wait, `closed` refuses them. */
export type Door =
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
  readonly waiting: FairQueue<Run>;
  running: number;
}

interface Run {
  readonly number: number;
  readonly lane: Lane;
  readonly engine: EngineName;
  readonly request: EngineRequest;
  /** Whose turns it takes, and which of theirs. */
  readonly person: string;
  readonly key: string;
  readonly submittedMs: number;
  /** Undefined once the answer was delivered. */
  hear: Hear | undefined;
  place: "waiting" | "running" | "gone";
  cancelled: boolean;
  spoke: boolean;
  stopTimer: () => void;
  stopGrace: () => void;
}

export interface AdmissionOptions {
  /** The default one first. */
  readonly models: readonly string[];
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
  readonly clock: RuntimeClock;
  readonly log?: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  /** A cancelled run did not end in `cancelGraceMs`: the executor is stuck. */
  readonly onStuck?: (run: number) => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #executor: Executor;
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #running = new Map<number, Run>();
  #lastNumber = 0;
  #stopping = false;
  #whenIdle: (() => void) | undefined;
  #totals = { started: 0, finished: 0, failed: 0, promptTokens: 0, completionTokens: 0 };

  constructor(options: AdmissionOptions, executor: Executor) {
    assert(new Set(options.models).size === options.models.length, "model names are unique");
    this.#options = options;
    this.#executor = executor;
    this.#lanes = new Map(
      options.models.map((model) => [
        model,
        { model, door: { type: "held" }, waiting: new FairQueue<Run>(), running: 0 },
      ]),
    );
  }

  submit(engine: EngineName, request: EngineRequest, hear: Hear): Running {
    // The empty name means the default model, if there is any: a node need not serve one.
    const lane = this.#lanes.get(request.model || (this.#options.models[0] ?? ""));
    const error = this.#refusal(lane, engine, request);
    if (error !== undefined || lane === undefined)
      return this.#refuse(lane, error ?? failure("MODEL_NOT_FOUND", { model: request.model }), hear);
    const run: Run = {
      number: (this.#lastNumber += 1),
      lane,
      engine,
      request,
      person: request.person ?? "",
      key: request.key ?? "",
      submittedMs: this.#options.clock.monotonicMs(),
      hear,
      place: "waiting",
      cancelled: false,
      spoke: false,
      stopTimer: () => undefined,
      stopGrace: () => undefined,
    };
    const full = this.#join(run);
    if (full !== undefined) return this.#refuse(lane, full, hear);
    const timeoutMs = Math.min(Math.max(0, request.timeoutMs), runtimeLimits.timeoutMsMax);
    run.stopTimer = this.#options.clock.after(timeoutMs, () => this.#timeOut(run, timeoutMs));
    // Not within this call: the asker must hold the call before anything is said of it.
    this.#options.clock.after(0, () => this.#advance(lane));
    return { cancel: () => this.#cancel(run) };
  }

  /** Opens, holds or closes a model. Closing refuses those who wait. */
  setDoor(model: string, door: Door): void {
    const lane = this.#lanes.get(model);
    assert(lane !== undefined, `model ${model} is known`);
    lane.door = door;
    if (door.type === "closed") for (const run of lane.waiting.takeAll()) this.#conclude(run, refused(door.error));
    this.#advance(lane);
  }

  /** A part of what the executor makes. */
  part(number: number, part: EnginePart): void {
    const run = this.#running.get(number);
    if (run?.hear === undefined) return;
    if (!run.spoke) {
      run.spoke = true;
      this.#emit({ type: "firstText", model: run.lane.model, afterMs: this.#sinceMs(run) });
    }
    this.#say(run.hear, { type: "part", part });
  }

  /** The executor has let go of a run. */
  end(number: number, result: Ended): void {
    const run = this.#running.get(number);
    if (run === undefined) return;
    this.#letGo(run);
    this.#conclude(run, result);
    this.#advance(run.lane);
    this.#reportIdle();
  }

  /** The executor is gone, and all that ran in it. Those who wait go on waiting. */
  fault(details: Readonly<Record<string, unknown>>): void {
    for (const run of this.#running.values()) {
      this.#letGo(run);
      this.#conclude(run, refused(failure("RUNTIME_FAULT", details)));
    }
    this.#reportIdle();
  }

  /** Refuses those who wait and who come, cancels those who run. Resolves when none runs. */
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

  #refusal(lane: Lane | undefined, engine: EngineName, request: EngineRequest): Failure | undefined {
    if (this.#stopping) return failure("STOPPING");
    if (lane === undefined) return failure("MODEL_NOT_FOUND", { model: request.model });
    if (lane.door.type === "closed") return lane.door.error;
    return engine === "generate" ? this.#textRefusal(lane, request as GenerationRequest) : undefined;
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
    this.#options.clock.after(0, () => this.#say(hear, { type: "answered", result: refused(error) }));
    return { cancel: () => undefined };
  }

  /** Lets a run wait; undefined when it does. */
  #join(run: Run): Failure | undefined {
    const { lane, person, key } = run;
    const { queuedPerModelMax, queuedPerPersonMax } = { ...runtimeLimits, ...this.#options };
    // Those that will run at once wait only until this call has ended.
    const free = lane.door.type === "open" ? Math.max(0, lane.door.slots - lane.running) : 0;
    const limits = { max: queuedPerModelMax + free, perShareMax: queuedPerPersonMax + free };
    const joined = lane.waiting.join(person, key, run, limits);
    if (joined.type === "waits") return undefined;
    const full = (limit: "max" | "perShareMax") =>
      failure("QUEUE_FULL", {
        model: lane.model,
        ...(limit === "max" ? { queuedPerModelMax } : { queuedPerPersonMax }),
      });
    if (joined.type === "full") return full(joined.limit);
    const displaced = joined.item;
    displaced.place = "gone";
    const limit = displaced.person === person ? "perShareMax" : "max";
    this.#options.clock.after(0, () => this.#conclude(displaced, refused(full(limit))));
    return undefined;
  }

  #advance(lane: Lane): void {
    while (lane.door.type === "open" && lane.running < lane.door.slots) {
      const run = lane.waiting.next();
      if (run === undefined) return;
      run.place = "running";
      lane.running += 1;
      this.#running.set(run.number, run);
      this.#totals.started += 1;
      this.#emit({ type: "started", model: lane.model, queuedMs: this.#sinceMs(run) });
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
    run.lane.waiting.leave(run.person, run.key, run);
    run.place = "gone";
  }

  #askToEnd(run: Run): void {
    run.stopGrace();
    run.stopGrace = this.#options.clock.after(runtimeLimits.cancelGraceMs, () => this.#options.onStuck?.(run.number));
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
    run.stopTimer();
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
    this.#say(hear, { type: "answered", result });
  }

  #sinceMs(run: Run): number {
    return this.#options.clock.monotonicMs() - run.submittedMs;
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
  #say(hear: Hear, said: Parameters<Hear>[0]): void {
    try {
      hear(said);
    } catch (thrown) {
      this.#options.log?.error("generation.listener_failed", { error: String(thrown) });
    }
  }
}

const nothingSaid = { promptTokens: 0, completionTokens: 0, totalMs: 0 } as const;
