/** XML as it may come from strangers: looked at before a parser sees it. What SAML never needs and attacks live on is
 *  not taken at all: document types and entities, comments (two readers that treat one differently read two names),
 *  CDATA, instructions, deep nesting.
 *
 *  This reads tags, no trees, and proves nothing. What is proven the library says (`saml.ts`). */
import { identityLimits as limits } from "./limits.ts";

/** A start tag, with the text that follows it up to the next tag. */
export interface Tag {
  /** Without its prefix. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly text: string;
  /** Names of the elements around it, the outermost first. */
  readonly within: readonly string[];
}

const tag = /<(\/?)([A-Za-z_][\w.:-]*)((?:[^<>"']|"[^"<]*"|'[^'<]*')*?)(\/?)>([^<]*)/y;
const attribute = /\s([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const declaration = /^\uFEFF?\s*(?:<\?xml\s(?:[^<>?"']|"[^"<]*"|'[^'<]*')*\?>\s*)?/;
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const plain = (text: string): string =>
  text.replaceAll(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/g, (whole, hex, digits, name) => {
    if (name !== undefined) return entities[name as string] as string;
    const point = hex === undefined ? Number(digits) : Number.parseInt(hex as string, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : (whole as string);
  });

const local = (name: string): string => name.slice(name.indexOf(":") + 1);

/** Reads all tags, or says what is wrong with the text. */
export function tagsOf(text: string): readonly Tag[] | string {
  if (text.length > limits.xmlCharsMax) return `it is longer than ${limits.xmlCharsMax} characters`;
  const start = declaration.exec(text)?.[0].length ?? 0;
  if (/encoding\s*=/i.test(text.slice(0, start)) && !/encoding\s*=\s*["']utf-?8["']/i.test(text.slice(0, start)))
    return "it is not in UTF-8";
  if (text.indexOf("<!", start) >= 0) return "it has a document type, a comment or CDATA, which are not taken";
  if (text.indexOf("<?", start) >= 0) return "it has an instruction, which is not taken";
  const tags: Tag[] = [];
  const open: string[] = [];
  tag.lastIndex = start;
  for (let end = start; end < text.length; end = tag.lastIndex) {
    const found = tag.exec(text);
    if (found === null) return "it is not XML";
    const [, closing, name = "", inside = "", alone, after = ""] = found;
    if (closing === "/") {
      if (open.pop() !== name) return "it is not XML";
      continue;
    }
    if (open.length === 0 && tags.length > 0) return "it has more than one root";
    if (open.length >= limits.xmlDepthMax) return `it is nested deeper than ${limits.xmlDepthMax} elements`;
    const attributes = new Map(
      [...inside.matchAll(attribute)].map(([, key = "", one, other]) => [local(key), plain(one ?? other ?? "")]),
    );
    tags.push({ name: local(name), attributes, text: plain(after), within: open.map(local) });
    if (alone !== "/") open.push(name);
  }
  return open.length === 0 && tags.length > 0 ? tags : "it is not XML";
}
