/** OpenAI: models, and chat completions. */
import { Type, type Static } from "typebox";
import {
  ok,
  type ChatMessage,
  type Failure,
  type GenerationAnswer,
  type Media,
  type Result,
  type TokenLogprob,
  type ToolCall,
  type ToolChoice,
} from "../../../protocols/index.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { together, type Asking } from "./calls.ts";
import {
  add,
  type AddedPiece,
  begunIn,
  checkTools,
  dialectFields,
  functionSchema,
  isAbsent,
  isEmpty,
  isFields,
  maybe,
  mediaFor,
  nothingWritten,
  placesOf,
  readCall,
  readForm,
  readFormat,
  samplingIn,
  readStops,
  readText,
  readThinking,
  readTool,
  sumOf,
  warningsOf,
  type Fields,
  type Wanted,
  type Written,
} from "./conversation.ts";
import { openAiError } from "./errors.ts";
import { type MediaReader, refuse, wrong } from "./media.ts";
import { factsOf, type Listed } from "./models.ts";
import { streamed, streams, type Outgoing } from "./outgoing.ts";
import {
  addPlain,
  addPost,
  checkMessages,
  checkTexts,
  generator,
  type Generate,
  newId,
  nowSeconds,
  type Posted,
  type Surface,
} from "./surface.ts";

const part = Type.Object({
  type: Type.String(),
  text: maybe(Type.String()),
  image_url: maybe(Type.Object({ url: Type.String() })),
  input_audio: maybe(Type.Object({ data: Type.String(), format: Type.String({ maxLength: 32 }) })),
});

/** The fields of OpenAI's chat request that mean something here. Of the others, those in `unsupported` are refused; the
 *  rest is ignored, as its clients send ever new ones. */
const chatRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  messages: Type.Array(
    Type.Object({
      role: Type.String({ maxLength: 32 }),
      content: maybe(Type.Union([Type.String(), Type.Array(part)])),
      tool_calls: maybe(
        Type.Array(
          Type.Object({
            id: Type.String(),
            function: maybe(Type.Object({ name: Type.String(), arguments: Type.String() })),
          }),
          { maxItems: 256 },
        ),
      ),
      tool_call_id: maybe(Type.String({ maxLength: 256 })),
    }),
    { minItems: 1 },
  ),
  stream: maybe(Type.Boolean()),
  stream_options: maybe(Type.Object({ include_usage: maybe(Type.Boolean()) })),
  n: maybe(Type.Integer({ minimum: 1 })),
  stop: maybe(Type.Union([Type.String(), Type.Array(Type.String())])),
  max_tokens: maybe(Type.Integer({ minimum: 1 })),
  max_completion_tokens: maybe(Type.Integer({ minimum: 1 })),
  temperature: maybe(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  seed: maybe(Type.Integer()),
  random_seed: maybe(Type.Integer()),
  logprobs: maybe(Type.Boolean()),
  top_logprobs: maybe(Type.Integer({ minimum: 0, maximum: 20 })),
  tools: maybe(Type.Array(Type.Object({ type: Type.String(), function: maybe(functionSchema) }))),
  tool_choice: maybe(Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())])),
  parallel_tool_calls: maybe(Type.Boolean()),
  continue_final_message: maybe(Type.Boolean()),
  ...dialectFields,
});
type Body = Static<typeof chatRequest>;

const useTools = "functions are not supported in this old form; use tools and tool_choice";

type Role = ChatMessage["role"];
const rolesOf: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
};

