/** Numbers with more digits than the language has: read, compared and divided exactly. */
import { expect } from "chai";
import fc from "fast-check";
import {
  compareNumbers,
  ExactNumber,
  isMultipleOf,
  isWhole,
  parseExact,
  wholeFrom,
} from "../../../protocols/wire/exact-number.ts";
import { noteWritten, parseNoting, writtenOf } from "../../../protocols/wire/written.ts";

/** Whole numbers of so many tenths: what a decimal is, without a library. */
const places = 40;
const decimal = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: -8, max: 8 }),
  )
  .map(([digits, point, power]) => {
    const all = String(digits < 0n ? -digits : digits).padStart(point + 1, "0");
    const text = `${digits < 0n ? "-" : ""}${all.slice(0, all.length - point)}${point > 0 ? `.${all.slice(-point)}` : ""}${power === 0 ? "" : `e${power}`}`;
    return { text, value: digits * 10n ** BigInt(places - point + power) };
  });

describe("numbers of JSON, exactly", () => {
  it("are compared, divided and rounded as they were written", () => {
    fc.assert(
      fc.property(decimal, decimal, (one, other) => {
        const [first, second] = [new ExactNumber(one.text), new ExactNumber(other.text)];
        expect(Math.sign(compareNumbers(first, second))).to.equal(one.value < other.value ? -1 : one.value > other.value ? 1 : 0);
        const unit = 10n ** BigInt(places);
        const rest = ((one.value % unit) + unit) % unit;
        expect(isWhole(first)).to.equal(rest === 0n);
        expect(wholeFrom(first, "below")).to.equal((one.value - rest) / unit);
        expect(wholeFrom(first, "above")).to.equal((one.value - rest) / unit + (rest === 0n ? 0n : 1n));
        if (other.value !== 0n) expect(isMultipleOf(first, second)).to.equal(one.value % other.value === 0n);
      }),
    );
  });

  it("are numbers of the language where that is the same, and no other value where it is not", () => {
    fc.assert(
      fc.property(fc.oneof(decimal.map(({ text }) => text), fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.constantFrom("1e400", "-1e400", "1.10", "0.1", "2512292042121000001", "1e-999999999", "-0")), (text) => {
        const value = parseExact(text) as number | ExactNumber;
        expect(compareNumbers(value, new ExactNumber(text))).to.equal(0);
        if (value instanceof ExactNumber) expect(JSON.stringify({ value })).to.equal(`{"value":${text}}`);
        else expect(value).to.equal(Number(text));
      }),
    );
    expect(parseExact("[0.30, 9007199254740992, 1e21]")).to.deep.equal([0.3, 9_007_199_254_740_992, 1e21]);
    expect(parseExact("[9007199254740993]")).to.deep.equal([new ExactNumber("9007199254740993")]);
  });

  it("that are too long to be reckoned with are told so at once", () => {
    expect(isMultipleOf(new ExactNumber(`1e${"9".repeat(9)}`), 3)).to.equal(undefined);
    expect(isMultipleOf(3, new ExactNumber(`1e-${"9".repeat(9)}`))).to.equal(undefined);
    expect(wholeFrom(new ExactNumber("9".repeat(100_000)), "below")).to.equal(undefined);
    expect(compareNumbers(new ExactNumber(`1e${"9".repeat(9)}`), new ExactNumber("9".repeat(100_000)))).to.be.above(0);
  });

  it("are noted of what they are looked for in, and of nothing else", () => {
    const schema = '{"const":2512292042121000001,"enum":[1.10,-0,1e2,5],"deep":{"list":[[9007199254740993]]}}';
    const text = `{"tools":[${schema},{"const":1},{"title":"1.10"}],"id":1.10}`;
    const value = JSON.parse(text) as { readonly tools: readonly object[] };
    noteWritten(value, text, [["tools", "*"]]);
    expect([value, ...value.tools].map(writtenOf)).to.deep.equal([undefined, schema, undefined, undefined]);
    expect(writtenOf(parseNoting(text) as object)).to.equal(text);
    expect(writtenOf(parseNoting('{"a":[1,0,0.5,"1.10",1234567890]}') as object)).to.equal(undefined);
  });

  it("are noted wherever they stand", () => {
    const { value: anyJson } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom("1", "0", "-0", "1.10", "1e400", "2512292042121000001", "0.0", '"1.10"', "null", "0.12345678901234567890"),
        fc.array(tie("value"), { maxLength: 3 }).map((all) => `[${all.join(",")}]`),
        fc.array(fc.tuple(fc.constantFrom("a", "b", "__proto__"), tie("value")), { maxLength: 3 }).map((all) => `{${[...new Map(all)].map(([key, value]) => `"${key}":${value}`).join(",")}}`),
      ),
    }));
    fc.assert(
      fc.property(anyJson, (text) => {
        const whole = `{"of":${text}}`;
        const value = parseNoting(whole) as object;
        expect(writtenOf(value) ?? JSON.stringify(value)).to.equal(whole);
      }),
    );
  });
}); // prettier-ignore
