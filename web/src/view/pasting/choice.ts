/** Whether a document of the clipboard says more than its text. Pure: no document is made for it. */

/** Longer documents are pasted as their text: a message has no room for what they say. */
const htmlCharsMax = 1_000_000;

const marking =
  /<(?:a|ul|ol|table|h[1-6]|pre|code|kbd|samp|tt|blockquote|b|strong|i|em|del|s|strike|hr)[\s>/]|mso-list/i;
const markingStyle = /font-weight:\s*(?:bold|[6-9]00)|font-style:\s*italic|line-through/i;

/** Whether something in it would be lost in its text. */
export const isWorthReading = (html: string): boolean =>
  html !== "" && html.length <= htmlCharsMax && (marking.test(html) || markingStyle.test(html));

/** Editors of code colour what they copy: its text is the code. They say so, or write one block whose font is theirs;
 *  browsers write more about a block of a page. */
export function isFromEditor(types: readonly string[], html: string): boolean {
  if (types.some((type) => type.includes("vscode-editor-data"))) return true;
  const inside = html
    .replaceAll(/<!--.*?-->|<\/?(?:html|body|meta|head)\b[^>]*>|<(title|style)\b.*?<\/\1>/gis, "")
    .trim();
  const style = /^<(?:pre|div)\b[^>]*?\sstyle=(?:"([^"]*)"|'([^']*)')/i.exec(inside);
  const written = style?.[1] ?? style?.[2] ?? "";
  const isBrowsers = /-webkit-text-stroke-width|orphans:/i.test(written);
  const keepsBlanks = /^<pre/i.test(inside) || /white-space:\s*pre\b/i.test(written);
  return keepsBlanks && /font-family/i.test(written) && !isBrowsers && isOneBlock(inside);
}

/** One block from its beginning to its end. */
function isOneBlock(html: string): boolean {
  const name = /^<(\w+)/.exec(html)?.[1] ?? "";
  let depth = 0;
  for (const tag of html.matchAll(new RegExp(`<(/?)${name}\\b[^>]*>`, "gi"))) {
    depth += tag[1] === "/" ? -1 : 1;
    if (depth === 0) return html.slice(tag.index + tag[0].length).trim() === "";
  }
  return true;
}

/** Whether marks would mark anything there: in code that is being written they are signs. */
export function mayBeMarked(text: string, caret: number): boolean {
  const before = text.slice(0, caret);
  const fences = before.match(/^ {0,3}(?:`{3,}|~{3,})/gm) ?? [];
  if (fences.length % 2 === 1) return false;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return (line.match(/`/g) ?? []).length % 2 === 0 && !/^(?: {4}|\t)/.test(line);
}

const ownLines = /^(?:#{1,6} |- |\d+\. |\||`{3}|> |---$)/m;

/** What is inserted behind a text: blocks begin below the words before them. */
export function parted(before: string, text: string): string {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return line.trim() !== "" && ownLines.test(text) ? `\n\n${text}` : text;
}
