/** The one reader of what people write: room, page, composer and terminal ask it which words are code, quoted, a link
 *  or prose. `mentions.ts` finds in its prose who is called.
 *
 *  A message is what somebody sent, so no reader may see less of it than was written. HTML is text: `Map<String,
 *  List<T>>` is about types, and `<nav>` is a word. So is whatever Markdown would take away to use elsewhere or not at
 *  all: definitions of links, entities, footnotes, comments. The parser does not know these (`withoutSwallowing`), and
 *  the few places that are left where characters are put aside are shown: the word behind a code fence, the number of a
 *  list's entry, the destination of a link, closing `#`. What remains unseen are the marks themselves, where they mark
 *  something.
 *
 *  That is not left to trust. Each block is compared with its source (`shown`): one that lacks a character, or in which
 *  nothing can be seen, is shown as it was written.
 *
 *  There is no HTML on the way at all: the parser's tree becomes blocks (`tree.ts`), and these become elements. So
 *  there is nothing to sanitise, and the only thing a message can bring in is the address of a link.
 *
 *  Since nothing in a text can change the meaning of what stands lines before it, a block with a blank line and another
 *  one behind it is settled. An answer that grows is read on from there (`known`). */
import { fromMarkdown, type Extension as TreeExtension } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTaskListItemFromMarkdown } from "mdast-util-gfm-task-list-item";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import { gfmTable } from "micromark-extension-gfm-table";
import { gfmTaskListItem } from "micromark-extension-gfm-task-list-item";
import { EditMap } from "micromark-util-edit-map";
import { markdownLimits } from "./limits.ts";
import { formulaOf, formulas } from "./math.ts";
import { isPlain, readPlain } from "./plain.ts";
import { directionOf, textOf, visibleText, type Block, type Inline, type Link, type ListItem } from "./tree.ts";

export { directionOf, textOf, visibleText, type Block, type Inline } from "./tree.ts";
export { markdownLimits } from "./limits.ts";
export { calledWords, callerOf, mentionsIn, withAccounts, type Caller, type Mention, type People } from "./mentions.ts";
export { formulaCharsMax, type Formula } from "./math.ts";
export { linksOf } from "./links.ts";
export { isPlain } from "./plain.ts";

type Nodes = ReturnType<typeof fromMarkdown>["children"][number];

const withoutSwallowing = {
  disable: {
    null: [
      "htmlFlow",
      "htmlText",
      "definition",
      "characterReference",
      // A line of `===` or `---` would vanish into the line above, and a path that ends in `\` lose it.
      "setextUnderline",
      "hardBreakEscape",
      "characterEscape",
    ],
  },
};

/** A backslash is part of a path, a pattern or a formula, unless it keeps one of these from being a mark. */
const escapable: ReadonlySet<number | null> = new Set(Array.from("*_~`#>|", (mark) => mark.charCodeAt(0)));
const backslash = 92;

const escapesOfMarks: ReturnType<typeof gfmTable> = {
  text: {
    [backslash]: {
      name: "escapeOfMark",
      tokenize: (effects, ok, nok) => (code) => {
        effects.enter("characterEscape");
        effects.enter("escapeMarker");
        effects.consume(code);
        effects.exit("escapeMarker");
        return (escaped) => {
          if (!escapable.has(escaped)) return nok(escaped);
          effects.enter("characterEscapeValue");
          effects.consume(escaped);
          effects.exit("characterEscapeValue");
          effects.exit("characterEscape");
          return ok;
        };
      },
    },
  },
};

const extensions = [
  gfmTable(),
  // `~5 and ~6` is not struck out.
  gfmStrikethrough({ singleTilde: false }),
  gfmTaskListItem(),
  gfmAutolinkLiteral(),
  withoutSwallowing,
  escapesOfMarks,
  formulas,
];
const mdastExtensions: TreeExtension[] = [
  gfmTableFromMarkdown(),
  gfmStrikethroughFromMarkdown(),
  gfmTaskListItemFromMarkdown(),
  // Its second search, by regular expressions in what the parser left, would find what the parser has refused.
  { ...gfmAutolinkLiteralFromMarkdown(), transforms: [] },
];

/** At each line that leaves a quote or a list the parser changes the end of what it has read, and went through all of
 *  it for that. What stands before the first change stays where it is. */
