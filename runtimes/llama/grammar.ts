/** Makes grammars (GBNF, as llama.cpp reads it) of schemas and of function calls. Pure.
 *
 *  White space is at most one space, or a line's end and its indentation: a model that wanders cannot fill its answer
 *  with it. What a grammar cannot say, or only at great length, it leaves open, and `fits` of `schema.ts` says it at
 *  the end. So a grammar is bounded whatever the schema: its text, what it counts to, and the ways that are open at
 *  once while it is followed (`choices.ts`). Source:
 *  https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md */
import { compareNumbers, ExactNumber, wholeFrom } from "../../protocols/wire/exact-number.ts";
import { runtimeLimits } from "../limits.ts";
import {
  digitSteps,
  type Bounds,
  type Member,
  type Numeric,
  type Schema,
  type Shape,
  type TextFormat,
} from "../schema.ts";
import type { Pattern } from "../pattern.ts";
import { Steps, within } from "../steps.ts";
import { Choices } from "./choices.ts";
import { patternRepeats, patternWords } from "./pattern-words.ts";
import { choiceOf, type Branch } from "./prefixes.ts";
import type { Rules } from "./rules.ts";

const anyElements = '"[" ws (any (ws "," ws any)*)? ws "]"';
const anyMembers = '"{" ws (pair (ws "," ws pair)*)? ws "}"';
const common = `ws ::= " "? | "\\n" " "{0,16}
hex ::= [0-9a-fA-F]
code ::= [0-9a-cA-Ce-fE-F] hex hex hex | [dD] [0-7] hex hex
char ::= [^"\\\\\\x00-\\x1F\\x7F] | "\\\\" (["\\\\/bfnrt] | "u" code)
string ::= "\\"" char* "\\""
whole ::= "-"? ("0" | [1-9] [0-9]{0,18})
number ::= whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
pair ::= string ":" " "? any
any ::= string | number | boolean | "null" | ${anyElements} | ${anyMembers}
`;

/** A text as the grammar writes it. */
export const literal = (text: string): string =>
  text === ""
    ? '""'
    : `"${text
        .replaceAll("\\", "\\\\")
        .replaceAll('"', '\\"')
        .replaceAll("\n", "\\n")
        .replaceAll("\r", "\\r")
        .replaceAll("\t", "\\t")}"`;

/** One of them. */
export const oneOf = (words: readonly string[]): string => (words.length === 1 ? words[0]! : `(${words.join(" | ")})`);

/** Starts a grammar. */
export function createRules(steps = new Steps()): Rules {
  const rules: string[] = [];
  let sayers = 0;
  let charsLeft: number = runtimeLimits.grammarCharsMax;
  const room: Room = {
    repeats: runtimeLimits.grammarRepeatsSumMax,
    patterns: new Map(),
    steps,
    hasRoomFor: (chars) => charsLeft >= chars,
  };
  const add = (words: string, name = `r${rules.length}`): string => {
    rules.push(`${name} ::= ${words}`);
    charsLeft -= words.length;
    return name;
  };
  return {
    add,
    value: ({ root, named }) => {
      const sayer = new Sayer({ add, named, number: (sayers += 1), room });
      const before = rules.length;
      return within(
        () => sayer.say(root),
        () => {
          // Some of those may name what was not said.
          rules.length = before;
          return sayer.briefly(root);
        },
      );
    },
    grammar: (root) => `root ::= ${root}\n${common}${rules.join("\n")}\n`,
  };
}

/** What is left of what one grammar may have. */
interface Room {
  repeats: number;
  /** The words of patterns, which are found once, and what they count to. */
  readonly patterns: Map<Pattern, { readonly words: string; readonly repeats: number }>;
  readonly steps: Steps;
  /** Else what is said now is the rest, as briefly as it can be. */
  hasRoomFor(chars: number): boolean;
}

/** A member of an object, with the words for its value. */
interface Said {
  readonly key: string;
  readonly words: string;
}

/** What may follow in an object: the words behind the quote that begins a key, if there is any, and whether there has
 *  to be one. */
interface Rest {
  readonly keys: string | undefined;
  readonly must: boolean;
}

