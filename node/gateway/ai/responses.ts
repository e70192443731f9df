/** OpenAI: responses, whole, streamed or in the background; those before can be continued (the Open Responses
 *  specification). */
import type { IncomingHttpHeaders } from "node:http";
import { Type, type Static } from "typebox";
import {
  failure,
  failureOf,
  PlexusError,
  type ChatMessage,
  type EngineAnswer,
  type Failure,
  type Media,
  type ToolCall,
} from "../../../protocols/index.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { readChoice } from "./chat.ts";
import { compactionItem, compactionOf, readCompaction } from "./compaction.ts";
import {
  begunIn,
  checkTools,
  dialectFields,
  isAbsent,
  isEmpty,
  isFields,
  maybe,
  mediaFor,
  placesOf,
  readCall,
  readForm,
  readFormat,
  samplingIn,
  readText,
  readThinking,
  readTool,
  type Fields,
  type Wanted,
} from "./conversation.ts";
import type { Asking } from "./calls.ts";
import { Interest } from "./interest.ts";
import { type MediaReader, refuse } from "./media.ts";
import { streamed, streams } from "./outgoing.ts";
import { nothingAsked, responseUsage, writeResponse, type ResponseState, type Thoughts } from "./response-events.ts";
import { createKeptResponses, type KeptResponse } from "./responses-kept.ts";
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

const item = Type.Object({ type: maybe(Type.String({ maxLength: 64 })) });
/** An item of a conversation as it came, or as it was answered. */
type Item = Fields;
const responseRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  input: maybe(Type.Union([Type.String(), Type.Array(item)])),
  instructions: maybe(Type.String()),
  previous_response_id: maybe(Type.String({ maxLength: 128 })),
  stream: maybe(Type.Boolean()),
  store: maybe(Type.Boolean()),
  background: maybe(Type.Boolean()),
  generate: maybe(Type.Boolean()),
  max_output_tokens: maybe(Type.Integer({ minimum: 1 })),
  temperature: maybe(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  seed: maybe(Type.Integer()),
  random_seed: maybe(Type.Integer()),
  top_logprobs: maybe(Type.Integer({ minimum: 0, maximum: 20 })),
  include: maybe(Type.Array(Type.String({ maxLength: 128 }))),
  metadata: maybe(Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 512 }), { maxProperties: 16 })),
  tools: maybe(
    Type.Array(
      Type.Object({
        type: Type.String({ maxLength: 64 }),
        name: maybe(Type.String({ pattern: "^[A-Za-z0-9_.:-]{1,128}$", description: "letters, digits, _ . : -" })),
        description: maybe(Type.String({ maxLength: 16_384 })),
        parameters: maybe(Type.Record(Type.String(), Type.Unknown())),
        strict: maybe(Type.Boolean()),
      }),
    ),
  ),
  tool_choice: maybe(Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())])),
  parallel_tool_calls: maybe(Type.Boolean()),
  text: maybe(Type.Object({ format: maybe(Type.Unknown()) })),
  ...dialectFields,
});
type Body = Static<typeof responseRequest>;

const compactRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  input: maybe(Type.Union([Type.String(), Type.Array(item)])),
  instructions: maybe(Type.String()),
  previous_response_id: maybe(Type.String({ maxLength: 128 })),
  prompt_cache_key: maybe(Type.String({ maxLength: 64 })),
});

/** A request for a response, by whatever way it came. */
interface Asked {
  readonly body: Body;
  readonly bytes: number;
  readonly asking: Asking;
  /** The connection that it came by, which may continue what is not stored. */
  readonly only?: object;
  /** Of the request, or of the handshake. */
  readonly headers: IncomingHttpHeaders;
}

/** A client that asks for a summary gets all of it as one; one that names the specification, the specification's
 *  words. */
