/** What JSON is made of, counted before it is parsed: a text of some megabytes may be a million values, which take many
 *  times its size in memory and in time. One pass over the bytes as they arrive, which keeps nothing. Pure.
 *
 *  It finds out nothing else: whether the text is JSON at all says `JSON.parse`. */
import { wireLimits } from "../limits.ts";

/** What a text may be made of: how deep lists and objects lie in each other; values of all sorts with keys; lists and
 *  objects among them; keys among them, which take ten times as long to be parsed as other values where each is another
 *  one; bytes of a key as it is written. */
export type JsonBounds = Readonly<
  Record<"depthMax" | "valuesMax" | "containersMax" | "keysMax" | "keyBytesMax", number>
>;

/** Which bound a text goes beyond. */
export type JsonExcess = keyof JsonBounds;

const [quote, backslash, colon] = [34, 92, 58];
const [listStart, listEnd, objectStart, objectEnd] = [91, 93, 123, 125];

/** What a byte outside of texts is. */
const signs = { word: 0, between: 1, text: 2, start: 3, end: 4, colon: 5 } as const;
const signOf = new Uint8Array(256);
for (const code of [32, 10, 13, 9, 44]) signOf[code] = signs.between;
for (const code of [listStart, objectStart]) signOf[code] = signs.start;
for (const code of [listEnd, objectEnd]) signOf[code] = signs.end;
signOf[quote] = signs.text;
signOf[colon] = signs.colon;

/** Plain bytes of a text, one behind the other, before the next that is not plain is searched for. */
const plainMax = 64;

/** Counts one text. */
export class JsonMeter {
  readonly #bounds: JsonBounds;
  #depth = 0;
  #values = 0;
  #containers = 0;
  #keys = 0;
  /** Within a text; within a number or word. */
  #inText = false;
  #inWord = false;
  /** The next byte belongs to the backslash before it. */
  #escaped = false;
  /** Of the text that is read, or was read last: before a colon it is a key. */
  #textBytes = 0;
  /** Of the bytes that are read: where the next ones are that `#nextMark` has found. */
  #quoteAt = -1;
  #backslashAt = -1;

  constructor(bounds: JsonBounds) {
    this.#bounds = bounds;
  }

  /** Reads on, up to the first byte that is beyond a bound. */
  push(bytes: Uint8Array): JsonExcess | undefined {
    this.#quoteAt = -1;
    this.#backslashAt = -1;
    for (let at = 0; at < bytes.length; at += 1) {
      if (this.#inText) {
        at = this.#text(bytes, at);
        continue;
      }
      const sign = signOf[bytes[at]!]!;
      if (sign === signs.word) {
        if (this.#inWord) continue;
        this.#inWord = true;
        this.#values += 1;
      } else {
        this.#inWord = false;
        if (sign === signs.between) continue;
        this.#mark(sign);
      }
      const excess = this.#excess(sign);
      if (excess !== undefined) return excess;
    }
    return undefined;
  }

  #mark(sign: number): void {
    if (sign === signs.end) this.#depth -= 1;
    else if (sign === signs.colon) this.#keys += 1;
    else if (sign === signs.text) {
      this.#values += 1;
      this.#inText = true;
      this.#textBytes = 0;
    } else if (sign === signs.start) {
      this.#depth += 1;
      this.#values += 1;
      this.#containers += 1;
    }
  }

