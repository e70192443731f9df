/** Programs that people point at an endpoint, as they use it: the AI SDK, and the chat pages Open WebUI and
 *  LibreChat. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, jsonSchema, stepCountIs, streamText, tool, Output } from "ai";
import { expect } from "chai";
import OpenAI from "openai";
import { png } from "../../../fixtures/pictures.ts";
import { startFixture, type Fixture } from "../fixture.ts";

describe("gateway: the AI SDK, unchanged", () => {
  let fixture: Fixture;
  let provider: ReturnType<typeof createOpenAICompatible>;
  before(async () => {
    fixture = await startFixture();
    const { token } = await fixture.signUp("ada");
    provider = createOpenAICompatible({ name: "plexus", baseURL: `${fixture.url}/v1`, apiKey: token, includeUsage: true, supportsStructuredOutputs: true }); // prettier-ignore
  });
  after(() => fixture.stop());

  it("generates text with its usage, whole and as a stream", async () => {
    const model = provider("echo");
    const whole = await generateText({ model, prompt: "hello", system: "Be brief.", maxRetries: 0 });
    expect(whole.text).to.contain("You said: hello");
    expect(whole.finishReason).to.equal("stop");
    const streamed = streamText({ model, prompt: "hello", system: "Be brief.", maxRetries: 0 });
    let text = "";
    for await (const piece of streamed.textStream) text += piece;
    expect(text).to.equal(whole.text);
    expect((await streamed.usage).outputTokens).to.equal(whole.usage.outputTokens);
  });

  it("calls tools in its own loop, whole and as a stream", async () => {
    const tools = {
      get_weather: tool({
        description: "The weather",
        inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
        execute: ({ city }) => Promise.resolve(`fog in ${city}`),
      }),
    };
    const asked = { model: provider("echo"), tools, stopWhen: stepCountIs(3), prompt: 'call get_weather {"city":"Rome"}', maxRetries: 0 };
    expect((await generateText(asked)).text).to.equal('The tool said: fog in Rome');
    expect(await streamText(asked).text).to.equal('The tool said: fog in Rome');
  }); // prettier-ignore

  it("gets an object of a schema, and vectors", async () => {
    const schema = jsonSchema<{ age: number }>({ type: "object", properties: { age: { type: "integer", minimum: 3 } }, required: ["age"], additionalProperties: false });
    const { output } = await generateText({ model: provider("echo"), prompt: "hello", output: Output.object({ schema }), maxRetries: 0 });
    expect(output).to.deep.equal({ age: 3 });
    const { embeddings } = await embedMany({ model: provider.embeddingModel("echo"), values: ["one", "two"], maxRetries: 0 });
    expect(embeddings.map(({ length }) => length)).to.deep.equal([64, 64]);
  }); // prettier-ignore

  it("is told what is wrong", async () => {
    const refusal: unknown = await generateText({ model: provider("gpt-none"), prompt: "hello", maxRetries: 0 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).to.include({ statusCode: 404 });
    expect((refusal as Error).message).to.match(/model: gpt-none/);
  });
});

describe("gateway: the way of chat pages", () => {
  let fixture: Fixture;
  let token: string;
  before(async () => {
    fixture = await startFixture({ allowedOrigins: ["https://chat.example.org"] });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());
  const post = (path: string, body: object, headers = {}) => fixture.request("POST", path, { token, body, headers });
  const lines = (text: string): readonly unknown[] =>
    text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)) as unknown);

  it("Open WebUI: models by both interfaces, a stream with usage, a title, tools, vectors and ranks for documents", async () => {
    const { body: list } = await fixture.request("GET", "/v1/models", { token });
    expect(list.data[0]).to.include({ id: "echo", object: "model" });
    expect((await fixture.request("GET", "/api/tags", { token })).body.models[0]).to.include({ model: "echo" });
    const messages = [{ role: "user", content: "hello" }];
    const chat = await post("/v1/chat/completions", { model: "echo", messages, stream: true, stream_options: { include_usage: true }, max_tokens: 50 });
    expect(lines(chat.body as string).at(-1)).to.have.nested.property("usage.prompt_tokens", 1);
    const task = '### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Output:\nJSON format: { "title": "your concise title here" }';
    const title = await post("/v1/chat/completions", { model: "echo", messages: [{ role: "user", content: task }], stream: false, max_completion_tokens: 1_000, metadata: { task: "title_generation" } });
    expect(title.body.choices[0].message.content).to.be.a("string").and.contain("title");
    const tools = [{ type: "function", function: { name: "search_web", description: "", parameters: { type: "object", properties: { query: { type: "string" } } } } }];
    const native = await post("/v1/chat/completions", { model: "echo", messages: [{ role: "user", content: 'call search_web {"query":"x"}' }], tools, stream: true });
    const pieces = lines(native.body as string).flatMap((chunk) => (chunk as OpenAI.ChatCompletionChunk).choices[0]?.delta.tool_calls ?? []);
    expect(pieces[0]).to.deep.include({ index: 0, function: { name: "search_web", arguments: "" } });
    expect(pieces.map((piece) => piece.function?.arguments).join("")).to.equal('{"query":"x"}');
    expect((await post("/v1/embeddings", { model: "echo", input: ["a", "b"], encoding_format: "float" })).body.data).to.have.length(2);
    expect((await post("/v1/rerank", { model: "echo", query: "a", documents: ["b", "a"] })).body.results[0]).to.include({ index: 1 });
  }); // prettier-ignore

  it("Jina: vectors of images beside texts, as bytes in the request alone", async () => {
    const image = `data:image/png;base64,${png(2, 2).toString("base64")}`;
    expect((await post("/v1/embeddings", { model: "echo", input: [{ text: "a" }, "a"] })).body.data).to.have.length(2);
    // The echo has no eyes: it is asked for what it cannot do.
    for (const given of [image, png(2, 2).toString("base64")]) {
      const { status, body } = await post("/v1/embeddings", { model: "echo", input: ["a", { image: given }] });
      expect([status, body.error.code]).to.deep.equal([400, "model_unsupported"]);
      expect(body.error.message).to.contain("image-embed");
    }
    const fetched = await post("/v1/embeddings", { model: "echo", input: [{ image: "https://example.org/cat.png" }] });
    expect(fetched.body.error.message).to.contain("fetches nothing");
  });

  it("LibreChat: models, a stream with its parameters, a title by a function that must be called, its own headers", async () => {
    const client = new OpenAI({ apiKey: token, baseURL: `${fixture.url}/v1`, maxRetries: 0, defaultHeaders: { "x-conversation-id": "1" } });
    expect((await client.models.list()).data.map(({ id }) => id)).to.deep.equal(["echo"]);
    const asks = { model: "echo", user: "652f", messages: [{ role: "system" as const, content: "You are a helper." }, { role: "user" as const, content: "hello" }], temperature: 1, top_p: 1, presence_penalty: 0, frequency_penalty: 0, stop: null };
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...asks, stream: true, stream_options: { include_usage: true } })) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).to.contain("hello");
    const titled = { type: "function" as const, function: { name: "output_title", parameters: { type: "object", properties: { title: { type: "string", minLength: 1 } }, required: ["title"] } } };
    const answer = await client.chat.completions.create({ ...asks, tools: [titled], tool_choice: { type: "function", function: { name: "output_title" } } });
    const [call] = answer.choices[0]?.message.tool_calls ?? [];
    expect(call?.type === "function" && JSON.parse(call.function.arguments)).to.deep.equal({ title: "x" });
  }); // prettier-ignore

  it("a page of an origin that an admin named reads answers, also refusals and streams; others do not", async () => {
    const origin = "https://chat.example.org";
    const preflight = await fixture.request("OPTIONS", "/v1/chat/completions", {
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,x-stainless-os" },
    });
    expect([preflight.status, preflight.body]).to.deep.equal([204, ""]);
    expect(preflight.headers.get("access-control-allow-origin")).to.equal(origin);
    expect(preflight.headers.get("access-control-allow-headers")).to.equal("authorization,content-type,x-stainless-os");
    expect(preflight.headers.get("access-control-allow-credentials")).to.equal(null);
    const body = { model: "echo", messages: [{ role: "user", content: "hello" }], stream: true };
    const foreign = { origin, "sec-fetch-site": "cross-site" };
    for (const stream of [true, false]) {
      const answer = await post("/v1/chat/completions", { ...body, stream }, foreign);
      expect([answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")]).to.deep.equal([200, origin, "origin"]);
    }
    const refused = await fixture.request("GET", "/v1/models", { headers: { origin } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).to.deep.equal([401, origin]);
    expect((await fixture.request("GET", "/api/tags", { token, headers: { origin } })).headers.get("access-control-allow-origin")).to.equal(origin);
    const other = await fixture.request("OPTIONS", "/v1/models", { headers: { origin: "https://evil.example.org", "access-control-request-method": "GET" } });
    expect([other.status, other.headers.get("access-control-allow-origin")]).to.deep.equal([404, null]);
    // The rest of the node is not opened.
    const rest = await fixture.request("GET", "/api/v1/me", { token, headers: { origin } });
    expect(rest.headers.get("access-control-allow-origin")).to.equal(null);
    // A cookie that a browser sends along proves nothing.
    const byCookie = await fixture.request("POST", "/v1/chat/completions", { body, headers: { ...foreign, cookie: `plexus_session=${token}` } });
    expect(byCookie.status).to.equal(403);
  }); // prettier-ignore
});
