/** What a backup has of a node, and how it becomes a node's again: slots, actors, files, the cluster's settings.
 *
 *      journal ─► source.ts: each slot at one position ─┐
 *      directory ─► settings.ts: one more slot ─────────┴─► units (node/backup)
 *
 *      units ─► restored-actors.ts: a new journal, while no node runs on it
 *            └► place.ts: living actors of a cluster that runs
 *
 *  Actors are folded in one place for all readers (`backed-up-actor.ts`), and files are put together of their pieces
 *  (`file-pieces.ts`). This room knows kinds of actors and the journal. It knows no disk, no folder and no key: where
 *  backups lie is in `node/backup/places`. */
export { filePieces } from "./file-pieces.ts";
export { placeTarget } from "./place.ts";
export {
  hashOfState,
  isRestored,
  RestoredActors,
  stateType,
  type RestorePlace,
  type WrittenStates,
} from "./restored-actors.ts";
export { settingsSlot, withSettings } from "./settings.ts";
export { journalSource, type SlotCuts } from "./source.ts";
