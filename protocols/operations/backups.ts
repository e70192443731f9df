/** Backups. What takes its time is a task. */
import { Type } from "typebox";
import type { AuditFacts } from "../admin/audit.ts";
import {
  backupCommands,
  scheduleSeen,
  type BackupPlaces,
  type BackupSchedule,
  type BackupScheduleList,
  type ClusterBackupTasks,
} from "../kinds/backup.ts";
import { backupDownload, type BackupDownloadBegun } from "../admin/backup-guards.ts";
import {
  copyBackup,
  drillBackup,
  listBackups,
  placeBackup,
  pruneBackup,
  recallBackup,
  runBackup,
  verifyBackup,
  withdrawBackup,
  type BackupList,
  type TaskView,
} from "../admin/backups.ts";
import { answer } from "../wire/command.ts";
import { limit, object } from "../wire/schema.ts";
import { changes, fieldsOf, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const task = answer<TaskView>("TaskView");
/** Of the cluster or of this node: one that is not there is NOT_FOUND, whatever it looks like. */
const oneTask = object({ id: Type.String({ maxLength: 256 }) });
const { name, cron, timeZone, wish } = backupCommands.putSchedule.params.properties;
const oneSchedule = object({ name });
/** As many letters as a fact of the audit may have. */
const factCharsMax = 256;

/** What was asked for, as facts of the audit. */
const textsOf = (asked: object): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(asked).flatMap(([field, value]) => (value === undefined ? [] : [[field, String(value)]])),
  );
const allFacts = (_: unknown, facts: AuditFacts) => textsOf(facts);

/** What a folder on this node's machine, or the backups of the cluster, may refuse where they are read. */
const ofFolders = [
  "NOT_FOUND",
  "KEY_MISSING",
  "KEY_REFUSED",
  "ROOT_UNVOUCHED",
  "BACKUP_DAMAGED",
  "BACKUP_CHANGED",
  "SLOT_UNAVAILABLE",
  "STRIPE_LOST",
  "DIRECTORY_UNAVAILABLE",
] as const;
/** What the beginning of a task may refuse: in a folder, or by the actor of the cluster's backups. */
const ofBegun = [
  "NOT_FOUND",
  "LIMIT_REACHED",
  "DISK_FULL",
  "KIT_MISSING",
  "KEY_MISSING",
  "KEY_REFUSED",
  "SIGN_IN_AGAIN",
  ...ofActors,
] as const;

