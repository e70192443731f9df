/** Which models are in memory, and when: they come when they are called, and leave when nobody called for a while, or
 *  another one needs the room.
 *
 *      idle ──call, load()─► wanted ──► inspecting ──► fitting ──► loading ──► ready ──► draining ──► unloading ─► idle
 *                              │           │             │           │        (serves)  (ends what
 *                              └───────────┴─ failed ◄───┴───────────┘                   it runs)
 *
 *  Models get in line for memory in the order in which they were asked for, those of each host by themselves
 *  (`model-line.ts`); the first in line makes room (`memory.ts`) and is loaded, then the next. What is decided of one
 *  model by itself is `residency-rules.ts`. What makes the calls wait, run and end is `admission.ts`; what has the
 *  models is a `Carrier`: the host processes, or the one of the simulation.
 *
 *  Invariants: a model is loaded once, however many ask for it. One whose calls run is not unloaded. What is in memory,
 *  on its way in and on its way out is within the budget whenever a load begins. A model in line waits for no more than
 *  what runs, and one residency of each model before it. */
import {
  assert,
  failure,
  ok,
  refused,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type Failure,
  type Result,
  type Said,
} from "../protocols/index.ts";
import type { Ended, LoadPlan, ModelSpec } from "./adapter.ts";
import { Admission, type Executor } from "./admission.ts";
import type { Running } from "./engine.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "./environment.ts";
import type { LoadedFacts } from "./host/messages.ts";
import { namingFile } from "./host/naming-file.ts";
import { runtimeLimits } from "./limits.ts";
import { takenBy, whatToUnload, type Tenant } from "./memory.ts";
import { ModelLine } from "./model-line.ts";
import {
  afterCall,
  fateOf,
  grownBytes,
  isAtHost,
  isComing,
  keepAliveOf,
  newModel,
  noRoom,
  stoppedReason,
  takenOf,
  tenantOf,
  unloadedMeanwhile,
  type Loss,
} from "./residency-rules.ts";
import { residentOf, type Model, type Phase, type Resident } from "./resident.ts";

/** What has the models. What it is told to do, it reports to the methods of `Residency` that are named for it. */
export interface Carrier extends Executor {
  /** The host that a model is loaded in: one load at a time in each. */
  hostOf(spec: ModelSpec): string;
  /** Whether that host can be told anything now. */
  isUp(host: string): boolean;
  /** Reads the head of the model's file: `inspected`, or `failed`. `mostBytes` is what it may take at most. */
  inspect(spec: ModelSpec, mostBytes: number): void;
  /** `loaded`, or `failed`. */
  load(spec: ModelSpec, plan: LoadPlan): void;
  /** Ends a load where that can be done: `stopped`; else it goes on to what it would have come to. */
  stopLoad(model: string): void;
  /** `unloaded`. Nothing of the model runs. */
  unload(model: string): void;
  /** It does not do as it is told: ends it, which is reported as `lost`. */
  abandon(model: string, reason: string): void;
}

export interface ResidencyOptions {
  /** The default one first. They are loaded at once, as far as there is room for all of them. */
  readonly models: readonly ModelSpec[];
  /** What all of them together may take, until `setBudget` says otherwise. */
  readonly budgetBytes: number;
  /** What they ever may: a model that needs more is never loaded. Default: `budgetBytes`. */
  readonly mostBytes?: number;
  /** Of models that do not say; Infinity: until the room is needed. */
  readonly keepAliveMs?: number;
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  /** What `state` says of a model may have changed. */
  readonly changed: () => void;
}

/** The models of one node. */
export class Residency {
  readonly #options: ResidencyOptions;
  readonly #carrier: Carrier;
  readonly #admission: Admission;
  readonly #models = new Map<string, Model>();
  readonly #line: ModelLine;
  /** When somebody in line may get room without anything happening. */
  #wakeMs = Infinity;
  #stopTimer = (): void => undefined;
  #stopped = false;
  #budgetBytes: number;
  #whenSettled: (() => void)[] = [];

