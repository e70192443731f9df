import { expect } from "chai";
import fc from "fast-check";
import { wireLimits } from "../../../protocols/index.ts";
import { mentionsIn, readText } from "../../../protocols/reading/index.ts";
import { quotationOf, withQuotation } from "../../../web/src/model/index.ts";

const called = (text: string): readonly string[] =>
  mentionsIn(readText(text), (name) => /^[a-z.]+/.exec(name)?.[0]).map(({ who }) => who);

describe("a quotation of a message", () => {
  it("has the name, every line, the files, and where it comes from", () => {
    const file = { name: "a.png" } as never;
    expect(
      quotationOf({ text: "one\n\ntwo", files: [file] }, { name: "Ada", from: "https://n/room/den?at=3" }),
    ).to.equal("> Ada:\n>\n> one\n>\n> two\n> File: a.png\n>\n> <https://n/room/den?at=3>\n\n");
    expect(quotationOf({ text: "hi" }, { name: "Ada" })).to.equal("> Ada:\n>\n> hi\n\n");
  });

  it("calls nobody, whatever was said, and leaves room for an answer", () => {
    const parts = fc.constantFrom(
      "@bob",
      "@ada.helper",
      " ",
      "\n",
      "```",
      "    ",
      "> ",
      "- ",
      "#",
      "`",
      "word",
      "<",
      "\n\n",
    );
    const text = fc.array(parts, { maxLength: 30 }).map((all) => all.join(""));
    fc.assert(
      fc.property(text, (said) => {
        const quotation = quotationOf({ text: said }, { name: "Ada" });
        expect(called(`${quotation}thanks`)).to.deep.equal([]);
        expect(called(`${quotation}@cleo`)).to.deep.equal(["cleo"]);
      }),
    );
    const long = quotationOf({ text: "x".repeat(wireLimits.messageCharsMax) }, { name: "Ada" });
    expect(long.length).to.be.lessThan(wireLimits.messageCharsMax * 0.6);
  });

  it("goes behind what stands in the field", () => {
    expect(withQuotation(undefined, "> a\n\n")).to.equal("> a\n\n");
    expect(withQuotation(" \n", "> a\n\n")).to.equal("> a\n\n");
    expect(withQuotation("begun\n", "> a\n\n")).to.equal("begun\n\n> a\n\n");
  });
});