const thoughtsOf = ({ body, headers }: Asked): Thoughts => {
  const { reasoning } = body as Fields;
  const asked = isFields(reasoning) && !(isAbsent(reasoning["summary"]) && isAbsent(reasoning["generate_summary"]));
  return asked ? "summary" : headers["openresponses-version"] === undefined ? "text" : "specified";
};

/** Responses for other ways than HTTP. */
export interface Responses {
  readonly schema: typeof responseRequest;
  begin(asked: Asked): Promise<{ readonly state: ResponseState; readonly run: Run }>;
  /** Forgets what that connection alone could continue. */
  forget(user: string, id: string): void;
}

const roles: Readonly<Record<string, ChatMessage["role"]>> = {
  user: "user",
  assistant: "assistant",
  system: "system",
  developer: "system",
};

const textTypes = new Set(["input_text", "output_text", "text"]);

/** Reads the parts of an item's content. */
function readParts(
  path: string,
  content: unknown,
  reader: MediaReader,
): { readonly text: string; readonly media: readonly Media[] } {
  if (typeof content === "string") return { text: demand(readText(path, content)), media: [] };
  if (!Array.isArray(content)) return refuse(path, "must be a text or parts");
  const media: Media[] = [];
  let text = "";
  for (const [index, part] of (content as readonly unknown[]).entries()) {
    const at = `${path}/${index}`;
    if (!isFields(part)) return refuse(at, "must be a part");
    const { type, image_url: url, input_audio: sound } = part;
    if (textTypes.has(String(type)) && typeof part["text"] === "string") text += demand(readText(at, part["text"]));
    else if (type === "refusal" && typeof part["refusal"] === "string") text += demand(readText(at, part["refusal"]));
    else if (type === "input_image" && typeof url === "string") media.push(demand(reader.url(`${at}/image_url`, url)));
    else if (type === "input_audio" && isFields(sound) && typeof sound["data"] === "string")
      media.push(
        demand(
          reader.base64(`${at}/input_audio`, { mediaType: `audio/${String(sound["format"])}`, data: sound["data"] }),
        ),
      );
    else refuse(at, `${String(type)} is not supported; only texts, input_image with a data: URL and input_audio are`);
  }
  return { text, media };
}

/** Reads items into messages of the port. Calls that follow each other, or a text of the assistant, are one message
 *  there. */
function readItems(items: readonly Item[], reader: MediaReader): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  const made = new Set<string>();
  for (const [index, one] of items.entries()) {
    const path = `/input/${index}`;
    const type = one["type"] ?? (one["role"] === undefined ? undefined : "message");
    switch (type) {
      case "message": {
        const role = Object.hasOwn(roles, String(one["role"])) ? roles[String(one["role"])] : undefined;
        if (role === undefined) return refuse(`${path}/role`, "must be user, assistant, system or developer");
        const { text, media } = readParts(`${path}/content`, one["content"], reader);
        if (media.length > 0 && role !== "user") return refuse(`${path}/content`, "only users show something");
        messages.push({ role, content: text, ...(media.length > 0 && { media }) });
        break;
      }
      case "function_call": {
        const { call_id: id, name, arguments: text } = one;
        if (typeof id !== "string" || typeof name !== "string" || typeof text !== "string")
          return refuse(path, "must have call_id, name and arguments");
        made.add(id);
        const call: ToolCall = demand(readCall(path, { id, name, arguments: text }));
        const last = messages.at(-1);
        if (last?.role === "assistant")
          messages[messages.length - 1] = { ...last, calls: [...(last.calls ?? []), call] };
        else messages.push({ role: "assistant", content: "", calls: [call] });
        break;
      }
      case "function_call_output": {
        const { call_id: callId, output } = one;
        if (typeof callId !== "string" || callId.length > 256) return refuse(`${path}/call_id`, "must be an id");
        if (!made.has(callId)) return refuse(`${path}/call_id`, "no call before it has this id");
        const { text, media } = readParts(`${path}/output`, output, reader);
        if (media.length > 0) return refuse(`${path}/output`, "only texts are supported here");
        messages.push({ role: "tool", content: text, callId });
        break;
      }
      case "compaction":
        messages.push(demand(readCompaction(path, one)));
        break;
      // What it thought is not shown to it again.
      case "reasoning":
        break;
      default:
        return refuse(
          `${path}/type`,
          `${typeof type === "string" ? type : "this"} is not supported; ` +
            "only messages, calls of functions and their outputs are",
        );
    }
  }
  return messages;
}

