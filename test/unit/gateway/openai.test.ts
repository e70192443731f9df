import { everyEngine } from "../../../runtimes/index.ts";
import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import OpenAI from "openai";
import { createClock } from "../../../node/platform/index.ts";
import { createEchoRuntime } from "../../../runtimes/index.ts";
import { startStand, type Stand } from "./stand.ts";
import { ended as endSaid, endOf, text as textSaid } from "../../said.ts";

describe("gateway: OpenAI's client, unchanged", () => {
  let stand: Stand;
  let token: string;
  let client: OpenAI;
  before(async () => {
    stand = await startStand({ tokenDelayMs: 2 });
    token = (await stand.signUp("ada")).token;
    const { body } = await stand.request("POST", "/api/v1/me/keys", { token, body: { label: "openai" } });
    client = new OpenAI({ apiKey: body.key as string, baseURL: `${stand.url}/v1`, maxRetries: 0 });
  });
  after(() => stand.stop());

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
    const made = await stand.request("POST", "/api/v1/agents", { token, body: { name: "helper", persona: "A pirate." } });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).to.deep.equal(["echo", "agent:ada.helper"]);
    expect((await client.models.retrieve("agent:ada.helper")).owned_by).to.equal("ada");
    expect((await client.models.retrieve("echo")).object).to.equal("model");

    const answer = await client.chat.completions.create({ model: "agent:ada.helper", messages });
    expect(answer.model).to.equal("agent:ada.helper");
    expect(answer.choices[0]?.message.content).to.be.a("string").and.not.equal("");
    const view = await stand.request("GET", "/api/v1/agents/ada.helper", { token });
    expect(view.body.turns).to.equal(0);
    const other = await stand.signUp("bob");
    const stranger = new OpenAI({ apiKey: other.token, baseURL: `${stand.url}/v1`, maxRetries: 0 });
    const refusal = await stranger.chat.completions
      .create({ model: "agent:ada.helper", messages })
      .then(() => undefined, (error: { status: number }) => error);
    expect(refusal?.status).to.be.oneOf([403, 404]);
  }); // prettier-ignore

  it("that is gone before its agent has answered has nothing written for it", async () => {
    await stand.request("POST", "/api/v1/agents", { token, body: { name: "slow", persona: "" } });
    const asked = Promise.withResolvers<() => void>();
    const ask = stand.kernel.ask.bind(stand.kernel);
    const generate = stand.runtime.call.bind(stand.runtime);
    let generations = 0;
    const done = Promise.withResolvers<void>();
    stand.kernel.ask = async (request) => {
      const answer = await ask(request);
      if (request.to !== "agent/ada.slow") return answer;
      await new Promise<void>((resolve) => asked.resolve(resolve));
      // The handler goes on in the microtasks after this.
      setImmediate(done.resolve);
      return answer;
    };
    stand.runtime.call = (...given) => {
      generations += 1;
      return generate(...given);
    };
    try {
      const socket = connect(Number(new URL(stand.url).port), "127.0.0.1");
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
      for (let request = 0; request < 2; request += 1) await stand.request("GET", "/healthz");
      goOn();
      await done.promise;
      expect(generations).to.equal(0);
    } finally {
      stand.kernel.ask = ask;
      stand.runtime.call = generate;
    }
  });

  it("gets no more text than there is in an answer, whatever a node says", async () => {
    const max = 1_000;
    const bounded = await startStand({ limits: { completionTextBytesMax: max } });
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
    const runtime = createEchoRuntime({ clock: createClock(), tokenDelayMs: 8, sequences: 1 });
    const shared = await startStand({
      engines: everyEngine({ generate: runtime }),
      limits: { completionsPerUserMax: 100 },
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
    expect(refused.filter((name) => name.startsWith("mallory queue_full")).length).to.be.within(10, 24);
    await shared.stop();
  });

  it("shares the model with agents: an answer is a turn of whoever asked for it", async () => {
    const shared = await startStand({ tokenDelayMs: 40 });
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
    const bad = new OpenAI({ apiKey: "plxk_wrong", baseURL: `${stand.url}/v1`, maxRetries: 0 });
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
    const missing = (await stand.request("POST", "/v1/embeddings", { token, body: {} })).body.error;
    expect(missing).to.include({ type: "invalid_request_error", code: "not_found" });
    expect(missing.message).to.equal("This endpoint is not supported. (path: /v1/embeddings)");
  }); // prettier-ignore

  const parameters = (fields: object) =>
    ({ model: "echo", messages, ...fields }) as OpenAI.ChatCompletionCreateParamsNonStreaming;
  const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

  const refusedFields: readonly (readonly [object, param: string, message: RegExp])[] = [
    [{ n: 2 }, "n", /n: only one choice per request/],
    [{ n: 0 }, "n", /n: only one choice per request/],
    [{ tools: [tool] }, "tools", /tools: tool calls are not supported; leave it out/],
    [{ tools: [tool], tool_choice: "auto" }, "tools", /tool calls are not supported/],
    [{ tool_choice: "required" }, "tool_choice", /tool calls are not supported/],
    [{ functions: [tool.function] }, "functions", /tool calls are not supported/],
    [{ function_call: { name: "weather" } }, "function_call", /tool calls are not supported/],
    [{ response_format: { type: "json_object" } }, "response_format", /ask for JSON in a message/],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x" } } },
      "response_format",
      /structured output is not supported/,
    ],
    [{ logprobs: true }, "logprobs", /logprobs are not supported/],
    [{ top_logprobs: 3 }, "top_logprobs", /logprobs are not supported/],
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
    [{ messages: [{ role: "tool", content: "20 °C", tool_call_id: "1" }] }, "messages[0].role", /into a user message/],
    [
      { messages: [{ role: "assistant", tool_calls: [{ id: "1" }] }] },
      "messages[0].tool_calls",
      /tool calls are not supported/,
    ],
    [{ messages: [...messages, { role: "judge", content: "" }] }, "messages[2].role", /must be system, developer/],
  ];
  for (const [fields, param, message] of refusedFields)
    it(`is refused ${JSON.stringify(fields).slice(0, 80)}, with the parameter and what to do in the message`, async () => {
      const work = client.chat.completions.create(parameters(fields));
      const refusal: unknown = await work.then(() => undefined, (error: unknown) => error);
      expect(refusal).to.be.instanceOf(OpenAI.BadRequestError);
      expect(refusal).to.include({ param, type: "invalid_request_error", code: "bad_request" });
      expect((refusal as Error).message).to.match(message);
    }); // prettier-ignore

  it("may send what asks for nothing, and what does not change the answer", async () => {
    const answer = await client.chat.completions.create(
      parameters({
        n: 1, tools: [], tool_choice: "auto", parallel_tool_calls: true, functions: [], function_call: "none",
        response_format: { type: "text" }, logprobs: false, top_logprobs: 0, logit_bias: {}, frequency_penalty: 0,
        presence_penalty: 0, modalities: ["text"], audio: null, user: "u", store: true, metadata: { a: "b" },
        service_tier: "auto", reasoning_effort: "low", verbosity: "low", prompt_cache_key: "k", safety_identifier: "s",
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
    const broken = await startStand();
    const { token: key } = await broken.signUp("ada");
    const models = broken.runtime.models.bind(broken.runtime);
    const states = ["failed", "loading", "ready"] as const;
    (broken.runtime as { models: typeof models }).models = () =>
      states.flatMap((state) => models().map((info) => ({ ...info, model: `the ${state} one`, state })));
    const reader = new OpenAI({ apiKey: key, baseURL: `${broken.url}/v1`, maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of reader.models.list()) ids.push(model.id);
    expect(ids).to.deep.equal(["the loading one", "the ready one"]);
    const refusal: unknown = await reader.models.retrieve("the failed one").then(() => undefined, (error: unknown) => error);
    expect(refusal).to.be.instanceOf(OpenAI.NotFoundError);
    await broken.stop();
  }); // prettier-ignore

  it("cancels the generation when it goes away", async () => {
    const slow = await startStand({ tokenDelayMs: 20 });
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

  it("runs a bounded number of generations for one user", async () => {
    const small = await startStand({ tokenDelayMs: 20, limits: { completionsPerUserMax: 1 } });
    const { token: key } = await small.signUp("ada");
    const eager = new OpenAI({ apiKey: key, baseURL: `${small.url}/v1`, maxRetries: 0 });
    const one = await eager.chat.completions.create({ model: "echo", messages, stream: true });
    const two = await eager.chat.completions.create({ model: "echo", messages }).then(() => undefined, (error: unknown) => error);
    expect(two).to.be.instanceOf(OpenAI.RateLimitError);
    for await (const _chunk of one) { /* to its end */ }
    await eager.chat.completions.create({ model: "echo", messages });
    await small.stop();
  }); // prettier-ignore
});
