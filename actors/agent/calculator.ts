/** Sums, as a person or a model writes them: one pass over a short text, no names but those below.
 *
 *      sum     = product { (+|-) product }
 *      product = signed { (*|/|%) signed }
 *      signed  = (+|-) signed | power
 *      power   = atom [ ^ signed ]                      2^3^2 is 2^9, -2^2 is -4
 *      atom    = number | constant | "(" sum ")" | function "(" sum { "," sum } ")"
 *
 *  Numbers are those of the processor: 15 digits or so. */
import { actorLimits as limits } from "../limits.ts";

/** A number, or why there is none. */
type Calculated = { readonly value: number } | { readonly fault: string };

const constants: ReadonlyMap<string, number> = new Map([
  ["pi", Math.PI],
  ["e", Math.E],
]);

/** By name: how many arguments it takes at least and at most, and what it does. */
const functions: ReadonlyMap<string, readonly [least: number, most: number, of: (...values: number[]) => number]> =
  new Map<string, readonly [number, number, (...values: number[]) => number]>([
    ["abs", [1, 1, Math.abs]],
    ["sqrt", [1, 1, Math.sqrt]],
    ["exp", [1, 1, Math.exp]],
    ["ln", [1, 1, Math.log]],
    ["log", [1, 1, Math.log10]],
    ["log2", [1, 1, Math.log2]],
    ["sin", [1, 1, Math.sin]],
    ["cos", [1, 1, Math.cos]],
    ["tan", [1, 1, Math.tan]],
    ["round", [1, 1, Math.round]],
    ["floor", [1, 1, Math.floor]],
    ["ceil", [1, 1, Math.ceil]],
    ["min", [1, 16, Math.min]],
    ["max", [1, 16, Math.max]],
  ]);

/** The names that a sum may have. */
export const calculatorNames: readonly string[] = [...functions.keys(), ...constants.keys()];

class Fault extends Error {}

const token =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9]*)|(\*\*|[-+*/%^(),]))/uy;

/** The value of a sum. */
export function calculate(text: string): Calculated {
  try {
    const sum = new Sum(tokensOf(text.trimEnd()));
    const value = sum.whole();
    return Number.isFinite(value) ? { value } : { fault: "the result is not a finite number" };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    throw error;
  }
}

/** A number as people write it: whole ones exactly, others with the digits that are certain. */
export const numeral = (value: number): string =>
  String(Number.isSafeInteger(value) ? value + 0 : Number(value.toPrecision(15)));

type Token = { readonly number: number } | { readonly name: string } | { readonly sign: string };

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) throw new Fault(`"${Array.from(text.slice(at).trimStart())[0] ?? ""}" is not understood`);
    const [all, number, name, sign] = found;
    if (number !== undefined) tokens.push({ number: Number(number) });
    else if (name !== undefined) tokens.push({ name: name.toLowerCase() });
    else tokens.push({ sign: sign === "**" ? "^" : (sign ?? "") });
    at += all.length;
  }
  return tokens;
}

/** Reads tokens from left to right. */
class Sum {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): number {
    const value = this.#sum();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new Fault(`${said(rest)} is not expected there`);
    return value;
  }

  #takes(...signs: readonly string[]): string | undefined {
    const next = this.#tokens[this.#at];
    if (next === undefined || !("sign" in next) || !signs.includes(next.sign)) return undefined;
    this.#at += 1;
    return next.sign;
  }

  #needs(sign: string): void {
    if (this.#takes(sign) === undefined) throw new Fault(`"${sign}" is missing`);
  }

  #sum(): number {
    let value = this.#product();
    for (let sign = this.#takes("+", "-"); sign !== undefined; sign = this.#takes("+", "-"))
      value = sign === "+" ? value + this.#product() : value - this.#product();
    return value;
  }

  #product(): number {
    let value = this.#signed();
    for (let sign = this.#takes("*", "/", "%"); sign !== undefined; sign = this.#takes("*", "/", "%")) {
      const by = this.#signed();
      if (sign !== "*" && by === 0) throw new Fault("division by zero");
      value = sign === "*" ? value * by : sign === "/" ? value / by : value % by;
    }
    return value;
  }

  /** Whatever is within something else passes here. */
  #signed(): number {
    this.#depth += 1;
    if (this.#depth > limits.calculatorDepthMax) throw new Fault("the expression is nested too deeply");
    const sign = this.#takes("+", "-");
    const value = sign === undefined ? this.#power() : sign === "-" ? -this.#signed() : this.#signed();
    this.#depth -= 1;
    return value;
  }

  #power(): number {
    const base = this.#atom();
    return this.#takes("^") === undefined ? base : base ** this.#signed();
  }

  #atom(): number {
    const next = this.#tokens[this.#at];
    this.#at += 1;
    if (next === undefined) throw new Fault("the expression ends too early");
    if ("number" in next) return next.number;
    if ("name" in next) return constants.get(next.name) ?? this.#call(next.name);
    if (next.sign !== "(") throw new Fault(`${said(next)} is not expected there`);
    const value = this.#sum();
    this.#needs(")");
    return value;
  }

  #call(name: string): number {
    const known = functions.get(name);
    if (known === undefined) throw new Fault(`"${name}" is not known; known are ${calculatorNames.join(", ")}`);
    const [least, most, of] = known;
    this.#needs("(");
    const values = [this.#sum()];
    while (this.#takes(",") !== undefined) values.push(this.#sum());
    this.#needs(")");
    if (values.length < least || values.length > most)
      throw new Fault(`${name} takes ${least === most ? least : `${least} to ${most}`} values`);
    return of(...values);
  }
}

const said = (one: Token): string => `"${"number" in one ? one.number : "name" in one ? one.name : one.sign}"`;
