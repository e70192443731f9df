/** Reads whole files in a thread: hashes take seconds a gigabyte, and the node's own thread has people waiting. */
import { Worker } from "node:worker_threads";
import { assert, failure, PlexusError } from "../../../protocols/index.ts";
import { storeLimits, type Checked, type EarlyLook, type FileChecks } from "../../../runtimes/store/index.ts";
import type { Clock } from "../../ports/index.ts";

/** What the thread is told, and what it answers. */
export interface CheckTask {
  readonly path: string;
  readonly name: string;
  readonly look: boolean;
  /** Only the beginning: the file is still coming, and will be so long, where that is known. */
  readonly beginningOf?: { readonly total: number | undefined };
}
export type CheckAnswer =
  | { readonly type: "checked"; readonly checked: Checked }
  | { readonly type: "begun"; readonly found: EarlyLook }
  | { readonly type: "failed"; readonly code?: string; readonly message: string };

/** Makes the checks. A thread lives for one file: no native code is in it, so it may be ended at any time. */
export function createFileChecks({ clock }: { readonly clock: Pick<Clock, "after"> }): FileChecks {
  const waiting: (() => void)[] = [];
  const workers = new Set<Worker>();
  let running = 0;
  const enter = async (): Promise<void> => {
    if (running < storeLimits.checksAtOnceMax) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return {
    async check(path, name, { signal, look }) {
      await enter();
      try {
        signal.throwIfAborted();
        const answer = await inThread({ path, name, look }, { signal, clock, workers });
        assert(answer.type === "checked", "a whole file was asked for");
        return answer.checked;
      } finally {
        leave();
      }
    },
    // Not in line with the others, which take long: as many as files are fetched at once, each for a moment.
    async begin(path, name, { signal, total }) {
      signal.throwIfAborted();
      const task = { path, name, look: true, beginningOf: { total } };
      const answer = await inThread(task, { signal, clock, workers });
      assert(answer.type === "begun", "the beginning was asked for");
      return answer.found;
    },
    async stop() {
      await Promise.all([...workers].map((worker) => worker.terminate()));
    },
  };
}

function inThread(
  task: CheckTask,
  at: { readonly signal: AbortSignal; readonly clock: Pick<Clock, "after">; readonly workers: Set<Worker> },
): Promise<Exclude<CheckAnswer, { readonly type: "failed" }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Exclude<CheckAnswer, { readonly type: "failed" }>>();
  // Flags of this process (an inspector port, a loader) are not the thread's.
  const worker = new Worker(new URL("./file-check-thread.ts", import.meta.url), { workerData: task, execArgv: [] });
  at.workers.add(worker);
  const slow = (): void =>
    reject(new PlexusError(failure("MODEL_REFUSED", { file: task.name, reason: "to read it takes too long" })));
  const cancelTimer = at.clock.after(storeLimits.checkMsMax, slow);
  const abort = (): void => reject(at.signal.reason);
  at.signal.addEventListener("abort", abort, { once: true });
  worker.on("message", (answer: CheckAnswer) => {
    if (answer.type !== "failed") resolve(answer);
    else reject(Object.assign(new Error(answer.message), answer.code !== undefined && { code: answer.code }));
  });
  worker.on("error", reject);
  worker.on("exit", () => reject(new Error("the thread that reads the file has ended")));
  return promise.finally(() => {
    cancelTimer();
    at.signal.removeEventListener("abort", abort);
    at.workers.delete(worker);
    void worker.terminate();
  });
}
