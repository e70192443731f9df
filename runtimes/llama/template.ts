/** Renders the template of a model, which is a program of a stranger: with a budget of steps and of what it makes, and
 *  never by native code.
 *
 *  The interpreter evaluates each part of a template by one method, which calls itself for the parts within: that is
 *  where steps are counted. */
import * as jinja from "@huggingface/jinja";
import { templateFault } from "../gguf-values.ts";
import { runtimeLimits } from "../limits.ts";

/** A template that was read. */
export interface BoundedTemplate {
  /** Throws what the template throws, and at the end of its budget. */
  render(values?: Readonly<Record<string, unknown>>): string;
}

/** What is used of the library, whose own types name their files without an ending. */
interface Library {
  readonly Environment: new () => { set(name: string, value: unknown): unknown };
  readonly Interpreter: new (environment: unknown) => {
    run(program: unknown): { readonly value: unknown };
    evaluate(part: unknown, environment: unknown): { readonly value: unknown };
  };
  readonly Template: new (text: string) => { readonly parsed: unknown; render(values: object): string };
}
const { Environment, Interpreter, Template } = jinja as unknown as Library;

/** What is looked at of a part of a template. */
interface Part {
  readonly type?: string;
  readonly operator?: { readonly value?: string };
  readonly filter?: { readonly value?: string; readonly callee?: { readonly value?: string } };
  readonly property?: { readonly value?: string };
}

/** Filters that look at nothing but how long a list is, or at its ends. */
const briefFilters: ReadonlySet<string> = new Set(["length", "count", "first", "last", "default", "d"]);
/** Operations that go through a list, or copy it: a value of it takes as long as so many characters. */
const listWeight = 16;
/** A text that is cut may have as many parts as letters. */
const cutWeight = 64;

/** What a value costs in what it is an operand of. */
function weightOf({ type, operator, filter, property }: Part, value: string | readonly unknown[]): number {
  if (typeof value === "string") return type === "MemberExpression" && property?.value === "split" ? cutWeight : 1;
  if (type === "BinaryExpression") return operator?.value === "and" || operator?.value === "or" ? 1 : listWeight;
  if (type === "FilterExpression")
    return briefFilters.has(filter?.value ?? filter?.callee?.value ?? "") ? 1 : listWeight;
  return 1;
}

/** A template that has used up its budget: the library tries a dozen variants of one conversation. */
class Exhausted extends Error {}

class Bounded extends Interpreter {
  readonly #stepsMax: number;
  #steps = 0;
  #made = 0;
  /** What the part that is evaluated is in. */
  #above: Part | undefined;

  constructor(environment: unknown, stepsMax: number) {
    super(environment);
    this.#stepsMax = stepsMax;
  }

  override evaluate(part: unknown, environment: unknown): { readonly value: unknown } {
    this.#steps += 1;
    if (this.#steps > this.#stepsMax) throw new Exhausted(`the template takes more than ${this.#stepsMax} steps`);
    const above = this.#above;
    this.#above = part as Part;
    const made = super.evaluate(part, environment);
    this.#above = above;
    const { value } = made;
    // Charged before what it is in goes through it.
    if (typeof value === "string" || Array.isArray(value))
      this.#made += value.length * (above === undefined ? 1 : weightOf(above, value));
    if (this.#made > runtimeLimits.templateMadeMax)
      throw new Exhausted(`the template makes more than ${runtimeLimits.templateMadeMax} characters`);
    return made;
  }
}

/** What templates may call, as the library has it. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception(reason: unknown): never {
    throw new Error(String(reason));
  },
  range(from: number, to?: number, step: number = 1): number[] {
    const [first, end] = to === undefined ? [0, from] : [from, to];
    const count = Math.ceil((end - first) / step);
    if (!(count <= runtimeLimits.templateRangeMax)) throw new Error(`range(${from}, ${to}) has too many numbers`);
    return Array.from({ length: Math.max(0, count) }, (_none, index) => first + index * step);
  },
  // The library keeps its own to itself.
  strftime_now: (format: unknown): string =>
    new Template("{{ strftime_now(format) }}").render({ format: String(format) }),
};

/** Reads a template. Throws why it is none, or none that is read here. */
export function boundedTemplate(text: string): BoundedTemplate {
  const fault = templateFault(text);
  if (fault !== undefined) throw new Error(`the template ${fault}`);
  const { parsed } = new Template(text);
  let stepsMax: number = runtimeLimits.templateStepsMax;
  return {
    render(values = {}) {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals, ...values })) environment.set(name, value);
      try {
        const made = String(new Bounded(environment, stepsMax).run(parsed).value);
        stepsMax = runtimeLimits.templateStepsMax;
        return made;
      } catch (thrown) {
        // Until it renders something again, each further variant has a tenth of the time.
        if (thrown instanceof Exhausted) stepsMax = Math.max(stepsMax / 10, runtimeLimits.templateStepsMin);
        throw thrown;
      }
    },
  };
}

/** Where the library asks for the template of a wrapper: it has this option for itself, and would render by code
 *  without a budget. */
export function boundedEngine(): { readonly _cachedJinjaEngine: unknown } {
  const read = new Map<string, BoundedTemplate>();
  return {
    _cachedJinjaEngine: {
      getFor(_keys: unknown, text: string): BoundedTemplate {
        const known = read.get(text) ?? boundedTemplate(text);
        read.set(text, known);
        return known;
      },
    },
  };
}
