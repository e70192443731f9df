import { Type, type Static } from "typebox";
import { answer, command, follow } from "../wire/command.ts";
import type { ErrorCode } from "../errors.ts";
import { wireLimits as limits } from "../limits.ts";
import { recallId, restoredFrom } from "../admin/restored.ts";
import { agentConversationCommands, type AgentConversation } from "./agent-conversations.ts";
import { blobHash, limit, line, nothing, object, position, text, timeMs, type Resumed } from "../wire/schema.ts";
import { fileId, roomFile, saidFile } from "./room-files.ts";

/** How an agent's model picks tokens. Absent fields take the model's defaults. */
export const sampling = object({
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
  topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Only the likeliest so many; 0: all. */
  topK: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  /** Only those that are at least so likely, as a share of the likeliest; 0: all. */
  minP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  maxTokens: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.maxTokensMax })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
});
export type Sampling = Static<typeof sampling>;

/** The tools that an agent can use; it runs them itself. */
export const agentTools = ["clock", "calculator"] as const;
/** One of them. */
export type AgentTool = (typeof agentTools)[number];

const persona = text(limits.personaCharsMax, 0);
const tool = Type.Unsafe<AgentTool>(Type.Union(agentTools.map((name) => Type.Literal(name))));
const tools = Type.Array(tool, {
  maxItems: agentTools.length,
  uniqueItems: true,
});
const model = line(limits.modelCharsMax);
const settings = {
  persona: Type.Optional(persona),
  model: Type.Optional(model),
  sampling: Type.Optional(sampling),
  tools: Type.Optional(tools),
};
/** The settings that the writer has seen. What is changed and is another by now stays: CHANGED_MEANWHILE, with the
 *  settings of now. */
const seen = Type.Optional(object({ ...settings, model: Type.Optional(line(limits.modelCharsMax, 0)) }));

/** What somebody thinks of an answer. */
const thumb = Type.Unsafe<Thumb>(Type.Union([Type.Literal("up"), Type.Literal("down")]));
/** Up: it was good. */
export type Thumb = "up" | "down";
const bytesOfPicture = {
  /** Its bytes are a blob of this name (node/bulk/blobs). */
  hash: blobHash,
  size: Type.Integer({ minimum: 1, maximum: limits.pictureBytesMax }),
  format: Type.Union([Type.Literal("png"), Type.Literal("jpeg"), Type.Literal("webp")]),
  width: Type.Integer({ minimum: 1, maximum: limits.pictureSideMax }),
  height: Type.Integer({ minimum: 1, maximum: limits.pictureSideMax }),
};
/** A picture that somebody has uploaded to show it to an agent. */
export const uploadedPicture = object(bytesOfPicture);
export type UploadedPicture = Static<typeof uploadedPicture>;
/** A picture in a conversation. */
export const picture = object({
  ...bytesOfPicture,
  /** What is in it, for those who do not see it; empty: nobody said. */
  text: Type.String(),
});
export type Picture = Static<typeof picture>;

const bytesOfSound = {
  /** As of a picture. */
  hash: blobHash,
  size: Type.Integer({ minimum: 1, maximum: limits.soundBytesMax }),
  format: Type.Literal("wav"),
  ms: Type.Integer({ minimum: 1, maximum: limits.soundMsMax }),
};
/** A sound that somebody has uploaded for a message to an agent. */
export const uploadedSound = object(bytesOfSound);
export type UploadedSound = Static<typeof uploadedSound>;
/** A sound in a conversation. */
export const sound = object({
  ...bytesOfSound,
  /** What is said in it, for those who do not hear it; empty: nobody wrote it down. */
  text: Type.String(),
});
export type Sound = Static<typeof sound>;
/** The recall that brings it, for turns that came back. It takes nobody's place: where the agent keeps as many as it
 *  may, it is refused with LIMIT_REACHED. */
const broughtBy = Type.Optional(recallId);

/** What an agent keeps of pictures and sounds. */
export interface AgentPictures {
  readonly hashes: readonly string[];
  /** How many more it would keep without dropping one. */
  readonly room?: number;
}

/** Answer to an upload of a sound: with what a model wrote down of it. */
export interface HeardSound extends Sound {
  readonly language?: string;
  /** Why none did. */
  readonly unheard?: ErrorCode;
}

const own = { from: ["client"], permission: "agent.use" } as const;
const view = answer<AgentView>("AgentView");

/** A tool that a model called, and what it was told. */
export const calledTool = object({
  name: Type.String(),
  /** JSON of an object. */
  arguments: Type.String(),
  result: Type.String(),
  /** The tool could not do it; `result` says why. */
  failed: Type.Optional(Type.Literal(true)),
});
export type CalledTool = Static<typeof calledTool>;

