/** Documents of programs, made into what they mean: Word's lists are paragraphs, lists of Google Docs stand beside the
 *  entry they belong to, and lines of a text whose blanks count are parted by nothing but line ends. */
import { around, attributeOf, childrenOf, elementsOf, isElement, isText, styleOf, type Piece } from "./piece.ts";

/** Changes the document in place. */
export function tidy(body: Piece): void {
  listWordsParagraphs(body);
  nestLists(body);
  breakLines(body);
}

const remove = (piece: Piece): void => void piece.parentNode?.removeChild(piece);

const makeElement = (near: Piece, name: string): Piece => {
  const made = near.ownerDocument?.createElement(name);
  if (made === undefined) throw new Error("a document has no maker of elements");
  return made;
};

/** `mso-list: l0 level2 lfo1`: which list of Word an entry is of, and its level. */
const wordEntry = (piece: Piece): { readonly list: string; readonly level: number } | undefined => {
  const [, list, level] = /^(l\d+) level(\d)\b/.exec(styleOf(piece, "mso-list")) ?? [];
  return list === undefined ? undefined : { list, level: Number(level) };
};

/** Word writes an entry of a list as a paragraph whose style says so, with the bullet or the number as its first
 *  words. */
function listWordsParagraphs(body: Piece): void {
  // The lists that are open, outermost first.
  let open: Piece[] = [];
  let list = "";
  for (const piece of childrenOf(body)) {
    if (isText(piece) && (piece.textContent ?? "").trim() === "") continue;
    const found = isElement(piece) ? wordEntry(piece) : undefined;
    if (found === undefined) {
      open = [];
      if (isElement(piece)) listWordsParagraphs(piece);
      continue;
    }
    const marker = markerOf(piece);
    const isNumber = /^\W*[\da-z]{1,4}[.)]/i.test(marker?.textContent ?? "");
    open = found.list === list ? open.slice(0, found.level) : [];
    list = found.list;
    while (open.length < found.level) {
      const made = makeElement(piece, isNumber ? "ol" : "ul");
      const outer = open.at(-1);
      if (outer === undefined) piece.parentNode?.insertBefore(made, piece);
      else (elementsOf(outer).at(-1) ?? outer).appendChild(made);
      open.push(made);
    }
    if (marker !== undefined) remove(marker);
    const entry = makeElement(piece, "li");
    for (const child of childrenOf(piece)) entry.appendChild(child);
    open.at(-1)?.appendChild(entry);
    remove(piece);
  }
}

const markerOf = (piece: Piece): Piece | undefined => {
  for (const child of elementsOf(piece)) {
    const found = styleOf(child, "mso-list") === "ignore" ? child : markerOf(child);
    if (found !== undefined) return found;
  }
  return undefined;
};

const isList = (piece: Piece | null): boolean => piece?.nodeName === "UL" || piece?.nodeName === "OL";

/** A list that stands in a list belongs to the entry before it. */
function nestLists(piece: Piece): void {
  let entry: Piece | undefined;
  for (const child of elementsOf(piece)) {
    if (isList(piece) && isList(child) && entry !== undefined) entry.appendChild(child);
    else if (child.nodeName === "LI") entry = child;
    nestLists(child);
  }
}

const keepsLines = (piece: Piece): boolean =>
  /^(?:pre|break-spaces)/.test(styleOf(piece, "white-space")) ||
  /^(?:preserve|break-spaces)/.test(styleOf(piece, "white-space-collapse"));
const saysOfLines = (piece: Piece): boolean => keepsLines(piece) || attributeOf(piece, "style").includes("white-space");

/** Line ends that count become elements, where they would be blanks. */
function breakLines(piece: Piece): void {
  for (const child of childrenOf(piece)) {
    if (isElement(child)) {
      if (child.nodeName !== "PRE") breakLines(child);
      continue;
    }
    const text = child.textContent ?? "";
    if (!isText(child) || !text.includes("\n") || text.trim() === "") continue;
    const said = around(child, saysOfLines);
    if (said === undefined || !keepsLines(said)) continue;
    for (const [index, line] of text.split("\n").entries()) {
      if (index > 0) piece.insertBefore(makeElement(piece, "br"), child);
      const made = piece.ownerDocument?.createTextNode(line);
      if (made !== undefined && line !== "") piece.insertBefore(made, child);
    }
    remove(child);
  }
}
