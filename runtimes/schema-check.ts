/** Checks a value with a JSON schema, all of it, and names what does not fit: for schemas of which a grammar says a
 *  part only. Pure.
 *
 *  It takes a number of steps that is bounded, whatever the schema and the value; what it cannot tell it names, too.
 *  Source: https://json-schema.org/draft/2020-12/json-schema-validation */
import { compareNumbers, isMultipleOf, isWhole } from "../protocols/wire/exact-number.ts";
import { hasPattern, readPattern } from "./pattern.ts";
import { runtimeLimits } from "./limits.ts";
import { digitSteps, formats, isNumeric, isRecord, isSame, keyOf, type Keywords, type Numeric } from "./schema.ts";
import { pointed } from "./schema-joins.ts";
import { OutOfSteps, Steps } from "./steps.ts";

/** What of a value does not fit. */
export interface Fault {
  /** Where in the value: `/people/0/mail`. */
  readonly at: string;
  /** The keyword that says so: `pattern`. */
  readonly keyword: string;
  readonly problem: string;
}

/** What does not fit; the first of many. */
export function faultsOf(schema: unknown, value: unknown, steps = new Steps()): readonly Fault[] {
  const check = new Check(schema, steps);
  try {
    check.look(schema, value, "", 0);
  } catch (thrown) {
    if (!(thrown instanceof OutOfSteps)) throw thrown;
    return [...check.faults, { at: "", keyword: "$schema", problem: "it takes too long to tell whether it fits" }];
  }
  return check.faults;
}

/** Steps of what is done anew each time, however little there is to compare: to begin a comparison with a pattern, to
 *  look at one place with one schema, at an object or list there, and at one of its members; for what members need of
 *  each other; for twins in a list, and for each of its elements; to divide. Measured, so that all of a budget takes
 *  about as long whatever it is spent on. */
const [compareSteps, lookSteps, withinSteps, needSteps, twinSteps, divideSteps] = [64, 8, 8, 24, 16, 64];

/** Places between a value and the schema that it is compared with; a schema that refers to itself has no end
 *  otherwise. */
const depthMax = 256;

type Rule = (schema: Keywords, value: unknown, at: string, depth: number) => void;

class Check {
  readonly faults: Fault[] = [];
  readonly #document: unknown;
  readonly #patterns = new Map<string, ReturnType<typeof readPattern>>();
  readonly #steps: Steps;
  /** Of what is only tried, nothing is named, and one fault is enough. */
  #trying = 0;
  #failed = false;

  constructor(document: unknown, steps: Steps) {
    this.#document = document;
    this.#steps = steps;
  }

  #note(at: string, keyword: string, problem: string): void {
    this.#failed = true;
    if (this.#trying === 0 && this.faults.length < runtimeLimits.unfitMax) this.faults.push({ at, keyword, problem });
  }

