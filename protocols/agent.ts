import { Type, type Static } from "typebox";
import { wireLimits as limits } from "./limits.ts";
import { limit, line, nothing, object, position, resume, text, timeMs } from "./schema.ts";

/** How an agent's model picks tokens. Absent fields take the model's defaults. */
export const sampling = object({
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
  topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  maxTokens: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.maxTokensMax })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
});
export type Sampling = Static<typeof sampling>;

const persona = text(limits.personaCharsMax, 0);
const model = line(limits.modelCharsMax);

/** Commands to an agent. Only its owner may send them, but for `mentioned`, which rooms send. */
export const agentCommands = {
  /** (user) Sent by the owner's user actor. */
  create: object({ persona: Type.Optional(persona), model: Type.Optional(model) }),
  describe: nothing,
  update: object({ persona: Type.Optional(persona), model: Type.Optional(model), sampling: Type.Optional(sampling) }),
  /** (user) Ends the agent and deletes its conversation. */
  delete: nothing,
  /** Says something in the direct conversation; the answer streams as events. */
  say: object({ text: text(limits.messageCharsMax) }),
  /** Stops the answer that is being written; what is there stays. */
  stop: nothing,
  /** Writes the last answer again. */
  regenerate: nothing,
  /** Forgets the conversation. */
  clear: nothing,
  history: object({ before: Type.Optional(position), limit: Type.Optional(limit) }),
  resume,
  /** (room) A member mentioned the agent; `context` is the recent conversation, oldest first, the mention last. */
  mentioned: object({
    room: Type.String(),
    seq: position,
    context: Type.Array(object({ author: Type.String(), text: Type.String() }), { maxItems: 64 }),
  }),
} as const;

/** One turn of the direct conversation. */
export const conversationTurn = object({
  turn: position,
  role: Type.Union([Type.Literal("user"), Type.Literal("assistant")]),
  text: Type.String(),
  atMs: timeMs,
  /** Assistant turns: why it ended. `failed` carries `error`. */
  end: Type.Optional(
    Type.Union([Type.Literal("complete"), Type.Literal("length"), Type.Literal("stopped"), Type.Literal("failed")]),
  ),
  error: Type.Optional(Type.String()),
  model: Type.Optional(Type.String()),
  tokens: Type.Optional(position),
});
export type ConversationTurn = Static<typeof conversationTurn>;

/** The answer being written now: its text so far. `turn` is the number it will have in the conversation; absent in rooms. */
export interface Draft {
  readonly generation: string;
  readonly turn?: number;
  readonly text: string;
}

export interface AgentView {
  readonly agent: string;
  readonly owner: string;
  readonly persona: string;
  readonly model: string;
  readonly sampling: Sampling;
  readonly createdAtMs: number;
  readonly turns: number;
  readonly busy: boolean;
}

/** Snapshot for a page that opens the conversation. */
export interface AgentState extends AgentView {
  readonly conversation: readonly ConversationTurn[];
  readonly draft?: Draft;
}

export interface AgentHistory {
  readonly turns: readonly ConversationTurn[];
  readonly more: boolean;
}

/** Durable events of an agent's stream; only its owner reads it. */
export type AgentEvent =
  | { readonly type: "updated"; readonly view: AgentView }
  | { readonly type: "said"; readonly turn: ConversationTurn }
  | {
      readonly type: "generationStarted";
      readonly generation: string;
      readonly turn?: number;
      readonly attempt: number;
    }
  /** The answer, or the new answer in place of the old one with the same `turn.turn`. */
  | { readonly type: "answered"; readonly generation: string; readonly turn: ConversationTurn }
  | { readonly type: "roomAnswered"; readonly generation: string; readonly room: string }
  | { readonly type: "cleared" }
  | { readonly type: "deleted" };

/** Best-effort: a piece of the draft. `text` starts at UTF-16 unit `offset`; a gap means: resume. */
export interface AgentSignal {
  readonly type: "draft";
  readonly generation: string;
  readonly turn?: number;
  readonly offset: number;
  readonly text: string;
}
