/** What the buttons of the formatting bar do to a text: marks of Markdown around what is selected, or away from it.
 *  Pure: the field makes the change, so that the browser can undo it. */

export const formats = ["bold", "italic", "strike", "code", "quote", "list", "link"] as const;
export type Format = (typeof formats)[number];

/** What is put in the place of a part of the text, and what of the new text is selected then. */
interface Change {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

const marks = { bold: "**", italic: "*", strike: "~~" } as const;

/** The text as it is after a button was pressed while `from` to `to` was selected. */
export function formatted(text: string, from: number, to: number, format: Format): Change {
  const selected = { from, to };
  switch (format) {
    case "bold":
    case "italic":
    case "strike":
      return marked(text, selected, marks[format]);
    case "code":
      return text.slice(from, to).trim().includes("\n") ? fenced(text, selected) : marked(text, selected, "`");
    case "quote":
      return prefixed(text, selected, "> ");
    case "list":
      return prefixed(text, selected, "- ");
    case "link":
      return linked(text, selected);
  }
}

/** Blanks at the ends have no marks around them: `** word**` is no mark. */
function inner(text: string, { from, to }: Span): Span {
  const part = text.slice(from, to);
  if (part.trim() === "") return { from, to };
  return { from: from + part.length - part.trimStart().length, to: to - (part.length - part.trimEnd().length) };
}

// Marks of lists and quotes stay before the line.
const lineStart = /^(?:\s*(?:[-*+]|\d{1,9}[.)]|>)\s+)*/;

/** The parts of the selected lines that have words: no mark goes over the end of a line. */
function wordsIn(text: string, selected: Span): readonly Span[] {
  const spans: Span[] = [];
  let at = selected.from;
  for (const line of text.slice(selected.from, selected.to).split("\n")) {
    const isWhole = at === 0 || text[at - 1] === "\n";
    const skipped = isWhole ? (lineStart.exec(line)?.[0].length ?? 0) : 0;
    if (line.slice(skipped).trim() !== "") spans.push(inner(text, { from: at + skipped, to: at + line.length }));
    at += line.length + 1;
  }
  return spans;
}

const runBefore = (text: string, at: number, sign: string): number => {
  let count = 0;
  while (text[at - 1 - count] === sign) count += 1;
  return count;
};
const runAfter = (text: string, at: number, sign: string): number => {
  let count = 0;
  while (text[at + count] === sign) count += 1;
  return count;
};

/** How many signs of a mark are to be taken away at each side, where so many stand there: `***both***` is bold and
 *  italic. */
function marksIn(run: number, mark: string): number {
  if (mark === "*") return run % 2;
  if (mark === "`") return run;
  return run >= 2 ? 2 : 0;
}

/** The words without the mark, where they have it: around what is selected, or within. */
function without(
  text: string,
  { from, to }: Span,
  mark: string,
): { readonly span: Span; readonly bare: Span } | undefined {
  const sign = mark.charAt(0);
  const outside = marksIn(Math.min(runBefore(text, from, sign), runAfter(text, to, sign)), mark);
  if (outside > 0) return { span: { from: from - outside, to: to + outside }, bare: { from, to } };
  const runs = [runAfter(text, from, sign), runBefore(text, to, sign)] as const;
  const inside = runs[0] + runs[1] < to - from ? marksIn(Math.min(...runs), mark) : 0;
  return inside > 0 ? { span: { from, to }, bare: { from: from + inside, to: to - inside } } : undefined;
}

function marked(text: string, selected: Span, mark: string): Change {
  const spans = wordsIn(text, selected);
  if (spans.length === 0) return beside(text, selected.to, mark);
  const known = spans.map((span) => without(text, span, mark));
  const isOff = known.every((one) => one !== undefined);
  // A span that has the mark already stays as it is, where others get it.
  const changed = spans.map((span, index) => {
    const has = known[index];
    if (has !== undefined && isOff)
      return {
        ...has.span,
        text: text.slice(has.bare.from, has.bare.to),
        lead: 0,
        length: has.bare.to - has.bare.from,
      };
    const words = text.slice(span.from, span.to);
    if (has !== undefined) return { ...span, text: words, lead: 0, length: words.length };
    const [before, after] = mark === "`" ? ticks(words) : [mark, mark];
    return { ...span, text: before + words + after, lead: before.length, length: words.length };
  });
  const first = changed[0];
  const last = changed.at(-1);
  if (first === undefined || last === undefined) return beside(text, selected.to, mark);
  let all = "";
  let at = first.from;
  for (const part of changed) {
    all += text.slice(at, part.from) + part.text;
    at = part.to;
  }
  // Of several lines the marks are selected as well, so that the button takes all of them away again.
  const [start, length] = changed.length > 1 ? [first.from, all.length] : [first.from + first.lead, first.length];
  return { from: first.from, to: last.to, text: all, start, end: start + length };
}

