/** What an operator makes of the folder of a node that is stopped, when starting it does not help any more:
 *
 *      salvage.ts    of a damaged folder: one that starts, of what can be read
 *      recovery.ts   of one voter's folder: the directory begins anew, when most voters are lost for good
 *
 *  Both read a folder, say what is lost, and write all or nothing. No node runs meanwhile: this room knows disks, the
 *  journal and the directory's rows, and no other node. */
export { openRecovery, type RecoveryPlan } from "./recovery.ts";
export { salvage, type Lost, type Salvaged } from "./salvage.ts";
