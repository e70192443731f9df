/** What a JSON schema allows, as data: a grammar is made of it, and what was written is checked with it. Pure.
 *
 *  A schema that says more than a shape can is refused, with the keyword and where it stands: a promise that is not kept is worse
 *  than none. What only describes (titles, examples, unknown keywords) is passed over, as the specification has it.
 *  Source: https://json-schema.org/draft/2020-12/json-schema-validation */
import { runtimeLimits } from "./limits.ts";

/** What a value may be. */
export type Shape =
  | { readonly type: "any" }
  | { readonly type: "null" }
  | { readonly type: "boolean" }
  | { readonly type: "literal"; readonly values: readonly unknown[] }
  | { readonly type: "text"; readonly min: number; readonly max: number | undefined; readonly format?: TextFormat }
  | { readonly type: "number"; readonly whole: boolean; readonly bounds: Bounds }
  | {
      readonly type: "object";
      readonly members: readonly Member[];
      /** What members beyond those may be; undefined: there are none. */
      readonly others: Shape | undefined;
      readonly min: number;
      readonly max: number | undefined;
    }
  | {
      readonly type: "list";
      readonly first: readonly Shape[];
      /** Undefined: none beyond the first. */
      readonly items: Shape | undefined;
      readonly min: number;
      readonly max: number | undefined;
    }
  | { readonly type: "some"; readonly of: readonly Shape[]; readonly exactlyOne: boolean }
  | { readonly type: "named"; readonly name: string };

/** One member of an object. */
export interface Member {
  readonly key: string;
  readonly shape: Shape;
  readonly required: boolean;
}

/** From where to where a number is. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
}

/** The formats that are kept to; others are notes. */
export type TextFormat = keyof typeof formats;

/** How a text of a format looks. The grammar says the same in its own words. */
export const formats = {
  date: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
  time: /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
  "date-time":
    /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
  uuid: /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/,
} as const;

/** A schema that was understood: its root, and the shapes that it names. */
export interface Schema {
  readonly root: Shape;
  readonly named: ReadonlyMap<string, Shape>;
}

/** The schema, or why there is none: `unsupported` names a keyword that is not kept to, `wrong` a schema that makes no sense. */
export type Understood =
  | {
      readonly type: "fine";
      readonly schema: Schema;
      /** How many parts it has: schemas in it, and values to choose from. */
      readonly size: number;
    }
  | { readonly type: "unsupported" | "wrong"; readonly reason: string };

/** Any JSON object. */
export const anyObject: Schema = {
  root: { type: "object", members: [], others: { type: "any" }, min: 0, max: undefined },
  named: new Map(),
};

/** An object without members: the arguments of a function without parameters. */
export const emptyObject: Schema = {
  root: { type: "object", members: [], others: undefined, min: 0, max: undefined },
  named: new Map(),
};

/** Reads a schema. */
export function understand(schema: unknown): Understood {
  try {
    const reader = new Reader(schema);
    return { type: "fine", schema: reader.read(), size: reader.size };
  } catch (thrown) {
    if (thrown instanceof Refusal) return { type: thrown.kind, reason: thrown.message };
    throw thrown;
  }
}

/** Reads schemas, each object once: an agent declares the same tools with every question. */
export function createReader(): (schema: unknown) => Understood {
  const known = new WeakMap<object, Understood>();
  return (schema) => {
    if (typeof schema !== "object" || schema === null) return understand(schema);
    const understood = known.get(schema) ?? understand(schema);
    known.set(schema, understood);
    return understood;
  };
}

type Keywords = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly kind: "unsupported" | "wrong";
  constructor(kind: "unsupported" | "wrong", place: string, what: string) {
    super(`${place === "" ? "the schema" : place}: ${what}`);
    this.kind = kind;
  }
}

/** They forbid something, and a grammar cannot say it. */
const unsupported: ReadonlySet<string> = new Set([
  "not",
  "if",
  "then",
  "else",
  "pattern",
  "patternProperties",
  "propertyNames",
  "multipleOf",
  "uniqueItems",
  "contains",
  "minContains",
  "maxContains",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "unevaluatedProperties",
  "unevaluatedItems",
  "additionalItems",
  "$dynamicRef",
  "$recursiveRef",
]);

class Reader {
  readonly #document: unknown;
  readonly #named = new Map<string, Shape>();
  #shapes = 0;

