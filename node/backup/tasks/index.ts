/** What one node does with backups, one task at a time on its machine:
 *
 *      backups.ts        what its operator asks for, in folders and archives
 *      folder-tasks.ts   what the cluster asks for, in folders that the operator has named
 *      cluster.ts        its part of the backups of the whole cluster
 *      holder-heads.ts   the head and the keys beside the shards of a storage node
 *
 *  `own-tasks.ts` is the list of them. What is done is in `node/backup` and the rooms beside this one; here is who
 *  asks, with which keys, and what becomes of it. This room opens no file by itself. */
export { createBackups, type Backups } from "./backups.ts";
export { openClusterBackups } from "./cluster.ts";
export { runFolderTasks } from "./folder-tasks.ts";
export { openHolderHeads } from "./holder-heads.ts";
