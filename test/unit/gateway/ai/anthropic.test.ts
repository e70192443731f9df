import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import type { EngineName, EngineRequest } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { pixel, seeing } from "./seeing.ts";

describe("gateway: Anthropic's client, unchanged", () => {
  let fixture: Fixture;
  let client: Anthropic;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    fixture = await startFixture({
      world,
      engines: seeing(runtime, (engine, request) => asked.push({ engine, request })),
    });
    const { token } = await fixture.signUp("ada");
    // As `x-api-key`.
    client = new Anthropic({ apiKey: token, baseURL: fixture.url, maxRetries: 0 });
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const base = { model: "echo", max_tokens: 100, messages: [{ role: "user" as const, content: "hello" }] };
  const tools: Anthropic.Tool[] = [
    {
      name: "get_weather",
      description: "The weather",
      input_schema: { type: "object", properties: { city: { type: "string", minLength: 1 } }, required: ["city"] },
    },
    { name: "clock", input_schema: { type: "object" } },
  ];

  it("gets a whole message with its usage", async () => {
    const message = await client.messages.create({ ...base, system: [{ type: "text", text: "Be brief." }], temperature: 0.5, stop_sequences: ["These"] } as Anthropic.MessageCreateParamsNonStreaming); // prettier-ignore
    expect(message).to.include({
      type: "message",
      role: "assistant",
      stop_reason: "stop_sequence",
      stop_sequence: "These",
      model: "echo",
    });
    expect(message.content).to.deep.equal([{ type: "text", text: "You said: hello\n" }]);
    expect(message.usage).to.include({ input_tokens: 3, cache_read_input_tokens: 0 });
    const { messages, stop, sampling } = asked[0]!.request as EngineRequest<"generate">;
    expect(messages[0]).to.deep.equal({ role: "system", content: "Be brief." });
    expect([stop, sampling]).to.deep.equal([["These"], { temperature: 0.5, maxTokens: 100 }]);
    expect(await client.messages.create({ ...base, max_tokens: 1 })).to.include({ stop_reason: "max_tokens" });
  });

  it("streams the events in their order, and its own helper puts the message together", async () => {
    const events: string[] = [];
    for await (const event of await client.messages.create({ ...base, stream: true })) events.push(event.type);
    expect(events.filter((type, index) => type !== events[index - 1])).to.deep.equal([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const whole = await client.messages.create(base);
    const final = await client.messages.stream(base).finalMessage();
    expect(final.content.map((block) => block.type === "text" && block.text)).to.deep.equal(
      whole.content.map((block) => block.type === "text" && block.text),
    );
    expect(final.usage).to.include({ input_tokens: 1, output_tokens: whole.usage.output_tokens });
  });

  it("calls tools and gives their answers back, whole and as a stream", async () => {
    const messages = [{ role: "user" as const, content: 'call get_weather {"city":"Rome"}\ncall clock' }];
    const first = await client.messages.create({ ...base, messages, tools });
    expect(first.stop_reason).to.equal("tool_use");
    expect(first.content).to.deep.equal([
      { type: "tool_use", id: "call_1", name: "get_weather", input: { city: "Rome" } },
      { type: "tool_use", id: "call_2", name: "clock", input: {} },
    ]);
    const streamed = await client.messages.stream({ ...base, messages, tools }).finalMessage();
    expect(streamed.content).to.deep.equal(first.content);
    const results = [
      { type: "tool_result" as const, tool_use_id: "call_1", content: [{ type: "text" as const, text: "20 degrees" }] },
      { type: "tool_result" as const, tool_use_id: "call_2", content: "noon", is_error: true },
    ];
    const more = [...messages, { role: "assistant" as const, content: first.content }, { role: "user" as const, content: results }];
    const last = await client.messages.create({ ...base, messages: more, tools });
    expect(last.content).to.deep.equal([{ type: "text", text: "The tool said: The tool failed:\n\nnoon" }]);
    expect((asked.at(-1)!.request as EngineRequest<"generate">).messages.map(({ role }) => role)).to.deep.equal(["user", "assistant", "tool", "tool"]);
  }); // prettier-ignore

  it("must, must not or may call", async () => {
    const names = async (more: Partial<Anthropic.MessageCreateParamsNonStreaming>) =>
      (await client.messages.create({ ...base, tools, ...more })).content.flatMap((block) =>
        block.type === "tool_use" ? [block.name] : [],
      );
    const both = [{ role: "user" as const, content: "call clock\ncall get_weather" }];
    expect(await names({ tool_choice: { type: "any" } })).to.deep.equal(["get_weather"]);
    expect(await names({ tool_choice: { type: "tool", name: "clock" } })).to.deep.equal(["clock"]);
    expect(await names({ tool_choice: { type: "none" }, messages: both })).to.deep.equal([]);
    const one = { type: "auto" as const, disable_parallel_tool_use: true };
    expect(await names({ tool_choice: one, messages: both })).to.deep.equal(["get_weather"]);
  });

  it("shows images to a model that can see", async () => {
    const image = { type: "base64" as const, media_type: "image/png" as const, data: Buffer.from(pixel).toString("base64") };
    const content = [{ type: "image" as const, source: image }, { type: "text" as const, text: "What is it?" }];
    await client.messages.create({ ...base, model: "seeing", messages: [{ role: "user", content }] });
    const [message] = (asked[0]!.request as EngineRequest<"generate">).messages;
    expect(message).to.deep.include({ content: "What is it?", media: [{ type: "image", mediaType: "image/png", bytes: pixel }] });
    const link = [{ type: "image" as const, source: { type: "url" as const, url: "https://example.org/a.png" } }];
    const refused = await refusalOf(client.messages.create({ ...base, messages: [{ role: "user", content: link }] }));
    expect((refused as Error).message).to.match(/messages\[0\].content\[0\].source: must be base64/);
  }); // prettier-ignore

  it("gets JSON of a schema", async () => {
    const schema = { type: "object", properties: { a: { type: "boolean" } }, required: ["a"] };
    const { content } = await client.messages.create({
      ...base,
      output_config: { format: { type: "json_schema", schema } },
    });
    expect(content).to.deep.equal([{ type: "text", text: '{"a":false}' }]);
  });

  it("counts tokens, and lists models in its own shape", async () => {
    const { input_tokens: few } = await client.messages.countTokens({ model: "echo", messages: base.messages });
    const { input_tokens: more } = await client.messages.countTokens({ model: "echo", messages: base.messages, tools });
    expect(few).to.equal(1);
    expect(more).to.be.greaterThan(few);
    const ids: string[] = [];
    for await (const { id, type } of client.models.list()) ids.push(`${type} ${id}`);
    expect(ids).to.deep.equal(["model echo", "model seeing"]);
    expect((await client.models.retrieve("echo")).display_name).to.equal("echo");
  });

  it("gets errors of its own kinds", async () => {
    expect(await refusalOf(client.messages.create({ ...base, model: "claude" }))).to.be.instanceOf(Anthropic.NotFoundError);
    const bad = new Anthropic({ apiKey: "plxk_wrong", baseURL: fixture.url, maxRetries: 0 });
    const wrong = await refusalOf(bad.messages.create(base));
    expect(wrong).to.be.instanceOf(Anthropic.AuthenticationError);
    expect((wrong as InstanceType<typeof Anthropic.APIError>).error).to.have.nested.property("error.type", "authentication_error");
    for (const [fields, says] of [
      [{ thinking: { type: "between_tools" } }, /must be enabled, adaptive or disabled/],
      [{ mcp_servers: [{ type: "url", url: "https://example.org", name: "x" }] }, /servers of tools/],
      [{ tools: [{ type: "web_search_20250305", name: "web_search" }] }, /tools\[0\].type: web_search_20250305 is not supported/],
      [{ messages: [{ role: "user", content: [{ type: "document", source: { type: "base64", media_type: "application/pdf", data: "AA==" } }] }] }, /document is not supported/],
      [{ messages: [{ role: "judge", content: "x" }] }, /must be user or assistant/],
      [{ max_tokens: 0 }, /max_tokens/],
    ] as const) {
      const refused = await refusalOf(client.messages.create({ ...base, ...fields } as never));
      expect(refused).to.be.instanceOf(Anthropic.BadRequestError);
      expect((refused as Error).message).to.match(says);
    }
  }); // prettier-ignore
});