const comma = 'ws "," ws';

class Sayer {
  readonly #add: Rules["add"];
  readonly #named: Schema["named"];
  /** Of several schemas in one grammar, which: each has names of its own. */
  readonly #number: number;
  readonly #names = new Map<string, string>();
  readonly #rules = new Map<string, string>();
  readonly #choices: Choices;
  readonly #room: Room;

  constructor({
    add,
    named,
    number,
    room,
  }: {
    readonly add: Rules["add"];
    readonly named: Schema["named"];
    readonly number: number;
    readonly room: Room;
  }) {
    this.#add = add;
    this.#named = named;
    this.#number = number;
    this.#room = room;
    this.#choices = new Choices(named, room.steps);
  }

  say(shape: Shape): string {
    this.#room.steps.take();
    if (!this.#room.hasRoomFor(1)) return this.briefly(shape);
    switch (shape.type) {
      case "any":
      case "boolean":
        return shape.type;
      case "null":
        return '"null"';
      case "literal":
        return this.#values(shape.values);
      case "text":
        if (shape.said !== undefined) return this.#pattern(shape.said);
        return shape.format === undefined ? `"\\"" ${this.#repeated("char", shape)} "\\""` : formatWords[shape.format];
      case "number":
        this.#room.steps.take(numberSteps + digitSteps(...Object.values(shape.bounds)));
        return shape.whole ? wholeNumber(shape.bounds) : anyNumber(shape.bounds);
      case "list":
        return this.#add(`"[" ws ${this.#elements(shape)} ws "]"`);
      case "object":
        return this.#object(shape.members, shape.others && this.say(shape.others));
      case "some":
        return this.#some(shape);
      case "named":
        return this.#name(shape.name);
    }
  }

  /** The words for a text of a pattern; any text, where it counts further than there is room for. */
  #pattern(pattern: Pattern): string {
    const { patterns } = this.#room;
    const said = patterns.get(pattern) ?? { words: patternWords(pattern), repeats: patternRepeats(pattern) };
    patterns.set(pattern, said);
    const { words, repeats } = said;
    const known = this.#rules.get(words);
    if (known !== undefined) return known;
    if (repeats > this.#room.repeats) return "string";
    this.#room.repeats -= repeats;
    return this.#once(words);
  }

  #name(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    // Its own name is taken before its words are found: they may hold it.
    const rule = `n${this.#number}-${this.#names.size}`;
    this.#names.set(name, rule);
    return this.#add(this.say(this.#named.get(name) ?? { type: "any" }), rule);
  }

