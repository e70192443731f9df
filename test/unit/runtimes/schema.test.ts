import { expect } from "chai";
import fc from "fast-check";
import { createRules } from "../../../runtimes/llama/grammar.ts";
import { fits, type Schema } from "../../../runtimes/schema.ts";
import { understand } from "../../../runtimes/schema-reader.ts";

const schemaOf = (schema: unknown): Schema => {
  const { schema: read, left } = understand(schema);
  if (left.length > 0) throw new Error(JSON.stringify(left));
  return read;
};
const fit = (schema: unknown, value: unknown): boolean => fits(schemaOf(schema), value);

/** The words of a grammar without rules, as an expression: those of numbers are such. */
const matches = (schema: unknown, text: string): boolean => {
  const words = createRules().value(schemaOf(schema));
  return new RegExp(`^(?:${words.replaceAll(/"\."/g, "\\.").replaceAll(/["\s]/g, "")})$`).test(text);
};

// A member of this name looks like a promise to whoever waits for it.
const branch = ["th", "en"].join("");

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

  it("says what of it is left, with the place, and allows no less for it", () => {
    const rows: readonly (readonly [schema: unknown, left: readonly string[], value: unknown])[] = [
      [{ properties: { a: { type: "string", pattern: "^(?=x)" } } }, ["/properties/a/pattern"], { a: "x" }],
      [{ not: {} }, ["/not"], 1],
      [{ $ref: "other.json" }, ["/$ref"], 1],
      [{ type: "integer", multipleOf: 3 }, ["/multipleOf"], 3],
      [{ type: "array", uniqueItems: true, contains: { type: "null" } }, ["/uniqueItems", "/contains"], [null]],
      [{ type: "object", propertyNames: { pattern: "^x" }, patternProperties: { "^x": { type: "integer" } } }, ["/propertyNames", "/patternProperties"], { x: 1 }],
      [{ if: { type: "string" }, [branch]: { minLength: 3 } }, ["/if"], "abc"],
      [{ allOf: [{ const: 1 }, { const: 2 }] }, ["/const"], 1],
      [{ type: "text" }, ["/type"], 1],
      [{ enum: [] }, ["/enum"], 1],
      [{ minimum: "1" }, ["/minimum"], 1],
      [{ minItems: 3, maxItems: 2 }, ["/minItems"], []],
      [{ $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" }, ["/$defs/a"], 1],
      [1, [""], 1],
      [{ type: "string", pattern: "(" }, ["/pattern"], "x"],
    ];
    for (const [schema, left, value] of rows) {
      const understood = understand(schema);
      expect(understood.left.map(({ place }) => place), JSON.stringify(schema)).to.deep.equal(left);
      const { root } = understood.schema;
      if (root.type !== "text") expect(fits(understood.schema, value), JSON.stringify(schema)).to.equal(true);
    }
  }); // prettier-ignore

  it("has no rest where parts hold together, or stand beside a choice or a reference", () => {
    const a = { type: "object", properties: { a: { type: "integer", minimum: 1 } }, required: ["a"] };
    const b = { type: "object", properties: { b: { type: "string" }, a: { maximum: 3 } }, required: ["b"] };
    const rows: readonly (readonly [schema: unknown, fine: unknown, not: unknown])[] = [
      [{ allOf: [a, b] }, { a: 2, b: "" }, { a: 4, b: "" }],
      [{ ...a, anyOf: [{ required: ["x"] }, { required: ["y"] }], additionalProperties: true }, { a: 1, x: 1 }, { a: 1 }],
      [{ $defs: { a }, $ref: "#/$defs/a", properties: { c: { type: "null" } }, required: ["c"] }, { a: 1, c: null }, { c: null }],
      [{ type: "object", required: ["x"], additionalProperties: { type: "integer" } }, { x: 1 }, {}],
      [{ type: "object", propertyNames: { enum: ["x", "y"] }, additionalProperties: { type: "integer" } }, { y: 1 }, { z: 1 }],
      [{ type: "string", pattern: "^a+$", minLength: 2 }, "aa", "ab"],
      [{ type: "string", format: "date", minLength: 1 }, "2026-01-01", "x"],
      [{ minimum: 2, anyOf: [{ type: "integer" }, { type: "number", maximum: 9 }] }, 3, 1],
      [{ type: ["string", "null"], enum: ["a", null] }, null, "b"],
      [{ items: [{ type: "integer" }], additionalItems: { type: "null" } }, [1, null], [null]],
    ]; // prettier-ignore
    for (const [schema, fine, not] of rows) {
      const { schema: read, left } = understand(schema);
      expect(left, JSON.stringify(schema)).to.deep.equal([]);
      expect(fits(read, fine), JSON.stringify(schema)).to.equal(true);
      expect(fits(read, not), JSON.stringify(schema)).to.equal(false);
    }
  });

  it("is read once for each type, however often the list of types repeats it", () => {
    const properties = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`p${index}`, true]));
    const once = understand({ type: ["object"], properties });
    const often = understand({ type: Array.from({ length: 1_000 }, () => "object"), properties });
    expect(often.schema).to.deep.equal(once.schema);
  });

  it("of any size and depth is read, soon", () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 100_000; depth += 1) deep = { items: deep };
    expect(understand(deep).left).to.have.length(1);
    expect(understand({ enum: Array.from({ length: 10 }, () => 1), anyOf: [] }).left).to.deep.equal([]);
    const wide = { properties: Object.fromEntries(Array.from({ length: 5_000 }, (_none, at) => [`k${at}`, {}])) };
    expect(understand(wide).left[0]).to.deep.include({ problem: "it has more than 2000 parts" });
    expect(understand({ enum: Array.from({ length: 5_000 }, (_none, at) => at) }).left).to.have.length(1);
    const bomb = Object.fromEntries(Array.from({ length: 30 }, (_none, at) => [`n${at}`, { allOf: [{ $ref: `#/$defs/n${at + 1}` }, { $ref: `#/$defs/n${at + 1}` }] }]));
    expect(understand({ $defs: bomb, allOf: [{ $ref: "#/$defs/n0" }, { type: "object" }] }).left).not.to.deep.equal([]);
    fc.assert(fc.property(fc.jsonValue(), (value) => understand(value).left.length >= 0));
  }); // prettier-ignore
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
});
