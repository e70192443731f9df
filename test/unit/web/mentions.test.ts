import { expect } from "chai";
import { array, assert as property, constantFrom, property as forAll } from "fast-check";
import { folded } from "../../../protocols/index.ts";
import { calledIn, splitMentions } from "../../../protocols/mentions.ts";
import { readMarkdown, type Block, type Inline } from "../../../web/src/markdown/index.ts";

/** The mentions in what the page shows as prose. */
const shownIn = (blocks: readonly Block[]): readonly string[] =>
  blocks.flatMap((block) => {
    if (block.kind === "quote") return [];
    if (block.kind === "list") return block.items.flatMap((item) => shownIn(item.blocks));
    return "children" in block ? inText(block.children) : [];
  });

const inText = (inlines: readonly Inline[]): readonly string[] =>
  inlines.flatMap((inline) => {
    if (inline.kind === "text") return splitMentions(inline.text).filter((_, at) => at % 2 === 1);
    // What is a link by itself is an address.
    if (inline.kind === "link" && !inline.tells) return [];
    return "children" in inline ? inText(inline.children) : [];
  });

const name = (called: string): string =>
  folded(called)
    .replace(/^@/, "")
    .replace(/[._-]+$/, "");

describe("a mention", () => {
  it("stands in any script, with either sign, and neither in addresses, nor in code, nor in quotations", () => {
    for (const [text, ...called] of [
      ["请@helper", "helper"],
      ["交给@ben处理", "ben"],
      ["＠helper，你好", "helper"],
      ["＠ｈｅｌｐｅｒ", "helper"],
      ["สวัสดี@ben", "ben"],
      ["안녕@ben님", "ben"],
      ["(@Ada.Helper)", "ada.helper"],
      ["[@ada](https://x.test/@helper)", "ada"],
      ["[x](see @helper)", "helper"],
      ["> quoted\n\n@helper", "helper"],
      ["> quoted\n- @ben", "ben"],
      ["a\n    @helper", "helper"],
      ["- a\n\n    @helper", "helper"],
      ["https://site.test/@helper/post"],
      ["www.site.test/@helper"],
      ["ftp://site.test?@helper"],
      ["[post](https://x.test/@helper)"],
      ['[post](<https://x.test/ @helper> "@ada")'],
      ["> @helper do it"],
      ["> quoted\n@helper"],
      ["    @helper"],
      ["\t@helper"],
      ["# title\n    @helper"],
      ["~~~\n@helper"],
      ["``@a ` @b``"],
      ["mail ada@ex.test, müller@ex.test"],
      ["@benö"],
    ] as const)
      expect(calledIn(text), JSON.stringify(text)).to.deep.equal(called);
  });

  it("is found by room, composer and page in the same places", () => {
    // Addresses stand between blanks, and entries of lists hold no others.
    const pieces = ["@ada", "＠ben", "请@eve", " ", "\n", "\n\n", "\n> b ", "\n\n    ", "\n- b ", "`", "``", "\n```\n", "b", "处", ". ", " https://x.test/@ada ", "[l](https://x.test/@ada)", "[@ada](https://x.test)", "*b*"]; // prettier-ignore
    property(
      forAll(array(constantFrom(...pieces), { maxLength: 10 }), (some) => {
        const text = some.join("");
        const room = new Set(calledIn(text).map(name));
        const page = new Set(shownIn(readMarkdown(text).blocks).map(name));
        expect([...page].toSorted(), JSON.stringify(text)).to.deep.equal([...room].toSorted());
      }),
      { numRuns: 1000 },
    );
  });
});
