import { expect } from "chai";
import fc from "fast-check";
import { createRules } from "../../../runtimes/llama/grammar.ts";
import { createReader, fits, understand, type Schema } from "../../../runtimes/schema.ts";

const schemaOf = (schema: unknown): Schema => {
  const understood = understand(schema);
  if (understood.type !== "fine") throw new Error(understood.reason);
  return understood.schema;
};
const fit = (schema: unknown, value: unknown): boolean => fits(schemaOf(schema), value);
const verdict = (schema: unknown): string => understand(schema).type;

/** The words of a grammar without rules, as an expression: those of numbers are such. */
const matches = (schema: unknown, text: string): boolean => {
  const words = createRules().value(schemaOf(schema));
  return new RegExp(`^(?:${words.replaceAll(/"\."/g, "\\.").replaceAll(/["\s]/g, "")})$`).test(text);
};

describe("a JSON schema", () => {
  it("says what fits it", () => {
    const tree = {
      $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } },
      $ref: "#/$defs/node",
    };
    const rows: readonly (readonly [schema: unknown, value: unknown, fits: boolean])[] = [
      [{ type: "integer" }, 4, true],
      [{ type: "integer" }, 4.5, false],
      [{ type: ["string", "null"] }, null, true],
      [{ type: ["string", "null"] }, 1, false],
      [{ const: { a: [1] } }, { a: [1] }, true],
      [{ const: { a: [1] } }, { a: [2] }, false],
      [{ enum: ["x", 1] }, 1, true],
      [{ type: "string", minLength: 2, maxLength: 2 }, "😀😀", true],
      [{ type: "string", format: "date" }, "2024-13-01", false],
      [{ type: "string", format: "hostname" }, "what a host may be is a note", true],
      [{ properties: { a: { type: "null" } } }, {}, true],
      [{ properties: { a: { type: "null" } }, required: ["a"] }, {}, false],
      [{ properties: { a: true } }, { b: 1 }, false],
      [{ properties: { a: true }, additionalProperties: { type: "number" } }, { b: 1 }, true],
      [{ type: "array", prefixItems: [{ const: 1 }], items: false }, [1], true],
      [{ type: "array", prefixItems: [{ const: 1 }], items: false }, [1, 2], false],
      [{ items: { type: "boolean" }, minItems: 1 }, [], false],
      [{ oneOf: [{ type: "integer" }, { type: "number" }] }, 1, false],
      [{ anyOf: [{ type: "integer" }, { type: "number" }] }, 1, true],
      [tree, { next: { next: {} } }, true],
      [tree, { next: { next: 1 } }, false],
      [true, [{ any: "thing" }], true],
    ];
    for (const [schema, value, expected] of rows)
      expect(fit(schema, value), `${JSON.stringify(schema)} and ${JSON.stringify(value)}`).to.equal(expected);
  });

  it("is refused where it says more than is kept, with the place", () => {
    expect(understand({ properties: { a: { pattern: "^x" } } })).to.deep.equal({
      type: "unsupported",
      reason: "/properties/a: pattern is not supported",
    });
    for (const schema of [{ not: {} }, { allOf: [{}, {}] }, { $ref: "other.json" }, { anyOf: [{}], minimum: 1 }])
      expect(verdict(schema), JSON.stringify(schema)).to.equal("unsupported");
  });

  it("is refused where it makes no sense", () => {
    const itself = { $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" };
    for (const schema of [1, false, { type: "text" }, { enum: [] }, { minimum: "1" }, { minLength: -1 }, itself])
      expect(verdict(schema), JSON.stringify(schema)).to.equal("wrong");
    expect(verdict({ minItems: 3, maxItems: 2 })).to.equal("wrong");
  });

  it("of any size and depth has a verdict, soon", () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 100_000; depth += 1) deep = { items: deep };
    expect(verdict(deep)).to.equal("wrong");
    expect(verdict({ enum: Array.from({ length: 10 }, () => 1), anyOf: [] })).to.equal("fine");
    const wide = { properties: Object.fromEntries(Array.from({ length: 5_000 }, (_none, at) => [`k${at}`, {}])) };
    expect(verdict(wide)).to.equal("wrong");
    expect(verdict({ enum: Array.from({ length: 5_000 }, (_none, at) => at) })).to.equal("wrong");
    fc.assert(fc.property(fc.jsonValue(), (value) => verdict(value) !== ""));
  });
});

describe("the grammar of a schema", () => {
  const whole = fc.integer({ min: -100_000, max: 100_000 });

  it("lets whole numbers through that are within their bounds, and no others", () => {
    fc.assert(
      fc.property(whole, whole, whole, (one, other, value) => {
        const [minimum, maximum] = [Math.min(one, other), Math.max(one, other)];
        const inside = value >= minimum && value <= maximum;
        expect(matches({ type: "integer", minimum, maximum }, String(value))).to.equal(inside);
        for (const edge of [minimum, maximum])
          expect(matches({ type: "integer", minimum, maximum }, String(edge))).to.equal(true);
      }),
    );
  });

  it("has no number with an exponent, a leading zero or a sign too many for one that is whole", () => {
    for (const text of ["4E0", "007", "--1", "+1", "1.0", ""])
      expect(matches({ type: "integer", minimum: -10, maximum: 1_000 }, text), text).to.equal(false);
  });

  it("lets fractions through that are within their bounds", () => {
    const share = { type: "number", minimum: 0, maximum: 1 };
    for (const text of ["0", "1", "0.5", "0.999"]) expect(matches(share, text), text).to.equal(true);
    for (const text of ["1.5", "-0.5", "2", "10"]) expect(matches(share, text), text).to.equal(false);
    const below = { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 };
    expect(["0", "1", "0.25"].map((text) => matches(below, text))).to.deep.equal([false, false, true]);
    const around = { type: "number", minimum: -1.5, maximum: 2.5 };
    for (const text of ["-1", "-0.75", "0", "1.25", "2", "2.5", "-1.5"])
      expect(matches(around, text), text).to.equal(true);
    for (const text of ["-2", "3", "-2.5", "3.5"]) expect(matches(around, text), text).to.equal(false);
  });

  it("are read once where the same object comes again", () => {
    const read = createReader();
    const schema = { type: "object", properties: { one: { type: "string" } } };
    expect(read(schema)).to.deep.equal(understand(schema));
    expect(read(schema)).to.equal(read(schema));
    expect(read({ type: "text" }), "another one").to.include({ type: "wrong" });
    expect(read(true)).to.deep.equal(understand(true));
  });
});
