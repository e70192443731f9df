/** Files and pages of strangers, opened in a process of its own (docs/decisions/0111, 0241, 0242): pictures are made
 *  smaller, the first page of a document is drawn and its words are read, and a page of the web says what it is.
 *
 *      asked ─► people take turns ─► the process: one at a time ─► what can be told
 *                                       │ it takes too long, or too much memory, or ends: nothing can be told
 *                                       ▼
 *                                     ended; the next one gets a new process
 *
 *  The process may read the code of Plexus, and reaches nobody: Node's permissions say so, and nothing of its parent is
 *  open in it. Its decoders are native code; what they can do beyond that is what the account of the node can. */
import type { ChildProcess } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forkOurs, sacrifice } from "../children.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { FairQueue } from "../fair-queue.ts";
import { openedLimits, type OpenedLimits } from "./limits.ts";
import { isAnswer } from "./told.ts";
import type { OpenedAnswer, OpenedTable, OpenedTask } from "./tasks.ts";

export { openedLimits } from "./limits.ts";
export { textOf } from "./plain-text.ts";
export { pictureIn, sizeOfPicture, type Picture } from "./picture-head.ts";
export type { SmallPicture } from "./tasks.ts";

/** Opens what it is given. */
export interface Opener {
  /** Undefined: nothing can be told of it, or there is no place. `person`: in whose turn. */
  open<Name extends keyof OpenedTable>(
    is: Name,
    asks: OpenedTable[Name]["asks"],
    person: string,
  ): Promise<OpenedTable[Name]["tells"] | undefined>;
  stop(): void;
}

interface Job {
  readonly task: OpenedTask;
  readonly done: (told: OpenedAnswer["told"]) => void;
}

interface OpenerPorts {
  readonly clock: RuntimeClock;
  readonly log: RuntimeLog;
  readonly limits?: Partial<OpenedLimits>;
}

/** Makes it. The process begins with the first task. */
export function createOpener({ clock, log, ...ports }: OpenerPorts): Opener {
  const limits: OpenedLimits = { ...openedLimits, ...ports.limits };
  const places = { max: limits.openedWaitingMax, perShareMax: limits.openedWaitingPerPersonMax };
  const queue = new FairQueue<Job>();
  let child: ChildProcess | undefined;
  let working: { readonly run: number; readonly end: (told?: OpenedAnswer["told"]) => void } | undefined;
  let runs = 0;
  let stopped = false;
  let endIdle = (): void => undefined;

  const kill = (one: ChildProcess | undefined, why?: string): void => {
    if (one === undefined) return;
    if (child === one) child = undefined;
    if (why !== undefined) log.warn("opened.ended", { reason: why });
    one.kill("SIGKILL");
  };

  const begin = (): ChildProcess => {
    const one = startChild();
    one.on("message", (message) => {
      // Whatever took the process over may say anything.
      const { run, told } = (message ?? {}) as OpenedAnswer;
      if (working?.run === run) working.end(told);
    });
    const over = (): void => {
      const isCurrent = child === one;
      if (isCurrent) child = undefined;
      if (isCurrent) working?.end();
    };
    one.on("error", over);
    one.on("close", over);
    return one;
  };

  const next = (): void => {
    if (working !== undefined || stopped) return;
    const job = queue.next();
    if (job === undefined) {
      endIdle = clock.after(limits.openedIdleMs, () => kill(child));
      return;
    }
    endIdle();
    runs += 1;
    const run = runs;
    child ??= begin();
    const one = child;
    const stops = [
      clock.after(limits.openedMsMax, () => give("it took too long")),
      watchMemory(clock, one.pid, limits, () => give("it took too much memory")),
    ];
    const end = (told?: OpenedAnswer["told"]): void => {
      for (const stop of stops) stop();
      working = undefined;
      job.done(isAnswer(job.task, told) ? told : undefined);
      next();
    };
    const give = (why: string): void => {
      kill(one, why);
      end();
    };
    working = { run, end };
    one.send({ run, task: job.task }, (error) => {
      if (error !== null && working?.run === run) give(error.message);
    });
  };

  return {
    open(is, asks, person) {
      type Told = OpenedTable[typeof is]["tells"];
      return new Promise<Told | undefined>((resolve) => {
        if (stopped || asks.bytes.length > limits.openedBytesMax) return resolve(undefined);
        const done = (told: OpenedAnswer["told"]): void => resolve(told as Told | undefined);
        const joined = queue.join(person, is, { task: { is, ...asks } as OpenedTask, done }, places);
        if (joined.type === "full") return resolve(undefined);
        if (joined.type === "displaced") joined.item.done(undefined);
        next();
      });
    },
    stop() {
      stopped = true;
      endIdle();
      for (const { done } of queue.takeAll()) done(undefined);
      const last = working;
      kill(child);
      last?.end();
    },
  };
}

/** The folders with our code, and with the packages that it uses, wherever they are installed. */
function codeFolders(): readonly string[] {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const own = ["package.json", "runtimes"].map((name) => join(root, name));
  const packages = ["htmlparser2", "@napi-rs/canvas"].flatMap((name) => {
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
