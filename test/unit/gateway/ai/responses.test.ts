/** The cases of the Open Responses specification, made from what its OpenAPI description demands, and OpenAI's client
 *  on top. */
import { expect } from "chai";
import { randomBytes } from "node:crypto";
import OpenAI from "openai";
import { Type, type TSchema } from "typebox";
import { Value } from "typebox/value";
import {
  type EngineName,
  type EngineRequest,
  failure,
  failureOf,
  refused,
  wireLimits,
  type Result,
} from "../../../../protocols/index.ts";
import { createKept } from "../../../../node/gateway/ai/kept.ts";
import {
  createKeptResponses,
  type KeptResponse,
  type KeptResponses,
} from "../../../../node/gateway/ai/responses-kept.ts";
import { createEchoRuntime, type EchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { failed as failedSaid, text as textSaid } from "../../../fixtures/engine-answers.ts";
import { gatewayLimits } from "../../../../node/gateway/limits.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { seeing } from "./seeing.ts";

const nullable = (type: TSchema) => Type.Union([type, Type.Null()]);
const status = Type.Union([Type.Literal("in_progress"), Type.Literal("completed"), Type.Literal("incomplete")]);
const logprob = Type.Object({ token: Type.String(), logprob: Type.Number(), bytes: Type.Array(Type.Integer()) });
const outputText = Type.Object({
  type: Type.Literal("output_text"),
  text: Type.String(),
  annotations: Type.Array(Type.Unknown()),
  logprobs: Type.Array(Type.Intersect([logprob, Type.Object({ top_logprobs: Type.Array(logprob) })])),
});
const reasoningText = Type.Object({ type: Type.Literal("reasoning_text"), text: Type.String() });
const summaryText = Type.Object({ type: Type.Literal("summary_text"), text: Type.String() });
const contentPart = Type.Union([outputText, reasoningText]);
const message = Type.Object({
  type: Type.Literal("message"),
  id: Type.String({ minLength: 1 }),
  status,
  role: Type.Literal("assistant"),
  content: Type.Array(outputText),
});
const functionCall = Type.Object({
  type: Type.Literal("function_call"),
  id: Type.String({ minLength: 1 }),
  call_id: Type.String({ minLength: 1 }),
  name: Type.String(),
  arguments: Type.String(),
  status,
});
const reasoning = Type.Object({
  type: Type.Literal("reasoning"),
  id: Type.String({ minLength: 1 }),
  summary: Type.Array(summaryText),
  content: Type.Array(reasoningText),
});
const outputItem = Type.Union([message, functionCall, reasoning]);
/** Every field that the description demands of a response. */
const resource = Type.Object({
  id: Type.String({ minLength: 1 }),
  object: Type.Literal("response"),
  created_at: Type.Integer(),
  completed_at: nullable(Type.Integer()),
  status: Type.String(),
  incomplete_details: nullable(Type.Object({ reason: Type.String() })),
  model: Type.String(),
  previous_response_id: nullable(Type.String()),
  instructions: nullable(Type.String()),
  output: Type.Array(outputItem),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  tools: Type.Array(
    Type.Object({
      type: Type.Literal("function"),
      name: Type.String(),
      description: nullable(Type.String()),
      parameters: nullable(Type.Record(Type.String(), Type.Unknown())),
      strict: nullable(Type.Boolean()),
    }),
  ),
  tool_choice: Type.Union([Type.String(), Type.Object({ type: Type.String() })]),
  truncation: Type.Union([Type.Literal("auto"), Type.Literal("disabled")]),
  parallel_tool_calls: Type.Boolean(),
  text: Type.Object({ format: Type.Object({ type: Type.String() }) }),
  top_p: Type.Number(),
  presence_penalty: Type.Number(),
  frequency_penalty: Type.Number(),
  top_logprobs: Type.Integer(),
  temperature: Type.Number(),
  reasoning: nullable(Type.Object({ effort: nullable(Type.String()), summary: nullable(Type.String()) })),
  user: nullable(Type.String()),
  usage: nullable(
    Type.Object({
      input_tokens: Type.Integer(),
      output_tokens: Type.Integer(),
      total_tokens: Type.Integer(),
      input_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
      output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
    }),
  ),
  max_output_tokens: nullable(Type.Integer()),
  max_tool_calls: nullable(Type.Integer()),
  store: Type.Boolean(),
  background: Type.Boolean(),
  service_tier: Type.String(),
  metadata: Type.Record(Type.String(), Type.String()),
  safety_identifier: nullable(Type.String()),
  prompt_cache_key: nullable(Type.String()),
});
const place = { item_id: Type.String(), output_index: Type.Integer(), content_index: Type.Integer() };
const summaryPlace = { item_id: Type.String(), output_index: Type.Integer(), summary_index: Type.Integer() };
const events: Readonly<Record<string, Record<string, TSchema>>> = {
  "response.created": { response: resource },
  "response.in_progress": { response: resource },
  "response.completed": { response: resource },
  "response.incomplete": { response: resource },
  "response.failed": { response: resource },
  "response.output_item.added": { output_index: Type.Integer(), item: outputItem },
  "response.output_item.done": { output_index: Type.Integer(), item: outputItem },
  "response.content_part.added": { ...place, part: contentPart },
  "response.content_part.done": { ...place, part: contentPart },
  "response.output_text.delta": { ...place, delta: Type.String(), logprobs: Type.Array(logprob) },
  "response.output_text.done": { ...place, text: Type.String(), logprobs: Type.Array(logprob) },
  "response.reasoning_text.delta": { ...place, delta: Type.String() },
  "response.reasoning_text.done": { ...place, text: Type.String() },
  "response.reasoning.delta": { ...place, delta: Type.String() },
  "response.reasoning.done": { ...place, text: Type.String() },
  "response.reasoning_summary_part.added": { ...summaryPlace, part: summaryText },
  "response.reasoning_summary_part.done": { ...summaryPlace, part: summaryText },
  "response.reasoning_summary_text.delta": { ...summaryPlace, delta: Type.String() },
  "response.reasoning_summary_text.done": { ...summaryPlace, text: Type.String() },
  "response.function_call_arguments.delta": {
    item_id: Type.String(),
    output_index: Type.Integer(),
    delta: Type.String(),
  },
  "response.function_call_arguments.done": {
    item_id: Type.String(),
    output_index: Type.Integer(),
    arguments: Type.String(),
  },
};

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into answers of every shape
type Any = any;

function check(schema: TSchema, value: unknown): void {
  const faults = [...Value.Errors(schema, value)].map(({ instancePath, message: says }) => `${instancePath} ${says}`);
  expect(faults, JSON.stringify(value)).to.deep.equal([]);
}

describe("gateway: responses", () => {
  let fixture: Fixture;
  let token: string;
  let client: OpenAI;
  let runtime: EchoRuntime;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  before(async () => {
    const world = createWorld();
    runtime = createEchoRuntime({ clock: world.clock() });
    fixture = await startFixture({
      world,
      engines: seeing(runtime, (engine, request) => asked.push({ engine, request })),
    });
    token = (await fixture.signUp("ada")).token;
    client = new OpenAI({ apiKey: token, baseURL: `${fixture.url}/v1`, maxRetries: 0 });
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const create = async (body: object): Promise<Any> => {
    const answer = await fixture.request("POST", "/v1/responses", { token, body: { model: "echo", ...body } });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    check(resource, answer.body);
    return answer.body;
  };
  /** Streams, and checks each event, their order and what the specification says of the ending. */
  async function stream(body: object, headers = {}): Promise<{ readonly events: Any[]; readonly response: Any }> {
    const answer = await fixture.request("POST", "/v1/responses", {
      token,
      headers,
      body: { model: "echo", ...body, stream: true },
    });
    expect(answer.headers.get("content-type")).to.match(/^text\/event-stream/);
    const frames = (answer.body as string).trim().split("\n\n");
    expect(frames.pop()).to.equal("data: [DONE]");
    const all = frames.map((frame) => {
      const [head = "", data = ""] = frame.split("\n");
      const event = JSON.parse(data.replace(/^data: /, "")) as Any;
      expect(head).to.equal(`event: ${event.type}`);
      check(Type.Object({ sequence_number: Type.Integer(), ...events[event.type as string] }), event);
      return event;
    });
    expect(all.map((event) => event.sequence_number as number)).to.deep.equal([...all.keys()]);
    return { events: all, response: all.at(-1).response };
  }
  const messages = (): Any => (asked.at(-1)!.request as EngineRequest<"generate">).messages;
  const user = (content: unknown) => ({ type: "message", role: "user", content });
  const weather = {
    type: "function" as const,
    name: "get_weather",
    description: "Get the current weather for a location",
    parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
    strict: true,
  };
  const aboutWeather = { input: [user("What's the weather like in San Francisco?")], tools: [weather] };

  describe("the specification's cases", () => {
    it("basic response", async () => {
      const response = await create({ input: [user("Say hello in exactly 3 words.")] });
      expect(response).to.include({ status: "completed" });
      expect(response.output).to.have.length(1);
    });

    it("streaming response", async () => {
      const { events: all, response } = await stream({ input: [user("Count from 1 to 5.")] });
      expect(response).to.include({ status: "completed" });
      const types = all.map(({ type }) => type as string);
      expect(types.filter((type, index) => type !== types[index - 1])).to.deep.equal([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      const text = all.flatMap(({ type, delta }) => (type === "response.output_text.delta" ? [delta as string] : []));
      expect(text.join("")).to.equal(response.output[0].content[0].text);
    });

    it("system prompt", async () => {
      const system = { type: "message", role: "system", content: "Always respond in pirate speak." };
      expect(await create({ input: [system, user("Say hello.")] })).to.include({ status: "completed" });
      expect(messages()[0]).to.deep.equal({ role: "system", content: "Always respond in pirate speak." });
    });

    it("tool calling", async () => {
      const { output } = await create(aboutWeather);
      expect(output[0]).to.include({ type: "function_call", name: "get_weather", arguments: '{"location":""}' });
    });

    it("tool calling, streaming", async () => {
      const { events: all } = await stream(aboutWeather);
      const types = all.slice(2).map(({ type }) => type as string);
      expect(types.filter((type, index) => type !== types[index - 1])).to.deep.equal([
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(all[2].item).to.include({ type: "function_call", status: "in_progress", arguments: "" });
      expect(all.at(-2).item).to.include({ type: "function_call", status: "completed" });
    });

    it("image input", async () => {
      const image = { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "auto" };
      const input = [user([{ type: "input_text", text: "What do you see?" }, image])];
      expect(await create({ model: "seeing", input })).to.include({ status: "completed" });
      expect(messages()[0].media).to.have.length(1);
    });

    it("multi-turn", async () => {
      const said = { type: "message", role: "assistant", content: "Hello Alice! How can I help you today?" };
      await create({ input: [user("My name is Alice."), said, user("What is my name?")] });
      expect(messages().map(({ role }: Any) => role as string)).to.deep.equal(["user", "assistant", "user"]);
    });
  });

  it("gives a whole round of tools back, by items and by the response before", async () => {
    const first = await create(aboutWeather);
    const [call] = first.output;
    const output = { type: "function_call_output", call_id: call.call_id, output: "fog" };
    const byItems = await create({ ...aboutWeather, input: [...aboutWeather.input, call, output] });
    const bySelf = await create({ tools: [weather], previous_response_id: first.id, input: [output] });
    for (const response of [byItems, bySelf]) expect(response.output[0].content[0].text).to.equal("The tool said: fog");
    expect(messages()).to.deep.equal([
      { role: "user", content: "What's the weather like in San Francisco?" },
      { role: "assistant", content: "", calls: [{ id: call.call_id, name: "get_weather", arguments: call.arguments }] },
      { role: "tool", content: "fog", callId: call.call_id },
    ]);
  });

  it("continues what it remembers, without the instructions of before, and forgets", async () => {
    const first = await client.responses.create({ model: "echo", input: "one", instructions: "Be brief.", metadata: { a: "b" } });
    expect(first.output_text).to.contain("You said: one");
    expect(messages()[0]).to.deep.equal({ role: "system", content: "Be brief." });
    const second = await client.responses.create({ model: "echo", input: "two", previous_response_id: first.id });
    expect(messages().map(({ role, content }: Any) => `${role}: ${content}`.split("\n")[0])).to.deep.equal(["user: one", "assistant: You said: one", "user: two"]);
    const again = await client.responses.retrieve(second.id);
    expect(again).to.deep.include({ id: second.id, status: "completed", previous_response_id: first.id });
    const items = await client.responses.inputItems.list(second.id, { order: "asc" });
    expect(items.data.map((item) => item.type)).to.deep.equal(["message", "message", "message"]);
    const page = await client.responses.inputItems.list(second.id, { limit: 1 });
    expect(page.data[0]).to.deep.include({ role: "user", content: [{ type: "input_text", text: "two" }] });
    const older = await client.responses.inputItems.list(second.id, { after: page.data[0]!.id! });
    expect(older.data).to.have.length(2);
    await client.responses.delete(first.id);
    const gone: unknown = await client.responses.retrieve(first.id).then(() => undefined, (error: unknown) => error);
    expect(gone).to.be.instanceOf(OpenAI.NotFoundError);
    // It has what it continues with it.
    await client.responses.create({ model: "echo", input: "three", previous_response_id: second.id });
    expect(messages()).to.have.length(5);
    const none = await client.responses.create({ model: "echo", input: "one", store: false });
    for (const id of [none.id, first.id, "resp_none"]) {
      const refused: unknown = await client.responses.create({ model: "echo", input: "x", previous_response_id: id }).then(() => undefined, (error: unknown) => error);
      expect(refused).to.be.instanceOf(OpenAI.BadRequestError).and.include({ param: "previous_response_id" });
    }
  }); // prettier-ignore

  it("takes no more text with what it remembers than without", async () => {
    const own = await startFixture({ limits: { completionBytesMax: 3_000 } });
    const ada = (await own.signUp("ada")).token;
    const ask = (body: object) =>
      own.request("POST", "/v1/responses", { token: ada, body: { model: "echo", max_output_tokens: 1, ...body } });
    const [half, all] = ["x".repeat(1_600), "x".repeat(3_200)];
    const first = await ask({ input: half });
    expect(first.status).to.equal(200);
    expect((await ask({ input: all })).status).to.equal(413);
    expect((await ask({ input: "y", previous_response_id: first.body.id })).status).to.equal(200);
    expect((await ask({ input: half, previous_response_id: first.body.id })).status).to.equal(413);
    expect((await ask({ input: all, previous_response_id: first.body.id })).status).to.equal(413);
    await own.stop();
  });

  it("keeps one person's responses from others", async () => {
    const { id } = await create({ input: "a secret" });
    const { token: other } = await fixture.signUp("mallory");
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/cancel"],
      ["GET", "/input_items"],
    ] as const)
      expect((await fixture.request(method, `/v1/responses/${id}${path}`, { token: other })).status).to.equal(404);
    const body = { model: "echo", input: "x", previous_response_id: id };
    expect((await fixture.request("POST", "/v1/responses", { token: other, body })).status).to.equal(400);
    expect((await fixture.request("GET", `/v1/responses/${id}`, { token })).status).to.equal(200);
  });

  it("streams so that its own helper puts a response together, and parses JSON of a schema", async () => {
    const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
    const format = { type: "json_schema" as const, name: "a", strict: true, schema };
    const final = await client.responses.stream({ model: "echo", input: "hello", text: { format } }).finalResponse();
    expect(final.output_text).to.equal('{"a":0}');
    const parsed = await client.responses.parse({ model: "echo", input: "hello", text: { format } });
    expect(parsed.output_parsed).to.deep.equal({ a: 0 });
  }); // prettier-ignore

  it("tells how likely tokens were, when asked", async () => {
    const { output } = await create({ input: "hello", include: ["message.output_text.logprobs"], top_logprobs: 2 });
    const [part] = output[0].content;
    expect(part.logprobs.map((one: Any) => one.token as string).join("")).to.equal(part.text);
    expect(part.logprobs[0].top_logprobs).to.have.length(2);
  });

  it("is incomplete at the most tokens", async () => {
    const response = await create({ input: "hello", max_output_tokens: 1 });
    expect(response).to.deep.include({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
    const { events: all } = await stream({ input: "hello", max_output_tokens: 1 });
    expect(all.at(-1)).to.include({ type: "response.incomplete" });
  });

  it("answers in the background, may be ended there, and outlives its client", async () => {
    const world = createWorld();
    const slow = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 20 });
    const own = await startFixture({ world, engines: slow.engines });
    const reader = new OpenAI({ apiKey: (await own.signUp("ada")).token, baseURL: `${own.url}/v1`, maxRetries: 0 });
    const short = await reader.responses.create({ model: "echo", input: "hi", background: true });
    expect(short).to.include({ status: "in_progress", background: true });
    const follow = await reader.responses.create({ model: "echo", input: "x", previous_response_id: short.id }).then(
      () => "",
      (error: Error) => error.message,
    );
    expect(follow).to.match(/not complete yet/);
    let polled = short;
    while (polled.status === "in_progress") polled = await reader.responses.retrieve(short.id);
    expect(polled).to.include({ status: "completed" });
    expect(polled.output_text ?? JSON.stringify(polled.output)).to.contain("You said: hi");
    const long = await reader.responses.create({ model: "echo", input: "word ".repeat(500), background: true });
    expect((await reader.responses.cancel(long.id)).status).to.equal("cancelled");
    while (slow.stats().running > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await reader.responses.retrieve(long.id)).status).to.equal("cancelled");
    await own.stop();
  });

  it("forgets for good what is deleted while it is under way, and begins nothing in the background that it could not keep", async () => {
    const world = createWorld();
    const slow = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 20 });
    const own = await startFixture({ world, engines: slow.engines, limits: { responsePersonBytesMax: 20_000 } });
    const ada = (await own.signUp("ada")).token;
    const ask = (input: string) =>
      own.request("POST", "/v1/responses", { token: ada, body: { model: "echo", input, background: true } });
    const { body } = await ask("word ".repeat(500));
    expect((await own.request("DELETE", `/v1/responses/${body.id}`, { token: ada })).status).to.equal(200);
    while (slow.stats().running > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await own.request("GET", `/v1/responses/${body.id}`, { token: ada })).status).to.equal(404);
    const { started } = slow.stats();
    expect((await ask("x".repeat(20_000))).status).to.equal(413);
    expect(slow.stats().started).to.equal(started);
    await own.stop();
  });

  it("ends a stream that fails in the middle with what failed", async () => {
    const call = runtime.call.bind(runtime);
    (runtime as { call: typeof call }).call = (_request, hear) => {
      setImmediate(() => {
        hear(textSaid("half a"));
        hear(failedSaid(failure("RUNTIME_FAULT", { reason: "crash" })));
      });
      return { cancel: () => undefined };
    };
    try {
      const { events: all, response } = await stream({ input: "hello" });
      expect(all.at(-1).type).to.equal("response.failed");
      expect(response).to.deep.include({ status: "failed" });
      expect(response.error.code).to.equal("runtime_fault");
      expect(response.output[0]).to.include({ status: "incomplete" });
    } finally {
      (runtime as { call: typeof call }).call = call;
    }
  });

  describe("of a model that thinks", () => {
    let call: EchoRuntime["call"];
    before(() => {
      call = runtime.call.bind(runtime);
      (runtime as { call: typeof call }).call = (request, hear) => {
        setImmediate(() => hear({ type: "part", part: { text: "", tokens: 1, thought: "well" } }));
        return call(request, hear);
      };
    });
    after(() => void ((runtime as { call: typeof call }).call = call));
    const specified = { "openresponses-version": "latest" };
    const text = [{ type: "reasoning_text", text: "well" }];
    const summary = [{ type: "summary_text", text: "well" }];
    for (const [name, asked, headers, type, item] of [
      ["as OpenAI names it", {}, {}, "response.reasoning_text", { summary: [], content: text }],
      ["as the specification names it", {}, specified, "response.reasoning", { summary: [], content: text }],
      [
        "as a summary, when asked for one",
        { summary: "auto" },
        {},
        "response.reasoning_summary_text",
        { summary, content: [] },
      ],
      [
        "as a summary by the specification",
        { summary: "detailed" },
        specified,
        "response.reasoning_summary_text",
        { summary, content: [] },
      ],
    ] as const)
      it(`tells the thoughts apart from the answer, ${name}`, async () => {
        const body = { input: "hello", reasoning: asked };
        const { output } = await create(body);
        expect(output.map(({ type: kind }: Any) => kind as string)).to.deep.equal(["reasoning", "message"]);
        expect(output[0]).to.deep.include(item);
        const { events: all, response } = await stream(body, headers);
        expect(response.output[0]).to.deep.include(item);
        const thoughts = all.filter((event) => event.output_index === 0).map((event) => event.type as string);
        const part = item.summary.length > 0 ? "response.reasoning_summary_part" : "response.content_part";
        expect(thoughts).to.deep.equal([
          "response.output_item.added",
          `${part}.added`,
          `${type}.delta`,
          `${type}.done`,
          `${part}.done`,
          "response.output_item.done",
        ]);
        expect(all.find((event) => event.type === `${type}.done`)).to.deep.include({ text: "well" });
      });
  });

  const refusals: readonly (readonly [object, param: string, says: RegExp])[] = [
    [{}, "input", /must hold something/],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "input[0].id", /no item of this id/],
    [{ input: [{ role: "judge", content: "x" }] }, "input[0].role", /must be user, assistant/],
    [{ input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] }, "input[0].content[0]", /input_file/],
    [{ input: [user([{ type: "input_image", image_url: "https://example.org/a.png" }])] }, "input[0].content[0].image_url", /fetches nothing/],
    [{ input: "x", tools: [{ type: "web_search" }] }, "tools[0].type", /web_search is not supported/],
    [{ input: "x", conversation: "conv_1" }, "conversation", /use previous_response_id/],
    [{ input: "x", prompt: { id: "p" } }, "prompt", /stored prompts/],
    [{ input: "x", truncation: "auto" }, "truncation", /nothing is left out/],
    [{ input: "x", tool_choice: "required" }, "tool_choice", /no tools to choose from/],
    [{ input: "x", background: true, store: false }, "background", /needs store/],
    [{ input: "x", text: { format: { type: "json_schema", name: "x" } } }, "text.format.schema", /must be a JSON schema/],
  ]; // prettier-ignore
  for (const [fields, param, says] of refusals)
    it(`is refused ${JSON.stringify(fields).slice(0, 80)}, with the field and what to do`, async () => {
      const body = { model: "echo", ...fields };
      const { status: code, body: answer } = await fixture.request("POST", "/v1/responses", { token, body });
      expect([code, answer.error?.type, answer.error?.param]).to.deep.equal([400, "invalid_request_error", param]);
      expect(answer.error.message).to.match(says);
    });
});

