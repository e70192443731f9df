/** A title of a conversation: its first words, until a model has made one of the first exchange. One short run, which
 *  nothing waits for; what does not come of it is left at the words. */
import {
  cleaned,
  conversationIn,
  cut,
  textFault,
  wireLimits,
  type ConversationTurn,
  type GenerationAnswer,
  type Result,
} from "../../protocols/index.ts";
import { note } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { commit, type Effects, type Here, type Titling } from "./effects.ts";
import { telling } from "./listed.ts";
import type { AgentState, Life } from "./shape.ts";
import { ownerOf, viewOf } from "./state.ts";
import { usedBy } from "./usage.ts";

/** The first words of a text, as a title. */
export function wordsOf(text: string): string {
  const line = cleaned(text, "line").replaceAll("\ufffd", " ").replaceAll(/\s+/g, " ").trim();
  if (line.length <= limits.titleWordsChars) return line;
  const short = cut(line, limits.titleWordsChars);
  const end = short.lastIndexOf(" ");
  return `${(end > limits.titleWordsChars / 2 ? short.slice(0, end) : short).trimEnd()} …`;
}

/** What a model wrote, as a title; undefined: it is none. */
export function titleIn(written: string): string | undefined {
  const [line = ""] = written.trim().split("\n");
  const bare = line
    .replace(/^[\s#*>"'“”«»`_-]+/u, "")
    .replace(/^title\s*:\s*/iu, "")
    .replace(/^["'“”«»`*_]+/u, "")
    .replace(/[\s.*"'“”«»`_]+$/u, "");
  const title = cleaned(bare, "line");
  const isOne = title !== "" && title.length <= wireLimits.conversationTitleCharsMax;
  return isOne && textFault(title, "line") === undefined ? title : undefined;
}

const instruction =
  "Write a title for the conversation below: at most six words, in its language, without quotation marks. " +
  "Write the title alone.";

/** The first exchange, as far as memory has it. */
function exchangeIn({ recent }: Life): readonly [ConversationTurn, ConversationTurn] | undefined {
  const place = recent.findIndex(({ role, text }) => role === "user" && text !== "");
  const answer = recent.slice(place + 1).find(({ role, end }) => role === "assistant" && end === "complete");
  const asked = recent[place];
  return asked === undefined || answer === undefined ? undefined : [asked, answer];
}

/** Asks the model for a title, if one is due: there is a list, the first exchange is whole, and nobody gave one. */
export function title({ life }: AgentState, turn: Here): Effects {
  if (life === null || life.titled === true || (turn.notes.titling ?? null) !== null) return [];
  const first = life.conversations?.find(({ number }) => number === 0);
  if (conversationIn(turn.key) === undefined && (first === undefined || first.named === true)) return [];
  const exchange = exchangeIn(life);
  if (exchange === undefined) return [];
  const { model } = life;
  const tag = `${turn.self}~title.${turn.nowMs.toString(36)}`;
  const said = exchange.map(({ text }) => cut(text, limits.titleReadChars)).join("\n\n");
  const request = {
    model,
    messages: [
      { role: "system" as const, content: instruction },
      { role: "user" as const, content: said },
    ],
    sampling: { temperature: 0.3, maxTokens: limits.titleTokensMax },
    person: `user/${ownerOf(turn.key)}`,
    silenceMs: limits.condenseSilenceMs,
    // Nobody waits for it.
    priority: 1,
  };
  const titling: Titling = { tag, text: "", model, sinceMs: turn.nowMs };
  return [note({ titling }), { type: "call", engine: "generate", request, tag, timeoutMs: limits.generationWholeMs }];
}

/** A piece of it arrived. */
export const onTitlePart = (titling: Titling, piece: string): Effects => [
  note({ titling: { ...titling, text: cut(titling.text + piece, limits.summaryCharsMax) } }),
];

/** Its run has ended. One that could not be made is tried after the next answer, and not a third time. What it took
 *  is told by no failure: the run is counted, with what was written. */
export function onTitle(state: AgentState, titling: Titling, result: Result<unknown>, turn: Here): Effects {
  const done = note({ titling: null });
  const { life } = state;
  if (life === null) return [done];
  const event = { type: "updated" as const, view: viewOf(state, life, turn.key) };
  if (!result.ok) {
    const titleTries = (life.titleTries ?? 0) + 1;
    const isLast = titleTries >= limits.titleTriesMax;
    const none = { end: "stopped", promptTokens: 0, completionTokens: 0 } as const;
    const used = usedBy(titling.model, none, titling.sinceMs, turn.nowMs);
    const tried = { event, used, titleTries, ...(isLast && { titled: true as const }) };
    return [...commit(state, turn, [tried]).effects, done];
  }
  const answer = result.value as GenerationAnswer;
  const used = usedBy(titling.model, answer, titling.sinceMs, turn.nowMs);
  const made = answer.end === "complete" ? titleIn(titling.text) : undefined;
  const tells = made === undefined ? [] : telling(state, life, { title: made }, turn);
  return [...commit(state, turn, [{ event, used, titled: true as const }, ...tells]).effects, done];
}
