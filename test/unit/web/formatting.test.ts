import { expect } from "chai";
import fc from "fast-check";
import { readMarkdown, visibleText } from "../../../protocols/reading/index.ts";
import { formats, formatted, type Format } from "../../../web/src/model/formatting.ts";

/** A text in which `[` and `]` stand around what is selected, or `|` where the caret is. */
function parsed(marked: string): { readonly text: string; readonly from: number; readonly to: number } {
  const caret = marked.indexOf("‖");
  if (caret >= 0) return { text: marked.replace("‖", ""), from: caret, to: caret };
  return { text: marked.replaceAll(/[«»]/g, ""), from: marked.indexOf("«"), to: marked.indexOf("»") - 1 };
}

function press(marked: string, format: Format): string {
  const { text, from, to } = parsed(marked);
  const change = formatted(text, from, to, format);
  const next = text.slice(0, change.from) + change.text + text.slice(change.to);
  if (change.start === change.end) return `${next.slice(0, change.start)}‖${next.slice(change.start)}`;
  return `${next.slice(0, change.start)}«${next.slice(change.start, change.end)}»${next.slice(change.end)}`;
}

describe("formatting", () => {
  const cases: readonly (readonly [format: Format, before: string, after: string])[] = [
    ["bold", "a «word» b", "a **«word»** b"],
    ["bold", "a **«word»** b", "a «word» b"],
    ["bold", "a «**word**» b", "a «word» b"],
    ["bold", "a «word » b", "a **«word»**  b"],
    ["bold", "a ‖ b", "a **‖** b"],
    ["bold", "a **‖** b", "a ‖ b"],
    ["bold", "*«word»*", "***«word»***"],
    ["italic", "***«word»***", "**«word»**"],
    ["italic", "**«word»**", "***«word»***"],
    ["italic", "«one»", "*«one»*"],
    ["strike", "«gone»", "~~«gone»~~"],
    ["strike", "~~«gone»~~", "«gone»"],
    ["bold", "«one\n\ntwo»", "«**one**\n\n**two**»"],
    ["bold", "«**one**\n\n**two**»", "«one\n\ntwo»"],
    ["bold", "«**one**\ntwo»", "«**one**\n**two**»"],
    ["bold", "«- one\n2. two\n> three»", "- «**one**\n2. **two**\n> **three**»"],
    ["code", "run «npm ci» now", "run `«npm ci»` now"],
    ["code", "run `«npm ci»` now", "run «npm ci» now"],
    ["code", "«a ` b»", "``«a ` b»``"],
    ["code", "«`a`»", "«a»"],
    ["code", "see «one\ntwo» there", "```\n«see one\ntwo there»\n```"],
    ["code", "«```\none\n```»", "«one»"],
    ["code", "«a\n```\nb»", "````\n«a\n```\nb»\n````"],
    ["quote", "one\n«two\n\nthree»\nfour", "one\n«> two\n>\n> three»\nfour"],
    ["quote", "«> two\n>\n> three»", "«two\n\nthree»"],
    ["quote", "on‖e", "> on‖e"],
    ["quote", "> on‖e", "on‖e"],
    ["list", "«one\n\ntwo»", "«- one\n\n- two»"],
    ["list", "«- one\ntwo»", "«- one\n- two»"],
    ["list", "«one\n»two", "«- one»\ntwo"],
    ["list", "‖", "- ‖"],
    ["list", "- ‖", "‖"],
    ["link", "see «this» there", "see [this](«url») there"],
    ["link", "see «https://example.org/a» there", "see [‖](https://example.org/a) there"],
    ["link", "see ‖", "see [«text»](url)"],
  ];
  for (const [format, before, after] of cases)
    it(`makes ${JSON.stringify(after)} of ${JSON.stringify(before)}: ${format}`, () => {
      expect(press(before, format)).to.equal(after);
    });

  const words = fc.array(fc.constantFrom("one", "two", "три", "四", "é", ".", ",", " ", "\n", "\n\n"), {
    maxLength: 12,
  });
  const selection = words.chain((parts) => {
    const text = parts.join("");
    return fc
      .tuple(fc.nat(text.length), fc.nat(text.length))
      .map(([a, b]) => ({ text, from: Math.min(a, b), to: Math.max(a, b) }));
  });
  const apply = ({ text, from, to }: { text: string; from: number; to: number }, format: Format) => {
    const { from: first, to: last, text: put, start, end } = formatted(text, from, to, format);
    return { text: text.slice(0, first) + put + text.slice(last), from: start, to: end };
  };

  it("is taken back by the same button, whatever words are selected", () => {
    for (const format of formats.filter((one) => one !== "link"))
      fc.assert(
        fc.property(selection, (before) => {
          const twice = apply(apply(before, format), format);
          // A quote of blank lines alone stays a quote of them.
          expect(twice.text.replaceAll(/^>? *$/gm, "")).to.equal(before.text.replaceAll(/^>? *$/gm, ""));
        }),
      );
  });

  it("selects what is in the new text, and hides no word from readers", () => {
    const letters = (text: string) => text.replaceAll(/[^\p{L}.,]/gu, "");
    for (const format of formats)
      fc.assert(
        fc.property(selection, (before) => {
          const { text, from, to } = apply(before, format);
          expect(from).to.be.at.least(0);
          expect(to).to.be.within(from, text.length);
          if (format === "link") return;
          const shown = letters(visibleText(readMarkdown(text).blocks));
          for (const word of before.text.match(/\p{L}+/gu) ?? []) expect(shown).to.include(word);
        }),
      );
  });
});
