/** Renders the template of a model, which is a program of a stranger: with a budget of steps and of what it makes, and
 *  never by native code.
 *
 *  The interpreter evaluates each part of a template by one method, which calls itself for the parts within: that is
 *  where steps are counted. */
import * as jinja from "@huggingface/jinja";
import { templateFault } from "../gguf-values.ts";
import { runtimeLimits } from "../limits.ts";
import { printedParts, Weights, type Part, type Value } from "./template-weights.ts";

/** A template that was read. */
interface BoundedTemplate {
  /** Throws what the template throws, and at the end of its budget. */
  render(values?: Readonly<Record<string, unknown>>): string;
}

/** What is used of the library, whose own types name their files without an ending. */
interface Library {
  readonly Environment: new () => { set(name: string, value: unknown): unknown };
  readonly Interpreter: new (environment: unknown) => {
    run(program: unknown): Value;
    evaluate(part: unknown, environment: unknown): Value;
  };
  readonly Template: new (text: string) => { readonly parsed: unknown; render(values: object): string };
}
const { Environment, Interpreter, Template } = jinja as unknown as Library;

/** A template that has used up its budget: the library tries a dozen variants of one conversation. */
class Exhausted extends Error {}

/** A part that is evaluated, and the first value that a part of it gave. */
interface Frame {
  readonly part: Part;
  first?: Value;
}

class Bounded extends Interpreter {
  readonly #stepsMax: number;
  readonly #madeMax: number;
  readonly #weights: Weights;
  #steps = 0;
  #made = 0;
  /** What the part that is evaluated is in. */
  #above: Frame | undefined;

  constructor(environment: unknown, stepsMax: number, madeMax: number, printed: ReadonlySet<unknown>) {
    super(environment);
    this.#stepsMax = stepsMax;
    this.#madeMax = madeMax;
    this.#weights = new Weights(printed);
  }

  override evaluate(part: unknown, environment: unknown): Value {
    this.#steps += 1;
    if (this.#steps > this.#stepsMax) throw new Exhausted(`the template takes more than ${this.#stepsMax} steps`);
    const above = this.#above;
    const frame: Frame = { part: (part ?? {}) as Part };
    this.#above = frame;
    let made: Value;
    try {
      made = super.evaluate(part, environment);
    } finally {
      // A loop goes on behind a part that was left by a break.
      this.#above = above;
    }
    // Charged before what it is in goes through it.
    this.#made += this.#weights.made(frame.part, made, frame.first);
    if (above !== undefined) {
      this.#made += this.#weights.operand(above.part, { part, value: made, first: above.first });
      above.first ??= made;
    }
    if (this.#made > this.#madeMax) throw new Exhausted(`the template makes more than ${this.#madeMax} characters`);
    return made;
  }
}

/** A text, a number or a word of the language; of anything larger, only what sort it is. */
const plainText = (value: unknown): string => (typeof value === "object" && value !== null ? "object" : String(value));

/** What templates may call, as the library has it. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception(reason: unknown): never {
    throw new Error(plainText(reason));
  },
  range(from: number, to?: number, step: number = 1): number[] {
    // The language would make a text of a list, and a number of that.
    if ([from, to, step].some((one) => one !== undefined && typeof one !== "number"))
      throw new Error("range takes numbers");
    const [first, end] = to === undefined ? [0, from] : [from, to];
    const count = Math.ceil((end - first) / step);
    if (!(count <= runtimeLimits.templateRangeMax)) throw new Error(`range(${from}, ${to}) has too many numbers`);
    return Array.from({ length: Math.max(0, count) }, (_none, index) => first + index * step);
  },
  // The library keeps its own to itself.
  strftime_now: (format: unknown): string =>
    new Template("{{ strftime_now(format) }}").render({ format: plainText(format) }),
};

/** Reads a template. Throws why it is none, or none that is read here. */
export function boundedTemplate(text: string, madeMax: number = runtimeLimits.templateMadeMax): BoundedTemplate {
  const fault = templateFault(text);
  if (fault !== undefined) throw new Error(`the template ${fault}`);
  const { parsed } = new Template(text);
  const printed = printedParts(parsed);
  let stepsMax: number = runtimeLimits.templateStepsMax;
  return {
    render(values = {}) {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals, ...values })) environment.set(name, value);
      try {
        const made = String(new Bounded(environment, stepsMax, madeMax, printed).run(parsed).value);
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
