/** Backups of this node's slots into a folder on its machine, as an operator asks for them. */
import { resolve } from "node:path";
import {
  failure,
  failureOf,
  PlexusError,
  refused,
  type ActorId,
  type BackupHold,
  type BackupList,
  type BackupResults,
  type BackupSnapshot,
  type HeadHolders,
  type BackupTask,
  type CopyBackup,
  type DrillBackup,
  type LostUnit,
  type MissedSlot,
  type PlaceBackup,
  type PruneBackup,
  type RecallBackup,
  type Result,
  type SlotId,
  type VerifyBackup,
  type WithdrawBackup,
} from "../../../protocols/index.ts";
import { createSealer } from "../../../runtimes/backup/index.ts";
import {
  keepMark,
  markOf,
  noSnapshot,
  backupLimits,
  openRepository,
  pacedSource,
  countAnew,
  place,
  planRecall,
  prune,
  recall,
  lostUnit,
  runBackup,
  shownCheck,
  shownPrune,
  shownSnapshot,
  shownSnapshots,
  sweepFolder,
  verify,
  withdraw,
  type BackupPorts,
  type Heads,
  type Pacing,
  LossList,
  type ReadRate,
  type RecallSink,
  type Repository,
  type SlotSource,
  type VerifyMark,
  commandLimits,
} from "../index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { ClusterKeys } from "../../keys/index.ts";
import type { ActorBlobs, Clock, Directory, Log, Random } from "../../ports/index.ts";
import { watchedDrill, type Drills, type Rehearse } from "../restore/index.ts";
import {
  demandOutside,
  openBackupFolder,
  openFolderSink,
  orderOf,
  readBegun,
  writeArchive,
  type BackupFolder,
  type FolderMark,
  type FolderUsed,
  type RecallName,
  type SinkRecall,
} from "../places/index.ts";
import { journalSource, placeTarget, withSettings, type SlotCuts } from "../content/index.ts";
import { BackupTasks, folderFailure, type TaskAt } from "./own-tasks.ts";
import type { UseBackup } from "./cluster.ts";
import { copyInto } from "./copies.ts";

/** What is done in a folder, by an operator and by tasks of the cluster alike. */
interface FolderWorks {
  run(request: { readonly to: string; readonly full?: boolean | undefined }, at: TaskAt): Promise<BackupResults["run"]>;
  verify(request: InFolder<VerifyBackup>, at: TaskAt): Promise<BackupResults["verify"]>;
  prune(request: InFolder<PruneBackup>, at: TaskAt): Promise<BackupResults["prune"]>;
}

