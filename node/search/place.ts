/** Where the index is asked: in a thread of its own, or here. */
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { searchLimits, type TableLimits } from "./limits.ts";
import { inMemory, removeIndex } from "./table.ts";
import { errorOf, IndexLost, IndexWorker, type Failed, type Request, type Requests } from "./worker.ts";

/** An index that takes requests. Requests are answered in order. After a failure it is empty, unless it was full. */
export interface Index {
  /** Whether there is room on its disk; absent: it has none. */
  hasRoom?(): boolean;
  /** Whether a file of an earlier run lies there. */
  isThere?(): boolean;
  ask<Name extends keyof Requests>(type: Name, asks: Requests[Name]["asks"]): Promise<Requests[Name]["answer"]>;
  /** Resolves when it has written what it was asked. */
  close(): Promise<void>;
}

/** An index in this thread. */
export function indexHere(location: string = inMemory, limits: TableLimits = {}): Index {
  const worker = new IndexWorker(location, limits);
  const index: Index = {
    ask: async (type, asks) => worker.answer({ ...asks, type } as Request) as never,
    async close() {
      await index.ask("close", {});
    },
  };
  return index;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** An index in a thread, which begins with the first request. While `hides`, as on a disk that is encrypted, it is in
 *  memory and there is no file: SQLite would write the words as they are. */
export function indexInThread(at: {
  readonly file: string;
  readonly hides: () => boolean;
  /** Whether the disk has room for so many bytes. */
  readonly hasRoom: (bytes: number) => boolean;
}): Index {
  const { file, hides, hasRoom } = at;
  const open = new Map<number, Waiting>();
  let thread: Worker | undefined;
  let isHidden = false;
  let numbers = 0;
  const fail = (reason: string): void => {
    thread = undefined;
    for (const one of open.values()) one.reject(new IndexLost(reason));
    open.clear();
  };
  const start = (): Worker => {
    isHidden = hides();
    if (isHidden) removeIndex(file);
    else mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const place = isHidden ? inMemory : file;
    const made = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: { location: place },
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 128 },
    });
    made.on("message", ([number, value, failed]: [number, unknown, Failed | undefined]) => {
      const waiting = open.get(number);
      open.delete(number);
      if (failed === undefined) waiting?.resolve(value);
      else waiting?.reject(errorOf(failed));
    });
    made.on("error", (error) => thread === made && fail(error instanceof Error ? error.message : String(error)));
    made.on("exit", () => thread === made && fail("the thread has ended"));
    made.unref();
    return made;
  };
  const ask: Index["ask"] = (type, asks) => {
    if (thread !== undefined && hides() !== isHidden) {
      void thread.terminate();
      fail("the disk is encrypted from now on, or no more");
      if (!isHidden) removeIndex(file);
      return Promise.reject(new IndexLost("the disk is encrypted from now on, or no more"));
    }
    thread ??= start();
    const to = thread;
    numbers += 1;
    const number = numbers;
    return new Promise((resolve, reject) => {
      open.set(number, { resolve: resolve as Waiting["resolve"], reject });
      to.postMessage([number, { ...asks, type }]);
    });
  };
  return {
    ask,
    hasRoom: () => hides() || hasRoom(searchLimits.roomBytes),
    isThere: () => existsSync(file),
    async close() {
      if (thread !== undefined) await ask("close", {}).catch(() => undefined);
      thread = undefined;
    },
  };
}
