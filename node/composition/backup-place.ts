/** What a recall into place needs of a running node: its living actors, and what a room was by its rows in a backup. */
import { remaking } from "../../actors/index.ts";
import type { PlaceReport, PlaceTarget, Repository, WithdrawReport } from "../backup/index.ts";
import { recallIntoPlace, withdrawRecall, type BackupPorts, type PlaceOptions } from "../backup/index.ts";
import type { BackupResults, PlaceBackup, WithdrawBackup } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock } from "../ports.ts";
import { stateOf } from "./backup-source.ts";
import type { TaskAt } from "./backup-tasks.ts";
import { commandLimits } from "./limits.ts";

/** The actors of the cluster, asked as the node. */
export const placeTarget = (kernel: Pick<Kernel, "ask">): PlaceTarget => ({
  ask: (to, message, operationId) =>
    kernel.ask({
      to,
      from: "node",
      message,
      timeoutMs: commandLimits.placeTimeoutMs,
      ...(operationId && { operationId }),
    }),
  remake: (room, rows) => remaking(stateOf(room, rows)),
});

/** A wait that the end of its task ends. */
const waits = (clock: Clock, signal: AbortSignal) => (ms: number) =>
  new Promise<void>((done) => {
    if (signal.aborted) return done();
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      done();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end);
  });

interface PlaceAt extends TaskAt {
  readonly clock: Clock;
  readonly target: PlaceTarget;
}

const optionsOf = ({ clock, signal, progress }: PlaceAt): PlaceOptions => ({
  signal,
  progress: (far) => progress({ ...far }),
  wait: waits(clock, signal),
});

/** Brings messages of a backup back into their rooms, or says what would come. */
export async function place(
  ports: BackupPorts,
  repository: Repository,
  { query, recall, existing = "skip", deleted = false, remake = false, dryRun = false }: PlaceBackup,
  at: PlaceAt,
): Promise<BackupResults["place"]> {
  const wish = { recall, query, existing, deleted, remake, dryRun };
  const report: PlaceReport = await recallIntoPlace(ports, repository, wish, at.target, optionsOf(at));
  const { snapshot, failed, lost, ...sums } = report;
  const { root: _root, cursors: _cursors, ...shown } = snapshot;
  return { ...sums, snapshot: shown, dryRun, failed: named(failed), lost: named(lost) };
}

/** Takes back what a recall brought. */
export async function withdraw(
  ports: BackupPorts,
  repository: Repository,
  wish: WithdrawBackup,
  at: PlaceAt,
): Promise<BackupResults["withdraw"]> {
  const report: WithdrawReport = await withdrawRecall(ports, repository, wish, at.target, optionsOf(at));
  return { ...report, failed: named(report.failed) };
}

const named = <Row>(rows: readonly Row[]) => ({ total: rows.length, named: rows.slice(0, commandLimits.lostNamedMax) });
