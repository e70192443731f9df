/** Checks a value with a JSON schema, all of it, and names what does not fit: for schemas of which a grammar says a part only. Pure.
 *
 *  It takes a number of steps that is bounded, whatever the schema and the value; what it cannot tell it names, too.
 *  Source: https://json-schema.org/draft/2020-12/json-schema-validation */
import { compareNumbers, ExactNumber, isMultipleOf, isWhole } from "../protocols/exact-number.ts";
import { hasPattern, patternSteps, readPattern } from "./pattern.ts";
import { runtimeLimits } from "./limits.ts";
import { formats, isNumeric, isRecord, isSame, type Keywords, type Numeric } from "./schema.ts";
import { pointed } from "./schema-joins.ts";

/** What of a value does not fit. */
export interface Fault {
  /** Where in the value: `/people/0/mail`. */
  readonly at: string;
  /** The keyword that says so: `pattern`. */
  readonly keyword: string;
  readonly problem: string;
}

/** What does not fit; the first of many. */
export function faultsOf(schema: unknown, value: unknown): readonly Fault[] {
  const check = new Check(schema);
  try {
    check.look(schema, value, "", 0);
  } catch (thrown) {
    if (!(thrown instanceof Over)) throw thrown;
    return [...check.faults, { at: "", keyword: "$schema", problem: "it takes too long to tell whether it fits" }];
  }
  return check.faults;
}

class Over extends Error {}

/** Steps for each character of a regular expression that is read. */
const patternReadSteps = 16;

/** Places between a value and the schema that it is compared with; a schema that refers to itself has no end otherwise. */
const depthMax = 256;

type Rule = (schema: Keywords, value: unknown, at: string, depth: number) => void;

class Check {
  readonly faults: Fault[] = [];
  readonly #document: unknown;
  readonly #patterns = new Map<string, ReturnType<typeof readPattern>>();
  #steps: number = runtimeLimits.schemaStepsMax;
  readonly #patternSteps = patternSteps();
  /** Of what is only tried, nothing is named, and one fault is enough. */
  #trying = 0;
  #failed = false;

  constructor(document: unknown) {
    this.#document = document;
  }

  #note(at: string, keyword: string, problem: string): void {
    this.#failed = true;
    if (this.#trying === 0 && this.faults.length < runtimeLimits.unfitMax) this.faults.push({ at, keyword, problem });
  }

  #step(by = 1): void {
    this.#steps -= by;
    if (this.#steps < 0) throw new Over();
  }

