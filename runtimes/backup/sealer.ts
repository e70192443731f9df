/** The pool of threads that computes what a backup takes, so that the node's own thread goes on with what people wait
 *  for. */
import { setImmediate } from "node:timers/promises";
import { Piscina } from "piscina";
import { failureOf, PlexusError } from "../../protocols/errors.ts";
import type { RowList } from "./row-list.ts";
import {
  batchOf,
  cutting,
  open,
  sealing,
  type CutAnswers,
  type CutHow,
  type CutTask,
  type OpenAnswer,
  type OpenTask,
  type SealTask,
  type Steps,
} from "./thread.ts";
import type { WriteFault, WriteTask } from "./writing.ts";

/** Cuts and seals, opens, and writes what was opened. The memory that a task brings is not to change before the answer
 *  is used, which lies in it. */
export interface Sealer {
  /** Many small tasks at once take less than one by one. */
  cut(rows: RowList, tasks: readonly CutTask[], how: CutHow): Promise<CutAnswers>;
  seal(task: SealTask): Promise<CutAnswers>;
  /** Error: BACKUP_DAMAGED. */
  open(task: OpenTask): Promise<OpenAnswer>;
  /** Error: the system's. */
  write(task: WriteTask): Promise<void>;
  close(): Promise<void>;
}

/** Of a thread's memory, for what has just been made. */
const youngMegabytes = 6;

/** Of a task that is done without a thread: a fraction of a millisecond. */
const smallBytes = 16 * 1024;

interface SealerOptions {
  /** More share a processor with the node. */
  readonly threads: number;
  /** A thread without work ends after so long. */
  readonly idleMs: number;
  /** Does a task when its time has come; absent: at once. */
  readonly piece?: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
  /** Whether nobody waits for the thread that asks; absent: somebody may. While nobody does, that thread cuts and
   *  seals, in short pieces: another one is started for each backup, and compiles anew what the one before knew. */
  readonly isAlone?: () => boolean;
}

/** So long the thread that asks does steps before others come in between. */
const stretchMs = 4;
/** Of rows or contents that it cuts or seals itself. Those of one type of an actor are one step of some
 *  milliseconds. */
const ownBytesMax = 2 * 1024 * 1024;

/** Does steps for so long, or to their end. */
function stretchOf<Answer>(steps: Steps<Answer>): IteratorResult<void, Answer> {
  const untilMs = performance.now() + stretchMs;
  for (;;) {
    const step = steps.next();
    if (step.done === true || performance.now() >= untilMs) return step;
  }
}

/** The end of what is under way on this thread, of every sealer: the work has memory in common, so that one is done
 *  after the other. */
let underWay: Promise<unknown> = Promise.resolve();

/** Does work in stretches, when what was given before is done. */
function inTurn<Answer>(
  steps: Steps<Answer>,
  by: (work: () => Promise<IteratorResult<void, Answer>>) => Promise<IteratorResult<void, Answer>>,
): Promise<Answer> {
  const made = underWay.then(async () => {
    for (;;) {
      const step = await by(async () => stretchOf(steps));
      if (step.done === true) return step.value;
      await setImmediate();
    }
  });
  underWay = made.catch(() => undefined);
  return made;
}

/** Starts no thread before there is work. */
export function createSealer({
  threads,
  idleMs,
  piece = (work) => work(),
  isAlone = () => false,
}: SealerOptions): Sealer {
  const pool = new Piscina({
    filename: new URL("./thread.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMs,
    // Callers wait for each answer before they give more; this is for a caller that does not.
    maxQueue: threads * 4,
    execArgv: [],
    // What it makes is short-lived and lies outside of the heap: with the usual 16 MB it would keep three times that
    // for nothing.
    resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
  });
  /** Handing over so little takes longer than doing it. */
  const isSmall = ({ length }: Uint8Array): boolean => length < smallBytes;
  const run = <Answer>(name: string, task: unknown): Promise<Answer> =>
    piece(async () => {
      try {
        return (await pool.run(task, { name })) as Answer;
      } catch (thrown) {
        // What a thread throws arrives as a copy, with its failure and without its class.
        throw new PlexusError(failureOf(thrown), thrown);
      }
    });
  return {
    async cut(rows, tasks, how) {
      const batch = batchOf(rows, tasks, how);
      const { length } = batch.rows.values;
      const isOwn = length <= ownBytesMax && isAlone();
      const made = isSmall(batch.rows.values)
        ? await inTurn(cutting(batch), (work) => work())
        : await (isOwn ? inTurn(cutting(batch), piece) : run<CutAnswers>("cut", batch));
      rows.made.become(made.fragments.bytes);
      return made;
    },
    seal: (task) =>
      task.contents.bytes.length <= ownBytesMax && isAlone() ? inTurn(sealing(task), piece) : run("seal", task),
    open: async (task) => (isSmall(task.fragments.bytes) ? open(task) : run("open", task)),
    async write(task) {
      const fault = await run<WriteFault | undefined>("writeFiles", task);
      if (fault !== undefined) throw Object.assign(new Error(fault.message), { code: fault.code });
    },
    close: () => pool.destroy(),
  };
}
