/** Regular expressions of schemas, as data: a grammar is made of them, and texts are compared with them in a number of
 *  steps that is bounded. The language's own would hold everybody up for as long as the author of the schema likes.
 *  Pure. Source: https://json-schema.org/draft/2020-12/json-schema-core#name-regular-expressions */
import { runtimeLimits } from "./limits.ts";
import { OutOfSteps, Steps } from "./steps.ts";

/** From one code point to another. */
export type Range = readonly [from: number, to: number];

/** What a text may go on with. */
export type Pattern =
  | {
      readonly type: "letter";
      readonly ranges: readonly Range[];
      /** Letters by their properties: one has to be true of it, too, where the ranges do not hold it. */
      readonly also: readonly RegExp[];
      readonly not: boolean;
    }
  | { readonly type: "sequence"; readonly of: readonly Pattern[] }
  | { readonly type: "ways"; readonly of: readonly Pattern[] }
  | { readonly type: "repeat"; readonly of: Pattern; readonly min: number; readonly max: number }
  | { readonly type: "edge"; readonly at: "start" | "end" | "word" | "inner" }
  | { readonly type: "ahead"; readonly of: Pattern; readonly not: boolean };

/** Reads one; undefined: it is none, or has what is not known here (looking behind, what was found before). */
export function readPattern(source: string, steps: Steps = new Steps()): Pattern | undefined {
  if (source.length > runtimeLimits.patternCharsMax) return undefined;
  steps.take(readSteps * source.length);
  try {
    const properties = new Map<string, RegExp>();
    // Whether it is one at all is a question for the language, which makes a table of each property of letters,
    // wherever it stands. So each is asked for once, and a digit stands in its place.
    const plain = source.replaceAll(/\\(?:[pP]\{[^}]{1,64}\}|[^])/gu, (escape) => {
      if (escape.length < 4) return escape;
      if (!properties.has(escape)) {
        steps.take(propertyReadSteps);
        properties.set(escape, new RegExp(`^${escape}$`, "u"));
      }
      return String.raw`\d`;
    });
    new RegExp(plain, "u");
    return new Reader(source, properties).read();
  } catch (thrown) {
    if (thrown instanceof OutOfSteps) throw thrown;
    return undefined;
  }
}

/** Steps for each character of a pattern that is read, for each property of letters in it, and to ask whether a letter
 *  has one. */
const readSteps = 8;
const propertyReadSteps = 4_000;
const propertySteps = 16;

const word: readonly Range[] = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
const digit: readonly Range[] = [[48, 57]];
const space: readonly Range[] = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
];
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 };
const last = 0x10_ff_ff;

