/** The process that files of strangers are opened in: what it is started with, and what ends it. */
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forkOurs, sacrifice } from "../children.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import type { OpenedLimits } from "./limits.ts";
import { isAnswer } from "./told.ts";
import { notOpened, type NotOpened, type Opened, type OpenedAnswer, type OpenedTask } from "./tasks.ts";

interface ProcessPorts {
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly limits: OpenedLimits;
}

/** What it does now. */
interface Work {
  readonly run: number;
  readonly task: OpenedTask;
  readonly end: (opened: Opened) => void;
}

/** One process at a time: it begins with a task, and ends when it is given none for a while. */
export class OpenedProcess {
  readonly #ports: ProcessPorts;
  #child: ChildProcess | undefined;
  #work: Work | undefined;
  #runs = 0;
  #keepOn = (): void => undefined;

  constructor(ports: ProcessPorts) {
    this.#ports = ports;
  }

  /** Asks it. It is asked again only when this is settled. */
  async ask(task: OpenedTask, signal?: AbortSignal): Promise<Opened> {
    const { clock, log, limits } = this.#ports;
    const { promise, resolve } = Promise.withResolvers<Opened>();
    this.#keepOn();
    this.#runs += 1;
    const run = this.#runs;
    const child = (this.#child ??= this.#begin());
    const give = (why: NotOpened): void => {
      if (why !== "takenBack") log.warn("opened.ended", { reason: why });
      this.#kill(child);
      resolve(notOpened(why));
    };
    const onAbort = (): void => give("takenBack");
    const stops = [
      clock.after(limits.openedMsMax, () => give("time")),
      watchMemory(clock, child.pid, limits, () => give("memory")),
      () => signal?.removeEventListener("abort", onAbort),
    ];
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#work = { run, task, end: resolve };
    child.send({ run, task }, (error) => {
      if (error !== null && this.#work?.run === run) give("ended");
    });
    const opened = await promise;
    for (const stop of stops) stop();
    this.#work = undefined;
    if (this.#child !== undefined) this.#keepOn = clock.after(limits.openedIdleMs, () => this.#kill(this.#child));
    return opened;
  }

  /** Ends it, now. */
  stop(): void {
    this.#keepOn();
    this.#kill(this.#child);
    this.#work?.end(notOpened("stopped"));
  }

  #kill(child: ChildProcess | undefined): void {
    if (this.#child === child) this.#child = undefined;
    child?.kill("SIGKILL");
  }

  #begin(): ChildProcess {
    const child = startChild();
    child.on("message", (message) => {
      // Whatever took the process over may say anything.
      const { run, told } = (message ?? {}) as OpenedAnswer;
      const work = this.#work;
      if (this.#child !== child || work?.run !== run) return;
      work.end(told !== undefined && isAnswer(work.task, told) ? { type: "told", told } : notOpened("refused"));
    });
    const over = (why: NotOpened): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#work?.end(notOpened(why));
    };
    child.on("error", () => over("ended"));
    // V8 that finds no memory aborts. Any other signal is from outside: it says nothing of the file.
    child.on("close", (code, signal) => over(signal === "SIGABRT" || code === 134 ? "memory" : "ended"));
    return child;
  }
}

/** The folders with our code, and with the packages that it uses, wherever they are installed. */
function codeFolders(): readonly string[] {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  // In the archive our code and what it uses of packages are in two folders of their own.
  const own = ["package.json", "runtimes", "parts", "packages"].map((name) => join(root, name)).filter(existsSync);
  const packages = ["htmlparser2", "@napi-rs/canvas", "unpdf"].flatMap((name) => {
    try {
      const path = fileURLToPath(import.meta.resolve(name));
      return [path.slice(0, path.lastIndexOf(`/node_modules/${name}/`)) + "/node_modules"];
    } catch {
      // There is none for this system: nothing is drawn.
      return [];
    }
  });
  return [...new Set([...own, ...packages])].map((path) => realpathSync(path));
}

/** What its Node is started with. Of what Linux says of the process itself it reads which descriptors are open
 *  (`closed.ts`); all of it would be the whole disk (`/proc/self/root`). */
export const openedFlags = (): readonly string[] => [
  "--permission",
  "--allow-addons",
  ...[...codeFolders(), "/proc/self/fd", "/proc/self/fdinfo"].map((path) => `--allow-fs-read=${path}`),
  "--disallow-code-generation-from-strings",
  "--max-old-space-size=384",
];

function startChild(): ChildProcess {
  const program = new URL(`./child${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url);
  const one = forkOurs(program, [], {
    env: { PATH: process.env["PATH"] },
    streams: ["ignore", "ignore", "ignore"],
    flags: openedFlags(),
  });
  sacrifice(one.pid);
  return one;
}

/** Looks again and again at how much memory a process has. */
function watchMemory(
  clock: RuntimeClock,
  pid: number | undefined,
  { openedLookMs, openedMemoryBytesMax }: OpenedLimits,
  tooMuch: () => void,
): () => void {
  const bytesNow = (): number => {
    try {
      const [, resident = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
      return Number(resident) * pageBytes;
    } catch {
      return 0;
    }
  };
  let cancel = (): void => undefined;
  const look = (): void => {
    cancel = clock.after(openedLookMs, () => (bytesNow() > openedMemoryBytesMax ? tooMuch() : look()));
  };
  look();
  return () => cancel();
}

/** As Linux counts memory on all processors that Plexus runs on. */
const pageBytes = 4_096;
