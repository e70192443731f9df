/** What is known about a command that was refused:
 *  - `not_started`: it had no effect; sending it again is safe.
 *  - `failed`: it had no effect; sending it again helps only when something else has changed.
 *  - `unknown`: it may have had its effect, or may still take effect later; send it again only with the same operationId. */
export type Outcome = "not_started" | "failed" | "unknown";

interface Row {
  readonly outcome: Outcome;
  /** HTTP status that carries this error at the gateway. */
  readonly http: number;
  /** What happened and what to do, for the person who reads it. */
  readonly help: string;
}

/** The one table of errors. They cross the wire: a code is never renamed or reused, a retired row stays.
 *  `docs/errors.md` holds the same rows; `test/tidy/tidy.test.ts` compares them both ways. */
export const errorTable = {
  BAD_REQUEST: {
    outcome: "failed",
    http: 400,
    help: "The request does not fit its schema. Details name the field and what is wrong with it.",
  },
  BAD_FRAME: { outcome: "failed", http: 400, help: "The connection was closed: what it sent is not a valid frame." },
  TOO_LARGE: {
    outcome: "failed",
    http: 413,
    help: "The request, or its answer, is larger than the limit in the details.",
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
    help: "You proved who you are too long ago for this. Do it again: programs by POST /api/v1/me/session/confirm.",
  },
  SIGN_IN_UNFINISHED: {
    outcome: "failed",
    http: 401,
    help: "What was proven is not enough for this account. Details name what is needed.",
  },
  SIGN_IN_EXPIRED: {
    outcome: "failed",
    http: 401,
    help: "This sign-in was begun too long ago, or in another browser, or has ended. Begin again.",
  },
  APPROVAL_NEEDED: {
    outcome: "failed",
    http: 403,
    help: "It would show what others wrote in private, so a second admin has to agree: ask by POST /api/v1/admin/backups/requests.",
  },
  UNDER_HOLD: {
    outcome: "failed",
    http: 409,
    help: "A legal hold keeps this. Details name the hold and why; who may set holds can lift it.",
  },
  CODE_WRONG: {
    outcome: "failed",
    http: 401,
    help: "The code is wrong, too old, or was used before. Wait for the next one.",
  },
  PASSKEY_REFUSED: {
    outcome: "failed",
    http: 401,
    help: "The passkey's answer is not right: it is of another page, account or request, or there is a copy of the passkey.",
  },
  LINK_INVALID: {
    outcome: "failed",
    http: 403,
    help: "The link was used before, is too old, or was replaced. Ask for a new one.",
  },
  IDENTITY_REFUSED: {
    outcome: "failed",
    http: 403,
    help: "What the other server sent does not prove who you are, or it did not let you in. Begin again; details say what was wrong.",
  },
  IDENTITY_UNKNOWN: {
    outcome: "failed",
    http: 403,
    help: "No account is linked to this identity, and none is made for it. Sign in as usual and link it in the settings.",
  },
  IDENTITY_TAKEN: {
    outcome: "failed",
    http: 409,
    help: "This identity belongs to another account. Remove it there first.",
  },
  IDENTITY_PROVIDER_AWAY: {
    outcome: "not_started",
    http: 502,
    help: "The other server does not answer, or not as it should. Try again, or sign in another way; admins try it with `plexus identity test`.",
  },
  PASSWORD_LEAKED: {
    outcome: "failed",
    http: 400,
    help: "This password is in a list of leaked ones, and so among the first that are tried. Choose another.",
  },
  SUSPENDED: {
    outcome: "failed",
    http: 403,
    help: "This account is suspended. Ask an admin.",
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
    help: "A new account needs something more here: details name it. An invitation is a link from an admin; a mail address is confirmed by a link that is sent to it.",
  },
  MAIL_DOMAIN_REFUSED: {
    outcome: "failed",
    http: 403,
    help: "New accounts need a mail address of one of the domains in the details here. Use that one, or ask an admin for an invitation.",
  },
  MAIL_TAKEN: {
    outcome: "failed",
    http: 409,
    help: "Another account has this mail address. Sign in with that one; a forgotten password is set anew by mail.",
  },
  MAIL_OFF: {
    outcome: "failed",
    http: 409,
    help: "This cluster sends no mail, or its links have no address. An admin sets it up: `plexus mail set`, and `publicUrl` in the configuration.",
  },
  MAIL_REFUSED: {
    outcome: "failed",
    http: 502,
    help: "The mail server does not take the message. Details have what it says.",
  },
  MAIL_AWAY: {
    outcome: "not_started",
    http: 503,
    help: "The mail server does not answer, or asks to try later; details say how. Nothing was sent.",
  },
  MAIL_UNKNOWN: {
    outcome: "unknown",
    http: 504,
    help: "The mail server had the message and did not say whether it takes it. It may arrive, or not.",
  },
  FORBIDDEN: {
    outcome: "failed",
    http: 403,
    help: "You do not have permission for this. Details may say what is missing.",
  },
  NOT_FOUND: { outcome: "failed", http: 404, help: "This does not exist, or you may not see it." },
  HOST_NOT_ALLOWED: {
    outcome: "failed",
    http: 421,
    help: "This node is not known by this name. Its operator can allow it: `plexus up --allowed-host NAME`.",
  },
  ADDRESS_BLOCKED: {
    outcome: "failed",
    http: 403,
    help: "This node refuses requests from your address. Its operator decides which: `plexus up --block-list`.",
  },
  NOT_A_MEMBER: {
    outcome: "failed",
    http: 403,
    help: "You are not a member of this room. Join it, or ask for an invitation.",
  },
  LAST_OWNER: {
    outcome: "failed",
    http: 409,
    help: "You are the room's only owner and others stay. Name a successor as you leave, or make somebody an owner first.",
  },
  BANNED: {
    outcome: "failed",
    http: 403,
    help: "A ban keeps this member out of the room. Details say by whom, why and until when; a moderator can lift it.",
  },
  NAME_TAKEN: { outcome: "failed", http: 409, help: "This name is already taken. Choose another." },
  ALREADY_DONE: { outcome: "failed", http: 409, help: "Nothing was changed: it is already so." },
  LIMIT_REACHED: {
    outcome: "failed",
    http: 409,
    help: "A limit is reached. Details name it, and docs/limits.md explains it.",
  },
  RATE_LIMITED: {
    outcome: "not_started",
    http: 429,
    help: "You sent too many requests. Wait for `details.retryAfterMs` and try again.",
  },
  CURSOR_INVALID: {
    outcome: "failed",
    http: 400,
    help: "The cursor was never given out. Load the state again without it.",
  },
  CURSOR_EXPIRED: {
    outcome: "failed",
    http: 410,
    help: "The cursor is too old: its events are no longer kept. Load the state again without it.",
  },
  MAILBOX_FULL: {
    outcome: "not_started",
    http: 503,
    help: "The actor has too many messages waiting. Wait and send the command again.",
  },
  OVERLOADED: { outcome: "not_started", http: 503, help: "The node is at its limit. Wait and send the command again." },
  DISK_FULL: {
    outcome: "not_started",
    http: 507,
    help: "The node's disk is full: reading works, and nothing new is taken. Make room there, then send the command again.",
  },
  CALL_CYCLE: {
    outcome: "not_started",
    http: 500,
    help: "An actor was asked while it waited for the asker. This is a fault in Plexus; please report it.",
  },
  ACTOR_CRASHED: {
    outcome: "failed",
    http: 500,
    help: "The actor failed on this message and was restarted without it. `plexus actors show` has the error.",
  },
  ACTOR_QUARANTINED: {
    outcome: "not_started",
    http: 503,
    help: "The actor failed too often and was stopped. An admin can start it again: `plexus actors release`.",
  },
  SLOT_UNAVAILABLE: {
    outcome: "not_started",
    http: 503,
    help: "The data of this actor is not available now; details say why. `plexus slots` and `plexus doctor` tell more.",
  },
  MOVED: { outcome: "not_started", http: 503, help: "The actor has moved to another node. The command is sent there." },
  FENCED: {
    outcome: "unknown",
    http: 503,
    help: "Another node took over during the write. The command may have taken effect, or may still.",
  },
  APPEND_FAILED: {
    outcome: "unknown",
    http: 500,
    help: "The disk did not confirm a write. The command may have taken effect. Send it again with the same operationId.",
  },
  ASK_TIMEOUT: {
    outcome: "unknown",
    http: 504,
    help: "No answer came in time. The command may have taken effect, or may still. Send it again with the same operationId.",
  },
  STOPPING: {
    outcome: "not_started",
    http: 503,
    help: "The node is shutting down. Connect again in a moment, or to another node.",
  },
  MODEL_NOT_FOUND: {
    outcome: "failed",
    http: 404,
    help: "No node with the role `ai` has this model. `GET /v1/models` lists them, `plexus up --model FILE` adds one.",
  },
  MODEL_UNAVAILABLE: {
    outcome: "not_started",
    http: 503,
    help: "All nodes that have this model, or the server behind it, are down, draining, or have just lost the role `ai`. See `plexus models`.",
  },
  MODEL_LOAD_FAILED: {
    outcome: "failed",
    http: 500,
    help: "The model file could not be loaded. Details give the reason.",
  },
  MODEL_UNSUPPORTED: {
    outcome: "not_started",
    http: 400,
    help: "This model cannot do what is asked of it; details name what. `plexus models` lists what each model can do.",
  },
  MODEL_REFUSED: {
    outcome: "failed",
    http: 422,
    help: "The file is no model that can be used here; details say why. It is never loaded.",
  },
  LICENCE_NOT_ACCEPTED: {
    outcome: "failed",
    http: 409,
    help: "The model has a licence; details show it. Pull it again and accept it: `--accept-licence`.",
  },
  SOURCE_FAILED: {
    outcome: "failed",
    http: 502,
    help: "The source did not give what was asked for; details say why. What has come of a model is kept: pull again to go on.",
  },
  MODEL_BUSY: {
    outcome: "not_started",
    http: 429,
    help: "The model has no place free. Wait for `details.retryAfterMs` and try again.",
  },
  QUOTA_EXCEEDED: {
    outcome: "not_started",
    http: 429,
    help: "A budget for calls of models, or a quota of your role, is used up. Details name it, and say what is used and when it begins anew; an admin can change it.",
  },
  QUOTA_UNKNOWN: {
    outcome: "not_started",
    http: 503,
    help: "A budget or a quota counts this, and what is left of it cannot be found out now. Try again in a moment.",
  },
  PROVIDER_REFUSED: {
    outcome: "failed",
    http: 502,
    help: "The server that runs this model refused: its key, its quota or what it allows. Details say which; whoever runs the node can change that.",
  },
  PROVIDER_FAILED: {
    outcome: "unknown",
    http: 502,
    help: "The server that runs this model failed, or its answer was damaged or cut off; details say how. Try again.",
  },
  CONTEXT_TOO_LONG: { outcome: "failed", http: 400, help: "The prompt does not fit the model's context. Shorten it." },
  QUEUE_FULL: {
    outcome: "not_started",
    http: 429,
    help: "Too many answers are already waiting. Try again in a moment.",
  },
  CANCELLED: { outcome: "unknown", http: 499, help: "The call was cancelled before it was answered." },
  GENERATION_TIMEOUT: { outcome: "failed", http: 504, help: "The model did not finish in time." },
  RUNTIME_FAULT: {
    outcome: "unknown",
    http: 502,
    help: "The inference process failed while it wrote, and is being restarted. Try again.",
  },
  OUTPUT_UNFIT: {
    outcome: "failed",
    http: 502,
    help: "What the model wrote is not of the form that was asked for. Try again, or ask for a simpler form.",
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
    help: "Stored data is damaged or missing; details say where. `plexus doctor` lists everything that is damaged.",
  },
  SHARE_WRONG: {
    outcome: "failed",
    http: 400,
    help: "A share of the recovery kit is wrong; details say which and why. Nothing was made of the shares.",
  },
  SHARES_TOO_FEW: {
    outcome: "failed",
    http: 400,
    help: "More shares of the recovery kit are needed; details say how many, and which are there.",
  },
  KIT_MISSING: {
    outcome: "not_started",
    http: 503,
    help: "The cluster has no recovery kit yet, so nothing can be backed up. Make one in a terminal on a node: `plexus backup kit make --to FOLDER`.",
  },
  KEY_MISSING: {
    outcome: "not_started",
    http: 503,
    help: "A key that this needs is not at this node, or was destroyed; details name it.",
  },
  KEY_REFUSED: {
    outcome: "failed",
    http: 409,
    help: "A key does not open this: it is another's, belongs elsewhere, or was changed. Details say what it is.",
  },
  TOKEN_UNUSABLE: {
    outcome: "failed",
    http: 400,
    help: "The PKCS#11 token with the root of the keys cannot be used; details say why.",
  },
  ROOT_UNVOUCHED: {
    outcome: "failed",
    http: 409,
    help: "The cluster's directory has another root of the keys, for which the one that this node knows did not vouch. See `plexus backup keys`.",
  },
  BACKUP_CHANGED: {
    outcome: "not_started",
    http: 409,
    help: "The backups were changed by somebody else meanwhile, and nothing was done. Look at them again, then try again.",
  },
  BACKUP_DAMAGED: {
    outcome: "failed",
    http: 500,
    help: "An object of a backup is not what it was when it was written; details name it. Nothing of it was used.",
  },
  TASK_TAKEN: {
    outcome: "failed",
    http: 409,
    help: "Another node has taken over the task, or it has ended. What this node still had to say of it does not count.",
  },
  CONFIG_CHANGED: {
    outcome: "failed",
    http: 409,
    help: "Somebody else has changed the configuration since you looked; details say who and when. Nothing was done. Look again, then try again.",
  },
  CHANGED_MEANWHILE: {
    outcome: "failed",
    http: 409,
    help: "Somebody else has changed it since you looked; details say what it is now. Nothing was done. Look again, then decide again.",
  },
  CONFIG_INVALID: {
    outcome: "not_started",
    http: 400,
    help: "The configuration is not valid; details name the field.",
  },
  LOG_GAP: {
    outcome: "not_started",
    http: 500,
    help: "A piece of a log does not follow on the copy, or belongs to another slot. The owner sends the missing piece by itself.",
  },
  PEER_LOST: {
    outcome: "unknown",
    http: 504,
    help: "The connection to another node ended. The command may have taken effect, or may still. Send it again with the same operationId.",
  },
  DIRECTORY_UNAVAILABLE: {
    outcome: "unknown",
    http: 503,
    help: "The cluster's directory does not answer; details say why, where that is known. Check that its node (or etcd) is up; what is already placed keeps running.",
  },
  DIRECTORY_REFUSES: {
    outcome: "not_started",
    http: 503,
    help: "The cluster's directory answers, and takes no change; details say why and what to type. Nothing was done; what is already placed keeps running.",
  },
  DIRECTORY_AWAY: {
    outcome: "not_started",
    http: 503,
    help: "This needs the cluster's directory, which does not answer; details say why and what helps. Nothing was done; what is already placed keeps running.",
  },
  DIRECTORY_MOVED: {
    outcome: "not_started",
    http: 503,
    help: "The cluster's directory has moved; details say where to. Nodes follow by themselves.",
  },
  NOT_IN_SYNC: {
    outcome: "not_started",
    http: 503,
    help: "Fewer replicas are in sync than `minInSync` demands. The slot is served again when another one has caught up.",
  },
  NODE_DEGRADED: {
    outcome: "not_started",
    http: 503,
    help: "This node cannot reach what it needs of the cluster; details say what. Use another node meanwhile.",
  },
  INVITATION_INVALID: {
    outcome: "failed",
    http: 403,
    help: "The invitation is unknown, used, expired or altered. Ask for a new one: `plexus invite`.",
  },
  NOT_A_PEER: { outcome: "failed", http: 403, help: "The node is not a member of the cluster, or was evicted." },
  IDENTITY_UNPROVEN: {
    outcome: "not_started",
    http: 503,
    help: "The node has not shown that this person is signed in there. It is sent again with the proof.",
  },
  VERSION_UNSUPPORTED: {
    outcome: "failed",
    http: 426,
    help: "The versions of the two nodes are too far apart. Upgrade the older one first.",
  },
  NO_CANDIDATE: {
    outcome: "failed",
    http: 409,
    help: "No node can take this: none has the role, or those that do are down or draining.",
  },
  HOLDERS_TOO_FEW: {
    outcome: "not_started",
    http: 503,
    help: "Too few nodes with the role `storage` can keep it; details say how many there are and how many would do. See `plexus shards list`.",
  },
  RELEASED: {
    outcome: "failed",
    http: 409,
    help: "Who wanted it kept has let go of it since. Nothing was changed; ask anew if it is wanted again.",
  },
  STRIPE_LOST: {
    outcome: "failed",
    http: 500,
    help: "Too many of its pieces are lost, so it cannot be read; details name them. A node that returns with them brings it back.",
  },
  UNREACHABLE: {
    outcome: "not_started",
    http: 503,
    help: "No node answers at this address. Check that it is running.",
  },
  INTERNAL: {
    outcome: "unknown",
    http: 500,
    help: "Plexus itself failed. The node's log has more under this request's id.",
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

/** How a command is refused while its actor is on its way to another node, or the node that has it is away: soon, or once
 *  that is mended, the same command is taken. Clients send it again by themselves, with the same operationId. */
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

/** Names, in a failure for want of the directory, the nodes that it waits for. They say more than what a call to them came to. */
export function withAwaited(reason: Failure, awaited: string | undefined): Failure {
  const isAbout = reason.code === "DIRECTORY_AWAY" || reason.code === "DIRECTORY_UNAVAILABLE";
  if (!isAbout || awaited === undefined) return reason;
  return { ...reason, details: { ...reason.details, because: awaited } };
}

/** What is said of a command that was sent again and again and is given up: why it was refused last, unless another sending
 *  of it may have had its effect. */
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