  /** A rule of its own for words that count: what holds them may count, too. */
  #once(words: string): string {
    const known = this.#rules.get(words) ?? this.#add(words);
    this.#rules.set(words, known);
    return known;
  }

  /** Any of its sort. */
  briefly(shape: Shape): string {
    if (shape.type === "named") return this.briefly(this.#named.get(shape.name) ?? { type: "any" });
    return shape.type === "object" ? anyMembers : shape.type === "list" ? anyElements : "any";
  }

  #values(values: readonly unknown[]): string {
    const texts = [...new Set(values.map((value) => JSON.stringify(value)))];
    // To write them takes less than to look at each letter, which is what follows.
    const chars = texts.reduce((sum, { length }) => sum + length, 0);
    this.#room.steps.take(chars);
    const branches = texts.map((text) => ({ text, behind: "" }));
    return (this.#room.hasRoomFor(chars) ? this.#choice(branches) : undefined) ?? "any";
  }

  #choice(branches: readonly Branch[]): string | undefined {
    return choiceOf(branches, { literal, add: this.#add, steps: this.#room.steps });
  }

  #some(some: Shape & { readonly type: "some" }): string {
    const { parts, values, objects, lists } = this.#choices.choice(some);
    const words = parts.map((part) => this.say(part));
    if (values.length > 0) words.push(this.#values(values));
    if (lists) words.push(anyElements);
    if (objects.length > 0) words.push(this.#together(objects));
    return this.#add([...new Set(words)].join(" | "));
  }

  /** One object that allows what each of these allows. */
  #together(objects: readonly (Shape & { readonly type: "object" })[]): string {
    const shapes = new Map<string, { readonly of: Shape[]; required: number }>();
    for (const { key, shape, required } of this.#room.steps.charged(objects.flatMap(({ members }) => members))) {
      const known = shapes.get(key) ?? { of: [], required: 0 };
      known.of.push(shape);
      known.required += required ? 1 : 0;
      shapes.set(key, known);
    }
    const members = [...shapes].map(([key, { of, required }]): Member => {
      // Each has to have it.
      return { key, required: required === objects.length, shape: shared(of) };
    });
    const others = objects.some((object) => object.others !== undefined) ? "any" : undefined;
    return this.#object(members, others);
  }

  /** The elements of a list: those that are said one by one, as many as a grammar counts to, then the others. It is
   *  said from the last one on, as an object is. */
  #elements({ first, items, min, max = Infinity }: Shape & { type: "list" }): string {
    const places = Math.min(first.length, max, runtimeLimits.grammarRepeatsMax, this.#room.repeats);
    this.#room.repeats -= places;
    const isCut = places < Math.min(first.length, max);
    const others = isCut ? { item: "any", most: Infinity } : items && { item: this.#once(this.say(items)), most: max };
    const behind =
      others === undefined || places >= max ? '""' : this.#others(others.item, places, { min, max: others.most });
    return first.slice(0, places).reduceRight((rest, part, at) => {
      const words = `${at > 0 ? comma : ""} ${this.say(part)} ${rest}`;
      return this.#add(at >= min ? `(${words})?` : words);
    }, behind);
  }

  /** Elements of one sort, behind so many. */
  #others(item: string, at: number, { min, max }: { readonly min: number; readonly max: number }): string {
    const more = (least: number, most: number): string =>
      this.#repeated(`(${comma} ${item})`, { min: Math.max(0, least), max: most === Infinity ? undefined : most });
    if (at > 0) return more(min - at, max - at);
    const words = `${item} ${more(min - 1, max - 1)}`;
    return min > 0 ? words : `(${words})?`;
  }

  /** An object whose members come in their order. It is said from the last one on: each is said once, with what may
   *  follow. */
  #object(members: readonly Member[], others: string | undefined): string {
    const chars = members.reduce((sum, { key }) => sum + key.length + memberChars, 0);
    this.#room.steps.take(chars);
    if (!this.#room.hasRoomFor(chars)) return anyMembers;
    let rest: Rest = {
      keys: others && this.#loop((then) => `char* "\\"" ":" " "? ${others} ${then}`, none),
      must: false,
    };
    for (let to = members.length; to > 0;) {
      let from = to - 1;
      if (!members[from]!.required) while (from > 0 && !members[from - 1]!.required) from -= 1;
      const run = members.slice(from, to).map(({ key, shape }): Said => ({ key, words: this.say(shape) }));
      if (members[to - 1]!.required) rest = { keys: this.#add(memberWords(run[0]!, after(rest))), must: true };
      else rest = { ...rest, keys: this.#optional(run, rest) };
      to = from;
    }
    const { keys, must } = rest;
    const words = keys === undefined ? '""' : `"\\"" ${keys}`;
    return this.#add(`"{" ws ${must || keys === undefined ? words : `(${words})?`} ws "}"`);
  }

  /** Members that may be missing: in their order, or where they are many in any, as each place of an order has as many
   *  ways on as there are members behind it. */
  #optional(run: readonly Said[], rest: Rest): string {
    if (run.length > runtimeLimits.grammarRunMax)
      return this.#loop((next) => {
        const branches = run.map(({ key, words }) => ({ text: keyText(key), behind: `":" " "? ${words} ${next}` }));
        return this.#choice(branches) ?? `char* "\\"" ":" " "? any ${next}`;
      }, rest);
    return run.reduceRight<Rest>((behind, member) => {
      const words = memberWords(member, after(behind));
      return { ...behind, keys: this.#add(behind.keys === undefined ? words : `${words} | ${behind.keys}`) };
    }, rest).keys!;
  }

  /** Members of one sort, again and again, then the rest. */
  #loop(words: (then: string) => string, { keys, must }: Rest): string {
    this.#loops += 1;
    const name = `m${this.#number}-${this.#loops}`;
    const said = words(after({ keys: name, must }));
    return this.#add(keys === undefined ? said : `${said} | ${keys}`, name);
  }
  #loops = 0;

  /** As often as it may come, where a grammar can count so far. */
  #repeated(words: string, { min, max }: { readonly min: number; readonly max: number | undefined }): string {
    const { grammarRepeatsMax } = runtimeLimits;
    const least = Math.min(min, grammarRepeatsMax);
    const most = max === undefined || max > grammarRepeatsMax ? undefined : max;
    const count = Math.max(least, most ?? 1);
    if (count > this.#room.repeats) return least === 0 ? `${words}*` : `${words}+`;
    this.#room.repeats -= count;
    if (most === undefined) return least === 0 ? `${words}*` : `${words}{${least},}`;
    return most === 0 ? '""' : `${words}{${least},${most}}`;
  }
}