  #excess(sign: number): JsonExcess | undefined {
    const { depthMax, valuesMax, containersMax, keysMax, keyBytesMax } = this.#bounds;
    if (sign === signs.colon && this.#textBytes > keyBytesMax) return "keyBytesMax";
    if (this.#depth > depthMax) return "depthMax";
    if (this.#containers > containersMax) return "containersMax";
    if (this.#keys > keysMax) return "keysMax";
    return this.#values > valuesMax ? "valuesMax" : undefined;
  }

  /** Reads on in a text; returns its last byte, or the last that there is. */
  #text(bytes: Uint8Array, from: number): number {
    let at = from;
    let escaped = this.#escaped;
    for (let plain = 0; at < bytes.length; at += 1) {
      const code = bytes[at];
      plain += 1;
      if (escaped) escaped = false;
      else if (code === backslash) {
        escaped = true;
        plain = 0;
      } else if (code === quote) {
        this.#inText = false;
        break;
      } else if (plain === plainMax) {
        // A long text is passed over by the machine's own search, which takes a tenth of the time.
        at = this.#nextMark(bytes, at + 1) - 1;
        plain = 0;
      }
    }
    this.#escaped = escaped;
    this.#textBytes += at - from;
    return at;
  }

  /** The next quote or backslash, or the end. Each byte is searched for each once. */
  #nextMark(bytes: Uint8Array, from: number): number {
    if (this.#quoteAt < from) this.#quoteAt = placeOf(bytes, quote, from);
    if (this.#backslashAt < from) this.#backslashAt = placeOf(bytes, backslash, from);
    return Math.min(this.#quoteAt, this.#backslashAt);
  }
}

const placeOf = (bytes: Uint8Array, code: number, from: number): number => {
  const at = bytes.indexOf(code, from);
  return at < 0 ? bytes.length : at;
};

/** What a whole text goes beyond. */
export function jsonExcess(text: string, bounds: JsonBounds): JsonExcess | undefined {
  return new JsonMeter(bounds).push(new TextEncoder().encode(text));
}

const documentBounds: JsonBounds = {
  depthMax: wireLimits.documentDepthMax,
  valuesMax: wireLimits.documentValuesMax,
  containersMax: wireLimits.documentContainersMax,
  keysMax: wireLimits.documentValuesMax,
  keyBytesMax: wireLimits.documentKeyBytesMax,
};
const excessWords: Readonly<Record<JsonExcess, string>> = {
  depthMax: "it is nested deeper than",
  valuesMax: "its values and keys are more than",
  containersMax: "its lists and objects are more than",
  keysMax: "its keys are more than",
  keyBytesMax: "a key of it has more bytes than",
};

/** JSON of others is made of more than any document. */
export class TooMuch extends Error {}

/** Counts what another server says, or a file of others holds. */
export class DocumentMeter {
  readonly #meter = new JsonMeter(documentBounds);

  /** Reads on. Throws as soon as there is too much, and says of what. */
  push(bytes: Uint8Array): void {
    const excess = this.#meter.push(bytes);
    if (excess !== undefined) throw new TooMuch(`${excessWords[excess]} ${documentBounds[excess]}`);
  }
}

const innerBounds: JsonBounds = {
  depthMax: wireLimits.innerDepthMax,
  valuesMax: wireLimits.innerValuesMax,
  containersMax: wireLimits.innerContainersMax,
  keysMax: wireLimits.innerKeysMax,
  keyBytesMax: wireLimits.documentKeyBytesMax,
};

/** What JSON within a text of JSON is made of too much of, in words: a count of what is around it saw one text. */
export function innerExcess(text: string): string | undefined {
  // Of so few bytes nothing is too much.
  const excess = text.length > innerBounds.depthMax ? jsonExcess(text, innerBounds) : undefined;
  return excess && `${excessWords[excess]} ${innerBounds[excess]}`;
}

/** The value of JSON within a text of JSON, or of one that a model wrote. Throws where it is none, and where it is made
 *  of too much. */
export function parseWithin(text: string, parse: (text: string) => unknown = JSON.parse): unknown {
  const excess = innerExcess(text);
  if (excess !== undefined) throw new TooMuch(excess);
  return parse(text);
}

/** The value of such JSON. Throws where it is none, and where it is made of more than any. */
export function parseDocument(text: string): unknown {
  // Of so few bytes nothing is too much but the depth, which `JSON.parse` bears.
  if (text.length > wireLimits.documentDepthMax) new DocumentMeter().push(new TextEncoder().encode(text));
  return JSON.parse(text) as unknown;
}
