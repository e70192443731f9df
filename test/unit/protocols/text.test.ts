import { expect } from "chai";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import {
  asCode,
  asWritten,
  clientCommands,
  cleaned,
  createApiKey,
  cut,
  decode,
  encode,
  schema,
  signUp,
  textFault,
  type TextKind,
} from "../../../protocols/index.ts";
import { readText } from "../../../protocols/reading/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const kinds: readonly TextKind[] = ["line", "lines", "prompt"];

/** Any UTF-16, with much of what is refused somewhere. */
const anyText = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: anyCharacter, maxLength: 6 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) },
    { weight: 2, arbitrary: fc.constantFrom("\ud800", "\udc00", "\u202e", "\u202c", "\u2067", "\u2069", "\0", "\x1b", "\n", "\r", "\t", "\u200b", "a") },
  ),
  { maxLength: 12 },
).map((pieces) => pieces.join("")); // prettier-ignore

/** Texts that are all fault. */
const stepsOfFaults = stepsOf(import.meta.url, (chars) => {
  for (const piece of ["\u2067", "\u202a\u202c", "\ud800", " "])
    for (const kind of kinds) {
      const text = piece.repeat(chars / piece.length);
      textFault(text, kind);
      cleaned(text, kind);
    }
});

describe("a name in a text", () => {
  it("is code there, whatever it is", () => {
    const hostile = fc.constantFrom("`", "``", "@bob", "[a](https://evil.example)", "\\", "\n\n", "*", "<!--", " ");
    const anyName = fc.array(fc.oneof(hostile, anyText), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(anyName, (name) => {
        fc.pre(name !== "");
        const blocks = readText(`Not shown: ${asCode(name)} (why).`);
        expect(blocks).to.have.length(1);
        const [block] = blocks;
        const kinds = block?.kind === "paragraph" ? block.children.map(({ kind }) => kind) : [];
        expect(kinds).to.deep.equal(["text", "code", "text"]);
      }),
    );
  });
});

describe("text at the entrance", () => {
  it("comes back as it was from the journal and from JSON, once it was taken", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...kinds), (text, kind) => {
        if (textFault(text, kind) !== undefined) return;
        expect(decode(encode({ text }))).to.deep.equal({ text });
        expect(JSON.parse(new TextDecoder().decode(new TextEncoder().encode(JSON.stringify({ text }))))).to.deep.equal({
          text,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it("that a model wrote is taken once it is cleaned, unless nothing in it is visible; what was right stays as it was", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...kinds), (text, kind) => {
        const kept = cleaned(text, kind);
        expect(textFault(kept, kind)).to.be.oneOf([undefined, "has nothing visible in it"]);
        if (textFault(text, kind) === undefined) expect(kept).to.equal(text);
      }),
      { numRuns: 2_000 },
    );
  });

  const refusedTexts: readonly (readonly [string, string, lines: boolean, line: boolean])[] = [
    ["words in any script", "Zażółć שלום مرحبا 你好 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿", true, true],
    ["tab and line ends", "a\tb\nc\r\nd", true, false],
    ["a carriage return alone", "a\rb", false, false],
    ["has half of a pair", "a\ud83d", false, false],
    ["its other half", "\ude00b", false, false],
    ["NUL", "a\0b", false, false],
    ["an escape to the terminal", "a\x1b[2J", false, false],
    ["a C1 control", "a\u009bb", false, false],
    ["an override without its end", "\u202egpj.exe", false, false],
    ["an override with its end", "see \u202eabc\u202c here", true, false],
    ["an isolate that ends in another line", "\u2067a\nb\u2069", false, false],
    ["ends in the wrong order", "\u2067a\u202ab\u2069\u202c", false, false],
    ["marks of direction", "a\u200fb\u200e", true, true],
    ["a line separator", "a\u2028b", true, false],
    ["a noncharacter", "a\uffff", true, false],
    ["spaces alone", " \u00a0\u3000", false, false],
    ["what nobody sees", "\u200b\u2060\ufeff\u3164\u2800\u00ad", false, false],
    ["nothing", "", true, true],
  ];
  for (const [what, text, lines, line] of refusedTexts)
    it(`takes, or does not take, ${what}`, () => {
      expect(textFault(text, "lines") === undefined, "as a message").to.equal(lines);
      expect(textFault(text, "line") === undefined, "as a title").to.equal(line);
    });

  it("is refused with what it is and where", () => {
    expect(textFault("ab\0", "lines")).to.equal("has the control character U+0000 at position 2");
    expect(textFault("ab\ud800", "prompt")).to.equal("has half of a surrogate pair (U+D800) at position 2");
    expect(textFault("\u2066a", "lines")).to.equal("has the directional control U+2066 without its end at position 0");
    expect(textFault("a\u202c", "lines")).to.equal(
      "has the directional control U+202C that ends nothing at position 1",
    );
    const check = Compile(schema.object({ title: schema.line(80) }));
    expect(check.Errors({ title: "a\x07" })[0]).to.include({
      instancePath: "/title",
      message: "has the control character U+0007 at position 1",
    });
  });

  it("is sent without the blank lines around it, and with every other space", () => {
    const sent = (text: string): string => asWritten(text);
    expect(sent("\n \t\n    if (a)\n\n      b();  \n\n  ")).to.equal("    if (a)\n\n      b();  ");
    expect(sent("\r\n  one\r\n\r\n")).to.equal("  one");
    expect([" \n\t\n ", "", " x "].map(sent)).to.deep.equal(["", "", " x "]);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(" ", "\n", "\t", "a", "\u3000")), (parts) => {
        const text = parts.join("");
        expect(text).to.contain(sent(text));
        expect(sent(sent(text))).to.equal(sent(text));
        expect(sent(text).trim()).to.equal(text.trim());
      }),
    );
  });

  it("is cut between characters", () => {
    expect([0, 1, 2, 3, 4, 9].map((units) => cut("a😀b", units))).to.deep.equal(["", "a", "a", "a😀", "a😀b", "a😀b"]);
  });

  it("takes steps in proportion to its length", async () => {
    const [tenth = 0, whole = 0] = await stepsOfFaults(10_000, 100_000);
    expect(whole / tenth).to.be.within(8, 11);
  });

  it("is looked at in every field of every command that takes free text", () => {
    const free: string[] = [];
    const visit = (name: string, type: TSchema): void => {
      const { properties, anyOf, items, type: json, pattern } = type as Record<string, never>;
      for (const [field, inner] of Object.entries((properties ?? {}) as Record<string, TSchema>)) visit(`${name} ${field}`, inner);
      for (const inner of [...((anyOf ?? []) as TSchema[]), ...(items === undefined ? [] : [items as TSchema])]) visit(name, inner);
      if (json === "string" && pattern === undefined && !("const" in type) && !("~refine" in type)) free.push(name);
    };
    for (const { kind, name, row } of clientCommands) visit(`${kind}.${name}`, row.params);
    visit("signUp", signUp);
    visit("createApiKey", createApiKey);
    // Names of runs and of errors, and what tools were asked and said, which only agents set; what is searched for, and
    // secrets, which nobody is shown; scopes, which are words of a list.
    expect(free).to.deep.equal(["room.post generation", "room.post refused", "room.post rounds text", "room.post rounds calls name", "room.post rounds calls arguments", "room.post rounds calls result", "room.topics find", "catalog.find text", "signUp password", "signUp adminCode", "signUp invitation", "createApiKey scopes"]);
  }); // prettier-ignore
});
