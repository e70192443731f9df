/** The start of a node. */
export const startLimits = {
  /** A sign-up at a node that does not know yet whether there is an admin waits so long for the manager; then
   *  `SLOT_UNAVAILABLE`. */
  adminAskTimeoutMs: 2_500,
  /** Pause between two attempts of a node to tell the role-manager that it has started. */
  registerPauseMs: 5_000,
  /** How often a node checks whether the cluster has its first admin; afterwards it does not check any more. */
  adminLookMs: 5_000,
} as const;

/** Notices to browsers whose page is closed. */
export const pushSendLimits = {
  /** A push service that has not answered after this long is asked again later. */
  pushTimeoutMs: 10_000,
  /** How long a push service may take the cluster's word that it is the cluster; the standard allows a day. */
  pushWordMs: 12 * 3_600_000,
} as const;

/** The commands of backups at one node. */
export const commandLimits = {
  /** Tasks (runs, checks, recalls, removals) that a node remembers, the running one among them; of older ones
   *  `NOT_FOUND` is said. One runs at a time: another is refused with `LIMIT_REACHED`. */
  backupTasksKept: 16,
  /** What is lost is named so often in the answer of a check or recall; of more there is the number. */
  lostNamedMax: 50,
  /** An archive that is downloaded says that it goes on when nothing was found for so long. */
  archiveBeatMs: 15_000,
  /** A prune asks the cluster so long which holds there are; then it ends with `ASK_TIMEOUT`, and removes nothing. */
  holdsTimeoutMs: 10_000,
  /** A room that does not answer a recall for so long is asked again. */
  placeTimeoutMs: 10_000,
  /** Threads that compress and encrypt for a task; they are not the node's own. */
  sealerThreads: 1,
  /** Bytes of a recall that are gathered before they are written into its folder; as many are being written
   *  meanwhile. */
  writtenBytes: 1024 * 1024,
  /** Parts of files that are gathered before. */
  writtenParts: 512,
  /** Bytes of a recall into a folder between two marks, from which it goes on when it ended too early. */
  recallKeptBytes: 8 * 1024 * 1024,
  /** A node that a rehearsal starts may take so long until it is ready; then the rehearsal has failed. */
  drillStartMs: 180_000,
  /** One request to it may take so long. */
  drillRequestMs: 30_000,
  /** Accounts of which one is signed in to there; where none of them can be, only the list of accounts is asked for. */
  drillAccountsMax: 8,
  /** Rooms whose newest messages are remembered for it; of the others nothing is compared. */
  drillRoomsMax: 2_048,
  /** Of the rooms of that account so many are read. */
  drillRoomsRead: 4,
  /** What a playbook does at an actor may take so long; then it has failed. */
  actTimeoutMs: 10_000,
  /** Such a thread ends after so long without work. */
  sealerIdleMs: 5_000,
} as const;

/** Roles of people, for quotas of calls that come with no session. */
export const roleLimits = {
  /** An answer of a person's actor counts for so long: a role that was given or taken is felt by quotas of models as
   *  late. */
  rolesKeptMs: 30_000,
  /** People whose roles are remembered; beyond it the one who was asked longest ago is asked again. */
  rolesKeptMax: 4_096,
  /** A person's actor that does not answer for so long is not waited for: then no quota of tokens counts that call. */
  rolesTimeoutMs: 2_000,
} as const;

/** Drains of nodes. */
export const drainLimits = {
  /** How often a node looks whether one that drains has given away all. */
  lookMs: 5_000,
} as const;

/** Where a node is reached by others. */
export const announceLimits = {
  /** How often a node looks whether its machine has other addresses than it has told. */
  addressLookMs: 30_000,
} as const;

/** Certificates of this node. */
export const tlsLimits = {
  /** How often the files are looked at; what was renewed is shown to new connections. */
  certificateLookMs: 10_000,
  /** The log warns of a certificate that ends sooner. */
  certificateWarnMs: 14 * 86_400_000,
} as const;
