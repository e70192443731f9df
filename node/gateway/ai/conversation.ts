/** What a request asks of `generate`, whatever its wire: pieces that the surfaces read with, and what they make of the
 *  parts. */
import { Type, type Static, type TSchema } from "typebox";
import {
  failure,
  ok,
  AsWritten,
  innerExcess,
  parseNoting,
  parseToWrite,
  parseWithin,
  writtenOf,
  refused,
  textFault,
  wireLimits,
  type CallPiece,
  type ChatMessage,
  type Format,
  type GenerationAnswer,
  type GenerationPart,
  type Result,
  type Sampling,
  type Thinking,
  type TokenLogprob,
  type Tool,
  type ToolCall,
  type ToolChoice,
} from "../../../protocols/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { Asked } from "./calls.ts";
import { createMediaReader, wrong, type MediaReader } from "./media.ts";

/** Clients send null for what they do not set. */
export const maybe = <T extends TSchema>(type: T) => Type.Optional(Type.Union([type, Type.Null()]));

/** Fields of a body as they come. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** Whether a value is not set. */
export const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null;
/** Whether a value has nothing in it. */
export const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** What a request asks for, less the model. */
export type Wanted = Omit<Asked<"generate">, "model"> & {
  /** False: one call a turn at most; further ones are left out. */
  readonly parallel: boolean;
  /** Where its schemas stand in the body. */
  readonly places?: Places;
};

/** Where the schemas of a request stand: of its tools by their names, and of its format. */
export interface Places {
  readonly tools: ReadonlyMap<string, string>;
  readonly format: string;
}

/** The same, of tools in their order. */
export const placesOf = (tools: readonly Tool[], pathOf: (place: number) => string, format: string): Places => ({
  tools: new Map(tools.map(({ name }, place) => [name, pathOf(place)])),
  format,
});

const stopTextsMax = 8;
const stopCharsMax = 64;

/** Texts that end an answer. */
export function readStops(
  path: string,
  given: string | readonly string[] | null | undefined,
): Result<readonly string[]> {
  const stop = typeof given === "string" ? [given] : (given ?? []);
  if (stop.length > stopTextsMax || stop.some((text) => text === "" || text.length > stopCharsMax))
    return wrong(path, `at most ${stopTextsMax} texts of 1 to ${stopCharsMax} characters`);
  return ok(stop);
}

/** A text of a prompt. */
export function readText(path: string, text: string): Result<string> {
  const fault = textFault(text, "prompt");
  return fault === undefined ? ok(text) : wrong(path, fault);
}

/** How tokens are picked. */
export const readSampling = (given: {
  readonly temperature?: number | null | undefined;
  readonly topP?: number | null | undefined;
  readonly topK?: number | null | undefined;
  readonly minP?: number | null | undefined;
  readonly maxTokens?: number | null | undefined;
  readonly seed?: number | null | undefined;
}): Sampling => ({
  ...(!isAbsent(given.temperature) && { temperature: given.temperature }),
  ...(!isAbsent(given.topP) && { topP: given.topP }),
  // -1 is what vLLM has for all.
  ...(!isAbsent(given.topK) && { topK: Math.max(0, given.topK) }),
  ...(!isAbsent(given.minP) && { minP: given.minP }),
  // More than we ever write is no error: the answer ends with `length` as it would there.
  ...(!isAbsent(given.maxTokens) && { maxTokens: Math.min(given.maxTokens, wireLimits.maxTokensMax) }),
  ...(!isAbsent(given.seed) && { seed: given.seed & 0x7fffffff }),
});

/** How tokens are picked, as OpenAI's interfaces say it. */
export const samplingIn = (
  body: {
    readonly temperature?: number | null | undefined;
    readonly top_p?: number | null | undefined;
    readonly top_k?: number | null | undefined;
    readonly min_p?: number | null | undefined;
    readonly seed?: number | null | undefined;
    readonly random_seed?: number | null | undefined;
  },
  maxTokens: number | null | undefined,
): Sampling =>
  readSampling({
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    seed: body.seed ?? body.random_seed,
    maxTokens,
  });

