/** What form an answer is to have, read from the request before any work: text, JSON, or calls of functions. That the
 *  request makes sense was seen before it came here (`wrong-request.ts`). Pure. */
import { failure, type Failure } from "../../protocols/errors.ts";
import type { GenerationRequest } from "../../protocols/index.ts";
import { callsGrammar, type Callable, type CallSyntax } from "./calls.ts";
import { createRules } from "./grammar.ts";
import { anyObject, emptyObject, type Schema, type Shape } from "../schema.ts";
import { allowanceOf, understand, type Left } from "../schema-reader.ts";
import { Steps } from "../steps.ts";
import { exactSchema } from "../written-schema.ts";

/** The form, with the grammar that it is kept by. */
export type Form =
  | { readonly type: "text" }
  | { readonly type: "json"; readonly schema: Kept; readonly grammar: string }
  | {
      readonly type: "calls";
      readonly syntax: CallSyntax;
      readonly tools: readonly Callable[];
      /** The answer is calls and nothing else: their opening stands at the end of the prompt. */
      readonly begins: boolean;
      /** The grammar begins with the answer, which is calls or JSON of the schema; else it begins behind an opening. */
      readonly alsoText: boolean;
      readonly schema: Kept | undefined;
      readonly grammar: string;
    };

/** A schema, and how it is kept to: one that is strict by its grammar, all of it; of any other the grammar says what it
 *  can, and what the answer has otherwise is named at the end. */
export interface Kept {
  readonly schema: Schema;
  /** As it came. */
  readonly document: unknown;
  readonly strict: boolean;
}

/** The form, or why the request is refused. */
type FormVerdict = Readonly<{ type: "fine"; form: Form } | { type: "refused"; error: Failure }>;

/** Reads it. `syntax` is asked for where there are tools to call. */
export function formOf(request: GenerationRequest, syntax: () => CallSyntax, steps = new Steps()): FormVerdict {
  try {
    return { type: "fine", form: read(request, syntax, steps) };
  } catch (thrown) {
    if (thrown instanceof Refused) return { type: "refused", error: thrown.error };
    throw thrown;
  }
}

class Refused extends Error {
  readonly error: Failure;
  constructor(error: Failure) {
    super(error.code);
    this.error = error;
  }
}

function read(request: GenerationRequest, syntaxOf: () => CallSyntax, steps: Steps): Form {
  const { format, tools = [], toolChoice = "auto" } = request;
  const keep = createKeeper(request.model, steps);
  const schema =
    format === undefined
      ? undefined
      : format.type === "json"
        ? { schema: anyObject, document: true, strict: true }
        : keep(exactSchema(format.schema, format.written), { strict: format.strict === true, field: "format" });
  if (tools.length === 0 || toolChoice === "none") {
    if (schema === undefined) return { type: "text" };
    const rules = createRules(steps);
    return { type: "json", schema, grammar: rules.grammar(rules.value(schema.schema)) };
  }
  const wanted = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  const callable = wanted.map(({ name, parameters, written, strict = false }): Callable => ({
    name,
    ...(parameters === undefined
      ? { schema: emptyObject, document: true, strict: true }
      : keep(exactSchema(parameters, written), { strict, field: `tools.${name}.parameters`, isObject: true })),
  }));
  const syntax = syntaxOf();
  const begins = toolChoice !== "auto";
  const alsoText = !begins && schema !== undefined;
  const grammar = callsGrammar(syntax, callable, { instead: alsoText ? schema.schema : undefined, steps });
  return { type: "calls", syntax, tools: callable, begins, alsoText, schema, grammar };
}

/** Where a schema of a request stands, and what it has to be. */
interface Place {
  readonly strict: boolean;
  readonly field: string;
  readonly isObject?: boolean;
}

/** Reads the schemas of one request: together they have so many parts at most, as their grammar is one. */
function createKeeper(model: string, steps: Steps): (document: unknown, place: Place) => Kept {
  const allowance = allowanceOf(steps);
  return (document, { strict, field, isObject = false }) => {
    const { schema: whole, left: own } = understand(document, allowance);
    const schema = isObject ? objectOf(whole, own.length === 0) : whole;
    const left: readonly Left[] =
      schema === undefined ? [{ place: "/type", problem: "arguments are an object", wrong: true }, ...own] : own;
    const [first] = left;
    if (strict && first !== undefined) {
      const { place, problem: reason, wrong } = first;
      throw new Refused(
        wrong
          ? failure("BAD_REQUEST", { field, place, reason })
          : failure("MODEL_UNSUPPORTED", { model, capability: "json", field, place, reason }),
      );
    }
    return { schema: schema ?? anyObject, document, strict };
  };
}

/** The objects of a schema, which arguments are; undefined: it has none. One that says nothing at all is a function
 *  without parameters. */
function objectOf(schema: Schema, isWhole: boolean): Schema | undefined {
  const { root, named } = schema;
  const seen = new Set<Shape>();
  const objects = (shape: Shape): readonly Shape[] => {
    if (seen.has(shape)) return [];
    seen.add(shape);
    if (shape.type === "some") return shape.of.flatMap(objects);
    if (shape.type === "named") return objects(named.get(shape.name) ?? { type: "any" }).length > 0 ? [shape] : [];
    if (shape.type === "any") return isWhole ? [] : [anyObject.root];
    return shape.type === "object" ? [shape] : [];
  };
  if (root.type === "any" && isWhole) return emptyObject;
  const of =
    root.type === "some"
      ? objects(root)
      : objects(root).length > 0
        ? [root.type === "any" ? anyObject.root : root]
        : [];
  const [only] = of;
  if (only === undefined) return undefined;
  return {
    root: of.length === 1 ? only : { type: "some", of, exactlyOne: root.type === "some" && root.exactlyOne },
    named,
  };
}
