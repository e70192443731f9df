import { expect } from "chai";
import fc from "fast-check";
import Schema from "typebox/schema";
import { faultsOf } from "../../../runtimes/schema-check.ts";
import { examples } from "../../depth.ts";

// A member of this name looks like a promise to whoever waits for it.
const branch = ["th", "en"].join("");

const whole = fc.integer({ min: 0, max: 3 });
const key = fc.constantFrom("a", "b", "ab");
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom(null, true, 0, 1, 1.5, -2, 6, "", "a", "ab", "b1"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  ),
})).value;

/** Schemas of all keywords, in any combination. */
const schema = fc.letrec<{ schema: unknown }>((tie) => {
  const part = tie("schema");
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  const record = fc.record(
    {
      type: fc.constantFrom("null", "boolean", "string", "integer", "number", "array", "object", ["string", "integer"]),
      const: value,
      enum: fc.array(value, { minLength: 1, maxLength: 3 }),
      minimum: whole,
      maximum: whole,
      exclusiveMinimum: whole,
      exclusiveMaximum: whole,
      multipleOf: fc.constantFrom(1, 2, 0.5),
      minLength: whole,
      maxLength: whole,
      pattern: fc.constantFrom("^a", "b$", "[0-9]", "^(?!a)"),
      items: part,
      prefixItems: parts,
      minItems: whole,
      maxItems: whole,
      uniqueItems: fc.boolean(),
      contains: part,
      properties: fc.dictionary(key, part, { maxKeys: 3 }),
      patternProperties: fc.dictionary(fc.constantFrom("^a", "b$"), part, { maxKeys: 2 }),
      additionalProperties: part,
      propertyNames: part,
      required: fc.array(key, { maxLength: 2 }).map((all) => [...new Set(all)]),
      minProperties: whole,
      maxProperties: whole,
      dependentRequired: fc.dictionary(key, fc.array(key, { maxLength: 1 }), { maxKeys: 1 }),
      dependentSchemas: fc.dictionary(key, part, { maxKeys: 1 }),
      allOf: parts,
      anyOf: parts,
      oneOf: parts,
      not: part,
      if: part,
      [branch]: part,
      else: part,
    },
    { requiredKeys: [] },
  );
  // A few at a time: with all of them nothing fits.
  const some = fc.tuple(record, fc.array(fc.nat(), { minLength: 1, maxLength: 3 })).map(([all, picks]) => {
    const entries = Object.entries(all);
    return Object.fromEntries(
      picks.map((pick) => entries[pick % Math.max(1, entries.length)]).filter((one) => one !== undefined),
    );
  });
  return { schema: fc.oneof({ maxDepth: 3 }, fc.boolean(), some) };
}).schema;

describe("the check of a value with a schema", () => {
  it("says of any schema and value what another implementation says", () => {
    let fitting = 0;
    fc.assert(
      fc.property(schema, value, (one, other) => {
        const fits = Schema.Check(one as never, other);
        fitting += fits ? 1 : 0;
        expect(faultsOf(one, other).length === 0, `${JSON.stringify(one)} and ${JSON.stringify(other)}`).to.equal(fits);
      }),
      { numRuns: examples(2_000) },
    );
    expect(fitting).to.be.within(examples(200), examples(1_800));
  });

  it("names where, by which keyword, and why", () => {
    const about = {
      $defs: { mail: { type: "string", pattern: "^[^@]+@[^@]+$" } },
      properties: {
        people: { items: { properties: { "a/b": { $ref: "#/$defs/mail" } }, required: ["name"] } },
        day: { format: "date" },
      },
    };
    expect(faultsOf(about, { people: [{ name: "x", "a/b": "x@y" }, { "a/b": "none" }], day: "today" })).to.deep.equal([
      { at: "/people/1", keyword: "required", problem: "name is missing" },
      { at: "/people/1/a~1b", keyword: "pattern", problem: "it does not match ^[^@]+@[^@]+$" },
      { at: "/day", keyword: "format", problem: "it is no date" },
    ]);
  });

  it("names what it cannot tell", () => {
    const keywords = (one: unknown, other: unknown): readonly string[] =>
      faultsOf(one, other).map(({ keyword }) => keyword);
    expect(keywords({ pattern: "(?<=a)b" }, "ab")).to.deep.equal(["pattern"]);
    expect(keywords({ pattern: "^(a+)+$" }, `${"a".repeat(60)}b`)).to.deep.equal(["pattern"]);
    expect(keywords({ $ref: "https://example.org/schema" }, 1)).to.deep.equal(["$ref"]);
    expect(keywords({ unevaluatedProperties: false }, {})).to.deep.equal(["unevaluatedProperties"]);
    expect(keywords({ $ref: "#" }, 1)).to.deep.equal(["$schema"]);
    const again = { properties: { a: { $ref: "#/$defs/a" } }, required: ["a"] };
    let deep: unknown = 1;
    for (let depth = 0; depth < 100; depth += 1) deep = { a: deep };
    expect(keywords({ $defs: { a: { oneOf: [again, again] } }, $ref: "#/$defs/a" }, deep)).to.deep.equal(["$schema"]);
    expect(keywords({ multipleOf: 0.1 }, 0.3)).to.deep.equal([]);
    expect(
      keywords({ type: "nonsense", minimum: "x", properties: 3, items: 4, required: {} }, { a: [1] }),
    ).to.deep.equal([]);
  });

  it("names a few of many", () =>
    void expect(
      faultsOf(
        { items: { type: "string" } },
        Array.from({ length: 1_000 }, () => 1),
      ).length,
    ).to.be.within(1, 64));

  it("has an end, whatever is a schema", () =>
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => faultsOf(one, other).length >= 0)));

  it("charges for each name of a list that it goes through, however often the list is met", () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `n${index}`);
    const lists = {
      required: { required: names },
      dependentRequired: { dependentRequired: { a: names } },
      type: { type: names.map(() => "null") },
    };
    for (const [keyword, list] of Object.entries(lists)) {
      const $defs: Record<string, object> = { d0: list };
      for (let at = 1; at <= 12; at += 1)
        $defs[`d${at}`] = { allOf: [{ $ref: `#/$defs/d${at - 1}` }, { $ref: `#/$defs/d${at - 1}` }] };
      const faults = faultsOf({ $ref: "#/$defs/d12", $defs }, { a: 1 });
      expect(faults.at(-1)?.problem, keyword).to.equal("it takes too long to tell whether it fits");
    }
  });

  it("has steps for thousands of texts that have a pattern", () => {
    const mail = { type: "string", pattern: String.raw`^[\w.%+-]+@[A-Za-z0-9.-]+\.[a-z]{2,}$` };
    const mails = Array.from({ length: 2_000 }, (_, at) => `somebody${at}@mail.example.org`);
    expect(faultsOf({ items: mail }, mails)).to.deep.equal([]);
    expect(faultsOf({ items: mail }, [...mails, "none"]).map(({ at }) => at)).to.deep.equal(["/2000"]);
  });

  it("says of a member whose pattern is not compared that it is not checked, and not that it is wrong", () => {
    const schema = {
      type: "object",
      patternProperties: { "(a)\\1|ab": { type: "string" }, "^a": { type: "boolean" } },
    };
    const faults = faultsOf({ ...schema, additionalProperties: false }, { ab: true });
    expect(faults.map(({ at, keyword }) => [at, keyword])).to.deep.equal([["/ab", "patternProperties"]]);
    expect(faultsOf(schema, { ab: 1 }).map(({ keyword }) => keyword)).to.deep.equal(["type", "patternProperties"]);
  });
});