/** One that says nothing of itself but its id is a reference. */
const sortOf = ({ type, role, content, id }: Item): unknown =>
  type ?? (role === undefined && content === undefined && typeof id === "string" ? "item_reference" : "message");

const isReference = ({ type }: Item): boolean => type === "item_reference";

/** Items in the place of references to them, of the request itself and of responses that are kept. One that is in the
 *  conversation already is there once. */
async function resolved(
  given: readonly Item[],
  before: readonly Item[],
  find: (ids: readonly string[]) => Promise<ReadonlyMap<string, Item>>,
): Promise<readonly Item[]> {
  const isBefore = new Set(before.map(({ id }) => String(id)));
  const beside = new Map(given.filter((one) => !isReference(one)).map((one) => [String(one["id"]), one]));
  const asked = given
    .filter(isReference)
    .map(({ id }) => String(id))
    .filter((id) => !isBefore.has(id) && !beside.has(id));
  const kept = asked.length === 0 ? new Map<string, Item>() : await find([...new Set(asked)]);
  return given.flatMap((one, index) => {
    if (!isReference(one)) return [one];
    const id = String(one["id"]);
    if (isBefore.has(id)) return [];
    const missing =
      "no item of this id is kept: responses are kept for a while, by the node that answered, which has to be up; " +
      "send the item itself";
    return [kept.get(id) ?? beside.get(id) ?? refuse(`/input/${index}/id`, missing)];
  });
}

/** What was kept comes along to the engine: together with what is new it has the bounds of a request that says all of
 *  it. */
function checkContinued({ messages, ...others }: Wanted, at: GatewayContext): void {
  const max = at.limits.completionBytesMax;
  const texts = messages.map(({ media: _media, ...said }) => said);
  if (Buffer.byteLength(JSON.stringify([texts, others])) > max)
    throw new PlexusError(failure("TOO_LARGE", { limit: "completionBytesMax", max }));
}

/** What was sent is there to be gone on from, if there is the model. */
async function askNothing({ models }: Surface, { caller }: Asking, name: string): Promise<Generate> {
  await models.demandServed(caller, name);
  return () => Promise.resolve(nothingAsked);
}

/** An event of a stream. */
type ResponseEvent = Fields & { readonly type: string };

/** Runs one: `say` is told each event; `opens`, how the events begin where there is nothing else to tell yet. */
type Run = (
  say: (event: ResponseEvent) => void,
  how?: Pick<Asking, "placed" | "told" | "near">,
  opens?: (opening: () => void) => void,
) => Promise<ResponseState>;