  look(schema: unknown, value: unknown, at: string, depth: number): void {
    this.#step();
    if (depth > depthMax) throw new Over();
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
    const known = this.#charged(types).filter((one) => typeof one === "string" && Object.hasOwn(isOf, one)) as string[];
    if (known.length > 0 && known.length === types.length && !known.some((one) => isOf[one]!(value)))
      this.#note(at, "type", `it is not ${known.join(" or ")}`);
    if ("const" in schema && !this.#same(schema["const"], value)) this.#note(at, "const", "it is another value");
    if (Array.isArray(schema["enum"]) && !schema["enum"].some((one) => this.#same(one, value)))
      this.#note(at, "enum", "it is none of the values");
  }

  #same(one: unknown, value: unknown): boolean {
    this.#step(typeof one === "object" ? 16 : 1);
    return isSame(one, value);
  }

  /** Schemas that hold for the same value. */
  readonly #parts: Rule = (schema, value, at, depth) => {
    const listOf = (keyword: string): readonly unknown[] | undefined => Array.isArray(schema[keyword]) ? schema[keyword] as readonly unknown[] : undefined;
    const reference = schema["$ref"];
    if (reference !== undefined) {
      const found = pointed(this.#document, reference);
      if (found === undefined) this.#note(at, "$ref", `there is nothing at ${JSON.stringify(reference)}: it is not checked`);
      else this.look(found.schema, value, at, depth + 1);
    }
    for (const part of listOf("allOf") ?? []) this.look(part, value, at, depth + 1);
    const some = listOf("anyOf");
    if (some !== undefined && !some.some((part) => this.#fits(part, value, depth))) this.#note(at, "anyOf", "it fits none of them");
    const one = listOf("oneOf");
    if (one !== undefined && one.filter((part) => this.#fits(part, value, depth)).length !== 1) this.#note(at, "oneOf", "it does not fit exactly one of them");
    if ("not" in schema && this.#fits(schema["not"], value, depth)) this.#note(at, "not", "it fits what it may not fit");
    if ("if" in schema) {
      const branch = this.#fits(schema["if"], value, depth) ? schema["then"] : schema["else"];
      if (branch !== undefined) this.look(branch, value, at, depth + 1);
    }
    for (const keyword of unchecked) if (keyword in schema) this.#note(at, keyword, "it is not checked");
  }; // prettier-ignore

  #text(schema: Keywords, value: string, at: string): void {
    const { minLength, maxLength, pattern, format } = schema;
    this.#step(value.length);
    const length = Array.from(value).length;
    if (isBelow(length, minLength)) this.#note(at, "minLength", `it has fewer than ${String(minLength)} characters`);
    if (isBelow(maxLength, length)) this.#note(at, "maxLength", `it has more than ${String(maxLength)} characters`);
    if (typeof pattern === "string") {
      const has = this.#has(pattern, value);
      if (has !== true) this.#note(at, "pattern", has === undefined ? notCompared : `it does not match ${pattern}`);
    }
    if (typeof format === "string" && Object.hasOwn(formats, format) && !formats[format as keyof typeof formats].test(value))
      this.#note(at, "format", `it is no ${format}`);
  } // prettier-ignore

  #has(source: string, text: string): boolean | undefined {
    const isNew = !this.#patterns.has(source);
    // To read one takes much more than to follow it by a step.
    if (isNew) this.#step(patternReadSteps * source.length);
    const pattern = isNew ? readPattern(source) : this.#patterns.get(source);
    this.#patterns.set(source, pattern);
    this.#step(1_000);
    return pattern && hasPattern(pattern, text, this.#patternSteps);
  }

  #number(schema: Keywords, value: Numeric, at: string): void {
    const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step } = schema;
    this.#step(value instanceof ExactNumber ? value.text.length : 1);
    if (isBelow(value, minimum)) this.#note(at, "minimum", `it is less than ${shown(minimum)}`);
    if (isBelow(maximum, value)) this.#note(at, "maximum", `it is more than ${shown(maximum)}`);
    if (isNumeric(above) && !isBelow(above, value)) this.#note(at, "exclusiveMinimum", `it is not more than ${shown(above)}`);
    if (isNumeric(below) && !isBelow(value, below)) this.#note(at, "exclusiveMaximum", `it is not less than ${shown(below)}`);
    if (!isNumeric(step) || compareNumbers(step, 0) <= 0) return;
    const isMultiple = isMultipleOf(value, step);
    if (isMultiple !== true)
      this.#note(at, "multipleOf", isMultiple === undefined ? "it is too long to be checked" : `it is not a multiple of ${shown(step)}`);
  } // prettier-ignore

  #list(schema: Keywords, value: readonly unknown[], at: string, depth: number): void {
    const { minItems, maxItems, contains, uniqueItems } = schema;
    if (isBelow(value.length, minItems)) this.#note(at, "minItems", `it has fewer than ${String(minItems)} elements`);
    if (isBelow(maxItems, value.length)) this.#note(at, "maxItems", `it has more than ${String(maxItems)} elements`);
    const isOld = Array.isArray(schema["items"]);
    const heads = isOld ? schema["items"] : schema["prefixItems"];
    const first: readonly unknown[] = Array.isArray(heads) ? heads : [];
    const rest = isOld ? schema["additionalItems"] : schema["items"];
    for (const [place, one] of value.entries()) this.look(first[place] ?? rest, one, `${at}/${place}`, depth + 1);
    if (uniqueItems === true && this.#hasTwins(value)) this.#note(at, "uniqueItems", "two elements are the same");
    if (contains === undefined) return;
    const { minContains = 1, maxContains } = schema;
    const count = value.filter((one) => this.#fits(contains, one, depth)).length;
    if (isBelow(count, minContains)) this.#note(at, "contains", "too few elements fit");
    if (isBelow(maxContains, count)) this.#note(at, "maxContains", "too many elements fit");
  }

  #hasTwins(value: readonly unknown[]): boolean {
    return value.some((one, place) => value.slice(0, place).some((other) => this.#same(one, other)));
  }

  #object(schema: Keywords, value: Keywords, at: string, depth: number): void {
    const { minProperties, maxProperties, required, propertyNames } = schema;
    const keys = Object.keys(value);
    const has = (key: unknown): boolean => typeof key === "string" && Object.hasOwn(value, key);
    if (isBelow(keys.length, minProperties)) this.#note(at, "minProperties", `it has fewer than ${String(minProperties)} members`);
    if (isBelow(maxProperties, keys.length)) this.#note(at, "maxProperties", `it has more than ${String(maxProperties)} members`);
    for (const key of this.#charged(Array.isArray(required) ? required : []))
      if (!has(key)) this.#note(at, "required", `${String(key)} is missing`);
    for (const key of keys) this.#member(schema, [key, value[key]], at, depth);
    if (propertyNames !== undefined)
      for (const key of keys) if (!this.#fits(propertyNames, key, depth)) this.#note(at, "propertyNames", `${key} is not a name for a member`);
    const dependents = [schema["dependencies"], schema["dependentRequired"], schema["dependentSchemas"]].filter(isRecord);
    for (const [key, needs] of dependents.flatMap((one) => Object.entries(one)).filter(([key]) => has(key)))
      if (!Array.isArray(needs)) this.look(needs, value, at, depth + 1);
      else for (const one of this.#charged(needs)) if (!has(one)) this.#note(at, "dependentRequired", `${String(one)} is missing beside ${key}`);
  } // prettier-ignore

  /** A list of the schema, each of whose items is a step. */
  #charged(items: readonly unknown[]): readonly unknown[] {
    this.#step(items.length);
    return items;
  }

  #member(schema: Keywords, [key, value]: readonly [string, unknown], at: string, depth: number): void {
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

const isBelow = (one: unknown, other: unknown): boolean =>
  isNumeric(one) && isNumeric(other) && compareNumbers(one, other) < 0;

const shown = (value: unknown): string => JSON.stringify(value);
