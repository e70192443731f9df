/** Where a text mentions somebody. Room and composer ask here, so both find the same; what the page shows as code, as a quotation or as
 *  the address of a link mentions nobody. The marks of a mention are found here; who is called so, the room knows.
 *
 *  One pass over lines and one over marks: the text comes from outside and may be built to be slow.
 *
 *  Why so: docs/decisions/0124-one-reader-of-text.md. */
import { folded } from "./names.ts";

// Words of these scripts stand without blanks beside what is not theirs. After letters of another, `@` is within an address.
const unspaced =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Bopomofo}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー";
const notAfter = `(?<![[\\p{L}\\p{M}\\p{N}_]--[${unspaced}]]|\\/)`;
const notBefore = "(?![\\p{Script=Latin}\\p{M}])";
const nameText = "[a-z0-9ａ-ｚＡ-Ｚ０-９][a-z0-9ａ-ｚＡ-Ｚ０-９._\\-]{0,95}";

const mention = new RegExp(`${notAfter}[@＠﹫](${nameText})${notBefore}`, "giv");
const mentionShown = new RegExp(`${notAfter}([@＠﹫]${nameText})${notBefore}`, "iv");

/** What stands after the sign of each mention, in the form in which names are compared. The end may be the end of a sentence. */
export function calledIn(text: string): readonly string[] {
  if (!/[@＠﹫]/.test(text)) return [];
  // Marks open and close within a paragraph.
  const prose = paragraphsIn(text)
    .map((paragraph) => withoutAddresses(withoutSpans(paragraph)))
    .join("\n");
  return [...prose.matchAll(mention)].map(([, called = ""]) => folded(called));
}

/** Prose, as a renderer has it, split at its mentions: odd entries are those, with their signs. */
export const splitMentions = (prose: string): readonly string[] =>
  prose.split(mentionShown).map((part, at, all) => {
    // What may end a sentence is not set apart with the name.
    if (at % 2 === 1) return part.replace(/[._-]+$/, "");
    return (/[._-]+$/.exec(all[at - 1] ?? "")?.[0] ?? "") + part;
  });

/** What may be the name of somebody who is called so, the longest first: what follows may be the end of a sentence, as in "@ada." */
export function* namesIn(called: string): Generator<string> {
  for (let end = called.length; end > 0; end -= 1)
    if (end === called.length || /[._-]/.test(called.charAt(end))) yield called.slice(0, end);
}

/** The marks with which a block of code begins. Behind backticks there are no more of them: else they are a span. */
function fenceOf(line: string): string | undefined {
  const [all = "", mark] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? [];
  return mark?.startsWith("`") === true && line.includes("`", all.length) ? undefined : mark;
}

const closes = (line: string, mark: string): boolean => {
  const [, found = ""] = /^ {0,3}(`+|~+)\s*$/.exec(line) ?? [];
  return found.startsWith(mark);
};

const quotation = /^ {0,3}>/;

/** Whether the line behind a line of a quotation belongs to it: where that ends in a paragraph. */
function goesOn(line: string): boolean {
  const inner = line.replace(/^(?: {0,3}>)+ ?/, "");
  return (
    inner.trim() !== "" && fenceOf(inner) === undefined && !/^(?: {4}| {0,3}\t)/.test(inner) && !ownBlock.test(inner)
  );
}

const listEntry = /^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:\s|$)/;
const ownBlock = /^ {0,3}(?:#{1,6}(?:\s|$)|(?:-[ \t]*){3,}$|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$)/;

/** The lines that are neither code nor quoted. The line behind a quotation belongs to it, until one is blank. */
function paragraphsIn(text: string): readonly string[] {
  const kept: string[] = [];
  let fence: { readonly mark: string; readonly indent: number } | undefined;
  let before: "blank" | "prose" | "quoted" | "code" = "blank";
  let indent = 0;
  for (const whole of text.split("\n")) {
    const isBlank = whole.trim() === "";
    const off = /^ */.exec(whole)?.[0].length ?? 0;
    if (fence !== undefined && (isBlank || off >= fence.indent)) {
      if (closes(whole.slice(Math.min(off, fence.indent)), fence.mark)) fence = undefined;
      continue;
    }
    fence = undefined;
    // What is not under the words of an entry ends its list, unless it goes on with its paragraph.
    if (!isBlank && off < indent && before !== "prose" && before !== "quoted") indent = 0;
    const inner = whole.slice(Math.min(off, indent));
    const entry = listEntry.exec(inner)?.[0] ?? "";
    const line = inner.slice(entry.length);
    if (entry !== "") {
      kept.push("");
      indent = line.trim() === "" ? 0 : Math.min(off, indent) + entry.length;
      before = "blank";
    }
    const mark = fenceOf(line);
    const isIndented = /^(?: {4}| {0,3}\t)/.test(line);
    if (line.trim() === "") before = before === "code" ? "code" : "blank";
    else if (mark !== undefined) {
      if (entry === "" && off < indent) indent = 0;
      [fence, before] = [{ mark, indent }, "blank"];
    } else if (quotation.test(line)) {
      if (entry === "" && off < indent) indent = 0;
      before = goesOn(line) ? "quoted" : "blank";
    } else if (before === "quoted" && !ownBlock.test(line)) continue;
    else if (isIndented && before !== "prose") before = "code";
    else {
      before = ownBlock.test(line) ? "blank" : "prose";
      kept.push(...(before === "blank" ? ["", line, ""] : [line]));
      continue;
    }
    kept.push("");
  }
  return kept.join("\n").split(/\n{2,}/);
}

/** The text without `code spans`: from a run of backticks to the next run of the same length, in one pass. */
function withoutSpans(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map((run) => ({ from: run.index, to: run.index + run[0].length, end: -1 }));
  const nextOfLength = new Map<number, number>();
  for (const run of runs.toReversed()) {
    run.end = nextOfLength.get(run.to - run.from) ?? -1;
    nextOfLength.set(run.to - run.from, run.to);
  }
  let prose = "";
  let at = 0;
  for (const { from, end } of runs) {
    if (from < at || end < 0) continue;
    prose += `${text.slice(at, from)} `;
    at = end;
  }
  return prose + text.slice(at);
}

const noProse = new RegExp(
  [
    // What is behind the words of a link.
    /\]\((?:<[^<>\n]{0,2000}>|[^\s()<>]{0,2000})(?:[ \t]{1,9}"[^"\n]{0,500}")?[ \t]{0,9}\)/,
    /(?<![a-z0-9@＠﹫])[a-z][a-z0-9+.-]{0,31}:\/\/[^\s<>]{1,4096}/,
    /(?<![a-z0-9.])www\.[^\s<>]{1,4096}/,
    // Addresses of mail.
    /(?<![a-z0-9._+-])[a-z0-9._+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gi",
);

/** The text without addresses, and without those of links; the words of a link stay. */
const withoutAddresses = (text: string): string =>
  text.replaceAll(noProse, (found) => (found.startsWith("]") ? "] " : " "));
