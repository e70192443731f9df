/** Holds on backups, and recalls that somebody approves. */
import type { ClusterBackupTask } from "../kinds/backup.ts";
import {
  holdBody,
  recallAsked,
  type BackupHold,
  type BackupHolds,
  type HeldThing,
  type RecallRequest,
  type RecallRequests,
} from "../admin/backup-guards.ts";
import { answer } from "../wire/command.ts";
import { key, object } from "../wire/schema.ts";
import { changes, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const one = object({ id: key });
const hold = answer<BackupHold>("BackupHold");
const request = answer<RecallRequest>("RecallRequest");

/** What is held, as facts of the audit. */
export const heldFacts = (on: HeldThing): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(on).map(([name, value]) => [name, String(value)]));

export const guardOperations = {
  "holds.list": reads({
    answer: answer<BackupHolds>("BackupHolds"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "The legal holds",
    tags,
  }),
  "holds.set": changes({
    fields: holdBody,
    answer: hold,
    permission: "backup.hold",
    errors: ["LIMIT_REACHED", "BACKUP_CHANGED", ...ofActors],
    once: true,
    action: "setHold",
    facts: ({ on, reason }) => ({ ...heldFacts(on), reason }),
    summary: "Sets a legal hold: neither prune nor erasure takes away what it keeps",
    description: "On a snapshot of the cluster's, or on whatever snapshots contain a person's things, or an actor's.",
    tags,
  }),
  "holds.lift": changes({
    params: one,
    answer: hold,
    permission: "backup.hold",
    errors: ["NOT_FOUND", ...ofActors],
    action: "liftHold",
    facts: ({ id }) => ({ hold: id }),
    summary: "Lifts a legal hold",
    tags,
  }),
  "recalls.list": reads({
    answer: answer<RecallRequests>("RecallRequests"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "Recalls of private things that were asked for, the newest first",
    tags,
  }),
  "recalls.ask": changes({
    fields: recallAsked,
    answer: request,
    permission: "backup.recall",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofActors],
    once: true,
    action: "askRecall",
    // What is asked for is fixed at a moment first: the handler says what that is.
    facts: ({ reason }) => ({ reason }),
    summary: "Asks the other admins to agree to a recall of what others wrote in private",
    description:
      "They are told. One of them, who has been an admin for a day, approves it within a day, " +
      "and the person who asked begins it within a day of that. " +
      "Where there is no other admin, the operator approves it.",
    tags,
  }),
  "recalls.approve": changes({
    params: one,
    answer: request,
    permission: "backup.approve",
    errors: ["NOT_FOUND", "ALREADY_DONE", "APPROVAL_NEEDED", ...ofActors],
    action: "approveRecall",
    facts: ({ id }) => ({ request: id }),
    summary: "Agrees to another admin's recall; the operator does where there is no other admin",
    tags,
  }),
  "recalls.decline": changes({
    params: one,
    answer: request,
    permission: "backup.approve",
    errors: ["NOT_FOUND", "ALREADY_DONE", "APPROVAL_NEEDED", ...ofActors],
    action: "declineRecall",
    facts: ({ id }) => ({ request: id }),
    summary: "Declines a recall; the person who asked for it can withdraw it",
    tags,
  }),
  "recalls.begin": changes({
    params: one,
    answer: answer<ClusterBackupTask>("ClusterBackupTask"),
    permission: "backup.recall",
    errors: ["NOT_FOUND", "ALREADY_DONE", "APPROVAL_NEEDED", "LIMIT_REACHED", ...ofActors],
    once: true,
    action: "beginRecall",
    facts: ({ id }) => ({ request: id }),
    summary: "Begins a recall that was approved; answers with the task",
    tags,
  }),
};
