/** The pool of threads that computes what a backup takes, so that the node's own thread goes on with what people wait for. */
import { Piscina } from "piscina";
import { failureOf, PlexusError } from "../../protocols/errors.ts";
import type { RowList } from "./row-list.ts";
import {
  batchOf,
  cut,
  open,
  type CutAnswers,
  type CutHow,
  type CutTask,
  type OpenAnswer,
  type OpenTask,
  type SealTask,
} from "./thread.ts";

/** Cuts and seals, and opens. What a task of `seal` and `open` brings as bytes is given away: it is not there any more when the call returns. */
export interface Sealer {
  /** Many small tasks at once take less than one by one. The list may be used again when the call returns. */
  cut(rows: RowList, tasks: readonly CutTask[], how: CutHow): Promise<CutAnswers>;
  seal(task: SealTask): Promise<CutAnswers>;
  /** Error: BACKUP_DAMAGED. */
  open(task: OpenTask): Promise<OpenAnswer>;
  close(): Promise<void>;
}

/** Of a thread's memory, for what has just been made. */
const youngMegabytes = 6;

/** Of a task that is done without a thread: a fraction of a millisecond. */
const smallBytes = 16 * 1024;

export interface SealerOptions {
  /** More share a processor with the node. */
  readonly threads: number;
  /** A thread without work ends after so long. */
  readonly idleMs: number;
  /** Does a task when its time has come; absent: at once. */
  readonly piece?: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
}

/** Starts no thread before there is work. */
export function createSealer({ threads, idleMs, piece = (work) => work() }: SealerOptions): Sealer {
  const pool = new Piscina({
    filename: new URL("./thread.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMs,
    // Callers wait for each answer before they give more; this is for a caller that does not.
    maxQueue: threads * 4,
    execArgv: [],
    // What it makes is short-lived and lies outside of the heap: with the usual 16 MB it would keep three times that for nothing.
    resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
  });
  /** Handing over so little takes longer than doing it. */
  const isSmall = ({ length }: Uint8Array): boolean => length < smallBytes;
  const run = async <Answer>(name: string, task: unknown, given: Uint8Array<ArrayBuffer>): Promise<Answer> => {
    try {
      // Piscina's type for the list comes from another overload of postMessage than the one it calls.
      return (await pool.run(task, { name, transferList: [given.buffer] as never })) as Answer;
    } catch (thrown) {
      // What a thread throws arrives as a copy, with its failure and without its class.
      throw new PlexusError(failureOf(thrown), thrown);
    }
  };
  return {
    cut: async (rows, tasks, how) => {
      const batch = batchOf(rows, tasks, how);
      return isSmall(batch.values) ? cut(batch) : piece(() => run("cutAway", batch, batch.values));
    },
    seal: (task) => piece(() => run("sealAway", task, task.contents.bytes)),
    open: async (task) =>
      isSmall(task.fragments.bytes) ? open(task) : piece(() => run("openAway", task, task.fragments.bytes)),
    close: () => pool.destroy(),
  };
}
