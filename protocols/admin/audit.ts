/** What the audit says: one row an action, the event that a part of a node writes, and the entry that it becomes.
 *
 *  The audit is the record of every act that matters for security: who did what, on what, from where, and how it ended.
 *  How entries are chained, sealed and kept is the node's (`node/audit`). */

import type { Power } from "../authority/permissions.ts";

/** How much an action matters by itself, in the words of syslog (RFC 5424). */
export type AuditSeverity = "info" | "notice" | "warning" | "alert";

/** What an action is about. A report of a period has one section for each. */
export const auditAreas = [
  "signIn",
  "power",
  "cluster",
  "models",
  "backups",
  "keys",
  "data",
  "audit",
  "settings",
] as const;
export type AuditArea = (typeof auditAreas)[number];

/** One action. */
export interface AuditActionRow {
  readonly area: AuditArea;
  readonly severity: AuditSeverity;
  readonly for: string;
  /** What comes of it; the permission of each route that does it has a guard for that (`permissions.ts`). */
  readonly power: Power;
  /** It changes something that stays, so an entry of it that is done says `before` and `after` of what differs. */
  readonly changes?: true;
}

const row = (area: AuditArea, severity: AuditSeverity, power: Power, what: string): AuditActionRow => ({
  area,
  severity,
  power,
  for: what,
});
const change = (area: AuditArea, severity: AuditSeverity, power: Power, what: string): AuditActionRow => ({
  ...row(area, severity, power, what),
  changes: true,
});

