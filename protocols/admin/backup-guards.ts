/** What guards the backups of the cluster beside permissions: legal holds, and recalls of private things that a second
 *  admin has to agree to (docs/decisions/0058-who-may-back-up-and-recall.md). */
import { Type, type Static } from "typebox";
import { backupCommands, backupWish, type BackupWish, type ClusterBackupTask } from "../kinds/backup.ts";
import { backupQuery } from "./backups.ts";
import { answer, command } from "../wire/command.ts";
import { keyText } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { key, line, object, userName } from "../wire/schema.ts";
import { shownField } from "../power/shown.ts";

const by = Type.String({ minLength: 1, maxLength: 128, description: "The caller: a user, or `operator`" });
const reason = line(limits.backupReasonCharsMax);
/** An actor whose records backups have. */
const thread = Type.String({ pattern: `^[a-z][a-z-]{0,31}/${keyText}$`, maxLength: 128 });

/** What a hold keeps: a snapshot of the cluster's, or whatever snapshots contain a person's things, or those of an
 *  actor. */
export const heldThing = Type.Union([
  object({ snapshot: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) }),
  object({ person: Type.String({ pattern: `^user/${keyText}$`, maxLength: 104, description: "`user/ada`" }) }),
  object({ thread }),
]);
export type HeldThing = Static<typeof heldThing>;

/** Body of the route. */
export const holdBody = object({ on: heldThing, reason });
/** Body of the route. */
export const recallAsked = object({ wish: backupWish, reason });

/** Body of the route. */
export const backupDownload = object({
  query: backupQuery,
  request: Type.Optional(
    Type.String({
      pattern: `^${keyText}$`,
      maxLength: 96,
      description: "A request that was approved; its own query counts then",
    }),
  ),
});

/** An archive that was prepared. */
export interface BackupDownloadBegun {
  /** Where it is fetched. */
  readonly path: string;
}

const guarded = { from: ["gateway"], effect: "changes", permission: "backup.hold" } as const;
const request = { result: answer<RecallRequest>("RecallRequest"), from: ["gateway"], effect: "changes" } as const;

/** Whose keys. */
const tenant = Type.String({ minLength: 1, maxLength: 256 });

/** Commands to `backup/cluster` about holds and approvals. The gateway has checked permissions, and that the sign-in is
 *  fresh. */
export const backupGuardCommands = {
  /** The same `id` again is the same hold. Errors: LIMIT_REACHED; BACKUP_CHANGED while a prune is under way. */
  hold: command({
    ...guarded,
    params: { ...shownField, id: key, on: heldThing, reason, by },
    result: answer<BackupHold>("BackupHold"),
    summary: "Sets a legal hold",
  }),
  /** Error: NOT_FOUND. */
  lift: command({
    ...guarded,
    params: { ...shownField, id: key, by },
    result: answer<BackupHold>("BackupHold"),
    summary: "Lifts a legal hold",
  }),
  holds: command({
    params: {},
    result: answer<BackupHolds>("BackupHolds"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "The legal holds",
    answers: "list",
  }),
  /** From then on no hold is set that would keep them, until `erased` is told, or for a minute. Errors: UNDER_HOLD,
   *  LIMIT_REACHED (too many at once). */
  mayErase: command({
    params: { ...shownField, tenant },
    result: object({}),
    from: ["gateway", "node"],
    effect: "changes",
    permission: "backup.prune",
    summary: "Whether the keys of a person or actor may be destroyed",
  }),
  /** They are destroyed, or are not: holds may be set again. */
  erased: command({
    params: { ...shownField, tenant },
    result: object({}),
    from: ["gateway", "node"],
    effect: "changes",
    permission: "backup.prune",
    summary: "Says that keys are destroyed, or are not going to be",
  }),
  /** `approvers`: the admins of the cluster now, without the asker; when there is none, the operator decides. The same
   *  `id` again is the same request. Errors: BAD_REQUEST (this brings nothing back), LIMIT_REACHED. */
  askRecall: command({
    ...request,
    params: {
      ...shownField,
      id: key,
      wish: backupWish,
      reason,
      by,
      approvers: Type.Array(userName, { maxItems: 100 }),
    },
    permission: "backup.recall",
    summary: "Asks for the approval of a recall",
  }),
  /** Errors: NOT_FOUND, FORBIDDEN (one's own, or not one of those who may), ALREADY_DONE. */
  answerRecall: command({
    ...request,
    params: { ...shownField, id: key, approve: Type.Boolean(), by },
    permission: "backup.approve",
    summary: "Approves a recall or declines it; the person who asked for it may withdraw it",
  }),
  /** Errors: NOT_FOUND, FORBIDDEN (another's), APPROVAL_NEEDED (not approved, or too long ago), LIMIT_REACHED. */
  beginRecall: command({
    from: ["gateway"],
    effect: "changes",
    params: { ...shownField, id: key, by },
    result: answer<ClusterBackupTask>("ClusterBackupTask"),
    permission: "backup.recall",
    summary: "Begins a recall that was approved",
  }),
  /** Errors: as of `beginRecall`. */
  mayRecall: command({
    from: ["gateway"],
    effect: "reads",
    params: { ...shownField, id: key, by },
    result: answer<RecallRequest>("RecallRequest"),
    permission: "backup.recall",
    summary: "The request, where it was approved and may be begun now",
  }),
  recalls: command({
    params: {},
    result: answer<RecallRequests>("RecallRequests"),
    from: ["gateway"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "Recalls that needed an approval, the newest first",
    answers: "list",
  }),
} as const;

/** All commands to `backup/cluster`. */
export const allBackupCommands = { ...backupCommands, ...backupGuardCommands } as const;

/** A legal hold: neither prune nor erasure takes away what it keeps. */
export interface BackupHold {
  readonly id: string;
  readonly on: HeldThing;
  readonly reason: string;
  readonly by: string;
  readonly atMs: number;
}

/** Answer to `holds`. */
export interface BackupHolds {
  /** The oldest first. */
  readonly holds: readonly BackupHold[];
}

/** A recall that shows what others wrote in private. */
export interface RecallRequest {
  readonly id: string;
  readonly wish: BackupWish;
  readonly reason: string;
  readonly by: string;
  readonly askedAtMs: number;
  /** The people who may answer. Empty: the operator. */
  readonly approvers: readonly string[];
  readonly state: "waiting" | "approved" | "declined" | "expired";
  /** Until when it may be answered, or begun. */
  readonly untilMs: number;
  readonly answeredBy?: string;
  readonly answeredAtMs?: number;
  /** The task that was begun last. */
  readonly task?: string;
}

/** Answer to `recalls`. */
export interface RecallRequests {
  readonly requests: readonly RecallRequest[];
}

/** Whether a task brings something back. One that only names what, or is a dry run, says how much it is; but how much
 *  has some words in it would tell what was said. Taking back shows nothing. */
export const bringsBack = (wish: BackupWish): boolean =>
  (wish.sort === "recall" && wish.as !== undefined) ||
  (wish.sort === "place" && (wish.dryRun !== true || wish.query.text !== undefined));