  constructor(document: unknown) {
    this.#document = document;
  }

  get size(): number {
    return this.#shapes;
  }

  read(): Schema {
    const root = this.#shape(this.#document, "", 0);
    const schema = { root, named: this.#named };
    // A name that stands for nothing but itself has no values, and a grammar without end.
    for (const name of this.#named.keys())
      if (standsForItself(schema, name)) throw new Refusal("wrong", name, "it refers to nothing but itself");
    return schema;
  }

  #shape(schema: unknown, place: string, depth: number): Shape {
    this.#grow(1, place);
    if (depth > runtimeLimits.schemaDepthMax) throw new Refusal("wrong", place, "it is too deep");
    if (schema === true) return { type: "any" };
    if (!isRecord(schema)) throw new Refusal("wrong", place, "a schema is an object, or true");
    for (const keyword in schema)
      if (unsupported.has(keyword) && schema[keyword] !== false)
        throw new Refusal("unsupported", place, `${keyword} is not supported`);
    const within = (part: unknown, name: string): Shape => this.#shape(part, `${place}/${name}`, depth + 1);
    if ("$ref" in schema) return this.#reference(schema, place, depth);
    if ("const" in schema) return { type: "literal", values: [schema["const"]] };
    if ("enum" in schema) {
      const values = listOf(schema["enum"], place, "enum", 1);
      this.#grow(values.length, place);
      return { type: "literal", values };
    }
    for (const [keyword, exactlyOne] of [
      ["anyOf", false],
      ["oneOf", true],
    ] as const)
      // prettier-ignore
      if (keyword in schema) {
        this.#alone(schema, keyword, place);
        const of = listOf(schema[keyword], place, keyword, 1).map((part, index) => within(part, `${keyword}/${index}`));
        return { type: "some", of, exactlyOne };
      }
    if ("allOf" in schema) {
      const all = listOf(schema["allOf"], place, "allOf", 1);
      this.#alone(schema, "allOf", place);
      if (all.length > 1) throw new Refusal("unsupported", place, "allOf of more than one is not supported");
      return within(all[0], "allOf/0");
    }
    const types = typesOf(schema, place);
    const of = types.map((type) => this.#typed(type, schema, place, within));
    return of.length === 1 ? of[0]! : { type: "some", of, exactlyOne: false };
  }

  #grow(by: number, place: string): void {
    this.#shapes += by;
    if (this.#shapes > runtimeLimits.schemaShapesMax)
      throw new Refusal("wrong", place, `it has more than ${runtimeLimits.schemaShapesMax} parts`);
  }

  /** Beside a choice, what limits it further would have to be mixed into each. */
  #alone(schema: Keywords, keyword: string, place: string): void {
    const other = ["properties", "required", "items", "prefixItems", "minimum", "maximum", "minLength", "maxLength"].find(
      (one) => one in schema,
    ); // prettier-ignore
    if (other !== undefined) throw new Refusal("unsupported", place, `${other} beside ${keyword} is not supported`);
  }

  #reference(schema: Keywords, place: string, depth: number): Shape {
    const reference = schema["$ref"];
    if (typeof reference !== "string") throw new Refusal("wrong", place, "$ref is a text");
    if (!reference.startsWith("#")) throw new Refusal("unsupported", place, "$ref beyond the schema is not supported");
    // However it is written, so that nothing is read once more under another spelling.
    const steps = stepsOf(reference);
    if (steps === undefined) throw new Refusal("wrong", place, `${reference} is no reference`);
    const name = ["#", ...steps].join("/");
    if (!this.#named.has(name)) {
      const found = pointed(this.#document, steps);
      if (found === undefined) throw new Refusal("wrong", place, `there is nothing at ${reference}`);
      // Held before it is read: it may mean itself.
      this.#named.set(name, { type: "any" });
      this.#named.set(name, this.#shape(found, name, depth + 1));
    }
    return { type: "named", name };
  }

  #typed(type: string, schema: Keywords, place: string, within: (part: unknown, name: string) => Shape): Shape {
    const count = (keyword: string): number | undefined => countOf(schema, keyword, place);
    switch (type) {
      case "null":
      case "boolean":
      case "any":
        return { type };
      case "string": {
        const format = schema["format"];
        const kept = typeof format === "string" && Object.hasOwn(formats, format) ? (format as TextFormat) : undefined;
        const [min, max] = [count("minLength") ?? 0, count("maxLength")];
        if (kept !== undefined && (min > 0 || max !== undefined))
          throw new Refusal("unsupported", place, "a length beside a format is not supported");
        return { type: "text", min, max: ordered(min, max, place), ...(kept && { format: kept }) };
      }
      case "integer":
      case "number":
        return { type: "number", whole: type === "integer", bounds: boundsOf(schema, place) };
      case "array": {
        const prefix = "prefixItems" in schema ? listOf(schema["prefixItems"], place, "prefixItems", 0) : [];
        const first = prefix.map((part, index) => within(part, `prefixItems/${index}`));
        const items = schema["items"] === false ? undefined : within(schema["items"] ?? true, "items");
        const [min, max] = [count("minItems") ?? 0, count("maxItems")];
        return { type: "list", first, items, min, max: ordered(min, max, place) };
      }
      default:
        return this.#object(schema, place, within);
    }
  }

