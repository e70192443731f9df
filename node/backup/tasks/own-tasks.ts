/** What a node does with backups: one task at a time, which is looked at by its id, and can be cancelled. */
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  type BackupResults,
  type BackupTask,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import type { Log } from "../../ports/index.ts";
import { commandLimits } from "../index.ts";

/** What a task is given. */
export interface TaskAt {
  readonly signal: AbortSignal;
  readonly progress: (at: Readonly<Record<string, number>>) => void;
  /** What an earlier turn kept, and how more is kept. Absent: the next runner begins again. */
  readonly checkpoint?: string | undefined;
  keep?(what: { readonly checkpoint: string }): Promise<void>;
}

interface Running {
  task: BackupTask;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** The newest tasks, of which the last may be running. */
export class BackupTasks {
  readonly #tasks = new Map<string, Running>();
  readonly #log: Log;
  readonly #newId: () => string;
  /** A task of the cluster in a folder of this machine. */
  #other: { readonly sort: string; readonly folder: string; readonly done: Promise<unknown> } | undefined;
  #stopped = false;

  constructor({ log, newId }: { readonly log: Log; readonly newId: () => string }) {
    this.#log = log;
    this.#newId = newId;
  }

  /** Errors: LIMIT_REACHED (another one runs), STOPPING. */
  begin<Sort extends keyof BackupResults>(
    sort: Sort,
    folder: string,
    work: (at: TaskAt) => Promise<BackupResults[Sort]>,
  ): Result<BackupTask<Sort>> {
    if (this.#stopped) return refused(failure("STOPPING"));
    const busy = this.#running()?.task ?? this.#other;
    if (busy !== undefined)
      return refused(
        failure("LIMIT_REACHED", {
          limit: "backupTasks",
          reason: `this node runs one backup task at a time: ${busy.sort} of ${busy.folder} is under way`,
        }),
      );
    const abort = new AbortController();
    const begun: BackupTask<Sort> = { id: this.#newId(), sort, folder, state: "running", progress: {} };
    const set = (change: Partial<BackupTask>): void => {
      running.task = { ...running.task, ...change };
    };
    const run = async (): Promise<void> => {
      try {
        const result = await work({ signal: abort.signal, progress: (progress) => set({ progress: { ...progress } }) });
        set({ state: "done", result });
        this.#log.info("backup.done", { task: sort, folder });
      } catch (error) {
        const why = folderFailure(error);
        set({ state: why.code === "CANCELLED" ? "cancelled" : "failed", error: why });
        // A fault of our own says nothing to the person who asked: its stack is in the log.
        this.#log.warn("backup.failed", { task: sort, folder, error: why.code === "INTERNAL" ? error : why });
      }
    };
    // The work begins behind this turn: by then the task is in the list.
    const running: Running = { task: begun, abort, done: Promise.resolve().then(run) };
    this.#tasks.set(begun.id, running);
    const [oldest] = this.#tasks.keys();
    if (this.#tasks.size > commandLimits.backupTasksKept && oldest !== undefined) this.#tasks.delete(oldest);
    return ok(begun);
  }

  #running(): Running | undefined {
    return [...this.#tasks.values()].find(({ task }) => task.state === "running");
  }

  /** Does a task of the cluster when no other is under way here; no task begins meanwhile. Errors: CANCELLED, those of
   *  the work. */
  async whenFree<Done>(
    { sort, folder, signal }: { readonly sort: string; readonly folder: string; readonly signal: AbortSignal },
    work: () => Promise<Done>,
  ): Promise<Done> {
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (let busy = this.#running() ?? this.#other; busy !== undefined; busy = this.#running() ?? this.#other) {
      await Promise.race([busy.done.catch(() => undefined), ended]);
      signal.throwIfAborted();
    }
    const done = work();
    const own = { sort, folder, done };
    this.#other = own;
    try {
      return await done;
    } catch (error) {
      const told = folderFailure(error);
      throw told.code === "INTERNAL" ? error : new PlexusError(told, error);
    } finally {
      this.#other = undefined;
    }
  }

  /** The newest first. */
  list(): readonly BackupTask[] {
    return [...this.#tasks.values()].map(({ task }) => task).toReversed();
  }

  /** Error: NOT_FOUND. */
  look(id: string): Result<BackupTask> {
    const found = this.#tasks.get(id)?.task;
    return found === undefined
      ? refused(failure("NOT_FOUND", { reason: "there is no such task; tasks are forgotten when the node restarts" }))
      : ok(found);
  }

  /** Ends it as soon as it can; what is over stays so. Error: NOT_FOUND. */
  cancel(id: string): Result<BackupTask> {
    this.#tasks.get(id)?.abort.abort(new PlexusError(failure("CANCELLED")));
    return this.look(id);
  }

  /** Ends what is under way, and takes nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { abort, done } of this.#tasks.values()) {
      abort.abort(new PlexusError(failure("STOPPING")));
      await done;
    }
  }
}

const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** An error of the system about a folder is an error of the request that named the folder. */
export function folderFailure(error: unknown): Failure {
  const told = failureOf(error);
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (told.code !== "INTERNAL" || typeof code !== "string" || !/^E[A-Z]+$/.test(code)) return told;
  if (fullCodes.has(code))
    return {
      ...failure("DISK_FULL", { folder: path }),
      message: `The disk of ${path ?? "the folder"} is full. Make room there, then give the same command again.`,
    };
  return failure("BAD_REQUEST", { field: "folder", reason: message });
}