/** What a member takes beside its key, at least. */
const memberChars = 16;
/** Steps in which the words for numbers between two are found: some for each of their digits. */
const numberSteps = 400;

const none: Rest = { keys: undefined, must: false };

/** A key as JSON has it, behind its first quote. */
const keyText = (key: string): string => JSON.stringify(key).slice(1);

const memberWords = ({ key, words }: Said, then: string): string =>
  `${literal(keyText(key))} ":" " "? ${words} ${then}`;

/** The words behind a member. */
const after = ({ keys, must }: Rest): string => {
  if (keys === undefined) return "";
  const words = `${comma} "\\"" ${keys}`;
  return must ? words : `(${words})?`;
};

/** What members of one key are, where it is said once for all of them. */
function shared(shapes: readonly Shape[]): Shape {
  const first = shapes[0]!;
  if (first.type === "named" && shapes.every((one) => one.type === "named" && one.name === first.name)) return first;
  const isPlain = ({ type }: Shape): boolean =>
    type !== "object" && type !== "list" && type !== "some" && type !== "named";
  return shapes.every(isPlain) ? { type: "some", of: shapes, exactlyOne: false } : { type: "any" };
}

const day = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])';
const hour = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]';
const clock = `${hour} ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [+-] ${hour})`;
const quoted = (words: string): string => `"\\"" ${words} "\\""`;
const low = "[0-9a-f]";
const formatWords: Readonly<Record<TextFormat, string>> = {
  date: quoted(day),
  time: quoted(clock),
  "date-time": quoted(`${day} "T" ${clock}`),
  uuid: quoted(`${low}{8} "-" ${low}{4} "-" ${low}{4} "-" ${low}{4} "-" ${low}{12}`),
};

/** A bound of more digits is none for the grammar, and is looked at when the answer is checked. */
const boundMax = 10n ** 38n;
/** The most of 15 digits: where no bound is given, those of more digits follow. */
const wholeMax = 999_999_999_999_999n;
/** Numbers of more digits, up to those of identifiers. */
const longer = "[1-9] [0-9]{15,18}";

/** The whole numbers nearest to a bound within what it allows; undefined: there is none that a grammar says. */
function nearest(bound: Numeric | undefined, side: "below" | "above", isOut = false): bigint | undefined {
  const whole = bound === undefined ? undefined : wholeFrom(bound, side);
  if (bound === undefined || whole === undefined || whole > boundMax || whole < -boundMax) return undefined;
  if (!isOut || compareNumbers(new ExactNumber(String(whole)), bound) !== 0) return whole;
  return side === "above" ? whole + 1n : whole - 1n;
}

const largest = (...of: readonly (bigint | undefined)[]): bigint | undefined =>
  of.reduce((most, one) => (most === undefined || (one !== undefined && one > most) ? one : most), undefined);
const smallest = (...of: readonly (bigint | undefined)[]): bigint | undefined =>
  of.reduce((least, one) => (least === undefined || (one !== undefined && one < least) ? one : least), undefined);

