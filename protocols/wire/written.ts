/** JSON as it was written. Reading and writing it anew rounds long numbers, and changes spaces, escapes and the order
 *  of keys: what one model or tool says to another is carried as the text that it was. Pure. */

/** The texts of values in a text of JSON, by the names and places that lead to them. */
export type WrittenTexts = ReadonlyMap<string, string | WrittenTexts>;

/** Names and places that lead to a value; `*` is any. */
export type WrittenPath = readonly string[];

const none: WrittenTexts = new Map();

/** Finds the texts of the values at these paths. The text is JSON: it was parsed before. Read once, whatever is in
 *  it. */
export function writtenTexts(json: string, paths: readonly WrittenPath[]): WrittenTexts {
  const found = new Scanner(json).value(paths);
  return typeof found === "string" ? none : found;
}

/** The text of one value; undefined: there is none, or it was not looked for. */
export function writtenAt(texts: WrittenTexts | null, path: WrittenPath): string | undefined {
  let at: string | WrittenTexts | undefined = texts ?? none;
  for (const step of path) at = typeof at === "object" ? at.get(step) : undefined;
  return typeof at === "string" ? at : undefined;
}

/** Puts texts in the place of the objects that they are the texts of. */
export function putWritten(value: unknown, texts: WrittenTexts): void {
  if (typeof value !== "object" || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const [key, text] of texts)
    if (typeof text !== "string") putWritten(fields[key], text);
    else if (typeof fields[key] === "object" && fields[key] !== null) fields[key] = text;
}

/** A step that leads into a list. */
const isPlace = /^(?:\*|\d+)$/;

/** Steps through a text: what is not looked for is passed over without a step of its own for what is in it. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The value that begins here: its text, if one of the paths ends here, or the texts within it. */
  value(paths: readonly WrittenPath[]): string | WrittenTexts {
    this.#space();
    const from = this.#at;
    const open = this.#text[from];
    const isWanted = paths.some((path) => path.length === 0);
    const isSearched =
      open === "{" ? paths.length > 0 : open === "[" && paths.some(([step]) => isPlace.test(step ?? ""));
    if (!isWanted && isSearched) return this.#within(open === "{", paths);
    this.#pass();
    return isWanted ? this.#text.slice(from, this.#at) : none;
  }

  #within(isObject: boolean, paths: readonly WrittenPath[]): WrittenTexts {
    const found = new Map<string, string | WrittenTexts>();
    this.#at += 1;
    // Most values are looked for by none of the paths, or by those that go through any.
    const any = paths.flatMap(([step, ...rest]) => (step === "*" ? [rest] : []));
    const named = new Set(paths.flatMap(([step = "*"]) => (step === "*" ? [] : [step])));
    // A list of texts and numbers has nothing in it that is looked for further within.
    const isInner = !isObject && named.size === 0 && any.every((path) => path.length > 0);
    for (let place = 0; ; place += 1) {
      this.#space();
      const char = this.#text[this.#at];
      if (char === undefined || char === "}" || char === "]") break;
      if (isInner && char !== "{" && char !== "[") {
        this.#pass();
        this.#comma();
        continue;
      }
      const key = isObject ? this.#key() : String(place);
      const inner = named.has(key)
        ? paths.flatMap(([step, ...rest]) => (step === "*" || step === key ? [rest] : []))
        : any;
      const value = this.value(inner);
      // Of two members of one name the last counts, as it does for those who parse.
      if (typeof value === "string" || value.size > 0) found.set(key, value);
      else if (isObject && found.size > 0) found.delete(key);
      this.#comma();
    }
    this.#at += 1;
    return found;
  }

  #comma(): void {
    this.#space();
    if (this.#text[this.#at] === ",") this.#at += 1;
  }

  #key(): string {
    const from = this.#at;
    this.#string();
    const key = this.#text.slice(from, this.#at);
    this.#space();
    // The colon.
    this.#at += 1;
    return key.includes("\\") ? (JSON.parse(key) as string) : key.slice(1, -1);
  }

  #space(): void {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 32) this.#at += 1;
  }

  #string(): void {
    for (this.#at += 1; this.#at < this.#text.length && this.#text[this.#at] !== '"'; this.#at += 1)
      if (this.#text[this.#at] === "\\") this.#at += 1;
    this.#at += 1;
  }

  /** Goes behind the value that begins here. */
  #pass(): void {
    let depth = 0;
    do {
      const char = this.#text[this.#at];
      if (char === '"') {
        this.#string();
        if (depth === 0) return;
        continue;
      }
      if (char === "{" || char === "[") depth += 1;
      else if (char === "}" || char === "]") {
        if (depth === 0) return;
        depth -= 1;
        if (depth === 0) {
          this.#at += 1;
          return;
        }
      } else if (depth === 0 && (char === "," || char === undefined || char.charCodeAt(0) <= 32)) return;
      this.#at += 1;
    } while (this.#at < this.#text.length);
  }
}

