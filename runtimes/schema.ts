/** What a JSON schema allows, as data: a grammar is made of it, and what was written is checked with it.
 *  `schema-reader.ts` makes it, and says what of a schema it cannot say. Pure. */
import { compareNumbers, ExactNumber, isWhole, normalForm } from "../protocols/wire/exact-number.ts";
import { hasPattern, type Pattern } from "./pattern.ts";
import { Steps, within } from "./steps.ts";

/** What a value may be. */
export type Shape =
  | { readonly type: "any" }
  | { readonly type: "null" }
  | { readonly type: "boolean" }
  | { readonly type: "literal"; readonly values: readonly unknown[] }
  | {
      readonly type: "text";
      readonly min: number;
      readonly max: number | undefined;
      readonly format?: TextFormat;
      readonly pattern?: Pattern;
      /** What a grammar says of the pattern: the same, or more. */
      readonly said?: Pattern;
    }
  | { readonly type: "number"; readonly whole: boolean; readonly bounds: Bounds }
  | {
      readonly type: "object";
      readonly members: readonly Member[];
      /** What members beyond those may be; undefined: there are none. */
      readonly others: Shape | undefined;
      readonly min: number;
      readonly max: number | undefined;
    }
  | {
      readonly type: "list";
      readonly first: readonly Shape[];
      /** Undefined: none beyond the first. */
      readonly items: Shape | undefined;
      readonly min: number;
      readonly max: number | undefined;
    }
  | { readonly type: "some"; readonly of: readonly Shape[]; readonly exactlyOne: boolean }
  | { readonly type: "named"; readonly name: string };

/** One member of an object. */
export interface Member {
  readonly key: string;
  readonly shape: Shape;
  readonly required: boolean;
}

/** From where to where a number is. */
export interface Bounds {
  readonly min?: Numeric;
  readonly max?: Numeric;
  readonly above?: Numeric;
  readonly below?: Numeric;
}

/** A number, as the language has it where that is the same. */
export type Numeric = number | ExactNumber;

/** Whether a value is a number. */
export const isNumeric = (value: unknown): value is Numeric =>
  typeof value === "number" || value instanceof ExactNumber;

/** The formats that are kept to; others are notes. */
export type TextFormat = keyof typeof formats;

/** How a text of a format looks. The grammar says the same in its own words. */
export const formats = {
  date: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
  time: /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
  "date-time":
    /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
  uuid: /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/,
} as const;

/** A schema that is no word. */
export type Keywords = Readonly<Record<string, unknown>>;

/** Whether a value has keywords, or members. */
export const isRecord = (value: unknown): value is Keywords =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

/** A schema that was understood: its root, and the shapes that it names. */
export interface Schema {
  readonly root: Shape;
  readonly named: ReadonlyMap<string, Shape>;
}

/** Any JSON object. */
export const anyObject: Schema = {
  root: { type: "object", members: [], others: { type: "any" }, min: 0, max: undefined },
  named: new Map(),
};

/** An object without members: the arguments of a function without parameters. */
export const emptyObject: Schema = {
  root: { type: "object", members: [], others: undefined, min: 0, max: undefined },
  named: new Map(),
};

/** Whether a value is of the schema. One that takes more steps to tell than there are is not. */
export function fits({ root, named }: Schema, value: unknown, steps = new Steps()): boolean {
  return within(
    () => new Check(named, steps).fits(root, value),
    () => false,
  );
}

class Check {
  readonly #named: Schema["named"];
  /** What was found of a choice: names may lead to the same one again and again. */
  readonly #known = new Map<Shape, Map<unknown, boolean>>();
  readonly #steps: Steps;

  constructor(named: Schema["named"], steps: Steps) {
    this.#named = named;
    this.#steps = steps;
  }

