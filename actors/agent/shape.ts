/** What an agent is, as data. */
import type {
  AgentConversation,
  AgentEvent,
  AgentTool,
  Branched,
  AgentUsageRow,
  ConversationSummary,
  ConversationTurn,
  Fork,
  SaidFile,
  Sampling,
  ToldFile,
  ToolRound,
  UploadedPicture,
  UploadedSound,
} from "../../protocols/index.ts";
import type { Delivered, Mail, Outbox } from "../outbox.ts";
import type { Positioned } from "../stream.ts";
import type { Used } from "./usage.ts";

/** A line of what a mentioned agent was told. */
interface ContextLine {
  readonly author: string;
  readonly text: string;
  /** Absent: told by a node of a version before. */
  readonly seq?: number;
}

/** A mention in a room. */
export interface RoomSource {
  readonly type: "room";
  readonly room: string;
  readonly seq: number;
  /** The message that begins the thread, if it is in one. */
  readonly thread?: number;
  readonly context: readonly ContextLine[];
  /** Files of these messages, the newest first. */
  readonly files?: readonly ToldFile[];
  /** How many more they have. */
  readonly moreFiles?: number;
}

/** What is left of a room's conversation, or of a thread's, that no mention tells any more. */
export interface RoomSummary extends Gist {
  readonly room: string;
  readonly thread?: number;
}

/** What an answer is for. */
export type Source = { readonly type: "conversation"; readonly turn: number } | RoomSource;

/** An answer that is owed. */
export interface Job {
  readonly generation: string;
  /** 0 while it waits for its turn. */
  readonly attempt: number;
  readonly source: Source;
  /** The tools that were called for it so far. */
  readonly rounds?: readonly ToolRound[];
  /** Tokens that the model read anew and wrote in the runs that called them. */
  readonly toolTokens?: number;
  /** How long these runs took. */
  readonly toolMs?: number;
  /** What was written since then, as far as it was noted. */
  readonly soFar?: SoFar;
  /** There is another answer to the same already. */
  readonly isAnew?: true;
  /** Somebody stopped it while it was written: in another life it ends with what there is. */
  readonly stopped?: true;
}

/** The beginning of an answer. */
export interface SoFar {
  readonly text: string;
  readonly tokens: number;
  /** About what runs had read of which no figures came. Absent: nothing, or it went with its node. */
  readonly lost?: number;
}

/** What a person has uploaded for a conversation. */
export type Uploaded = UploadedPicture | UploadedSound;

/** What is kept of a message. */
export type Kept = Uploaded & {
  /** The recall that brought it; it goes when that is taken back. */
  readonly recall?: string;
};

/** What a recall from a backup has brought. */
interface AgentRecall {
  readonly id: string;
  readonly through: number;
  readonly first: number;
  readonly last: number;
  /** It was taken back up to here. */
  readonly withdrawn?: number;
}

/** A conversation in the agent's list. */
export interface Listed extends AgentConversation {
  /** Its title is a person's. */
  readonly named?: true;
  /** When it was opened, as the conversation knows it, too. */
  readonly opening?: number;
  /** The operation that opened it, so that this opens no second one. */
  readonly operation?: string;
}

/** What becomes of the list of conversations, and of the title of one. */
export interface Arranged {
  readonly listed?: Listed;
  readonly unlisted?: number;
  /** A model has been asked for the title of this conversation. */
  readonly titled?: true;
  /** Runs for a title that failed. */
  readonly titleTries?: number;
  readonly title?: string;
  /** Its model is its own. */
  readonly ownModel?: true;
  /** The opening that it came of. */
  readonly opening?: number;
}

