/** Reads JSON schemas as shapes. Whatever a shape cannot say is left: the shape allows more there, and the list of what
 *  is left says where. So every schema has a shape, and a caller that needs a promise looks at the list. Pure.
 *
 *  What only describes (titles, examples, unknown keywords) is passed over, as the specification has it.
 *  Source: https://json-schema.org/draft/2020-12/json-schema-validation */
import { compareNumbers } from "../protocols/wire/exact-number.ts";
import { isPlain, readPattern, withoutLooking, type Pattern } from "./pattern.ts";
import { runtimeLimits } from "./limits.ts";
import {
  digitSteps,
  formats,
  isNumeric,
  isRecord,
  type Bounds,
  type Keywords,
  type Member,
  type Numeric,
  type Schema,
  type Shape,
  type TextFormat,
} from "./schema.ts";
import { isBare, joined, pointed } from "./schema-joins.ts";
import { Steps, within as withinSteps } from "./steps.ts";

/** What of a schema its shape does not say. */
export interface Left {
  /** Where it stands in the schema: `/properties/mail/pattern`. */
  readonly place: string;
  readonly problem: string;
  /** It makes no sense to any reader. */
  readonly wrong: boolean;
}

/** A schema that was read. */
interface Understood {
  readonly schema: Schema;
  /** In the order of the schema; the first ones of many. */
  readonly left: readonly Left[];
}

/** What the schemas of one request have left to be made of. */
interface Allowance {
  readonly steps: Steps;
  parts: number;
  /** Characters of regular expressions, each of which is read once. */
  patternChars: number;
  readonly patterns: Map<string, PatternRead | undefined>;
}

/** A regular expression that was read. */
interface PatternRead {
  readonly pattern: Pattern;
  readonly isPlain: boolean;
  /** What a grammar says of it, if it says anything. */
  readonly said: Pattern | undefined;
}

export const allowanceOf = (steps = new Steps()): Allowance => ({
  steps,
  parts: runtimeLimits.schemaShapesMax,
  patternChars: runtimeLimits.patternCharsSumMax,
  patterns: new Map(),
});

/** Reads a schema, and takes from what is left for it. */
export function understand(schema: unknown, left: Allowance = allowanceOf()): Understood {
  const reader = new Reader(schema, left);
  return { schema: reader.read(), left: reader.left };
}

/** They forbid something, and a shape cannot say it. */
const beyond: ReadonlySet<string> = new Set([
  "not",
  "if",
  "patternProperties",
  "propertyNames",
  "uniqueItems",
  "contains",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "unevaluatedProperties",
  "unevaluatedItems",
  "$dynamicRef",
  "$recursiveRef",
]);

const any: Shape = { type: "any" };
const unknownPattern = "it is not a regular expression that is known here, and is not checked";
const noRoomForPattern =
  `the patterns of the request have more than ${runtimeLimits.patternCharsSumMax} characters together, ` +
  "and it is not checked";
const tooMany = `it has more than ${runtimeLimits.schemaShapesMax} parts`;
type Within = (part: unknown, name: string) => Shape;

class Reader {
  readonly left: Left[] = [];
  readonly #document: unknown;
  readonly #allowance: Allowance;
  readonly #steps: Steps;
  readonly #named = new Map<string, Shape>();

  constructor(document: unknown, allowance: Allowance) {
    this.#document = document;
    this.#allowance = allowance;
    this.#steps = allowance.steps;
  }

  read(): Schema {
    return withinSteps(
      () => this.#read(),
      () => {
        this.left.unshift({ place: "", problem: "it takes too many steps to be read", wrong: true });
        return { root: any, named: new Map() };
      },
    );
  }