  #isBelow(one: unknown, other: unknown): boolean {
    this.#steps.take(digitSteps(one, other));
    return isNumeric(one) && isNumeric(other) && compareNumbers(one, other) < 0;
  }

  look(schema: unknown, value: unknown, at: string, depth: number): void {
    this.#steps.take(lookSteps);
    if (depth > depthMax) throw new OutOfSteps();
    if (schema === false) this.#note(at, "false", "nothing is allowed here");
    // What makes no sense forbids nothing.
    if (!isRecord(schema)) return;
    this.#any(schema, value, at);
    this.#parts(schema, value, at, depth);
    if (typeof value === "string") this.#text(schema, value, at);
    else if (isNumeric(value)) this.#number(schema, value, at);
    else if (Array.isArray(value)) this.#list(schema, value, at, depth);
    else if (isRecord(value)) this.#object(schema, value, at, depth);
  }

  /** Whether it fits, without a word of what does not. */
  #fits(schema: unknown, value: unknown, depth: number): boolean {
    const before = this.#failed;
    this.#failed = false;
    this.#trying += 1;
    this.look(schema, value, "", depth + 1);
    this.#trying -= 1;
    const failed = this.#failed;
    this.#failed = before;
    return !failed;
  }

  #any(schema: Keywords, value: unknown, at: string): void {
    const { type } = schema;
    const types = (Array.isArray(type) ? type : [type]) as readonly unknown[];
    this.#steps.take(digitSteps(value) + 2 * types.length);
    const known = this.#steps
      .charged(types)
      .filter((one) => typeof one === "string" && Object.hasOwn(isOf, one)) as string[];
    if (known.length > 0 && known.length === types.length && !known.some((one) => isOf[one]!(value)))
      this.#note(at, "type", `it is not ${known.join(" or ")}`);
    const isValue = (one: unknown): boolean => isSame(one, value, this.#steps);
    if ("const" in schema && !isValue(schema["const"])) this.#note(at, "const", "it is another value");
    if (Array.isArray(schema["enum"]) && !schema["enum"].some(isValue))
      this.#note(at, "enum", "it is none of the values");
  }

  /** Schemas that hold for the same value. */
  readonly #parts: Rule = (schema, value, at, depth) => {
    const listOf = (keyword: string): readonly unknown[] | undefined =>
      Array.isArray(schema[keyword]) ? (schema[keyword] as readonly unknown[]) : undefined;
    const reference = schema["$ref"];
    if (reference !== undefined) {
      this.#steps.take(needSteps + (typeof reference === "string" ? reference.length : 1));
      const found = pointed(this.#document, reference);
      if (found === undefined)
        this.#note(at, "$ref", `there is nothing at ${JSON.stringify(reference)}: it is not checked`);
      else this.look(found.schema, value, at, depth + 1);
    }
    for (const part of listOf("allOf") ?? []) this.look(part, value, at, depth + 1);
    const some = listOf("anyOf");
    if (some !== undefined && !some.some((part) => this.#fits(part, value, depth)))
      this.#note(at, "anyOf", "it fits none of them");
    const one = listOf("oneOf");
    if (one !== undefined && one.filter((part) => this.#fits(part, value, depth)).length !== 1)
      this.#note(at, "oneOf", "it does not fit exactly one of them");
    if ("not" in schema && this.#fits(schema["not"], value, depth))
      this.#note(at, "not", "it fits what it may not fit");
    if ("if" in schema) {
      const branch = this.#fits(schema["if"], value, depth) ? schema["then"] : schema["else"];
      if (branch !== undefined) this.look(branch, value, at, depth + 1);
    }
    for (const keyword of unchecked) if (keyword in schema) this.#note(at, keyword, "it is not checked");
  };

  #text(schema: Keywords, value: string, at: string): void {
    const { minLength, maxLength, pattern, format } = schema;
    this.#steps.take(value.length);
    const length = Array.from(value).length;
    if (this.#isBelow(length, minLength))
      this.#note(at, "minLength", `it has fewer than ${String(minLength)} characters`);
    if (this.#isBelow(maxLength, length))
      this.#note(at, "maxLength", `it has more than ${String(maxLength)} characters`);
    if (typeof pattern === "string") {
      const has = this.#has(pattern, value);
      if (has !== true) this.#note(at, "pattern", has === undefined ? notCompared : `it does not match ${pattern}`);
    }
    if (
      typeof format === "string" &&
      Object.hasOwn(formats, format) &&
      !formats[format as keyof typeof formats].test(value)
    )
      this.#note(at, "format", `it is no ${format}`);
  }

  #has(source: string, text: string): boolean | undefined {
    const isNew = !this.#patterns.has(source);
    const pattern = isNew ? readPattern(source, this.#steps) : this.#patterns.get(source);
    this.#patterns.set(source, pattern);
    this.#steps.take(compareSteps);
    return pattern && hasPattern(pattern, text, this.#steps);
  }

  #number(schema: Keywords, value: Numeric, at: string): void {
    const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step } = schema;
    if (this.#isBelow(value, minimum)) this.#note(at, "minimum", `it is less than ${shown(minimum)}`);
    if (this.#isBelow(maximum, value)) this.#note(at, "maximum", `it is more than ${shown(maximum)}`);
    if (isNumeric(above) && !this.#isBelow(above, value))
      this.#note(at, "exclusiveMinimum", `it is not more than ${shown(above)}`);
    if (isNumeric(below) && !this.#isBelow(value, below))
      this.#note(at, "exclusiveMaximum", `it is not less than ${shown(below)}`);
    if (!isNumeric(step) || !this.#isBelow(0, step)) return;
    this.#steps.take(divideSteps + 4 * digitSteps(value, step));
    const isMultiple = isMultipleOf(value, step);
    if (isMultiple !== true)
      this.#note(
        at,
        "multipleOf",
        isMultiple === undefined ? "it is too long to be checked" : `it is not a multiple of ${shown(step)}`,
      );
  }

  #list(schema: Keywords, value: readonly unknown[], at: string, depth: number): void {
    const { minItems, maxItems, contains, uniqueItems } = schema;
    this.#steps.take(withinSteps);
    if (this.#isBelow(value.length, minItems))
      this.#note(at, "minItems", `it has fewer than ${String(minItems)} elements`);
    if (this.#isBelow(maxItems, value.length))
      this.#note(at, "maxItems", `it has more than ${String(maxItems)} elements`);
    const isOld = Array.isArray(schema["items"]);
    const heads = isOld ? schema["items"] : schema["prefixItems"];
    const first: readonly unknown[] = Array.isArray(heads) ? heads : [];
    const rest = isOld ? schema["additionalItems"] : schema["items"];
    for (const [place, one] of value.entries()) this.look(first[place] ?? rest, one, `${at}/${place}`, depth + 1);
    if (uniqueItems === true && this.#hasTwins(value)) this.#note(at, "uniqueItems", "two elements are the same");
    if (contains === undefined) return;
    const { minContains = 1, maxContains } = schema;
    const count = value.filter((one) => this.#fits(contains, one, depth)).length;
    if (this.#isBelow(count, minContains)) this.#note(at, "contains", "too few elements fit");
    if (this.#isBelow(maxContains, count)) this.#note(at, "maxContains", "too many elements fit");
  }

  #hasTwins(value: readonly unknown[]): boolean {
    this.#steps.take(twinSteps * (1 + value.length));
    return new Set(value.map((one) => keyOf(one, this.#steps))).size < value.length;
  }

  #object(schema: Keywords, value: Keywords, at: string, depth: number): void {
    const { minProperties, maxProperties, required, propertyNames } = schema;
    this.#steps.take(withinSteps);
    const keys = this.#steps.charged(Object.keys(value));
    const has = (key: string): boolean => Object.hasOwn(value, key);
    if (this.#isBelow(keys.length, minProperties))
      this.#note(at, "minProperties", `it has fewer than ${String(minProperties)} members`);
    if (this.#isBelow(maxProperties, keys.length))
      this.#note(at, "maxProperties", `it has more than ${String(maxProperties)} members`);
    for (const key of this.#names(required)) if (!has(key)) this.#note(at, "required", `${key} is missing`);
    for (const key of keys) this.#member(schema, [key, value[key]], at, depth);
    if (propertyNames !== undefined)
      for (const key of keys)
        if (!this.#fits(propertyNames, key, depth))
          this.#note(at, "propertyNames", `${key} is not a name for a member`);
    const dependents = [schema["dependencies"], schema["dependentRequired"], schema["dependentSchemas"]].filter(
      isRecord,
    );
    this.#steps.take(needSteps * dependents.length);
    for (const [key, needs] of dependents
      .flatMap((one) => this.#steps.charged(Object.entries(one)))
      .filter(([key]) => has(key)))
      if (!Array.isArray(needs)) this.look(needs, value, at, depth + 1);
      else
        for (const one of this.#names(needs))
          if (!has(one)) this.#note(at, "dependentRequired", `${one} is missing beside ${key}`);
  }

  #names(list: unknown): readonly string[] {
    this.#steps.take(Array.isArray(list) ? 3 * list.length : 0);
    return this.#steps.charged(Array.isArray(list) ? list : []).filter((one): one is string => typeof one === "string");
  }

  #member(schema: Keywords, [key, value]: readonly [string, unknown], at: string, depth: number): void {
    this.#steps.take(withinSteps + key.length);
    const place = `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
    const patterns = isRecord(schema["patternProperties"]) ? Object.entries(schema["patternProperties"]) : [];
    const fitting = patterns
      .map(([source, part]) => [this.#has(source, key), part] as const)
      .filter(([has]) => has !== false);
    if (Object.hasOwn(properties, key)) this.look(properties[key], value, place, depth + 1);
    // Whose pattern nobody has compared is not said to be wrong.
    for (const [has, part] of fitting) if (has === true) this.look(part, value, place, depth + 1);
    if (fitting.some(([has]) => has === undefined)) this.#note(place, "patternProperties", notCompared);
    const others = schema["additionalProperties"];
    if (others === undefined || Object.hasOwn(properties, key) || fitting.length > 0) return;
    if (others === false) this.#note(place, "additionalProperties", "there is no such member");
    else this.look(others, value, place, depth + 1);
  }
}

const notCompared = "it is not checked: the pattern is not known here, or takes too long";

/** They need to know what other keywords have looked at, or another document. */
const unchecked = ["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"] as const;

const isOf: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string",
  integer: (value) => isNumeric(value) && isWhole(value),
  number: isNumeric,
  array: (value) => Array.isArray(value),
  object: isRecord,
};

const shown = (value: unknown): string => JSON.stringify(value);