  #object(schema: Keywords, place: string, within: (part: unknown, name: string) => Shape): Shape {
    const properties = schema["properties"] ?? {};
    if (!isRecord(properties)) throw new Refusal("wrong", place, "properties is an object");
    const required = new Set("required" in schema ? listOf(schema["required"], place, "required", 0) : []);
    const members = Object.entries(properties).map(([key, part]) => ({
      key,
      shape: within(part, `properties/${key}`),
      required: required.has(key),
    }));
    for (const key of required)
      if (typeof key !== "string" || !Object.hasOwn(properties, key))
        throw new Refusal("unsupported", place, `${String(key)} is required, and properties does not say what it is`);
    const additional = schema["additionalProperties"];
    // Unsaid, a model is held to what is described: that is of the schema, too.
    const others =
      additional === false || (additional === undefined && members.length > 0)
        ? undefined
        : within(additional ?? true, "additionalProperties");
    const min = countOf(schema, "minProperties", place) ?? 0;
    return { type: "object", members, others, min, max: ordered(min, countOf(schema, "maxProperties", place), place) };
  }
}

/** Whether the values of a name are those of the name itself, with nothing around them. */
function standsForItself({ named }: Schema, name: string): boolean {
  const seen = new Set<string>();
  const reaches = (shape: Shape | undefined): boolean => {
    if (shape?.type === "some") return shape.of.some(reaches);
    if (shape?.type !== "named") return false;
    if (shape.name === name) return true;
    if (seen.has(shape.name)) return false;
    seen.add(shape.name);
    return reaches(named.get(shape.name));
  };
  return reaches(named.get(name));
}

const isRecord = (value: unknown): value is Keywords =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The keys on a reference's way, as JSON pointers have them; undefined: it is none. */
function stepsOf(reference: string): readonly string[] | undefined {
  try {
    return decodeURIComponent(reference.slice(1)).split("/").slice(1);
  } catch {
    return undefined;
  }
}

function pointed(document: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((at, step) => {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    return typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as Keywords)[key] : undefined;
  }, document);
}

function listOf(value: unknown, place: string, keyword: string, min: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length < min) throw new Refusal("wrong", place, `${keyword} is a list`);
  return value;
}

const knownTypes = ["null", "boolean", "string", "integer", "number", "array", "object"];

function typesOf(schema: Keywords, place: string): readonly string[] {
  const said = schema["type"];
  if (said === undefined) return [guessedType(schema)];
  const types = Array.isArray(said) ? said : [said];
  const wrong = types.find((type) => typeof type !== "string" || !knownTypes.includes(type));
  if (wrong !== undefined || types.length === 0) throw new Refusal("wrong", place, `there is no type ${String(wrong)}`);
  return types as readonly string[];
}

/** A schema that names no type, yet speaks of one: it is that, which is of the schema, too. */
function guessedType(schema: Keywords): string {
  const speaks = (...keywords: readonly string[]): boolean => keywords.some((keyword) => keyword in schema);
  if (speaks("properties", "required", "additionalProperties", "minProperties", "maxProperties")) return "object";
  if (speaks("items", "prefixItems", "minItems", "maxItems")) return "array";
  if (speaks("minLength", "maxLength", "format")) return "string";
  if (speaks("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")) return "number";
  return "any";
}

function countOf(schema: Keywords, keyword: string, place: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new Refusal("wrong", place, `${keyword} is a whole number`);
  return value;
}

