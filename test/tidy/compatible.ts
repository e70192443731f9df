/** Whether programs written against the last release still work: the description of REST and the wire contract as they
 *  were released, compared with what the code says now. Additions pass.
 *
 *  What a program sends and what it is answered are compared in opposite directions, by one question: does every value
 *  that fits the *inner* schema fit the *outer* one, too?
 *
 *      sent:      inner = released, outer = now     what was accepted is still accepted
 *      answered:  inner = now, outer = released     what is answered is what was promised
 *
 *  A program has to pass over fields that it does not know, and over values of an enumeration that it does not know:
 *  docs/reference/api/README.md says so. What nodes say to each other holds in both directions, because both
 *  versions send and receive; they, too, pass over fields that they do not know, but take no unknown value. */

/** As much of JSON Schema as the interfaces use. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: Schema | readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly [keyword: string]: unknown;
}

/** In which direction values travel, as a program sees it. Between nodes it is both. */
export type Direction = "sent" | "answered";

interface Way {
  readonly direction: Direction;
  /** Nodes pass over fields that they do not know, also as receivers; programs pass over values that they do not know,
   *  too. */
  readonly between: "programs" | "nodes";
}

const upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"] as const;
const lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"] as const;
const exact = ["pattern", "format"] as const;

/** Why programs that know `before` cannot work with `after`: one line per finding. */
export function schemaFindings(where: string, before: Schema, after: Schema, direction: Direction): readonly string[] {
  return compare(where, before, after, { direction, between: "programs" });
}

const compare = (where: string, before: Schema, after: Schema, way: Way): readonly string[] =>
  way.direction === "sent" ? misfits(where, before, after, way) : misfits(where, after, before, way);

/** Values of `inner` that do not fit `outer`. */
function misfits(where: string, inner: Schema, outer: Schema, way: Way): readonly string[] {
  const [ours, theirs] = [alternatives(inner), alternatives(outer)];
  const [mine, other] = [ours[0] ?? inner, theirs[0] ?? outer];
  if (ours.length === 1 && theirs.length === 1 && !("const" in mine) && !("const" in other))
    return plainMisfits(where, mine, other, way);
  const open = way.direction === "answered" && way.between === "programs" && theirs.some((one) => "const" in one);
  return ours
    .filter((one) => !(open && "const" in one))
    .filter((one) => !theirs.some((another) => fits(one, another, way)))
    .map((one) =>
      way.direction === "sent"
        ? `${where}: ${textOf(one)} is no longer accepted`
        : `${where}: may be ${textOf(one)} now`,
    );
}

function fits(one: Schema, another: Schema, way: Way): boolean {
  if ("const" in another) return "const" in one && one.const === another.const;
  if ("const" in one) return another.type === undefined || another.type === typeof one.const;
  return plainMisfits("", one, another, way).length === 0;
}

/** What `anyOf`, `oneOf` and `enum` allow, each by itself. */
function alternatives(schema: Schema): readonly Schema[] {
  if (schema.enum !== undefined) return schema.enum.map((value) => ({ const: value }));
  const choices = schema.anyOf ?? schema.oneOf;
  return choices === undefined ? [schema] : choices.flatMap(alternatives);
}

function plainMisfits(where: string, inner: Schema, outer: Schema, way: Way): readonly string[] {
  const [before, after] = way.direction === "sent" ? [inner, outer] : [outer, inner];
  const isWhole = inner.type === "integer" && outer.type === "number";
  if (typeOf(outer) !== undefined && typeOf(inner) !== typeOf(outer) && !isWhole)
    return [`${where}: is ${textOf(after)} now, was ${textOf(before)}`];
  const tighter = [...upper, ...lower, ...exact].filter((bound) => !isWithin(bound, inner[bound], outer[bound]));
  return [
    ...tighter.map((bound) => `${where}: ${bound} is ${boundText(after[bound])} now, was ${boundText(before[bound])}`),
    ...fieldMisfits(where, inner, outer, way),
    ...itemMisfits(where, inner, outer, way),
  ];
}

const boundText = (bound: unknown): string =>
  typeof bound === "string" || typeof bound === "number" ? String(bound) : "without bound";

function isWithin(bound: string, inner: unknown, outer: unknown): boolean {
  if (outer === undefined || inner === outer) return true;
  if (inner === undefined) return false;
  if ((upper as readonly string[]).includes(bound)) return Number(inner) <= Number(outer);
  return (lower as readonly string[]).includes(bound) && Number(inner) >= Number(outer);
}

