/** What the model gets to read: the persona, what is left of what fell out, then as much of the newest conversation as
 *  fits, then the tools that were called for this answer.
 *
 *      [persona, summary] [line …………………………… line] [calls, results]     grows line by line: what was read is kept
 *               ▲             └─ oldest ──┘
 *               └── summed up, in one large step ┘  (condensing.ts)
 *
 *  How much fits is counted in characters, at as many tokens for each as the last run of the model has told. */
import {
  actorId,
  type ChatMessage,
  type GenerationAnswer,
  type NamedMedia,
  type ToolRound,
} from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import { charsOfFile, withFiles } from "./files.ts";
import type { Gist, Job, Life, Measure, SoFar, Source } from "./shape.ts";
import { declaredChars } from "./tools.ts";

/** A message of a conversation, and its place there. */
export interface Line {
  /** A turn, or a message of a room; 0: it was not said. */
  readonly at: number;
  readonly message: ChatMessage;
}

/** A conversation as the model may read it, oldest first. */
interface Talk {
  readonly gist: Gist | undefined;
  readonly lines: readonly Line[];
}

/** The conversation that an answer belongs to. */
export function talkOf(life: Life, source: Source, key: string): Talk {
  const gist = gistOf(life, source);
  const lines = source.type === "room" ? roomLines(source.context, key) : conversationLines(life, source.turn, key);
  return { gist, lines: lines.filter(({ at }) => at === 0 || at > (gist?.through ?? 0)) };
}

const gistOf = ({ summary, roomSummaries = [] }: Life, source: Source): Gist | undefined =>
  source.type === "room"
    ? roomSummaries.find(({ room, thread }) => room === source.room && thread === source.thread)
    : (summary ?? undefined);

/** How a model reads. */
interface Reading {
  readonly halvings: number;
  readonly hasTools: boolean;
  /** The answer as far as it is there. */
  readonly soFar?: SoFar;
  /** It is shown pictures; else it reads what they are. */
  readonly sees?: boolean;
  /** It is given sounds; else it reads what is said in them. */
  readonly hears?: boolean;
}

/** With the newest pictures and sounds, as far as they are kept and a request has room for them; what others are stands
 *  in the text. */
function shownIn(
  messages: readonly ChatMessage[],
  { pictures = [] }: Life,
  { sees = true, hears = true }: Pick<Reading, "sees" | "hears">,
): readonly ChatMessage[] {
  let left: number = limits.contextPicturesMax;
  let leftBytes: number = limits.contextMediaBytesMax;
  const isGiven = ({ hash, mediaType }: NamedMedia): boolean => {
    const kept = pictures.find((one) => one.hash === hash);
    if (kept === undefined || !(mediaType.startsWith("audio/") ? hears : sees)) return false;
    if (left === 0 || kept.size > leftBytes) return false;
    left -= 1;
    leftBytes -= kept.size;
    return true;
  };
  return messages
    .toReversed()
    .map(({ attached = [], ...words }): ChatMessage => {
      const given = attached.filter(isGiven);
      return given.length === 0 ? words : { ...words, attached: given };
    })
    .toReversed();
}

/** What the pictures and sounds are stands in the text already. */
export function inWords(message: ChatMessage): ChatMessage {
  const { attached, ...words } = message;
  return attached === undefined ? message : words;
}

/** The messages for a job. `halvings` says how often the model has found the context too long already; without tools a
 *  model cannot read what tools answered either. */
export function contextFor(
  life: Life,
  job: Job,
  key: string,
  { halvings, hasTools, soFar, sees = true, hears = true }: Reading,
): readonly ChatMessage[] {
  const budget = Math.floor(roomFor(life) / 2 ** halvings);
  const { gist, lines } = talkOf(life, job.source, key);
  const first = beginning(life, gist);
  const withFirst = first.filter(({ content }) => halvings === 0 || content.length <= budget / 2);
  const called = hasTools ? calledMessages(job.rounds ?? []) : [];
  const tools = hasTools ? toolChars(life) : 0;
  const begun: readonly ChatMessage[] =
    soFar === undefined || soFar.text === "" ? [] : [{ role: "assistant", content: soFar.text, continues: true }];
  const left = budget - charsOf([...withFirst, ...called, ...begun]) - tools;
  const newest = (chars: number): readonly Line[] => newestWithin(lines, chars);
  const read = withFiles(job.source, key, { chars: left, sees, recent: life.recent, newest });
  const seen = shownIn(read, life, { sees, hears });
  return [...withFirst, ...seen, ...called, ...begun];
}

/** What stands before the conversation: one message, as templates take no more. */
export function beginning({ persona }: Life, gist: Gist | undefined): readonly ChatMessage[] {
  const before = gist === undefined || gist.text === "" ? "" : `Summary of the earlier conversation:\n${gist.text}`;
  const content = [persona, before].filter((text) => text !== "").join("\n\n");
  return content === "" ? [] : [{ role: "system", content }];
}

/** The newest lines that fit, at least one. */
export function newestWithin(lines: readonly Line[], chars: number): readonly Line[] {
  let left = chars;
  let kept = 0;
  for (const { message } of lines.toReversed()) {
    left -= charsOf([message]);
    if (kept > 0 && left < 0) break;
    kept += 1;
  }
  return kept === 0 ? [] : lines.slice(-kept);
}