/** Every action. A name is never used for anything else later: entries are kept for years. */
export const auditActions = {
  // Sign-in.
  signUp: row("signIn", "info", "within", "An account is created"),
  signIn: row("signIn", "info", "within", "Somebody signs in, or tries to"),
  signInStep: row("signIn", "info", "within", "Somebody proves a second factor, or fails to"),
  signOut: row("signIn", "info", "none", "A person ends their session"),
  proveAgain: row("signIn", "info", "within", "A session proves again who it is"),
  changePassword: row("signIn", "notice", "within", "A password is changed"),
  addPush: row("settings", "info", "none", "A browser takes notices for a person while their page is closed"),
  setPush: row("settings", "info", "none", "What the notices of a browser say is set"),
  removePush: row("settings", "info", "none", "A browser takes no more notices"),
  setUse: change("settings", "notice", "none", "Use of commands is counted from now on, or not"),
  removeUse: row("settings", "notice", "none", "All counts of use and all feedback are deleted"),
  giveFeedback: row(
    "settings",
    "info",
    "none",
    "Somebody said something to the admins (of old entries: it is written no more)",
  ),
  endFeedback: row("settings", "info", "none", "What somebody said is marked as done"),
  setReport: change("settings", "notice", "none", "A report of usage is sent by mail from now on"),
  removeReport: change("settings", "info", "none", "A report of usage is sent no more"),
  sendReport: row("settings", "info", "none", "A report of usage is sent now"),
  setDigest: row("settings", "info", "none", "What a person gets by mail while they are away is set"),
  resetPassword: row("signIn", "warning", "within", "A link for a new password is made or used"),
  setMailAddress: row("signIn", "notice", "within", "A mail address of an account is asked for or removed"),
  confirmMailAddress: row(
    "signIn",
    "warning",
    "within",
    "A mail address of an account is confirmed, so that it can set the password",
  ),
  addFactor: row("signIn", "notice", "within", "A second factor or a passkey is added"),
  removeFactor: row("signIn", "warning", "takes", "A second factor or a passkey is removed"),
  linkIdentity: row("signIn", "notice", "within", "An account is linked to an identity of another server"),
  unlinkIdentity: row("signIn", "notice", "takes", "Such a link is removed"),
  lockOut: row("signIn", "warning", "none", "Sign-in is refused for a while after failed attempts"),
  setIdentityProvider: change("settings", "warning", "within", "A server for sign-in is set"),
  removeIdentityProvider: change("settings", "warning", "takes", "A server for sign-in is removed"),
  setSignIn: row("settings", "warning", "takes", "The rules of sign-in and registration are changed"),
  setConfiguration: change(
    "settings",
    "warning",
    "takes",
    "The configuration of the cluster, or of a node, is changed",
  ),
  rollBackConfiguration: change("settings", "warning", "takes", "The configuration is set back to what it was"),
  setSecret: change("keys", "warning", "takes", "A secret is set"),
  rotateSecret: change("keys", "warning", "takes", "A secret is replaced by another value"),
  removeSecret: change("keys", "warning", "takes", "A secret is removed"),
  setBranding: change("settings", "notice", "takes", "The name, colour or logo of the cluster is set"),
  setMail: change("settings", "warning", "everything", "The mail settings of the cluster are set"),
  removeMail: change("settings", "warning", "everything", "The mail settings of the cluster are removed"),
  testMail: row("settings", "info", "none", "A test mail is sent"),
  inviteAccount: change("power", "notice", "within", "An invitation for people is made"),
  endAccountInvitation: change("power", "notice", "takes", "An invitation for people is ended"),

  // Power.
  createServiceAccount: change("power", "notice", "within", "An account for a program is made"),
  createKey: row("power", "notice", "within", "An API key is made"),
  createControlToken: row("power", "warning", "within", "A control token is made"),
  revokeControlToken: row("power", "warning", "takes", "A control token is revoked"),
  revokeSession: row("power", "notice", "none", "A session or an API key is ended"),
  revokeSessions: row("power", "warning", "takes", "All sessions of a person are ended"),
  suspendUser: change("power", "warning", "takes", "An account is suspended"),
  restoreUser: change("power", "warning", "within", "A suspended account is restored"),
  deleteUser: change("power", "warning", "takes", "An account is deleted"),
  exportUser: row("data", "notice", "within", "The data of an account is exported"),
  setAdmin: change("power", "warning", "within", "A person becomes or ceases to be an admin"),
  setRoles: change("power", "warning", "within", "A person gets or loses roles of the cluster"),
  endSession: row("power", "warning", "takes", "An admin ends sessions or API keys of somebody"),
  setRole: change("power", "warning", "within", "A role is made or changed"),
  removeRole: change("power", "warning", "takes", "A role is removed"),
  setGroup: change("settings", "info", "none", "A group of people that can be mentioned is made or changed"),
  addEmoji: change("settings", "info", "none", "An emoji of the cluster's own is added"),
  removeEmoji: change("settings", "info", "none", "Such an emoji is removed"),
  removeGroup: change("settings", "info", "none", "Such a group is removed"),
  makeJoinLink: row("power", "info", "none", "A link into a room is made"),
  endJoinLink: row("power", "info", "none", "A link into a room is taken back"),
  makeSharedLink: row("power", "info", "none", "A read-only link to a conversation with an agent is made"),
  endSharedLink: row("power", "info", "none", "Such a link is taken back"),
  muteMember: row("power", "info", "none", "A member of a room is muted in it"),
  unmuteMember: row("power", "info", "none", "The mute of a member of a room is lifted"),
  warnMember: row("power", "info", "none", "A member of a room is warned"),
  deleteMessages: row("data", "info", "none", "Messages of a room are deleted together"),
  joinByLink: row("power", "info", "none", "A person comes into a room by a link"),
  refused: row("power", "notice", "none", "Somebody is refused because they lack the permission"),
  setLimits: row("settings", "notice", "none", "Limits or quotas are changed"),
  setBlocklist: row("settings", "notice", "takes", "A list of addresses is changed"),

  // The cluster.
  startNode: row("cluster", "info", "none", "A node's process has started"),
  stopNode: row("cluster", "info", "none", "A node's process stops normally"),
  invite: row("cluster", "warning", "everything", "An invitation for a node is made"),
  join: row("cluster", "warning", "everything", "A node has joined"),
  evict: change("cluster", "warning", "takes", "A node is evicted"),
  isolate: row("cluster", "alert", "takes", "A node is drained because it is not trusted"),
  drain: change("cluster", "notice", "none", "A node is drained, or a drain is undone"),
  undrain: change("cluster", "notice", "none", "A drain is undone"),
  roles: change("cluster", "warning", "takes", "A node gets other roles"),
  storage: change("cluster", "warning", "takes", "A node may keep more or fewer shards"),
  moveActor: change("cluster", "notice", "none", "An actor is moved by hand"),
  moveSlot: change("cluster", "notice", "none", "A slot is moved by hand"),
  release: change("cluster", "notice", "none", "A slot that was moved by hand is unpinned"),
  releaseActor: row("cluster", "notice", "none", "An actor is released from quarantine"),
  voters: change("cluster", "warning", "takes", "The number of nodes that keep the directory is set"),
  takeProfile: row("cluster", "notice", "none", "A profile of a node is taken"),
  migrateDirectory: change("cluster", "warning", "everything", "The directory moves"),
  putStripe: row("cluster", "notice", "none", "A stripe is put by hand"),
  releaseStripe: row("cluster", "notice", "none", "A stripe is released by hand"),
  healShards: row("cluster", "notice", "none", "Lost shards are repaired at once"),
  trust: change("cluster", "warning", "none", "The probation of a node that keeps shards is ended"),
  distrustNode: row("cluster", "warning", "none", "A node that keeps shards is not trusted any more"),
  "shards.audit.failed": row("cluster", "warning", "none", "A node could not show that it has a shard"),
  move: row("cluster", "notice", "none", "A slot is moved by hand"),
  migrate: row("cluster", "warning", "everything", "The directory moves"),
  setBudget: change("settings", "notice", "none", "A budget is set"),
  removeBudget: change("settings", "notice", "none", "A budget is removed"),
  setQuota: change("settings", "notice", "none", "A quota of a role is set"),
  removeQuota: change("settings", "notice", "none", "A quota of a role is removed"),
  setPrice: change("settings", "info", "none", "The price of a model is set"),
  removePrice: change("settings", "info", "none", "The price of a model is removed"),
  budgetWarned: row("settings", "info", "none", "A budget is nearly used up"),
  budgetUsedUp: row("settings", "notice", "none", "A budget is used up"),

  // Models and plugins.
  pullModel: row("models", "notice", "none", "A model is fetched"),
  cancelPull: row("models", "info", "none", "Fetching a model is ended"),
  removeModel: row("models", "notice", "none", "A model is removed"),
  setWantedModels: change("models", "notice", "none", "The list of models that the cluster keeps is changed"),
  loadModel: row("models", "info", "none", "A model is loaded into memory"),
  unloadModel: row("models", "info", "none", "A model is unloaded from memory"),
  pinModel: row("models", "info", "none", "A model is pinned in memory"),
  unpinModel: row("models", "info", "none", "A model is unpinned"),
  setModelRoute: change("models", "notice", "none", "A route of models is set"),
  removeModelRoute: change("models", "notice", "none", "A route of models is removed"),
  setEndpoint: change("models", "warning", "takes", "A server with models is set"),
  removeEndpoint: change("models", "notice", "takes", "A server with models is removed"),
  testEndpoint: row("models", "info", "takes", "A server with models is tested"),
  searchEndpoints: row("models", "info", "none", "Servers with models are searched for"),
  cancelEndpointSearch: row("models", "info", "none", "Such a search is ended"),
  addPlugin: row("models", "warning", "none", "A plugin is added or replaced"),
  removePlugin: row("models", "warning", "none", "A plugin is removed"),

  // Backups.
  runBackup: row("backups", "notice", "none", "A backup is run"),
  scheduleBackup: change("backups", "notice", "none", "A schedule of backups is set"),
  unscheduleBackup: change("backups", "warning", "none", "A schedule of backups is removed"),
  verifyBackup: row("backups", "info", "none", "A backup is checked"),
  copyBackup: row("data", "notice", "none", "A backup is copied"),
  drillBackup: row("backups", "info", "none", "A restore is rehearsed"),
  drillFailed: row("backups", "alert", "none", "A rehearsed restore failed"),
  cancelTask: row("cluster", "notice", "none", "A task is ended"),
  taskEnded: row("cluster", "info", "none", "A task has ended; the person who started it is told"),
  cancelBackup: row("backups", "notice", "none", "A task of backups is ended"),
  resumeBackup: row("backups", "notice", "none", "A task of backups goes on"),
  recallBackup: row("data", "warning", "within", "Data of a backup is brought back into a folder"),
  placeBackup: row("data", "warning", "within", "Messages of a backup are brought back into their rooms"),
  withdrawBackup: row("data", "warning", "takes", "A recall is undone"),
  downloadBackup: row("data", "warning", "within", "Data of a backup is downloaded"),
  pruneBackup: row("backups", "warning", "takes", "Snapshots are removed"),
  setHold: change("backups", "warning", "takes", "A legal hold is set"),
  liftHold: change("backups", "alert", "takes", "A legal hold is lifted"),
  askRecall: row("data", "warning", "within", "A recall of private data is asked for"),
  approveRecall: row("data", "warning", "within", "Such a recall is approved"),
  declineRecall: row("data", "notice", "takes", "Such a recall is declined"),
  beginRecall: row("data", "alert", "within", "Such a recall begins"),
  recallPrivate: row("data", "alert", "within", "Private data is recalled"),

  // Keys.
  beginKit: row("keys", "notice", "everything", "A recovery kit is begun"),
  makeKit: change("keys", "alert", "everything", "A recovery kit is made"),
  trustRoot: change("keys", "alert", "everything", "A root key is trusted"),
  refuseRoot: row("keys", "alert", "none", "A root key is refused"),
  rotateKeys: change("keys", "warning", "everything", "Keys are rotated"),
  eraseKeys: change("keys", "alert", "takes", "Keys of a person or room are destroyed"),
  openKeys: row("keys", "info", "none", "A node opens keys of backups, to make or read them"),
  giveKeys: row("keys", "notice", "none", "A node gives keys of backups to another node, encrypted for it"),
  takeKeys: row("keys", "notice", "none", "A node accepts keys of backups from another node"),
  restoreKeys: change("keys", "alert", "everything", "Keys are restored from a recovery kit"),
  setDisk: change("keys", "warning", "everything", "Encryption of a disk is switched"),

  // The audit itself, and what watches it.
  exportAudit: row("data", "warning", "none", "The audit is exported"),
  pruneAudit: row("audit", "notice", "none", "Old audit entries are removed, as the retention says"),
  auditForked: row("audit", "alert", "none", "A node's audit differs from another node's copy of it"),
  auditMissing: row("audit", "warning", "none", "Entries were not written, because too many came at once"),
  reportAudit: row("data", "notice", "none", "A report of a period is made"),
  setAuditSink: change("settings", "warning", "takes", "A receiver of the audit is set"),
  removeAuditSink: change("settings", "warning", "takes", "A receiver of the audit is removed"),
  testSink: row("audit", "info", "takes", "A test message is sent to a receiver of the audit"),
  setAuditRetention: change("settings", "warning", "takes", "The retention of the audit is changed"),
  sinkBehind: row("audit", "warning", "none", "A receiver of the audit has confirmed nothing for a long time"),
  auditUnsent: row(
    "audit",
    "alert",
    "none",
    "Entries were removed, as the retention says, before a receiver had confirmed them",
  ),
  releaseFile: row("data", "warning", "takes", "A file is let out of quarantine"),
  removeFile: row("data", "notice", "takes", "A file in quarantine is deleted"),
  setThreatList: change("settings", "warning", "takes", "A list of threats that every node reads is set"),
  removeThreatList: change("settings", "warning", "takes", "A list of threats that every node reads is removed"),
  alert: row("audit", "warning", "none", "A detector or a rule has found something"),
  acknowledgeAlert: row("audit", "notice", "none", "An admin has acknowledged an alert"),
  setRule: change("audit", "warning", "takes", "A rule over events is set"),
  removeRule: change("audit", "warning", "takes", "A rule over events is removed"),
  setPlaybook: change("audit", "warning", "takes", "A playbook is set"),
  removePlaybook: change("audit", "warning", "takes", "A playbook is removed"),
  runPlaybook: row("audit", "alert", "takes", "A playbook is run, or rehearsed"),
} as const satisfies Readonly<Record<string, AuditActionRow>>;