function fieldMisfits(where: string, inner: Schema, outer: Schema, way: Way): readonly string[] {
  const [mine, theirs] = [inner.properties ?? {}, outer.properties ?? {}];
  const sent = way.direction === "sent";
  const [before, after] = sent ? [mine, theirs] : [theirs, mine];
  const gone = Object.keys(before).filter((name) => !(name in after));
  // Sent in vain, a field is refused where unknown ones are. Not answered any more, it is missed: by nodes only if it
  // had to be there.
  const missed = gone.filter((name) =>
    way.between === "nodes"
      ? !sent && (outer.required ?? []).includes(name)
      : !sent || outer.additionalProperties === false,
  );
  const required = (outer.required ?? []).filter((name) => !(inner.required ?? []).includes(name));
  return [
    ...missed.map((name) => `${where}.${name}: is gone`),
    ...required
      .filter((name) => !gone.includes(name))
      .map((name) => `${where}.${name}: ${sent ? "is required now" : "may be missing now"}`),
    ...Object.entries(mine).flatMap(([name, schema]) => {
      const other = theirs[name];
      return other === undefined ? [] : misfits(`${where}.${name}`, schema, other, way);
    }),
  ];
}

function itemMisfits(where: string, inner: Schema, outer: Schema, way: Way): readonly string[] {
  const [mine, theirs] = [inner.items, outer.items];
  if (theirs === undefined) return [];
  if (!Array.isArray(mine) && !Array.isArray(theirs))
    return misfits(`${where}[]`, (mine ?? {}) as Schema, theirs as Schema, way);
  const [ours, others] = [mine, theirs].map((items) => (Array.isArray(items) ? (items as Schema[]) : [])) as [
    Schema[],
    Schema[],
  ];
  if (ours.length !== others.length) return [`${where}: has ${ours.length} places instead of ${others.length}`];
  return ours.flatMap((item, index) => misfits(`${where}[${index}]`, item, others[index] ?? {}, way));
}

/** A type of JSON, or the name of a declared one: answers of commands are described by name alone. */
const typeOf = ({ type, title }: Schema): string | undefined => type ?? (typeof title === "string" ? title : undefined);

const textOf = (schema: Schema): string =>
  "const" in schema ? JSON.stringify(schema.const) : (typeOf(schema) ?? "anything");

/** As much of OpenAPI as is compared. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** What programs that use REST as it was released would notice. */
export function restFindings(before: Description, after: Description): readonly string[] {
  return Object.entries(before.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const now = after.paths[path]?.[method];
      const name = `${method.toUpperCase()} ${path}`;
      return now === undefined ? [`${name}: is gone`] : operationFindings(name, operation, now);
    }),
  );
}

function operationFindings(name: string, before: Operation, after: Operation): readonly string[] {
  const places = new Set([...(before.parameters ?? []), ...(after.parameters ?? [])].map((parameter) => parameter.in));
  const inPlace = (operation: Operation, place: string): Schema => {
    const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
    return {
      type: "object",
      properties: Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.schema ?? {}])),
      required: parameters.filter(({ required }) => required === true).map((parameter) => parameter.name),
      additionalProperties: false,
    };
  };
  const answers = Object.entries(before.responses ?? {}).filter(([status]) => status.startsWith("2"));
  return [
    ...[...places].flatMap((place) =>
      schemaFindings(`${name} ${place}`, inPlace(before, place), inPlace(after, place), "sent"),
    ),
    ...(after.requestBody?.required === true && before.requestBody?.required !== true && needsMore(after.requestBody)
      ? [`${name} body: is required now`]
      : []),
    ...contentFindings(`${name} body`, before.requestBody?.content, after.requestBody?.content, "sent"),
    ...answers.flatMap(([status, answer]) => {
      const now = after.responses?.[status];
      if (now === undefined) return [`${name} ${status}: is gone`];
      return contentFindings(`${name} ${status}`, answer.content, now.content, "answered");
    }),
  ];
}

/** A body all of whose fields are optional may be left out: the gateway reads none as an empty object. */
const needsMore = ({ content }: NonNullable<Operation["requestBody"]>): boolean =>
  Object.values(content ?? {}).some(({ schema }) => (schema?.required ?? []).length > 0);

function contentFindings(
  where: string,
  before: Content | undefined,
  after: Content | undefined,
  direction: Direction,
): readonly string[] {
  return Object.entries(before ?? {}).flatMap(([type, { schema }]) => {
    const now = after?.[type];
    if (now === undefined) return [`${where}: ${type} is gone`];
    // An answer without a schema promised nothing.
    return schema === undefined ? [] : schemaFindings(where, schema, now.schema ?? {}, direction);
  });
}

