/** What a room is, as data. */
import type {
  AnswerStage,
  FileStripe,
  FileText,
  FoundType,
  KeptFile,
  MessageVersion,
  RoomBan,
  RoomEvent,
  RoomMessage,
  RoomSettings,
  RoomUpload,
  ToolRound,
  RoomLink,
  SeenMessages,
  TopicInterest,
  RoomWarning,
  Visibility,
} from "../../protocols/index.ts";
import type { Sender } from "../behavior.ts";
import type { Delivered, Mail, Outbox } from "../outbox.ts";
import type { Positioned } from "../stream.ts";
import type { MemberTable, Table } from "./members.ts";
import type { Thread } from "./threads.ts";
import type { OpenPoll } from "./votes.ts";

/** A room that was created. */
export interface Room extends RoomSettings {
  readonly head: number;
  readonly outbox: Outbox;
  readonly visibility: Visibility;
  readonly createdAtMs: number;
  readonly members: MemberTable;
  /** The agents among the members, to find who is mentioned. */
  readonly agents: readonly string[];
  readonly messageSeq: number;
  /** The newest messages, oldest first, without a gap: the last one's seq is `messageSeq`. */
  readonly recent: readonly RoomMessage[];
  /** Older messages that changed lately, least recently changed first. */
  readonly changed: readonly RoomMessage[];
  /** Counts changes to older messages, so that a reader knows whether `changed` still has all of them since a read. */
  readonly changes: number;
  /** Absent: nobody was ever banned. Those that have ended go when the next one is added. */
  readonly bans?: readonly RoomBan[];
  /** Warnings, oldest first. Absent: nobody was ever warned. */
  readonly warnings?: readonly KeptWarning[];
  /** Links by which people come in, oldest first. Absent: there was never one. */
  readonly links?: readonly KeptLink[];
  /** Those who left while they had to wait, the newest last. Absent: there was never one. */
  readonly waiting?: readonly { readonly member: string; readonly postedAtMs: number }[];
  /** Polls that take votes, oldest first. Absent: there was never one. */
  readonly polls?: readonly OpenPoll[];
  /** What recalls have brought, the newest last. Absent: there was never one. */
  readonly recalls?: readonly RoomRecall[];
  /** Answers that were posted into their threads only. Absent: there was never one. */
  readonly quiet?: number;
  /** The threads that were written in last, the newest at the end. Absent: there was never one. */
  readonly threads?: readonly Thread[];
  /** Absent: there was never one. */
  readonly topics?: Table<KeptTopic>;
  /** A move between topics that has begun: the rest is owed, also after this node. Absent: there is none. */
  readonly moving?: OwedMove;
  /** Answers of agents that are owed, in the order in which they were asked for. Absent: there was never one. */
  readonly asked?: readonly Asked[];
  /** Turns of agents that agents called since a person has said something. Absent: there was never one. */
  readonly agentTurns?: number;
  /** What answers of agents took on the last day on which there were any. */
  readonly agentTokens?: { readonly day: number; readonly tokens: number };
  /** The first two people who have written, in a conversation of several. Absent: nobody, or a node of a version before
   *  has lost them; then those of `recent` are known. */
  readonly writers?: readonly string[];
  /** Files that come, or wait to be posted, oldest first. Absent: there was never one. */
  readonly uploads?: readonly Upload[];
  /** Files of messages that a scanner has to look at, in the order in which that is tried. Absent: there was never
   *  one. */
  readonly checks?: readonly Check[];
  /** What people keep in files of messages. Absent: nobody has counted it yet. */
  readonly stored?: Stored;
  /** Messages deleted within the event window: older events still hold their texts, which are not given out again. */
  readonly deletions: readonly Deletion[];
  /** Events up to this one are not given out any more: too much was deleted to know all of it. Absent: none. */
  readonly eventsFrom?: number;
}

/** What a recall has brought: nothing that had a position up to `through`, or one of `done`, comes again. */
interface RoomRecall {
  readonly id: string;
  readonly through: number;
  readonly done: readonly number[];
  /** Where its messages are now: from the first to the last, with others between them. */
  readonly first: number;
  readonly last: number;
  /** It was taken back up to here. */
  readonly withdrawn?: number;
}

/** How many bytes people keep here in files of messages, by principal. */
export interface Stored {
  readonly counts: Readonly<Record<string, number>>;
  /** The room's head up to which this is so. */
  readonly head: number;
  /** What uploads came to with that, by principal: other than the state's where a node that does not count has begun
   *  or dropped some. Absent: none. */
  readonly uploaded?: Readonly<Record<string, number>>;
  /** Rises with each change of what somebody is to be told. */
  readonly version: number;
  /** Those whose accounts do not know yet, with the version that they are to know. */
  readonly untold: Readonly<Record<string, number>>;
  /** Uploads of such people that are none any more, oldest first: their accounts may have room reserved for them until
   *  they are told. Absent: none. */
  readonly ended?: readonly Pick<Upload, "id" | "by">[];
}