/** Reads what the schema alone can not say. Error: BAD_REQUEST with the path. */
function readChat(body: Body, at: GatewayContext, reader: MediaReader): Wanted {
  if (typeof body.top_logprobs === "number" && body.top_logprobs > 0 && body.logprobs !== true)
    refuse("/top_logprobs", "needs logprobs: true");
  const format = demand(readForm(readFormat("/response_format", (body as Fields)["response_format"]), body));
  const thinking = demand(readThinking(body));
  const chosen = demand(readChoice("/tool_choice", body.tool_choice, (name) => name));
  const tools = (body.tools ?? []).map((tool, index) =>
    tool.type === "function" && tool.function
      ? demand(readTool(`/tools/${index}/function`, tool.function))
      : refuse(`/tools/${index}/type`, "only tools of the type function are supported"),
  );
  const offered = tools.filter(({ name }) => chosen.among?.includes(name) ?? true);
  const messages = body.messages.map((message, index) => readMessage(`/messages/${index}`, message, reader));
  return {
    // Clients that say otherwise want a message behind the last one.
    messages: body.continue_final_message === false ? messages : begunIn(messages),
    sampling: samplingIn(body, body.max_completion_tokens ?? body.max_tokens),
    stop: demand(readStops("/stop", body.stop)),
    ...demand(checkTools(offered, chosen.choice, { tools: "/tools", choice: "/tool_choice" }, at.limits)),
    ...(format && { format }),
    ...(thinking !== undefined && { thinking }),
    places: placesOf(tools, (place) => `/tools/${place}/function/parameters`, "/response_format/json_schema/schema"),
    ...(body.logprobs === true && { logprobs: body.top_logprobs ?? 0 }),
    parallel: body.parallel_tool_calls !== false,
  };
}

/** A choice among tools: in words, a function by its name (in `function` or beside the type), or some of the tools. */
export function readChoice(
  path: string,
  given: unknown,
  nameIn: (name: unknown) => unknown,
): Result<{ readonly choice?: ToolChoice; readonly among?: readonly string[] }> {
  if (given === undefined || given === null) return ok({});
  if (given === "auto" || given === "none" || given === "required") return ok({ choice: given });
  const nameOf = (one: unknown): unknown =>
    isFields(one) ? nameIn(isFields(one["function"]) ? one["function"]["name"] : one["name"]) : undefined;
  if (isFields(given) && given["type"] === "function") {
    const name = nameOf(given);
    return typeof name === "string" ? ok({ choice: { name } }) : wrong(path, "must name a function");
  }
  if (isFields(given) && given["type"] === "allowed_tools") {
    const { mode, tools } = isFields(given["allowed_tools"]) ? given["allowed_tools"] : given;
    const names = Array.isArray(tools) ? tools.map(nameOf).filter((name) => typeof name === "string") : [];
    if ((mode === "auto" || mode === "required") && names.length > 0) return ok({ choice: mode, among: names });
  }
  return wrong(path, "must be auto, none, required, a function or allowed_tools");
}

function readMessage(path: string, message: Body["messages"][number], reader: MediaReader): ChatMessage {
  const role = Object.hasOwn(rolesOf, message.role) ? rolesOf[message.role] : undefined;
  if (message.role === "function") refuse(`${path}/role`, useTools);
  if (role === undefined) return refuse(`${path}/role`, "must be system, developer, user, assistant or tool");
  if (!isEmpty((message as Fields)["function_call"] ?? {})) refuse(`${path}/function_call`, useTools);
  const media: Media[] = [];
  const parts =
    typeof message.content === "string" ? [{ type: "text", text: message.content }] : (message.content ?? []);
  let content = "";
  for (const one of parts) {
    const taken = readPart(`${path}/content`, one, role, reader);
    if (typeof taken === "string") content += taken;
    else media.push(taken);
  }
  demand(readText(`${path}/content`, content));
  const calls = (message.tool_calls ?? []).map((call, index): ToolCall => {
    const { name = "", arguments: text = "" } = call.function ?? {};
    if (role !== "assistant" || name === "")
      return refuse(`${path}/tool_calls/${index}`, "must be a call of a function, in a message of the assistant");
    return demand(readCall(`${path}/tool_calls/${index}`, { id: call.id, name, arguments: text }));
  });
  const callId = message.tool_call_id ?? "";
  if (role === "tool" && callId === "") return refuse(`${path}/tool_call_id`, "must be the id of the call");
  return {
    role,
    content,
    ...(media.length > 0 && { media }),
    ...(calls.length > 0 && { calls }),
    ...(role === "tool" && { callId }),
  };
}

