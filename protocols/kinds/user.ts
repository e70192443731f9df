import { Type } from "typebox";
import type { AgentView } from "./agent.ts";
import { answer, command, follow } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import {
  key,
  line,
  nothing,
  object,
  position,
  principal,
  text,
  spanMs,
  timeMs,
  userName,
  type Resumed,
} from "../wire/schema.ts";
import { mailAddress } from "../admin/mail.ts";
import { notificationParts, roomNotifications } from "../wire/notifications.ts";
import { pushContent, pushDevice, pushPlace, type PushDevice } from "../wire/push.ts";
import { personStatus } from "../wire/presence.ts";
import { keyScope } from "../authority/roles.ts";
import { notice } from "../admin/notice.ts";
import { shownField } from "../power/shown.ts";
import { fact, identity } from "../authority/sign-in.ts";
import { userAboutCommands } from "./user-about.ts";
import { userDigestCommands } from "./user-digest.ts";
import { sharedLinkCommands } from "./shared-links.ts";
import { userDraftCommands } from "./user-drafts.ts";
import { userLaterCommands } from "./user-later.ts";
import { userStorageCommands } from "./user-storage.ts";
import {
  avatar,
  linkPreviewChoice,
  passkey,
  roleNames,
  sessionKind,
  sidebar,
  type LinkPreviewChoice,
} from "./user-shape.ts";
import type {
  Session,
  Credentials,
  MailOf,
  MailBegun,
  MailSet,
  AccountExport,
  FactorsView,
  UserView,
  UserCard,
  UserSessions,
  PersonView,
  Authenticated,
  UserRooms,
  HeldPushes,
  UserEvent,
} from "./user-views.ts";

const hash = Type.String({ minLength: 1, maxLength: 256 });
/** An address of the network, as the node saw it. */
const address = line(64);
const proofs = Type.Array(fact, { minItems: 1, maxItems: 8 });

/** A mail address of the person, and the key of the actor that says whose it is. */
const contact = { address: mailAddress, claim: key } as const;

const sidebarParts = Type.Partial(sidebar);

const byGateway = { from: ["gateway"], effect: "changes" } as const;
const byRoom = { from: ["actor"], result: nothing } as const;
const own = { from: ["client"], permission: "account.use" } as const;
/** A way into the account, made or ended by its person: the account looks at their session itself. */
const secured = { ...byGateway, permission: "account.secure" } as const;
/** What somebody who looks after accounts does with this one. */
const admitted = { ...byGateway, permission: "people.admit" } as const;
/** Somebody else asks, who looks after accounts. */
const forAnother = { byAdmin: Type.Optional(Type.Boolean()) } as const;
/** As much of a message as its permission depends on. */
interface Asked {
  readonly [field: string]: unknown;
}

/** Commands to a user. Those of the gateway say what the caller has shown there, where their row takes a permission, or
 *  carry the proof themselves: a password or code that was checked there, the hash of a link (0166). */