/** A function as every wire describes it. */
export const functionSchema = Type.Object({
  name: Type.String({ pattern: "^[A-Za-z0-9_.:-]{1,128}$", description: "letters, digits, _ . : -" }),
  description: maybe(Type.String({ maxLength: 16_384 })),
  parameters: maybe(Type.Record(Type.String(), Type.Unknown())),
  strict: maybe(Type.Boolean()),
});

type Given<T> = { readonly [Field in keyof T]?: T[Field] | undefined };

/** Reads one function. */
export function readTool(
  path: string,
  { name, description, parameters, strict }: Given<Static<typeof functionSchema>> & { readonly name: string },
): Result<Tool> {
  const text = readText(`${path}/description`, description ?? "");
  if (!text.ok) return text;
  return ok({
    name,
    ...(text.value !== "" && { description: text.value }),
    ...(parameters && { parameters }),
    ...(strict === true && { strict }),
  });
}

/** Checks tools and the choice among them. */
export function checkTools(
  tools: readonly Tool[],
  choice: ToolChoice | undefined,
  at: { readonly tools: string; readonly choice: string },
  limits: GatewayLimits,
): Result<Pick<Wanted, "tools" | "toolChoice">> {
  const max = limits.completionToolsMax;
  if (tools.length > max) return refused(failure("TOO_LARGE", { limit: "completionToolsMax", max }));
  if (new Set(tools.map(({ name }) => name)).size < tools.length) return wrong(at.tools, "two tools have one name");
  if (tools.length === 0)
    return choice === undefined || choice === "auto" || choice === "none"
      ? ok({})
      : wrong(at.choice, "there are no tools to choose from");
  if (typeof choice === "object" && !tools.some(({ name }) => name === choice.name))
    return wrong(at.choice, `no tool is called ${choice.name}`);
  return ok({ tools, ...(choice !== undefined && { toolChoice: choice }) });
}

/** Reads calls that a model is said to have made. */
export function readCall(path: string, call: ToolCall): Result<ToolCall> {
  if (call.id.length > 256 || call.name.length > 256) return wrong(path, "an id or name is too long");
  const text = readText(path, call.arguments);
  if (!text.ok) return text;
  const excess = innerExcess(call.arguments);
  return excess === undefined ? ok(call) : wrong(path, `its arguments: ${excess}`);
}

/** The format `json_schema` in its two forms, and the others. */
export function readFormat(path: string, format: unknown): Result<Format | undefined> {
  if (isAbsent(format)) return ok(undefined);
  if (!isFields(format)) return wrong(path, "must be an object");
  if (format["type"] === "text") return ok(undefined);
  // Together, Fireworks and llama-server take a schema with it.
  if (format["type"] === "json_object" && isAbsent(format["schema"])) return ok({ type: "json" });
  if (format["type"] === "json_object") return readSchema(`${path}/schema`, format["schema"]);
  if (format["type"] !== "json_schema") return wrong(`${path}/type`, "must be text, json_object or json_schema");
  const holder = isFields(format["json_schema"]) ? format["json_schema"] : format;
  return readSchema(
    holder === format ? `${path}/schema` : `${path}/json_schema/schema`,
    holder["schema"],
    holder["strict"],
  );
}

function readSchema(path: string, schema: unknown, strict?: unknown): Result<Format> {
  if (!isFields(schema)) return wrong(path, "must be a JSON schema");
  if (!isAbsent(strict) && typeof strict !== "boolean")
    return wrong(path.replace(/schema$/, "strict"), "must be true or false");
  return ok({ type: "schema", schema, ...(typeof strict === "boolean" && { strict }) });
}

/** The fields of vLLM, and of other servers that speak like OpenAI, in which their clients ask for a form, for less of
 *  what is likely, and for no thoughts. */
export const dialectFields = {
  top_k: maybe(Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 })),
  min_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  guided_json: maybe(Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())])),
  structured_outputs: maybe(Type.Record(Type.String(), Type.Unknown())),
};

/** The form that is asked for in OpenAI's way or in vLLM's. */
export function readForm(format: Result<Format | undefined>, body: Fields): Result<Format | undefined> {
  const outputs = body["structured_outputs"];
  const given = [
    ["/guided_json", body["guided_json"]],
    ["/structured_outputs/json", isFields(outputs) ? outputs["json"] : undefined],
  ] as const;
  const asked = given.find(([, schema]) => !isAbsent(schema));
  if (!format.ok || asked === undefined) return format;
  const [path, schema] = asked;
  if (format.value !== undefined) return wrong(path, "there is a response_format already");
  return readSchema(path, typeof schema === "string" ? schemaIn(schema) : schema);
}

