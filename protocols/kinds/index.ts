import type { Static, TSchema } from "typebox";
import { activityCommands } from "../admin/activity.ts";
import { agentCommands } from "./agent.ts";
import { allBackupCommands } from "../admin/backup-guards.ts";
import { catalogCommands } from "./catalog.ts";
import { claimCommands } from "./claim.ts";
import { isFrom, type Command, type CommandEffect, type CommandTable } from "../wire/command.ts";
import type { Kind } from "../ids.ts";
import { emojiCommands } from "./emoji.ts";
import { groupsCommands } from "./groups.ts";
import { ledgerCommands } from "./ledger.ts";
import { quarantineCommands } from "./quarantine.ts";
import { roleManagerCommands } from "./role-manager.ts";
import { roomCommands } from "./room.ts";
import { shardHolderCommands } from "./shard-holder.ts";
import { userCommands } from "./user.ts";
import { watchCommands } from "../admin/watch.ts";

export * from "./agent.ts";
export * from "./agent-conversations.ts";
export * from "./backup.ts";
export * from "./catalog.ts";
export * from "./claim.ts";
export * from "./emoji.ts";
export * from "./groups.ts";
export * from "./join-mark.ts";
export * from "./ledger.ts";
export * from "./quarantine.ts";
export * from "./role-manager.ts";
export * from "./room-settings.ts";
export type { AdminRoomPage, AdminRoomRow, RoomFacts } from "./room-admin.ts";
export { agentMode, type AgentMode, type AgentRules, type RoomAgents, type RoomAgentsStopped } from "./room-agents.ts";
export {
  poll,
  recalledMessage,
  roomMessage,
  type Poll,
  type Posted,
  type RecalledMessage,
  type RoomMessage,
} from "./room-message.ts";
export type { PollResults } from "./room-polls.ts";
export type { RoomRestored, RoomWithdrawn } from "./room-recall.ts";
export {
  memberRole,
  roomPosting,
  visibility,
  type MemberRole,
  type RoomPosting,
  type Visibility,
} from "./room-rules.ts";
export {
  afterMuted,
  isReadByMute,
  isSeen,
  seenBefore,
  seenBehind,
  seenCount,
  withSeenMessage,
  type RoomRead,
  type RoomThread,
  type RoomThreads,
  type RoomUnread,
  type SeenMessages,
  type ThreadUnread,
  type TopicInterest,
} from "./room-unread.ts";
export * from "./room.ts";
export * from "./room-files.ts";
export * from "./room-group.ts";
export * from "./room-own.ts";
export * from "./room-links.ts";
export * from "./room-muted.ts";
export * from "./room-mutes.ts";
export * from "./room-previews.ts";
export * from "./room-topics.ts";
export * from "./room-versions.ts";
export * from "./room-view.ts";
export * from "./shared-links.ts";

export * from "./shard-holder.ts";
export * from "./user.ts";
export {
  avatar,
  passkey,
  roleNames,
  sidebar,
  type Avatar,
  type LinkPreviewChoice,
  type Passkey,
  type Sidebar,
} from "./user-shape.ts";
export * from "./user-views.ts";
export * from "./user-about.ts";
export * from "./user-digest.ts";
export * from "./user-drafts.ts";
export * from "./user-storage.ts";
export * from "./user-later.ts";

/** The commands of every kind. */
export const commandTables = {
  room: roomCommands,
  user: userCommands,
  agent: agentCommands,
  catalog: catalogCommands,
  groups: groupsCommands,
  emoji: emojiCommands,
  "role-manager": roleManagerCommands,
  ledger: ledgerCommands,
  "shard-holder": shardHolderCommands,
  backup: allBackupCommands,
  quarantine: quarantineCommands,
  watch: watchCommands,
  claim: claimCommands,
  activity: activityCommands,
} as const satisfies Readonly<Record<Kind, CommandTable>>;

/** A command with its address. */
export interface NamedCommand {
  readonly kind: Kind;
  readonly name: string;
  readonly row: Command;
}

/** Every command, in the order of the tables. */
export const allCommands: readonly NamedCommand[] = (Object.entries(commandTables) as [Kind, CommandTable][]).flatMap(
  ([kind, table]) => Object.entries(table).map(([name, row]) => ({ kind, name, row })),
);

/** Those that a client may send by name, `kind.command`. */
export const clientCommands: readonly NamedCommand[] = allCommands.filter(({ row }) => isFrom(row, "client"));

/** Kinds with a stream that clients may follow. */
export const followedKinds: ReadonlySet<string> = new Set(
  allCommands.filter(({ row }) => isFrom(row, "follower")).map(({ kind }) => kind),
);

/** Kinds of which everybody has one actor, under the own name: clients need not say whose, and follow nobody else's. */
export const ownKinds: ReadonlySet<string> = new Set<Kind>(["user", "ledger"]);

type Tables = typeof commandTables;

type RowNamed<Name extends string> = Name extends `${infer K extends Kind}.${infer C}`
  ? C extends keyof Tables[K]
    ? Tables[K][C]
    : never
  : never;

type ClientNames<K extends Kind> = {
  [C in keyof Tables[K] & string]: "client" extends SourcesOf<Tables[K][C]> ? `${K}.${C}` : never;
}[keyof Tables[K] & string];
type SourcesOf<Row> = Row extends { readonly from: readonly (infer From)[] } ? From : never;

/** The commands that clients send, by name: `room.post`. */
export type CommandName = { [K in Kind]: ClientNames<K> }[Kind];

/** What a command takes. */
export type ParametersOf<Name extends CommandName> =
  RowNamed<Name> extends { readonly params: infer Params extends TSchema } ? Readonly<Static<Params>> : never;

/** What it answers. */
export type AnswerOf<Name extends CommandName> =
  RowNamed<Name> extends { readonly result: infer Result extends TSchema } ? Readonly<Static<Result>> : never;

/** What it leaves behind, and so whether it may be repeated. */
export type EffectOf<Name extends CommandName> =
  RowNamed<Name> extends { readonly effect: infer Does extends CommandEffect } ? Does : never;

/** The commands of one kind that clients send, without the kind's name; and of these, those with this effect. */
export type CommandsOf<K extends Kind, Does extends CommandEffect = CommandEffect> = {
  [C in keyof Tables[K] & string]: Tables[K][C] extends { readonly effect: Does }
    ? "client" extends SourcesOf<Tables[K][C]>
      ? C
      : never
    : never;
}[keyof Tables[K] & string];
