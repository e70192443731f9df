/** Makes grammars (GBNF, as llama.cpp reads it) of schemas and of function calls. Pure.
 *
 *  White space is at most one space, or a line's end and its indentation: a model that wanders cannot fill its answer with it. What a
 *  grammar cannot say, or only at great length, it leaves open, and `fits` of `schema.ts` says it at the end.
 *  Source: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md */
import { runtimeLimits } from "../limits.ts";
import type { Bounds, Schema, Shape, TextFormat } from "../schema.ts";

/** Rules of one grammar, which grow as shapes are said in them. */
export interface Rules {
  /** Adds a rule of these words; returns its name. */
  add(words: string, name?: string): string;
  /** The words for a value of a schema. */
  value(schema: Schema): string;
  /** The grammar whose text is of these words. */
  grammar(root: string): string;
}

const common = `ws ::= " "? | "\\n" " "{0,16}
hex ::= [0-9a-fA-F]
code ::= [0-9a-cA-Ce-fE-F] hex hex hex | [dD] [0-7] hex hex
char ::= [^"\\\\\\x00-\\x1F\\x7F] | "\\\\" (["\\\\/bfnrt] | "u" code)
string ::= "\\"" char* "\\""
whole ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
pair ::= string ":" " "? any
any ::= string | number | boolean | "null" | "[" ws (any (ws "," ws any)*)? ws "]" | "{" ws (pair (ws "," ws pair)*)? ws "}"
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
export function createRules(): Rules {
  const rules: string[] = [];
  let sayers = 0;
  const add = (words: string, name = `r${rules.length}`): string => {
    rules.push(`${name} ::= ${words}`);
    return name;
  };
  return {
    add,
    value: ({ root, named }) => new Sayer(add, named, (sayers += 1)).say(root),
    grammar: (root) => `root ::= ${root}\n${common}${rules.join("\n")}\n`,
  };
}

const comma = 'ws "," ws';

class Sayer {
  readonly #add: Rules["add"];
  readonly #named: Schema["named"];
  /** Of several schemas in one grammar, which: each has names of its own. */
  readonly #number: number;
  readonly #names = new Map<string, string>();

  constructor(add: Rules["add"], named: Schema["named"], number: number) {
    this.#add = add;
    this.#named = named;
    this.#number = number;
  }

  say(shape: Shape): string {
    switch (shape.type) {
      case "any":
      case "boolean":
        return shape.type;
      case "null":
        return '"null"';
      case "literal":
        return oneOf(shape.values.map((value) => literal(JSON.stringify(value))));
      case "text":
        return shape.format === undefined ? `"\\"" ${repeated("char", shape)} "\\""` : formatWords[shape.format];
      case "number":
        return shape.whole ? wholeNumber(shape.bounds) : anyNumber(shape.bounds);
      case "list":
        return this.#add(`"[" ws ${this.#elements(shape, 0)} ws "]"`);
      case "object":
        return this.#add(`"{" ws ${this.#members(shape, 0, false)} ws "}"`);
      case "some":
        return this.#add(shape.of.map((part) => this.say(part)).join(" | "));
      case "named":
        return this.#name(shape.name);
    }
  }

  #name(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    // Its own name is taken before its words are found: they may hold it.
    const rule = `n${this.#number}-${this.#names.size}`;
    this.#names.set(name, rule);
    return this.#add(this.say(this.#named.get(name) ?? { type: "any" }), rule);
  }

  /** The elements of a list from one on. */
  #elements(shape: Shape & { type: "list" }, at: number): string {
    const { first, items, min } = shape;
    const max = shape.max ?? Infinity;
    if (at >= max) return '""';
    const part = first[at];
    if (part !== undefined) {
      const rest = this.#elements(shape, at + 1);
      const words = `${at > 0 ? comma : ""} ${this.say(part)} ${rest}`;
      return this.#add(at >= min ? `(${words})?` : words);
    }
    if (items === undefined) return '""';
    const item = this.say(items);
    const more = (least: number, most: number): string =>
      repeated(`(${comma} ${item})`, { min: Math.max(0, least), max: most === Infinity ? undefined : most });
    if (at > 0) return more(min - at, max - at);
    const words = `${item} ${more(min - 1, max - 1)}`;
    return min > 0 ? words : `(${words})?`;
  }

  /** The members of an object from one on; `started`: there is one before it. */
  #members(shape: Shape & { type: "object" }, at: number, started: boolean): string {
    const member = shape.members[at];
    if (member === undefined) return this.#others(shape.others, started);
    const { key, shape: part, required } = member;
    const words = `${started ? comma : ""} ${literal(JSON.stringify(key))} ":" " "? ${this.say(part)}`;
    const with_ = `${words} ${this.#members(shape, at + 1, true)}`;
    if (required) return this.#add(with_);
    return this.#add(`${with_} | ${this.#members(shape, at + 1, started)}`);
  }

  #others(others: Shape | undefined, started: boolean): string {
    if (others === undefined) return '""';
    const words = `string ":" " "? ${this.say(others)}`;
    const more = `(${comma} ${words})*`;
    return started ? more : `(${words} ${more})?`;
  }
}