export type AuditAction = keyof typeof auditActions;

/** An action's row; undefined: it is of a later version. */
export const auditActionOf = (name: string): AuditActionRow | undefined =>
  Object.hasOwn(auditActions, name) ? auditActions[name as AuditAction] : undefined;

/** Whether entries of an action say what was before and what is after. */
export const changesSomething = (name: string): boolean => auditActionOf(name)?.changes === true;

/** What facts may be. What is nested is said in names with a dot: `before.admin`. */
export type AuditFacts = Readonly<Record<string, string | number | boolean>>;

/** What a part of a node tells the audit. Never secrets, never what people write to one another. */
export interface AuditEvent {
  readonly action: AuditAction;
  /** The actor: `user/ada`, who has proven it, `operator` (with the control token), `node/NAME`, or `stranger`: then
   *  `target` is whom they claim to be. */
  readonly by: string;
  /** The session or API key by which it was done. */
  readonly session?: string;
  /** Where from. */
  readonly address?: string;
  /** What it was done to: `user/bob`, `role/auditor`, `node/b`. */
  readonly target?: string;
  /** `done`, or the code of the refusal. */
  readonly outcome: string;
  /** What else is worth knowing. A change of power or settings says `before` and `after`. */
  readonly facts?: AuditFacts;
}

