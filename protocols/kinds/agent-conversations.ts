/** Conversations of a person with one agent. The first is the agent's own actor, each other one an actor of the same
 *  kind whose key has the number behind the agent's: `ada.helper`, `ada.helper.3`. The agent has the list. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, nothing, object, position, timeMs } from "../wire/schema.ts";
import type { Static } from "typebox";

const title = line(limits.conversationTitleCharsMax);
const folder = line(limits.conversationLabelCharsMax, 0);
const tags = Type.Array(line(limits.conversationLabelCharsMax), {
  maxItems: limits.conversationTagsMax,
  uniqueItems: true,
});
const model = line(limits.modelCharsMax);
/** 0: the first. */
const number = position;

const sorted = {
  /** In which it is listed. */
  folder: Type.Optional(folder),
  tags: Type.Optional(tags),
};

/** One of them. */
const agentConversation = object({
  number,
  /** What it is about; empty: nothing was said yet. */
  title: Type.String(),
  ...sorted,
  favourite: Type.Optional(Type.Literal(true)),
  archived: Type.Optional(Type.Literal(true)),
  /** Its own; absent: the agent's. */
  model: Type.Optional(Type.String()),
  createdAtMs: timeMs,
  /** When something was said there last, or it was opened. */
  usedAtMs: timeMs,
});
export type AgentConversation = Static<typeof agentConversation>;

/** All of them, the one that was used last first. */
export interface AgentConversations {
  readonly conversations: readonly AgentConversation[];
}

const own = { from: ["client"], permission: "agent.use" } as const;
const one = answer<AgentConversation>("AgentConversation");

/** Commands about them: of the owner to the agent, and between agent and conversations. */
export const agentConversationCommands = {
  /** Answered when it can be talked in. Errors: LIMIT_REACHED, OVERLOADED. */
  open: command({
    ...own,
    params: { title: Type.Optional(title), model: Type.Optional(model), folder: Type.Optional(folder) },
    result: one,
    effect: "changes",
    http: ["POST", "/agents/:agent/conversations"],
    summary: "Opens another conversation with the agent",
  }),
  conversations: command({
    ...own,
    params: {},
    result: answer<AgentConversations>("AgentConversations"),
    effect: "reads",
    http: ["GET", "/agents/:agent/conversations"],
    summary: "The conversations with the agent, the one that was used last first",
    answers: "list",
  }),
  /** What is absent stays; an empty folder takes it out of its folder, an empty list its tags away. Error:
   *  NOT_FOUND. */
  arrange: command({
    ...own,
    params: {
      number,
      title: Type.Optional(title),
      ...sorted,
      favourite: Type.Optional(Type.Boolean()),
      archived: Type.Optional(Type.Boolean()),
    },
    result: one,
    effect: "changes",
    http: ["PATCH", "/agents/:agent/conversations/:number"],
    summary: "Names and sorts a conversation",
  }),
  /** The first is cleared instead. Errors: NOT_FOUND, BAD_REQUEST. */
  drop: command({
    ...own,
    params: { number },
    result: nothing,
    effect: "changes",
    http: ["DELETE", "/agents/:agent/conversations/:number"],
    summary: "Deletes a conversation with everything in it",
  }),
  /** A conversation tells its agent that it was used, and its title. */
  told: command({
    params: {
      number,
      usedAtMs: Type.Optional(timeMs),
      /** Empty: what it was called after is forgotten. */
      title: Type.Optional(line(limits.conversationTitleCharsMax, 0)),
      model: Type.Optional(model),
    },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Tells an agent what became of a conversation",
  }),
  /** A recall brings back what a conversation said that is no more. */
  reopen: command({
    params: {
      number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      title: Type.Optional(title),
      model: Type.Optional(model),
    },
    result: one,
    from: ["node"],
    effect: "changes",
    summary: "Makes a conversation again under its number",
  }),
} as const;