  constructor(options: ResidencyOptions, carrier: Carrier) {
    this.#options = options;
    this.#budgetBytes = options.budgetBytes;
    this.#carrier = carrier;
    this.#line = new ModelLine(({ spec }) => carrier.hostOf(spec));
    this.#admission = new Admission(
      {
        models: [],
        ...(options.queuedPerModelMax !== undefined && { queuedPerModelMax: options.queuedPerModelMax }),
        ...(options.queuedPerPersonMax !== undefined && { queuedPerPersonMax: options.queuedPerPersonMax }),
        clock: options.clock,
        log: options.log,
        ...(options.onEvent && { onEvent: options.onEvent }),
        onStuck: (run, model) => {
          options.log.warn("generation.stuck", { run, model });
          carrier.abandon(model, "a cancelled generation does not end");
        },
        onCall: (name, request) => this.#onCall(this.#of(name), request),
        onRest: (name) => this.#onRest(this.#of(name)),
      },
      carrier,
    );
    for (const spec of options.models) this.#know(spec);
    for (const model of this.#models.values()) if (model.spec.preload !== false) this.#order(model, { yields: true });
  }

  // --- what the node asks ------------------------------------------------------------------------------------------

  submit(engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running {
    return this.#admission.submit(engine, request, hear);
  }

  /** The models in the order in which they came, with what is known of each. */
  residents(): readonly Resident[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#models.values()]
      .filter(({ removed }) => !removed)
      .map((model) =>
        residentOf(model, {
          calls: this.#admission.measuredCallsOf(model.spec.name),
          nowMs,
          before: this.#line.before(model),
        }),
      );
  }

  /** What is counted for models now, and what may be at most. */
  memory(): { readonly usedBytes: number; readonly budgetBytes: number } {
    const usedBytes = takenBy(this.#tenants());
    return { usedBytes, budgetBytes: this.#budgetBytes };
  }

  /** From now on all models together may take so much. What rests leaves for a smaller one; what runs stays. */
  setBudget(bytes: number): void {
    if (this.#stopped || bytes === this.#budgetBytes) return;
    const grows = bytes > this.#budgetBytes;
    this.#budgetBytes = bytes;
    if (grows) this.#roomMayBe();
    else this.#shrink();
    this.#advance();
  }

  stats(hostRestarts: number): RuntimeStats {
    return this.#admission.stats(hostRestarts);
  }

  /** Knows one more model. It is loaded when it is called, or with `load`; with `preload` now, if there is room.
   *  Errors: NAME_TAKEN, LIMIT_REACHED, STOPPING. */
  add(spec: ModelSpec, { preload = false }: { readonly preload?: boolean } = {}): Result<void> {
    if (this.#stopped) return refused(failure("STOPPING"));
    if (this.#models.has(spec.name)) return refused(failure("NAME_TAKEN", { model: spec.name }));
    const { modelsMax } = runtimeLimits;
    if (this.#models.size >= modelsMax)
      return refused(failure("LIMIT_REACHED", { limit: "modelsMax", max: modelsMax }));
    this.#know(spec);
    this.#options.changed();
    if (preload) this.#order(this.#of(spec.name), { yields: true });
    return ok(undefined);
  }

  /** Forgets a model: those who wait for it are refused, what it runs goes on to its end. Resolves when it is out of
   *  memory. Errors: MODEL_NOT_FOUND. */
  remove(name: string): Promise<Result<void>> {
    const model = this.#known(name);
    if (model === undefined) return Promise.resolve(refused(failure("MODEL_NOT_FOUND", { model: name })));
    model.removed = true;
    const error = failure("MODEL_NOT_FOUND", { model: name, reason: "it was removed" });
    this.#admission.setDoor(name, { type: "closed", error });
    this.#settleLoads(model, refused(error));
    const gone = this.#outOfMemory(model);
    this.#options.changed();
    return gone.then(() => ok(undefined));
  }

  /** Brings a model into memory, also one that failed before. Errors: MODEL_NOT_FOUND, MODEL_LOAD_FAILED, STOPPING. */
  load(name: string): Promise<Result<void>> {
    const model = this.#known(name);
    if (model === undefined) return Promise.resolve(refused(failure("MODEL_NOT_FOUND", { model: name })));
    if (this.#stopped) return Promise.resolve(refused(failure("STOPPING")));
    return new Promise((resolve) => {
      model.loads.push(resolve);
      if (model.phase.state === "failed") this.#become(model, { state: "idle" });
      model.deaths = 0;
      model.unwanted = false;
      if (model.phase.state === "ready") this.#settleLoads(model, ok(undefined));
      else this.#order(model, { yields: false });
    });
  }

  /** Takes a model out of memory when what it runs has ended; a call loads it again. Errors: MODEL_NOT_FOUND. */
  unload(name: string): Promise<Result<void>> {
    const model = this.#known(name);
    if (model === undefined) return Promise.resolve(refused(failure("MODEL_NOT_FOUND", { model: name })));
    return this.#outOfMemory(model).then(() => ok(undefined));
  }

  /** Ends the way of a model into memory, wherever it is on it: what is read of it is given back, and the calls that
   *  wait for it are refused, and so is every other order to load it. A later call brings it again.
   *  Errors: MODEL_NOT_FOUND, ALREADY_DONE, FORBIDDEN (it is pinned). */
  stopLoad(name: string): Result<void> {
    const model = this.#known(name);
    if (model === undefined) return refused(failure("MODEL_NOT_FOUND", { model: name }));
    const { state } = model.phase;
    if (!this.#line.has(model)) return refused(failure("ALREADY_DONE", { model: name, reason: "nobody loads it" }));
    if (model.pinned) return refused(failure("FORBIDDEN", { model: name, reason: "it is pinned: unpin it first" }));
    const error = failure("MODEL_LOAD_FAILED", { model: name, reason: stoppedReason });
    Object.assign(model, { ordered: false, unwanted: true });
    this.#settleLoads(model, refused(failure("CANCELLED", { model: name, reason: stoppedReason })));
    if (state === "wanted" || state === "fitting") this.#givenUp(model);
    this.#admission.setDoor(name, { type: "closed", error });
    this.#admission.setDoor(name, { type: "held" });
    if (state === "loading") this.#carrier.stopLoad(name);
    this.#toldOut(model);
    this.#advance();
    return ok(undefined);
  }

  /** Keeps a model in memory whatever else needs the room, and loads it; or no longer. Errors: MODEL_NOT_FOUND. */
  pin(name: string, pinned: boolean): Result<void> {
    const model = this.#known(name);
    if (model === undefined) return refused(failure("MODEL_NOT_FOUND", { model: name }));
    model.pinned = pinned;
    if (pinned) {
      if (model.phase.state === "ready") model.stopTimer();
      this.#order(model, { yields: false });
    } else {
      this.#roomMayBe();
      this.#keepFor(model);
    }
    this.#options.changed();
    return ok(undefined);
  }

  /** Whether anybody waits for the end of its load. */
  isWanted(name: string): boolean {
    return this.#known(name)?.unwanted === false;
  }

  /** Resolves when no model is on its way into memory. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled.push(resolve);
      this.#reportSettled();
    });
  }

  /** Refuses the calls that wait and come, cancels those that run. Resolves when none runs. */
  close(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer();
    const closed = this.#admission.close();
    for (const model of this.#models.values()) {
      model.stopTimer();
      this.#settleLoads(model, refused(failure("STOPPING")));
      for (const left of model.leaves.splice(0)) left();
    }
    this.#line.clear();
    this.#reportSettled();
    return closed;
  }

  // --- what the carrier reports ------------------------------------------------------------------------------------

  part(run: number, part: EnginePart): void {
    this.#admission.part(run, part);
  }

  end(run: number, result: Ended): void {
    this.#admission.end(run, result);
  }

  /** A host can be told something from now on. */
  up(): void {
    this.#advance();
  }

  /** How the model would be loaded. */
  inspected(name: string, plan: LoadPlan): void {
    const model = this.#models.get(name);
    if (model?.phase.state !== "inspecting") return;
    const called = !model.removed && this.#isCalled(model);
    if (called || (!model.removed && model.ordered && !model.unwanted)) {
      model.unwanted = false;
      model.plan = plan;
      this.#become(model, { state: "fitting", plan });
      this.#toldOut(model);
    } else {
      this.#givenUp(model);
      this.#toldOut(model);
    }
    this.#advance();
  }

  loaded(name: string, facts: LoadedFacts): void {
    const model = this.#models.get(name);
    if (model?.phase.state !== "loading") return;
    const nowMs = this.#options.clock.monotonicMs();
    const { sinceMs } = model.phase;
    model.bytes = grownBytes(model, facts);
    Object.assign(model, { loadedMs: nowMs, loadTookMs: nowMs - sinceMs, usedMs: nowMs, ordered: false });
    this.#line.remove(model);
    this.#become(model, { state: "ready", facts });
    this.#settleLoads(model, ok(undefined));
    if (model.unwanted || model.removed) this.#leave(model);
    else {
      const { sequences: slots, contextTokens } = facts;
      this.#admission.setDoor(name, { type: "open", slots, contextTokens });
      this.#keepFor(model);
    }
    this.#shrink();
    this.#advance();
  }

  /** So much of its weights is read, from 0 to 1. */
  reading(name: string, share: number): void {
    const model = this.#models.get(name);
    if (model?.phase.state === "loading") this.#become(model, { ...model.phase, share });
  }

  /** Its load was ended, and nothing of it is in memory. */
  stopped(name: string): void {
    const model = this.#models.get(name);
    if (model?.phase.state !== "loading") return;
    this.#line.remove(model);
    this.#isOut(model);
    this.#advance();
  }

  failed(name: string, error: Failure, sizeBytes: number): void {
    const model = this.#models.get(name);
    if (model === undefined || !isComing(model)) return;
    this.#fail(model, { error, sizeBytes });
    this.#advance();
  }

  unloaded(name: string): void {
    const model = this.#models.get(name);
    if (model?.phase.state !== "unloading") return;
    this.#isOut(model);
    this.#advance();
  }

  /** A worker is gone, or the whole host, and these models with it. What ran has ended, what waits goes on waiting.
   *  `out`: models that are taken out, and why. */
  lost(names: readonly string[], how: string, by: Loss["by"], out: ReadonlyMap<string, string> = new Map()): void {
    const nowMs = this.#options.clock.monotonicMs();
    const gone = names.flatMap((name) => this.#models.get(name) ?? []).filter(isAtHost);
    const fates = gone.map((model) => {
      const fate = fateOf(model, { how, by, nowMs, out: out.get(model.spec.name) });
      model.deaths = fate.deaths;
      this.#line.remove(model);
      // Before anything is refused: a caller that asks again at once must wait for the next host.
      this.#rests(model);
      if (!model.removed) this.#admission.setDoor(model.spec.name, { type: "held" });
      return { model, ...fate };
    });
    this.#admission.fault({ reason: how }, new Set(gone.map(({ spec }) => spec.name)));
    for (const { model, comesBack, reason } of fates) {
      const { name } = model.spec;
      if (reason !== undefined)
        this.#fail(model, { error: failure("MODEL_LOAD_FAILED", { model: name, reason }), sizeBytes: 0 });
      else if (model.removed) this.#toldOut(model);
      else {
        this.#toldOut(model);
        // What is called goes first; the rest of what was in memory comes back as far as there is room.
        const again = this.#orderAgain(model, model.loads.length > 0);
        if (!again && comesBack) this.#order(model, { yields: true });
      }
    }
    this.#advance();
  }

  // --- the way in --------------------------------------------------------------------------------------------------

  #know(spec: ModelSpec): void {
    assert(!this.#models.has(spec.name), "model names are unique");
    this.#models.set(spec.name, newModel(spec, keepAliveOf(spec, this.#options.keepAliveMs)));
    this.#admission.add(spec.name);
  }

  #order(model: Model, { yields, asCall = false }: { readonly yields: boolean; readonly asCall?: boolean }): void {
    if (this.#stopped || model.removed) return;
    const { state } = model.phase;
    if (!asCall && state !== "ready") model.ordered = true;
    if (state === "idle") {
      model.yields = yields;
      this.#line.add(model);
      this.#become(model, { state: "wanted" });
    } else if (!yields) model.yields = false;
    this.#advance();
  }

  #onCall(model: Model, request: EngineRequest): void {
    // While it is on its way out the timer watches that instead.
    if (model.phase.state === "ready") model.stopTimer();
    Object.assign(model, afterCall(model, request));
    model.unwanted = false;
    this.#order(model, { yields: false, asCall: true });
  }

  /** Takes the next step of whatever is first in line at each host. */
  #advance(): void {
    if (this.#stopped) return;
    this.#wakeMs = Infinity;
    this.#line.advance(
      (host) => this.#carrier.isUp(host),
      (model) => this.#step(model),
    );
    this.#stopTimer();
    const delayMs = this.#wakeMs - this.#options.clock.monotonicMs();
    if (delayMs < Infinity) this.#stopTimer = this.#options.clock.after(Math.max(0, delayMs), () => this.#advance());
    this.#reportSettled();
  }

  /** False when the model is out of the line. */
  #step(model: Model): boolean {
    const { phase, spec } = model;
    if (phase.state === "wanted") {
      this.#become(model, { state: "inspecting" });
      this.#carrier.inspect(spec, this.#options.mostBytes ?? this.#options.budgetBytes);
    }
    if (phase.state !== "fitting") return this.#line.has(model);
    const { plan } = phase;
    const nowMs = this.#options.clock.monotonicMs();
    const need = takenOf(plan);
    const at = { need, budgetBytes: this.#budgetBytes, nowMs };
    const room = whatToUnload(this.#tenants(), at);
    if (room.type === "free") {
      Object.assign(model, need);
      this.#become(model, { state: "loading", sinceMs: nowMs });
      this.#carrier.load(spec, plan);
      return true;
    }
    if (room.type === "never") {
      this.#fail(model, {
        error: noRoom(spec.name, plan.memoryBytes, room.mostBytes),
        sizeBytes: plan.sizeBytes,
        forRoom: true,
      });
      return false;
    }
    if (model.yields) {
      this.#givenUp(model);
      return false;
    }
    model.phase = { ...phase, room };
    if (room.type === "unload") for (const name of room.models) this.#leave(this.#of(name));
    else if (room.untilMs !== undefined) this.#wakeMs = Math.min(this.#wakeMs, room.untilMs);
    return true;
  }

  #fail(model: Model, how: { readonly error: Failure; readonly sizeBytes: number; readonly forRoom?: boolean }): void {
    this.#line.remove(model);
    Object.assign(model, { bytes: 0, shares: [], ordered: false });
    // Whichever way it failed, its reason says of which file.
    const reason = how.error.details?.["reason"];
    const error =
      typeof reason !== "string"
        ? how.error
        : { ...how.error, details: { ...how.error.details, reason: namingFile(reason, model.spec) } };
    this.#options.log.error("model.load_failed", { ...error.details, path: model.spec.path });
    this.#become(model, { state: "failed", ...how, error });
    if (!model.removed) this.#admission.setDoor(model.spec.name, { type: "closed", error });
    this.#settleLoads(model, refused(error));
    this.#toldOut(model);
  }

  // --- the way out -------------------------------------------------------------------------------------------------

  #onRest(model: Model): void {
    if (this.#stopped) return;
    model.usedMs = this.#options.clock.monotonicMs();
    const { state } = model.phase;
    if (state === "draining") this.#unloadNow(model);
    else if (state === "ready") {
      this.#keepFor(model);
      // Somebody may be in line for its room.
      this.#advance();
    } else if ((state === "wanted" || state === "fitting") && !model.ordered && !this.#isCalled(model)) {
      this.#givenUp(model);
      this.#advance();
    }
  }

  /** Lets a model that rests leave when its time is over. */
  #keepFor(model: Model): void {
    if (model.phase.state !== "ready") return;
    model.stopTimer();
    if (model.pinned || this.#stopped) return;
    if (this.#isCalled(model) || model.keepAliveMs === Infinity) return;
    model.stopTimer = this.#options.clock.after(model.keepAliveMs, () => {
      if (model.phase.state === "ready" && !this.#isCalled(model)) this.#leave(model);
    });
  }

  #outOfMemory(model: Model): Promise<void> {
    return new Promise((resolve) => {
      model.leaves.push(resolve);
      // Of orders to load it and to unload it the last counts.
      model.ordered = false;
      this.#settleLoads(model, unloadedMeanwhile(model));
      const { state } = model.phase;
      if (state === "ready") return this.#leave(model);
      if (state === "inspecting" || state === "loading") model.unwanted = true;
      // Calls that wait for it keep it in line.
      if ((state === "wanted" || state === "fitting") && (model.removed || !this.#isCalled(model)))
        this.#givenUp(model);
      this.#toldOut(model);
      this.#advance();
    });
  }

  /** Takes no new calls, ends what runs, and is unloaded. */
  #leave(model: Model): void {
    if (model.phase.state !== "ready") return;
    model.stopTimer();
    const { facts } = model.phase;
    this.#become(model, { state: "draining", facts });
    if (!model.removed) this.#admission.setDoor(model.spec.name, { type: "held" });
    if (this.#admission.callsOf(model.spec.name).running === 0) this.#unloadNow(model);
  }

  #unloadNow(model: Model): void {
    if (model.phase.state !== "draining") return;
    const { facts } = model.phase;
    const { name } = model.spec;
    this.#become(model, { state: "unloading", facts });
    model.stopTimer = this.#options.clock.after(runtimeLimits.unloadMsMax, () =>
      this.#carrier.abandon(name, "an unload does not end"),
    );
    this.#carrier.unload(name);
  }

  #isOut(model: Model): void {
    const { ordered } = model;
    this.#rests(model);
    this.#options.log.info("model.unloaded", { model: model.spec.name });
    this.#toldOut(model);
    if (!this.#models.has(model.spec.name)) return;
    // Those who called or ordered it meanwhile want it back, behind all that are in line already.
    this.#orderAgain(model, ordered);
  }

  /** A model that is out of memory gets in line again, for those who wait for it. False: nobody does. */
  #orderAgain(model: Model, ordered: boolean): boolean {
    if (!ordered && this.#admission.callsOf(model.spec.name).waiting === 0) return false;
    this.#order(model, { yields: false, asCall: !ordered });
    return true;
  }

  /** Nobody wants it any more: it is out of the line. */
  #givenUp(model: Model): void {
    this.#line.remove(model);
    this.#rests(model);
    this.#settleLoads(model, unloadedMeanwhile(model));
  }

  /** Nothing of a model is in memory, and nobody has ordered it. */
  #rests(model: Model): void {
    model.stopTimer();
    Object.assign(model, { bytes: 0, shares: [], ordered: false, unwanted: false, caller: "nobody" });
    model.keepAliveMs = keepAliveOf(model.spec, this.#options.keepAliveMs);
    this.#become(model, { state: "idle" });
  }

  /** Tells those who wait for it that a model is out of memory, if it is. */
  #toldOut(model: Model): void {
    const { state } = model.phase;
    if (model.bytes > 0 || state === "inspecting") return;
    for (const left of model.leaves.splice(0)) left();
    if (!model.removed || (state !== "idle" && state !== "failed") || this.#models.get(model.spec.name) !== model)
      return;
    this.#models.delete(model.spec.name);
    this.#admission.remove(model.spec.name);
    this.#roomMayBe();
  }

  /** What is in memory took more than was reckoned: some of those at rest leave. */
  #shrink(): void {
    const { clock, log } = this.#options;
    const at = { need: { bytes: 0 }, budgetBytes: this.#budgetBytes, nowMs: clock.monotonicMs() };
    const room = whatToUnload(this.#tenants(), at);
    if (room.type === "never") log.warn("models.memory_exceeded", { ...this.memory() });
    if (room.type === "unload")
      for (const name of room.models) if (!this.#isCalled(this.#of(name))) this.#leave(this.#of(name));
  }

  /** Something that was pinned may leave now: what found no room beside it has a chance again. */
  #roomMayBe(): void {
    for (const model of this.#models.values()) {
      if (model.phase.state !== "failed" || model.phase.forRoom !== true || model.removed) continue;
      this.#become(model, { state: "idle" });
      this.#admission.setDoor(model.spec.name, { type: "held" });
    }
  }

  // --- small things ------------------------------------------------------------------------------------------------

  #of(name: string): Model {
    const model = this.#models.get(name);
    assert(model !== undefined, `model ${name} is known`);
    return model;
  }

  #known(name: string): Model | undefined {
    const model = this.#models.get(name);
    return model?.removed === true ? undefined : model;
  }

  #become(model: Model, phase: Phase): void {
    model.phase = phase;
    this.#options.changed();
  }

  #settleLoads(model: Model, result: Result<void>): void {
    for (const settle of model.loads.splice(0)) settle(result);
  }

  #reportSettled(): void {
    if (this.#line.length > 0 && !this.#stopped) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  /** Calls of a model that run or wait. */
  #callsOf(model: Model): number {
    const { running, waiting } = this.#admission.callsOf(model.spec.name);
    return running + waiting;
  }

  #isCalled(model: Model): boolean {
    return this.#callsOf(model) > 0;
  }

  #tenants(): readonly Tenant[] {
    return [...this.#models.values()]
      .filter(({ bytes }) => bytes > 0)
      .map((model) => tenantOf(model, this.#callsOf(model)));
  }
}
