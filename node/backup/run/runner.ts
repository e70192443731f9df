/** Works on the tasks of `backup/cluster` where this node owns that actor's slot.
 *
 *      each two seconds, while the slot is here ─ take ─► a task, its checkpoint, the turn ─► its work ─ finish ─►
 *                                                                 └─ each two seconds ─ advance ─► is it to end?
 *
 *  What counts is decided by the actor: a runner that has lost the slot, or was thought to, hears TASK_TAKEN and leaves
 *  everything as it is, for the one that has the next turn. */
import type { Message } from "../../../actors/behavior.ts";
import {
  failure,
  failureOf,
  passingCodes,
  PlexusError,
  wireLimits,
  type BackupAdvanced,
  type BackupPieces,
  type BackupResultOf,
  type BackupSort,
  type BackupWork,
  type Result,
  type TakenTask,
} from "../../../protocols/index.ts";
import type { Clock, Log } from "../../ports/index.ts";
import { within } from "../../waiting.ts";
import type { RunnerLimits } from "../limits.ts";

/** Something that a task keeps until it ends. */
interface Piece {
  readonly key: string;
  readonly value: string;
}

/** A task in the hands of its work. */
export interface TaskAt<Sort extends BackupSort = BackupSort> {
  readonly task: TakenTask<Sort>;
  /** Ended with CANCELLED: somebody wants it to end; with TASK_TAKEN or STOPPING: another runner goes on from what was
   *  kept. */
  readonly signal: AbortSignal;
  readonly progress: (at: Readonly<Record<string, number>>) => void;
  /** Keeps a checkpoint, or pieces, across a failover. Errors: TASK_TAKEN, LIMIT_REACHED. */
  keep(what: { readonly checkpoint?: string; readonly pieces?: readonly Piece[] }): Promise<void>;
  /** What was kept, in the order of the keys. Error: TASK_TAKEN. */
  pieces(): AsyncGenerator<Piece>;
}

/** Keeps how far a work is, unless that is too long: what was kept before it holds as well. */
export async function keepMark(
  at: { keep?(what: { readonly checkpoint: string }): Promise<void> },
  mark: object,
): Promise<void> {
  const checkpoint = JSON.stringify(mark);
  if (checkpoint.length <= wireLimits.backupCheckpointCharsMax) await at.keep?.({ checkpoint });
}

/** What an earlier turn kept. */
export const markOf = <Mark>({ checkpoint }: { readonly checkpoint?: string | undefined }): Mark | undefined =>
  checkpoint === undefined ? undefined : (JSON.parse(checkpoint) as Mark);

/** What is done for each sort of task. */
export type BackupWorks = {
  readonly [Sort in BackupSort]: (at: TaskAt<Sort>) => Promise<BackupResultOf<Sort>>;
};

interface RunnerPorts {
  /** Names this runner: another start of the node is another one. */
  readonly runner: string;
  /** Whether there may be work for this runner: this node owns the slot of `backup/cluster`, or has folders. */
  owns(): boolean;
  /** It works on tasks in folders of this node; absent: on those in no folder. */
  readonly folderNode?: string;
  ask(message: Message, timeoutMs: number): Promise<Result<unknown>>;
  readonly works: BackupWorks;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RunnerLimits;
}

export interface Runner {
  /** Looks for work now. */
  wake(): void;
  /** Ends what is under way, as a failover would. */
  stop(): Promise<void>;
}

/** How often a task is taken; then what passes elsewhere is taken for its end. */
const turnsMax = 32;

/** Whether a work has not ended its task with this error: another turn goes on from what was kept. */
export function isHandedOn({ signal, task }: Pick<TaskAt, "signal" | "task">, error: unknown): boolean {
  if (signal.aborted) return failureOf(signal.reason).code !== "CANCELLED";
  return passingCodes.has(failureOf(error).code) && task.turn < turnsMax;
}

/** What a line of the log says of a fault: its stack, where it is one of our own. */
const toldOf = (thrown: unknown): unknown => (failureOf(thrown).code === "INTERNAL" ? thrown : failureOf(thrown));

