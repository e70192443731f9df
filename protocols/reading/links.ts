/** The pages that a text links to. */
import { wireLimits } from "../limits.ts";
import type { Block, Inline } from "./tree.ts";

const hrefsOf = (inlines: readonly Inline[]): readonly string[] =>
  inlines.flatMap((inline) => {
    if (inline.kind === "text" || inline.kind === "code") return [];
    const inside = hrefsOf(inline.children);
    return inline.kind === "link" && inline.href !== undefined ? [inline.href, ...inside] : inside;
  });

function hrefsIn(block: Block): readonly string[] {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return hrefsOf(block.children);
    case "list":
      return block.items.flatMap(({ blocks }) => blocks.flatMap(hrefsIn));
    case "table":
      return [...block.head, ...block.rows.flat()].flatMap(hrefsOf);
    default:
      // What somebody else has said, and code.
      return [];
  }
}

/** The first pages of the web that a text links to, each once. An address between angle brackets is none: so its
 *  writer says that no preview is wanted. */
export function linksOf(blocks: readonly Block[], text: string): readonly string[] {
  const all = blocks.flatMap(hrefsIn).filter((href) => {
    const isPage = /^https?:\/\//i.test(href) && href.length <= wireLimits.previewUrlCharsMax;
    return isPage && URL.canParse(href) && !text.includes(`<${href}>`);
  });
  return [...new Set(all)].slice(0, wireLimits.previewsPerMessageMax);
}
