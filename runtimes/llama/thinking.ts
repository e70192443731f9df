/** Whether a model thinks, said by the end of its prompt. Templates say it in four ways, and some in none:
 *
 *      …assistant\n                       it begins its thought itself, if it has one
 *      …assistant\n<think>\n              its thought has begun
 *      …assistant\n<think>\n\n</think>\n  it has thought already: nothing
 *      …assistant\n</think>               the same
 *
 *  A template that is told what is wanted (`variablesOf`) may write the one or the other; what it does not do is done
 *  here. */
import { isLlamaText, LlamaText, SpecialTokensText, type ChatWrapper } from "node-llama-cpp";
import type { Thinking } from "../../protocols/index.ts";
import type { ThoughtMarks } from "./thoughts.ts";

/** What the variables of templates say of it; the third one, `enable_thinking`, is an option of the library. */
export const variablesOf = (thinking: Thinking): Readonly<Record<string, unknown>> => ({
  thinking: thinking !== false,
  ...(typeof thinking === "string" && { reasoning_effort: thinking }),
});

/** How a template marks thoughts; undefined: it does not. */
export function thoughtsOf({ settings }: ChatWrapper): ThoughtMarks | undefined {
  const { thought } = settings.segments ?? {};
  const ends = plainText(thought?.suffix).trim();
  if (thought === undefined || ends === "") return undefined;
  const { prefix } = thought;
  if (typeof prefix === "object" && !isLlamaText(prefix)) return { begins: undefined, ends };
  const begins = plainText(prefix).trim();
  return begins === "" ? undefined : { begins, ends };
}

const plainText = (text: string | LlamaText | undefined): string => LlamaText(text ?? "").toString();

/** A prompt that ends as is wanted, and how the marks of what follows are to be read. */
interface EndOfPrompt {
  readonly text: LlamaText;
  readonly thoughts: ThoughtMarks | undefined;
}

/** Makes the end of a prompt say it. Only what the template wrote there is changed, nothing that anybody said. */
export function endFor(text: LlamaText, marks: ThoughtMarks, thinking: boolean): EndOfPrompt {
  const last = text.values.at(-1);
  const end = last instanceof SpecialTokensText ? last.value : "";
  const before = last instanceof SpecialTokensText ? text.values.slice(0, -1) : text.values;
  const ended = (value: string, thoughts: ThoughtMarks | undefined): EndOfPrompt => ({
    text: LlamaText([...before, new SpecialTokensText(value)]),
    thoughts,
  });
  const isClosed = end.trimEnd().endsWith(marks.ends);
  // What the model begins itself all the same is still its thought.
  const closed = marks.begins === undefined ? undefined : marks;
  if (!thinking) {
    if (isClosed) return { text, thoughts: closed };
    const isOpen = marks.begins === undefined || end.trimEnd().endsWith(marks.begins);
    return ended(`${end}${isOpen ? "" : `${marks.begins}\n`}\n${marks.ends}\n\n`, closed);
  }
  const thought = isClosed ? emptyThought(end, marks) : undefined;
  if (thought === undefined) return { text, thoughts: marks };
  // Where the template begins each thought, it stays begun; else the model begins it.
  return ended(end.slice(0, thought) + (marks.begins === undefined ? openingIn(end, thought) : ""), marks);
}

/** Where the empty thought at the end begins; undefined: there is no beginning of one. */
function emptyThought(end: string, { begins, ends }: ThoughtMarks): number | undefined {
  const head = end.trimEnd().slice(0, -ends.length).trimEnd();
  // Some end one that nothing began.
  if (begins !== undefined) return head.endsWith(begins) ? head.length - begins.length : head.length;
  const [opening] = openingMark.exec(head) ?? [];
  return opening === undefined ? undefined : head.length - opening.length;
}

/** `<think>`, `[THINK]`, `<|START_THINKING|>`. */
const openingMark = /(?:<\|?[a-z_]+\|?>|\[[A-Z]+\])$/iu;

const openingIn = (end: string, from: number): string => `${/^\S+?[>\]]/u.exec(end.slice(from))?.[0] ?? ""}\n`;
