/** A data folder made of backups alone, and the rehearsal of that.
 *
 *      restore.ts     folders of backups, or disks of storage nodes (`holders.ts`), and the recovery kit (`keys.ts`)
 *                     ─► a folder that a node starts on, read back and compared (`check.ts`)
 *      rehearsal.ts   the same into a scratch folder ─► a node is started on it (`started.ts`) ─► it is removed
 *
 *  No node runs on what is written here, so nothing of this asks an actor or another node. The node of a rehearsal is
 *  a program of its own, which the caller names, and reaches nobody (`outward.ts`). */
export { closeOutward } from "./outward.ts";
export { shownDrill, sweep, watchedDrill, type Drills, type Rehearse } from "./rehearsal.ts";
export {
  describeUnreadable,
  endRestore,
  findCarried,
  isWhole,
  reasonOf,
  restore,
  type FoundKeys,
  type Restored,
  type RestoreRequest,
} from "./restore.ts";
export { restoredStarter, type NodeStarted, type NodeToStart } from "./started.ts";