/** What a model said before its answer, and the tools it called then. */
export const toolRound = object({ text: Type.String(), calls: Type.Array(calledTool) });
export type ToolRound = Static<typeof toolRound>;

/** How far an answer is that people wait for, as of a call's place; `writing`: its model says something. */
const stage = {
  stage: Type.Optional(
    Type.Union([Type.Literal("queued"), Type.Literal("loading"), Type.Literal("reading"), Type.Literal("writing")]),
  ),
  /** Of `queued`: how many come before it. Absent: it is not known. */
  ahead: Type.Optional(position),
};
export const answerStage = object(stage);
/** Without a stage: a node of the version before tells. */
export type AnswerStage = Static<typeof answerStage>;

/** One turn of the direct conversation. */
export const conversationTurn = object({
  turn: position,
  /** What it follows; 0: nothing. Absent: the turn before it by number. */
  parent: Type.Optional(position),
  role: Type.Union([Type.Literal("user"), Type.Literal("assistant")]),
  text: Type.String(),
  atMs: timeMs,
  /** Of users. One that is not kept any more is not found. */
  pictures: Type.Optional(Type.Array(picture)),
  /** The same. */
  sounds: Type.Optional(Type.Array(sound)),
  /** The same: they are in the owner's own room (`room-own.ts`). */
  files: Type.Optional(Type.Array(saidFile)),
  /** Assistant turns: why it ended. `failed` carries `error`. */
  end: Type.Optional(
    Type.Union([Type.Literal("complete"), Type.Literal("length"), Type.Literal("stopped"), Type.Literal("failed")]),
  ),
  error: Type.Optional(Type.String()),
  /** The limit that ended it, which the text says: its model wanted to call more tools than one answer may. */
  limit: Type.Optional(Type.Literal("tools")),
  model: Type.Optional(Type.String()),
  tokens: Type.Optional(position),
  /** Assistant turns: from the call to the end, waiting and tools included. */
  ms: Type.Optional(timeMs),
  /** Assistant turns: the tools that were called for it. */
  rounds: Type.Optional(Type.Array(toolRound)),
  /** Assistant turns: what the owner thinks of it. */
  thumb: Type.Optional(thumb),
  /** It was begun, lost by a fault or a move, and begun again. */
  again: Type.Optional(Type.Literal(true)),
  /** It came back from a backup, as a new turn: `atMs` is when. */
  restored: Type.Optional(restoredFrom),
});
export type ConversationTurn = Static<typeof conversationTurn>;

/** A file of one of the messages that a mentioned agent is told. */
const toldFile = object({ ...roomFile.properties, seq: position });
export type ToldFile = Static<typeof toldFile>;

