/** The node's side of the inference host: starts the process, keeps it alive, and is the runtime the node sees.
 *
 *      starting ──up──► serving ──exit, silence, stuck──► waiting (250 ms … 10 s) ──► starting
 *          │               │                                  │
 *          └───────────────┴───────────── stop ───────────────┴──► stopped
 *
 *  When a host dies, what ran in it ends with RUNTIME_FAULT (its outcome is unknown); what still waits here has not
 *  started, and goes on waiting for the next host. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  failure,
  unreachable,
  type EngineName,
  type EngineRequest,
  type Failure,
  type ModelInfo,
  type Said,
} from "../../protocols/index.ts";
import type { ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import { Admission } from "../admission.ts";
import type { RuntimeClock, RuntimeEvent, RuntimeLog, RuntimeStats } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import type { LocalModels, Running } from "../engine.ts";
import type { FromHost, LoadedFacts, ToHost } from "./messages.ts";
import { afterDeath, isSilent, type HostHistory } from "./supervision.ts";

export interface InferenceHostOptions {
  /** The default one first. */
  readonly models: readonly ModelSpec[];
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly onEvent?: (event: RuntimeEvent) => void;
  readonly queuedPerModelMax?: number;
  readonly queuedPerPersonMax?: number;
}

export interface InferenceHost extends LocalModels {
  stats(): RuntimeStats;
  /** The host's process; undefined while none runs. */
  readonly pid: number | undefined;
  /** Resolves when no model is loading any more: each serves or has failed. */
  settled(): Promise<void>;
}

/** Starts the host and the loading of its models. Returns at once: generations asked of a model that is still loading wait. */
export function startInferenceHost(options: InferenceHostOptions): InferenceHost {
  return new Host(options);
}

type Loading =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly facts: LoadedFacts }
  | { readonly state: "failed"; readonly error: Failure; readonly sizeBytes: number };

interface Model {
  readonly spec: ModelSpec;
  loading: Loading;
  /** Hosts that died while they loaded it. */
  deaths: number;
}

interface Process {
  readonly child: ChildProcess;
  readonly startedMs: number;
  up: boolean;
  missedBeats: number;
  /** The model it loads now. */
  loads: string | undefined;
  /** The end of what it printed; the native library explains its aborts there. */
  lastWords: string;
  /** Frames taken per run since credit was last granted. */
  readonly taken: Map<number, number>;
  stopBeat: () => void;
}

