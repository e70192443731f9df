/** Texts of PDFs. A PDF is a file of a stranger that a large program reads, so each has a process of its own, with a
 *  limit of time and of memory, that may open and reach nothing
 *  (docs/decisions/0111-files-of-strangers-in-native-code.md).
 *  One is read at a time; people take turns. */
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
  readonly person: string;
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
  return {
    read({ person, charsMax, bytes }) {
      const { promise, resolve, reject } = Promise.withResolvers<PdfText>();
      const full = leftOut("too many PDFs are being read");
      const item = {
        run: () =>
          bytes()
            .then((all) =>
              readAlone(
                { bytes: all, charsMax, pagesMax: limits.pdfPagesMax },
                clock,
                limits,
                (ending) => (end = ending),
              ),
            )
            .then(resolve, reject),
        drop: () => resolve(full),
      };
      const joined = queue.join(person, "", item, places);
      if (joined.type === "full") resolve(full);
      if (joined.type === "displaced") joined.item.drop();
      next();
      return promise;
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
  began: (end: () => void) => void,
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
  const cancelTime = clock.after(limits.pdfReadMs, () => settle(leftOut("it took too long to read")));
  const look = (): void => {
    if (memoryOf(child.pid) > limits.pdfMemoryBytesMax) return settle(leftOut("it needs too much memory to be read"));
    cancelLook = clock.after(limits.pdfLookMs, look);
  };
  look();
  began(() => settle(leftOut("the node stops")));
  child.once("message", (answer: PdfRead) =>
    settle(
      answer.type === "read"
        ? answer
        : leftOut(answer.locked ? "it is locked with a password" : "it is not a PDF that can be read"),
    ),
  );
  child.on("error", () => settle(leftOut("it cannot be read here")));
  child.once("exit", (code, signal) =>
    settle(leftOut(signal === null && code !== 134 ? "it cannot be read here" : "it needs too much memory to be read")),
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
