/** Rows as canonical JSON Lines: what a unit holds is read with `zstd -d` and any JSON reader, without Plexus.
 *
 *      ["message/000000000012",{"atMs":1700000000000,"author":"user/ada","text":"hi"}]
 *
 *  One value has one encoding: there is no space, and keys of objects are in order (whole numbers first, as JavaScript
 *  has them). Bytes are `{"$bytes":"<base64>"}`; a key that begins with `$` gets one more. Numbers that JSON has not
 *  (NaN, infinities, −0) are `{"$number":"NaN"}`. `undefined` is what the codec of journals keeps too:
 *  `{"$undefined":true}`. */
import { isUtf8 } from "node:buffer";
import { jsonExcess, type JsonBounds } from "../../../protocols/wire/json-meter.ts";
import { wireLimits } from "../../../protocols/limits.ts";
import { demand } from "./damaged.ts";

/** One record, by its key. */
export type Row = readonly [key: string, value: unknown];

const newline = 0x0a;
/** Nesting beyond it is refused: the journal's codec takes no more from outside. */
const depthMax = 512;

/** The lines of rows, each with its end. */
export const encodeRows = (rows: readonly Row[]): Uint8Array => Buffer.from(rows.map(encodeRow).join(""));

/** One line, with its end. */
export const encodeRow = ([key, value]: Row): string => `${JSON.stringify([key, plain(value, depthMax)])}\n`;

/** Canonical JSON of a value. */
export const encodeValue = (value: unknown): string => JSON.stringify(plain(value, depthMax));

/** The rows of lines. Error: BACKUP_DAMAGED. */
export function decodeRows(bytes: Uint8Array): readonly Row[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(isUtf8(text), "unit", "no text");
  const rows: Row[] = [];
  for (let start = 0; start < text.length;) {
    const end = text.indexOf(newline, start);
    demand(end >= 0, "unit", "its last line has no end");
    const row = decodeValue(text.toString("utf8", start, end));
    demand(Array.isArray(row) && row.length === 2 && typeof row[0] === "string", "unit", "a line is not a row");
    rows.push(row as unknown as Row);
    start = end + 1;
  }
  return rows;
}

/** A backup may be somebody else's: what is made of more than any row is not parsed. */
const bounds: JsonBounds = {
  // What JSON cannot say as it is has an object around it.
  depthMax: 2 * depthMax,
  valuesMax: wireLimits.documentValuesMax,
  containersMax: wireLimits.documentContainersMax,
  keysMax: wireLimits.documentValuesMax,
  keyBytesMax: wireLimits.documentKeyBytesMax,
};

/** The value of canonical JSON. Error: BACKUP_DAMAGED. */
export function decodeValue(text: string): unknown {
  let parsed: unknown;
  try {
    // Of fewer bytes nothing is too much, and counting would double the time.
    const excess = text.length > bounds.containersMax ? jsonExcess(text, bounds) : undefined;
    parsed = excess === undefined ? JSON.parse(text) : undefined;
  } catch {
    parsed = undefined;
  }
  demand(parsed !== undefined, "unit", "no JSON");
  return whole(parsed, depthMax);
}

/** What JSON can say as it is, keys in order. */
function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    // Half of a surrogate pair is no UTF-8: JSON writes it as an escape, so it survives.
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: numberName(value) };
    case "undefined":
      return { $undefined: true };
    case "object":
      break;
    default:
      throw new TypeError(`a ${typeof value} is not plain data`);
  }
  if (value === null) return null;
  if (depth === 0) throw new TypeError("plain data is nested too deep");
  if (value instanceof Uint8Array)
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  if (Array.isArray(value)) return plainList(value, depth);
  const from = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(from);
  const isInOrder = keys.every(
    (key, at) => key[0] !== "$" && key !== "__proto__" && (at === 0 || (keys[at - 1] as string) < key),
  );
  if (isInOrder && isOfObject(value)) return plainFields(from, keys, depth);
  const made: Record<string, unknown> = isInOrder ? {} : (Object.create(null) as Record<string, unknown>);
  if (isInOrder) for (const key of keys) made[key] = plain(from[key], depth - 1);
  else {
    const pairs = keys.map((key): readonly [string, unknown] => [key.startsWith("$") ? `$${key}` : key, from[key]]);
    // Without a prototype, `__proto__` is a key like any other.
    for (const [key, item] of pairs.toSorted(([one], [other]) => (one < other ? -1 : 1)))
      made[key] = plain(item, depth - 1);
  }
  return made;
}

/** Nothing of its class says how JSON is to write it. */
const isOfObject = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;

/** The list itself where JSON can say all of it as it is: most of what is in a manifest is. */
function plainList(from: readonly unknown[], depth: number): readonly unknown[] {
  let made: unknown[] | undefined;
  for (let at = 0; at < from.length; at += 1) {
    const item = plain(from[at], depth - 1);
    if (made === undefined && item !== from[at]) made = from.slice(0, at);
    made?.push(item);
  }
  return made ?? from;
}

/** The same of an object whose keys are in order. */
function plainFields(
  from: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  depth: number,
): Readonly<Record<string, unknown>> {
  let made: Record<string, unknown> | undefined;
  for (const key of keys) {
    const item = plain(from[key], depth - 1);
    if (made === undefined && item !== from[key]) made = { ...from };
    if (made !== undefined) made[key] = item;
  }
  return made ?? from;
}

const numberName = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

const numbers: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };

/** What `plain` was made of, in its place: most of it is as JSON has it. Error: BACKUP_DAMAGED. */
function whole(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  demand(depth > 0, "unit", "it is nested too deep");
  if (Array.isArray(value)) {
    const items = value as unknown[];
    for (let at = 0; at < items.length; at += 1) items[at] = whole(items[at], depth - 1);
    return items;
  }
  const from = value as Record<string, unknown>;
  let isRenamed = false;
  for (const key of Object.keys(from)) {
    if (key.startsWith("$")) {
      if (!key.startsWith("$$")) return special(from, key);
      isRenamed = true;
    }
    const item = from[key];
    // `__proto__` is the object's own here, and stays so.
    if (typeof item === "object" && item !== null) from[key] = whole(item, depth - 1);
  }
  if (!isRenamed) return from;
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(from)) define(made, key.startsWith("$$") ? key.slice(1) : key, from[key]);
  return made;
}

function special(from: Readonly<Record<string, unknown>>, key: string): unknown {
  const value = from[key];
  demand(Object.keys(from).length === 1, "unit", "a marked value with something beside");
  if (key === "$undefined" && value === true) return undefined;
  if (key === "$number" && typeof value === "string" && Object.hasOwn(numbers, value)) return numbers[value];
  demand(key === "$bytes" && typeof value === "string", "unit", "a mark that nobody knows");
  return new Uint8Array(Buffer.from(value, "base64"));
}

function define(made: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true });
  else made[key] = value;
}
