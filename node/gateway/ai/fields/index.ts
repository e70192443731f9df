/** What becomes of the fields of requests: one table, by path. A request is refused by it, by name, before anything
 *  else is read of it; what nobody knows of its own fields is named in a header of the answer. */
import { isAbsent, isEmpty, isFields, type Fields } from "../conversation.ts";
import { refuse } from "../media.ts";
import { countFields, messageFields } from "./anthropic.ts";
import { embedFields, embeddingsFields, generateFields, ollamaChatFields, pullFields, showFields } from "./ollama.ts";
import {
  chatFields,
  classifyFields,
  compactFields,
  completionFields,
  embeddingFields,
  imageFields,
  moderationFields,
  rerankFields,
  responseFields,
  speechFields,
  transcriptionFields,
  translationFields,
} from "./openai.ts";
import type { FieldRow } from "./rows.ts";
import { placesOf, unknownIn } from "./unknown.ts";

const table = {
  "/v1/chat/completions": chatFields,
  "/v1/responses": responseFields,
  "/v1/responses/compact": compactFields,
  "/v1/completions": completionFields,
  "/v1/embeddings": embeddingFields,
  "/v1/rerank": rerankFields,
  "/v1/classify": classifyFields,
  "/v1/moderations": moderationFields,
  "/v1/audio/speech": speechFields,
  "/v1/audio/transcriptions": transcriptionFields,
  "/v1/audio/translations": translationFields,
  "/v1/images/generations": imageFields,
  "/v1/messages": messageFields,
  "/v1/messages/count_tokens": countFields,
  "/api/generate": generateFields,
  "/api/chat": ollamaChatFields,
  "/api/embed": embedFields,
  "/api/embeddings": embeddingsFields,
  "/api/pull": pullFields,
  "/api/show": showFields,
} satisfies Readonly<Record<string, readonly FieldRow[]>>;

/** A path that others' clients ask: no route of theirs is without its fields. */
export type FieldsPath = keyof typeof table;
/** Of each of those paths. */
export const fieldsOf: Readonly<Record<string, readonly FieldRow[]>> = table;

/** Values that ask for nothing, where they are others than `asksNothing` says. */
const idle: Readonly<Record<string, (value: unknown, body: Fields) => boolean>> = {
  functions: (value, body) => isEmpty(value) || body["function_call"] === "none",
  function_call: (value) => value === "none" || value === "auto",
  modalities: (value) => Array.isArray(value) && value.every((one) => one === "text"),
  web_search_options: () => false,
  container: () => false,
  audio: () => false,
  moderation: () => false,
  best_of: (value) => value === 1,
  truncation: (value) => value === "disabled",
  verbosity: (value) => value === "medium",
  "text.verbosity": (value) => value === "medium",
  "reasoning.context": (value) => value === "auto",
  "reasoning.mode": (value) => value === "standard",
  "tools(function).allowed_callers": isDirect,
  "tools(custom).allowed_callers": isDirect,
  speed: (value) => value === "standard",
  timestamp_granularities: (value) => isEmpty(value) || [value].flat().every((one) => one === "segment"),
  response_format: (value) => value === "b64_json",
  repetition_penalty: (value) => value === 1,
  repeat_penalty: (value) => value === 1,
  length_penalty: (value) => value === 1,
  typical_p: (value) => value === 1,
  tfs_z: (value) => value === 1,
  truncate_prompt_tokens: (value) => value === -1,
  // Ollama's own defaults, which its clients send.
  "options.repeat_penalty": (value) => value === 1 || value === 1.1,
  "options.tfs_z": (value) => value === 1,
  "options.typical_p": (value) => value === 1,
  background: (value) => value === "auto",
  quality: (value) => value === "auto",
  output_dtype: (value) => value === "float",
  // Cohere's own default, which its clients write out.
  max_tokens_per_doc: (value) => value === 4096,
  // Likelihoods are what is told: without it they would be the model's own numbers.
  activation: (value) => value === true,
  use_activation: (value) => value === true,
  softmax: (value) => value === true,
};

