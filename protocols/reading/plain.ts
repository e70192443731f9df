/** Texts that mean the same without a parser of Markdown: most chat messages. */
import type { Prose } from "./tree.ts";

const marked = new RegExp(
  [
    "[*_`~#>[\\]|\\\\]",
    // A formula, or money.
    "\\$\\S",
    "^\\s*(?:[-+]|\\d+[.)])\\s",
    "^\\s*---",
    // Code that is indented.
    "^(?: {4}| {0,3}\\t)",
    // Addresses.
    "https?:|www\\.|[\\w.+-]@[\\w-]",
  ].join("|"),
  "im",
);

/** A paragraph without marks. */
interface PlainBlock {
  readonly kind: "paragraph";
  readonly children: readonly Prose[];
}

/** Whether nothing in a text marks anything. */
export const isPlain = (text: string): boolean => !marked.test(text);

/** The paragraphs of such a text: blank lines part them, and more of them leave no hole. */
export function readPlain(text: string): readonly PlainBlock[] {
  const blocks: PlainBlock[] = [];
  let from = 0;
  for (const gap of [...text.matchAll(/\n(?:[^\S\n]*\n)+/g), undefined]) {
    const paragraph = text.slice(from, gap?.index);
    const at = from;
    if (paragraph.trim() !== "") {
      const signs = [...paragraph.matchAll(/[@＠﹫]/g)].map(({ index }) => at + index);
      blocks.push({
        kind: "paragraph",
        children: [{ kind: "text", text: paragraph, ...(signs.length > 0 && { signs }) }],
      });
    }
    from = gap === undefined ? text.length : gap.index + gap[0].length;
  }
  return blocks;
}