/** From where to where whole numbers are; an end without a bound is open. */
const limitsOf = ({
  min,
  max,
  above,
  below,
}: Bounds): { readonly low: bigint | undefined; readonly high: bigint | undefined } => ({
  low: largest(nearest(min, "above"), nearest(above, "above", true)),
  high: smallest(nearest(max, "below"), nearest(below, "below", true)),
});

/** The end of what is open: so many digits at least, and one more than its other end has. */
const openEnd = (other: bigint | undefined): bigint =>
  other === undefined || other <= wholeMax ? wholeMax : 10n ** BigInt(Math.max(19, String(other).length + 1)) - 1n;

function wholeNumber(bounds: Bounds): string {
  const { low, high } = limitsOf(bounds);
  if (low === undefined && high === undefined) return "whole";
  const from = low ?? -openEnd(high === undefined ? undefined : -high);
  const to = high ?? openEnd(low);
  // What is open at one end has numbers of any length there.
  return oneOf([
    ...wholeRange(from, to),
    ...(to === wholeMax && high === undefined ? [longer] : []),
    ...(from === -wholeMax && low === undefined ? [`"-" ${longer}`] : []),
  ]);
}

/** The whole numbers between, and with a fraction those that can be between. */
function anyNumber(bounds: Bounds): string {
  const { low, high } = limitsOf(bounds);
  // Of an interval without a whole number in it there are fractions.
  const least = largest(nearest(bounds.min, "below"), nearest(bounds.above, "below"));
  const most = smallest(nearest(bounds.max, "above"), nearest(bounds.below, "above"));
  if (least === undefined && most === undefined) return "number";
  const from = least ?? -openEnd(most === undefined ? undefined : -most);
  const to = most ?? openEnd(least);
  const fraction = '"." [0-9]{1,16}';
  const below = (sign: string, near: bigint, far: bigint): readonly string[] =>
    far <= near ? [] : [`${sign} ${oneOf(digits(near, far - 1n))} ${fraction}`];
  const [first, last] = [low ?? from, high ?? to];
  const words = [
    ...(first <= last ? wholeRange(first, last) : []),
    ...below("", from > 0n ? from : 0n, to),
    ...below('"-"', to < 0n ? -to : 0n, -from),
  ];
  return words.length === 0 ? "number" : oneOf(words);
}

function wholeRange(from: bigint, to: bigint): readonly string[] {
  const words = [
    ...(from < 0n && from <= to ? [`"-" ${oneOf(digits(to < -1n ? -to : 1n, -from))}`] : []),
    ...(to >= 0n && from <= to ? digits(from > 0n ? from : 0n, to) : []),
  ];
  // A range without a whole number in it: nothing fits, and the check at the end says so.
  return words.length === 0 ? ["whole"] : words;
}

/** Numbers from one to another, neither below zero, by how many digits they have. */
function digits(from: bigint, to: bigint): readonly string[] {
  const words: string[] = [];
  for (let length = String(from).length; length <= String(to).length; length += 1) {
    const least = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    words.push(sameLength(String(from > least ? from : least), String(to < most ? to : most)));
  }
  return words;
}

/** Numbers from one to another of as many digits. */
function sameLength(from: string, to: string): string {
  if (from === to) return `"${from}"`;
  const rest = from.length - 1;
  if (/^0*$/.test(from) && /^9*$/.test(to)) return `[0-9]{${from.length}}`;
  const [low, high] = [Number(from[0]), Number(to[0])];
  if (rest === 0) return `[${low}-${high}]`;
  if (low === high) return `"${low}" ${sameLength(from.slice(1), to.slice(1))}`;
  const fromWhole = /^0*$/.test(from.slice(1));
  const toWhole = /^9*$/.test(to.slice(1));
  const [first, last] = [fromWhole ? low : low + 1, toWhole ? high : high - 1];
  const words = [
    ...(fromWhole ? [] : [`"${low}" ${sameLength(from.slice(1), "9".repeat(rest))}`]),
    ...(first <= last ? [`[${first}-${last}] [0-9]{${rest}}`] : []),
    ...(toWhole ? [] : [`"${high}" ${sameLength("0".repeat(rest), to.slice(1))}`]),
  ];
  return oneOf(words);
}
