/** What a room is to its members. */
import type { AgentRules } from "./room-agents.ts";
import type { RoomMute } from "./room-muted.ts";
import type { MemberRole, RoomPosting, Visibility } from "./room-rules.ts";

/** Somebody in a room. */
export interface RoomMember {
  readonly role: MemberRole;
  readonly joinedAtMs: number;
  readonly readSeq: number;
}

/** A room as a member sees it. Members are keyed by principal. */
export interface RoomView {
  readonly room: string;
  readonly title: string;
  readonly topic: string;
  readonly visibility: Visibility;
  readonly createdAtMs: number;
  readonly members: Readonly<Record<string, RoomMember>>;
  readonly messageSeq: number;
  readonly pins: readonly number[];
  /** Absent: it never was. */
  readonly archived?: boolean;
  /** Absent: members do. */
  readonly posting?: RoomPosting;
  /** How long members wait between two messages. Absent: not at all. */
  readonly slowMs?: number;
  /** False: what edited messages said before is not kept. */
  readonly keepsVersions?: boolean;
  /** True: a message that begins something has a topic, "General" where it names none. */
  readonly topicsNeeded?: boolean;
  /** Absent: agents answer everybody's mentions, never each other's, and without a budget. */
  readonly agentRules?: AgentRules;
  /** Of a direct conversation of several: the people of whom it is, those who have left included. */
  readonly people?: readonly string[];
  /** Members who read and do not write, oldest first; some may be over. Absent: nobody ever was. */
  readonly mutes?: readonly RoomMute[];
}