/** What becomes of the count. */
export type StoredChange =
  | { readonly is: "told"; readonly who: string; readonly version: number }
  /** As the records have it. */
  | { readonly is: "counted"; readonly counts: Stored["counts"] };

/** A file that a scanner has to look at, and where it is kept. */
export interface Check {
  readonly id: string;
  readonly seq: number;
  readonly place: number;
  /** Who sent it; absent: a node of the version before has added it. */
  readonly by?: string;
  /** How often that failed. */
  readonly tries: number;
  /** Not before this moment. */
  readonly dueMs: number;
}

/** A deleted message, and the position of the event that deleted it. */
interface Deletion {
  readonly seq: number;
  readonly at: number;
  readonly atMs: number;
}

/** Null until somebody creates the room. */
export type RoomState = Room | null;

/** What is persisted: an event of the stream with the mail it causes, a read marker, or the end of a delivery. */
export type RoomChange =
  | (Positioned<RoomEvent> & {
      readonly type: "happened";
      readonly mail?: readonly Mail[];
      /** The files of the message that is posted. */
      readonly kept?: readonly KeptFile[];
      /** The files of the message that is deleted. */
      readonly gone?: readonly KeptFile[];
      /** The topics of messages that are deleted. */
      readonly left?: readonly LeftTopic[];
      /** Pictures of previews that the message has from now on, and those that it has no more. */
      readonly pictures?: Pictures;
      /** What is known of a file from now on, and its blobs that are not needed any more. */
      readonly checked?: { readonly file: KeptFile; readonly place: number; readonly gone: readonly string[] };
      /** What the message said that is edited. Absent: it is not kept. */
      readonly was?: Was;
      /** Tokens that the answer took which is posted. */
      readonly took?: number;
      /** Of `restored`: nothing that had a position up to here comes any more in this recall. */
      readonly settled?: number;
    })
  /** Nobody else's business: it has no position in the stream. */
  | {
      readonly type: "readMarked";
      readonly member: string;
      readonly seq: number;
      readonly thread?: number;
      /** Whether the member follows the thread from now on. To nodes of versions before it is read, and no more. */
      readonly follow?: boolean;
      /** The marker of the thread goes back. Nodes of versions before leave it where it is. */
      readonly back?: true;
      /** What does not count behind the marker, as the records say. Absent: what is in memory says it. */
      readonly own?: number;
      readonly quiet?: number;
      /** Messages behind the marker that were read in their topic. Absent: as before, behind where the marker goes. */
      readonly seen?: SeenMessages;
    }
  /** What becomes of an upload. Of nobody's marker, which nodes of versions before pass over. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly upload: UploadChange }
  /** What becomes of a piece of a file: records alone. Of nobody's marker, too. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly striping: StripingChange }
  /** The same, of what becomes of a link. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly link: LinkChange }
  /** The same: earlier texts of messages are forgotten, below this key. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly forget: string }
  /** The same: the people of a conversation, which a node of the version before has lost. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly people: readonly string[] }
  /** The same: an answer is not owed any more, and nothing is said of it. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly unasked: UnaskedChange }
  /** The same: what stands in a file, a record alone. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly filed: FiledText }
  /** The same: what becomes of a warning. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly warning: WarningChange }
  /** The same: what people keep in the room. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly stored: StoredChange }
  /** The same: what a member interests of a topic. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly interest: InterestChange }
  /** The same: how far a move is; null: it is over. */
  | { readonly type: "readMarked"; readonly member: ""; readonly seq: 0; readonly moving: BegunMove | null }
  /** As it was written before `follow`: no node writes it. */
  | { readonly type: "threadFollowed"; readonly member: string; readonly root: number; readonly follow: boolean }
  | Delivered;

/** A topic that a message has no more. */
export interface LeftTopic {
  readonly seq: number;
  readonly topic: string;
}

/** What a topic is to a member. */
export interface InterestChange {
  readonly member: string;
  readonly topic: string;
  readonly interest: TopicInterest | "none";
}

/** What becomes of pictures of previews. Those that go are named as the message names them. */
export interface Pictures {
  readonly made: readonly KeptFile[];
  readonly gone: readonly string[];
}

/** What stands in a file of a message. */
export interface FiledText extends FileText {
  readonly seq: number;
  readonly place: number;
  /** It is tried once more. */
  readonly tried?: true;
}

/** What a message said, and where that is kept: beyond the last place the oldest is written over. */
export interface Was extends MessageVersion {
  readonly author: string;
  readonly seq: number;
  readonly place: number;
}

/** A link as the room keeps it: with the hash of its secret. */
export interface KeptLink extends RoomLink {
  readonly hash: string;
}

/** What becomes of a link. */
export type LinkChange =
  /** `ended`: those that had ended by then. */
  | { readonly is: "made"; readonly link: KeptLink; readonly ended: readonly string[] }
  | { readonly is: "ended"; readonly id: string };