describe("gateway: responses that other nodes keep", () => {
  type Peers = NonNullable<Parameters<typeof createKeptResponses>[0]["responsePeers"]>;
  type Served = Parameters<Peers["serve"]>[0];
  /** Two nodes that ask each other; `away` are not reached. */
  function pair(): { readonly nodes: Readonly<Record<"one" | "two", KeptResponses>>; readonly away: Set<string> } {
    const served = new Map<string, Served>();
    const away = new Set<string>();
    const start = (node: string, other: string): KeptResponses => {
      const asked = <T>(to: string, answer: (own: Served) => Result<T>) =>
        Promise.resolve(away.has(to) ? refused(failure("UNREACHABLE", { node: to })) : answer(served.get(to) as Served));
      const responsePeers: Peers = {
        nodes: () => [other],
        read: (to, of) => asked(to, (own) => own.read(of)),
        items: (to, of) => asked(to, (own) => own.items(of)),
        end: (to, of) => asked(to, (own) => own.end(of)),
        serve: (own) => void served.set(node, own),
      };
      const newId = (): string => randomBytes(10).toString("hex");
      return createKeptResponses({ node, clock: createWorld().clock(), newId, limits: gatewayLimits, responsePeers } as never);
    };
    return { nodes: { one: start("one", "two"), two: start("two", "one") }, away };
  }
  const coded = (work: Promise<unknown>) => work.then(() => "done", (error: unknown) => failureOf(error).code);
  const one = (id: string, text = "hello", status = "completed") =>
    ({ response: { id, status }, input: [{ text }], before: [] }) as unknown as KeptResponse;

  it("are found, continued and forgotten at each, by their person alone", async () => {
    const { nodes, away } = pair();
    const id = nodes.one.newId();
    nodes.one.put("ada", one(id));
    expect(await nodes.two.find("ada", id)).to.deep.equal(one(id));
    expect(await coded(nodes.two.find("eve", id))).to.equal("NOT_FOUND");
    expect(await coded(nodes.two.end("eve", id, true))).to.equal("NOT_FOUND");
    for (const other of [`resp_00000000_${"x".repeat(8)}`, "resp_", "x", nodes.two.newId()])
      expect(await coded(nodes.two.find("ada", other)), other).to.equal("NOT_FOUND");
    away.add("one");
    expect(await coded(nodes.two.find("ada", id))).to.equal("UNREACHABLE");
    expect(await coded(nodes.one.find("ada", id))).to.equal("done");
    away.clear();
    await nodes.two.end("ada", id, true);
    expect(await coded(nodes.one.find("ada", id))).to.equal("NOT_FOUND");
  });

  it("have items that are referred to at each, by their person alone", async () => {
    const { nodes, away } = pair();
    const items = ["msg_a", "msg_b"].map((id) => ({ id, type: "message" }));
    const id = nodes.one.newId();
    nodes.one.put("ada", { response: { id, output: [items[0]] }, input: [items[1]], before: [] } as unknown as KeptResponse);
    nodes.one.put("ada", { response: { id: nodes.one.newId(), output: [{ id: "msg_c" }] }, input: [], before: [], only: {} } as unknown as KeptResponse);
    const found = async (node: "one" | "two", user = "ada") => [...(await nodes[node].items(user, ["msg_a", "msg_b", "msg_c", "msg_x"])).values()];
    for (const node of ["one", "two"] as const) expect(await found(node), node).to.deep.equal(items);
    expect(await found("two", "eve")).to.deep.equal([]);
    away.add("one");
    expect(await found("two")).to.deep.equal([]);
  });

  it("are ended where they are under way, and refused when they are too large for the way", async () => {
    const { nodes } = pair();
    const ended: unknown[] = [];
    const [running, large] = [nodes.one.newId(), nodes.one.newId()];
    nodes.one.put("ada", { ...one(running, "hello", "in_progress"), cancel: (how) => ended.push(how) });
    expect(await nodes.two.find("ada", running)).to.have.nested.property("response.status", "in_progress");
    await nodes.two.end("ada", running, false);
    expect(ended).to.deep.equal([{ forget: false }]);
    nodes.one.put("ada", one(large, "x".repeat(wireLimits.peerMessageBytesMax)));
    expect(await coded(nodes.one.find("ada", large))).to.equal("done");
    expect(await coded(nodes.two.find("ada", large))).to.equal("TOO_LARGE");
  });
}); // prettier-ignore

