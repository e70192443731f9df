/** What a node does for the backups of the whole cluster: it reads the slots that it owns for the node that makes a
 *  snapshot, and where it owns `backup/cluster`, it works on the tasks. */
import type { Message } from "../../../actors/behavior.ts";
import {
  backupActor,
  failure,
  PlexusError,
  type BackupHolds,
  type BackupResults,
  type BackupSnapshot,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import { roleOf, slotOfActor, type SlotTable } from "../../cluster/facts/slot-table.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { Clock, Log, Membership, Meter, NodeId, Random } from "../../ports/index.ts";
import { verify, type VerifyMark } from "../upkeep/checking.ts";
import { runCluster } from "./cluster-run.ts";
import { watchLateness } from "../upkeep/lateness.ts";
import { runnerLimits, type RunnerLimits } from "../limits.ts";
import { serveParts, type PartPorts } from "./owner.ts";
import { patient } from "./patience.ts";
import type { BackupPorts } from "../ports.ts";
import type { PlaceTarget } from "../recall/place.ts";
import { place, withdraw, type PlaceAt } from "../recall/place-task.ts";
import { noSnapshot, planRecall, readingTime, type ReadRate } from "../recall/recall.ts";
import { countAnew } from "../upkeep/renewal.ts";
import { openRepository } from "../repository.ts";
import { createRunner, keepMark, markOf, type BackupWorks, type TaskAt } from "./runner.ts";
import { shownCheck, shownPrune, shownSnapshot, shownSnapshots } from "../shown.ts";
import { prune, type PruneMark } from "../upkeep/upkeep.ts";
import { ownsSlot } from "../../cluster/facts/slot-owner.ts";
import { nameIn } from "../../cluster/facts/members.ts";

interface ClusterBackupsOptions extends Omit<PartPorts, "limits"> {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly table: Pick<SlotTable, "get" | "rows">;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Slots that no table has, and every node can read. */
  readonly beside?: readonly SlotId[];
  /** Asks `backup/cluster`, wherever it is. */
  ask(message: Message, timeoutMs: number): Promise<Result<unknown>>;
  /** Living actors, which a recall brings entries back into. */
  readonly target: PlaceTarget;
  /** Restores a snapshot into a scratch folder, compares, and deletes it. */
  drill(backup: BackupPorts, at: TaskAt<"drill">): Promise<BackupResults["drill"]>;
  readonly limits?: Partial<RunnerLimits>;
}

export interface ClusterBackups {
  /** Tells the cluster how fast stripes were read for a recall. */
  measured(rate: ReadRate): void;
  /** The snapshots, the oldest first; none before the first backup. Errors: KIT_MISSING, KEY_MISSING, BACKUP_DAMAGED,
   *  those of stripes. */
  list(): Promise<readonly BackupSnapshot[]>;
  /** Looks for work at once, if it is for this node. */
  wake(): void;
  stop(): Promise<void>;
}

type Work<Answer> = (backup: BackupPorts) => Promise<Answer>;

/** How the cluster's own backups are called among other places. */
const clusterPlace = "the storage nodes";

/** Puts a node's part together. */
export function createClusterBackups(options: ClusterBackupsOptions): ClusterBackups {
  const { node, exchange, table, membership, clock, random, log } = options;
  const limits: RunnerLimits = { ...runnerLimits, ...options.limits };
  const parts = serveParts({ ...options, limits });
  const nameOf = (one: NodeId): string => nameIn(membership, one);
  /** The inventories of holders are not in it: they say what lies where in this cluster, and their nodes have no
   *  keys. */
  const slots = () => [
    ...[...table.rows()].flatMap(({ record }) => (roleOf(record) === "storage" ? [] : [record])),
    ...(options.beside ?? []).map((slot) => ({ slot, owner: node })),
  ];
  /** For what nobody waits for: it steps back behind people. */
  const usePaced = <Answer>({ signal }: Pick<TaskAt, "signal">, work: Work<Answer>): Promise<Answer> =>
    options.use((backup) => work(patient(backup, signal)), options.pacing);
  /** People come first. */
  const pace = (): Promise<void> => new Promise((done) => clock.soon(done));

  const measured = (rate: ReadRate): void => {
    // Until the actor hears it, it estimates by what was measured before.
    void options.ask({ type: "measured", ...rate }, limits.askTimeoutMs);
  };
  const placeAt = (at: TaskAt): PlaceAt => ({
    signal: at.signal,
    progress: (far) => at.progress(far),
    keep: (what) => at.keep(what),
    checkpoint: at.task.checkpoint,
    measured,
    clock,
    target: options.target,
  });

  const works: BackupWorks = {
    run: (at) =>
      usePaced(at, async (backup) => {
        const done = await runCluster(at, backup, {
          clock,
          log,
          limits,
          slots,
          nameOf,
          call: (to, asked) =>
            to === node ? parts.part(asked) : exchange.call(to, "backup.part", asked, limits.partTimeoutMs),
          end(to, name) {
            if (to === node) parts.end(name);
            else void exchange.call(to, "backup.end", name, limits.partTimeoutMs);
          },
        });
        await countAnew(backup, openRepository(backup), clusterPlace);
        return done;
      }),
    verify: (at) =>
      usePaced(at, async (backup) => {
        const { task, signal, progress } = at;
        const { wish } = task;
        const repository = openRepository(backup);
        const { snapshots } = await repository.state();
        const chosen = snapshots.filter(({ number }) => wish.snapshot === undefined || number === wish.snapshot);
        if (chosen.length === 0) throw noSnapshot(snapshots, wish);
        const far = (at: { readonly stripes: number; readonly stripesDone: number }): void => progress({ ...at });
        const marks = { mark: markOf<VerifyMark>(task), keep: (mark: VerifyMark) => keepMark(at, mark) };
        const options = { depth: wish.depth, signal, progress: far, pace, ...marks };
        return shownCheck(await verify(backup, repository, chosen, options));
      }),
    recall: ({ task: { wish, readPerSecond } }) =>
      options.use(async (backup) => {
        const { snapshot, ...plan } = await planRecall(openRepository(backup), wish.query);
        const time = readingTime(plan.stripeBytes, readPerSecond);
        return { ...plan, ...time, snapshot: shownSnapshot(snapshot), lost: { total: 0, named: [] } };
      }),
    place: (at) => options.use((backup) => place(backup, openRepository(backup), at.task.wish, placeAt(at))),
    withdraw: (at) => options.use((backup) => withdraw(backup, openRepository(backup), at.task.wish, placeAt(at))),
    prune: (at) =>
      usePaced(at, async (backup) => {
        const { wish } = at.task;
        const { apply = false, timeZone } = wish;
        const holds = await options.ask({ type: "holds" }, limits.askTimeoutMs);
        // Unknown holds may keep anything.
        if (!holds.ok) throw new PlexusError(holds.error);
        const report = await prune(backup, openRepository(backup), wish.keep, {
          apply,
          timeZone,
          signal: at.signal,
          progress: (far) => at.progress({ ...far }),
          holds: (holds.value as BackupHolds).holds,
          mark: markOf<PruneMark>(at.task),
          keep: (mark) => at.keep({ checkpoint: JSON.stringify(mark) }),
        });
        if (apply) await countAnew(backup, openRepository(backup), clusterPlace);
        return shownPrune(report, apply);
      }),
    drill: (at) =>
      usePaced(at, async (backup) => {
        const { turn } = at.task;
        // It needs much of a node: one that ends each node that works on it must not go on to all of them.
        if (turn > limits.drillTurnsMax)
          throw new PlexusError(failure("LIMIT_REACHED", { limit: "drillTurnsMax", max: limits.drillTurnsMax }));
        const done = await options.drill(backup, at);
        return turn === 1 ? done : { ...done, begunAgain: turn - 1 };
      }),
  };
  const owns = (): boolean => ownsSlot(table, node, slotOfActor(table, "manager", backupActor));
  const ask = options.ask.bind(options);
  const stopWatch = watchLateness({ owns, ask, clock, meter: options.meter, log, limits });
  const runner = createRunner({
    runner: `${node}.${Buffer.from(random.bytes(9)).toString("base64url")}`,
    owns,
    ask,
    works,
    clock,
    log,
    limits,
  });

  return {
    measured,
    list: () => options.use((backup) => shownSnapshots(backup, openRepository(backup))),
    wake: () => runner.wake(),
    async stop() {
      stopWatch();
      await runner.stop();
      await parts.stop();
    },
  };
}