/** What an operator does with backups. One task at a time; errors of what begins one: LIMIT_REACHED, STOPPING. */
export interface Backups {
  readonly works: FolderWorks;
  /** Does one thing with backups when no task is under way here; none begins meanwhile. Errors: those of the work,
   *  CANCELLED. */
  whenFree<Done>(
    task: { readonly sort: string; readonly folder: string; readonly signal: AbortSignal },
    work: () => Promise<Done>,
  ): Promise<Done>;
  /** `full`: everything is stored anew. */
  run(request: { readonly to: string; readonly full?: boolean }): Result<BackupTask<"run">>;
  /** Errors: BAD_REQUEST (no folder of backups), KEY_MISSING, BACKUP_DAMAGED. */
  list(request: { readonly from: string }): Promise<Result<BackupList>>;
  verify(request: InFolder<VerifyBackup>): Result<BackupTask<"verify">>;
  /** Without `from` out of the backups of the cluster. */
  recall(request: RecallBackup): Result<BackupTask<"recall">>;
  place(request: InFolder<PlaceBackup>): Result<BackupTask<"place">>;
  withdraw(request: InFolder<WithdrawBackup>): Result<BackupTask<"withdraw">>;
  prune(request: InFolder<PruneBackup>): Result<BackupTask<"prune">>;
  copy(request: CopyBackup): Result<BackupTask<"copy">>;
  drill(request: DrillBackup & { readonly scratch: string }): Result<BackupTask<"drill">>;
  /** Writes an archive of what a query names in the cluster's backups, as it is read. Errors: NOT_FOUND, KEY_MISSING,
   *  those of `out`. */
  archive(query: RecallBackup["query"], out: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
  task(id: string): Result<BackupTask>;
  /** The newest first. */
  tasks(): readonly BackupTask[];
  cancel(id: string): Result<BackupTask>;
  stop(): Promise<void>;
}

/** A request for the backups of a folder. */
type InFolder<Request> = Omit<Request, "from"> & { readonly from: string };

/** A slot of the cluster, and who owns it. */
export interface OwnedSlot {
  readonly slot: SlotId;
  readonly owner: string;
}

interface BackupsAt {
  /** The data folder. */
  readonly data: string;
  readonly cluster: string;
  readonly node: string;
  readonly keys: Pick<ClusterKeys, "backupKeys" | "carried">;
  readonly directory: Pick<Directory, "list">;
  /** Opens the backups of the cluster. */
  readonly useCluster: UseBackup;
  readonly replication: SlotCuts;
  readonly kernel: Pick<Kernel, "ask">;
  /** Files of actors. */
  readonly blobs: ActorBlobs;
  /** Is told how fast the cluster's stripes were read. */
  measured(rate: ReadRate): void;
  /** What no prune takes away. */
  holds(): Promise<Result<readonly BackupHold[]>>;
  /** Tells the cluster what is in a folder of this node's machine. A cluster that does not hear it shows what it heard
   *  before. */
  noteFolder(path: string, snapshots: number, newest: BackupSnapshot | undefined): Promise<void>;
  /** All slots of the cluster. */
  slots(): Iterable<OwnedSlot>;
  /** What people call a node; its id where nobody knows. */
  nameOf(node: string): string;
  /** What storage nodes have on their disks for a restore without nodes. */
  readonly surveyHolders?: () => Promise<HeadHolders>;
  readonly drills: Drills;
  readonly pacing: Pacing;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The slots of this node; those of others refuse with MOVED, so that a snapshot names what is not in it. */
function ownSource(at: Pick<BackupsAt, "node" | "replication" | "blobs" | "slots">): SlotSource {
  const own = journalSource(at.replication, at.blobs);
  let owners = new Map<SlotId, string>();
  return {
    async slots() {
      owners = new Map([...at.slots()].map(({ slot, owner }) => [slot, owner]));
      const others = [...owners].flatMap(([slot, owner]) => (owner === at.node ? [] : [slot]));
      return [...(await own.slots()), ...others].toSorted();
    },
    async open(slot, reads) {
      const owner = owners.get(slot);
      if (owner !== undefined && owner !== at.node) throw new PlexusError(failure("MOVED", { slot, owner }));
      return own.open(slot, reads);
    },
  };
}

/** Opens nothing yet: each command opens the folder that it names. */
export function createBackups(at: BackupsAt): Backups {
  const { data, cluster, node, clock, random, log, pacing } = at;
  const newId = (): string => Buffer.from(random.bytes(10)).toString("hex");
  const tasks = new BackupTasks({ log, newId });

  const within = async <Answer>(
    folder: string,
    begins: FolderMark | undefined,
    use: (ports: BackupPorts, repository: Repository, opened: BackupFolder) => Promise<Answer>,
    how: FolderUsed = {},
  ): Promise<Answer> => {
    demandOutside(resolve(data), resolve(folder));
    // Before the folder is touched: without keys nothing can be done with it.
    const keys = await at.keys.backupKeys();
    if (!keys.ok) throw new PlexusError(keys.error);
    const opened = await openBackupFolder(folder, begins, how);
    const { mark, stripes } = opened;
    if (mark.cluster !== cluster)
      throw new PlexusError(
        failure("BAD_REQUEST", { field: "folder", reason: `${folder} has the backups of another cluster` }),
      );
    const sealer = createSealer({
      threads: commandLimits.sealerThreads,
      idleMs: commandLimits.sealerIdleMs,
      ...(how.pacing && { piece: how.pacing.piece, isAlone: how.pacing.isAlone }),
    });
    const owner: ActorId = "backup/folder";
    const heads: Heads = {
      ...opened.heads,
      async commit(head, number) {
        // Before the head: what it leads to opens with the folder and the recovery kit alone.
        const carried = await at.keys.carried();
        if (!carried.ok) throw new PlexusError(carried.error);
        await opened.writeKeys(carried.value);
        return opened.heads.commit(head, number);
      },
    };
    const ports: BackupPorts = {
      cluster,
      owner,
      stripes,
      heads,
      keys: keys.value,
      sealer,
      clock,
      random,
      log,
      limits: backupLimits,
    };
    try {
      return await use(ports, openRepository(ports, { begins: how.use === "writing" }), opened);
    } finally {
      await sealer.close();
    }
  };
  /** Opens the backups of a folder, or of the cluster. */
  const reading = <Answer>(
    folder: string | undefined,
    use: (ports: BackupPorts, repository: Repository) => Promise<Answer>,
  ): Promise<Answer> =>
    folder === undefined ? at.useCluster((ports) => use(ports, openRepository(ports))) : within(folder, undefined, use);
  const placeOf = (folder: string): string => `${at.nameOf(node)}:${folder}`;
  /** Two nodes that change the same head would not know of each other. */
  const demandOwn = (folder: string, mark: FolderMark): void => {
    if (mark.node === node) return;
    if (mark.copy === true)
      throw new PlexusError(
        failure("BAD_REQUEST", {
          field: "folder",
          reason: `${folder} is a copy of backups, and new backups cannot be made in a copy: name another folder`,
        }),
      );
    const reason =
      `${folder} has the backups of the node ${at.nameOf(mark.node)}, and only that node can change them: name ` +
      "another folder for this node";
    throw new PlexusError(failure("BAD_REQUEST", { field: "folder", reason }));
  };
  /** What a run has left that was killed. A backup that cannot be made is worse than bytes that stay. */
  const sweep = async (
    ports: BackupPorts,
    repository: Repository,
    folder: string,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      await sweepFolder(ports, repository, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn("backup.leftovers.stay", { folder, error });
    }
  };
  /** How much of the time it works, where that is less than all. */
  const stepping = (): { readonly workPercent?: number } => {
    const workPercent = pacing.percent();
    return workPercent < 100 ? { workPercent } : {};
  };
  /** People come first: what they wait for is done between two pages. */
  const pace = (): Promise<void> => new Promise((done) => clock.soon(done));
  /** Remembers in the cluster what is in a folder. The page of backups is told of it there. */
  const noteFolder = async (path: string, ports: BackupPorts, repository: Repository): Promise<void> => {
    const snapshots = await shownSnapshots(ports, repository);
    const newest = snapshots.at(-1);
    await at.noteFolder(path, snapshots.length, newest);
  };

  const works: FolderWorks = {
    run: ({ to, full = false }, { signal, progress }) =>
      within(
        to,
        { cluster, node },
        async (ports, repository, opened) => {
          demandOwn(to, opened.mark);
          if (await opened.wasLeft()) await sweep(ports, repository, to, signal);
          const source = withSettings(pacedSource(ownSource(at), pacing), at.directory);
          const options = { signal, progress: (far: object) => progress({ ...far, ...stepping() }), pace, full };
          const { snapshot, missed, missedFiles, ...sums } = await opened.writing(() =>
            runBackup(ports, repository, source, options),
          );
          await countAnew(ports, repository, placeOf(to));
          await noteFolder(to, ports, repository);
          const rows = missed.map(({ slot, error }): MissedSlot => {
            const owner = error.details?.["owner"];
            return { slot, error, ...(typeof owner === "string" && { owner: at.nameOf(owner) }) };
          });
          const files = { total: missedFiles.total, named: missedFiles.named.slice(0, commandLimits.lostNamedMax) };
          return { snapshot: shownSnapshot(snapshot), ...sums, missed: rows, missedFiles: files };
        },
        { use: "writing", pacing },
      ),
    verify: ({ from, snapshot, depth }, task) =>
      within(
        from,
        undefined,
        async (ports, repository) => {
          const { snapshots } = await repository.state();
          const chosen = snapshots.filter(({ number }) => snapshot === undefined || number === snapshot);
          if (chosen.length === 0) throw noSnapshot(snapshots, { snapshot });
          const { signal } = task;
          const far = (all: object): void => task.progress({ ...all } as Readonly<Record<string, number>>);
          const marks = { mark: markOf<VerifyMark>(task), keep: (mark: VerifyMark) => keepMark(task, mark) };
          const options = { depth, signal, progress: far, pace, ...marks };
          return shownCheck(await verify(ports, repository, chosen, options));
        },
        { pacing },
      ),
    prune: ({ from, keep, timeZone, apply = false }, { signal, progress }) =>
      within(
        from,
        undefined,
        async (ports, repository, opened) => {
          demandOwn(from, opened.mark);
          const holds = await at.holds();
          // Unknown holds may keep anything.
          if (!holds.ok) throw new PlexusError(holds.error);
          // Numbers of snapshots are those of the cluster's own backups.
          const own = holds.value.filter(({ on }) => !("snapshot" in on));
          const far = (all: object): void => progress({ ...all } as Readonly<Record<string, number>>);
          const work = () => prune(ports, repository, keep, { apply, timeZone, signal, progress: far, holds: own });
          const report = await (apply ? opened.writing(work) : work());
          if (apply) {
            await countAnew(ports, repository, placeOf(from));
            await noteFolder(from, ports, repository);
          }
          return shownPrune(report, apply);
        },
        { use: apply ? "freeing" : "looking", pacing },
      ),
  };

  return {
    works,
    whenFree: (task, work) => tasks.whenFree(task, work),
    run: (request) => tasks.begin("run", request.to, (task) => works.run(request, task)),
    async list({ from }) {
      try {
        return await within(from, undefined, async (ports, repository, opened) => {
          const snapshots = await shownSnapshots(ports, repository);
          return { ok: true, value: { folder: from, node: at.nameOf(opened.mark.node), snapshots } };
        });
      } catch (error) {
        return refused(folderFailure(error));
      }
    },
    verify: (request) => tasks.begin("verify", request.from, (task) => works.verify(request, task)),
    recall: ({ from, to, query }) =>
      tasks.begin("recall", from ?? to ?? "", ({ signal, progress }) =>
        reading(from, async (ports, repository) => {
          if (to !== undefined) demandOutside(resolve(data), resolve(to));
          const name: RecallName = { cluster, from: from === undefined ? null : resolve(from), query };
          const begun = to === undefined ? undefined : await readBegun(to, name);
          // One that goes on has the snapshot that it found.
          const asked = begun === undefined ? query : { ...query, snapshot: begun.snapshot };
          const { snapshot, units, rows, bytes, threads, stripeBytes } = await planRecall(repository, asked);
          const plan = { snapshot: shownSnapshot(snapshot), units, rows, bytes, threads, stripeBytes };
          if (to === undefined) return { ...plan, lost: { total: 0, named: [] } };
          // The snapshot that was planned, whatever comes meanwhile.
          const fixed = { ...query, snapshot: snapshot.number };
          const order = orderOf(snapshot, ports.limits);
          const into = { name, snapshot: snapshot.number, order, begun };
          return writeRecall(ports, repository, { to, into, query: fixed, plan, signal, progress });
        }),
      ),
    place: ({ from, ...request }) =>
      tasks.begin("place", from, ({ signal, progress }) =>
        within(from, undefined, (ports, repository) =>
          place(ports, repository, request, { signal, progress, clock, target: placeTarget(at.kernel, at.blobs) }),
        ),
      ),
    withdraw: ({ from, ...request }) =>
      tasks.begin("withdraw", from, ({ signal, progress }) =>
        within(from, undefined, (ports, repository) =>
          withdraw(ports, repository, request, { signal, progress, clock, target: placeTarget(at.kernel, at.blobs) }),
        ),
      ),
    prune: (request) => tasks.begin("prune", request.from, (task) => works.prune(request, task)),
    copy: ({ from, to }) =>
      tasks.begin("copy", to, (task) =>
        reading(from, async (ports, repository) => {
          demandOutside(resolve(data), resolve(to));
          return copyInto(to, { ports, repository, keys: at.keys }, { ...task, pace });
        }),
      ),
    drill: ({ from, scratch, snapshot }) =>
      tasks.begin("drill", scratch, async (task) => {
        demandOutside(resolve(data), resolve(scratch));
        const surveyHolders = from === undefined ? at.surveyHolders : undefined;
        const within = (use: Rehearse) => reading(from, (ports) => use({ from, ports, snapshot, surveyHolders }));
        return watchedDrill({ scratch, from, within }, at.drills, { ...task, clock, random, log });
      }),
    archive: async (query, out, signal) =>
      at.measured(await at.useCluster((ports) => writeArchive(ports, query, out, signal))),
    task: (id) => tasks.look(id),
    tasks: () => tasks.list(),
    cancel: (id) => tasks.cancel(id),
    stop: () => tasks.stop(),
  };
}

/** Writes what there is; what cannot be brought back is named, and the rest follows. In a folder where the same recall
 *  was begun it goes on. */
async function writeRecall(
  ports: BackupPorts,
  repository: Repository,
  {
    to,
    into,
    query,
    plan,
    signal,
    progress,
  }: {
    readonly to: string;
    readonly into: SinkRecall;
    readonly query: RecallBackup["query"];
    readonly plan: Omit<BackupResults["recall"], "lost">;
    readonly signal: AbortSignal;
    readonly progress: (at: Readonly<Record<string, number>>) => void;
  },
): Promise<BackupResults["recall"]> {
  const sink = await openFolderSink(to, ports.sealer, into);
  const { mark } = sink;
  const losses = new LossList<LostUnit>(commandLimits.lostNamedMax, mark?.lost);
  const before = mark?.units ?? 0;
  let bytes = mark?.bytes ?? 0;
  const keeping: RecallSink = {
    async write(unit, content, place) {
      await sink.write(unit, content, place);
      bytes += content.length;
      await sink.keep({ units: place + 1, bytes, lost: losses.rows });
    },
  };
  try {
    await recall(ports, repository, query, keeping, {
      signal,
      behind: before,
      progress: ({ units }) => progress({ units: before + units, unitsOf: plan.units, bytes }),
      lost: ({ name }, error) => losses.push(lostUnit(name, failureOf(error))),
    });
    const result = { ...plan, lost: losses.rows };
    await sink.finish({ plexus: "recall", version: 1, cluster: ports.cluster, query, ...result });
    const written = { folder: to, files: sink.files, bytes, ...(mark && { beforeBytes: mark.bytes }) };
    return { ...result, written };
  } finally {
    await sink.close();
  }
}