describe("gateway: responses that are kept", () => {
  const kept = (now: { ms: number }) =>
    createKept<string>({ responseLifeMs: 100, responsePersonBytesMax: 10, responseBytesMax: 15 }, () => now.ms);

  it("go after their time, and the oldest for new ones: of the person, and of all", () => {
    const now = { ms: 0 };
    const all = kept(now);
    for (const id of ["a1", "a2", "a3"]) all.put("ada", id, id, 4);
    expect(["a1", "a2", "a3"].map((id) => all.get("ada", id))).to.deep.equal([undefined, "a2", "a3"]);
    now.ms = 50;
    all.put("bob", "b1", "b1", 8);
    expect([all.get("ada", "a2"), all.get("ada", "a3"), all.get("bob", "b1")]).to.deep.equal([undefined, "a3", "b1"]);
    now.ms = 100;
    expect([all.get("ada", "a3"), all.get("bob", "b1")]).to.deep.equal([undefined, "b1"]);
    expect(all.put("ada", "a4", "a4", 11)).to.equal(false);
    expect(all.get("ada", "a4")).to.equal(undefined);
    expect(all.put("bob", "b1", "again", 10)).to.equal(true);
    expect(all.get("bob", "b1")).to.equal("again");
    expect([all.delete("ada", "b1"), all.delete("bob", "b1"), all.delete("bob", "b1")]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });
});