function ordered(min: number, max: number | undefined, place: string): number | undefined {
  if (max !== undefined && max < min) throw new Refusal("wrong", place, "the least is more than the most");
  return max;
}

function boundsOf(schema: Keywords, place: string): Bounds {
  const bound = (keyword: string): number | undefined => {
    const value = schema[keyword];
    if (value === undefined) return undefined;
    if (typeof value !== "number") throw new Refusal("wrong", place, `${keyword} is a number`);
    return value;
  };
  const [min, max] = [bound("minimum"), bound("maximum")];
  const [above, below] = [bound("exclusiveMinimum"), bound("exclusiveMaximum")];
  if (Math.max(min ?? -Infinity, above ?? -Infinity) > Math.min(max ?? Infinity, below ?? Infinity))
    throw new Refusal("wrong", place, "the least is more than the most");
  return {
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(above !== undefined && { above }),
    ...(below !== undefined && { below }),
  };
}

/** Whether a value is of the schema. One that takes more steps than `schemaStepsMax` to tell is not. */
export function fits({ root, named }: Schema, value: unknown): boolean {
  const check = new Check(named);
  return check.fits(root, value) && !check.isOver;
}

class Check {
  readonly #named: Schema["named"];
  /** What was found of a choice: names may lead to the same one again and again. */
  readonly #known = new Map<Shape, Map<unknown, boolean>>();
  #steps: number = runtimeLimits.schemaStepsMax;

  constructor(named: Schema["named"]) {
    this.#named = named;
  }

  get isOver(): boolean {
    return this.#steps < 0;
  }

  fits(shape: Shape, value: unknown): boolean {
    this.#steps -= 1;
    if (this.isOver) return false;
    const fit = (part: Shape, one: unknown): boolean => this.fits(part, one);
    switch (shape.type) {
      case "any":
        return true;
      case "null":
        return value === null;
      case "boolean":
        return typeof value === "boolean";
      case "literal":
        this.#steps -= shape.values.length;
        return shape.values.some((one) => isSame(one, value));
      case "text":
        if (typeof value !== "string") return false;
        this.#steps -= value.length;
        return (
          isWithin(Array.from(value).length, shape) && (shape.format === undefined || formats[shape.format].test(value))
        );
      case "number":
        return (
          typeof value === "number" && (!shape.whole || Number.isInteger(value)) && isInBounds(value, shape.bounds)
        );
      case "list": {
        if (!Array.isArray(value) || !isWithin(value.length, shape)) return false;
        const { first, items } = shape;
        return value.every((one, index) => {
          const part = first[index] ?? items;
          return part !== undefined && fit(part, one);
        });
      }
      case "object": {
        if (!isRecord(value) || !isWithin(Object.keys(value).length, shape)) return false;
        const { members, others } = shape;
        this.#steps -= members.length;
        const shapes = new Map(members.map((member) => [member.key, member.shape]));
        return (
          members.every(({ key, required }) => !required || Object.hasOwn(value, key)) &&
          Object.entries(value).every(([key, one]) => {
            const part = shapes.get(key) ?? others;
            return part !== undefined && fit(part, one);
          })
        );
      }
      case "some":
        return this.#choice(shape, value);
      case "named": {
        const part = this.#named.get(shape.name);
        return part !== undefined && fit(part, value);
      }
    }
  }

  #choice(shape: Shape & { readonly type: "some" }, value: unknown): boolean {
    const known = this.#known.get(shape) ?? new Map<unknown, boolean>();
    this.#known.set(shape, known);
    const before = known.get(value);
    if (before !== undefined) return before;
    const fit = (part: Shape): boolean => this.fits(part, value);
    const found = shape.exactlyOne ? shape.of.filter(fit).length === 1 : shape.of.some(fit);
    known.set(value, found);
    return found;
  }
}

const isWithin = (count: number, { min, max }: { readonly min: number; readonly max: number | undefined }): boolean =>
  count >= min && (max === undefined || count <= max);

const isInBounds = (value: number, { min, max, above, below }: Bounds): boolean =>
  value >= (min ?? -Infinity) &&
  value <= (max ?? Infinity) &&
  value > (above ?? -Infinity) &&
  value < (below ?? Infinity);

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((part, index) => isSame(part, other[index]));
  if (!isRecord(one) || !isRecord(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}