/** What JSON.parse tells of where a value came from, and a number as it was written: the language's library has no
 *  types for them yet. */
interface WrittenJson {
  parse(text: string, keep: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

/** A value of JSON that is written as this text has it. The language's own `JSON.stringify` writes its numbers as they
 *  are, and nothing else of it. */
export class AsWritten {
  readonly text: string;

  /** The text is JSON. */
  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    return isMarked ? null : parseToWrite(this.text);
  }
}

/** A mark will stand for what is `AsWritten`: it is not read. */
let isMarked = false;

/** Writes a value as `JSON.stringify` does, and what is in it `AsWritten` character by character.
 *
 *  A mark stands for each text while the rest is written: a letter in a form that is never written otherwise. */
export function stringifyWritten(value: unknown): string {
  const json = JSON as unknown as WrittenJson;
  const texts: string[] = [];
  const mark = function (this: Readonly<Record<string, unknown>>, key: string, one: unknown): unknown {
    const before = this[key];
    if (!(before instanceof AsWritten)) return one;
    // A half of a character has no bytes: it is written as an escape.
    if (!before.text.isWellFormed()) return parseToWrite(before.text);
    texts.push(before.text);
    return json.rawJSON(`"\\u0061${texts.length - 1}"`);
  };
  isMarked = true;
  let text: string;
  try {
    text = JSON.stringify(value, mark);
  } finally {
    isMarked = false;
  }
  return texts.length === 0 ? text : text.replaceAll(/"\\u0061(\d+)"/g, (_mark, at: string) => texts[Number(at)] ?? "");
}

/** The value of a text of JSON, to be written again: those numbers that would come out in another form keep theirs.
 *  Throws as `JSON.parse` does. */
export const parseToWrite = (text: string): unknown =>
  parseReplacing(text, (source) => (JSON as unknown as WrittenJson).rawJSON(source));

/** Whether a text of JSON may have a number that comes out in another form: one of more digits than are kept, of zeros
 *  at an end, with a power, or so small that it is written with one. Its texts may look like one. */
const mayBeOdd = /(?:^|[:[,])\s*-?(?:\d{16}|[\d.]{17}|0\.0{6}|\d+\.\d*0(?!\d)|\d+(?:\.\d+)?[eE]|(?<=-)0(?![\d.]))/;

/** The value of a text of JSON, with something else in the place of each number that would come out in another form. */
export function parseReplacing(text: string, replace: (source: string) => unknown): unknown {
  if (!mayBeOdd.test(text)) return JSON.parse(text) as unknown;
  const json = JSON as unknown as WrittenJson;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? replace(source) : value,
  );
}

/** What was written of values whose numbers may have come in another form. */
const noted = new WeakMap<object, string>();

const note = (value: unknown, text: string): void => {
  if (typeof value === "object" && value !== null && mayBeOdd.test(text)) noted.set(value, text);
};

/** Notes what was written of the values at these paths, for `writtenOf`. The value is that of the text.
 *
 *  Only they are looked at, and the text only where they are: to tell of each number of a body how it was written takes
 *  a hundred times as long as to parse it, and to see whether one may be odd five times. */
export function noteWritten(value: unknown, text: string, paths: readonly WrittenPath[]): void {
  const there = paths.filter((path) => isThere(value, path));
  if (there.length > 0 && mayBeOdd.test(text)) noteAll(value, writtenTexts(text, there));
}

/** Whether there is an object or list at a path. */
function isThere(value: unknown, [step, ...rest]: WrittenPath): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (step === undefined) return true;
  if (step === "*") return Array.isArray(value) && value.some((one) => isThere(one, rest));
  return Object.hasOwn(value, step) && isThere((value as Readonly<Record<string, unknown>>)[step], rest);
}

function noteAll(value: unknown, texts: WrittenTexts): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, text] of texts) {
    const one = (value as Readonly<Record<string, unknown>>)[key];
    if (typeof text === "string") note(one, text);
    else noteAll(one, text);
  }
}

/** The value of a text of JSON, which `writtenOf` knows. */
export function parseNoting(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  note(value, text);
  return value;
}

/** The JSON of a value that was noted, as it came; undefined: its numbers are what they were. */
export const writtenOf = (value: object): string | undefined => noted.get(value);
