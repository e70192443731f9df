/** Texts that a template is to show as they were written: it gets marks in their place, and the marks are replaced in
 *  what it made. So no number is rounded on its way, no escape is read and written anew, and nothing in the texts is
 *  taken for a control token. Templates that look into an object get none that way: the library shows them one with the
 *  text as its only member. */
import { LlamaText, SpecialTokensText } from "node-llama-cpp";
import { randomBytes } from "node:crypto";

/** The marks of one prompt. */
export interface Marks {
  /** A mark for a text that comes as it is, also where the template makes JSON of it. */
  readonly mark: (text: string) => string;
  /** The prompt with the texts. */
  readonly fill: (prompt: LlamaText) => LlamaText;
}

/** Begins a prompt. Nobody can write a mark that is not known before. */
export function createMarks(): Marks {
  const secret = randomBytes(12).toString("hex");
  const pattern = new RegExp(`(\\\\"|")?m${secret}n(\\d+)e(\\\\"|")?`, "g");
  const texts: string[] = [];
  return {
    mark: (text) => `m${secret}n${texts.push(text) - 1}e`,
    fill: (prompt) =>
      LlamaText(
        prompt.values.map((value, at, values) => {
          if (typeof value === "string") return filled(value, pattern, texts, isQuoted(values, at));
          if (!(value instanceof SpecialTokensText)) return value;
          // What is filled in may stand within a text of the template: only the template's own may be control tokens.
          const parts = split(value.value, pattern, texts);
          return LlamaText(parts.map((part) => (part.own ? new SpecialTokensText(part.text) : part.text)));
        }),
      ),
  };
}

/** Whether what stands at a place is within quotation marks of the template: it made JSON of a text. */
function isQuoted(values: LlamaText["values"], at: number): boolean {
  const [before, after] = [values[at - 1], values[at + 1]];
  return (
    before instanceof SpecialTokensText &&
    after instanceof SpecialTokensText &&
    before.value.endsWith('"') &&
    after.value.startsWith('"')
  );
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** What a mark becomes, with what is around it. */
function textFor(text: string, before: string, after: string): string {
  if (before === '"' && after === '"') return text;
  // Within a text of JSON that holds JSON.
  if (before === '\\"' && after === '\\"') return escaped(text);
  return before + text + after;
}

function filled(text: string, pattern: RegExp, texts: readonly string[], quoted: boolean): string {
  const all = text.replaceAll(pattern, (_whole, before: string = "", number: string, after: string = "") =>
    textFor(texts[Number(number)] ?? "", before, after),
  );
  return quoted && all !== text ? escaped(all) : all;
}

function split(
  text: string,
  pattern: RegExp,
  texts: readonly string[],
): readonly { readonly text: string; readonly own: boolean }[] {
  const parts: { readonly text: string; readonly own: boolean }[] = [];
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    const [all, before = "", number = "", after = ""] = found;
    if (found.index > from) parts.push({ text: text.slice(from, found.index), own: true });
    parts.push({ text: textFor(texts[Number(number)] ?? "", before, after), own: false });
    from = found.index + all.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), own: true });
  return parts;
}