/** Commands to an agent: its owner sends them, but for `mentioned`, which rooms send, and `erase`. */
export const agentCommands = {
  /** The owner's user actor sends it. */
  create: command({
    params: { persona: Type.Optional(persona), model: Type.Optional(model) },
    result: view,
    from: ["actor"],
    effect: "changes",
    summary: "Creates the agent",
  }),
  describe: command({
    ...own,
    params: {},
    result: view,
    effect: "reads",
    http: ["GET", "/agents/:agent"],
    summary: "The agent's settings",
  }),
  update: command({
    ...own,
    params: { ...settings, seen },
    result: view,
    effect: "changes",
    http: ["PATCH", "/agents/:agent"],
    summary: "Changes persona, model, sampling or tools; of another conversation than the first, its model",
  }),
  /** The owner's user actor sends it. */
  delete: command({
    params: {},
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Ends the agent and deletes its conversation",
  }),
  say: command({
    ...own,
    params: {
      /** Empty: the sounds say it, or the files. */
      text: text(limits.messageCharsMax, 0),
      /** Uploaded before. */
      pictures: Type.Optional(
        Type.Array(object({ hash: blobHash, text: Type.Optional(line(limits.pictureTextCharsMax, 0)) }), {
          maxItems: limits.picturesPerMessageMax,
        }),
      ),
      sounds: Type.Optional(
        Type.Array(object({ hash: blobHash, text: Type.Optional(line(limits.soundTextCharsMax, 0)) }), {
          maxItems: limits.soundsPerMessageMax,
        }),
      ),
      /** Uploaded before for this conversation, or shown in it. Errors: NOT_FOUND, LIMIT_REACHED. */
      files: Type.Optional(Type.Array(fileId, { maxItems: limits.filesPerMessageMax })),
      /** The turn that it follows, an answer; 0: it begins anew. What followed there is another branch from then on.
       *  Absent: the end of the path that is shown. */
      parent: Type.Optional(position),
    },
    result: answer<AgentAsked>("AgentAsked"),
    effect: "changes",
    http: ["POST", "/agents/:agent/say"],
    summary: "Says something; the answer streams over the WebSocket",
  }),
  /** What was written stays. */
  stop: command({
    ...own,
    params: {},
    result: nothing,
    effect: "changes",
    http: ["POST", "/agents/:agent/stop"],
    summary: "Stops the answer that is being written",
  }),
  /** The answer that was there is another branch from then on. */
  regenerate: command({
    ...own,
    params: { turn: Type.Optional(position) },
    result: answer<AgentAsked>("AgentAsked"),
    effect: "changes",
    http: ["POST", "/agents/:agent/regenerate"],
    summary: "Regenerates an answer, without a turn the last one",
  }),
  /** An answer that is being written on another path ends with what was written. */
  branch: command({
    ...own,
    params: { turn: position },
    result: answer<AgentBranched>("AgentBranched"),
    effect: "changes",
    http: ["PUT", "/agents/:agent/branch"],
    summary: "Shows the newest branch that has a turn; the conversation goes on there",
  }),
  /** Of an answer that is in the agent's memory: the newest ones are. */
  rate: command({
    ...own,
    params: { turn: position, thumb: Type.Optional(thumb) },
    result: answer<AgentRated>("AgentRated"),
    effect: "changes",
    http: ["PUT", "/agents/:agent/turns/:turn/thumb"],
    summary: "Says whether an answer was good; without a thumb, takes that back",
  }),
  clear: command({
    ...own,
    params: {},
    result: nothing,
    effect: "changes",
    http: ["POST", "/agents/:agent/clear"],
    summary: "Forgets the conversation",
  }),
  history: command({
    ...own,
    /** `of`: a turn of the path that is read; absent: the path that is shown. */
    params: { before: Type.Optional(position), limit: Type.Optional(limit), of: Type.Optional(position) },
    result: answer<AgentHistory>("AgentHistory"),
    effect: "reads",
    http: ["GET", "/agents/:agent/turns"],
    summary: "A page of the conversation, oldest first",
    answers: "page",
  }),
  usage: command({
    ...own,
    params: {},
    result: answer<AgentUsage>("AgentUsage"),
    effect: "reads",
    http: ["GET", "/agents/:agent/usage"],
    summary: "How much its answers used models, by day",
    answers: "page",
  }),
  resume: follow<Resumed<AgentState, AgentEvent>>("Resumed"),
  /** `context` is the recent conversation, oldest first, the mention last; `thread` the message that its thread begins
   *  with. */
  mentioned: command({
    params: {
      room: Type.String(),
      seq: position,
      thread: Type.Optional(position),
      context: Type.Array(object({ author: Type.String(), text: Type.String(), seq: Type.Optional(position) }), {
        maxItems: 64,
      }),
      /** Files of these messages, the newest first. */
      files: Type.Optional(Type.Array(toldFile, { maxItems: limits.filesPerMentionMax })),
      /** How many more there are. */
      moreFiles: Type.Optional(position),
    },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells the agent that a member of a room mentioned it",
  }),
  /** The room has checked who wants it. An answer that is not owed any more is left as it is. */
  stopMention: command({
    params: { room: Type.String(), seq: position },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Stops the answer to a mention; what was written is posted",
  }),
  /** The room asks, when it has come into memory: each answer that it waits for is told it anew, as drafts. */
  tellRoom: command({
    params: { room: Type.String() },
    result: nothing,
    from: ["actor"],
    effect: "signals",
    summary: "Tells a room how far the answers are that it waits for",
  }),
  /** Its bytes are stored; a message that names it shows it. */
  attach: command({
    params: { ...bytesOfPicture, recall: broughtBy },
    result: answer<UploadedPicture>("UploadedPicture"),
    from: ["gateway", "node"],
    effect: "changes",
    summary: "Has a picture ready for a message",
  }),
  /** The same of a sound. */
  attachSound: command({
    params: { ...bytesOfSound, recall: broughtBy },
    result: answer<UploadedSound>("UploadedSound"),
    from: ["gateway", "node"],
    effect: "changes",
    summary: "Has a sound ready for a message",
  }),
  /** Errors: NOT_FOUND. */
  sound: command({
    ...own,
    params: { hash: blobHash },
    result: answer<UploadedSound>("UploadedSound"),
    effect: "reads",
    summary: "What a sound of the conversation is",
  }),
  /** Errors: NOT_FOUND. */
  picture: command({
    ...own,
    params: { hash: blobHash },
    result: answer<UploadedPicture>("UploadedPicture"),
    effect: "reads",
    summary: "What a picture of the conversation is",
  }),
  /** Turns by their numbers, from one on. Error: NOT_FOUND. */
  entries: command({
    params: { from: position, limit: Type.Integer({ minimum: 1, maximum: limits.pageEntriesMax }) },
    result: answer<AgentEntries>("AgentEntries"),
    from: ["node"],
    effect: "reads",
    summary: "Turns by their numbers",
    answers: "page",
  }),
  /** Adds turns of a backup behind the newest, in their order, without those that the same recall has brought. Errors:
   *  NOT_FOUND, BAD_REQUEST (the recall was withdrawn). */
  restore: command({
    params: {
      recall: recallId,
      snapshot: position,
      backupAtMs: timeMs,
      turns: Type.Array(conversationTurn, { minItems: 1, maxItems: limits.restoredPerEventMax }),
    },
    result: answer<AgentRestored>("AgentRestored"),
    from: ["node"],
    effect: "changes",
    summary: "Adds turns of a backup as new ones",
  }),
  /** Removes what a recall brought, some of it at a time. Error: NOT_FOUND. */
  withdraw: command({
    params: { recall: recallId },
    result: answer<AgentWithdrawn>("AgentWithdrawn"),
    from: ["node"],
    effect: "changes",
    summary: "Removes what a recall brought",
  }),
  /** The node asks which of the blobs that it has are still needed. */
  pictures: command({
    params: {},
    result: answer<AgentPictures>("AgentPictures"),
    from: ["node"],
    effect: "reads",
    summary: "The pictures and sounds that the agent keeps",
  }),
  ...agentConversationCommands,
  /** The agent tells a conversation its settings: when it begins, and when they changed. */
  configure: command({
    params: {
      persona,
      model: line(limits.modelCharsMax, 0),
      sampling,
      tools,
      begin: Type.Optional(Type.Boolean()),
      /** The conversation keeps this model, whatever the agent's is. */
      own: Type.Optional(Type.Boolean()),
      /** A person has named the conversation: it asks no model for a title. */
      named: Type.Optional(Type.Boolean()),
      /** When the agent opened it: one that lives already and came of another opening refuses. */
      opening: Type.Optional(timeMs),
    },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells a conversation the agent's settings",
  }),
  /** Its node, or the agent itself: the owner's account hears again what is kept here. */
  tellStored: command({
    params: {},
    result: nothing,
    from: ["actor", "node"],
    effect: "changes",
    summary: "Has the owner's account told how much is kept",
  }),
  /** The agent tells it to itself. */
  erase: command({
    params: {},
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Goes on deleting what was forgotten",
  }),
} as const;