/** All code points beside these. */
export function beside(ranges: readonly Range[]): readonly Range[] {
  const out: Range[] = [];
  let from = 0;
  for (const [low, high] of ranges.toSorted((one, other) => one[0] - other[0])) {
    if (low > from) out.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  return from <= last ? [...out, [from, last]] : out;
}

class Unknown extends Error {}

const letter = (ranges: readonly Range[], also: readonly RegExp[] = [], not = false): Pattern => ({
  type: "letter",
  ranges,
  also,
  not,
});

class Reader {
  readonly #text: readonly string[];
  readonly #properties: ReadonlyMap<string, RegExp>;
  #at = 0;
  #depth = 0;

  constructor(source: string, properties: ReadonlyMap<string, RegExp>) {
    this.#text = Array.from(source);
    this.#properties = properties;
  }

  read(): Pattern {
    const pattern = this.#ways();
    if (this.#at < this.#text.length) throw new Unknown();
    return pattern;
  }

  get #sign(): string | undefined {
    return this.#text[this.#at];
  }

  #takes(text: string): boolean {
    const signs = Array.from(text);
    if (signs.some((sign, place) => this.#text[this.#at + place] !== sign)) return false;
    this.#at += signs.length;
    return true;
  }

  #ways(): Pattern {
    this.#depth += 1;
    if (this.#depth > runtimeLimits.patternDepthMax) throw new Unknown();
    const ways: Pattern[] = [];
    do {
      const of: Pattern[] = [];
      while (this.#sign !== undefined && this.#sign !== "|" && this.#sign !== ")") of.push(this.#repeated(this.#one()));
      ways.push(of.length === 1 ? of[0]! : { type: "sequence", of });
    } while (this.#takes("|"));
    this.#depth -= 1;
    return ways.length === 1 ? ways[0]! : { type: "ways", of: ways };
  }

  #repeated(of: Pattern): Pattern {
    const [min, max] = this.#takes("*")
      ? [0, Infinity]
      : this.#takes("+")
        ? [1, Infinity]
        : this.#takes("?")
          ? [0, 1]
          : this.#sign === "{"
            ? this.#counts()
            : [1, 1];
    if (min === 1 && max === 1) return of;
    // Which way is tried first is of no matter to whether there is one.
    this.#takes("?");
    return { type: "repeat", of, min, max };
  }

  #counts(): readonly [number, number] {
    const end = this.#text.indexOf("}", this.#at);
    const [, least = "", comma = "", most = ""] =
      /^\{(\d+)(,?)(\d*)$/.exec(this.#text.slice(this.#at, end).join("")) ?? [];
    if (least === "") throw new Unknown();
    this.#at = end + 1;
    return [Number(least), comma === "" ? Number(least) : most === "" ? Infinity : Number(most)];
  }

  #one(): Pattern {
    if (this.#takes("^")) return { type: "edge", at: "start" };
    if (this.#takes("$")) return { type: "edge", at: "end" };
    if (this.#takes(".")) return letter(lineEnds, [], true);
    if (this.#takes("[")) return this.#class();
    if (this.#takes("\\")) {
      if (this.#takes("b")) return { type: "edge", at: "word" };
      if (this.#takes("B")) return { type: "edge", at: "inner" };
      return this.#escape();
    }
    if (!this.#takes("(")) return letter([this.#point()]);
    const not = this.#takes("?!");
    const ahead = not || this.#takes("?=");
    if (!ahead && this.#takes("?<")) {
      const close = this.#text.indexOf(">", this.#at);
      if (this.#sign === "=" || this.#sign === "!" || close < 0) throw new Unknown();
      this.#at = close + 1;
    } else if (!ahead && !this.#takes("?:") && this.#sign === "?") throw new Unknown();
    const of = this.#ways();
    if (!this.#takes(")")) throw new Unknown();
    return ahead ? { type: "ahead", of, not } : of;
  }

  #point(): Range {
    const point = this.#sign!.codePointAt(0)!;
    this.#at += 1;
    return [point, point];
  }

  /** What is behind a backslash, outside of a class or within. */
  #escape(): Pattern & { readonly type: "letter" } {
    const sign = this.#sign!;
    const sets: Readonly<Record<string, readonly Range[]>> = { d: digit, w: word, s: space };
    const set = sets[sign.toLowerCase()];
    const one = (point: number) => letter([[point, point]]) as Pattern & { readonly type: "letter" };
    if (set !== undefined) {
      this.#at += 1;
      return letter(sign === sign.toLowerCase() ? set : beside(set)) as Pattern & { readonly type: "letter" };
    }
    const rest = this.#text.slice(this.#at, this.#at + 64).join("");
    const property = /^[pP]\{[^}]+\}/.exec(rest)?.[0];
    if (property !== undefined) {
      this.#at += property.length;
      return letter([], [this.#properties.get(`\\${property}`)!]) as Pattern & { readonly type: "letter" };
    }
    const code = /^(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]+)\})/.exec(rest);
    if (code !== null) {
      this.#at += code[0].length;
      const point = Number.parseInt(code[1] ?? code[2] ?? code[3]!, 16);
      const low =
        point >= 0xd8_00 && point <= 0xdb_ff
          ? /^\\u([dD][c-fC-F][\da-fA-F]{2})/.exec(this.#text.slice(this.#at, this.#at + 6).join(""))
          : null;
      if (low === null) return one(point);
      this.#at += 6;
      return one(0x1_00_00 + ((point - 0xd8_00) << 10) + (Number.parseInt(low[1]!, 16) - 0xdc_00));
    }
    const control = /^c([a-zA-Z])/.exec(rest);
    if (control !== null) {
      this.#at += 2;
      return one(control[1]!.charCodeAt(0) % 32);
    }
    if (/^[1-9k]/.test(rest)) throw new Unknown();
    this.#at += 1;
    return one(Object.hasOwn(controls, sign) ? controls[sign]! : sign.codePointAt(0)!);
  }

  #class(): Pattern {
    const not = this.#takes("^");
    const ranges: Range[] = [];
    const also: RegExp[] = [];
    const part = (): Pattern & { readonly type: "letter" } => {
      if (!this.#takes("\\")) return letter([this.#point()]) as Pattern & { readonly type: "letter" };
      if (this.#takes("b")) return letter([[8, 8]]) as Pattern & { readonly type: "letter" };
      return this.#escape();
    };
    while (!this.#takes("]")) {
      const first = part();
      const isOne = first.also.length === 0 && first.ranges.length === 1 && first.ranges[0]![0] === first.ranges[0]![1];
      if (isOne && this.#sign === "-" && this.#text[this.#at + 1] !== "]") {
        this.#at += 1;
        ranges.push([first.ranges[0]![0], part().ranges[0]![1]]);
      } else {
        ranges.push(...first.ranges);
        also.push(...first.also);
      }
    }
    return letter(ranges, [...new Set(also)], not);
  }
}

class TooLong extends Error {}

/** Whether a text has it somewhere; undefined: it takes more steps than anybody waits for. */
export function hasPattern(pattern: Pattern, text: string, steps: Steps = new Steps()): boolean | undefined {
  // To take a text apart takes steps, too.
  steps.take(text.length);
  const letters = Array.from(text);
  const most = Math.min(steps.left, runtimeLimits.patternStepsMax);
  const matcher = new Matcher(letters, most);
  try {
    for (let from = 0; from <= letters.length; from += 1) if (matcher.goes(pattern, from, () => true)) return true;
    return false;
  } catch (thrown) {
    // The one of the steps, or the one of the stack.
    if (thrown instanceof TooLong || thrown instanceof RangeError) return undefined;
    throw thrown;
  } finally {
    steps.left -= most - Math.max(0, matcher.left);
  }
}

type Then = (at: number) => boolean;

class Matcher {
  readonly #letters: readonly string[];
  #steps: number;

  constructor(letters: readonly string[], steps: number) {
    this.#letters = letters;
    this.#steps = steps;
  }

  get left(): number {
    return this.#steps;
  }

  goes(pattern: Pattern, at: number, then: Then): boolean {
    this.#steps -= 1;
    if (this.#steps < 0) throw new TooLong();
    switch (pattern.type) {
      case "letter":
        return this.#is(pattern, at) && then(at + 1);
      case "sequence":
        return this.#sequence(pattern.of, 0, at, then);
      case "ways":
        return pattern.of.some((one) => this.goes(one, at, then));
      case "ahead":
        return this.goes(pattern.of, at, () => true) !== pattern.not && then(at);
      case "edge":
        return this.#isEdge(pattern.at, at) && then(at);
      case "repeat":
        return pattern.of.type === "letter"
          ? this.#letterAgain(pattern.of, pattern, at, then)
          : this.#again(pattern, 0, at, then);
    }
  }

  #sequence(of: readonly Pattern[], place: number, at: number, then: Then): boolean {
    const one = of[place];
    return one === undefined ? then(at) : this.goes(one, at, (next) => this.#sequence(of, place + 1, next, then));
  }

  /** Of a letter, without a step in a step for each. */
  #letterAgain(
    of: Pattern & { readonly type: "letter" },
    { min, max }: { readonly min: number; readonly max: number },
    at: number,
    then: Then,
  ): boolean {
    let count = 0;
    while (count < max && this.#is(of, at + count)) count += 1;
    this.#steps -= count;
    for (; count >= min; count -= 1) if (then(at + count)) return true;
    return false;
  }

  #again(pattern: Pattern & { readonly type: "repeat" }, count: number, at: number, then: Then): boolean {
    const { of, min, max } = pattern;
    if (
      count < max &&
      this.goes(of, at, (next) => (next > at || count < min) && this.#again(pattern, count + 1, next, then))
    )
      return true;
    return count >= min && then(at);
  }

  #is({ ranges, also, not }: Pattern & { readonly type: "letter" }, at: number): boolean {
    const one = this.#letters[at];
    if (one === undefined) return false;
    const point = one.codePointAt(0)!;
    this.#steps -= ranges.length + propertySteps * also.length;
    if (this.#steps < 0) throw new TooLong();
    return (
      (ranges.some(([from, to]) => point >= from && point <= to) || also.some((property) => property.test(one))) !== not
    );
  }

  #isEdge(edge: (Pattern & { readonly type: "edge" })["at"], at: number): boolean {
    if (edge === "start") return at === 0;
    if (edge === "end") return at === this.#letters.length;
    const isWord = (one: string | undefined): boolean => one !== undefined && /^\w$/.test(one);
    return (isWord(this.#letters[at - 1]) !== isWord(this.#letters[at])) === (edge === "word");
  }
}

/** The same without looking ahead: what it allows, and more. */
export function withoutLooking(pattern: Pattern): Pattern {
  switch (pattern.type) {
    case "ahead":
      return { type: "sequence", of: [] };
    case "sequence":
    case "ways":
      return { type: pattern.type, of: pattern.of.map(withoutLooking) };
    case "repeat":
      return { ...pattern, of: withoutLooking(pattern.of) };
    default:
      return pattern;
  }
}

/** One way of a pattern, without the edges of the text: whether it begins and ends with them. */
interface Branch {
  readonly of: readonly Pattern[];
  readonly begins: boolean;
  readonly ends: boolean;
}

/** The ways of a pattern whose edges are those of the whole text; undefined: it has others. */
export function branchesOf(pattern: Pattern): readonly Branch[] | undefined {
  if (pattern.type === "ways") {
    const all = pattern.of.map(branchesOf);
    return all.every((one) => one !== undefined) ? all.flat() : undefined;
  }
  // What was taken away leaves nothing behind.
  const parts = (pattern.type === "sequence" ? pattern.of : [pattern]).filter(
    (one) => one.type !== "sequence" || one.of.length > 0,
  );
  const [only] = parts;
  if (parts.length === 1 && (only?.type === "ways" || only?.type === "sequence")) return branchesOf(only);
  const isEdge = (part: Pattern | undefined, at: "start" | "end"): boolean => part?.type === "edge" && part.at === at;
  const begins = isEdge(parts[0], "start");
  const ends = isEdge(parts.at(-1), "end");
  const of = parts.slice(begins ? 1 : 0, ends && parts.length > (begins ? 1 : 0) ? -1 : undefined);
  return of.some(hasEdge) ? undefined : [{ of, begins, ends }];
}

const innerOf = (pattern: Pattern): readonly Pattern[] =>
  pattern.type === "sequence" || pattern.type === "ways"
    ? pattern.of
    : pattern.type === "repeat" || pattern.type === "ahead"
      ? [pattern.of]
      : [];
const hasEdge = (pattern: Pattern): boolean => pattern.type === "edge" || innerOf(pattern).some(hasEdge);

/** Whether the empty text is one of it. */
function mayBeEmpty(pattern: Pattern): boolean {
  if (pattern.type === "letter") return false;
  if (pattern.type === "repeat") return pattern.min === 0 || mayBeEmpty(pattern.of);
  if (pattern.type === "ways") return pattern.of.some(mayBeEmpty);
  return innerOf(pattern).every(mayBeEmpty);
}

/** Whether a grammar can say exactly it, and in few words. */
export function isPlain(pattern: Pattern): boolean {
  const branches = branchesOf(pattern);
  if (branches === undefined) return false;
  // Behind a beginning that is open, each letter may begin it.
  const sizes = branches.map(
    ({ of, begins }) => of.reduce((sum, one) => sum + sizeOf(one), 0) * (begins ? 1 : openFactor),
  );
  return sizes.reduce((sum, one) => sum + one, 0) <= runtimeLimits.patternSizeMax;
}

const openFactor = 16;

/** Letters that it counts to; infinite where a grammar cannot say it. */
function sizeOf(pattern: Pattern): number {
  const { grammarRepeatsMax } = runtimeLimits;
  switch (pattern.type) {
    case "letter":
      return pattern.also.length > 0 ? Infinity : 1;
    case "sequence":
    case "ways":
      return pattern.of.reduce((sum, one) => sum + sizeOf(one), 1);
    case "repeat": {
      const times = pattern.max === Infinity ? Math.max(1, pattern.min) : pattern.max;
      // A grammar that says nothing again and again has no end.
      return mayBeEmpty(pattern.of) || times > grammarRepeatsMax ? Infinity : sizeOf(pattern.of) * Math.max(1, times);
    }
    default:
      return Infinity;
  }
}
