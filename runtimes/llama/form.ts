/** What form an answer is to have, read from the request before any work: text, JSON, or calls of functions. That the request makes
 *  sense was seen before it came here (`wrong-request.ts`). Pure. */
import { failure, type Failure } from "../../protocols/errors.ts";
import type { GenerationRequest } from "../../protocols/index.ts";
import { callsGrammar, type Callable, type CallSyntax } from "./calls.ts";
import { createRules } from "./grammar.ts";
import { anyObject, emptyObject, understand, type Schema } from "../schema.ts";

/** The form, with the grammar that it is kept by. */
export type Form =
  | { readonly type: "text" }
  | { readonly type: "json"; readonly schema: Schema; readonly grammar: string }
  | {
      readonly type: "calls";
      readonly syntax: CallSyntax;
      readonly tools: readonly Callable[];
      /** The answer is calls and nothing else: their opening stands at the end of the prompt. */
      readonly begins: boolean;
      /** The grammar begins with the answer, which is calls or JSON of the schema; else it begins behind an opening. */
      readonly alsoText: boolean;
      readonly schema: Schema | undefined;
      readonly grammar: string;
    };

/** The form, or why the request is refused. */
export type FormVerdict =
  { readonly type: "fine"; readonly form: Form } | { readonly type: "refused"; readonly error: Failure };

/** Reads it. `syntax` is asked for where there are tools to call. */
export function formOf(request: GenerationRequest, syntax: () => CallSyntax): FormVerdict {
  try {
    return { type: "fine", form: read(request, syntax) };
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

function read(request: GenerationRequest, syntaxOf: () => CallSyntax): Form {
  const { format, tools = [], toolChoice = "auto" } = request;
  const schema =
    format === undefined ? undefined
    : format.type === "json" ? anyObject
    : schemaOf(request, format.schema, "format"); // prettier-ignore
  if (tools.length === 0 || toolChoice === "none") {
    if (schema === undefined) return { type: "text" };
    const rules = createRules();
    return { type: "json", schema, grammar: rules.grammar(rules.value(schema)) };
  }
  const wanted = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  const callable = wanted.map(({ name, parameters }): Callable => ({
    name,
    parameters: parameters === undefined ? emptyObject : objectOf(request, parameters, name),
  }));
  const syntax = syntaxOf();
  const begins = toolChoice !== "auto";
  const alsoText = !begins && schema !== undefined;
  const grammar = callsGrammar(syntax, callable, alsoText ? schema : undefined);
  return { type: "calls", syntax, tools: callable, begins, alsoText, schema, grammar };
}

function objectOf(request: GenerationRequest, parameters: Readonly<Record<string, unknown>>, name: string): Schema {
  const schema = schemaOf(request, parameters, `tools.${name}.parameters`);
  return schema.root.type === "any" ? emptyObject : schema;
}

function schemaOf(request: GenerationRequest, schema: unknown, field: string): Schema {
  const understood = understand(schema);
  if (understood.type === "fine") return understood.schema;
  const { reason } = understood;
  throw new Refused(
    understood.type === "unsupported"
      ? failure("MODEL_UNSUPPORTED", { model: request.model, capability: "json", field, reason })
      : failure("BAD_REQUEST", { field, reason }),
  );
}