/** Answer to `say` and `regenerate`: the turn, and the name of the generation that answers it. */
export interface AgentAsked {
  readonly turn: number;
  readonly generation: string;
}

/** Answer to `branch`: where the path that is shown ends now. */
export interface AgentBranched {
  readonly leaf: number;
}

/** Answer to `rate`: what is thought of it now, and what was before. */
export interface AgentRated {
  readonly turn: number;
  /** The model that wrote the answer; absent: it is not known. */
  readonly model?: string;
  readonly thumb?: Thumb;
  readonly before?: Thumb;
}

/** The answer being written now: its text so far. `turn` is the number it will have in the conversation; absent in
 *  rooms. */
export interface Draft extends AnswerStage {
  readonly generation: string;
  readonly turn?: number;
  readonly text: string;
  /** The tools that were called for it so far. */
  readonly rounds?: readonly ToolRound[];
}

export interface AgentView {
  readonly agent: string;
  readonly owner: string;
  readonly persona: string;
  readonly model: string;
  readonly sampling: Sampling;
  /** Those it may use; absent: of a node that knows none. */
  readonly tools?: readonly AgentTool[];
  readonly createdAtMs: number;
  readonly turns: number;
  readonly busy: boolean;
  /** Absent: the model reads the conversation from its beginning. */
  readonly summary?: ConversationSummary;
  /** What there is beside the path that is shown; events do not repeat it. Absent: an older node does not say. */
  readonly branches?: Branches;
}

/** A turn that does not follow the one before it by number. */
export interface Fork {
  readonly turn: number;
  /** What it follows; the floor, or less: it is a first turn. */
  readonly parent: number;
}

