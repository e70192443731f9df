/** The node's side of inference: two host processes, and the models in them.
 *
 *      calls ─► Residency (residency.ts): which models are in memory; Admission: whose turn it is
 *                   │ inspect, load, unload, begin, cancel             ▲ inspected, loaded, unloaded, part, end, lost
 *                   ▼                                                  │
 *               HostProcess native (llama.cpp …)    HostProcess light (echo, remote servers)
 *
 *  A fault in native code ends the process it happens in; what other adapters do then goes on, in the other one. When a
 *  host dies, what ran in it ends with RUNTIME_FAULT (its outcome is unknown); what still waits here has not started,
 *  and goes on waiting for the next host. */
import {
  unreachable,
  type Capability,
  type EngineName,
  type EngineRequest,
  type Failure,
  type ModelInfo,
  type Result,
  type Said,
} from "../../protocols/index.ts";
import type { Doing, LoadPlan, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import type { LocalModels, Running } from "../engine.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "../environment.ts";
import { describeGpus, probeGpus, type Gpus } from "../gpu.ts";
import { readMachine, threadShares, type Machine } from "../machine.ts";
import { toldPace } from "../pace.ts";
import { shareNode, type NodeLoad, type Shares } from "../sharing.ts";
import { runtimeLimits } from "../limits.ts";
import { Residency, type Carrier } from "../residency.ts";
import { causeOf, type Resident } from "../resident.ts";
import { keepLoadFindings, loadFindingsOf } from "./load-findings.ts";
import { blameOf, Doings } from "./blame.ts";
import { Devices, onDevice, type Device } from "./devices.ts";
import { hostKinds, type FromHost, type HostKind, type Question } from "./messages.ts";
import { HostProcess } from "./process.ts";
import { subjectOf, type Subject } from "./subject.ts";
import { strikesSaid, Suspects, whyOut, type Counts, type Ended } from "./suspects.ts";
import { tryModel, verdictOf, type TrialVerdict } from "./trial.ts";
import { Tried, type KeptTrials } from "./tried.ts";
import { keyVariables } from "./variables.ts";

export interface InferenceHostOptions {
  /** The default one first. They are loaded at once, as far as there is room for all of them. */
  readonly models: readonly ModelSpec[];
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
  /** How long a model stays in memory after its last call, if it does not say itself. Default: until its room is
   *  needed. */
  readonly keepAliveMs?: number;
  /** What the node itself took since the last call: models give cores and memory to a node that needs them. */
  readonly nodeLoad?: () => NodeLoad;
  /** Where trials of models are remembered. Default: while this process runs. */
  readonly trials?: KeptTrials;
  /** What there is to share, and within which bounds. Default: what `readMachine` finds. */
  readonly machine?: Machine;
  /** Which graphics cards there are; asked once, when a model may use one. Default: what `probeGpus` finds. */
  readonly cards?: () => Promise<Gpus>;
}

/** The models of a node, in processes of their own. */
export interface InferenceHost extends LocalModels {
  stats(): RuntimeStats;
  /** The processes; those that do not run are absent. */
  readonly pids: { readonly [Kind in HostKind]?: number };
  /** Resolves when no model is on its way into memory: each serves, waits to be called, or has failed. */
  settled(): Promise<void>;
}

/** Starts the hosts and the loading of their models. Returns at once: generations asked of a model that is still
 *  loading wait. */
export function startInferenceHost(options: InferenceHostOptions): InferenceHost {
  return new Host(options);
}

/** A call that runs. */
interface Run extends Question {
  readonly kind: HostKind;
  readonly model: string;
}

/** The host that a model is loaded in. */
const hostOf = (spec: ModelSpec): HostKind => (adapterOf(spec).native ? "native" : "light");

class Host implements InferenceHost {
  readonly #options: InferenceHostOptions;
  readonly #residency: Residency;
  readonly #hosts: Readonly<Record<HostKind, HostProcess>>;
  readonly #machine: Machine;
  /** Where each run is, and of which model. */
  readonly #runs = new Map<number, Run>();
  readonly #kinds = new Map<string, HostKind>();
  /** What each model was last told to compute on. */
  readonly #threads = new Map<string, number>();
  /** Of models by what is known of them before they are loaded: it is looked up once. */
  /** How fast each model was said to be. */
  readonly #paces = new Map<string, number>();
  readonly #abilities = new WeakMap<ModelSpec, readonly Capability[]>();
  /** What was tried in a process of its own. */
  readonly #tried: Tried;
  /** Models that native code is loading. */
  readonly #loading = new Set<string>();
  /** How each model was loaded last. */
  readonly #plans = new Map<string, LoadPlan>();
  /** Models whose files are read a second time, after their trial. */
  readonly #readTwice = new Set<string>();
  /** What ends the trial of each model that is tried now. */
  readonly #trials = new Map<string, () => void>();
  /** When the process of each model's last trial is gone. */
  readonly #trialGone = new Map<string, Promise<void>>();
  /** Models whose trial was ended, and whose process may still be there. */
  readonly #ending = new Set<string>();
  /** What strikes of each native model are counted by. */
  readonly #strikeKeys = new Map<string, string>();
  /** Strikes of models whose files nobody has read through. */
  readonly #strikes = new Map<string, Ended>();
  /** Hosts that ended by the fault of native code, and whose calls ran. */
  readonly #suspects = new Suspects((...one) => this.#retry(...one), this.#counted());
  /** What the calls are at. */
  readonly #doings = new Doings();
  /** The model for which the host was killed, and what its thread was at. */
  #abandoned: { readonly model: string; readonly doing: Doing } | undefined;
  #restarts = 0;
  #shares: Shares;
  #stopLook: () => void = () => undefined;
  /** On what models compute that may use a graphics card. */
  readonly #devices = new Devices(() => (this.#cards ??= this.#look()));
  #cards: Promise<Gpus> | undefined;
  #stopped: Promise<void> | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(options: InferenceHostOptions) {
    this.#options = options;
    this.#tried = new Tried(options.trials, options.log);
    this.#machine = options.machine ?? readMachine();
    this.#shares = shareNode(this.#machine, undefined);
    const { clock, log } = options;
    const hostProcess = (kind: HostKind): HostProcess =>
      new HostProcess(kind, {
        clock,
        log,
        listener: {
          said: (message) => this.#take(message),
          gone: (how) => this.#onGone(kind, how),
          restarted: () => {
            this.#restarts += 1;
            options.onEvent?.({ type: "hostRestarted" });
          },
        },
      });
    this.#hosts = { native: hostProcess("native"), light: hostProcess("light") };
    this.#residency = new Residency(
      {
        ...options,
        budgetBytes: this.#shares.memory.budgetBytes,
        mostBytes: this.#shares.memory.mostBytes,
        changed: () => this.#changed(),
      },
      this.#carrier(),
    );
    for (const spec of options.models) this.#host(spec);
    if (options.nodeLoad !== undefined) this.#lookAtNode(options.nodeLoad);
  }

  /** Starts what a model needs: its host, and a look for the cards that it may use. */
  #host(spec: ModelSpec): void {
    this.#hosts[hostOf(spec)].begin();
    if (spec.gpu === "auto") this.#cards ??= this.#look();
  }

  /** Looks for graphics cards, and logs what was found. */
  async #look(): Promise<Gpus> {
    const gpus = await (this.#options.cards ?? probeGpus)();
    if (this.#stopped === undefined) this.#options.log.info("inference.gpus", { ...gpus, says: describeGpus(gpus) });
    return gpus;
  }

  get pids(): InferenceHost["pids"] {
    const running = hostKinds.flatMap((kind) => {
      const { pid } = this.#hosts[kind];
      return pid === undefined ? [] : [[kind, pid] as const];
    });
    return Object.fromEntries(running);
  }

  models(): readonly ModelInfo[] {
    return this.#residency.residents().map((one) => {
      const { name } = one.spec;
      const pace = toldPace(one.tokensPerSecond, this.#paces.get(name));
      if (pace !== undefined) this.#paces.set(name, pace);
      const info = infoOf(one, this.#abilitiesOf(one.spec));
      return pace === undefined ? info : { ...info, tokensPerSecond: pace };
    });
  }

  /** What a model can do that was not loaded yet. */
  #abilitiesOf(spec: ModelSpec): readonly Capability[] {
    const known = this.#abilities.get(spec);
    if (known !== undefined) return known;
    const adapter = adapterOf(spec);
    const found = spec.capabilities ?? adapter.can?.(spec) ?? adapter.capabilities;
    this.#abilities.set(spec, found);
    return found;
  }

  residents(): ReturnType<LocalModels["residents"]> {
    const writing = new Set([...this.#runs.values()].filter(({ kind }) => kind === "native").map(({ model }) => model));
    return this.#residency.residents().map((resident) => {
      const { spec, facts } = resident;
      const ended = this.#suspects.of(spec.name);
      const strikes = ended && resident.state !== "failed" && { strikes: strikesSaid(ended) };
      if (facts === undefined || hostOf(spec) !== "native") return { ...resident, ...strikes };
      const noCard = this.#devices.why(spec.name);
      const because = noCard === undefined ? resident.because : `${resident.because}; ${noCard}`;
      const now = Math.min(this.#threads.get(spec.name) ?? facts.threads, this.#shares.threads.now);
      return {
        ...resident,
        because,
        ...strikes,
        threads: { now, most: facts.threads, because: this.#whyThreads(spec, facts.threads, writing) },
      };
    });
  }

  #whyThreads(spec: ModelSpec, most: number, writing: ReadonlySet<string>): string {
    const { threads } = this.#shares;
    if (most === spec.threads && most < threads.now) return `its configuration says ${most}`;
    if (most === 1 && threads.most > 1) return "so small a model is fastest on one";
    const others = writing.has(spec.name) ? writing.size - 1 : writing.size;
    // A model that nobody calls has no thread busy: it gets its share when it is called.
    return others === 0
      ? threads.because
      : `${threads.because}; ${others} other${others === 1 ? " model writes" : " models write"} now`;
  }

  shares(): Pick<Shares, "threads" | "memory"> {
    return this.#shares;
  }

  memory(): ReturnType<LocalModels["memory"]> {
    return this.#residency.memory();
  }

  call(engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running {
    return this.#residency.submit(engine, request, hear);
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  add(spec: ModelSpec, how: { readonly preload?: boolean } = {}): Result<void> {
    const added = this.#residency.add(spec, how);
    if (added.ok) this.#host(spec);
    return added;
  }

  async remove(name: string): Promise<Result<void>> {
    const removed = await this.#residency.remove(name);
    // A model of that name that was added meanwhile has a place of its own there.
    if (!this.#residency.residents().some(({ spec }) => spec.name === name)) {
      this.#kinds.delete(name);
      this.#plans.delete(name);
      this.#readTwice.delete(name);
      this.#trialGone.delete(name);
      this.#suspects.leave(name);
      this.#strikeKeys.delete(name);
      this.#strikes.delete(name);
      this.#paces.delete(name);
      this.#devices.forget(name);
    }
    return removed;
  }

  load(name: string): Promise<Result<void>> {
    const known = this.#residency.residents().find(({ spec }) => spec.name === name);
    // What serves keeps the strike that it has: only what was taken out begins anew.
    if (known?.state === "failed") {
      this.#strikes.delete(name);
      this.#forgetTrial(this.#devices.asLoaded(known.spec));
      this.#devices.forget(name);
    }
    return this.#residency.load(name);
  }

  unload(name: string): Promise<Result<void>> {
    return this.#residency.unload(name);
  }

  stopLoad(name: string): Result<void> {
    return this.#residency.stopLoad(name);
  }

  pin(name: string, pinned: boolean): Result<void> {
    return this.#residency.pin(name, pinned);
  }

  stats(): RuntimeStats {
    return this.#residency.stats(this.#restarts);
  }

  settled(): Promise<void> {
    return this.#residency.settled();
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopLook();
    for (const stop of this.#trials.values()) stop();
    this.#suspects.stop();
    const idle = this.#residency.close();
    await Promise.all(hostKinds.map((kind) => this.#hosts[kind].stop(deadlineMs, idle)));
  }

  #carrier(): Carrier {
    const at = (spec: ModelSpec): HostProcess => this.#hosts[hostOf(spec)];
    const of = (model: string): HostProcess => this.#hosts[this.#kinds.get(model) ?? "light"];
    return {
      hostOf,
      isUp: (host) => this.#hosts[host as HostKind].isUp,
      inspect: (spec, mostBytes) => {
        this.#kinds.set(spec.name, hostOf(spec));
        at(spec).send({ type: "inspect", spec, mostBytes, machine: this.#machine });
      },
      load: (spec, plan: LoadPlan) => {
        this.#options.log.debug("model.loading", { model: spec.name });
        this.#threads.set(spec.name, plan.threads);
        this.#plans.set(spec.name, plan);
        this.#readTwice.delete(spec.name);
        if (hostOf(spec) === "native") return this.#firstTried(spec, plan);
        const variables = keyVariables(spec, process.env);
        at(spec).send({ type: "load", spec, plan, variables, known: loadFindingsOf(spec) });
      },
      stopLoad: (model) => {
        if (this.#ending.has(model)) return;
        const endTrial = this.#trials.get(model);
        if (endTrial === undefined) return of(model).send({ type: "stopLoad", model });
        endTrial();
        this.#ending.add(model);
        void (this.#trialGone.get(model) ?? Promise.resolve()).then(() => {
          if (this.#ending.delete(model)) this.#residency.stopped(model);
        });
      },
      unload: (model) => of(model).send({ type: "unload", model }),
      abandon: (model, reason) => {
        const kind = this.#kinds.get(model) ?? "light";
        // A thread in native code cannot be ended: its process is.
        if (kind === "native") {
          const doing = this.#doings.ofThread(model);
          this.#abandoned = { model, doing };
          this.#hosts.native.kill(reason, { model, doing });
        } else this.#hosts.light.send({ type: "abandon", model, reason });
      },
      begin: (run, engine, model, request) => {
        const kind = this.#kinds.get(model) ?? "light";
        this.#runs.set(run, { kind, model, engine, request });
        if (kind === "native") this.#shareThreads();
        of(model).send({ type: "begin", run, engine, model, request });
      },
      cancel: (run) => {
        const kind = this.#runs.get(run)?.kind;
        if (kind !== undefined) this.#hosts[kind].send({ type: "cancel", run });
      },
    };
  }

  #take(message: FromHost): void {
    switch (message.type) {
      case "up":
        return this.#residency.up();
      case "inspected":
        return this.#residency.inspected(message.model, message.plan);
      case "loaded":
        this.#loading.delete(message.model);
        this.#options.log.info("model.loaded", { model: message.model, ...message.facts });
        return this.#residency.loaded(message.model, message.facts);
      case "known":
        return keepLoadFindings(message);
      case "loadFailed":
        this.#loading.delete(message.model);
        if (this.#otherDevice(message.model, message.error)) return undefined;
        return this.#residency.failed(message.model, message.error, message.sizeBytes);
      case "reading": {
        const { model, share } = message;
        return this.#residency.reading(model, this.#readTwice.has(model) ? (1 + share) / 2 : share);
      }
      case "stopped":
        this.#loading.delete(message.model);
        return this.#residency.stopped(message.model);
      case "unloaded":
        return this.#residency.unloaded(message.model);
      case "lost":
        this.#options.log.error("inference.worker_died", { model: message.model, how: message.how });
        return this.#lose([message.model], message.how, "worker");
      case "part":
        return this.#residency.part(message.run, message.part);
      case "end": {
        const kind = this.#runs.get(message.run)?.kind;
        if (message.result.ok) this.#suspects.answered(this.#runs.get(message.run)?.model ?? "");
        this.#runs.delete(message.run);
        this.#doings.ended(message.run);
        this.#residency.end(message.run, message.result);
        return kind === "native" ? this.#shareThreads() : undefined;
      }
      case "doing": {
        const model = this.#runs.get(message.run)?.model;
        return model === undefined ? undefined : this.#doings.told(model, message);
      }
      case "log":
        return this.#options.log.debug(message.event, message.facts);
      case "beat":
      case "identified":
        return undefined;
      default:
        return unreachable(message);
    }
  }

  /** Tries a model in a process of its own, unless it was, on one device after the other; then it is loaded where the
   *  others are, on the first that could run it. */
  #firstTried(spec: ModelSpec, plan: LoadPlan): void {
    const { name } = spec;
    this.#trials.get(name)?.();
    const trial = new AbortController();
    const stop = (): void => {
      trial.abort();
      if (this.#trials.get(name) === stop) this.#trials.delete(name);
    };
    this.#trials.set(name, stop);
    void this.#devices.of(spec).then(async (devices) => {
      for (const [index, device] of devices.entries()) {
        const one = onDevice(spec, device);
        const verdict = await this.#verdict(one, plan, trial.signal);
        if (trial.signal.aborted) return;
        this.#devices.choose(name, device);
        if (verdict.type === "passed" || index === devices.length - 1) {
          stop();
          return verdict.type === "passed" ? this.#load(one, plan) : this.#failedTrial(name, plan, verdict);
        }
        this.#leaveCard(name, device, verdict);
      }
    });
  }

  /** Whether a model that a card could not load goes on with another device. */
  #otherDevice(name: string, error: Failure): boolean {
    const spec = this.#residency.residents().find((one) => one.spec.name === name)?.spec;
    const [device, plan] = [spec && this.#devices.asLoaded(spec).gpu, this.#plans.get(name)];
    if (spec?.gpu !== "auto" || plan === undefined || device === undefined || device === false || device === "auto")
      return false;
    this.#leaveCard(name, device, { type: "failed", error, ended: false });
    if (this.#residency.isWanted(name)) this.#firstTried(spec, plan);
    else this.#residency.stopped(name);
    return true;
  }

  #failedTrial(name: string, plan: LoadPlan, { error }: Extract<TrialVerdict, { readonly type: "failed" }>): void {
    this.#options.log.warn("model.trial_failed", { model: name, reason: causeOf(error) });
    this.#residency.failed(name, error, plan.sizeBytes);
  }

  #leaveCard(name: string, device: Device, verdict: Extract<TrialVerdict, { readonly type: "failed" }>): void {
    const reason = this.#devices.failed(name, device, verdict);
    this.#options.log.warn("model.card_failed", { model: name, device, reason });
  }

  /** Loads a model that was tried on its device. */
  #load(spec: ModelSpec, plan: LoadPlan): void {
    this.#loading.add(spec.name);
    const message = { type: "load", spec, plan, variables: keyVariables(spec, process.env) } as const;
    this.#hosts.native.send({ ...message, known: loadFindingsOf(spec) });
  }

  /** What comes of a model's trial on one device, or came of it before. Never settles where the trial is ended. */
  #verdict(spec: ModelSpec, plan: LoadPlan, signal: AbortSignal): Promise<TrialVerdict> {
    let subject: Subject;
    try {
      subject = subjectOf(spec);
    } catch {
      // What cannot be read is refused by the load.
      this.#count(spec.name, undefined);
      return Promise.resolve({ type: "passed" });
    }
    const { promise, resolve } = Promise.withResolvers<TrialVerdict>();
    const decide = (verdict: TrialVerdict): void => {
      if (verdict.type === "passed") this.#count(spec.name, this.#tried.strikeKey(subject));
      resolve(verdict);
    };
    void this.#tried.known(subject).then((found) => {
      if (signal.aborted) return;
      if (found !== undefined) return decide(verdictOf(spec.name, found));
      signal.addEventListener("abort", this.#try(spec, plan, subject, decide), { once: true });
    });
    return promise;
  }

  /** A model is loaded, and its strikes are counted by this; undefined: by its name, while this process runs. */
  #count(model: string, key: string | undefined): void {
    if (key === undefined) this.#strikeKeys.delete(model);
    else this.#strikeKeys.set(model, key);
  }

  #counted(): Counts {
    return {
      get: (model) => {
        const key = this.#strikeKeys.get(model);
        return key === undefined ? this.#strikes.get(model) : this.#tried.strikes(key);
      },
      set: (model, ended) => {
        const key = this.#strikeKeys.get(model);
        if (key === undefined) this.#strikes.set(model, ended);
        else this.#tried.strike(key, ended);
      },
    };
  }

  #forgetTrial(spec: ModelSpec): void {
    try {
      if (hostOf(spec) === "native") this.#tried.forget(subjectOf(spec));
    } catch {
      // Of files that cannot be read nothing is remembered.
    }
  }

  #try(spec: ModelSpec, plan: LoadPlan, subject: Subject, decide: (verdict: TrialVerdict) => void): () => void {
    const { clock, log } = this.#options;
    const known = { subject, found: (content: string) => this.#tried.identified(subject, content) };
    this.#readTwice.add(spec.name);
    const read = (share: number): void => this.#residency.reading(spec.name, share / 2);
    const { promise, resolve: gone } = Promise.withResolvers<void>();
    this.#trialGone.set(spec.name, promise);
    return tryModel({ spec, plan, clock, known, read, gone }, (verdict) => {
      const { type, content } = verdict;
      if (content !== undefined && type === "passed") log.debug("model.tried", { model: spec.name });
      // What ended for another reason, as for want of memory, may pass another time.
      if (content !== undefined && type === "passed") this.#tried.add(subject, content, verdict);
      if (content !== undefined && type === "failed" && verdict.ended)
        this.#tried.add(subject, content, { type, reason: causeOf(verdict.error) });
      decide(verdict);
    });
  }

  /** Asks a model again what it was asked, alone. */
  #retry(model: string, ask: readonly Question[], tell: (ended: boolean) => void): () => void {
    const { clock, log } = this.#options;
    const known = this.#residency.residents().find((one) => one.spec.name === model)?.spec;
    const plan = this.#plans.get(model);
    if (known === undefined || plan === undefined) {
      tell(false);
      return () => undefined;
    }
    const spec = this.#devices.asLoaded(known);
    log.info("model.suspected", { model, calls: ask.length });
    return tryModel({ spec, plan, clock, ask }, (verdict) => {
      const ended = verdict.type === "failed" && verdict.ended;
      log.info(ended ? "model.at_fault" : "model.cleared", { model, ...(ended && { reason: causeOf(verdict.error) }) });
      tell(ended);
      // What serves again meanwhile ends its calls, and is refused by its next load.
      if (this.#suspects.guilty([model]).size > 0) void this.#residency.unload(model);
    });
  }

  #onGone(kind: HostKind, how: string): void {
    const names = this.#residency.residents().map(({ spec }) => spec.name);
    const isUnsure = this.#blame(kind, how);
    if (kind === "native") this.#loading.clear();
    this.#lose(
      [...names, ...this.#kinds.keys()].filter((name) => this.#kinds.get(name) === kind),
      how,
      isUnsure ? "unsure" : "host",
    );
  }

  /** Counts against each model whose calls may have ended the host that they did. True: it may have been one that was
   *  being loaded as well. */
  #blame(kind: HostKind, how: string): boolean {
    const stuck = kind === "native" ? this.#abandoned : undefined;
    if (kind === "native") this.#abandoned = undefined;
    const ran = new Map([...this.#runs].filter(([, run]) => run.kind === kind));
    const loads = kind === "native" && this.#loading.size > 0;
    const { asked, others, unsure } = blameOf({ how, stuck, ran, loads }, this.#doings);
    this.#suspects.blame(asked, { how, others });
    return unsure;
  }

  #lose(names: readonly string[], how: string, by: "worker" | "host" | "unsure"): void {
    const lost = new Set(names);
    for (const [run, { model }] of this.#runs)
      if (lost.has(model)) {
        this.#runs.delete(run);
        this.#doings.ended(run);
      }
    for (const name of lost) {
      this.#ending.delete(name);
      this.#trials.get(name)?.();
    }
    const out = [...this.#suspects.guilty(lost)].map(([model, ended]) => [model, whyOut(model, ended)] as const);
    this.#residency.lost([...lost], how, by, new Map(out));
  }

  /** Models that write now share the cores that are for models: with more threads than cores they would wait for each
   *  other. */
  #shareThreads(): void {
    const most = new Map(
      this.#residency.residents().flatMap(({ spec, facts }) => (facts ? [[spec.name, facts.threads] as const] : [])),
    );
    const writing = [
      ...new Set([...this.#runs.values()].filter(({ kind }) => kind === "native").map(({ model }) => model)),
    ];
    const known = writing.filter((model) => most.has(model));
    const shares = threadShares(
      this.#shares.threads.now,
      known.map((model) => most.get(model) ?? 1),
    );
    for (const [index, model] of known.entries()) {
      const threads = shares[index] ?? 1;
      if (this.#threads.get(model) === threads) continue;
      this.#threads.set(model, threads);
      this.#hosts.native.send({ type: "threads", model, threads });
    }
  }

  /** Shares the machine anew, from now and then. */
  #lookAtNode(nodeLoad: () => NodeLoad): void {
    const { clock, log } = this.#options;
    this.#stopLook = clock.after(runtimeLimits.sharingLookMs, () => {
      const before = this.#shares;
      this.#shares = shareNode(this.#machine, nodeLoad(), before);
      const { threads, memory } = this.#shares;
      if (threads.now !== before.threads.now) {
        log.debug("inference.shared", { threads: threads.now, because: threads.because });
        this.#shareThreads();
      }
      if (memory.budgetBytes !== before.memory.budgetBytes) this.#residency.setBudget(memory.budgetBytes);
      this.#lookAtNode(nodeLoad);
    });
  }

  #changed(): void {
    for (const listener of this.#watchers) listener();
  }
}

/** What others are told of a model. */
function infoOf({ spec, state, facts, error, sizeBytes = 0 }: Resident, abilities: readonly Capability[]): ModelInfo {
  const adapter = adapterOf(spec);
  const label = adapter.label(spec);
  const about = {
    model: spec.name,
    runtime: adapter.name,
    capabilities: facts?.capabilities ?? abilities,
    demonstration: label !== undefined,
    ...(label && { label }),
    ...(spec.version !== undefined && { version: spec.version }),
    ...(spec.source !== undefined && { source: spec.source }),
    ...(spec.endpoint && { provider: URL.parse(spec.endpoint.url)?.host ?? adapter.name }),
    state,
    contextTokens: facts?.contextTokens ?? spec.contextTokens ?? 0,
    sizeBytes: facts?.sizeBytes ?? sizeBytes,
  };
  if (facts !== undefined && state === "ready") return { ...about, device: facts.device, places: facts.sequences };
  if (error !== undefined) return { ...about, reason: causeOf(error) };
  return about;
}
