/** A pasted document as the Markdown that `protocols/reading` reads: links, lists, tables, headings, code, quotations
 *  and words that are marked. Turndown walks the document; the rules here write this dialect, which knows few escapes,
 *  no HTML and no hard breaks. Loaded with the first paste that has something to keep. */
import Turndown from "turndown";
import { around, attributeOf, childrenOf, elementsOf, insideOf, isElement, styleOf, type Piece } from "./piece.ts";
import { tidy } from "./tidied.ts";

/** What a document says, as Markdown. The document is changed on the way. */
export function markdownOf(body: Piece): string {
  tidy(body);
  joinRuns(body);
  const written = service().turndown(body as unknown as Parameters<Turndown["turndown"]>[0]);
  // Blanks that do not break are for the layout of where they come from.
  return written.replaceAll("\u00A0", " ").replaceAll(/[ \t]+$/gm, "");
}

/** Parts of a table on their way from its cells to the table; in no text. */
const cellEnd = "\u001F";

function service(): Turndown {
  const made = new Turndown({
    headingStyle: "atx",
    hr: "---",
    br: "",
    bulletListMarker: "-",
    codeBlockStyle: "fenced",
  });
  made.escape = escaped;
  made.remove(["script", "style", "title", "noscript", "button", "textarea", "select"]);
  const rule = (name: string, is: (piece: Piece) => boolean, write: (content: string, piece: Piece) => string) =>
    made.addRule(name, { filter: (node) => is(node), replacement: (content, node) => write(content, node) });
  const named =
    (...names: readonly string[]) =>
    (piece: Piece): boolean =>
      names.includes(piece.nodeName);
  rule("line end", named("BR"), (_, piece) =>
    around(piece, named("TD", "TH", "H1", "H2", "H3", "H4", "H5", "H6", "A")) ? " " : "\n",
  );
  rule(
    "heading",
    (piece) => /^H[1-6]$/.test(piece.nodeName),
    (content, piece) => {
      const text = oneLine(content);
      return text === "" ? "" : `\n\n${"#".repeat(Number(piece.nodeName.slice(1)))} ${text}\n\n`;
    },
  );
  rule("marks", isInline, (content, piece) => marked(content, piece));
  rule("code word", named("CODE", "KBD", "SAMP", "TT"), (_, piece) => codeWord(piece.textContent ?? ""));
  rule("code", named("PRE"), (_, piece) => codeBlock(piece));
  rule(
    "link",
    (piece) => named("A")(piece),
    (content, piece) => link(content, piece),
  );
  // Pictures are not loaded from elsewhere; what they show is said.
  rule("picture", named("IMG"), (_, piece) => oneLine(attributeOf(piece, "alt")));
  rule("unsaid", isUnsaid, () => "");
  rule(
    "box",
    (piece) => piece.nodeName === "INPUT",
    (_, piece) => box(piece),
  );
  rule("list", named("UL", "OL"), (content, piece) =>
    piece.parentNode?.nodeName === "LI" ? `\n${content}\n` : `\n\n${content}\n\n`,
  );
  rule("entry", named("LI"), (content, piece) => entry(content, piece));
  rule("cell", named("TD", "TH"), (content, piece) =>
    isTable(tableOf(piece)) ? `${inCell(content)}${cellEnd}` : `\n\n${content}\n\n`,
  );
  rule("row", named("TR"), (content, piece) => (isTable(tableOf(piece)) ? content : `\n${content.trim()}\n`));
  rule("rows", named("THEAD", "TBODY", "TFOOT"), (content) => content);
  rule("unneeded", named("COLGROUP", "COL", "CAPTION"), () => "");
  rule("table", named("TABLE"), (content, piece) => (isTable(piece) ? table(content, piece) : `\n\n${content}\n\n`));
  return made;
}