const consume = Reflect.get(EditMap.prototype, "consume") as EditMap["consume"];
EditMap.prototype.consume = function (this: EditMap, events) {
  let first = Infinity;
  for (const [at] of this.map) first = Math.min(first, at);
  const end = events.splice(first);
  for (const change of this.map) change[0] -= first;
  consume.call(this, end);
  for (const event of end) events.push(event);
};

/** A text that was read, with what is needed to read on. */
export interface Reading {
  readonly text: string;
  readonly blocks: readonly Block[];
  /** So many blocks stay as they are, whatever follows. */
  readonly settled: number;
  /** Where the line begins that the first of the others begins on. */
  readonly openAt: number;
}

/** Reads a text. Most chat messages have no marks, and are not parsed. */
export const readText = (text: string): readonly Block[] =>
  isPlain(text) ? readPlain(text) : readMarkdown(text).blocks;

/** Reads a text with the parser. `known` is what was read of its beginning: its settled blocks stay, and stay the same
 *  objects. `close` adds the marks that a text lacks which may end in the middle of a word that is marked. */
export function readMarkdown(
  text: string,
  { known, close }: { known?: Reading | undefined; close?: (written: string) => string } = {},
): Reading {
  if (isTooMuch(text)) return { text, blocks: [unread(text)], settled: 0, openAt: 0 };
  if (known === undefined || !text.startsWith(known.text)) return readFrom(text, 0, [], close);
  return readFrom(text, known.openAt, known.blocks.slice(0, known.settled), close);
}

/** What is read, where it begins in the whole text, and whether it is quoted. */
interface Source {
  readonly text: string;
  readonly base: number;
  readonly quoted: boolean;
}

function readFrom(
  text: string,
  start: number,
  before: readonly Block[],
  close = (written: string) => written,
): Reading {
  const written = text.slice(start);
  const closed = close(written);
  // Something may be added, nothing may go.
  const source: Source = { text: closed.startsWith(written) ? closed : written, base: start, quoted: false };
  const nodes = fromMarkdown(source.text, { extensions, mdastExtensions }).children;
  const blocks = [...before, ...nodes.map((node) => toBlock(node, source))];
  // The last line may become something else as it grows, and then belong to the block above it: `##` to `##<`. And only
  // a blank line parts two blocks for good, unless one of them is indented code: the parser reads that, and what
  // follows it, differently at the start of a text.
  const lastLine = lineStart(source.text, written.length);
  const starts = nodes.map((node) => lineStart(source.text, node.position?.start.offset ?? 0));
  const open = Math.max(
    0,
    starts.findLastIndex(
      (at, index) =>
        at < lastLine &&
        isBlankBefore(source.text, at) &&
        ![nodes[index - 1], nodes[index]].some((node) => isIndentedCode(node, source)),
    ),
  );
  return { text, blocks, settled: before.length + open, openAt: start + (starts[open] ?? 0) };
}

/** Whether a blank line stands before this one. */
const isBlankBefore = (text: string, at: number): boolean => {
  const above = at < 2 ? -1 : text.lastIndexOf("\n", at - 2);
  return above >= 0 && text.charAt(at - 1) === "\n" && /^[ \t]*$/.test(text.slice(above + 1, at - 1));
};

const fence = /^(?:`{3,}|~{3,})([^\n\r]*)/;
const isIndentedCode = (node: Nodes | undefined, source: Source): boolean =>
  node?.type === "code" && !fence.test(sliceOf(node, source));

const lineStart = (text: string, offset: number): number => (offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1);

const deep = new RegExp(`^(?:[ \\t]*(?:>|[-+*]|\\d{1,9}[.)])){${markdownLimits.nestedMax + 1}}`, "m");
const longRun = new RegExp(
  `(?:[*_]{${markdownLimits.runCharsMax + 1}}[^\\s*_]|[^\\s*_][*_]{${markdownLimits.runCharsMax + 1}})`,
);

/** True for a text that would keep the browser busy for long; nobody writes such a text to be read as Markdown. */
function isTooMuch(text: string): boolean {
  if (text.length > markdownLimits.charsMax || deep.test(text) || longRun.test(text)) return true;
  const runs = text.match(/([*_~`[\]|<])\1*/g);
  if (runs !== null && runs.length > markdownLimits.marksMax) return true;
  return text.split(lineEnd).length > markdownLimits.linesMax || lazyLines(text) > markdownLimits.lazyLinesMax;
}

/** What ends a line for the parser. */
const lineEnd = /\r\n?|\n/;

const marked = /^[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$))/;

