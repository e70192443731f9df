/** The node's side of inference: two host processes, and the models in them.
 *
 *      calls ─► Residency (residency.ts): which models are in memory; Admission: whose turn it is
 *                   │ inspect, load, unload, begin, cancel             ▲ inspected, loaded, unloaded, part, end, lost
 *                   ▼                                                  │
 *               HostProcess native (llama.cpp …)    HostProcess light (echo, remote servers)
 *
 *  A fault in native code ends the process it happens in; what other adapters do then goes on, in the other one. When a host dies,
 *  what ran in it ends with RUNTIME_FAULT (its outcome is unknown); what still waits here has not started, and goes on
 *  waiting for the next host. */
import { unreachable, type Capability, type EngineName, type EngineRequest, type ModelInfo, type Result, type Said } from "../../protocols/index.ts"; // prettier-ignore
import type { LoadPlan, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import type { LocalModels, Running } from "../engine.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "../environment.ts";
import { describeGpus, probeGpus } from "../gpu.ts";
import { readMachine, threadShares, type Machine } from "../machine.ts";
import { toldPace } from "../pace.ts";
import { shareNode, type NodeLoad, type Shares } from "../sharing.ts";
import { runtimeLimits } from "../limits.ts";
import { Residency, type Carrier } from "../residency.ts";
import { partNames } from "../store/inspect.ts";
import { causeOf, type Resident } from "../resident.ts";
import { hostKinds, type FromHost, type HostKind } from "./messages.ts";
import { HostProcess } from "./process.ts";
import { isOwnFault } from "./supervision.ts";
import { trialKey, tryModel } from "./trial.ts";
import { keyVariables } from "./variables.ts";

export interface InferenceHostOptions {
  /** The default one first. They are loaded at once, as far as there is room for all of them. */
  readonly models: readonly ModelSpec[];
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
  /** How long a model stays in memory after its last call, if it does not say itself. Default: until its room is needed. */
  readonly keepAliveMs?: number;
  /** What the node itself took since the last call: models give cores and memory to a node that needs them. */
  readonly nodeLoad?: () => NodeLoad;
  /** What there is to share, and within which bounds. Default: what `readMachine` finds. */
  readonly machine?: Machine;
}

/** The models of a node, in processes of their own. */
export interface InferenceHost extends LocalModels {
  stats(): RuntimeStats;
  /** The processes; those that do not run are absent. */
  readonly pids: { readonly [Kind in HostKind]?: number };
  /** Resolves when no model is on its way into memory: each serves, waits to be called, or has failed. */
  settled(): Promise<void>;
}

/** Starts the hosts and the loading of their models. Returns at once: generations asked of a model that is still loading wait. */
export function startInferenceHost(options: InferenceHostOptions): InferenceHost {
  return new Host(options);
}

/** The host that a model is loaded in. */
const hostOf = (spec: ModelSpec): HostKind => (adapterOf(spec).threaded ? "native" : "light");

class Host implements InferenceHost {
  readonly #options: InferenceHostOptions;
  readonly #residency: Residency;
  readonly #hosts: Readonly<Record<HostKind, HostProcess>>;
  readonly #machine: Machine;
  /** Where each run is, and of which model. */
  readonly #runs = new Map<number, { readonly kind: HostKind; readonly model: string }>();
  readonly #kinds = new Map<string, HostKind>();
  /** What each model was last told to compute on. */
  readonly #threads = new Map<string, number>();
  /** Of models by what is known of them before they are loaded: it is looked up once. */
  /** How fast each model was said to be. */
  readonly #paces = new Map<string, number>();
  readonly #abilities = new WeakMap<ModelSpec, readonly Capability[]>();
  /** What was tried in a process of its own, by its files and how they are loaded. */
  readonly #tried = new Set<string>();
  /** What ends the trial of each model that is tried now. */
  readonly #trials = new Map<string, () => void>();
  /** Hosts that ended by the fault of native code while calls of a model ran: of no other, or of several. */
  readonly #ended = new Map<string, { readonly alone: number; readonly among: number }>();
  /** The model for which the host was killed. */
  #abandoned: string | undefined;
  #restarts = 0;
  #shares: Shares;
  #stopLook: () => void = () => undefined;
  /** Graphics cards were looked for, which is logged once. */
  #looked = false;
  #stopped: Promise<void> | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(options: InferenceHostOptions) {
    this.#options = options;
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
    if (spec.gpu !== "auto" || this.#looked) return;
    this.#looked = true;
    void probeGpus().then((gpus) => {
      const facts = { ...gpus, says: describeGpus(gpus) };
      if (this.#stopped === undefined) this.#options.log.info("inference.gpus", facts);
    });
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
      if (facts === undefined || hostOf(spec) !== "native") return resident;
      const now = Math.min(this.#threads.get(spec.name) ?? facts.threads, this.#shares.threads.now);
      return {
        ...resident,
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
      this.#paces.delete(name);
    }
    return removed;
  }

  load(name: string): Promise<Result<void>> {
    this.#ended.delete(name);
    return this.#residency.load(name);
  }

  unload(name: string): Promise<Result<void>> {
    return this.#residency.unload(name);
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
        const load = (): void =>
          at(spec).send({ type: "load", spec, plan, variables: keyVariables(spec, process.env) });
        if (hostOf(spec) === "native") this.#firstTried(spec, plan, load);
        else load();
      },
      unload: (model) => of(model).send({ type: "unload", model }),
      abandon: (model, reason) => {
        const kind = this.#kinds.get(model) ?? "light";
        // A thread in native code cannot be ended: its process is.
        if (kind === "native") {
          this.#abandoned = model;
          this.#hosts.native.kill(reason, { model });
        } else this.#hosts.light.send({ type: "abandon", model, reason });
      },
      begin: (run, engine, model, request) => {
        const kind = this.#kinds.get(model) ?? "light";
        this.#runs.set(run, { kind, model });
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
        this.#options.log.info("model.loaded", { model: message.model, ...message.facts });
        return this.#residency.loaded(message.model, message.facts);
      case "loadFailed":
        return this.#residency.failed(message.model, message.error, message.sizeBytes);
      case "unloaded":
        return this.#residency.unloaded(message.model);
      case "lost":
        this.#options.log.error("inference.worker_died", { model: message.model, how: message.how });
        return this.#lose([message.model], message.how, "worker");
      case "part":
        return this.#residency.part(message.run, message.part);
      case "end": {
        const kind = this.#runs.get(message.run)?.kind;
        if (message.result.ok) this.#proven(this.#runs.get(message.run)?.model ?? "");
        this.#runs.delete(message.run);
        this.#residency.end(message.run, message.result);
        return kind === "native" ? this.#shareThreads() : undefined;
      }
      case "log":
        return this.#options.log.debug(message.event, message.facts);
      case "beat":
        return undefined;
      default:
        return unreachable(message);
    }
  }

  /** Tries a model in a process of its own, unless it was; then it is loaded where the others are. */
  #firstTried(spec: ModelSpec, plan: LoadPlan, load: () => void): void {
    const { clock, log } = this.#options;
    const { name, path, lora = [], draft } = spec;
    let key: string;
    try {
      key = trialKey(spec, [...partNames(path), ...lora.map((one) => one.path), ...(draft === undefined ? [] : [draft])]);
    } catch {
      // What cannot be read is refused by the load.
      return load();
    }
    if (this.#tried.has(key)) return load();
    this.#trials.get(name)?.();
    const stop = tryModel({ spec, plan, clock }, (verdict) => {
      this.#trials.delete(name);
      if (verdict.type === "failed") {
        log.warn("model.trial_failed", { model: name, reason: causeOf(verdict.error) });
        return this.#residency.failed(name, verdict.error, plan.sizeBytes);
      }
      log.debug("model.tried", { model: name });
      if (this.#tried.size >= runtimeLimits.trialsKept) this.#tried.clear();
      this.#tried.add(key);
      load();
    });
    this.#trials.set(name, stop);
  } // prettier-ignore

  /** A call has ended well: what ended a host among several calls was another one. */
  #proven(model: string): void {
    const ended = this.#ended.get(model);
    if (ended !== undefined) this.#ended.set(model, { ...ended, among: 0 });
  }

  #onGone(kind: HostKind, how: string): void {
    const names = this.#residency.residents().map(({ spec }) => spec.name);
    this.#blame(kind, how);
    this.#lose(
      [...names, ...this.#kinds.keys()].filter((name) => this.#kinds.get(name) === kind),
      how,
      "host",
    );
  }

  /** Counts against each model whose calls may have ended the host that they did. */
  #blame(kind: HostKind, how: string): void {
    const stuck = this.#abandoned;
    if (kind === "native") this.#abandoned = undefined;
    const ran = new Set([...this.#runs.values()].filter((one) => one.kind === kind).map(({ model }) => model));
    const blamed = kind === "native" && stuck !== undefined ? [stuck] : isOwnFault(how) ? [...ran] : [];
    for (const model of blamed) {
      const { alone, among } = this.#ended.get(model) ?? { alone: 0, among: 0 };
      const isAlone = blamed.length === 1;
      this.#ended.set(model, { alone: alone + Number(isAlone), among: among + Number(!isAlone) });
    }
  }

  #lose(names: readonly string[], how: string, by: "worker" | "host"): void {
    const lost = new Set(names);
    for (const [run, { model }] of this.#runs) if (lost.has(model)) this.#runs.delete(run);
    for (const name of lost) {
      this.#trials.get(name)?.();
      this.#trials.delete(name);
    }
    const ended = new Map([...this.#ended].map(([name, { alone, among }]) => [name, alone + among]));
    this.#residency.lost([...lost], how, by, ended);
  }

  /** Models that write now share the cores that are for models: with more threads than cores they would wait for each other. */
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
    ...(spec.endpoint && { provider: URL.parse(spec.endpoint.url)?.host ?? adapter.name }),
    state,
    contextTokens: facts?.contextTokens ?? spec.contextTokens ?? 0,
    sizeBytes: facts?.sizeBytes ?? sizeBytes,
  };
  if (facts !== undefined && state === "ready") return { ...about, device: facts.device, places: facts.sequences };
  if (error !== undefined) return { ...about, reason: causeOf(error) };
  return about;
}
