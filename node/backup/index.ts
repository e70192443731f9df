/** Backups of the cluster: taken from the journals without stopping anybody, kept as stripes that no holder can read,
 *  and brought back whole or piece by piece.
 *
 *      sources.ts: slots at one moment each ─► part.ts: what changed ─► runtimes/backup: units, sealed ─► packer.ts
 *                                  run.ts: └─► tree.ts: the manifest ─► repository.ts: the head, the only commit
 *      into-place.ts, conflicts.ts: query ─► messages ─► their rooms, as new entries
 *      recall.ts: query ─► units ─► sink          upkeep.ts: verify, prune        retention.ts: which snapshots stay
 *
 *  Of the whole cluster:
 *
 *      backup/cluster (actor) ─ take ─► runner.ts ─► cluster-run.ts ─ backup.part ─► owner.ts at each slots' owner
 *                                           │             ▲                                └─► part.ts ─► part-list.ts
 *                                           │             └───────── lists: one snapshot (run.ts) ◄───────────┘
 *                                           └─► other sorts of tasks (cluster.ts)
 *
 *  `files.ts` is what a part does with pictures and the like, whose bytes are not in the journals. `heads.ts` keeps the
 *  head in the directory, `folders.ts` heads and stripes in folders. `holder-heads.ts` keeps the head beside each
 *  storage node's shards, `surviving.ts` reads those disks when no node runs. The formats are in
 *  `runtimes/backup/format`, and in docs/backup/README.md; why they are as they are is decision 0051.
 *
 *  Invariants: nothing that a snapshot refers to is given up while the snapshot is there; a snapshot is there with
 *  everything that it refers to, or not at all; of two changes at the same time one is refused (BACKUP_CHANGED).
 *
 *  Read sources.ts, part.ts, run.ts, tree.ts, repository.ts, recall.ts, cluster.ts. */
export { fileType } from "./format/files.ts";
export { createClusterBackups, type ClusterBackups } from "./run/cluster.ts";
export { createDirectoryHeads } from "./format/heads.ts";
export { headNumbers, readHeadFile, readKeysFile, writeKeysFile, type HeadFile } from "./format/beside.ts";
export { keepHolderHeads, type HolderHeads } from "./folder/holder-heads.ts";
export {
  chainOf,
  createSurvivingStripes,
  foldersMissing,
  rankHeads,
  type RefusedHead,
  type SurvivingFolder,
} from "./folder/surviving.ts";
export type { PlaceTarget } from "./recall/place.ts";
export { place, withdraw } from "./recall/place-task.ts";
export { backupLimits, commandLimits, holderHeadLimits, runnerLimits, type BackupLimits } from "./limits.ts";
export { copyBackups, type CopyTarget } from "./upkeep/copying.ts";
export {
  createCopiedStripes,
  createCopyTarget,
  createFolderHeads,
  createFolderStripes,
  folderScheme,
} from "./folder/folders.ts";
export {
  createPacing,
  pacedStripes,
  unpacedReads,
  type Pacing,
  type ReadPacing,
  type StripePacing,
} from "./run/pacing.ts";
export type { BackupKeys, BackupPorts, BackupStripes, Heads } from "./ports.ts";
export {
  planRecall,
  recall,
  noSnapshot,
  snapshotFor,
  unitsFor,
  type ReadRate,
  type RecallQuery,
  type RecallSink,
} from "./recall/recall.ts";
export { LossList } from "./upkeep/losses.ts";
export { createRunner, keepMark, markOf, type BackupWorks, type Runner, type TaskAt } from "./run/runner.ts";
export { handleGuards } from "./guards-operations.ts";
export { handleBackups, type BackupControl } from "./operations.ts";
export { archivesOf, createTickets, type Tickets } from "./recall/tickets.ts";
export { openRepository, type Repository } from "./repository.ts";
export { runBackup } from "./run/run.ts";
export { lostUnit, shownCheck, shownPrune, shownSnapshot, shownSnapshots } from "./shown.ts";
export { pacedSource, type ChangedActor, type SlotSource, type SlotView } from "./run/sources.ts";
export { verify, type VerifyMark } from "./upkeep/checking.ts";
export { prune, sweepFolder } from "./upkeep/upkeep.ts";
export { countAnew } from "./upkeep/renewal.ts";
