/** What falls out of a model's context is summed up by that model, in large steps and beside the answers.
 *
 *      answer ends ─► more than fits well? ─► a run of its own: what fell out before, the oldest lines, "sum it up"
 *                                               │           └─► a fact: up to here the summary stands for what was said
 *                                               └─ failed ─► after the next answer; if no room is left, a fact alone
 *
 *  The run's prompt begins as the conversation's does, so the model has mostly read it already. Nothing waits for it:
 *  an answer that is begun meanwhile reads what it would have read without it. */
import {
  cleaned,
  cut,
  type ChatMessage,
  type ConversationSummary,
  type GenerationAnswer,
  type Result,
} from "../../protocols/index.ts";
import { note } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  beginning,
  inWords,
  charsOf,
  contextTokensOf,
  newestWithin,
  roomFor,
  talkOf,
  toolChars,
  type Line,
} from "./context.ts";
import type { AgentState, Gist, Life, Source } from "./shape.ts";
import { commit, type Condensing, type Effects, type Here } from "./effects.ts";
import { ownerOf, viewOf } from "./state.ts";
import { usedBy, type Used } from "./usage.ts";

/** What is to fall out: the oldest lines, so many that what stays is a small part of the room. */
interface Stretch {
  readonly gist: Gist | undefined;
  readonly lines: readonly Line[];
  readonly through: number;
  readonly isLast: boolean;
}

/** What of a conversation is to fall out now, if anything. Pure. */
export function stretchOf(life: Life, source: Source, key: string): Stretch | undefined {
  const { gist, lines } = talkOf(life, source, key);
  // Of a room on a node that does not say which messages they are.
  if (lines.some(({ at }) => at === 0)) return undefined;
  const room = roomFor(life) - toolChars(life);
  const fixed = charsOf(beginning(life, gist));
  const chars = fixed + charsOf(lines.map(({ message }) => message));
  const isCrowded = lines.length > limits.contextLinesMax;
  if (chars <= room * limits.contextFullShare && !isCrowded) return undefined;
  const some = isCrowded ? lines.slice(-limits.contextLinesMax / 2) : lines;
  const stays = newestWithin(some, room * limits.contextKeptShare - fixed);
  // The question and its answer stay, and what stays begins with a question where it can.
  const most = Math.max(0, lines.length - Math.max(2, stays.length));
  const cutAt = lines.slice(0, most + 1).findLastIndex(({ message }) => message.role === "user");
  const gone = lines.slice(0, cutAt > 0 ? cutAt : most);
  const through = gone.at(-1)?.at;
  return through === undefined
    ? undefined
    : { gist, lines: gone, through, isLast: chars > room * limits.contextOverShare };
}

/** Has what falls out of a conversation summed up, if it is time for it. */
export function condense(state: AgentState, turn: Here, source: Source): Effects {
  const { life } = state;
  if (life === null || (turn.notes.condensing ?? null) !== null) return [];
  const stretch = stretchOf(life, source, turn.key);
  if (stretch === undefined) return [];
  const { through, isLast } = stretch;
  // A model that can read so little sums up nothing.
  if (contextTokensOf(life) < limits.summaryContextTokensMin) return keep(state, turn, { source, through, text: "" });
  const tag = `${turn.self}~${through}.${turn.nowMs.toString(36)}`;
  const { model } = life;
  const request = {
    model,
    messages: promptFor(life, stretch),
    sampling: { temperature: 0.3, maxTokens: limits.summaryTokensMax },
    person: `user/${ownerOf(turn.key)}`,
    silenceMs: limits.condenseSilenceMs,
    // Nobody waits for it.
    priority: 1,
  };
  const condensing: Condensing = { tag, source, through, text: "", model, sinceMs: turn.nowMs, isLast };
  return [
    note({ condensing }),
    { type: "call", engine: "generate", request, tag, timeoutMs: limits.generationWholeMs },
  ];
}

const instruction =
  "Sum up everything above, the earlier summary included, for somebody who goes on with this conversation " +
  "without having read it: names, facts, requests, decisions, and what is still open. " +
  "At most 150 words, in the language of the conversation. Write the summary alone.";

function promptFor(life: Life, { gist, lines }: Stretch): readonly ChatMessage[] {
  const first = beginning(life, gist);
  const last: ChatMessage = { role: "user", content: instruction };
  const room = roomFor(life) * limits.contextOverShare - charsOf([...first, last]);
  return [...first, ...newestWithin(lines, room).map(({ message }) => inWords(message)), last];
}

/** A piece of the summary arrived. */
export const onSummaryPart = (condensing: Condensing, piece: string): Effects => [
  note({ condensing: { ...condensing, text: cut(condensing.text + piece, limits.summaryCharsMax) } }),
];

/** Its run has ended. Without a summary the conversation stays as it is, as long as there is room. */
export function onSummary(state: AgentState, condensing: Condensing, result: Result<unknown>, turn: Here): Effects {
  const { isLast, source, through, model, sinceMs } = condensing;
  const done = note({ condensing: null });
  const text = cleaned(condensing.text.trim(), "lines");
  const answer = result.ok ? (result.value as GenerationAnswer) : undefined;
  const used = answer && usedBy(model, answer, sinceMs, turn.nowMs);
  const isWhole = answer !== undefined && answer.end !== "stopped" && text !== "";
  const { life } = state;
  if (!isWhole && !isLast && life !== null && used !== undefined) {
    // Nothing came of it, and it took something all the same.
    const event = { type: "updated" as const, view: viewOf(state, life, turn.key) };
    return [...commit(state, turn, [{ event, used }]).effects, done];
  }
  if (!isWhole && !isLast) return [done];
  return [...keep(state, turn, { source, through, text: isWhole ? text : "", ...(used && { used }) }), done];
}

/** What falls out, as a fact. It rides on one that versions before know. */
function keep(
  state: AgentState,
  turn: Here,
  { source, through, text, used }: Gist & { readonly source: Source; readonly used?: Used },
): Effects {
  const { life } = state;
  if (life === null) return [];
  const view = viewOf(state, life, turn.key);
  const taken = used && { used };
  if (source.type === "room") {
    const { room, thread } = source;
    const before = talkOf(life, source, turn.key).gist?.text ?? "";
    const condensed = { room, ...(thread !== undefined && { thread }), through, text: text || before };
    return commit(state, turn, [{ event: { type: "updated", view }, condensed, ...taken }]).effects;
  }
  const summary: ConversationSummary = {
    through,
    text: text || (life.summary?.text ?? ""),
    atMs: turn.nowMs,
    // What was left out once is in no later one.
    ...((text === "" || life.summary?.missing === true) && { missing: true as const }),
  };
  return commit(state, turn, [{ event: { type: "updated", view: { ...view, summary } }, ...taken }]).effects;
}
