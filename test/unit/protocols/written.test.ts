import { expect } from "chai";
import fc from "fast-check";
import {
  AsWritten,
  noteWritten,
  parseToWrite,
  putWritten,
  stringifyWritten,
  writtenAt,
  writtenOf,
  writtenTexts,
} from "../../../protocols/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";

/** Texts of JSON as other programs write them, with the value of the member `x` in each object of a list. */
const space = fc.constantFrom("", " ", "\n\t", "  ");
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("1.10", "1e400", "-0", "2512292042121000001", "true", "null", '"\\u00e9\\"]},"', '"x"', "{}", "[]"),
    fc
      .array(fc.tuple(space, tie("value"), space), { maxLength: 3 })
      .map((all) => `[${all.map((one) => one.join("")).join(",")}]`),
    fc
      .array(fc.tuple(fc.constantFrom('"x"', '"\\u0078"', '"y"', '"__proto__"'), space, tie("value")), { maxLength: 3 })
      .map((all) => `{${all.map(([key, gap, one]) => `${gap}${key}${gap}:${gap}${one}${gap}`).join(",")}}`),
  ),
}));

describe("JSON as it was written", () => {
  it("is found wherever it stands, whatever is around it", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { maxLength: 4 }), space, (rows, gap) => {
        const json = `${gap}{"a"${gap}:[${rows.map(([one, two, three]) => `${gap}{"w":${one},"x":${gap}${two}${gap},"z":${three}}`).join(",")}]}`;
        const found = writtenTexts(json, [["a", "*", "x"]]);
        for (const [place, [, two]] of rows.entries())
          expect(writtenAt(found, ["a", String(place), "x"]), json).to.equal(two);
        expect(writtenAt(found, ["a", String(rows.length), "x"])).to.equal(undefined);
      }),
    ));

  it("is that of the member that counts, where one comes twice", () => {
    const json = '{"a":{"x":1,"y":0},"a":{"y":{"x":3}},"b":{"x":1.0,"\\u0078":2.0}}';
    const found = writtenTexts(json, [["*", "x"]]);
    expect(writtenAt(found, ["a", "x"])).to.equal(undefined);
    expect(writtenAt(found, ["b", "x"])).to.equal("2.0");
    expect(writtenAt(writtenTexts("[1]", [["0"]]), ["0"])).to.equal("1");
    expect(writtenTexts("1", [["a"]]).size + writtenTexts("[1]", []).size).to.equal(0);
  });

  it("stands in the place of objects, and of nothing else", () => {
    const json = '{"calls":[{"args":{"id":1.0}},{"args":"{}"},{"args":null}]}';
    const parsed: unknown = JSON.parse(json);
    putWritten(parsed, writtenTexts(json, [["calls", "*", "args"]]));
    expect(parsed).to.deep.equal({ calls: [{ args: '{"id":1.0}' }, { args: "{}" }, { args: null }] });
  });

  it("keeps its numbers when it is parsed to be written again", () => {
    const text = '{"id":2512292042121000001,"price":1.10,"big":1e400,"less":-0,"list":[1,2.50,{"n":1E+2}],"text":"é"}';
    expect(JSON.stringify(parseToWrite(text))).to.equal(text);
    expect(() => parseToWrite("{")).to.throw(SyntaxError);
  });

  it("keeps any number that there is, alone and among others", () => {
    const digits = fc.stringMatching(/^[0-9]{1,20}$/);
    const number = fc
      .tuple(
        fc.constantFrom("", "-"),
        fc.nat({ max: 2 ** 31 }),
        fc.option(digits),
        fc.option(fc.integer({ min: -400, max: 400 })),
      )
      .map(
        ([sign, whole, part, power]) =>
          `${sign}${whole}${part === null ? "" : `.${part}`}${power === null ? "" : `e${power}`}`,
      );
    const small = fc.tuple(fc.nat({ max: 12 }), digits).map(([zeros, rest]) => `0.${"0".repeat(zeros)}${rest}`);
    fc.assert(
      fc.property(
        fc.oneof(
          number,
          small,
          digits.map((one) => String(BigInt(one))),
        ),
        (one) => {
          expect(JSON.stringify(parseToWrite(one))).to.equal(one);
          expect(JSON.stringify(parseToWrite(`{"a":[1,${one}]}`))).to.equal(`{"a":[1,${one}]}`);
          const schema = `{"const":${one}}`;
          const body = `{"tools":[{"parameters":${schema}}]}`;
          const value = JSON.parse(body) as { tools: [{ parameters: object }] };
          noteWritten(value, body, [["tools", "*", "parameters"]]);
          const [{ parameters }] = value.tools;
          expect(writtenOf(parameters) ?? JSON.stringify(parameters)).to.equal(schema);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is written again character by character, whatever stands around it", () => {
    const texts = fc.oneof(fc.constantFrom('{ "a": 1.10,  "a":2512292042121000001, "\\u00e9":1e400 }', "[1.0 ,\n2]", "-0"), fc.json());
    const around = fc.oneof(fc.string({ unit: anyCharacter }), fc.constantFrom('"\\u00610"', "\\u00610", '\\"\\u00611"', "\u00610"));
    fc.assert(
      fc.property(fc.array(texts), around, fc.jsonValue(), (all, word, value) => {
        const made = stringifyWritten({ [word]: word, value, all: all.map((text) => new AsWritten(text)), after: [word] });
        const [key, rest] = [JSON.stringify(word), JSON.stringify(value)];
        const known = word === "value" || word === "all" || word === "after" || /^\d+$/.test(word);
        if (!known) expect(made).to.equal(`{${key}:${key},"value":${rest},"all":[${all.join(",")}],"after":[${key}]}`);
        expect(JSON.parse(made)).to.have.property("all").that.has.length(all.length);
      }),
    );
    // A half of a character has no bytes.
    expect(stringifyWritten([new AsWritten('"\ud83d"')])).to.equal('["\\ud83d"]');
    expect(JSON.stringify([new AsWritten('{"id": 2512292042121000001}')])).to.equal('[{"id":2512292042121000001}]');
  }); // prettier-ignore
});