/** Begins to look for work. */
export function createRunner(ports: RunnerPorts): Runner {
  const { runner, clock, log, limits, folderNode } = ports;
  const held = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  let stopped = false;
  let looking = false;
  let cancel = (): void => undefined;

  const pause = (): Promise<void> => new Promise((done) => void clock.after(limits.pollMs, done));

  /** Asks again while the actor is on its way. Throws its refusal. */
  async function insist<Answer>(message: Message, signal?: AbortSignal): Promise<Answer> {
    for (let asks = 1; ; asks += 1) {
      const answer = await ports.ask(message, limits.askTimeoutMs);
      if (answer.ok) return answer.value as Answer;
      if (!passingCodes.has(answer.error.code) || asks >= limits.asksMax || stopped)
        throw new PlexusError(answer.error);
      await pause();
      signal?.throwIfAborted();
    }
  }

  async function look(): Promise<void> {
    if (looking || stopped) return;
    looking = true;
    try {
      if (!ports.owns()) {
        for (const { abort } of held.values()) abort.abort(new PlexusError(failure("TASK_TAKEN")));
        return;
      }
      while (ports.owns()) {
        const answer = await ports.ask(
          { type: "take", runner, holds: [...held.keys()], ...(folderNode !== undefined && { node: folderNode }) },
          limits.askTimeoutMs,
        );
        const task = answer.ok ? (answer.value as BackupWork).task : null;
        if (task === null || stopped) return;
        begin(task);
        // Two that both take themselves for the owner take tasks from each other, but not faster than they look.
        if (task.turn > 1) return;
      }
    } finally {
      looking = false;
    }
  }

  function begin(task: TakenTask): void {
    // The same task in an earlier turn: its answer did not arrive here.
    const before = held.get(task.id);
    before?.abort.abort(new PlexusError(failure("TASK_TAKEN")));
    const abort = new AbortController();
    const own = { abort, done: Promise.resolve() };
    own.done = (before?.done ?? own.done)
      .then(() => work(task, abort))
      .catch((error: unknown) => log.error("backup.runner.failed", { task: `backup.${task.id}`, error }))
      .finally(() => {
        if (held.get(task.id) === own) held.delete(task.id);
      });
    held.set(task.id, own);
  }

  async function work(task: TakenTask, abort: AbortController): Promise<void> {
    const { signal } = abort;
    const turn = { task: task.id, turn: task.turn };
    // By this the log of the task is found.
    const line = { task: `backup.${task.id}`, sort: task.wish.sort, turn: task.turn };
    let progress: Readonly<Record<string, number>> = {};
    const ended = Promise.withResolvers<void>();
    const advance = async (what: object): Promise<void> => {
      try {
        const { cancel: end } = await insist<BackupAdvanced>({ type: "advance", ...turn, ...what }, signal);
        if (end) abort.abort(new PlexusError(failure("CANCELLED")));
      } catch (error) {
        if (failureOf(error).code === "TASK_TAKEN") abort.abort(error);
        throw error;
      }
    };
    const at: TaskAt = {
      task,
      signal,
      progress: (far) => void (progress = far),
      async keep(what) {
        await advance({ progress, ...what });
      },
      async *pieces() {
        let after: string | undefined;
        for (let more = true; more;) {
          const asked: Message = { type: "pieces", ...turn, ...(after !== undefined && { after }) };
          const page: BackupPieces = await insist(asked, signal);
          yield* page.pieces;
          after = page.pieces.at(-1)?.key;
          ({ more } = page);
        }
      },
    };
    const telling = (async () => {
      while (!signal.aborted) {
        await advance({ progress }).catch((error: unknown) =>
          log.debug("backup.unheard", { ...line, failure: failureOf(error) }),
        );
        if (
          await within(
            clock,
            limits.tellMs,
            ended.promise.then(() => true),
          )
        )
          return;
      }
    })();
    log.info("backup.began", line);
    const outcome = await ports.works[task.wish.sort](at as never).then(
      (result) => ({ result }),
      (thrown: unknown) => ({ thrown }),
    );
    ended.resolve();
    await telling;
    if ("thrown" in outcome && isHandedOn(at, outcome.thrown)) {
      log.info("backup.handed.on", { ...line, failure: failureOf(outcome.thrown) });
      // What passes needs its time.
      if (!signal.aborted) await pause();
      return;
    }
    const said = "thrown" in outcome ? { error: failureOf(outcome.thrown) } : outcome;
    if ("thrown" in outcome)
      // A fault of our own says nothing to the person who asked: its stack is here.
      log.warn("backup.failed", { ...line, error: toldOf(outcome.thrown) });
    else log.info("backup.done", line);
    await insist({ type: "finish", ...turn, progress, ...said }).catch((error: unknown) => {
      // Its answer was lost, or the next turn has begun.
      if (failureOf(error).code !== "TASK_TAKEN") throw error;
    });
  }

  const wake = (): void =>
    void look().catch((error: unknown) => log.warn("backup.look.failed", { failure: failureOf(error) }));
  const every = (): void => {
    cancel = clock.after(limits.pollMs, () => {
      wake();
      if (!stopped) every();
    });
  };
  every();

  return {
    wake,
    async stop() {
      stopped = true;
      cancel();
      for (const { abort } of held.values()) abort.abort(new PlexusError(failure("STOPPING")));
      await Promise.all([...held.values()].map(({ done }) => done));
    },
  };
}
