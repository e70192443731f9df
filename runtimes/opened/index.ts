/** Files and pages of strangers, opened in a process of its own (docs/decisions/0111, 0238, 0241, 0242): pictures are
 *  made smaller, the first page of a document is drawn, its text is read, and a page of the web says what it is.
 *
 *      asked ─► people take turns ─► the process: one at a time ─► what can be told
 *                                       │ it takes too long, or too much memory, or ends: nothing can be told
 *                                       ▼
 *                                     ended; the next one gets a new process
 *
 *  The process may read the code of Plexus, and reaches nobody: Node's permissions say so, and nothing of its parent is
 *  open in it. Its decoders are native code; what they can do beyond that is what the account of the node can. */
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { FairQueue } from "../fair-queue.ts";
import { openedLimits, type OpenedLimits } from "./limits.ts";
import { OpenedProcess } from "./process.ts";
import { notOpened, type Opened, type OpenedTable, type OpenedTask, type Opener } from "./tasks.ts";

export { openedLimits } from "./limits.ts";
export { pictureIn, sizeOfGif, sizeOfPicture, type Picture } from "./picture-head.ts";
export type { Opener, SmallPicture } from "./tasks.ts";
export { textOfFile, type FileText, type NoText } from "./text-of-file.ts";

interface Job {
  readonly task: () => Promise<OpenedTask>;
  readonly signal: AbortSignal | undefined;
  readonly done: (opened: Opened) => void;
  readonly failed: (error: unknown) => void;
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
  const process = new OpenedProcess({ clock, log, limits });
  let busy = false;
  let stopped = false;

  /** What is asked; a reason: its bytes did not come, or nobody asks any more. Others wait for the process. */
  const askedOf = async ({ task, signal }: Job): Promise<OpenedTask | Opened<never>> => {
    const { promise, resolve } = Promise.withResolvers<Opened<never>>();
    const onAbort = (): void => resolve(notOpened("takenBack"));
    const cancel = clock.after(limits.openedReadMsMax, () => resolve(notOpened("ended")));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([task(), promise]);
    } finally {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  };
  const openNow = async (job: Job): Promise<Opened> => {
    const { signal } = job;
    const asked = await askedOf(job);
    if (!("is" in asked)) return asked;
    if (stopped) return notOpened("stopped");
    if (signal?.aborted === true) return notOpened("takenBack");
    return asked.bytes.length > limits.openedBytesMax ? notOpened("refused") : process.ask(asked, signal);
  };
  const next = (): void => {
    const job = busy || stopped ? undefined : queue.next();
    if (job === undefined) return;
    busy = true;
    void openNow(job)
      .then(job.done, job.failed)
      .finally(() => {
        busy = false;
        next();
      });
  };

  const opener: Opener = {
    async open(is, asks, person) {
      const opened = await opener.tried(is, async () => asks, { person, lane: is });
      return opened.type === "told" ? opened.told : undefined;
    },
    tried(is, asks, { person, lane, signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<Opened>();
      const task = async (): Promise<OpenedTask> => ({ is, ...(await asks()) }) as OpenedTask;
      const job: Job = { task, signal, done: resolve, failed: reject };
      const onAbort = (): void => {
        queue.leave(person, lane, job);
        resolve(notOpened("takenBack"));
      };
      if (stopped) resolve(notOpened("stopped"));
      else if (signal?.aborted === true) resolve(notOpened("takenBack"));
      else {
        signal?.addEventListener("abort", onAbort, { once: true });
        const joined = queue.join(person, lane, job, places);
        if (joined.type === "full") resolve(notOpened("full"));
        if (joined.type === "displaced") joined.item.done(notOpened("full"));
        next();
      }
      const end = (): void => signal?.removeEventListener("abort", onAbort);
      return promise.finally(end) as Promise<Opened<OpenedTable[typeof is]["tells"]>>;
    },
    stop() {
      stopped = true;
      for (const { done } of queue.takeAll()) done(notOpened("stopped"));
      process.stop();
    },
  };
  return opener;
}
