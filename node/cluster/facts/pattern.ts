/** Expressions that admins write and every question is compared with. JavaScript's own go back when a way fails, and
 *  take exponential time for some; these follow all ways at once, so that the time is at most steps × characters.
 *
 *      abc  .  [a-z]  [^a-z]  \d \w \s \b (and \D \W \S \B)  \. \n \t  ( ) (?: )  |  * + ? {2} {2,} {2,5}  ^ $
 *      (?i) first: any case
 *
 *  What would need to go back (references, looking ahead or behind) is refused, by name. */
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";

/** Steps of one expression. */
const patternStepsMax = 256;
/** Characters that are looked at, from the beginning. */
export const patternCharsMax = 4_096;
const repeatMax = 64;
const depthMax = 32;

/** Whether the expression is found in a text. */
export type Pattern = (text: string) => boolean;

/** A character of a text, with what classes ask of it: found out once for a text, as each step of an expression asks it
 *  again. */
interface Char {
  readonly code: number;
  /** In small and in capital letters. */
  readonly cases: readonly number[];
  readonly isLetter: boolean;
  readonly isSpace: boolean;
}

type Takes = (char: Char) => boolean;
type Place = "start" | "end" | "edge" | "inside";

type Node =
  | { readonly type: "char"; readonly takes: Takes }
  | { readonly type: "place"; readonly place: Place }
  | { readonly type: "all"; readonly nodes: readonly Node[] }
  | { readonly type: "any"; readonly nodes: readonly Node[] }
  | { readonly type: "repeat"; readonly node: Node; readonly least: number; readonly most: number };

type Step =
  | { readonly type: "char"; readonly takes: Takes }
  | { readonly type: "place"; readonly place: Place }
  | { readonly type: "fork"; one: number; other: number }
  | { readonly type: "found" };

class Wrong extends Error {}

const code = (text: string): number => text.codePointAt(0) ?? 0;
const charOf = (text: string): Char => ({
  code: code(text),
  cases: [code(text.toLowerCase()), code(text.toUpperCase())],
  isLetter: /^\p{L}$/u.test(text),
  isSpace: /^\s$/u.test(text),
});
const isDigit: Takes = (char) => char.code >= 48 && char.code <= 57;
/** Of any script: a word of Greek has edges, too. */
const isWord: Takes = (char) => isDigit(char) || char.code === 95 || char.isLetter;
const isSpace: Takes = (char) => char.isSpace;
/** Beyond both ends of a text. */
const outside = charOf(" ");
const not =
  (takes: Takes): Takes =>
  (char) =>
    !takes(char);
const classes: Readonly<Record<string, Takes>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};
const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Reads an expression. */
class Reader {
  readonly #chars: readonly string[];
  readonly #anyCase: boolean;
  #at = 0;

  constructor(text: string) {
    this.#anyCase = text.startsWith("(?i)");
    this.#chars = Array.from(this.#anyCase ? text.slice(4) : text);
  }