/** Characters that a model reads of messages, with what its template adds to each. */
export const charsOf = (messages: readonly ChatMessage[]): number =>
  messages.reduce(
    (sum, { content, calls = [], attached = [], files = [] }) =>
      calls.reduce((all, call) => all + call.name.length + call.arguments.length, sum) +
      content.length +
      attached.length * limits.pictureChars +
      files.reduce((all, file) => all + charsOfFile(file), 0) +
      limits.messageOverheadChars,
    0,
  );

/** Characters that the declarations of the tools take. */
export const toolChars = ({ tools }: Life): number => declaredChars(tools);

/** Tokens that the model reads and writes at most. */
export const contextTokensOf = ({ measure, model }: Life): number =>
  (measure?.model === model ? measure.contextTokens : undefined) ?? limits.contextTokensAssumed;

/** About how many tokens so many characters are. */
export const tokensIn = (chars: number, { measure, model }: Life): number =>
  Math.ceil(chars * ((measure?.model === model ? measure.tokensPerChar : undefined) ?? limits.tokensPerCharAssumed));

/** Characters that a prompt may have. */
export function roomFor(life: Life): number {
  const { measure, model, sampling } = life;
  const contextTokens = contextTokensOf(life);
  const answer = Math.min(sampling.maxTokens ?? limits.answerTokensKept, Math.floor(contextTokens / 4));
  const perChar = (measure?.model === model ? measure.tokensPerChar : undefined) ?? limits.tokensPerCharAssumed;
  return Math.min(limits.contextChars, Math.floor((contextTokens - answer) / perChar));
}

/** What a run tells: the model's context, and how many tokens it took so many characters for. Short prompts are mostly
 *  template. */
export function measured(
  { measure, model }: Life,
  { contextTokens, promptTokens }: GenerationAnswer,
  chars: number,
): Measure {
  const known = measure?.model === model ? measure : { model };
  const perChar = Math.min(2, Math.max(0.1, promptTokens / chars));
  const tells = promptTokens > 0 && chars >= limits.measuredCharsMin;
  return {
    ...known,
    ...(contextTokens !== undefined && contextTokens > 0 && { contextTokens }),
    ...(tells && { tokensPerChar: Math.round(perChar * 1_000) / 1_000 }),
  };
}

/** The calls as the model made them, and after each time what the tools answered. */
const calledMessages = (rounds: readonly ToolRound[]): readonly ChatMessage[] =>
  rounds.flatMap(({ text, calls }, round) => {
    // Nine letters and digits: the strictest of the templates and servers takes no other.
    const idOf = (index: number): string => `call${String(round * (limits.toolCallsMax + 1) + index).padStart(5, "0")}`;
    const made = calls.map(({ name, arguments: given }, index) => ({ id: idOf(index), name, arguments: given }));
    return [
      { role: "assistant" as const, content: text, calls: made },
      ...calls.map(({ result }, index) => ({ role: "tool" as const, content: result, callId: idOf(index) })),
    ];
  });

/** How often to halve so that the context gets shorter; undefined when only the last message is left. */
export function nextHalvings(life: Life, job: Job, key: string, reading: Reading): number | undefined {
  const now = charsOf(contextFor(life, job, key, reading));
  for (let next = reading.halvings + 1; next <= limits.contextHalvingsMax; next += 1)
    if (charsOf(contextFor(life, job, key, { ...reading, halvings: next })) < now) return next;
  return undefined;
}

/** Turns before the answer. What failed, or was stopped before it began, says nothing. */
const conversationLines = (life: Life, answer: number, key: string): readonly Line[] =>
  life.recent
    .filter(({ turn, text, end, sounds, files }) => {
      const isEmpty = text === "" && sounds === undefined && files === undefined;
      return turn < answer && !isEmpty && end !== "failed";
    })
    .map(({ turn, role, text, pictures = [], sounds = [] }) => {
      if (pictures.length + sounds.length === 0) return { at: turn, message: { role, content: text } };
      const toldOf = (what: string, says: string): string => `[${what}${says === "" ? "" : `: ${says}`}]`;
      const told = [
        ...pictures.map((picture) => toldOf("Picture", picture.text)),
        ...sounds.map((sound) => toldOf("Sound", sound.text)),
        ...(text === "" ? [] : [text]),
      ];
      const of = actorId("agent", key);
      const attached = [
        ...pictures.map(({ hash, format }) => ({ of, hash, mediaType: `image/${format}` })),
        ...sounds.map(({ hash, format }) => ({ of, hash, mediaType: `audio/${format}` })),
      ];
      return { at: turn, message: { role, content: told.join("\n"), attached } };
    });

/** In a room several people talk, so each line says who; the agent's own lines are its answers. */
const roomLines = (context: readonly { author: string; text: string; seq?: number }[], key: string): readonly Line[] =>
  context.map(({ author, text, seq = 0 }) => ({
    at: seq,
    message: author === key ? { role: "assistant", content: text } : { role: "user", content: `${author}: ${text}` },
  }));