function readPart(path: string, one: Static<typeof part>, role: Role, reader: MediaReader): string | Media {
  if (one.type === "text" && !isAbsent(one.text)) return one.text;
  const { refusal } = one as Fields;
  if (role === "assistant" && one.type === "refusal" && typeof refusal === "string") return refusal;
  if (role === "user" && one.type === "image_url" && one.image_url)
    return demand(reader.url(`${path}/image_url`, one.image_url.url));
  if (role === "user" && one.type === "input_audio" && one.input_audio) {
    const { format, data } = one.input_audio;
    return demand(reader.base64(`${path}/input_audio`, { mediaType: `audio/${format}`, data }));
  }
  const says = role === "user" ? "only text, image_url and input_audio are supported" : "only text parts are supported";
  return refuse(path, says);
}

const finishes = { complete: "stop", stopped: "stop", length: "length", calls: "tool_calls" } as const;

/** Why a text ended, as OpenAI says it. */
export const finishOf = ({ end }: Pick<GenerationAnswer, "end">) => finishes[end];

/** OpenAI's usage of some generations of one prompt. */
export function usageOf(answers: readonly GenerationAnswer[]) {
  const { promptTokens, completionTokens, cachedTokens } = sumOf(answers);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

type Named = Pick<TokenLogprob, "token" | "bytes">;
/** The bytes of a token. */
export const bytesOf = ({ token, bytes }: Named): readonly number[] => [...(bytes ?? Buffer.from(token))];
/** The name of a token: one that is a piece of a character is called by its bytes, as OpenAI calls it. */
export const nameOf = ({ token, bytes }: Named): string =>
  bytes === undefined ? token : Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/** OpenAI's form of a token's probability. */
export const logprobOf = ({ logprob, top = [], ...named }: TokenLogprob) => ({
  token: nameOf(named),
  logprob,
  bytes: bytesOf(named),
  top_logprobs: top.map((one) => ({ token: nameOf(one), logprob: one.logprob, bytes: bytesOf(one) })),
});
const logprobsOf = (told: readonly TokenLogprob[] | undefined) =>
  told === undefined || told.length === 0 ? null : { content: told.map(logprobOf), refusal: null };
const callOf = (call: ToolCall) => ({
  id: call.id,
  type: "function",
  function: { name: call.name, arguments: call.arguments },
});

/** What is new of a call: the first piece says which it is. */
const pieceOf = ({ place, begins, call, text }: AddedPiece) =>
  begins ? { index: place, ...callOf({ ...call, arguments: text }) } : { index: place, function: { arguments: text } };

/** Adds it. */
export function addChat(surface: Surface): void {
  const { at, models } = surface;
  const row = (listed: Listed) => ({
    id: listed.name,
    object: "model",
    created: Math.floor(models.sinceMs / 1000),
    owned_by: listed.owner,
    ...factsOf(listed),
  });
  /** Anthropic's clients ask for the same by the same path, and name the version of their interface. */
  const anthropicRow = ({ name }: Listed) => ({
    type: "model",
    id: name,
    display_name: name,
    created_at: new Date(models.sinceMs).toISOString(),
  });
  const isAnthropic = ({ headers }: Posted<unknown>["request"]): boolean => headers["anthropic-version"] !== undefined;

  const all = { summary: "Models, and the caller's agents as agent:OWNER.NAME", tag: "openai" };
  addPlain(surface, "GET /v1/models", all, async (request) => {
    const listed = await models.list(callerOf(request));
    if (!isAnthropic(request)) return { object: "list", data: listed.map(row) };
    const data = listed.map(anthropicRow);
    return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  });

  // A wildcard, because names of models may hold slashes.
  addPlain(surface, "GET /v1/models/*", { summary: "One model", tag: "openai" }, async (request) => {
    const { "*": name } = request.params as { readonly "*": string };
    const found = await models.find(callerOf(request), name);
    return isAnthropic(request) ? anthropicRow(found) : row(found);
  });

  addPost(
    surface,
    "/v1/chat/completions",
    { summary: "Writes the next message of a conversation", tag: "openai", body: chatRequest },
    async (posted) => {
      const { body, asking } = posted;
      checkMessages(body.messages.length, at);
      const max = at.limits.choicesMax;
      const count = body.n ?? 1;
      if (count > max) refuse("/n", `at most ${max} choices`);
      const reader = mediaFor(at.limits);
      const wanted = readChat(body, at, reader);
      checkTexts(posted, at, reader);
      const about = { id: newId(at, "chatcmpl-"), created: nowSeconds(at), model: body.model };
      const generate = await generator(surface, asking, body.model, wanted);
      if (body.stream === true) return stream(posted, about, wanted, count, generate);
      const choices: Written[] = [];
      const answers = await together(asking, count, (each, index) => {
        const written = (choices[index] = nothingWritten());
        return generate(each, index, (one) => void add(written, one, wanted));
      });
      return {
        ...about,
        object: "chat.completion",
        system_fingerprint: null,
        choices: answers.map((answer, index) => choiceOf(index, choices[index] as Written, answer)),
        usage: usageOf(answers),
      };
    },
  );

  const choiceOf = (index: number, { text, thought, calls, logprobs }: Written, answer: GenerationAnswer) => ({
    index,
    message: {
      role: "assistant",
      content: text === "" && calls.length > 0 ? null : text,
      refusal: null,
      ...(thought !== "" && { reasoning_content: thought }),
      ...(calls.length > 0 && { tool_calls: calls.map(callOf) }),
    },
    logprobs: logprobsOf(logprobs),
    finish_reason: finishOf(answer),
    ...warningsOf(answer),
  });

  function stream(
    { body, asking: asked, reply }: Posted<Body>,
    { id, created, model }: { readonly id: string; readonly created: number; readonly model: string },
    wanted: Wanted,
    count: number,
    generate: Generate,
  ): Promise<void> {
    const withUsage = body.stream_options?.include_usage === true;
    const about = { id, object: "chat.completion.chunk", created, model, system_fingerprint: null };
    // What every chunk has is made into JSON once: a token is what there are most of.
    const head = `data: ${JSON.stringify(about).slice(0, -1)},"choices":[`;
    const tail = withUsage ? `],"usage":null}\n\n` : `]}\n\n`;
    const chunk = (
      index: number,
      delta: object,
      logprobs: object | null = null,
      finish: string | null = null,
      more: object = {},
    ) => `${head}${JSON.stringify({ index, delta, logprobs, finish_reason: finish, ...more })}${tail}`;
    const work = async (out: Outgoing, asking: Asking): Promise<void> => {
      const answers = await together(asking, count, async (each, index) => {
        const written = nothingWritten();
        const plain = `${head}{"index":${index},"delta":{"content":`;
        const plainTail = `},"logprobs":null,"finish_reason":null}${tail}`;
        let begun = false;
        const begin = (): void => {
          if (begun) return;
          begun = true;
          out.write(chunk(index, { role: "assistant", content: "" }));
        };
        const answer = await generate(each, index, (one) => {
          begin();
          // Nearly all that is said is a token and no more.
          if (
            one.calls === undefined &&
            one.pieces === undefined &&
            one.thought === undefined &&
            one.logprobs === undefined
          ) {
            if (one.text !== "") out.write(plain + JSON.stringify(one.text) + plainTail);
            return;
          }
          const { text, thought, logprobs, pieces } = add(written, one, wanted);
          if (thought !== undefined && thought !== "") out.write(chunk(index, { reasoning_content: thought }));
          if (logprobs !== undefined) out.write(chunk(index, { content: text }, logprobsOf(logprobs)));
          else if (text !== "") out.write(plain + JSON.stringify(text) + plainTail);
          for (const piece of pieces) out.write(chunk(index, { tool_calls: [pieceOf(piece)] }));
        });
        begin();
        out.write(chunk(index, {}, null, finishOf(answer), warningsOf(answer)));
        return answer;
      });
      if (withUsage) out.write(`${head}],"usage":${JSON.stringify(usageOf(answers))}}\n\n`);
      out.write("data: [DONE]\n\n");
    };
    const ending = (reason: Failure): string => `data: ${JSON.stringify(openAiError(reason))}\n\n`;
    return streamed({ asking: asked, reply, at }, streams.events, work, ending);
  }
}
