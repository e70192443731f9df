/** What the model gets to read: the persona, then as much of the newest conversation as fits, then the tools that were called for
 *  this answer. */
import type { ChatMessage, ToolRound } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Job, Life } from "./state.ts";

/** The messages for a job. `halvings` says how often the model has found the context too long already; without tools a model cannot
 *  read what tools answered either. */
export function contextFor(
  life: Life,
  job: Job,
  key: string,
  { halvings, hasTools }: { readonly halvings: number; readonly hasTools: boolean },
): readonly ChatMessage[] {
  const budget = Math.floor(limits.contextChars / 2 ** halvings);
  const { persona } = life;
  const withPersona = persona !== "" && (halvings === 0 || persona.length <= budget / 2);
  const lines =
    job.source.type === "room" ? roomLines(job.source.context, key) : conversationLines(life, job.source.turn);
  const called = hasTools ? calledMessages(job.rounds ?? []) : [];
  let left = called.reduce((rest, { content }) => rest - content.length, budget - (withPersona ? persona.length : 0));
  const chosen: ChatMessage[] = [];
  for (const line of lines.toReversed()) {
    left -= line.content.length;
    if (chosen.length > 0 && left < 0) break;
    chosen.push(line);
  }
  const newest = chosen.toReversed();
  return [...(withPersona ? [{ role: "system", content: persona } as const] : []), ...newest, ...called];
}

/** The calls as the model made them, and after each time what the tools answered. */
const calledMessages = (rounds: readonly ToolRound[]): readonly ChatMessage[] =>
  rounds.flatMap(({ text, calls }, round) => {
    // Nine letters and digits: the strictest of the templates and servers takes no other.
    const idOf = (index: number): string => `call${String(round * limits.toolCallsMax + index).padStart(5, "0")}`;
    const made = calls.map(({ name, arguments: given }, index) => ({ id: idOf(index), name, arguments: given }));
    return [
      { role: "assistant" as const, content: text, calls: made },
      ...calls.map(({ result }, index) => ({ role: "tool" as const, content: result, callId: idOf(index) })),
    ];
  });

/** How often to halve so that the context gets shorter; undefined when only the last message is left. */
export function nextHalvings(
  life: Life,
  job: Job,
  key: string,
  { halvings, hasTools }: { readonly halvings: number; readonly hasTools: boolean },
): number | undefined {
  const now = contextFor(life, job, key, { halvings, hasTools }).length;
  for (let next = halvings + 1; next <= limits.contextHalvingsMax; next += 1)
    if (contextFor(life, job, key, { halvings: next, hasTools }).length < now) return next;
  return undefined;
}

/** Turns before the answer. What failed, or was stopped before it began, says nothing. */
const conversationLines = (life: Life, answer: number): readonly ChatMessage[] =>
  life.recent
    .filter(({ turn, text, end }) => turn < answer && text !== "" && end !== "failed")
    .map(({ role, text }) => ({ role, content: text }));

/** In a room several people talk, so each line says who; the agent's own lines are its answers. */
const roomLines = (context: readonly { author: string; text: string }[], key: string): readonly ChatMessage[] =>
  context.map(({ author, text }) =>
    author === key ? { role: "assistant", content: text } : { role: "user", content: `${author}: ${text}` },
  );
