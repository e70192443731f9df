/** What an account answers, and tells those who follow it. */
import type { Static } from "typebox";
import type { RoomSummary } from "./room.ts";
import type { RoomUnread, ThreadUnread } from "./room-unread.ts";
import type { Later } from "./user-later.ts";
import type { Avatar, LinkPreviewChoice, Passkey, Sidebar, sessionKind } from "./user-shape.ts";
import type { Notice } from "../admin/notice.ts";
import type { Fact, Factors, Identity } from "../authority/sign-in.ts";
import type { NotificationRules } from "../wire/notifications.ts";
import type { PersonStatus, ShownStatus } from "../wire/presence.ts";
import type { PushDevice, PushPlace } from "../wire/push.ts";

/** One signed-in device (`session`) or API key (`key`). */
export interface Session {
  readonly id: string;
  readonly kind: Static<typeof sessionKind>;
  readonly label: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  /** Of a key that was narrowed: permissions, or sets of them. Absent: all that keys may. */
  readonly scopes?: readonly string[];
  /** Where it was opened from. An older node did not say, as below. */
  readonly address?: string;
  /** What was proven for it, and when: how its person signed in, and what was proven again since. Not of API keys. */
  readonly proofs?: readonly Fact[];
  /** When it was last used, to within an hour, and from where. */
  readonly usedAtMs?: number;
  readonly usedFrom?: string;
  /** Where these addresses are, as the file of the node that was asked says (`addressPlaces`). */
  readonly place?: string;
  readonly usedPlace?: string;
}

/** Answer to `credentials`. */
export interface Credentials {
  readonly user: string;
  /** Absent: the account has none. */
  readonly passwordHash?: string;
  readonly admin: boolean;
  /** Somebody signed in on this device before. */
  readonly known: boolean;
  /** An older node does not say, as below. */
  readonly factors?: Factors;
  readonly suspended?: boolean;
  /** The sealed seed, and the one that is being set up. */
  readonly totp?: string;
  readonly totpBegun?: string;
  readonly passkeys?: readonly Passkey[];
  /** How long ago somebody came in by a way that somebody else may have made: a link for the password, a server that
   *  was set since. Absent: never, or before that was kept. */
  readonly linkUsedAgoMs?: number;
}

/** Answer to `mailOf`. */
export interface MailOf {
  /** Absent: none is confirmed. */
  readonly address?: string;
  /** One that is not confirmed yet. */
  readonly begun?: string;
  /** The account has a password. */
  readonly password: boolean;
  /** The person may not come in: suspended, or deleted by an admin. */
  readonly out: boolean;
}

/** Answer to `checkMail`. */
export interface MailBegun {
  readonly address: string;
  readonly claim: string;
}

/** Answer to `confirmMail` and `removeMail`. */
export interface MailSet {
  readonly address?: string;
  /** The one that it replaces. */
  readonly before?: string;
}

/** Answer to `exportAccount`: what an account has, without what it is proven by. */
export interface AccountExport extends UserView {
  readonly mail?: string;
  /** Of a guest: when the account ends. */
  readonly endsAtMs?: number;
  readonly sessions: readonly Session[];
  readonly factors: FactorsView;
}

/** Answer to `factors`. */
export interface FactorsView {
  /** Where a forgotten password is set anew from. Absent: nowhere. */
  readonly mail?: { readonly address: string; readonly confirmedAtMs: number };
  /** One that is not confirmed yet. */
  readonly mailBegun?: { readonly address: string; readonly untilMs: number };
  readonly password: boolean;
  readonly totp?: { readonly sinceMs: number };
  readonly recovery: number;
  readonly passkeys: readonly {
    readonly id: string;
    readonly name: string;
    readonly host: string;
    readonly synced: boolean;
    readonly addedAtMs: number;
    readonly usedAtMs?: number;
  }[];
  readonly identities: readonly (Identity & { readonly linkedAtMs: number })[];
}

export interface UserView {
  readonly user: string;
  readonly displayName: string;
  readonly admin: boolean;
  /** Roles of the cluster. An older node does not say. */
  readonly roles?: readonly string[];
  readonly theme: "system" | "light" | "dark";
  readonly agents: readonly string[];
  readonly rooms: readonly string[];
  readonly createdAtMs: number;
  /** Tries to sign in that failed, told when they are many. An older node does not say. */
  readonly signInsFailed?: SignInsFailed;
  readonly avatar?: Avatar;
  /** Absent: none, or one that has ended. An older node does not say. */
  readonly status?: PersonStatus;
  /** What the user was told of the cluster, the newest last. */
  readonly notices?: readonly Notice[];
  /** Absent: nothing was arranged. */
  readonly sidebar?: Sidebar;
  /** Absent: nothing was said of it. */
  readonly notifications?: NotificationRules;
  /** Absent: both. */
  readonly linkPreviews?: LinkPreviewChoice;
}

