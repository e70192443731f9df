import { expect } from "chai";
import { array, assert as property, constantFrom, property as forAll, string, tuple, oneof, nat } from "fast-check";
import { examples } from "../../depth.ts";
import {
  directionOf,
  markdownLimits,
  mentionsIn,
  readMarkdown,
  readText,
  visibleText,
  type Block,
  type Inline,
} from "../../../protocols/reading/index.ts";
import { readGrowing } from "../../../web/src/model/growing.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const seen = (text: string): string => visibleText(readMarkdown(text).blocks);
const kinds = (text: string): readonly string[] => readMarkdown(text).blocks.map((block) => block.kind);
const dense = (text: string): string => text.replaceAll(/\s/gu, "");

// Everything that Markdown knows, and what people write that only looks like it.
const pieces = constantFrom(
  ..."< > & ; [ ] ( ) ! * ** _ __ ` `` ~~ # ## | \\ = $ $$ : - + . ) 1 7. 03) a b T List x@y.zz 😀 م א é".split(" "),
  ..."<b> </b> <nav> <script> <br/> <!-- --> <![CDATA[ ]]> <?php ?> &lt; &nbsp; &#65; &#x41; www.a.zz javascript:x".split(
    " ",
  ),
  ..."[a]: [^1] [^1]: [x] https://x.yz <https://x.yz> ](b) ![ \"t\" 't' :-- --- === *** ``` ~~~ ```js".split(" "),
  ..." |\n|\n\n|    |\t|- |1. |> |\n\n    |\n- |\n> |\n```\n|\n~~~\n|\n|-|-|\n|\n| a | b |\n|\n# |\n[a]: <b> 'c'\n|\n[^1]: n\n|\n---\n|\n===\n".split(
    "|",
  ),
);
const written = oneof(
  { weight: 4, arbitrary: array(pieces, { maxLength: 24 }).map((all) => all.join("")) },
  { weight: 1, arbitrary: string({ unit: "grapheme", maxLength: 60 }) },
);

/** Pieces of which a text is made that would keep a parser busy: without limits the first of these took 11 s, the
 *  second no time at all: it ended the stack. A mark of several characters, each of which may begin or end something,
 *  took a minute where each by itself took none. */
const busyPieces = [
  ..."> |>|- |[|![|[a](|*a |*|_|a*b_|~~a |<a |*_~~`[|[a](b)|1. |*_|a*_~~`[*_~~`[b|[[`_|_*[~~".split("|"),
  "|",
];
const filled = (piece: string, length: number): string => piece.repeat(length / piece.length);
const stepsOfBusy = stepsOf(import.meta.url, (index) =>
  readMarkdown(filled(busyPieces[index] ?? "", markdownLimits.charsMax)),
);

