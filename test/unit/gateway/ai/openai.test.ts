import { everyEngine } from "../../../../runtimes/engine.ts";
import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import OpenAI from "openai";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import type { EngineName, EngineRequest } from "../../../../protocols/index.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { seeing } from "./seeing.ts";
import { ended as endSaid, endOf, text as textSaid } from "../../../fixtures/engine-answers.ts";

describe("gateway: OpenAI's client, unchanged", () => {
  let fixture: Fixture;
  let token: string;
  let client: OpenAI;
  before(async () => {
    fixture = await startFixture({ tokenDelayMs: 2 });
    token = (await fixture.signUp("ada")).token;
    const { body } = await fixture.request("POST", "/api/v1/me/keys", { token, body: { label: "openai" } });
    client = new OpenAI({ apiKey: body.key as string, baseURL: `${fixture.url}/v1`, maxRetries: 0 });
  });
  after(() => fixture.stop());

  const messages = [
    { role: "developer" as const, content: "Be brief." },
    { role: "user" as const, content: [{ type: "text" as const, text: "say hello to everybody here" }] },
  ];

  it("gets a whole answer with its usage", async () => {
    const answer = await client.chat.completions.create({ model: "echo", messages, temperature: 0, seed: -7 });
    expect(answer.object).to.equal("chat.completion");
    expect(answer.choices).to.have.length(1);
    expect(answer.choices[0]?.message).to.include({ role: "assistant" });
    expect(answer.choices[0]?.message.content).to.contain("hello");
    expect(answer.choices[0]?.finish_reason).to.equal("stop");
    const { usage } = answer;
    expect(usage?.total_tokens).to.equal((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  it("gets the same answer as a stream, with usage when asked for", async () => {
    const whole = await client.chat.completions.create({ model: "echo", messages });
    const stream = await client.chat.completions.create({
      model: "echo",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    const finishes: (string | null)[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      expect(chunk.object).to.equal("chat.completion.chunk");
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]) finishes.push(chunk.choices[0].finish_reason);
      else usage = chunk.usage;
    }
    expect(text).to.equal(whole.choices[0]?.message.content);
    expect(finishes.at(-1)).to.equal("stop");
    expect(usage).to.deep.equal(whole.usage);
  });

  it("ends with length at max_tokens and with stop at a stop text", async () => {
    const short = await client.chat.completions.create({ model: "echo", messages, max_completion_tokens: 1 });
    expect(short.choices[0]?.finish_reason).to.equal("length");
    const stopped = await client.chat.completions.create({ model: "echo", messages, stop: ["hello"] });
    expect(stopped.choices[0]?.finish_reason).to.equal("stop");
    expect(stopped.choices[0]?.message.content).not.to.contain("hello");
  });

  it("lists models and the caller's agents, and writes as an agent without touching its conversation", async () => {
    const made = await fixture.request("POST", "/api/v1/agents", {
      token,
      body: { name: "helper", persona: "A pirate." },
    });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).to.deep.equal(["echo", "agent:ada.helper"]);
    expect((await client.models.retrieve("agent:ada.helper")).owned_by).to.equal("ada");
    expect((await client.models.retrieve("echo")).object).to.equal("model");

    const answer = await client.chat.completions.create({ model: "agent:ada.helper", messages });
    expect(answer.model).to.equal("agent:ada.helper");
    expect(answer.choices[0]?.message.content).to.be.a("string").and.not.equal("");
    const view = await fixture.request("GET", "/api/v1/agents/ada.helper", { token });
    expect(view.body.turns).to.equal(0);
    const other = await fixture.signUp("bob");
    const stranger = new OpenAI({ apiKey: other.token, baseURL: `${fixture.url}/v1`, maxRetries: 0 });
    const refusal = await stranger.chat.completions.create({ model: "agent:ada.helper", messages }).then(
      () => undefined,
      (error: { status: number }) => error,
    );
    expect(refusal?.status).to.be.oneOf([403, 404]);
  });

  it("that is gone before its agent has answered has nothing written for it", async () => {
    await fixture.request("POST", "/api/v1/agents", { token, body: { name: "slow", persona: "" } });
    const asked = Promise.withResolvers<() => void>();
    const ask = fixture.kernel.ask.bind(fixture.kernel);
    const generate = fixture.runtime.call.bind(fixture.runtime);
    let generations = 0;
    const done = Promise.withResolvers<void>();
    fixture.kernel.ask = async (request) => {
      const answer = await ask(request);
      if (request.to !== "agent/ada.slow") return answer;
      await new Promise<void>((resolve) => asked.resolve(resolve));
      // The handler goes on in the microtasks after this.
      setImmediate(done.resolve);
      return answer;
    };
    fixture.runtime.call = (...given) => {
      generations += 1;
      return generate(...given);
    };
    try {
      const socket = connect(Number(new URL(fixture.url).port), "127.0.0.1");
      const body = JSON.stringify({ model: "agent:ada.slow", messages });
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
          `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      const goOn = await asked.promise;
      const closed = once(socket, "close");
      socket.resetAndDestroy();
      await closed;
      // Whoever comes after that is answered after the node has heard of it.
      for (let request = 0; request < 2; request += 1) await fixture.request("GET", "/healthz");
      goOn();
      await done.promise;
      expect(generations).to.equal(0);
    } finally {
      fixture.kernel.ask = ask;
      fixture.runtime.call = generate;
    }
  });

  it("gets no more text than there is in an answer, whatever a node says", async () => {
    const max = 1_000;
    const bounded = await startFixture({ limits: { completionTextBytesMax: max } });
    const { token: key } = await bounded.signUp("ada");
    const reader = new OpenAI({ apiKey: key, baseURL: `${bounded.url}/v1`, maxRetries: 0 });
    let cancelled = 0;
    let said = 0;
    /** A node that says so many texts of 250 bytes each, and goes on also when it is asked to stop. */
    const says = (texts: number): void => {
      const call: typeof bounded.runtime.call = (_request, hear) => {
        setImmediate(() => {
          for (said = 0; said < texts; said += 1) hear(textSaid("é".repeat(125)));
          hear(endSaid("complete", 1, said));
        });
        return { cancel: () => void (cancelled += 1) };
      };
      (bounded.runtime as { call: typeof call }).call = call;
    };
    const asked = { model: "echo", messages };
    says(4);
    const whole = await reader.chat.completions.create(asked);
    expect(whole.choices[0]?.message.content).to.equal("é".repeat(500));
    expect(cancelled).to.equal(0);
    says(50);
    const refusal: unknown = await reader.chat.completions.create(asked).then(() => undefined, (error: unknown) => error);
    expect(refusal).to.be.instanceOf(OpenAI.APIError).and.include({ status: 413, code: "too_large" });
    expect((refusal as Error).message).to.match(/completionTextBytesMax/);
    expect([said, cancelled]).to.deep.equal([50, 1]);
    let text = "";
    const stream = await reader.chat.completions.create({ ...asked, stream: true });
    const read = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    };
    const broken: unknown = await read().then(() => undefined, (error: unknown) => error);
    expect(broken).to.be.instanceOf(OpenAI.APIError).and.include({ code: "too_large" });
    expect(text).to.equal("é".repeat(500));
    expect(cancelled).to.equal(2);
    await bounded.stop();
  }); // prettier-ignore

  it("gets its turn soon, however much others have waiting, and its keys take turns", async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 8, sequences: 1 });
    const shared = await startFixture({
      world,
      engines: everyEngine({ generate: runtime }),
      limits: { callsPerPersonMax: 100 },
    });
    const ended: string[] = [];
    const refused: string[] = [];
    const ask = async (name: string, apiKey: string): Promise<void> => {
      const own = new OpenAI({ apiKey, baseURL: `${shared.url}/v1`, maxRetries: 0 });
      const answer = own.chat.completions.create({ model: "echo", messages });
      await answer.then(
        () => ended.push(name),
        (error: unknown) => refused.push(`${name} ${(error as { code: string }).code}`),
      );
    };
    const greedy = [await shared.signUp("mallory"), await shared.signUp("oscar")];
    const ada = await shared.signUp("ada");
    const key = (await shared.request("POST", "/api/v1/me/keys", { token: ada.token, body: { label: "k" } })).body;
    const asked: Promise<void>[] = [];
    for (let each = 0; each < 40; each += 1) for (const { user, token: one } of greedy) asked.push(ask(user, one));
    const arrived = () => {
      const { finished, failed, queued, running } = runtime.stats();
      return finished + failed + queued + running;
    };
    while (arrived() < asked.length) await new Promise((resolve) => setImmediate(resolve));
    const all = asked.length + 3;
    const hers = [ask("ada", ada.token), ask("ada", ada.token), ask("ada's key", key.key as string)];
    while (arrived() < all) await new Promise((resolve) => setImmediate(resolve));
    const before = runtime.stats().finished;
    const sinceThen = () => runtime.stats().finished - before;
    // The one that ran, one of each of the others, and hers; and one that ends while the answer is on its way.
    await Promise.race(hers);
    expect(sinceThen()).to.be.at.most(1 + 2 + 1 + 1);
    await Promise.all(hers);
    expect(sinceThen()).to.be.at.most(1 + 3 * 3 + 1);
    const order = ended.filter((name) => name.startsWith("ada"));
    expect(order.indexOf("ada's key"), order.join(" ")).to.be.at.most(1);
    await runtime.stop(1_000);
    await Promise.all(asked);
    // Beyond 16 waiting of one person, and beyond what ran.
    expect(refused.filter((name) => name.startsWith("mallory model_busy")).length).to.be.within(10, 24);
    await shared.stop();
  });

  it("shares the model with agents: an answer is a turn of whoever asked for it", async () => {
    const shared = await startFixture({ tokenDelayMs: 40 });
    const talk = async (token: string, agents: readonly string[]) => {
      for (const name of agents) await shared.request("POST", "/api/v1/agents", { token, body: { name } });
      return (name: string) =>
        shared.request("POST", `/api/v1/agents/${name}/say`, { token, body: { text: "hello there" } });
    };
    const greedy = ["mallory", "oscar"];
    const names = Array.from({ length: 14 }, (_, each) => `helper${each}`);
    const says: Promise<unknown>[] = [];
    const ready: (() => void)[] = [];
    for (const user of greedy) {
      const { token } = await shared.signUp(user);
      const say = await talk(token, names);
      for (const name of names) ready.push(() => says.push(say(`${user}.${name}`)));
    }
    const ada = await shared.signUp("ada");
    const say = await talk(ada.token, ["helper"]);
    const client = await shared.connect(ada.token);
    client.socket.send(JSON.stringify({ id: 900, do: "subscribe", to: "agent/ada.helper" }));
    await client.next((frame) => frame.re === 900);
    for (const go of ready) go();
    await Promise.all(says);
    const before = shared.runtime.stats().finished;
    await say("ada.helper");
    await client.next((frame) => frame.event?.type === "answered");
    // Those that ran, and one more of each of the two.
    expect(shared.runtime.stats().finished - before).to.be.at.most(4 + 2 + 4);
    expect(shared.runtime.stats().queued).to.be.at.least(10);
    await shared.stop();
  });

  it("gets errors of its own kinds", async () => {
    const bad = new OpenAI({ apiKey: "plxk_wrong", baseURL: `${fixture.url}/v1`, maxRetries: 0 });
    const refusalOf = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error);
    expect(await refusalOf(bad.models.list())).to.be.instanceOf(OpenAI.AuthenticationError);
    const unknown = await refusalOf(client.chat.completions.create({ model: "gpt-none", messages }));
    expect(unknown).to.be.instanceOf(OpenAI.NotFoundError);
    expect(unknown).to.include({ code: "model_not_found" });
    const unknownStream = await refusalOf(client.chat.completions.create({ model: "gpt-none", messages, stream: true }));
    expect(unknownStream).to.be.instanceOf(OpenAI.NotFoundError);
    const image = [{ role: "user" as const, content: [{ type: "image_url" as const, image_url: { url: "data:," } }] }];
    expect(await refusalOf(client.chat.completions.create({ model: "echo", messages: image }))).to.be.instanceOf(
      OpenAI.BadRequestError,
    );
    const missing = (await fixture.request("POST", "/v1/fine_tuning/jobs", { token, body: {} })).body.error;
    expect(missing).to.include({ type: "invalid_request_error", code: "not_found" });
    expect(missing.message).to.equal("This endpoint is not supported. (path: /v1/fine_tuning/jobs)");
  }); // prettier-ignore

  const parameters = (fields: object) =>
    ({ model: "echo", messages, ...fields }) as OpenAI.ChatCompletionCreateParamsNonStreaming;
  const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

  const refusedFields: readonly (readonly [object, param: string, message: RegExp])[] = [
    [{ n: 9 }, "n", /n: at most 8 choices/],
    [{ n: 0 }, "n", /n: must be >= 1/],
    [{ tools: [{ type: "custom", custom: { name: "x" } }] }, "tools[0].type", /only tools of the type function/],
    [{ tools: [tool, tool] }, "tools", /two tools have one name/],
    [{ tool_choice: "required" }, "tool_choice", /there are no tools to choose from/],
    [{ tools: [tool], tool_choice: "any" }, "tool_choice", /must be auto, none, required/],
    [
      { tools: [tool], tool_choice: { type: "function", function: { name: "x" } } },
      "tool_choice",
      /no tool is called x/,
    ],
    [{ functions: [tool.function] }, "functions", /use tools and tool_choice/],
    [{ function_call: { name: "weather" } }, "function_call", /use tools and tool_choice/],
    [{ response_format: { type: "xml" } }, "response_format.type", /must be text, json_object or json_schema/],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x" } } },
      "response_format.json_schema.schema",
      /must be a JSON schema/,
    ],
    [{ top_logprobs: 3 }, "top_logprobs", /needs logprobs: true/],
    [{ logit_bias: { 50256: -100 } }, "logit_bias", /logit_bias is not supported/],
    [{ frequency_penalty: 0.5 }, "frequency_penalty", /penalties are not supported/],
    [{ presence_penalty: -1 }, "presence_penalty", /penalties are not supported/],
    [{ modalities: ["text", "audio"] }, "modalities", /only text output/],
    [{ audio: { voice: "alloy", format: "wav" } }, "audio", /only text output/],
    [{ web_search_options: {} }, "web_search_options", /web search is not supported/],
    [{ moderation: { model: "omni" } }, "moderation", /moderation is not supported/],
    [
      { messages: [{ role: "user", content: "half \ud800" }] },
      "messages[0].content",
      /surrogate pair \(U\+D800\) at position 5/,
    ],
    [{ temperature: 3 }, "temperature", /temperature: must be <= 2/],
    [{ stop: ["x".repeat(65)] }, "stop", /stop: at most 8 texts of 1 to 64 characters/],
    [{ messages: [{ role: "tool", content: "20 °C" }] }, "messages[0].tool_call_id", /must be the id of the call/],
    [
      { messages: [{ role: "assistant", tool_calls: [{ id: "1" }] }] },
      "messages[0].tool_calls[0]",
      /must be a call of a function/,
    ],
    [
      {
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://example.org/a.png" } }] }],
      },
      "messages[0].content.image_url",
      /the node fetches nothing from elsewhere/,
    ],
    [
      {
        messages: [
          { role: "system", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }] },
        ],
      },
      "messages[0].content",
      /only text parts are supported/,
    ],
    [{ messages: [...messages, { role: "judge", content: "" }] }, "messages[2].role", /must be system, developer/],
  ];
  for (const [fields, param, message] of refusedFields)
    it(`is refused ${JSON.stringify(fields).slice(0, 80)}, with the parameter and what to do in the message`, async () => {
      const work = client.chat.completions.create(parameters(fields));
      const refusal: unknown = await work.then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).to.be.instanceOf(OpenAI.BadRequestError);
      expect(refusal).to.include({ param, type: "invalid_request_error", code: "bad_request" });
      expect((refusal as Error).message).to.match(message);
    });

  it("may send what asks for nothing, and what does not change the answer", async () => {
    const answer = await client.chat.completions.create(
      parameters({
        n: 1, tools: [], tool_choice: "auto", parallel_tool_calls: true, functions: [], function_call: "none",
        response_format: { type: "text" }, logprobs: false, top_logprobs: 0, logit_bias: {}, frequency_penalty: 0,
        presence_penalty: 0, modalities: ["text"], audio: null, user: "u", store: true, metadata: { a: "b" },
        service_tier: "auto", reasoning_effort: "low", verbosity: "medium", prompt_cache_key: "k", safety_identifier: "s",
        messages: [...messages, { role: "assistant", content: "hello", tool_calls: [], refusal: null, name: "a" }, ...messages],
      }),
    ); // prettier-ignore
    expect(answer.choices[0]?.message.content).to.contain("hello");
    await client.chat.completions.create(
      parameters({ tools: [tool], tool_choice: "none", n: null, response_format: null }),
    );
  });

  it("reads in the message what else is known, because it shows nothing else", async () => {
    const unknown = (work: Promise<unknown>) => work.then(() => "", (error: Error) => error.message);
    expect(await unknown(client.chat.completions.create(parameters({ model: "gpt-none" })))).to.match(/model: gpt-none/);
    expect(await unknown(client.models.retrieve("gpt-none"))).to.match(/model: gpt-none/);
    const long = [{ role: "user", content: "word ".repeat(100_000) }];
    expect(await unknown(client.chat.completions.create(parameters({ messages: long })))).to.match(/contextTokens: \d+/);
    expect(await unknown(client.chat.completions.create({ messages } as never))).to.match(/problem: .*model/);
  }); // prettier-ignore

  it("does not see models that failed to load", async () => {
    const broken = await startFixture();
    const { token: key } = await broken.signUp("ada");
    const models = broken.runtime.models.bind(broken.runtime);
    const states = ["failed", "loading", "ready"] as const;
    (broken.runtime as { models: typeof models }).models = () =>
      states.flatMap((state) => models().map((info) => ({ ...info, model: `the ${state} one`, state })));
    const reader = new OpenAI({ apiKey: key, baseURL: `${broken.url}/v1`, maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of reader.models.list()) ids.push(model.id);
    expect(ids).to.deep.equal(["the loading one", "the ready one"]);
    const refusal: unknown = await reader.models.retrieve("the failed one").then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).to.be.instanceOf(OpenAI.NotFoundError);
    await broken.stop();
  });

  it("cancels the generation when it goes away", async () => {
    const slow = await startFixture({ tokenDelayMs: 20 });
    const { token: key } = await slow.signUp("ada");
    const hasty = new OpenAI({ apiKey: key, baseURL: `${slow.url}/v1`, maxRetries: 0 });
    const text = "word ".repeat(500);
    const cancelled = new Promise<void>((resolve) => {
      const call = slow.runtime.call.bind(slow.runtime);
      (slow.runtime as { call: typeof call }).call = (request, hear) =>
        call(request, (said) => {
          hear(said);
          if (endOf(said) === "stopped") resolve();
        });
    });
    const stream = await hasty.chat.completions.create({
      model: "echo",
      messages: [{ role: "user", content: text }],
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    stream.controller.abort();
    await cancelled;
    await slow.stop();
  });

  it("lets what is too much at once wait, and refuses what is more than may wait", async () => {
    const small = await startFixture({
      tokenDelayMs: 2,
      limits: { callsPerPersonMax: 2, callsWaitingPerPersonMax: 6 },
    });
    const { token: key } = await small.signUp("ada");
    const eager = new OpenAI({ apiKey: key, baseURL: `${small.url}/v1`, maxRetries: 0 });
    const ask = () => eager.chat.completions.create({ model: "echo", messages });
    let most = 0;
    const call = small.runtime.call.bind(small.runtime);
    (small.runtime as { call: typeof call }).call = (request, hear) => {
      const run = call(request, hear);
      most = Math.max(most, small.runtime.stats().running + small.runtime.stats().queued);
      return run;
    };
    const eight = await Promise.all(Array.from({ length: 8 }, ask));
    expect(eight.map(({ choices }) => choices[0]?.finish_reason)).to.deep.equal(Array<string>(8).fill("stop"));
    expect(most).to.be.at.most(2);
    const ends = await Promise.allSettled(Array.from({ length: 12 }, ask));
    const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    expect(refused).to.have.length(4);
    for (const reason of refused) expect(reason).to.be.instanceOf(OpenAI.RateLimitError);
    await small.stop();
  });

  it("leaves the line when it goes away while it waits", async () => {
    const small = await startFixture({ tokenDelayMs: 20, limits: { callsPerPersonMax: 1 } });
    const { token: key } = await small.signUp("ada");
    const eager = new OpenAI({ apiKey: key, baseURL: `${small.url}/v1`, maxRetries: 0 });
    const first = await eager.chat.completions.create({ model: "echo", messages, stream: true });
    const gone = new AbortController();
    const waits = eager.chat.completions.create({ model: "echo", messages }, { signal: gone.signal });
    const ended = waits.then(
      () => "answered",
      () => "gone",
    );
    const third = eager.chat.completions.create({ model: "echo", messages });
    gone.abort();
    expect(await ended).to.equal("gone");
    for await (const _chunk of first) {
      /* to its end */
    }
    expect((await third).choices[0]?.finish_reason).to.equal("stop");
    expect(small.runtime.stats().started).to.equal(2);
    await small.stop();
  });
});

describe("gateway: what OpenAI's client asks of models, unchanged", () => {
  let fixture: Fixture;
  let client: OpenAI;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    fixture = await startFixture({ world, engines: seeing(runtime, (engine, request) => asked.push({ engine, request })) });
    const { token } = await fixture.signUp("ada");
    client = new OpenAI({ apiKey: token, baseURL: `${fixture.url}/v1`, maxRetries: 0 });
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const weather = {
    type: "function" as const,
    function: {
      name: "get_weather",
      description: "The weather of a city",
      parameters: { type: "object", properties: { city: { type: "string", minLength: 2 } }, required: ["city"] },
      strict: true,
    },
  };
  const clock = { type: "function" as const, function: { name: "clock" } };
  const user = (content: string) => ({ role: "user" as const, content });
  const refusalOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (error: unknown) => error);

  it("calls tools and gives their answers back", async () => {
    const tools = [weather, clock];
    const first = await client.chat.completions.create({ model: "echo", messages: [user('call get_weather {"city":"Rome"}\ncall clock')], tools });
    expect(first.choices[0]).to.include({ finish_reason: "tool_calls" });
    const said = first.choices[0]!.message;
    expect(said.content).to.equal(null);
    expect(said.tool_calls).to.deep.equal([
      { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Rome"}' } },
      { id: "call_2", type: "function", function: { name: "clock", arguments: "{}" } },
    ]);
    const answer = await client.chat.completions.create({
      model: "echo",
      tools,
      messages: [
        user("What is the weather?"),
        said,
        { role: "tool", tool_call_id: "call_1", content: "20 degrees" },
        { role: "tool", tool_call_id: "call_2", content: [{ type: "text", text: "noon" }] },
      ],
    });
    expect(answer.choices[0]?.message.content).to.equal("The tool said: noon");
    expect((asked.at(-1)!.request as EngineRequest<"generate">).messages.slice(1)).to.deep.equal([
      { role: "assistant", content: "", calls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Rome"}' }, { id: "call_2", name: "clock", arguments: "{}" }] },
      { role: "tool", content: "20 degrees", callId: "call_1" },
      { role: "tool", content: "noon", callId: "call_2" },
    ]);
  });

  it("must, must not or may call one tool or another", async () => {
    const calls = async (more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) => {
      const { choices } = await client.chat.completions.create({ model: "echo", messages: [user("hello")], tools: [weather, clock], ...more });
      return (choices[0]?.message.tool_calls ?? []).map((call) => (call.type === "function" ? call.function.name : ""));
    };
    expect(await calls({})).to.deep.equal([]);
    expect(await calls({ tool_choice: "required" })).to.deep.equal(["get_weather"]);
    expect(await calls({ tool_choice: { type: "function", function: { name: "clock" } } })).to.deep.equal(["clock"]);
    const allowed = { mode: "required" as const, tools: [{ type: "function", function: { name: "clock" } }] };
    expect(await calls({ tool_choice: { type: "allowed_tools", allowed_tools: allowed } })).to.deep.equal(["clock"]);
    const both = [user("call clock\ncall get_weather")];
    expect(await calls({ messages: both })).to.deep.equal(["get_weather", "clock"]);
    expect(await calls({ messages: both, tool_choice: "none" })).to.deep.equal([]);
    expect(await calls({ messages: both, parallel_tool_calls: false })).to.deep.equal(["get_weather"]);
  });

  it("streams calls so that its own helper puts them together", async () => {
    const stream = client.chat.completions.stream({ model: "echo", messages: [user("call clock\ncall get_weather")], tools: [weather, clock] });
    const message = await stream.finalMessage();
    expect(message.tool_calls?.map((call) => call.type === "function" && call.function.arguments)).to.deep.equal(['{"city":"xx"}', "{}"]);
    expect((await stream.finalChatCompletion()).choices[0]?.finish_reason).to.equal("tool_calls");
  });

  it("gets JSON of a schema, and parses it", async () => {
    const schema = { type: "object", properties: { name: { type: "string" }, ages: { type: "array", items: { type: "integer" }, minItems: 1 } }, required: ["name", "ages"], additionalProperties: false };
    const answer = await client.chat.completions.parse({
      model: "echo",
      messages: [user("hello")],
      response_format: { type: "json_schema", json_schema: { name: "person", strict: true, schema } },
    });
    expect(answer.choices[0]?.message.parsed).to.deep.equal({ name: "", ages: [0] });
    const any = await client.chat.completions.create({ model: "echo", messages: [user("hello")], response_format: { type: "json_object" } });
    expect(JSON.parse(any.choices[0]?.message.content ?? "")).to.deep.equal({ said: "hello" });
  });

  it("gets how likely tokens were, whole and as a stream", async () => {
    const asks = { model: "echo", messages: [user("hello")], logprobs: true, top_logprobs: 2 };
    const { choices } = await client.chat.completions.create(asks);
    const told = choices[0]?.logprobs?.content ?? [];
    expect(told.map(({ token }) => token).join("")).to.equal(choices[0]?.message.content);
    expect(told[0]).to.have.keys("token", "logprob", "bytes", "top_logprobs");
    expect(told[0]?.top_logprobs).to.have.length(2);
    const streamed: string[] = [];
    for await (const chunk of await client.chat.completions.create({ ...asks, stream: true }))
      streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []).map(({ token }) => token));
    expect(streamed).to.deep.equal(told.map(({ token }) => token));
  });

  it("gets several choices, whole and as a stream, of one prompt", async () => {
    const asks = { model: "echo", messages: [user("hello")], n: 3, seed: 5 };
    const whole = await client.chat.completions.create(asks);
    expect(whole.choices.map(({ index }) => index)).to.deep.equal([0, 1, 2]);
    expect(asked.map(({ request }) => (request as EngineRequest<"generate">).sampling.seed)).to.deep.equal([5, 6, 7]);
    const one = await client.chat.completions.create({ ...asks, n: 1 });
    expect(whole.usage?.prompt_tokens).to.equal(one.usage?.prompt_tokens);
    expect(whole.usage?.completion_tokens).to.equal(3 * (one.usage?.completion_tokens ?? 0));
    const texts = ["", "", ""];
    for await (const chunk of await client.chat.completions.create({ ...asks, stream: true }))
      for (const { index, delta } of chunk.choices) texts[index] += delta.content ?? "";
    expect(texts).to.deep.equal(whole.choices.map(({ message }) => message.content));
  });

  it("shows images and sounds to models that can see and hear, and is refused by others", async () => {
    const content = [
      { type: "text" as const, text: "What is this?" },
      { type: "image_url" as const, image_url: { url: `data:image/png;base64,${png}`, detail: "low" as const } },
      { type: "input_audio" as const, input_audio: { data: "UklGRg==", format: "wav" as const } },
    ];
    const messages = [{ role: "user" as const, content }];
    await client.chat.completions.create({ model: "seeing", messages });
    const [message] = (asked[0]!.request as EngineRequest<"generate">).messages;
    expect(message?.media?.map(({ type, mediaType, bytes }) => [type, mediaType, bytes.length])).to.deep.equal([
      ["image", "image/png", 70],
      ["audio", "audio/wav", 4],
    ]);
    const blind = await refusalOf(client.chat.completions.create({ model: "echo", messages }));
    expect(blind).to.be.instanceOf(OpenAI.BadRequestError).and.include({ code: "model_unsupported" });
    expect((blind as Error).message).to.match(/capability: vision/);
    const large = [{ ...content[1]!, image_url: { url: `data:image/png;base64,${"A".repeat(4_200_000)}` } }] as typeof content;
    const tooMuch = await refusalOf(client.chat.completions.create({ model: "seeing", messages: [{ role: "user", content: large }] }));
    expect(tooMuch).to.include({ status: 413 });
    expect((tooMuch as Error).message).to.match(/mediaBytesMax/);
    const wordy = await refusalOf(client.chat.completions.create({ model: "seeing", messages: [user("word ".repeat(200_000))] }));
    expect((wordy as Error).message).to.match(/completionBytesMax/);
  });

  it("gets vectors as numbers and packed, and ranks", async () => {
    const input = ["a red house", "my red house", "cold"];
    const packed = await client.embeddings.create({ model: "echo", input });
    const plain = await client.embeddings.create({ model: "echo", input, encoding_format: "float" });
    expect(packed.data.map(({ embedding }) => embedding)).to.deep.equal(plain.data.map(({ embedding }) => embedding));
    expect(plain.data[0]?.embedding).to.have.length(64);
    expect(plain.usage).to.deep.equal({ prompt_tokens: 7, total_tokens: 7 });
    await client.embeddings.create({ model: "echo", input: "one", dimensions: 64 });
    const cut = await refusalOf(client.embeddings.create({ model: "echo", input: "one", dimensions: 8 }));
    expect(cut).to.be.instanceOf(OpenAI.BadRequestError).and.include({ param: "dimensions" });
    const numbers = await refusalOf(client.embeddings.create({ model: "echo", input: [1, 2] }));
    expect((numbers as Error).message).to.match(/check_embedding_ctx_length=False/);
    const ranked: { results: { index: number; relevance_score: number }[] } = await client.post("/rerank", { body: { model: "echo", query: "red house", documents: ["cold", "red", { text: "a red house" }], top_n: 2 } });
    expect(ranked.results).to.deep.equal([{ index: 2, relevance_score: 1 }, { index: 1, relevance_score: 0.5 }]);
  });

  it("classifies in vLLM's form, and moderates with models whose classes are sorts of harm", async () => {
    const told = await client.post<object>("/classify", { body: { model: "echo", input: ["Is it?", "It is."] } });
    expect(told).to.deep.include({ object: "list", model: "echo", labels: ["statement", "question"] });
    expect(told).to.have.deep.property("data", [
      { index: 0, label: "question", probs: [0, 1], num_classes: 2 },
      { index: 1, label: "statement", probs: [1, 0], num_classes: 2 },
    ]);
    expect(told).to.have.nested.property("usage.prompt_tokens", 4);
    const refused = await refusalOf(client.moderations.create({ model: "echo", input: "Is it?" }));
    expect(refused).to.be.instanceOf(OpenAI.BadRequestError).and.include({ code: "model_unsupported" });
    expect((refused as Error).message).to.match(/moderation/);
    const other = await refusalOf(client.post("/classify", { body: { model: "nobody", input: "x" } }));
    expect(other).to.include({ status: 404 });
  });

  it("completes prompts in the older form", async () => {
    const whole = await client.completions.create({ model: "echo", prompt: ["one", "two"], n: 2, logprobs: 1, max_tokens: 4 });
    expect(whole.choices.map(({ text }) => text)).to.deep.equal(["You said: one\nThese", "You said: one\nThese", "You said: two\nThese", "You said: two\nThese"]);
    expect(whole.choices[0]).to.include({ finish_reason: "length" });
    expect(whole.choices[0]?.logprobs?.text_offset).to.deep.equal([0, 3, 9, 13]);
    expect(whole.usage).to.deep.equal({ prompt_tokens: 2, completion_tokens: 16, total_tokens: 18 });
    let text = "";
    for await (const chunk of await client.completions.create({ model: "echo", prompt: "one", stream: true })) text += chunk.choices[0]?.text ?? "";
    expect(text).to.contain("You said: one");
    const tokens = await refusalOf(client.completions.create({ model: "echo", prompt: "x", suffix: "y" }));
    expect(tokens).to.be.instanceOf(OpenAI.BadRequestError).and.include({ param: "suffix" });
  });

  it("speaks, writes down what is said, and draws", async () => {
    const spoken = await client.audio.speech.create({ model: "echo", input: "hello there", voice: "alloy", response_format: "wav" });
    expect(spoken.headers.get("content-type")).to.equal("audio/wav");
    const sound = Buffer.from(await spoken.arrayBuffer());
    expect(sound.toString("latin1", 0, 4)).to.equal("RIFF");
    const mp3 = await refusalOf(client.audio.speech.create({ model: "echo", input: "hello", voice: "alloy", response_format: "mp3" }));
    expect((mp3 as Error).message).to.match(/response_format: this model makes audio\/wav/);

    const streamed = await client.audio.speech.create({ model: "echo", input: "hello there", voice: "alloy", stream_format: "sse" });
    const said = [...(await streamed.text()).matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as { type: string; audio?: string });
    expect(said.at(-1)).to.deep.equal({ type: "speech.audio.done" });
    expect(Buffer.concat(said.map(({ audio = "" }) => Buffer.from(audio, "base64")))).to.deep.equal(sound);
    const file = () => OpenAI.toFile(sound, "speech.wav", { type: "audio/wav" });
    const heard = await client.audio.transcriptions.create({ model: "seeing", file: await file(), language: "en", prompt: "names" });
    expect(heard.text).to.equal("hello there");
    expect(asked.at(-1)?.request).to.deep.include({ language: "en", prompt: "names" });
    expect((asked.at(-1)!.request as EngineRequest<"transcribe">).audio.bytes.length).to.equal(sound.length);
    const verbose = await client.audio.transcriptions.create({ model: "seeing", file: await file(), response_format: "verbose_json" });
    expect(verbose).to.deep.include({ duration: 1.5, language: "en" });
    expect(verbose.segments?.[1]).to.deep.include({ start: 0.5, end: 1.5, text: " there" });
    const srt = await client.audio.transcriptions.create({ model: "seeing", file: await file(), response_format: "srt" });
    expect(srt).to.equal("1\n00:00:00,000 --> 00:00:00,500\nhello\n\n2\n00:00:00,500 --> 00:00:01,500\nthere\n\n");
    const events: string[] = [];
    for await (const event of await client.audio.transcriptions.create({ model: "seeing", file: await file(), stream: true })) events.push(event.type);
    expect(events).to.deep.equal(["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]);
    await client.audio.translations.create({ model: "seeing", file: await file() });
    expect(asked.at(-1)?.request).to.deep.include({ translate: true });
    const deaf = await refusalOf(client.audio.transcriptions.create({ model: "echo", file: await file() }));
    expect(deaf).to.be.instanceOf(OpenAI.APIError).and.include({ code: "model_not_found" });
    // Every object has a constructor, which no engine can be sent.
    const odd = await refusalOf(client.audio.transcriptions.create({ model: "seeing", file: new File(["RIFF"], "x.constructor") }));
    expect(odd).to.include({ status: 400, param: "file" });
    const made = await refusalOf(client.audio.speech.create({ model: "seeing", input: "x", voice: "alloy", response_format: "constructor" as never }));
    expect(made).to.include({ status: 400, param: "response_format" });
    const none = await refusalOf(client.audio.transcriptions.create({ model: "seeing", file: "no file" as never }));
    expect(none).to.include({ param: "file" });

    const drawn = await client.images.generate({ model: "seeing", prompt: "a house", n: 2, size: "512x256" });
    expect(drawn.data?.map(({ b64_json: data }) => data)).to.deep.equal([png, png]);
    expect(asked.at(-1)?.request).to.deep.include({ count: 2, width: 512, height: 256 });
    const link = await refusalOf(client.images.generate({ model: "seeing", prompt: "a house", response_format: "url" }));
    expect(link).to.include({ param: "response_format" });
  });

  it("sends schemas that are deep", async () => {
    let parameters: Record<string, unknown> = { type: "string" };
    for (let depth = 0; depth < 20; depth += 1) parameters = { type: "object", properties: { a: parameters } };
    const tools = [{ type: "function" as const, function: { name: "deep", parameters } }];
    await client.chat.completions.create({ model: "echo", messages: [user("hello")], tools });
  });

  it("ends all choices of a client that goes away", async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 20 });
    const slow = await startFixture({ world, engines: runtime.engines });
    const { token } = await slow.signUp("ada");
    const hasty = new OpenAI({ apiKey: token, baseURL: `${slow.url}/v1`, maxRetries: 0 });
    const stream = await hasty.chat.completions.create({ model: "echo", messages: [user("word ".repeat(500))], n: 3, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    stream.controller.abort();
    while (runtime.stats().running > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(runtime.stats()).to.include({ started: 3, finished: 3 });
    await slow.stop();
  });
}); // prettier-ignore