  fits(shape: Shape, value: unknown): boolean {
    this.#steps.take();
    const fit = (part: Shape, one: unknown): boolean => this.fits(part, one);
    switch (shape.type) {
      case "any":
        return true;
      case "null":
        return value === null;
      case "boolean":
        return typeof value === "boolean";
      case "literal":
        return shape.values.some((one) => isSame(one, value, this.#steps));
      case "text":
        if (typeof value !== "string") return false;
        this.#steps.take(value.length);
        return (
          isWithin(Array.from(value).length, shape) &&
          (shape.format === undefined || formats[shape.format].test(value)) &&
          (shape.pattern === undefined || hasPattern(shape.pattern, value, this.#steps) === true)
        );
      case "number":
        if (!isNumeric(value)) return false;
        this.#steps.take(digitSteps(value, ...Object.values(shape.bounds)));
        return (!shape.whole || isWhole(value)) && isInBounds(value, shape.bounds);
      case "list": {
        if (!Array.isArray(value) || !isWithin(value.length, shape)) return false;
        const { first, items } = shape;
        return value.every((one, index) => {
          const part = first[index] ?? items;
          return part !== undefined && fit(part, one);
        });
      }
      case "object": {
        if (!isRecord(value)) return false;
        const { members, others } = shape;
        const count = Object.keys(value).length;
        this.#steps.take(count + members.length);
        if (!isWithin(count, shape)) return false;
        const shapes = new Map(members.map((member) => [member.key, member.shape]));
        return (
          members.every(({ key, required }) => !required || Object.hasOwn(value, key)) &&
          Object.entries(value).every(([key, one]) => {
            const part = shapes.get(key) ?? others;
            return part !== undefined && fit(part, one);
          })
        );
      }
      case "some":
        return this.#choice(shape, value);
      case "named": {
        const part = this.#named.get(shape.name);
        return part !== undefined && fit(part, value);
      }
    }
  }

  #choice(shape: Shape & { readonly type: "some" }, value: unknown): boolean {
    const known = this.#known.get(shape) ?? new Map<unknown, boolean>();
    this.#known.set(shape, known);
    const before = known.get(value);
    if (before !== undefined) return before;
    const fit = (part: Shape): boolean => this.fits(part, value);
    const found = shape.exactlyOne ? shape.of.filter(fit).length === 1 : shape.of.some(fit);
    known.set(value, found);
    return found;
  }
}

const isWithin = (count: number, { min, max }: { readonly min: number; readonly max: number | undefined }): boolean =>
  count >= min && (max === undefined || count <= max);

const isInBounds = (value: Numeric, { min, max, above, below }: Bounds): boolean =>
  (min === undefined || compareNumbers(value, min) >= 0) &&
  (max === undefined || compareNumbers(value, max) <= 0) &&
  (above === undefined || compareNumbers(value, above) > 0) &&
  (below === undefined || compareNumbers(value, below) < 0);

/** Steps in which numbers are compared: as many as they have digits. */
export const digitSteps = (...of: readonly unknown[]): number =>
  of.reduce<number>((sum, one) => sum + (one instanceof ExactNumber ? one.text.length : 1), 0);

/** Texts that may be the same are compared so many letters a step. */
const lettersPerStep = 16;

/** Whether two values are the same JSON. Each part of them that is looked at is a step. */
export function isSame(one: unknown, other: unknown, steps: Steps): boolean {
  steps.take();
  if (typeof one === "string") {
    if (typeof other !== "string" || one.length !== other.length) return false;
    steps.take(Math.ceil(one.length / lettersPerStep));
    return one === other;
  }
  if (one === other) return true;
  if (one instanceof ExactNumber && other instanceof ExactNumber) {
    steps.take(digitSteps(one, other));
    return compareNumbers(one, other) === 0;
  }
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((part, index) => isSame(part, other[index], steps));
  if (!isRecord(one) || !isRecord(other)) return false;
  const [keys, others] = [Object.keys(one), Object.keys(other)];
  steps.take(keys.length + others.length);
  return (
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key], steps))
  );
}

/** A value as a text that is the same for the same JSON, for many that are compared with each other. */
export function keyOf(value: unknown, steps: Steps): string {
  steps.take(typeof value === "string" ? 1 + Math.ceil(value.length / lettersPerStep) : digitSteps(value));
  if (value instanceof ExactNumber) return normalForm(value);
  if (Array.isArray(value)) return `[${value.map((part) => keyOf(part, steps)).join()}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const keys = Object.keys(value);
  // To put them in order takes more than to go through them.
  steps.take(keys.length * Math.ceil(Math.log2(keys.length + 1)));
  return `{${keys
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${keyOf(value[key], steps)}`)
    .join()}}`;
}
