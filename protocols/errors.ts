/** What is known about a command that was refused:
 *  - `not_started`: it had no effect; sending it again is safe.
 *  - `failed`: it had no effect; sending it again helps only when something else has changed.
 *  - `unknown`: it may have had its effect, or may still take effect later; send it again only with the same
 *    operationId. */
export type Outcome = "not_started" | "failed" | "unknown";

interface Row {
  readonly outcome: Outcome;
  /** HTTP status that carries this error at the gateway. */
  readonly http: number;
  /** What happened and what to do, for the person who reads it. */
  readonly help: string;
}

/** The one table of errors. They cross the wire: a code is never renamed or reused, a retired row stays.
 *  `docs/reference/errors.md` holds the same rows; `test/tidy/tidy.test.ts` compares them both ways. */
export const errorTable = {
  BAD_REQUEST: {
    outcome: "failed",
    http: 400,
    help:
      "The request is not valid: something in it is missing, unknown, or has a wrong value. " +
      "Correct it and send it again.",
  },
  BAD_FRAME: {
    outcome: "failed",
    http: 400,
    help: "The node closed the connection, because what was sent over it is not a valid frame.",
  },
  TOO_LARGE: {
    outcome: "failed",
    http: 413,
    help: "The request, or its answer, is larger than the limit. Send less, or ask for less.",
  },
  UNAUTHENTICATED: {
    outcome: "failed",
    http: 401,
    help: "You are not signed in, or your session has ended. Sign in again.",
  },
  SIGN_IN_FAILED: { outcome: "failed", http: 401, help: "The name or password is wrong." },
  SIGN_IN_AGAIN: {
    outcome: "not_started",
    http: 403,
    help:
      "This needs a fresh proof that it is you, and your last one is too old. " +
      "Confirm with your password, a code or a passkey, then repeat this. " +
      "Programs do so by POST /api/v1/me/session/confirm.",
  },
  SIGN_IN_UNFINISHED: {
    outcome: "failed",
    http: 401,
    help: "This account needs one more proof that it is you, such as a one-time code or a passkey.",
  },
  SIGN_IN_EXPIRED: {
    outcome: "failed",
    http: 401,
    help: "This sign-in is no longer valid: it was started too long ago, or in another browser. Start again.",
  },
  APPROVAL_NEEDED: {
    outcome: "failed",
    http: 403,
    help:
      "This shows what others wrote in private, so a second admin has to approve it first. Ask for the " +
      "approval on the page of backups, or by POST /api/v1/admin/backups/requests.",
  },
  UNDER_HOLD: {
    outcome: "failed",
    http: 409,
    help: "A legal hold keeps this, so it cannot be removed. An admin who may set holds can lift it.",
  },
  CODE_WRONG: {
    outcome: "failed",
    http: 401,
    help: "The code is wrong, too old, or was used before. Wait for the next one.",
  },
  PASSKEY_REFUSED: {
    outcome: "failed",
    http: 401,
    help:
      "This passkey was not accepted: it is for another page or account, or somebody has a copy of it. " +
      "Try again, or sign in another way.",
  },
  LINK_INVALID: {
    outcome: "failed",
    http: 403,
    help: "The link was used before, is too old, or was replaced. Ask for a new one.",
  },
  IDENTITY_REFUSED: {
    outcome: "failed",
    http: 403,
    help: "The other server did not let you in, or its answer does not prove who you are. Start the sign-in again.",
  },
  IDENTITY_UNKNOWN: {
    outcome: "failed",
    http: 403,
    help:
      "No account here is linked to this identity, and none is made for it. " +
      "Sign in as usual, then link it in your settings.",
  },
  IDENTITY_TAKEN: {
    outcome: "failed",
    http: 409,
    help: "This identity is linked to another account. Remove that link first.",
  },
  IDENTITY_PROVIDER_AWAY: {
    outcome: "not_started",
    http: 502,
    help:
      "The server that you sign in with does not answer as it should. Try again, or sign in another way. " +
      "Admins test it with `plexus identity test`.",
  },
  PASSWORD_LEAKED: {
    outcome: "failed",
    http: 400,
    help: "This password is in a list of leaked passwords, which attackers try first. Choose another.",
  },
  SUSPENDED: {
    outcome: "failed",
    http: 403,
    help:
      "An admin has suspended or closed this account, so nobody can sign in to it. Ask an admin here, who " +
      "can restore it.",
  },
  ADMIN_CODE_WRONG: {
    outcome: "failed",
    http: 403,
    help: "The admin code is missing or wrong. The first account needs the code that the node printed when it started.",
  },
  SIGN_UP_INVITATION_INVALID: {
    outcome: "failed",
    http: 403,
    help: "The invitation is unknown, used up or expired. Ask an admin for a new one.",
  },
  SIGN_UP_CLOSED: {
    outcome: "failed",
    http: 403,
    help: "This node does not accept new accounts. Ask its admin for one.",
  },
  SIGN_UP_NEEDS: {
    outcome: "failed",
    http: 403,
    help:
      "A new account needs more here: an invitation link from an admin, " +
      "or a mail address that you confirm by a link sent to it.",
  },
  MAIL_DOMAIN_REFUSED: {
    outcome: "failed",
    http: 403,
    help:
      "New accounts need a mail address of certain domains here, and yours is of another one. " +
      "Use another address, or ask an admin for an invitation.",
  },
  MAIL_TAKEN: {
    outcome: "failed",
    http: 409,
    help:
      "Another account has this mail address. " +
      "Sign in with that account; if you forgot its password, ask for a link by mail.",
  },
  PUSH_OFF: {
    outcome: "failed",
    http: 409,
    help:
      "This node sends no notices to browsers whose page is closed: its setting `webPush` is off. " +
      "An admin turns it on: `plexus config set webPush on`.",
  },
  MAIL_OFF: {
    outcome: "failed",
    http: 409,
    help:
      "This cluster cannot send mail, or does not know which address its links begin with. " +
      "An admin sets it up: `plexus mail set`, and the setting `publicUrl`.",
  },
  MAIL_REFUSED: {
    outcome: "failed",
    http: 502,
    help:
      "The mail server refused the message. Nothing was sent. " +
      "Check the address, and the mail settings of the cluster.",
  },
  MAIL_AWAY: {
    outcome: "not_started",
    http: 503,
    help: "The mail server does not answer, or asks to try later. Nothing was sent. Try again later.",
  },
  MAIL_UNKNOWN: {
    outcome: "unknown",
    http: 504,
    help:
      "The mail server got the message and did not confirm it, so nobody knows whether it will arrive. " +
      "Wait and see before you send it again.",
  },
  FORBIDDEN: {
    outcome: "failed",
    http: 403,
    help: "You do not have permission for this. Ask somebody who has it.",
  },
  NOT_FOUND: { outcome: "failed", http: 404, help: "This does not exist, or you may not see it." },
  HOST_NOT_ALLOWED: {
    outcome: "failed",
    http: 421,
    help: "This node does not answer under this host name. Its operator can allow it: `plexus up --allowed-host NAME`.",
  },
  ADDRESS_BLOCKED: {
    outcome: "failed",
    http: 403,
    help:
      "This node refuses requests from your address. " +
      "Ask its operator, who sets the list: `plexus up --block-list`.",
  },
  NOT_A_MEMBER: {
    outcome: "failed",
    http: 403,
    help: "You are not a member of this room. Join it, or ask for an invitation.",
  },
  LAST_OWNER: {
    outcome: "failed",
    http: 409,
    help:
      "You are the room's only owner, and others stay in it. " +
      "Choose a new owner as you leave, or make somebody an owner first.",
  },
  BANNED: {
    outcome: "failed",
    http: 403,
    help: "This member is banned from the room. A moderator can lift the ban.",
  },
  MUTED: {
    outcome: "failed",
    http: 403,
    help:
      "You, or the owner of this agent, are muted in this room: you can read, and not write, until the mute ends. " +
      "A moderator of the room can lift it earlier.",
  },
  SHARING_OFF: {
    outcome: "failed",
    http: 409,
    help:
      "This node makes and shows no read-only links to conversations: its setting `sharedLinks` is off. " +
      "An admin turns it on: `plexus config set sharedLinks on`.",
  },
  JOIN_LINK_ENDED: {
    outcome: "failed",
    http: 403,
    help:
      "This link into a room leads nowhere any more: its time is over, it was used as often as it may be, or it was " +
      "taken back. Ask the person who gave it to you for a new one.",
  },
  ROOM_ARCHIVED: {
    outcome: "failed",
    http: 409,
    help: "This room is archived: it can be read, and nobody writes in it. An owner of the room can bring it back.",
  },
  SLOW_MODE: {
    outcome: "failed",
    http: 429,
    help: "Members of this room wait a while between two messages. Send it again when that time is over.",
  },
  NAME_TAKEN: { outcome: "failed", http: 409, help: "This name is already taken. Choose another." },
  ALREADY_DONE: { outcome: "failed", http: 409, help: "Nothing was changed: it was like this already." },
  LIMIT_REACHED: {
    outcome: "failed",
    http: 409,
    help: "A limit is reached, so nothing more can be added here. docs/reference/limits/README.md lists all limits.",
  },
  RATE_LIMITED: {
    outcome: "not_started",
    http: 429,
    help: "Too many requests came in a short time. Wait a moment, then try again.",
  },
  CURSOR_INVALID: {
    outcome: "failed",
    http: 400,
    help: "This cluster never gave out this cursor. Load the state again without it.",
  },
  CURSOR_EXPIRED: {
    outcome: "failed",
    http: 410,
    help: "The cursor is too old: its events are no longer kept. Load the state again without it.",
  },
  MAILBOX_FULL: {
    outcome: "not_started",
    http: 503,
    help: "Too many messages are waiting for this room, account or agent. Wait a moment, then try again.",
  },
  OVERLOADED: {
    outcome: "not_started",
    http: 503,
    help: "The node has more to do than it can take. Wait a moment, then try again.",
  },
  DISK_FULL: {
    outcome: "not_started",
    http: 507,
    help:
      "The node's disk is full: you can still read, but nothing new is stored. " +
      "Make room on the disk, then try again.",
  },
  CALL_CYCLE: {
    outcome: "not_started",
    http: 500,
    help: "An actor waited for another one that was waiting for it. This is a fault in Plexus; please report it.",
  },
  ACTOR_CRASHED: {
    outcome: "failed",
    http: 500,
    help:
      "The room, account or agent failed while it handled this, and continued without it. Admins see the " +
      "error with `plexus actors show`.",
  },
  ACTOR_QUARANTINED: {
    outcome: "not_started",
    http: 503,
    help:
      "The room, account or agent failed too often and was stopped. " +
      "An admin can start it again: `plexus actors release`.",
  },
  SLOT_UNAVAILABLE: {
    outcome: "not_started",
    http: 503,
    help:
      "This cannot be reached now: the node that has it does not serve it. Try again later. " +
      "Admins see why with `plexus slots` and `plexus doctor`.",
  },
  MOVED: { outcome: "not_started", http: 503, help: "This has moved to another node. The command is sent there." },
  FENCED: {
    outcome: "unknown",
    http: 503,
    help: "Another node took over during the write. The command may have taken effect, or may still take effect.",
  },
  APPEND_FAILED: {
    outcome: "unknown",
    http: 500,
    help:
      "The disk did not confirm a write. The command may have taken effect. " +
      "Send it again with the same operationId.",
  },
  ASK_TIMEOUT: {
    outcome: "unknown",
    http: 504,
    help:
      "No answer came in time. The command may have taken effect, or may still take effect. " +
      "Send it again with the same operationId.",
  },
  STOPPING: {
    outcome: "not_started",
    http: 503,
    help: "The node is shutting down. Connect again in a moment, or to another node.",
  },
  MODEL_NOT_FOUND: {
    outcome: "failed",
    http: 404,
    help:
      "No node with the role `ai` has a model of this name. " +
      "`GET /v1/models` lists the models, `plexus up --model FILE` adds one.",
  },
  MODEL_UNAVAILABLE: {
    outcome: "not_started",
    http: 503,
    help:
      "Every node that has this model, or the server that runs it, is down or leaving. " +
      "Try again later, or choose another model. Admins see why with `plexus models`.",
  },
  MODEL_LOAD_FAILED: {
    outcome: "failed",
    http: 500,
    help:
      "The model could not be loaded, so it cannot answer now. Choose another model. " +
      "Admins see why with `plexus models`.",
  },
  MODEL_UNSUPPORTED: {
    outcome: "not_started",
    http: 400,
    help:
      "This model cannot do what was asked, such as reading pictures or calling tools. " +
      "`plexus models` lists what each model can do.",
  },
  MODEL_REFUSED: {
    outcome: "failed",
    http: 422,
    help: "This file is not a model that can be used here, so it is never loaded. Choose another file.",
  },
  LICENCE_NOT_ACCEPTED: {
    outcome: "failed",
    http: 409,
    help:
      "The model has a licence that nobody has accepted here. " +
      "Read it, then pull the model again with `--accept-licence`.",
  },
  SOURCE_FAILED: {
    outcome: "failed",
    http: 502,
    help:
      "The source did not send what was asked for. " +
      "What was already downloaded of a model is kept: pull it again to continue.",
  },
  MODEL_BUSY: {
    outcome: "not_started",
    http: 429,
    help: "The model is busy with other requests. Wait a moment, then try again.",
  },
  QUOTA_EXCEEDED: {
    outcome: "not_started",
    http: 429,
    help:
      "A budget for models, or a quota of your role, is used up until its next period begins. " +
      "An admin can raise it.",
  },
  STORAGE_FULL: {
    outcome: "not_started",
    http: 413,
    help:
      "With this file you would keep more than your role allows. Delete messages with files that nobody needs any " +
      "more, and give up uploads that you do not go on with; those go by themselves after a day. " +
      "Settings, “Usage and budgets”, says in which rooms they are. " +
      "Files in a room that you have left count as well: you can delete them there.",
  },
  QUOTA_UNKNOWN: {
    outcome: "not_started",
    http: 503,
    help: "A budget or a quota applies to this, and what is left of it cannot be read now. Try again in a moment.",
  },
  PROVIDER_REFUSED: {
    outcome: "failed",
    http: 502,
    help:
      "The server that runs this model refused the request: its key, its quota or its rules do not allow it. " +
      "Ask the admin of this node.",
  },
  PROVIDER_FAILED: {
    outcome: "unknown",
    http: 502,
    help: "The server that runs this model failed, or its answer was damaged or cut off. Try again.",
  },
  CONTEXT_TOO_LONG: { outcome: "failed", http: 400, help: "The prompt does not fit the model's context. Shorten it." },
  QUEUE_FULL: {
    outcome: "not_started",
    http: 429,
    help: "Too many answers are already waiting. Try again in a moment.",
  },
  CANCELLED: { outcome: "unknown", http: 499, help: "The call was cancelled before it was answered." },
  GENERATION_TIMEOUT: {
    outcome: "failed",
    http: 504,
    help: "The model did not finish in time. Try again, or ask for a shorter answer.",
  },
  RUNTIME_FAULT: {
    outcome: "unknown",
    http: 502,
    help: "The process that runs the model failed while it wrote, and is being restarted. Try again.",
  },
  OUTPUT_UNFIT: {
    outcome: "failed",
    http: 502,
    help: "The model did not write in the form that was asked for. Try again, or ask for a simpler form.",
  },
  DATA_FOLDER_IN_USE: {
    outcome: "not_started",
    http: 500,
    help: "Another node uses this data folder. Stop it first.",
  },
  DATA_FORMAT_UNKNOWN: {
    outcome: "not_started",
    http: 500,
    help: "Another version of Plexus wrote this data folder. Start that version.",
  },
  DATA_DAMAGED: {
    outcome: "failed",
    http: 500,
    help: "Stored data is damaged or missing. `plexus doctor` lists everything that is damaged.",
  },
  SHARE_WRONG: {
    outcome: "failed",
    http: 400,
    help: "A share of the recovery kit is wrong, so the shares do not open anything. Check how it was typed.",
  },
  SHARES_TOO_FEW: {
    outcome: "failed",
    http: 400,
    help: "More shares of the recovery kit are needed. Add the missing ones, then try again.",
  },
  KIT_MISSING: {
    outcome: "not_started",
    http: 503,
    help:
      "The cluster has no recovery kit yet, so nothing can be backed up. " +
      "Make one in a terminal on a node: `plexus backup kit make --to FOLDER`.",
  },
  KEY_MISSING: {
    outcome: "not_started",
    http: 503,
    help:
      "This node lacks a key that is needed here, or the key was destroyed. " +
      "`plexus backup keys` shows which keys it has.",
  },
  KEY_REFUSED: {
    outcome: "failed",
    http: 409,
    help: "The key does not open this: it belongs to something else, or one of the two was changed.",
  },
  TOKEN_UNUSABLE: {
    outcome: "failed",
    http: 400,
    help: "The PKCS#11 token with the root key cannot be used. Check that it is plugged in, its module and its PIN.",
  },
  ROOT_UNVOUCHED: {
    outcome: "failed",
    http: 409,
    help:
      "The cluster names another root key for its backups than this node knows, and the key that this node " +
      "knows has not signed it. So the node does not use it. `plexus backup keys` shows the keys.",
  },
  BACKUP_CHANGED: {
    outcome: "not_started",
    http: 409,
    help: "Somebody else changed the backups in the meantime. Nothing was done. Look at them again, then try again.",
  },
  BACKUP_DAMAGED: {
    outcome: "failed",
    http: 500,
    help: "A part of a backup is damaged, and nothing of that part was used. `plexus backup verify` lists all damage.",
  },
  TASK_TAKEN: {
    outcome: "failed",
    http: 409,
    help: "Another node has taken over the task, or the task has ended. Reports of this node about it are ignored.",
  },
  CONFIG_CHANGED: {
    outcome: "failed",
    http: 409,
    help:
      "Somebody else changed the configuration after you looked at it. Nothing was saved. " +
      "Look again, then repeat your change.",
  },
  CHANGED_MEANWHILE: {
    outcome: "failed",
    http: 409,
    help: "Somebody else changed this after you looked at it. Nothing was saved. Look again, then decide.",
  },
  CONFIG_INVALID: {
    outcome: "not_started",
    http: 400,
    help: "The configuration is not valid, so it was not used. Correct it, then try again.",
  },
  LOG_GAP: {
    outcome: "not_started",
    http: 500,
    help:
      "A copy of a log received a part that does not continue what it has, or that belongs to another log. " +
      "The node that owns the log sends the missing part by itself.",
  },
  PEER_LOST: {
    outcome: "unknown",
    http: 504,
    help:
      "The connection to another node ended. The command may have taken effect, or may still take effect. " +
      "Send it again with the same operationId.",
  },
  DIRECTORY_UNAVAILABLE: {
    outcome: "unknown",
    http: 503,
    help:
      "The cluster's directory does not answer. Check that its node (or etcd) is up. " +
      "What exists already keeps running.",
  },
  DIRECTORY_REFUSES: {
    outcome: "not_started",
    http: 503,
    help:
      "The cluster's directory answers, but accepts no change. Nothing was done, and what exists keeps running. " +
      "`plexus doctor` says what to do.",
  },
  DIRECTORY_FULL: {
    outcome: "not_started",
    http: 507,
    help:
      "The cluster's directory is full. Nothing was done. " +
      "Deleting still works, so remove what is not needed: docs/operate/directory.md, A full directory.",
  },
  DIRECTORY_AWAY: {
    outcome: "not_started",
    http: 503,
    help:
      "This needs the cluster's directory, which does not answer. " +
      "Nothing was done, and what exists keeps running. `plexus nodes` says which node to start.",
  },
  DIRECTORY_MOVED: {
    outcome: "not_started",
    http: 503,
    help:
      "The cluster's directory has moved to other nodes, and the rest of the cluster finds it by itself. " +
      "Try again in a moment.",
  },
  FILE_BEING_CHECKED: {
    outcome: "not_started",
    http: 503,
    help:
      "The file is being checked for harmful content, and nobody can fetch it before that is done. Try again in a " +
      "moment. Where no scanner is there, an admin sees so in `plexus files scanners`.",
  },
  FILE_QUARANTINED: {
    outcome: "failed",
    http: 403,
    help:
      "Something harmful was found in the file, or it could not be checked, so nobody can fetch it. An admin can " +
      "release it: `plexus files quarantine list`.",
  },
  SCANNER_MISSING: {
    outcome: "not_started",
    http: 503,
    help:
      "Files must be checked before others get them, and no scanner is there now, so none are taken. Try again " +
      "later. Admins: give a node the setting `antivirus`, or set `files.withoutScanner`.",
  },
  SCAN_TOO_LARGE: {
    outcome: "failed",
    http: 413,
    help:
      "The file is larger than the scanner takes, so it cannot be checked. Admins: raise `StreamMaxLength` in " +
      "clamd.conf.",
  },
  SCAN_FAILED: {
    outcome: "not_started",
    http: 503,
    help: "The scanner did not answer, or could not check the file. It is asked again, or another one is.",
  },
  NOT_IN_SYNC: {
    outcome: "not_started",
    http: 503,
    help:
      "Too few copies are up to date (the setting `minInSync`), so nothing new is written. Writing " +
      "continues by itself when another copy has caught up.",
  },
  NODE_DEGRADED: {
    outcome: "not_started",
    http: 503,
    help: "This node cannot reach the rest of the cluster. Use another node until it can.",
  },
  INVITATION_INVALID: {
    outcome: "failed",
    http: 403,
    help: "The invitation is unknown, used, expired or altered. Ask for a new one: `plexus invite`.",
  },
  NOT_A_PEER: {
    outcome: "failed",
    http: 403,
    help: "The node is not a member of the cluster, or was evicted. It joins with a new invitation: `plexus invite`.",
  },
  IDENTITY_UNPROVEN: {
    outcome: "not_started",
    http: 503,
    help: "The node has not shown that this person is signed in there. It sends the request again with the proof.",
  },
  VERSION_UNSUPPORTED: {
    outcome: "failed",
    http: 426,
    help: "The versions of the two nodes are too far apart. Upgrade the older one first.",
  },
  NO_CANDIDATE: {
    outcome: "failed",
    http: 409,
    help:
      "No node can take this: none has the role, or those that have it are down or being drained. " +
      "`plexus nodes` lists them.",
  },
  HOLDERS_TOO_FEW: {
    outcome: "not_started",
    http: 503,
    help:
      "Too few nodes with the role `storage` can keep this now. " +
      "Start or add some; `plexus shards list` shows them.",
  },
  RELEASED: {
    outcome: "failed",
    http: 409,
    help:
      "Somebody gave this stored data up in the meantime, so nothing was changed. Store it again if it is " +
      "still needed.",
  },
  STRIPE_LOST: {
    outcome: "failed",
    http: 500,
    help:
      "Too many parts of this data are lost, so it cannot be read. " +
      "If a node comes back that has some of them, it can be read again.",
  },
  UNREACHABLE: {
    outcome: "not_started",
    http: 503,
    help: "No node answers at this address. Check that it is running.",
  },
  INTERNAL: {
    outcome: "unknown",
    http: 500,
    help: "Plexus itself failed. The node's log has the cause, under the id of this request.",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof errorTable;

/** An error as data: what a refusal carries over mailboxes, wires and into logs. Holds no secrets. */
export interface Failure {
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** How a command is refused while its actor is on its way to another node, or the node that has it is away: soon, or
 *  once that is mended, the same command is taken. Clients send it again by themselves, with the same operationId. */
export const passingCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "MOVED",
  "SLOT_UNAVAILABLE",
  "NOT_IN_SYNC",
  "STOPPING",
  "FENCED",
  "PEER_LOST",
  "DIRECTORY_UNAVAILABLE",
  "ASK_TIMEOUT",
]);

/** The name of the node that a command waits for: it has the actor, does not answer, and nobody has taken over yet. */
export function awayNode({ code, details }: Failure): string | undefined {
  const node = details?.["node"];
  const isAbout =
    code === "SLOT_UNAVAILABLE" || (code === "ASK_TIMEOUT" && details?.["because"] === "SLOT_UNAVAILABLE");
  return isAbout && typeof node === "string" ? node : undefined;
}

/** The names of the nodes that a degraded node does not reach; it may name only the first of them. */
export function unreachedNodes({ details }: Failure): readonly string[] {
  const away = details?.["away"];
  return Array.isArray(away) ? away.filter((name): name is string => typeof name === "string") : [];
}

/** Names, in a failure for want of the directory, the nodes that it waits for. They say more than what a call to them
 *  came to. */
export function withAwaited(reason: Failure, awaited: string | undefined): Failure {
  const isAbout = reason.code === "DIRECTORY_AWAY" || reason.code === "DIRECTORY_UNAVAILABLE";
  if (!isAbout || awaited === undefined) return reason;
  return { ...reason, details: { ...reason.details, because: awaited } };
}

/** What is said of a command that was sent again and again and is given up: why it was refused last, unless another
 *  sending of it may have had its effect. */
export function givenUp(last: Failure | undefined, mayHaveRun: boolean): Failure {
  if (last === undefined) return failure("ASK_TIMEOUT");
  if (!mayHaveRun || last.outcome !== "not_started") return last;
  const node = awayNode(last);
  return failure("ASK_TIMEOUT", { because: last.code, ...(node !== undefined && { node }) });
}

/** Builds the failure of one row; `details` are facts for the reader and for programs. */
export function failure(code: ErrorCode, details?: Readonly<Record<string, unknown>>): Failure {
  const row = errorTable[code];
  const base = { code, outcome: row.outcome, message: row.help };
  return details === undefined ? base : { ...base, details };
}

/** A value, or the reason there is none. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Failure };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const refused = (error: Failure): { readonly ok: false; readonly error: Failure } => ({ ok: false, error });

/** Carries a Failure through code that throws. Compare `failure.code`, never `instanceof`. */
export class PlexusError extends Error {
  readonly failure: Failure;
  constructor(reason: Failure, cause?: unknown) {
    super(`${reason.code}: ${reason.message}${reason.details ? ` ${JSON.stringify(reason.details)}` : ""}`, { cause });
    this.name = "PlexusError";
    this.failure = reason;
  }
}

/** The failure inside anything thrown: its own when it carries one, INTERNAL otherwise. */
export function failureOf(thrown: unknown): Failure {
  const carried = (thrown as { failure?: Failure } | undefined)?.failure;
  return carried?.code !== undefined && Object.hasOwn(errorTable, carried.code) ? carried : failure("INTERNAL");
}