/** A topic, as the room keeps it. */
export interface KeptTopic {
  readonly name: string;
  readonly count: number;
  readonly lastSeq: number;
  readonly lastAtMs: number;
  /** Whose message began it. */
  readonly by?: string;
  readonly resolved?: true;
  /** Members who follow or mute it, as `Member.topics` has it. */
  readonly readers?: Readonly<Record<string, TopicInterest>>;
}

/** A warning as the room keeps it. */
export interface KeptWarning extends RoomWarning {
  /** The person's account does not know of it yet. */
  readonly untold?: true;
}

/** What becomes of a warning. */
export type WarningChange =
  | { readonly is: "made"; readonly warning: KeptWarning }
  | { readonly is: "told"; readonly id: string }
  | { readonly is: "read"; readonly id: string; readonly atMs: number }
  /** The account of the member is gone. */
  | { readonly is: "forgotten"; readonly member: string };

/** A file that comes, or waits to be posted. */
export interface Upload extends Omit<RoomUpload, "expiresAtMs"> {
  readonly by: string;
  /** When it began, or the last part was kept. */
  readonly atMs: number;
  /** The last to take it over asked how far it is, and writes nothing. */
  readonly asked?: true;
}

/** What becomes of an upload. */
export type UploadChange =
  /** `ended`: those that have expired by then. */
  | { readonly is: "begun"; readonly upload: Upload; readonly ended: readonly string[] }
  | { readonly is: "taken"; readonly id: string; readonly epoch: number; readonly asked?: true }
  | {
      readonly is: "grown";
      readonly id: string;
      readonly index: number;
      readonly part: string;
      readonly offset: number;
      readonly atMs: number;
      readonly found?: FoundType;
    }
  | { readonly is: "dropped"; readonly id: string }
  /** A file of a message could not be checked; it is tried again. `waits`: no scanner has looked, which is no try.
   *  To nodes of the version before it is one of
   *  `dropped`, of an upload that is none any more. */
  | { readonly is: "delayed"; readonly id: string; readonly dueMs: number; readonly waits?: true };

/** A piece of a file that is in a stripe. */
export interface Striped extends FileStripe {
  /** The file, and the message that has it. */
  readonly id: string;
  readonly seq: number;
  /** The number of the first part. */
  readonly first: number;
  readonly parts: readonly string[];
}

/** What becomes of a piece of a file. */
export interface StripingChange {
  /** `left`: the file is gone. */
  readonly is: "striped" | "settled" | "left";
  readonly striped: Striped;
}

/** An answer that is owed to the room. */
export interface Asked {
  readonly agent: string;
  readonly seq: number;
  readonly by: string;
  readonly atMs: number;
  /** The person at whose word agents called each other. Absent: `by`. */
  readonly person?: string;
  /** The agent answers every message: nobody has mentioned it. */
  readonly always?: true;
}

/** The answer that is not owed any more. */
export type UnaskedChange = Pick<Asked, "agent" | "seq">;

/** What an agent has told of an answer. */
export interface Progress extends AnswerStage {
  readonly generation: string;
  /** Undefined: a piece was missed. */
  readonly text: string | undefined;
  readonly rounds?: readonly ToolRound[];
}

/** Messages that are on their way to another topic: a message with its answers, this and all later ones, or all. */
export interface Moving {
  readonly what: "thread" | "later" | "all";
  /** How many have moved. */
  readonly moved: number;
  readonly from?: string;
  readonly to?: string;
}

/** A move of which some has moved, and the rest is owed. */
export interface BegunMove extends Moving {
  readonly first: number;
  /** What is before this has moved. */
  readonly next: number;
  readonly isOwn: boolean;
  readonly by: Sender;
}

/** The same in the room's state, which is folded by nodes that know of moves. */
export interface OwedMove extends BegunMove {
  /** The room's newest event. A node of the version before leaves it as it is. */
  readonly head: number;
}

/** What a room remembers only while in memory. */
export interface RoomNotes {
  readonly progress: Readonly<Record<string, Progress>>;
  /** What goes to another topic now; one at a time. */
  readonly moving?: Moving | null;
  /** The file that a scanner looks at now. */
  readonly scanning?: string | null;
  /** Those whose files were looked at, the one who was last at the end. */
  readonly scanned?: readonly string[];
  /** How often it changed which stripes pieces of files are in: what was read before may not be so any more. */
  readonly stripings?: number;
  /** How often files of messages came or went. */
  readonly filings?: number;
  /** The messages whose files came or went last, one entry for each of `filings`; the last at the end. */
  readonly filed?: readonly number[];
  /** How often files of a conversation were to be dropped: what was asked for before is not taken any more. */
  readonly drops?: number;
  /** The last one whom the reminder of what is kept had told. */
  readonly toldUpTo?: string;
  /** The last warning that a reminder has told. */
  readonly warnedUpTo?: string;
}