/** Adds them. */
export function addResponses(surface: Surface): Responses {
  const { at } = surface;
  const kept = createKeptResponses(at);
  const tag = "openai";

  function itemsOf(body: Pick<Body, "input">): readonly Item[] {
    const given: readonly Item[] =
      typeof body.input === "string" ? [{ type: "message", role: "user", content: body.input }] : (body.input ?? []);
    return given.map((one) => ({
      ...one,
      type: sortOf(one),
      id: typeof one["id"] === "string" ? one["id"] : newId(at, one["type"] === "function_call" ? "fc_" : "msg_"),
      ...(sortOf(one) === "message" && {
        content:
          typeof one["content"] === "string"
            ? [{ type: one["role"] === "assistant" ? "output_text" : "input_text", text: one["content"] }]
            : one["content"],
        status: "completed",
      }),
    }));
  }

  function readRequest(body: Body, items: readonly Item[], reader: MediaReader): Wanted {
    const tools = (body.tools ?? []).map(({ type, name, description, parameters, strict }, index) =>
      type === "function" && !isAbsent(name)
        ? demand(readTool(`/tools/${index}`, { name, description, parameters, strict }))
        : refuse(`/tools/${index}/type`, `${type} is not supported: only functions that the client runs are`),
    );
    const chosen = demand(readChoice("/tool_choice", body.tool_choice, (name) => name));
    const offered = tools.filter(({ name }) => chosen.among?.includes(name) ?? true);
    const format = demand(readForm(readFormat("/text/format", body.text?.format), body));
    const thinking = demand(readThinking(body));
    // What was answered before is whole; what the client gives now may be a beginning.
    const isBegun = items.at(-1)?.["role"] === "assistant" && !isEmpty(body.input ?? []);
    const messages = isBegun ? begunIn(readItems(items, reader)) : readItems(items, reader);
    const instructions = demand(readText("/instructions", body.instructions ?? ""));
    const told = (body.top_logprobs ?? 0) > 0 || (body.include ?? []).includes("message.output_text.logprobs");
    const asked: readonly ChatMessage[] =
      instructions === "" ? messages : [{ role: "system", content: instructions }, ...messages];
    if (asked.length === 0) refuse("/input", "must hold something to answer");
    return {
      messages: asked,
      sampling: samplingIn(body, body.max_output_tokens),
      ...demand(checkTools(offered, chosen.choice, { tools: "/tools", choice: "/tool_choice" }, at.limits)),
      ...(format && { format }),
      ...(thinking !== undefined && { thinking }),
      places: placesOf(tools, (place) => `/tools/${place}/parameters`, "/text/format/schema"),
      ...(told && { logprobs: body.top_logprobs ?? 0 }),
      parallel: body.parallel_tool_calls !== false,
    };
  }

  const stateOf = (body: Body): ResponseState => {
    const text = (name: string): string | null => {
      const value = (body as Fields)[name];
      return typeof value === "string" ? value : null;
    };
    const { format = { type: "text" }, ...more } = body.text ?? {};
    const { reasoning } = body as Fields;
    const { effort = null, summary, generate_summary: older = null } = isFields(reasoning) ? reasoning : {};
    return {
      id: kept.newId(),
      object: "response",
      created_at: nowSeconds(at),
      completed_at: null,
      status: "in_progress",
      background: body.background === true,
      error: null,
      incomplete_details: null,
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      max_tool_calls: null,
      model: body.model,
      output: [],
      parallel_tool_calls: body.parallel_tool_calls !== false,
      previous_response_id: body.previous_response_id ?? null,
      prompt_cache_key: text("prompt_cache_key"),
      reasoning: { effort, summary: summary ?? older },
      safety_identifier: text("safety_identifier"),
      service_tier: "default",
      store: body.store !== false,
      temperature: body.temperature ?? 1,
      text: { format, ...more },
      tool_choice: body.tool_choice ?? "auto",
      tools: (body.tools ?? []).map((tool) => ({
        ...tool,
        description: tool.description ?? null,
        parameters: tool.parameters ?? null,
        strict: tool.strict ?? false,
      })),
      top_logprobs: body.top_logprobs ?? 0,
      top_p: body.top_p ?? 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      truncation: "disabled",
      usage: null,
      user: text("user"),
      metadata: body.metadata ?? {},
    };
  };

  /** What a response goes on from. Error: BAD_REQUEST. */
  async function earlierOf(id: Body["previous_response_id"], user: string, by?: object) {
    if (isAbsent(id)) return { earlier: undefined, before: [] };
    const earlier = await kept.find(user, id, by).catch((error: unknown) => {
      if (failureOf(error).code !== "NOT_FOUND") throw error;
      const problem = "not found: the node that answered keeps responses for a while; send the conversation again";
      throw new PlexusError(
        failure("BAD_REQUEST", { path: "/previous_response_id", problem, word: "previous_response_not_found" }),
      );
    });
    if (earlier.response.status === "in_progress") refuse("/previous_response_id", "this response is not complete yet");
    return { earlier, before: [...earlier.before, ...earlier.input, ...earlier.response.output] };
  }

  /** Begins one: what has a status of its own is thrown. */
  async function begin(asked: Asked): Promise<{ readonly state: ResponseState; readonly run: Run }> {
    const { body, bytes, asking, only } = asked;
    const { user } = asking.caller;
    const stored = body.store !== false;
    const keep = stored || only !== undefined;
    const inBackground = body.background === true;
    if (inBackground && !stored) refuse("/background", "needs store: who would find the response?");
    const { before } = await earlierOf(body.previous_response_id, user, only);
    const given = itemsOf(body);
    const input = await resolved(given, before, (ids) => kept.items(user, ids));
    const reader = mediaFor(at.limits);
    const wanted = readRequest(body, [...before, ...input], reader);
    checkMessages(wanted.messages.length, at);
    if (before.length === 0 && !given.some(isReference)) checkTexts({ request: { bodyBytes: bytes } }, at, reader);
    else checkContinued(wanted, at);
    const state = stateOf(body);
    const thoughts = thoughtsOf(asked);
    let cancelled = false;
    const interest = inBackground ? new Interest() : new Interest(asking.interest);
    const mine = { ...asking, interest };
    const generate = await (body.generate === false ? askNothing : generator)(surface, mine, body.model, wanted);
    const max = at.limits.responsePersonBytesMax;
    // Nobody could find what is too large to be kept.
    if (inBackground && kept.bytesOf({ response: state, input, before }) > max)
      throw new PlexusError(failure("TOO_LARGE", { limit: "responsePersonBytesMax", max }));
    let forgotten = false;
    const cancel: NonNullable<KeptResponse["cancel"]> = ({ forget } = { forget: false }) => {
      forgotten ||= forget;
      cancelled = true;
      interest.lose();
    };
    const remember = (response: ResponseState, ending?: KeptResponse["cancel"]): void => {
      if (!keep) return;
      const mineAlone = !stored && only !== undefined && { only };
      kept.put(user, { response, input, before, ...(ending && { cancel: ending }), ...mineAlone });
    };
    const run: Run = async (say, how, opens) => {
      const writer = writeResponse(state, { say, newId: (prefix) => newId(at, prefix), wanted, thoughts });
      const end = (answer: EngineAnswer<"generate"> | Failure): ResponseState => {
        const response = writer.end(answer, nowSeconds(at), cancelled);
        // A client that went away in the middle knows no id to ask for.
        if (forgotten || (asking.interest.lost && !inBackground)) kept.drop(user, response.id);
        else remember(response);
        return response;
      };
      try {
        // Somebody may ask for it, or end it, while it is under way.
        if (inBackground || body.stream === true) remember(state, cancel);
        opens?.(() => writer.open());
        return end(await generate({ ...mine, ...how }, 0, (part) => writer.part(part)));
      } catch (error) {
        const reason = failureOf(error);
        if (!writer.begun && !inBackground) {
          kept.drop(user, state.id);
          throw error;
        }
        return end(reason);
      }
    };
    return { state, run };
  }

  const about1 = { summary: "Answers, and remembers what was answered", tag, body: responseRequest };
  addPost(surface, "/v1/responses", about1, async (posted) => {
    const { body, asking, request } = posted;
    const { state, run } = await begin({ body, bytes: request.bodyBytes, asking, headers: request.headers });
    if (body.stream === true) return stream(posted, run);
    if (body.background !== true) return run(() => undefined);
    run(() => undefined).catch((error: unknown) => at.log.error("response.failed", { error: String(error) }));
    return state;
  });

  const compacts = { summary: "Makes a conversation short", tag, body: compactRequest };
  addPost(surface, "/v1/responses/compact", compacts, async (posted) => {
    const { body, asking } = posted;
    const { user } = asking.caller;
    const { before } = await earlierOf(body.previous_response_id, user);
    const reader = mediaFor(at.limits);
    const input = await resolved(itemsOf(body), before, (ids) => kept.items(user, ids));
    const messages = readItems([...before, ...input], reader);
    checkMessages(messages.length, at);
    if (messages.length === 0) refuse("/input", "must hold a conversation");
    const instructions = demand(readText("/instructions", body.instructions ?? ""));
    const asked: Wanted = {
      messages: compactionOf(messages, instructions),
      sampling: { temperature: 0, maxTokens: at.limits.compactionTokensMax },
      parallel: true,
    };
    if (before.length === 0) checkTexts(posted, at, reader);
    checkContinued(asked, at);
    const generate = await generator(surface, asking, body.model, asked);
    let summary = "";
    const answer = await generate(asking, 0, ({ text }) => void (summary += text));
    return {
      id: newId(at, "resp_"),
      object: "response.compaction",
      created_at: nowSeconds(at),
      output: [compactionItem(newId(at, "cmp_"), summary)],
      usage: responseUsage(answer),
    };
  });

  const stream = ({ asking, reply }: Posted<Body>, run: Run): Promise<void> =>
    streamed(
      { asking, reply, at },
      streams.events,
      async (out, asked) => {
        const say = (event: ResponseEvent): void =>
          out.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
        const { placed, told, near } = asked;
        const how = { ...(placed && { placed }), ...(told && { told }), ...(near && { near }) };
        await run(say, how, (opening) => out.opens(opening));
        out.write("data: [DONE]\n\n");
      },
      // It says its own failure; this is for a fault of ours.
      ({ code, message }) => `event: error\ndata: ${JSON.stringify({ type: "error", code, message, param: null })}\n\n`,
    );

  const page = Type.Object({
    after: Type.Optional(Type.String({ maxLength: 128 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    order: Type.Optional(Type.Union([Type.Literal("asc"), Type.Literal("desc")])),
  });
  const params = Type.Object({ id: Type.String({ maxLength: 128 }) });
  const about = (summary: string) => ({ summary, tag, params });

  addPlain(surface, "GET /v1/responses/:id", about("A response that is kept"), async (request) => {
    if ((request.query as Fields)["stream"] === "true")
      refuse("/stream", "a response is not streamed again; leave it out");
    return (await kept.find(callerOf(request).user, request.params.id)).response;
  });

  addPlain(surface, "DELETE /v1/responses/:id", about("Forgets a response"), async (request) => {
    const { user } = callerOf(request);
    await kept.end(user, request.params.id, true);
    return { id: request.params.id, object: "response", deleted: true };
  });

  addPlain(surface, "POST /v1/responses/:id/cancel", about("Ends a response that is under way"), async (request) => {
    const { user } = callerOf(request);
    const { response } = await kept.find(user, request.params.id);
    if (response.status !== "in_progress") return response;
    await kept.end(user, request.params.id, false);
    return { ...response, status: "cancelled" };
  });

  const items = { ...about("What a response was asked"), query: page };
  addPlain(surface, "GET /v1/responses/:id/input_items", items, async (request) => {
    const { after, limit = 20, order = "desc" } = request.query;
    const { before, input } = await kept.find(callerOf(request).user, request.params.id);
    const all = order === "asc" ? [...before, ...input] : [...before, ...input].toReversed();
    const from = after === undefined ? 0 : all.findIndex((one) => one["id"] === after) + 1;
    const data = all.slice(from, from + limit);
    return {
      object: "list",
      data,
      first_id: data[0]?.["id"] ?? null,
      last_id: data.at(-1)?.["id"] ?? null,
      has_more: from + limit < all.length,
    };
  });

  return { schema: responseRequest, begin, forget: (user, id) => kept.drop(user, id) };
}
