/** Schemas that hold all together (`allOf`, what stands beside a reference), as one. Pure. */
import { isRecord, isSame, keyOf, type Keywords } from "./schema.ts";
import type { Steps } from "./steps.ts";

/** They allow and forbid nothing. */
const notes: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$anchor",
  "$comment",
  "$defs",
  "$vocabulary",
  "$dynamicAnchor",
  "$recursiveAnchor",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
]);

/** Whether it says nothing of what is allowed, but for one keyword. */
export const isBare = (schema: Keywords, but?: string): boolean =>
  Object.keys(schema).every((keyword) => keyword === but || notes.has(keyword) || keyword.startsWith("x-"));

/** What a reference leads to within its document, and its name: one for all spellings. Undefined: nothing, or it is
 *  elsewhere. */
export function pointed(
  document: unknown,
  reference: unknown,
): { readonly name: string; readonly schema: unknown } | undefined {
  if (typeof reference !== "string" || !reference.startsWith("#")) return undefined;
  let steps: readonly string[];
  try {
    steps = decodeURIComponent(reference.slice(1)).split("/").slice(1);
  } catch {
    return undefined;
  }
  if (steps.length === 0 && reference !== "#" && reference !== "#/") return undefined;
  const schema = steps.reduce<unknown>((at, step) => {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    return typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as Keywords)[key] : undefined;
  }, document);
  return schema === undefined ? undefined : { name: ["#", ...steps].join("/"), schema };
}

/** One that was joined, and what of it is not said by that. */
interface Joined {
  readonly keywords: Keywords;
  readonly left: readonly (readonly [keyword: string, problem: string])[];
}

/** References and parts that are followed for one schema. */
const partsMax = 64;
/** Of what is left of them, the first ones are told. */
const leftMax = 64;
const elsewhere = "it leads nowhere in the schema, and is not checked";

/** Joins a schema with what it refers to and what its `allOf` holds. */
export function joined(schema: Keywords, document: unknown, steps: Steps): Joined {
  const left: (readonly [string, string])[] = [];
  let parts = 0;
  const join = (one: Keywords): Keywords => {
    steps.charged(Object.keys(one));
    const { $ref: reference, allOf, ...rest } = one;
    let all: Keywords = rest;
    const take = (part: unknown, keyword: string): void => {
      parts += 1;
      if (part === true || parts > partsMax)
        return void (part === true || left.push([keyword, "it is checked at the end"]));
      if (!isRecord(part)) return void left.push([keyword, "it is checked at the end"]);
      const { keywords, left: more } = merged(all, join(part), steps);
      all = keywords;
      left.push(...more.slice(0, leftMax));
    };
    if (reference !== undefined) {
      steps.take(typeof reference === "string" ? reference.length : 1);
      const found = pointed(document, reference);
      if (found === undefined) left.push(["$ref", elsewhere]);
      else take(found.schema, "$ref");
    }
    if (Array.isArray(allOf)) for (const part of steps.charged(allOf as readonly unknown[])) take(part, "allOf");
    else if (allOf !== undefined) left.push(["allOf", "it is a list"]);
    return all;
  };
  return { keywords: join(schema), left };
}

const most = (one: unknown, other: unknown): unknown =>
  typeof one === "number" && typeof other === "number" ? Math.max(one, other) : undefined;
const least = (one: unknown, other: unknown): unknown =>
  typeof one === "number" && typeof other === "number" ? Math.min(one, other) : undefined;
const both = (one: unknown, other: unknown): unknown => ({ allOf: [one, other] });

/** How two values of a keyword become one; undefined: not here. */
const joins: Readonly<Record<string, (one: unknown, other: unknown, steps: Steps) => unknown>> = {
  minimum: most,
  exclusiveMinimum: most,
  minLength: most,
  minItems: most,
  minProperties: most,
  maximum: least,
  exclusiveMaximum: least,
  maxLength: least,
  maxItems: least,
  maxProperties: least,
  required: (one, other, steps) =>
    Array.isArray(one) && Array.isArray(other)
      ? [...new Set(steps.charged([...one, ...other] as unknown[]))]
      : undefined,
  type: typesOfBoth,
  enum: (one, other, steps) => {
    if (!Array.isArray(one) || !Array.isArray(other)) return undefined;
    const known = new Set(other.map((value) => keyOf(value, steps)));
    const shared = one.filter((value) => known.has(keyOf(value, steps)));
    return shared.length === 0 ? undefined : shared;
  },
  properties: (one, other, steps) => {
    if (!isRecord(one) || !isRecord(other)) return undefined;
    steps.charged(Object.keys(one));
    const shared = steps
      .charged(Object.keys(other))
      .map((key) => [key, Object.hasOwn(one, key) ? both(one[key], other[key]) : other[key]] as const);
    return { ...one, ...Object.fromEntries(shared) };
  },
  items: (one, other) => (one === false || other === false ? false : both(one, other)),
  additionalProperties: (one, other) => (one === false || other === false ? false : both(one, other)),
};

function typesOfBoth(one: unknown, other: unknown, steps: Steps): unknown {
  const typesOf = (type: unknown): ReadonlySet<unknown> =>
    new Set(steps.charged(Array.isArray(type) ? (type as readonly unknown[]) : [type]));
  const [first, second] = [typesOf(one), typesOf(other)];
  const has = (types: ReadonlySet<unknown>, type: unknown): boolean =>
    types.has(type) || (type === "integer" && types.has("number"));
  const shared = [...new Set([...first, ...second])].filter((type) => has(first, type) && has(second, type));
  return shared.length === 0 ? undefined : shared;
}

function merged(one: Keywords, other: Keywords, steps: Steps): Joined {
  const left: (readonly [string, string])[] = [];
  const keywords: Record<string, unknown> = { ...one };
  // What one of them closes, members of the other are beyond.
  const members = (schema: Keywords): Keywords => (isRecord(schema["properties"]) ? schema["properties"] : {});
  for (const [closing, open] of [
    [one, other],
    [other, one],
  ] as const)
    if (
      closing["additionalProperties"] !== undefined &&
      steps.charged(Object.keys(members(open))).some((name) => !Object.hasOwn(members(closing), name))
    )
      left.push(["additionalProperties", "beside members of another part it is checked at the end"]);
  steps.charged(Object.keys(one));
  for (const [keyword, value] of steps.charged(Object.entries(other))) {
    if (!Object.hasOwn(keywords, keyword)) keywords[keyword] = value;
    else if (!notes.has(keyword) && !isSame(keywords[keyword], value, steps)) {
      const both = Object.hasOwn(joins, keyword) ? joins[keyword]!(keywords[keyword], value, steps) : undefined;
      if (both === undefined) left.push([keyword, "of several parts, all but the first are checked at the end"]);
      else keywords[keyword] = both;
    }
  }
  return { keywords, left };
}