describe("Markdown in messages", () => {
  it("shows HTML as the text it is", () => {
    for (const text of [
      "Use Map<String, List<T>> and vector<int>, a<b>c",
      "<nav>",
      "<script>alert(1)</script>",
      "a <!-- remark --> b",
      "<!-- alone -->",
      "<?php echo 1 ?> and <![CDATA[x]]>",
      "<img src=x onerror=alert(1)>",
      "&lt;b&gt; &amp; &nbsp; &#65;",
      "if (a < b && c > d) return <T,>(x: T) => x;",
    ])
      expect(seen(text)).to.equal(text);
    expect(seen("<details>\n<summary>S</summary>\n\n**inside**\n</details>")).to.equal(
      "<details>\n<summary>S</summary>\ninside\n</details>",
    );
  });

  it("shows what Markdown would take away", () => {
    const cases: readonly (readonly [text: string, shown: string])[] = [
      ["[a]: https://x.yz 'title'", "[a]: https://x.yz 'title'"],
      ["[^1]: a note", "[^1]: a note"],
      ['see [this](https://x.yz "T")', 'see this https://x.yz "T"'],
      ["![a cat](https://x.yz/c.png)", "picture: a cat https://x.yz/c.png"],
      ["[](https://x.yz)", " https://x.yz"],
      ["```js title=a.js\n1\n```", "js title=a.js\n1"],
      ["~~~ so many words\n1\n~~~", "so many words\n1"],
      ["# C #", "C #"],
      ["a\n===", "a\n==="],
      ["C:\\temp\\\nD:", "C:\\temp\\\nD:"],
      ["\\\\server\\share (see ^\\d+\\.\\[x\\]$)", "\\\\server\\share (see ^\\d+\\.\\[x\\]$)"],
      ["\\*not bold\\* and \\`code\\`", "*not bold* and `code`"],
      ["| a | b |\n|-|-|\n| 1 | 2 | 3 | 4 |", "a b\n1 2 3 4"],
      ["1986. A year", "1986.  A year"],
      ["3. c\n1. a", "3.  c\n1.  a"],
      ["007) James", "007)  James"],
    ];
    for (const [text, shown] of cases) expect(seen(text), text).to.equal(shown);
  });

  it("shows marks that mark nothing", () => {
    for (const text of ["#", "##  ", ">", "-", "1.", "```", "```\n```", "[]()", "**", "~~~~", "| |\n|-|"])
      expect(dense(seen(text)), JSON.stringify(text)).to.equal(dense(text));
    // What is around them is drawn.
    expect(dense(seen("- #"))).to.equal("#");
    expect(dense(seen("> -"))).to.equal("-");
  });

  it("still reads Markdown", () => {
    expect(
      kinds("# T\n\np **b** *e* ~~d~~ `c`\n\n> q\n\n- a\n- b\n\n```js\n1\n```\n\n---\n\n| a |\n|-|\n| 1 |"),
    ).to.deep.equal(["heading", "paragraph", "quote", "list", "code", "rule", "table"]);
    expect(readMarkdown("p **b** *e* ~~d~~ `c`").blocks).to.deep.equal([
      {
        kind: "paragraph",
        children: [
          { kind: "text", text: "p " },
          { kind: "strong", children: [{ kind: "text", text: "b" }] },
          { kind: "text", text: " " },
          { kind: "emphasis", children: [{ kind: "text", text: "e" }] },
          { kind: "text", text: " " },
          { kind: "deleted", children: [{ kind: "text", text: "d" }] },
          { kind: "text", text: " " },
          { kind: "code", text: "c" },
        ],
      },
    ]);
    expect(readMarkdown("- [x] done\n- [ ] open\n- plain").blocks).to.have.nested.property(
      "[0].items[0].checked",
      true,
    );
  });

  it("links what is an address, says where a link leads, and leads to no script", () => {
    const links = (text: string): readonly Inline[] =>
      readMarkdown(text).blocks.flatMap((block: Block) =>
        block.kind === "paragraph" ? block.children.filter((child) => child.kind === "link") : [],
      );
    for (const text of ["<https://x.yz>", "https://x.yz", "[https://x.yz](https://x.yz)"])
      expect(links(text)[0], text).to.include({ href: "https://x.yz", tells: false });
    expect(links("www.x.yz")[0]).to.include({ href: "http://www.x.yz", tells: false });
    expect(links("ada@x.yz")[0]).to.include({ href: "mailto:ada@x.yz", tells: false });
    expect(links("[bank](https://evil.yz)")[0]).to.include({ target: "https://evil.yz", tells: true });
    for (const text of [
      "[a](javascript:alert(1))",
      "[a](data:text/html,x)",
      "[a](//x.yz)",
      "[a](/api/v1/me)",
      "![a](file:///x)",
    ])
      expect(links(text)[0], text).to.include({ href: undefined, tells: true });
    // One link in another would be none at all.
    expect(links("[![a](https://b.yz)](https://c.yz)")[0]).to.deep.include({
      children: [{ kind: "text", text: "picture: a (https://b.yz)" }],
    });
  });

  it("reads formulas in TeX as what they are, and money, paths and programs as words", () => {
    const formulas = (text: string): readonly string[] =>
      readText(text).flatMap((block) =>
        (block.kind === "quote" ? block.blocks : [block]).flatMap((one) =>
          one.kind === "paragraph"
            ? one.children.flatMap((child) =>
                child.kind === "code" && child.formula !== undefined ? [`${child.formula}: ${child.text.trim()}`] : [],
              )
            : [],
        ),
      );
    for (const [text, ...found] of [
      ["so $x^2$, and $n$", "line: x^2", "line: n"],
      ["where \\(a_1 + b\\) is\n\\[ \\frac{1}{2} \\\\ x \\]", "line: a_1 + b", "block: \\frac{1}{2} \\\\ x"],
      ["$$\n\\begin{a}\n1 \\\\\n2\n\\end{a}\n$$", "block: \\begin{a}\n1 \\\\\n2\n\\end{a}"],
      ["> $$a\n> = b$$", "block: a\n= b"],
      ["($x$) 设\\(y\\)", "line: x", "line: y"],
      ["*so* $a*b$ c*", "line: a*b"],
      ["\\(a \\( b \\)", "line: b"],
      ["$n > 5$, $a, b$, $O(n log n)$", "line: n > 5", "line: a, b", "line: O(n log n)"],
      ["$E_{kin} = m v^2$ and $\\text{cost: \\$5}$", "line: E_{kin} = m v^2", "line: \\text{cost: \\$5}"],
    ] as const)
      expect(formulas(text), text).to.deep.equal(found);
    for (const text of [
      "costs $5 and $10",
      "$5, or 5$.",
      "US$5 and A$6",
      "PATH=$HOME/bin:$PATH",
      "f($a,$b) and {$c}",
      "kill $$; echo $$",
      "s/\\(a\\)/b/",
      "C:\\(x86\\)",
      "$$$",
      "${HOME}/${USER}",
      "${x}${y} $(A)/$(B)",
      "$$VAR = $$OTHER",
      "$https://x.yz$",
      "$$ PID $$",
      "see \\[1\\] and \\[2\\]",
      "grep \\(foo\\|bar\\)",
      "PS1='\\[\\e[0m\\]$ '",
      "$x$$y$",
      "\\$5 and 6$ x",
      "`$x$`",
      "$\nx$",
      `$$${"x".repeat(5_000)}$$`,
    ])
      expect(formulas(text), text).to.deep.equal([]);
    expect(mentionsIn(readText("$@a = b1$ @ada"), () => "user/ada").map(({ at }) => at)).to.deep.equal([10]);
  });

  it("shows every character of any text but the marks, in its order", () => {
    property(
      forAll(written, (text) => {
        const shown = seen(text);
        let at = 0;
        for (const character of text.replaceAll(/[\s\p{Cc}*_~`#>+\-=|\\[\](){}!<:$]/gu, "")) {
          const found = shown.indexOf(character, at);
          expect(
            found,
            `${JSON.stringify(character)} of ${JSON.stringify(text)} in ${JSON.stringify(shown)}`,
          ).to.be.at.least(at);
          at = found + character.length;
        }
        // Nothing is an empty row.
        if (text.trim() !== "" && !kinds(text).includes("rule"))
          expect(shown.trim(), JSON.stringify(text)).to.not.equal("");
      }),
      { numRuns: examples(1_500) },
    );
  });

  it("shows exactly what was written where no mark is", () => {
    const types = array(
      constantFrom("<", ">", "/", "</", "/>", "a", "List", " ", ", ", "&", "&lt;", ";", "=", '"', "'", "?", "{", "}"),
      {
        maxLength: 20,
      },
    );
    property(
      forAll(types, (parts) => {
        const text = `T${parts.join("")}`;
        expect(dense(seen(text))).to.equal(dense(text));
      }),
      { numRuns: examples(1_000) },
    );
  });

  it("reads an answer that grows to what it is in the end, and leaves finished blocks alone", () => {
    property(
      forAll(tuple(written, array(nat({ max: 12 }), { maxLength: 12 })), ([text, steps]) => {
        let reading = readMarkdown("");
        let growing = true;
        let at = 0;
        for (const step of [...steps, Infinity]) {
          growing = step !== Infinity;
          at = Math.min(text.length, at + step);
          const next = growing
            ? readGrowing(text.slice(0, at), reading)
            : readMarkdown(text.slice(0, at), { known: reading });
          for (const [index, block] of reading.blocks.slice(0, reading.settled).entries())
            expect(next.blocks[index]).to.equal(block);
          reading = next;
        }
        expect(reading.blocks).to.deep.equal(readMarkdown(text).blocks);
      }),
      {
        numRuns: examples(1_000),
        examples: [
          [["-\n\n    <\n\n    ", [3, 3, 3]]],
          [["    <\n\n03)\n", [3, 8]]],
          [["+\n\n    <\n\n    <", [7, 2]]],
        ],
      },
    );
  });

  it("shows marks that are still open as if they were closed, and no less of the text", () => {
    const growing = (text: string) => visibleText(readGrowing(text).blocks);
    expect(growing("so **much")).to.equal("so much");
    expect(growing("run `npm ci")).to.equal("run npm ci");
    for (const text of ["a <na", "[the doc](https://x.y", "![pic", "5 > 3 and ~4", "$$x", "- > 25"])
      expect(dense(growing(text)).replaceAll(">", ""), text).to.equal(
        dense(text).replaceAll(/>|^- /g, "").replace(/^-/, ""),
      );
    property(
      forAll(written, (text) => {
        const seenAtLast = growing(text);
        let at = 0;
        for (const character of text.replaceAll(/[\s\p{Cc}*_~`#>+\-=|\\[\](){}!<:$]/gu, "")) {
          const found = seenAtLast.indexOf(character, at);
          expect(found, `${JSON.stringify(character)} of ${JSON.stringify(text)}`).to.be.at.least(at);
          at = found + character.length;
        }
      }),
      { numRuns: examples(1_000) },
    );
  });

  it("leaves a text alone that would keep the browser busy", async () => {
    for (const piece of busyPieces) expect(kinds(filled(piece, 10_000)).length, piece).to.equal(1);
    const steps = await stepsOfBusy(...busyPieces.keys());
    for (const [index, piece] of busyPieces.entries()) expect(steps[index], piece).to.be.within(1, 15_000_000);
    expect(kinds(`${"*".repeat(5_000)}a${"*".repeat(4_990)}`)).to.deep.equal(["paragraph"]);
  });

  it("finds the direction of a text by its first letter", () => {
    expect(directionOf("123 שלום world")).to.equal("rtl");
    expect(directionOf("(مرحبا)")).to.equal("rtl");
    expect(directionOf("hello שלום")).to.equal("ltr");
    expect(directionOf("1 + 1")).to.equal("ltr");
    expect(readMarkdown("- שלום\n- abc").blocks).to.have.nested.property("[0].direction", "rtl");
    expect(readMarkdown("> مرحبا").blocks).to.have.nested.property("[0].direction", "rtl");
  });
});