function schemaIn(text: string): unknown {
  try {
    return parseWithin(text, parseNoting);
  } catch {
    return undefined;
  }
}

/** What is wanted, with those schemas as texts whose numbers are none of the language: more digits than it has, or
 *  another form. */
export function withNumbers(wanted: Wanted): Wanted {
  const { tools, format } = wanted;
  const noted = (schema: object | undefined): { readonly written?: string } => {
    const written = schema && writtenOf(schema);
    return written === undefined ? {} : { written };
  };
  return {
    ...wanted,
    ...(tools && { tools: tools.map((tool) => ({ ...tool, ...noted(tool.parameters) })) }),
    ...(format?.type === "schema" && { format: { ...format, ...noted(format.schema) } }),
  };
}

const efforts: Readonly<Record<string, Thinking>> = {
  none: false,
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "high",
  // Groq's word for a model's own way.
  default: true,
};

/** An effort in OpenAI's words. */
export function readEffort(path: string, effort: unknown): Result<Thinking | undefined> {
  if (isAbsent(effort)) return ok(undefined);
  const known = typeof effort === "string" && Object.hasOwn(efforts, effort) ? efforts[effort] : undefined;
  return known === undefined ? wrong(path, `must be ${Object.keys(efforts).join(", ")}`) : ok(known);
}

/** Whether the model is to think, in the ways in which clients of servers like OpenAI's say it. The first that says it
 *  counts. */
export function readThinking(body: Fields): Result<Thinking | undefined> {
  const { thinking, reasoning, chat_template_kwargs: kwargs } = body as Readonly<Record<string, unknown>>;
  const of = (holder: unknown, name: string): unknown => (isFields(holder) ? holder[name] : undefined);
  const all: readonly (readonly [
    path: string,
    value: unknown,
    read: (path: string, value: unknown) => Result<Thinking | undefined>,
  ])[] = [
    ["/reasoning_effort", body["reasoning_effort"], readEffort],
    ["/reasoning/effort", of(reasoning, "effort"), readEffort],
    ["/reasoning/enabled", of(reasoning, "enabled"), readSwitch],
    ["/enable_thinking", body["enable_thinking"], readSwitch],
    ["/think", body["think"], readThink],
    ["/thinking/type", of(thinking, "type"), readWord],
    ["/chat_template_kwargs/enable_thinking", of(kwargs, "enable_thinking"), readSwitch],
    ["/chat_template_kwargs/thinking", of(kwargs, "thinking"), readSwitch],
    ["/chat_template_kwargs/reasoning_effort", of(kwargs, "reasoning_effort"), readEffort],
  ];
  for (const [path, value, read] of all) if (!isAbsent(value)) return read(path, value);
  return ok(undefined);
}

const readSwitch = (path: string, value: unknown): Result<Thinking | undefined> =>
  typeof value === "boolean" ? ok(value) : wrong(path, "must be true or false");

/** Ollama's. */
const readThink = (path: string, value: unknown): Result<Thinking | undefined> =>
  typeof value === "boolean" ? ok(value) : readEffort(path, value);

/** DeepSeek's words. */
const readWord = (path: string, value: unknown): Result<Thinking | undefined> =>
  value === "disabled" || value === "enabled" || value === "auto"
    ? ok(value === "auto" ? undefined : value === "enabled")
    : wrong(path, "must be enabled or disabled");

/** A conversation whose last message is the assistant's: the answer has been begun with it. An empty beginning is
 *  none. */
export function begunIn(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || last.calls !== undefined || messages.length === 1) return messages;
  const before = messages.slice(0, -1);
  return last.content.trim() === "" ? before : [...before, { ...last, continues: true }];
}

/** A reader of media for one request. */
export const mediaFor = (limits: GatewayLimits): MediaReader => createMediaReader(limits.mediaBytesMax);

/** A call as far as it is written. */
export interface WrittenCall {
  readonly id: string;
  readonly name: string;
  arguments: string;
  isWhole: boolean;
}

