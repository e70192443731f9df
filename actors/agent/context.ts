/** What the model gets to read: the persona, then as much of the newest conversation as fits. */
import type { ChatMessage } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Job, Life } from "./state.ts";

/** The messages for a job. `halvings` says how often the model has found the context too long already. */
export function contextFor(life: Life, job: Job, key: string, halvings: number): readonly ChatMessage[] {
  const budget = Math.floor(limits.contextChars / 2 ** halvings);
  const { persona } = life;
  const withPersona = persona !== "" && (halvings === 0 || persona.length <= budget / 2);
  const lines =
    job.source.type === "room" ? roomLines(job.source.context, key) : conversationLines(life, job.source.turn);
  let left = budget - (withPersona ? persona.length : 0);
  const chosen: ChatMessage[] = [];
  for (const line of lines.toReversed()) {
    left -= line.content.length;
    if (chosen.length > 0 && left < 0) break;
    chosen.push(line);
  }
  const newest = chosen.toReversed();
  return withPersona ? [{ role: "system", content: persona }, ...newest] : newest;
}

/** How often to halve so that the context gets shorter; undefined when only the last message is left. */
export function nextHalvings(life: Life, job: Job, key: string, halvings: number): number | undefined {
  const now = contextFor(life, job, key, halvings).length;
  for (let next = halvings + 1; next <= limits.contextHalvingsMax; next += 1)
    if (contextFor(life, job, key, next).length < now) return next;
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
