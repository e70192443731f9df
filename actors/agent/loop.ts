/** The loop of tools, the same for the owner's conversation and for rooms: the model calls, the agent runs the calls in
 *  its own turn, the model reads what came of them and goes on.
 *
 *      run ──calls──► is anything left? ──yes──► they are run and kept as a round, in one fact ──► run
 *                            └──no──► the answer ends there, and says so
 *
 *  Invariant: a round is a fact before the model reads it, and no round is run again: after a failover the next run
 *  begins behind it. A tool is given what the model wrote and the turn's time, nothing else: so it reads nothing that
 *  the person who asked, or a reader of the room, may not read. What is called in a room is shown there. */
import {
  cleaned,
  cut,
  wireLimits,
  type ConversationTurn,
  type GenerationRequest,
  type ToolRound,
} from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Run } from "./effects.ts";
import type { Job, Life } from "./shape.ts";
import { declared, runCalls } from "./tools.ts";
import { roundChars } from "./rounds.ts";

/** Whether one more round may be run for an answer: so many rounds, so much text, so much work of the model. */
const isLeft = ({ rounds = [], toolTokens = 0 }: Job): boolean =>
  rounds.length < limits.toolRoundsMax &&
  roundChars(rounds) < limits.toolRoundsCharsMax &&
  toolTokens < limits.toolTokensMax;

/** What a request says of tools: those that the owner allows, and that none may be called where nothing is left of
 *  them. */
export function toolsFor({ tools }: Life, job: Job): Pick<GenerationRequest, "tools" | "toolChoice"> {
  const all = declared(tools);
  return all.length === 0 ? {} : { tools: all, ...(!isLeft(job) && { toolChoice: "none" as const }) };
}

/** Whether what the model called is run. */
export const mayCall = (job: Job, { hasTools, calls }: Run): boolean => hasTools && calls.length > 0 && isLeft(job);

/** Runs what the model called. */
export const roundOf = ({ text, calls }: Run, tools: Life["tools"], nowMs: number): ToolRound => ({
  text: cleaned(cut(text.trim(), limits.toolTextCharsMax), "lines"),
  calls: [...runCalls(calls, tools, nowMs)],
});

/** How an answer ends whose model calls what is not run: in words, behind what it said. */
export function endedByLimit(job: Job, { hasTools, text }: Run): Pick<ConversationTurn, "text" | "limit"> {
  const rounds = job.rounds?.length ?? 0;
  const times = rounds === 1 ? "once" : `${rounds} times`;
  const why = !hasTools
    ? "I wanted to use a tool, and I have none here."
    : rounds === 0
      ? "I wanted to use a tool, and did not say which."
      : `I have used tools ${times} for this answer, and may not use more.`;
  const charsMax = job.source.type === "room" ? wireLimits.messageCharsMax : limits.answerCharsMax;
  const said = cut(text.trim(), charsMax - limits.toolTextCharsMax);
  return { text: [said, `I stopped here: ${why}`].filter((part) => part !== "").join("\n\n"), limit: "tools" };
}