  read(): Node {
    const node = this.#alternatives(0);
    if (this.#at < this.#chars.length) throw new Wrong("a ) closes nothing");
    return node;
  }

  #peek = (): string | undefined => this.#chars[this.#at];
  #take(): string {
    const char = this.#chars[this.#at];
    if (char === undefined) throw new Wrong("it ends too early");
    this.#at += 1;
    return char;
  }
  #takeIf(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at += 1;
    return true;
  }

  #alternatives(depth: number): Node {
    if (depth > depthMax) throw new Wrong("groups are in one another too often");
    const nodes = [this.#sequence(depth)];
    while (this.#takeIf("|")) nodes.push(this.#sequence(depth));
    return nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { type: "any", nodes };
  }

  #sequence(depth: number): Node {
    const nodes: Node[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek())
      nodes.push(this.#repeated(this.#atom(depth)));
    return { type: "all", nodes };
  }

  #repeated(node: Node): Node {
    const times = this.#times();
    if (times === undefined) return node;
    if (node.type === "place") throw new Wrong("a place cannot be repeated");
    // As few or as many as possible: it is found all the same.
    this.#takeIf("?");
    if (this.#times() !== undefined) throw new Wrong("what is repeated cannot be repeated again; use a group");
    return { type: "repeat", node, least: times[0], most: times[1] };
  }

  #times(): readonly [least: number, most: number] | undefined {
    if (this.#takeIf("*")) return [0, Infinity];
    if (this.#takeIf("+")) return [1, Infinity];
    if (this.#takeIf("?")) return [0, 1];
    if (!this.#takeIf("{")) return undefined;
    let text = "";
    for (let char = this.#take(); char !== "}"; char = this.#take()) text += char;
    const match = /^(\d{1,3})(?:(,)(\d{1,3})?)?$/.exec(text);
    if (match === null) throw new Wrong(`{${text}} is not a number of times`);
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === undefined ? Infinity : Number(match[3]);
    if (most < least || Math.max(least, most === Infinity ? 0 : most) > repeatMax)
      throw new Wrong(`{${text}}: at most ${repeatMax} times`);
    return [least, most];
  }

  #atom(depth: number): Node {
    const char = this.#take();
    switch (char) {
      case "(": {
        if (this.#takeIf("?") && !this.#takeIf(":"))
          throw new Wrong("of groups with (? only (?: is known, and (?i) at the beginning");
        const node = this.#alternatives(depth + 1);
        if (!this.#takeIf(")")) throw new Wrong("a ( is not closed");
        return node;
      }
      case "[":
        return { type: "char", takes: this.#set() };
      case ".":
        return { type: "char", takes: (one) => one.code !== 10 };
      case "^":
        return { type: "place", place: "start" };
      case "$":
        return { type: "place", place: "end" };
      case "\\": {
        const next = this.#take();
        if (next === "b" || next === "B") return { type: "place", place: next === "b" ? "edge" : "inside" };
        return { type: "char", takes: this.#escaped(next) };
      }
      case "*":
      case "+":
      case "?":
      case "{":
        throw new Wrong(`${char} repeats nothing`);
      default:
        return { type: "char", takes: this.#exactly(char) };
    }
  }

  #exactly(char: string): Takes {
    const one = code(char);
    if (!this.#anyCase) return (other) => other.code === one;
    const cases = new Set([one, code(char.toLowerCase()), code(char.toUpperCase())]);
    return (other) => cases.has(other.code);
  }

  #escaped(char: string): Takes {
    if (Object.hasOwn(classes, char)) return classes[char] as Takes;
    if (Object.hasOwn(controls, char)) return this.#exactly(controls[char] as string);
    if (/[\p{L}\p{N}]/u.test(char)) throw new Wrong(`\\${char} is not known`);
    return this.#exactly(char);
  }

  #set(): Takes {
    const isNot = this.#takeIf("^");
    const parts: Takes[] = [];
    for (let char = this.#take(); char !== "]" || parts.length === 0; char = this.#take()) {
      if (char === "\\") {
        const next = this.#take();
        parts.push(this.#escaped(next));
        continue;
      }
      if (this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") {
        parts.push(this.#exactly(char));
        continue;
      }
      this.#take();
      const to = this.#take();
      if (to === "\\" || code(to) < code(char)) throw new Wrong(`${char}-${to} is not a range`);
      parts.push(this.#range(char, to));
    }
    const takes: Takes = (char) => parts.some((part) => part(char));
    return isNot ? not(takes) : takes;
  }

  #range(from: string, to: string): Takes {
    const [first, last] = [code(from), code(to)];
    const within = (one: number): boolean => one >= first && one <= last;
    return this.#anyCase ? (char) => within(char.code) || char.cases.some(within) : (char) => within(char.code);
  }
}

/** The steps of a node, one after the other. */
function stepsOf(root: Node): readonly Step[] {
  const steps: Step[] = [];
  const add = (step: Step): void => {
    if (steps.length >= patternStepsMax) throw new Wrong(`it takes more than ${patternStepsMax} steps`);
    steps.push(step);
  };
  const fork = (): Extract<Step, { type: "fork" }> => {
    const step: Step = { type: "fork", one: steps.length + 1, other: steps.length + 1 };
    add(step);
    return step;
  };
  const write = (node: Node): void => {
    switch (node.type) {
      case "char":
      case "place":
        return add(node);
      case "all":
        return node.nodes.forEach(write);
      case "any": {
        const ends: Extract<Step, { type: "fork" }>[] = [];
        for (const [index, one] of node.nodes.entries()) {
          const last = index === node.nodes.length - 1;
          const before = last ? undefined : fork();
          write(one);
          if (before === undefined) continue;
          ends.push(fork());
          before.other = steps.length;
        }
        for (const end of ends) end.one = end.other = steps.length;
        return;
      }
      case "repeat": {
        for (let time = 0; time < node.least; time += 1) write(node.node);
        if (node.most === Infinity) {
          const begin = fork();
          write(node.node);
          const back = fork();
          back.one = back.other = steps.indexOf(begin);
          begin.other = steps.length;
          return;
        }
        const outs: Extract<Step, { type: "fork" }>[] = [];
        for (let time = node.least; time < node.most; time += 1) {
          outs.push(fork());
          write(node.node);
        }
        for (const out of outs) out.other = steps.length;
      }
    }
  };
  write(root);
  add({ type: "found" });
  return steps;
}

/** Reads an expression. Error: BAD_REQUEST with what is wrong. */
export function readPattern(text: string): Result<Pattern> {
  try {
    const steps = stepsOf(new Reader(text).read());
    return ok((subject) => find(steps, subject));
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return refused(failure("BAD_REQUEST", { pattern: text, reason: error.message }));
  }
}

/** Follows all ways at once. */
function find(steps: readonly Step[], subject: string): boolean {
  const chars = Array.from(subject.slice(0, patternCharsMax), charOf);
  const seen = new Int32Array(steps.length).fill(-1);
  let now: number[] = [];
  let next: number[] = [];
  const isAt = (place: Place, at: number): boolean => {
    if (place === "start") return at === 0;
    if (place === "end") return at === chars.length;
    const edge = isWord(chars[at - 1] ?? outside) !== isWord(chars[at] ?? outside);
    return edge === (place === "edge");
  };
  const stack: number[] = [];
  /** Goes on from a step without taking a character. True: it is found. */
  const follow = (from: number, at: number, into: number[]): boolean => {
    stack.push(from);
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (seen[index] === at) continue;
      seen[index] = at;
      const step = steps[index] as Step;
      if (step.type === "found") {
        stack.length = 0;
        return true;
      }
      if (step.type === "char") into.push(index);
      else if (step.type === "fork") stack.push(step.other, step.one);
      else if (isAt(step.place, at)) stack.push(index + 1);
    }
    return false;
  };
  for (let at = 0; at <= chars.length; at += 1) {
    // It may begin at every character. What goes on from the last one is marked first, with this place's mark.
    if (follow(0, at, now)) return true;
    const char = chars[at];
    if (char === undefined) return false;
    next.length = 0;
    for (const index of now) {
      const step = steps[index] as Step;
      if (step.type === "char" && step.takes(char) && follow(index + 1, at + 1, next)) return true;
    }
    [now, next] = [next, now];
  }
  return false;
}