function isDirect(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => one === "direct");
}

/** Nothing, no, none of it, an empty text or list. */
const asksNothing = (value: unknown): boolean =>
  isAbsent(value) || value === false || value === 0 || value === "" || isEmpty(value);

interface Step {
  readonly name: string;
  /** What its `role` or `type` is; undefined: it does not matter. */
  readonly tag: string | undefined;
}

const stepsOf = (path: string): readonly Step[] =>
  [...path.matchAll(/([^.()]+)(?:\(([^)]*)\))?/g)].map(([, name = "", tag]) => ({ name, tag }));

interface Refusal extends FieldRow {
  readonly steps: readonly Step[];
  /** The tags that have rows of their own, beside a `*`. */
  readonly known: ReadonlySet<string>;
}

const refusals = new Map<string, readonly Refusal[]>(
  Object.entries(fieldsOf).map(([path, rows]) => [
    path,
    // What has a word that nobody knows is refused where it is read.
    rows
      .filter((row) => row.fate === "refused" && !row.path.endsWith(")"))
      .map((row) => ({ ...row, steps: stepsOf(row.path), known: besideOf(row, rows) })),
  ]),
);

/** The words that stand where a row has a `*`. */
function besideOf({ path }: FieldRow, rows: readonly FieldRow[]): ReadonlySet<string> {
  const at = path.indexOf("*");
  if (at < 0) return new Set();
  const head = path.slice(0, at);
  const words = rows
    .filter((row) => row.path.startsWith(head) && row.path !== path)
    .map((row) => /^[^.()]+/.exec(row.path.slice(head.length))?.[0] ?? "");
  return new Set(words);
}

/** Refuses the first field of a request that is refused. Error: BAD_REQUEST with its path. */
export function refuseFields(path: FieldsPath, body: Fields): void {
  for (const row of refusals.get(path) ?? []) {
    const [first] = row.steps;
    if (first === undefined || isAbsent(body[first.name])) continue;
    const isIdle = idle[row.path] ?? asksNothing;
    const at = find(body, row.steps, "", {
      known: row.known,
      asks: (value) => !isAbsent(value) && !isIdle(value, body),
    });
    if (at !== undefined) refuse(at, `${row.why}; leave it out`);
  }
}

/** Where the first value at a path is that asks for something. */
function find(
  holder: unknown,
  [step, ...rest]: readonly Step[],
  at: string,
  how: { readonly known: ReadonlySet<string>; readonly asks: (value: unknown) => boolean },
): string | undefined {
  if (step === undefined) return how.asks(holder) ? at : undefined;
  if (!isFields(holder)) return undefined;
  const names = step.name === "*" ? Object.keys(holder).filter((name) => !how.known.has(name)) : [step.name];
  for (const name of names) {
    const value = holder[name];
    const place = `${at}/${name}`;
    const isLast = rest.length === 0 && step.tag === undefined;
    const all: readonly (readonly [string, unknown])[] =
      isLast || !Array.isArray(value)
        ? [[place, value]]
        : value.map((one: unknown, index) => [`${place}/${index}`, one]);
    for (const [where, one] of all) {
      const found = step.tag === undefined || hasTag(one, step.tag) ? find(one, rest, where, how) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

const hasTag = (value: unknown, tag: string): boolean => isFields(value) && (value["role"] ?? value["type"]) === tag;

const places = new Map(Object.entries(fieldsOf).map(([path, rows]) => [path, placesOf(rows)]));

/** How many are named. */
const namedMax = 16;
const nameCharsMax = 64;

/** The request's fields that nobody knows, at any depth; the first ones of many, and the beginnings of long ones. */
export function unknownFields(path: FieldsPath, body: Fields): readonly string[] {
  const known = places.get(path);
  return known === undefined
    ? []
    : unknownIn(known, body, namedMax).map((name) => name.slice(0, nameCharsMax).toWellFormed());
}
