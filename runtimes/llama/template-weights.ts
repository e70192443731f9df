/** What the parts of a template cost: a part that goes through a text, a list or a dictionary costs what that has,
 *  not one step. A letter that is passed on is one; the rest is in letters, about as the library takes time for it.
 *  Pure. */

/** What is looked at of a part of a template. */
export interface Part {
  readonly type?: string;
  readonly operator?: { readonly value?: string };
  readonly filter?: { readonly value?: string; readonly callee?: { readonly value?: string } };
  readonly property?: { readonly type?: string };
  readonly callee?: unknown;
  readonly operand?: unknown;
  readonly iterable?: { readonly lhs?: unknown };
}

/** A value of the library: a text, a number, a list, a dictionary, a function, … */
export interface Value {
  readonly type: string;
  readonly value: unknown;
  readonly builtins?: ReadonlyMap<string, unknown>;
}

/** An operand that has been evaluated, and the first one of the same operation. */
interface Operand {
  readonly part: unknown;
  readonly value: Value;
  readonly first: Value | undefined;
}

/** What one value of a list costs, and a letter of all that is within it. */
interface Weight {
  readonly each: number;
  readonly whole: number;
}

const passed: Weight = { each: 1, whole: 0 };
/** It goes through a list, or copies it. */
const through: Weight = { each: 16, whole: 0 };
/** It makes a value of each part, or a scope: those are slow to make. */
const cut: Weight = { each: 64, whole: 0 };
/** All that is within is written. */
const written: Weight = { each: 16, whole: 1 };

/** Filters and functions of values, where a list or a dictionary is gone through otherwise. Texts are compared letter
 *  by letter, and a sort compares each as often as there are halves. */
const operations: Readonly<Record<string, Weight>> = {
  ...Object.fromEntries(
    ["length", "count", "first", "last", "default", "d", "safe", "get"].map((name) => [name, passed]),
  ),
  ...Object.fromEntries(["items", "keys", "values"].map((name) => [name, cut])),
  ...Object.fromEntries(["tojson", "string", "join"].map((name) => [name, written])),
  selectattr: { each: 16, whole: 1 / 64 },
  rejectattr: { each: 16, whole: 1 / 64 },
  sort: { each: 16, whole: 32 },
  dictsort: { each: 64, whole: 32 },
};
/** Those that take a text apart, for each letter; others take one for each. */
const ofTexts: Readonly<Record<string, number>> = { split: 64, join: 16, title: 16, indent: 16 };

/** Letters, values or entries. */
function sizeOf({ value }: Value): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

const isText = (one: Value): one is Value & { readonly value: string } => typeof one.value === "string";
const isList = ({ value }: Value): boolean => Array.isArray(value);
const ownOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** The weights of one rendering. */
export class Weights {
  readonly #printed: ReadonlySet<unknown>;
  readonly #wholes = new WeakMap<object, number>();
  /** Functions of a value, and what a call of each costs. */
  readonly #calls = new WeakMap<object, number>();

  constructor(printed: ReadonlySet<unknown>) {
    this.#printed = printed;
  }

  /** What a part costs by what it gave. */
  made(part: Part, value: Value, first: Value | undefined): number {
    // A function of a value may be called by another name, and later.
    if (part.type === "MemberExpression" && value.type === "FunctionValue" && first !== undefined) {
      const [name] = [...(first.builtins ?? [])].find(([, one]) => one === value) ?? [];
      if (name !== undefined) this.#calls.set(value, this.#operation(name, first));
    }
    return part.type === "CallExpression" && !isText(value) ? cut.each * sizeOf(value) : 0;
  }

  /** What it costs that a value is an operand of what it is in. */
  operand(above: Part, { part, value, first }: Operand): number {
    if (above.type === "CallExpression" && above.callee === part) return this.#calls.get(value) ?? 0;
    if (this.#printed.has(part)) return isText(value) ? value.value.length : this.#cost(value, written);
    switch (above.type) {
      case "For":
        return this.#cost(value, above.iterable === part || above.iterable?.lhs === part ? cut : passed);
      case "MemberExpression":
        return above.property?.type === "SliceExpression" ? through.each * sizeOf(value) : sizeOf(value);
      case "BinaryExpression":
        return this.#ofBoth(above.operator?.value ?? "", value, first);
      case "FilterExpression":
        if (above.operand !== part) return sizeOf(value);
        return this.#operation(above.filter?.value ?? above.filter?.callee?.value ?? "", value);
      default:
        return sizeOf(value);
    }
  }

  /** An operand of an operation of two. */
  #ofBoth(operator: string, value: Value, first: Value | undefined): number {
    if (operator === "and" || operator === "or") return sizeOf(value);
    const isIn = operator === "in" || operator === "not in";
    if (isText(value)) {
      // Beside a text, the list before it is written.
      const before = first !== undefined && isList(first) && !isIn ? this.#whole(first) : 0;
      return value.value.length + before;
    }
    // Each is compared with the text.
    if (isIn && first !== undefined && isText(first)) return sizeOf(value) * (through.each + first.value.length / 64);
    const isWritten = operator === "~" || (first !== undefined && !isList(first) && !isIn);
    return this.#cost(value, isWritten ? written : through);
  }

  #operation(name: string, value: Value): number {
    if (isText(value)) return value.value.length * (ownOf(ofTexts, name) ?? 1);
    return this.#cost(value, ownOf(operations, name) ?? through);
  }

  #cost(value: Value, { each, whole }: Weight): number {
    return sizeOf(value) * each + (whole === 0 ? 0 : whole * this.#whole(value));
  }

  /** Letters of all that is within a value, as often as it is within. Values do not change, so each is counted once.
   *  But a namespace does: it is more than there may be. */
  #whole(value: Value): number {
    if (isText(value)) return value.value.length;
    if (value.type === "NamespaceValue") return Infinity;
    const within = value.value;
    const isMap = within instanceof Map;
    if (!isMap && !Array.isArray(within)) return 1;
    const known = this.#wholes.get(value);
    if (known !== undefined) return known;
    let sum = 0;
    for (const one of within.values() as Iterable<Value>) sum += through.each + this.#whole(one);
    if (isMap) for (const key of within.keys() as Iterable<string>) sum += key.length;
    this.#wholes.set(value, sum);
    return sum;
  }
}

/** The parts of a template whose values are written where they stand. */
export function printedParts(program: unknown): ReadonlySet<unknown> {
  const printed = new Set<unknown>();
  const waiting: unknown[] = [program];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (typeof one !== "object" || one === null) continue;
    for (const name of ["body", "alternate", "defaultBlock"] as const) {
      const block = (one as Readonly<Record<string, unknown>>)[name];
      if (Array.isArray(block)) for (const part of block) printed.add(part);
    }
    const within: readonly unknown[] = one instanceof Map ? [...one].flat() : Object.values(one);
    for (const part of within) if (part !== undefined) waiting.push(part);
  }
  return printed;
}