  #read(): Schema {
    const root = this.#shape(this.#document, "", 0);
    const schema = { root, named: this.#named };
    // A name that stands for nothing but itself has no values, and a grammar without end.
    for (const name of this.#named.keys())
      if (standsForItself(schema, name, this.#steps)) {
        this.#leave(name.slice(1), "it refers to nothing but itself", true);
        this.#named.set(name, any);
      }
    return schema;
  }

  #leave(place: string, problem: string, wrong = false): Shape {
    if (this.left.length < runtimeLimits.unfitMax) this.left.push({ place, problem, wrong });
    return any;
  }

  #shape(schema: unknown, place: string, depth: number): Shape {
    this.#steps.take();
    if (!this.#hasRoomFor(1)) return this.#leave(place, tooMany, true);
    if (depth > runtimeLimits.schemaDepthMax) return this.#leave(place, "it is too deep", true);
    if (schema === true) return any;
    if (schema === false) return this.#leave(place, "nothing is allowed");
    if (!isRecord(schema)) return this.#leave(place, "a schema is an object, true or false", true);
    this.#steps.charged(Object.keys(schema));
    if ("$ref" in schema && isBare(schema, "$ref")) return this.#reference(schema["$ref"], place, depth);
    const { keywords, left } = joined(schema, this.#document, this.#steps);
    for (const [keyword, problem] of left) this.#leave(`${place}/${keyword}`, problem);
    return this.#plain(keywords, place, depth);
  }

  /** Parts are schemas, and values to choose from. */
  #hasRoomFor(parts: number): boolean {
    this.#allowance.parts = Math.max(-1, this.#allowance.parts - parts);
    return this.#allowance.parts >= 0;
  }

  /** One without references and without parts that hold all together. */
  #plain(schema: Keywords, place: string, depth: number): Shape {
    for (const keyword in schema)
      if (beyond.has(keyword) && !asksNothing(schema, keyword, this.#steps))
        this.#leave(`${place}/${keyword}`, "it is checked at the end");
    const within: Within = (part, name) => this.#shape(part, `${place}/${name}`, depth + 1);
    if ("const" in schema) return { type: "literal", values: [schema["const"]] };
    if ("enum" in schema) {
      const values = this.#list(schema, "enum", place);
      if (!this.#hasRoomFor(values.length)) return this.#leave(`${place}/enum`, tooMany, true);
      if (values.length > 0) return { type: "literal", values };
    }
    for (const keyword of ["anyOf", "oneOf"] as const)
      if (keyword in schema) {
        const { [keyword]: _choice, ...rest } = schema;
        if (keyword === "anyOf" && "oneOf" in rest)
          this.#leave(`${place}/oneOf`, "beside anyOf it is checked at the end");
        const { oneOf: _other, ...base } = rest;
        // Asked once: it goes through all that stands beside the choice.
        const alone = isBare(base);
        const parts = this.#list(schema, keyword, place);
        const of: Shape[] = [];
        for (let index = 0; index < parts.length && this.#allowance.parts >= 0; index += 1)
          of.push(within(alone ? parts[index] : { allOf: [base, parts[index]] }, `${keyword}/${index}`));
        // The last one of a choice that is cut is anything, whatever else fits.
        const isCut = this.#allowance.parts < 0;
        if (of.length > 0) return { type: "some", of, exactlyOne: keyword === "oneOf" && !isCut };
      }
    const of = this.#types(schema, place).map((type) => this.#typed(type, schema, place, within));
    return of.length === 1 ? of[0]! : { type: "some", of, exactlyOne: false };
  }

  #reference(reference: unknown, place: string, depth: number): Shape {
    this.#steps.take(typeof reference === "string" ? reference.length : 1);
    const found = pointed(this.#document, reference);
    if (found === undefined) return this.#leave(`${place}/$ref`, `there is nothing at ${String(reference)}`, true);
    const { name, schema } = found;
    if (!this.#named.has(name)) {
      // Held before it is read: it may mean itself.
      this.#named.set(name, any);
      this.#named.set(name, this.#shape(schema, name.slice(1), depth + 1));
    }
    return { type: "named", name };
  }

  #typed(type: string, schema: Keywords, place: string, within: Within): Shape {
    switch (type) {
      case "null":
      case "boolean":
      case "any":
        return { type };
      case "string":
        return this.#text(schema, place);
      case "integer":
      case "number": {
        const step = schema["multipleOf"];
        const whole = type === "integer" || step === 1;
        if (step !== undefined && step !== 1) this.#leave(`${place}/multipleOf`, "it is checked at the end");
        return { type: "number", whole, bounds: this.#bounds(schema, place) };
      }
      case "array": {
        // Before 2020 the first ones were in `items`.
        const isOld = Array.isArray(schema["items"]);
        const [heads, rest] = isOld ? ["items", "additionalItems"] : ["prefixItems", "items"];
        const first = this.#list(schema, heads!, place).map((part, index) => within(part, `${heads}/${index}`));
        const items = schema[rest!] === false ? undefined : within(schema[rest!] ?? true, rest!);
        return { type: "list", first, items, ...this.#counts(schema, place, ["minItems", "maxItems"]) };
      }
      default:
        return this.#object(schema, place, within);
    }
  }

  /** What is made of all of them is bounded before it is made; the same one again costs what it takes to find it.
   *  Else what is wrong with it. */
  #pattern(source: unknown): PatternRead | string {
    if (typeof source !== "string") return unknownPattern;
    const { patterns } = this.#allowance;
    this.#steps.take(source.length);
    if (!patterns.has(source)) {
      if (source.length > this.#allowance.patternChars) return noRoomForPattern;
      this.#allowance.patternChars -= source.length;
      const pattern = readPattern(source, this.#steps);
      const said = pattern && withoutLooking(pattern);
      patterns.set(
        source,
        pattern && { pattern, isPlain: isPlain(pattern), said: said && isPlain(said) ? said : undefined },
      );
    }
    return patterns.get(source) ?? unknownPattern;
  }

  #text(schema: Keywords, place: string): Shape {
    const { format, pattern: source } = schema;
    const kept = typeof format === "string" && Object.hasOwn(formats, format) ? (format as TextFormat) : undefined;
    const read = source === undefined ? undefined : this.#pattern(source);
    if (typeof read === "string") this.#leave(`${place}/pattern`, read, typeof source !== "string");
    else if (read?.isPlain === false) this.#leave(`${place}/pattern`, "it is checked at the end");
    const known = typeof read === "object" ? read : undefined;
    return {
      type: "text",
      ...this.#counts(schema, place, ["minLength", "maxLength"]),
      ...(kept && { format: kept }),
      ...(known && { pattern: known.pattern }),
      ...(known?.said && { said: known.said }),
    };
  }

  #object(schema: Keywords, place: string, within: Within): Shape {
    const given = schema["properties"] ?? {};
    if (!isRecord(given)) this.#leave(`${place}/properties`, "it is an object", true);
    const properties = isRecord(given) ? given : {};
    const required = new Set(
      this.#steps.charged(this.#list(schema, "required", place)).filter((key) => typeof key === "string"),
    );
    const additional = schema["additionalProperties"];
    const other = additional === false ? undefined : (additional ?? true);
    const members: Member[] = [];
    let isCut = false;
    const add = (key: string, part: unknown, name: string): void => {
      isCut ||= this.#allowance.parts <= 0;
      if (!isCut) members.push({ key, shape: within(part, name), required: required.has(key) });
    };
    for (const [key, part] of this.#steps.charged(Object.entries(properties)))
      if (!isNothing(part) || required.has(key)) add(key, part, `properties/${key}`);
    // What has to be there and is not described is one of the others; so is each of the names that others may have.
    const names = namesIn(schema["propertyNames"], this.#steps);
    const more = [...new Set([...required, ...names])].filter((key) => !Object.hasOwn(properties, key));
    for (const key of more)
      if (other !== undefined) add(key, other, "additionalProperties");
      else if (required.has(key)) this.#leave(`${place}/required`, `${key} has to be there, and may not`, true);
    // Unsaid, a model is held to what is described: that is of the schema, too. Where more is described than is read,
    // members may be anything.
    const isClosed = other === undefined || names.length > 0 || (additional === undefined && members.length > 0);
    if (isCut) this.#leave(`${place}/properties`, tooMany, true);
    const patterns = isRecord(schema["patternProperties"])
      ? this.#steps.charged(Object.entries(schema["patternProperties"]))
      : [];
    const others = [
      ...(isCut ? [any] : isClosed ? [] : [within(other, "additionalProperties")]),
      ...patterns.map(([source, part]) => within(part, `patternProperties/${source}`)),
    ];
    return {
      type: "object",
      members,
      others: others.length < 2 ? others[0] : { type: "some", of: others, exactlyOne: false },
      ...this.#counts(schema, place, ["minProperties", "maxProperties"]),
    };
  }

  #list(schema: Keywords, keyword: string, place: string): readonly unknown[] {
    const value = schema[keyword];
    if (value !== undefined && (!Array.isArray(value) || (value.length === 0 && !mayBeEmpty.has(keyword))))
      this.#leave(`${place}/${keyword}`, "it is a list", true);
    return Array.isArray(value) ? value : [];
  }

  #types(schema: Keywords, place: string): readonly string[] {
    const said = schema["type"];
    if (said === undefined) return [guessedType(schema)];
    const types = this.#steps.charged(Array.isArray(said) ? said : [said]);
    const known = types.filter((type) => typeof type === "string" && knownTypes.has(type)) as readonly string[];
    if (known.length < types.length || types.length === 0) this.#leave(`${place}/type`, "there is no such type", true);
    // Each once: what is read for a type must not be read as often as it is repeated.
    return known.length === 0 ? [guessedType(schema)] : [...new Set(known)];
  }

  #counts(
    schema: Keywords,
    place: string,
    [least, most]: readonly [string, string],
  ): { readonly min: number; readonly max: number | undefined } {
    const count = (keyword: string): number | undefined => {
      const value = schema[keyword];
      if (value === undefined) return undefined;
      if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
      this.#leave(`${place}/${keyword}`, "it is a whole number", true);
      return undefined;
    };
    const [min, max] = [count(least) ?? 0, count(most)];
    if (max === undefined || max >= min) return { min, max };
    this.#leave(`${place}/${least}`, "the least is more than the most", true);
    return { min: 0, max: undefined };
  }

  #bounds(schema: Keywords, place: string): Bounds {
    const bound = (keyword: string): Numeric | undefined => {
      const value = schema[keyword];
      if (isNumeric(value)) return value;
      if (value !== undefined) this.#leave(`${place}/${keyword}`, "it is a number", true);
      return undefined;
    };
    const [min, max] = [bound("minimum"), bound("maximum")];
    const [above, below] = [bound("exclusiveMinimum"), bound("exclusiveMaximum")];
    this.#steps.take(2 * digitSteps(min, max, above, below));
    const [lows, highs] = [[min, above].filter(isNumeric), [max, below].filter(isNumeric)];
    if (lows.some((low) => highs.some((high) => compareNumbers(low, high) > 0))) {
      this.#leave(`${place}/minimum`, "the least is more than the most", true);
      return {};
    }
    return {
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
      ...(above !== undefined && { above }),
      ...(below !== undefined && { below }),
    };
  }
}

/** Whether a keyword forbids nothing as it stands there. */
function asksNothing(schema: Keywords, keyword: string, steps: Steps): boolean {
  const value = schema[keyword];
  if (isRecord(value)) steps.charged(Object.keys(value));
  if (keyword === "uniqueItems") return value === false;
  if (keyword === "propertyNames")
    return (
      value === true ||
      (isRecord(value) &&
        (namesIn(value, steps).length > 0 || isBare(value, value["type"] === "string" ? "type" : undefined)))
    );
  if (keyword === "if") return !("then" in schema) && !("else" in schema);
  return isEmpty(value) && keyword !== "not";
}

/** Whether a schema allows nothing: a word, or as some write it. */
const isNothing = (schema: unknown): boolean => schema === false || (isRecord(schema) && isEmpty(schema["not"]));

/** It is asked without going through all of it. */
function isEmpty(value: unknown): boolean {
  if (!isRecord(value)) return false;
  for (const _key in value) return false;
  return true;
}

/** The names that members may have, where they are told one by one. */
function namesIn(schema: unknown, steps: Steps): readonly string[] {
  if (!isRecord(schema)) return [];
  const names: unknown = "const" in schema ? [schema["const"]] : schema["enum"];
  if (!Array.isArray(names)) return [];
  const all = steps.charged(names as readonly unknown[]);
  return all.every((name) => typeof name === "string") ? (all as readonly string[]) : [];
}

/** Whether the values of a name are those of the name itself, with nothing around them. */
function standsForItself({ named }: Schema, name: string, steps: Steps): boolean {
  const seen = new Set<string>();
  const reaches = (shape: Shape | undefined): boolean => {
    steps.take();
    if (shape?.type === "some") return shape.of.some(reaches);
    if (shape?.type !== "named") return false;
    if (shape.name === name) return true;
    if (seen.has(shape.name)) return false;
    seen.add(shape.name);
    return reaches(named.get(shape.name));
  };
  return reaches(named.get(name));
}

const mayBeEmpty = new Set(["required", "prefixItems", "items"]);
const knownTypes = new Set(["null", "boolean", "string", "integer", "number", "array", "object"]);

const speaksOf = {
  object: [
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
  ],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"],
  string: ["minLength", "maxLength", "format", "pattern"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
} as const;

/** A schema that names no type, yet speaks of one: it is that, which is of the schema, too. */
const guessedType = (schema: Keywords): string =>
  Object.entries(speaksOf).find(([, keywords]) => keywords.some((keyword) => keyword in schema))?.[0] ?? "any";
