/** Tasks of the cluster with backups in folders of this node's machine. Only folders that the operator has named
 *  (`backupFolders`) are written: a person who may begin backups chooses among them, and can name no other, whatever is
 *  in a task or a schedule. */
import { resolve } from "node:path";
import {
  backupActor,
  failure,
  folderOf,
  PlexusError,
  type BackupWish,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { createRunner, runnerLimits, type BackupWorks, type Runner, type TaskAt } from "../index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Clock, Log, Random } from "../../ports/index.ts";
import type { Backups } from "./backups.ts";

/** Why a folder is not written; undefined: it may be. */
function folderRefusal(offered: readonly string[], path: string): Failure | undefined {
  if (offered.includes(path) && resolve(path) === path) return undefined;
  const reason = `the operator of this node does not allow admins to keep backups in ${path}`;
  const hint =
    "the operator allows a folder with plexus up --backup-folder FOLDER, or backupFolders in the configuration";
  return failure("FORBIDDEN", { reason, hint });
}

/** Begins to work on them. */
export function runFolderTasks(at: {
  readonly node: string;
  /** Folders that the operator has named, absolute. */
  readonly offered: readonly string[];
  readonly backups: Pick<Backups, "works" | "whenFree">;
  readonly kernel: Pick<Kernel, "ask">;
  /** A task was ended by this node. */
  ended(task: string): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Runner {
  const { node, offered, backups, kernel, clock, random, log } = at;
  const { works } = backups;

  /** Does a task alone on this machine, in its folder. */
  const inFolder = <Done>({ task, signal }: Pick<TaskAt, "task" | "signal">, work: (path: string) => Promise<Done>) => {
    const path = folderOf(task.wish as BackupWish)?.path ?? "";
    const refusal = folderRefusal(offered, path);
    if (refusal !== undefined) throw new PlexusError(refusal);
    return backups.whenFree({ sort: task.wish.sort, folder: path, signal }, () => work(path));
  };
  const none = async (): Promise<never> => {
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "folder",
        reason: "this task works only with the backups of the cluster, not with a folder",
      }),
    );
  };
  const folderWorks: BackupWorks = {
    run: async (task) => inFolder(task, (to) => works.run({ to, full: task.task.wish.full }, task)),
    verify: async (task) =>
      inFolder(task, (from) =>
        works.verify({ ...task.task.wish, from }, { ...task, checkpoint: task.task.checkpoint }),
      ),
    prune: async (task) => inFolder(task, (from) => works.prune({ ...task.task.wish, from }, task)),
    recall: none,
    place: none,
    withdraw: none,
    drill: none,
  };
  return createRunner({
    runner: `${node}.${Buffer.from(random.bytes(9)).toString("base64url")}`,
    folderNode: node,
    owns: () => offered.length > 0,
    async ask(message: Message, timeoutMs: number): Promise<Result<unknown>> {
      const answer = await kernel.ask({ to: backupActor, from: "node", message, timeoutMs });
      if (message.type === "finish" && answer.ok) at.ended(String(message["task"]));
      return answer;
    },
    works: folderWorks,
    clock,
    log,
    limits: runnerLimits,
  });
}
