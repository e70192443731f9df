/** What the nodes are busy with: pulls of models, backups in folders of their machines, searches for servers, and long
 *  acts like moving the directory. An admin asks any node and hears of all.
 *
 *      own sources ─► list ◄─ task.list of every other member
 *
 *  It keeps nothing: each task stays with the node that does it. What the whole cluster does (backups, drains) is known
 *  to every node without asking others, and is put beside this by the gateway (docs/decisions/0093-tasks.md). */
export { taskLimits } from "./limits.ts";
export { asTasks } from "./long-operations.ts";
export { handleTasks } from "./operations.ts";
export { openActs, openTasks, tellBackupEnded, tellEnded, type Told } from "./own.ts";
