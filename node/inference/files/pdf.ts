/** Texts of PDFs. A PDF is a file of a stranger that a large program reads, so each has a process of its own, with a
 *  limit of time and of memory, that may open and reach nothing
 *  (docs/decisions/0111-files-of-strangers-in-native-code.md).
 *  One is read at a time; those who sent them take turns, and for each those who ask. That a PDF cannot be read is
 *  remembered for a while: it takes its time once. */
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { forkOurs, sacrifice } from "../../../runtimes/children.ts";
import { FairQueue } from "../../../runtimes/fair-queue.ts";
import type { Clock } from "../../ports/index.ts";
import type { FileReadingLimits } from "./limits.ts";
import type { PdfOrder, PdfRead } from "./pdf-child.ts";

/** What came of a PDF. */
type PdfText = Extract<PdfRead, { type: "read" }> | { readonly type: "leftOut"; readonly why: string };

/** A PDF that is to be read. `bytes` is asked for when its turn has come. */
interface PdfAsked {
  /** Names it among all. */
  readonly id: string;
  /** The person who sent it. */
  readonly sender: string;
  /** The person who asks. */
  readonly person: string;
  /** After so long it is given up, wherever it is. */
  readonly withinMs: number;
  /** The question is taken back. */
  readonly signal?: AbortSignal | undefined;
  readonly charsMax: number;
  readonly bytes: () => Promise<Uint8Array>;
}

/** Reads them. */
interface PdfReader {
  /** Rejects as `bytes` does. */
  read(asked: PdfAsked): Promise<PdfText>;
  /** Ends the process, if one runs. */
  stop(): void;
}

const leftOut = (why: string): PdfText => ({ type: "leftOut", why });

/** What another try would not change. */
const lasting = {
  time: "it took too long to read",
  memory: "it needs too much memory to be read",
  locked: "it is locked with a password",
  broken: "it is not a PDF that can be read",
} as const;
const full = leftOut("too many PDFs are being read");
/** Of a file for which no time is left. */
export const outOfTime = "the files of the question took too long to read";
const lasts: ReadonlySet<string> = new Set(Object.values(lasting));

/** What is said of those that could not be read. */
function createUnreadable(clock: Clock, { unreadableMs, unreadableMax }: FileReadingLimits) {
  const known = new Map<string, { readonly text: PdfText; readonly untilMs: number }>();
  return {
    get(id: string): PdfText | undefined {
      const one = known.get(id);
      return one !== undefined && clock.monotonicMs() < one.untilMs ? one.text : undefined;
    },
    note(id: string, text: PdfText): void {
      if (text.type !== "leftOut" || !lasts.has(text.why)) return;
      known.delete(id);
      known.set(id, { text, untilMs: clock.monotonicMs() + unreadableMs });
      for (const oldest of known.keys()) {
        if (known.size <= unreadableMax) return;
        known.delete(oldest);
      }
    },
  };
}

/** Opens the queue. */
export function createPdfReader(clock: Clock, limits: FileReadingLimits): PdfReader {
  const queue = new FairQueue<{ run(): Promise<void>; drop(): void }>();
  const places = { max: limits.pdfsWaitingMax, perShareMax: limits.pdfsWaitingPerPersonMax };
  let end: (() => void) | undefined;
  let busy = false;
  const next = (): void => {
    const waiting = busy ? undefined : queue.next();
    if (waiting === undefined) return;
    busy = true;
    void waiting.run().finally(() => {
      busy = false;
      next();
    });
  };
  const unreadable = createUnreadable(clock, limits);
  return {
    read({ id, sender, person, charsMax, bytes, withinMs, signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<PdfText>();
      let isOver = false;
      let endOwn = (): void => undefined;
      const readNow = async (): Promise<PdfText> => {
        const before = unreadable.get(id);
        if (before !== undefined) return before;
        const order = { bytes: await bytes(), charsMax, pagesMax: limits.pdfPagesMax };
        if (isOver) return leftOut("it is not asked for any more");
        const text = await readAlone(order, clock, limits, (ending) => {
          end = () => ending("the node stops");
          endOwn = () => ending("it is not asked for any more");
        });
        unreadable.note(id, text);
        return text;
      };
      const item = { run: () => readNow().then(resolve, reject), drop: () => resolve(full) };
      const giveUp = (why: string): void => {
        isOver = true;
        queue.leave(sender, person, item);
        resolve(leftOut(why));
        endOwn();
      };
      const cancelTime = clock.after(Math.max(0, withinMs), () => giveUp(outOfTime));
      const onAbort = (): void => giveUp("it is not asked for any more");
      signal?.addEventListener("abort", onAbort, { once: true });
      const joined = queue.join(sender, person, item, places);
      if (joined.type === "full") resolve(full);
      if (joined.type === "displaced") joined.item.drop();
      if (signal?.aborted === true) onAbort();
      next();
      return promise.finally(() => {
        cancelTime();
        signal?.removeEventListener("abort", onAbort);
      });
    },
    stop: () => end?.(),
  };
}

/** What a process that reads a PDF may read: the program, and the packages that it stands on. */
function readable(): readonly string[] {
  const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
  const real = (folder: string): readonly string[] => {
    try {
      return [join(realpathSync(join(root, folder)), "*")];
    } catch {
      return [];
    }
  };
  return [...["node", "node_modules", "packages"].flatMap(real), join(root, "package.json")];
}

/** What its Node is started with. */
export const pdfFlags = ({ pdfHeapMiB }: Pick<FileReadingLimits, "pdfHeapMiB">): readonly string[] => [
  "--permission",
  "--no-warnings",
  `--max-old-space-size=${pdfHeapMiB}`,
  ...readable().map((path) => `--allow-fs-read=${path}`),
];

/** Reads one in a process of its own. `began` is given what ends that. */
function readAlone(
  order: PdfOrder,
  clock: Clock,
  limits: FileReadingLimits,
  began: (end: (why: string) => void) => void,
): Promise<PdfText> {
  const { promise, resolve } = Promise.withResolvers<PdfText>();
  const child = forkOurs(new URL("./pdf-child.ts", import.meta.url), [], {
    env: {},
    streams: ["ignore", "ignore", "ignore"],
    flags: pdfFlags(limits),
  });
  sacrifice(child.pid);
  let cancelLook = (): void => undefined;
  let over = false;
  const settle = (text: PdfText): void => {
    if (over) return;
    over = true;
    cancelLook();
    cancelTime();
    child.kill("SIGKILL");
    resolve(text);
  };
  const cancelTime = clock.after(limits.pdfReadMs, () => settle(leftOut(lasting.time)));
  const look = (): void => {
    if (memoryOf(child.pid) > limits.pdfMemoryBytesMax) return settle(leftOut(lasting.memory));
    cancelLook = clock.after(limits.pdfLookMs, look);
  };
  look();
  began((why) => settle(leftOut(why)));
  child.once("message", (answer: PdfRead) =>
    settle(answer.type === "read" ? answer : leftOut(answer.locked ? lasting.locked : lasting.broken)),
  );
  child.on("error", () => settle(leftOut("it cannot be read here")));
  child.once("exit", (code, signal) =>
    settle(leftOut(signal === null && code !== 134 ? "it cannot be read here" : lasting.memory)),
  );
  child.send(order, () => undefined);
  return promise;
}

/** Bytes of memory that a process has; 0: nobody knows. */
function memoryOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ", 2)[1]) * 4096;
  } catch {
    return 0;
  }
}
