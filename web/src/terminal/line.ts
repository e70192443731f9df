/** The line that is typed: what each key makes of it, and how it is drawn. */
import { terminalLimits } from "./limits.ts";

/** A line and what was typed before. `text` is in whole signs, as people count them. */
export interface Line {
  readonly text: readonly string[];
  readonly cursor: number;
  readonly history: readonly string[];
  /** Which line of the history is shown; its length: the one that is typed. */
  readonly at: number;
  /** What was typed before the history was gone through. */
  readonly draft: readonly string[];
}

/** What a key asks for beyond the line. */
type Asked = "enter" | "interrupt" | "end" | "clear" | "complete";

const segments = new Intl.Segmenter();
// What a keyboard or a clipboard may have that is no text.
const unwanted = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const signsOf = (text: string): readonly string[] =>
  Array.from(segments.segment(text.replaceAll(unwanted, "")), ({ segment }) => segment);

/** A line with nothing typed. */
export const emptyLine = (history: readonly string[] = []): Line => ({
  text: [],
  cursor: 0,
  history,
  at: history.length,
  draft: [],
});

export const textOf = ({ text }: Line): string => text.join("");

const edited = (line: Line, text: readonly string[], cursor: number): Line => ({
  ...line,
  text,
  cursor,
  at: line.history.length,
});

/** Text put where the cursor is. Signs that would make it too long are left out. */
export function inserted(line: Line, typed: string): Line {
  const room = Math.max(0, terminalLimits.lineMax - line.text.length);
  const signs = signsOf(typed).slice(0, room);
  return edited(line, line.text.toSpliced(line.cursor, 0, ...signs), line.cursor + signs.length);
}

/** The word that ends before the cursor is replaced. */
export function replaced(line: Line, from: number, word: string): Line {
  const start = signsOf(textOf(line).slice(0, from)).length;
  const without = edited(line, line.text.toSpliced(start, line.cursor - start), start);
  return inserted(without, word);
}

/** The line once it was run: an empty one, which knows it. A person who wants no trace of one begins it with a
 *  space. */
export function afterRun(line: Line): Line {
  const said = textOf(line);
  const isKept = said.trim() !== "" && !said.startsWith(" ") && line.history.at(-1) !== said;
  return emptyLine((isKept ? [...line.history, said] : line.history).slice(-terminalLimits.historyLines));
}

const wordStart = ({ text, cursor }: Line): number => {
  let at = cursor;
  while (at > 0 && text[at - 1] === " ") at -= 1;
  while (at > 0 && text[at - 1] !== " ") at -= 1;
  return at;
};
const wordEnd = ({ text, cursor }: Line): number => {
  let at = cursor;
  while (at < text.length && text[at] === " ") at += 1;
  while (at < text.length && text[at] !== " ") at += 1;
  return at;
};
const moved = (line: Line, cursor: number): Line => ({
  ...line,
  cursor: Math.min(Math.max(0, cursor), line.text.length),
});

function recalled(line: Line, at: number): Line {
  if (at < 0 || at > line.history.length || at === line.at) return line;
  const draft = line.at === line.history.length ? line.text : line.draft;
  const text = at === line.history.length ? draft : signsOf(line.history[at] ?? "");
  return { ...line, at, draft, text, cursor: text.length };
}

const cut = (line: Line, from: number, to: number): Line => edited(line, line.text.toSpliced(from, to - from), from);

// A map, so that a text that is pasted is never taken for a property that every object has.
const keys: ReadonlyMap<string, (line: Line) => Line | Asked> = new Map<string, (line: Line) => Line | Asked>([
  ["\r", () => "enter"],
  ["\n", () => "enter"],
  ["\t", () => "complete"],
  ["\u0003", () => "interrupt"],
  ["\u0004", (line) => (line.text.length === 0 ? "end" : cut(line, line.cursor, line.cursor + 1))],
  ["\u000c", () => "clear"],
  ["\u007f", (line) => (line.cursor === 0 ? line : cut(line, line.cursor - 1, line.cursor))],
  ["\b", (line) => (line.cursor === 0 ? line : cut(line, line.cursor - 1, line.cursor))],
  ["\u001b[3~", (line) => cut(line, line.cursor, line.cursor + 1)],
  ["\u0015", (line) => cut(line, 0, line.cursor)],
  ["\u000b", (line) => cut(line, line.cursor, line.text.length)],
  ["\u0017", (line) => cut(line, wordStart(line), line.cursor)],
  ["\u0001", (line) => moved(line, 0)],
  ["\u0005", (line) => moved(line, line.text.length)],
  ["\u001b[H", (line) => moved(line, 0)],
  ["\u001b[F", (line) => moved(line, line.text.length)],
  ["\u001b[D", (line) => moved(line, line.cursor - 1)],
  ["\u001b[C", (line) => moved(line, line.cursor + 1)],
  ["\u001b[1;5D", (line) => moved(line, wordStart(line))],
  ["\u001b[1;5C", (line) => moved(line, wordEnd(line))],
  ["\u001bb", (line) => moved(line, wordStart(line))],
  ["\u001bf", (line) => moved(line, wordEnd(line))],
  ["\u001b[A", (line) => recalled(line, line.at - 1)],
  ["\u001b[B", (line) => recalled(line, line.at + 1)],
]);

/** What came from the keyboard, as the terminal writes it, makes another line of it or asks for something. Keys that
 *  mean nothing do nothing. */
export function pressed(line: Line, data: string): Line | Asked {
  const key = keys.get(data);
  if (key !== undefined) return key(line);
  return data.startsWith("\u001b") ? line : inserted(line, data);
}

// What a terminal draws two columns wide.
const wide =
  /^(?:[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
const widthOf = (sign: string): number => (wide.test(sign) ? 2 : 1);

/** One row with as much of the line as it has room for around the cursor, and the column of the cursor, from 1 on. A
 *  row that never wraps stays right however the window is resized. */
export function drawn(line: Line, prompt: string, columns: number): { readonly row: string; readonly column: number } {
  // The last column is left free: a terminal would wrap there.
  const room = Math.max(4, columns - prompt.length - 1);
  let from = line.cursor;
  let width = 0;
  while (from > 0 && width + widthOf(line.text[from - 1] as string) <= room - 2) {
    from -= 1;
    width += widthOf(line.text[from] as string);
  }
  if (from > 0) {
    from += 1;
    width -= widthOf(line.text[from - 1] as string);
  }
  const before = `${from > 0 ? "…" : ""}${line.text.slice(from, line.cursor).join("")}`;
  const used = width + (from > 0 ? 1 : 0);
  let after = "";
  let left = room - used - 1;
  for (let at = line.cursor; at < line.text.length; at += 1) {
    const sign = line.text[at] as string;
    left -= widthOf(sign);
    if (left < 0) {
      after += "…";
      break;
    }
    after += sign;
  }
  return { row: `${prompt}${before}${after}`, column: prompt.length + used + 1 };
}
