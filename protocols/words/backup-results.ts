/** What a task with backups came to, in one sentence: for lists of tasks. Commands and pages of backups say all of it.
 *  Pure, and without schemas. */
import type { BackupResults, TaskView } from "../admin/backups.ts";
import { counted, describeBytes } from "./amounts.ts";

type Words = { readonly [Sort in keyof BackupResults]: (result: BackupResults[Sort]) => string };

const losses = (total: number): string => (total > 0 ? ` ${counted(total, "unit")} cannot be brought back.` : "");

const words: Words = {
  run: ({ snapshot, changedUnits, storedBytes, lost }) =>
    `Snapshot ${snapshot.number}: ${counted(changedUnits, "unit")} new, ${describeBytes(storedBytes)} written.` +
    losses(lost?.units ?? 0),
  verify: ({ snapshots, stripes, bytes, lostUnits }) =>
    `${counted(snapshots, "snapshot")} checked: ${counted(stripes, "stripe")}, ${describeBytes(bytes)}.` +
    losses(lostUnits.total),
  recall: ({ snapshot, rows, written, lost }) =>
    `${counted(rows, "row")} of snapshot ${snapshot.number}` +
    `${written === undefined ? "" : ` written into ${counted(written.files, "file")}`}.${losses(lost.total)}`,
  place: ({ dryRun, restored, threads, failed }) =>
    `${counted(restored, "entry", "entries")} ${dryRun ? "would come" : "came"} back into ` +
    `${counted(threads, "thread")}${failed.total > 0 ? `, ${failed.total} failed` : ""}.`,
  withdraw: ({ removed, threads, failed }) =>
    `${counted(removed, "entry", "entries")} taken back from ${counted(threads, "thread")}` +
    `${failed.total > 0 ? `, ${failed.total} failed` : ""}.`,
  prune: ({ removed, bytes, applied }) =>
    `${counted(removed.length, "snapshot")} ${applied ? "removed" : "would be removed"}, ` +
    `${describeBytes(bytes)} freed.`,
  copy: ({ snapshots, copied, copiedBytes, lost }) =>
    `${counted(snapshots, "snapshot")}: ${counted(copied, "stripe")} copied, ${describeBytes(copiedBytes)}` +
    `${lost.total > 0 ? `, ${lost.total} lost` : ""}.`,
  drill: ({ snapshot, rows, whole, lost, wrong }) =>
    `Snapshot ${snapshot.number}: ${counted(rows, "row")} came back` +
    `${whole ? ", all as they were." : `; ${lost.total + wrong.total} did not, or otherwise.`}`,
};

/** What it came to. */
export const backupResultWords = ({ sort, result }: Pick<TaskView, "sort" | "result">): string =>
  (words[sort] as (result: unknown) => string)(result);
