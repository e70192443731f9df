import { createRequire } from "node:module";
import { expect } from "chai";
import { array, assert as property, constantFrom, property as forAll, record, string } from "fast-check";
import { readText, visibleText } from "../../../protocols/reading/index.ts";
import { isFromEditor, isWorthReading, mayBeMarked, parted } from "../../../web/src/view/pasting/choice.ts";
import { markdownOf } from "../../../web/src/view/pasting/markdown.ts";
import type { Piece } from "../../../web/src/view/pasting/piece.ts";
import { clipboards, editors } from "../../fixtures/clipboards/documents.ts";

// Its types are no module.
const domino = createRequire(import.meta.url)("@mixmark-io/domino") as {
  createDocument(html: string): { readonly body: Piece };
};

const bodyOf = (html: string): Piece => domino.createDocument(html).body;
const pasted = (html: string): string => markdownOf(bodyOf(html));

describe("what is pasted from a document", () => {
  for (const { from, html, markdown } of clipboards)
    it(`keeps what it means: ${from}`, () => {
      expect(isWorthReading(html)).to.equal(true);
      expect(isFromEditor(["text/plain", "text/html"], html)).to.equal(false);
      expect(pasted(html)).to.equal(markdown);
    });

  for (const [editor, html] of Object.entries(editors))
    it(`stays the text that it is where it is code: ${editor}`, () => {
      expect(isFromEditor(["text/plain", "text/html"], html)).to.equal(true);
    });

  it("is one run where it is marked alike, in however many pieces a program writes it", () => {
    for (const [html, markdown] of [
      ["<b>Ver</b><strong>sion</strong> 2", "**Version** 2"],
      ['<span style="font-weight:700">a</span><span style="font-weight:700;color:red"> b</span>c', "**a b**c"],
      ["<del>old</del><s>er</s>", "~~older~~"],
      ["<b><i>a</i></b><b><i>b</i></b>", "***ab***"],
      ["<b>a</b><i>b</i>", "**a***b*"],
      ["<b>a</b> <b>b</b>", "**a** **b**"],
    ] as const) {
      expect(pasted(html), html).to.equal(markdown);
      expect(visibleText(readText(pasted(html))), html).to.equal(bodyOf(html).textContent);
    }
  });

  it("is of an editor that says so, however it writes", () => {
    expect(isFromEditor(["text/plain", "text/html", "vscode-editor-data"], "<b>x</b>")).to.equal(true);
  });

  it("is left to the browser where its text says all", () => {
    for (const html of [
      "",
      "<p>one</p><p>two</p>",
      '<span style="font-weight: 400; color: red">x</span>',
      "<div>a<br>b</div>",
    ])
      expect(isWorthReading(html), html).to.equal(false);
    expect(isWorthReading(`<b>${"x".repeat(1_000_000)}</b>`)).to.equal(false);
  });

  it("is text where code is being written, and begins below the words before it where it is blocks", () => {
    const at = (text: string) => mayBeMarked(text, text.length);
    expect([at(""), at("see "), at("```\na\n```\n"), at("`a` and ")]).to.deep.equal([true, true, true, true]);
    expect([at("```\n"), at("~~~ts\nx"), at("see `"), at("    x")]).to.deep.equal([false, false, false, false]);
    expect(parted("see", "- a")).to.equal("\n\n- a");
    expect(parted("see ", "[a](https://a.test)")).to.equal("[a](https://a.test)");
    expect(parted("see\n", "# a")).to.equal("# a");
  });

  it("shows no sign as a mark that was none: whatever words, they are all seen", () => {
    const words = string({ unit: constantFrom(..."ab *_`~#>|[]()\\-1.@".split(""), "ß", "健"), maxLength: 12 });
    const piece = record({ tag: constantFrom("p", "b", "em", "code", "li", "td", "a", "h2"), text: words });
    property(
      forAll(array(piece, { minLength: 1, maxLength: 5 }), (pieces) => {
        const html = pieces.map(({ tag, text }) => wrapped(tag, escapeHtml(text))).join("");
        const seen = visibleText(readText(pasted(html))).replaceAll(/[^\p{L}\p{N}]/gu, "");
        const meant = pieces
          .map(({ text }) => text)
          .join("")
          .replaceAll(/[^\p{L}\p{N}]/gu, "");
        for (const letter of meant) expect(seen).to.contain(letter);
        expect(seen.replaceAll(/1/g, "").replaceAll("httpsxtest", "")).to.equal(meant.replaceAll(/1/g, ""));
      }),
    );
  });

  it("is bounded, however deep its elements stand", () => {
    const deep = `${"<div><b>".repeat(200)}x${"</b></div>".repeat(200)}`;
    expect(pasted(deep)).to.contain("x");
  });
});

const escapeHtml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function wrapped(tag: string, text: string): string {
  if (tag === "li") return `<ul><li>${text}</li></ul>`;
  if (tag === "td") return `<table><tr><td>a</td><td>${text}</td></tr></table>`.replace("<td>a</td>", "<td></td>");
  return tag === "a" ? `<a href="https://x.test">${text}</a>` : `<${tag}>${text}</${tag}>`;
}