/** How many lines may go on with a quote or an entry without its mark: no blank line stands between them. */
function lazyLines(text: string): number {
  let count = 0;
  let isOpen = false;
  for (const line of text.split(lineEnd)) {
    const isMarked = marked.test(line);
    isOpen = line.trim() !== "" && (isOpen || isMarked);
    if (isOpen && !isMarked) count += 1;
  }
  return count;
}

/** What a line may begin with: marks of quotes and entries. */
const lead = String.raw`[ \t]*(?:(?:[-+*>]|\d{1,9}[.)])[ \t]*)*`;

/** Where nobody is called, in a text that is not read: code in fences, and lines that are quoted, indented or have a
 *  tick. */
const apart = new RegExp(
  [`^${lead}(\`{3,}|~{3,})[^]*?(?:\\n[ \\t>]*\\1[\`~]*[ \\t]*$|$(?![^]))`, `^(?:${lead}>| {4}|\\t).*`, "^.*`.*"].join(
    "|",
  ),
  "gm",
);

/** The whole text as it was written. */
function unread(text: string): Block {
  const children: Inline[] = [];
  const add = (from: number, to: number, quoted: boolean): void => {
    const written = text.slice(from, to);
    if (written !== "") children.push(said(written, written, { text, base: 0, quoted }, from));
  };
  const end = text.trimEnd().length;
  let from = /^(?:[ \t]*\n)+/.exec(text)?.[0].length ?? 0;
  for (const { 0: stretch, index } of text.slice(0, end).matchAll(apart)) {
    if (index < from) continue;
    add(from, index, false);
    from = index + stretch.length;
    add(index, from, true);
  }
  add(from, end, false);
  return { kind: "paragraph", children };
}

/** A stretch of the source as it was written. */
const literal = (written: string, source: Source, from = 0): Block => ({
  kind: "paragraph",
  children: [said(written.replace(/^(?:[ \t]*\n)+/, "").trimEnd(), written, source, from)],
});

const signs = /[@＠﹫]/g;

/** Text that was made of a stretch of the source, with the places of its signs: each is still there, in the same
 *  order. */
function said(text: string, written: string, source: Source, from: number): Inline {
  if (source.quoted) return { kind: "text", text };
  const places = [...written.matchAll(signs)].map(({ index }) => source.base + from + index);
  const isWhole = places.length > 0 && places.length === (text.match(signs)?.length ?? 0);
  return isWhole ? { kind: "text", text, signs: places } : { kind: "text", text };
}

/** The block, or its source where a reader of the block would miss something. */
function toBlock(node: Nodes, source: Source): Block {
  const written = sliceOf(node, source);
  const block = convert(node, source);
  if (block !== undefined && shown(written, block)) return block;
  return literal(written, source, node.position?.start.offset);
}

// What Markdown can use as marks. All else that can be seen must be seen.
const marks = /[\s\p{Cc}*_~`#>+\-=|\\[\](){}!<:$]/gu;

/** Whether everything in the source but marks is seen in its block, in the same order, and the block is not empty. */
function shown(written: string, block: Block): boolean {
  const seen = visibleText([block]);
  if (seen.trim() === "" && block.kind !== "rule") return written.trim() === "";
  let at = 0;
  for (const character of written.replaceAll(marks, "")) {
    const found = seen.indexOf(character, at);
    if (found < 0) return false;
    at = found + character.length;
  }
  return true;
}

const sliceOf = ({ position }: Pick<Nodes, "position">, source: Source): string =>
  position === undefined ? "" : source.text.slice(position.start.offset, position.end.offset);

function convert(node: Nodes, source: Source): Block | undefined {
  switch (node.type) {
    case "paragraph":
      return { kind: "paragraph", children: inlines(node.children, source) };
    case "heading": {
      // `# C #` ends in a mark that marks nothing.
      const rest = source.text
        .slice(node.children.at(-1)?.position?.end.offset ?? node.position?.end.offset, node.position?.end.offset)
        .trimEnd();
      const closing: readonly Inline[] = rest === "" ? [] : [{ kind: "text", text: rest }];
      return { kind: "heading", level: node.depth, children: [...inlines(node.children, source), ...closing] };
    }
    case "blockquote": {
      // Nobody is called in what another has said.
      const blocks = node.children.map((child) => toBlock(child, { ...source, quoted: true }));
      return { kind: "quote", direction: directionOf(visibleText(blocks)), blocks };
    }
    case "list": {
      const items = node.children.map((item): ListItem => {
        const marker = node.ordered === true ? /^\d+[.)]/.exec(sliceOf(item, source))?.[0] : undefined;
        const blocks = item.children.map((child) => toBlock(child, source));
        return { marker, checked: item.checked ?? undefined, blocks };
      });
      const direction = directionOf(visibleText(items.flatMap((item) => item.blocks)));
      return { kind: "list", ordered: node.ordered === true, direction, items };
    }
    case "code": {
      const fenced = fence.exec(sliceOf(node, source));
      // Blank lines at the end of indented code are none of it. The parser leaves them there if nothing stands above
      // the code.
      const text = fenced === null ? withoutBlankEnd(node.value) : node.value;
      return { kind: "code", info: fenced?.[1]?.trim() ?? "", text };
    }
    case "table": {
      const [head = [], ...rows] = node.children.map((row) =>
        row.children.map((cell) => inlines(cell.children, source)),
      );
      return { kind: "table", direction: directionOf([head, ...rows].flat(2).map(textOf).join(" ")), head, rows };
    }
    case "thematicBreak":
      return { kind: "rule" };
    default:
      return undefined;
  }
}

