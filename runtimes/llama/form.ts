/** What form an answer is to have, read from the request before any work: text, JSON, or calls of functions. Pure. */
import { failure, type Failure, type GenerationRequest } from "../../protocols/index.ts";
import { runtimeLimits } from "../limits.ts";
import { callsGrammar, type Callable, type CallSyntax } from "./calls.ts";
import { createRules } from "./grammar.ts";
import { anyObject, emptyObject, understand, type Schema } from "./schema.ts";

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
  if (tools.length > runtimeLimits.toolsPerRequestMax)
    throw new Refused(failure("BAD_REQUEST", { field: "tools", max: runtimeLimits.toolsPerRequestMax }));
  const wanted = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  if (wanted.length === 0)
    throw new Refused(failure("BAD_REQUEST", { field: "toolChoice", reason: "there is no such tool" }));
  const names = new Set(wanted.map(({ name }) => name));
  if (names.size < wanted.length || names.has(""))
    throw new Refused(failure("BAD_REQUEST", { field: "tools", reason: "each has a name of its own" }));
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
  const field = `tools.${name}.parameters`;
  // Those of a function without any are often written so.
  const schema = Object.keys(parameters).length === 0 ? emptyObject : schemaOf(request, parameters, field);
  const { root, named } = schema;
  const shape = root.type === "named" ? named.get(root.name) : root;
  if (shape?.type !== "object") throw new Refused(failure("BAD_REQUEST", { field, reason: "arguments are an object" }));
  return schema;
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