/** As often as it may come, where a grammar can count so far. */
function repeated(words: string, { min, max }: { readonly min: number; readonly max: number | undefined }): string {
  const { grammarRepeatsMax } = runtimeLimits;
  const least = Math.min(min, grammarRepeatsMax);
  if (max === undefined || max > grammarRepeatsMax) return least === 0 ? `${words}*` : `${words}{${least},}`;
  return max === 0 ? '""' : `${words}{${least},${max}}`;
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

/** Beyond it a number that is read is another than the one that was written. */
const wholeMax = 999_999_999_999_999;

const limitsOf = ({ min, max, above, below }: Bounds): { readonly low: number; readonly high: number } => ({
  low: Math.max(-wholeMax, Math.ceil(min ?? -wholeMax), above === undefined ? -wholeMax : Math.floor(above) + 1),
  high: Math.min(wholeMax, Math.floor(max ?? wholeMax), below === undefined ? wholeMax : Math.ceil(below) - 1),
});

function wholeNumber(bounds: Bounds): string {
  if (Object.keys(bounds).length === 0) return "whole";
  const { low: from, high: to } = limitsOf(bounds);
  return oneOf(wholeRange(from, to));
}

/** The whole numbers between, and with a fraction those that can be between. */
function anyNumber(bounds: Bounds): string {
  if (Object.keys(bounds).length === 0) return "number";
  const { low: from, high: to } = limitsOf(bounds);
  const least = Math.max(bounds.min ?? -wholeMax, bounds.above ?? -wholeMax);
  const most = Math.min(bounds.max ?? wholeMax, bounds.below ?? wholeMax);
  const fraction = '"." [0-9]{1,16}';
  const below = (sign: string, nearest: number, furthest: number): readonly string[] =>
    furthest <= nearest ? [] : [`${sign} ${oneOf(digits(nearest, furthest - 1))} ${fraction}`];
  const words = [
    ...(from <= to ? wholeRange(from, to) : []),
    ...below("", Math.max(0, Math.floor(least)), Math.ceil(most)),
    ...below('"-"', Math.max(0, Math.floor(-most)), Math.ceil(-least)),
  ];
  return words.length === 0 ? "number" : oneOf(words);
}

function wholeRange(from: number, to: number): readonly string[] {
  const words = [
    ...(from < 0 && from <= to ? [`"-" ${oneOf(digits(Math.max(1, -to), -from))}`] : []),
    ...(to >= 0 && from <= to ? digits(Math.max(0, from), to) : []),
  ];
  // A range without a whole number in it: nothing fits, and the check at the end says so.
  return words.length === 0 ? ["whole"] : words;
}

/** Numbers from one to another, neither below zero, by how many digits they have. */
function digits(from: number, to: number): readonly string[] {
  const words: string[] = [];
  for (let length = String(from).length; length <= String(to).length; length += 1) {
    const first = Math.max(from, length === 1 ? 0 : 10 ** (length - 1));
    const last = Math.min(to, 10 ** length - 1);
    words.push(sameLength(String(first), String(last)));
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