/** Code that has the sign of code in it stands between more of them. */
function ticks(words: string): readonly [string, string] {
  const most = Math.max(0, ...(words.match(/`+/g) ?? []).map((run) => run.length));
  const run = "`".repeat(most + 1);
  const blank = words.startsWith("`") || words.endsWith("`") ? " " : "";
  return [run + blank, blank + run];
}

/** Nothing is selected, or blanks: marks for what is typed next, or away again. */
function beside(text: string, at: number, mark: string): Change {
  const sign = mark.charAt(0);
  const taken = marksIn(Math.min(runBefore(text, at, sign), runAfter(text, at, sign)), mark);
  if (taken > 0) return { from: at - taken, to: at + taken, text: "", start: at - taken, end: at - taken };
  return { from: at, to: at, text: mark + mark, start: at + mark.length, end: at + mark.length };
}

/** The lines of which something is selected. */
function linesOf(text: string, { from, to }: Span): Span {
  const end = to > from && text[to - 1] === "\n" ? to - 1 : to;
  const next = text.indexOf("\n", end);
  return { from: text.slice(0, Math.max(0, from)).lastIndexOf("\n") + 1, to: next < 0 ? text.length : next };
}

function prefixed(text: string, selected: Span, prefix: string): Change {
  const span = linesOf(text, selected);
  const lines = text.slice(span.from, span.to).split("\n");
  const sign = prefix.trimEnd();
  const has = (line: string) => line.startsWith(prefix) || line === sign;
  const isWritten = (line: string) => line.trim() !== "";
  const written = lines.filter(isWritten);
  const isOff = written.length > 0 && written.every(has);
  const next = lines.map((line) => {
    if (isOff) return has(line) ? line.slice(line.startsWith(prefix) ? prefix.length : sign.length) : line;
    if (has(line)) return line;
    if (isWritten(line) || lines.length === 1) return prefix + line;
    // A blank line ends a quote, unless it is quoted.
    return prefix === "> " ? sign : line;
  });
  const all = next.join("\n");
  const isCaret = selected.from === selected.to;
  const moved = Math.max(span.from, selected.from + all.length - (span.to - span.from));
  return { ...span, text: all, start: isCaret ? moved : span.from, end: isCaret ? moved : span.from + all.length };
}

const fence = /^`{3,}/;
const isFence = (text: string, { from, to }: Span): boolean => fence.test(text.slice(from, to));

function fenced(text: string, selected: Span): Change {
  const span = linesOf(text, inner(text, selected));
  const code = text.slice(span.from, span.to);
  const lines = code.split("\n");
  const [first = "", last = ""] = [lines[0], lines.at(-1)];
  if (lines.length > 2 && fence.test(first) && fence.test(last)) {
    const bare = lines.slice(1, -1).join("\n");
    return { ...span, text: bare, start: span.from, end: span.from + bare.length };
  }
  // What is selected after the button was pressed lies between the fences.
  const before = linesOf(text, { from: span.from - 1, to: span.from - 1 });
  const after = linesOf(text, { from: span.to + 1, to: span.to + 1 });
  if (span.from > 0 && span.to < text.length && isFence(text, before) && isFence(text, after))
    return { from: before.from, to: after.to, text: code, start: before.from, end: before.from + code.length };
  const most = Math.max(2, ...(code.match(/^`{3,}/gm) ?? []).map((run) => run.length));
  const run = "`".repeat(most + 1);
  const start = span.from + run.length + 1;
  return { ...span, text: `${run}\n${code}\n${run}`, start, end: start + code.length };
}

const address = /^(?:https?:\/\/|mailto:|www\.)\S+$/i;

function linked(text: string, selected: Span): Change {
  const span = inner(text, selected);
  const words = text.slice(span.from, span.to);
  if (address.test(words)) return { ...span, text: `[](${words})`, start: span.from + 1, end: span.from + 1 };
  const said = words === "" ? "text" : words;
  const target = span.from + said.length + 3;
  // What is to be typed next is selected: what the link says, or where it leads.
  const [start, end] = words === "" ? [span.from + 1, span.from + 5] : [target, target + 3];
  return { ...span, text: `[${said}](url)`, start, end };
}