/** What came of one generation. */
export interface Written {
  text: string;
  thought: string;
  /** One that was cut off, too. */
  readonly calls: WrittenCall[];
  readonly logprobs: TokenLogprob[];
}

/** What is new of a call. */
export interface AddedPiece {
  /** Which of the calls it is, from 0. */
  readonly place: number;
  /** The first that is told of it. */
  readonly begins: boolean;
  readonly call: WrittenCall;
  readonly text: string;
}

/** A part as it counts. */
export interface Added extends Omit<GenerationPart, "pieces"> {
  readonly pieces: readonly AddedPiece[];
}

/** Nothing yet. */
export const nothingWritten = (): Written => ({ text: "", thought: "", calls: [], logprobs: [] });

const noPieces: readonly AddedPiece[] = [];

/** Adds a part, and gives it as it counts: without the calls that are too many, and with each call in pieces, however
 *  it came. */
export function add(written: Written, part: GenerationPart, wanted: Pick<Wanted, "parallel">): Added {
  written.text += part.text;
  if (part.thought !== undefined) written.thought += part.thought;
  if (part.logprobs !== undefined) written.logprobs.push(...part.logprobs);
  if (part.calls === undefined && part.pieces === undefined) return { ...part, pieces: noPieces };
  const pieces = [
    ...(part.pieces ?? []).flatMap((piece) => addPiece(written, piece, wanted)),
    ...(part.calls ?? []).flatMap((call) => addCall(written, call, wanted)),
  ];
  const isKnown = ({ id }: ToolCall): boolean => written.calls.some((call) => call.id === id);
  return { ...part, calls: (part.calls ?? []).filter(isKnown), pieces };
}

function addPiece({ calls }: Written, piece: CallPiece, { parallel }: Pick<Wanted, "parallel">): readonly AddedPiece[] {
  const { index: place, id, name, arguments: text } = piece;
  if (!parallel && place > 0) return [];
  const known = calls[place];
  if (known !== undefined) {
    known.arguments += text;
    return [{ place, begins: false, call: known, text }];
  }
  // Of a call whose beginning was not heard nothing can be told.
  if (id === undefined || name === undefined || place !== calls.length) return [];
  const call = { id, name, arguments: text, isWhole: false };
  calls.push(call);
  return [{ place, begins: true, call, text }];
}

/** A call that is whole. Nodes of an earlier version tell them without pieces. */
function addCall({ calls }: Written, given: ToolCall, { parallel }: Pick<Wanted, "parallel">): readonly AddedPiece[] {
  const known = calls.find(({ id }) => id === given.id);
  if (known !== undefined) {
    known.isWhole = true;
    return [];
  }
  if (!parallel && calls.length > 0) return [];
  const call = { ...given, isWhole: true };
  return [{ place: calls.push(call) - 1, begins: true, call, text: given.arguments }];
}

/** What generations took together: of one prompt. */
export function sumOf(
  answers: readonly GenerationAnswer[],
): Required<Pick<GenerationAnswer, "promptTokens" | "completionTokens" | "cachedTokens">> {
  const [first] = answers;
  return {
    promptTokens: first?.promptTokens ?? 0,
    cachedTokens: first?.cachedTokens ?? 0,
    completionTokens: answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
  };
}

/** What of an answer does not fit its schemas, as every interface says it: beside the answer, which is as it is. */
export const warningsOf = ({
  unfit = [],
}: Pick<GenerationAnswer, "unfit">): { readonly warnings?: readonly object[] } =>
  unfit.length === 0
    ? {}
    : {
        warnings: unfit.map(({ tool, at, keyword, problem }) => ({
          type: "schema",
          ...(tool !== undefined && { tool }),
          path: at,
          keyword,
          message: problem,
        })),
      };

/** What a tool or a model was given as arguments, as an object to be sent: character by character, once it is written
 *  with `stringifyWritten`. */
export function writtenArguments(text: string): Fields | AsWritten {
  try {
    return isFields(parseWithin(text)) ? new AsWritten(text) : {};
  } catch {
    return {};
  }
}

/** The same, to be looked into: its numbers keep their form when it is written. */
export function parsedArguments(text: string): Fields {
  try {
    const value = parseWithin(text, parseToWrite);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}