/** Where parts of a node tell what happened. */
export interface AuditWriter {
  /** Resolves when the entry is on this node's disk. Acts of power wait for it; refusals do not. Rejects when the disk
   *  refuses. */
  write(event: AuditEvent): Promise<void>;
}

/** An entry, as it is kept: what was told, and what the node adds. */
export interface AuditRecord extends AuditEvent {
  /** The log that it is in: a node's id and the log's own number, `3f…-1a2b`. */
  readonly log: string;
  /** Counts up from 1 in its log. */
  readonly seq: number;
  /** Never before the entry before it, also when the clock is set back. */
  readonly atMs: number;
  /** What the node is called. */
  readonly node: string;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly prev: string;
}

/** The outcome of an act that was not refused. */
export const auditDone = "done";

/** Longest texts of an entry; what is longer is cut. */
export const auditTexts = { name: 128, fact: 512, factsMax: 24 } as const;

/** A change, as facts: `before.NAME` and `after.NAME` of what differs. */
export function changeFacts(before: AuditFacts | undefined, after: AuditFacts | undefined): AuditFacts {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const facts: Record<string, string | number | boolean> = {};
  for (const name of names) {
    const [was, is] = [before?.[name], after?.[name]];
    if (was === is) continue;
    if (was !== undefined) facts[`before.${name}`] = was;
    if (is !== undefined) facts[`after.${name}`] = is;
  }
  return facts;
}
