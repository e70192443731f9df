/** Figures of backups for monitoring from outside: when each thing was done last, whether that is longer ago than its
 *  schedules allow, and what the last rehearsal has shown. The node that works on the tasks of the cluster tells them;
 *  all others tell 0, so the greatest of all nodes is the cluster's. */
import { ageOf, drillFault, latesOf, watchedSorts } from "../../../protocols/backup-times/index.ts";
import type {
  BackupFolderList,
  BackupScheduleList,
  ClusterBackupTask,
  ClusterBackupTasks,
  Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Clock, Log, Meter } from "../../ports/index.ts";
import type { RunnerLimits } from "../limits.ts";

interface LatenessPorts {
  readonly owns: () => boolean;
  readonly ask: (message: Message, timeoutMs: number) => Promise<Result<unknown>>;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  readonly limits: Pick<RunnerLimits, "askTimeoutMs" | "lateEveryMs">;
}

/** Begins to look. Gives what ends it. */
export function watchLateness({ owns, ask, clock, meter, log, limits }: LatenessPorts): () => void {
  let stopped = false;
  let cancel = (): void => undefined;

  async function asked<Answer>(type: string): Promise<Answer | undefined> {
    const answer = await ask({ type }, limits.askTimeoutMs);
    return answer.ok ? (answer.value as Answer) : undefined;
  }

  async function look(): Promise<void> {
    const [scheduled, listed, seen] = owns()
      ? await Promise.all([
          asked<BackupScheduleList>("schedules"),
          asked<ClusterBackupTasks>("tasks"),
          asked<BackupFolderList>("folders"),
        ])
      : [{ schedules: [] }, { tasks: [] }, { folders: [] }];
    // What nobody answers now stays as it was.
    if (stopped || scheduled === undefined || listed === undefined || seen === undefined) return;
    const tasks: readonly ClusterBackupTask[] = listed.tasks;
    const known = {
      schedules: scheduled.schedules,
      tasks,
      snapshots: seen.folders.flatMap(({ newest }) => newest ?? []),
    };
    const nowMs = clock.nowMs();
    const lates = latesOf(known, nowMs);
    for (const sort of watchedSorts) {
      meter.gauge("backup_age_seconds", Math.round((ageOf(sort, known, nowMs) ?? 0) / 1_000), { sort });
      meter.gauge("backup_late", lates.some((late) => late.sort === sort) ? 1 : 0, { sort });
    }
    meter.gauge("backup_drill_failed", drillFault(known) === undefined ? 0 : 1);
  }

  function soon(delayMs: number): void {
    cancel = clock.after(delayMs, () => {
      void look()
        .catch((error: unknown) => log.error("backup.lateness.failed", { error }))
        .finally(() => void (stopped || soon(limits.lateEveryMs)));
    });
  }
  soon(limits.lateEveryMs);
  return () => {
    stopped = true;
    cancel();
  };
}