class Host implements InferenceHost {
  readonly #options: InferenceHostOptions;
  readonly #models: ReadonlyMap<string, Model>;
  readonly #admission: Admission;
  #process: Process | undefined;
  #history: HostHistory = { shortLives: 0 };
  #restarts = 0;
  #cancelRestart: () => void = () => undefined;
  #stopped: Promise<void> | undefined;
  #onExit: () => void = () => undefined;
  #whenSettled: (() => void)[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(options: InferenceHostOptions) {
    this.#options = options;
    this.#models = new Map(
      options.models.map((spec) => [spec.name, { spec, loading: { state: "loading" }, deaths: 0 }]),
    );
    this.#admission = new Admission(
      {
        ...options,
        models: options.models.map((spec) => spec.name),
        onStuck: (run) => this.#kill("a cancelled generation does not end", { run }),
      },
      {
        begin: (run, engine, model, request) => this.#send({ type: "begin", run, engine, model, request }),
        cancel: (run) => this.#send({ type: "cancel", run }),
      },
    );
    this.#start();
  }

  get pid(): number | undefined {
    return this.#process?.child.pid;
  }

  models(): readonly ModelInfo[] {
    return [...this.#models.values()].map(({ spec, loading }) => {
      const adapter = adapterOf(spec);
      const { name: runtime } = adapter;
      const { capabilities } = loading.state === "ready" ? loading.facts : adapter;
      const label = adapter.label(spec);
      const { state } = loading;
      const about = {
        model: spec.name,
        runtime,
        capabilities,
        demonstration: label !== undefined,
        ...(label && { label }),
      };
      switch (state) {
        case "loading":
          return { ...about, state, contextTokens: spec.contextTokens ?? 0, sizeBytes: 0 };
        case "failed": {
          const reason = String(loading.error.details?.["reason"]);
          return { ...about, state, contextTokens: spec.contextTokens ?? 0, sizeBytes: loading.sizeBytes, reason };
        }
        case "ready": {
          const { contextTokens, sizeBytes, device, sequences: places } = loading.facts;
          return { ...about, state, contextTokens, sizeBytes, device, places };
        }
      }
    });
  }

  call(engine: EngineName, request: EngineRequest, hear: (said: Said) => void): Running {
    return this.#admission.submit(engine, request, hear);
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#watchers) listener();
  }

  stats(): RuntimeStats {
    return this.#admission.stats(this.#restarts);
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled.push(resolve);
      this.#reportSettled();
    });
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#cancelRestart();
    const idle = this.#admission.close();
    if (this.#process !== undefined) {
      const exited = new Promise<void>((resolve) => {
        this.#onExit = resolve;
      });
      const stopTimer = this.#options.clock.after(deadlineMs, () => this.#kill("it did not stop in time"));
      void idle.then(() => this.#send({ type: "stop" }));
      await exited;
      stopTimer();
    }
    this.#whenSettled.splice(0).forEach((resolve) => resolve());
  }

  #start(): void {
    const child = fork(fileURLToPath(new URL("./child.ts", import.meta.url)), [], {
      // Flags of this process (an inspector port, a loader) are not the host's.
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const host: Process = {
      child,
      startedMs: this.#options.clock.monotonicMs(),
      up: false,
      missedBeats: 0,
      loads: undefined,
      lastWords: "",
      taken: new Map(),
      stopBeat: () => undefined,
    };
    this.#process = host;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        host.lastWords = (host.lastWords + text).slice(-runtimeLimits.lastWordsCharsMax);
      });
    child.on("message", (message) => this.#take(host, message as FromHost));
    child.on("error", (error) => this.#onGone(host, error.message));
    child.on("exit", (code, signal) => this.#onGone(host, signal ?? `exit code ${code}`));
    this.#beat(host);
  }

  #take(host: Process, message: FromHost): void {
    if (host !== this.#process) return;
    switch (message.type) {
      case "up":
        host.up = true;
        return this.#loadAll();
      case "loading":
        host.loads = message.model;
        this.#options.log.debug("model.loading", { model: message.model });
        return;
      case "loaded":
        host.loads = undefined;
        this.#options.log.info("model.loaded", { model: message.model, ...message.facts });
        return this.#settle(message.model, { state: "ready", facts: message.facts });
      case "loadFailed": {
        host.loads = undefined;
        const { model, error, sizeBytes } = message;
        const path = this.#models.get(model)?.spec.path;
        this.#options.log.error("model.load_failed", { ...error.details, path });
        return this.#settle(model, { state: "failed", error, sizeBytes });
      }
      case "part": {
        this.#admission.part(message.run, message.part);
        return this.#grant(host, message.run);
      }
      case "end":
        host.taken.delete(message.run);
        return this.#admission.end(message.run, message.result);
      case "beat":
        host.missedBeats = 0;
        return;
      case "log":
        return this.#options.log.debug(message.event, message.facts);
      default:
        unreachable(message);
    }
  }

  #loadAll(): void {
    const wanted = [...this.#models.values()].filter(({ loading }) => loading.state !== "failed");
    const models = wanted.filter(({ spec }) => adapterOf(spec).threaded).length;
    for (const { spec } of wanted) this.#send({ type: "load", spec, models });
  }

  #settle(name: string, loading: Loading): void {
    const model = this.#models.get(name);
    if (model === undefined) return;
    model.loading = loading;
    if (loading.state === "ready") {
      model.deaths = 0;
      const { sequences: slots, contextTokens } = loading.facts;
      this.#admission.setDoor(name, { type: "open", slots, contextTokens });
    } else if (loading.state === "failed") this.#admission.setDoor(name, { type: "closed", error: loading.error });
    this.#changed();
    this.#reportSettled();
  }

  #grant(host: Process, run: number): void {
    const taken = (host.taken.get(run) ?? 0) + 1;
    if (taken < runtimeLimits.creditStepFrames) {
      host.taken.set(run, taken);
      return;
    }
    host.taken.set(run, 0);
    this.#send({ type: "credit", run, frames: taken });
  }

  /** Counts beats, not time: when this process itself was held up, the host's answers wait in the channel and are read
   *  before the next beat. */
  #beat(host: Process): void {
    host.stopBeat = this.#options.clock.after(runtimeLimits.heartbeatMs, () => {
      if (host !== this.#process) return;
      host.missedBeats += 1;
      if (isSilent(host.missedBeats, host.up)) this.#kill("it does not answer", { missedBeats: host.missedBeats });
      else this.#send({ type: "beat" });
      this.#beat(host);
    });
  }

  #onGone(host: Process, how: string): void {
    if (host !== this.#process) return;
    this.#process = undefined;
    host.stopBeat();
    host.child.kill("SIGKILL");
    const facts = { how, lastWords: host.lastWords, livedMs: this.#options.clock.monotonicMs() - host.startedMs };
    this.#holdDoors(host.loads, how);
    this.#admission.fault({ reason: how });
    this.#onExit();
    if (this.#stopped !== undefined) return this.#options.log.debug("inference.host_stopped", facts);

    const { delayMs, ...history } = afterDeath(this.#history, facts.livedMs);
    this.#history = history;
    this.#options.log.error("inference.host_died", { ...facts, restartInMs: delayMs });
    this.#cancelRestart = this.#options.clock.after(delayMs, () => {
      this.#restarts += 1;
      this.#options.onEvent?.({ type: "hostRestarted" });
      this.#start();
    });
  }

  /** Before anything is refused: who asks again at once must wait for the next host. */
  #holdDoors(loads: string | undefined, how: string): void {
    for (const [name, model] of this.#models) {
      if (model.loading.state === "failed") continue;
      if (name === loads) model.deaths += 1;
      if (model.deaths < runtimeLimits.loadAttemptsMax) {
        model.loading = { state: "loading" };
        this.#admission.setDoor(name, { type: "held" });
        this.#changed();
        continue;
      }
      const reason = `the inference host died ${model.deaths} times while it loaded this model (${how})`;
      const error = failure("MODEL_LOAD_FAILED", { model: name, reason });
      this.#options.log.error("model.load_failed", { model: name, reason, path: model.spec.path });
      this.#settle(name, { state: "failed", error, sizeBytes: 0 });
    }
  }

  #kill(reason: string, facts: Readonly<Record<string, unknown>> = {}): void {
    if (this.#process === undefined) return;
    this.#options.log.warn("inference.host_killed", { reason, ...facts });
    this.#process.child.kill("SIGKILL");
  }

  #send(message: ToHost): void {
    const child = this.#process?.child;
    // A message that does not arrive is answered by the exit that follows.
    if (child?.connected) child.send(message, () => undefined);
  }

  #reportSettled(): void {
    const loading = [...this.#models.values()].some((model) => model.loading.state === "loading");
    if (loading && this.#stopped === undefined) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }
}