/** Without the blank lines at its end. */
function withoutBlankEnd(text: string): string {
  let end = text.length;
  for (let at = end; ; end = at) {
    while (/[ \t]/.test(text.charAt(at - 1))) at -= 1;
    if (text.charAt(at - 1) !== "\n") return text.slice(0, end);
    at -= 1;
  }
}

function codeOrFormula(text: string, written: string): Inline {
  const formula = formulaOf(written);
  return { kind: "code", text, ...(formula && { formula }) };
}

type Phrase = Extract<Nodes, { type: "paragraph" }>["children"][number];

const inlines = (nodes: readonly Phrase[], source: Source): readonly Inline[] =>
  nodes.map((node): Inline => {
    switch (node.type) {
      case "text":
        return said(node.value, sliceOf(node, source), source, node.position?.start.offset ?? 0);
      case "inlineCode":
        return codeOrFormula(node.value, sliceOf(node, source));
      case "strong":
      case "emphasis":
        return { kind: node.type, children: inlines(node.children, source) };
      case "delete":
        return { kind: "deleted", children: inlines(node.children, source) };
      case "break":
        return { kind: "text", text: "\n" };
      case "link":
        return toLink(
          node.url,
          inlines(node.children, labelOf(node, source)),
          afterLabel(node, node.children.at(-1), source),
        );
      case "image": {
        // Never loaded: a message must not make its readers' browsers call other machines.
        const [, alt = "", target = ""] = /^!\[(.*)\]\((.*)\)$/s.exec(sliceOf(node, source)) ?? [];
        return toLink(node.url, [{ kind: "text", text: alt === "" ? "picture" : `picture: ${alt}` }], target);
      }
      default:
        return said(sliceOf(node, source), sliceOf(node, source), source, node.position?.start.offset ?? 0);
    }
  });

/** An address that is a link by itself calls nobody; the words of another link may. */
const labelOf = (node: Phrase, source: Source): Source =>
  sliceOf(node, source).startsWith("[") ? source : { ...source, quoted: true };

/** What stands behind the label of `[label](destination "title")`; nothing for an address that is a link by itself. */
function afterLabel(node: Phrase, last: Phrase | undefined, source: Source): string {
  const written = sliceOf(node, source);
  if (!written.startsWith("[")) return "";
  const start =
    (last?.position?.end.offset ?? (node.position?.start.offset ?? 0) + 1) - (node.position?.start.offset ?? 0);
  return /^\]\((.*)\)$/s.exec(written.slice(start))?.[1]?.trim() ?? "";
}

const reachable: ReadonlySet<string> = new Set(["http:", "https:", "mailto:", "tel:"]);

function toLink(url: string, said: readonly Inline[], target: string): Link {
  const says = said.map(textOf).join("");
  return {
    kind: "link",
    children: said.map(unlinked),
    href: hrefOf(url),
    target,
    tells: target !== "" && target !== says,
  };
}

/** A picture inside a link: one link is enough. */
function unlinked(inline: Inline): Inline {
  if ("text" in inline) return inline;
  if (inline.kind !== "link") return { kind: inline.kind, children: inline.children.map(unlinked) };
  return { kind: "text", text: inline.tells ? `${textOf(inline)} (${inline.target})` : textOf(inline) };
}

/** Where a link may lead: to other pages and people, not to scripts, and to this node only by its whole address. */
function hrefOf(url: string): string | undefined {
  try {
    return reachable.has(new URL(url).protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}