/** What exists while the agent does. */
export interface Life {
  readonly persona: string;
  readonly model: string;
  readonly sampling: Sampling;
  /** Those it may use; absent: all. */
  readonly tools?: readonly AgentTool[];
  readonly usage?: readonly AgentUsageRow[];
  /** What runs have told of the model. */
  readonly measure?: Measure;
  /** What stands for the turns that the model does not read any more. */
  readonly summary?: ConversationSummary | null;
  /** The same of paths that were shown before, the newest first. */
  readonly summariesAside?: readonly ConversationSummary[];
  /** The same for rooms, the one that changed last behind the others. */
  readonly roomSummaries?: readonly RoomSummary[];
  readonly createdAtMs: number;
  /** Pictures and sounds that no message names yet. */
  readonly uploads?: readonly Uploaded[];
  /** Those of messages. */
  readonly pictures?: readonly Kept[];
  /** Files of the conversation, as the owner's room has taken them. */
  readonly files?: readonly ShownFile[];
  /** The event with which that room was first asked for files since the conversation is empty. Absent: it was not
   *  asked, or by a node of a version before. */
  readonly filesAt?: number;
  /** What recalls have brought, the newest last: in their order, up to the old turn `through`, as turns from `first` to
   *  `last`. */
  readonly recalls?: readonly AgentRecall[];
  /** Turns that do not follow the one before them, ascending. Absent: none. */
  readonly forks?: readonly Fork[];
  /** The end of the path that is shown. Absent: the newest turn. */
  readonly leaf?: number;
  /** The newest turns of the path that is shown, by number. */
  readonly recent: readonly ConversationTurn[];
  readonly jobs: readonly Job[];
  /** Of an agent: its conversations, once there is a second one. */
  readonly conversations?: readonly Listed[];
  /** Those that do not know the newest settings yet. */
  readonly behind?: readonly number[];
  /** A model has been asked for a title of this conversation. */
  readonly titled?: true;
  readonly titleTries?: number;
  /** The title of a conversation that is not the first, as it told it. */
  readonly title?: string;
  /** The model is this conversation's own. */
  readonly ownModel?: true;
  /** When its agent opened it, so that it knows a repetition of that from another opening. */
  readonly opening?: number;
}

/** Counters outlive a deletion, so that nothing gets a number twice. */
export interface AgentState {
  readonly head: number;
  readonly outbox: Outbox;
  readonly generations: number;
  /** The newest number of a conversation. Absent: there is the first alone. */
  readonly conversations?: number;
  readonly lastTurn: number;
  /** Turns up to here are forgotten, and events up to there with them. */
  readonly turnFloor: number;
  readonly eventFloor: number;
  /** How far the forgotten has been deleted from the disk, a bounded number at a time. */
  readonly turnsErased: number;
  readonly eventsErased: number;
  readonly life: Life | null;
  /** What it keeps in pictures and sounds. Absent: nothing yet, or nobody has counted it. */
  readonly stored?: {
    readonly bytes: number;
    /** Rises with each change of what the owner's account is to be told. */
    readonly version: number;
    /** The newest version that the account has heard. */
    readonly told: number;
  };
}

/** What becomes of that. */
export type StoredChange = { readonly is: "told"; readonly version: number } | { readonly is: "counted" };

type Streamed = Positioned<AgentEvent> & {
  readonly mail?: readonly Mail[];
  readonly job?: Job;
  readonly used?: Used;
  readonly measure?: Measure;
  readonly condensed?: RoomSummary;
  /** What was called for an answer in a room. The event does not have it: it is the room's, and the owner need not be
   *  there. */
  readonly round?: ToolRound;
  readonly branched?: Rebased;
  /** Files that the owner's room has taken for the conversation. */
  readonly filed?: readonly ShownFile[];
  /** That room is asked for files, for the first time. */
  readonly asksFiles?: true;
} & Arranged;

/** Another path is shown. */
export interface Rebased extends Branched {
  /** Its newest turns, where those in memory are not enough. */
  readonly recent?: readonly ConversationTurn[];
}

/** A file of the conversation, and the message of the owner's room that has it. */
export interface ShownFile extends SaidFile {
  readonly seq: number;
}

/** What is persisted. */
export type AgentChange =
  | ({ readonly type: "created"; readonly createdAtMs: number } & Streamed)
  | ({ readonly type: "happened" } & Streamed)
  /** An answer is owed, to a room or anew; nothing is public until it is begun. */
  | { readonly type: "owed"; readonly job: Job }
  /** A picture or a sound is there, for a message to come. */
  | { readonly type: "attached"; readonly picture: Uploaded; readonly recall?: string }
  /** The answer that is being written: behind so many characters it goes on like this. Nobody is told: who follows it
   *  has it. */
  | {
      readonly type: "wrote";
      readonly generation: string;
      readonly offset: number;
      readonly text: string;
      readonly tokens: number;
      /** Somebody stopped it here. */
      readonly stopped?: true;
    }
  /** Records of the forgotten went: turns and events up to these numbers. With `stored` of empty spans, which says
   *  nothing to a node of the version before. */
  | { readonly type: "erased"; readonly turns: Span; readonly events: Span; readonly stored?: StoredChange }
  /** With conversations that are told the settings next, and those that are told later. */
  | (Delivered & { readonly next?: { readonly mail: readonly Mail[]; readonly behind: readonly number[] } });

/** Numbers from `from` through `through`; empty when `through` is less. */
export interface Span {
  readonly from: number;
  readonly through: number;
}

/** What a run has told of the agent's model. */
export interface Measure {
  /** As the agent names it. */
  readonly model: string;
  readonly contextTokens?: number;
  readonly tokensPerChar?: number;
}

/** What is left of what was said up to a place. */
export interface Gist {
  readonly through: number;
  readonly text: string;
}