/** What is to be known of a conversation to find its paths. */
export interface Branches {
  /** By their turns, ascending. */
  readonly forks: readonly Fork[];
  /** The end of the path that is shown. It may be an answer to come. */
  readonly leaf: number;
  /** Turns up to here are forgotten. */
  readonly floor: number;
  /** The newest number that was given out. */
  readonly last: number;
}

/** What stands for the oldest turns where the model does not read them any more. */
export interface ConversationSummary {
  /** The last of those turns. */
  readonly through: number;
  /** As the model summed them up; empty: there is nothing of them. */
  readonly text: string;
  readonly atMs: number;
  /** Some of them are not in it: they could not be summed up. */
  readonly missing?: true;
}

/** Snapshot for a page that opens the conversation. */
export interface AgentState extends AgentView {
  readonly conversation: readonly ConversationTurn[];
  readonly draft?: Draft;
  /** Answers of the conversation that wait behind others of the agent, in their order. Absent: none. */
  readonly waiting?: readonly (AnswerStage & { readonly generation: string; readonly turn: number })[];
  /** Of an agent with several conversations. */
  readonly conversations?: readonly AgentConversation[];
}

export interface AgentHistory {
  readonly turns: readonly ConversationTurn[];
  readonly more: boolean;
}

/** Answer to `entries`. Turns up to `floor` were forgotten. */
export interface AgentEntries extends AgentHistory {
  readonly floor: number;
}

/** Answer to `restore`: what came now, by the numbers that it had and has. */
export interface AgentRestored {
  readonly restored: readonly (readonly [was: number, turn: number])[];
}

/** Answer to `withdraw`. `more`: it must be sent again. */
export interface AgentWithdrawn {
  readonly removed: number;
  readonly more: boolean;
}

/** What an agent's runs of one model took on one day, its answers in rooms included. A run that failed says no
 *  figures. */
export interface AgentUsageRow {
  /** `2026-05-04`, in UTC. */
  readonly day: string;
  /** The agent's model when it ran; empty: the default. */
  readonly model: string;
  readonly runs: number;
  readonly promptTokens: number;
  /** Of the prompt's, those that were in the model's memory from before. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** From the call to the answer, waiting included. */
  readonly ms: number;
}

/** The last days that had any, oldest first. */
export interface AgentUsage {
  readonly rows: readonly AgentUsageRow[];
}

/** Durable events of an agent's stream; only its owner reads it. */
export type AgentEvent =
  | {
      readonly type: "updated";
      readonly view: AgentView;
      /** A conversation was opened, or is listed in another way. */
      readonly listed?: AgentConversation;
      /** The conversation with this number was deleted. */
      readonly unlisted?: number;
    }
  | { readonly type: "said"; readonly turn: ConversationTurn }
  | {
      readonly type: "generationStarted";
      readonly generation: string;
      readonly turn?: number;
      readonly attempt: number;
      /** Tools were called: the run that starts now reads their results. */
      readonly round?: ToolRound;
    }
  /** The answer, or the new answer in place of the old one with the same `turn.turn`; the same one once it was rated,
   *  of no generation. */
  | { readonly type: "answered"; readonly generation: string; readonly turn: ConversationTurn }
  /** Turns came back from a backup, behind the newest. */
  | {
      readonly type: "restored";
      readonly recall: string;
      readonly turns: readonly ConversationTurn[];
      /** The path that is shown still ends here: its owner went on there. Absent: it ends with these. */
      readonly leaf?: number;
    }
  /** A recall was taken back, up to the turn `through`: these numbers are gone. */
  | {
      readonly type: "withdrawn";
      readonly recall: string;
      readonly through: number;
      readonly turns: readonly number[];
      /** Nothing is gone: these turns, or the newest of them, are on the path no more. */
      readonly branched?: Branched;
    }
  | { readonly type: "roomAnswered"; readonly generation: string; readonly room: string }
  | { readonly type: "cleared" }
  | { readonly type: "deleted" };

/** Another path is shown: up to `parent` it is the one that was shown, and it ends with `leaf`. */
export interface Branched {
  readonly parent: number;
  readonly leaf: number;
  /** It is new, and ends behind this. Absent: it was there. */
  readonly fork?: Fork;
}

/** Best-effort: a piece of the draft, perhaps an empty one that only says how far the answer is. `text` starts at
 *  UTF-16 unit `offset`; a gap means: resume. */
export interface AgentSignal extends AnswerStage {
  readonly type: "draft";
  readonly generation: string;
  readonly turn?: number;
  readonly offset: number;
  readonly text: string;
}
