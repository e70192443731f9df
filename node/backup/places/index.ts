/** Where backups lie and go on the disk of a machine, as its operator names it:
 *
 *      folder.ts           a folder with backups, of a node or copied: read, written, freed
 *      recall-folder.ts    a folder that records are brought back into; `recall-begun.ts` goes on where one ended
 *      recall-archive.ts   the same as one archive, which lies on no disk
 *
 *  This room knows disks and the coding of stripes. It knows no actor: units are bytes with a name here. */
export {
  demandOutside,
  isBackupFolder,
  noMeter,
  openBackupFolder,
  type BackupFolder,
  type FolderMark,
  type FolderUsed,
} from "./folder.ts";
export { writeArchive } from "./recall-archive.ts";
export { orderOf, readBegun, type RecallName } from "./recall-begun.ts";
export { openFolderSink, type SinkRecall } from "./recall-folder.ts";
