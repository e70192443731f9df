/** The smallest value that a JSON schema allows: what the echo writes where a form is asked for. The same schema gives
 *  the same value. */

import { isRecord as isFields } from "../schema.ts";

/** A schema as it comes: any JSON. */
type Schema = unknown;
type Fields = Readonly<Record<string, unknown>>;

/** Schemas that refer to themselves end here. */
const depthMax = 24;
/** Parts of an example; the rest is null. Names that lead to several parts each would double them at each level. */
const partsMax = 2_048;
/** What the schema brings along counts as a part for each so many characters. */
const charsPerPart = 64;

/** What an example is made from: the whole schema, and how many parts it may still have. */
interface Source {
  readonly root: Schema;
  partsLeft: number;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const numberOr = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/** Texts for the formats that have a form. */
const formats: Readonly<Record<string, string>> = {
  "date-time": "1970-01-01T00:00:00Z",
  date: "1970-01-01",
  time: "00:00:00Z",
  email: "a@example.org",
  uri: "https://example.org",
  uuid: "00000000-0000-0000-0000-000000000000",
  ipv4: "127.0.0.1",
  ipv6: "::1",
};

/** An example. Schemas of patterns, or of what contradicts itself, get a value that does not fit them. */
export const exampleOf = (schema: Schema): unknown => example(schema, { root: schema, partsLeft: partsMax }, 0);

function example(schema: Schema, from: Source, depth: number): unknown {
  from.partsLeft -= 1;
  if (!isFields(schema) || depth > depthMax || from.partsLeft < 0) return null;
  const [first] = listOf(schema["enum"]);
  const given = "const" in schema ? schema["const"] : (first ?? schema["default"]);
  if (given !== undefined) return counted(given, from);
  if (typeof schema["$ref"] === "string") return example(referred(schema["$ref"], from.root), from, depth + 1);
  const all = listOf(schema["allOf"]);
  if (all.length > 0) return example(merged([{ ...schema, allOf: [] }, ...all], from.root), from, depth + 1);
  const choices = [...listOf(schema["anyOf"]), ...listOf(schema["oneOf"])];
  // The least deep: of a tree's `anyOf`, the leaf.
  const choice = choices.find((one) => isFields(one) && !("$ref" in one)) ?? choices[0];
  if (choice !== undefined) {
    const { anyOf: _any, oneOf: _one, ...rest } = schema;
    return example(merged([rest, choice], from.root), from, depth + 1);
  }
  const [type] = [listOf(schema["type"]), schema["type"]].flat();
  switch (type ?? (isFields(schema["properties"]) ? "object" : "items" in schema ? "array" : "string")) {
    case "object":
      return objectExample(schema, from, depth);
    case "array": {
      const prefix = listOf(schema["prefixItems"]).map((item) => example(item, from, depth + 1));
      const missing = Math.min(64, numberOr(schema["minItems"], 0)) - prefix.length;
      return [
        ...prefix,
        ...Array.from({ length: Math.max(0, missing) }, () => example(schema["items"], from, depth + 1)),
      ];
    }
    case "integer":
    case "number":
      return numberExample(schema, type === "integer");
    case "boolean":
      return false;
    case "null":
      return null;
    default: {
      const text = formats[String(schema["format"])] ?? "";
      return text.padEnd(Math.min(1_024, numberOr(schema["minLength"], 0)), "x");
    }
  }
}

/** What is given in the schema, while there is room for it. */
function counted(given: unknown, from: Source): unknown {
  from.partsLeft -= JSON.stringify(given).length / charsPerPart;
  return from.partsLeft < 0 ? null : given;
}

function objectExample(schema: Fields, from: Source, depth: number): Fields {
  const properties = isFields(schema["properties"]) ? schema["properties"] : {};
  const names = listOf(schema["required"]).filter((name) => typeof name === "string");
  const fields: Record<string, unknown> = {};
  for (const name of names) {
    from.partsLeft -= name.length / charsPerPart;
    if (from.partsLeft < 0) break;
    const value = example(properties[name] ?? {}, from, depth + 1);
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return fields;
}

function numberExample(schema: Fields, whole: boolean): number {
  const step = numberOr(schema["multipleOf"], whole ? 1 : 0);
  const above = schema["exclusiveMinimum"];
  const least = typeof above === "number" ? above + (step || 0.5) : numberOr(schema["minimum"], 0);
  const below = schema["exclusiveMaximum"];
  const most = typeof below === "number" ? below - (step || 0.5) : numberOr(schema["maximum"], Infinity);
  const wanted = typeof schema["minimum"] === "number" || typeof above === "number" ? least : Math.min(0, most);
  return step > 0 ? Math.ceil(wanted / step) * step || 0 : wanted;
}

/** `#/$defs/person`, `#`. What leads elsewhere is not followed. */
function referred(path: string, root: Schema): Schema {
  if (!path.startsWith("#")) return undefined;
  const names = path
    .slice(1)
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce<Schema>((at, name) => (isFields(at) && Object.hasOwn(at, name) ? at[name] : undefined), root);
}

/** Schemas that hold all together, as one. */
function merged(schemas: readonly Schema[], root: Schema): Fields {
  const parts = schemas
    .map((one) => (isFields(one) && typeof one["$ref"] === "string" ? referred(one["$ref"], root) : one))
    .filter(isFields);
  const properties = Object.assign({}, ...parts.map((one) => one["properties"])) as Fields;
  const required = [...new Set(parts.flatMap((one) => listOf(one["required"])))];
  return { ...(Object.assign({}, ...parts) as Fields), properties, required };
}
