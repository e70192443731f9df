/** What reading a text takes: twice the text at most a little more than twice the steps, whatever is in it. Messages
 *  are read in the thread that everybody's requests are in, and in the browsers of all who see them. */
import { expect } from "chai";
import { markdownLimits, readMarkdown } from "../../../protocols/reading/index.ts";
import { third } from "../../depth.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const line = (text: string) => (size: number) => text.repeat(Math.ceil(size / text.length));

/** Texts by their length: what a block, a mark or a link can be made of, over and over. */
const shapes: Readonly<Record<string, (size: number) => string>> = {
  "paragraphs": line("a\n\n"),
  "lines": line("a\n"),
  "headings": line("# a\n"),
  "rules": line("a\n---\n"),
  "quotes": line("> a\n"),
  "quotes with lines between them": line("> a\n\n"),
  "quotes with lazy lines, apart": line("> a\nb\n\n"),
  "quotes within quotes": line(`${"> ".repeat(8)}a\n`),
  "quotes within quotes, apart": line(`${"> ".repeat(8)}a\n\n`),
  "entries": line("- a\n"),
  "entries with lines between them": line("- a\n\n"),
  "entries with lazy lines": line("- a\nb\n"),
  "entries with numbers": line("1. a\n"),
  "entries within entries": line("- a\n  - b\n    - c\n"),
  "entries within entries, left": line("- a\n  - b\n\n"),
  "quotes within quotes, left": line("> > a\n>\n> b\n>\n"),
  "quotes with blanks between them": line(">a\n \n"),
  "quotes and entries": line("> a\n- b\n"),
  "quotes and paragraphs": line("> a\n\nb\n\n"),
  "lists in quotes, left": line("> - a\n>\n> b\n\n"),
  "a quote in an entry, left": line("- > a\n\n  b\n"),
  "lists apart": line("- a\n\n+ a\n\n"),
  "code in lists": line("- ```\n  a\n  ```\n"),
  "code with blank lines in it": (size) => `    a${"\n".repeat(size)}    b`,
  "code with lines of spaces in it": (size) => `    a${"\n    ".repeat(size / 5)}\n    b`,
  "code, indented, apart": line("    a\n\nb\n\n"),
  "code in fences": line("~~~\na\n~~~\n"),
  "a fence without an end": (size) => `~~~\n${"a\n".repeat(size / 2)}`,
  "a table": (size) => `|a|\n|-|\n${"b\n".repeat(size / 2)}`,
  "tables": line("|a|\n|-|\n\n"),
  "addresses": line("http://a.b "),
  "a long address": (size) => `http://${"a.".repeat(size / 2)}`,
  "mail": line("a@b.c "),
  "almost mail": (size) => `${"a.".repeat(size / 2)}@`,
  "names": line("@a "),
  "spaces": (size) => `a${" ".repeat(size)}b`,
  "lines of spaces": (size) => `a\n${`${" ".repeat(99)}\n`.repeat(size / 100)}b`,
  "links": line("[a](b) "),
  "brackets": (size) => "[".repeat(size),
  "stars": line("*a "),
  "ticks": line("`a ``b "),
  "a quote with lazy lines that carriage returns end": (size) => `> *a*${"\ra".repeat(size / 2)}`,
  "an entry with lazy lines that carriage returns end": (size) => `- *a*${"\ra".repeat(size / 2)}`,
  "hashes": (size) => `# a${" #".repeat(size / 2)}`,
}; // prettier-ignore
/** What the longest texts of marks and letters take; 20,000 short lines took ten times as many. */
const stepsMax = 12_000_000;
const works = Object.entries(shapes).map(
  ([name, make]) => [name, stepsOf(import.meta.url, (size: number) => readMarkdown(make(size)))] as const,
);

/** As many as are read by the parser, behind as many lines as a text can have. */
const { charsMax, linesMax, lazyLinesMax } = markdownLimits;
const lazy = stepsOf(import.meta.url, (lines: number) =>
  readMarkdown(`${"a\n\n".repeat((lines - lazyLinesMax) / 2 - 1)}> a\n${"b\n".repeat(lazyLinesMax)}`),
);
const plain = stepsOf(import.meta.url, (lines: number) => readMarkdown("a\n\n".repeat(lines / 2 - 1)));
/** As long as a text can be. */
const longest = stepsOf(import.meta.url, (index) =>
  readMarkdown(Object.values(shapes)[index]!(charsMax - 200).slice(0, charsMax)),
);

describe("reading", () => {
  // No longer: beyond so many lines none is read.
  for (const [name, steps] of works)
    it(`takes twice the steps for twice the text: ${name}`, async () => {
      const [, once = 0, twice = 0] = await steps(1_000, 1_900, 3_800);
      expect(twice / once).to.be.lessThan(2.3);
    });

  it("takes no more for the longest text of any sort than for as much as people write", async () => {
    const tried = third([...Object.keys(shapes).entries()]);
    const [, ...all] = await longest(0, ...tried.map(([index]) => index));
    const most = tried.map(([, name], at) => [name, all[at]!] as const);
    expect(most.filter(([, steps]) => steps > stepsMax)).to.deep.equal([]);
  });

  it("takes no more for lines that go on with a quote than for as many of anything else", async () => {
    const [, most = 0] = await lazy(1_500, linesMax);
    const [, usual = 0] = await plain(1_500, linesMax);
    expect(most / usual, `${most} / ${usual}`).to.be.lessThan(5);
  });
});