/** The few signs that mark something in running text, kept from doing so. */
const escaped = (text: string): string =>
  text
    .replaceAll(cellEnd, "")
    .replaceAll("`", "\\`")
    // Between blanks, and an underscore within a word, they mark nothing.
    .replaceAll(/(?<=\S)\*|\*(?=\S)/g, String.raw`\*`)
    .replaceAll(/(?<![\p{L}\p{N}_])_(?=\S)|(?<=\S)_(?![\p{L}\p{N}_])/gu, String.raw`\_`)
    .replaceAll("~~", String.raw`\~\~`)
    .replaceAll(/^(\s*)(#{1,6}\s|>)/gm, String.raw`$1\$2`);

const inCell = (text: string): string => oneLine(text).replaceAll("|", String.raw`\|`);
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

// What a program hides from readers, and what this page adds to a message to be seen: it is in the message already.
const isUnsaid = (piece: Piece): boolean =>
  styleOf(piece, "display") === "none" ||
  /\b(?:rich-target|rich-info|edited)\b/.test(attributeOf(piece, "class")) ||
  ["SVG", "svg", "META", "LINK", "O:P"].includes(piece.nodeName);

const inlineNames: ReadonlySet<string> = new Set(
  "B STRONG I EM DEL S STRIKE SPAN FONT U MARK SMALL CITE DFN VAR".split(" "),
);
const isInline = (piece: Piece): boolean => inlineNames.has(piece.nodeName) && !isUnsaid(piece);

interface Marks {
  readonly bold: boolean;
  readonly italic: boolean;
  readonly deleted: boolean;
}

/** How an element marks its words: by its style, or by its name where the style says nothing. */
function marksOf(piece: Piece): Marks {
  const { nodeName } = piece;
  const weight = styleOf(piece, "font-weight");
  const slant = styleOf(piece, "font-style");
  const line = styleOf(piece, "text-decoration(?:-line)?");
  return {
    bold: weight === "" ? nodeName === "B" || nodeName === "STRONG" : /^(?:bold|[6-9]00)/.test(weight),
    italic: slant === "" ? nodeName === "I" || nodeName === "EM" : slant.startsWith("italic"),
    deleted: ["DEL", "S", "STRIKE"].includes(nodeName) || line.includes("line-through"),
  };
}

/** Words that are marked alike become one run, as programs write it in several: signs that touch mark nothing. */
function joinRuns(piece: Piece): void {
  let before: Piece | undefined;
  for (const child of childrenOf(piece)) {
    if (before === undefined || !isMarkedAlike(before, child)) before = child;
    else {
      for (const one of childrenOf(child)) before.appendChild(one);
      piece.removeChild(child);
    }
  }
  for (const child of elementsOf(piece)) joinRuns(child);
}

const isMarkedAlike = (one: Piece, other: Piece): boolean =>
  isElement(one) &&
  isElement(other) &&
  isInline(one) &&
  isInline(other) &&
  markNames.some((mark) => marksOf(one)[mark]) &&
  markNames.every((mark) => marksOf(one)[mark] === marksOf(other)[mark]);

const markNames = ["bold", "italic", "deleted"] as const;
const marks = { bold: "**", italic: "*", deleted: "~~" } as const;
const headings: ReadonlySet<string> = new Set("H1 H2 H3 H4 H5 H6 TH".split(" "));

function marked(content: string, piece: Piece): string {
  if (content.trim() === "" || content.includes("\n\n") || content.includes(cellEnd)) return content;
  const own = marksOf(piece);
  const has = (mark: keyof Marks): boolean =>
    own[mark] &&
    around(piece, (one) => inlineNames.has(one.nodeName) && marksOf(one)[mark]) === undefined &&
    // A heading is bold as it is.
    !(mark === "bold" && around(piece, (one) => headings.has(one.nodeName)) !== undefined);
  const set = markNames.filter(has);
  if (set.length === 0 || !canMark(content, piece)) return content;
  return set.reduce(
    (text, mark) => text.replaceAll(/^(\s*)([^\n]+?)(\s*)$/gm, `$1${marks[mark]}$2${marks[mark]}$3`),
    content,
  );
}

/** Marks beside punctuation inside, and a letter outside, are read as signs: there the words stay without. */
function canMark(content: string, piece: Piece): boolean {
  const text = content.trim();
  const beside = (side: "previousSibling" | "nextSibling"): string =>
    (piece as unknown as Readonly<Record<typeof side, Piece | null>>)[side]?.textContent ?? "";
  const isPoint = /[\p{P}\p{S}]/u;
  const isLetter = /[\p{L}\p{N}]/u;
  const before = text === content.trimStart() ? beside("previousSibling").at(-1) : undefined;
  const [first = "", last = ""] = [text[0], text.at(-1)];
  if (content.startsWith(first) && isPoint.test(first) && before !== undefined && isLetter.test(before)) return false;
  const after = beside("nextSibling")[0];
  return !(content.endsWith(last) && isPoint.test(last) && after !== undefined && isLetter.test(after));
}

/** Code in a line, between more ticks than it has. */
function codeWord(text: string): string {
  const said = text.replaceAll(/\r?\n/g, " ");
  if (said.trim() === "") return said;
  const runs = new Set((said.match(/`+/g) ?? []).map(({ length }) => length));
  let ticks = 1;
  while (runs.has(ticks)) ticks += 1;
  const space = /^`|`$|^ .* $/.test(said) ? " " : "";
  return `${"`".repeat(ticks)}${space}${said}${space}${"`".repeat(ticks)}`;
}

/** Code of its own lines; the language where the page says it. */
function codeBlock(piece: Piece): string {
  const text = linesOf(piece).replace(/\n$/, "");
  const classes = [piece, ...insideOf(piece, "CODE"), piece.parentNode].map((one) =>
    one === null ? "" : attributeOf(one, "class"),
  );
  const language =
    /\b(?:language-|lang-|highlight-source-|highlight-text-|brush:\s*)([\w+#-]+)/.exec(classes.join(" "))?.[1] ?? "";
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return text.trim() === "" ? "" : `\n\n${fence}${language}\n${text}\n${fence}\n\n`;
}

const linesOf = (piece: Piece): string => {
  if (piece.nodeName === "BR") return "\n";
  if (isUnsaid(piece) || piece.nodeName === "BUTTON") return "";
  const children = Array.from(piece.childNodes);
  return children.length === 0 ? (piece.textContent ?? "") : children.map(linesOf).join("");
};

const reachable = /^(?:https?:|mailto:|tel:)/i;

/** A link, if it leads somewhere for those who read it. */
function link(content: string, piece: Piece): string {
  const href = attributeOf(piece, "href").trim();
  const text = content.includes("\n\n") ? content : oneLine(content);
  if (text === "" || !reachable.test(href) || content.includes("\n\n")) return content;
  const address = href.replaceAll(/[\s()<>]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const plain = oneLine(piece.textContent ?? "");
  const isSame = [plain, `http://${plain}`, `https://${plain}`, `mailto:${plain}`].some(
    (one) => one === href || `${one}/` === href,
  );
  // What is an address already is read as a link.
  if (isSame) return /^mailto:/i.test(href) ? plain : plain.startsWith("http") ? plain : href;
  return isBalanced(text) ? `[${text}](${address})` : `${text} (${href})`;
}

/** Whether each bracket is closed: only then can it be the words of a link. */
function isBalanced(text: string): boolean {
  let open = 0;
  for (const sign of text.match(/[[\]]/g) ?? []) {
    open += sign === "[" ? 1 : -1;
    if (open < 0) return false;
  }
  return open === 0;
}

function box(piece: Piece): string {
  if (attributeOf(piece, "type") !== "checkbox" || around(piece, ({ nodeName }) => nodeName === "LI") === undefined)
    return "";
  const isDone = (piece as unknown as { readonly checked?: boolean }).checked === true || isSaid(piece, "checked");
  return isDone ? "[x] " : "[ ] ";
}

const isSaid = (piece: Piece, name: string): boolean =>
  (piece as unknown as { hasAttribute?: (name: string) => boolean }).hasAttribute?.(name) === true;

function entry(content: string, piece: Piece): string {
  const list = piece.parentNode;
  const siblings = list === null ? [] : elementsOf(list).filter(({ nodeName }) => nodeName === "LI");
  const place = siblings.indexOf(piece);
  const first = list === null ? 1 : Number(attributeOf(list, "start") || 1);
  const marker = list?.nodeName === "OL" ? `${first + place}. ` : "- ";
  // Entries stay close together, as they are on most pages.
  const text = content
    .replaceAll(/^(?:[ \t]*\n)+|\s+$/g, "")
    .replaceAll(/\n\n+(?=[ \t]*(?:-|\d+\.) )/g, "\n")
    .replaceAll("\n", `\n${" ".repeat(marker.length)}`);
  return (
    `${marker}${text.replace(/^ +(?=\S)/, "").replace(/^(\[[ x]\]) +/, "$1 ")}` +
    `${place < siblings.length - 1 ? "\n" : ""}`
  );
}

const tableOf = (piece: Piece): Piece | undefined => around(piece, ({ nodeName }) => nodeName === "TABLE");

const notInCells = "TABLE UL OL PRE BLOCKQUOTE H1 H2 H3 H4 H5 H6 HR".split(" ");

/** Whether a table is one: those that place parts of a page, or hold what no cell can, are the text that is in them. */
const isTable = (piece: Piece | undefined): boolean =>
  piece !== undefined &&
  insideOf(piece, ...notInCells).length === 0 &&
  insideOf(piece, "TR").some((row) => cellsOf(row).length > 1);

const cellsOf = (row: Piece): readonly Piece[] =>
  elementsOf(row).filter(({ nodeName }) => nodeName === "TD" || nodeName === "TH");

/** A cell that spans others counts as often; the others are empty. */
const spanOf = (cell: Piece, name: "colspan" | "rowspan"): number => {
  const span = Number(attributeOf(cell, name));
  return Number.isInteger(span) && span > 0 ? Math.min(span, spanMax) : 1;
};
const spanMax = 50;

function table(content: string, piece: Piece): string {
  const texts = content.split(cellEnd).map((text) => text.trim());
  // How many more rows a cell of a column goes through.
  const reaches: number[] = [];
  const rows = insideOf(piece, "TR").map((row) => {
    const line: string[] = [];
    const skip = () => {
      while ((reaches[line.length] ?? 0) > 0) {
        reaches[line.length] = (reaches[line.length] ?? 0) - 1;
        line.push("");
      }
    };
    for (const cell of cellsOf(row)) {
      skip();
      const text = texts.shift() ?? "";
      for (let index = 0; index < spanOf(cell, "colspan"); index += 1) {
        reaches[line.length] = spanOf(cell, "rowspan") - 1;
        line.push(index === 0 ? text : "");
      }
    }
    skip();
    return line;
  });
  const width = Math.max(...rows.map(({ length }) => length));
  const written = rows.map((row) => `| ${Array.from({ length: width }, (_, index) => row[index] ?? "").join(" | ")} |`);
  const line = `|${" --- |".repeat(width)}`;
  return `\n\n${[written[0], line, ...written.slice(1)].join("\n")}\n\n`;
}