/** What programs that use the WebSocket, and nodes of the release, would notice. Both are texts of CONTRACT.txt. */
export function contractFindings(before: string, after: string): readonly string[] {
  const [released, now] = [readContractSchemas(before), readContractSchemas(after)];
  return [...released].flatMap(([name, schema]) => {
    const present = now.get(name);
    if (present === undefined) return [`${name}: is gone`];
    return [...new Set(waysOf(name).flatMap((way) => compare(name, schema, present, way)))];
  });
}

/** Names with a slash are between nodes. Commands are lower-case with a dot; everything else is what clients are
 *  answered. */
function waysOf(name: string): readonly Way[] {
  if (/^[a-z-]+\//.test(name) || name === "handshake")
    return (["sent", "answered"] as const).map((direction) => ({ direction, between: "nodes" }));
  const isCommand = /^[a-z-]+\./.test(name) && !name.startsWith("part.");
  return [{ direction: isCommand ? "sent" : "answered", between: "programs" }];
}

/** The messages of a contract by name. RETIRED lines are passed over: they were gone before the release. */
function readContractSchemas(text: string): ReadonlyMap<string, Schema> {
  const fields = new Map<string, Record<string, Schema>>();
  const required = new Map<string, string[]>();
  const whole = new Map<string, Schema>();
  const bases = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#") || line.startsWith("RETIRED ")) continue;
    const [, name = "", rest = ""] = /^([^\s:]+(?: "[^"]*")?)(?::? (.*))?$/.exec(line) ?? [];
    const field = /^(\w+)(\??): (.*)$/.exec(rest);
    if (line.startsWith(`${name}: `)) whole.set(name, readShape(rest));
    else if (rest.startsWith("extends ")) bases.set(name, rest.slice("extends ".length));
    else if (field === null) whole.set(name, rest === "{}" ? object({}, []) : { type: rest });
    else {
      fields.set(name, { ...fields.get(name), [field[1] ?? ""]: readShape(field[3] ?? "") });
      if (field[2] === "") required.set(name, [...(required.get(name) ?? []), field[1] ?? ""]);
    }
  }
  const flat = (name: string): Schema => {
    const base = bases.get(name);
    const inherited = base === undefined ? object({}, []) : flat(base);
    return object({ ...inherited.properties, ...fields.get(name) }, [
      ...(inherited.required ?? []),
      ...(required.get(name) ?? []),
    ]);
  };
  for (const name of [...fields.keys(), ...bases.keys()]) whole.set(name, flat(name));
  return whole;
}

const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** A shape as `contract.ts` writes it, as a schema. A name that is no type of JSON stands for itself. */
function readShape(text: string): Schema {
  const choices = splitOutside(text, " | ");
  if (choices.length > 1) return { anyOf: choices.map(readShape) };
  if (/^"[^"]*"$|^-?\d+$|^(true|false|null)$/.test(text)) return { const: JSON.parse(text) };
  const inner = /^\{ (.*) \}$/.exec(text)?.[1];
  if (inner !== undefined) {
    const parts = splitOutside(inner, "; ").map((part) => /^(\w+)(\??): (.*)$/.exec(part.replace(/;$/, "")));
    if (parts.every((part) => part !== null))
      return object(
        Object.fromEntries(parts.map((part) => [part[1] ?? "", readShape(part[3] ?? "")])),
        parts.filter((part) => part[2] === "").map((part) => part[1] ?? ""),
      );
  }
  const places = /^\[(.*)\]$/.exec(text)?.[1];
  if (places !== undefined) return { type: "array", items: splitOutside(places, ", ").map(readShape) };
  // The bounds of a list stand behind the bounds of what is in it.
  const [bounded = "", ...bounds] = splitOutside(text, " (");
  const last = bounds.pop();
  if (last?.endsWith(")") === true) {
    const named = splitOutside(last.slice(0, -1), ", ").map((bound) => bound.split(/ (.*)/).slice(0, 2));
    return { ...readShape([bounded, ...bounds].join(" (")), ...(Object.fromEntries(named) as Schema) };
  }
  if (text.startsWith("array of ")) return { type: "array", items: readShape(text.slice("array of ".length)) };
  if (text.endsWith("[]")) return { type: "array", items: readShape(text.slice(0, -2).replace(/^\((.*)\)$/, "$1")) };
  return { type: text };
}

/** Splits at a mark outside of all brackets and quotes. */
function splitOutside(text: string, mark: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (letter === '"') quoted = !quoted;
    if (quoted) continue;
    if ("})]>".includes(letter)) depth -= 1;
    const found = depth === 0 && text.startsWith(mark, at);
    if ("{([<".includes(letter)) depth += 1;
    if (found) {
      parts.push(text.slice(from, at));
      from = at + mark.length;
    }
  }
  return [...parts, text.slice(from)];
}