export const backupOperations = {
  "backups.run": changes({
    fields: runBackup,
    answer: task,
    permission: "backup.run",
    errors: ofBegun,
    action: "runBackup",
    facts: ({ to }) => textsOf({ folder: to }),
    remembers: allFacts,
    summary:
      "Begins a backup of the cluster onto its storage nodes, or of this node's slots into a folder; " +
      "answers with the task",
    description: "What has not changed since the snapshot before is not written again.",
    tags,
  }),
  "backups.places": reads({
    answer: answer<BackupPlaces>("BackupPlaces"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "Where backups can be made from this node, and the folders of all nodes that have some",
    description:
      "`storage` says why the storage nodes can take none now. " +
      "`offered` are the folders of this node's machine in which its operator lets admins keep backups.",
    tags,
  }),
  "backups.list": reads({
    fields: listBackups,
    answer: answer<BackupList>("BackupList"),
    looks: true,
    permission: "cluster.administer",
    errors: ofFolders,
    summary: "The snapshots of the cluster's backups, or of a folder",
    tags,
  }),
  "backups.verify": changes({
    fields: verifyBackup,
    answer: task,
    permission: "backup.run",
    errors: ofBegun,
    action: "verifyBackup",
    // Which there are depends on whose folder it is: the handler says them.
    facts: () => ({}),
    remembers: allFacts,
    summary: "Begins to check the cluster's backups, or a folder of them; answers with the task",
    tags,
  }),
  "backups.recall": changes({
    fields: recallBackup,
    answer: task,
    permission: "backup.recall",
    errors: ["APPROVAL_NEEDED", ...ofBegun],
    action: "recallBackup",
    facts: ({ from, to, query }) => textsOf({ folder: from, to, ...query }),
    quiet: "trial",
    summary: "Begins to bring back what a query names, into a folder as JSON lines; answers with the task",
    description: "Without `to` the task only says how much it is.",
    tags,
  }),
  "backups.place": changes({
    fields: placeBackup,
    answer: task,
    permission: "backup.recall",
    errors: ["APPROVAL_NEEDED", ...ofBegun],
    action: "placeBackup",
    facts: ({ from, query, ...rules }) => textsOf({ folder: from, ...rules, ...query }),
    quiet: "trial",
    summary: "Begins to bring messages of a backup back into their rooms, as new entries; answers with the task",
    description:
      "Nothing that lives is changed, and a recall brings nothing twice: " +
      "under its id it goes on where it was broken off. " +
      "Of the cluster's backups it is a task of the cluster; what shows others' private things needs a request " +
      "that was approved. Of a folder it is the operator's.",
    tags,
  }),
  "backups.withdraw": changes({
    fields: withdrawBackup,
    answer: task,
    permission: "backup.recall",
    errors: ["APPROVAL_NEEDED", ...ofBegun],
    action: "withdrawBackup",
    facts: ({ from, query, recall }) => textsOf({ folder: from, recall, ...query }),
    summary: "Begins to delete what a recall brought into the rooms of a query; answers with the task",
    tags,
  }),
  "backups.prune": changes({
    fields: pruneBackup,
    answer: task,
    permission: "backup.prune",
    errors: ofBegun,
    action: "pruneBackup",
    facts: ({ from, keep, timeZone: zone, apply = false }) =>
      textsOf({ folder: from, keep: JSON.stringify(keep), timeZone: zone, apply }),
    quiet: "trial",
    summary: "Begins to remove the snapshots that are not to be kept; answers with the task",
    tags,
  }),
  "backups.copy": changes({
    fields: copyBackup,
    answer: task,
    permission: "backup.run",
    errors: ofBegun,
    action: "copyBackup",
    facts: ({ from, to }) => textsOf({ folder: from, to }),
    remembers: allFacts,
    summary: "Begins to copy backups into a folder that leaves the cluster; answers with the task",
    description:
      "What is in the copy already is not read again. It is written where the operator says, and by nobody else.",
    tags,
  }),
  "backups.drill": changes({
    fields: drillBackup,
    answer: task,
    permission: "backup.run",
    errors: ofBegun,
    action: "drillBackup",
    facts: ({ from, scratch }) => textsOf({ folder: from, scratch }),
    remembers: allFacts,
    summary: "Begins to rehearse a restore in a scratch folder, which is deleted afterwards; answers with the task",
    description:
      "Without folders it is a task of the cluster, for people who may begin backups; " +
      "in a folder that is named it is the operator's.",
    tags,
  }),
  "backups.task": reads({
    params: oneTask,
    answer: task,
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "How far a task is, and what it came to",
    tags,
  }),
  "backups.cancel": changes({
    params: oneTask,
    answer: task,
    permission: "backup.run",
    errors: ["NOT_FOUND", "ALREADY_DONE", ...ofActors],
    action: "cancelBackup",
    facts: ({ id }) => ({ task: id }),
    remembers: allFacts,
    summary: "Ends a task as soon as it can; what was committed stays",
    tags,
  }),
  "backups.resume": changes({
    params: oneTask,
    answer: task,
    permission: "backup.run",
    errors: ["NOT_FOUND", "ALREADY_DONE", "LIMIT_REACHED", ...ofActors],
    action: "resumeBackup",
    facts: ({ id }) => ({ task: id }),
    remembers: allFacts,
    summary: "Goes on with a task of the cluster that failed or was cancelled, from what was kept of it",
    description:
      "`resumable` says of a task whether anything is kept: of runs that nobody has followed, and of checks. " +
      "A recall into place goes on under its `recall` id, and one into a folder when it is begun again.",
    tags,
  }),
  "backups.tasks": reads({
    fields: object({ before: backupCommands.tasks.params.properties.before, limit: Type.Optional(limit) }),
    answer: answer<ClusterBackupTasks>("ClusterBackupTasks"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "A page of what was done, or is being done, with the backups of the cluster, the newest first",
    tags,
  }),
  "backups.schedules": reads({
    answer: answer<BackupScheduleList>("BackupScheduleList"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "When tasks with the backups of the cluster begin by themselves",
    tags,
  }),
  "backups.setSchedule": changes({
    params: oneSchedule,
    fields: object({ cron, timeZone, wish, seen: scheduleSeen }),
    answer: answer<BackupSchedule>("BackupSchedule"),
    permission: "backup.run",
    errors: ["NOT_FOUND", "CHANGED_MEANWHILE", "LIMIT_REACHED", "SIGN_IN_AGAIN", ...ofActors],
    action: "scheduleBackup",
    facts: ({ name: schedule, cron: when, timeZone: zone, wish: does }) =>
      textsOf({ schedule, cron: when, timeZone: zone, wish: JSON.stringify(does).slice(0, factCharsMax) }),
    remembers: allFacts,
    summary: "Makes a schedule, or changes it: a task that begins by itself",
    description:
      "People who may not begin the task by hand cannot schedule it. " +
      "`seen`: the schedule as the caller has seen it, or null; if it has changed since, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "backups.removeSchedule": changes({
    params: oneSchedule,
    answer: fieldsOf({}),
    permission: "backup.run",
    errors: ["NOT_FOUND", ...ofActors],
    action: "unscheduleBackup",
    facts: ({ name: schedule }) => ({ schedule }),
    remembers: allFacts,
    summary: "Removes a schedule; a task that it began goes on",
    tags,
  }),
  "backups.download": changes({
    fields: backupDownload,
    answer: answer<BackupDownloadBegun>("BackupDownloadBegun"),
    permission: "backup.recall",
    errors: ["APPROVAL_NEEDED", ...ofBegun],
    action: "downloadBackup",
    // A request that was approved has its own query: the handler says what is fetched.
    facts: () => ({}),
    summary: "Prepares an archive (tar) of what a query names; answers with where it is fetched, once and soon",
    description: "What shows others' private things needs the number of a request that was approved.",
    tags,
  }),
};
