/** Anthropic: messages, and how many tokens they would take. */
import { Type, type Static } from "typebox";
import type {
  ChatMessage,
  GenerationAnswer,
  Media,
  Result,
  Thinking,
  ToolCall,
  ToolChoice,
  WrittenTexts,
} from "../../../protocols/index.ts";
import { ok, writtenAt } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import {
  add,
  begunIn,
  checkTools,
  isAbsent,
  isFields,
  maybe,
  mediaFor,
  nothingWritten,
  placesOf,
  readCall,
  readEffort,
  readFormat,
  readSampling,
  readStops,
  readText,
  readTool,
  warningsOf,
  type Fields,
  type Wanted,
} from "./conversation.ts";
import { anthropicError } from "./errors.ts";
import { type MediaReader, refuse, wrong } from "./media.ts";
import { streamed, streams } from "./outgoing.ts";
import { objectSoFar } from "./unfinished.ts";
import {
  addPost,
  asWritten,
  checkMessages,
  checkTexts,
  generator,
  newId,
  type Posted,
  type Surface,
} from "./surface.ts";

const block = Type.Object({ type: Type.String({ maxLength: 64 }) });
type Block = Static<typeof block> & Fields;
const toolType = Type.Object({
  type: maybe(Type.String({ maxLength: 64 })),
  name: Type.String({ pattern: "^[A-Za-z0-9_.:-]{1,128}$", description: "letters, digits, _ . : -" }),
  description: maybe(Type.String({ maxLength: 16_384 })),
  input_schema: maybe(Type.Record(Type.String(), Type.Unknown())),
  strict: maybe(Type.Boolean()),
});

