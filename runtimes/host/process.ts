/** One host process as the node sees it: started, watched, killed when it is silent, started again.
 *
 *      starting ──up──► serving ──exit, silence, stuck──► waiting (250 ms … 10 s) ──► starting
 *          │               │                                  │
 *          └───────────────┴───────────── stop ───────────────┴──► stopped */
import type { ChildProcess } from "node:child_process";
import { forkOurs } from "../children.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import type { FromHost, HostKind, ToHost } from "./messages.ts";
import { hostVariables } from "./variables.ts";
import { afterDeath, isSilent, type HostHistory } from "./supervision.ts";

/** The listener to a host process. */
interface HostListener {
  /** What it says, from `up` on. */
  said(message: FromHost): void;
  /** It is gone, and all in it. It is started again, unless it was stopped. */
  gone(how: string): void;
  /** It is started again. */
  restarted(): void;
}

interface Life {
  readonly child: ChildProcess;
  readonly startedMs: number;
  up: boolean;
  missedBeats: number;
  /** The end of what it printed; the native library explains its aborts there. */
  lastWords: string;
  /** Frames taken per run since credit was last granted. */
  readonly taken: Map<number, number>;
  stopBeat: () => void;
}

/** The process of one sort of models, from its first model on. */
export class HostProcess {
  readonly #kind: HostKind;
  readonly #clock: RuntimeClock;
  readonly #log: RuntimeLog;
  readonly #listener: HostListener;
  #life: Life | undefined;
  #history: HostHistory = { shortLives: 0 };
  #cancelRestart: () => void = () => undefined;
  #begun = false;
  #stopped = false;
  #onExit: () => void = () => undefined;

  constructor(
    kind: HostKind,
    {
      clock,
      log,
      listener,
    }: { readonly clock: RuntimeClock; readonly log: RuntimeLog; readonly listener: HostListener },
  ) {
    this.#kind = kind;
    this.#clock = clock;
    this.#log = log;
    this.#listener = listener;
  }

  get pid(): number | undefined {
    return this.#life?.child.pid;
  }

  get isUp(): boolean {
    return this.#life?.up === true;
  }

  /** Starts it, if that was not done before. */
  begin(): void {
    if (this.#begun || this.#stopped) return;
    this.#begun = true;
    this.#start();
  }

  send(message: ToHost): void {
    const child = this.#life?.child;
    // A message that does not arrive is answered by the exit that follows.
    if (child?.connected) child.send(message, () => undefined);
  }

  kill(reason: string, facts: Readonly<Record<string, unknown>> = {}): void {
    if (this.#life === undefined) return;
    this.#log.warn("inference.host_killed", { host: this.#kind, reason, ...facts });
    this.#life.child.kill("SIGKILL");
  }

  /** Ends it once `idle`, by force after the deadline. */
  async stop(deadlineMs: number, idle: Promise<void>): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart();
    if (this.#life === undefined) return;
    const exited = new Promise<void>((resolve) => {
      this.#onExit = resolve;
    });
    const stopTimer = this.#clock.after(deadlineMs, () => this.kill("it did not stop in time"));
    void idle.then(() => this.send({ type: "stop" }));
    await exited;
    stopTimer();
  }

  #start(): void {
    const child = forkOurs(new URL("./child.ts", import.meta.url), [this.#kind], {
      env: { ...hostVariables(process.env, this.#kind) },
      streams: ["ignore", "pipe", "pipe"],
    });
    const life: Life = {
      child,
      startedMs: this.#clock.monotonicMs(),
      up: false,
      missedBeats: 0,
      lastWords: "",
      taken: new Map(),
      stopBeat: () => undefined,
    };
    this.#life = life;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        life.lastWords = (life.lastWords + text).slice(-runtimeLimits.lastWordsCharsMax);
      });
    child.on("message", (message) => this.#take(life, message as FromHost));
    child.on("error", (error) => this.#onGone(life, error.message));
    child.on("exit", (code, signal) => this.#onGone(life, signal ?? `exit code ${code}`));
    this.#beat(life);
  }

  #take(life: Life, message: FromHost): void {
    if (life !== this.#life) return;
    if (message.type === "beat") {
      life.missedBeats = 0;
      return;
    }
    if (message.type === "up") life.up = true;
    if (message.type === "end") life.taken.delete(message.run);
    this.#listener.said(message);
    if (message.type === "part") this.#grant(life, message.run);
  }

  #grant(life: Life, run: number): void {
    const taken = (life.taken.get(run) ?? 0) + 1;
    if (taken < runtimeLimits.creditStepFrames) {
      life.taken.set(run, taken);
      return;
    }
    life.taken.set(run, 0);
    this.send({ type: "credit", run, frames: taken });
  }

  /** Counts beats, not time: when this process itself was held up, the host's answers wait in the channel and are read
   *  before the next beat. */
  #beat(life: Life): void {
    life.stopBeat = this.#clock.after(runtimeLimits.heartbeatMs, () => {
      if (life !== this.#life) return;
      life.missedBeats += 1;
      if (isSilent(life.missedBeats, life.up)) this.kill("it does not answer", { missedBeats: life.missedBeats });
      else this.send({ type: "beat" });
      this.#beat(life);
    });
  }

  #onGone(life: Life, how: string): void {
    if (life !== this.#life) return;
    this.#life = undefined;
    life.stopBeat();
    life.child.kill("SIGKILL");
    const livedMs = this.#clock.monotonicMs() - life.startedMs;
    const facts = { host: this.#kind, how, lastWords: life.lastWords, livedMs };
    if (this.#stopped) {
      this.#listener.gone(how);
      this.#onExit();
      return this.#log.debug("inference.host_stopped", facts);
    }
    const { delayMs, ...history } = afterDeath(this.#history, livedMs);
    this.#history = history;
    this.#listener.gone(how);
    this.#log.error("inference.host_died", { ...facts, restartInMs: delayMs });
    this.#cancelRestart = this.#clock.after(delayMs, () => {
      this.#listener.restarted();
      this.#start();
    });
  }
}