/** What everybody may know of a user. */
export interface UserCard {
  readonly user: string;
  readonly displayName: string;
  readonly avatar?: Avatar;
  /** What the person says of themselves now. */
  readonly status?: ShownStatus;
  /** The account is gone. */
  readonly deleted?: true;
}

/** Sign-ins that failed: how many in all, counted anew after a month without any. */
export interface SignInsFailed {
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Answer to `sessions`. */
export interface UserSessions {
  readonly sessions: readonly Session[];
  /** Roles of the cluster. An older node does not say. */
  readonly roles?: readonly string[];
  /** What the person says of themselves. */
  readonly status?: PersonStatus;
}

/** Answer to `listSessions`: an account, as those see it who look after it. An older node says only what a person sees
 *  of themselves. */
export interface PersonView extends UserSessions {
  readonly displayName?: string;
  readonly createdAtMs?: number;
  readonly suspended?: boolean;
  /** The account is deleted at this time, unless that is called off. */
  readonly deletesAtMs?: number;
  /** What the person can prove who they are with. */
  readonly factors?: Factors;
  /** What the person keeps in files. Absent: nothing is known of any. */
  readonly storedBytes?: number;
}

/** Answer to `authenticate`. */
export interface Authenticated {
  readonly user: string;
  readonly admin: boolean;
  readonly session: string;
  readonly kind: Session["kind"];
  readonly expiresAtMs?: number;
  /** Roles of the cluster. An older node does not say. */
  readonly roles?: readonly string[];
  /** Of a key that was narrowed. */
  readonly scopes?: readonly string[];
  /** The key's last use is long ago or unknown: `keyUsed` is wanted. */
  readonly useDue?: boolean;
  /** How long ago the session proved who it is by the strongest factor of the account, by one clock; an API key never
   *  did, and an older node does not say. */
  readonly provedAgoMs?: number;
  /** How long ago it was noted that the session is in use. */
  readonly usedAgoMs?: number;
  /** What the person says of themselves. */
  readonly status?: PersonStatus;
}

export interface UserRooms {
  readonly rooms: readonly RoomSummary[];
  readonly unreachable: readonly string[];
}

/** Answer to `pushes`: browsers with where and how they are reached, and the session in which each was added. */
export interface HeldPushes {
  readonly pushes: readonly (PushDevice & PushPlace & { readonly session: string })[];
}

/** Durable events of a user's own stream; only the user reads it. */
export type UserEvent =
  | { readonly type: "profileSet"; readonly view: UserView }
  /** `by` is there when somebody else brought the user in. */
  | { readonly type: "roomJoined"; readonly room: string; readonly by?: string }
  | { readonly type: "roomLeft"; readonly room: string }
  | { readonly type: "sidebarSet"; readonly sidebar: Sidebar }
  | { readonly type: "notificationsSet"; readonly notifications: NotificationRules }
  /** Something that is sent or reminded of later is so now; `gone`: sent or cancelled. What it says, the list says. */
  | { readonly type: "laterSet"; readonly id: number; readonly status: Later["status"] | "gone" }
  /** A message was saved for later, or taken off. */
  | { readonly type: "savedSet"; readonly room: string; readonly seq: number; readonly saved: boolean }
  /** What the person has begun to write at a place is another; 0: nothing. What it says, the list says. */
  | { readonly type: "draftSet"; readonly place: string; readonly revision: number }
  | { readonly type: "agentCreated"; readonly agent: string }
  | { readonly type: "agentDeleted"; readonly agent: string }
  | { readonly type: "noticed"; readonly notice: Notice }
  | { readonly type: "sessionOpened"; readonly session: Session }
  /** `because` is there when the account lets nobody in any more: an admin has suspended it, or has it deleted. */
  | { readonly type: "sessionRevoked"; readonly id: string; readonly because?: "SUSPENDED" };

/** Best effort, on the user's own topic: the marker moved, perhaps on another device. */
export interface UserSignal {
  readonly type: "roomRead";
  readonly room: string;
  readonly seq: number;
  /** What is to be read since then. Absent: the node is older. */
  readonly unread?: RoomUnread;
}

/** The same of the marker of a thread: `in` is its room, `of` the message that it answers. To older pages a `room` says
 *  that the room was read. */
export interface ThreadSignal {
  readonly type: "threadRead";
  readonly in: string;
  readonly of: number;
  readonly seq: number;
  /** The marker went back, and this is to be read of the thread since then. */
  readonly own?: ThreadUnread;
}

/** Whether the user follows a thread from now on: `in` is its room, `of` the message that it answers. */
export interface FollowSignal {
  readonly type: "threadFollowed";
  readonly in: string;
  readonly of: number;
  readonly follow: boolean;
}