/** What both routes read. */
const conversation = {
  model: Type.String({ maxLength: 200 }),
  messages: Type.Array(
    Type.Object({
      role: Type.String({ maxLength: 32 }),
      content: Type.Union([Type.String(), Type.Array(block)]),
      clear_at: maybe(Type.String({ maxLength: 32 })),
    }),
    { minItems: 1 },
  ),
  system: maybe(Type.Union([Type.String(), Type.Array(block)])),
  tools: maybe(Type.Array(toolType)),
  tool_choice: maybe(
    Type.Object({
      type: Type.String({ maxLength: 32 }),
      name: maybe(Type.String({ maxLength: 128 })),
      disable_parallel_tool_use: maybe(Type.Boolean()),
    }),
  ),
  thinking: maybe(
    Type.Object({
      type: Type.String({ maxLength: 32 }),
      budget_tokens: maybe(Type.Integer({ minimum: 1 })),
      display: maybe(Type.String({ maxLength: 32 })),
    }),
  ),
};
const messageRequest = Type.Object({
  ...conversation,
  max_tokens: Type.Integer({ minimum: 1 }),
  stream: maybe(Type.Boolean()),
  stop_sequences: maybe(Type.Array(Type.String())),
  temperature: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  top_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: maybe(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
});
const countRequest = Type.Object(conversation);
type Body = Static<typeof messageRequest>;
type Conversation = Static<typeof countRequest>;

/** Where the arguments of earlier calls are. */
const inputs = [["messages", "*", "content", "*", "input"]];

/** Reads a conversation into messages of the port: an answer of a tool is a message of its own there. */
function readMessages(body: Conversation, reader: MediaReader, written: WrittenTexts | null): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  const system = textOf("/system", body.system ?? "");
  if (system !== "") messages.push({ role: "system", content: system });
  const lastUser = body.messages.findLastIndex(({ role }) => role === "user");
  for (const [index, { role, content, clear_at: clearAt }] of body.messages.entries()) {
    const path = `/messages/${index}`;
    const blocks: readonly Block[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
    if (role === "user") messages.push(...readUser(`${path}/content`, blocks, reader));
    else if (role === "assistant") messages.push(readAssistant(`${path}/content`, blocks, written));
    else if (role === "system") {
      const text = textOf(`${path}/content`, content);
      if (!isCleared(`${path}/clear_at`, clearAt, index < lastUser)) messages.push({ role, content: text });
    } else refuse(`${path}/role`, "must be user or assistant");
  }
  return messages;
}

/** Whether a system message was for a user's turn that is over. */
function isCleared(path: string, at: string | null | undefined, isOver: boolean): boolean {
  if (isAbsent(at) || at === "never") return false;
  return at === "next_user_message" ? isOver : refuse(path, "must be next_user_message or never");
}

function textOf(path: string, content: string | readonly Block[]): string {
  if (typeof content === "string") return demand(readText(path, content));
  return content
    .map((one, index) =>
      one.type === "text" && typeof one["text"] === "string"
        ? demand(readText(`${path}/${index}/text`, one["text"]))
        : refuse(`${path}/${index}`, "only text is supported here"),
    )
    .join("\n\n");
}

/** The answers of tools come first, as each belongs to a call of the message before. */
function readUser(path: string, blocks: readonly Block[], reader: MediaReader): readonly ChatMessage[] {
  const answers: ChatMessage[] = [];
  const media: Media[] = [];
  const texts: string[] = [];
  for (const [index, one] of blocks.entries()) {
    const at = `${path}/${index}`;
    if (one.type === "tool_result") {
      const { tool_use_id: callId } = one;
      const content = one["content"] ?? "";
      if (typeof callId !== "string" || callId.length > 256) refuse(`${at}/tool_use_id`, "must be an id");
      const parts = typeof content === "string" ? [{ type: "text", text: content }] : (content as readonly Block[]);
      if (!Array.isArray(parts) || !parts.every(isFields)) refuse(`${at}/content`, "must be text or blocks");
      // Whatever the model makes of it, it reads that it is one.
      const said: string[] = one["is_error"] === true ? ["The tool failed:"] : [];
      for (const part of parts as unknown as readonly Block[])
        takeBlock(`${at}/content`, part, { texts: said, media }, reader);
      answers.push({ role: "tool", content: said.join("\n\n"), callId: callId as string });
    } else takeBlock(at, one, { texts, media }, reader);
  }
  if (answers.length > 0 && texts.length === 0 && media.length === 0) return answers;
  return [...answers, { role: "user", content: texts.join("\n\n"), ...(media.length > 0 && { media }) }];
}

function takeBlock(
  path: string,
  one: Block,
  into: { readonly texts: string[]; readonly media: Media[] },
  reader: MediaReader,
): void {
  const source = isFields(one["source"]) ? one["source"] : {};
  const { media_type: mediaType, data, type } = source;
  if (one.type === "text" && typeof one["text"] === "string") into.texts.push(demand(readText(path, one["text"])));
  else if (one.type === "document" && type === "text" && typeof data === "string")
    for (const text of [one["title"], one["context"], data]) {
      if (typeof text === "string") into.texts.push(demand(readText(`${path}/source/data`, text)));
    }
  else if (one.type === "image" && type === "base64" && typeof mediaType === "string" && typeof data === "string")
    into.media.push(demand(reader.base64(`${path}/source`, { mediaType, data })));
  else if (one.type === "image") refuse(`${path}/source`, "must be base64; the node fetches nothing from elsewhere");
  else refuse(path, `${one.type} is not supported; only text, images and answers of tools are`);
}

function readAssistant(path: string, blocks: readonly Block[], written: WrittenTexts | null): ChatMessage {
  const calls: ToolCall[] = [];
  let content = "";
  for (const [index, one] of blocks.entries()) {
    const at = `${path}/${index}`;
    const { id, name, input, text } = one;
    if (one.type === "text" && typeof text === "string") content += demand(readText(at, text));
    else if (one.type === "tool_use" && typeof id === "string" && typeof name === "string")
      calls.push(
        demand(
          readCall(at, {
            id,
            name,
            arguments: isAbsent(input)
              ? "{}"
              : (writtenAt(written, `${at}/input`.slice(1).split("/")) ?? JSON.stringify(input)),
          }),
        ),
      );
    // What it thought is not shown to it again.
    else if (one.type !== "thinking" && one.type !== "redacted_thinking")
      refuse(at, `${one.type} is not supported; only text and calls of tools are`);
  }
  return { role: "assistant", content, ...(calls.length > 0 && { calls }) };
}

function readChoice(given: Conversation["tool_choice"]): Result<ToolChoice | undefined> {
  if (isAbsent(given)) return ok(undefined);
  switch (given.type) {
    case "auto":
    case "none":
      return ok(given.type);
    case "any":
      return ok("required");
    case "tool":
      return isAbsent(given.name) ? wrong("/tool_choice/name", "must name a tool") : ok({ name: given.name });
    default:
      return wrong("/tool_choice/type", "must be auto, any, tool or none");
  }
}

function readConversation(
  body: Conversation,
  at: GatewayContext,
  reader: MediaReader,
  written: WrittenTexts | null,
): Pick<Wanted, "messages" | "tools" | "toolChoice" | "places"> {
  checkMessages(body.messages.length, at);
  const tools = (body.tools ?? []).map(({ type, name, description, input_schema: parameters, strict }, index) =>
    isAbsent(type) || type === "custom"
      ? demand(
          readTool(`/tools/${index}`, {
            name,
            description: description ?? null,
            parameters: parameters ?? null,
            strict: strict ?? null,
          }),
        )
      : refuse(`/tools/${index}/type`, `${type} is not supported: the node runs no tools of its own here`),
  );
  const choice = demand(readChoice(body.tool_choice));
  return {
    messages: readMessages(body, reader, written),
    places: placesOf(tools, (place) => `/tools/${place}/input_schema`, "/output_config/format/schema"),
    ...demand(checkTools(tools, choice, { tools: "/tools", choice: "/tool_choice" }, at.limits)),
  };
}

function readRequest(body: Body, at: GatewayContext, reader: MediaReader, written: WrittenTexts | null): Wanted {
  const config = (body as Fields)["output_config"];
  const format = isFields(config) ? config["format"] : (body as Fields)["output_format"];
  const form = demand(readFormat("/output_config/format", format));
  const given = readConversation(body, at, reader, written);
  const effort = demand(readEffort("/output_config/effort", isFields(config) ? config["effort"] : undefined));
  return {
    ...given,
    messages: begunIn(given.messages),
    sampling: readSampling({
      temperature: body.temperature,
      topP: body.top_p,
      topK: body.top_k,
      maxTokens: body.max_tokens,
    }),
    stop: demand(readStops("/stop_sequences", body.stop_sequences)),
    ...(form && { format: form }),
    thinking: demand(thinkingIn(body.thinking, effort)),
    parallel: body.tool_choice?.disable_parallel_tool_use !== true,
  };
}

/** Nothing said means no thoughts there; what is told to think has an effort, or a budget that is nearest to one. */
function thinkingIn(given: Body["thinking"], effort: Thinking | undefined): Result<Thinking> {
  if (isAbsent(given) || given.type === "disabled") return ok(false);
  if (given.type === "adaptive") return ok(effort ?? true);
  if (given.type !== "enabled") return wrong("/thinking/type", "must be enabled, adaptive or disabled");
  const { budget_tokens: budget } = given;
  if (effort !== undefined || isAbsent(budget)) return ok(effort ?? true);
  return ok(budget < 4_096 ? "low" : budget < 16_384 ? "medium" : "high");
}

const reasons = { complete: "end_turn", stopped: "end_turn", length: "max_tokens", calls: "tool_use" } as const;

const stopOf = ({ end, stoppedBy }: GenerationAnswer) =>
  end === "complete" && stoppedBy !== undefined
    ? { stop_reason: "stop_sequence", stop_sequence: stoppedBy }
    : { stop_reason: reasons[end], stop_sequence: null };

const usageOf = ({ promptTokens, completionTokens, cachedTokens = 0 }: Omit<GenerationAnswer, "end">) => ({
  input_tokens: promptTokens - cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cachedTokens,
  output_tokens: completionTokens,
});

const toolUse = ({ id, name, arguments: text }: ToolCall) => ({
  type: "tool_use",
  id,
  name,
  input: objectSoFar(text),
});

/** Adds them. */
export function addAnthropic(surface: Surface): void {
  const { at, calls, models } = surface;
  const messages = {
    summary: "Writes the next message of a conversation",
    tag: "anthropic",
    body: messageRequest,
    written: inputs,
  };
  addPost(surface, "/v1/messages", messages, async (posted) => {
    const { body, asking, request } = posted;
    const reader = mediaFor(at.limits);
    const wanted = readRequest(body, at, reader, request.written);
    checkTexts(posted, at, reader);
    const thinks = wanted.thinking !== false && body.thinking?.display !== "omitted";
    const about = { id: newId(at, "msg_"), type: "message", role: "assistant", model: body.model };
    const generate = await generator(surface, asking, body.model, wanted);
    if (body.stream === true) return stream(posted, about, wanted, thinks, generate);
    const written = nothingWritten();
    const answer = await generate(asking, 0, (part) => void add(written, part, wanted));
    asWritten(posted.reply);
    return {
      ...about,
      content: [
        ...(thinks && written.thought !== "" ? [{ type: "thinking", thinking: written.thought, signature: "" }] : []),
        ...(written.text !== "" || written.calls.length === 0 ? [{ type: "text", text: written.text }] : []),
        ...written.calls.map(toolUse),
      ],
      ...stopOf(answer),
      usage: usageOf(answer),
      ...warningsOf(answer),
    };
  });

  const count = {
    summary: "How many tokens a conversation takes",
    tag: "anthropic",
    body: countRequest,
    written: inputs,
  };
  addPost(surface, "/v1/messages/count_tokens", count, async (posted) => {
    const { body, asking, request } = posted;
    const reader = mediaFor(at.limits);
    const { messages: said, tools = [] } = readConversation(body, at, reader, request.written);
    checkTexts(posted, at, reader);
    const { model, persona } = await models.resolve(asking.caller, body.model);
    const texts = [
      ...(persona === "" ? [] : [persona]),
      ...said.flatMap(({ content, calls: made = [] }) => [content, ...made.map((call) => call.arguments)]),
      ...tools.map((tool) => JSON.stringify(tool)),
    ];
    const { tokens } = await calls.run(asking, "tokenize", { model, text: texts.join("\n") });
    return { input_tokens: tokens.length };
  });

  function stream(
    { asking: asked, reply }: Posted<Body>,
    about: object,
    wanted: Wanted,
    thinks: boolean,
    generate: Awaited<ReturnType<typeof generator>>,
  ): Promise<void> {
    const line = (type: string, fields: object = {}) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
    return streamed(
      { asking: asked, reply, at },
      streams.anthropic,
      async (out, asking) => {
        let index = -1;
        let open: "text" | "thinking" | "tool_use" | undefined;
        let begun = false;
        const say = (type: string, fields?: object): void => out.write(line(type, fields));
        const begin = (): void => {
          if (begun) return;
          begun = true;
          const usage = usageOf({ promptTokens: 0, completionTokens: 0 });
          say("message_start", { message: { ...about, content: [], stop_reason: null, stop_sequence: null, usage } });
        };
        out.opens(begin);
        const close = (): void => {
          if (open === "thinking")
            say("content_block_delta", { index, delta: { type: "signature_delta", signature: "" } });
          if (open !== undefined) say("content_block_stop", { index });
          open = undefined;
        };
        const enter = (kind: "text" | "thinking", content: object): void => {
          if (open === kind) return;
          close();
          index += 1;
          open = kind;
          say("content_block_start", { index, content_block: content });
        };
        const written = nothingWritten();
        const answer = await generate(asking, 0, (part) => {
          const { text, thought, pieces } = add(written, part, wanted);
          begin();
          if (thinks && thought !== undefined && thought !== "") {
            enter("thinking", { type: "thinking", thinking: "", signature: "" });
            say("content_block_delta", { index, delta: { type: "thinking_delta", thinking: thought } });
          }
          if (text !== "") {
            enter("text", { type: "text", text: "" });
            say("content_block_delta", { index, delta: { type: "text_delta", text } });
          }
          for (const { begins, call, text: piece } of pieces) {
            if (begins) {
              close();
              index += 1;
              open = "tool_use";
              say("content_block_start", { index, content_block: { ...toolUse(call), input: {} } });
            }
            const delta = { type: "input_json_delta", partial_json: piece };
            if (piece !== "" && open === "tool_use") say("content_block_delta", { index, delta });
          }
        });
        begin();
        if (index < 0) enter("text", { type: "text", text: "" });
        close();
        const delta = stopOf(answer);
        say("message_delta", { delta, usage: usageOf(answer), ...warningsOf(answer) });
        say("message_stop");
      },
      (reason) => `event: error\ndata: ${JSON.stringify(anthropicError(reason))}\n\n`,
    );
  }
}