export const userCommands = {
  /** `passwordHash` is argon2id in PHC form; people without one come in as `identity`. Error: NAME_TAKEN. */
  create: command({
    ...byGateway,
    needsFor: ({ passwordHash, identity }: Asked) =>
      (passwordHash ?? identity) === undefined ? "people.admit" : undefined,
    params: {
      ...shownField,
      displayName: Type.Optional(line(limits.titleCharsMax)),
      passwordHash: Type.Optional(hash),
      identity: Type.Optional(identity),
      /** The person has shown that they read what comes there. */
      contact: Type.Optional(object(contact)),
      /** The role `guest` from the first moment on, and for how long the account lives. */
      guest: Type.Optional(object({ lifeMs: Type.Optional(spanMs) })),
    },
    result: answer<UserView>("UserView"),
    summary: "Makes the account",
  }),
  /** With the hash of a device's secret: whether somebody signed in there before. */
  credentials: command({
    ...byGateway,
    params: { deviceHash: Type.Optional(hash) },
    result: answer<Credentials>("Credentials"),
    effect: "reads",
    summary: "What is needed to check proofs of who somebody is",
  }),
  /** Only the token's hash arrives here. A session is opened only when its proofs finish a sign-in of this account
   *  (`sign-in.ts`); a gateway that names none has checked the password. Errors: SIGN_IN_UNFINISHED, LIMIT_REACHED,
   *  NAME_TAKEN. */
  openSession: command({
    ...byGateway,
    needsFor: ({ kind, byAdmin }: Asked) =>
      kind === "session" ? undefined : byAdmin === true ? "people.admit" : "account.secure",
    params: {
      ...forAnother,
      ...shownField,
      id: key,
      kind: sessionKind,
      label: line(limits.labelCharsMax, 0),
      tokenHash: hash,
      expiresAtMs: Type.Optional(timeMs),
      /** What a key is narrowed to. */
      scopes: Type.Optional(Type.Array(keyScope, { maxItems: limits.keyScopesMax })),
      /** The device is known from now on. */
      deviceHash: Type.Optional(hash),
      proofs: Type.Optional(proofs),
      address: Type.Optional(address),
    },
    result: answer<Session>("Session"),
    summary: "Opens a session or an API key",
  }),
  /** Errors: UNAUTHENTICATED. */
  authenticate: command({
    ...byGateway,
    params: { tokenHash: hash },
    result: answer<Authenticated>("Authenticated"),
    effect: "reads",
    summary: "Names the holder of a token",
  }),
  /** The gateway has verified a token that names the session. Errors: UNAUTHENTICATED. */
  authenticateSession: command({
    ...byGateway,
    params: { id: key },
    result: answer<Authenticated>("Authenticated"),
    effect: "reads",
    summary: "Whose this session is, if it is still open",
  }),
  /** The gateway has checked these proofs of the session's person again; where it names none, the password. Errors:
   *  NOT_FOUND, SIGN_IN_UNFINISHED (the account has something stronger). */
  confirmSession: command({
    ...byGateway,
    params: { id: key, proofs: Type.Optional(proofs) },
    result: nothing,
    summary: "Says that the session has proved again who it is",
  }),
  /** Told now and then, not at each request. */
  sessionUsed: command({
    ...byGateway,
    params: { id: key, address: Type.Optional(address) },
    result: nothing,
    summary: "Says that a session or API key is in use, and from where",
  }),
  /** Errors: LIMIT_REACHED. Whether nobody else has the identity is the gateway's to know. */
  linkIdentity: command({
    ...secured,
    params: { ...identity.properties, ...shownField },
    result: nothing,
    summary: "Lets an identity of another server in",
  }),
  /** Somebody comes in by an identity, whose server is set as `vouched` says. Where it was set otherwise when the
   *  identity was linked, the admin who has set it since let this person in. `by`: whether they may. `own`: it was the
   *  person, or nobody since that is kept; `others`: they may, and the account notes it as a way in that somebody else
   *  made; `unknown`: an older version has set it, and then a link of before counts; `nobody`: they may not. Errors:
   *  NOT_FOUND, FORBIDDEN. */
  vouchIdentity: command({
    ...byGateway,
    params: {
      issuer: identity.properties.issuer,
      subject: identity.properties.subject,
      vouched: key,
      by: Type.Union([Type.Literal("own"), Type.Literal("others"), Type.Literal("unknown"), Type.Literal("nobody")]),
    },
    result: nothing,
    summary: "Says that somebody comes in by an identity, and how its server is set",
  }),
  /** Errors: NOT_FOUND; FORBIDDEN where nothing else would let the person in. */
  unlinkIdentity: command({
    ...secured,
    params: { ...shownField, issuer: identity.properties.issuer, subject: identity.properties.subject },
    result: nothing,
    summary: "Lets an identity of another server in no more",
  }),
  /** Keeps the seed of one-time codes, sealed, until a code has shown that the person's device has it. Error:
   *  ALREADY_DONE. */
  beginTotp: command({
    ...secured,
    params: { ...shownField, sealed: Type.String({ minLength: 1, maxLength: 512 }) },
    result: nothing,
    summary: "Begins to set up one-time codes",
  }),
  /** A right code was given, of this step of time. Errors: NOT_FOUND (nothing was begun), ALREADY_DONE. */
  confirmTotp: command({
    ...secured,
    params: { ...shownField, step: position },
    result: nothing,
    summary: "One-time codes are set up",
  }),
  /** A right code of this step was given. Error: CODE_WRONG: one of this step, or of a later one, was used before. */
  useTotp: command({
    ...byGateway,
    params: { step: position },
    result: nothing,
    summary: "Takes a one-time code for used",
  }),
  removeTotp: command({
    ...secured,
    params: { ...shownField },
    result: nothing,
    summary: "Removes one-time codes, and the recovery codes where no second factor is left",
  }),
  /** Hashes of the codes of a new sheet; the one before counts no more. Error: FORBIDDEN without a second factor. */
  setRecovery: command({
    ...secured,
    params: { ...shownField, hashes: Type.Array(hash, { maxItems: limits.recoveryCodes }) },
    result: nothing,
    summary: "Replaces the recovery codes",
  }),
  /** Error: CODE_WRONG. */
  useRecovery: command({
    ...byGateway,
    params: { hash },
    result: nothing,
    summary: "Uses up a recovery code",
  }),
  /** Errors: NAME_TAKEN (it is here already), LIMIT_REACHED. */
  addPasskey: command({
    ...secured,
    params: { ...passkey.properties, ...shownField },
    result: nothing,
    summary: "Adds a passkey",
  }),
  /** A right answer of the passkey, with its counter. Errors: NOT_FOUND; PASSKEY_REFUSED: the counter does not rise, so
   *  there are two of it. */
  usePasskey: command({
    ...byGateway,
    params: { id: passkey.properties.id, counter: position },
    result: nothing,
    summary: "Takes in a passkey's counter",
  }),
  /** Errors: NOT_FOUND; FORBIDDEN where nothing else would let the person in. */
  removePasskey: command({
    ...secured,
    params: { ...shownField, id: passkey.properties.id },
    result: nothing,
    summary: "Removes a passkey",
  }),
  renamePasskey: command({
    ...own,
    params: {
      id: passkey.properties.id,
      name: passkey.properties.name,
      /** The name that the writer has seen. If it is another by now, nothing is done: CHANGED_MEANWHILE. */
      seen: Type.Optional(passkey.properties.name),
    },
    result: nothing,
    effect: "changes",
    permission: "account.revoke",
    http: ["PATCH", "/me/passkeys/:id"],
    summary: "Gives a passkey another name",
  }),
  factors: command({
    ...own,
    params: {},
    result: answer<FactorsView>("FactorsView"),
    effect: "reads",
    http: ["GET", "/me/factors"],
    summary: "What the caller's account can be proven by",
  }),
  /** Only the hash of the link's secret arrives here. A new one replaces the one before; of those by mail a few hold at
   *  once, so that a stranger who asks for one in somebody's name takes none away. */
  makeReset: command({
    ...byGateway,
    needsFor: ({ byMail }: Asked) => (byMail === true ? undefined : "people.admit"),
    params: { ...shownField, secretHash: hash, lifeMs: spanMs, byMail: Type.Optional(Type.Boolean()) },
    result: nothing,
    summary: "Allows a new password once, to the person who has the link",
  }),
  /** Ends all sessions and API keys, and the link. Error: LINK_INVALID. */
  resetPassword: command({
    ...byGateway,
    params: { secretHash: hash, passwordHash: hash },
    result: nothing,
    summary: "Sets the password by a link",
  }),
  /** Ends all sessions and API keys; none is opened until it is lifted. */
  setSuspended: command({
    ...byGateway,
    needsFor: ({ suspended }: Asked) => (suspended === true ? "people.manage" : "people.admit"),
    params: { ...shownField, suspended: Type.Boolean() },
    result: nothing,
    summary: "Suspends the account, or lifts that",
  }),
  mailOf: command({
    ...byGateway,
    params: {},
    result: answer<MailOf>("MailOf"),
    effect: "reads",
    summary: "Where mail to the person goes",
  }),
  /** Only the hash of the link's secret arrives here. A new one replaces the one before. */
  beginMail: command({
    ...secured,
    params: { ...shownField, ...contact, secretHash: hash, lifeMs: spanMs },
    result: nothing,
    summary: "Begins to set the mail address",
  }),
  /** Error: LINK_INVALID. */
  checkMail: command({
    ...byGateway,
    params: { secretHash: hash },
    result: answer<MailBegun>("MailBegun"),
    effect: "reads",
    summary: "Which mail address a link confirms",
  }),
  /** Its claim was taken for the person. Error: LINK_INVALID. */
  confirmMail: command({
    ...byGateway,
    params: { secretHash: hash },
    result: answer<MailSet>("MailSet"),
    summary: "Sets the mail address",
  }),
  removeMail: command({
    ...secured,
    params: { ...shownField },
    result: answer<MailSet>("MailSet"),
    summary: "Removes the mail address",
  }),
  /** All sessions and API keys end. After `waitMs` the account is gone; 0 means at once. Errors: FORBIDDEN (an admin),
   *  OVERLOADED. */
  beginDeletion: command({
    ...byGateway,
    needsFor: ({ byAdmin }: Asked) => (byAdmin === true ? "people.manage" : "account.secure"),
    params: { ...shownField, waitMs: spanMs, byAdmin: Type.Boolean() },
    result: object({ atMs: timeMs }),
    summary: "Deletes the account",
  }),
  endDeletion: command({ ...admitted, params: { ...shownField }, result: nothing, summary: "Calls the deletion off" }),
  exportAccount: command({
    ...byGateway,
    needsFor: ({ byAdmin }: Asked) => (byAdmin === true ? "people.admit" : "account.secure"),
    params: { ...forAnother, ...shownField },
    result: answer<AccountExport>("AccountExport"),
    effect: "reads",
    summary: "What the account has",
  }),
  /** An API key was used; written down at most once an hour. */
  keyUsed: command({
    ...byGateway,
    params: { id: key },
    result: nothing,
    summary: "Says that an API key was used",
  }),
  /** For somebody who may see people. */
  listSessions: command({
    ...byGateway,
    params: {},
    result: answer<PersonView>("PersonView"),
    effect: "reads",
    summary: "The account of a person: roles, factors, devices and API keys",
  }),
  /** For somebody who may manage people. Without an id: all of them. Error: NOT_FOUND. */
  endSession: command({
    ...byGateway,
    permission: "people.manage",
    params: { ...shownField, id: Type.Optional(key) },
    result: nothing,
    summary: "Ends a session or API key of a person, or all",
  }),
  /** `keepSession` survives, all other sessions end. No other device is known any more. */
  setPassword: command({
    ...byGateway,
    params: { passwordHash: hash, keepSession: Type.Optional(key), deviceHash: Type.Optional(hash) },
    result: nothing,
    summary: "Replaces the password",
  }),
  signInsFailed: command({
    ...byGateway,
    params: { count: Type.Integer({ minimum: 1 }) },
    result: nothing,
    summary: "So many tried to sign in and failed since it was said last",
  }),
  /** Its bytes are stored. */
  setAvatar: command({
    ...byGateway,
    params: avatar.properties,
    result: answer<UserView>("UserView"),
    summary: "Replaces the picture",
  }),
  /** The role-manager sends it. An older one says `admin` alone. */
  setAdmin: command({
    params: { admin: Type.Boolean(), roles: Type.Optional(roleNames) },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells the user which roles they have",
  }),
  /** The role-manager sends it. */
  notify: command({
    params: notice.properties,
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells the user news of the cluster that concern them",
  }),
  /** The role-manager asks, too. */
  describe: command({
    ...own,
    from: ["client", "actor"],
    params: {},
    result: answer<UserView>("UserView"),
    effect: "reads",
    summary: "The caller's account",
  }),
  setProfile: command({
    ...own,
    params: {
      displayName: Type.Optional(line(limits.titleCharsMax)),
      theme: Type.Optional(Type.Union([Type.Literal("system"), Type.Literal("light"), Type.Literal("dark")])),
      /** What is not named stays. */
      linkPreviews: Type.Optional(Type.Partial(linkPreviewChoice, { additionalProperties: false })),
      /** What the writer has seen. If it is changed and is another by now, nothing is done: CHANGED_MEANWHILE, with
       *  what it is now. */
      seen: Type.Optional(object({ displayName: Type.Optional(line(limits.titleCharsMax, 0)) })),
    },
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PATCH", "/me"],
    summary: "Changes the caller's display name, theme, or what they want of previews of links",
  }),
  /** Replaces all of it; without any field there is none. */
  setStatus: command({
    ...own,
    params: { ...personStatus.properties },
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PUT", "/me/status"],
    summary: "Sets what the caller says of themselves, and whether others see that they are here",
  }),
  /** What is not named stays. `seen` is what the writer has seen: if what is changed is something else by now, nothing
   *  is done. Errors: CHANGED_MEANWHILE, BAD_REQUEST (a section twice, or a room in two). */
  setSidebar: command({
    ...own,
    params: { ...sidebarParts.properties, seen: Type.Optional(sidebarParts) },
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PATCH", "/me/sidebar"],
    summary: "Arranges the caller's rooms: favourites, sections and which are muted",
  }),
  /** What is not named stays. `seen` is what the writer has seen: if what is changed is something else by now, nothing
   *  is done. Errors: CHANGED_MEANWHILE, BAD_REQUEST (a word in which there is nothing to look for; no time zone). */
  setNotifications: command({
    ...own,
    params: { ...notificationParts.properties, seen: Type.Optional(notificationParts) },
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PATCH", "/me/notifications"],
    summary: "Sets what the caller is told of: of rooms by themselves, their words, and in which hours nothing",
  }),
  /** Replaces what was said of the room; without a level and a time it is as the others. Errors: NOT_A_MEMBER,
   *  BAD_REQUEST (`mutedUntilMs`). */
  setRoomNotifications: command({
    ...own,
    params: roomNotifications.properties,
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["PUT", "/me/notifications/rooms/:room"],
    summary: "Sets what the caller is told of one room, and until when it is muted",
  }),
  removeAvatar: command({
    ...own,
    params: {},
    result: answer<UserView>("UserView"),
    effect: "changes",
    http: ["DELETE", "/me/avatar"],
    summary: "Removes the caller's picture",
  }),
  /** The node asks which of the blobs that it has are still needed. */
  /** Whether pages are shown that the person links to. */
  linkPreviews: command({
    params: {},
    result: answer<LinkPreviewChoice>("LinkPreviewChoice"),
    from: ["node"],
    effect: "reads",
    summary: "What a user wants of previews of links",
  }),
  card: command({
    params: {},
    result: answer<UserCard>("UserCard"),
    from: ["client", "node"],
    effect: "reads",
    permission: "account.see",
    http: ["GET", "/people/:user"],
    summary: "What everybody may know of a user",
  }),
  sessions: command({
    ...own,
    params: {},
    result: answer<UserSessions>("UserSessions"),
    effect: "reads",
    summary: "The caller's devices and API keys",
  }),
  revokeSession: command({
    ...own,
    params: { id: key },
    result: nothing,
    effect: "changes",
    permission: "account.revoke",
    http: ["DELETE", "/me/sessions/:id"],
    summary: "Ends a session or API key and its connections",
  }),
  /** Newest activity first. Rooms that do not answer in time come back in `unreachable`. */
  rooms: command({
    ...own,
    params: {},
    result: answer<UserRooms>("UserRooms"),
    effect: "reads",
    http: ["GET", "/rooms"],
    summary: "The caller's rooms with unread counts",
    answers: "list",
  }),
  ...userLaterCommands,
  ...userStorageCommands,
  ...userDraftCommands,
  ...userAboutCommands,
  ...userDigestCommands,
  ...sharedLinkCommands,
  /** The caller's session has shown a browser's subscription. Errors: LIMIT_REACHED, FORBIDDEN. */
  addPush: command({
    ...byGateway,
    params: {
      id: key,
      ...pushPlace.properties,
      name: pushDevice.properties.name,
      content: pushContent,
      session: key,
    },
    result: answer<PushDevice>("PushDevice"),
    summary: "Sends notices to a browser",
  }),
  /** Error: NOT_FOUND. */
  setPush: command({
    ...byGateway,
    params: { id: key, content: pushContent },
    result: nothing,
    summary: "Sets what the notices of a browser say",
  }),
  /** The person asks, or its push service no longer knows it. Error: NOT_FOUND. */
  removePush: command({
    ...byGateway,
    params: { id: key },
    result: nothing,
    summary: "Sends no more notices to a browser",
  }),
  pushes: command({
    ...byGateway,
    params: {},
    result: answer<HeldPushes>("HeldPushes"),
    effect: "reads",
    summary: "Where notices to the person go while their page is closed",
  }),
  roomWanted: command({
    ...byRoom,
    params: { room: key },
    effect: "reads",
    summary: "Whether the user's list has a place for a new room",
  }),
  /** `by` says who did it. */
  roomJoined: command({
    ...byRoom,
    params: { room: key, by: Type.Optional(principal) },
    effect: "changes",
    summary: "Tells the user of a room that they are in now",
  }),
  roomLeft: command({
    ...byRoom,
    params: { room: key },
    effect: "changes",
    summary: "Tells the user of a room that they are in no more",
  }),
  /** A notice of the user's. A warning that was told before is told once. */
  roomWarned: command({
    ...byRoom,
    params: {
      room: key,
      id: Type.String({ minLength: 1, maxLength: 64 }),
      by: principal,
      atMs: timeMs,
      reason: line(limits.reasonCharsMax),
    },
    effect: "changes",
    summary: "Tells the user that they were warned in a room",
  }),
  roomRead: command({
    ...byRoom,
    params: {
      room: key,
      seq: position,
      thread: Type.Optional(position),
      unread: Type.Optional(
        object({
          messageSeq: position,
          readSeq: position,
          unread: position,
          mentioned: Type.Boolean(),
          seen: Type.Optional(Type.Array(Type.Tuple([position, position]), { maxItems: limits.topicReadMax })),
          topics: Type.Optional(
            Type.Record(Type.String(), Type.Union([Type.Literal("follow"), Type.Literal("mute")]), {
              maxProperties: limits.topicInterestsMax,
            }),
          ),
        }),
      ),
      /** Of a thread whose marker went back. */
      own: Type.Optional(
        object({
          readSeq: position,
          unread: position,
          mentioned: Type.Boolean(),
          muted: Type.Optional(Type.Literal(true)),
        }),
      ),
    },
    effect: "signals",
    summary: "Tells the user's devices how far the user has read",
  }),
  threadFollowed: command({
    ...byRoom,
    params: { room: key, thread: position, follow: Type.Boolean() },
    effect: "signals",
    summary: "Tells the user's devices whether the user follows a thread",
  }),
  conversationDropped: command({
    ...byRoom,
    params: { conversation: key },
    effect: "changes",
    summary: "Tells the user of a conversation with an agent that it is deleted",
  }),
  createAgent: command({
    ...own,
    params: {
      name: userName,
      persona: Type.Optional(text(limits.personaCharsMax, 0)),
      model: Type.Optional(line(limits.modelCharsMax, 0)),
    },
    result: answer<AgentView>("AgentView"),
    effect: "changes",
    permission: "agent.use",
    http: ["POST", "/agents"],
    summary: "Creates an agent",
  }),
  deleteAgent: command({
    ...own,
    params: { agent: key },
    result: nothing,
    effect: "changes",
    permission: "agent.use",
    http: ["DELETE", "/agents/:agent"],
    summary: "Deletes an agent and its conversation",
  }),
  resume: follow<Resumed<UserView, UserEvent>>("Resumed"),
} as const;
